/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Blocks, in the document of whose they are: the times of each, and beside them who is blocked now, which is what check_reach asks for.
 * Any thread. */
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/people.h"
#include "storage/record.h"

/* By user ID, then by time; the IDs stand in the document. */
struct blocks {
	struct block *items;
	size_t count;
};

static void read_block(const bson_t *entry, void *item)
{
	*(struct block *)item = (struct block){doc_text(entry, "u"), doc_number(entry, "from"), doc_number(entry, "to")};
}

static void write_block(bson_t *entry, const void *item)
{
	const struct block *block = item;
	BSON_APPEND_UTF8(entry, "u", block->user_id);
	BSON_APPEND_INT64(entry, "from", block->from_ms);
	BSON_APPEND_INT64(entry, "to", block->to_ms);
}

/* With room for one more. The caller frees items. */
static struct blocks blocks_read(const bson_t *person)
{
	struct blocks blocks;
	blocks.items = doc_list_read(person, "blocks", sizeof *blocks.items, read_block, &blocks.count);
	return blocks;
}

static void append_blocked(const struct blocks *blocks, bson_t *set)
{
	bson_t list;
	uint32_t count = 0;
	BSON_APPEND_ARRAY_BEGIN(set, "blocked", &list);
	for (size_t i = 0; i < blocks->count; i++) {
		char index[16];
		const char *key;
		if (blocks->items[i].to_ms != 0)
			continue;
		size_t len = bson_uint32_to_string(count++, &key, index, sizeof index);
		bson_append_utf8(&list, key, (int)len, blocks->items[i].user_id, -1);
	}
	bson_append_array_end(set, &list);
}

/* Where the first one of somebody after user_id stands: his own last one, if there is any, is right before. */
static size_t block_end(const struct blocks *blocks, const char *user_id)
{
	size_t end = 0;
	while (end < blocks->count && strcmp(blocks->items[end].user_id, user_id) <= 0)
		end++;
	return end;
}

static struct block *block_last(const struct blocks *blocks, const char *user_id)
{
	size_t end = block_end(blocks, user_id);
	return end > 0 && strcmp(blocks->items[end - 1].user_id, user_id) == 0 ? &blocks->items[end - 1] : NULL;
}

struct block_change {
	const char *other_id;
	bool on;
	int64_t at_ms;
};

/* Whether one begins (or ends) exactly then: this call was there before. */
static bool is_repeated(const struct blocks *blocks, const struct block_change *wanted)
{
	for (size_t i = 0; i < blocks->count; i++) {
		const struct block *block = &blocks->items[i];
		if ((wanted->on ? block->from_ms : block->to_ms) == wanted->at_ms && strcmp(block->user_id, wanted->other_id) == 0)
			return true;
	}
	return false;
}

static void block_begin(struct blocks *blocks, const struct block_change *wanted)
{
	size_t end = block_end(blocks, wanted->other_id);
	const struct block *last = block_last(blocks, wanted->other_id);
	int64_t from_ms = last && last->to_ms > wanted->at_ms ? last->to_ms : wanted->at_ms;
	memmove(blocks->items + end + 1, blocks->items + end, (blocks->count - end) * sizeof *blocks->items);
	blocks->items[end] = (struct block){wanted->other_id, from_ms, 0};
	blocks->count++;
}

static void block_finish(struct blocks *blocks, struct block *open, int64_t at_ms)
{
	if (at_ms > open->from_ms) {
		open->to_ms = at_ms;
		return;
	}
	blocks->count--;
	memmove(open, open + 1, (size_t)(blocks->items + blocks->count - open) * sizeof *open);
}

static enum store_rc change_blocks(void *context, const bson_t *person, struct change *change, struct error *err)
{
	const struct block_change *wanted = context;
	if (!doc_has(person, "created"))
		return no_such(err, "user");
	struct blocks blocks = blocks_read(person);
	struct block *last = block_last(&blocks, wanted->other_id);
	bool is_open = last != NULL && last->to_ms == 0;
	if (is_open != wanted->on && !is_repeated(&blocks, wanted)) {
		if (wanted->on)
			block_begin(&blocks, wanted);
		else
			block_finish(&blocks, last, wanted->at_ms);
		doc_list_append(&change->set, "blocks", blocks.items, sizeof *blocks.items, blocks.count, write_block);
		append_blocked(&blocks, &change->set);
	}
	free(blocks.items);
	return STORE_OK;
}

enum store_rc mongo_put_block(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err)
{
	struct db db;
	struct block_change change = {other_id, on, at_ms};
	db_begin(&db, store);
	enum store_rc rc = person_decide(&db, user_id, change_blocks, &change, err);
	db_end(&db);
	return rc;
}

enum store_rc mongo_load_blocks(struct store *store, const char *user_id, struct block_list **list, struct error *err)
{
	struct db db;
	struct docs self = {0};
	struct blocks blocks = {0};
	db_begin(&db, store);
	enum store_rc rc = people_load(&db, &user_id, 1, "blocks", &self, err);
	db_end(&db);
	if (rc != STORE_OK)
		return rc;
	if (self.count > 0)
		blocks = blocks_read(self.items[0]); /* who does not exist has none */
	*list = record_copy_blocks(&(struct block_list){blocks.count, blocks.items});
	free(blocks.items);
	docs_fini(&self);
	return STORE_OK;
}

/* ---- reach ---- */

/* Those of them who exist and do not block from_id; one question whoever does. */
static enum store_rc load_reached(struct db *db, const char *from_id, const char *const *to_ids, size_t to_count, struct docs *reached,
                                  struct error *err)
{
	bson_t *filter = filter_in("_id", to_ids, to_count);
	BCON_APPEND(filter, "created", "{", "$exists", BCON_BOOL(true), "}", "blocked", "{", "$ne", BCON_UTF8(from_id), "}");
	return docs_load(db, USERS, filter, BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}"), reached, err);
}

bool person_has_in_list(const bson_t *person, const char *field, const char *user_id)
{
	bson_iter_t fields, list;
	bool found = false;
	if (person == NULL || !bson_iter_init_find(&fields, person, field) || !bson_iter_recurse(&fields, &list))
		return false;
	while (bson_iter_next(&list))
		found |= BSON_ITER_HOLDS_UTF8(&list) && strcmp(bson_iter_utf8(&list, NULL), user_id) == 0;
	return found;
}

enum store_rc mongo_check_reach(struct store *store, const char *from_id, const char *const *to_ids, size_t to_count, bool both,
                                struct error *err)
{
	struct db db;
	struct docs self = {0}, reached = {0};
	db_begin(&db, store);
	enum store_rc rc = load_reached(&db, from_id, to_ids, to_count, &reached, err);
	if (rc == STORE_OK && both)
		rc = people_load(&db, &from_id, 1, "blocked", &self, err);
	db_end(&db);
	bool all = true;
	const bson_t *from = self.count > 0 ? self.items[0] : NULL;
	for (size_t i = 0; i < to_count; i++) {
		bool reaches = docs_find(&reached, to_ids[i]) != NULL, blocked = person_has_in_list(from, "blocked", to_ids[i]);
		all = all && reaches && !blocked; /* both were asked, whatever the first one says */
	}
	docs_fini(&self);
	docs_fini(&reached);
	return rc == STORE_OK && !all ? no_such(err, "user") : rc;
}
