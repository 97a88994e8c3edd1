/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Where to look for a repeated key. Keys lie scattered: an index that each of them is added to at once costs a page for each, and that
 * would be most of what an append writes. So the keys of the newest rows of the log stay in memory, and each 2^17 rows of the log make a run,
 * which is written to the table in the order of its hashes, a piece with each append that follows. A run has a Bloom filter in memory, so that a
 * new key, as nearly all are, is looked for in none of them.
 *
 * Memory holds nothing that the file does not: what is not in a run that is complete stands in the log, and is read from there after a
 * start, or when another process has appended. A run that was written in part is written again, over what is there.
 *
 * Writing connection, inside its transaction, so nobody else appends meanwhile. Only keys_search and keys_prune need no keys_begin. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "storage/sqlite/filter.h"
#include "storage/sqlite/handle.h"

enum { RUN_BITS = 17, MOVE_MIN = 64, MOVE_EACH = 4 };

struct key_entry {
	uint64_t hash;
	int64_t chat, log, at_ms;
	uint32_t older; /* the next one in its bucket, + 1; 0: none */
};

/* One that is complete. */
struct key_run {
	int64_t id, newest_at_ms;
	struct filter filter;
};

struct key_cache {
	int64_t seen; /* the last row of the log whose key, if it has one, is an entry or in a run */
	struct key_entry *entries; /* in the order of the log */
	size_t count, count_max;
	uint32_t *buckets; /* an entry's place + 1; twice as many as there may be entries */
	struct key_run *runs;
	size_t run_count;
	bool runs_pruned; /* or about to be: load them again */
	/* As it was when the transaction began; only if it was caught up with then. */
	bool begun;
	int64_t seen_before;
	size_t count_before, run_count_before, moved_before;
	bool was_sorted;
	/* The run being written: its entries in the order of the table, and how many of them are there. NULL: none. */
	struct key_entry *sorted;
	size_t sorted_count, moved;
};

/* ---- entries ---- */

static uint32_t *bucket_of(const struct key_cache *keys, uint64_t hash)
{
	return &keys->buckets[hash & (2 * keys->count_max - 1)];
}

static void link_entry(struct key_cache *keys, size_t i)
{
	uint32_t *bucket = bucket_of(keys, keys->entries[i].hash);
	keys->entries[i].older = *bucket;
	*bucket = (uint32_t)i + 1;
}

static void link_all(struct key_cache *keys)
{
	free(keys->buckets);
	keys->buckets = mem_zero(2 * keys->count_max * sizeof *keys->buckets);
	for (size_t i = 0; i < keys->count; i++)
		link_entry(keys, i);
}

static void add_entry(struct key_cache *keys, const struct key_entry *entry)
{
	if (keys->count == keys->count_max) {
		assert(keys->count_max < UINT32_MAX / 4);
		keys->count_max = keys->count_max ? 2 * keys->count_max : 1024;
		keys->entries = mem_grow(keys->entries, keys->count_max * sizeof *keys->entries);
		link_all(keys);
	}
	keys->entries[keys->count] = *entry;
	link_entry(keys, keys->count++);
}

/* The newest entries go first, so each is the first of its bucket. */
static void cut_entries(struct key_cache *keys, size_t count)
{
	while (keys->count > count) {
		const struct key_entry *last = &keys->entries[--keys->count];
		*bucket_of(keys, last->hash) = last->older;
	}
}

static size_t count_up_to(const struct key_cache *keys, int64_t run)
{
	size_t count = 0;
	while (count < keys->count && keys->entries[count].log >> RUN_BITS <= run)
		count++;
	return count;
}

static int64_t next_run(const struct key_cache *keys)
{
	return keys->run_count ? keys->runs[keys->run_count - 1].id + 1 : 0;
}

static void sorted_drop(struct key_cache *keys)
{
	free(keys->sorted);
	keys->sorted = NULL;
	keys->sorted_count = keys->moved = 0;
}

