/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What makes tokens count or not: the keys that sign those of devices, and revocations. Each write is one SQL transaction. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "storage/record.h"
#include "storage/sqlite/handle.h"
#include "storage/sqlite/texts.h"

enum { PRUNE_REVOCATIONS = 1000 };

/* ---- revocations ---- */

enum store_rc sqlite_put_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	sqlite3_stmt *put = db_statement(db, SQL_PUT_REVOCATION);
	db_bind_text(db, put, 1, subject);
	db_bind_int(db, put, 2, at_ms);
	db_run(db, put);
	return write_end(store, db, err);
}

enum store_rc sqlite_lower_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	sqlite3_stmt *lower = db_statement(db, SQL_LOWER_REVOCATION);
	db_bind_text(db, lower, 1, subject);
	db_bind_int(db, lower, 2, at_ms);
	db_run(db, lower);
	return write_end(store, db, err);
}

enum store_rc sqlite_list_revocations(struct store *store, const char *after, size_t count_max, struct revocation_list **revocations,
                                      struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct texts subjects = {0};
	struct revocation *found = NULL;
	size_t count = 0;
	sqlite3_stmt *list = db_statement(db, SQL_LIST_REVOCATIONS);
	db_bind_text(db, list, 1, after);
	db_bind_number(db, list, 2, count_max);
	while (db_step(db, list)) {
		if ((count & (count - 1)) == 0) /* full at 0 and at every power of two */
			found = mem_grow(found, (count ? count * 2 : 1) * sizeof *found);
		found[count++] = (struct revocation){texts_add(&subjects, db_text(list, 0)), sqlite3_column_int64(list, 1)};
	}
	rc = read_end(store, db, err);
	if (rc == STORE_OK)
		*revocations = record_copy_revocations(&(struct revocation_list){count, found});
	texts_fini(&subjects);
	free(found);
	return rc;
}

bool token_prune(struct db *db, int64_t now_ms)
{
	sqlite3_stmt *prune = db_statement(db, SQL_PRUNE_REVOCATIONS);
	db_bind_int(db, prune, 1, now_ms - DEVICE_TOKEN_AGE_MS);
	db_bind_int(db, prune, 2, PRUNE_REVOCATIONS);
	db_run(db, prune);
	return db->failure == 0 && sqlite3_changes(db->handle) == PRUNE_REVOCATIONS;
}

/* ---- signing keys ---- */

static bool is_same_key(const struct signing_key *key, sqlite3_stmt *row)
{
	return (size_t)sqlite3_column_bytes(row, 0) == key->len && memcmp(sqlite3_column_blob(row, 0), key->bytes, key->len) == 0;
}

enum store_rc sqlite_add_signing_key(struct store *store, const struct signing_key *key, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	bool taken = false;
	sqlite3_stmt *find = db_statement(db, SQL_FIND_SIGNING_KEY);
	db_bind_text(db, find, 1, key->kid);
	if (db_step(db, find)) {
		taken = !is_same_key(key, find);
		db_reset(find);
	} else {
		sqlite3_stmt *add = db_statement(db, SQL_ADD_SIGNING_KEY);
		db_bind_text(db, add, 1, key->kid);
		db_bind_int(db, add, 2, key->created_at_ms);
		db_bind_bytes(db, add, 3, key->bytes, key->len);
		db_run(db, add);
	}
	rc = write_end(store, db, err);
	return rc == STORE_OK && taken ? (enum store_rc)error_set(err, STORE_TAKEN, 0, "another key has that name") : rc;
}

static struct signing_key key_of(sqlite3_stmt *row, struct texts *texts)
{
	size_t len = (size_t)sqlite3_column_bytes(row, 2);
	void *bytes = mem_copy(sqlite3_column_blob(row, 2), len);
	return (struct signing_key){.kid = texts_add(texts, db_text(row, 0)), .created_at_ms = sqlite3_column_int64(row, 1), .bytes = bytes, .len = len};
}

enum store_rc sqlite_list_signing_keys(struct store *store, struct signing_key_list **keys, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct texts kids = {0};
	struct signing_key *found = NULL;
	size_t count = 0;
	sqlite3_stmt *list = db_statement(db, SQL_LIST_SIGNING_KEYS);
	while (db_step(db, list)) {
		if ((count & (count - 1)) == 0) /* full at 0 and at every power of two */
			found = mem_grow(found, (count ? count * 2 : 1) * sizeof *found);
		found[count++] = key_of(list, &kids);
	}
	rc = read_end(store, db, err);
	if (rc == STORE_OK)
		*keys = record_copy_signing_keys(&(struct signing_key_list){count, found});
	for (size_t i = 0; i < count; i++)
		free((void *)(uintptr_t)found[i].bytes);
	texts_fini(&kids);
	free(found);
	return rc;
}

enum store_rc sqlite_drop_signing_key(struct store *store, const char *kid, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	sqlite3_stmt *drop = db_statement(db, SQL_DROP_SIGNING_KEY);
	db_bind_text(db, drop, 1, kid);
	db_run(db, drop);
	return write_end(store, db, err);
}
