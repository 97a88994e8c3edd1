/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What readers see of groups, edits, deletions and blocked people, and what stands in a chat list. Against a memory store with real
 * transactions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc_scene.h"

/* "team" of alice, its owner (1), with its name (2), bob (3) and carol (4); "one" of alice (5). */
static void fill_team(struct scene *scene)
{
	scene_group(scene, "team", "alice", "The team");
	scene_adds(scene, "team", "bob");
	scene_adds(scene, "team", "carol");
	scene_says(scene, "team", "alice", "one");
}

/* ---- members ---- */

static void members_are_told_with_their_roles(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_changes_role(scene, "team", "bob", "admin");
	scene_removes(scene, "team", "carol");
	json_t *answer = scene_asks(scene, "bob", "getMembers", "{'groupID':'team'}");
	assert_int_equal(number_at(answer, "result.count"), 2);
	assert_int_equal(count_at(answer, "result.members"), 2);
	assert_string_equal(text_at(answer, "result.members.0.userID"), "alice");
	assert_string_equal(text_at(answer, "result.members.0.role"), "owner");
	assert_string_equal(text_at(answer, "result.members.1.role"), "admin");
	assert_false(has(answer, "result.next"));
	json_decref(answer);
}

static void only_members_learn_who_is_one(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_removes(scene, "team", "carol");
	scene_names(scene, "mallory", "", "");
	json_t *former = scene_asks(scene, "carol", "getMembers", "{'chatID':'team'}");
	json_t *stranger = scene_asks(scene, "mallory", "getMembers", "{'chatID':'team'}");
	json_t *missing = scene_asks(scene, "mallory", "getMembers", "{'chatID':'nowhere'}");
	assert_true(json_equal(former, stranger) && json_equal(stranger, missing));
	json_decref(former);
	json_decref(stranger);
	assert_refusal(missing, "forbidden");
}

static void pages_lead_through_all_members(void **state)
{
	struct scene *scene = *state;
	scene_group(scene, "hall", "user00", "Hall");
	for (int i = 1; i < 40; i++) {
		char user_id[16];
		snprintf(user_id, sizeof user_id, "user%02d", 40 - i);
		scene_adds(scene, "hall", user_id);
	}
	for (int max = RPC_BYTES_MIN; max < 5000; max *= 2) {
		char next[32] = "";
		int seen = 0;
		for (bool more = true; more;) {
			json_t *answer = scene_asks(scene, "user07", "getMembers", "{'groupID':'hall','pageSize':15,'maxBytes':%d%s%s%s}", max,
				next[0] ? ",'cursor':'" : "", next, next[0] ? "'" : "");
			assert_int_equal(number_at(answer, "result.count"), 40);
			for (size_t i = 0; i < count_at(answer, "result.members"); i++) {
				char user_id[16];
				snprintf(user_id, sizeof user_id, "user%02d", seen++);
				assert_string_equal(text_at(json_array_get(at(answer, "result.members"), i), "userID"), user_id);
			}
			more = has(answer, "result.next");
			assert_true(more || !has(answer, "result.limited"));
			snprintf(next, sizeof next, "%s", more ? text_at(answer, "result.next") : "");
			json_decref(answer);
		}
		assert_int_equal(seen, 40);
	}
}

/* ---- history ---- */

static void a_newcomer_sees_from_then_on_or_everything(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_adds(scene, "team", "dave"); /* 6 */
	assert_refusal(scene_asks(scene, "dave", "getMessage", "{'chatID':'team','messageID':5}"), "forbidden");
	scene_updates(scene, "team", "alice", "{'history':'all'}"); /* 7 */
	json_t *answer = scene_asks(scene, "dave", "getMessage", "{'chatID':'team','messageID':5}");
	assert_string_equal(text_at(answer, "result.message.body"), "one");
	json_decref(answer);
	answer = scene_asks(scene, "dave", "fetchSnapshotAndTransactions", "{'chatID':'team','clientTransactionID':0}");
	assert_int_equal(count_at(answer, "result.transactions"), 7);
	assert_false(has(answer, "result.from"));
	assert_string_equal(text_at(answer, "result.snapshot.history"), "all");
	json_decref(answer);
	scene_updates(scene, "team", "alice", "{'history':'own'}"); /* 8 */
	assert_refusal(scene_asks(scene, "dave", "getMessage", "{'chatID':'team','messageID':5}"), "forbidden");
}

