/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Operations that read all of somebody's chats, likewise (test_rpc_read), and what any of them answers when the store fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc_scene.h"
#include "storage/faulty/faulty.h"

/* ---- sync ---- */

static void sync_tells_only_what_is_new(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_adds(scene, "quiet", "alice");
	scene_adds(scene, "unknown", "alice");
	scene_says(scene, "unknown", "alice", "to myself");
	scene_adds(scene, "foreign", "bob");
	json_t *answer = scene_asks(scene, "alice", "sync", "{'chats':{'room':4,'quiet':1,'foreign':0,'nowhere':3}}");
	assert_int_equal(count_at(answer, "result.chats"), 2);
	assert_int_equal(count_at(answer, "result.chats.room.newMessages"), 1);
	assert_string_equal(text_at(answer, "result.chats.room.newMessages.0.body"), "two");
	assert_int_equal(number_at(answer, "result.chats.unknown.from"), 1);
	assert_string_equal(text_at(answer, "result.chats.unknown.newMessages.0.body"), "to myself");
	assert_false(has(answer, "result.next"));
	json_decref(answer);
}

static void who_has_no_chats_has_nothing_to_sync_or_list(void **state)
{
	struct scene *scene = *state;
	json_t *answer = scene_asks(scene, "nobody", "sync", "{'chats':{}}");
	assert_int_equal(count_at(answer, "result.chats"), 0);
	json_decref(answer);
	answer = scene_asks(scene, "nobody", "ListChats", "{}");
	assert_int_equal(count_at(answer, "result.chats"), 0);
	json_decref(answer);
}

static void a_chat_that_was_left_is_synced_to_those_who_know_it(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_removes(scene, "room", "bob"); /* 6 */
	scene_says(scene, "room", "alice", "without bob");
	json_t *answer = scene_asks(scene, "bob", "sync", "{'chats':{'room':5}}");
	assert_string_equal(text_at(answer, "result.chats.room.updates.0.type"), "memberRemoved");
	assert_int_equal(count_at(answer, "result.chats.room.newMessages"), 0);
	assert_int_equal(number_at(answer, "result.chats.room.latestTransactionID"), 6);
	json_decref(answer);
	answer = scene_asks(scene, "bob", "sync", "{'chats':{}}");
	assert_int_equal(count_at(answer, "result.chats"), 0);
	json_decref(answer);
	answer = scene_asks(scene, "bob", "ListChats", "{}");
	assert_int_equal(count_at(answer, "result.chats"), 0);
	json_decref(answer);
}

/* Syncs with nothing at hand until there is no next; returns how many chats came. Each may come once. */
static size_t follow_sync(struct scene *scene, int max_bytes)
{
	json_t *seen = json_object();
	char next[160] = "";
	for (bool more = true; more;) {
		json_t *answer = scene_asks(
			scene, "alice", "sync", "{'chats':{},'maxBytes':%d%s%s%s}", max_bytes, next[0] ? ",'next':'" : "", next, next[0] ? "'" : "");
		const char *chat_id;
		json_t *delta;
		json_object_foreach((json_t *)(uintptr_t)at(answer, "result.chats"), chat_id, delta)
		{
			assert_null(json_object_get(seen, chat_id));
			json_object_set_new(seen, chat_id, json_true());
			assert_true(has(delta, "limited") || count_at(delta, "newMessages") + count_at(delta, "updates") > 0);
		}
		more = has(answer, "result.next");
		if (more) {
			assert_true(count_at(answer, "result.chats") > 0);
			snprintf(next, sizeof next, "%s", text_at(answer, "result.next"));
		}
		json_decref(answer);
	}
	size_t count = json_object_size(seen);
	json_decref(seen);
	return count;
}

static void a_bounded_sync_comes_to_all_chats(void **state)
{
	struct scene *scene = *state;
	char *body = long_text('b', 700);
	for (int i = 0; i < 40; i++) {
		char chat_id[CHAT_ID_MAX + 1];
		snprintf(chat_id, sizeof chat_id, "chat%0*d", i % 4 == 0 ? CHAT_ID_MAX - 4 : 4, i);
		scene_adds(scene, chat_id, "alice");
		scene_says(scene, chat_id, "alice", i % 2 ? body : "x");
	}
	for (int max = RPC_BYTES_MIN; max < 70000; max += max / 2)
		assert_int_equal(follow_sync(scene, max), 40);
	scene->world.page_max = 3;
	assert_int_equal(follow_sync(scene, 65536), 40);
	free(body);
}

