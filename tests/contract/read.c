/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Reading: every field, pages and their limits, tails, lists. */
#include <stdio.h>

#include "tests/contract/contract.h"

static struct transaction everything(void)
{
	struct transaction like = {.type = TX_MESSAGE, .sender_id = "alice%2Fx", .key = "\x01rpc:7", .key_hash = "0123456789abcde", .target = 12,
		.content_type = "text/markdown", .client_time_ms = START_MS - 5, .quote_revision = 14};
	sealed_set(&like.body, "caf\xC3\xA9 \"quoted\"\n\ttab", 19);
	sealed_set(&like.quote, "as it was", 9);
	return like;
}

static void assert_sealed_equal(const struct sealed *a, const struct sealed *b)
{
	assert_int_equal(a->present, b->present);
	assert_int_equal(a->erased, b->erased);
	assert_int_equal(a->len, b->len);
	if (a->present)
		assert_memory_equal(a->salt, b->salt, ID_BYTES);
	assert_int_equal(a->text == NULL, b->text == NULL);
	if (a->text)
		assert_string_equal(a->text, b->text);
}

static void assert_text_equal(const char *a, const char *b)
{
	assert_int_equal(a == NULL, b == NULL);
	if (a)
		assert_string_equal(a, b);
}

static void assert_same(const struct transaction *a, const struct transaction *b)
{
	assert_string_equal(a->chat_id, b->chat_id);
	assert_int_equal(a->number, b->number);
	assert_int_equal(a->type, b->type);
	assert_string_equal(a->sender_id, b->sender_id);
	assert_int_equal(a->at_ms, b->at_ms);
	assert_text_equal(a->key, b->key);
	assert_memory_equal(a->key_hash, b->key_hash, ID_BYTES);
	assert_string_equal(a->writer, b->writer);
	assert_int_equal(a->target, b->target);
	assert_text_equal(a->content_type, b->content_type);
	assert_int_equal(a->client_time_ms, b->client_time_ms);
	assert_int_equal(a->quote_revision, b->quote_revision);
	assert_sealed_equal(&a->body, &b->body);
	assert_sealed_equal(&a->quote, &b->quote);
	assert_memory_equal(a->head, b->head, HEAD_BYTES);
}

/* Appends what the line makes of it, and reads it back. */
static void assert_comes_back(struct world *world, struct line *line, struct transaction like)
{
	struct transaction *tx = line_next(line, like);
	assert_appended(world->store, transaction_ref(tx));
	struct transaction *read = read_one(world->store, line->chat_id, line->latest);
	assert_same(read, tx);
	assert_true(read->position > 0);
	transaction_free(read);
	transaction_free(tx);
}

static void every_field_comes_back_as_it_was_and_the_heads_prove_it(void **state)
{
	struct world *world = *state;
	struct line line = line_new("ABCDEFGHIJKLMNOPQRSTUV");
	assert_comes_back(world, &line, everything());
	struct transaction bare = {.type = TX_DELETE, .sender_id = "bob"};
	assert_comes_back(world, &line, bare);
	assert_int_equal(assert_sound(world->store, line.chat_id), 2);
}

static void empty_texts_and_empty_strings_are_not_missing_ones(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct transaction like = {.type = TX_MESSAGE, .sender_id = "alice", .key = "", .content_type = ""};
	sealed_set(&like.body, "", 0);
	assert_comes_back(world, &line, like);
	assert_int_equal(assert_sound(world->store, "c"), 1);
}

static void erased_texts_come_back_erased_and_the_chain_holds(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct transaction like = everything();
	for (int which = 1; which < 4; which++) {
		struct transaction *erased = transaction_erased(&like, which & 1, which & 2);
		assert_comes_back(world, &line, *erased);
		transaction_free(erased);
		like.key = NULL;
	}
	assert_int_equal(assert_sound(world->store, "c"), 3);
}

