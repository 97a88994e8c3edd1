/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What only a file can have: modes, versions, foreign and damaged files, write locks, full disks, large logs, a killed writer. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "storage/sqlite/db.h"
#include "tests/contract/contract.h"

struct place {
	char dir[32];
	char path[64], wal[64], shm[64];
	char uri[80];
};

static int place_setup(void **state)
{
	struct place *place = mem_zero(sizeof *place);
	snprintf(place->dir, sizeof place->dir, "/tmp/hc-sqlite-XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	snprintf(place->path, sizeof place->path, "%s/chat.db", place->dir);
	snprintf(place->wal, sizeof place->wal, "%s/chat.db-wal", place->dir);
	snprintf(place->shm, sizeof place->shm, "%s/chat.db-shm", place->dir);
	snprintf(place->uri, sizeof place->uri, "sqlite:%s", place->path);
	*state = place;
	return 0;
}

static int place_teardown(void **state)
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

#define PLACE_STORY(function) cmocka_unit_test_setup_teardown(function, place_setup, place_teardown)

static struct store *open_at(const char *uri)
{
	struct store *store = NULL;
	struct error err = {0};
	if (store_open(uri, &store, &err) != STORE_OK)
		fail_msg("%s", err.text);
	return store;
}

static void close_store(struct store *store)
{
	store_ops(store)->close(store);
}

static void assert_refused(const char *uri, const char *word)
{
	struct store *store = NULL;
	struct error err = {0};
	assert_int_equal(store_open(uri, &store, &err), STORE_REFUSED);
	assert_null(store);
	if (strstr(err.text, word) == NULL || strchr(err.text, '\n') != NULL)
		fail_msg("\"%s\" does not say \"%s\" in one line", err.text, word);
}

static void with_sqlite(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static off_t size_of(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0 ? status.st_size : -1;
}

static void write_file(const char *path, const char *bytes, size_t len, off_t at)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, at), len);
	close(fd);
}

/* ---- the file ---- */

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
	assert_int_equal(ON(store, read_summary, "bob", bob, &summary, NULL), STORE_OK);
	assert_int_equal(summary.unread, 13);
	transaction_free(summary.last_message);
	store_free(bob);
	struct device_record *phone = NULL;
	assert_int_equal(ON(store, load_device, "alice", "phone", &phone, NULL), STORE_OK);
	assert_int_equal(phone->cursors[0].number, 4);
	store_free(phone);
	struct page tail = {0};
	assert_int_equal(ON(store, tail, "w2", 0, 100, &tail, NULL), STORE_OK);
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
	assert_string_equal(sqlite3_column_text(mode, 0), "delete");
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

/* ---- damage ---- */

static void damage_is_told_and_never_read_as_data(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	for (int i = 0; i < 60; i++) {
		struct bundle bundle = {0};
		for (int j = 0; j < 8; j++)
			bundle_add(&bundle, line_says(&line, "alice", "a text that fills some pages of the file, one after the other"));
		assert_int_equal(bundle_append(store, &bundle), APPEND_OK);
		bundle_fini(&bundle);
	}
	close_store(store);
	char junk[4096];
	memset(junk, 0xA5, sizeof junk);
	off_t size = size_of(place->path);
	for (off_t at = size / 2 / 4096 * 4096; at < size; at += 4096)
		write_file(place->path, junk, sizeof junk, at);
	store = open_at(place->uri);
	struct error err = {0};
	assert_int_equal(ON(store, verify, &err), STORE_CORRUPT);
	assert_int_not_equal(strlen(err.text), 0);
	struct page page = {0};
	struct page_limits limits = {.count_max = 1000, .bytes_max = SIZE_MAX};
	assert_int_equal(ON(store, read_page, "c", 1, 1000, &limits, &page, &err), STORE_CORRUPT);
	assert_null(page.transactions);
	close_store(store);
}

static void a_log_that_contradicts_its_projection_is_corrupt(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	assert_appended(store, line_says(&line, "alice", "hi"));
	with_sqlite(place->path, "UPDATE chat SET latest = 0, head = zeroblob(16)");
	struct line again = line_new("c");
	struct transaction *tx = line_says(&again, "bob", "ho");
	struct append append = {.chat_id = "c", .transactions = &tx, .transaction_count = 1};
	struct error err = {0};
	assert_int_equal(ON(store, append, &append, 1, &err), STORE_CORRUPT);
	assert_int_equal(append.result, APPEND_NOTHING_ADDED);
	transaction_free(tx);
	close_store(store);
}

