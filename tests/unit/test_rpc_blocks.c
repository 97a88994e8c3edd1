/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What is told of people of whom one blocks the other: who has read what, and who is quoted. Against a memory store with real transactions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "rpc_scene.h"

/* ---- who has read it ---- */

/* "room": alice, bob, carol, dave (1-4), message 5; bob and dave read it, carol did not. */
static void fill_room(struct scene *scene)
{
	static const char *const user_ids[] = {"alice", "bob", "carol", "dave"};
	for (size_t i = 0; i < 4; i++)
		scene_adds(scene, "room", user_ids[i]);
	scene_says(scene, "room", "alice", "news");
	scene_receipts(scene, "room", "alice", 5, 5);
	scene_receipts(scene, "room", "bob", 5, 5);
	scene_receipts(scene, "room", "carol", 5, 4);
	scene_receipts(scene, "room", "dave", 5, 5);
}

static void readers_are_the_others_who_read_it(void **state)
{
	struct scene *scene = *state;
	fill_room(scene);
	json_t *answer = scene_asks(scene, "alice", "getReaders", "{'chatID':'room','messageID':5}");
	assert_int_equal(number_at(answer, "result.count"), 2);
	assert_int_equal(count_at(answer, "result.userIDs"), 2);
	assert_string_equal(text_at(answer, "result.userIDs.0"), "bob");
	assert_string_equal(text_at(answer, "result.userIDs.1"), "dave");
	json_decref(answer);
}

static void who_left_is_no_reader_and_learns_of_none(void **state)
{
	struct scene *scene = *state;
	fill_room(scene);
	scene_removes(scene, "room", "dave");
	json_t *answer = scene_asks(scene, "alice", "getReaders", "{'chatID':'room','messageID':5}");
	assert_int_equal(number_at(answer, "result.count"), 1);
	json_decref(answer);
	assert_refusal(scene_asks(scene, "dave", "getReaders", "{'chatID':'room','messageID':5}"), "forbidden");
}

static void readers_of_what_one_cannot_see_are_forbidden(void **state)
{
	struct scene *scene = *state;
	fill_room(scene);
	json_t *unseen = scene_asks(scene, "bob", "getReaders", "{'chatID':'room','messageID':1}");
	json_t *future = scene_asks(scene, "bob", "getReaders", "{'chatID':'room','messageID':6}");
	json_t *stranger = scene_asks(scene, "mallory", "getReaders", "{'chatID':'room','messageID':5}");
	json_t *missing = scene_asks(scene, "mallory", "getReaders", "{'chatID':'nowhere','messageID':5}");
	assert_true(json_equal(unseen, future) && json_equal(unseen, stranger) && json_equal(unseen, missing));
	json_decref(future);
	json_decref(stranger);
	json_decref(missing);
	assert_refusal(unseen, "forbidden");
}

static void in_a_larger_group_readers_are_only_counted(void **state)
{
	struct scene *scene = *state;
	char user_id[16];
	for (int i = 0; i <= RPC_NAMES_MAX; i++) {
		snprintf(user_id, sizeof user_id, "user%d", i);
		scene_adds(scene, "hall", user_id);
	}
	scene_says(scene, "hall", "user0", "all hands");
	for (int i = 0; i <= RPC_NAMES_MAX; i++) {
		snprintf(user_id, sizeof user_id, "user%d", i);
		scene_receipts(scene, "hall", user_id, 34, 34);
	}
	json_t *answer = scene_asks(scene, "user0", "getReaders", "{'chatID':'hall','messageID':34}");
	assert_int_equal(number_at(answer, "result.count"), RPC_NAMES_MAX);
	assert_false(has(answer, "result.userIDs"));
	json_decref(answer);
}

static void names_that_do_not_fit_are_only_counted(void **state)
{
	struct scene *scene = *state;
	char user_id[USER_ID_MAX + 1];
	scene_adds(scene, "room", "alice");
	for (int i = 0; i < 3; i++) {
		snprintf(user_id, sizeof user_id, "%0*d", USER_ID_MAX, i);
		scene_adds(scene, "room", user_id);
	}
	scene_says(scene, "room", "alice", "hi");
	for (int i = 0; i < 3; i++) {
		snprintf(user_id, sizeof user_id, "%0*d", USER_ID_MAX, i);
		scene_receipts(scene, "room", user_id, 5, 5);
	}
	json_t *answer = scene_asks(scene, "alice", "getReaders", "{'chatID':'room','messageID':5,'maxBytes':256}");
	assert_int_equal(number_at(answer, "result.count"), 3);
	assert_false(has(answer, "result.userIDs"));
	json_decref(answer);
}

/* ---- and a block in between ---- */

static void assert_one_reader(struct scene *scene, const char *caller, const char *reader)
{
	json_t *answer = scene_asks(scene, caller, "getReaders", "{'chatID':'room','messageID':5}");
	assert_int_equal(number_at(answer, "result.count"), 1);
	assert_string_equal(text_at(answer, "result.userIDs.0"), reader);
	json_decref(answer);
}