static void the_largest_names_and_numbers_come_back(void **state)
{
	struct world *world = *state;
	char chat_id[CHAT_ID_MAX + 1], user[USER_ID_MAX + 1], key[KEY_MAX + 1], writer[WRITER_MAX + 1];
	memset(chat_id, 'c', CHAT_ID_MAX);
	memset(user, 'u', USER_ID_MAX);
	memset(key, 'k', KEY_MAX);
	memset(writer, 'w', WRITER_MAX);
	chat_id[CHAT_ID_MAX] = user[USER_ID_MAX] = key[KEY_MAX] = writer[WRITER_MAX] = '\0';
	struct line line = line_new(chat_id);
	line.writer = writer;
	line.at_ms = INT64_C(4102444800000);
	struct transaction like = {.type = TX_EDIT, .sender_id = user, .key = key, .target = UINT64_C(1) << 62, .client_time_ms = INT64_MAX,
		.quote_revision = INT64_MAX};
	char *body = mem_zero(65536);
	memset(body, 'b', 65535);
	sealed_set(&like.body, body, 65535);
	assert_comes_back(world, &line, like);
	free(body);
}

/* ---- pages ---- */

static void fill(struct world *world, const char *chat_id, size_t count)
{
	struct line line = line_new(chat_id);
	for (size_t i = 0; i < count; i++)
		assert_appended(world->store, line_says(&line, "alice", "0123456789"));
}

static struct page read_limited(struct world *world, uint64_t from, uint64_t to, size_t count_max, size_t bytes_max)
{
	struct page page = {0};
	struct page_limits limits = {.count_max = count_max, .bytes_max = bytes_max};
	assert_int_equal(ON_WORLD(read_page, "c", from, to, &limits, &page, NULL), STORE_OK);
	return page;
}

static void assert_page(struct page *page, uint64_t first, size_t count, bool more)
{
	assert_int_equal(page->count, count);
	assert_int_equal(page->more, more);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(page->transactions[i]->number, first + i);
	store_page_free(page);
}

static void a_page_has_what_was_asked_for_both_ends_included(void **state)
{
	struct world *world = *state;
	fill(world, "c", 10);
	struct page page = read_limited(world, 3, 7, 100, SIZE_MAX);
	assert_int_equal(page.latest, 10);
	assert_page(&page, 3, 5, false);
	page = read_limited(world, 8, UINT64_MAX, 100, SIZE_MAX);
	assert_page(&page, 8, 3, false);
	page = read_limited(world, 0, 2, 100, SIZE_MAX);
	assert_page(&page, 1, 2, false);
}

static void a_page_cut_by_its_count_says_that_there_is_more(void **state)
{
	struct world *world = *state;
	fill(world, "c", 10);
	struct page page = read_limited(world, 1, 10, 4, SIZE_MAX);
	assert_page(&page, 1, 4, true);
	page = read_limited(world, 1, 4, 4, SIZE_MAX);
	assert_page(&page, 1, 4, false);
	page = read_limited(world, 7, 10, 4, SIZE_MAX);
	assert_page(&page, 7, 4, false);
}

static void a_page_cut_by_its_bytes_has_at_least_one(void **state)
{
	struct world *world = *state;
	fill(world, "c", 10);
	struct page page = read_limited(world, 1, 10, 100, 30);
	assert_page(&page, 1, 3, true);
	page = read_limited(world, 1, 10, 100, 29);
	assert_page(&page, 1, 2, true);
	page = read_limited(world, 5, 10, 100, 0);
	assert_page(&page, 5, 1, true);
	page = read_limited(world, 10, 10, 100, 0);
	assert_page(&page, 10, 1, false);
}

static void pages_of_nothing_are_empty(void **state)
{
	struct world *world = *state;
	struct page page = read_limited(world, 1, 10, 4, 100);
	assert_int_equal(page.latest, 0);
	assert_page(&page, 0, 0, false);
	fill(world, "c", 2);
	page = read_limited(world, 3, 10, 4, 100);
	assert_int_equal(page.latest, 2);
	assert_page(&page, 0, 0, false);
	page = read_limited(world, 2, 1, 4, 100);
	assert_page(&page, 0, 0, false);
}

