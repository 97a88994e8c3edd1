/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Groups: who comes, who goes, who follows. Who may do what is test_roles.c's. */
#include "decide_kit.h"

#include <stdio.h>

static const struct transaction *pending_at(const struct scene *scene, size_t index)
{
	return last_pending(scene->chat)->transactions[index];
}

static void expect_roles(struct scene *scene, enum role olga, enum role adam, enum role alice, enum role bob)
{
	assert_int_equal(chat_member(scene->chat, "olga")->role, olga);
	assert_int_equal(chat_member(scene->chat, "adam")->role, adam);
	assert_int_equal(chat_member(scene->chat, "alice")->role, alice);
	assert_int_equal(chat_member(scene->chat, "bob")->role, bob);
}

static struct command *with_users(struct command *command, size_t count, ...)
{
	va_list args;
	va_start(args, count);
	for (size_t i = 0; i < count; i++)
		command_add_user(command, va_arg(args, const char *));
	va_end(args);
	command_hash(command);
	return command;
}

static struct command *leaves(const char *user_id, const char *key)
{
	return group_command(COMMAND_REMOVE, user_id, key, user_id);
}

static struct command *closes_account(const char *user_id, const char *key)
{
	return group_command(COMMAND_CLOSE_ACCOUNT, user_id, key, NULL);
}

/* ---- beginnings and ends ---- */

static void test_who_creates_a_group_owns_it(void **state)
{
	(void)state;
	struct scene *scene = scene_new(chat_new("chat"));
	struct command *command = name_command(COMMAND_CREATE_GROUP, "olga", "o1", "friends");
	with_users(command, 4, "bob", "olga", "alice", "bob"); /* each counts once, the creator not again */
	assert_int_equal(decide(scene, command), DECISION_NEEDS_REACH);
	accepts(scene, reaching(command));
	struct pending *pending = last_pending(scene->chat);
	assert_int_equal(pending->transaction_count, 2);
	assert_string_equal(pending->transactions[0]->body.text, "{\"members\":[{\"userID\":\"olga\",\"role\":\"owner\"},"
		"{\"userID\":\"bob\",\"role\":\"member\"},{\"userID\":\"alice\",\"role\":\"member\"}]}");
	assert_null(pending->transactions[0]->key);
	assert_int_equal(pending->transactions[1]->type, TX_GROUP_UPDATED);
	assert_string_equal(pending->transactions[1]->key, "o1");
	assert_int_equal(scene->begin_asked, 1);
	commit_pending(scene->chat);
	assert_string_equal(scene->chat->name, "friends");
	assert_false(scene->chat->pair);
	assert_int_equal(scene->chat->current_members, 3);
	scene_free(scene);
}

static void test_a_group_of_two_is_no_pair(void **state)
{
	(void)state;
	struct scene *scene = scene_new(chat_new("chat"));
	does(scene, reaching(with_users(name_command(COMMAND_CREATE_GROUP, "olga", "o1", "we"), 1, "bob")));
	assert_false(scene->chat->pair);
	accepts(scene, send_command("bob", "b1", "hi")); /* without a question about reach */
	scene_free(scene);
}

static void test_one_can_be_alone_in_a_group(void **state)
{
	(void)state;
	struct scene *scene = scene_new(chat_new("chat"));
	does(scene, name_command(COMMAND_CREATE_GROUP, "olga", "o1", "notes")); /* there is nobody to ask for */
	assert_int_equal(scene->chat->current_members, 1);
	scene_free(scene);
}

static void test_creating_a_group_again_is_a_repetition(void **state)
{
	(void)state;
	struct scene *scene = scene_new(chat_new("chat"));
	does(scene, name_command(COMMAND_CREATE_GROUP, "olga", "o1", "notes"));
	repeats(scene, name_command(COMMAND_CREATE_GROUP, "olga", "o1", "notes"), 2);
	refuses(scene, name_command(COMMAND_CREATE_GROUP, "olga", "o1", "others"), REFUSAL_ID_REUSED);
	refuses(scene, name_command(COMMAND_CREATE_GROUP, "olga", "o2", "notes"), REFUSAL_ID_REUSED); /* its key was forgotten */
	scene_free(scene);
}

static void test_what_is_updated_is_known(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	does(scene, name_command(COMMAND_UPDATE_GROUP, "adam", "d1", "new name"));
	assert_string_equal(scene->chat->name, "new name");
	assert_string_equal(scene->chat->icon, "");
	scene_free(scene);
}

