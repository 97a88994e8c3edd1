/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What operators did. Each write is one SQL transaction. Any thread. */
#include <stdlib.h>

#include "storage/record.h"
#include "storage/sqlite/handle.h"
#include "storage/sqlite/texts.h"

enum { PRUNE_ROWS = 1000 };

enum store_rc sqlite_put_audit(struct store *store, const struct audit_record *record, struct error *err)
{
	enum store_rc rc = STORE_OK;
	unsigned char key[AUDIT_KEY_BYTES];
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	record_audit_key(record, key);
	sqlite3_stmt *put = db_statement(db, SQL_PUT_AUDIT);
	db_bind_bytes(db, put, 1, key, sizeof key);
	db_bind_int(db, put, 2, record->at_ms);
	db_bind_text(db, put, 3, record->who);
	db_bind_text(db, put, 4, record->command);
	db_bind_text(db, put, 5, record->subject);
	db_bind_text(db, put, 6, record->details);
	db_bind_text(db, put, 7, record->result);
	db_run(db, put);
	return write_end(store, db, err);
}

static struct audit_record record_of(sqlite3_stmt *row, struct texts *texts)
{
	return (struct audit_record){sqlite3_column_int64(row, 0), texts_add(texts, db_text(row, 1)), texts_add(texts, db_text(row, 2)),
		texts_add(texts, db_text(row, 3)), texts_add(texts, db_text(row, 4)), texts_add(texts, db_text(row, 5))};
}

enum store_rc sqlite_list_audit(struct store *store, const struct audit_record *before, size_t count_max, struct audit_list **list,
                                struct error *err)
{
	enum store_rc rc = STORE_OK;
	unsigned char key[AUDIT_KEY_BYTES];
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct texts texts = {0};
	struct audit_record *found = NULL;
	size_t count = 0;
	sqlite3_stmt *read = db_statement(db, SQL_LIST_AUDIT);
	if (before != NULL) {
		record_audit_key(before, key);
		db_bind_bytes(db, read, 1, key, sizeof key);
	}
	db_bind_number(db, read, 2, count_max);
	while (db_step(db, read)) {
		if ((count & (count - 1)) == 0) /* full at 0 and at every power of two */
			found = mem_grow(found, (count ? count * 2 : 1) * sizeof *found);
		found[count++] = record_of(read, &texts);
	}
	rc = read_end(store, db, err);
	if (rc == STORE_OK)
		*list = record_copy_audit(&(struct audit_list){count, found});
	texts_fini(&texts);
	free(found);
	return rc;
}

bool audit_prune(struct db *db, int64_t now_ms)
{
	unsigned char key[AUDIT_KEY_BYTES];
	record_audit_key_since(now_ms - AUDIT_AGE_MS, key);
	sqlite3_stmt *prune = db_statement(db, SQL_PRUNE_AUDIT);
	db_bind_bytes(db, prune, 1, key, sizeof key);
	db_bind_int(db, prune, 2, PRUNE_ROWS);
	db_run(db, prune);
	return db->failure == 0 && sqlite3_changes(db->handle) == PRUNE_ROWS;
}
