/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Messages and what becomes of them: edited, deleted, erased with their sender or their chat. */
#include "tests/contract/contract.h"

/* ---- looking ---- */

static struct message_state read_state(struct world *world, uint64_t number)
{
	struct message_state state = {0};
	assert_int_equal(ON_WORLD(read_message, "c", number, &state, NULL), STORE_OK);
	return state;
}

static bool is_body_erased(struct world *world, uint64_t number)
{
	struct transaction *tx = read_one(world->store, "c", number);
	bool erased = tx->body.erased;
	assert_int_equal(erased, tx->body.text == NULL);
	transaction_free(tx);
	return erased;
}

static bool is_quote_erased(struct world *world, uint64_t number)
{
	struct transaction *tx = read_one(world->store, "c", number);
	bool erased = tx->quote.erased;
	assert_int_equal(erased, tx->quote.text == NULL);
	transaction_free(tx);
	return erased;
}

static void erase_all(struct world *world, const char *chat_id, const char *sender_id)
{
	bool more = true;
	for (int i = 0; more && i < 1000; i++)
		assert_int_equal(ON_WORLD(erase, chat_id, sender_id, &more, NULL), STORE_OK);
	assert_false(more);
}

/* ---- one message ---- */

static void a_message_comes_alone_until_something_happens_to_it(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_replies(&line, "bob", 2, "ho", "hi"));
	struct message_state message = read_state(world, 2);
	assert_string_equal(message.message->body.text, "hi");
	assert_string_equal(message.message->chat_id, "c");
	assert_null(message.edit);
	assert_null(message.deletion);
	message_state_free(&message);
}

static void an_edited_message_comes_with_its_last_edit(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_says(&line, "alice", "another"));
	assert_appended(world->store, line_edits(&line, "alice", 1, "hello"));
	assert_appended(world->store, line_edits(&line, "alice", 1, "good morning"));
	assert_appended(world->store, line_edits(&line, "alice", 2, "not this one"));
	struct message_state message = read_state(world, 1);
	assert_string_equal(message.message->body.text, "hi");
	assert_int_equal(message.edit->number, 4);
	assert_string_equal(message.edit->body.text, "good morning");
	assert_null(message.deletion);
	message_state_free(&message);
}

static void a_deleted_message_comes_with_who_deleted_it_and_no_text(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_edits(&line, "alice", 1, "hello"));
	assert_appended(world->store, line_deletes(&line, "bob", 1));
	assert_appended(world->store, line_deletes(&line, "carol", 1));
	struct message_state message = read_state(world, 1);
	assert_true(message.message->body.erased);
	assert_string_equal(message.message->sender_id, "alice");
	assert_true(message.edit->body.erased);
	assert_string_equal(message.deletion->sender_id, "bob");
	assert_int_equal(message.deletion->number, 3);
	message_state_free(&message);
}

static void what_is_no_message_is_not_found(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct message_state message = {0};
	assert_int_equal(ON_WORLD(read_message, "c", 1, &message, NULL), STORE_NOT_FOUND);
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_edits(&line, "alice", 2, "ho"));
	static const uint64_t numbers[] = {0, 1, 3, 4, UINT64_MAX};
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		assert_int_equal(ON_WORLD(read_message, "c", numbers[i], &message, NULL), STORE_NOT_FOUND);
	assert_null(message.message);
}

/* ---- deletion ---- */

/* 1 a message, 2 its edit, 3 a reply that quotes it, 4 a reply to that, 5 another message. */
static struct line conversation(struct world *world)
{
	struct line line = line_new("c");
	assert_appended(world->store, line_says_as(&line, "alice", "a1", "hi"));
	assert_appended(world->store, line_edits(&line, "alice", 1, "hello"));
	assert_appended(world->store, line_replies(&line, "bob", 1, "ho", "hello"));
	assert_appended(world->store, line_replies(&line, "alice", 3, "what?", "ho"));
	assert_appended(world->store, line_says(&line, "bob", "well"));
	return line;
}

static void deleting_erases_the_text_older_revisions_and_quotes_at_once(void **state)
{
	struct world *world = *state;
	struct line line = conversation(world);
	assert_appended(world->store, line_deletes(&line, "alice", 1));
	assert_true(is_body_erased(world, 1));
	assert_true(is_body_erased(world, 2));
	assert_true(is_quote_erased(world, 3));
	assert_false(is_body_erased(world, 3));
	assert_false(is_quote_erased(world, 4));
	assert_false(is_body_erased(world, 4));
	assert_false(is_body_erased(world, 5));
	assert_int_equal(assert_sound(world->store, "c"), 6);
}

