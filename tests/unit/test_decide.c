/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Decisions, seen from the tip of a chat: who may, what is a repetition, what waits for what, and what the transactions look like. */
#include "decide_kit.h"

/* As if it had been loaded: the log is in the store, and not at hand. */
static struct chat *loaded_chat(void)
{
	struct interval times[] = {{1, 0}};
	struct member_record members[] = {
		{.user_id = "alice", .role = ROLE_MEMBER, .interval_count = 1, .intervals = times},
		{.user_id = "bob", .role = ROLE_MEMBER, .interval_count = 1, .intervals = times},
	};
	return chat_from_record(
		&(struct chat_record){.chat_id = "chat", .latest = 9, .head = "0123456789abcde", .member_count = 2, .members = members});
}

/* ---- who may ---- */

static void test_a_member_writes(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	struct command *command = send_command("alice", "a1", "hi");
	command->content_type = mem_text("text/markdown");
	command->client_time_ms = 7;
	accepts(scene, command);
	const struct transaction *tx = last_transaction(scene->chat);
	assert_int_equal(tx->number, 2);
	assert_int_equal(tx->type, TX_MESSAGE);
	assert_string_equal(tx->sender_id, "alice");
	assert_string_equal(tx->key, "a1");
	assert_string_equal(tx->writer, "w");
	assert_string_equal(tx->body.text, "hi");
	assert_string_equal(tx->content_type, "text/markdown");
	assert_int_equal(tx->client_time_ms, 7);
	assert_memory_equal(tx->key_hash, command->key_hash, ID_BYTES);
	assert_int_equal(chat_tip(scene->chat), 2);
	assert_int_equal(scene->chat->latest, 1); /* decided is not committed */
	commit_pending(scene->chat);
	assert_int_equal(scene->chat->latest, 2);
	scene_free(scene);
}

static void test_pending_transactions_are_a_chain(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	for (int i = 0; i < 5; i++) {
		char key[8] = {'k', (char)('0' + i)};
		accepts(scene, send_command("alice", key, "hi"));
		assert_int_equal(last_transaction(scene->chat)->number, 2 + i);
	}
	commit_pending(scene->chat);
	assert_int_equal(scene->chat->latest, 6);
	scene_free(scene);
}

static void test_who_is_no_member_is_refused(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	refuses(scene, send_command("carol", "c1", "hi"), REFUSAL_FORBIDDEN);
	log_add(scene->chat, TX_MEMBER_REMOVED, "alice", NULL, "{\"userID\":\"bob\"}");
	refuses(scene, send_command("bob", "b1", "hi"), REFUSAL_FORBIDDEN);
	accepts(scene, send_command("alice", "a1", "hi"));
	scene_free(scene);
}

static void test_nobody_writes_into_an_ended_chat(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	log_add(scene->chat, TX_GROUP_DELETED, "alice", NULL, NULL);
	refuses(scene, send_command("alice", "a1", "hi"), REFUSAL_FORBIDDEN);
	scene_free(scene);
}

static void test_refusals_of_strangers_are_alike(void **state)
{
	(void)state;
	struct scene *nothing = scene_new(chat_new("chat")), *foreign = scene_new(alice_and_bob());
	refuses(nothing, send_command("carol", "c1", "hi"), REFUSAL_FORBIDDEN);
	refuses(foreign, send_command("carol", "c1", "hi"), REFUSAL_FORBIDDEN);
	assert_string_equal(nothing->verdict.message, foreign->verdict.message);
	scene_free(nothing);
	scene_free(foreign);
}

/* ---- beginnings ---- */

static void test_the_first_message_begins_the_chat(void **state)
{
	(void)state;
	struct scene *scene = scene_new(chat_new("chat"));
	struct command *command = send_to("alice", "bob", "a1", "hi");
	assert_int_equal(decide(scene, command), DECISION_NEEDS_REACH);
	assert_int_equal(scene->begin_asked, 1);
	command->reach = REACH_OPEN;
	accepts(scene, command);
	struct pending *pending = last_pending(scene->chat);
	assert_int_equal(pending->transaction_count, 2);
	assert_int_equal(pending->transactions[0]->type, TX_MEMBER_ADDED);
	assert_null(pending->transactions[0]->key); /* the message has it */
	assert_string_equal(pending->transactions[1]->key, "a1");
	commit_pending(scene->chat);
	assert_int_equal(scene->chat->latest, 2);
	assert_true(member_is_current(chat_member(scene->chat, "alice")));
	assert_true(member_is_current(chat_member(scene->chat, "bob")));
	scene_free(scene);
}

