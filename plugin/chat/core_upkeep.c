/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What the core does besides commands: receipts to be stored, what others wrote and other news of the store to be taken in, requests to be
 * repeated, chats to be let go.
 * Loop thread. */
#include "plugin/chat/core_entry.h"

#include <stdlib.h>
#include <utlist.h>

enum { IDLE_MS = 60 * 1000 };

/* ---- receipts ---- */

void core_receipts_changed(struct core *core, struct chat *chat)
{
	struct entry *entry = entry_find(core, chat->id);
	if (!entry->receipts_dirty)
		DL_APPEND2(core->dirty, entry, dirty_prev, dirty_next);
	entry->receipts_dirty = true;
}

size_t core_flush_receipts(struct core *core)
{
	if (core->dirty == NULL)
		return 0;
	struct receipt *receipts = NULL;
	size_t count = 0, size = 0;
	while (core->dirty != NULL) {
		struct entry *entry = core->dirty;
		DL_DELETE2(core->dirty, entry, dirty_prev, dirty_next);
		entry->receipts_dirty = false;
		for (struct member *member = NULL; (member = members_next(&entry->chat->members, member)) != NULL;) {
			if (!member->receipts_dirty)
				continue;
			member->receipts_dirty = false;
			if (count == size)
				receipts = mem_grow(receipts, (size = size * 2 + 16) * sizeof *receipts);
			receipts[count++] = (struct receipt){entry->id, member->user_id, member->received, member->read};
		}
	}
	core->ports.put_receipts(core->ports.context, receipts, count);
	free(receipts);
	return count;
}

/* ---- what another broker wrote ---- */

static bool is_next(const struct entry *entry, const struct transaction *tx)
{
	return entry->chat != NULL && entry->chat->pending == NULL && !entry->catching_up && tx->number == entry->chat->latest + 1;
}

bool core_news(struct core *core, struct transaction *tx)
{
	struct entry *entry = entry_find(core, tx->chat_id);
	if (entry == NULL)
		return false;
	entry_hear_of(entry, tx->number);
	entry_had_turn(core, entry, tx);
	/* One that does not follow is read from the store like all that was missed, and then it is known which of the two is right. */
	if (is_next(entry, tx) && chat_apply(entry->chat, tx)) {
		core->ports.committed(core->ports.context, entry->chat, tx);
		entry_is_shared(core, entry);
		entry_forget_findings(entry);
	}
	entry_drain(core, entry);
	return true;
}

void core_yield(struct core *core, const char *chat_id, const char *writer, int64_t now_ms)
{
	struct entry *entry = entry_find(core, chat_id);
	core->now_ms = now_ms;
	if (entry != NULL)
		entry_yield(core, entry, writer);
}

uint64_t core_known(struct core *core, const char *chat_id)
{
	const struct entry *entry = entry_find(core, chat_id);
	return entry == NULL ? UINT64_MAX : entry->chat != NULL ? entry->chat->latest : 0;
}

/* ---- what the store was told besides transactions ---- */

void core_reach_changed(struct core *core, const char *chat_id)
{
	struct entry *entry = entry_find(core, chat_id);
	if (entry == NULL)
		return;
	entry_forget_findings(entry);
	if (entry->chat != NULL)
		chat_forget_reach(entry->chat);
}

void core_forget_texts(struct core *core, const char *chat_id)
{
	struct entry *entry = entry_find(core, chat_id);
	if (entry == NULL)
		return;
	entry_forget_findings(entry);
	if (entry->chat != NULL)
		chat_forget_texts(entry->chat);
}

/* ---- time ---- */

static void retry(struct core *core, struct entry *entry)
{
	entry->retry_at_ms = 0;
	if (entry->chat == NULL) {
		if (!(entry->out & OUT_LOAD))
			entry_load(core, entry);
		return;
	}
	if (entry->asking != NULL && !(entry->out & OUT_ASK))
		entry_ask(core, entry, entry->asking, entry->asked);
	if (entry->catching_up && !(entry->out & OUT_CATCH_UP))
		entry_catch_up(core, entry);
	if (entry->flying > 0 && !(entry->out & OUT_APPEND))
		entry_append(core, entry);
	entry_go_on(core, entry);
}

static void retry_due(struct core *core, int64_t now_ms)
{
	core->retry_at_ms = 0;
	struct entry *entry, *next;
	HASH_ITER(hh, core->entries, entry, next) {
		bool due = entry->retry_at_ms != 0 && entry->retry_at_ms <= now_ms;
		if (due && entry->chat == NULL && entry->waiting == NULL && entry->out == 0) {
			entry_free(core, entry); /* it could not be loaded, and nobody waits for it any more */
			continue;
		}
		if (due)
			retry(core, entry);
		if (entry->retry_at_ms != 0 && (core->retry_at_ms == 0 || entry->retry_at_ms < core->retry_at_ms))
			core->retry_at_ms = entry->retry_at_ms;
	}
}

static void sweep(struct core *core, int64_t now_ms)
{
	core->swept_at_ms = now_ms;
	size_t count = HASH_COUNT(core->entries);
	struct entry *entry, *next;
	HASH_ITER(hh, core->entries, entry, next) {
		bool busy = entry->out != 0 || entry->chat == NULL || entry->chat->pending != NULL || entry->waiting != NULL || entry->catching_up ||
		            entry->receipts_dirty;
		/* A chat that somebody only asked for, and that is not there, is not worth keeping. */
		bool kept = !busy && entry->chat->latest > 0 && (count <= core->ports.chats_max || now_ms - entry->used_at_ms < IDLE_MS);
		if (busy || kept)
			continue;
		entry_free(core, entry);
		count--;
	}
}

int64_t core_tick(struct core *core, int64_t now_ms)
{
	core->now_ms = now_ms;
	if (core->retry_at_ms != 0 && core->retry_at_ms <= now_ms)
		retry_due(core, now_ms);
	if (now_ms - core->swept_at_ms >= IDLE_MS / 10)
		sweep(core, now_ms);
	return core->retry_at_ms == 0 ? -1 : core->retry_at_ms > now_ms ? core->retry_at_ms - now_ms : 0;
}