static void quotes_may_be_kept(void **state)
{
	struct world *world = *state;
	struct line line = conversation(world);
	assert_appended(world->store, line_deletes_keeping_quotes(&line, "alice", 1));
	assert_true(is_body_erased(world, 1));
	assert_true(is_body_erased(world, 2));
	assert_false(is_quote_erased(world, 3));
	assert_int_equal(assert_sound(world->store, "c"), 6);
	assert_appended(world->store, line_deletes(&line, "alice", 1));
	assert_true(is_quote_erased(world, 3));
	assert_int_equal(assert_sound(world->store, "c"), 7);
}

static void a_deleted_reply_loses_what_it_quotes_as_well(void **state)
{
	struct world *world = *state;
	struct line line = conversation(world);
	assert_appended(world->store, line_deletes_keeping_quotes(&line, "bob", 3));
	assert_true(is_body_erased(world, 3));
	assert_true(is_quote_erased(world, 3));
	assert_false(is_quote_erased(world, 4));
	assert_false(is_body_erased(world, 1));
	assert_int_equal(assert_sound(world->store, "c"), 6);
}

static void in_one_append_with_what_it_deletes_it_erases_all_the_same(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct bundle bundle = {0};
	bundle_add(&bundle, line_says(&line, "alice", "hi"));
	bundle_add(&bundle, line_edits(&line, "alice", 1, "hello"));
	bundle_add(&bundle, line_replies(&line, "bob", 1, "ho", "hello"));
	bundle_add(&bundle, line_deletes(&line, "alice", 1));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_OK);
	assert_true(is_body_erased(world, 1));
	assert_true(is_body_erased(world, 2));
	assert_true(is_quote_erased(world, 3));
	assert_string_equal(bundle.transactions[0]->body.text, "hi");
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_OK);
	assert_int_equal(assert_sound(world->store, "c"), 4);
	bundle_fini(&bundle);
}

static void only_messages_can_be_deleted(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_edits(&line, "alice", 2, "ho"));
	static const uint64_t targets[] = {0, 1, 3, 99, UINT64_C(1) << 62};
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
		assert_appended(world->store, line_deletes(&line, "alice", targets[i]));
	for (uint64_t number = 1; number <= 3; number++)
		assert_false(is_body_erased(world, number));
	assert_int_equal(assert_sound(world->store, "c"), 8);
}

static void a_deletion_that_conflicts_erases_nothing(void **state)
{
	struct world *world = *state;
	struct line line = conversation(world);
	struct bundle bundle = {0};
	bundle_add(&bundle, line_deletes(&line, "alice", 1));
	line.head[0] ^= 1;
	bundle_add(&bundle, line_says(&line, "alice", "does not follow"));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_CONFLICT);
	bundle_fini(&bundle);
	assert_false(is_body_erased(world, 1));
	assert_false(is_quote_erased(world, 3));
}

static void a_deletion_in_one_chat_leaves_the_same_numbers_of_others_alone(void **state)
{
	struct world *world = *state;
	struct line line = conversation(world), other = line_new("d");
	assert_appended(world->store, line_says(&other, "alice", "hi"));
	assert_appended(world->store, line_deletes(&line, "alice", 1));
	struct transaction *tx = read_one(world->store, "d", 1);
	assert_string_equal(tx->body.text, "hi");
	transaction_free(tx);
}

static void what_is_erased_is_so_for_everyone_who_reads(void **state)
{
	struct world *world = *state;
	struct line line = conversation(world);
	struct page page = {0};
	unsigned char hash[ID_BYTES] = {1}, none[ID_BYTES] = {0};
	uint64_t number = 0;
	assert_appended(world->other, line_deletes(&line, "alice", 1));
	page = read_tail(world->store, "w1", 0, 10, NULL);
	assert_true(page.transactions[0]->body.erased);
	assert_true(page.transactions[2]->quote.erased);
	store_page_free(&page);
	/* The command is still known, its content is not: the hash of it would tell. */
	assert_int_equal(ON_WORLD(find_key, "c", "alice", "a1", 0, &number, hash, NULL), STORE_OK);
	assert_int_equal(number, 1);
	assert_memory_equal(hash, none, ID_BYTES);
	world_reopen(world);
	assert_true(is_body_erased(world, 1));
	assert_int_equal(assert_sound(world->store, "c"), 6);
}

static void an_append_repeated_after_its_erasure_is_ok_and_brings_nothing_back(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct transaction *says = line_says(&line, "alice", "hi");
	assert_appended(world->store, transaction_ref(says));
	assert_appended(world->store, line_deletes(&line, "alice", 1));
	assert_appended(world->store, says);
	assert_true(is_body_erased(world, 1));
}

