/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The fold of a chat: what follows is applied and nothing else; members, their times, receipts, and the last transactions at hand. */
#include "chat_kit.h"

static void assert_unchanged(const struct chat *chat, uint64_t latest, const unsigned char head[HEAD_BYTES])
{
	assert_int_equal(chat->latest, latest);
	assert_memory_equal(chat->head, head, HEAD_BYTES);
}

static void assert_refuses(struct chat *chat, const struct transaction *draft)
{
	unsigned char head[HEAD_BYTES];
	memcpy(head, chat->head, HEAD_BYTES);
	uint64_t latest = chat->latest;
	struct transaction *tx = transaction_new(draft);
	assert_false(chat_apply(chat, tx));
	transaction_free(tx);
	assert_unchanged(chat, latest, head);
}

static void test_a_new_chat_has_no_log(void **state)
{
	(void)state;
	struct chat *chat = chat_new("chat");
	assert_int_equal(chat->latest, 0);
	assert_int_equal(chat_tip(chat), 0);
	assert_null(chat_recent(chat, 0));
	assert_null(chat_recent(chat, 1));
	assert_null(chat_member(chat, "alice"));
	chat_free(chat);
}

static void test_the_next_number_is_applied(void **state)
{
	(void)state;
	struct chat *chat = alice_and_bob();
	struct transaction *tx = next_transaction(chat, TX_MESSAGE, "alice", "a1", "hi");
	assert_true(chat_apply(chat, tx));
	assert_int_equal(chat->latest, 2);
	assert_memory_equal(chat->head, tx->head, HEAD_BYTES);
	assert_int_equal(chat->latest_at_ms, tx->at_ms);
	assert_ptr_equal(chat_recent(chat, 2), tx);
	transaction_free(tx);
	chat_free(chat);
}

static void test_a_gap_and_a_repetition_are_refused(void **state)
{
	(void)state;
	struct chat *chat = alice_and_bob();
	struct transaction *tx = next_transaction(chat, TX_MESSAGE, "alice", "a1", "hi");
	struct transaction draft = *tx;
	uint64_t wrong[] = {0, 1, 3, UINT64_MAX};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		draft.number = wrong[i];
		transaction_head(&draft, chat->head, draft.head);
		assert_refuses(chat, &draft);
	}
	transaction_free(tx);
	chat_free(chat);
}

static void test_a_head_that_does_not_follow_is_refused(void **state)
{
	(void)state;
	struct chat *chat = alice_and_bob();
	struct transaction *tx = next_transaction(chat, TX_MESSAGE, "alice", "a1", "hi");
	struct transaction draft = *tx;
	draft.head[HEAD_BYTES - 1] ^= 1;
	assert_refuses(chat, &draft);
	draft = *tx;
	draft.body.text = "ho"; /* another text under the same head */
	assert_refuses(chat, &draft);
	draft = *tx;
	draft.sender_id = "bob";
	assert_refuses(chat, &draft);
	transaction_free(tx);
	chat_free(chat);
}

static void test_a_membership_that_makes_no_sense_is_refused(void **state)
{
	(void)state;
	struct chat *chat = alice_and_bob();
	struct transaction *tx = next_transaction(chat, TX_MEMBER_ADDED, "alice", NULL, "{\"members\":\"carol\"}");
	assert_refuses(chat, tx);
	transaction_free(tx);
	chat_free(chat);
}

static void test_an_erased_body_still_follows(void **state)
{
	(void)state;
	struct chat *chat = alice_and_bob();
	struct transaction *tx = next_transaction(chat, TX_MESSAGE, "alice", "a1", "hi");
	struct transaction *erased = transaction_erased(tx, true, false);
	assert_true(chat_apply(chat, erased));
	transaction_free(erased);
	transaction_free(tx);
	chat_free(chat);
}