static void assert_sender(struct store *store, const char *chat_id, uint64_t number, const char *sender_id)
{
	struct transaction *tx = read_one(store, chat_id, number);
	assert_string_equal(tx->sender_id, sender_id);
	transaction_free(tx);
}

/* Bob's row is made and rolled back; its number then goes to carol, and what bob says must not become hers. */
static void a_user_first_seen_in_what_was_rolled_back_is_not_taken_for_another(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line c = line_new("c"), d = line_new("d"), again = c;
	assert_appended(store, line_says(&c, "alice", "hi"));
	with_sqlite(place->path, "UPDATE chat SET latest = 0, head = zeroblob(16)");
	struct transaction *tx = line_says(&again, "bob", "ho");
	struct append append = {.chat_id = "c", .transactions = &tx, .transaction_count = 1};
	assert_int_equal(ON(store, append, &append, 1, NULL), STORE_CORRUPT);
	transaction_free(tx);
	assert_appended(store, line_says(&d, "carol", "one"));
	assert_appended(store, line_says(&d, "bob", "two"));
	assert_sender(store, "d", 1, "carol");
	assert_sender(store, "d", 2, "bob");
	close_store(store);
}

/* ---- keys ---- */

/* The next append begins a run of keys; the rows before it are a whole one. */
static void end_run(const char *path)
{
	with_sqlite(path, "UPDATE log SET id = (id >> 17 << 17) + (1 << 17) - 1 WHERE id = (SELECT max(id) FROM log)");
}

static int64_t ask_sqlite(const char *path, const char *sql)
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

static void say_with_keys(struct store *store, struct line *line, int from, int to)
{
	for (int i = from; i < to; i++) {
		char key[16];
		snprintf(key, sizeof key, "k%d", i);
		assert_appended(store, line_says_as(line, "alice", key, "hi"));
	}
}

static void assert_key_is_taken(struct store *store, const struct line *line, int i)
{
	char key[16];
	unsigned char hash[ID_BYTES];
	uint64_t number = 0;
	struct line mine = *line;
	struct bundle bundle = {0};
	snprintf(key, sizeof key, "k%d", i);
	bundle_add(&bundle, line_says_as(&mine, "alice", key, "again"));
	assert_int_equal(bundle_append(store, &bundle), APPEND_CONFLICT);
	assert_int_equal(bundle.append.duplicate_number, i + 1);
	bundle_fini(&bundle);
	assert_int_equal(ON(store, find_key, line->chat_id, "alice", key, 0, &number, hash, NULL), STORE_OK);
	assert_int_equal(number, i + 1);
}

enum { KEYS = 400, KEYS_AFTER = 20 };

/* Before, while and after their run is written, by who appended them and by who has the file from then on. */
static void keys_are_found_wherever_they_stand(void **state)
{
	struct place *place = *state;
	struct line line = line_new("c");
	struct store *store = open_at(place->uri);
	say_with_keys(store, &line, 0, KEYS);
	close_store(store);
	end_run(place->path);
	store = open_at(place->uri);
	for (int i = KEYS; i < KEYS + KEYS_AFTER; i++) {
		struct store *other = open_at(place->uri);
		say_with_keys(store, &line, i, i + 1);
		for (int key = 0; key <= i; key += key + 1 < KEYS ? 57 : 1) {
			assert_key_is_taken(store, &line, key);
			assert_key_is_taken(other, &line, key);
		}
		close_store(other);
	}
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM dedup_run"), 1);
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM dedup WHERE run = 0"), KEYS);
	close_store(store);
}

/* What a process leaves unfinished, the next one begins again. */
static void a_run_written_in_part_is_written_whole_by_the_next_process(void **state)
{
	struct place *place = *state;
	struct line line = line_new("c");
	struct store *store = open_at(place->uri);
	say_with_keys(store, &line, 0, KEYS);
	close_store(store);
	end_run(place->path);
	for (int i = KEYS; i < KEYS + 3; i++) {
		store = open_at(place->uri);
		say_with_keys(store, &line, i, i + 1);
		close_store(store);
		assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM dedup_run"), 0);
		assert_in_range(ask_sqlite(place->path, "SELECT count(*) FROM dedup"), 1, KEYS - 1);
	}
	store = open_at(place->uri);
	say_with_keys(store, &line, KEYS + 3, KEYS + KEYS_AFTER);
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM dedup"), KEYS);
	for (int key = 0; key < KEYS + KEYS_AFTER; key++)
		assert_key_is_taken(store, &line, key);
	close_store(store);
}

