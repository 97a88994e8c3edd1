/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Operations that read a chat, against a memory store with real transactions: what is answered, what nobody learns, and how a bound is kept. Every
 * answer is also compared with the table and with its bound (rpc_scene.c). Those that read all chats: test_rpc_lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc_scene.h"

/* ---- who may ---- */

static void a_stranger_and_a_missing_chat_look_alike(void **state)
{
	struct scene *scene = *state;
	static const char *const operations[] = {"getLatestTransactionID", "getMessage", "fetchSnapshotAndTransactions", "fetchDelta"};
	scene_room(scene);
	scene_adds(scene, "other", "mallory");
	for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
		const char *more = strcmp(operations[i], "getMessage") == 0 ? ",'messageID':4" : "";
		json_t *stranger = scene_asks(scene, "mallory", operations[i], "{'chatID':'room'%s}", more);
		json_t *missing = scene_asks(scene, "mallory", operations[i], "{'chatID':'nowhere'%s}", more);
		assert_true(json_equal(stranger, missing));
		json_decref(missing);
		assert_refusal(stranger, "forbidden");
	}
}

static void nobody_acts_as_somebody_else(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	json_t *answer = scene_asks(scene, "alice", "getLatestTransactionID", "{'chatID':'room','userID':'bob'}");
	assert_non_null(strstr(text_at(answer, "error.message"), "userID:"));
	assert_refusal(answer, "forbidden");
	answer = scene_asks(scene, "alice", "getLatestTransactionID", "{'chatID':'room','userID':'alice'}");
	assert_int_equal(number_at(answer, "result.transactionID"), 5);
	json_decref(answer);
}

static void every_answer_tells_the_epoch(void **state)
{
	struct scene *scene = *state;
	static const char *const questions[][2] = {
		{"getLatestTransactionID", "{'chatID':'room'}"},
		{"getMessage", "{'chatID':'room','messageID':4}"},
		{"fetchSnapshotAndTransactions", "{'chatID':'room'}"},
		{"fetchDelta", "{'chatID':'room'}"},
		{"sync", "{'chats':{}}"},
		{"ListChats", "{}"},
	};
	scene_room(scene);
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
		json_t *answer = scene_asks(scene, "alice", questions[i][0], "%s", questions[i][1]);
		assert_string_equal(text_at(answer, "result.epoch"), scene->world.info.epoch);
		json_decref(answer);
	}
}

static void a_former_member_stays_with_what_he_saw(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_removes(scene, "room", "bob"); /* 6 */
	scene_says(scene, "room", "alice", "bob is gone");
	json_t *answer = scene_asks(scene, "bob", "getLatestTransactionID", "{'chatID':'room'}");
	assert_int_equal(number_at(answer, "result.transactionID"), 6);
	json_decref(answer);
	answer = scene_asks(scene, "bob", "fetchSnapshotAndTransactions", "{'chatID':'room','clientTransactionID':4}");
	assert_int_equal(count_at(answer, "result.transactions"), 2);
	assert_string_equal(text_at(answer, "result.transactions.1.type"), "memberRemoved");
	assert_string_equal(text_at(answer, "result.snapshot.role"), "none");
	assert_int_equal(number_at(answer, "result.snapshot.latestTransactionID"), 6);
	assert_false(has(answer, "result.snapshot.members"));
	assert_false(has(answer, "result.snapshot.head"));
	assert_false(has(answer, "result.limited"));
	json_decref(answer);
	assert_refusal(scene_asks(scene, "bob", "getMessage", "{'chatID':'room','messageID':7}"), "forbidden");
}

