/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Rows of the log: between struct transaction and columns. With a connection in hand. */
#include <stdlib.h>
#include <string.h>

#include "storage/sqlite/handle.h"

enum { FIRST_ENCODING = 0, SECOND_ENCODING = 1 }; /* log.encoding */

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
	chat->ended_at_ms = sqlite3_column_int64(find, 5);
	chat->history_all = sqlite3_column_int(find, 6) != 0;
	chat->pair_a = sqlite3_column_int64(find, 7);
	chat->pair_b = sqlite3_column_int64(find, 8);
	chat->current_members = sqlite3_column_int64(find, 9);
	chat->info = sqlite3_column_int64(find, 10);
	chat->erased = sqlite3_column_int(find, 11) != 0;
	db_reset(find);
}

void log_save_group(struct db *db, const struct chat_row *chat)
{
	sqlite3_stmt *set = db_statement(db, SQL_SET_GROUP);
	db_bind_int(db, set, 1, chat->id);
	db_bind_int(db, set, 2, chat->ended);
	db_bind_int(db, set, 3, chat->ended_at_ms);
	db_bind_int(db, set, 4, chat->history_all);
	db_bind_int(db, set, 5, chat->pair_a);
	db_bind_int(db, set, 6, chat->pair_b);
	db_bind_int(db, set, 7, chat->current_members);
	db_bind_int(db, set, 8, chat->info);
	db_bind_int(db, set, 9, chat->erased);
	db_run(db, set);
}

/* ---- names and icons of groups ---- */

void log_read_info(struct db *db, int64_t info, char **name, char **icon)
{
	sqlite3_stmt *read = info != 0 ? db_statement(db, SQL_READ_INFO) : NULL;
	db_bind_int(db, read, 1, info);
	bool found = read != NULL && db_step(db, read);
	*name = mem_text(found ? db_text(read, 0) : "");
	*icon = mem_text(found ? db_text(read, 1) : "");
	if (found)
		db_reset(read);
}

/* The row stays: if it went, others would move. */
static void erase_info(struct db *db, int64_t info)
{
	sqlite3_stmt *erase = db_statement(db, SQL_ERASE_INFO);
	db_bind_int(db, erase, 1, info);
	db_run(db, erase);
}

void log_set_info(struct db *db, struct chat_row *chat, const char *name, const char *icon)
{
	if (chat->info != 0)
		erase_info(db, chat->info);
	chat->info = 0;
	if (*name == '\0' && *icon == '\0')
		return;
	sqlite3_stmt *add = db_statement(db, SQL_ADD_INFO);
	db_bind_text(db, add, 1, name);
	db_bind_text(db, add, 2, icon);
	db_run(db, add);
	chat->info = sqlite3_last_insert_rowid(db->handle);
}

/* ---- users ---- */

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

/* A text that is not there beside a salt was erased. */
static void read_sealed(struct db *db, sqlite3_stmt *row, int salt_column, int text_column, struct sealed *sealed)
{
	bool has_text = sqlite3_column_type(row, text_column) == SQLITE_TEXT;
	*sealed = (struct sealed){.present = sqlite3_column_type(row, salt_column) != SQLITE_NULL};
	sealed->erased = sealed->present && !has_text;
	if (sealed->present)
		db_read_bytes(db, row, salt_column, sealed->salt, sizeof sealed->salt);
	if (has_text) {
		sealed->text = text_or_null(row, text_column);
		sealed->len = (uint32_t)sqlite3_column_bytes(row, text_column);
	}
	if (has_text && !sealed->present)
		db_fail(db, SQLITE_CORRUPT, "a text in the log has no salt");
}

void log_read_row(struct db *db, sqlite3_stmt *row, const char *chat_id, struct transaction *tx)
{
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
		.first_encoding = sqlite3_column_int(row, 9) == FIRST_ENCODING,
		.key = text_or_null(row, 10),
		.content_type = text_or_null(row, 12),
	};
	db_read_bytes(db, row, 11, tx->key_hash, sizeof tx->key_hash);
	db_read_bytes(db, row, 13, tx->head, sizeof tx->head);
	read_sealed(db, row, 14, 16, &tx->body);
	read_sealed(db, row, 15, 17, &tx->quote);
	if (transaction_type_name(tx->type) == NULL)
		db_fail(db, SQLITE_CORRUPT, "the log has a transaction of a type that there is not");
}

struct transaction *log_read_one(struct db *db, enum statement which, const char *chat_id, int64_t chat, uint64_t number)
{
	struct transaction row, *tx = NULL;
	sqlite3_stmt *read = db_statement(db, which);
	db_bind_int(db, read, 1, chat);
	db_bind_number(db, read, 2, number);
	if (!db_step(db, read))
		return NULL;
	log_read_row(db, read, chat_id, &row);
	if (db->failure == 0)
		tx = transaction_new(&row);
	db_reset(read);
	return tx;
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

int64_t log_add_row(struct db *db, const struct transaction *tx, int64_t chat, int64_t sender, int64_t writer)
{
	sqlite3_stmt *add = db_statement(db, SQL_ADD_LOG);
	db_bind_int(db, add, 1, chat);
	db_bind_number(db, add, 2, tx->number);
	db_bind_int(db, add, 3, tx->type);
	db_bind_int(db, add, 4, sender);
	db_bind_int(db, add, 5, tx->at_ms);
	db_bind_int(db, add, 6, writer);
	db_bind_number(db, add, 7, tx->target);
	db_bind_int(db, add, 8, tx->client_time_ms);
	db_bind_number(db, add, 9, tx->quote_revision);
	db_bind_int(db, add, 10, tx->first_encoding ? FIRST_ENCODING : SECOND_ENCODING);
	db_bind_text(db, add, 11, tx->key);
	db_bind_bytes(db, add, 12, tx->key_hash, sizeof tx->key_hash);
	db_bind_text(db, add, 13, tx->content_type);
	db_bind_bytes(db, add, 14, tx->head, sizeof tx->head);
	bind_sealed(db, add, 15, 17, &tx->body);
	bind_sealed(db, add, 16, 18, &tx->quote);
	db_run(db, add);
	return sqlite3_last_insert_rowid(db->handle);
}
