/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Reading on backwards: what a delta says that ends before the chat does. Against a memory store with real transactions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "rpc_scene.h"
#include "storage/faulty/faulty.h"

/* "room" behind `after`, up to `to`. */
static json_t *fetch(struct scene *scene, const char *user_id, int after, int to)
{
	return scene_asks(scene, user_id, "fetchDelta", "{'chatID':'room','clientTransactionID':%d,'latestTransactionID':%d}", after, to);
}

static size_t count_edits(const json_t *answer)
{
	const json_t *update;
	size_t i, count = 0;
	json_array_foreach((json_t *)(uintptr_t)at(answer, "result.updates"), i, update) count += strcmp(text_at(update, "type"), "edit") == 0;
	return count;
}

static void assert_one(struct scene *scene, const char *user_id, const char *body)
{
	json_t *answer = fetch(scene, user_id, 3, 5);
	assert_string_equal(text_at(answer, "result.newMessages.0.body"), body);
	assert_int_equal(json_is_true(at(answer, "result.newMessages.0.isEdited")), strcmp(body, "one") != 0);
	assert_string_equal(text_at(answer, "result.newMessages.1.body"), "two");
	assert_true(json_is_false(at(answer, "result.newMessages.1.isEdited")));
	json_decref(answer);
}

static void an_older_page_has_messages_as_they_are_now(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_edits(scene, "room", "alice", 4, "one, better");
	scene_says(scene, "room", "carol", "three");
	scene_edits(scene, "room", "alice", 4, "one, best");
	scene_says(scene, "room", "carol", "four");
	assert_one(scene, "bob", "one, best");
	json_t *answer = fetch(scene, "bob", 3, 5);
	assert_int_equal(number_at(answer, "result.latestTransactionID"), 5);
	assert_true(number_at(answer, "result.newMessages.0.editedAt") > number_at(answer, "result.newMessages.1.sentAt"));
	assert_int_equal(count_edits(answer), 0);
	json_decref(answer);
}

/* A page comes in pieces, and the first ones had the message as it is now already. */
static void an_edit_on_an_older_page_is_told_once_and_as_what_it_has_become(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_edits(scene, "room", "alice", 4, "one, good");   /* 6 */
	scene_edits(scene, "room", "bob", 5, "two, as it is"); /* 7 */
	scene_edits(scene, "room", "alice", 4, "one, better"); /* 8 */
	scene_says(scene, "room", "carol", "three");
	scene_edits(scene, "room", "alice", 4, "one, best");
	json_t *answer = fetch(scene, "bob", 5, 9);
	assert_int_equal(count_edits(answer), 2);
	assert_string_equal(text_at(answer, "result.updates.0.body"), "two, as it is");
	assert_int_equal(number_at(answer, "result.updates.1.messageID"), 4);
	assert_string_equal(text_at(answer, "result.updates.1.body"), "one, best");
	json_decref(answer);
	answer = fetch(scene, "bob", 5, 6);
	assert_int_equal(count_edits(answer), 1);
	assert_string_equal(text_at(answer, "result.updates.0.body"), "one, best");
	json_decref(answer);
}

static void what_was_deleted_since_is_on_no_older_page(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_edits(scene, "room", "alice", 4, "one, better"); /* 6 */
	scene_says(scene, "room", "carol", "three");
	scene_edits(scene, "room", "alice", 4, "one, best");
	scene_deletes(scene, "room", "alice", 4);
	json_t *answer = fetch(scene, "bob", 3, 5);
	assert_int_equal(count_at(answer, "result.newMessages"), 1);
	assert_string_equal(text_at(answer, "result.newMessages.0.body"), "two");
	json_decref(answer);
	answer = fetch(scene, "bob", 5, 7);
	assert_int_equal(count_edits(answer), 0);
	json_decref(answer);
}