static void who_left_does_not_see_what_was_before_him_any_more(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_updates(scene, "team", "alice", "{'history':'all'}");
	scene_adds(scene, "team", "dave");    /* 7 */
	scene_removes(scene, "team", "dave"); /* 8 */
	assert_refusal(scene_asks(scene, "dave", "getMessage", "{'chatID':'team','messageID':5}"), "forbidden");
	json_t *answer = scene_asks(scene, "dave", "fetchDelta", "{'chatID':'team','clientTransactionID':0}");
	assert_int_equal(number_at(answer, "result.from"), 7);
	assert_int_equal(count_at(answer, "result.newMessages"), 0);
	json_decref(answer);
}

static void a_snapshot_tells_what_a_group_is_called(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_updates(scene, "team", "alice", "{'icon':'https://example.org/t.png','name':'Renamed'}");
	json_t *answer = scene_asks(scene, "bob", "fetchSnapshotAndTransactions", "{'chatID':'team'}");
	assert_string_equal(text_at(answer, "result.snapshot.name"), "Renamed");
	assert_string_equal(text_at(answer, "result.snapshot.iconURL"), "https://example.org/t.png");
	assert_string_equal(text_at(answer, "result.snapshot.history"), "own");
	json_decref(answer);
	scene_removes(scene, "team", "bob");
	answer = scene_asks(scene, "bob", "fetchSnapshotAndTransactions", "{'chatID':'team'}");
	assert_false(has(answer, "result.snapshot.name"));
	assert_false(has(answer, "result.snapshot.iconURL"));
	json_decref(answer);
	const char *chat_id = scene_pair(scene, "alice", "bob");
	answer = scene_asks(scene, "bob", "fetchSnapshotAndTransactions", "{'chatID':'%s'}", chat_id);
	assert_false(has(answer, "result.snapshot.history"));
	json_decref(answer);
}

/* ---- edits and deletions ---- */

static void a_message_has_its_latest_text(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_edits(scene, "team", "alice", 5, "one, better");
	scene_edits(scene, "team", "alice", 5, "one, best");
	json_t *answer = scene_asks(scene, "bob", "getMessage", "{'chatID':'team','messageID':5}");
	assert_string_equal(text_at(answer, "result.message.body"), "one, best");
	assert_true(json_is_true(at(answer, "result.message.isEdited")));
	assert_true(number_at(answer, "result.message.editedAt") > number_at(answer, "result.message.sentAt"));
	assert_true(json_is_false(at(answer, "result.message.isDeleted")));
	json_decref(answer);
}

static void of_a_deleted_message_stays_who_and_when(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_edits(scene, "team", "alice", 5, "one, better");
	int64_t at_ms = scene_now();
	scene_deletes(scene, "team", "bob", 5);
	json_t *answer = scene_asks(scene, "carol", "getMessage", "{'chatID':'team','messageID':5}");
	assert_true(json_is_true(at(answer, "result.message.isDeleted")));
	assert_string_equal(text_at(answer, "result.message.deletedBy"), "bob");
	assert_int_equal(number_at(answer, "result.message.deletedAt"), at_ms);
	assert_string_equal(text_at(answer, "result.message.senderID"), "alice");
	assert_false(has(answer, "result.message.body"));
	char *text = json_dumps(answer, 0);
	assert_null(strstr(text, "one"));
	free(text);
	json_decref(answer);
}

static void a_former_member_sees_the_last_text_of_his_time(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_edits(scene, "team", "alice", 5, "one, as bob saw it");
	for (int i = 0; i < 10001; i++)
		scene_says(scene, "team", "carol", "talk");
	scene_removes(scene, "team", "bob");
	for (int i = 0; i < 4; i++)
		scene_edits(scene, "team", "alice", 5, "bob is gone");
	json_t *answer = scene_asks(scene, "bob", "getMessage", "{'chatID':'team','messageID':5}");
	assert_string_equal(text_at(answer, "result.message.body"), "one, as bob saw it");
	json_decref(answer);
	scene_deletes(scene, "team", "alice", 5);
	answer = scene_asks(scene, "bob", "getMessage", "{'chatID':'team','messageID':5}");
	assert_true(json_is_true(at(answer, "result.message.isDeleted")));
	assert_false(has(answer, "result.message.deletedBy"));
	assert_false(has(answer, "result.message.body"));
	json_decref(answer);
}

