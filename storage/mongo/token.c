/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What makes tokens count or not: the keys that sign those of devices, and revocations. Any thread.
 *
 * ---- revocations: {_id: subject, at, deviceAt} ----     deviceAt: of a device, the same; missing: of a user
 * ---- signingKeys: {_id: kid, created, b: bytes} ---- */
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/people.h"
#include "storage/record.h"

enum { TRIES = 5 };

/* ---- revocations ---- */

enum store_rc mongo_put_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err)
{
	struct db db;
	enum store_rc rc = STORE_TAKEN;
	db_begin(&db, store);
	for (int i = 0; rc == STORE_TAKEN && i < TRIES; i++) { /* two that make it at once: one of them finds it there */
		bson_t *update = strchr(subject, '/') != NULL
							 ? BCON_NEW("$max", "{", "at", BCON_INT64(at_ms), "deviceAt", BCON_INT64(at_ms), "}")
							 : BCON_NEW("$max", "{", "at", BCON_INT64(at_ms), "}");
		rc = db_update(&db, REVOCATIONS, BCON_NEW("_id", BCON_UTF8(subject)), update, DB_UPSERT, NULL, err);
	}
	db_end(&db);
	return rc == STORE_TAKEN ? STORE_UNAVAILABLE : rc;
}

enum store_rc mongo_lower_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err)
{
	struct db db;
	bson_t *fields = BCON_NEW("at", BCON_INT64(at_ms)), *update = bson_new();
	if (strchr(subject, '/') != NULL)
		BSON_APPEND_INT64(fields, "deviceAt", at_ms);
	BSON_APPEND_DOCUMENT(update, "$set", fields);
	bson_destroy(fields);
	db_begin(&db, store);
	enum store_rc rc = db_update(&db, REVOCATIONS, BCON_NEW("_id", BCON_UTF8(subject), "at", "{", "$gt", BCON_INT64(at_ms), "}"), update,
		DB_UPDATE, NULL, err);
	db_end(&db);
	return rc;
}

enum store_rc mongo_list_revocations(struct store *store, const char *after, size_t count_max, struct revocation_list **revocations,
                                     struct error *err)
{
	struct db db;
	struct docs docs = {0};
	bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}", "limit", BCON_INT64(count_max < INT32_MAX ? (int64_t)count_max : INT32_MAX));
	db_begin(&db, store);
	enum store_rc rc = docs_load(&db, REVOCATIONS, BCON_NEW("_id", "{", "$gt", BCON_UTF8(after), "}"), opts, &docs, err);
	db_end(&db);
	if (rc != STORE_OK)
		return rc;
	struct revocation *found = mem_new(docs.count * sizeof *found);
	for (size_t i = 0; i < docs.count; i++)
		found[i] = (struct revocation){doc_text(docs.items[i], "_id"), doc_number(docs.items[i], "at")};
	*revocations = record_copy_revocations(&(struct revocation_list){docs.count, found});
	free(found);
	docs_fini(&docs);
	return STORE_OK;
}

enum store_rc revocations_prune(struct db *db, int64_t now_ms, bool *more, struct error *err)
{
	enum store_rc rc = db_delete_all(db, REVOCATIONS, BCON_NEW("deviceAt", "{", "$lt", BCON_INT64(now_ms - DEVICE_TOKEN_AGE_MS), "}"), err);
	if (rc == STORE_OK)
		*more = false;
	return rc;
}

/* ---- signing keys ---- */

static enum store_rc compare_key(struct db *db, const struct signing_key *key, struct error *err)
{
	bson_t doc;
	size_t len;
	enum store_rc rc = db_find_one(db, SIGNING_KEYS, BCON_NEW("_id", BCON_UTF8(key->kid)), NULL, &doc, err);
	if (rc == STORE_NOT_FOUND)
		return error_set(err, STORE_UNAVAILABLE, 0, "that key comes and goes");
	if (rc != STORE_OK)
		return rc;
	const unsigned char *bytes = doc_bytes(&doc, "b", &len);
	bool same = len == key->len && memcmp(bytes, key->bytes, len) == 0;
	bson_destroy(&doc);
	return same ? STORE_OK : (enum store_rc)error_set(err, STORE_TAKEN, 0, "another key has that name");
}

enum store_rc mongo_add_signing_key(struct store *store, const struct signing_key *key, struct error *err)
{
	struct db db;
	db_begin(&db, store);
	enum store_rc rc = db_insert(&db, SIGNING_KEYS, BCON_NEW("_id", BCON_UTF8(key->kid), "created", BCON_INT64(key->created_at_ms), "b",
		BCON_BIN(BSON_SUBTYPE_BINARY, key->bytes, (uint32_t)key->len)), err);
	if (rc == STORE_TAKEN)
		rc = compare_key(&db, key, err);
	db_end(&db);
	return rc;
}

static int newest_first(const void *left, const void *right)
{
	const struct signing_key *a = left, *b = right;
	if (a->created_at_ms != b->created_at_ms)
		return a->created_at_ms > b->created_at_ms ? -1 : 1;
	return strcmp(a->kid, b->kid);
}

enum store_rc mongo_list_signing_keys(struct store *store, struct signing_key_list **keys, struct error *err)
{
	struct db db;
	struct docs docs = {0};
	db_begin(&db, store);
	enum store_rc rc = docs_load(&db, SIGNING_KEYS, bson_new(), NULL, &docs, err);
	db_end(&db);
	if (rc != STORE_OK)
		return rc;
	struct signing_key *found = mem_new(docs.count * sizeof *found);
	for (size_t i = 0; i < docs.count; i++) {
		found[i] = (struct signing_key){.kid = doc_text(docs.items[i], "_id"), .created_at_ms = doc_number(docs.items[i], "created")};
		found[i].bytes = doc_bytes(docs.items[i], "b", &found[i].len);
	}
	if (docs.count > 1)
		qsort(found, docs.count, sizeof *found, newest_first);
	*keys = record_copy_signing_keys(&(struct signing_key_list){docs.count, found});
	free(found);
	docs_fini(&docs);
	return STORE_OK;
}

enum store_rc mongo_drop_signing_key(struct store *store, const char *kid, struct error *err)
{
	struct db db;
	db_begin(&db, store);
	enum store_rc rc = db_delete(&db, SIGNING_KEYS, BCON_NEW("_id", BCON_UTF8(kid)), NULL, err);
	db_end(&db);
	return rc;
}
