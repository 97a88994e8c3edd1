/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Appending, and what a transaction changes in the projections. Everything of a chat is checked before anything of it is added. Any
 * thread; the lock is held throughout. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "storage/memory/data.h"

static const unsigned char START[HEAD_BYTES];

static void list_add(struct tx_list *list, struct transaction *tx)
{
	list->items = mem_grow(list->items, (list->count + 1) * sizeof *list->items);
	list->items[list->count++] = tx;
}

/* ---- checking ---- */

const struct transaction *chat_find_key(const struct memory_data *data, const struct chat *chat, const char *sender_id, const char *key,
                                        int64_t since_ms)
{
	bool once = key[0] == KEY_ONCE;
	for (size_t i = chat->log.count; i > 0; i--) {
		const struct transaction *tx = chat->log.items[i - 1];
		bool too_old = tx->at_ms < since_ms && (!once || chat->log.count - i >= STORE_ONCE_COUNT);
		if (too_old && once)
			break;
		if (!too_old && tx->at_ms >= data->keys_since_ms && tx->key != NULL && strcmp(tx->key, key) == 0 &&
			strcmp(tx->sender_id, sender_id) == 0)
			return tx;
	}
	return NULL;
}

/* How many of them are there already, as they are. false: a number of them belongs to another transaction. */
static bool count_present(const struct tx_list *log, const struct append *append, size_t *present)
{
	for (*present = 0; *present < append->transaction_count; (*present)++) {
		const struct transaction *tx = append->transactions[*present];
		assert(tx->number > 0 && tx->number == append->transactions[0]->number + *present);
		if (tx->number > log->count)
			break;
		if (memcmp(log->items[tx->number - 1]->head, tx->head, HEAD_BYTES) != 0)
			return false;
	}
	return true;
}

/* Whether what is new follows what is there: the next number, the next head, and sense in what it says. */
static bool follows(const struct tx_list *log, const struct append *append, size_t present)
{
	const unsigned char *previous = log->count > 0 ? log->items[log->count - 1]->head : START;
	for (size_t i = present; i < append->transaction_count; i++) {
		const struct transaction *tx = append->transactions[i];
		unsigned char head[HEAD_BYTES];
		transaction_head(tx, previous, head);
		if (!transaction_makes_sense(tx) || tx->number != log->count + 1 + (i - present) || memcmp(head, tx->head, HEAD_BYTES) != 0)
			return false;
		previous = tx->head;
	}
	return true;
}

/* The number that has the key of new transaction i already, in the log or before it in this append; 0: none. */
static uint64_t find_duplicate(const struct memory_data *data, const struct chat *chat, const struct append *append, size_t present, size_t i)
{
	const struct transaction *tx = append->transactions[i];
	if (tx->key == NULL || tx->key[0] == KEY_ONCE)
		return 0;
	for (size_t j = present; j < i; j++) {
		const struct transaction *other = append->transactions[j];
		if (other->key != NULL && strcmp(other->key, tx->key) == 0 && strcmp(other->sender_id, tx->sender_id) == 0)
			return other->number;
	}
	const struct transaction *found = chat ? chat_find_key(data, chat, tx->sender_id, tx->key, tx->at_ms - KEY_AGE_MS) : NULL;
	return found ? found->number : 0;
}

static enum append_result check(const struct memory_data *data, const struct chat *chat, struct append *append, bool import, size_t *present)
{
	static const struct tx_list empty;
	const struct tx_list *log = chat ? &chat->log : &empty;
	if (!count_present(log, append, present) || !follows(log, append, *present))
		return APPEND_CONFLICT;
	for (size_t i = *present; i < append->transaction_count && !import; i++) {
		uint64_t number = find_duplicate(data, chat, append, *present, i);
		if (number != 0) {
			append->duplicate_index = i;
			append->duplicate_number = number;
			return APPEND_CONFLICT;
		}
	}
	return APPEND_OK;
}

/* ---- the projections ---- */

struct transaction *chat_find(const struct chat *chat, uint64_t number)
{
	return number >= 1 && number <= chat->log.count ? chat->log.items[number - 1] : NULL;
}

struct member *chat_find_member(const struct chat *chat, const char *user_id)
{
	for (size_t i = 0; i < chat->member_count; i++)
		if (strcmp(chat->members[i].user_id, user_id) == 0)
			return &chat->members[i];
	return NULL;
}

static struct member *find_or_add_member(struct chat *chat, const char *user_id)
{
	struct member *member = chat_find_member(chat, user_id);
	if (member)
		return member;
	chat->members = mem_grow(chat->members, (chat->member_count + 1) * sizeof *chat->members);
	member = &chat->members[chat->member_count++];
	*member = (struct member){.user_id = mem_text(user_id)};
	return member;
}

static uint64_t at_least(uint64_t mark, uint64_t number)
{
	return mark > number ? mark : number;
}