/* More than a store looks at in one piece. */
static void what_came_of_a_deleted_message_is_erased_however_many_replies_came_before_it(void **state)
{
	enum { REPLIES = 1200 };
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	for (int i = 0; i < REPLIES; i++)
		assert_appended(world->store, line_next(&line, (struct transaction){.type = TX_MESSAGE, .sender_id = "bob", .target = 1}));
	assert_appended(world->store, line_edits(&line, "alice", 1, "hello"));
	assert_appended(world->store, line_replies(&line, "bob", 1, "ho", "hello"));
	assert_appended(world->store, line_deletes_keeping_quotes(&line, "alice", 1));
	assert_true(is_body_erased(world, 1));
	assert_true(is_body_erased(world, REPLIES + 2));
	assert_false(is_quote_erased(world, REPLIES + 3));
	assert_appended(world->store, line_deletes(&line, "alice", 1));
	assert_true(is_quote_erased(world, REPLIES + 3));
	assert_int_equal(assert_sound(world->store, "c"), line.latest);
}

/* ---- a sender ---- */

static void erasing_a_sender_erases_what_he_wrote_and_quotes_of_it(void **state)
{
	struct world *world = *state;
	struct line line = conversation(world);
	assert_appended(world->store, line_updates_group(&line, "{\"name\":\"We\"}"));
	assert_appended(world->store, line_removes(&line, "alice"));
	erase_all(world, "c", "alice");
	static const bool body_erased[] = {true, true, false, true, false, false, false};
	for (uint64_t number = 1; number <= 7; number++)
		assert_int_equal(is_body_erased(world, number), body_erased[number - 1]);
	assert_true(is_quote_erased(world, 3));
	assert_true(is_quote_erased(world, 4));
	assert_int_equal(assert_sound(world->store, "c"), 7);
	struct chat_record *chat = load_chat(world, "c");
	assert_string_equal(chat->name, "We");
	store_free(chat);
	struct message_state message = read_state(world, 1);
	assert_null(message.deletion);
	message_state_free(&message);
}

static void erasing_a_sender_leaves_his_other_chats_alone(void **state)
{
	struct world *world = *state;
	struct line line = conversation(world), other = line_new("d");
	assert_appended(world->store, line_says(&other, "alice", "hi"));
	(void)line;
	erase_all(world, "c", "alice");
	struct transaction *tx = read_one(world->store, "d", 1);
	assert_string_equal(tx->body.text, "hi");
	transaction_free(tx);
	erase_all(world, "d", "bob");
	tx = read_one(world->store, "d", 1);
	assert_string_equal(tx->body.text, "hi");
	transaction_free(tx);
}

static void where_there_is_nothing_to_erase_nothing_happens(void **state)
{
	struct world *world = *state;
	struct line line = conversation(world);
	(void)line;
	erase_all(world, "nowhere", "alice");
	erase_all(world, "nowhere", NULL);
	erase_all(world, "c", "nobody");
	for (uint64_t number = 1; number <= 5; number++)
		assert_false(is_body_erased(world, number));
	assert_int_equal(assert_sound(world->store, "c"), 5);
}

static void an_erasure_may_be_repeated_and_finds_what_came_since(void **state)
{
	struct world *world = *state;
	struct line line = conversation(world);
	erase_all(world, "c", "alice");
	erase_all(world, "c", "alice");
	assert_appended(world->store, line_says(&line, "alice", "back again"));
	assert_appended(world->store, line_replies(&line, "bob", 6, "oh", "back again"));
	assert_false(is_body_erased(world, 6));
	erase_all(world, "c", "alice");
	assert_true(is_body_erased(world, 6));
	assert_true(is_quote_erased(world, 7));
	assert_false(is_body_erased(world, 7));
	assert_int_equal(assert_sound(world->store, "c"), 7);
}

static void fill(struct world *world, struct line *line, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct bundle bundle = {0};
		for (int j = 0; j < 4; j++) {
			bundle_add(&bundle, line_says(line, "alice", "a text of alice's"));
			bundle_add(&bundle, line_replies(line, "bob", line->latest, "an answer", "a text of alice's"));
		}
		assert_int_equal(bundle_append(world->store, &bundle), APPEND_OK);
		bundle_fini(&bundle);
	}
}

static void a_long_chat_is_erased_in_pieces_and_appended_to_meanwhile(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	bool more = true;
	fill(world, &line, world_size(300));
	for (int i = 0; more && i < 10000; i++) {
		assert_int_equal(ON_WORLD(erase, "c", "alice", &more, NULL), STORE_OK);
		if (i < 3)
			fill(world, &line, 1);
		if (i == 1)
			world_reopen(world);
	}
	assert_false(more);
	erase_all(world, "c", "alice"); /* what was appended after the last piece */
	struct page page = read_all(world->store, "c");
	for (size_t i = 0; i < page.count; i++) {
		assert_int_equal(page.transactions[i]->body.erased, strcmp(page.transactions[i]->sender_id, "alice") == 0);
		assert_int_equal(page.transactions[i]->quote.erased, page.transactions[i]->quote.present);
	}
	store_page_free(&page);
	assert_int_equal(assert_sound(world->store, "c"), line.latest);
}