static void a_foreign_cursor_is_refused(void **state)
{
	struct scene *scene = *state;
	static const char *const cursors[] = {"x", "/", "12", "12/", "-1/a", "99999999999999999999999/a", "1x/a"};
	scene_room(scene);
	for (size_t i = 0; i < sizeof cursors / sizeof *cursors; i++) {
		json_t *answer = scene_asks(scene, "alice", "sync", "{'chats':{},'next':'%s'}", cursors[i]);
		assert_non_null(strstr(text_at(answer, "error.message"), "next:"));
		assert_refusal(answer, "bad_request");
		answer = scene_asks(scene, "alice", "ListChats", "{'cursor':'%s'}", cursors[i]);
		assert_non_null(strstr(text_at(answer, "error.message"), "cursor:"));
		assert_refusal(answer, "bad_request");
	}
}

/* ---- ListChats ---- */

static void chats_are_listed_newest_activity_first(void **state)
{
	struct scene *scene = *state;
	char peer_chat_id[ID_TEXT_LEN + 1];
	snprintf(peer_chat_id, sizeof peer_chat_id, "%s", scene_pair(scene, "alice", "bob"));
	scene_room(scene);
	scene_says(scene, peer_chat_id, "bob", "hello");
	scene_says(scene, peer_chat_id, "alice", "hi");
	scene_receipts(scene, "room", "alice", 4, 4);
	json_t *answer = scene_asks(scene, "alice", "ListChats", "{}");
	assert_int_equal(count_at(answer, "result.chats"), 2);
	assert_string_equal(text_at(answer, "result.chats.0.chatID"), peer_chat_id);
	assert_string_equal(text_at(answer, "result.chats.0.name"), "bob");
	assert_string_equal(text_at(answer, "result.chats.0.mostRecentMessage.body"), "hi");
	assert_string_equal(text_at(answer, "result.chats.0.mostRecentMessage.senderName"), "alice");
	assert_int_equal(number_at(answer, "result.chats.0.unread"), 1);
	assert_string_equal(text_at(answer, "result.chats.1.name"), "room");
	assert_int_equal(number_at(answer, "result.chats.1.unread"), 1);
	assert_false(has(answer, "result.next"));
	json_decref(answer);
	answer = scene_asks(scene, "bob", "ListChats", "{}");
	assert_string_equal(text_at(answer, "result.chats.0.name"), "alice");
	json_decref(answer);
}

static void a_preview_is_short(void **state)
{
	struct scene *scene = *state;
	char *body = long_text('z', 5000);
	scene_room(scene);
	scene_says(scene, "room", "bob", body);
	json_t *answer = scene_asks(scene, "alice", "ListChats", "{}");
	assert_int_equal(strlen(text_at(answer, "result.chats.0.mostRecentMessage.body")), RPC_PREVIEW_MAX);
	assert_true(json_is_true(at(answer, "result.chats.0.cut")));
	json_decref(answer);
	free(body);
}

static void a_chat_without_messages_has_no_preview(void **state)
{
	struct scene *scene = *state;
	scene_adds(scene, "empty", "alice");
	json_t *answer = scene_asks(scene, "alice", "ListChats", "{}");
	assert_false(has(answer, "result.chats.0.mostRecentMessage"));
	assert_int_equal(number_at(answer, "result.chats.0.unread"), 0);
	json_decref(answer);
}

static void fill_many(struct scene *scene, int count)
{
	for (int i = 0; i < count; i++) {
		char chat_id[16];
		snprintf(chat_id, sizeof chat_id, "chat%d", i);
		scene_adds(scene, chat_id, "alice");
		scene_says(scene, chat_id, "alice", "something to look at in the list of chats");
	}
}

static void pages_are_counted_from_zero(void **state)
{
	struct scene *scene = *state;
	fill_many(scene, 7);
	json_t *answer = scene_asks(scene, "alice", "ListChats", "{'pageIdx':1,'pageSize':3}");
	assert_int_equal(count_at(answer, "result.chats"), 3);
	assert_string_equal(text_at(answer, "result.chats.0.chatID"), "chat3");
	assert_true(has(answer, "result.next"));
	json_decref(answer);
	answer = scene_asks(scene, "alice", "ListChats", "{'pageIdx':2,'pageSize':3}");
	assert_int_equal(count_at(answer, "result.chats"), 1);
	assert_false(has(answer, "result.next"));
	json_decref(answer);
	answer = scene_asks(scene, "alice", "ListChats", "{'pageIdx':1000000,'pageSize':200}");
	assert_int_equal(count_at(answer, "result.chats"), 0);
	assert_false(has(answer, "result.next"));
	json_decref(answer);
	answer = scene_asks(scene, "alice", "ListChats", "{'pageIdx':1,'cursor':'1/a'}");
	assert_non_null(strstr(text_at(answer, "error.message"), "pageIdx:"));
	assert_refusal(answer, "bad_request");
}