static void test_members_have_times(void **state)
{
	(void)state;
	struct chat *chat = alice_and_bob();
	log_message(chat, "alice", NULL, "one");                                 /* 2 */
	log_add(chat, TX_MEMBER_REMOVED, "alice", NULL, "{\"userID\":\"bob\"}"); /* 3 */
	struct member *bob = chat_member(chat, "bob");
	assert_false(member_is_current(bob));
	assert_int_equal(chat->current_members, 1);
	log_message(chat, "alice", NULL, "two");                                                                  /* 4 */
	log_add(chat, TX_MEMBER_ADDED, "alice", NULL, "{\"members\":[{\"userID\":\"bob\",\"role\":\"admin\"}]}"); /* 5 */
	assert_ptr_equal(chat_member(chat, "bob"), bob);
	assert_int_equal(bob->role, ROLE_ADMIN);
	assert_int_equal(bob->interval_count, 2);
	assert_int_equal(member_intervals(bob)[0].from, 1);
	assert_int_equal(member_intervals(bob)[0].to, 3);
	assert_int_equal(member_intervals(bob)[1].from, 5);
	assert_int_equal(member_intervals(bob)[1].to, 0);
	assert_int_equal(chat->current_members, 2);
	chat_free(chat);
}

static void test_a_deleted_account_leaves_no_times_and_no_marks(void **state)
{
	(void)state;
	struct chat *chat = alice_and_bob();
	log_message(chat, "alice", NULL, "one"); /* 2 */
	struct member *bob = chat_member(chat, "bob");
	assert_true(chat_receive(chat, "bob", 2, 2));
	log_add(chat, TX_MEMBER_REMOVED, "bob", NULL, "{\"userID\":\"bob\",\"deleted\":true}"); /* 3 */
	assert_false(member_is_current(bob));
	assert_int_equal(chat->current_members, 1);
	assert_int_equal(bob->interval_count, 0);
	assert_int_equal(bob->received + bob->read, 0);
	assert_false(bob->receipts_dirty);
	assert_false(member_sees(chat, bob, 2));
	assert_ptr_equal(chat_peer(chat, "alice"), bob);
	log_add(chat, TX_MEMBER_ADDED, "alice", NULL, "{\"members\":[{\"userID\":\"bob\",\"role\":\"member\"}]}"); /* 4 */
	assert_int_equal(bob->interval_count, 1);
	assert_int_equal(member_intervals(bob)[0].from, 4);
	assert_int_equal(bob->read, 3);
	assert_false(member_sees(chat, bob, 2));
	chat_free(chat);
}

static void test_a_role_changes_without_a_new_time(void **state)
{
	(void)state;
	struct chat *chat = alice_and_bob();
	unsigned long version = chat->membership_version;
	log_add(chat, TX_ROLE_CHANGED, "alice", NULL, "{\"userID\":\"bob\",\"role\":\"owner\"}");
	assert_int_equal(chat_member(chat, "bob")->role, ROLE_OWNER);
	assert_int_equal(chat_member(chat, "bob")->interval_count, 1);
	assert_int_equal(chat->membership_version, version + 1);
	chat_free(chat);
}

static void test_a_role_of_somebody_who_is_not_there_makes_no_member(void **state)
{
	(void)state;
	struct chat *chat = alice_and_bob();
	log_add(chat, TX_ROLE_CHANGED, "alice", NULL, "{\"userID\":\"carol\",\"role\":\"owner\"}");
	assert_false(member_is_current(chat_member(chat, "carol")));
	log_add(chat, TX_MEMBER_REMOVED, "alice", NULL, "{\"userID\":\"bob\"}");
	log_add(chat, TX_ROLE_CHANGED, "alice", NULL, "{\"userID\":\"bob\",\"role\":\"owner\"}");
	assert_false(member_is_current(chat_member(chat, "bob")));
	assert_int_equal(chat->current_members, 1);
	chat_free(chat);
}

static void test_removing_a_stranger_changes_nothing(void **state)
{
	(void)state;
	struct chat *chat = alice_and_bob();
	log_add(chat, TX_MEMBER_REMOVED, "alice", NULL, "{\"userID\":\"carol\"}");
	assert_null(chat_member(chat, "carol"));
	assert_int_equal(chat->current_members, 2);
	chat_free(chat);
}

static void test_a_deleted_group_has_ended(void **state)
{
	(void)state;
	struct chat *chat = alice_and_bob();
	assert_false(chat->ended);
	log_add(chat, TX_GROUP_DELETED, "alice", NULL, NULL);
	assert_true(chat->ended);
	chat_free(chat);
}

