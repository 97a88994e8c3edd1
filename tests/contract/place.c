/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See place.h. */
#include "tests/contract/place.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

int place_setup(void **state)
{
	struct place *place = mem_zero(sizeof *place);
	const char *where = getenv("HC_PLACE"); /* a file system that syncs at once, for stories that make many stores */
	snprintf(place->dir, sizeof place->dir, "%s/hc-sqlite-XXXXXX", where != NULL ? where : "/tmp");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->path, sizeof place->path, "%s/chat.db", place->dir);
	snprintf(place->wal, sizeof place->wal, "%s/chat.db-wal", place->dir);
	snprintf(place->shm, sizeof place->shm, "%s/chat.db-shm", place->dir);
	snprintf(place->uri, sizeof place->uri, "sqlite:%s", place->path);
	*state = place;
	return 0;
}

int place_teardown(void **state)
{
	struct place *place = *state;
	umount2(place->dir, MNT_DETACH); /* what a story that failed left behind; for the others there is nothing to do */
	unlink(place->path);
	unlink(place->wal);
	unlink(place->shm);
	assert_int_equal(rmdir(place->dir), 0);
	free(place);
	return 0;
}

struct store *open_at(const char *uri)
{
	struct store *store = NULL;
	struct error err = {0};
	if (store_open(uri, &store, &err) != STORE_OK)
		fail_msg("%s", err.text);
	return store;
}

void close_store(struct store *store)
{
	store_ops(store)->close(store);
}

void with_sqlite(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

int64_t ask_sqlite(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	int64_t answer = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return answer;
}

void end_run(const char *path)
{
	with_sqlite(path, "UPDATE log SET id = (id >> 17 << 17) + (1 << 17) - 1 WHERE id = (SELECT max(id) FROM log)");
}

off_t size_of(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 ? status.st_size : -1;
}

void write_file(const char *path, const char *bytes, size_t len, off_t at)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), len);
	close(fd);
}
