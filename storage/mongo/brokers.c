/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What brokers share beside the log: places, leases, keys of chats, notices. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "storage/mongo/ops.h"
#include "storage/record.h"

static const int64_t NOTICE_AGE_MS = (int64_t)STORE_NOTICE_MINUTES * 60 * 1000;
static const int64_t NOTICE_AHEAD_MS = (int64_t)STORE_NOTICE_AHEAD_HOURS * 60 * 60 * 1000;

enum { GAP_MS = 5000, TRIES = 5 };

/* ---- writers, places ---- */

static bson_t *by_id(void)
{
	return BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}", "projection", "{", "_id", BCON_INT32(1), "}");
}

enum store_rc mongo_list_writers(struct store *store, const char *const **writers, size_t *count, struct error *err)
{
	return list_ids(store, WRITERS, BCON_NEW("wrote", BCON_BOOL(true)), by_id(), SIZE_MAX, writers, count, err);
}

enum store_rc mongo_list_places(struct store *store, const char *const **names, size_t *count, struct error *err)
{
	return list_ids(store, PLACES, bson_new(), by_id(), SIZE_MAX, names, count, err);
}

enum store_rc mongo_put_place(struct store *store, const char *name, uint64_t position, struct error *err)
{
	struct db db;
	enum store_rc rc = STORE_TAKEN;
	db_begin(&db, store);
	for (int i = 0; rc == STORE_TAKEN && i < TRIES; i++) /* two that make it at once: one of them finds it there */
		rc = db_update(&db, PLACES, BCON_NEW("_id", BCON_UTF8(name)), BCON_NEW("$max", "{", "p", BCON_INT64((int64_t)position), "}"), DB_UPSERT,
			NULL, err);
	db_end(&db);
	return rc == STORE_TAKEN ? STORE_UNAVAILABLE : rc;
}

enum store_rc mongo_load_place(struct store *store, const char *name, uint64_t *position, struct error *err)
{
	struct db db;
	bson_t doc;
	db_begin(&db, store);
	enum store_rc rc = db_find_one(&db, PLACES, BCON_NEW("_id", BCON_UTF8(name)), NULL, &doc, err);
	db_end(&db);
	if (rc != STORE_OK)
		return rc;
	*position = (uint64_t)doc_number(&doc, "p");
	bson_destroy(&doc);
	return STORE_OK;
}

/* ---- leases ---- */

static bson_t *lease_update(const char *holder, int64_t until_ms)
{
	return BCON_NEW("$set", "{", "holder", BCON_UTF8(holder), "until", BCON_INT64(until_ms), "}");
}

static enum store_rc take_lease(struct db *db, const char *name, const char *holder, int64_t now_ms, int64_t until_ms, struct error *err)
{
	size_t matched = 0;
	enum store_rc rc = db_update(db, LEASES, BCON_NEW("_id", BCON_UTF8(name), "$or", "[", "{", "holder", BCON_UTF8(holder), "}", "{", "until", "{",
		"$lte", BCON_INT64(now_ms), "}", "}", "]"), lease_update(holder, until_ms), DB_UPDATE, &matched, err);
	if (rc != STORE_OK || matched == 1)
		return rc;
	rc = db_insert(db, LEASES, BCON_NEW("_id", BCON_UTF8(name), "holder", BCON_UTF8(holder), "until", BCON_INT64(until_ms)), err);
	return rc == STORE_TAKEN ? (enum store_rc)error_set(err, STORE_TAKEN, 0, "somebody else has that lease") : rc;
}

enum store_rc mongo_take_lease(struct store *store, const char *name, const char *holder, int64_t now_ms, int64_t until_ms, struct error *err)
{
	struct db db;
	db_begin(&db, store);
	enum store_rc rc = take_lease(&db, name, holder, now_ms, until_ms, err);
	db_end(&db);
	return rc;
}

/* ---- keys of chats ---- */