static void a_quote_stays_as_it_was_and_goes_with_the_message(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_replies(scene, "team", "bob", 5, "one", "indeed"); /* 6 */
	scene_edits(scene, "team", "alice", 5, "none");
	json_t *answer = scene_asks(scene, "carol", "getMessage", "{'chatID':'team','messageID':6}");
	assert_string_equal(text_at(answer, "result.message.repliedTo.body"), "one");
	assert_false(has(answer, "result.message.repliedTo.revision"));
	json_decref(answer);
	scene_deletes(scene, "team", "alice", 5);
	answer = scene_asks(scene, "carol", "getMessage", "{'chatID':'team','messageID':6}");
	assert_string_equal(text_at(answer, "result.message.body"), "indeed");
	assert_int_equal(number_at(answer, "result.message.repliedTo.messageID"), 5);
	assert_false(has(answer, "result.message.repliedTo.body"));
	json_decref(answer);
}

static void a_deleted_message_is_not_new_and_void_in_the_log(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_edits(scene, "team", "alice", 5, "better");
	scene_deletes(scene, "team", "alice", 5); /* 7 */
	json_t *answer = scene_asks(scene, "bob", "fetchDelta", "{'chatID':'team','clientTransactionID':4}");
	assert_int_equal(count_at(answer, "result.newMessages"), 0);
	json_decref(answer);
	answer = scene_asks(scene, "bob", "fetchDelta", "{'chatID':'team','clientTransactionID':5}");
	assert_string_equal(text_at(answer, "result.updates.0.type"), "delete"); /* before receipts */
	assert_int_equal(number_at(answer, "result.updates.0.messageID"), 5);
	assert_string_equal(text_at(answer, "result.updates.1.type"), "receipt");
	json_decref(answer);
	answer = scene_asks(scene, "bob", "fetchSnapshotAndTransactions", "{'chatID':'team','clientTransactionID':4}");
	assert_string_equal(text_at(answer, "result.transactions.0.type"), "void");
	assert_string_equal(text_at(answer, "result.transactions.1.type"), "void");
	assert_string_equal(text_at(answer, "result.transactions.2.type"), "delete");
	json_decref(answer);
}

/* ---- blocks ---- */

static void what_a_blocked_person_writes_is_void_for_the_blocker_alone(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_says(scene, "team", "bob", "before"); /* 6 */
	scene_blocks(scene, "carol", "bob", true);
	scene_says(scene, "team", "bob", "meanwhile");               /* 7 */
	scene_edits(scene, "team", "bob", 6, "changed meanwhile");   /* 8 */
	scene_blocks(scene, "carol", "bob", false);
	scene_says(scene, "team", "bob", "after"); /* 9 */
	json_t *answer = scene_asks(scene, "carol", "fetchSnapshotAndTransactions", "{'chatID':'team','clientTransactionID':5}");
	assert_string_equal(text_at(answer, "result.transactions.0.body"), "before");
	assert_string_equal(text_at(answer, "result.transactions.1.type"), "void");
	assert_string_equal(text_at(answer, "result.transactions.2.type"), "void");
	assert_string_equal(text_at(answer, "result.transactions.3.body"), "after");
	json_decref(answer);
	answer = scene_asks(scene, "carol", "fetchDelta", "{'chatID':'team','clientTransactionID':5}");
	assert_int_equal(count_at(answer, "result.newMessages"), 2);
	assert_string_equal(text_at(answer, "result.newMessages.0.body"), "before");
	json_decref(answer);
	answer = scene_asks(scene, "carol", "sync", "{'chats':{'team':5}}");
	assert_int_equal(count_at(answer, "result.chats.team.newMessages"), 2);
	json_decref(answer);
	assert_refusal(scene_asks(scene, "carol", "getMessage", "{'chatID':'team','messageID':7}"), "forbidden");
	answer = scene_asks(scene, "carol", "getMessage", "{'chatID':'team','messageID':6}");
	assert_string_equal(text_at(answer, "result.message.body"), "before");
	json_decref(answer);
	answer = scene_asks(scene, "alice", "getMessage", "{'chatID':'team','messageID':6}");
	assert_string_equal(text_at(answer, "result.message.body"), "changed meanwhile");
	json_decref(answer);
}

