/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * All chats of a broker. Loop thread; no I/O, no clock.
 *
 * An entry's `waiting` is its queue: commands and visits, in the order they came. entry_drain() works through it until something has to be
 * asked; whoever answers calls entry_drain() again. What it has decided is sent off by core_flush() (core_append.c). */
#include "plugin/chat/core_entry.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum { MENDED_MS = 60 * 1000 };

struct core *core_new(const struct core_ports *ports)
{
	struct core *core = mem_zero(sizeof *core);
	core->ports = *ports;
	core->decide = (struct decide_conf){ports->writer, ports->may_begin, ports->context};
	return core;
}

void core_free(struct core *core)
{
	if (core == NULL)
		return;
	struct entry *entry, *next;
	HASH_ITER(hh, core->entries, entry, next)
		entry_free(core, entry);
	free(core);
}

void entry_answer(struct core *core, struct command *command, const struct verdict *refused, uint64_t number, bool repeated)
{
	/* The callee frees the command, and with it the ID. */
	char chat_id[CHAT_ID_MAX + 1];
	strncpy(chat_id, command->chat_id, CHAT_ID_MAX);
	chat_id[CHAT_ID_MAX] = '\0';
	core->command_count--;
	core->ports.answer(core->ports.context, command,
		&(struct answer){.refused = refused, .chat_id = chat_id, .number = number, .repeated = repeated});
}

static void ask_reach(struct core *core, struct entry *entry, const struct command *command)
{
	const char **user_ids;
	bool both;
	size_t count = chat_reach(entry->chat, command, &user_ids, &both);
	core->ports.check_users(core->ports.context, entry->id, command->sender_id, user_ids, count, both);
	free(user_ids);
}

void entry_ask(struct core *core, struct entry *entry, struct command *command, enum decision what)
{
	void *context = core->ports.context;
	entry->out |= OUT_ASK;
	entry->asking = command;
	entry->asked = what;
	entry->ask_anew = false;
	command->found_at = entry->chat->latest;
	if (what == DECISION_NEEDS_REACH)
		ask_reach(core, entry, command);
	else if (what == DECISION_NEEDS_KEY)
		core->ports.find_key(context, entry->id, command->sender_id, command->key, command->at_ms - AT_AHEAD_MAX_MS);
	else
		core->ports.read_message(context, entry->id, command_message(command));
}

static enum decision decide(struct core *core, struct entry *entry, struct command *command, struct verdict *verdict, uint64_t *repeated)
{
	bool watched = command->replayed && core->ports.in_work != NULL;
	if (watched)
		core->ports.in_work(core->ports.context, command, true);
	enum decision decision = chat_decide(entry->chat, command, &core->decide, verdict, repeated);
	if (watched)
		core->ports.in_work(core->ports.context, command, false);
	return decision;
}

/* Decides the command at the head of the queue. false: it has to wait, for an answer or for the append that entry_drain sends off. */
static bool decide_first(struct core *core, struct entry *entry)
{
	struct item *item = entry->waiting;
	struct command *command = item->command;
	struct verdict verdict;
	uint64_t repeated = 0;
	enum decision decision = decide(core, entry, command, &verdict, &repeated);
	if (decision == DECISION_NEEDS_COMMIT)
		return false;
	if (decision >= DECISION_NEEDS_REACH) {
		entry_ask(core, entry, command, decision);
		return false;
	}
	DL_DELETE(entry->waiting, item);
	free(item);
	if (decision == DECISION_REFUSED)
		entry_answer(core, command, &verdict, 0, false);
	else if (decision == DECISION_REPEATED)
		entry_answer(core, command, NULL, repeated, true);
	return true;
}

void entry_catch_up(struct core *core, struct entry *entry)
{
	entry->catching_up = true;
	entry->out |= OUT_CATCH_UP;
	core->ports.read(core->ports.context, entry->id, entry->chat->latest + 1, UINT64_MAX);
}

/* Another broker wrote what the store has told of, or this one before a crash: the members here see it as well. What is pending
 * goes first: its append finds out by a conflict. */
static void catch_up_if_behind(struct core *core, struct entry *entry)
{
	if (entry->chat == NULL || entry->heard_of <= entry->chat->latest || entry->chat->pending != NULL || entry->catching_up)
		return;
	entry->progress = false;
	entry_catch_up(core, entry);
}