static void test_after_the_end_only_accounts_are_closed(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	log_message(scene->chat, "alice", "m", "hi"); /* 2 */
	does(scene, group_command(COMMAND_END_GROUP, "olga", "o1", NULL));
	assert_true(scene->chat->ended);
	assert_int_equal(scene->chat->ended_at_ms, scene->chat->latest_at_ms);
	refuses(scene, group_command(COMMAND_END_GROUP, "olga", "o2", NULL), REFUSAL_FORBIDDEN);
	refuses(scene, send_command("alice", "a1", "hi"), REFUSAL_FORBIDDEN);
	refuses(scene, edit_command("alice", "a2", 2, "ho"), REFUSAL_FORBIDDEN);
	refuses(scene, delete_command("alice", "a3", 2), REFUSAL_FORBIDDEN);
	refuses(scene, reaching(group_command(COMMAND_ADD, "olga", "o3", "carol")), REFUSAL_FORBIDDEN);
	refuses(scene, leaves("alice", "a4"), REFUSAL_FORBIDDEN);
	does(scene, closes_account("olga", "o4"));
	expect_roles(scene, ROLE_NONE, ROLE_ADMIN, ROLE_MEMBER, ROLE_MEMBER); /* an ended group needs no owner */
	scene_free(scene);
}

/* ---- coming ---- */

static void test_newcomers_are_added_in_one_transaction(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	log_message(scene->chat, "alice", "m", "before"); /* 2 */
	does(scene, reaching(with_users(group_command(COMMAND_ADD, "adam", "d1", NULL), 4, "carol", "alice", "dave", "carol")));
	assert_int_equal(scene->chat->latest, 3);
	assert_string_equal(chat_recent(scene->chat, 3)->body.text,
		"{\"members\":[{\"userID\":\"carol\",\"role\":\"member\"},{\"userID\":\"dave\",\"role\":\"member\"}]}");
	expect_roles(scene, ROLE_OWNER, ROLE_ADMIN, ROLE_MEMBER, ROLE_MEMBER);
	struct member *carol = chat_member(scene->chat, "carol");
	assert_int_equal(carol->received, 2); /* what was before is not unread */
	assert_int_equal(carol->read, 2);
	assert_false(member_sees(scene->chat, carol, 2));
	assert_true(member_sees(scene->chat, carol, 3));
	scene_free(scene);
}

static void test_200_are_added_at_once(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	struct command *command = group_command(COMMAND_ADD, "adam", "d1", NULL);
	for (int i = 0; i < COMMAND_USERS_MAX; i++) {
		char user_id[USER_ID_MAX + 1];
		snprintf(user_id, sizeof user_id, "%0120d", i);
		command_add_user(command, user_id);
	}
	command_hash(command);
	does(scene, reaching(command));
	assert_int_equal(scene->chat->current_members, 4 + COMMAND_USERS_MAX);
	scene_free(scene);
}

static void test_whoever_is_a_member_already_needs_nothing(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	repeats(scene, group_command(COMMAND_ADD, "adam", "d1", "bob"), 0);
	repeats(scene, role_command("olga", "o1", "bob", ROLE_MEMBER), 0);
	scene_free(scene);
}

/* The chat has moved on since: carol was removed again, bob made admin and member again. */
static void test_what_was_done_is_repeated_although_it_would_be_done_again(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	does(scene, reaching(group_command(COMMAND_ADD, "adam", "d1", "carol")));         /* 2 */
	does(scene, role_command("olga", "o1", "bob", ROLE_ADMIN));                       /* 3 */
	does(scene, group_command(COMMAND_REMOVE, "adam", "d2", "carol"));                /* 4 */
	does(scene, role_command("olga", "o2", "bob", ROLE_MEMBER));                      /* 5 */
	repeats(scene, group_command(COMMAND_ADD, "adam", "d1", "carol"), 2);
	repeats(scene, role_command("olga", "o1", "bob", ROLE_ADMIN), 3);
	repeats(scene, group_command(COMMAND_REMOVE, "adam", "d2", "carol"), 4);
	assert_false(member_is_current(chat_member(scene->chat, "carol")));
	scene_free(scene);
}

/* It may have been done long ago, and is not at hand. */
static void test_before_it_is_said_that_nothing_is_needed_the_key_is_looked_up(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	chat_forget_texts(scene->chat);
	needs(scene, group_command(COMMAND_ADD, "adam", "d1", "bob"), DECISION_NEEDS_KEY);
	needs(scene, role_command("olga", "o1", "bob", ROLE_MEMBER), DECISION_NEEDS_KEY);
	needs(scene, closes_account("carol", "c1"), DECISION_NEEDS_KEY);
	scene_free(scene);
}