static void cursors_lead_through_all_chats(void **state)
{
	struct scene *scene = *state;
	fill_many(scene, 25);
	for (int max = RPC_BYTES_MIN; max < 20000; max *= 2) {
		char next[160] = "";
		size_t seen = 0;
		for (bool more = true; more;) {
			json_t *answer = scene_asks(scene, "alice", "ListChats", "{'maxBytes':%d,'pageSize':10%s%s%s}", max,
				next[0] ? ",'cursor':'" : "", next, next[0] ? "'" : "");
			for (size_t i = 0; i < count_at(answer, "result.chats"); i++) {
				char chat_id[16];
				snprintf(chat_id, sizeof chat_id, "chat%zu", 24 - seen++);
				assert_string_equal(text_at(json_array_get(at(answer, "result.chats"), i), "chatID"), chat_id);
			}
			more = has(answer, "result.next");
			snprintf(next, sizeof next, "%s", more ? text_at(answer, "result.next") : "");
			json_decref(answer);
		}
		assert_int_equal(seen, 25);
	}
}

static void a_thumbnail_that_is_too_long_is_thinned_out(void **state)
{
	struct scene *scene = *state;
	char *user_id = long_text('u', USER_ID_MAX), *chat_id = long_text('c', CHAT_ID_MAX), *body = long_text('b', 300);
	scene_adds(scene, chat_id, "alice");
	scene_adds(scene, chat_id, user_id);
	scene_says(scene, chat_id, user_id, body);
	scene_adds(scene, "behind", "bob");
	for (int max = RPC_BYTES_MIN; max < 1500; max += 50) {
		json_t *answer = scene_asks(scene, "alice", "ListChats", "{'maxBytes':%d}", max);
		assert_string_equal(text_at(answer, "result.chats.0.chatID"), chat_id);
		assert_true(json_is_true(at(answer, "result.chats.0.cut")));
		json_decref(answer);
	}
	free(user_id);
	free(chat_id);
	free(body);
}

/* ---- the store fails ---- */

/* The calls to the store that a question takes fail one after the other; the asker gets all of the answer, or none of it. */
static void assert_survives_faults(struct scene *scene, const char *operation, const char *args)
{
	struct rpc_request *request = scene_request(scene, "alice", operation, "", args);
	rpc_read(request);
	json_t *expected = scene_answer(request);
	bool struck = true;
	for (uint64_t call = 1; struck; call++) {
		store_faulty_arm(scene->store, &(struct fault){.op = FAULTY_ANY, .call = call, .action = FAULTY_FAIL});
		request = scene_request(scene, "alice", operation, "", args);
		rpc_read(request);
		struck = store_faulty_has_struck(scene->store);
		assert_true((request->problem.text[0] != '\0') == struck);
		json_t *answer = scene_answer(request);
		assert_true(struck || call > 1);
		if (struck)
			assert_string_equal(text_at(answer, "error.code"), "unavailable");
		else
			assert_true(json_equal(answer, expected));
		json_decref(answer);
	}
	store_faulty_disarm(scene->store);
	json_decref(expected);
}

static void what_the_store_cannot_say_is_unavailable(void **state)
{
	struct scene *scene = *state;
	scene_room(scene);
	scene_pair(scene, "alice", "bob");
	assert_survives_faults(scene, "getLatestTransactionID", "{'chatID':'room'}");
	assert_survives_faults(scene, "getMessage", "{'chatID':'room','messageID':4}");
	assert_survives_faults(scene, "fetchSnapshotAndTransactions", "{'chatID':'room'}");
	assert_survives_faults(scene, "fetchDelta", "{'chatID':'room'}");
	assert_survives_faults(scene, "sync", "{'chats':{}}");
	assert_survives_faults(scene, "ListChats", "{}");
}

static void an_answer_that_cannot_fit_is_refused(void **state)
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
		struct rpc_request *request = scene_request(scene, "alice", questions[i][0], "", questions[i][1]);
		request->bytes_max = 40; /* a client's maximum packet */
		rpc_read(request);
		assert_int_equal(request->answer.len, 0);
		json_t *answer = scene_answer(request);
		assert_non_null(strstr(text_at(answer, "error.message"), "maxBytes:"));
		assert_refusal(answer, "too_large");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sync_tells_only_what_is_new),
		TEST(who_has_no_chats_has_nothing_to_sync_or_list),
		TEST(a_chat_that_was_left_is_synced_to_those_who_know_it),
		TEST(a_bounded_sync_comes_to_all_chats),
		TEST(a_foreign_cursor_is_refused),
		TEST(chats_are_listed_newest_activity_first),
		TEST(a_preview_is_short),
		TEST(a_chat_without_messages_has_no_preview),
		TEST(pages_are_counted_from_zero),
		TEST(cursors_lead_through_all_chats),
		TEST(a_thumbnail_that_is_too_long_is_thinned_out),
		TEST(what_the_store_cannot_say_is_unavailable),
		TEST(an_answer_that_cannot_fit_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
