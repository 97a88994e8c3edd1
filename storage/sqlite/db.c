/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * One connection to the file. The only place that turns SQLite's codes into ours. One thread at a time. */
#include "storage/sqlite/db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/sqlite/walfile.h"

enum { BUSY_TIMEOUT_MS = 2000, WRITE_CACHE_KIB = 65536, READ_CACHE_KIB = 8192 };

/* ---- failures ---- */

void db_fail(struct db *db, int code, const char *text)
{
	if (db->failure != 0)
		return;
	db->failure = code;
	snprintf(db->text, sizeof db->text, "%s", text);
}

static void fail_with_code(struct db *db, int code)
{
	/* SQLite's own words; they name tables, never what is in them. */
	db_fail(db, code, db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code));
}

static enum store_rc translate(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
		return STORE_OK;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_CONSTRAINT: /* everything was checked before: so the projections are not what the log says */
	case SQLITE_MISMATCH:
		return STORE_CORRUPT;
	default:
		return STORE_UNAVAILABLE;
	}
}

bool db_is_corrupt(const struct db *db)
{
	return translate(db->failure) == STORE_CORRUPT;
}

enum store_rc db_result(struct db *db, struct error *err)
{
	int code = db->failure;
	db->failure = 0;
	if (code == 0)
		return STORE_OK;
	return error_set(err, translate(code), code, "sqlite: %s (code %d)", db->text, code);
}

enum store_rc db_answer(enum store_rc rc, bool found, struct error *err, const char *what)
{
	return rc == STORE_OK && !found ? (enum store_rc)error_set(err, STORE_NOT_FOUND, 0, "no such %s", what) : rc;
}

/* ---- opening ---- */

static void set_up(struct db *db, enum db_use use)
{
	char cache[64];
	snprintf(cache, sizeof cache, "PRAGMA cache_size = -%d", use == DB_READ ? READ_CACHE_KIB : WRITE_CACHE_KIB);
	sqlite3_extended_result_codes(db->handle, 1);
	sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MS);
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	db_exec(db, cache);
	db_exec(db, "PRAGMA trusted_schema = OFF");
	db_exec(db, "PRAGMA temp_store = MEMORY");
	db_exec(db, "PRAGMA synchronous = FULL");
	db_exec(db, "PRAGMA wal_autocheckpoint = 0"); /* never on the commit path: checkpoint() does it */
	db_exec(db, "PRAGMA secure_delete = ON");
	if (use == DB_READ)
		db_exec(db, "PRAGMA query_only = ON");
	if (use == DB_COMMIT)
		db_exec(db, "PRAGMA cache_spill = OFF"); /* walfile.h */
}

enum store_rc db_open(struct db *db, const char *path, enum db_use use, struct error *err)
{
	*db = (struct db){0};
	/* NOMUTEX: one thread at a time has it anyway. Never CREATE: a file that vanished must not come back empty. */
	int code = sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, use == DB_COMMIT ? walfile_vfs() : NULL);
	if (code != SQLITE_OK)
		fail_with_code(db, code);
	else
		set_up(db, use);
	enum store_rc rc = db_result(db, err);
	if (rc != STORE_OK)
		db_close(db);
	return rc;
}

void db_close(struct db *db)
{
	for (size_t i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(db->statements[i]);
	sqlite3_close(db->handle);
	free(db->users);
	keys_free(db->keys);
	*db = (struct db){0};
}

void db_leave(struct db *db)
{
	sqlite3_file *wal = NULL;
	sqlite3_int64 size = 0;
	bool found = db->handle != NULL && sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) == SQLITE_OK;
	/* An empty one was made by opening, and is taken away again. */
	if (found && wal != NULL && wal->pMethods != NULL && wal->pMethods->xFileSize(wal, &size) == SQLITE_OK && size > 0)
		sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	db_close(db);
}

/* ---- statements ---- */

