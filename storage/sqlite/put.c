/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Small writes: users, receipts, mutes, and forgetting. Each is one SQL transaction. Writer threads. */
#include "storage/sqlite/handle.h"

/* How much one call of prune does, so that appends never wait long for it. */
enum { PRUNE_ROWS = 2000 };

enum store_rc sqlite_put_user(struct store *store, const char *user_id, int64_t at_ms, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	sqlite3_stmt *put = db_statement(db, SQL_PUT_USER);
	db_bind_text(db, put, 1, user_id);
	db_bind_int(db, put, 2, at_ms);
	db_run(db, put);
	return write_end(store, db, err);
}

enum store_rc sqlite_put_receipts(struct store *store, const struct receipt *receipts, size_t receipt_count, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	for (size_t i = 0; i < receipt_count; i++) {
		sqlite3_stmt *put = db_statement(db, SQL_PUT_RECEIPT);
		db_bind_text(db, put, 1, receipts[i].chat_id);
		db_bind_text(db, put, 2, receipts[i].user_id);
		db_bind_number(db, put, 3, receipts[i].received);
		db_bind_number(db, put, 4, receipts[i].read);
		db_run(db, put);
	}
	return write_end(store, db, err);
}

enum store_rc sqlite_put_mute(struct store *store, const char *user_id, const char *chat_id, int64_t until_ms, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	sqlite3_stmt *put = db_statement(db, SQL_PUT_MUTE);
	db_bind_text(db, put, 1, chat_id);
	db_bind_text(db, put, 2, user_id);
	db_bind_int(db, put, 3, until_ms);
	db_run(db, put);
	return write_end(store, db, err);
}

/* ---- forgetting ---- */

enum store_rc sqlite_prune(struct store *store, int64_t now_ms, bool *more, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	bool more_keys = keys_prune(db, now_ms, PRUNE_ROWS);
	bool more_devices = device_prune(db, now_ms);
	bool more_tokens = token_prune(db, now_ms);
	bool more_people = people_prune(db, now_ms);
	bool more_shared = shared_prune(db, now_ms);
	bool more_audit = audit_prune(db, now_ms);
	rc = write_end(store, db, err);
	if (rc == STORE_OK)
		*more = more_keys || more_devices || more_tokens || more_people || more_shared || more_audit;
	return rc;
}
