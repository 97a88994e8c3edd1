/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Operations about people, against a memory store: what is kept, and what nobody learns. Every answer is also compared with the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/rpc/icon.h"
#include "rpc_scene.h"
#include "storage/faulty/faulty.h"

/* What blocks_changed was told last. */
static struct block_list *told;
static char told_about[USER_ID_MAX + 1];

static void blocks_changed(const struct rpc_request *request, const char *other_id, struct block_list *blocks)
{
	(void)request;
	store_free(told);
	told = blocks;
	snprintf(told_about, sizeof told_about, "%s", other_id);
}

/* Who may be watched, as watch was told last; everybody is there. */
static char watched[200];
static int changes; /* how often something changes while it is read */

static bool watch(const struct rpc_request *request, struct profile_list *profiles)
{
	(void)request;
	if (changes > 0) {
		changes--;
		return false;
	}
	watched[0] = '\0';
	for (size_t i = 0; i < profiles->count; i++)
		snprintf(watched + strlen(watched), sizeof watched - strlen(watched), "%s ", profiles->profiles[i].user_id);
	return true;
}

static bool is_online(const struct rpc_request *request, const char *user_id)
{
	(void)request;
	(void)user_id;
	return true;
}

static int open_scene(void **state)
{
	scene_setup(state);
	struct scene *scene = *state;
	scene->world.invitation_url = "https://chat.example/i#";
	scene->world.blocks_changed = blocks_changed;
	scene->world.watch = watch;
	scene->world.is_online = is_online;
	scene_pair(scene, "alice", "bob");
	scene_pair(scene, "alice", "carol");
	return 0;
}

static int close_scene(void **state)
{
	store_free(told);
	told = NULL;
	return scene_teardown(state);
}

static void does(struct scene *scene, const char *user_id, const char *operation, const char *args)
{
	json_t *answer = scene_asks(scene, user_id, operation, "%s", args);
	at(answer, "result.epoch");
	json_decref(answer);
}

/* The answer as the client gets it. */
static char *payload_of(json_t *answer)
{
	char *text = json_dumps(answer, 0);
	json_decref(answer);
	return text;
}

static void assert_alike(json_t *one, json_t *other)
{
	char *first = payload_of(one), *second = payload_of(other);
	assert_string_equal(first, second);
	free(first);
	free(second);
}

/* ---- profile ---- */

static void what_is_not_set_is_missing(void **state)
{
	json_t *answer = scene_asks(*state, "bob", "getUserInfo", "{'userID':'alice'}");
	assert_string_equal(text_at(answer, "result.userInfo.userID"), "alice");
	assert_int_equal(count_at(answer, "result.userInfo"), 1);
	json_decref(answer);
}

static void others_see_name_icon_and_status(void **state)
{
	does(*state, "alice", "updateUserInfo", "{'userInfo':{'name':'Alice A.','icon':'https://a.example/i.png'}}");
	does(*state, "alice", "setStatus", "{'text':'at sea','timeZone':'Europe/Vienna'}");
	does(*state, "alice", "setSharedID", "{'sharedID':'alice77'}");
	json_t *answer = scene_asks(*state, "bob", "getUserInfo", "{'userID':'alice'}");
	assert_string_equal(text_at(answer, "result.userInfo.name"), "Alice A.");
	assert_string_equal(text_at(answer, "result.userInfo.iconURL"), "https://a.example/i.png");
	assert_string_equal(text_at(answer, "result.userInfo.status"), "at sea");
	assert_string_equal(text_at(answer, "result.userInfo.timeZone"), "Europe/Vienna");
	assert_int_equal(count_at(answer, "result.userInfo"), 5);
	json_decref(answer);
}

static void ones_own_has_more(void **state)
{
	does(*state, "alice", "setSharedID", "{'sharedID':'alice77'}");
	json_t *answer = scene_asks(*state, "alice", "getUserInfo", "{}");
	assert_string_equal(text_at(answer, "result.userInfo.sharedID"), "alice77");
	assert_true(json_is_true(at(answer, "result.userInfo.showOnline")));
	json_decref(answer);
}

