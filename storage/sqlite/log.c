/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Rows of the log and its index of keys: between struct transaction and columns. With a connection in hand. */
#include <stdlib.h>
#include <string.h>

#include "storage/sqlite/handle.h"

enum { BODY_ERASED = 1, QUOTE_ERASED = 2 };

void log_find_chat(struct db *db, const char *chat_id, struct chat_row *chat)
{
	*chat = (struct chat_row){0};
	sqlite3_stmt *find = db_statement(db, SQL_FIND_CHAT);
	db_bind_text(db, find, 1, chat_id);
	if (!db_step(db, find))
		return;
	chat->id = sqlite3_column_int64(find, 0);
	chat->latest = (uint64_t)sqlite3_column_int64(find, 1);
	db_read_bytes(db, find, 2, chat->head, sizeof chat->head);
	chat->latest_at_ms = sqlite3_column_int64(find, 3);
	chat->ended = sqlite3_column_int(find, 4) != 0;
	db_reset(find);
}

int64_t log_find_user(struct db *db, const char *user_id)
{
	sqlite3_stmt *find = db_statement(db, SQL_FIND_USER);
	db_bind_text(db, find, 1, user_id);
	if (!db_step(db, find))
		return 0;
	int64_t id = sqlite3_column_int64(find, 0);
	db_reset(find);
	return id;
}

/* ---- users by name, remembered ---- */

/* Most transactions are from few senders. A row of user is never removed or renamed, so what is in here stays true whatever other
 * connections do. */
enum { USER_CACHE_SIZE = 1024 };

struct user_cache {
	struct {
		int64_t id; /* 0: empty */
		char name[USER_ID_MAX + 1];
	} slots[USER_CACHE_SIZE];
};

