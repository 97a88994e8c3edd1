/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Appending: the whole batch in one SQL transaction, synced once. Of each chat everything is checked before anything is added, so a
 * conflict in one leaves the others alone without a savepoint. What fails before COMMIT rolls everything back: NOTHING_ADDED. A
 * failed COMMIT is UNKNOWN: its frames may be on the disk and count after a crash.
 *
 * Writer thread, with the writing connection. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "storage/sqlite/handle.h"

struct batch {
	struct db *db;
	uint64_t *hashes; /* transaction_key64 of the append's new transactions that have a key; grows */
	size_t hash_count_max;
	bool erases; /* something of it may have erased a text */
	bool imports; /* it is as another store has it, and the projections are left alone */
	/* The last one that was looked up; in practice the whole batch has one. */
	char writer[WRITER_MAX + 1];
	int64_t writer_id; /* 0: none yet */
};

/* ---- the writer ---- */

static int64_t find_or_add_writer(struct db *db, const char *name)
{
	sqlite3_stmt *find = db_statement(db, SQL_FIND_WRITER);
	db_bind_text(db, find, 1, name);
	if (db_step(db, find)) {
		int64_t id = sqlite3_column_int64(find, 0);
		db_reset(find);
		return id;
	}
	sqlite3_stmt *add = db_statement(db, SQL_ADD_WRITER);
	db_bind_text(db, add, 1, name);
	db_run(db, add);
	return sqlite3_last_insert_rowid(db->handle);
}

static void use_writer(struct batch *batch, const char *name)
{
	if (batch->writer_id != 0 && strcmp(batch->writer, name) == 0)
		return;
	size_t len = strlen(name);
	assert(len <= WRITER_MAX);
	memcpy(batch->writer, name, len + 1);
	batch->writer_id = find_or_add_writer(batch->db, name);
}

/* ---- checking ---- */

/* Whether the log has exactly this transaction; *position gets where. */
static bool is_present(struct db *db, const struct chat_row *chat, const struct transaction *tx, uint64_t *position)
{
	unsigned char head[HEAD_BYTES];
	sqlite3_stmt *find = db_statement(db, SQL_FIND_NUMBER);
	db_bind_int(db, find, 1, chat->id);
	db_bind_number(db, find, 2, tx->number);
	if (!db_step(db, find)) {
		db_fail(db, SQLITE_CORRUPT, "a number up to a chat's latest is not in the log");
		return false;
	}
	db_read_bytes(db, find, 0, head, sizeof head);
	*position = (uint64_t)sqlite3_column_int64(find, 1);
	db_reset(find);
	return memcmp(head, tx->head, sizeof head) == 0;
}

/* How many of them are there already, as they are. false: a number of them belongs to another transaction. */
static bool count_present(struct db *db, const struct chat_row *chat, struct append *append, size_t *present)
{
	for (*present = 0; *present < append->transaction_count; (*present)++) {
		const struct transaction *tx = append->transactions[*present];
		assert(tx->number > 0 && tx->number == append->transactions[0]->number + *present);
		if (tx->number > chat->latest)
			break;
		if (!is_present(db, chat, tx, &append->last_position))
			return false;
	}
	return true;
}

/* Whether what is new follows what is there: the next number, the next head, and sense in what it says. */
static bool follows(const struct chat_row *chat, const struct append *append, size_t present)
{
	const unsigned char *previous = chat->head;
	for (size_t i = present; i < append->transaction_count; i++) {
		const struct transaction *tx = append->transactions[i];
		unsigned char head[HEAD_BYTES];
		transaction_head(tx, previous, head);
		if (!transaction_makes_sense(tx) || tx->number != chat->latest + 1 + (i - present) || memcmp(head, tx->head, HEAD_BYTES) != 0)
			return false;
		previous = tx->head;
	}
	return true;
}

static bool same_key(const struct transaction *a, const struct transaction *b)
{
	return a->key != NULL && strcmp(a->key, b->key) == 0 && strcmp(a->sender_id, b->sender_id) == 0;
}

/* What is a KEY_ONCE needs no index, and would be most of it: keys lie scattered, so each costs a page of its own. */
static bool is_indexed(const struct transaction *tx)
{
	return tx->key != NULL && tx->key[0] != KEY_ONCE;
}

/* 0 where it is not indexed. */
static uint64_t hash_of(const struct transaction *tx)
{
	return is_indexed(tx) ? transaction_key64(tx->sender_id, tx->key) : 0;
}

/* The number that has the key of new transaction i already, in the log or before it in this append; 0: none. */
static uint64_t find_duplicate(struct batch *batch, const struct chat_row *chat, const struct append *append, size_t present, size_t i)
{
	const struct transaction *tx = append->transactions[i];
	if (!is_indexed(tx))
		return 0;
	for (size_t j = present; j < i; j++)
		if (same_key(append->transactions[j], tx))
			return append->transactions[j]->number;
	uint64_t hash = batch->hashes[i] = hash_of(tx);
	return chat->id ? keys_find(batch->db, chat->id, tx->sender_id, tx->key, hash, tx->at_ms).number : 0;
}

