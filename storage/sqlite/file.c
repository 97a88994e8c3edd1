/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See file.h. */
#include "storage/sqlite/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "storage/sqlite/handle.h"
#include "storage/sqlite/schema.h"

enum {
	STEP_PAGES = 512, /* 2 MB: at most so long the disk has nothing else from us */
	PAUSE_MAX_US = 200000,
	LOCK_FIRST = 0x40000000, LOCK_COUNT = 512, /* what SQLite locks in a database's file */
};

/* What the last calls said, with the file's name before it. */
static enum store_rc say(enum store_rc rc, const char *path, const struct error *why, struct error *err)
{
	return rc == STORE_OK ? rc : (enum store_rc)error_set(err, rc, why->native, "%s: %s", path, why->text);
}

static enum store_rc no_store(const char *path, struct error *err)
{
	return error_set(err, STORE_REFUSED, 0, "%s: is no store of HyperChat's", path);
}

static enum store_rc open_file(const char *path, struct db *db, struct error *err)
{
	struct error why;
	if (access(path, F_OK) != 0)
		return error_set(err, STORE_REFUSED, errno, "%s: %s", path, error_words(errno));
	enum store_rc rc = db_open(db, path, DB_WRITE, &why);
	return rc != STORE_OK && why.native == SQLITE_NOTADB ? no_store(path, err) : say(rc, path, &why, err);
}

/* ---- what is in it ---- */

static void read_epoch(struct db *db, char epoch[STORE_EPOCH_LEN + 1])
{
	sqlite3_stmt *read = NULL;
	int code = db->failure ? db->failure : sqlite3_prepare_v2(db->handle, "SELECT epoch FROM store", -1, &read, NULL);
	if (code != SQLITE_OK)
		db_fail(db, code, sqlite3_errmsg(db->handle));
	if (db_step(db, read))
		snprintf(epoch, STORE_EPOCH_LEN + 1, "%s", db_text(read, 0));
	sqlite3_finalize(read);
}

static enum store_rc is_newer(const char *path, int schema, struct error *err)
{
	return error_set(err, STORE_REFUSED, 0, "%s: has schema %d, made by a newer version; this one knows up to %d", path, schema, sqlite_schema_version);
}

bool sqlite_file_is_newer(const char *path, struct error *err)
{
	struct db db;
	if (open_file(path, &db, err) != STORE_OK)
		return false;
	bool ours = db_ask_int(&db, "PRAGMA application_id", 0) == sqlite_application_id;
	int schema = (int)db_ask_int(&db, "PRAGMA user_version", 0);
	bool newer = ours && schema > sqlite_schema_version;
	if (newer) {
		db_leave(&db);
		is_newer(path, schema, err);
	} else {
		db_close(&db);
	}
	return newer;
}

enum store_rc sqlite_file_info(const char *path, struct sqlite_file_info *info, struct error *err)
{
	struct db db;
	struct error why = {0};
	struct sqlite_file_info found = {0};
	enum store_rc rc = open_file(path, &db, err);
	if (rc != STORE_OK)
		return rc;
	bool ours = db_ask_int(&db, "PRAGMA application_id", 0) == sqlite_application_id;
	found.schema = (int)db_ask_int(&db, "PRAGMA user_version", 0);
	if (ours && found.schema > 0 && found.schema <= sqlite_schema_version) {
		found.chats = (uint64_t)db_ask_int(&db, "SELECT count(*) FROM chat", 0);
		found.transactions = (uint64_t)db_ask_int(&db, "SELECT count(*) FROM log", 0);
		read_epoch(&db, found.epoch);
	}
	rc = db_result(&db, &why);
	if (found.schema <= sqlite_schema_version)
		db_close(&db);
	else
		db_leave(&db);
	if (rc != STORE_OK && why.native != SQLITE_NOTADB)
		return say(rc, path, &why, err);
	if (!ours || found.schema == 0)
		return no_store(path, err);
	if (found.schema > sqlite_schema_version)
		return is_newer(path, found.schema, err);
	*info = found;
	return STORE_OK;
}

enum store_rc sqlite_file_check(const char *path, struct error *err)
{
	struct db db;
	struct error why = {0};
	char finding[120];
	enum store_rc rc = open_file(path, &db, err);
	if (rc != STORE_OK)
		return rc;
	bool sound = db_is_sound(&db, finding, sizeof finding);
	rc = db_result(&db, &why);
	db_close(&db);
	if (rc != STORE_OK)
		return say(rc, path, &why, err);
	return sound ? STORE_OK : (enum store_rc)error_set(err, STORE_CORRUPT, 0, "%s: is damaged: %s", path, finding);
}

/* ---- copying ---- */

static void pause_as_long(int64_t worked_us)
{
	int64_t us = worked_us < PAUSE_MAX_US ? worked_us : PAUSE_MAX_US;
	nanosleep(&(struct timespec){.tv_nsec = us * 1000}, NULL);
}

/* SQLITE_DONE, or what went wrong. */
static int copy_pages(sqlite3_backup *backup, const struct sqlite_file_watch *watch)
{
	int code = SQLITE_OK;
	while (code == SQLITE_OK || code == SQLITE_BUSY) {
		int64_t began_us = clock_mono_us();
		code = sqlite3_backup_step(backup, STEP_PAGES);
		uint64_t pages = (uint64_t)sqlite3_backup_pagecount(backup), left = (uint64_t)sqlite3_backup_remaining(backup);
		watch->progress(watch->context, pages - left, pages);
		if (watch->paced && code == SQLITE_OK)
			pause_as_long(clock_mono_us() - began_us);
	}
	return code;
}