static size_t user_slot(const char *user_id)
{
	uint32_t hash = 2166136261; /* FNV-1a; a collision only costs a lookup */
	for (const char *at = user_id; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 16777619;
	return hash % USER_CACHE_SIZE;
}

static int64_t find_or_add_user(struct db *db, const char *user_id)
{
	int64_t id = log_find_user(db, user_id);
	if (id != 0 || db->failure != 0)
		return id;
	sqlite3_stmt *add = db_statement(db, SQL_ADD_USER);
	db_bind_text(db, add, 1, user_id);
	db_run(db, add);
	return sqlite3_last_insert_rowid(db->handle);
}

int64_t log_intern_user(struct db *db, const char *user_id)
{
	if (db->users == NULL)
		db->users = mem_zero(sizeof *db->users);
	size_t slot = user_slot(user_id), len = strlen(user_id);
	int64_t *id = &db->users->slots[slot].id;
	if (*id != 0 && strcmp(db->users->slots[slot].name, user_id) == 0)
		return *id;
	int64_t found = find_or_add_user(db, user_id);
	if (db->failure == 0 && len <= USER_ID_MAX) {
		*id = found;
		memcpy(db->users->slots[slot].name, user_id, len + 1);
	}
	return found;
}

void log_forget_users(struct db *db)
{
	free(db->users);
	db->users = NULL;
}

/* ---- reading ---- */

static const char *text_or_null(sqlite3_stmt *row, int column)
{
	return (const char *)sqlite3_column_text(row, column);
}

static void read_sealed(struct db *db, sqlite3_stmt *row, int salt_column, int text_column, bool erased, struct sealed *sealed)
{
	*sealed = (struct sealed){.erased = erased, .present = sqlite3_column_type(row, salt_column) != SQLITE_NULL};
	if (sealed->present)
		db_read_bytes(db, row, salt_column, sealed->salt, sizeof sealed->salt);
	if (sealed->present && !erased) {
		sealed->text = text_or_null(row, text_column);
		sealed->len = (uint32_t)sqlite3_column_bytes(row, text_column);
	}
	if ((sealed->present && !erased) != (sealed->text != NULL) || (erased && !sealed->present))
		db_fail(db, SQLITE_CORRUPT, "a text in the log does not go with its salt");
}

void log_read_row(struct db *db, sqlite3_stmt *row, const char *chat_id, struct transaction *tx)
{
	int erased = sqlite3_column_int(row, 9);
	*tx = (struct transaction){
		.chat_id = chat_id,
		.number = (uint64_t)sqlite3_column_int64(row, 0),
		.type = (enum transaction_type)sqlite3_column_int(row, 1),
		.sender_id = db_text(row, 2),
		.at_ms = sqlite3_column_int64(row, 3),
		.writer = db_text(row, 4),
		.position = (uint64_t)sqlite3_column_int64(row, 5),
		.target = (uint64_t)sqlite3_column_int64(row, 6),
		.client_time_ms = sqlite3_column_int64(row, 7),
		.quote_revision = (uint64_t)sqlite3_column_int64(row, 8),
		.key = text_or_null(row, 10),
		.content_type = text_or_null(row, 12),
	};
	db_read_bytes(db, row, 11, tx->key_hash, sizeof tx->key_hash);
	db_read_bytes(db, row, 13, tx->head, sizeof tx->head);
	read_sealed(db, row, 14, 16, erased & BODY_ERASED, &tx->body);
	read_sealed(db, row, 15, 17, erased & QUOTE_ERASED, &tx->quote);
	if (transaction_type_name(tx->type) == NULL)
		db_fail(db, SQLITE_CORRUPT, "the log has a transaction of a type that there is not");
}

/* ---- writing ---- */

static void bind_sealed(struct db *db, sqlite3_stmt *add, int salt_index, int text_index, const struct sealed *sealed)
{
	if (sealed->present)
		db_bind_bytes(db, add, salt_index, sealed->salt, sizeof sealed->salt);
	else
		db_bind_text(db, add, salt_index, NULL);
	if (add && sealed->present && !sealed->erased) {
		int code = sqlite3_bind_text64(add, text_index, sealed->text, sealed->len, SQLITE_STATIC, SQLITE_UTF8);
		if (code != SQLITE_OK)
			db_fail(db, code, sqlite3_errmsg(db->handle));
	} else {
		db_bind_text(db, add, text_index, NULL);
	}
}

int64_t log_add_row(struct db *db, const struct transaction *tx, int64_t chat, int64_t sender, int64_t writer, uint64_t position)
{
	sqlite3_stmt *add = db_statement(db, SQL_ADD_LOG);
	db_bind_int(db, add, 1, chat);
	db_bind_number(db, add, 2, tx->number);
	db_bind_int(db, add, 3, tx->type);
	db_bind_int(db, add, 4, sender);
	db_bind_int(db, add, 5, tx->at_ms);
	db_bind_int(db, add, 6, writer);
	db_bind_number(db, add, 7, position);
	db_bind_number(db, add, 8, tx->target);
	db_bind_int(db, add, 9, tx->client_time_ms);
	db_bind_number(db, add, 10, tx->quote_revision);
	db_bind_int(db, add, 11, (tx->body.erased ? BODY_ERASED : 0) | (tx->quote.erased ? QUOTE_ERASED : 0));
	db_bind_text(db, add, 12, tx->key);
	db_bind_bytes(db, add, 13, tx->key_hash, sizeof tx->key_hash);
	db_bind_text(db, add, 14, tx->content_type);
	db_bind_bytes(db, add, 15, tx->head, sizeof tx->head);
	bind_sealed(db, add, 16, 18, &tx->body);
	bind_sealed(db, add, 17, 19, &tx->quote);
	db_run(db, add);
	return sqlite3_last_insert_rowid(db->handle);
}

/* ---- keys ---- */

static int64_t generation_of(int64_t at_ms)
{
	return at_ms / KEY_AGE_MS;
}

int64_t log_oldest_generation(struct db *db)
{
	sqlite3_stmt *oldest = db_statement(db, SQL_OLDEST_KEY);
	if (!db_step(db, oldest))
		return INT64_MAX;
	int64_t generation = sqlite3_column_type(oldest, 0) == SQLITE_NULL ? INT64_MAX : sqlite3_column_int64(oldest, 0);
	db_reset(oldest);
	return generation;
}

/* What one is looking for. */
struct key_search {
	const char *sender_id, *key;
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

static void find_key_in(struct db *db, int64_t generation, int64_t chat, uint64_t hash, const struct key_search *search, struct key_owner *owner)
{
	sqlite3_stmt *find = db_statement(db, SQL_FIND_KEY);
	db_bind_int(db, find, 1, generation);
	db_bind_int(db, find, 2, (int64_t)hash);
	db_bind_int(db, find, 3, chat);
	while (db_step(db, find))
		read_key(db, sqlite3_column_int64(find, 0), search, owner);
}

struct key_owner log_find_key(struct db *db, int64_t oldest_generation, int64_t chat, const char *sender_id, const char *key, uint64_t hash,
                              int64_t at_ms)
{
	struct key_owner owner = {0};
	struct key_search search = {sender_id, key, at_ms - KEY_AGE_MS};
	for (int64_t generation = generation_of(at_ms), i = 0; i < 2 && owner.number == 0 && generation - i >= oldest_generation; i++)
		find_key_in(db, generation - i, chat, hash, &search, &owner);
	return owner;
}

struct key_owner log_search_key(struct db *db, int64_t chat, const char *sender_id, const char *key, int64_t since_ms)
{
	struct key_owner owner = {0};
	sqlite3_stmt *search = db_statement(db, SQL_SEARCH_KEY);
	db_bind_int(db, search, 1, chat);
	while (owner.number == 0 && db_step(db, search)) {
		if (sqlite3_column_int64(search, 1) < since_ms)
			break;
		if (strcmp(db_text(search, 2), key) != 0 || strcmp(db_text(search, 3), sender_id) != 0)
			continue;
		owner.number = (uint64_t)sqlite3_column_int64(search, 0);
		db_read_bytes(db, search, 4, owner.key_hash, ID_BYTES);
	}
	db_reset(search);
	return owner;
}

void log_add_key(struct db *db, int64_t chat, uint64_t hash, int64_t at_ms, int64_t row)
{
	sqlite3_stmt *add = db_statement(db, SQL_ADD_KEY);
	db_bind_int(db, add, 1, generation_of(at_ms));
	db_bind_int(db, add, 2, (int64_t)hash);
	db_bind_int(db, add, 3, chat);
	db_bind_int(db, add, 4, row);
	db_run(db, add);
}
