/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The commands, and what their failures mean. Any thread, with a client of its own from the pool. */
#include "storage/mongo/db.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/seam.h"

static const char *const names[COLLECTION_COUNT] = {
	[STORE_INFO] = "store",
	[WRITERS] = "writers",
	[CHATS] = "chats",
	[LOG] = "log",
	[DEDUP] = "dedup",
	[MEMBERS] = "members",
	[ERASURES] = "erasures",
	[PLACES] = "places",
	[LEASES] = "leases",
	[NOTICES] = "notices",
	[USERS] = "users",
	[DEVICES] = "devices",
	[SHARED_IDS] = "sharedIDs",
	[ICONS] = "icons",
	[INVITATIONS] = "invitations",
	[REVOCATIONS] = "revocations",
	[SIGNING_KEYS] = "signingKeys",
	[AUDIT] = "audit",
};

const char *collection_name(enum collection collection)
{
	return names[collection];
}

void db_begin(struct db *db, struct store *store)
{
	db->mongo = mongo_of(store);
	db->client = mongoc_client_pool_pop(db->mongo->pool);
}

void db_end(struct db *db)
{
	mongoc_client_pool_push(db->mongo->pool, db->client);
	db->client = NULL;
}

static mongoc_collection_t *collection_of(struct db *db, enum collection collection)
{
	return mongoc_client_get_collection(db->client, db->mongo->database, names[collection]);
}

/* ---- what a failure means ---- */

/* Servers' codes of which is certain that nothing was done. After an interruption (11600, 11602, 189, 91) it is not. Nor is it when there is no
 * primary (10107, 13435): the driver tries a write twice, and this may be the second answer, while the first try, whose connection broke, is in. */
enum {
	CODE_UNAUTHORIZED = 13,
	CODE_AUTHENTICATION_FAILED = 18,
	CODE_DUPLICATE_KEY = 11000,
};

static bool is_refusal(const bson_error_t *error)
{
	return error->code == CODE_UNAUTHORIZED || error->code == CODE_AUTHENTICATION_FAILED;
}

/* A server's message may quote what a document holds, so only its code is shown. The driver's own messages name hosts and causes; those
 * about credentials do not contain them. */
static enum store_rc explain(enum store_rc rc, const bson_error_t *error, struct error *err)
{
	int code = (int)error->code;
	if (error->domain == MONGOC_ERROR_SERVER || error->domain == MONGOC_ERROR_WRITE_CONCERN)
		return error_set(err, rc, code, "the MongoDB server answered with error %d", code);
	return error_set(err, rc, code, "MongoDB: %s", error->message);
}

enum store_rc db_translate(enum db_kind kind, const bson_error_t *error, struct error *err)
{
	bool server = error->domain == MONGOC_ERROR_SERVER;
	if (server && error->code == CODE_DUPLICATE_KEY)
		return error_set(err, STORE_TAKEN, (int)error->code, "there is one already");
	if (kind == DB_READING || error->domain == MONGOC_ERROR_SERVER_SELECTION || (server && is_refusal(error)))
		return explain(STORE_UNAVAILABLE, error, err);
	if (error->domain == MONGOC_ERROR_CLIENT && error->code == MONGOC_ERROR_CLIENT_AUTHENTICATE)
		return explain(STORE_UNAVAILABLE, error, err);
	if (error->domain == MONGOC_ERROR_BSON || error->domain == MONGOC_ERROR_COMMAND)
		return explain(STORE_UNAVAILABLE, error, err); /* not sent: the driver found it wrong */
	return explain(STORE_UNKNOWN, error, err);
}

bool db_is_about_credentials(const struct error *err)
{
	return err->native == CODE_UNAUTHORIZED || err->native == CODE_AUTHENTICATION_FAILED || err->native == MONGOC_ERROR_CLIENT_AUTHENTICATE;
}

/* ---- faults, for tests ---- */

struct mongo_faults mongo_faults;

enum mongo_fault db_fault(enum collection collection, bool write)
{
	return mongo_faults.decide ? mongo_faults.decide(mongo_faults.context, names[collection], write) : MONGO_NO_FAULT;
}

enum store_rc db_fault_says(enum mongo_fault fault, struct error *err)
{
	if (fault == MONGO_FAIL)
		return error_set(err, STORE_UNAVAILABLE, 0, "a fault that was asked for: nothing was sent");
	return error_set(err, STORE_UNKNOWN, 0, "a fault that was asked for: the answer was lost");
}

