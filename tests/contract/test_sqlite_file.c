/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The file of a SQLite store: modes, versions, files that are none of ours. */
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/sqlite/db.h"
#include "tests/contract/place.h"

static void assert_refused(const char *uri, const char *word)
{
	struct store *store = NULL;
	struct error err = {0};
	assert_int_equal(store_open(uri, &store, &err), STORE_REFUSED);
	assert_null(store);
	if (strstr(err.text, word) == NULL || strchr(err.text, '\n') != NULL)
		fail_msg("\"%s\" does not say \"%s\" in one line", err.text, word);
}

static void the_files_are_for_their_owner_only(void **state)
{
	struct place *place = *state;
	mode_t mask = umask(0);
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	assert_appended(store, line_says(&line, "alice", "hi"));
	umask(mask);
	const char *const paths[] = {place->path, place->wal, place->shm};
	for (size_t i = 0; i < 3; i++) {
		struct stat status;
		assert_int_equal(stat(paths[i], &status), 0);
		assert_int_equal(status.st_mode & 0777, 0600);
	}
	close_store(store);
	assert_int_equal(size_of(place->wal), -1);
}

static void a_file_that_is_missing_or_empty_stays_so_for_who_opens_only_what_is_there(void **state)
{
	struct place *place = *state;
	struct store *store = NULL;
	struct error err = {0};
	assert_int_equal(store_open_with(place->uri, STORE_EXISTING, &store, &err), STORE_NOT_FOUND);
	assert_non_null(strstr(err.text, "chat.db: No such file or directory"));
	assert_int_equal(size_of(place->path), -1);
	write_file(place->path, "", 0, 0);
	assert_int_equal(store_open_with(place->uri, STORE_EXISTING, &store, &err), STORE_NOT_FOUND);
	assert_non_null(strstr(err.text, "chat.db: there is no store in it yet"));
	assert_int_equal(size_of(place->path), 0);
	assert_int_equal(size_of(place->wal), -1);
	with_sqlite(place->path, "CREATE TABLE t (a)");
	assert_int_equal(store_open_with(place->uri, STORE_EXISTING, &store, &err), STORE_REFUSED);
	assert_int_equal(store_open_with("sqlite:/nowhere/chat.db", STORE_EXISTING, &store, &err), STORE_NOT_FOUND);
	assert_int_equal(store_open_with("sqlite::memory:", STORE_EXISTING, &store, &err), STORE_REFUSED);
	assert_null(store);
}

static void a_newer_schema_is_refused_and_left_alone(void **state)
{
	struct place *place = *state;
	char pragma[64];
	close_store(open_at(place->uri));
	with_sqlite(place->path, "PRAGMA user_version = 99");
	assert_refused(place->uri, "newer version");
	with_sqlite(place->path, "SELECT epoch FROM store");
	snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", sqlite_schema_version);
	with_sqlite(place->path, pragma);
	close_store(open_at(place->uri));
}

static void every_older_schema_is_brought_up_to_date(void **state)
{
	struct place *place = *state;
	for (int version = 0; version < sqlite_schema_version; version++) {
		char pragma[100];
		write_file(place->path, "", 0, 0);
		for (int i = 0; i < version; i++)
			with_sqlite(place->path, sqlite_migrations[i]);
		snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d; PRAGMA application_id = %d", version, version ? 0x48436861 : 0);
		with_sqlite(place->path, pragma);
		if (version > 0)
			with_sqlite(place->path, "INSERT INTO store (id, epoch, secret, writer) VALUES (1, 'e', zeroblob(32), 'w')");
		struct store *store = open_at(place->uri);
		struct store_info info = {0};
		assert_int_equal(ON(store, info, &info, NULL), STORE_OK);
		assert_int_equal(info.schema_version, sqlite_schema_version);
		struct line line = line_new("c");
		assert_appended(store, line_says(&line, "alice", "hi"));
		close_store(store);
		unlink(place->path);
	}
}

static void run_sql_file(const char *path, const char *sql_path)
{
	char sql[32768];
	FILE *file = fopen(sql_path, "r");
	assert_non_null(file);
	size_t len = fread(sql, 1, sizeof sql - 1, file);
	assert_true(len < sizeof sql - 1);
	fclose(file);
	sql[len] = '\0';
	with_sqlite(path, sql);
}

static void assert_key(struct store *store, const char *chat_id, const char *sender_id, const char *key, uint64_t expected)
{
	uint64_t number = 0;
	unsigned char hash[ID_BYTES];
	assert_int_equal(ON(store, find_key, chat_id, sender_id, key, 0, &number, hash, NULL), STORE_OK);
	assert_int_equal(number, expected);
	struct line line = line_new(chat_id);
	line_catch_up(&line, store);
	assert_int_equal(append_one(store, line_says_as(&line, sender_id, key, "again")), APPEND_CONFLICT);
}