/* ---- what is pending ---- */

static void test_behind_a_change_of_members_all_waits(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	accepts(scene, group_command(COMMAND_REMOVE, "adam", "d1", "bob"));
	needs(scene, send_command("bob", "b1", "am I still here?"), DECISION_NEEDS_COMMIT);
	needs(scene, send_command("alice", "a1", "is he?"), DECISION_NEEDS_COMMIT);
	needs(scene, group_command(COMMAND_REMOVE, "olga", "o1", "bob"), DECISION_NEEDS_COMMIT);
	commit_pending(scene->chat);
	refuses(scene, send_command("bob", "b1", "am I still here?"), REFUSAL_FORBIDDEN);
	accepts(scene, send_command("alice", "a1", "is he?"));
	scene_free(scene);
}

static void test_if_the_change_comes_to_nothing_he_may_still_write(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	accepts(scene, group_command(COMMAND_REMOVE, "adam", "d1", "bob"));
	drop_pending(scene->chat);
	accepts(scene, send_command("bob", "b1", "am I still here?"));
	scene_free(scene);
}

static void test_what_is_written_before_a_removal_stays_before_it(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	accepts(scene, send_command("bob", "b1", "last words")); /* 2 */
	accepts(scene, group_command(COMMAND_REMOVE, "adam", "d1", "bob"));
	assert_int_equal(last_transaction(scene->chat)->number, 3);
	commit_pending(scene->chat);
	assert_int_equal(scene->chat->latest, 3);
	scene_free(scene);
}

/* ---- going ---- */

static void test_whoever_leaves_is_gone(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	does(scene, leaves("bob", "b1"));
	assert_string_equal(chat_recent(scene->chat, 2)->body.text, "{\"userID\":\"bob\"}");
	expect_roles(scene, ROLE_OWNER, ROLE_ADMIN, ROLE_MEMBER, ROLE_NONE);
	refuses(scene, leaves("bob", "b2"), REFUSAL_FORBIDDEN);
	does(scene, reaching(group_command(COMMAND_ADD, "adam", "d1", "bob"))); /* and may come back */
	expect_roles(scene, ROLE_OWNER, ROLE_ADMIN, ROLE_MEMBER, ROLE_MEMBER);
	scene_free(scene);
}

static void test_nobody_comes_and_goes_for_ever(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	char key[16];
	for (int time = 1; time < MEMBER_TIMES_MAX; time++) {
		snprintf(key, sizeof key, "r%d", time);
		does(scene, group_command(COMMAND_REMOVE, "olga", key, "bob"));
		snprintf(key, sizeof key, "a%d", time);
		does(scene, reaching(group_command(COMMAND_ADD, "olga", key, "bob")));
	}
	does(scene, group_command(COMMAND_REMOVE, "olga", "last", "bob"));
	refuses(scene, reaching(with_users(group_command(COMMAND_ADD, "olga", "once-more", "carol"), 1, "bob")), REFUSAL_FORBIDDEN);
	assert_int_equal(chat_member(scene->chat, "bob")->interval_count, MEMBER_TIMES_MAX);
	does(scene, reaching(group_command(COMMAND_ADD, "olga", "another", "carol")));
	scene_free(scene);
}

static void test_when_the_last_owner_leaves_an_admin_follows(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	does(scene, role_command("olga", "o1", "alice", ROLE_ADMIN)); /* an admin too, and as old; the first by name is adam */
	accepts(scene, leaves("olga", "o2"));
	assert_int_equal(last_pending(scene->chat)->transaction_count, 2);
	assert_int_equal(pending_at(scene, 0)->type, TX_ROLE_CHANGED);
	assert_string_equal(pending_at(scene, 0)->body.text, "{\"userID\":\"adam\",\"role\":\"owner\"}");
	assert_null(pending_at(scene, 0)->key);
	assert_int_equal(pending_at(scene, 1)->type, TX_MEMBER_REMOVED);
	assert_string_equal(pending_at(scene, 1)->key, "o2");
	commit_pending(scene->chat);
	expect_roles(scene, ROLE_NONE, ROLE_OWNER, ROLE_ADMIN, ROLE_MEMBER);
	repeats(scene, leaves("olga", "o2"), 4);
	scene_free(scene);
}