static void test_a_chat_that_begins_with_two_members_is_a_pair_for_ever(void **state)
{
	(void)state;
	struct chat *chat = alice_and_bob(), *other = group();
	assert_true(chat->pair);
	assert_string_equal(chat_peer(chat, "alice")->user_id, "bob");
	assert_string_equal(chat_peer(chat, "bob")->user_id, "alice");
	log_add(chat, TX_MEMBER_REMOVED, "bob", NULL, "{\"userID\":\"bob\",\"deleted\":true}");
	assert_true(chat->pair);
	assert_string_equal(chat_peer(chat, "alice")->user_id, "bob");
	assert_false(other->pair);
	assert_null(chat_peer(other, "alice"));
	chat_free(chat);
	chat_free(other);
}

static void test_whoever_joins_has_nothing_to_catch_up_with(void **state)
{
	(void)state;
	struct chat *chat = group();
	log_message(chat, "alice", NULL, "before");
	log_add(chat, TX_MEMBER_ADDED, "olga", NULL, "{\"members\":[{\"userID\":\"carol\",\"role\":\"member\"}]}"); /* 3 */
	assert_int_equal(chat_member(chat, "carol")->received, 2);
	assert_int_equal(chat_member(chat, "carol")->read, 2);
	assert_int_equal(chat_member(chat, "bob")->read, 0);
	chat_free(chat);
}

static void test_with_history_a_member_sees_all_and_a_former_one_his_times(void **state)
{
	(void)state;
	struct chat *chat = group();
	log_message(chat, "alice", NULL, "before");                                                                         /* 2 */
	log_add(chat, TX_MEMBER_ADDED, "olga", NULL, "{\"members\":[{\"userID\":\"carol\",\"role\":\"member\"}]}"); /* 3 */
	assert_false(member_sees(chat, chat_member(chat, "carol"), 2));
	log_add(chat, TX_GROUP_UPDATED, "olga", NULL, "{\"history\":\"all\"}"); /* 4 */
	assert_true(member_sees(chat, chat_member(chat, "carol"), 2));
	log_add(chat, TX_MEMBER_REMOVED, "olga", NULL, "{\"userID\":\"carol\"}"); /* 5 */
	assert_false(member_sees(chat, chat_member(chat, "carol"), 2));
	assert_true(member_sees(chat, chat_member(chat, "carol"), 5));
	assert_false(member_sees(chat, chat_member(chat, "carol"), 6));
	assert_false(member_sees(chat, NULL, 2));
	chat_free(chat);
}

static void test_an_update_changes_what_it_names(void **state)
{
	(void)state;
	struct chat *chat = group();
	log_add(chat, TX_GROUP_UPDATED, "olga", NULL, "{\"name\":\"friends\",\"icon\":\"abc\"}");
	log_add(chat, TX_GROUP_UPDATED, "olga", NULL, "{\"icon\":\"\"}");
	assert_string_equal(chat->name, "friends");
	assert_string_equal(chat->icon, "");
	assert_false(chat->history_all);
	struct transaction *tx = next_transaction(chat, TX_GROUP_UPDATED, "olga", NULL, "{\"history\":\"some\"}");
	assert_refuses(chat, tx);
	transaction_free(tx);
	chat_free(chat);
}

static void test_the_last_transactions_are_at_hand(void **state)
{
	(void)state;
	struct chat *chat = alice_and_bob();
	for (int i = 0; i < 3 * CHAT_RECENT_MAX; i++)
		log_message(chat, "alice", NULL, "again");
	assert_int_equal(chat->latest - chat->recent_from + 1, CHAT_RECENT_MAX);
	for (uint64_t number = chat->recent_from; number <= chat->latest; number++)
		assert_int_equal(chat_recent(chat, number)->number, number);
	assert_null(chat_recent(chat, chat->recent_from - 1));
	assert_null(chat_recent(chat, chat->latest + 1));
	chat_free(chat);
}

static void test_large_bodies_leave_room_for_one_at_least(void **state)
{
	(void)state;
	static char body[CHAT_RECENT_BYTES_MAX + 2];
	struct chat *chat = alice_and_bob();
	memset(body, 'x', CHAT_RECENT_BYTES_MAX / 2);
	for (int i = 0; i < 5; i++) {
		log_message(chat, "alice", NULL, body);
		assert_true(chat->recent_bytes <= CHAT_RECENT_BYTES_MAX);
		assert_int_equal(chat_recent(chat, chat->latest)->number, chat->latest);
	}
	memset(body, 'x', CHAT_RECENT_BYTES_MAX + 1);
	log_message(chat, "alice", NULL, body);
	assert_int_equal(chat->recent_from, chat->latest);
	log_message(chat, "alice", NULL, "small");
	assert_int_equal(chat->recent_from, chat->latest);
	assert_int_equal(chat->recent_bytes, strlen("small"));
	chat_free(chat);
}

