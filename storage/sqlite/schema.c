/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The file's identity and version. application_id says that it is ours, user_version how many of the migrations of schema/sqlite it
 * has had. All that are missing run in one transaction together with the new number, so that there is no half-way. On the thread that
 * opens the store. */
#include "storage/sqlite/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const int64_t sqlite_application_id = 0x48436861; /* "HCha" */

/* ---- the file ---- */

/* The system's word, and what the operator can do. */
static enum store_rc file_refused(const char *path, int problem, struct error *err)
{
	const char *advice = problem == ENOENT ? "; its directory must exist" : problem == EACCES ? "; the broker's user must be able to read and write it" : "";
	return error_set(err, STORE_REFUSED, problem, "%s: %s%s", path, error_words(problem), advice);
}

/* Makes an empty file that only we may read, or finds one; STORE_EXISTING: only finds one. SQLite gives its mode to -wal and -shm. */
static enum store_rc file_make(const char *path, unsigned flags, struct error *err)
{
	/* ":memory:" and, where SQLite was built so, "file:…" are not names of files to it. */
	if (path[0] == '\0' || path[0] == ':' || strncmp(path, "file:", 5) == 0)
		return error_set(err, STORE_REFUSED, 0, "a SQLite store is given as sqlite:<file>");
	struct stat status;
	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
		return error_set(err, STORE_REFUSED, 0, "%s: is %s, not a file", path, S_ISDIR(status.st_mode) ? "a directory" : "something else");
	bool existing = (flags & STORE_EXISTING) != 0;
	int fd = open(path, O_RDWR | O_CLOEXEC | (existing ? 0 : O_CREAT), 0600);
	if (fd < 0 && existing && errno == ENOENT)
		return error_set(err, STORE_NOT_FOUND, errno, "%s: %s", path, error_words(errno));
	if (fd < 0)
		return file_refused(path, errno, err);
	close(fd);
	return STORE_OK;
}

/* ---- recognising ---- */

static bool is_empty(struct db *db)
{
	return db_ask_int(db, "SELECT count(*) FROM sqlite_schema", 0) == 0;
}

/* Whether the file may be ours, before anything is changed in it. */
static enum store_rc recognise(struct db *db, const char *path, unsigned flags, int *found, struct error *err)
{
	int64_t application = db_ask_int(db, "PRAGMA application_id", 0);
	int64_t version = db_ask_int(db, "PRAGMA user_version", 0);
	bool empty = is_empty(db);
	enum store_rc rc = db_result(db, err);
	if (rc != STORE_OK)
		return rc;
	if (empty ? application != 0 || version != 0 : application != sqlite_application_id)
		return error_set(err, STORE_REFUSED, 0, "%s: is another application's database", path);
	if (version > sqlite_schema_version)
		return error_set(err, STORE_REFUSED, 0, "%s: has schema %lld, made by a newer version; this one knows up to %d", path, (long long)version,
			sqlite_schema_version);
	if (empty && (flags & STORE_EXISTING) != 0)
		return error_set(err, STORE_NOT_FOUND, 0, "there is no store in it yet");
	if (!empty && version < sqlite_schema_version && (flags & STORE_NO_MIGRATION) != 0)
		return error_set(err, STORE_REFUSED, 0, "%s: has schema %lld, this version needs %d: run 'hyperchatctl migrate' first", path,
			(long long)version, sqlite_schema_version);
	*found = (int)version;
	return STORE_OK;
}

/* ---- making and migrating ---- */

static void random_text(char text[ID_TEXT_LEN + 1])
{
	unsigned char bytes[ID_BYTES];
	id_random(bytes, sizeof bytes);
	base64url_encode(bytes, sizeof bytes, text);
}

static void add_identity(struct db *db)
{
	char epoch[ID_TEXT_LEN + 1], writer[ID_TEXT_LEN + 1], pragma[64];
	unsigned char secret[STORE_SECRET_BYTES];
	random_text(epoch);
	random_text(writer);
	id_random(secret, sizeof secret);
	sqlite3_stmt *statement = NULL;
	int code = db->failure ? db->failure
						   : sqlite3_prepare_v2(db->handle, "INSERT INTO store (id, epoch, secret, writer) VALUES (1, ?1, ?2, ?3)", -1, &statement, NULL);
	if (code != SQLITE_OK)
		db_fail(db, code, sqlite3_errmsg(db->handle));
	db_bind_text(db, statement, 1, epoch);
	db_bind_bytes(db, statement, 2, secret, sizeof secret);
	db_bind_text(db, statement, 3, writer);
	db_run(db, statement);
	sqlite3_finalize(statement);
	snprintf(pragma, sizeof pragma, "PRAGMA application_id = %lld", (long long)sqlite_application_id);
	db_exec(db, pragma);
}

/* What an earlier process wrote and could not sync is read as if it were on the disk, and never gets there: Linux takes it for clean. So all of the WAL
 * is written as it is read, and synced, before anything rests on it. Nobody else writes to it under the write lock. */
static void write_wal_again(struct db *db)
{
	static const sqlite3_int64 piece = 65536;
	sqlite3_file *wal = NULL;
	sqlite3_int64 size = 0;
	int code = db->failure ? SQLITE_OK : sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
	if (wal == NULL || wal->pMethods == NULL)
		return;
	if (code == SQLITE_OK)
		code = wal->pMethods->xFileSize(wal, &size);
	unsigned char *bytes = mem_new((size_t)piece);
	for (sqlite3_int64 at = 0; at < size && code == SQLITE_OK; at += piece) {
		int len = (int)(size - at < piece ? size - at : piece);
		code = wal->pMethods->xRead(wal, bytes, len, at);
		if (code == SQLITE_OK)
			code = wal->pMethods->xWrite(wal, bytes, len, at);
	}
	free(bytes);
	if (code == SQLITE_OK && size > 0)
		code = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
	if (code != SQLITE_OK)
		db_fail(db, code, "the write-ahead log cannot be read and written again");
}

