/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Where keys stand in a SQLite store: in memory and the log's tail, in runs, in between. */
#include <stdio.h>
#include <unistd.h>

#include "storage/sqlite/salvage.h"
#include "tests/contract/place.h"

#define AGE_MS ((int64_t)STORE_KEY_DAYS * 24 * 3600 * 1000)

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

/* All by one store that stays open, so that what it has in memory is that of the run that is not complete, and no more. */
static void each_run_has_its_own_keys_and_no_others(void **state)
{
	struct place *place = *state;
	struct line line = line_new("c");
	struct store *store = open_at(place->uri);
	int said = 0;
	for (int run = 0; run < 3; run++) {
		say_with_keys(store, &line, said, said + KEYS_AFTER - 1);
		said += KEYS_AFTER;
		struct store *other = open_at(place->uri); /* the last one is moved to the run's end before the first store has seen it */
		say_with_keys(other, &line, said - 1, said);
		close_store(other);
		end_run(place->path);
	}
	say_with_keys(store, &line, said, said + KEYS_AFTER);
	said += KEYS_AFTER;
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM dedup_run"), 3);
	for (int run = 0; run < 3; run++) {
		char sql[80];
		snprintf(sql, sizeof sql, "SELECT count(*) FROM dedup WHERE run = %d", run);
		assert_int_equal(ask_sqlite(place->path, sql), KEYS_AFTER);
	}
	for (int key = 0; key < said; key++)
		assert_key_is_taken(store, &line, key);
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

static void ignore_found(void *context, const char *text)
{
	(void)context;
	(void)text;
}

static void ignore_progress(void *context, uint64_t rows)
{
	(void)context;
	(void)rows;
}

/* Five keys from each of these times on, which are a run of their own, and one more at the last of them; repaired. */
static void repair_keys_of(struct place *place, struct line *line, const int64_t *at_ms, int run_count)
{
	char damaged[80];
	struct error err = {0};
	struct sqlite_salvage salvage = {.found = ignore_found, .mended = ignore_found, .progress = ignore_progress};
	for (int run = 0; run <= run_count; run++) {
		struct store *store = open_at(place->uri);
		line->at_ms = at_ms[run];
		say_with_keys(store, line, run * 5, run * 5 + (run < run_count ? 5 : 1));
		close_store(store);
		if (run < run_count)
			end_run(place->path);
	}
	snprintf(damaged, sizeof damaged, "%s/damaged", place->dir);
	assert_int_equal(rename(place->path, damaged), 0);
	write_file(place->path, "", 0, 0);
	if (sqlite_salvage(damaged, place->path, &salvage, &err) != STORE_OK)
		fail_msg("%s", err.text);
	unlink(damaged);
}

/* An append reads into memory what stands behind the newest run. */
static void a_repaired_store_has_the_runs_of_keys_that_count(void **state)
{
	struct place *place = *state;
	struct line line = line_new("c");
	const int64_t at_ms[] = {START_MS, START_MS + 10000, START_MS + AGE_MS + 20000, START_MS + AGE_MS + 30000, START_MS + AGE_MS + 40000};
	repair_keys_of(place, &line, at_ms, 4);
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM dedup_run"), 2);
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM dedup WHERE run = 2"), 5);
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM dedup WHERE run = 3"), 5);
	struct store *store = open_at(place->uri);
	for (int key = 10; key <= 20; key++)
		assert_key_is_taken(store, &line, key);
	say_with_keys(store, &line, 21, 22);
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM dedup"), 10);
	assert_int_equal(ON(store, verify, NULL), STORE_OK);
	close_store(store);
}

static void a_repaired_store_has_an_empty_run_where_all_keys_are_too_old(void **state)
{
	struct place *place = *state;
	struct line line = line_new("c");
	const int64_t at_ms[] = {START_MS, START_MS + 10000, START_MS + AGE_MS + 20000};
	repair_keys_of(place, &line, at_ms, 2);
	assert_int_equal(ask_sqlite(place->path, "SELECT max(id) FROM dedup_run"), 1);
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM dedup"), 0);
	struct store *store = open_at(place->uri);
	assert_key_is_taken(store, &line, 10);
	say_with_keys(store, &line, 11, 12);
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM dedup"), 0); /* nothing is left to be written */
	prune_all(store, line.at_ms);
	assert_int_equal(ask_sqlite(place->path, "SELECT max(id) FROM dedup_run"), 1);
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

int main(void)
{
	const struct CMUnitTest stories[] = {
		PLACE_STORY(keys_are_found_wherever_they_stand),
		PLACE_STORY(each_run_has_its_own_keys_and_no_others),
		PLACE_STORY(a_run_written_in_part_is_written_whole_by_the_next_process),
		PLACE_STORY(a_key_that_was_rolled_back_is_free_and_the_others_stay_taken),
		PLACE_STORY(runs_whose_newest_key_is_seven_days_old_are_forgotten_but_for_the_newest),
		PLACE_STORY(a_repaired_store_has_the_runs_of_keys_that_count),
		PLACE_STORY(a_repaired_store_has_an_empty_run_where_all_keys_are_too_old),
		PLACE_STORY(keys_whose_hashes_collide_are_not_the_same_key),
	};
	return cmocka_run_group_tests_name("sqlite keys", stories, NULL, NULL);
}