/* What complete runs have is no longer needed in memory. */
static void drop_complete(struct key_cache *keys)
{
	size_t complete = count_up_to(keys, next_run(keys) - 1);
	if (complete == 0)
		return;
	sorted_drop(keys);
	keys->count -= complete;
	memmove(keys->entries, keys->entries + complete, keys->count * sizeof *keys->entries);
	link_all(keys);
}

/* ---- runs ---- */

static void add_run(struct key_cache *keys, struct key_run run)
{
	keys->runs = mem_grow(keys->runs, (keys->run_count + 1) * sizeof *keys->runs);
	keys->runs[keys->run_count++] = run;
}

static void cut_runs(struct key_cache *keys, size_t count)
{
	while (keys->run_count > count)
		filter_fini(&keys->runs[--keys->run_count].filter);
}

/* Of a run that an older version's keys were made into. */
static void make_missing_filter(struct db *db, struct key_run *run)
{
	filter_init(&run->filter, (size_t)1 << RUN_BITS);
	sqlite3_stmt *read = db_statement(db, SQL_READ_RUN);
	db_bind_int(db, read, 1, run->id);
	while (db_step(db, read))
		filter_add(&run->filter, (uint64_t)sqlite3_column_int64(read, 0));
	sqlite3_stmt *set = db_statement(db, SQL_SET_FILTER);
	db_bind_int(db, set, 1, run->id);
	db_bind_bytes(db, set, 2, run->filter.bytes, run->filter.size);
	db_run(db, set);
}

static void load_run(struct db *db, sqlite3_stmt *row)
{
	struct key_run run = {.id = sqlite3_column_int64(row, 0), .newest_at_ms = sqlite3_column_int64(row, 1)};
	const void *filter = sqlite3_column_blob(row, 2);
	if (filter_load(&run.filter, filter, (size_t)sqlite3_column_bytes(row, 2)))
		add_run(db->keys, run);
	else
		db_fail(db, SQLITE_CORRUPT, "a filter of keys has not the length of one");
}

static void load_runs(struct db *db)
{
	struct key_cache *keys = db->keys;
	size_t known = keys->run_count;
	sqlite3_stmt *load = db_statement(db, SQL_LOAD_RUNS);
	db_bind_int(db, load, 1, next_run(keys));
	while (db_step(db, load))
		load_run(db, load);
	for (size_t i = known; i < keys->run_count; i++)
		if (keys->runs[i].filter.bytes == NULL && keys->runs[i].newest_at_ms != 0)
			make_missing_filter(db, &keys->runs[i]);
}

/* ---- catching up ---- */

static void add_row(struct key_cache *keys, sqlite3_stmt *row)
{
	const char *key = db_text(row, 3);
	keys->seen = sqlite3_column_int64(row, 0);
	if (sqlite3_column_type(row, 3) == SQLITE_NULL || key[0] == KEY_ONCE)
		return;
	add_entry(keys, &(struct key_entry){.hash = transaction_key64(db_text(row, 4), key), .chat = sqlite3_column_int64(row, 1), .log = keys->seen,
						.at_ms = sqlite3_column_int64(row, 2)});
}

/* The keys of the rows that came since: of another process, or of a whole tail after a start. */
static void read_tail(struct db *db)
{
	struct key_cache *keys = db->keys;
	int64_t from = next_run(keys) << RUN_BITS;
	sqlite3_stmt *read = db_statement(db, SQL_READ_KEYS);
	db_bind_int(db, read, 1, keys->seen >= from ? keys->seen + 1 : from);
	while (db_step(db, read))
		add_row(keys, read);
}

static int64_t ask(struct db *db, enum statement which)
{
	int64_t answer = 0;
	sqlite3_stmt *statement = db_statement(db, which);
	if (db_step(db, statement)) {
		answer = sqlite3_column_int64(statement, 0);
		db_reset(statement);
	}
	return answer;
}