static void between_two_memberships_numbers_are_void(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_removes(scene, "room", "bob");            /* 6 */
	scene_says(scene, "room", "alice", "a secret"); /* 7 */
	scene_adds(scene, "room", "bob");               /* 8 */
	scene_says(scene, "room", "alice", "welcome");  /* 9 */
	json_t *answer = scene_asks(scene, "bob", "fetchSnapshotAndTransactions", "{'chatID':'room','clientTransactionID':5}");
	assert_int_equal(count_at(answer, "result.transactions"), 4);
	assert_string_equal(text_at(answer, "result.transactions.1.type"), "void");
	assert_int_equal(number_at(answer, "result.transactions.1.transactionID"), 7);
	assert_non_null(text_at(answer, "result.transactions.1.head"));
	assert_false(has(answer, "result.transactions.1.body"));
	assert_string_equal(text_at(answer, "result.transactions.3.body"), "welcome");
	json_decref(answer);
	answer = scene_asks(scene, "bob", "fetchDelta", "{'chatID':'room','clientTransactionID':5}");
	assert_int_equal(count_at(answer, "result.newMessages"), 1);
	assert_int_equal(number_at(answer, "result.newMessages.0.messageID"), 9);
	json_decref(answer);
	assert_refusal(scene_asks(scene, "bob", "getMessage", "{'chatID':'room','messageID':7}"), "forbidden");
}

/* ---- getMessage ---- */

static void a_message_is_told_with_what_it_answers(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_replies(scene, "room", "carol", 4, "one", "I agree");
	json_t *answer = scene_asks(scene, "bob", "getMessage", "{'chatID':'room','messageID':6}");
	assert_string_equal(text_at(answer, "result.message.body"), "I agree");
	assert_string_equal(text_at(answer, "result.message.senderID"), "carol");
	assert_int_equal(number_at(answer, "result.message.repliedTo.messageID"), 4);
	assert_string_equal(text_at(answer, "result.message.repliedTo.body"), "one");
	assert_true(json_is_false(at(answer, "result.message.isEdited")));
	assert_true(json_is_false(at(answer, "result.message.isDeleted")));
	json_decref(answer);
}

static void only_messages_are_messages(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	assert_refusal(scene_asks(scene, "alice", "getMessage", "{'chatID':'room','messageID':1}"), "forbidden");
	assert_refusal(scene_asks(scene, "alice", "getMessage", "{'chatID':'room','messageID':6}"), "forbidden");
}

static void a_long_message_is_cut_to_the_bound(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	char *body = long_text('\n', 3000); /* two bytes each in JSON */
	scene_says(scene, "room", "alice", body);
	json_t *answer = scene_asks(scene, "bob", "getMessage", "{'chatID':'room','messageID':6,'maxBytes':4000}");
	assert_true(json_is_true(at(answer, "result.message.cut")));
	assert_true(strlen(text_at(answer, "result.message.body")) < 3000);
	json_decref(answer);
	answer = scene_asks(scene, "bob", "getMessage", "{'chatID':'room','messageID':6,'maxBytes':9000}");
	assert_false(has(answer, "result.message.cut"));
	assert_string_equal(text_at(answer, "result.message.body"), body);
	json_decref(answer);
	free(body);
}

/* ---- fetchSnapshotAndTransactions ---- */

static void a_snapshot_is_the_chat_now(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_receipts(scene, "room", "bob", 5, 4);
	json_t *answer = scene_asks(scene, "alice", "fetchSnapshotAndTransactions", "{'chatID':'room','clientTransactionID':3}");
	assert_int_equal(number_at(answer, "result.snapshot.latestTransactionID"), 5);
	assert_string_equal(text_at(answer, "result.snapshot.head"), text_at(answer, "result.transactions.1.head"));
	assert_string_equal(text_at(answer, "result.snapshot.role"), "member");
	assert_int_equal(number_at(answer, "result.snapshot.memberCount"), 3);
	const json_t *member;
	size_t i;
	bool seen = false;
	json_array_foreach((json_t *)(uintptr_t)at(answer, "result.snapshot.members"), i, member)
	{
		if (strcmp(text_at(member, "userID"), "bob") != 0)
			continue;
		assert_int_equal(number_at(member, "received"), 5);
		assert_int_equal(number_at(member, "read"), 4);
		seen = true;
	}
	assert_true(seen);
	assert_false(has(answer, "result.from"));
	assert_int_equal(count_at(answer, "result.transactions"), 2);
	json_decref(answer);
}

