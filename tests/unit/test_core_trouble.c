/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The core when the store has troubles, when somebody else wrote, and when the log is another one. */
#include "core_kit.h"

/* ---- stories: the store has troubles ---- */

static void repeats_after(enum append_result trouble)
{
	struct scene *scene = scene_with_chat(2);
	say(scene, "alice", "a1");
	happened(scene, "append 3-3");
	struct transaction *first = transaction_ref(scene->sent[0]);
	appended(scene, trouble);
	say(scene, "alice", "a2"); /* is not mixed into what is repeated */
	happened(scene, "");
	time_passes(scene, 50);
	happened(scene, "append 3-3");
	assert_ptr_equal(scene->sent[0], first); /* the very same, not one like it */
	assert_int_equal(scene->sent_count, 1);
	appended(scene, APPEND_OK);
	happened(scene, "show 3, a1 is 3, append 4-4");
	transaction_free(first);
	scene_free(scene);
}

static void test_what_was_not_added_is_repeated(void **state)
{
	(void)state;
	repeats_after(APPEND_NOTHING_ADDED);
}

static void test_what_is_unknown_is_repeated_as_it_was(void **state)
{
	(void)state;
	repeats_after(APPEND_UNKNOWN);
}

static void test_pauses_grow_up_to_a_second(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(2);
	static const int pauses[] = {20, 40, 80, 160, 320, 640, 1000, 1000};
	say(scene, "alice", "a1");
	happened(scene, "append 3-3");
	for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
		appended(scene, APPEND_NOTHING_ADDED);
		assert_int_equal(core_tick(scene->core, scene->now_ms), pauses[i]);
		time_passes(scene, pauses[i] - 1);
		happened(scene, "");
		time_passes(scene, 1);
		happened(scene, "append 3-3");
	}
	appended(scene, APPEND_OK);
	happened(scene, "show 3, a1 is 3");
	assert_int_equal(core_tick(scene->core, scene->now_ms), -1);
	scene_free(scene);
}

static void test_questions_are_asked_again(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	issue(scene, send_to("alice", "bob", "a1", "hi"));
	load_fails(scene);
	time_passes(scene, 20);
	core_chat_loaded(scene->core, "chat", STORE_NOT_FOUND, NULL, scene->now_ms);
	happened(scene, "load chat, load chat, alice reaches and is reached by bob?");
	core_users_checked(scene->core, "chat", STORE_UNAVAILABLE, scene->now_ms);
	time_passes(scene, 20);
	happened(scene, "alice reaches and is reached by bob?");
	core_users_checked(scene->core, "chat", STORE_OK, scene->now_ms);
	happened(scene, "append 1-2");
	scene_free(scene);
}

static void test_a_chat_that_contradicts_itself_is_reported_once_and_its_commands_are_refused(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	say(scene, "alice", "a1");
	say(scene, "bob", "b1");
	load_finds_a_contradiction(scene);
	happened(scene, "load chat, report chat, a1 refused: unavailable, b1 refused: unavailable");
	assert_true(scene->retry_after_ms > 0);
	time_passes(scene, 100000);
	happened(scene, ""); /* nobody waits, so nothing is tried */
	scene->next = send_command("alice", "a3", "hi");
	say(scene, "alice", "a2");
	load_finds_a_contradiction(scene);
	happened(scene, "load chat, a2 refused: unavailable, load chat");
	loads(scene, 1); /* somebody has mended it */
	happened(scene, "append 2-2");
	scene_free(scene);
}

static void test_visitors_of_a_chat_that_contradicts_itself_are_told(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	visit(scene);
	load_finds_a_contradiction(scene);
	happened(scene, "load chat, report chat, visit 0 unavailable");
	visit(scene);
	load_finds_a_contradiction(scene);
	happened(scene, "load chat, visit 0 unavailable");
	scene_free(scene);
}

/* ---- stories: somebody else wrote ---- */

static void test_after_a_conflict_the_log_is_read_and_all_is_decided_anew(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_chat(4);
	say(scene, "alice", "a1");
	issue(scene, if_latest(send_command("bob", "b1", "hi"), 3));
	loads(scene, 2);
	happened(scene, "load chat, append 3-4");
	appended(scene, APPEND_CONFLICT);
	say(scene, "alice", "a2"); /* waits like the others */
	happened(scene, "log from 3?");
	log_arrives(scene, stored, 3, false);
	happened(scene, "show 3, show 4, key bob/b1?, append 5-5");
	key_is(scene, NULL, 0);
	happened(scene, "b1 refused: conflict");
	appended(scene, APPEND_OK);
	happened(scene, "show 5, a1 is 5");
	time_passes(scene, 10); /* in which the other one gets its turn */
	happened(scene, "append 6-6");
	appended(scene, APPEND_OK);
	happened(scene, "show 6, a2 is 6");
	chat_free(stored);
	scene_free(scene);
}