static void test_the_eldest_admin_is_who_has_been_a_member_the_longest(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	does(scene, group_command(COMMAND_REMOVE, "olga", "o1", "adam"));
	does(scene, role_command("olga", "o2", "bob", ROLE_ADMIN));
	does(scene, reaching(group_command(COMMAND_ADD, "olga", "o3", "adam"))); /* anew */
	does(scene, role_command("olga", "o4", "adam", ROLE_ADMIN));
	does(scene, leaves("olga", "o5"));
	expect_roles(scene, ROLE_NONE, ROLE_ADMIN, ROLE_MEMBER, ROLE_OWNER);
	scene_free(scene);
}

static void test_without_an_admin_the_eldest_member_follows(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	does(scene, leaves("adam", "d1"));
	does(scene, leaves("alice", "a1"));
	does(scene, reaching(group_command(COMMAND_ADD, "olga", "o1", "alice")));
	does(scene, leaves("olga", "o2"));
	expect_roles(scene, ROLE_NONE, ROLE_NONE, ROLE_MEMBER, ROLE_OWNER);
	scene_free(scene);
}

static void test_where_there_is_another_owner_nobody_follows(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	does(scene, role_command("olga", "o1", "bob", ROLE_OWNER));
	does(scene, leaves("olga", "o2"));
	expect_roles(scene, ROLE_NONE, ROLE_ADMIN, ROLE_MEMBER, ROLE_OWNER);
	scene_free(scene);
}

static void test_with_the_last_member_the_group_ends(void **state)
{
	(void)state;
	struct scene *scene = scene_new(chat_new("chat"));
	does(scene, name_command(COMMAND_CREATE_GROUP, "olga", "o1", "notes"));
	accepts(scene, leaves("olga", "o2"));
	assert_int_equal(pending_at(scene, 0)->type, TX_MEMBER_REMOVED);
	assert_null(pending_at(scene, 0)->key);
	assert_int_equal(pending_at(scene, 1)->type, TX_GROUP_DELETED);
	assert_string_equal(pending_at(scene, 1)->key, "o2");
	commit_pending(scene->chat);
	assert_true(scene->chat->ended);
	repeats(scene, leaves("olga", "o2"), 4);
	scene_free(scene);
}

static void test_the_last_owner_cannot_step_down(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	refuses(scene, role_command("olga", "o1", "olga", ROLE_MEMBER), REFUSAL_FORBIDDEN);
	does(scene, role_command("olga", "o2", "adam", ROLE_OWNER));
	does(scene, role_command("olga", "o3", "olga", ROLE_MEMBER));
	expect_roles(scene, ROLE_MEMBER, ROLE_OWNER, ROLE_MEMBER, ROLE_MEMBER);
	scene_free(scene);
}

/* ---- accounts that end ---- */

static void test_who_closes_his_account_is_said_to_be_deleted(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	does(scene, closes_account("bob", "b1"));
	assert_string_equal(chat_recent(scene->chat, 2)->body.text, "{\"userID\":\"bob\",\"deleted\":true}");
	repeats(scene, closes_account("bob", "b1"), 2);
	repeats(scene, closes_account("bob", "b2"), 0);
	does(scene, closes_account("olga", "o1"));
	expect_roles(scene, ROLE_NONE, ROLE_OWNER, ROLE_MEMBER, ROLE_NONE);
	scene_free(scene);
}

static void test_who_left_before_is_forgotten_when_his_account_ends(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	does(scene, leaves("bob", "b1"));         /* 2 */
	does(scene, closes_account("bob", "b2")); /* 3 */
	assert_string_equal(chat_recent(scene->chat, 3)->body.text, "{\"userID\":\"bob\",\"deleted\":true}");
	assert_int_equal(chat_member(scene->chat, "bob")->interval_count, 0);
	repeats(scene, closes_account("bob", "b3"), 0);
	does(scene, leaves("alice", "a1"));
	does(scene, leaves("adam", "d1"));
	assert_int_equal(scene->chat->current_members, 1);
	does(scene, closes_account("alice", "a2")); /* the group goes on */
	assert_false(scene->chat->ended);
	scene_free(scene);
}

static void test_where_he_never_was_there_is_nothing_to_close(void **state)
{
	(void)state;
	struct scene *nowhere = scene_new(chat_new("chat")), *elsewhere = scene_new(group());
	repeats(nowhere, closes_account("carol", "c1"), 0);
	repeats(elsewhere, closes_account("carol", "c1"), 0);
	scene_free(nowhere);
	scene_free(elsewhere);
}