static void a_newcomer_starts_where_he_joined(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_adds(scene, "room", "dave"); /* 6 */
	scene_says(scene, "room", "alice", "hi dave");
	json_t *answer = scene_asks(scene, "dave", "fetchSnapshotAndTransactions", "{'chatID':'room','clientTransactionID':0}");
	assert_int_equal(number_at(answer, "result.from"), 6);
	assert_int_equal(count_at(answer, "result.transactions"), 2);
	json_decref(answer);
}

static void without_a_number_the_newest_page_comes(void **state)
{
	struct scene *scene = *state;
	scene->world.page_max = 10;
	scene_room(scene);
	for (int i = 0; i < 30; i++)
		scene_says(scene, "room", "alice", "more");
	json_t *answer = scene_asks(scene, "bob", "fetchSnapshotAndTransactions", "{'chatID':'room'}");
	assert_int_equal(number_at(answer, "result.from"), 26);
	assert_int_equal(count_at(answer, "result.transactions"), 10);
	assert_int_equal(number_at(answer, "result.transactions.9.transactionID"), 35);
	assert_false(has(answer, "result.limited"));
	json_decref(answer);
	answer = scene_asks(scene, "bob", "fetchSnapshotAndTransactions", "{'chatID':'room','latestTransactionID':12}");
	assert_int_equal(number_at(answer, "result.from"), 3);
	assert_int_equal(number_at(answer, "result.transactions.9.transactionID"), 12);
	json_decref(answer);
}

static void nothing_new_is_an_empty_list(void **state)
{
	struct scene *scene = *state;
	static const char *const operations[] = {"fetchSnapshotAndTransactions", "fetchDelta"};
	static const char *const lists[] = {"result.transactions", "result.newMessages"};
	scene_room(scene);
	for (size_t i = 0; i < 2; i++) {
		for (int client = 5; client < 8; client++) {
			json_t *answer = scene_asks(scene, "bob", operations[i], "{'chatID':'room','clientTransactionID':%d}", client);
			assert_int_equal(count_at(answer, lists[i]), 0);
			assert_false(has(answer, "result.limited"));
			json_decref(answer);
		}
	}
}

/* Reads everything from 0 on; returns the number of calls. */
static size_t follow_transactions(struct scene *scene, const char *chat_id, int max_bytes, uint64_t latest)
{
	uint64_t last = 0;
	for (size_t calls = 1; calls < 10000; calls++) {
		json_t *answer = scene_asks(scene, "alice", "fetchSnapshotAndTransactions",
			"{'chatID':'%s','clientTransactionID':%llu,'maxBytes':%d}", chat_id, (unsigned long long)last, max_bytes);
		assert_true(count_at(answer, "result.transactions") > 0);
		for (size_t i = 0; i < count_at(answer, "result.transactions"); i++) {
			json_t *line = json_array_get(at(answer, "result.transactions"), i);
			assert_int_equal(number_at(line, "transactionID"), ++last);
		}
		bool limited = has(answer, "result.limited");
		if (limited)
			assert_int_equal(number_at(answer, "result.next"), last);
		json_decref(answer);
		if (!limited) {
			assert_int_equal(last, latest);
			return calls;
		}
	}
	fail_msg("no end");
	return 0;
}

static void a_bounded_answer_always_moves_on(void **state)
{
	struct scene *scene = *state;
	char *chat_id = long_text('r', CHAT_ID_MAX), *body = long_text('b', 2000);
	scene_adds(scene, chat_id, "alice");
	scene_adds(scene, "r", "alice");
	for (int i = 0; i < 20; i++) {
		scene_says(scene, chat_id, "alice", i % 3 == 0 ? body : "short");
		scene_says(scene, "r", "alice", i % 3 == 0 ? body : "short");
	}
	for (int max = RPC_BYTES_MIN; max < 6000; max += max / 3) {
		follow_transactions(scene, chat_id, max, 21);
		follow_transactions(scene, "r", max, 21);
	}
	assert_int_equal(follow_transactions(scene, "r", 65536, 21), 1);
	free(chat_id);
	free(body);
}

