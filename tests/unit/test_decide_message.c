/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Edits, deletions and replies: what became of a message, as of the tip, wherever it has to be looked up. */
#include "decide_kit.h"

#include <stdio.h>

static struct scene *scene_with_message(struct chat *chat)
{
	struct scene *scene = scene_new(chat);
	log_message(scene->chat, "alice", "a1", "hi"); /* 2 */
	return scene;
}

/* A chat of which nothing is at hand: message 5 is alice's, latest is 9. */
static struct scene *loaded_scene(void)
{
	struct interval times[] = {{1, 0}};
	struct member_record members[] = {
		{.user_id = "alice", .role = ROLE_MEMBER, .interval_count = 1, .intervals = times},
		{.user_id = "bob", .role = ROLE_MEMBER, .interval_count = 1, .intervals = times},
	};
	return scene_new(chat_from_record(
		&(struct chat_record){.chat_id = "chat", .latest = 9, .head = "0123456789abcde", .member_count = 2, .members = members}));
}

static struct transaction *stored(enum transaction_type type, uint64_t number, uint64_t target, const char *body)
{
	struct transaction draft = {
		.chat_id = "chat", .number = number, .type = type, .sender_id = "alice", .writer = "w", .target = target};
	if (body != NULL)
		sealed_set(&draft.body, body, strlen(body));
	return transaction_new(&draft);
}

/* The store's answer about message 5, as of latest number `at`. */
static struct command *reads(struct command *command, uint64_t at, const char *edit, bool deleted)
{
	command->message = MESSAGE_READ;
	command->found_at = at;
	command->found.message = stored(TX_MESSAGE, 5, 0, "long ago");
	command->found.edit = edit != NULL ? stored(TX_EDIT, 7, 5, edit) : NULL;
	command->found.deletion = deleted ? stored(TX_DELETE, 8, 5, NULL) : NULL;
	return command;
}

/* ---- edits ---- */

static void test_the_sender_edits_his_message(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(alice_and_bob());
	accepts(scene, edit_command("alice", "a2", 2, "ho"));
	const struct transaction *tx = last_transaction(scene->chat);
	assert_int_equal(tx->type, TX_EDIT);
	assert_int_equal(tx->target, 2);
	assert_string_equal(tx->body.text, "ho");
	assert_string_equal(tx->key, "a2");
	assert_false(tx->quote.present);
	scene_free(scene);
}

static void test_nobody_edits_what_others_wrote(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(group());
	refuses(scene, edit_command("bob", "b1", 2, "ho"), REFUSAL_FORBIDDEN);
	refuses(scene, edit_command("olga", "o1", 2, "ho"), REFUSAL_FORBIDDEN);
	scene_free(scene);
}

static void test_what_is_no_message_is_like_what_is_not_there(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(alice_and_bob());
	does(scene, edit_command("alice", "a2", 2, "ho")); /* 3 */
	refuses(scene, edit_command("alice", "a3", 99, "x"), REFUSAL_FORBIDDEN);
	struct verdict missing = scene->verdict;
	refuses(scene, edit_command("alice", "a3", 1, "x"), REFUSAL_FORBIDDEN);
	assert_string_equal(scene->verdict.message, missing.message);
	refuses(scene, edit_command("alice", "a3", 3, "x"), REFUSAL_FORBIDDEN);
	refuses(scene, edit_command("bob", "b1", 2, "x"), REFUSAL_FORBIDDEN);
	assert_string_equal(scene->verdict.message, missing.message);
	scene_free(scene);
}

static void test_who_left_edits_and_deletes_nothing(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(group());
	does(scene, group_command(COMMAND_REMOVE, "olga", "o1", "alice"));
	refuses(scene, edit_command("alice", "a2", 2, "ho"), REFUSAL_FORBIDDEN);
	refuses(scene, delete_command("alice", "a3", 2), REFUSAL_FORBIDDEN);
	scene_free(scene);
}

static void test_edits_follow_each_other(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(alice_and_bob());
	accepts(scene, edit_command("alice", "a2", 2, "one"));
	accepts(scene, edit_command("alice", "a3", 2, "two"));
	commit_pending(scene->chat);
	accepts(scene, edit_command("alice", "a4", 2, "three"));
	commit_pending(scene->chat);
	assert_int_equal(scene->chat->latest, 5);
	scene_free(scene);
}