static void hashes_reserve(struct batch *batch, size_t count)
{
	if (count <= batch->hash_count_max)
		return;
	batch->hashes = mem_grow(batch->hashes, count * sizeof *batch->hashes);
	batch->hash_count_max = count;
}

static enum append_result check(struct batch *batch, const struct chat_row *chat, struct append *append, size_t *present)
{
	hashes_reserve(batch, append->transaction_count);
	if (!count_present(batch->db, chat, append, present) || !follows(chat, append, *present))
		return APPEND_CONFLICT;
	for (size_t i = *present; i < append->transaction_count; i++) {
		if (batch->imports) {
			batch->hashes[i] = hash_of(append->transactions[i]);
			continue;
		}
		uint64_t number = find_duplicate(batch, chat, append, *present, i);
		if (number != 0) {
			append->duplicate_index = i;
			append->duplicate_number = number;
			return APPEND_CONFLICT;
		}
	}
	return APPEND_OK;
}

/* ---- adding ---- */

static void add_chat(struct db *db, const char *chat_id, struct chat_row *chat)
{
	sqlite3_stmt *add = db_statement(db, SQL_ADD_CHAT);
	db_bind_text(db, add, 1, chat_id);
	db_run(db, add);
	chat->id = sqlite3_last_insert_rowid(db->handle);
}

static void save_chat(struct db *db, const struct chat_row *chat)
{
	sqlite3_stmt *set = db_statement(db, SQL_SET_CHAT);
	db_bind_int(db, set, 1, chat->id);
	db_bind_number(db, set, 2, chat->latest);
	db_bind_bytes(db, set, 3, chat->head, sizeof chat->head);
	db_bind_int(db, set, 4, chat->latest_at_ms);
	db_run(db, set);
}

/* What apply_transaction does of what is imported. */
static void follow(struct chat_row *chat, const struct transaction *tx)
{
	chat->latest = tx->number;
	chat->latest_at_ms = tx->at_ms;
	memcpy(chat->head, tx->head, HEAD_BYTES);
}

/* Returns its position. */
static uint64_t add(struct batch *batch, struct chat_row *chat, const struct transaction *tx, uint64_t hash)
{
	use_writer(batch, tx->writer);
	int64_t sender = log_intern_user(batch->db, tx->sender_id);
	int64_t row = log_add_row(batch->db, tx, chat->id, sender, batch->writer_id);
	if (is_indexed(tx))
		keys_add(batch->db, chat->id, hash, tx->at_ms, row);
	else
		keys_pass(batch->db, row);
	if (batch->imports)
		follow(chat, tx);
	else
		apply_transaction(batch->db, chat, tx);
	batch->erases = batch->erases || tx->type == TX_DELETE || tx->type == TX_GROUP_UPDATED;
	return (uint64_t)row;
}

static void append_chat(struct batch *batch, struct append *append)
{
	size_t present;
	struct chat_row chat;
	log_find_chat(batch->db, append->chat_id, &chat);
	append->result = check(batch, &chat, append, &present);
	if (append->result != APPEND_OK || present == append->transaction_count)
		return;
	if (chat.id == 0)
		add_chat(batch->db, append->chat_id, &chat);
	for (size_t i = present; i < append->transaction_count; i++)
		append->last_position = add(batch, &chat, append->transactions[i], is_indexed(append->transactions[i]) ? batch->hashes[i] : 0);
	save_chat(batch->db, &chat);
}

static void clear_results(struct append *appends, size_t append_count, enum append_result result)
{
	for (size_t i = 0; i < append_count; i++) {
		appends[i].result = result;
		appends[i].duplicate_index = 0;
		appends[i].duplicate_number = 0;
		appends[i].last_position = 0;
	}
}

static enum store_rc append_all(struct store *store, struct append *appends, size_t append_count, bool imports, struct error *err)
{
	enum store_rc rc = STORE_OK;
	clear_results(appends, append_count, APPEND_NOTHING_ADDED);
	struct batch batch = {.db = write_begin(store, &rc, err), .imports = imports};
	if (batch.db == NULL)
		return rc;
	keys_begin(batch.db);
	for (size_t i = 0; i < append_count && batch.db->failure == 0; i++) {
		assert(appends[i].transaction_count > 0);
		append_chat(&batch, &appends[i]);
	}
	keys_end(batch.db);
	free(batch.hashes);
	rc = write_end(store, batch.db, err);
	if (batch.erases && (rc == STORE_OK || rc == STORE_UNKNOWN))
		write_erased(store);
	if (rc != STORE_OK)
		clear_results(appends, append_count, rc == STORE_UNKNOWN ? APPEND_UNKNOWN : APPEND_NOTHING_ADDED);
	return rc;
}

enum store_rc sqlite_append(struct store *store, struct append *appends, size_t append_count, struct error *err)
{
	return append_all(store, appends, append_count, false, err);
}

enum store_rc sqlite_import_log(struct store *store, struct append *appends, size_t append_count, struct error *err)
{
	return append_all(store, appends, append_count, true, err);
}