/* ---- a chat ---- */

static void erasing_a_chat_erases_all_texts_and_keeps_members_and_marks(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(world->store, line_updates_group(&line, "{\"name\":\"We\",\"icon\":\"i\",\"history\":\"all\"}"));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_replies(&line, "bob", 4, "ho", "hi"));
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, line_ends_group(&line));
	erase_all(world, "c", NULL);
	for (uint64_t number = 1; number <= 6; number++)
		assert_true(is_body_erased(world, number));
	assert_true(is_quote_erased(world, 5));
	assert_int_equal(assert_sound(world->store, "c"), 7);
	struct chat_record *chat = load_chat(world, "c");
	assert_string_equal(chat->name, "");
	assert_string_equal(chat->icon, "");
	assert_true(chat->history_all);
	assert_true(chat->ended);
	assert_int_equal(find_member(chat, "alice")->role, ROLE_OWNER);
	assert_interval(&find_member(chat, "bob")->intervals[0], 3, 6);
	assert_int_equal(find_member(chat, "bob")->read, 2);
	store_free(chat);
}

static void an_erased_chat_is_no_longer_listed_as_ended(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c"), other = line_new("d");
	const char *const *ids = NULL;
	size_t count = 0;
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_ends_group(&line));
	assert_appended(world->store, line_ends_group(&other));
	erase_all(world, "c", "alice");
	assert_int_equal(ON_WORLD(list_ended, INT64_MAX, 10, &ids, &count, NULL), STORE_OK);
	assert_int_equal(count, 2);
	store_free((void *)(uintptr_t)ids);
	erase_all(world, "c", NULL);
	assert_int_equal(ON_WORLD(list_ended, INT64_MAX, 10, &ids, &count, NULL), STORE_OK);
	assert_int_equal(count, 1);
	assert_string_equal(ids[0], "d");
	store_free((void *)(uintptr_t)ids);
}

static void a_long_chat_is_erased_whole(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c"), other = line_new("d");
	assert_appended(world->store, line_says(&other, "alice", "hi"));
	fill(world, &line, world_size(300));
	assert_appended(world->store, line_ends_group(&line));
	erase_all(world, "c", NULL);
	struct page page = read_all(world->store, "c");
	for (size_t i = 0; i < page.count; i++)
		assert_true(page.transactions[i]->body.text == NULL && page.transactions[i]->quote.text == NULL);
	store_page_free(&page);
	assert_int_equal(assert_sound(world->store, "c"), line.latest);
	struct transaction *tx = read_one(world->store, "d", 1);
	assert_string_equal(tx->body.text, "hi");
	transaction_free(tx);
}

int run_erasure_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(a_message_comes_alone_until_something_happens_to_it),
		STORY(an_edited_message_comes_with_its_last_edit),
		STORY(a_deleted_message_comes_with_who_deleted_it_and_no_text),
		STORY(what_is_no_message_is_not_found),
		STORY(deleting_erases_the_text_older_revisions_and_quotes_at_once),
		STORY(quotes_may_be_kept),
		STORY(a_deleted_reply_loses_what_it_quotes_as_well),
		STORY(in_one_append_with_what_it_deletes_it_erases_all_the_same),
		STORY(only_messages_can_be_deleted),
		STORY(a_deletion_that_conflicts_erases_nothing),
		STORY(a_deletion_in_one_chat_leaves_the_same_numbers_of_others_alone),
		STORY(what_is_erased_is_so_for_everyone_who_reads),
		STORY(an_append_repeated_after_its_erasure_is_ok_and_brings_nothing_back),
		STORY(what_came_of_a_deleted_message_is_erased_however_many_replies_came_before_it),
		STORY(erasing_a_sender_erases_what_he_wrote_and_quotes_of_it),
		STORY(erasing_a_sender_leaves_his_other_chats_alone),
		STORY(where_there_is_nothing_to_erase_nothing_happens),
		STORY(an_erasure_may_be_repeated_and_finds_what_came_since),
		STORY(a_long_chat_is_erased_in_pieces_and_appended_to_meanwhile),
		STORY(erasing_a_chat_erases_all_texts_and_keeps_members_and_marks),
		STORY(an_erased_chat_is_no_longer_listed_as_ended),
		STORY(a_long_chat_is_erased_whole),
	};
	return cmocka_run_group_tests_name("erasure", stories, NULL, NULL);
}