static void test_an_edit_is_repeated_like_a_message(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(alice_and_bob());
	does(scene, edit_command("alice", "a2", 2, "ho"));
	repeats(scene, edit_command("alice", "a2", 2, "ho"), 3);
	refuses(scene, edit_command("alice", "a2", 2, "other"), REFUSAL_ID_REUSED);
	refuses(scene, delete_command("alice", "a2", 2), REFUSAL_ID_REUSED);
	does(scene, delete_command("alice", "a3", 2));
	repeats(scene, delete_command("alice", "a3", 2), 4);
	repeats(scene, edit_command("alice", "a2", 2, "ho"), 3);
	repeats(scene, edit_command("alice", "a2", 2, "other"), 3); /* with the text it was erased what it was */
	scene_free(scene);
}

/* ---- deletions ---- */

static void test_a_deletion_leaves_a_tombstone_without_text(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(alice_and_bob());
	does(scene, edit_command("alice", "a2", 2, "ho"));     /* 3 */
	does(scene, reply_command("bob", "b1", "yes", 2));     /* 4 */
	does(scene, delete_command("alice", "a3", 2));         /* 5 */
	const struct transaction *tx = chat_recent(scene->chat, 5);
	assert_int_equal(tx->type, TX_DELETE);
	assert_int_equal(tx->target, 2);
	assert_false(tx->body.present);
	assert_true(chat_recent(scene->chat, 2)->body.erased);
	assert_true(chat_recent(scene->chat, 3)->body.erased);
	assert_true(chat_recent(scene->chat, 4)->quote.erased);
	assert_string_equal(chat_recent(scene->chat, 4)->body.text, "yes");
	scene_free(scene);
}

static void test_a_deletion_may_keep_the_quotes(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(alice_and_bob());
	does(scene, reply_command("bob", "b1", "yes", 2)); /* 3 */
	struct command *command = delete_command("alice", "a2", 2);
	command->keep_quotes = true;
	command_hash(command);
	does(scene, command);
	assert_true(transaction_keeps_quotes(chat_recent(scene->chat, 4)));
	assert_true(chat_recent(scene->chat, 2)->body.erased);
	assert_string_equal(chat_recent(scene->chat, 3)->quote.text, "hi");
	scene_free(scene);
}

static void test_what_is_erased_needs_no_room(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(alice_and_bob());
	size_t bytes = scene->chat->recent_bytes;
	does(scene, send_command("alice", "a2", "twelve bytes"));
	does(scene, delete_command("alice", "a3", 3));
	assert_int_equal(scene->chat->recent_bytes, bytes);
	scene_free(scene);
}

static void test_delete_beats_a_late_edit(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(group());
	does(scene, delete_command("adam", "d1", 2));
	refuses(scene, edit_command("alice", "a2", 2, "late"), REFUSAL_GONE);
	refuses(scene, reply_command("bob", "b1", "yes", 2), REFUSAL_GONE);
	refuses(scene, edit_command("bob", "b2", 2, "x"), REFUSAL_FORBIDDEN); /* he might not in any case */
	scene_free(scene);
}

static void test_a_second_deletion_is_done_for_who_might_have_deleted_it(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(group());
	does(scene, delete_command("adam", "d1", 2)); /* 3 */
	repeats(scene, delete_command("adam", "d1", 2), 3);
	repeats(scene, delete_command("adam", "d2", 2), 0);
	repeats(scene, delete_command("alice", "a2", 2), 0);
	refuses(scene, delete_command("bob", "b1", 2), REFUSAL_FORBIDDEN);
	struct verdict never_there = scene->verdict;
	refuses(scene, delete_command("alice", "a3", 1), REFUSAL_FORBIDDEN); /* no message */
	assert_string_equal(scene->verdict.message, never_there.message);
	assert_int_equal(scene->chat->latest, 3);
	scene_free(scene);
}

static void test_a_second_deletion_is_not_done_by_what_is_only_pending(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(alice_and_bob());
	accepts(scene, delete_command("alice", "a2", 2));
	needs(scene, delete_command("alice", "a3", 2), DECISION_NEEDS_COMMIT);
	drop_pending(scene->chat); /* it came to nothing */
	accepts(scene, delete_command("alice", "a3", 2));
	scene_free(scene);
}

static void test_gone_is_not_said_of_what_is_only_pending(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(alice_and_bob());
	accepts(scene, delete_command("alice", "a2", 2));
	needs(scene, edit_command("alice", "a3", 2, "late"), DECISION_NEEDS_COMMIT);
	needs(scene, reply_command("bob", "b1", "yes", 2), DECISION_NEEDS_COMMIT);
	drop_pending(scene->chat); /* it came to nothing */
	accepts(scene, edit_command("alice", "a3", 2, "in time"));
	scene_free(scene);
}