void keys_begin(struct db *db)
{
	if (db->keys == NULL)
		db->keys = mem_zero(sizeof *db->keys);
	struct key_cache *keys = db->keys;
	keys->begun = false;
	if (keys->runs_pruned)
		cut_runs(keys, 0);
	keys->runs_pruned = false;
	if (ask(db, SQL_NEXT_RUN) != next_run(keys))
		load_runs(db);
	drop_complete(keys);
	if (ask(db, SQL_LOG_END) != keys->seen)
		read_tail(db);
	keys->seen_before = keys->seen;
	keys->count_before = keys->count;
	keys->run_count_before = keys->run_count;
	keys->moved_before = keys->moved;
	keys->was_sorted = keys->sorted != NULL;
	keys->begun = db->failure == 0;
}

void keys_rewind(struct db *db)
{
	struct key_cache *keys = db->keys;
	if (keys == NULL)
		return;
	if (!keys->begun) {
		keys_free(keys);
		db->keys = NULL;
		return;
	}
	cut_entries(keys, keys->count_before);
	cut_runs(keys, keys->run_count_before);
	if (!keys->was_sorted)
		sorted_drop(keys); /* it may have entries that are cut */
	else if (keys->sorted)
		keys->moved = keys->moved_before;
	keys->seen = keys->seen_before;
}

void keys_free(struct key_cache *keys)
{
	if (keys == NULL)
		return;
	cut_runs(keys, 0);
	sorted_drop(keys);
	free(keys->runs);
	free(keys->buckets);
	free(keys->entries);
	free(keys);
}

/* ---- adding ---- */

void keys_add(struct db *db, int64_t chat, uint64_t hash, int64_t at_ms, int64_t row)
{
	add_entry(db->keys, &(struct key_entry){.hash = hash, .chat = chat, .log = row, .at_ms = at_ms});
	db->keys->seen = row;
}

void keys_pass(struct db *db, int64_t row)
{
	db->keys->seen = row;
}

/* ---- writing a run ---- */

static int by_table_order(const void *left, const void *right)
{
	const struct key_entry *a = left, *b = right;
	if (a->hash != b->hash)
		return (int64_t)a->hash < (int64_t)b->hash ? -1 : 1;
	return a->chat != b->chat ? (a->chat < b->chat ? -1 : 1) : (a->log > b->log) - (a->log < b->log);
}

static void sort_run(struct key_cache *keys, size_t count)
{
	keys->sorted = mem_new((count + 1) * sizeof *keys->sorted);
	keys->sorted_count = count;
	if (count > 0)
		memcpy(keys->sorted, keys->entries, count * sizeof *keys->sorted);
	qsort(keys->sorted, count, sizeof *keys->sorted, by_table_order);
}

static void move_piece(struct db *db, int64_t run, size_t count)
{
	struct key_cache *keys = db->keys;
	for (; count > 0 && keys->moved < keys->sorted_count; count--, keys->moved++) {
		const struct key_entry *entry = &keys->sorted[keys->moved];
		sqlite3_stmt *add = db_statement(db, SQL_ADD_KEY);
		db_bind_int(db, add, 1, run);
		db_bind_int(db, add, 2, (int64_t)entry->hash);
		db_bind_int(db, add, 3, entry->chat);
		db_bind_int(db, add, 4, entry->log);
		db_run(db, add);
	}
}

static void complete_run(struct db *db, int64_t id)
{
	struct key_cache *keys = db->keys;
	struct key_run run = {.id = id};
	if (keys->sorted_count > 0)
		filter_init(&run.filter, keys->sorted_count);
	for (size_t i = 0; i < keys->sorted_count; i++) {
		filter_add(&run.filter, keys->sorted[i].hash);
		if (keys->sorted[i].at_ms > run.newest_at_ms)
			run.newest_at_ms = keys->sorted[i].at_ms;
	}
	sqlite3_stmt *add = db_statement(db, SQL_ADD_RUN);
	db_bind_int(db, add, 1, run.id);
	db_bind_int(db, add, 2, run.newest_at_ms);
	db_bind_bytes(db, add, 3, run.filter.bytes, run.filter.size);
	db_run(db, add);
	add_run(keys, run);
	sorted_drop(keys);
}