/* ---- reading ---- */

void db_find(struct db_cursor *cursor, struct db *db, enum collection collection, bson_t *filter, bson_t *opts)
{
	*cursor = (struct db_cursor){.db = db, .rc = STORE_OK};
	cursor->collection = collection_of(db, collection);
	if (db_fault(collection, false) != MONGO_NO_FAULT)
		cursor->rc = db_fault_says(MONGO_FAIL, &cursor->err);
	else
		cursor->cursor = mongoc_collection_find_with_opts(cursor->collection, filter, opts, NULL);
	bson_destroy(filter);
	bson_destroy(opts);
}

bool db_next(struct db_cursor *cursor, const bson_t **doc)
{
	if (cursor->rc != STORE_OK)
		return false;
	if (mongoc_cursor_next(cursor->cursor, doc))
		return true;
	bson_error_t error;
	if (mongoc_cursor_error(cursor->cursor, &error))
		cursor->rc = db_translate(DB_READING, &error, &cursor->err);
	return false;
}

enum store_rc db_find_end(struct db_cursor *cursor, struct error *err)
{
	if (cursor->cursor)
		mongoc_cursor_destroy(cursor->cursor);
	mongoc_collection_destroy(cursor->collection);
	if (cursor->rc != STORE_OK && err)
		*err = cursor->err;
	return cursor->rc;
}

enum store_rc db_find_one(struct db *db, enum collection collection, bson_t *filter, bson_t *opts, bson_t *doc, struct error *err)
{
	bson_t *all = opts ? opts : bson_new();
	BSON_APPEND_INT64(all, "limit", 1);
	struct db_cursor cursor;
	const bson_t *found;
	db_find(&cursor, db, collection, filter, all);
	bool any = db_next(&cursor, &found);
	bson_t copy;
	if (any)
		bson_copy_to(found, &copy);
	enum store_rc rc = db_find_end(&cursor, err);
	if (rc != STORE_OK) {
		if (any)
			bson_destroy(&copy);
		return rc;
	}
	if (!any)
		return error_set(err, STORE_NOT_FOUND, 0, "nothing like that in %s", names[collection]);
	bool moved = bson_steal(doc, &copy);
	assert(moved);
	return STORE_OK;
}

/* ---- writing ---- */

/* What came of a write. done: the driver says so; after a write concern's failure it does not. */
static enum store_rc written(enum mongo_fault fault, bool done, const bson_error_t *error, struct error *err)
{
	if (fault == MONGO_DO_AND_LOSE)
		return db_fault_says(fault, err);
	return done ? STORE_OK : db_translate(DB_WRITING, error, err);
}

enum store_rc db_insert(struct db *db, enum collection collection, bson_t *doc, struct error *err)
{
	enum mongo_fault fault = db_fault(collection, true);
	if (fault == MONGO_FAIL || fault == MONGO_LOSE) {
		bson_destroy(doc);
		return db_fault_says(fault, err);
	}
	mongoc_collection_t *target = collection_of(db, collection);
	bson_error_t error = {0};
	bool done = mongoc_collection_insert_one(target, doc, NULL, NULL, &error);
	mongoc_collection_destroy(target);
	bson_destroy(doc);
	return written(fault, done, &error, err);
}

static size_t reply_count(const bson_t *reply, const char *name)
{
	return (size_t)doc_number(reply, name);
}

typedef bool update_function(mongoc_collection_t *, const bson_t *, const bson_t *, const bson_t *, bson_t *, bson_error_t *);

static enum store_rc update_by(update_function *update_them, struct db *db, enum collection collection, bson_t *filter, bson_t *update,
                               enum db_upsert upsert, size_t *matched, struct error *err)
{
	enum mongo_fault fault = db_fault(collection, true);
	enum store_rc rc;
	if (fault == MONGO_FAIL || fault == MONGO_LOSE) {
		rc = db_fault_says(fault, err);
	} else {
		mongoc_collection_t *target = collection_of(db, collection);
		bson_error_t error = {0};
		bson_t reply, *opts = upsert == DB_UPSERT ? BCON_NEW("upsert", BCON_BOOL(true)) : NULL;
		bool done = update_them(target, filter, update, opts, &reply, &error);
		rc = written(fault, done, &error, err);
		if (rc == STORE_OK && matched)
			*matched = reply_count(&reply, "matchedCount") + reply_count(&reply, "upsertedCount");
		bson_destroy(&reply);
		bson_destroy(opts);
		mongoc_collection_destroy(target);
	}
	bson_destroy(filter);
	bson_destroy(update);
	return rc;
}

