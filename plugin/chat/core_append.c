/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * From what is decided to what is committed: one append of a chat at a time, whose turn it is where brokers share the store, and what becomes
 * of it. Loop thread. */
#include "plugin/chat/core_entry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum {
	/* Who has lost a race is quick the next time, and who has won lets the other one go first. */
	APPEND_AFTER_CONFLICT = 8, /* transactions */
	SHARED_MS = 60000,         /* since another broker wrote */
	REST_SHARE = 4,            /* appends' times: who has lost has to read, and finds its own keys there */
	REST_MIN_MS = 10,
	REST_MAX_MS = 500,
	LOST_MAX = 3,              /* races, until it asks for its turn, */
	STARVES_AGAIN_MS = 500,    /* so often at most */
	YIELD_MIN_MS = 500,        /* the turn that it gets, four times as long each time that it was too short, */
	YIELD_MAX_MS = 8000,       /* up to this */
};

/* ---- sending off ---- */

void entry_append(struct core *core, struct entry *entry)
{
	entry->out |= OUT_APPEND;
	entry->sent_at_ms = core->now_ms;
	core->ports.append(core->ports.context, entry->id, entry->transactions, entry->transaction_count);
}

/* Whether anything is to be sent off, and nothing of this chat is under way. */
static bool may_append(const struct entry *entry)
{
	return entry->flying == 0 && !entry->catching_up && entry->chat != NULL && entry->chat->pending != NULL;
}

void entry_is_shared(struct core *core, struct entry *entry)
{
	entry->shared_until_ms = core->now_ms + SHARED_MS;
}

static void rest(struct core *core, struct entry *entry, int64_t pause_ms)
{
	if (core->now_ms + pause_ms <= entry->rests_until_ms)
		return;
	entry->rests_until_ms = core->now_ms + pause_ms;
	entry_retry_at(core, entry, entry->rests_until_ms);
}

/* As long as the other one needs to read what this one has just written, and to append behind it. */
static void rest_after_append(struct core *core, struct entry *entry)
{
	int64_t pause = REST_SHARE * (core->now_ms - entry->sent_at_ms);
	if (core->now_ms < entry->shared_until_ms)
		rest(core, entry, pause < REST_MIN_MS ? REST_MIN_MS : pause > REST_MAX_MS ? REST_MAX_MS : pause);
}

void entry_yield(struct core *core, struct entry *entry, const char *writer)
{
	bool in_vain = entry->turn_of != NULL && strcmp(entry->turn_of, writer) == 0 && core->now_ms < entry->turn_at_ms + SHARED_MS;
	if (!in_vain) {
		free(entry->turn_of);
		entry->turn_of = mem_text(writer);
	}
	entry->turn_from = entry->chat != NULL ? entry->chat->latest : 0;
	entry->turn_at_ms = core->now_ms;
	entry->turn_ms = !in_vain ? YIELD_MIN_MS : entry->turn_ms * 4 < YIELD_MAX_MS ? entry->turn_ms * 4 : YIELD_MAX_MS;
	rest(core, entry, entry->turn_ms);
}

void entry_had_turn(struct core *core, struct entry *entry, const struct transaction *tx)
{
	if (entry->turn_of == NULL || tx->number <= entry->turn_from || strcmp(entry->turn_of, tx->writer) != 0)
		return;
	free(entry->turn_of);
	entry->turn_of = NULL;
	if (core->now_ms >= entry->rests_until_ms)
		return;
	entry->rests_until_ms = core->now_ms;
	entry_retry_at(core, entry, core->now_ms);
}

/* How long the other one needs is not known here, so at some time it has to say so. */
static void lose(struct core *core, struct entry *entry)
{
	entry->append_max = APPEND_AFTER_CONFLICT;
	entry_is_shared(core, entry);
	if (++entry->lost < LOST_MAX || core->ports.starves == NULL || core->now_ms < entry->starved_at_ms + STARVES_AGAIN_MS)
		return;
	entry->starved_at_ms = core->now_ms;
	core->ports.starves(core->ports.context, entry->id);
}

static size_t text_bytes(const struct pending *pending)
{
	size_t bytes = 0;
	for (size_t i = 0; i < pending->transaction_count; i++)
		bytes += pending->transactions[i]->body.len + pending->transactions[i]->quote.len;
	return bytes;
}