static void a_former_member_has_older_messages_as_they_were_in_his_time(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_removes(scene, "room", "bob"); /* 6 */
	scene_edits(scene, "room", "alice", 4, "bob is gone");
	assert_one(scene, "bob", "one");
	assert_one(scene, "carol", "bob is gone");
	scene_removes(scene, "room", "carol");
	scene_edits(scene, "room", "alice", 4, "carol, too");
	assert_one(scene, "carol", "bob is gone");
	scene_adds(scene, "room", "bob");
	assert_one(scene, "bob", "one");
	scene_edits(scene, "room", "alice", 4, "bob is back");
	assert_one(scene, "bob", "bob is back");
}

static void an_edit_of_the_time_of_a_block_is_on_no_older_page(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_edits(scene, "room", "alice", 4, "before");
	scene_blocks(scene, "bob", "alice", true);
	scene_edits(scene, "room", "alice", 4, "meanwhile");
	scene_blocks(scene, "bob", "alice", false);
	scene_says(scene, "room", "alice", "after");
	assert_one(scene, "bob", "before");
	assert_one(scene, "carol", "meanwhile");
}

static void only_what_ends_before_the_chat_asks_for_later_edits(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_edits(scene, "room", "alice", 4, "one, better"); /* 6 */
	uint64_t calls = store_faulty_calls(scene->store, FAULTY_READ_EDITS);
	json_decref(fetch(scene, "bob", 3, 6));
	json_decref(fetch(scene, "bob", 0, 1000));
	json_decref(scene_asks(scene, "bob", "fetchDelta", "{'chatID':'room'}"));
	json_decref(scene_asks(scene, "bob", "sync", "{'chats':{}}"));
	assert_int_equal(store_faulty_calls(scene->store, FAULTY_READ_EDITS), calls);
	json_decref(fetch(scene, "bob", 3, 5));
	assert_int_equal(store_faulty_calls(scene->store, FAULTY_READ_EDITS), calls + 1);
}

static void without_the_later_edits_there_is_no_older_page(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_edits(scene, "room", "alice", 4, "one, better");
	store_faulty_arm(scene->store, &(struct fault){.op = FAULTY_READ_EDITS, .call = 1, .action = FAULTY_FAIL});
	assert_refusal(fetch(scene, "bob", 3, 5), "unavailable");
	assert_one(scene, "bob", "one, better");
}

static enum store_rc read_edits_of_a_damaged_log(struct store *store, const struct user_chat *membership, const struct block *blocks, size_t block_count,
	const uint64_t *numbers, size_t number_count, struct transaction **edits, struct error *err)
{
	(void)store, (void)membership, (void)blocks, (void)block_count, (void)numbers, (void)number_count, (void)edits;
	return error_set(err, STORE_CORRUPT, 0, "the log is damaged at number 6");
}

static void where_a_later_edit_is_damaged_there_is_the_page_as_it_was(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_edits(scene, "room", "alice", 4, "one, better");
	const struct store_ops **ops = (const struct store_ops **)(void *)scene->store, *before = *ops;
	struct store_ops damaged = *before;
	damaged.read_edits = read_edits_of_a_damaged_log;
	*ops = &damaged;
	assert_one(scene, "bob", "one");
	struct rpc_request *request =
		scene_request(scene, "bob", "fetchDelta", "", "{'chatID':'room','clientTransactionID':3,'latestTransactionID':5}");
	rpc_read(request);
	assert_int_equal(request->refused.code, REFUSAL_NONE);
	assert_int_equal(request->problem.rc, STORE_CORRUPT);
	assert_string_equal(request->problem.text, "the log is damaged at number 6");
	json_decref(scene_answer(request));
	*ops = before;
	assert_one(scene, "bob", "one, better");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_older_page_has_messages_as_they_are_now),
		TEST(an_edit_on_an_older_page_is_told_once_and_as_what_it_has_become),
		TEST(what_was_deleted_since_is_on_no_older_page),
		TEST(a_former_member_has_older_messages_as_they_were_in_his_time),
		TEST(an_edit_of_the_time_of_a_block_is_on_no_older_page),
		TEST(only_what_ends_before_the_chat_asks_for_later_edits),
		TEST(without_the_later_edits_there_is_no_older_page),
		TEST(where_a_later_edit_is_damaged_there_is_the_page_as_it_was),
	};
	return cmocka_run_group_tests_name("older pages", tests, NULL, NULL);
}