/* NOT_FOUND: there is none, and none may be made (*ended), or one may. */
static enum store_rc find_key(struct db *db, const char *chat_id, unsigned char key[CHAT_KEY_BYTES], bool *ended, struct error *err)
{
	struct chat_doc chat = {0};
	bson_t doc;
	size_t len;
	*ended = true;
	enum store_rc rc = db_find_one(db, CHATS, BCON_NEW("_id", BCON_UTF8(chat_id)), NULL, &doc, err);
	if (rc != STORE_OK)
		return rc;
	chat_doc_read(&doc, &chat);
	tip_overlay(db->mongo, &chat);
	if (chat.latest == 0)
		rc = mongo_chat_latest(db, &chat, err);
	const unsigned char *found = doc_bytes(&doc, "key", &len);
	*ended = rc != STORE_OK || doc_has(&doc, "keyGone");
	if (rc == STORE_OK && !*ended && len == CHAT_KEY_BYTES)
		memcpy(key, found, len);
	else if (rc == STORE_OK)
		rc = error_set(err, STORE_NOT_FOUND, 0, "no such key");
	chat_doc_fini(&chat);
	bson_destroy(&doc);
	return rc;
}

static enum store_rc make_key(struct db *db, const char *chat_id, struct error *err)
{
	unsigned char key[CHAT_KEY_BYTES];
	id_random(key, sizeof key);
	return db_update(db, CHATS, BCON_NEW("_id", BCON_UTF8(chat_id), "key", "{", "$exists", BCON_BOOL(false), "}", "keyGone", "{", "$exists",
		BCON_BOOL(false), "}"), BCON_NEW("$set", "{", "key", BCON_BIN(BSON_SUBTYPE_BINARY, key, sizeof key), "}"), DB_UPDATE, NULL, err);
}

enum store_rc mongo_load_chat_key(struct store *store, const char *chat_id, bool make, unsigned char key[CHAT_KEY_BYTES], struct error *err)
{
	struct db db;
	bool ended;
	db_begin(&db, store);
	enum store_rc rc = find_key(&db, chat_id, key, &ended, err);
	if (rc == STORE_NOT_FOUND && make && !ended) {
		rc = make_key(&db, chat_id, err);
		if (rc == STORE_OK)
			rc = find_key(&db, chat_id, key, &ended, err);
	}
	db_end(&db);
	return rc;
}

/* ---- notices ----
 *
 * Their numbers come from a counter, so one may become visible before a lower one does. A reader waits at such a gap, for a while: who took
 * that number may have died. */

static enum store_rc put_notice(struct db *db, const char *kind, const char *subject, int64_t at_ms, struct error *err)
{
	bson_t counters;
	enum store_rc rc = db_change_one(db, STORE_INFO, BCON_NEW("_id", BCON_UTF8("store")), BCON_NEW("$inc", "{", "notices", BCON_INT64(1), "}"),
		DB_UPDATE, &counters, err);
	if (rc != STORE_OK)
		return STORE_UNAVAILABLE; /* a number that was taken all the same is a gap */
	int64_t id = doc_number(&counters, "notices");
	bson_destroy(&counters);
	return db_insert(db, NOTICES, BCON_NEW("_id", BCON_INT64(id), "kind", BCON_UTF8(kind), "subject", BCON_UTF8(subject), "writer",
		BCON_UTF8(db->mongo->info.writer), "at", BCON_INT64(at_ms)), err);
}

enum store_rc mongo_put_notice(struct store *store, const char *kind, const char *subject, int64_t at_ms, struct error *err)
{
	struct db db;
	db_begin(&db, store);
	enum store_rc rc = put_notice(&db, kind, subject, at_ms, err);
	db_end(&db);
	return rc;
}

struct notices {
	struct notice *items;
	size_t count;
};

static char *copy_of(const bson_t *doc, const char *name)
{
	return mem_text(doc_text(doc, name));
}