sqlite3_stmt *db_statement(struct db *db, enum statement which)
{
	if (db->failure != 0)
		return NULL;
	sqlite3_stmt **statement = &db->statements[which];
	if (*statement == NULL) {
		int code = sqlite3_prepare_v3(db->handle, sqlite_statements[which], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL);
		if (code != SQLITE_OK)
			fail_with_code(db, code);
	}
	return *statement;
}

static void check(struct db *db, int code)
{
	if (code != SQLITE_OK)
		fail_with_code(db, code);
}

void db_bind_int(struct db *db, sqlite3_stmt *statement, int index, int64_t value)
{
	if (statement)
		check(db, sqlite3_bind_int64(statement, index, value));
}

void db_bind_number(struct db *db, sqlite3_stmt *statement, int index, uint64_t value)
{
	db_bind_int(db, statement, index, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void db_bind_text(struct db *db, sqlite3_stmt *statement, int index, const char *text)
{
	if (statement)
		check(db, sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC));
}

void db_bind_bytes(struct db *db, sqlite3_stmt *statement, int index, const void *bytes, size_t len)
{
	if (statement)
		check(db, sqlite3_bind_blob64(statement, index, bytes, len, SQLITE_STATIC));
}

bool db_step(struct db *db, sqlite3_stmt *statement)
{
	if (db->failure == 0) {
		int code = sqlite3_step(statement);
		if (code == SQLITE_ROW)
			return true;
		if (code != SQLITE_DONE)
			fail_with_code(db, code);
	}
	db_reset(statement);
	return false;
}

void db_reset(sqlite3_stmt *statement)
{
	sqlite3_reset(statement); /* repeats the code of the last step, which db_step has dealt with */
}

void db_run(struct db *db, sqlite3_stmt *statement)
{
	while (db_step(db, statement))
		;
}

void db_run_simple(struct db *db, enum statement which)
{
	db_run(db, db_statement(db, which));
}

void db_run_for(struct db *db, enum statement which, int64_t id)
{
	sqlite3_stmt *statement = db_statement(db, which);
	db_bind_int(db, statement, 1, id);
	db_run(db, statement);
}

void db_exec(struct db *db, const char *sql)
{
	if (db->failure == 0)
		check(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

int64_t db_ask_int(struct db *db, const char *sql, int64_t missing)
{
	sqlite3_stmt *statement = NULL;
	int64_t answer = missing;
	if (db->failure == 0)
		check(db, sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL));
	if (db_step(db, statement))
		answer = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return answer;
}

/* ---- the whole file ---- */

/* A page that could not be read is told like one that is wrong, with the code that says which it is. */
static int code_in(const char *finding)
{
	static const char mark[] = "error code=";
	const char *found = strstr(finding, mark);
	return found ? (int)strtol(found + sizeof mark - 1, NULL, 10) : SQLITE_OK;
}

bool db_is_sound(struct db *db, char *finding, size_t size)
{
	sqlite3_stmt *check_all = NULL;
	finding[0] = '\0';
	if (db->failure == 0)
		check(db, sqlite3_prepare_v2(db->handle, "PRAGMA integrity_check(1)", -1, &check_all, NULL));
	if (db_step(db, check_all)) {
		const char *text = db_text(check_all, 0);
		int code = code_in(text);
		if (translate(code) == STORE_UNAVAILABLE)
			db_fail(db, code, text);
		snprintf(finding, size, "%s", text);
	}
	sqlite3_finalize(check_all);
	return db->failure == 0 && strcmp(finding, "ok") == 0;
}

/* ---- columns ---- */

const char *db_text(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);
	return text ? (const char *)text : "";
}

void db_read_bytes(struct db *db, sqlite3_stmt *statement, int column, void *bytes, size_t len)
{
	const void *blob = sqlite3_column_blob(statement, column);
	if (blob == NULL || (size_t)sqlite3_column_bytes(statement, column) != len) {
		db_fail(db, SQLITE_CORRUPT, "a column has not the length that it always has");
		memset(bytes, 0, len);
		return;
	}
	memcpy(bytes, blob, len);
}