/* Each append that writes a piece fails once, after everything else was right. */
static void a_key_that_was_rolled_back_is_free_and_the_others_stay_taken(void **state)
{
	struct place *place = *state;
	struct line c = line_new("c"), d = line_new("d");
	struct store *store = open_at(place->uri);
	say_with_keys(store, &c, 0, KEYS);
	assert_appended(store, line_says(&d, "alice", "hi"));
	close_store(store);
	end_run(place->path);
	store = open_at(place->uri);
	for (int i = KEYS; i < KEYS + KEYS_AFTER; i++) {
		char key[16];
		struct line mine = c, lost = line_new("d");
		snprintf(key, sizeof key, "k%d", i);
		struct transaction *txs[2] = {line_says_as(&mine, "alice", key, "hi"), line_says(&lost, "bob", "ho")};
		struct append batch[2] = {{.chat_id = "c", .transactions = &txs[0], .transaction_count = 1},
			{.chat_id = "d", .transactions = &txs[1], .transaction_count = 1}};
		with_sqlite(place->path, "UPDATE chat SET latest = 0, head = zeroblob(16) WHERE name = 'd'");
		assert_int_equal(ON(store, append, batch, 2, NULL), STORE_CORRUPT);
		say_with_keys(store, &c, i, i + 1);
		assert_key_is_taken(store, &c, 0);
		assert_key_is_taken(store, &c, KEYS - 1);
		assert_key_is_taken(store, &c, i);
		transaction_free(txs[0]);
		transaction_free(txs[1]);
	}
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM dedup"), KEYS);
	close_store(store);
}

static void prune_all(struct store *store, int64_t now_ms)
{
	bool more = true;
	for (int i = 0; more && i < 100; i++)
		assert_int_equal(ON(store, prune, now_ms, &more, NULL), STORE_OK);
	assert_false(more);
}

/* The newest run stays: it says from where on keys stand in the log alone. */
static void runs_whose_newest_key_is_seven_days_old_are_forgotten_but_for_the_newest(void **state)
{
	struct place *place = *state;
	struct line line = line_new("c");
	for (int run = 0; run < 3; run++) {
		struct store *store = open_at(place->uri);
		say_with_keys(store, &line, run * 5, run * 5 + 5);
		close_store(store);
		end_run(place->path);
	}
	struct store *store = open_at(place->uri);
	say_with_keys(store, &line, 15, 20);
	int64_t last_ms = line.at_ms + (int64_t)STORE_KEY_DAYS * 24 * 3600 * 1000;
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM dedup_run"), 3);
	prune_all(store, START_MS + (int64_t)STORE_KEY_DAYS * 24 * 3600 * 1000);
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM dedup"), 15);
	assert_key_is_taken(store, &line, 0);
	prune_all(store, last_ms + 1);
	assert_int_equal(ask_sqlite(place->path, "SELECT min(id) FROM dedup_run"), 2);
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM dedup"), 5);
	assert_key_is_taken(store, &line, 10);
	assert_key_is_taken(store, &line, 15);
	assert_int_equal(ON(store, verify, NULL), STORE_OK);
	close_store(store);
}

