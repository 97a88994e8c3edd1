/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Members out of the log. Each document has `at`, the number up to which it is folded: what is not above it is in it already. Any thread. */
#include "storage/mongo/foldmembers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct folded {
	struct member_doc doc;
	uint64_t old_at;
	bool exists;    /* the document is there */
	bool changed;
	bool forgotten; /* by one of the changes: marks and mute go */
	uint64_t mark;  /* what was before he joined counts as read; 0: he did not join */
	UT_hash_handle hh;
};

struct table {
	struct folded *members;
};

static struct folded *find(struct table *table, const char *user_id)
{
	struct folded *folded;
	HASH_FIND_STR(table->members, user_id, folded);
	return folded;
}

static struct folded *add(struct table *table, const char *chat_id, const char *user_id)
{
	struct folded *folded = mem_zero(sizeof *folded);
	memcpy(folded->doc.user_id, user_id, strnlen(user_id, USER_ID_MAX));
	memcpy(folded->doc.chat_id, chat_id, strnlen(chat_id, CHAT_ID_MAX));
	HASH_ADD_STR(table->members, doc.user_id, folded);
	return folded;
}

static void table_fini(struct table *table)
{
	struct folded *folded, *next;
	HASH_ITER(hh, table->members, folded, next) {
		HASH_DEL(table->members, folded);
		member_doc_fini(&folded->doc);
		free(folded);
	}
}

/* ---- loading ---- */

static void name_all(struct table *table, struct transaction *const *transactions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct member_change *changes = NULL;
		int change_count = transaction_members(transactions[i], &changes);
		for (int j = 0; j < change_count; j++)
			if (!find(table, changes[j].user_id))
				add(table, transactions[i]->chat_id, changes[j].user_id);
		free(changes);
	}
}

static void take_doc(struct table *table, const bson_t *doc)
{
	struct member_doc member;
	member_doc_read(doc, &member);
	struct folded *folded = find(table, member.user_id);
	if (folded == NULL || folded->exists) {
		member_doc_fini(&member);
		return;
	}
	folded->doc = member;
	folded->old_at = member.at;
	folded->exists = true;
}

static bson_t *filter_of(const struct table *table)
{
	bson_t *filter = bson_new(), id, in;
	size_t n = 0;
	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &id);
	BSON_APPEND_ARRAY_BEGIN(&id, "$in", &in);
	for (const struct folded *folded = table->members; folded; folded = folded->hh.next) {
		char index[24];
		snprintf(index, sizeof index, "%zu", n++);
		struct pair_key key = pair_key(folded->doc.user_id, folded->doc.chat_id);
		bson_append_binary(&in, index, -1, BSON_SUBTYPE_BINARY, key.bytes, key.len);
	}
	bson_append_array_end(&id, &in);
	bson_append_document_end(filter, &id);
	return filter;
}

static enum store_rc load(struct db *db, struct table *table, struct error *err)
{
	struct db_cursor cursor;
	const bson_t *doc;
	db_find(&cursor, db, MEMBERS, filter_of(table), NULL);
	while (db_next(&cursor, &doc))
		take_doc(table, doc);
	return db_find_end(&cursor, err);
}

/* ---- changing ---- */

static void join(struct folded *folded, uint64_t number)
{
	struct member_doc *member = &folded->doc;
	member->intervals = mem_grow(member->intervals, (member->interval_count + 1) * sizeof *member->intervals);
	member->intervals[member->interval_count++] = (struct interval){.from = number};
	folded->mark = number - 1;
}

static void apply_change(struct table *table, const struct transaction *tx, const struct member_change *change)
{
	struct folded *folded = find(table, change->user_id);
	struct member_doc *member = &folded->doc;
	bool known = member->at > 0; /* he once joined */
	if (folded->old_at >= tx->number || (!known && tx->type != TX_MEMBER_ADDED))
		return;
	if (change->deleted) {
		member->interval_count = 0;
		member->role = ROLE_NONE;
		folded->forgotten = true;
		folded->mark = 0;
	} else if (member->role == ROLE_NONE && tx->type != TX_MEMBER_ADDED) {
		return;
	} else if (member->role == ROLE_NONE) {
		join(folded, tx->number);
	} else if (tx->type == TX_MEMBER_REMOVED) {
		member->intervals[member->interval_count - 1].to = tx->number;
	}
	member->role = change->deleted ? ROLE_NONE : change->role;
	folded->changed = true;
	member->at = tx->number;
}

