/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Operations that read, against a memory store with real transactions: what is answered, what nobody learns, and how a bound is kept. Every
 * answer is also compared with the table and with its bound (rpc_scene.c). */
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

/* A chat "room" of alice, bob and carol (1, 2, 3) with "one" (4, alice), "two" (5, bob). */
static void fill_room(struct scene *scene)
{
	scene_adds(scene, "room", "alice");
	scene_adds(scene, "room", "bob");
	scene_adds(scene, "room", "carol");
	scene_says(scene, "room", "alice", "one");
	scene_says(scene, "room", "bob", "two");
}

static char *text_of(char c, size_t len)
{
	char *text = mem_new(len + 1);
	memset(text, c, len);
	text[len] = '\0';
	return text;
}

/* ---- who may ---- */

static void a_stranger_and_a_missing_chat_look_alike(void **state)
{
	struct scene *scene = *state;
	static const char *const operations[] = {"getLatestTransactionID", "getMessage", "fetchSnapshotAndTransactions", "fetchDelta"};
	fill_room(scene);
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
	fill_room(scene);
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
	fill_room(scene);
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
		json_t *answer = scene_asks(scene, "alice", questions[i][0], "%s", questions[i][1]);
		assert_string_equal(text_at(answer, "result.epoch"), scene->world.info.epoch);
		json_decref(answer);
	}
}

static void a_former_member_stays_with_what_he_saw(void **state)
{
	struct scene *scene = *state;
	fill_room(scene);
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
	fill_room(scene);
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
	fill_room(scene);
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
	fill_room(scene);
	assert_refusal(scene_asks(scene, "alice", "getMessage", "{'chatID':'room','messageID':1}"), "forbidden");
	assert_refusal(scene_asks(scene, "alice", "getMessage", "{'chatID':'room','messageID':6}"), "forbidden");
}

static void a_long_message_is_cut_to_the_bound(void **state)
{
	struct scene *scene = *state;
	fill_room(scene);
	char *body = text_of('\n', 3000); /* two bytes each in JSON */
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
	fill_room(scene);
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
	fill_room(scene);
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
	fill_room(scene);
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
	fill_room(scene);
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
	char *chat_id = text_of('r', CHAT_ID_MAX), *body = text_of('b', 2000);
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
	fill_room(scene);
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
	fill_room(scene);
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
	fill_room(scene);
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
	char *rooms[] = {text_of('r', CHAT_ID_MAX), text_of('r', ID_TEXT_LEN)}, *body = text_of('"', 1500),
		 *user_id = text_of('u', USER_ID_MAX);
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

/* ---- sync ---- */

static void sync_tells_only_what_is_new(void **state)
{
	struct scene *scene = *state;
	fill_room(scene);
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
	fill_room(scene);
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
	char *body = text_of('b', 700);
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
	fill_room(scene);
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
	fill_room(scene);
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
	char *body = text_of('z', 5000);
	fill_room(scene);
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
	char *user_id = text_of('u', USER_ID_MAX), *chat_id = text_of('c', CHAT_ID_MAX), *body = text_of('b', 300);
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
	fill_room(scene);
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
	fill_room(scene);
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