/* Two (sender, key) with one hash cannot be found by trying, so the index is told that there are. */
static void keys_whose_hashes_collide_are_not_the_same_key(void **state)
{
	struct place *place = *state;
	char sql[200];
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	unsigned char hash[ID_BYTES];
	uint64_t number = 0;
	assert_appended(store, line_says_as(&line, "alice", "a1", "hi"));
	close_store(store);
	end_run(place->path);
	store = open_at(place->uri);
	assert_appended(store, line_says(&line, "alice", "the run is written"));
	close_store(store);
	static const char *const others[][2] = {{"alice", "b1"}, {"bob", "a1"}};
	for (size_t i = 0; i < 2; i++) {
		snprintf(sql, sizeof sql, "INSERT INTO dedup SELECT run, %lld, chat, log FROM dedup LIMIT 1; UPDATE dedup_run SET filter = NULL",
			(long long)transaction_key64(others[i][0], others[i][1]));
		with_sqlite(place->path, sql);
		store = open_at(place->uri);
		assert_int_equal(ON(store, find_key, "c", others[i][0], others[i][1], START_MS, &number, hash, NULL), STORE_NOT_FOUND);
		assert_appended(store, line_says_as(&line, others[i][0], others[i][1], "ho"));
		close_store(store);
	}
	store = open_at(place->uri);
	assert_int_equal(append_one(store, line_says_as(&line, "alice", "a1", "hi")), APPEND_CONFLICT);
	close_store(store);
}

/* ---- locks ---- */

static void while_another_process_holds_the_write_lock_appends_wait_and_reads_do_not(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	assert_appended(store, line_says(&line, "alice", "hi"));
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	int64_t begin = clock_mono_ms();
	assert_int_equal(assert_sound(store, "c"), 1);
	assert_int_equal(ON(store, checkpoint, NULL), STORE_OK);
	assert_true(clock_mono_ms() - begin < 1000);
	struct transaction *tx = line_says(&line, "alice", "ho");
	struct append append = {.chat_id = "c", .transactions = &tx, .transaction_count = 1};
	assert_int_equal(ON(store, append, &append, 1, NULL), STORE_UNAVAILABLE);
	assert_int_equal(append.result, APPEND_NOTHING_ADDED);
	assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(ON(store, append, &append, 1, NULL), STORE_OK);
	assert_int_equal(append.result, APPEND_OK);
	transaction_free(tx);
	close_store(store);
}

static struct transaction *large_message(struct line *line)
{
	static char body[65536];
	memset(body, 'b', sizeof body - 1);
	return line_says(line, "alice", body);
}

static void append_large(struct store *store, struct line *line, int count)
{
	for (int i = 0; i < count; i++) {
		struct bundle bundle = {0};
		for (int j = 0; j < 8; j++)
			bundle_add(&bundle, large_message(line));
		assert_int_equal(bundle_append(store, &bundle), APPEND_OK);
		bundle_fini(&bundle);
	}
}

static void a_checkpoint_moves_the_log_and_cuts_a_large_one(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	append_large(store, &line, 4);
	off_t small = size_of(place->wal);
	assert_true(small > 2 << 20);
	assert_int_equal(ON(store, checkpoint, NULL), STORE_OK);
	assert_int_equal(size_of(place->wal), small);
	assert_true(size_of(place->path) > 2 << 20);
	append_large(store, &line, 4);
	assert_int_equal(size_of(place->wal), small); /* written again from its start */
	append_large(store, &line, 130);
	assert_true(size_of(place->wal) > 64 << 20);
	assert_int_equal(ON(store, checkpoint, NULL), STORE_OK);
	assert_int_equal(size_of(place->wal), 0);
	assert_int_equal(assert_sound(store, "c"), 8 * 138);
	close_store(store);
}

