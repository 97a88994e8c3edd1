/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MONGO_DB_H
#define HC_STORAGE_MONGO_DB_H
/* The one seam between the backend and libmongoc; for the files of this folder only. Everything is a command on single documents that
 * any server of that protocol has: find, insert, update, delete, findAndModify. Writes are majority + journal, reads majority.
 *
 * A `struct db` is one operation's connection: db_begin, any number of calls, db_end. One thread at a time.
 *
 * Every bson_t * argument that is not const is taken: it is destroyed, whatever comes of the call. NULL where it says so. So documents
 * are written where they are used: db_insert(&db, PLACES, BCON_NEW("_id", BCON_UTF8(name)), err).
 *
 * What the calls return:
 *   STORE_OK
 *   STORE_NOT_FOUND    db_find_one, db_change_one: nothing matches
 *   STORE_TAKEN        db_insert: a document with that _id (or another unique field) is there; nothing was inserted
 *   STORE_UNAVAILABLE  nothing was sent, or the server refused: nothing happened. Of reads: any failure
 *   STORE_UNKNOWN      it may have happened, now or a little later
 *   STORE_REFUSED      wrong credentials or no rights (db_* of an open store: say it as UNAVAILABLE; db_end does not care)
 *   STORE_CORRUPT      a document that is not what the layout says
 * err never holds a credential, nor what a document holds. */

#include <mongoc/mongoc.h>
#include <stdbool.h>

#include "base/buf.h"
#include "storage/store.h"

enum collection {
	STORE_INFO, /* one document: epoch, secret, schema version, counters */
	WRITERS,
	CHATS,
	LOG,
	DEDUP,
	MEMBERS,
	ERASURES,
	PLACES,
	LEASES,
	NOTICES,
	USERS,
	DEVICES,
	SHARED_IDS,
	ICONS,
	INVITATIONS,
	REVOCATIONS,
	SIGNING_KEYS,
	AUDIT,
	COLLECTION_COUNT,
};

const char *collection_name(enum collection collection);

struct mongo; /* the handle: handle.h */

struct db {
	struct mongo *mongo;
	mongoc_client_t *client;
};

void db_begin(struct db *db, struct store *store);
void db_end(struct db *db);

/* ---- reading ---- */

/* filter; opts (NULL: none) as libmongoc takes them: "sort", "projection", "limit", "skip". OK: *doc is initialised, destroy it. */
enum store_rc db_find_one(struct db *db, enum collection collection, bson_t *filter, bson_t *opts, bson_t *doc, struct error *err);

/* All that match, one after the other:
 *   struct db_cursor cursor;
 *   const bson_t *doc;
 *   db_find(&cursor, db, LOG, filter, opts);
 *   while (db_next(&cursor, &doc)) …
 *   rc = db_find_end(&cursor, err);          always to be called; it says whether it came to the end */
struct db_cursor {
	struct db *db;
	mongoc_collection_t *collection;
	mongoc_cursor_t *cursor;
	enum store_rc rc;
	struct error err;
};
void db_find(struct db_cursor *cursor, struct db *db, enum collection collection, bson_t *filter, bson_t *opts);
bool db_next(struct db_cursor *cursor, const bson_t **doc); /* doc lives until the next call */
enum store_rc db_find_end(struct db_cursor *cursor, struct error *err);

/* ---- writing ---- */

enum store_rc db_insert(struct db *db, enum collection collection, bson_t *doc, struct error *err);

/* The first one that matches. upsert: only with a filter by _id alone. *matched (may be NULL): how many there were, one that was made by the
 * upsert counts. */
enum db_upsert { DB_UPDATE, DB_UPSERT };
enum store_rc db_update(struct db *db, enum collection collection, bson_t *filter, bson_t *update, enum db_upsert upsert, size_t *matched,
                        struct error *err);
enum store_rc db_update_all(struct db *db, enum collection collection, bson_t *filter, bson_t *update, struct error *err);