/* What one command made stays together. What does not fit any more goes with the next append. */
static void append_pending(struct core *core, struct entry *entry)
{
	size_t bytes = 0, count_max = entry->append_max > 0 ? entry->append_max : APPEND_COUNT_MAX;
	entry->transactions = mem_new(entry->chat->pending_transactions * sizeof(struct transaction *));
	entry->transaction_count = 0;
	struct pending *pending;
	DL_FOREACH(entry->chat->pending, pending)
	{
		bytes += text_bytes(pending);
		bool fits = entry->transaction_count + pending->transaction_count <= count_max && bytes <= APPEND_TEXT_BYTES_MAX;
		if (!fits && entry->flying > 0)
			break;
		for (size_t i = 0; i < pending->transaction_count; i++)
			entry->transactions[entry->transaction_count++] = pending->transactions[i];
		entry->flying++;
	}
	entry_append(core, entry);
}

/* Then it is come back to: what was due at the end of the rest may have been something else, before that. */
static bool has_to_rest(struct core *core, struct entry *entry)
{
	bool rests = core->now_ms < entry->rests_until_ms;
	if (rests && (entry->retry_at_ms == 0 || entry->retry_at_ms > entry->rests_until_ms))
		entry_retry_at(core, entry, entry->rests_until_ms);
	return rests;
}

bool entry_may_send(struct core *core, struct entry *entry)
{
	return may_append(entry) && !entry->unsent && !has_to_rest(core, entry);
}

void entry_go_on(struct core *core, struct entry *entry)
{
	if (entry_may_send(core, entry))
		append_pending(core, entry);
}

void core_flush(struct core *core)
{
	while (core->unsent != NULL) {
		struct entry *entry = core->unsent;
		DL_DELETE2(core->unsent, entry, unsent_prev, unsent_next);
		entry->unsent = false;
		assert(may_append(entry)); /* only an append's answer takes back what is pending */
		append_pending(core, entry);
	}
}

/* ---- what becomes of it ---- */

static void commit_first(struct core *core, struct entry *entry)
{
	struct pending *pending = chat_pending_take(entry->chat);
	uint64_t number = 0;
	for (size_t i = 0; i < pending->transaction_count; i++) {
		struct transaction *tx = pending->transactions[i];
		bool applied = chat_apply_own(entry->chat, tx);
		assert(applied); /* it was made to follow */
		(void)applied;
		number = tx->number;
		core->ports.committed(core->ports.context, entry->chat, tx);
	}
	entry_answer(core, pending->command, NULL, number, false);
	struct command *repetition, *next;
	LL_FOREACH_SAFE(pending->repetitions, repetition, next)
		entry_answer(core, repetition, NULL, number, true);
	pending_free(pending);
}

static void commit(struct core *core, struct entry *entry)
{
	entry_recovered(entry);
	free(entry->transactions);
	entry->transactions = NULL;
	entry->transaction_count = 0;
	/* `flying` stays above 0 meanwhile: an answer may bring the next command, and what is being committed must not be appended again. */
	for (size_t left = entry->flying; left > 0; left--)
		commit_first(core, entry);
	entry->flying = 0;
	entry->append_max = entry->append_max * 2 < APPEND_COUNT_MAX ? entry->append_max * 2 : 0;
	entry->lost = 0;
	rest_after_append(core, entry);
	entry_drain(core, entry);
}

/* The command whose transaction is at `index` of the append. */
static struct command *command_at(const struct entry *entry, size_t index)
{
	struct pending *pending;
	DL_FOREACH(entry->chat->pending, pending) {
		if (index < pending->transaction_count)
			return pending->command;
		index -= pending->transaction_count;
	}
	return NULL;
}

/* Who repeats one command often repeats what follows. */
static void doubt_what_follows(struct entry *entry, const struct command *duplicate)
{
	struct pending *pending;
	bool follows = false;
	DL_FOREACH(entry->chat->pending, pending) {
		if (follows && strcmp(pending->command->sender_id, duplicate->sender_id) == 0)
			pending->command->key_in_doubt = true;
		follows = follows || pending->command == duplicate;
	}
}

static void conflict(struct core *core, struct entry *entry, const struct append *result)
{
	struct command *duplicate = result->duplicate_number != 0 ? command_at(entry, result->duplicate_index) : NULL;
	if (duplicate != NULL)
		doubt_what_follows(entry, duplicate);
	entry_take_back(entry);
	if (duplicate == NULL) {
		entry->progress = false;
		lose(core, entry);
		entry_catch_up(core, entry);
		return;
	}
	duplicate->key_known = true; /* it asks for the number when it is decided again */
	entry_drain(core, entry);
}

void core_appended(struct core *core, const char *chat_id, const struct append *result, int64_t now_ms)
{
	struct entry *entry = entry_find(core, chat_id);
	entry->out &= ~(unsigned)OUT_APPEND;
	entry->used_at_ms = core->now_ms = now_ms;
	if (result->result == APPEND_OK)
		commit(core, entry);
	else if (result->result == APPEND_CONFLICT)
		conflict(core, entry, result);
	else
		entry_retry_later(core, entry, now_ms);
}
