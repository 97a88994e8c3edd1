/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The core and what people do besides writing: they edit, delete, leave, block, and are forgotten. */
#include "core_kit.h"

/* ---- stories: what is known of a message ---- */

static void test_a_repeated_edit_is_answered_before_its_message_is_looked_for(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct command *same = edit_command("alice", "a1", 2, "better");
	issue(scene, edit_command("alice", "a1", 2, "better"));
	loads(scene, 3);
	message_is(scene, NULL); /* gone with its account, say */
	happened(scene, "load chat, message 2?, key alice/a1?");
	key_is(scene, same, 3);
	happened(scene, "a1 was 3");
	command_free(same);
	scene_free(scene);
}

static void test_an_edit_that_is_not_shown_yet_is_fetched(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_chat(4);
	issue(scene, reply_command("bob", "b1", "yes", 2));
	loads(scene, 3);
	message_is(scene, &(struct message_state){.message = chat_recent(stored, 2), .edit = chat_recent(stored, 4)});
	happened(scene, "load chat, message 2?, log from 4?"); /* as another broker wrote it, for all that is known */
	log_arrives(scene, stored, 4, false);
	happened(scene, "show 4, message 2?");
	message_is(scene, &(struct message_state){.message = chat_recent(stored, 2), .edit = chat_recent(stored, 4)});
	happened(scene, "append 5-5");
	assert_int_equal(scene->sent[0]->quote_revision, 4);
	chat_free(stored);
	scene_free(scene);
}

static void test_a_text_that_was_erased_while_it_was_read_is_read_again(void **state)
{
	(void)state;
	struct scene *scene = scene_new(0);
	struct chat *stored = stored_chat(3);
	issue(scene, reply_command("bob", "b1", "yes", 2));
	loads_record(scene, stored);
	core_forget_texts(scene->core, "chat");
	message_is(scene, &(struct message_state){.message = chat_recent(stored, 2)});
	happened(scene, "load chat, message 2?, message 2?");
	struct transaction *erased = transaction_erased(chat_recent(stored, 2), true, true);
	message_is(scene, &(struct message_state){.message = erased});
	key_is(scene, NULL, 0);
	happened(scene, "key bob/b1?, b1 refused: gone");
	transaction_free(erased);
	chat_free(stored);
	scene_free(scene);
}

static void test_texts_are_forgotten_with_the_store(void **state)
{
	(void)state;
	struct scene *scene = scene_with_chat(3);
	core_forget_texts(scene->core, "elsewhere");
	core_forget_texts(scene->core, "chat");
	issue(scene, reply_command("bob", "b1", "yes", 3));
	happened(scene, "message 3?");
	scene_free(scene);
}

/* ---- stories: members come and go ---- */

static void test_behind_a_removal_commands_wait_for_its_commit(void **state)
{
	(void)state;
	struct scene *scene = group_scene();
	issue(scene, group_command(COMMAND_REMOVE, "olga", "o1", "bob"));
	say(scene, "bob", "b1");
	say(scene, "olga", "o2");
	happened(scene, "append 2-2");
	appended(scene, APPEND_OK);
	happened(scene, "show 2, o1 is 2, key bob/b1?");
	key_is(scene, NULL, 0);
	happened(scene, "b1 refused: forbidden, append 3-3");
	scene_free(scene);
}

static void test_after_a_conflict_another_decision_may_follow(void **state)
{
	(void)state;
	struct scene *scene = group_scene();
	struct chat *stored = stored_group();
	issue(scene, group_command(COMMAND_REMOVE, "olga", "o1", "bob"));
	happened(scene, "append 2-2");
	appended(scene, APPEND_CONFLICT);
	log_add(stored, TX_MEMBER_REMOVED, "bob", "x", "{\"userID\":\"bob\"}"); /* he left, at another broker */
	log_arrives(scene, stored, 2, false);
	happened(scene, "log from 2?, show 2, key olga/o1?");
	key_is(scene, NULL, 0);
	happened(scene, "o1 refused: forbidden");
	chat_free(stored);
	scene_free(scene);
}