static void test_a_chat_may_be_created_without_a_message(void **state)
{
	(void)state;
	struct scene *scene = scene_new(chat_new("chat"));
	struct command *command = create_with("alice", "bob", "a1");
	command->reach = REACH_OPEN;
	accepts(scene, command);
	assert_int_equal(last_pending(scene->chat)->transaction_count, 1);
	assert_string_equal(last_transaction(scene->chat)->key, "a1");
	commit_pending(scene->chat);
	struct command *from_bob = create_with("bob", "alice", "b1");
	from_bob->reach = REACH_OPEN;
	repeats(scene, from_bob, 0); /* it is there: nothing is needed */
	repeats(scene, create_with("alice", "bob", "a1"), 1); /* the very same */
	scene_free(scene);
}

static void test_a_user_id_with_quotes_is_a_member(void **state)
{
	(void)state;
	struct scene *scene = scene_new(chat_new("chat"));
	struct command *command = send_to("al\"ice", "b\\ob", "a1", "hi");
	command->reach = REACH_OPEN;
	accepts(scene, command);
	commit_pending(scene->chat);
	assert_true(member_is_current(chat_member(scene->chat, "al\"ice")));
	assert_true(member_is_current(chat_member(scene->chat, "b\\ob")));
	scene_free(scene);
}

static void test_a_limit_on_new_chats_is_asked_once_and_behind_the_conditions(void **state)
{
	(void)state;
	struct scene *scene = scene_new(chat_new("chat"));
	struct command *command = if_latest(send_to("alice", "bob", "a1", "hi"), 7);
	command->reach = REACH_OPEN;
	refuses(scene, command, REFUSAL_CONFLICT);
	assert_int_equal(scene->begin_asked, 0); /* it would have counted */
	scene->may_begin = false;
	command = send_to("alice", "bob", "a2", "hi");
	command->reach = REACH_OPEN;
	refuses(scene, command, REFUSAL_RATE_LIMITED);
	scene->may_begin = true;
	command = send_to("alice", "bob", "a3", "hi");
	command->reach = REACH_OPEN;
	accepts(scene, command);
	assert_int_equal(scene->begin_asked, 2);
	pending_free(chat_pending_take(scene->chat)); /* a conflict: decided anew */
	accepts(scene, command);
	assert_int_equal(scene->begin_asked, 2);
	scene_free(scene);
}

static void test_the_other_one_waits_for_a_beginning_under_way(void **state)
{
	(void)state;
	struct scene *scene = scene_new(chat_new("chat"));
	struct command *command = send_to("alice", "bob", "a1", "hi");
	command->reach = REACH_OPEN;
	accepts(scene, command);
	needs(scene, send_to("bob", "alice", "b1", "ho"), DECISION_NEEDS_COMMIT);
	/* "It is there" would be a promise that a crash could break. */
	needs(scene, create_with("bob", "alice", "b2"), DECISION_NEEDS_COMMIT);
	commit_pending(scene->chat);
	chat_member(scene->chat, "bob")->reaches_peer = true;
	accepts(scene, send_to("bob", "alice", "b1", "ho"));
	assert_int_equal(last_transaction(scene->chat)->number, 3);
	repeats(scene, create_with("bob", "alice", "b2"), 0);
	scene_free(scene);
}

/* ---- repetitions ---- */

static void test_the_same_again_is_answered_with_the_first_result(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	log_message(scene->chat, "alice", "a1", "hi");
	log_message(scene->chat, "alice", "a2", "ho");
	repeats(scene, send_command("alice", "a1", "hi"), 2);
	repeats(scene, if_latest(send_to("alice", "bob", "a2", "ho"), 0), 3); /* whatever its condition, however it is addressed */
	accepts(scene, send_command("bob", "a1", "hi"));                      /* somebody else's ID */
	scene_free(scene);
}