/* A file may name our version and have other tables: those of a program that was never released, or changed by hand. That is to be known before
 * the first of these statements is needed. */
static enum store_rc check_tables(struct db *db, const char *path, struct error *err)
{
	int code = SQLITE_OK;
	for (size_t i = 0; db->failure == 0 && i < STATEMENT_COUNT && code == SQLITE_OK; i++) {
		sqlite3_stmt *statement = NULL;
		code = sqlite3_prepare_v2(db->handle, sqlite_statements[i], -1, &statement, NULL);
		sqlite3_finalize(statement);
	}
	if (code == SQLITE_ERROR)
		return error_set(err, STORE_REFUSED, code, "%s: its tables are not those of its schema: %s", path, sqlite3_errmsg(db->handle));
	if (code != SQLITE_OK)
		db_fail(db, code, sqlite3_errmsg(db->handle));
	return STORE_OK;
}

/* Another process may have done it since we looked: so look again under the write lock. */
static enum store_rc migrate(struct db *db, const char *path, unsigned flags, struct error *err)
{
	char pragma[64];
	snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", sqlite_schema_version);
	db_exec(db, "BEGIN IMMEDIATE");
	if ((flags & STORE_BESIDE) == 0)
		write_wal_again(db);
	int64_t version = db_ask_int(db, "PRAGMA user_version", 0);
	bool is_new = version == 0;
	for (; version < sqlite_schema_version; version++)
		db_exec(db, sqlite_migrations[version]);
	if (is_new)
		add_identity(db);
	db_exec(db, pragma);
	if (check_tables(db, path, err) != STORE_OK)
		return STORE_REFUSED; /* closing undoes it */
	db_exec(db, "COMMIT");
	return db_result(db, err);
}

static enum store_rc set_wal(struct db *db, const char *path, struct error *err)
{
	sqlite3_stmt *statement = NULL;
	char mode[16] = "";
	int code = sqlite3_prepare_v2(db->handle, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
	if (code != SQLITE_OK)
		db_fail(db, code, sqlite3_errmsg(db->handle));
	if (db_step(db, statement))
		snprintf(mode, sizeof mode, "%s", db_text(statement, 0));
	sqlite3_finalize(statement);
	enum store_rc rc = db_result(db, err);
	if (rc == STORE_OK && strcmp(mode, "wal") != 0)
		return error_set(err, STORE_REFUSED, 0, "%s: its file system cannot hold a write-ahead log (journal mode stays %s)", path, mode);
	return rc;
}

static enum store_rc read_identity(struct db *db, int schema_found, struct store_info *info, struct error *err)
{
	struct store_info found = {.schema_version = sqlite_schema_version, .schema_found = schema_found};
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db->handle, "SELECT epoch, secret, writer FROM store", -1, &statement, NULL);
	if (code != SQLITE_OK)
		db_fail(db, code, sqlite3_errmsg(db->handle));
	if (db_step(db, statement)) {
		snprintf(found.epoch, sizeof found.epoch, "%s", db_text(statement, 0));
		db_read_bytes(db, statement, 1, found.secret, sizeof found.secret);
		snprintf(found.writer, sizeof found.writer, "%s", db_text(statement, 2));
	} else {
		db_fail(db, SQLITE_CORRUPT, "the store has no identity");
	}
	sqlite3_finalize(statement);
	enum store_rc rc = db_result(db, err);
	if (rc == STORE_OK)
		*info = found;
	return rc;
}

static enum store_rc prepare_file(struct db *db, const char *path, unsigned flags, struct store_info *info, struct error *err)
{
	int schema_found = 0;
	if (sqlite3_db_readonly(db->handle, "main") == 1)
		return error_set(err, STORE_REFUSED, EROFS, "%s: can be read but not written", path);
	enum store_rc rc = recognise(db, path, flags, &schema_found, err);
	if (rc == STORE_OK)
		rc = set_wal(db, path, err);
	if (rc == STORE_OK)
		rc = migrate(db, path, flags, err);
	return rc == STORE_OK ? read_identity(db, schema_found, info, err) : rc;
}

/* Says which file, and that one which is no database at all will never be a store. */
static enum store_rc open_failed(enum store_rc rc, const char *path, const struct error *why, struct error *err)
{
	if (why->native == SQLITE_NOTADB)
		return error_set(err, STORE_REFUSED, why->native, "%s: is not a SQLite database", path);
	if (rc == STORE_REFUSED)
		return error_set(err, rc, why->native, "%s", why->text);
	return error_set(err, rc, why->native, "%s: %s", path, why->text);
}

enum store_rc schema_open(struct db *db, const char *path, unsigned flags, struct store_info *info, struct error *err)
{
	struct error why = {0};
	enum store_rc rc = file_make(path, flags, err);
	if (rc != STORE_OK)
		return rc;
	rc = db_open(db, path, DB_WRITE, &why);
	if (rc == STORE_OK)
		rc = prepare_file(db, path, flags, info, &why);
	if (rc == STORE_OK)
		return STORE_OK;
	if (rc == STORE_REFUSED || rc == STORE_NOT_FOUND)
		db_leave(db);
	else
		db_close(db);
	return open_failed(rc, path, &why, err);
}