void entry_drain(struct core *core, struct entry *entry)
{
	catch_up_if_behind(core, entry);
	while (entry->chat != NULL && entry->asking == NULL && !entry->catching_up && entry->waiting != NULL) {
		struct item *item = entry->waiting;
		if (item->command != NULL) {
			if (!decide_first(core, entry))
				break;
			continue;
		}
		if (item->settles && entry->chat->pending != NULL)
			break;
		DL_DELETE(entry->waiting, item);
		item->visit(item->context, entry->chat->latest > 0 ? entry->chat : NULL, false);
		free(item);
	}
	if (entry_may_send(core, entry)) {
		entry->unsent = true;
		DL_APPEND2(core->unsent, entry, unsent_prev, unsent_next);
	}
}

void core_command(struct core *core, struct command *command, int64_t now_ms)
{
	core->now_ms = now_ms;
	struct entry *entry = entry_get(core, command->chat_id, now_ms);
	struct item *item = mem_zero(sizeof *item);
	item->command = command;
	core->command_count++;
	DL_APPEND(entry->waiting, item);
	entry_drain(core, entry);
}

static void add_visit(struct core *core, const char *chat_id, bool settles, core_visit_fn *visit, void *context, int64_t now_ms)
{
	core->now_ms = now_ms;
	struct entry *entry = entry_get(core, chat_id, now_ms);
	if (entry->chat == NULL && entry->retry_at_ms != 0) {
		visit(context, NULL, true); /* the store did not answer the last time: who only looks is told so */
		return;
	}
	struct item *item = mem_zero(sizeof *item);
	item->visit = visit;
	item->context = context;
	item->settles = settles;
	DL_APPEND(entry->waiting, item);
	entry_drain(core, entry);
}

void core_visit(struct core *core, const char *chat_id, core_visit_fn *visit, void *context, int64_t now_ms)
{
	add_visit(core, chat_id, false, visit, context, now_ms);
}

void core_settle(struct core *core, const char *chat_id, core_visit_fn *visit, void *context, int64_t now_ms)
{
	add_visit(core, chat_id, true, visit, context, now_ms);
}

struct chat *core_peek(struct core *core, const char *chat_id)
{
	struct entry *entry = entry_find(core, chat_id);
	return entry != NULL && entry->chat != NULL && entry->chat->latest > 0 ? entry->chat : NULL;
}

/* ---- answers ---- */

/* What is stored of the chat contradicts itself, and waiting does not help. The entry stays, so that it is reported once. */
static void give_up(struct core *core, struct entry *entry)
{
	if (!entry->corrupt)
		core->ports.report(core->ports.context, entry->id, "what is stored of it contradicts itself, so its commands are refused; see hyperchatctl check");
	entry->corrupt = true;
	entry->asking = NULL;
	struct item *waiting = entry->waiting, *item, *next;
	entry->waiting = NULL; /* an answer may bring new ones */
	DL_FOREACH_SAFE(waiting, item, next) {
		struct verdict verdict;
		refuse(&verdict, REFUSAL_UNAVAILABLE, NULL);
		verdict.retry_after_ms = MENDED_MS;
		if (item->command != NULL)
			entry_answer(core, item->command, &verdict, 0, false);
		else
			item->visit(item->context, NULL, true);
		free(item);
	}
}

void core_chat_loaded(struct core *core, const char *chat_id, enum store_rc rc, const struct chat_record *record, int64_t now_ms)
{
	struct entry *entry = entry_find(core, chat_id);
	entry->out &= ~(unsigned)OUT_LOAD;
	if (rc == STORE_CORRUPT) {
		give_up(core, entry);
		return;
	}
	if (rc != STORE_OK && rc != STORE_NOT_FOUND) {
		struct item *item, *next;
		DL_FOREACH_SAFE(entry->waiting, item, next) {
			if (item->command != NULL)
				continue;
			DL_DELETE(entry->waiting, item);
			item->visit(item->context, NULL, true);
			free(item);
		}
		entry_retry_later(core, entry, now_ms);
		return;
	}
	entry_recovered(entry);
	entry->corrupt = false;
	entry->chat = rc == STORE_OK ? chat_from_record(record) : chat_new(entry->id);
	if (!(entry->out & OUT_ASK))
		entry->asking = NULL; /* asked about another log, and not answered */
	entry_drain(core, entry);
}

/* The command that was asked for, if the answer tells anything; NULL: it is asked again. */
static struct command *asked(struct core *core, struct entry *entry, enum store_rc rc, int64_t now_ms)
{
	entry->out &= ~(unsigned)OUT_ASK;
	if (rc != STORE_OK && rc != STORE_NOT_FOUND) {
		entry_retry_later(core, entry, now_ms);
		return NULL;
	}
	struct command *command = entry->asking;
	entry->asking = NULL;
	entry_recovered(entry);
	if (!entry->ask_anew)
		return command;
	entry_drain(core, entry);
	return NULL;
}