static void test_a_long_log_is_read_in_pages(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *three = stored_chat(3), *four = stored_chat(4);
	say(scene, "alice", "a1");
	loads(scene, 2);
	appended(scene, APPEND_CONFLICT);
	log_arrives(scene, three, 3, true);
	happened(scene, "load chat, append 3-3, log from 3?, show 3, log from 4?");
	log_arrives(scene, four, 4, false);
	happened(scene, "show 4, append 5-5");
	chat_free(three);
	chat_free(four);
	scene_free(scene);
}

static void test_a_log_that_cannot_be_seen_yet_is_read_again_later(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *behind = stored_chat(2), *stored = stored_chat(3);
	say(scene, "alice", "a1");
	loads(scene, 2);
	appended(scene, APPEND_CONFLICT);
	log_arrives(scene, behind, 3, false);
	happened(scene, "load chat, append 3-3, log from 3?");
	time_passes(scene, 20);
	log_arrives(scene, stored, 3, false);
	happened(scene, "log from 3?, show 3, append 4-4");
	chat_free(behind);
	chat_free(stored);
	scene_free(scene);
}

static void test_an_id_that_the_store_knows_is_a_repetition(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct command *same = send_command("alice", "a1", "hi");
	say(scene, "bob", "b1");
	say(scene, "alice", "a1");
	loads(scene, 3);
	happened(scene, "load chat, append 4-5");
	append_finds_key(scene, 1, 2);
	happened(scene, "key alice/a1?, append 4-4");
	key_is(scene, same, 2);
	happened(scene, "a1 was 2");
	appended(scene, APPEND_OK);
	happened(scene, "show 4, b1 is 4");
	command_free(same);
	scene_free(scene);
}

/* An append that finds a repetition adds nothing: each further one must not cost another append of all. */
static void test_of_many_repetitions_only_the_first_is_found_by_an_append(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct command *same = send_command("alice", "a1", "hi");
	say(scene, "alice", "a1");
	say(scene, "alice", "a2");
	say(scene, "bob", "b1");
	say(scene, "alice", "a3");
	loads(scene, 3);
	happened(scene, "load chat, append 4-7");
	append_finds_key(scene, 0, 1);
	key_is(scene, same, 1);
	happened(scene, "key alice/a1?, a1 was 1, key alice/a2?");
	key_is(scene, same, 2);
	happened(scene, "a2 was 2, key alice/a3?, append 4-4"); /* bob has repeated nothing */
	key_is(scene, NULL, 0);
	appended(scene, APPEND_OK);
	happened(scene, "show 4, b1 is 4, append 5-5");
	appended(scene, APPEND_OK);
	happened(scene, "show 5, a3 is 5");
	command_free(same);
	scene_free(scene);
}

static void test_a_replayed_command_asks_before_it_is_tried(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct command *same = send_command("alice", "a1", "hi"), *replayed = send_command("alice", "a1", "hi");
	replayed->replayed = true;
	issue(scene, replayed);
	loads(scene, 3);
	happened(scene, "load chat, key alice/a1?");
	key_is(scene, same, 2);
	happened(scene, "a1 was 2");
	command_free(same);
	scene_free(scene);
}

static void test_an_id_that_the_store_knows_with_another_content_is_refused(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	say(scene, "alice", "a1");
	loads(scene, 3);
	append_finds_key(scene, 0, 2);
	key_is(scene, NULL, 2);
	happened(scene, "load chat, append 4-4, key alice/a1?, a1 refused: id_reused");
	scene_free(scene);
}

/* Written by this broker before a crash and not seen when the chat was loaded, or by another broker. */
static void test_a_repetition_of_what_is_not_shown_yet_shows_it(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_chat(3);
	struct command *same = send_command("alice", "a1", "hi");
	say(scene, "alice", "a1");
	loads(scene, 2);
	append_finds_key(scene, 0, 3);
	key_is(scene, same, 3);
	happened(scene, "load chat, append 3-3, key alice/a1?, a1 was 3, log from 3?");
	log_arrives(scene, stored, 3, false);
	happened(scene, "show 3");
	command_free(same);
	chat_free(stored);
	scene_free(scene);
}

/* Told apart by their conditions, which are no content: the first two fail, the third comes through. */
static void test_repetitions_keep_their_order_through_a_conflict(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_chat(3);
	issue(scene, if_latest(send_command("alice", "a1", "hi"), 2));
	issue(scene, if_latest(send_command("alice", "a1", "hi"), 1));
	say(scene, "alice", "a1");
	say(scene, "bob", "b1");
	loads(scene, 2);
	appended(scene, APPEND_CONFLICT);
	log_arrives(scene, stored, 3, false);
	happened(scene, "load chat, append 3-4, log from 3?, show 3, key alice/a1?");
	key_is(scene, NULL, 0);
	happened(scene, "a1 refused: conflict, key alice/a1?");
	key_is(scene, NULL, 0);
	happened(scene, "a1 refused: conflict, append 4-5");
	appended(scene, APPEND_OK);
	happened(scene, "show 4, a1 is 4, show 5, b1 is 5");
	chat_free(stored);
	scene_free(scene);
}