/* A reader that never ends keeps frames in the log; neither appends nor checkpoints may wait for it. */
static void a_reader_that_stays_holds_up_nobody(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	append_large(store, &line, 1);
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(place->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM log", NULL, NULL, NULL), SQLITE_OK);
	append_large(store, &line, 130);
	int64_t begin = clock_mono_ms();
	assert_int_equal(ON(store, checkpoint, NULL), STORE_OK);
	assert_true(clock_mono_ms() - begin < 2000);
	append_large(store, &line, 1);
	assert_int_equal(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(ON(store, checkpoint, NULL), STORE_OK);
	assert_int_equal(size_of(place->wal), 0);
	close_store(store);
}

/* ---- disks ---- */

/* Appends until it no longer goes; the one that did not is the caller's. What is not OK was not made to look so. */
static struct transaction *append_until_it_fails(struct store *store, struct line *line)
{
	for (int i = 0; i < 1000; i++) {
		struct line next = *line;
		struct transaction *tx = large_message(&next);
		struct append append = {.chat_id = line->chat_id, .transactions = &tx, .transaction_count = 1};
		struct error err = {0};
		enum store_rc rc = ON(store, append, &append, 1, &err);
		if (rc != STORE_OK) {
			assert_true(rc == STORE_UNKNOWN || rc == STORE_UNAVAILABLE);
			assert_int_equal(append.result, rc == STORE_UNKNOWN ? APPEND_UNKNOWN : APPEND_NOTHING_ADDED);
			assert_int_not_equal(strlen(err.text), 0);
			return tx;
		}
		assert_int_equal(append.result, APPEND_OK);
		transaction_free(tx);
		*line = next;
	}
	fail_msg("the disk never got full");
	return NULL;
}

static void assert_reads_go_on_and_writes_come_back(struct store *store, struct line *line, void (*make_room)(void *context), void *context)
{
	assert_appended(store, line_says(line, "alice", "hi"));
	assert_sound(store, line->chat_id); /* a reader is there from now on, so that giving up the writer empties no log */
	struct transaction *tx = append_until_it_fails(store, line);
	struct append append = {.chat_id = line->chat_id, .transactions = &tx, .transaction_count = 1};
	for (int i = 0; i < 3; i++) {
		assert_int_not_equal(ON(store, append, &append, 1, NULL), STORE_OK);
		assert_int_equal(assert_sound(store, line->chat_id), line->latest);
	}
	make_room(context);
	assert_int_equal(ON(store, append, &append, 1, NULL), STORE_OK);
	assert_int_equal(append.result, APPEND_OK);
	transaction_free(tx);
	assert_int_equal(assert_sound(store, line->chat_id), line->latest + 1);
	assert_int_equal(ON(store, verify, NULL), STORE_OK);
}

static void limit_files(rlim_t bytes)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void lift_limit(void *context)
{
	(void)context;
	limit_files(RLIM_INFINITY);
}

static void a_write_that_fails_is_never_acknowledged_and_passes(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	signal(SIGXFSZ, SIG_IGN);
	limit_files(3 << 20);
	assert_reads_go_on_and_writes_come_back(store, &line, lift_limit, NULL);
	signal(SIGXFSZ, SIG_DFL);
	close_store(store);
}

static void remove_ballast(void *context)
{
	assert_int_equal(unlink(context), 0);
}

static void a_full_disk_is_never_acknowledged_and_passes(void **state)
{
	struct place *place = *state;
	char ballast[64];
	snprintf(ballast, sizeof ballast, "%s/ballast", place->dir);
	if (mount("tmpfs", place->dir, "tmpfs", 0, "size=4m") != 0) {
		print_message("SKIPPED: a full disk needs the right to mount a tmpfs (%s); run as root\n", strerror(errno));
		skip();
	}
	int fd = open(ballast, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(posix_fallocate(fd, 0, 2 << 20), 0);
	close(fd);
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	assert_reads_go_on_and_writes_come_back(store, &line, remove_ballast, ballast);
	close_store(store);
	assert_int_equal(umount(place->dir), 0);
}

/* ---- a killed writer ---- */

enum { KILL_ROUNDS = 15, KILL_CHATS = 5, KILL_ACKS_MAX = 120 };

struct ack {
	int chat;
	uint64_t number;
	unsigned char head[HEAD_BYTES];
};

static const char *const kill_chats[KILL_CHATS] = {"k0", "k1", "k2", "k3", "k4"};

static void see_line(struct store *store, struct line *line)
{
	struct chat_record *chat = NULL;
	if (ON(store, load_chat, line->chat_id, &chat, NULL) != STORE_OK)
		return;
	line->latest = chat->latest;
	memcpy(line->head, chat->head, HEAD_BYTES);
	store_free(chat);
}

/* The child: appends to all chats in one batch, reports what was acknowledged, and so on until it is killed. */
static void write_until_killed(const char *uri, int report)
{
	struct store *store = NULL;
	struct line lines[KILL_CHATS];
	if (store_open(uri, &store, NULL) != STORE_OK)
		_exit(1);
	for (int i = 0; i < KILL_CHATS; i++) {
		lines[i] = line_new(kill_chats[i]);
		see_line(store, &lines[i]);
	}
	for (int round = 0;; round++) {
		struct transaction *txs[KILL_CHATS];
		struct append batch[KILL_CHATS];
		struct ack acks[KILL_CHATS];
		for (int i = 0; i < KILL_CHATS; i++) {
			txs[i] = line_says(&lines[i], "alice", "hi");
			batch[i] = (struct append){.chat_id = kill_chats[i], .transactions = &txs[i], .transaction_count = 1};
			acks[i] = (struct ack){.chat = i, .number = txs[i]->number};
			memcpy(acks[i].head, txs[i]->head, HEAD_BYTES);
		}
		if (ON(store, append, batch, KILL_CHATS, NULL) != STORE_OK || write(report, acks, sizeof acks) != sizeof acks)
			_exit(1);
		for (int i = 0; i < KILL_CHATS; i++)
			transaction_free(txs[i]);
		if (round % 7 == 0 && ON(store, checkpoint, NULL) != STORE_OK)
			_exit(1);
	}
}

/* The last acknowledged of each chat. Everything before it is covered by its head. */
static void collect_and_kill(pid_t child, int report, int ack_count, struct ack last[KILL_CHATS])
{
	struct ack acks[KILL_CHATS];
	for (int i = 0; read(report, acks, sizeof acks) == sizeof acks; i++) {
		memcpy(last, acks, sizeof acks);
		if (i == ack_count)
			kill(child, SIGKILL);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void every_acknowledged_append_survives_kill_9(void **state)
{
	struct place *place = *state;
	unsigned seed = (unsigned)clock_mono_us();
	print_message("seed %u\n", seed);
	for (int round = 0; round < KILL_ROUNDS; round++) {
		int ends[2];
		struct ack last[KILL_CHATS] = {0};
		assert_int_equal(pipe(ends), 0);
		pid_t child = fork();
		if (child == 0) {
			close(ends[0]);
			write_until_killed(place->uri, ends[1]);
		}
		close(ends[1]);
		collect_and_kill(child, ends[0], (int)(rand_r(&seed) % KILL_ACKS_MAX), last);
		close(ends[0]);
		struct store *store = open_at(place->uri);
		for (int i = 0; i < KILL_CHATS; i++) {
			assert_true(assert_sound(store, kill_chats[i]) >= last[i].number);
			struct transaction *tx = read_one(store, kill_chats[i], last[i].number);
			assert_memory_equal(tx->head, last[i].head, HEAD_BYTES);
			transaction_free(tx);
		}
		assert_int_equal(ON(store, verify, NULL), STORE_OK);
		close_store(store);
	}
}

int main(void)
{
	const struct CMUnitTest stories[] = {
		PLACE_STORY(the_files_are_for_their_owner_only),
		PLACE_STORY(a_newer_schema_is_refused_and_left_alone),
		PLACE_STORY(every_older_schema_is_brought_up_to_date),
		PLACE_STORY(what_version_1_wrote_is_all_there_after_it_was_brought_up_to_date),
		PLACE_STORY(another_applications_database_is_refused_and_left_alone),
		PLACE_STORY(what_is_no_database_is_refused),
		PLACE_STORY(a_directory_and_a_missing_one_are_refused),
		PLACE_STORY(a_file_that_cannot_be_written_is_refused),
		PLACE_STORY(damage_is_told_and_never_read_as_data),
		PLACE_STORY(a_log_that_contradicts_its_projection_is_corrupt),
		PLACE_STORY(a_user_first_seen_in_what_was_rolled_back_is_not_taken_for_another),
		PLACE_STORY(keys_are_found_wherever_they_stand),
		PLACE_STORY(a_run_written_in_part_is_written_whole_by_the_next_process),
		PLACE_STORY(a_key_that_was_rolled_back_is_free_and_the_others_stay_taken),
		PLACE_STORY(runs_whose_newest_key_is_seven_days_old_are_forgotten_but_for_the_newest),
		PLACE_STORY(keys_whose_hashes_collide_are_not_the_same_key),
		PLACE_STORY(while_another_process_holds_the_write_lock_appends_wait_and_reads_do_not),
		PLACE_STORY(a_checkpoint_moves_the_log_and_cuts_a_large_one),
		PLACE_STORY(a_reader_that_stays_holds_up_nobody),
		PLACE_STORY(a_write_that_fails_is_never_acknowledged_and_passes),
		PLACE_STORY(a_full_disk_is_never_acknowledged_and_passes),
		PLACE_STORY(every_acknowledged_append_survives_kill_9),
	};
	return cmocka_run_group_tests_name("sqlite", stories, NULL, NULL);
}
