/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Becoming another store: its identity, and the projections of its chats (their logs come through append.c). One thread, and nobody else uses
 * the store. */
#include <string.h>

#include "storage/mongo/foldmembers.h"
#include "storage/mongo/ops.h"

enum { MEMBERS_AT_ONCE = 1000 };

enum store_rc mongo_adopt(struct store *store, const struct store_info *info, struct error *err)
{
	struct db db;
	struct mongo *mongo = mongo_of(store);
	db_begin(&db, store);
	enum store_rc rc = db_update(&db, STORE_INFO, BCON_NEW("_id", BCON_UTF8("store")), BCON_NEW("$set", "{", "epoch", BCON_UTF8(info->epoch),
		"secret", BCON_BIN(BSON_SUBTYPE_BINARY, info->secret, STORE_SECRET_BYTES), "}"), DB_UPDATE, NULL, err);
	db_end(&db);
	if (rc != STORE_OK)
		return rc;
	memcpy(mongo->info.epoch, info->epoch, sizeof mongo->info.epoch);
	memcpy(mongo->info.secret, info->secret, sizeof mongo->info.secret);
	return STORE_OK;
}

static bson_t *doc_of(const struct chat_record *chat, size_t place)
{
	const struct member_record *record = &chat->members[place];
	struct member_doc member = {.at = chat->latest, .role = record->role, .received = record->received, .read = record->read,
		.interval_count = record->interval_count, .intervals = (struct interval *)(uintptr_t)record->intervals};
	memcpy(member.user_id, record->user_id, strnlen(record->user_id, USER_ID_MAX));
	memcpy(member.chat_id, chat->chat_id, strnlen(chat->chat_id, CHAT_ID_MAX));
	return member_doc_new(&member);
}

static enum store_rc insert_members(struct db *db, const struct chat_record *chat, struct error *err)
{
	enum store_rc rc = STORE_OK;
	for (size_t done = 0; rc == STORE_OK && done < chat->member_count; done += MEMBERS_AT_ONCE) {
		struct db_bulk bulk;
		db_bulk_begin(&bulk, db, MEMBERS);
		for (size_t i = done; i < chat->member_count && i < done + MEMBERS_AT_ONCE; i++)
			db_bulk_insert(&bulk, doc_of(chat, i));
		rc = db_bulk_run(&bulk, err);
		db_bulk_end(&bulk);
	}
	return rc;
}

static enum store_rc set_chat(struct db *db, const struct chat_record *record, struct error *err)
{
	struct chat_doc chat = {.applied = record->latest, .history_all = record->history_all, .ended = record->ended,
		.ended_at_ms = record->ended_at_ms, .name = (char *)(uintptr_t)record->name, .icon = (char *)(uintptr_t)record->icon, .new_name = true, .new_icon = true,
		.current_members = record->current_members};
	for (size_t i = 0; record->pair && i < 2 && record->member_count == 2; i++)
		chat.pair[i] = (char *)(uintptr_t)record->members[i].user_id;
	return db_update(db, CHATS, BCON_NEW("_id", BCON_UTF8(record->chat_id)), fold_chat_fields(&chat), DB_UPDATE, NULL, err);
}

static enum store_rc set_rest(struct db *db, const struct chat_record *record, const unsigned char *key, struct error *err)
{
	enum store_rc rc = db_update(db, CHATS, BCON_NEW("_id", BCON_UTF8(record->chat_id)), BCON_NEW("$unset", "{", "erased", BCON_UTF8(""), "}"),
		DB_UPDATE, NULL, err);
	if (rc == STORE_OK && key)
		rc = db_update(db, CHATS, BCON_NEW("_id", BCON_UTF8(record->chat_id)), BCON_NEW("$set", "{", "key",
			BCON_BIN(BSON_SUBTYPE_BINARY, key, CHAT_KEY_BYTES), "}"), DB_UPDATE, NULL, err);
	return rc;
}

/* Whether the log is there up to the record's latest number. */
static enum store_rc find_log(struct db *db, const struct chat_record *record, struct error *err)
{
	struct chat_doc chat = {0};
	memcpy(chat.id, record->chat_id, strnlen(record->chat_id, CHAT_ID_MAX));
	enum store_rc rc = mongo_chat_latest(db, &chat, err);
	if (rc == STORE_OK && chat.latest != record->latest)
		rc = error_set(err, STORE_NOT_FOUND, 0, "the log of that chat is not there");
	return rc;
}

enum store_rc mongo_import_chat(struct store *store, const struct chat_record *record, const unsigned char *key, struct error *err)
{
	struct db db;
	db_begin(&db, store);
	enum store_rc rc = find_log(&db, record, err);
	if (rc == STORE_OK)
		rc = db_delete_all(&db, MEMBERS, BCON_NEW("c", BCON_UTF8(record->chat_id)), err);
	if (rc == STORE_OK)
		rc = insert_members(&db, record, err);
	if (rc == STORE_OK)
		rc = set_chat(&db, record, err);
	if (rc == STORE_OK)
		rc = set_rest(&db, record, key, err);
	db_end(&db);
	return rc;
}
