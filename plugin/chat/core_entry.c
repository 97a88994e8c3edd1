/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The core's entries: made, found and let go. Loop thread. */
#include "plugin/chat/core_entry.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum { RETRY_MIN_MS = 20, RETRY_MAX_MS = 1000 };

struct entry *entry_find(struct core *core, const char *chat_id)
{
	struct entry *entry;
	HASH_FIND_STR(core->entries, chat_id, entry);
	return entry;
}

void entry_load(struct core *core, struct entry *entry)
{
	entry->out |= OUT_LOAD;
	core->ports.load_chat(core->ports.context, entry->id);
}

struct entry *entry_get(struct core *core, const char *chat_id, int64_t now_ms)
{
	struct entry *entry = entry_find(core, chat_id);
	if (entry == NULL) {
		entry = mem_zero(sizeof *entry);
		entry->id = mem_text(chat_id);
		HASH_ADD_KEYPTR(hh, core->entries, entry->id, strlen(entry->id), entry);
		entry_load(core, entry);
	} else if (entry->corrupt && !(entry->out & OUT_LOAD)) {
		entry_load(core, entry); /* it may be mended */
	}
	entry->used_at_ms = now_ms;
	return entry;
}

void entry_take_back(struct entry *entry)
{
	struct item *again = NULL;
	struct pending *pending;
	while ((pending = chat_pending_take(entry->chat)) != NULL) {
		struct item *item = mem_zero(sizeof *item);
		item->command = pending->command;
		command_forget(item->command);
		DL_APPEND(again, item);
		struct command *repetition, *next;
		struct item *repetitions = NULL;
		LL_FOREACH_SAFE(pending->repetitions, repetition, next) {
			item = mem_zero(sizeof *item);
			item->command = repetition;
			DL_PREPEND(repetitions, item); /* the latest hangs first */
		}
		DL_CONCAT(again, repetitions);
		pending_free(pending);
	}
	DL_CONCAT(again, entry->waiting);
	entry->waiting = again;
	entry->flying = 0;
	free(entry->transactions);
	entry->transactions = NULL;
	entry->transaction_count = 0;
}

void entry_hear_of(struct entry *entry, uint64_t number)
{
	if (number > entry->heard_of)
		entry->heard_of = number;
}

void entry_forget_findings(struct entry *entry)
{
	struct item *item;
	entry->ask_anew = true;
	DL_FOREACH(entry->waiting, item)
		if (item->command != NULL)
			command_forget(item->command);
}

void entry_free(struct core *core, struct entry *entry)
{
	if (entry->chat != NULL)
		entry_take_back(entry);
	struct item *item, *next;
	DL_FOREACH_SAFE(entry->waiting, item, next) {
		if (item->command != NULL) {
			command_free(item->command);
			core->command_count--;
		} else {
			item->visit(item->context, NULL, true);
		}
		free(item);
	}
	chat_free(entry->chat);
	HASH_DEL(core->entries, entry);
	if (entry->receipts_dirty)
		DL_DELETE2(core->dirty, entry, dirty_prev, dirty_next);
	if (entry->unsent)
		DL_DELETE2(core->unsent, entry, unsent_prev, unsent_next);
	free(entry->turn_of);
	free(entry->id);
	free(entry);
}

void entry_retry_at(struct core *core, struct entry *entry, int64_t at_ms)
{
	entry->retry_at_ms = at_ms;
	if (core->retry_at_ms == 0 || at_ms < core->retry_at_ms)
		core->retry_at_ms = at_ms;
}

void entry_retry_later(struct core *core, struct entry *entry, int64_t now_ms)
{
	int64_t pause = entry->retry_pause_ms * 2;
	entry->retry_pause_ms = pause < RETRY_MIN_MS ? RETRY_MIN_MS : pause > RETRY_MAX_MS ? RETRY_MAX_MS : pause;
	entry_retry_at(core, entry, now_ms + entry->retry_pause_ms);
}

void entry_recovered(struct entry *entry)
{
	entry->retry_pause_ms = 0;
}
