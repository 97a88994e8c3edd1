/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Whom one can reach: blocks and accounts that are not there look the same, and are found out by the same questions. */
#include "decide_kit.h"

/* alice and bob of whom it is not known whether they reach each other. */
static struct chat *strangers_pair(void)
{
	struct chat *chat = alice_and_bob();
	chat_forget_reach(chat);
	return chat;
}

static void expect_reach(struct chat *chat, struct command *command, size_t count, const char *first, bool both_expected)
{
	const char **user_ids;
	bool both;
	assert_int_equal(chat_reach(chat, command, &user_ids, &both), count);
	assert_string_equal(user_ids[0], first);
	assert_int_equal(both, both_expected);
	free(user_ids);
	command_free(command);
}

static void test_in_a_pair_it_is_asked_once_while_the_answer_is_yes(void **state)
{
	(void)state;
	struct scene *scene = scene_new(strangers_pair());
	needs(scene, send_command("alice", "a1", "hi"), DECISION_NEEDS_REACH);
	accepts(scene, reaching(send_command("alice", "a1", "hi")));
	accepts(scene, send_to("alice", "bob", "a2", "hi"));
	needs(scene, send_command("bob", "b1", "ho"), DECISION_NEEDS_REACH); /* alice's account may have ended */
	scene_free(scene);
}

static void test_a_no_is_asked_for_each_time(void **state)
{
	(void)state;
	struct scene *scene = scene_new(strangers_pair());
	refuses(scene, unreachable(send_command("alice", "a1", "hi")), REFUSAL_FORBIDDEN);
	needs(scene, send_command("alice", "a2", "hi"), DECISION_NEEDS_REACH);
	needs(scene, send_command("bob", "b1", "hi"), DECISION_NEEDS_REACH);
	scene_free(scene);
}

static void test_sending_creating_and_editing_reach_the_other_one(void **state)
{
	(void)state;
	struct scene *scene = scene_new(strangers_pair());
	log_message(scene->chat, "alice", NULL, "hi"); /* 2 */
	needs(scene, edit_command("alice", "a1", 2, "ho"), DECISION_NEEDS_REACH);
	needs(scene, create_with("alice", "bob", "a2"), DECISION_NEEDS_REACH);
	expect_reach(scene->chat, edit_command("alice", "a1", 2, "ho"), 1, "bob", true);
	expect_reach(scene->chat, send_command("bob", "b1", "ho"), 1, "alice", true);
	scene_free(scene);
}

static void test_deleting_reaches_nobody(void **state)
{
	(void)state;
	struct scene *scene = scene_new(strangers_pair());
	log_message(scene->chat, "alice", NULL, "hi"); /* 2 */
	accepts(scene, delete_command("alice", "a1", 2));
	scene_free(scene);
}

static void test_a_beginning_reaches_who_is_addressed(void **state)
{
	(void)state;
	struct scene *scene = scene_new(chat_new("chat"));
	expect_reach(scene->chat, send_to("alice", "bob", "a1", "hi"), 1, "bob", true);
	refuses(scene, unreachable(send_to("alice", "bob", "a1", "hi")), REFUSAL_FORBIDDEN);
	scene_free(scene);
}

static void test_adding_reaches_only_who_is_no_member(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	struct command *command = group_command(COMMAND_ADD, "adam", "d1", "bob");
	command_add_user(command, "carol");
	needs(scene, group_command(COMMAND_ADD, "adam", "d1", "carol"), DECISION_NEEDS_REACH);
	expect_reach(scene->chat, command, 1, "carol", false); /* whom one has blocked, one may add */
	refuses(scene, unreachable(group_command(COMMAND_ADD, "adam", "d1", "carol")), REFUSAL_FORBIDDEN);
	scene_free(scene);
}

static void test_in_a_group_writing_reaches_whoever_is_there(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	accepts(scene, send_command("alice", "a1", "hi"));
	accepts(scene, edit_command("alice", "a2", 2, "ho"));
	scene_free(scene);
}

static void test_who_may_not_add_is_not_told_who_can_be_reached(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	refuses(scene, group_command(COMMAND_ADD, "alice", "a1", "carol"), REFUSAL_FORBIDDEN); /* without a question */
	scene_free(scene);
}

static void test_an_unreachable_one_is_refused_like_a_stranger(void **state)
{
	(void)state;
	struct scene *scene = scene_new(strangers_pair());
	refuses(scene, unreachable(send_command("alice", "a1", "hi")), REFUSAL_FORBIDDEN);
	struct verdict blocked = scene->verdict;
	refuses(scene, send_command("carol", "c1", "hi"), REFUSAL_FORBIDDEN);
	assert_string_equal(scene->verdict.message, blocked.message);
	scene_free(scene);
}

/* A probe cannot tell by time whether a chat is there. */
static void test_a_stranger_costs_the_same_question_whether_there_is_a_chat_or_not(void **state)
{
	(void)state;
	struct scene *nothing = scene_new(chat_new("chat")), *foreign = scene_new(group());
	needs(nothing, send_command("carol", "c1", "hi"), DECISION_NEEDS_KEY);
	needs(foreign, send_command("carol", "c1", "hi"), DECISION_NEEDS_KEY);
	needs(nothing, delete_command("carol", "c1", 1), DECISION_NEEDS_KEY);
	needs(foreign, delete_command("carol", "c1", 1), DECISION_NEEDS_KEY);
	scene_free(nothing);
	scene_free(foreign);
}

/* Else "too many" would say of somebody that he is there, and guessing would be free. */
static void test_the_limit_on_new_chats_does_not_hang_on_whether_the_other_one_is_there(void **state)
{
	(void)state;
	struct scene *scene = scene_new(chat_new("chat"));
	refuses(scene, unreachable(send_to("alice", "nobody", "a1", "hi")), REFUSAL_FORBIDDEN);
	assert_int_equal(scene->begin_asked, 1);
	scene->may_begin = false;
	refuses(scene, send_to("alice", "nobody", "a2", "hi"), REFUSAL_RATE_LIMITED); /* before anything is asked */
	refuses(scene, send_to("alice", "bob", "a3", "hi"), REFUSAL_RATE_LIMITED);
	scene_free(scene);
}

static void test_what_was_sent_before_a_block_is_still_a_repetition(void **state)
{
	(void)state;
	struct scene *scene = scene_new(strangers_pair());
	log_message(scene->chat, "alice", "a1", "hi");
	repeats(scene, unreachable(send_command("alice", "a1", "hi")), 2);
	scene_free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_a_pair_it_is_asked_once_while_the_answer_is_yes),
		cmocka_unit_test(test_a_no_is_asked_for_each_time),
		cmocka_unit_test(test_sending_creating_and_editing_reach_the_other_one),
		cmocka_unit_test(test_deleting_reaches_nobody),
		cmocka_unit_test(test_a_beginning_reaches_who_is_addressed),
		cmocka_unit_test(test_adding_reaches_only_who_is_no_member),
		cmocka_unit_test(test_in_a_group_writing_reaches_whoever_is_there),
		cmocka_unit_test(test_who_may_not_add_is_not_told_who_can_be_reached),
		cmocka_unit_test(test_an_unreachable_one_is_refused_like_a_stranger),
		cmocka_unit_test(test_a_stranger_costs_the_same_question_whether_there_is_a_chat_or_not),
		cmocka_unit_test(test_the_limit_on_new_chats_does_not_hang_on_whether_the_other_one_is_there),
		cmocka_unit_test(test_what_was_sent_before_a_block_is_still_a_repetition),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