/* Answers a command that is still in the queue. */
static void answer_waiting(struct core *core, struct entry *entry, struct command *command, const struct verdict *refused, uint64_t number)
{
	struct item *item;
	DL_SEARCH_SCALAR(entry->waiting, item, command, command);
	DL_DELETE(entry->waiting, item);
	free(item);
	entry_answer(core, command, refused, number, refused == NULL);
}

void core_users_checked(struct core *core, const char *chat_id, enum store_rc rc, int64_t now_ms)
{
	struct entry *entry = entry_find(core, chat_id);
	struct command *command = asked(core, entry, rc, now_ms);
	if (command == NULL)
		return;
	command->reach = rc == STORE_OK ? REACH_OPEN : REACH_CLOSED;
	entry_drain(core, entry);
}

void core_message_read(struct core *core, const char *chat_id, enum store_rc rc, const struct message_state *state, int64_t now_ms)
{
	struct entry *entry = entry_find(core, chat_id);
	struct command *command = asked(core, entry, rc, now_ms);
	if (command == NULL)
		return;
	message_state_free(&command->found);
	command->message = rc == STORE_OK ? MESSAGE_READ : MESSAGE_MISSING;
	if (rc == STORE_OK) {
		command->found.message = transaction_ref(state->message);
		command->found.edit = state->edit != NULL ? transaction_ref(state->edit) : NULL;
		command->found.deletion = state->deletion != NULL ? transaction_ref(state->deletion) : NULL;
		entry_hear_of(entry, state->edit != NULL ? state->edit->number : 0);
		entry_hear_of(entry, state->deletion != NULL ? state->deletion->number : 0);
	}
	entry_drain(core, entry);
}

/* With an erased text its hash is gone as well, and whoever has the key counts as the one who made it. */
static bool is_same_content(const unsigned char key_hash[ID_BYTES], const struct command *command)
{
	static const unsigned char erased[ID_BYTES];
	return memcmp(key_hash, command->key_hash, ID_BYTES) == 0 || memcmp(key_hash, erased, ID_BYTES) == 0;
}

void core_key_found(struct core *core, const char *chat_id, enum store_rc rc, uint64_t number, const unsigned char key_hash[ID_BYTES],
	int64_t now_ms)
{
	struct entry *entry = entry_find(core, chat_id);
	struct command *command = asked(core, entry, rc, now_ms);
	if (command == NULL)
		return;
	struct verdict verdict;
	command->key_known = false;
	if (rc == STORE_NOT_FOUND) {
		command->key_unused = true;
	} else if (is_same_content(key_hash, command)) {
		answer_waiting(core, entry, command, NULL, number);
	} else {
		refuse(&verdict, REFUSAL_ID_REUSED, NULL);
		answer_waiting(core, entry, command, &verdict, 0);
	}
	if (rc == STORE_OK)
		entry_hear_of(entry, number);
	entry_drain(core, entry);
}

/* ---- catching up ---- */

/* The log is not what was in memory: begin anew from the store. */
static void reload(struct core *core, struct entry *entry)
{
	core->ports.report(core->ports.context, entry->id, "the stored log does not follow what was known of it; loading the chat anew");
	core_flush_receipts(core); /* what its members have read is in memory only */
	chat_free(entry->chat);
	entry->chat = NULL;
	entry->catching_up = false;
	entry_forget_findings(entry);
	entry_load(core, entry);
}

static void caught_up(struct core *core, struct entry *entry, const struct page *page, int64_t now_ms)
{
	for (size_t i = 0; i < page->count; i++) {
		if (!chat_apply(entry->chat, page->transactions[i])) {
			reload(core, entry);
			return;
		}
		entry->progress = true;
		entry_had_turn(core, entry, page->transactions[i]);
		core->ports.committed(core->ports.context, entry->chat, page->transactions[i]);
	}
	if (!entry->progress) {
		/* A conflict with what cannot be seen yet, on a replica that lags. */
		entry_retry_later(core, entry, now_ms);
		return;
	}
	if (page->more) {
		entry_catch_up(core, entry);
		return;
	}
	entry->catching_up = false;
	entry_recovered(entry);
	entry_forget_findings(entry);
	entry_drain(core, entry);
}

void core_page_read(struct core *core, const char *chat_id, enum store_rc rc, const struct page *page, int64_t now_ms)
{
	struct entry *entry = entry_find(core, chat_id);
	entry->out &= ~(unsigned)OUT_CATCH_UP;
	if (rc != STORE_OK)
		entry_retry_later(core, entry, now_ms);
	else
		caught_up(core, entry, page, now_ms);
}

size_t core_command_count(const struct core *core)
{
	return core->command_count;
}

size_t core_chat_count(const struct core *core)
{
	return HASH_COUNT(core->entries);
}