static void notices_fini(struct notices *notices)
{
	for (size_t i = 0; i < notices->count; i++) {
		free((void *)(uintptr_t)notices->items[i].kind);
		free((void *)(uintptr_t)notices->items[i].subject);
		free((void *)(uintptr_t)notices->items[i].writer);
	}
	free(notices->items);
}

static enum store_rc load_notices(struct db *db, uint64_t after, size_t count_max, struct notices *notices, struct error *err)
{
	struct db_cursor cursor;
	const bson_t *doc;
	bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}");
	if (count_max < INT32_MAX)
		BSON_APPEND_INT64(opts, "limit", (int64_t)count_max);
	db_find(&cursor, db, NOTICES, BCON_NEW("_id", "{", "$gt", BCON_INT64((int64_t)after), "}"), opts);
	while (notices->count < count_max && db_next(&cursor, &doc)) {
		notices->items = mem_grow(notices->items, (notices->count + 1) * sizeof *notices->items);
		notices->items[notices->count++] = (struct notice){.id = (uint64_t)doc_number(doc, "_id"), .kind = copy_of(doc, "kind"),
			.subject = copy_of(doc, "subject"), .writer = copy_of(doc, "writer"), .at_ms = doc_number(doc, "at")};
	}
	return db_find_end(&cursor, err);
}

/* Whether that number has been missing for so long that nobody will put it any more. */
static bool gap_is_old(struct mongo *mongo, uint64_t number)
{
	int64_t now_ms = clock_mono_ms();
	pthread_mutex_lock(&mongo->gap_lock);
	if (mongo->gap != number) {
		mongo->gap = number;
		mongo->gap_since_ms = now_ms;
	}
	bool old = now_ms - mongo->gap_since_ms > GAP_MS;
	pthread_mutex_unlock(&mongo->gap_lock);
	return old;
}

static uint64_t next_notice(struct mongo *mongo, uint64_t after, const struct notices *notices)
{
	uint64_t next = after;
	for (size_t i = 0; i < notices->count; i++) {
		uint64_t id = notices->items[i].id;
		if (id != next + 1 && !gap_is_old(mongo, next + 1))
			break;
		next = id;
	}
	return next;
}

/* By the counter, so no gap holds it up, and none has to be known later: what has a number already was in the store before it got that. */
static enum store_rc last_number(struct db *db, uint64_t *number, struct error *err)
{
	bson_t counters;
	enum store_rc rc = db_find_one(db, STORE_INFO, BCON_NEW("_id", BCON_UTF8("store")), NULL, &counters, err);
	if (rc != STORE_OK)
		return rc;
	*number = (uint64_t)doc_number(&counters, "notices");
	bson_destroy(&counters);
	return STORE_OK;
}

enum store_rc mongo_read_notices(struct store *store, uint64_t after, size_t count_max, struct notice_list **notices, uint64_t *next,
                                 struct error *err)
{
	struct db db;
	struct notices found = {0};
	uint64_t last = 0;
	db_begin(&db, store);
	enum store_rc rc = after == UINT64_MAX ? last_number(&db, &last, err) : load_notices(&db, after, count_max, &found, err);
	db_end(&db);
	if (rc == STORE_OK) {
		*notices = record_copy_notices(&(struct notice_list){found.count, found.items});
		*next = after == UINT64_MAX ? last : next_notice(mongo_of(store), after, &found);
	}
	notices_fini(&found);
	return rc;
}

enum store_rc brokers_prune(struct db *db, int64_t now_ms, struct error *err)
{
	enum store_rc rc = db_delete_all(db, NOTICES, BCON_NEW("$or", "[", "{", "at", "{", "$lt", BCON_INT64(now_ms - NOTICE_AGE_MS), "}", "}", "{", "at",
		"{", "$gt", BCON_INT64(now_ms + NOTICE_AHEAD_MS), "}", "}", "]"), err);
	if (rc == STORE_OK)
		rc = db_delete_all(db, LEASES, BCON_NEW("until", "{", "$lt", BCON_INT64(now_ms - NOTICE_AGE_MS), "}"), err);
	return rc;
}