static void test_what_is_pending_can_be_edited_and_deleted(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(alice_and_bob());
	accepts(scene, send_command("alice", "a2", "just now")); /* 3 */
	accepts(scene, edit_command("alice", "a3", 3, "better"));
	accepts(scene, delete_command("alice", "a4", 3));
	/* That it is alice's would be an answer that rests on what is pending. */
	needs(scene, edit_command("bob", "b1", 3, "mine"), DECISION_NEEDS_COMMIT);
	commit_pending(scene->chat);
	refuses(scene, edit_command("bob", "b1", 3, "mine"), REFUSAL_FORBIDDEN);
	assert_true(chat_recent(scene->chat, 4)->body.erased);
	scene_free(scene);
}

/* ---- replies to what was edited ---- */

static void expect_quote(const struct chat *chat, const char *text, uint64_t revision)
{
	const struct transaction *tx = last_transaction(chat);
	assert_string_equal(tx->quote.text, text);
	assert_int_equal(tx->quote_revision, revision);
}

static void test_a_reply_quotes_the_latest_text(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(alice_and_bob());
	does(scene, edit_command("alice", "a2", 2, "edited")); /* 3 */
	accepts(scene, reply_command("bob", "b1", "yes", 2));
	assert_int_equal(last_transaction(scene->chat)->target, 2);
	expect_quote(scene->chat, "edited", 3);
	commit_pending(scene->chat); /* 4 */
	accepts(scene, edit_command("alice", "a3", 2, "just now"));
	accepts(scene, reply_command("bob", "b2", "yes", 2));
	expect_quote(scene->chat, "just now", 5);
	commit_pending(scene->chat);
	assert_string_equal(chat_recent(scene->chat, 4)->quote.text, "edited"); /* as it was then */
	scene_free(scene);
}

/* ---- what is not at hand ---- */

static void test_what_is_not_at_hand_is_asked_for(void **state)
{
	(void)state;
	struct scene *scene = loaded_scene();
	needs(scene, edit_command("alice", "a1", 5, "x"), DECISION_NEEDS_MESSAGE);
	needs(scene, delete_command("alice", "a1", 5), DECISION_NEEDS_MESSAGE);
	accepts(scene, reads(edit_command("alice", "a1", 5, "x"), 9, NULL, false));
	refuses(scene, reads(edit_command("bob", "b1", 5, "x"), 9, NULL, false), REFUSAL_FORBIDDEN);
	scene_free(scene);
}

static void test_a_reply_quotes_no_edit_of_a_time_when_he_was_no_member(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(group());
	log_add(scene->chat, TX_MEMBER_REMOVED, "bob", NULL, "{\"userID\":\"bob\"}"); /* 3 */
	does(scene, edit_command("alice", "a2", 2, "he is gone"));                        /* 4 */
	log_add(scene->chat, TX_MEMBER_ADDED, "olga", NULL, "{\"members\":[{\"userID\":\"bob\",\"role\":\"member\"}]}"); /* 5 */
	accepts(scene, reply_command("bob", "b1", "what?", 2));
	expect_quote(scene->chat, "hi", 2);
	commit_pending(scene->chat);
	accepts(scene, reply_command("adam", "d1", "well", 2));
	expect_quote(scene->chat, "he is gone", 4);
	commit_pending(scene->chat);
	scene_free(scene);
}

static void test_a_number_without_a_message_is_forbidden(void **state)
{
	(void)state;
	struct scene *scene = loaded_scene();
	struct command *command = edit_command("alice", "a1", 5, "x");
	command->message = MESSAGE_MISSING;
	refuses(scene, command, REFUSAL_FORBIDDEN);
	scene_free(scene);
}

static void test_the_store_knows_edits_and_deletions(void **state)
{
	(void)state;
	struct scene *scene = loaded_scene();
	accepts(scene, reads(reply_command("bob", "b1", "yes", 5), 9, "edited long ago", false));
	expect_quote(scene->chat, "edited long ago", 7);
	refuses(scene, reads(reply_command("bob", "b2", "yes", 5), 9, NULL, true), REFUSAL_GONE);
	repeats(scene, reads(delete_command("alice", "a2", 5), 9, NULL, true), 0);
	refuses(scene, reads(delete_command("bob", "b3", 5), 9, NULL, true), REFUSAL_FORBIDDEN);
	scene_free(scene);
}

static void test_what_is_at_hand_goes_on_from_what_was_read(void **state)
{
	(void)state;
	struct scene *scene = loaded_scene();
	does(scene, reads(edit_command("alice", "a1", 5, "newer"), 9, NULL, false)); /* 10 */
	accepts(scene, reads(reply_command("bob", "b1", "yes", 5), 9, "older", false));
	expect_quote(scene->chat, "newer", 10);
	accepts(scene, reads(delete_command("alice", "a2", 5), 9, NULL, false));
	commit_pending(scene->chat);
	refuses(scene, reads(reply_command("bob", "b2", "yes", 5), 9, "older", false), REFUSAL_GONE);
	scene_free(scene);
}