static void test_an_id_with_another_content_is_refused(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	log_message(scene->chat, "alice", "a1", "hi");
	refuses(scene, send_command("alice", "a1", "ho"), REFUSAL_ID_REUSED);
	refuses(scene, reply_command("alice", "a1", "hi", 2), REFUSAL_ID_REUSED);
	scene_free(scene);
}

static void test_a_repetition_is_answered_even_where_it_would_be_refused_now(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	log_message(scene->chat, "bob", "b1", "hi");
	log_add(scene->chat, TX_MEMBER_REMOVED, "alice", NULL, "{\"userID\":\"bob\"}");
	log_add(scene->chat, TX_GROUP_DELETED, "alice", NULL, NULL);
	repeats(scene, send_command("bob", "b1", "hi"), 2);
	scene_free(scene);
}

static void test_a_repetition_of_what_is_pending_hangs_on_it(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	accepts(scene, send_command("alice", "a1", "hi"));
	struct command *again = send_command("alice", "a1", "hi");
	assert_int_equal(decide(scene, again), DECISION_REPEATS_PENDING);
	assert_ptr_equal(last_pending(scene->chat)->repetitions, again);
	assert_int_equal(scene->chat->pending_count, 1);
	scene_free(scene);
}

static void test_another_content_under_a_pending_id_waits(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	accepts(scene, send_command("alice", "a1", "hi"));
	needs(scene, send_command("alice", "a1", "ho"), DECISION_NEEDS_COMMIT);
	drop_pending(scene->chat); /* it came to nothing, so that the ID is free */
	accepts(scene, send_command("alice", "a1", "ho"));
	scene_free(scene);
}

static void test_before_a_refusal_the_store_is_asked_for_the_id(void **state)
{
	(void)state;
	struct scene *scene = scene_new(loaded_chat());
	struct command *command = if_latest(send_command("alice", "a1", "hi"), 3);
	assert_int_equal(decide(scene, command), DECISION_NEEDS_KEY);
	command->key_unused = true;
	refuses(scene, command, REFUSAL_CONFLICT);
	needs(scene, send_command("carol", "c1", "hi"), DECISION_NEEDS_KEY);
	accepts(scene, send_command("alice", "a2", "hi")); /* the append finds out by itself */
	scene_free(scene);
}

/* ---- ifLatest ---- */

static void test_if_latest_holds_against_the_tip(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	refuses(scene, if_latest(send_command("alice", "a1", "hi"), 0), REFUSAL_CONFLICT);
	refuses(scene, if_latest(send_command("alice", "a2", "hi"), 2), REFUSAL_CONFLICT);
	accepts(scene, if_latest(send_command("alice", "a3", "hi"), 1));
	accepts(scene, if_latest(send_command("bob", "b1", "hi"), 2)); /* pending ones count */
	assert_int_equal(last_transaction(scene->chat)->number, 3);
	scene_free(scene);
}

static void test_if_latest_is_not_refused_for_what_is_only_pending(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	accepts(scene, send_command("alice", "a1", "hi"));
	needs(scene, if_latest(send_command("bob", "b1", "hi"), 1), DECISION_NEEDS_COMMIT);
	refuses(scene, if_latest(send_command("bob", "b2", "hi"), 0), REFUSAL_CONFLICT); /* that is past in any case */
	commit_pending(scene->chat);
	refuses(scene, if_latest(send_command("bob", "b1", "hi"), 1), REFUSAL_CONFLICT);
	scene_free(scene);
}

static void test_if_latest_0_begins_a_chat(void **state)
{
	(void)state;
	struct scene *scene = scene_new(chat_new("chat"));
	struct command *command = if_latest(send_to("alice", "bob", "a1", "hi"), 0);
	command->reach = REACH_OPEN;
	accepts(scene, command);
	scene_free(scene);
}

/* ---- replies ---- */