static void test_what_two_transactions_did_is_found_by_the_last_ones_key(void **state)
{
	(void)state;
	struct scene *scene = group_scene();
	struct command *same = group_command(COMMAND_REMOVE, "olga", "o1", "olga");
	say(scene, "bob", "b1");
	issue(scene, group_command(COMMAND_REMOVE, "olga", "o1", "olga"));
	happened(scene, "append 2-4"); /* bob follows her */
	append_finds_key(scene, 2, 9);
	happened(scene, "key olga/o1?, append 2-2");
	key_is(scene, same, 9);
	happened(scene, "o1 was 9");
	appended(scene, APPEND_OK);
	happened(scene, "show 2, b1 is 2, log from 3?"); /* where 9 is */
	command_free(same);
	scene_free(scene);
}

/* ---- stories: reach ---- */

static void test_one_question_opens_a_pair_for_its_sender(void **state)
{
	(void)state;
	struct scene *scene = pair_scene();
	say(scene, "alice", "a2");
	say(scene, "bob", "b1");
	happened(scene, "bob reaches and is reached by alice?, append 4-4");
	core_users_checked(scene->core, "chat", STORE_OK, scene->now_ms);
	appended(scene, APPEND_OK);
	happened(scene, "show 4, a2 is 4, append 5-5");
	scene_free(scene);
}

static void test_a_block_is_noticed_by_the_next_command(void **state)
{
	(void)state;
	struct scene *scene = pair_scene();
	core_reach_changed(scene->core, "elsewhere");
	core_reach_changed(scene->core, "chat");
	say(scene, "alice", "a2");
	happened(scene, "alice reaches and is reached by bob?");
	core_users_checked(scene->core, "chat", STORE_NOT_FOUND, scene->now_ms);
	key_is(scene, NULL, 0);
	happened(scene, "key alice/a2?, a2 refused: forbidden");
	scene_free(scene);
}

static void test_a_block_while_it_is_asked_is_asked_again(void **state)
{
	(void)state;
	struct scene *scene = pair_scene();
	say(scene, "bob", "b1");
	core_reach_changed(scene->core, "chat");
	core_users_checked(scene->core, "chat", STORE_OK, scene->now_ms); /* as it was before */
	happened(scene, "bob reaches and is reached by alice?, bob reaches and is reached by alice?");
	core_users_checked(scene->core, "chat", STORE_UNAVAILABLE, scene->now_ms);
	time_passes(scene, 20);
	core_users_checked(scene->core, "chat", STORE_OK, scene->now_ms);
	happened(scene, "bob reaches and is reached by alice?, append 4-4");
	scene_free(scene);
}

static void test_what_was_sent_before_a_block_is_decided_again_with_it_after_a_conflict(void **state)
{
	(void)state;
	struct scene *scene = pair_scene();
	struct transaction *theirs = next_transaction(scene->shown, TX_MESSAGE, "bob", "b1", "meanwhile");
	say(scene, "alice", "a2");
	happened(scene, "append 4-4");
	core_reach_changed(scene->core, "chat");
	appended(scene, APPEND_CONFLICT);
	core_page_read(scene->core, "chat", STORE_OK, &(struct page){.transactions = &theirs, .count = 1}, scene->now_ms);
	happened(scene, "log from 4?, show 4, alice reaches and is reached by bob?");
	transaction_free(theirs);
	scene_free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_repeated_edit_is_answered_before_its_message_is_looked_for),
		cmocka_unit_test(test_an_edit_that_is_not_shown_yet_is_fetched),
		cmocka_unit_test(test_a_text_that_was_erased_while_it_was_read_is_read_again),
		cmocka_unit_test(test_texts_are_forgotten_with_the_store),
		cmocka_unit_test(test_behind_a_removal_commands_wait_for_its_commit),
		cmocka_unit_test(test_after_a_conflict_another_decision_may_follow),
		cmocka_unit_test(test_what_two_transactions_did_is_found_by_the_last_ones_key),
		cmocka_unit_test(test_one_question_opens_a_pair_for_its_sender),
		cmocka_unit_test(test_a_block_is_noticed_by_the_next_command),
		cmocka_unit_test(test_a_block_while_it_is_asked_is_asked_again),
		cmocka_unit_test(test_what_was_sent_before_a_block_is_decided_again_with_it_after_a_conflict),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