static void test_what_was_found_out_before_the_log_grew_is_asked_again(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_chat(3);
	struct command *same = send_command("alice", "a1", "hi");
	say(scene, "bob", "b1");
	loads(scene, 2);
	issue(scene, if_latest(send_command("alice", "a1", "hi"), 0));
	happened(scene, "load chat, key alice/a1?, append 3-3");
	appended(scene, APPEND_CONFLICT);
	key_is(scene, same, 0); /* not used, when the store looked */
	happened(scene, "log from 3?");
	log_arrives(scene, stored, 3, false);
	happened(scene, "show 3, key alice/a1?, append 4-4");
	key_is(scene, same, 3);
	happened(scene, "a1 was 3");
	command_free(same);
	chat_free(stored);
	scene_free(scene);
}

/* ---- stories: the log is another one ---- */

static struct chat *other_log(void)
{
	struct chat *chat = stored_chat(2);
	log_message(chat, "bob", "x", "salted anew");
	log_message(chat, "bob", "y", "and on");
	return chat;
}

static void test_a_log_that_does_not_follow_is_loaded_anew(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(3);
	struct chat *other = other_log();
	assert_true(chat_receive(scene->shown, "bob", 3, 1));
	core_receipts_changed(scene->core, scene->shown);
	say(scene, "alice", "a1");
	appended(scene, APPEND_CONFLICT);
	happened(scene, "append 4-4, log from 4?");
	log_arrives(scene, other, 4, false);
	happened(scene, "report chat, store bob received 3 read 1, load chat"); /* receipts are not forgotten with it */
	assert_int_equal(core_flush_receipts(scene->core), 0);
	loads_record(scene, other);
	happened(scene, "append 5-5");
	chat_free(other);
	scene_free(scene);
}

static void test_a_question_survives_that_its_chat_is_loaded_anew(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(3);
	struct chat *other = other_log();
	say(scene, "alice", "a1");
	issue(scene, reply_command("bob", "b1", "yes", 1));
	issue(scene, reply_command("bob", "b2", "yes", 2));
	happened(scene, "message 1?, append 4-4");
	appended(scene, APPEND_CONFLICT);
	log_arrives(scene, other, 4, false);
	happened(scene, "log from 4?, report chat, load chat");
	core_message_read(scene->core, "chat", STORE_UNAVAILABLE, NULL, scene->now_ms);
	time_passes(scene, 20);
	happened(scene, ""); /* it is asked about the log that there is */
	loads_record(scene, other);
	happened(scene, "message 1?, append 5-5");
	message_is(scene, NULL);
	key_is(scene, NULL, 0);
	happened(scene, "key bob/b1?, b1 refused: forbidden, message 2?");
	chat_free(other);
	scene_free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_not_added_is_repeated),
		cmocka_unit_test(test_what_is_unknown_is_repeated_as_it_was),
		cmocka_unit_test(test_pauses_grow_up_to_a_second),
		cmocka_unit_test(test_questions_are_asked_again),
		cmocka_unit_test(test_a_chat_that_contradicts_itself_is_reported_once_and_its_commands_are_refused),
		cmocka_unit_test(test_visitors_of_a_chat_that_contradicts_itself_are_told),
		cmocka_unit_test(test_after_a_conflict_the_log_is_read_and_all_is_decided_anew),
		cmocka_unit_test(test_a_long_log_is_read_in_pages),
		cmocka_unit_test(test_a_log_that_cannot_be_seen_yet_is_read_again_later),
		cmocka_unit_test(test_an_id_that_the_store_knows_is_a_repetition),
		cmocka_unit_test(test_of_many_repetitions_only_the_first_is_found_by_an_append),
		cmocka_unit_test(test_a_replayed_command_asks_before_it_is_tried),
		cmocka_unit_test(test_an_id_that_the_store_knows_with_another_content_is_refused),
		cmocka_unit_test(test_a_repetition_of_what_is_not_shown_yet_shows_it),
		cmocka_unit_test(test_repetitions_keep_their_order_through_a_conflict),
		cmocka_unit_test(test_what_was_found_out_before_the_log_grew_is_asked_again),
		cmocka_unit_test(test_a_log_that_does_not_follow_is_loaded_anew),
		cmocka_unit_test(test_a_question_survives_that_its_chat_is_loaded_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
