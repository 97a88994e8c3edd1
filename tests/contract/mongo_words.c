/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The memory store as the judge of what MongoDB says; and commands past the store. */
#include "tests/contract/mongo_words.h"

#include <mongoc/mongoc.h>
#include <stdio.h>

#include "storage/memory/memory.h"

enum { AT_ONCE = 200 };

/* ---- the judge ---- */

static bool read_up_to(struct store *store, const char *chat_id, uint64_t to, struct page *page)
{
	struct page_limits limits = {.count_max = 100000, .bytes_max = SIZE_MAX};
	return ON(store, read_page, chat_id, 1, to, &limits, page, NULL) == STORE_OK;
}

/* Appends the log to a fresh memory store; erased texts stay erased. */
static struct store *fold_in_memory(const char *chat_id, const struct page *page, char *failure, size_t size)
{
	struct store *memory = NULL;
	if (store_open("memory:", &memory, NULL) != STORE_OK)
		abort();
	for (size_t done = 0; done < page->count; done += AT_ONCE) {
		size_t left = page->count - done;
		struct append append = {.chat_id = chat_id, .transactions = page->transactions + done,
			.transaction_count = left < AT_ONCE ? left : AT_ONCE};
		if (ON(memory, append, &append, 1, NULL) != STORE_OK || append.result != APPEND_OK)
			snprintf(failure, size, "the log does not hold together at %zu", done + 1);
	}
	return memory;
}

static const struct member_record *member_of(const struct chat_record *chat, const char *user_id)
{
	for (size_t i = 0; i < chat->member_count; i++)
		if (strcmp(chat->members[i].user_id, user_id) == 0)
			return &chat->members[i];
	return NULL;
}

static bool same_member(const struct member_record *a, const struct member_record *b)
{
	return b != NULL && a->role == b->role && a->received == b->received && a->read == b->read && a->interval_count == b->interval_count &&
		(a->interval_count == 0 || memcmp(a->intervals, b->intervals, a->interval_count * sizeof *a->intervals) == 0);
}

static void compare_records(const struct chat_record *should, const struct chat_record *is, char *failure, size_t size)
{
	if (should->latest != is->latest || memcmp(should->head, is->head, HEAD_BYTES) != 0 || should->latest_at_ms != is->latest_at_ms)
		snprintf(failure, size, "the tip is %llu, not %llu", (unsigned long long)is->latest, (unsigned long long)should->latest);
	else if (should->pair != is->pair || should->history_all != is->history_all || should->ended != is->ended ||
		strcmp(should->name, is->name) != 0 || strcmp(should->icon, is->icon) != 0)
		snprintf(failure, size, "the chat's own fields differ at %llu", (unsigned long long)is->latest);
	else if (should->member_count != is->member_count || should->current_members != is->current_members)
		snprintf(failure, size, "%zu members, %zu now, not %zu, %zu, at %llu", is->member_count, is->current_members, should->member_count,
			should->current_members, (unsigned long long)is->latest);
	for (size_t i = 0; i < should->member_count && failure[0] == '\0'; i++)
		if (!same_member(&should->members[i], member_of(is, should->members[i].user_id)))
			snprintf(failure, size, "%s differs at %llu", should->members[i].user_id, (unsigned long long)is->latest);
}

void compare_with_memory(struct store *store, const struct chat_record *chat, char *failure, size_t size)
{
	struct page page = {0};
	struct chat_record *should = NULL;
	failure[0] = '\0';
	if (!read_up_to(store, chat->chat_id, chat->latest, &page))
		return; /* not now */
	struct store *memory = fold_in_memory(chat->chat_id, &page, failure, size);
	if (failure[0] == '\0' && ON(memory, load_chat, chat->chat_id, &should, NULL) == STORE_OK)
		compare_records(should, chat, failure, size);
	store_free(should);
	store_ops(memory)->close(memory);
	store_page_free(&page);
}

static void assert_texts(struct store *memory, const char *chat_id, const struct page *page)
{
	struct page should = {0};
	assert_true(read_up_to(memory, chat_id, UINT64_MAX, &should));
	assert_int_equal(should.count, page->count);
	for (size_t i = 0; i < should.count; i++) {
		assert_int_equal(page->transactions[i]->body.erased, should.transactions[i]->body.erased);
		assert_int_equal(page->transactions[i]->quote.erased, should.transactions[i]->quote.erased);
	}
	store_page_free(&should);
}

static void assert_memberships(struct store *memory, struct store *store, const struct chat_record *chat)
{
	for (size_t i = 0; i < chat->member_count; i++) {
		struct user_chat *should = NULL, *is = NULL;
		assert_int_equal(ON(memory, load_membership, chat->members[i].user_id, chat->chat_id, &should, NULL), STORE_OK);
		assert_int_equal(ON(store, load_membership, chat->members[i].user_id, chat->chat_id, &is, NULL), STORE_OK);
		assert_int_equal(is->role, should->role);
		assert_int_equal(is->interval_count, should->interval_count);
		assert_int_equal(is->current_members, should->current_members);
		store_free(should);
		store_free(is);
	}
}

void assert_as_in_memory(struct store *store, const char *chat_id)
{
	struct page page = {0};
	struct chat_record *should = NULL, *is = NULL;
	char failure[200] = "";
	assert_true(read_up_to(store, chat_id, UINT64_MAX, &page));
	struct store *memory = fold_in_memory(chat_id, &page, failure, sizeof failure);
	assert_string_equal(failure, "");
	enum store_rc rc = ON(memory, load_chat, chat_id, &should, NULL);
	assert_int_equal(ON(store, load_chat, chat_id, &is, NULL), rc);
	if (rc == STORE_OK) {
		compare_records(should, is, failure, sizeof failure);
		assert_string_equal(failure, "");
		assert_texts(memory, chat_id, &page);
		assert_memberships(memory, store, should);
	}
	store_free(should);
	store_free(is);
	store_ops(memory)->close(memory);
	store_page_free(&page);
}

/* ---- behind the store ---- */

void world_mongodb_uri(const struct world *world, const char *options, char *uri, size_t size)
{
	struct store_info info;
	assert_int_equal(ON_WORLD(info, &info, NULL), STORE_OK);
	snprintf(uri, size, "%s/%s?%sappName=%s", getenv("HC_MONGODB"), world->dir, options, info.writer);
}

void run_on_database(const struct world *world, const char *json)
{
	bson_error_t error;
	mongoc_client_t *client = mongoc_client_new(getenv("HC_MONGODB"));
	bson_t *command = bson_new_from_json((const uint8_t *)json, -1, &error);
	assert_non_null(command);
	if (!mongoc_client_command_simple(client, world->dir, command, NULL, NULL, &error))
		fail_msg("%s", error.message);
	bson_destroy(command);
	mongoc_client_destroy(client);
}

size_t count_documents(struct world *world, enum collection collection, bson_t *filter)
{
	struct db db;
	struct db_cursor cursor;
	const bson_t *doc;
	size_t count = 0;
	db_begin(&db, world->other);
	db_find(&cursor, &db, collection, filter, NULL);
	while (db_next(&cursor, &doc))
		count++;
	assert_int_equal(db_find_end(&cursor, NULL), STORE_OK);
	db_end(&db);
	return count;
}

enum mongo_fault only_the_log_is_written(void *context, const char *collection, bool write)
{
	(void)context;
	return !write || strcmp(collection, "log") == 0 || strcmp(collection, "dedup") == 0 ? MONGO_NO_FAULT : MONGO_FAIL;
}