static void test_a_reply_quotes(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	log_message(scene->chat, "alice", "a1", "as it was");
	accepts(scene, reply_command("bob", "b1", "yes", 2));
	const struct transaction *tx = last_transaction(scene->chat);
	assert_int_equal(tx->target, 2);
	assert_int_equal(tx->quote_revision, 2);
	assert_string_equal(tx->quote.text, "as it was");
	scene_free(scene);
}

static void test_a_quote_has_at_most_256_bytes_of_whole_characters(void **state)
{
	(void)state;
	char body[400];
	for (size_t pad = 0; pad < 4; pad++) {
		struct scene *scene = scene_new(alice_and_bob());
		memset(body, 'x', 253 + pad);
		strcpy(body + 253 + pad, "\xf0\x9f\x98\x80 and more"); /* four bytes from 253 + pad on */
		log_message(scene->chat, "alice", "a1", body);
		accepts(scene, reply_command("bob", "b1", "yes", 2));
		const struct transaction *tx = last_transaction(scene->chat);
		assert_int_equal(tx->quote.len, 253 + pad);
		assert_memory_equal(tx->quote.text, body, tx->quote.len);
		scene_free(scene);
	}
	struct scene *scene = scene_new(alice_and_bob());
	memset(body, 'x', 252);
	strcpy(body + 252, "\xf0\x9f\x98\x80 and more");
	log_message(scene->chat, "alice", "a1", body);
	accepts(scene, reply_command("bob", "b1", "yes", 2));
	assert_int_equal(last_transaction(scene->chat)->quote.len, QUOTE_MAX);
	scene_free(scene);
}

static void test_a_reply_to_what_is_pending_quotes_it(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	accepts(scene, send_command("alice", "a1", "just now"));
	accepts(scene, reply_command("bob", "b1", "yes", 2));
	assert_string_equal(last_transaction(scene->chat)->quote.text, "just now");
	commit_pending(scene->chat);
	assert_int_equal(scene->chat->latest, 3);
	scene_free(scene);
}

static void test_a_quote_that_is_not_at_hand_is_read(void **state)
{
	(void)state;
	struct scene *scene = scene_new(loaded_chat());
	struct command *command = reply_command("bob", "b1", "yes", 5);
	assert_int_equal(decide(scene, command), DECISION_NEEDS_MESSAGE);
	struct transaction old = {.chat_id = "chat", .number = 5, .type = TX_MESSAGE, .sender_id = "alice", .writer = "w"};
	sealed_set(&old.body, "long ago", 8);
	command->message = MESSAGE_READ;
	command->found.message = transaction_new(&old);
	command->found_at = 9;
	accepts(scene, command);
	assert_string_equal(last_transaction(scene->chat)->quote.text, "long ago");
	scene_free(scene);
}

static void test_a_reply_to_what_cannot_be_seen_is_refused(void **state)
{
	(void)state;
	struct scene *scene = scene_new(group());
	log_add(scene->chat, TX_MEMBER_REMOVED, "alice", NULL, "{\"userID\":\"bob\"}");                                   /* 2 */
	log_message(scene->chat, "alice", "a1", "without bob");                                                           /* 3 */
	log_add(scene->chat, TX_MEMBER_ADDED, "alice", NULL, "{\"members\":[{\"userID\":\"bob\",\"role\":\"member\"}]}"); /* 4 */
	refuses(scene, reply_command("bob", "b1", "what?", 3), REFUSAL_FORBIDDEN);
	refuses(scene, reply_command("bob", "b2", "what?", 99), REFUSAL_FORBIDDEN);
	accepts(scene, reply_command("alice", "a2", "yes", 3));
	scene_free(scene);
}

static void test_a_reply_needs_a_message(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	refuses(scene, reply_command("bob", "b1", "yes", 1), REFUSAL_FORBIDDEN);
	struct transaction *tx = next_transaction(scene->chat, TX_MESSAGE, "alice", "a1", "hi");
	struct transaction *copy = transaction_erased(tx, true, false);
	assert_true(chat_apply(scene->chat, copy));
	refuses(scene, reply_command("bob", "b2", "yes", 2), REFUSAL_GONE);
	transaction_free(copy);
	transaction_free(tx);
	scene_free(scene);
}