static void apply_all(struct table *table, struct transaction *const *transactions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct member_change *changes = NULL;
		int change_count = transaction_members(transactions[i], &changes);
		for (int j = 0; j < change_count; j++)
			apply_change(table, transactions[i], &changes[j]);
		free(changes);
	}
}

/* ---- writing ---- */

static void append_intervals(bson_t *doc, const struct member_doc *member)
{
	bson_t array;
	BSON_APPEND_ARRAY_BEGIN(doc, "i", &array);
	for (size_t i = 0; i < 2 * member->interval_count; i++) {
		char key[24];
		const struct interval *interval = &member->intervals[i / 2];
		snprintf(key, sizeof key, "%zu", i);
		bson_append_int64(&array, key, -1, (int64_t)(i % 2 ? interval->to : interval->from));
	}
	bson_append_array_end(doc, &array);
}

static void append_state(bson_t *doc, const struct member_doc *member)
{
	BSON_APPEND_INT64(doc, "at", (int64_t)member->at);
	BSON_APPEND_INT32(doc, "role", (int32_t)member->role);
	append_intervals(doc, member);
}

bson_t *member_doc_new(const struct member_doc *member)
{
	struct pair_key key = pair_key(member->user_id, member->chat_id);
	bson_t *doc = BCON_NEW("_id", KEY_BIN(key), "u", BCON_UTF8(member->user_id), "c", BCON_UTF8(member->chat_id));
	append_state(doc, member);
	BSON_APPEND_INT64(doc, "received", (int64_t)member->received);
	BSON_APPEND_INT64(doc, "read", (int64_t)member->read);
	BSON_APPEND_INT64(doc, "muted", member->muted_until_ms);
	return doc;
}

/* Marks: others raise them meanwhile, so they are only raised here, unless he is forgotten. */
static bson_t *update_of(const struct folded *folded)
{
	bson_t *update = bson_new(), set;
	int64_t mark = (int64_t)folded->mark;
	BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &set);
	append_state(&set, &folded->doc);
	if (folded->forgotten) {
		BSON_APPEND_INT64(&set, "received", mark);
		BSON_APPEND_INT64(&set, "read", mark);
		BSON_APPEND_INT64(&set, "muted", 0);
	}
	bson_append_document_end(update, &set);
	if (!folded->forgotten && mark > 0) {
		bson_t max;
		BSON_APPEND_DOCUMENT_BEGIN(update, "$max", &max);
		BSON_APPEND_INT64(&max, "received", mark);
		BSON_APPEND_INT64(&max, "read", mark);
		bson_append_document_end(update, &max);
	}
	return update;
}

static enum store_rc save_one(struct db_bulk *updates, struct db *db, struct folded *folded, struct error *err)
{
	struct pair_key key = pair_key(folded->doc.user_id, folded->doc.chat_id);
	if (folded->exists) {
		db_bulk_update(updates, BCON_NEW("_id", KEY_BIN(key), "u", BCON_UTF8(folded->doc.user_id), "at", BCON_INT64((int64_t)folded->old_at)),
			update_of(folded), DB_UPDATE);
		return STORE_OK;
	}
	folded->doc.received = folded->doc.read = folded->mark;
	return db_insert(db, MEMBERS, member_doc_new(&folded->doc), err);
}

static enum store_rc save(struct db *db, struct table *table, bool *done, struct error *err)
{
	struct db_bulk updates;
	enum store_rc rc = STORE_OK;
	db_bulk_begin(&updates, db, MEMBERS);
	for (struct folded *folded = table->members; folded && rc == STORE_OK; folded = folded->hh.next)
		if (folded->changed)
			rc = save_one(&updates, db, folded, err);
	size_t count = updates.count;
	if (rc == STORE_OK)
		rc = db_bulk_run(&updates, err);
	*done = rc == STORE_OK && updates.matched == count;
	db_bulk_end(&updates);
	return rc == STORE_TAKEN ? STORE_OK : rc;
}