enum store_rc db_delete(struct db *db, enum collection collection, bson_t *filter, size_t *deleted, struct error *err); /* one */
enum store_rc db_delete_all(struct db *db, enum collection collection, bson_t *filter, struct error *err);

/* findAndModify of one document; *after (may be NULL) is what it is then: destroy it. NOT_FOUND: nothing matches (and no upsert). */
enum store_rc db_change_one(struct db *db, enum collection collection, bson_t *filter, bson_t *update, enum db_upsert upsert, bson_t *after,
                            struct error *err);

/* Several writes to one collection in one go, none waiting for another: if one fails the others are tried all the same.
 *   db_bulk_begin(&bulk, db, MEMBERS);
 *   db_bulk_insert(&bulk, doc) …
 *   rc = db_bulk_run(&bulk, err);            sends, and frees but for `taken`, which db_bulk_end frees: always to be called
 * OK: all of them were done but for those that are `taken`. UNAVAILABLE: some of them were not done, which is not known: so, for who may not
 * repeat, as good as UNKNOWN. An empty bulk is OK without a round trip. */
struct db_bulk {
	struct db *db;
	enum collection which;
	mongoc_collection_t *collection;
	mongoc_bulk_operation_t *operation;
	size_t count;
	bson_error_t wrong; /* domain 0: nothing is */
	bool *taken;      /* [count], after the run: an insert that found its _id there */
	size_t taken_count;
	size_t matched;   /* updates and upserts that found a document, summed up */
};
void db_bulk_begin(struct db_bulk *bulk, struct db *db, enum collection collection);
void db_bulk_insert(struct db_bulk *bulk, bson_t *doc);
void db_bulk_update(struct db_bulk *bulk, bson_t *filter, bson_t *update, enum db_upsert upsert);
void db_bulk_delete(struct db_bulk *bulk, bson_t *filter); /* one */
enum store_rc db_bulk_run(struct db_bulk *bulk, struct error *err);
void db_bulk_end(struct db_bulk *bulk);

/* ---- making and reading documents ---- */

/* a ‖ 00 ‖ b: what two IDs name. In the form that BCON takes: BCON_BIN(BSON_SUBTYPE_BINARY, key.bytes, key.len). */
struct pair_key {
	unsigned char bytes[USER_ID_MAX + 1 + USER_ID_MAX];
	uint32_t len;
};
struct pair_key pair_key(const char *a, const char *b); /* each at most USER_ID_MAX bytes */
/* chatID ‖ 00 ‖ number, big endian: the _id of a log document whose first transaction has that number, and what refers to a message. Those of
 * one chat are equally long, so they sort by number. */
struct pair_key number_key(const char *chat_id, uint64_t number);
#define KEY_BIN(key) BCON_BIN(BSON_SUBTYPE_BINARY, (key).bytes, (key).len)

/* Fields at the top of a document; where one is missing or of another type: "", 0, false, NULL. Texts live as long as the document. */
const char *doc_text(const bson_t *doc, const char *name);
int64_t doc_number(const bson_t *doc, const char *name); /* int32, int64, double and bool alike */
bool doc_has(const bson_t *doc, const char *name);       /* there, and not null */
const unsigned char *doc_bytes(const bson_t *doc, const char *name, size_t *len);

/* The documents in an array as items of `size` bytes, each made by `read`, which may borrow from the entry what lives as long as doc; what is none
 * is passed over. The caller frees; there is room for one more item, also where there is none. */
typedef void doc_read_entry(const bson_t *entry, void *item);
void *doc_list_read(const bson_t *doc, const char *name, size_t size, doc_read_entry *read, size_t *count);

/* And back: one document for each item, filled by `write`. */
typedef void doc_write_entry(bson_t *entry, const void *item);
void doc_list_append(bson_t *doc, const char *name, const void *items, size_t size, size_t count, doc_write_entry *write);

#endif