static void what_is_not_given_stays_and_what_is_empty_goes(void **state)
{
	does(*state, "alice", "updateUserInfo", "{'userInfo':{'name':'A','icon':'https://a.example/'}}");
	does(*state, "alice", "updateUserInfo", "{'userInfo':{'icon':''}}");
	does(*state, "alice", "setStatus", "{'text':'here'}");
	does(*state, "alice", "setStatus", "{'timeZone':'UTC'}");
	json_t *answer = scene_asks(*state, "bob", "getUserInfo", "{'userID':'alice'}");
	assert_string_equal(text_at(answer, "result.userInfo.name"), "A");
	assert_false(has(answer, "result.userInfo.iconURL"));
	assert_string_equal(text_at(answer, "result.userInfo.status"), "here");
	assert_string_equal(text_at(answer, "result.userInfo.timeZone"), "UTC");
	json_decref(answer);
}

static void an_icon_of_bytes_is_given_back_by_its_id(void **state)
{
	json_t *answer = scene_asks(*state, "alice", "updateUserInfo", "{'userInfo':{'icon':'R0lGODlhAQABAAAAACw='}}");
	char id[ID_TEXT_LEN + 1];
	snprintf(id, sizeof id, "%s", text_at(answer, "result.iconID"));
	json_decref(answer);
	answer = scene_asks(*state, "bob", "getUserInfo", "{'userID':'alice'}");
	assert_string_equal(text_at(answer, "result.userInfo.iconID"), id);
	json_decref(answer);
	answer = scene_asks(*state, "bob", "getIcon", "{'iconID':'%s'}", id);
	assert_string_equal(text_at(answer, "result.icon"), "R0lGODlhAQABAAAAACw=");
	json_decref(answer);
}

static void an_icon_that_is_not_there_is_refused(void **state)
{
	assert_refusal(scene_asks(*state, "bob", "getIcon", "{'iconID':'AAAAAAAAAAAAAAAAAAAAAA'}"), "forbidden");
	assert_refusal(scene_asks(*state, "bob", "getIcon", "{'iconID':'AAAAAAAAAAAAAAAAAAAAA!'}"), "bad_request");
}

static void a_wrong_icon_changes_nothing(void **state)
{
	does(*state, "alice", "updateUserInfo", "{'userInfo':{'name':'A'}}");
	assert_refusal(scene_asks(*state, "alice", "updateUserInfo", "{'userInfo':{'name':'B','icon':'javascript:1'}}"), "bad_request");
	json_t *answer = scene_asks(*state, "alice", "getUserInfo", "{}");
	assert_string_equal(text_at(answer, "result.userInfo.name"), "A");
	json_decref(answer);
}

static void nobody_and_who_blocks_the_asker_answer_alike(void **state)
{
	json_t *answer = scene_asks(*state, "bob", "getUserInfo", "{'userID':'alice'}");
	at(answer, "result.userInfo");
	json_decref(answer);
	does(*state, "alice", "blockUser", "{'blockID':'bob'}");
	assert_alike(scene_asks(*state, "bob", "getUserInfo", "{'userID':'alice'}"), scene_asks(*state, "bob", "getUserInfo", "{'userID':'nobody'}"));
	answer = scene_asks(*state, "alice", "getUserInfo", "{'userID':'bob'}");
	assert_string_equal(text_at(answer, "result.userInfo.userID"), "bob"); /* she may look at him */
	json_decref(answer);
}

/* ---- shared IDs ---- */