static void membership_is_told_whoever_is_blocked(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_blocks(scene, "carol", "bob", true);
	scene_removes(scene, "team", "bob"); /* 6, by bob */
	json_t *answer = scene_asks(scene, "carol", "fetchSnapshotAndTransactions", "{'chatID':'team','clientTransactionID':5}");
	assert_string_equal(text_at(answer, "result.transactions.0.type"), "memberRemoved");
	json_decref(answer);
}

/* ---- the chat list ---- */

static void chats_are_called_by_the_names_of_groups_and_people(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_updates(scene, "team", "alice", "{'icon':'https://example.org/t.png'}");
	scene_names(scene, "bob", "Bob B.", "https://example.org/b.png");
	scene_pair(scene, "alice", "bob");
	scene_says(scene, "team", "bob", "hi all");
	json_t *answer = scene_asks(scene, "alice", "ListChats", "{}");
	assert_string_equal(text_at(answer, "result.chats.0.name"), "The team");
	assert_string_equal(text_at(answer, "result.chats.0.iconURL"), "https://example.org/t.png");
	assert_string_equal(text_at(answer, "result.chats.0.mostRecentMessage.senderName"), "Bob B.");
	assert_string_equal(text_at(answer, "result.chats.0.mostRecentMessage.senderID"), "bob");
	assert_false(has(answer, "result.chats.0.peerID"));
	assert_string_equal(text_at(answer, "result.chats.1.name"), "Bob B.");
	assert_string_equal(text_at(answer, "result.chats.1.peerID"), "bob");
	assert_string_equal(text_at(answer, "result.chats.1.iconURL"), "https://example.org/b.png");
	json_decref(answer);
}

static void who_blocked_the_reader_is_an_id_without_a_face(void **state)
{
	struct scene *scene = *state;
	scene_names(scene, "bob", "Bob B.", "https://example.org/b.png");
	scene_names(scene, "carol", "Carol C.", "");
	scene_pair(scene, "alice", "bob");
	scene_pair(scene, "alice", "carol");
	scene_blocks(scene, "bob", "alice", true);
	json_t *answer = scene_asks(scene, "alice", "ListChats", "{}");
	assert_string_equal(text_at(answer, "result.chats.0.name"), "Carol C.");
	assert_string_equal(text_at(answer, "result.chats.1.name"), "bob");
	assert_false(has(answer, "result.chats.1.iconURL"));
	json_decref(answer);
	answer = scene_asks(scene, "bob", "ListChats", "{}");
	assert_string_equal(text_at(answer, "result.chats.0.name"), "alice");
	json_decref(answer);
}

static void a_preview_is_the_latest_text_that_still_exists(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_says(scene, "team", "bob", "two"); /* 6 */
	scene_edits(scene, "team", "bob", 6, "two, better");
	json_t *answer = scene_asks(scene, "carol", "ListChats", "{}");
	assert_string_equal(text_at(answer, "result.chats.0.mostRecentMessage.body"), "two, better");
	assert_int_equal(number_at(answer, "result.chats.0.mostRecentMessage.messageID"), 6);
	assert_int_equal(number_at(answer, "result.chats.0.unread"), 2);
	json_decref(answer);
	scene_deletes(scene, "team", "bob", 6);
	answer = scene_asks(scene, "carol", "ListChats", "{}");
	assert_string_equal(text_at(answer, "result.chats.0.mostRecentMessage.body"), "one");
	assert_int_equal(number_at(answer, "result.chats.0.unread"), 1);
	json_decref(answer);
}