static void test_what_was_read_too_long_ago_is_read_again(void **state)
{
	(void)state;
	struct scene *scene = loaded_scene();
	for (int i = 0; i < CHAT_RECENT_MAX + 1; i++)
		log_message(scene->chat, "bob", NULL, "and on"); /* 10 was an edit, for all that is known */
	needs(scene, reads(edit_command("alice", "a1", 5, "x"), 9, NULL, false), DECISION_NEEDS_MESSAGE);
	accepts(scene, reads(edit_command("alice", "a1", 5, "x"), 10, NULL, false));
	scene_free(scene);
}

static void test_forgotten_texts_are_read_again(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(alice_and_bob());
	chat_forget_texts(scene->chat);
	assert_null(chat_recent(scene->chat, 2));
	assert_int_equal(scene->chat->recent_bytes, 0);
	needs(scene, reply_command("bob", "b1", "yes", 2), DECISION_NEEDS_MESSAGE);
	accepts(scene, send_command("bob", "b2", "goes on"));
	commit_pending(scene->chat);
	assert_int_equal(chat_recent(scene->chat, 3)->number, 3);
	scene_free(scene);
}

/* An account's texts were erased: there is no TX_DELETE. */
static void test_a_text_that_was_erased_is_gone(void **state)
{
	(void)state;
	struct scene *scene = loaded_scene();
	struct command *command = reads(reply_command("bob", "b1", "yes", 5), 9, NULL, false);
	struct transaction *erased = transaction_erased(command->found.message, true, true);
	transaction_free(command->found.message);
	command->found.message = transaction_ref(erased);
	refuses(scene, command, REFUSAL_GONE);
	command = reads(delete_command("alice", "a1", 5), 9, NULL, false);
	transaction_free(command->found.message);
	command->found.message = erased;
	repeats(scene, command, 0);
	scene_free(scene);
}

static void test_a_newcomer_touches_nothing_from_before(void **state)
{
	(void)state;
	struct scene *scene = scene_with_message(group());
	does(scene, reaching(group_command(COMMAND_ADD, "olga", "o1", "carol"))); /* 3 */
	does(scene, role_command("olga", "o2", "carol", ROLE_ADMIN));
	refuses(scene, delete_command("carol", "c1", 2), REFUSAL_FORBIDDEN);
	refuses(scene, reply_command("carol", "c2", "what?", 2), REFUSAL_FORBIDDEN);
	struct command *open = group_command(COMMAND_UPDATE_GROUP, "olga", "o3", NULL);
	open->body = mem_text("{\"history\":\"all\"}");
	open->body_len = (uint32_t)strlen(open->body);
	does(scene, open);
	accepts(scene, reply_command("carol", "c3", "I see", 2));
	accepts(scene, delete_command("carol", "c4", 2));
	scene_free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_sender_edits_his_message),
		cmocka_unit_test(test_nobody_edits_what_others_wrote),
		cmocka_unit_test(test_what_is_no_message_is_like_what_is_not_there),
		cmocka_unit_test(test_who_left_edits_and_deletes_nothing),
		cmocka_unit_test(test_edits_follow_each_other),
		cmocka_unit_test(test_an_edit_is_repeated_like_a_message),
		cmocka_unit_test(test_a_deletion_leaves_a_tombstone_without_text),
		cmocka_unit_test(test_a_deletion_may_keep_the_quotes),
		cmocka_unit_test(test_what_is_erased_needs_no_room),
		cmocka_unit_test(test_delete_beats_a_late_edit),
		cmocka_unit_test(test_a_second_deletion_is_done_for_who_might_have_deleted_it),
		cmocka_unit_test(test_a_second_deletion_is_not_done_by_what_is_only_pending),
		cmocka_unit_test(test_gone_is_not_said_of_what_is_only_pending),
		cmocka_unit_test(test_what_is_pending_can_be_edited_and_deleted),
		cmocka_unit_test(test_a_reply_quotes_the_latest_text),
		cmocka_unit_test(test_what_is_not_at_hand_is_asked_for),
		cmocka_unit_test(test_a_reply_quotes_no_edit_of_a_time_when_he_was_no_member),
		cmocka_unit_test(test_a_number_without_a_message_is_forbidden),
		cmocka_unit_test(test_the_store_knows_edits_and_deletions),
		cmocka_unit_test(test_what_is_at_hand_goes_on_from_what_was_read),
		cmocka_unit_test(test_what_was_read_too_long_ago_is_read_again),
		cmocka_unit_test(test_forgotten_texts_are_read_again),
		cmocka_unit_test(test_a_text_that_was_erased_is_gone),
		cmocka_unit_test(test_a_newcomer_touches_nothing_from_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