static void a_shared_id_finds_by_its_exact_spelling(void **state)
{
	does(*state, "alice", "setSharedID", "{'sharedID':'Alice 77'}");
	json_t *answer = scene_asks(*state, "bob", "findUser", "{'sharedID':'Alice 77'}");
	assert_string_equal(text_at(answer, "result.userID"), "alice");
	json_decref(answer);
	const char *const others[] = {"alice 77", "Alice", "Alice 7", "Alice 77 ", "%", "alice"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		assert_refusal(scene_asks(*state, "bob", "findUser", "{'sharedID':'%s'}", others[i]), "forbidden");
}

static void a_shared_id_is_one_persons(void **state)
{
	does(*state, "alice", "setSharedID", "{'sharedID':'x'}");
	assert_refusal(scene_asks(*state, "bob", "setSharedID", "{'sharedID':'x'}"), "conflict");
	does(*state, "alice", "setSharedID", "{'sharedID':'x'}");
	does(*state, "alice", "setSharedID", "{'sharedID':''}");
	assert_refusal(scene_asks(*state, "bob", "findUser", "{'sharedID':'x'}"), "forbidden");
	does(*state, "bob", "setSharedID", "{'sharedID':'x'}");
}

static void who_blocks_the_finder_is_found_like_nobody(void **state)
{
	does(*state, "alice", "setSharedID", "{'sharedID':'x'}");
	does(*state, "alice", "blockUser", "{'blockID':'bob'}");
	assert_alike(scene_asks(*state, "bob", "findUser", "{'sharedID':'x'}"), scene_asks(*state, "bob", "findUser", "{'sharedID':'y'}"));
	json_t *answer = scene_asks(*state, "carol", "findUser", "{'sharedID':'x'}");
	assert_string_equal(text_at(answer, "result.userID"), "alice");
	json_decref(answer);
}

/* ---- favorites ---- */

static void favorites_come_in_the_order_in_which_they_were_added(void **state)
{
	does(*state, "alice", "addAsFavorite", "{'favoriteID':'carol'}");
	scene_says(*state, "room", "alice", "time goes on");
	does(*state, "alice", "addAsFavorite", "{'favoriteID':'bob'}");
	json_t *answer = scene_asks(*state, "alice", "getFavorites", "{}");
	assert_int_equal(count_at(answer, "result.favoriteIDs"), 2);
	assert_string_equal(text_at(answer, "result.favoriteIDs.0"), "carol");
	assert_string_equal(text_at(answer, "result.favoriteIDs.1"), "bob");
	json_decref(answer);
	does(*state, "alice", "removeFavorite", "{'favoriteID':'carol'}");
	answer = scene_asks(*state, "alice", "getFavorites", "{}");
	assert_int_equal(count_at(answer, "result.favoriteIDs"), 1);
	json_decref(answer);
}

static void a_favorite_is_answered_with_the_chat(void **state)
{
	struct scene *scene = *state;
	char chat_id[ID_TEXT_LEN + 1];
	peer_chat_id(scene->world.info.secret, STORE_SECRET_BYTES, "bob", "alice", chat_id);
	json_t *answer = scene_asks(scene, "alice", "addAsFavorite", "{'favoriteID':'bob'}");
	assert_string_equal(text_at(answer, "result.chatID"), chat_id);
	json_decref(answer);
	struct verdict verdict;
	struct rpc_request *request = scene_request(scene, "alice", "addAsFavorite", "7", "{'favoriteID':'bob'}");
	struct command *command = rpc_command(request, &verdict);
	assert_string_equal(command->chat_id, chat_id);
	assert_string_equal(command->peer_id, "bob");
	assert_int_equal(command->type, COMMAND_CREATE);
	command_free(command);
	rpc_free(request);
}

static void nobody_is_his_own_favorite_or_blocks_himself(void **state)
{
	struct verdict verdict = {0};
	struct rpc_request *request = scene_request(*state, "alice", "addAsFavorite", "7", "{'favoriteID':'alice'}");
	assert_null(rpc_command(request, &verdict));
	assert_int_equal(verdict.code, REFUSAL_BAD_REQUEST);
	rpc_free(request);
	assert_refusal(scene_asks(*state, "alice", "blockUser", "{'blockID':'alice'}"), "bad_request");
}

static void long_lists_come_in_parts(void **state)
{
	char args[300], id[130];
	for (int i = 0; i < 5; i++) {
		memset(id, 'a' + i, 128);
		id[128] = '\0';
		snprintf(args, sizeof args, "{'blockID':'%s'}", id);
		does(*state, "alice", "blockUser", args);
	}
	size_t seen = 0, calls = 0;
	for (json_int_t next = 0; next >= 0; calls++) {
		json_t *answer = scene_asks(*state, "alice", "getBlocked", "{'next':%d,'maxBytes':450}", (int)next);
		seen += count_at(answer, "result.blockIDs");
		next = has(answer, "result.next") ? number_at(answer, "result.next") : -1;
		assert_int_equal(next >= 0, has(answer, "result.limited"));
		json_decref(answer);
	}
	assert_int_equal(seen, 5);
	assert_int_equal(calls, 3); /* two in each */
}

/* ---- blocks ---- */

static void blocks_are_listed_until_they_end(void **state)
{
	does(*state, "alice", "blockUser", "{'blockID':'bob'}");
	does(*state, "alice", "blockUser", "{'blockID':'nobody'}"); /* answered like everybody */
	json_t *answer = scene_asks(*state, "alice", "getBlocked", "{}");
	assert_int_equal(count_at(answer, "result.blockIDs"), 2);
	json_decref(answer);
	assert_int_equal(told->count, 2);
	assert_string_equal(told_about, "nobody");
	scene_says(*state, "room", "alice", "time goes on");
	does(*state, "alice", "unblockUser", "{'blockID':'bob'}");
	answer = scene_asks(*state, "alice", "getBlocked", "{}");
	assert_int_equal(count_at(answer, "result.blockIDs"), 1);
	assert_string_equal(text_at(answer, "result.blockIDs.0"), "nobody");
	json_decref(answer);
	assert_int_equal(told->count, 2); /* what was written meanwhile stays blocked */
	assert_string_equal(told_about, "bob");
}

static void unblocking_somebody_who_is_not_blocked_is_fine(void **state)
{
	does(*state, "alice", "unblockUser", "{'blockID':'bob'}");
	assert_int_equal(told->count, 0);
}

/* ---- presence ---- */

static bool is_seen(struct scene *scene, const char *watcher, const char *user_id)
{
	json_t *answer = scene_asks(scene, watcher, "watchPresence", "{'userIDs':['%s']}", user_id);
	bool online = json_is_true(at(answer, "result.users.0.online"));
	assert_string_equal(text_at(answer, "result.users.0.userID"), user_id);
	assert_int_equal(online, watched[0] != '\0');
	assert_int_equal(count_at(answer, "result.users.0"), 2);
	json_decref(answer);
	return online;
}

static void only_who_shares_a_chat_is_seen(void **state)
{
	scene_pair(*state, "dave", "carol");
	assert_true(is_seen(*state, "alice", "bob"));
	assert_false(is_seen(*state, "bob", "carol"));
	assert_false(is_seen(*state, "alice", "nobody"));
	scene_adds(*state, "room", "bob");
	scene_adds(*state, "room", "carol");
	assert_true(is_seen(*state, "bob", "carol"));
	scene_removes(*state, "room", "carol");
	assert_false(is_seen(*state, "bob", "carol"));
}

static void a_block_hides_both_ways(void **state)
{
	does(*state, "alice", "blockUser", "{'blockID':'bob'}");
	assert_false(is_seen(*state, "alice", "bob"));
	assert_false(is_seen(*state, "bob", "alice"));
	assert_true(is_seen(*state, "alice", "carol"));
}

static void all_are_answered_in_the_order_of_the_question(void **state)
{
	json_t *answer = scene_asks(*state, "alice", "watchPresence", "{'userIDs':['nobody','carol','bob']}");
	assert_int_equal(count_at(answer, "result.users"), 3);
	assert_string_equal(text_at(answer, "result.users.0.userID"), "nobody");
	assert_string_equal(text_at(answer, "result.users.1.userID"), "carol");
	assert_string_equal(text_at(answer, "result.users.2.userID"), "bob");
	assert_string_equal(watched, "carol bob ");
	json_decref(answer);
}

static void who_hides_looks_like_who_is_not_there(void **state)
{
	struct error err;
	struct scene *scene = *state;
	assert_int_equal(store_ops(scene->store)->put_last_seen(scene->store, &(struct last_seen){"bob", 1234}, 1, &err), STORE_OK);
	does(scene, "bob", "setPresence", "{'showOnline':false}");
	json_t *answer = scene_asks(scene, "alice", "watchPresence", "{'userIDs':['bob']}");
	assert_false(json_is_true(at(answer, "result.users.0.online")));
	assert_int_equal(number_at(answer, "result.users.0.lastSeen"), 1234);
	json_decref(answer);
	does(scene, "bob", "setPresence", "{'showLastSeen':false}");
	answer = scene_asks(scene, "alice", "watchPresence", "{'userIDs':['bob']}");
	assert_false(json_is_true(at(answer, "result.users.0.online")));
	assert_false(has(answer, "result.users.0.lastSeen"));
	json_decref(answer);
}

static void what_changed_while_it_was_read_is_read_again(void **state)
{
	struct scene *scene = *state;
	struct rpc_request *request = scene_request(scene, "alice", "watchPresence", "", "{'userIDs':['bob','carol']}");
	watched[0] = '\0';
	changes = 1;
	rpc_read(request);
	does(scene, "bob", "blockUser", "{'blockID':'alice'}");
	rpc_settle(request);
	assert_true(request->again);
	assert_string_equal(watched, "");
	json_t *answer = scene_runs(request);
	assert_string_equal(watched, "carol ");
	assert_false(json_is_true(at(answer, "result.users.0.online")));
	assert_true(json_is_true(at(answer, "result.users.1.online")));
	json_decref(answer);
}

/* ---- the end ---- */

static void who_deletes_his_account_is_nobody(void **state)
{
	does(*state, "alice", "setSharedID", "{'sharedID':'x'}");
	does(*state, "alice", "deleteAccount", "{}");
	assert_alike(scene_asks(*state, "bob", "getUserInfo", "{'userID':'alice'}"), scene_asks(*state, "bob", "getUserInfo", "{'userID':'nobody'}"));
	assert_refusal(scene_asks(*state, "bob", "findUser", "{'sharedID':'x'}"), "forbidden");
	assert_refusal(scene_asks(*state, "alice", "setStatus", "{'text':'x'}"), "forbidden");
	does(*state, "alice", "deleteAccount", "{}"); /* once more, as after a crash */
}

/* ---- invitations ---- */

static json_t *invited(struct scene *scene, const char *id, const char *args)
{
	return scene_runs(scene_request(scene, "alice", "getInvitationLink", id, args));
}

static void an_invitation_tells_who_made_it(void **state)
{
	json_t *link = invited(*state, "1", "{}");
	const char *text = text_at(link, "result.invitationLink");
	assert_int_equal(strncmp(text, "https://chat.example/i#", 23), 0);
	assert_int_equal(strlen(text), 23 + ID_TEXT_LEN);
	json_t *answer = scene_asks(*state, "bob", "retrieveUserIDFromInvitation", "{'invitationLink':'%s'}", text);
	assert_string_equal(text_at(answer, "result.userID"), "alice");
	json_decref(answer);
	answer = scene_asks(*state, "bob", "retrieveUserIDFromInvitation", "{'invitationLink':'%s'}", text); /* again, without cost */
	at(answer, "result.userID");
	json_decref(answer);
	assert_refusal(scene_asks(*state, "carol", "retrieveUserIDFromInvitation", "{'invitationLink':'%s'}", text), "forbidden"); /* used up */
	json_decref(link);
}

static void the_same_id_gives_the_same_link(void **state)
{
	assert_alike(invited(*state, "1", "{}"), invited(*state, "1", "{}"));
	json_t *one = invited(*state, "1", "{}"), *two = invited(*state, "2", "{}");
	assert_string_not_equal(text_at(one, "result.invitationLink"), text_at(two, "result.invitationLink"));
	json_decref(one);
	json_decref(two);
	struct rpc_request *first = scene_request(*state, "alice", "getInvitationLink", "", "{}");
	struct rpc_request *second = scene_request(*state, "alice", "getInvitationLink", "", "{}");
	first->journal_seq = 7;
	second->journal_seq = 8;
	one = scene_runs(first);
	two = scene_runs(second);
	assert_string_not_equal(text_at(one, "result.invitationLink"), text_at(two, "result.invitationLink"));
	json_decref(one);
	json_decref(two);
}

static void an_invitation_counts_for_as_many_as_it_says(void **state)
{
	json_t *link = invited(*state, "1", "{'uses':2}");
	const char *text = text_at(link, "result.invitationLink");
	scene_pair(*state, "dave", "carol");
	static const char *const guests[] = {"bob", "carol"};
	for (size_t i = 0; i < 2; i++) {
		json_t *answer = scene_asks(*state, guests[i], "retrieveUserIDFromInvitation", "{'invitationLink':'%s'}", text);
		assert_string_equal(text_at(answer, "result.userID"), "alice");
		json_decref(answer);
	}
	assert_refusal(scene_asks(*state, "dave", "retrieveUserIDFromInvitation", "{'invitationLink':'%s'}", text), "forbidden");
	json_decref(link);
}

static void a_revoked_a_past_an_unknown_invitation_and_one_of_who_blocks_answer_alike(void **state)
{
	struct scene *scene = *state;
	json_t *revoked = invited(scene, "1", "{}"), *blocked = invited(scene, "2", "{}"), *past = NULL;
	struct rpc_request *request = scene_request(scene, "carol", "getInvitationLink", "3", "{}");
	request->at_ms -= 8 * 24 * 60 * 60 * 1000ll;
	past = scene_runs(request);
	json_t *answer = scene_asks(scene, "alice", "revokeInvitation", "{'invitationLink':'%s'}", text_at(revoked, "result.invitationLink"));
	at(answer, "result");
	json_decref(answer);
	does(scene, "alice", "blockUser", "{'blockID':'bob'}");
	const char *const links[] = {text_at(revoked, "result.invitationLink"), text_at(blocked, "result.invitationLink"),
		text_at(past, "result.invitationLink")};
	for (size_t i = 0; i < 3; i++)
		assert_alike(scene_asks(scene, "bob", "retrieveUserIDFromInvitation", "{'invitationLink':'%s'}", links[i]),
			scene_asks(scene, "bob", "retrieveUserIDFromInvitation", "{'invitationLink':'x/AAAAAAAAAAAAAAAAAAAAAA'}"));
	assert_refusal(scene_asks(scene, "bob", "retrieveUserIDFromInvitation", "{'invitationLink':'AAAAAAAAAAAAAAAAAAAAA!'}"), "bad_request");
	json_decref(revoked);
	json_decref(blocked);
	json_decref(past);
}

static void the_id_of_a_revoked_link_does_not_bring_it_to_life_again(void **state)
{
	json_t *link = invited(*state, "1", "{}");
	does(*state, "alice", "revokeInvitation", "{}");
	assert_refusal(invited(*state, "1", "{}"), "id_reused");
	assert_refusal(scene_asks(*state, "bob", "retrieveUserIDFromInvitation", "{'invitationLink':'%s'}", text_at(link, "result.invitationLink")),
		"forbidden");
	json_decref(link);
	json_decref(invited(*state, "2", "{}"));
}

static void the_id_of_a_link_that_is_over_gives_no_dead_link(void **state)
{
	struct rpc_request *request = scene_request(*state, "alice", "getInvitationLink", "1", "{}");
	request->at_ms -= 8 * 24 * 60 * 60 * 1000ll;
	json_t *past = scene_runs(request);
	at(past, "result.invitationLink");
	json_decref(past);
	assert_refusal(invited(*state, "1", "{}"), "id_reused");
}

static void nobody_revokes_anothers_invitation(void **state)
{
	json_t *link = invited(*state, "1", "{}");
	const char *text = text_at(link, "result.invitationLink");
	json_t *answer = scene_asks(*state, "carol", "revokeInvitation", "{'invitationLink':'%s'}", text);
	at(answer, "result"); /* alike, whether it is there or not */
	json_decref(answer);
	does(*state, "carol", "revokeInvitation", "{}");
	answer = scene_asks(*state, "bob", "retrieveUserIDFromInvitation", "{'invitationLink':'%s'}", text);
	assert_string_equal(text_at(answer, "result.userID"), "alice");
	json_decref(answer);
	does(*state, "alice", "revokeInvitation", "{}");
	assert_refusal(scene_asks(*state, "bob", "retrieveUserIDFromInvitation", "{'invitationLink':'%s'}", text), "forbidden");
	json_decref(link);
}

static void an_invitation_that_is_over_from_the_start_is_refused(void **state)
{
	assert_refusal(invited(*state, "1", "{'expiresAt':1000}"), "bad_request");
}

/* ---- a store that fails ---- */

/* Each call of the store fails once; the handler is run again like the broker does, and ends as if nothing had been. */
static void whatever_call_fails_it_is_done_when_it_is_repeated(void **state)
{
	static const struct {
		const char *operation, *args;
	} cases[] = {
		{"blockUser", "{'blockID':'bob'}"},
		{"unblockUser", "{'blockID':'bob'}"},
		{"addAsFavorite", "{'favoriteID':'carol'}"},
		{"removeFavorite", "{'favoriteID':'carol'}"},
		{"setSharedID", "{'sharedID':'x'}"},
		{"updateUserInfo", "{'userInfo':{'name':'A','icon':'R0lGODlhAQABAAAAACw='}}"},
		{"setStatus", "{'text':'here'}"},
		{"setPresence", "{'showOnline':true}"},
		{"getInvitationLink", "{}"},
		{"retrieveUserIDFromInvitation", "{'invitationLink':'AAAAAAAAAAAAAAAAAAAAAA'}"},
		{"revokeInvitation", "{}"},
	};
	struct scene *scene = *state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		json_t *expected = scene_asks(scene, "alice", cases[i].operation, "%s", cases[i].args);
		bool struck = true;
		for (uint64_t call = 1; struck; call++) {
			for (enum faulty_action action = FAULTY_FAIL; action <= FAULTY_LOSE_ANSWER; action++) {
				struct rpc_request *request = scene_request(scene, "alice", cases[i].operation, "", cases[i].args);
				store_faulty_arm(scene->store, &(struct fault){.call = call, .action = action});
				rpc_write(request);
				struck = store_faulty_has_struck(scene->store);
				store_faulty_disarm(scene->store);
				assert_int_equal(request->refused.code == REFUSAL_UNAVAILABLE, struck);
				json_t *answer = scene_runs(request);
				assert_true(json_equal(answer, expected));
				json_decref(answer);
			}
		}
		json_decref(expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_not_set_is_missing, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(others_see_name_icon_and_status, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(ones_own_has_more, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(what_is_not_given_stays_and_what_is_empty_goes, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(an_icon_of_bytes_is_given_back_by_its_id, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(an_icon_that_is_not_there_is_refused, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(a_wrong_icon_changes_nothing, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(nobody_and_who_blocks_the_asker_answer_alike, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(a_shared_id_finds_by_its_exact_spelling, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(a_shared_id_is_one_persons, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(who_blocks_the_finder_is_found_like_nobody, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(favorites_come_in_the_order_in_which_they_were_added, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(a_favorite_is_answered_with_the_chat, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(nobody_is_his_own_favorite_or_blocks_himself, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(long_lists_come_in_parts, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(blocks_are_listed_until_they_end, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(unblocking_somebody_who_is_not_blocked_is_fine, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(only_who_shares_a_chat_is_seen, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(a_block_hides_both_ways, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(all_are_answered_in_the_order_of_the_question, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(who_hides_looks_like_who_is_not_there, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(what_changed_while_it_was_read_is_read_again, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(who_deletes_his_account_is_nobody, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(an_invitation_tells_who_made_it, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(the_same_id_gives_the_same_link, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(an_invitation_counts_for_as_many_as_it_says, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(
			a_revoked_a_past_an_unknown_invitation_and_one_of_who_blocks_answer_alike, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(the_id_of_a_revoked_link_does_not_bring_it_to_life_again, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(the_id_of_a_link_that_is_over_gives_no_dead_link, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(nobody_revokes_anothers_invitation, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(an_invitation_that_is_over_from_the_start_is_refused, open_scene, close_scene),
		cmocka_unit_test_setup_teardown(whatever_call_fails_it_is_done_when_it_is_repeated, open_scene, close_scene),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