static void neither_of_two_learns_what_the_other_has_read(void **state)
{
	struct scene *scene = *state;
	fill_room(scene);
	scene_blocks(scene, "bob", "alice", true);
	assert_one_reader(scene, "alice", "dave");
	assert_one_reader(scene, "bob", "dave");
	json_t *answer = scene_asks(scene, "dave", "getReaders", "{'chatID':'room','messageID':5}");
	assert_int_equal(count_at(answer, "result.userIDs"), 2);
	json_decref(answer);
	scene_blocks(scene, "bob", "alice", false);
	answer = scene_asks(scene, "alice", "getReaders", "{'chatID':'room','messageID':5}");
	assert_int_equal(count_at(answer, "result.userIDs"), 2);
	json_decref(answer);
}

static void in_a_snapshot_and_a_delta_their_marks_are_missing(void **state)
{
	struct scene *scene = *state;
	fill_room(scene);
	scene_blocks(scene, "bob", "alice", true);
	json_t *answer = scene_asks(scene, "alice", "fetchSnapshotAndTransactions", "{'chatID':'room'}");
	assert_int_equal(count_at(answer, "result.snapshot.members"), 4);
	assert_string_equal(text_at(answer, "result.snapshot.members.1.userID"), "bob");
	assert_false(has(answer, "result.snapshot.members.1.read"));
	assert_false(has(answer, "result.snapshot.members.1.received"));
	assert_int_equal(number_at(answer, "result.snapshot.members.0.read"), 5);
	assert_int_equal(number_at(answer, "result.snapshot.members.3.read"), 5);
	json_decref(answer);
	answer = scene_asks(scene, "alice", "fetchDelta", "{'chatID':'room','clientTransactionID':5}");
	assert_int_equal(count_at(answer, "result.updates"), 3);
	for (int i = 0; i < 3; i++) {
		char path[40];
		snprintf(path, sizeof path, "result.updates.%d.userID", i);
		assert_string_not_equal(text_at(answer, path), "bob");
	}
	json_decref(answer);
}

/* ---- quotes ---- */

static void assert_quote(const json_t *answer, const char *path, const char *quote)
{
	char name[80];
	snprintf(name, sizeof name, "%s.repliedTo.body", path);
	if (quote != NULL)
		assert_string_equal(text_at(answer, name), quote);
	else
		assert_false(has(answer, name));
}

/* In all ways in which the reply of that number can be read. */
static void assert_quote_everywhere(struct scene *scene, const char *reader, uint64_t number, const char *quote)
{
	unsigned before = (unsigned)number - 1;
	json_t *answer = scene_asks(scene, reader, "fetchSnapshotAndTransactions", "{'chatID':'room','clientTransactionID':%u}", before);
	assert_quote(answer, "result.transactions.0", quote);
	json_decref(answer);
	answer = scene_asks(scene, reader, "fetchDelta", "{'chatID':'room','clientTransactionID':%u}", before);
	assert_quote(answer, "result.newMessages.0", quote);
	json_decref(answer);
	answer = scene_asks(scene, reader, "sync", "{'chats':{'room':%u}}", before);
	assert_quote(answer, "result.chats.room.newMessages.0", quote);
	json_decref(answer);
	answer = scene_asks(scene, reader, "getMessage", "{'chatID':'room','messageID':%u}", before + 1);
	assert_quote(answer, "result.message", quote);
	assert_string_equal(text_at(answer, "result.message.body"), "indeed");
	json_decref(answer);
}

static void a_quote_is_hidden_from_who_had_blocked_its_author(void **state)
{
	struct scene *scene = *state;
	fill_room(scene);
	scene_blocks(scene, "alice", "bob", true);
	uint64_t hidden = scene_says(scene, "room", "bob", "hear me");
	uint64_t reply = scene_replies(scene, "room", "carol", hidden, "hear me", "indeed");
	scene_blocks(scene, "alice", "bob", false);
	assert_quote_everywhere(scene, "alice", reply, NULL);
	assert_quote_everywhere(scene, "dave", reply, "hear me");
}

static void a_quote_of_what_he_wrote_before_the_block_stays(void **state)
{
	struct scene *scene = *state;
	fill_room(scene);
	uint64_t seen = scene_says(scene, "room", "bob", "hear me");
	scene_blocks(scene, "alice", "bob", true);
	uint64_t reply = scene_replies(scene, "room", "carol", seen, "hear me", "indeed");
	assert_quote_everywhere(scene, "alice", reply, "hear me");
}

static void who_blocks_still_sees_himself_quoted(void **state)
{
	struct scene *scene = *state;
	fill_room(scene);
	scene_blocks(scene, "alice", "bob", true);
	uint64_t own = scene_says(scene, "room", "alice", "hear me");
	uint64_t reply = scene_replies(scene, "room", "carol", own, "hear me", "indeed");
	assert_quote_everywhere(scene, "alice", reply, "hear me");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(readers_are_the_others_who_read_it),
		TEST(who_left_is_no_reader_and_learns_of_none),
		TEST(readers_of_what_one_cannot_see_are_forbidden),
		TEST(in_a_larger_group_readers_are_only_counted),
		TEST(names_that_do_not_fit_are_only_counted),
		TEST(neither_of_two_learns_what_the_other_has_read),
		TEST(in_a_snapshot_and_a_delta_their_marks_are_missing),
		TEST(a_quote_is_hidden_from_who_had_blocked_its_author),
		TEST(a_quote_of_what_he_wrote_before_the_block_stays),
		TEST(who_blocks_still_sees_himself_quoted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
