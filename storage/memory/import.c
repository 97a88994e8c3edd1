/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Becoming another store: its identity, and the projections of its chats (their logs come through append.c). Any thread; the lock is held
 * throughout. */
#include <stdlib.h>
#include <string.h>

#include "storage/memory/data.h"

enum store_rc memory_adopt(struct store *store, const struct store_info *info, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	memcpy(data->info.epoch, info->epoch, sizeof data->info.epoch);
	memcpy(data->info.secret, info->secret, sizeof data->info.secret);
	memcpy(data->info.writer, info->writer, sizeof data->info.writer);
	memcpy(((struct memory_store *)store)->writer, info->writer, sizeof info->writer);
	data_unlock(data);
	return STORE_OK;
}

static void drop_members(struct chat *chat)
{
	for (size_t i = 0; i < chat->member_count; i++) {
		free(chat->members[i].user_id);
		free(chat->members[i].intervals);
	}
	free(chat->members);
	chat->members = NULL;
	chat->member_count = 0;
}

static struct member member_of(const struct member_record *record)
{
	struct member member = {.user_id = mem_text(record->user_id), .role = record->role, .received = record->received, .read = record->read,
		.interval_count = record->interval_count};
	if (record->interval_count > 0)
		member.intervals = mem_copy(record->intervals, record->interval_count * sizeof *record->intervals);
	return member;
}

static void set_members(struct chat *chat, const struct chat_record *record)
{
	drop_members(chat);
	chat->members = mem_new(record->member_count * sizeof *chat->members);
	for (size_t i = 0; i < record->member_count; i++)
		chat->members[chat->member_count++] = member_of(&record->members[i]);
	chat->current_members = record->current_members;
}

static char *text_or_none(const char *text)
{
	return text[0] != '\0' ? mem_text(text) : NULL;
}

static void set_group(struct chat *chat, const struct chat_record *record)
{
	chat->pair = record->pair;
	chat->history_all = record->history_all;
	chat->ended = record->ended;
	chat->ended_at_ms = record->ended_at_ms;
	chat->erased = false;
	free(chat->name);
	free(chat->icon);
	chat->name = text_or_none(record->name);
	chat->icon = text_or_none(record->icon);
}

enum store_rc memory_import_chat(struct store *store, const struct chat_record *record, const unsigned char *key, struct error *err)
{
	struct memory_data *data = data_lock(store);
	struct chat *chat = named_find(&data->chats, record->chat_id);
	if (chat == NULL || chat->log.count != record->latest) {
		data_unlock(data);
		return error_set(err, STORE_NOT_FOUND, 0, "the log of that chat is not there");
	}
	set_members(chat, record);
	set_group(chat, record);
	if (key != NULL) {
		memcpy(chat->key, key, sizeof chat->key);
		chat->has_key = true;
	}
	data_unlock(data);
	return STORE_OK;
}