static void test_a_pair_lives_on_when_an_account_ends(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	does(scene, closes_account("bob", "b1")); /* 2 */
	assert_true(scene->chat->pair);
	assert_false(scene->chat->ended);
	assert_false(chat_member(scene->chat, "alice")->reaches_peer);
	refuses(scene, send_command("bob", "b2", "hi"), REFUSAL_FORBIDDEN);
	refuses(scene, unreachable(send_command("alice", "a1", "hi")), REFUSAL_FORBIDDEN); /* he does not exist */
	does(scene, closes_account("alice", "a2"));                                        /* 3 */
	assert_false(scene->chat->ended);
	scene_free(scene);
}

static void test_who_comes_back_with_a_new_account_joins_the_pair_again(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	does(scene, closes_account("bob", "b1")); /* 2 */
	needs(scene, send_to("bob", "alice", "b2", "me again"), DECISION_NEEDS_REACH);
	accepts(scene, reaching(send_to("bob", "alice", "b2", "me again")));
	assert_int_equal(last_pending(scene->chat)->transaction_count, 2);
	assert_string_equal(pending_at(scene, 0)->body.text, "{\"members\":[{\"userID\":\"bob\",\"role\":\"member\"}]}");
	assert_string_equal(pending_at(scene, 1)->key, "b2");
	commit_pending(scene->chat); /* 4 */
	assert_int_equal(scene->begin_asked, 0);
	assert_int_equal(scene->chat->current_members, 2);
	does(scene, closes_account("bob", "b3"));                         /* 5 */
	does(scene, reaching(send_command("alice", "a1", "and again?"))); /* 6, 7 */
	assert_int_equal(scene->chat->current_members, 2);
	scene_free(scene);
}

static void test_a_pair_of_whom_both_went_begins_again(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	does(scene, closes_account("bob", "b1"));
	does(scene, closes_account("alice", "a1"));
	does(scene, reaching(create_with("alice", "bob", "a2")));
	assert_int_equal(scene->chat->current_members, 2);
	assert_string_equal(chat_recent(scene->chat, 4)->key, "a2");
	scene_free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_who_creates_a_group_owns_it),
		cmocka_unit_test(test_a_group_of_two_is_no_pair),
		cmocka_unit_test(test_one_can_be_alone_in_a_group),
		cmocka_unit_test(test_creating_a_group_again_is_a_repetition),
		cmocka_unit_test(test_what_is_updated_is_known),
		cmocka_unit_test(test_after_the_end_only_accounts_are_closed),
		cmocka_unit_test(test_newcomers_are_added_in_one_transaction),
		cmocka_unit_test(test_200_are_added_at_once),
		cmocka_unit_test(test_whoever_is_a_member_already_needs_nothing),
		cmocka_unit_test(test_what_was_done_is_repeated_although_it_would_be_done_again),
		cmocka_unit_test(test_before_it_is_said_that_nothing_is_needed_the_key_is_looked_up),
		cmocka_unit_test(test_behind_a_change_of_members_all_waits),
		cmocka_unit_test(test_if_the_change_comes_to_nothing_he_may_still_write),
		cmocka_unit_test(test_what_is_written_before_a_removal_stays_before_it),
		cmocka_unit_test(test_whoever_leaves_is_gone),
		cmocka_unit_test(test_nobody_comes_and_goes_for_ever),
		cmocka_unit_test(test_when_the_last_owner_leaves_an_admin_follows),
		cmocka_unit_test(test_the_eldest_admin_is_who_has_been_a_member_the_longest),
		cmocka_unit_test(test_without_an_admin_the_eldest_member_follows),
		cmocka_unit_test(test_where_there_is_another_owner_nobody_follows),
		cmocka_unit_test(test_with_the_last_member_the_group_ends),
		cmocka_unit_test(test_the_last_owner_cannot_step_down),
		cmocka_unit_test(test_who_closes_his_account_is_said_to_be_deleted),
		cmocka_unit_test(test_who_left_before_is_forgotten_when_his_account_ends),
		cmocka_unit_test(test_where_he_never_was_there_is_nothing_to_close),
		cmocka_unit_test(test_a_pair_lives_on_when_an_account_ends),
		cmocka_unit_test(test_who_comes_back_with_a_new_account_joins_the_pair_again),
		cmocka_unit_test(test_a_pair_of_whom_both_went_begins_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