/* ---- fetchDelta ---- */

/* Receipts left out: who joins has read what was before him, so there are some from the beginning. */
static size_t count_updates(const json_t *answer)
{
	const json_t *update;
	size_t i, count = 0;
	json_array_foreach((json_t *)(uintptr_t)at(answer, "result.updates"), i, update) count += strcmp(text_at(update, "type"), "receipt") != 0;
	return count;
}

static void new_messages_carry_their_edits(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_edits(scene, "room", "alice", 4, "one, better");
	scene_edits(scene, "room", "alice", 4, "one, best");
	scene_says(scene, "room", "carol", "oops");
	scene_deletes(scene, "room", "carol", 8);
	scene_edits(scene, "room", "carol", 8, "too late: delete beats a late edit");
	json_t *answer = scene_asks(scene, "bob", "fetchDelta", "{'chatID':'room','clientTransactionID':3}");
	assert_int_equal(count_at(answer, "result.newMessages"), 2);
	assert_string_equal(text_at(answer, "result.newMessages.0.body"), "one, best");
	assert_true(json_is_true(at(answer, "result.newMessages.0.isEdited")));
	assert_true(number_at(answer, "result.newMessages.0.editedAt") > number_at(answer, "result.newMessages.0.sentAt"));
	assert_string_equal(text_at(answer, "result.newMessages.1.body"), "two");
	assert_true(json_is_false(at(answer, "result.newMessages.1.isEdited")));
	assert_int_equal(count_updates(answer), 0);
	assert_int_equal(number_at(answer, "result.latestTransactionID"), 10);
	json_decref(answer);
}

static void changes_of_old_messages_are_updates(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_edits(scene, "room", "alice", 4, "not this");
	scene_edits(scene, "room", "alice", 4, "but this");
	scene_edits(scene, "room", "bob", 5, "gone anyway");
	scene_deletes(scene, "room", "bob", 5);
	scene_adds(scene, "room", "dave");
	json_t *answer = scene_asks(scene, "bob", "fetchDelta", "{'chatID':'room','clientTransactionID':5}");
	assert_int_equal(count_at(answer, "result.newMessages"), 0);
	assert_int_equal(count_updates(answer), 3);
	assert_string_equal(text_at(answer, "result.updates.0.type"), "edit");
	assert_string_equal(text_at(answer, "result.updates.0.body"), "but this");
	assert_string_equal(text_at(answer, "result.updates.1.type"), "delete");
	assert_int_equal(number_at(answer, "result.updates.1.messageID"), 5);
	assert_string_equal(text_at(answer, "result.updates.2.type"), "memberAdded");
	json_decref(answer);
}

static void receipts_come_last_the_own_first(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_receipts(scene, "room", "alice", 5, 5);
	scene_receipts(scene, "room", "bob", 4, 3);
	json_t *answer = scene_asks(scene, "bob", "fetchDelta", "{'chatID':'room','clientTransactionID':5}");
	assert_int_equal(count_at(answer, "result.updates"), 3);
	assert_string_equal(text_at(answer, "result.updates.0.type"), "receipt");
	assert_string_equal(text_at(answer, "result.updates.0.userID"), "bob");
	assert_string_equal(text_at(answer, "result.updates.1.userID"), "alice");
	assert_int_equal(number_at(answer, "result.updates.1.received"), 5);
	assert_int_equal(number_at(answer, "result.updates.1.read"), 5);
	json_decref(answer);
}