/* What was before him counts as read. */
static void join(struct chat *chat, struct member *member, uint64_t number)
{
	member->intervals = mem_grow(member->intervals, (member->interval_count + 1) * sizeof *member->intervals);
	member->intervals[member->interval_count++] = (struct interval){.from = number};
	member->received = at_least(member->received, number - 1);
	member->read = at_least(member->read, number - 1);
	chat->current_members++;
}

static void leave(struct chat *chat, struct member *member, uint64_t number)
{
	member->intervals[member->interval_count - 1].to = number;
	chat->current_members--;
}

/* His account ended. Who he was stays, for the texts' sake; that he was here does not. */
static void forget(struct chat *chat, struct member *member)
{
	chat->current_members -= member->role != ROLE_NONE;
	free(member->intervals);
	*member = (struct member){.user_id = member->user_id};
}

/* Joining twice, leaving twice and the role of somebody who is not there change nothing but what they can. */
static void apply_change(struct chat *chat, const struct transaction *tx, const struct member_change *change)
{
	struct member *member = tx->type == TX_MEMBER_ADDED ? find_or_add_member(chat, change->user_id) : chat_find_member(chat, change->user_id);
	if (member != NULL && change->deleted)
		forget(chat, member);
	if (member == NULL || (member->role == ROLE_NONE && tx->type != TX_MEMBER_ADDED))
		return;
	if (member->role == ROLE_NONE)
		join(chat, member, tx->number);
	else if (tx->type == TX_MEMBER_REMOVED)
		leave(chat, member, tx->number);
	member->role = change->role;
}

static void apply_members(struct chat *chat, const struct transaction *tx)
{
	struct member_change *changes = NULL;
	int count = transaction_members(tx, &changes);
	for (int i = 0; i < count; i++)
		apply_change(chat, tx, &changes[i]);
	if (tx->number == 1 && tx->type == TX_MEMBER_ADDED)
		chat->pair = count == 2 && chat->member_count == 2 && changes[0].role == ROLE_MEMBER && changes[1].role == ROLE_MEMBER;
	free(changes);
}

static void replace(char **text, char **with)
{
	if (*with == NULL)
		return;
	free(*text);
	*text = *with;
	*with = NULL;
}

static void apply_group(struct chat *chat, const struct transaction *tx)
{
	struct group_change change = {.history = -1};
	transaction_group(tx, &change); /* checked before it was added */
	replace(&chat->name, &change.name);
	replace(&chat->icon, &change.icon);
	if (change.history != -1)
		chat->history_all = change.history == 1;
	group_change_fini(&change);
}

static void apply(struct memory_data *data, struct chat *chat, const struct transaction *tx)
{
	apply_members(chat, tx);
	apply_group(chat, tx);
	if (tx->type == TX_DELETE)
		chat_apply_delete(data, chat, tx);
	if (tx->type == TX_GROUP_DELETED && !chat->ended) {
		chat->ended = true;
		chat->ended_at_ms = tx->at_ms;
	}
}

static struct transaction *add(struct memory_data *data, struct chat *chat, const struct transaction *tx)
{
	struct writer *writer = named_find_or_add(&data->writers, tx->writer, sizeof *writer);
	struct transaction stored = *tx;
	stored.position = writer->log.count + 1;
	struct transaction *copy = transaction_new(&stored);
	list_add(&chat->log, copy);
	list_add(&writer->log, transaction_ref(copy));
	return copy;
}

/* import: as another store has it, with the projections left alone. */
static void append_chat(struct memory_data *data, struct append *append, bool import)
{
	size_t present;
	struct chat *chat = named_find(&data->chats, append->chat_id);
	append->duplicate_index = 0;
	append->duplicate_number = 0;
	append->last_position = 0;
	append->result = check(data, chat, append, import, &present);
	if (append->result != APPEND_OK)
		return;
	if (chat == NULL)
		chat = named_find_or_add(&data->chats, append->chat_id, sizeof *chat);
	for (size_t i = present; i < append->transaction_count; i++) {
		const struct transaction *added = add(data, chat, append->transactions[i]);
		if (!import)
			apply(data, chat, added);
	}
	const struct transaction *last = append->transactions[append->transaction_count - 1];
	append->last_position = chat->log.items[last->number - 1]->position;
}

static enum store_rc append_all(struct store *store, struct append *appends, size_t append_count, bool import)
{
	struct memory_data *data = data_lock(store);
	for (size_t i = 0; i < append_count; i++) {
		assert(appends[i].transaction_count > 0);
		append_chat(data, &appends[i], import);
	}
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_append(struct store *store, struct append *appends, size_t append_count, struct error *err)
{
	(void)err;
	return append_all(store, appends, append_count, false);
}

enum store_rc memory_import_log(struct store *store, struct append *appends, size_t append_count, struct error *err)
{
	(void)err;
	return append_all(store, appends, append_count, true);
}