/* Placed a moment ago, so their documents need not be read. That nobody folded them meanwhile their `at` will tell. */
static void take_as_placed(struct table *table)
{
	for (struct folded *folded = table->members; folded; folded = folded->hh.next)
		folded->exists = true;
}

static size_t count_current(const struct table *table)
{
	size_t count = 0;
	for (const struct folded *folded = table->members; folded; folded = folded->hh.next)
		count += folded->doc.at > 0 && folded->doc.role != ROLE_NONE;
	return count;
}

/* Whether nobody has folded any of them further than the chat says that it is folded. */
static bool is_as_of(const struct table *table, uint64_t applied)
{
	for (const struct folded *folded = table->members; folded; folded = folded->hh.next)
		if (folded->old_at > applied)
			return false;
	return true;
}

/* How many members the chat has now. */
static enum store_rc count_all(struct db *db, const char *chat_id, size_t *count, struct error *err)
{
	struct db_cursor cursor;
	const bson_t *doc;
	size_t found = 0;
	db_find(&cursor, db, MEMBERS, BCON_NEW("c", BCON_UTF8(chat_id), "role", "{", "$gt", BCON_INT32(ROLE_NONE), "}"),
		BCON_NEW("projection", "{", "_id", BCON_INT32(0), "role", BCON_INT32(1), "}"));
	while (db_next(&cursor, &doc))
		found++;
	enum store_rc rc = db_find_end(&cursor, err);
	if (rc == STORE_OK)
		*count = found;
	return rc;
}

/* By what changed, where that is known: then chat->current_members was exact. Else all are counted. It was, because whoever counts while
 * others are already further leaves `a` below their changes; and whoever folds those next finds members that are further than `a`, and counts. */
static enum store_rc count_members(struct db *db, struct chat_doc *chat, const struct table *table, size_t before, bool known, struct error *err)
{
	size_t after = count_current(table);
	if (!known || chat->current_members + after < before)
		return count_all(db, chat->id, &chat->current_members, err);
	chat->current_members = chat->current_members + after - before;
	return STORE_OK;
}

enum store_rc fold_members(struct db *db, struct chat_doc *chat, struct transaction *const *transactions, size_t count, bool fresh, bool *done,
                           struct error *err)
{
	struct table table = {0};
	enum store_rc rc = STORE_OK;
	name_all(&table, transactions, count);
	*done = true;
	if (table.members && fresh)
		take_as_placed(&table);
	else if (table.members)
		rc = load(db, &table, err);
	if (table.members && rc == STORE_OK) {
		size_t before = count_current(&table);
		bool known = is_as_of(&table, chat->applied);
		apply_all(&table, transactions, count);
		rc = save(db, &table, done, err);
		if (rc == STORE_OK && *done)
			rc = count_members(db, chat, &table, before, known, err);
	}
	table_fini(&table);
	return rc;
}

/* ---- before the insert ---- */

enum store_rc fold_place_members(struct db *db, struct transaction *const *transactions, size_t count, bool *fresh, struct error *err)
{
	struct table table = {0};
	struct db_bulk bulk;
	for (size_t i = 0; i < count; i++)
		if (transactions[i]->type == TX_MEMBER_ADDED)
			name_all(&table, &transactions[i], 1);
	unsigned added = HASH_COUNT(table.members);
	db_bulk_begin(&bulk, db, MEMBERS);
	for (const struct folded *folded = table.members; folded; folded = folded->hh.next)
		db_bulk_insert(&bulk, member_doc_new(&folded->doc));
	enum store_rc rc = db_bulk_run(&bulk, err);
	name_all(&table, transactions, count);
	*fresh = rc == STORE_OK && bulk.taken_count == 0 && HASH_COUNT(table.members) == added;
	db_bulk_end(&bulk);
	table_fini(&table);
	return rc;
}