void keys_end(struct db *db)
{
	struct key_cache *keys = db->keys;
	int64_t run = next_run(keys);
	if (db->failure != 0 || run >= keys->seen >> RUN_BITS)
		return;
	if (keys->sorted == NULL)
		sort_run(keys, count_up_to(keys, run));
	move_piece(db, run, MOVE_MIN + MOVE_EACH * (keys->count - keys->count_before));
	if (keys->moved == keys->sorted_count)
		complete_run(db, run);
}

/* ---- all runs of a log that has none ---- */

static void make_run(struct db *db, int64_t run)
{
	struct key_cache *keys = db->keys;
	sort_run(keys, keys->count);
	move_piece(db, run, keys->count);
	complete_run(db, run);
	cut_entries(keys, 0);
}

void keys_make_runs(struct db *db, int64_t since_ms)
{
	struct key_cache *keys = db->keys = mem_zero(sizeof *keys);
	sqlite3_stmt *read = db_statement(db, SQL_READ_KEYS);
	db_bind_int(db, read, 1, 0);
	while (db_step(db, read)) {
		int64_t run = keys->seen >> RUN_BITS, row = sqlite3_column_int64(read, 0);
		if (row >> RUN_BITS != run && keys->count > 0)
			make_run(db, run);
		keys_pass(db, row);
		if (sqlite3_column_int64(read, 2) >= since_ms)
			add_row(keys, read);
	}
	if (next_run(keys) < keys->seen >> RUN_BITS)
		complete_run(db, (keys->seen >> RUN_BITS) - 1); /* an empty one: what is before it is not read again */
	keys_free(keys);
	db->keys = NULL;
}

/* ---- looking ---- */

/* What one is looking for. */
struct key_search {
	int64_t chat;
	const char *sender_id, *key;
	uint64_t hash;
	int64_t since_ms;
};

/* The hash only says where to look: the row decides. */
static void read_key(struct db *db, int64_t row, const struct key_search *search, struct key_owner *owner)
{
	sqlite3_stmt *read = db_statement(db, SQL_READ_KEY);
	db_bind_int(db, read, 1, row);
	if (!db_step(db, read)) {
		db_fail(db, SQLITE_CORRUPT, "a key points to a row that is not in the log");
		return;
	}
	uint64_t number = (uint64_t)sqlite3_column_int64(read, 0);
	if (number > owner->number && sqlite3_column_int64(read, 1) >= search->since_ms && strcmp(db_text(read, 2), search->key) == 0 &&
		strcmp(db_text(read, 3), search->sender_id) == 0) {
		owner->number = number;
		db_read_bytes(db, read, 4, owner->key_hash, ID_BYTES);
	}
	db_reset(read);
}

static void look_in_memory(struct db *db, const struct key_search *search, struct key_owner *owner)
{
	const struct key_cache *keys = db->keys;
	if (keys->count == 0)
		return;
	for (uint32_t i = *bucket_of(keys, search->hash); i != 0; i = keys->entries[i - 1].older) {
		const struct key_entry *entry = &keys->entries[i - 1];
		if (entry->hash == search->hash && entry->chat == search->chat)
			read_key(db, entry->log, search, owner);
	}
}

static void look_in_run(struct db *db, const struct key_run *run, const struct key_search *search, struct key_owner *owner)
{
	sqlite3_stmt *find = db_statement(db, SQL_FIND_KEY);
	db_bind_int(db, find, 1, run->id);
	db_bind_int(db, find, 2, (int64_t)search->hash);
	db_bind_int(db, find, 3, search->chat);
	while (db_step(db, find))
		read_key(db, sqlite3_column_int64(find, 0), search, owner);
}