enum store_rc db_update(struct db *db, enum collection collection, bson_t *filter, bson_t *update, enum db_upsert upsert, size_t *matched,
                        struct error *err)
{
	return update_by(mongoc_collection_update_one, db, collection, filter, update, upsert, matched, err);
}

enum store_rc db_update_all(struct db *db, enum collection collection, bson_t *filter, bson_t *update, struct error *err)
{
	return update_by(mongoc_collection_update_many, db, collection, filter, update, DB_UPDATE, NULL, err);
}

typedef bool delete_function(mongoc_collection_t *, const bson_t *, const bson_t *, bson_t *, bson_error_t *);

static enum store_rc delete_by(delete_function *delete_them, struct db *db, enum collection collection, bson_t *filter, size_t *deleted,
                               struct error *err)
{
	enum mongo_fault fault = db_fault(collection, true);
	enum store_rc rc;
	if (fault == MONGO_FAIL || fault == MONGO_LOSE) {
		rc = db_fault_says(fault, err);
	} else {
		mongoc_collection_t *target = collection_of(db, collection);
		bson_error_t error = {0};
		bson_t reply;
		bool done = delete_them(target, filter, NULL, &reply, &error);
		rc = written(fault, done, &error, err);
		if (rc == STORE_OK && deleted)
			*deleted = reply_count(&reply, "deletedCount");
		bson_destroy(&reply);
		mongoc_collection_destroy(target);
	}
	bson_destroy(filter);
	return rc;
}

enum store_rc db_delete(struct db *db, enum collection collection, bson_t *filter, size_t *deleted, struct error *err)
{
	return delete_by(mongoc_collection_delete_one, db, collection, filter, deleted, err);
}

enum store_rc db_delete_all(struct db *db, enum collection collection, bson_t *filter, struct error *err)
{
	return delete_by(mongoc_collection_delete_many, db, collection, filter, NULL, err);
}

static enum store_rc change_one(mongoc_collection_t *target, const bson_t *filter, bson_t *update, enum db_upsert upsert,
                                enum mongo_fault fault, bson_t *after, struct error *err)
{
	mongoc_find_and_modify_opts_t *opts = mongoc_find_and_modify_opts_new();
	mongoc_find_and_modify_opts_set_update(opts, update);
	mongoc_find_and_modify_opts_set_flags(
		opts, MONGOC_FIND_AND_MODIFY_RETURN_NEW | (upsert == DB_UPSERT ? MONGOC_FIND_AND_MODIFY_UPSERT : MONGOC_FIND_AND_MODIFY_NONE));
	bson_error_t error = {0};
	bson_t reply, value;
	bson_iter_t iter;
	bool done = mongoc_collection_find_and_modify_with_opts(target, filter, opts, &reply, &error);
	enum store_rc rc = written(fault, done, &error, err);
	if (rc == STORE_OK && !(bson_iter_init_find(&iter, &reply, "value") && BSON_ITER_HOLDS_DOCUMENT(&iter))) {
		rc = error_set(err, STORE_NOT_FOUND, 0, "there is nothing like that");
	} else if (rc == STORE_OK && after) {
		uint32_t len;
		const uint8_t *bytes;
		bson_iter_document(&iter, &len, &bytes);
		bool whole = bson_init_static(&value, bytes, len);
		assert(whole);
		bson_copy_to(&value, after);
	}
	bson_destroy(&reply);
	mongoc_find_and_modify_opts_destroy(opts);
	return rc;
}

enum store_rc db_change_one(struct db *db, enum collection collection, bson_t *filter, bson_t *update, enum db_upsert upsert, bson_t *after,
                            struct error *err)
{
	enum mongo_fault fault = db_fault(collection, true);
	enum store_rc rc;
	if (fault == MONGO_FAIL || fault == MONGO_LOSE) {
		rc = db_fault_says(fault, err);
	} else {
		mongoc_collection_t *target = collection_of(db, collection);
		rc = change_one(target, filter, update, upsert, fault, after, err);
		mongoc_collection_destroy(target);
	}
	bson_destroy(filter);
	bson_destroy(update);
	return rc;
}
