/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The core's plain way: commands, appends, visits, and what stays in memory. */
#include "core_kit.h"

/* ---- stories: the plain way ---- */

static void test_a_command_waits_for_its_chat(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	say(scene, "alice", "a1");
	say(scene, "bob", "b1");
	happened(scene, "load chat");
	loads(scene, 1);
	happened(scene, "append 2-3");
	assert_int_equal(core_command_count(scene->core), 2);
	appended(scene, APPEND_OK);
	happened(scene, "show 2, a1 is 2, show 3, b1 is 3");
	assert_int_equal(core_command_count(scene->core), 0);
	scene_free(scene);
}

static void test_what_a_round_brings_is_one_append(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(2);
	say(scene, "alice", "a1");
	say(scene, "bob", "b1");
	say(scene, "alice", "a2");
	assert_int_equal(scene->happened.len, 0);
	core_flush(scene->core);
	happened(scene, "append 3-5");
	core_flush(scene->core);
	happened(scene, "");
	scene_free(scene);
}

static void test_one_append_is_under_way_at_a_time(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(2);
	say(scene, "alice", "a1");
	happened(scene, "append 3-3");
	say(scene, "alice", "a2");
	say(scene, "bob", "b1");
	happened(scene, "");
	appended(scene, APPEND_OK);
	happened(scene, "show 3, a1 is 3, append 4-5");
	appended(scene, APPEND_OK);
	happened(scene, "show 4, a2 is 4, show 5, b1 is 5");
	scene_free(scene);
}

static void test_the_first_message_asks_for_the_other_one(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	issue(scene, send_to("alice", "bob", "a1", "hi"));
	core_chat_loaded(scene->core, "chat", STORE_NOT_FOUND, NULL, scene->now_ms);
	happened(scene, "load chat, alice reaches and is reached by bob?");
	core_users_checked(scene->core, "chat", STORE_OK, scene->now_ms);
	happened(scene, "append 1-2");
	appended(scene, APPEND_OK);
	happened(scene, "show 1, show 2, a1 is 2");
	scene_free(scene);
}

static void test_nobody_writes_to_who_does_not_exist(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	issue(scene, send_to("alice", "nobody", "a1", "hi"));
	core_chat_loaded(scene->core, "chat", STORE_NOT_FOUND, NULL, scene->now_ms);
	core_users_checked(scene->core, "chat", STORE_NOT_FOUND, scene->now_ms);
	happened(scene, "load chat, alice reaches and is reached by nobody?, key alice/a1?");
	key_is(scene, NULL, 0);
	happened(scene, "a1 refused: forbidden");
	assert_null(core_peek(scene->core, "chat"));
	scene_free(scene);
}

static void test_who_waits_for_an_answer_holds_up_his_chat_only(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	issue(scene, send_to("alice", "bob", "a1", "hi"));
	core_chat_loaded(scene->core, "chat", STORE_NOT_FOUND, NULL, scene->now_ms);
	issue(scene, send_to("bob", "alice", "b1", "hi"));
	struct command *elsewhere = send_to("alice", "carol", "a2", "hi");
	free(elsewhere->chat_id);
	elsewhere->chat_id = mem_text("another");
	issue(scene, elsewhere);
	happened(scene, "load chat, alice reaches and is reached by bob?, load another");
	core_chat_loaded(scene->core, "another", STORE_NOT_FOUND, NULL, scene->now_ms);
	core_users_checked(scene->core, "another", STORE_OK, scene->now_ms);
	happened(scene, "alice reaches and is reached by carol?, append 1-2");
	scene_free(scene);
}

static void test_a_quote_is_read_from_the_store(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_chat(3);
	issue(scene, reply_command("bob", "b1", "yes", 2));
	loads_record(scene, stored);
	happened(scene, "load chat, message 2?");
	message_is(scene, &(struct message_state){.message = chat_recent(stored, 2)});
	happened(scene, "append 4-4");
	assert_string_equal(scene->sent[0]->quote.text, "theirs");
	chat_free(stored);
	scene_free(scene);
}

static void test_a_quote_that_is_not_there_refuses_the_reply(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	issue(scene, reply_command("bob", "b1", "yes", 2));
	loads(scene, 3);
	message_is(scene, NULL);
	happened(scene, "load chat, message 2?, key bob/b1?");
	key_is(scene, NULL, 0);
	happened(scene, "b1 refused: forbidden");
	scene_free(scene);
}

/* ---- stories: calls from inside ---- */

static void test_an_answer_may_bring_the_next_command(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(2);
	say(scene, "alice", "a1");
	happened(scene, "append 3-3");
	say(scene, "alice", "a2");
	say(scene, "alice", "a3");
	appended(scene, APPEND_OK);
	happened(scene, "show 3, a1 is 3, append 4-5");
	scene->next = send_command("bob", "b1", "hi");
	appended(scene, APPEND_OK);
	happened(scene, "show 4, a2 is 4, show 5, a3 is 5, append 6-6");
	scene->next = send_command("alice", "a1", "hi");
	appended(scene, APPEND_OK);
	happened(scene, "show 6, b1 is 6, a1 was 3");
	scene_free(scene);
}

/* ---- visits ---- */

static void test_a_visit_comes_after_what_came_before(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	issue(scene, reply_command("bob", "b1", "yes", 2));
	visit(scene);
	loads(scene, 2);
	happened(scene, "load chat, message 2?");
	message_is(scene, NULL);
	key_is(scene, NULL, 0);
	happened(scene, "key bob/b1?, b1 refused: forbidden, visit 2");
	visit(scene);
	happened(scene, "visit 2"); /* at once */
	scene_free(scene);
}