static void in_a_larger_group_only_the_own_receipts_come(void **state)
{
	struct scene *scene = *state;
	char user_id[16];
	for (int i = 0; i <= RPC_NAMES_MAX; i++) {
		snprintf(user_id, sizeof user_id, "user%d", i);
		scene_adds(scene, "hall", user_id);
	}
	for (int i = 0; i <= RPC_NAMES_MAX; i++) {
		snprintf(user_id, sizeof user_id, "user%d", i);
		scene_receipts(scene, "hall", user_id, 33, 33);
	}
	json_t *answer = scene_asks(scene, "user7", "fetchDelta", "{'chatID':'hall','clientTransactionID':33}");
	assert_int_equal(count_at(answer, "result.updates"), 1);
	assert_string_equal(text_at(answer, "result.updates.0.userID"), "user7");
	json_decref(answer);
	answer = scene_asks(scene, "user7", "fetchSnapshotAndTransactions", "{'chatID':'hall','clientTransactionID':33}");
	assert_int_equal(number_at(answer, "result.snapshot.memberCount"), 33);
	assert_false(has(answer, "result.snapshot.members"));
	json_decref(answer);
}

/* Follows deltas from 0 on. Counts new messages and receipts. */
static void follow_delta(struct scene *scene, const char *chat_id, int max_bytes, size_t *messages, size_t *receipts)
{
	uint64_t last = 0;
	*messages = *receipts = 0;
	for (bool limited = true; limited;) {
		json_t *answer = scene_asks(scene, "alice", "fetchDelta", "{'chatID':'%s','clientTransactionID':%llu,'maxBytes':%d}", chat_id,
			(unsigned long long)last, max_bytes);
		*messages += count_at(answer, "result.newMessages");
		const json_t *update;
		size_t i;
		json_array_foreach((json_t *)(uintptr_t)at(answer, "result.updates"), i, update) *receipts +=
			strcmp(text_at(update, "type"), "receipt") == 0;
		limited = has(answer, "result.limited");
		if (limited) {
			assert_true((uint64_t)number_at(answer, "result.next") > last);
			last = (uint64_t)number_at(answer, "result.next");
		}
		json_decref(answer);
	}
}

static void a_bounded_delta_always_moves_on(void **state)
{
	struct scene *scene = *state;
	char *rooms[] = {long_text('r', CHAT_ID_MAX), long_text('r', ID_TEXT_LEN)}, *body = long_text('"', 1500),
		 *user_id = long_text('u', USER_ID_MAX);
	size_t messages, receipts;
	for (size_t i = 0; i < 2; i++) {
		scene_adds(scene, rooms[i], "alice");
		scene_adds(scene, rooms[i], user_id);
		for (int n = 0; n < 10; n++)
			scene_says(scene, rooms[i], n % 2 ? user_id : "alice", n % 3 ? "short" : body);
		scene_edits(scene, rooms[i], user_id, 4, body);
		scene_receipts(scene, rooms[i], "alice", 13, 13);
		scene_receipts(scene, rooms[i], user_id, 12, 1);
		for (int max = RPC_BYTES_MIN; max < 6000; max += max / 3) {
			follow_delta(scene, rooms[i], max, &messages, &receipts);
			assert_int_equal(messages, 10);
			/* of two members; the own ones come again where those of the other find no room. At the smallest bounds his never do */
			assert_in_range(receipts, max < 512 ? 1 : 2, 3);
		}
	}
	free(rooms[0]);
	free(rooms[1]);
	free(body);
	free(user_id);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_stranger_and_a_missing_chat_look_alike),
		TEST(nobody_acts_as_somebody_else),
		TEST(every_answer_tells_the_epoch),
		TEST(a_former_member_stays_with_what_he_saw),
		TEST(between_two_memberships_numbers_are_void),
		TEST(a_message_is_told_with_what_it_answers),
		TEST(only_messages_are_messages),
		TEST(a_long_message_is_cut_to_the_bound),
		TEST(a_snapshot_is_the_chat_now),
		TEST(a_newcomer_starts_where_he_joined),
		TEST(without_a_number_the_newest_page_comes),
		TEST(nothing_new_is_an_empty_list),
		TEST(a_bounded_answer_always_moves_on),
		TEST(new_messages_carry_their_edits),
		TEST(changes_of_old_messages_are_updates),
		TEST(receipts_come_last_the_own_first),
		TEST(in_a_larger_group_only_the_own_receipts_come),
		TEST(a_bounded_delta_always_moves_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