static void test_a_chat_comes_back_from_its_record(void **state)
{
	(void)state;
	struct interval times[] = {{1, 3}, {5, 0}};
	struct member_record members[] = {
		{.user_id = "alice", .role = ROLE_MEMBER, .received = 4, .read = 2, .interval_count = 2, .intervals = times},
		{.user_id = "bob", .role = ROLE_NONE, .interval_count = 1, .intervals = times},
	};
	struct chat_record record = {
		.chat_id = "chat", .latest = 7, .head = "0123456789abcde", .latest_at_ms = 99, .member_count = 2, .members = members};
	struct chat *chat = chat_from_record(&record);
	assert_unchanged(chat, 7, record.head);
	assert_int_equal(chat->latest_at_ms, 99);
	assert_int_equal(chat->current_members, 1);
	assert_int_equal(chat_member(chat, "alice")->received, 4);
	assert_int_equal(member_intervals(chat_member(chat, "alice"))[1].from, 5);
	assert_false(member_is_current(chat_member(chat, "bob")));
	assert_null(chat_recent(chat, 7)); /* the record has no texts */
	log_message(chat, "alice", "a1", "goes on");
	assert_int_equal(chat_recent(chat, 8)->number, 8);
	assert_null(chat_recent(chat, 7));
	chat_free(chat);
}

static void test_watermarks_only_rise_and_are_held_to_the_latest(void **state)
{
	(void)state;
	struct chat *chat = alice_and_bob();
	for (int i = 0; i < 4; i++)
		log_message(chat, "alice", NULL, "x"); /* up to 5 */
	struct member *bob = chat_member(chat, "bob");
	assert_true(chat_receive(chat, "bob", 3, 0));
	assert_false(chat_receive(chat, "bob", 3, 0));
	assert_false(chat_receive(chat, "bob", 2, 0));
	assert_true(chat_receive(chat, "bob", 0, 4)); /* what was read was received */
	assert_int_equal(bob->received, 4);
	assert_int_equal(bob->read, 4);
	assert_true(chat_receive(chat, "bob", UINT64_MAX, UINT64_MAX));
	assert_int_equal(bob->received, 5);
	assert_int_equal(bob->read, 5);
	assert_true(bob->receipts_dirty);
	chat_free(chat);
}

static void test_receipts_of_others_count_for_nothing(void **state)
{
	(void)state;
	struct chat *chat = alice_and_bob();
	assert_false(chat_receive(chat, "carol", 1, 1));
	log_add(chat, TX_MEMBER_REMOVED, "alice", NULL, "{\"userID\":\"bob\"}");
	assert_false(chat_receive(chat, "bob", 1, 1));
	chat_free(chat);
}

static void test_the_two_of_a_chat_find_the_same_id(void **state)
{
	(void)state;
	char ab[ID_TEXT_LEN + 1], ba[ID_TEXT_LEN + 1], other[ID_TEXT_LEN + 1];
	peer_chat_id((const unsigned char *)"secret", 6, "alice", "bob", ab);
	peer_chat_id((const unsigned char *)"secret", 6, "bob", "alice", ba);
	assert_string_equal(ab, ba);
	assert_int_equal(strlen(ab), ID_TEXT_LEN);
	peer_chat_id((const unsigned char *)"Secret", 6, "alice", "bob", other);
	assert_string_not_equal(ab, other);
	peer_chat_id((const unsigned char *)"secret", 6, "aliceb", "ob", other);
	assert_string_not_equal(ab, other);
}

static void test_the_content_hash_tells_contents_apart(void **state)
{
	(void)state;
	struct command *plain = send_command("alice", "a1", "hi"), *reply = reply_command("alice", "a1", "hi", 2);
	struct command *other = send_command("alice", "a1", "ho"), *same = if_latest(send_to("alice", "bob", "a2", "hi"), 3);
	assert_memory_not_equal(plain->key_hash, reply->key_hash, ID_BYTES);
	assert_memory_not_equal(plain->key_hash, other->key_hash, ID_BYTES);
	assert_memory_equal(plain->key_hash, same->key_hash, ID_BYTES); /* how it is addressed and its condition are no content */
	other->content_type = mem_text("hi");
	free(other->body);
	other->body = NULL;
	other->body_len = 0;
	command_hash(other);
	assert_memory_not_equal(plain->key_hash, other->key_hash, ID_BYTES);
	command_free(plain);
	command_free(reply);
	command_free(other);
	command_free(same);
}