static void test_settling_waits_for_the_commit_and_all_behind_it_waits_too(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(2);
	say(scene, "alice", "a1");
	core_settle(scene->core, "chat", on_visit, scene, scene->now_ms);
	say(scene, "bob", "b1");
	visit(scene);
	happened(scene, "append 3-3");
	appended(scene, APPEND_OK);
	happened(scene, "show 3, a1 is 3, visit 3, visit 3, append 4-4");
	appended(scene, APPEND_OK);
	core_settle(scene->core, "chat", on_visit, scene, scene->now_ms);
	happened(scene, "show 4, b1 is 4, visit 4"); /* at once */
	scene_free(scene);
}

static void test_a_visit_of_nothing(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	visit(scene);
	core_chat_loaded(scene->core, "chat", STORE_NOT_FOUND, NULL, scene->now_ms);
	happened(scene, "load chat, visit 0");
	scene_free(scene);
}

static void test_visitors_do_not_wait_for_a_store_that_is_down(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	say(scene, "alice", "a1");
	visit(scene);
	load_fails(scene);
	happened(scene, "load chat, visit 0 unavailable");
	visit(scene);
	happened(scene, "visit 0 unavailable"); /* without asking again */
	time_passes(scene, 20);
	loads(scene, 1);
	happened(scene, "load chat, append 2-2"); /* the command was kept */
	scene_free(scene);
}

static void test_a_chat_that_nobody_waits_for_is_not_loaded_for_ever(void **state)
{
	(void)state;
	struct scene *scene = scene_new(100);
	visit(scene);
	load_fails(scene);
	happened(scene, "load chat, visit 0 unavailable");
	time_passes(scene, 20);
	happened(scene, "");
	assert_int_equal(core_chat_count(scene->core), 0);
	visit(scene);
	happened(scene, "load chat"); /* the next one tries anew */
	scene_free(scene);
}

static void test_the_end_tells_visitors(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	visit(scene);
	say(scene, "alice", "a1");
	happened(scene, "load chat");
	core_free(scene->core);
	scene->core = NULL;
	happened(scene, "visit 0 unavailable"); /* and answers no command: the journal has it */
	scene_free(scene);
}

/* ---- memory ---- */

static void test_idle_chats_are_let_go(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(2);
	assert_int_equal(core_chat_count(scene->core), 1);
	time_passes(scene, 59 * 1000);
	assert_int_equal(core_chat_count(scene->core), 1);
	time_passes(scene, 7 * 1000);
	assert_int_equal(core_chat_count(scene->core), 0);
	assert_null(core_peek(scene->core, "chat"));
	say(scene, "alice", "a1");
	happened(scene, "load chat");
	scene_free(scene);
}

static void test_busy_chats_are_kept(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(2);
	assert_true(chat_receive(scene->shown, "bob", 1, 0));
	core_receipts_changed(scene->core, scene->shown);
	time_passes(scene, 70 * 1000);
	assert_int_equal(core_chat_count(scene->core), 1); /* with receipts that are not stored */
	assert_int_equal(core_flush_receipts(scene->core), 1);
	say(scene, "alice", "a1");
	appended(scene, APPEND_UNKNOWN);
	time_passes(scene, 70 * 1000);
	assert_int_equal(core_chat_count(scene->core), 1); /* with something pending */
	happened(scene, "store bob received 1 read 0, append 3-3, append 3-3");
	scene_free(scene);
}

static void test_chats_within_the_limit_are_kept(void **state)
{
	(void)state;
	struct scene *scene = scene_new(1);
	visit(scene);
	loads(scene, 2);
	time_passes(scene, 1000 * 1000);
	assert_non_null(core_peek(scene->core, "chat"));
	scene_free(scene);
}

static void test_receipts_are_stored_once_for_all_their_changes(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(3);
	struct chat *chat = scene->shown;
	assert_int_equal(core_flush_receipts(scene->core), 0);
	for (uint64_t number = 1; number <= 3; number++) {
		assert_true(chat_receive(chat, "bob", number, 0));
		core_receipts_changed(scene->core, chat);
	}
	assert_true(chat_receive(chat, "alice", 0, 2));
	core_receipts_changed(scene->core, chat);
	assert_int_equal(core_flush_receipts(scene->core), 2);
	happened(scene, "store alice received 2 read 2, store bob received 3 read 0");
	assert_int_equal(core_flush_receipts(scene->core), 0);
	happened(scene, "");
	scene_free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_command_waits_for_its_chat),
		cmocka_unit_test(test_what_a_round_brings_is_one_append),
		cmocka_unit_test(test_one_append_is_under_way_at_a_time),
		cmocka_unit_test(test_the_first_message_asks_for_the_other_one),
		cmocka_unit_test(test_nobody_writes_to_who_does_not_exist),
		cmocka_unit_test(test_who_waits_for_an_answer_holds_up_his_chat_only),
		cmocka_unit_test(test_a_quote_is_read_from_the_store),
		cmocka_unit_test(test_a_quote_that_is_not_there_refuses_the_reply),
		cmocka_unit_test(test_an_answer_may_bring_the_next_command),
		cmocka_unit_test(test_a_visit_comes_after_what_came_before),
		cmocka_unit_test(test_settling_waits_for_the_commit_and_all_behind_it_waits_too),
		cmocka_unit_test(test_a_visit_of_nothing),
		cmocka_unit_test(test_visitors_do_not_wait_for_a_store_that_is_down),
		cmocka_unit_test(test_a_chat_that_nobody_waits_for_is_not_loaded_for_ever),
		cmocka_unit_test(test_the_end_tells_visitors),
		cmocka_unit_test(test_idle_chats_are_let_go),
		cmocka_unit_test(test_busy_chats_are_kept),
		cmocka_unit_test(test_chats_within_the_limit_are_kept),
		cmocka_unit_test(test_receipts_are_stored_once_for_all_their_changes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
