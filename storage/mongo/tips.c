/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Tips in a hash under a mutex, which is never held while something is written. Any thread. */
#include "storage/mongo/tips.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum { TIPS_MAX = 65536, FLUSH_MAX = 1000 };

struct entry {
	struct tip tip;
	bool unflushed;
	UT_hash_handle hh;
	char chat_id[];
};

struct tips {
	pthread_mutex_t lock;
	struct entry *entries; /* in the order in which they came */
};

struct tips *tips_new(void)
{
	struct tips *tips = mem_zero(sizeof *tips);
	pthread_mutex_init(&tips->lock, NULL);
	return tips;
}

static void entry_free(struct tips *tips, struct entry *entry)
{
	HASH_DEL(tips->entries, entry);
	free(entry);
}

void tips_free(struct tips *tips)
{
	if (tips == NULL)
		return;
	while (tips->entries)
		entry_free(tips, tips->entries);
	pthread_mutex_destroy(&tips->lock);
	free(tips);
}

bool tips_find(struct tips *tips, const char *chat_id, struct tip *tip)
{
	struct entry *entry;
	pthread_mutex_lock(&tips->lock);
	HASH_FIND_STR(tips->entries, chat_id, entry);
	if (entry)
		*tip = entry->tip;
	pthread_mutex_unlock(&tips->lock);
	return entry != NULL;
}

/* With the lock. The oldest ones that are flushed go; where none is, it grows. */
static void make_room(struct tips *tips)
{
	struct entry *entry = tips->entries;
	for (unsigned looked = 0; entry && looked < 16 && HASH_COUNT(tips->entries) >= TIPS_MAX; looked++) {
		struct entry *next = entry->hh.next;
		if (!entry->unflushed)
			entry_free(tips, entry);
		entry = next;
	}
}

static struct entry *add(struct tips *tips, const char *chat_id)
{
	size_t len = strlen(chat_id);
	make_room(tips);
	struct entry *entry = mem_zero(sizeof *entry + len + 1);
	memcpy(entry->chat_id, chat_id, len + 1);
	HASH_ADD_KEYPTR(hh, tips->entries, entry->chat_id, len, entry);
	return entry;
}

void tips_put(struct tips *tips, const char *chat_id, const struct tip *tip, enum tip_origin origin)
{
	struct entry *entry;
	pthread_mutex_lock(&tips->lock);
	HASH_FIND_STR(tips->entries, chat_id, entry);
	if (entry == NULL)
		entry = add(tips, chat_id);
	if (tip->number > entry->tip.number) {
		entry->tip = *tip;
		entry->tip.written = origin == TIP_WRITTEN;
	}
	entry->unflushed = entry->unflushed || origin == TIP_WRITTEN;
	pthread_mutex_unlock(&tips->lock);
}

void tip_overlay(struct mongo *mongo, struct chat_doc *chat)
{
	struct tip tip;
	if (!tips_find(mongo->tips, chat->id, &tip) || tip.number <= chat->latest)
		return;
	chat->latest = tip.number;
	chat->latest_at_ms = tip.at_ms;
	memcpy(chat->head, tip.head, HEAD_BYTES);
}

/* ---- flushing ---- */

struct piece {
	char (*chat_ids)[CHAT_ID_MAX + 1];
	struct tip *tips;
	size_t count;
};

static void take_piece(struct tips *tips, struct piece *piece)
{
	struct entry *entry, *next;
	piece->count = 0;
	pthread_mutex_lock(&tips->lock);
	HASH_ITER(hh, tips->entries, entry, next) {
		if (!entry->unflushed || piece->count == FLUSH_MAX)
			continue;
		strcpy(piece->chat_ids[piece->count], entry->chat_id);
		piece->tips[piece->count++] = entry->tip;
		entry->unflushed = false;
	}
	pthread_mutex_unlock(&tips->lock);
}

static enum store_rc write_piece(struct db *db, struct tips *tips, const struct piece *piece, struct error *err)
{
	struct db_bulk bulk;
	db_bulk_begin(&bulk, db, CHATS);
	for (size_t i = 0; i < piece->count; i++) {
		const struct tip *tip = &piece->tips[i];
		int64_t number = (int64_t)tip->number;
		db_bulk_update(&bulk, BCON_NEW("_id", BCON_UTF8(piece->chat_ids[i]), "latest", "{", "$lt", BCON_INT64(number), "}"),
			BCON_NEW("$set", "{", "latest", BCON_INT64(number), "latestAt", BCON_INT64(tip->at_ms), "head",
				BCON_BIN(BSON_SUBTYPE_BINARY, tip->head, HEAD_BYTES), "}"), DB_UPDATE);
	}
	enum store_rc rc = db_bulk_run(&bulk, err);
	db_bulk_end(&bulk);
	for (size_t i = 0; rc != STORE_OK && i < piece->count; i++)
		tips_put(tips, piece->chat_ids[i], &piece->tips[i], TIP_WRITTEN);
	return rc;
}

enum store_rc tips_flush(struct db *db, struct tips *tips, struct error *err)
{
	struct piece piece = {.chat_ids = mem_new(FLUSH_MAX * sizeof *piece.chat_ids), .tips = mem_new(FLUSH_MAX * sizeof *piece.tips)};
	enum store_rc rc;
	do {
		take_piece(tips, &piece);
		rc = write_piece(db, tips, &piece, err);
	} while (rc == STORE_OK && piece.count == FLUSH_MAX);
	free(piece.chat_ids);
	free(piece.tips);
	return rc;
}
