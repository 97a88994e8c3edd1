/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Becoming another store: its identity, and the projections of its chats (their logs come through append.c). Each is one SQL transaction.
 * One thread, while nobody else uses the store. */
#include <stdlib.h>
#include <string.h>

#include "storage/sqlite/handle.h"

enum store_rc sqlite_adopt(struct store *store, const struct store_info *info, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct store_info *own = &((struct sqlite_store *)store)->info;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	sqlite3_stmt *adopt = db_statement(db, SQL_ADOPT);
	db_bind_text(db, adopt, 1, info->epoch);
	db_bind_bytes(db, adopt, 2, info->secret, sizeof info->secret);
	db_bind_text(db, adopt, 3, info->writer);
	db_run(db, adopt);
	rc = write_end(store, db, err);
	if (rc != STORE_OK)
		return rc;
	memcpy(own->epoch, info->epoch, sizeof own->epoch);
	memcpy(own->secret, info->secret, sizeof own->secret);
	memcpy(own->writer, info->writer, sizeof own->writer);
	return STORE_OK;
}

/* ---- members ---- */

static void drop_members(struct db *db, int64_t chat)
{
	static const enum statement both[] = {SQL_DROP_MEMBERSHIPS, SQL_DROP_MEMBERS};
	for (size_t i = 0; i < 2; i++) {
		sqlite3_stmt *drop = db_statement(db, both[i]);
		db_bind_int(db, drop, 1, chat);
		db_run(db, drop);
	}
}

static void add_earlier(struct db *db, int64_t chat, int64_t user, const struct interval *interval)
{
	sqlite3_stmt *add = db_statement(db, SQL_IMPORT_MEMBERSHIP);
	db_bind_int(db, add, 1, chat);
	db_bind_int(db, add, 2, user);
	db_bind_number(db, add, 3, interval->from);
	db_bind_number(db, add, 4, interval->to);
	db_run(db, add);
}

/* The last time of membership stands with the member, those before it apart. */
static void add_member(struct db *db, int64_t chat, int64_t user, const struct member_record *member)
{
	size_t earlier = member->interval_count > 0 ? member->interval_count - 1 : 0;
	struct interval last = member->interval_count > 0 ? member->intervals[earlier] : (struct interval){0};
	for (size_t i = 0; i < earlier; i++)
		add_earlier(db, chat, user, &member->intervals[i]);
	sqlite3_stmt *add = db_statement(db, SQL_IMPORT_MEMBER);
	db_bind_int(db, add, 1, chat);
	db_bind_int(db, add, 2, user);
	db_bind_int(db, add, 3, member->role);
	db_bind_number(db, add, 4, member->received);
	db_bind_number(db, add, 5, member->read);
	db_bind_number(db, add, 6, last.from);
	db_bind_number(db, add, 7, last.to);
	db_bind_number(db, add, 8, earlier);
	db_run(db, add);
}

/* A pair's two are all that it ever had. */
static void set_members(struct db *db, struct chat_row *chat, const struct chat_record *record)
{
	int64_t pair[2] = {0, 0};
	drop_members(db, chat->id);
	for (size_t i = 0; i < record->member_count; i++) {
		int64_t user = log_intern_user(db, record->members[i].user_id);
		if (i < 2)
			pair[i] = user;
		add_member(db, chat->id, user, &record->members[i]);
	}
	chat->pair_a = record->pair ? pair[0] : 0;
	chat->pair_b = record->pair ? pair[1] : 0;
	chat->current_members = (int64_t)record->current_members;
}

/* ---- the chat ---- */

/* What is there already stays, since a new row would be one more that is never deleted. */
static void set_info(struct db *db, struct chat_row *chat, const struct chat_record *record)
{
	char *name, *icon;
	log_read_info(db, chat->info, &name, &icon);
	if (strcmp(name, record->name) != 0 || strcmp(icon, record->icon) != 0)
		log_set_info(db, chat, record->name, record->icon);
	free(name);
	free(icon);
}

static void set_chat(struct db *db, struct chat_row *chat, const struct chat_record *record)
{
	set_members(db, chat, record);
	set_info(db, chat, record);
	chat->history_all = record->history_all;
	chat->ended = record->ended;
	chat->ended_at_ms = record->ended_at_ms;
	chat->erased = false;
	log_save_group(db, chat);
}

enum store_rc sqlite_import_chat(struct store *store, const struct chat_record *record, const unsigned char *key, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct chat_row chat;
	log_find_chat(db, record->chat_id, &chat);
	bool there = chat.id != 0 && chat.latest == record->latest;
	if (there)
		set_chat(db, &chat, record);
	if (there && key != NULL)
		shared_add_chat_key(db, chat.id, key);
	rc = write_end(store, db, err);
	return rc == STORE_OK && !there ? (enum store_rc)error_set(err, STORE_NOT_FOUND, 0, "the log of that chat is not there") : rc;
}