/* Both are open. Without the transaction that is held here each write of somebody else would make the copy begin anew. */
static void copy_between(struct db *from, struct db *to, const struct sqlite_file_watch *watch)
{
	db_exec(from, "BEGIN");
	db_ask_int(from, "SELECT count(*) FROM sqlite_schema", 0);
	if (from->failure != 0)
		return;
	sqlite3_backup *backup = sqlite3_backup_init(to->handle, "main", from->handle, "main");
	int code = backup != NULL ? copy_pages(backup, watch) : sqlite3_errcode(to->handle);
	int finished = backup != NULL ? sqlite3_backup_finish(backup) : SQLITE_OK;
	if (code != SQLITE_DONE || finished != SQLITE_OK)
		db_fail(to, code != SQLITE_DONE ? code : finished, sqlite3_errmsg(to->handle));
	db_exec(from, "COMMIT");
	db_exec(to, "PRAGMA journal_mode = DELETE"); /* one file, which can also be read where nothing can be written */
}

static enum store_rc sync_file(const char *path, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), problem = 0;
	if (fd < 0 || fsync(fd) != 0)
		problem = errno;
	if (fd >= 0)
		close(fd);
	return problem == 0 ? STORE_OK : (enum store_rc)error_set(err, STORE_UNAVAILABLE, problem, "%s: %s", path, error_words(problem));
}

enum store_rc sqlite_file_copy(const char *from, const char *to, const struct sqlite_file_watch *watch, struct error *err)
{
	struct db source, target;
	struct error why = {0};
	enum store_rc rc = open_file(from, &source, err);
	if (rc != STORE_OK)
		return rc;
	rc = open_file(to, &target, err);
	if (rc == STORE_OK) {
		copy_between(&source, &target, watch);
		rc = say(db_result(&target, &why), to, &why, err);
		db_close(&target);
	}
	enum store_rc read = db_result(&source, &why);
	db_close(&source);
	if (read != STORE_OK)
		return say(read, from, &why, err);
	return rc == STORE_OK ? sync_file(to, err) : rc;
}

/* ---- changing ---- */

enum store_rc sqlite_file_set_epoch(const char *path, const char *epoch, struct error *err)
{
	struct db db;
	struct error why = {0};
	sqlite3_stmt *set = NULL;
	enum store_rc rc = open_file(path, &db, err);
	if (rc != STORE_OK)
		return rc;
	int code = sqlite3_prepare_v2(db.handle, "UPDATE store SET epoch = ?1", -1, &set, NULL);
	if (code != SQLITE_OK)
		db_fail(&db, code, sqlite3_errmsg(db.handle));
	db_bind_text(&db, set, 1, epoch);
	db_run(&db, set);
	sqlite3_finalize(set);
	rc = say(db_result(&db, &why), path, &why, err);
	db_close(&db);
	return rc == STORE_OK ? sync_file(path, err) : rc;
}

/* Closing does that as well, and does not say when it could not. The WAL is found by reading. */
enum store_rc sqlite_file_settle(const char *path, struct error *err)
{
	struct db db;
	struct error why = {0};
	enum store_rc rc = open_file(path, &db, err);
	if (rc != STORE_OK)
		return rc;
	db_ask_int(&db, "SELECT count(*) FROM sqlite_schema", 0);
	int code = db.failure != 0 ? db.failure : sqlite3_wal_checkpoint_v2(db.handle, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	if (code != SQLITE_OK)
		db_fail(&db, code, sqlite3_errmsg(db.handle));
	rc = say(db_result(&db, &why), path, &why, err);
	db_close(&db);
	return rc == STORE_OK ? sync_file(path, err) : rc;
}

enum store_rc sqlite_file_is_left_alone(const char *path, struct error *err)
{
	static const struct {
		const char *end, *command;
	} WORK[] = {{SQLITE_FILE_REPAIRING, "repair"}, {SQLITE_FILE_RESTORING, "restore"}};
	bool alone = true;
	for (size_t i = 0; alone && i < sizeof WORK / sizeof *WORK; i++) {
		struct buf name = BUF_EMPTY;
		buf_printf(&name, "%s%s", path, WORK[i].end);
		int fd = open(name.data, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		buf_fini(&name);
		alone = fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK;
		if (!alone)
			error_set(err, STORE_REFUSED, 0, "%s: 'hyperchatctl %s' is at work on it; wait until it is done", path, WORK[i].command);
		if (fd >= 0)
			close(fd);
	}
	return alone ? STORE_OK : STORE_REFUSED;
}

/* Whoever has it open holds a lock of SQLite's on the file all the time: it has a write-ahead log. */
int sqlite_file_is_used(const char *path, pid_t *pid)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_FIRST, .l_len = LOCK_COUNT};
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int rc = fcntl(fd, F_GETLK, &lock);
	close(fd);
	*pid = rc == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0 ? lock.l_pid : 0;
	return rc != 0 ? -1 : lock.l_type != F_UNLCK;
}