/* Stores keep these hashes for a week, across an update of the program. */
static void test_the_content_hash_of_a_message_stays_what_it_was(void **state)
{
	(void)state;
	static const unsigned char before[ID_BYTES] = {
		0x7b, 0x5d, 0xb3, 0x07, 0x22, 0x9f, 0x64, 0xef, 0x7b, 0x0b, 0xa2, 0xb1, 0x65, 0x8c, 0x2f, 0xca};
	struct command *command = reply_command("alice", "a1", "hi", 5);
	command->content_type = mem_text("text/plain");
	command_hash(command);
	assert_memory_equal(command->key_hash, before, ID_BYTES);
	command_free(command);
}

static void test_the_content_hash_covers_all_that_a_command_says(void **state)
{
	(void)state;
	struct command *commands[] = {
		edit_command("alice", "k", 2, "x"),
		edit_command("alice", "k", 3, "x"),
		edit_command("alice", "k", 3, "y"),
		delete_command("alice", "k", 2),
		delete_command("alice", "k", 2),
		group_command(COMMAND_ADD, "alice", "k", "bob"),
		group_command(COMMAND_ADD, "alice", "k", "bobcarol"),
		group_command(COMMAND_ADD, "alice", "k", "bob"),
		group_command(COMMAND_REMOVE, "alice", "k", "bob"),
		role_command("alice", "k", "bob", ROLE_ADMIN),
		role_command("alice", "k", "bob", ROLE_OWNER),
		name_command(COMMAND_UPDATE_GROUP, "alice", "k", "x"),
		group_command(COMMAND_END_GROUP, "alice", "k", NULL),
		group_command(COMMAND_CLOSE_ACCOUNT, "alice", "k", NULL),
	};
	enum { COUNT = sizeof commands / sizeof *commands };
	commands[4]->keep_quotes = true;
	command_hash(commands[4]);
	command_add_user(commands[7], "carol");
	command_hash(commands[7]);
	for (size_t i = 0; i < COUNT; i++)
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(commands[i]->key_hash, commands[j]->key_hash, ID_BYTES);
	for (size_t i = 0; i < COUNT; i++)
		command_free(commands[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_chat_has_no_log),
		cmocka_unit_test(test_the_next_number_is_applied),
		cmocka_unit_test(test_a_gap_and_a_repetition_are_refused),
		cmocka_unit_test(test_a_head_that_does_not_follow_is_refused),
		cmocka_unit_test(test_a_membership_that_makes_no_sense_is_refused),
		cmocka_unit_test(test_an_erased_body_still_follows),
		cmocka_unit_test(test_members_have_times),
		cmocka_unit_test(test_a_deleted_account_leaves_no_times_and_no_marks),
		cmocka_unit_test(test_a_role_changes_without_a_new_time),
		cmocka_unit_test(test_a_role_of_somebody_who_is_not_there_makes_no_member),
		cmocka_unit_test(test_removing_a_stranger_changes_nothing),
		cmocka_unit_test(test_a_deleted_group_has_ended),
		cmocka_unit_test(test_a_chat_that_begins_with_two_members_is_a_pair_for_ever),
		cmocka_unit_test(test_whoever_joins_has_nothing_to_catch_up_with),
		cmocka_unit_test(test_with_history_a_member_sees_all_and_a_former_one_his_times),
		cmocka_unit_test(test_an_update_changes_what_it_names),
		cmocka_unit_test(test_the_last_transactions_are_at_hand),
		cmocka_unit_test(test_large_bodies_leave_room_for_one_at_least),
		cmocka_unit_test(test_a_chat_comes_back_from_its_record),
		cmocka_unit_test(test_watermarks_only_rise_and_are_held_to_the_latest),
		cmocka_unit_test(test_receipts_of_others_count_for_nothing),
		cmocka_unit_test(test_the_two_of_a_chat_find_the_same_id),
		cmocka_unit_test(test_the_content_hash_tells_contents_apart),
		cmocka_unit_test(test_the_content_hash_covers_all_that_a_command_says),
		cmocka_unit_test(test_the_content_hash_of_a_message_stays_what_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
