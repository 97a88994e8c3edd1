/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What only a file can have go wrong: damage, write locks, full disks, large logs, a killed writer. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/contract/place.h"

/* ---- damage ---- */

static void damage_is_told_and_never_read_as_data(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	for (int i = 0; i < 300; i++) {
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

static void who_reads_along_passes_over_a_row_that_is_damaged(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	for (int i = 0; i < 3; i++)
		assert_appended(store, line_says(&line, "alice", "hi"));
	close_store(store);
	with_sqlite(place->path, "UPDATE log SET head = x'00' WHERE number = 2");
	store = open_at(place->uri);
	assert_second_is_passed_over(store, "w1");
	close_store(store);
}

static void an_edit_that_is_damaged_does_not_matter_to_who_does_not_see_it(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	line_makes_edits(&line, store);
	close_store(store);
	with_sqlite(place->path, "UPDATE log SET head = x'00' WHERE number = 6");
	store = open_at(place->uri);
	assert_edit_of_former_member(store);
	close_store(store);
}

/* Nobody knows which row it is, so nothing may be passed over. */
static void who_reads_along_stays_where_he_is_when_the_file_itself_is_damaged(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	char junk[100];
	for (int i = 0; i < 3; i++)
		assert_appended(store, line_says(&line, "alice", "hi"));
	close_store(store);
	store = open_at(place->uri); /* no connection reads yet */
	memset(junk, 0xA5, sizeof junk);
	write_file(place->path, junk, sizeof junk, 0);
	for (uint64_t position = 0; position < 3; position++) {
		uint64_t next = UINT64_MAX;
		struct page page = {0};
		struct error err = {0};
		assert_int_equal(ON(store, tail, "w1", position, 10, &page, &next, &err), STORE_CORRUPT);
		assert_int_equal(next, position);
		assert_null(page.transactions);
	}
	close_store(store);
}

/* There is no index over writers: what was looked through once is not looked through again. */
static void who_reads_along_one_who_writes_no_more_goes_on_behind_what_others_wrote(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	struct line line = line_new("c");
	uint64_t end = 0, next = 0;
	line.writer = "w2";
	assert_appended(store, line_says(&line, "alice", "hi"));
	line.writer = "w1";
	for (int i = 0; i < 3; i++)
		assert_appended(store, line_says(&line, "alice", "hi"));
	struct page page = read_tail(store, "w1", UINT64_MAX, 10, &end);
	page = read_tail(store, "w2", 2, 10, &next);
	assert_int_equal(page.count, 0);
	assert_int_equal(next, end);
	line.writer = "w2";
	assert_appended(store, line_says(&line, "alice", "I am back"));
	page = read_tail(store, "w2", next, 10, NULL);
	assert_int_equal(page.count, 1);
	assert_int_equal(page.transactions[0]->number, 5);
	store_page_free(&page);
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

/* The key of the last one that was acknowledged, and one of long ago. */
static void assert_keys_are_taken(struct store *store, const struct ack *last)
{
	const uint64_t numbers[] = {last->number, last->number / 2 + 1};
	struct line line = line_new(kill_chats[last->chat]);
	see_line(store, &line);
	for (int i = 0; i < 2 && last->number > 0; i++) {
		char key[24];
		struct line mine = line;
		struct bundle bundle = {0};
		snprintf(key, sizeof key, "k%llu", (unsigned long long)numbers[i]);
		bundle_add(&bundle, line_says_as(&mine, "alice", key, "again"));
		assert_int_equal(bundle_append(store, &bundle), APPEND_CONFLICT);
		assert_int_equal(bundle.append.duplicate_number, numbers[i]);
		bundle_fini(&bundle);
	}
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
			char key[24];
			snprintf(key, sizeof key, "k%llu", (unsigned long long)lines[i].latest + 1);
			txs[i] = line_says_as(&lines[i], "alice", key, "hi");
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
			assert_keys_are_taken(store, &last[i]);
		}
		assert_int_equal(ON(store, verify, NULL), STORE_OK);
		close_store(store);
		if (round % 2 == 0)
			end_run(place->path); /* so that the next one dies while it writes a run, or after */
	}
}

int main(void)
{
	const struct CMUnitTest stories[] = {
		PLACE_STORY(damage_is_told_and_never_read_as_data),
		PLACE_STORY(who_reads_along_passes_over_a_row_that_is_damaged),
		PLACE_STORY(an_edit_that_is_damaged_does_not_matter_to_who_does_not_see_it),
		PLACE_STORY(who_reads_along_stays_where_he_is_when_the_file_itself_is_damaged),
		PLACE_STORY(who_reads_along_one_who_writes_no_more_goes_on_behind_what_others_wrote),
		PLACE_STORY(a_log_that_contradicts_its_projection_is_corrupt),
		PLACE_STORY(a_user_first_seen_in_what_was_rolled_back_is_not_taken_for_another),
		PLACE_STORY(while_another_process_holds_the_write_lock_appends_wait_and_reads_do_not),
		PLACE_STORY(a_checkpoint_moves_the_log_and_cuts_a_large_one),
		PLACE_STORY(a_reader_that_stays_holds_up_nobody),
		PLACE_STORY(a_write_that_fails_is_never_acknowledged_and_passes),
		PLACE_STORY(a_full_disk_is_never_acknowledged_and_passes),
		PLACE_STORY(every_acknowledged_append_survives_kill_9),
	};
	return cmocka_run_group_tests_name("sqlite", stories, NULL, NULL);
}
