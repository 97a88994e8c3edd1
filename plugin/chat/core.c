/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * All chats of a broker. Loop thread; no I/O, no clock.
 *
 * An entry's `waiting` is its queue: commands and visits, in the order they came. entry_drain() works through it until something has to be
 * asked; whoever answers calls entry_drain() again. What it has decided is sent off by core_flush(). */
#include "plugin/chat/core_entry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum {
	RETRY_MIN_MS = 20,
	RETRY_MAX_MS = 1000,
	MENDED_MS = 60 * 1000,
	/* Who has lost a race is quick the next time, and who has won lets the other one go first. */
	APPEND_AFTER_CONFLICT = 8, /* transactions */
	SHARED_MS = 60000,         /* since another broker wrote */
	REST_SHARE = 4,            /* appends' times: who has lost has to read, and finds its own keys there */
	REST_MIN_MS = 10,
	REST_MAX_MS = 500,
	LOST_MAX = 3,              /* races, until it asks for its turn, */
	STARVES_AGAIN_MS = 500,    /* so often at most */
};

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

static void answer(struct core *core, struct command *command, const struct verdict *refused, uint64_t number, bool repeated)
{
	/* The callee frees the command, and with it the ID. */
	char chat_id[CHAT_ID_MAX + 1];
	strncpy(chat_id, command->chat_id, CHAT_ID_MAX);
	chat_id[CHAT_ID_MAX] = '\0';
	core->command_count--;
	core->ports.answer(core->ports.context, command,
		&(struct answer){.refused = refused, .chat_id = chat_id, .number = number, .repeated = repeated});
}

static void retry_at(struct core *core, struct entry *entry, int64_t at_ms)
{
	entry->retry_at_ms = at_ms;
	if (core->retry_at_ms == 0 || at_ms < core->retry_at_ms)
		core->retry_at_ms = at_ms;
}

static void retry_later(struct core *core, struct entry *entry, int64_t now_ms)
{
	int64_t pause = entry->retry_pause_ms * 2;
	entry->retry_pause_ms = pause < RETRY_MIN_MS ? RETRY_MIN_MS : pause > RETRY_MAX_MS ? RETRY_MAX_MS : pause;
	retry_at(core, entry, now_ms + entry->retry_pause_ms);
}

static void recovered(struct entry *entry)
{
	entry->retry_pause_ms = 0;
}

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

/* As long as the other one needs to read what this one has just written, and to append behind it. */
static void rest_after_append(struct core *core, struct entry *entry)
{
	int64_t pause = REST_SHARE * (core->now_ms - entry->sent_at_ms);
	if (core->now_ms < entry->shared_until_ms)
		entry_rest(core, entry, pause < REST_MIN_MS ? REST_MIN_MS : pause > REST_MAX_MS ? REST_MAX_MS : pause);
}

void entry_rest(struct core *core, struct entry *entry, int64_t pause_ms)
{
	if (core->now_ms + pause_ms <= entry->rests_until_ms)
		return;
	entry->rests_until_ms = core->now_ms + pause_ms;
	retry_at(core, entry, entry->rests_until_ms);
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

void entry_go_on(struct core *core, struct entry *entry)
{
	if (may_append(entry) && !entry->unsent && core->now_ms >= entry->rests_until_ms)
		append_pending(core, entry);
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
		answer(core, command, &verdict, 0, false);
	else if (decision == DECISION_REPEATED)
		answer(core, command, NULL, repeated, true);
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
	if (may_append(entry) && !entry->unsent && core->now_ms >= entry->rests_until_ms) {
		entry->unsent = true;
		DL_APPEND2(core->unsent, entry, unsent_prev, unsent_next);
	}
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
			answer(core, item->command, &verdict, 0, false);
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
		retry_later(core, entry, now_ms);
		return;
	}
	recovered(entry);
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
		retry_later(core, entry, now_ms);
		return NULL;
	}
	struct command *command = entry->asking;
	entry->asking = NULL;
	recovered(entry);
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
	answer(core, command, refused, number, refused == NULL);
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

/* ---- commits and conflicts ---- */

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
	answer(core, pending->command, NULL, number, false);
	struct command *repetition, *next;
	LL_FOREACH_SAFE(pending->repetitions, repetition, next)
		answer(core, repetition, NULL, number, true);
	pending_free(pending);
}

static void commit(struct core *core, struct entry *entry)
{
	recovered(entry);
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
		retry_later(core, entry, now_ms);
}

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
		core->ports.committed(core->ports.context, entry->chat, page->transactions[i]);
	}
	if (!entry->progress) {
		/* A conflict with what cannot be seen yet, on a replica that lags. */
		retry_later(core, entry, now_ms);
		return;
	}
	if (page->more) {
		entry_catch_up(core, entry);
		return;
	}
	entry->catching_up = false;
	recovered(entry);
	entry_forget_findings(entry);
	entry_drain(core, entry);
}

void core_page_read(struct core *core, const char *chat_id, enum store_rc rc, const struct page *page, int64_t now_ms)
{
	struct entry *entry = entry_find(core, chat_id);
	entry->out &= ~(unsigned)OUT_CATCH_UP;
	if (rc != STORE_OK)
		retry_later(core, entry, now_ms);
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