static void a_mention_is_of_ones_name_in_what_is_unread(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_names(scene, "carol", "Carol", "");
	uint64_t number = scene_says(scene, "team", "alice", "what do you think, @carol?");
	json_t *answer = scene_asks(scene, "carol", "ListChats", "{}");
	assert_true(json_is_true(at(answer, "result.chats.0.mentioned")));
	json_decref(answer);
	answer = scene_asks(scene, "bob", "ListChats", "{}");
	assert_true(json_is_false(at(answer, "result.chats.0.mentioned")));
	json_decref(answer);
	scene_says(scene, "team", "alice", "and you, @Bob?"); /* he has no name */
	answer = scene_asks(scene, "bob", "ListChats", "{}");
	assert_true(json_is_true(at(answer, "result.chats.0.mentioned")));
	json_decref(answer);
	scene_receipts(scene, "team", "carol", number, number);
	answer = scene_asks(scene, "carol", "ListChats", "{}");
	assert_true(json_is_false(at(answer, "result.chats.0.mentioned")));
	json_decref(answer);
}

static void a_chat_is_muted_until_a_time(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	json_t *answer = scene_asks(scene, "bob", "mute", "{'chatID':'team','until':%lld}", (long long)scene_now() + 1);
	assert_int_equal(number_at(answer, "result.until"), scene_now() + 1);
	json_decref(answer);
	answer = scene_asks(scene, "bob", "ListChats", "{}");
	assert_true(json_is_true(at(answer, "result.chats.0.muted")));
	json_decref(answer);
	scene_says(scene, "team", "alice", "time goes by");
	answer = scene_asks(scene, "bob", "ListChats", "{}");
	assert_true(json_is_false(at(answer, "result.chats.0.muted")));
	json_decref(answer);
	json_decref(scene_asks(scene, "bob", "mute", "{'chatID':'team','until':9007199254740991}"));
	json_decref(scene_asks(scene, "bob", "mute", "{'chatID':'team','until':0}"));
	answer = scene_asks(scene, "bob", "ListChats", "{}");
	assert_true(json_is_false(at(answer, "result.chats.0.muted")));
	json_decref(answer);
}

static void only_a_member_mutes(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_names(scene, "mallory", "", "");
	json_t *stranger = scene_asks(scene, "mallory", "mute", "{'chatID':'team','until':9}");
	json_t *missing = scene_asks(scene, "mallory", "mute", "{'chatID':'nowhere','until':9}");
	assert_true(json_equal(stranger, missing));
	json_decref(missing);
	assert_refusal(stranger, "forbidden");
}

static void an_ended_group_says_so(void **state)
{
	struct scene *scene = *state;
	fill_team(scene);
	scene_ends(scene, "team", "alice");
	json_t *answer = scene_asks(scene, "bob", "ListChats", "{}");
	assert_true(json_is_true(at(answer, "result.chats.0.ended")));
	assert_string_equal(text_at(answer, "result.chats.0.mostRecentMessage.body"), "one");
	json_decref(answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(members_are_told_with_their_roles),
		TEST(only_members_learn_who_is_one),
		TEST(pages_lead_through_all_members),
		TEST(a_newcomer_sees_from_then_on_or_everything),
		TEST(who_left_does_not_see_what_was_before_him_any_more),
		TEST(a_snapshot_tells_what_a_group_is_called),
		TEST(a_message_has_its_latest_text),
		TEST(of_a_deleted_message_stays_who_and_when),
		TEST(a_former_member_sees_the_last_text_of_his_time),
		TEST(a_quote_stays_as_it_was_and_goes_with_the_message),
		TEST(a_deleted_message_is_not_new_and_void_in_the_log),
		TEST(what_a_blocked_person_writes_is_void_for_the_blocker_alone),
		TEST(membership_is_told_whoever_is_blocked),
		TEST(chats_are_called_by_the_names_of_groups_and_people),
		TEST(who_blocked_the_reader_is_an_id_without_a_face),
		TEST(a_preview_is_the_latest_text_that_still_exists),
		TEST(a_mention_is_of_ones_name_in_what_is_unread),
		TEST(a_chat_is_muted_until_a_time),
		TEST(only_a_member_mutes),
		TEST(an_ended_group_says_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