struct key_owner keys_find(struct db *db, int64_t chat, const char *sender_id, const char *key, uint64_t hash, int64_t at_ms)
{
	const struct key_cache *keys = db->keys;
	struct key_owner owner = {0};
	struct key_search search = {chat, sender_id, key, hash, at_ms - KEY_AGE_MS};
	look_in_memory(db, &search, &owner);
	for (size_t i = keys->run_count; i > 0 && owner.number == 0; i--)
		if (keys->runs[i - 1].newest_at_ms >= search.since_ms && filter_has(&keys->runs[i - 1].filter, hash))
			look_in_run(db, &keys->runs[i - 1], &search, &owner);
	return owner;
}

/* ---- readers ---- */

/* From the chat's newest row back to the first row that is in a run, or, with a KEY_ONCE, which is in none, as far as store.h says. */
static void search_log(struct db *db, int64_t oldest_row, const struct key_search *search, struct key_owner *owner)
{
	sqlite3_stmt *read = db_statement(db, SQL_SEARCH_KEY);
	db_bind_int(db, read, 1, search->chat);
	for (unsigned count = 0; owner->number == 0 && db_step(db, read); count++) {
		bool once = search->key[0] == KEY_ONCE, too_old = sqlite3_column_int64(read, 1) < search->since_ms && (!once || count >= STORE_ONCE_COUNT);
		if (sqlite3_column_int64(read, 5) < oldest_row || (too_old && once))
			break;
		if (too_old || strcmp(db_text(read, 2), search->key) != 0 || strcmp(db_text(read, 3), search->sender_id) != 0)
			continue;
		owner->number = (uint64_t)sqlite3_column_int64(read, 0);
		db_read_bytes(db, read, 4, owner->key_hash, ID_BYTES);
	}
	db_reset(read);
}

static void search_runs(struct db *db, const struct key_search *search, struct key_owner *owner)
{
	sqlite3_stmt *find = db_statement(db, SQL_FIND_KEY_IN_RUNS);
	db_bind_int(db, find, 1, (int64_t)search->hash);
	db_bind_int(db, find, 2, search->chat);
	db_bind_int(db, find, 3, search->since_ms);
	while (db_step(db, find))
		read_key(db, sqlite3_column_int64(find, 0), search, owner);
}

struct key_owner keys_search(struct db *db, int64_t chat, const char *sender_id, const char *key, int64_t since_ms)
{
	struct key_owner owner = {0};
	struct key_search search = {chat, sender_id, key, transaction_key64(sender_id, key), since_ms};
	if (key[0] == KEY_ONCE) {
		search_log(db, 0, &search, &owner);
		return owner;
	}
	search_log(db, ask(db, SQL_NEXT_RUN) << RUN_BITS, &search, &owner);
	if (owner.number == 0)
		search_runs(db, &search, &owner);
	return owner;
}

/* ---- forgetting ---- */

bool keys_prune(struct db *db, int64_t now_ms, int rows_max)
{
	sqlite3_stmt *old = db_statement(db, SQL_OLD_RUN);
	db_bind_int(db, old, 1, now_ms - KEY_AGE_MS);
	if (!db_step(db, old))
		return false;
	int64_t run = sqlite3_column_int64(old, 0);
	db_reset(old);
	sqlite3_stmt *prune = db_statement(db, SQL_PRUNE_KEYS);
	db_bind_int(db, prune, 1, run);
	db_bind_int(db, prune, 2, rows_max);
	db_run(db, prune);
	if (db->failure != 0 || sqlite3_changes(db->handle) == rows_max)
		return true;
	sqlite3_stmt *drop = db_statement(db, SQL_DROP_RUN);
	db_bind_int(db, drop, 1, run);
	db_run(db, drop);
	if (db->keys)
		db->keys->runs_pruned = true;
	return true;
}