static void test_an_empty_message_can_be_answered(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	struct command *empty = send_command("alice", "a1", "");
	free(empty->body);
	empty->body = NULL; /* as it comes from an empty payload */
	accepts(scene, empty);
	assert_string_equal(last_transaction(scene->chat)->body.text, "");
	accepts(scene, reply_command("bob", "b1", "yes?", 2));
	assert_string_equal(last_transaction(scene->chat)->quote.text, "");
	scene_free(scene);
}

/* ---- limits, time ---- */

static void test_too_many_pending_are_refused_for_now(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	accepts(scene, send_command("alice", "first", "hi"));
	scene->chat->pending_count += CHAT_PENDING_MAX - 1; /* as if */
	refuses(scene, send_command("alice", "a1", "hi"), REFUSAL_UNAVAILABLE);
	assert_true(scene->verdict.retry_after_ms > 0);
	struct command *again = send_command("alice", "first", "hi"); /* needs no room */
	assert_int_equal(decide(scene, again), DECISION_REPEATS_PENDING);
	scene->chat->pending_count -= CHAT_PENDING_MAX - 1;
	scene_free(scene);
}

static int64_t at_of(struct scene *scene, const char *key, int64_t now_ms)
{
	struct command *command = send_command("alice", key, "hi");
	command->at_ms = now_ms;
	accepts(scene, command);
	return last_transaction(scene->chat)->at_ms;
}

static void test_time_does_not_go_back(void **state)
{
	(void)state;
	struct scene *scene = scene_new(alice_and_bob());
	const int64_t hour_ms = 60 * 60 * 1000;
	assert_int_equal(at_of(scene, "a1", 5000), 5000);
	assert_int_equal(at_of(scene, "a2", 4000), 5000);
	assert_int_equal(at_of(scene, "a3", 6000), 6000);
	assert_int_equal(at_of(scene, "a4", 10 * hour_ms), 10 * hour_ms); /* a clock that is wrong */
	assert_int_equal(at_of(scene, "a5", 7000), 7000);                 /* is not followed for ever */
	scene_free(scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_member_writes),
		cmocka_unit_test(test_pending_transactions_are_a_chain),
		cmocka_unit_test(test_who_is_no_member_is_refused),
		cmocka_unit_test(test_nobody_writes_into_an_ended_chat),
		cmocka_unit_test(test_refusals_of_strangers_are_alike),
		cmocka_unit_test(test_the_first_message_begins_the_chat),
		cmocka_unit_test(test_a_chat_may_be_created_without_a_message),
		cmocka_unit_test(test_a_user_id_with_quotes_is_a_member),
		cmocka_unit_test(test_a_limit_on_new_chats_is_asked_once_and_behind_the_conditions),
		cmocka_unit_test(test_the_other_one_waits_for_a_beginning_under_way),
		cmocka_unit_test(test_the_same_again_is_answered_with_the_first_result),
		cmocka_unit_test(test_an_id_with_another_content_is_refused),
		cmocka_unit_test(test_a_repetition_is_answered_even_where_it_would_be_refused_now),
		cmocka_unit_test(test_a_repetition_of_what_is_pending_hangs_on_it),
		cmocka_unit_test(test_another_content_under_a_pending_id_waits),
		cmocka_unit_test(test_before_a_refusal_the_store_is_asked_for_the_id),
		cmocka_unit_test(test_if_latest_holds_against_the_tip),
		cmocka_unit_test(test_if_latest_is_not_refused_for_what_is_only_pending),
		cmocka_unit_test(test_if_latest_0_begins_a_chat),
		cmocka_unit_test(test_a_reply_quotes),
		cmocka_unit_test(test_a_quote_has_at_most_256_bytes_of_whole_characters),
		cmocka_unit_test(test_a_reply_to_what_is_pending_quotes_it),
		cmocka_unit_test(test_a_quote_that_is_not_at_hand_is_read),
		cmocka_unit_test(test_a_reply_to_what_cannot_be_seen_is_refused),
		cmocka_unit_test(test_a_reply_needs_a_message),
		cmocka_unit_test(test_an_empty_message_can_be_answered),
		cmocka_unit_test(test_too_many_pending_are_refused_for_now),
		cmocka_unit_test(test_time_does_not_go_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