static void assert_rows_of_version_1(struct store *store)
{
	assert_int_equal(ON(store, verify, NULL), STORE_OK);
	assert_int_equal(assert_sound(store, "c1"), 18);
	assert_int_equal(assert_sound(store, "c2"), 10);
	assert_key(store, "c1", "alice", "a1", 3);
	assert_key(store, "c1", "bob", "b1", 4);
	assert_key(store, "c2", "carol", "a1", 2);
	assert_key(store, "c2", "dave", "d1", 10);
	struct user_chat *bob = NULL;
	struct chat_summary summary = {0};
	assert_int_equal(ON(store, load_membership, "bob", "c1", &bob, NULL), STORE_OK);
	assert_int_equal(bob->received, 5);
	assert_int_equal(ON(store, read_summary, "bob", bob, NULL, 0, NULL, &summary, NULL), STORE_OK);
	assert_int_equal(summary.unread, 13);
	chat_summary_fini(&summary);
	store_free(bob);
	struct device_record *phone = NULL;
	assert_int_equal(ON(store, load_device, "alice", "phone", &phone, NULL), STORE_OK);
	assert_int_equal(phone->cursors[0].number, 4);
	store_free(phone);
	struct page tail = read_tail(store, "w2", 0, 100, NULL);
	assert_int_equal(tail.count, 10);
	store_page_free(&tail);
}

/* Once as they are, in the log's tail, and once with so many behind them that their keys become a run. */
static void what_version_1_wrote_is_all_there_after_it_was_brought_up_to_date(void **state)
{
	struct place *place = *state;
	for (int with_run = 0; with_run < 2; with_run++) {
		write_file(place->path, "", 0, 0);
		with_sqlite(place->path, sqlite_migrations[0]);
		run_sql_file(place->path, VERSION_1_SQL);
		if (with_run)
			with_sqlite(place->path, "UPDATE log SET id = 1 << 17 WHERE id = 28; UPDATE dedup SET log = 1 << 17 WHERE log = 28");
		struct store *store = open_at(place->uri);
		assert_rows_of_version_1(store);
		struct line line = line_new("c1");
		line_catch_up(&line, store);
		assert_appended(store, line_says_as(&line, "alice", "a3", "after it"));
		assert_int_equal(append_one(store, line_says_as(&line, "alice", "a3", "again")), APPEND_CONFLICT);
		close_store(store);
		unlink(place->path);
	}
}

static void another_applications_database_is_refused_and_left_alone(void **state)
{
	struct place *place = *state;
	with_sqlite(place->path, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
	off_t size = size_of(place->path);
	assert_refused(place->uri, "another application");
	with_sqlite(place->path, "PRAGMA application_id = 7");
	assert_refused(place->uri, "another application");
	assert_int_equal(size_of(place->path), size);
	sqlite3 *db = NULL;
	sqlite3_stmt *mode = NULL;
	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &mode, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(mode), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(mode, 0), "delete");
	sqlite3_finalize(mode);
	sqlite3_close(db);
}

static void what_is_no_database_is_refused(void **state)
{
	struct place *place = *state;
	char garbage[4096];
	memset(garbage, 'x', sizeof garbage);
	write_file(place->path, garbage, sizeof garbage, 0);
	assert_refused(place->uri, "not a SQLite database");
	assert_int_equal(truncate(place->path, 10), 0);
	assert_refused(place->uri, "not a SQLite database");
}

static void a_directory_and_a_missing_one_are_refused(void **state)
{
	struct place *place = *state;
	char uri[100];
	snprintf(uri, sizeof uri, "sqlite:%s", place->dir);
	assert_refused(uri, "is a directory");
	snprintf(uri, sizeof uri, "sqlite:%s/missing/chat.db", place->dir);
	assert_refused(uri, "directory must exist");
	assert_refused("sqlite:/dev/null", "not a file");
}

/* Root may write anywhere, so it is asked as nobody, in a child. */
static void a_file_that_cannot_be_written_is_refused(void **state)
{
	struct place *place = *state;
	close_store(open_at(place->uri));
	assert_int_equal(chmod(place->path, 0444), 0);
	assert_int_equal(chmod(place->dir, 0755), 0);
	pid_t child = fork();
	if (child == 0) {
		struct store *store = NULL;
		struct error err = {0};
		if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
			_exit(2);
		enum store_rc rc = store_open(place->uri, &store, &err);
		_exit(rc == STORE_REFUSED && strstr(err.text, "read and write") ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest stories[] = {
		PLACE_STORY(the_files_are_for_their_owner_only),
		PLACE_STORY(a_file_that_is_missing_or_empty_stays_so_for_who_opens_only_what_is_there),
		PLACE_STORY(a_newer_schema_is_refused_and_left_alone),
		PLACE_STORY(every_older_schema_is_brought_up_to_date),
		PLACE_STORY(what_version_1_wrote_is_all_there_after_it_was_brought_up_to_date),
		PLACE_STORY(another_applications_database_is_refused_and_left_alone),
		PLACE_STORY(what_is_no_database_is_refused),
		PLACE_STORY(a_directory_and_a_missing_one_are_refused),
		PLACE_STORY(a_file_that_cannot_be_written_is_refused),
	};
	return cmocka_run_group_tests_name("sqlite file", stories, NULL, NULL);
}