static void the_tail_of_a_writer_goes_on_from_any_position(void **state)
{
	struct world *world = *state;
	struct page page = {0};
	fill(world, "c", 5);
	fill(world, "d", 3);
	page = read_tail(world->store, "w1", 0, 3, NULL);
	uint64_t next = page.transactions[2]->position + 1;
	store_page_free(&page);
	page = read_tail(world->store, "w1", next, 3, NULL);
	assert_int_equal(page.count, 3);
	assert_true(page.more);
	for (size_t i = 0; i < 3; i++) {
		assert_true(page.transactions[i]->position >= next);
		next = page.transactions[i]->position + 1;
	}
	assert_string_equal(page.transactions[1]->chat_id, "c");
	assert_string_equal(page.transactions[2]->chat_id, "d");
	assert_int_equal(page.transactions[2]->number, 1);
	store_page_free(&page);
	page = read_tail(world->store, "w1", next, 100, NULL);
	assert_int_equal(page.count, 2);
	assert_int_equal(page.transactions[0]->number, 2);
	assert_false(page.more);
	next = page.transactions[1]->position + 1;
	store_page_free(&page);
	page = read_tail(world->store, "w1", next, 100, NULL);
	assert_int_equal(page.count, 0);
	store_page_free(&page);
	page = read_tail(world->store, "nobody", 0, 100, NULL);
	assert_int_equal(page.count, 0);
	store_page_free(&page);
}

static void chats_are_listed_in_the_order_of_their_ids(void **state)
{
	struct world *world = *state;
	static const char *const ids[] = {"b", "-x", "Zz", "a", "_y", "aa"};
	static const char *const sorted[] = {"-x", "Zz", "_y", "a", "aa", "b"};
	for (size_t i = 0; i < 6; i++)
		fill(world, ids[i], 1);
	const char *after = "";
	char last[8];
	for (size_t at = 0; at < 6; at += 2) {
		const char *const *found = NULL;
		size_t count = 0;
		assert_int_equal(ON_WORLD(list_chats, after, 2, &found, &count, NULL), STORE_OK);
		assert_int_equal(count, 2);
		assert_string_equal(found[0], sorted[at]);
		assert_string_equal(found[1], sorted[at + 1]);
		snprintf(last, sizeof last, "%s", found[1]);
		after = last;
		store_free((void *)(uintptr_t)found);
	}
	const char *const *found = NULL;
	size_t count = 1;
	assert_int_equal(ON_WORLD(list_chats, after, 2, &found, &count, NULL), STORE_OK);
	assert_int_equal(count, 0);
	store_free((void *)(uintptr_t)found);
}

static void a_page_outlives_its_store_handle(void **state)
{
	struct world *world = *state;
	fill(world, "c", 2);
	struct page page = read_all(world->store, "c");
	world_reopen(world);
	assert_string_equal(page.transactions[1]->body.text, "0123456789");
	store_page_free(&page);
	store_page_free(&page);
}

int run_read_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(every_field_comes_back_as_it_was_and_the_heads_prove_it),
		STORY(empty_texts_and_empty_strings_are_not_missing_ones),
		STORY(erased_texts_come_back_erased_and_the_chain_holds),
		STORY(the_largest_names_and_numbers_come_back),
		STORY(a_page_has_what_was_asked_for_both_ends_included),
		STORY(a_page_cut_by_its_count_says_that_there_is_more),
		STORY(a_page_cut_by_its_bytes_has_at_least_one),
		STORY(pages_of_nothing_are_empty),
		STORY(the_tail_of_a_writer_goes_on_from_any_position),
		STORY(chats_are_listed_in_the_order_of_their_ids),
		STORY(a_page_outlives_its_store_handle),
	};
	return cmocka_run_group_tests_name("read", stories, NULL, NULL);
}
