/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A chat's committed state: the fold over its log. Loop thread; no I/O, no clock. */
#include "plugin/chat/chat.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct chat *chat_new(const char *id)
{
	struct chat *chat = mem_zero(sizeof *chat);
	chat->id = mem_text(id);
	chat->name = mem_text("");
	chat->icon = mem_text("");
	chat->recent_from = 1;
	return chat;
}

static void set_text(char **text, const char *to)
{
	if (to == NULL)
		return;
	free(*text);
	*text = mem_text(to);
}

struct chat *chat_from_record(const struct chat_record *record)
{
	struct chat *chat = chat_new(record->chat_id);
	chat->latest = record->latest;
	memcpy(chat->head, record->head, HEAD_BYTES);
	chat->latest_at_ms = record->latest_at_ms;
	chat->pair = record->pair;
	chat->history_all = record->history_all;
	chat->ended = record->ended;
	chat->ended_at_ms = record->ended_at_ms;
	set_text(&chat->name, record->name);
	set_text(&chat->icon, record->icon);
	chat->recent_from = chat->latest + 1;
	members_load(&chat->members, record->members, record->member_count);
	for (size_t i = 0; i < record->member_count; i++)
		chat->current_members += record->members[i].role != ROLE_NONE;
	return chat;
}

void pending_free(struct pending *pending)
{
	for (size_t i = 0; i < pending->transaction_count; i++)
		transaction_free(pending->transactions[i]);
	free(pending);
}

static struct recent *recent_at(const struct chat *chat, uint64_t number)
{
	return &chat->recent[number % chat->recent_size];
}

static void recent_drop_oldest(struct chat *chat)
{
	struct recent *oldest = recent_at(chat, chat->recent_from);
	chat->recent_bytes -= oldest->tx->body.len;
	transaction_free(oldest->tx);
	chat->recent_from++;
}

void chat_forget_texts(struct chat *chat)
{
	while (chat->recent_from <= chat->latest)
		recent_drop_oldest(chat);
}

void chat_free(struct chat *chat)
{
	if (chat == NULL)
		return;
	assert(chat->pending == NULL);
	chat_forget_texts(chat);
	members_fini(&chat->members);
	free(chat->recent);
	free(chat->id);
	free(chat->name);
	free(chat->icon);
	free(chat);
}

struct member *chat_member(struct chat *chat, const char *user_id)
{
	return members_find(&chat->members, user_id);
}

bool member_is_current(const struct member *member)
{
	return member != NULL && member->role != ROLE_NONE;
}

bool member_sees(const struct chat *chat, const struct member *member, uint64_t number)
{
	return member != NULL && membership_sees(member_intervals(member), member->interval_count, chat->history_all && member_is_current(member), number);
}

struct member *chat_peer(struct chat *chat, const char *user_id)
{
	if (!chat->pair)
		return NULL;
	struct member *one = members_next(&chat->members, NULL), *other = one ? members_next(&chat->members, one) : NULL;
	return one != NULL && strcmp(one->user_id, user_id) == 0 ? other : one;
}

void chat_forget_reach(struct chat *chat)
{
	struct member *member = NULL;
	while (chat->pair && (member = members_next(&chat->members, member)) != NULL)
		member->reaches_peer = false;
}

struct transaction *chat_recent(const struct chat *chat, uint64_t number)
{
	return number >= chat->recent_from && number <= chat->latest ? recent_at(chat, number)->tx : NULL;
}

uint64_t chat_recent_hash(const struct chat *chat, uint64_t number)
{
	return recent_at(chat, number)->key_hash;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001B3); /* FNV-1a: a collision only costs a comparison */
	return hash * UINT64_C(0x100000001B3);
}

uint64_t chat_key_hash(const char *sender_id, const char *key)
{
	return key != NULL ? hash_text(hash_text(UINT64_C(0xCBF29CE484222325), sender_id), key) : 0;
}

uint64_t chat_tip(const struct chat *chat)
{
	return chat->latest + chat->pending_transactions;
}

/* ---- projections: store.h has their rules ---- */

static void join(struct chat *chat, struct member *member, const struct transaction *tx)
{
	member_begin(member, tx->number);
	if (member->received < tx->number - 1)
		member->received = tx->number - 1;
	if (member->read < tx->number - 1)
		member->read = tx->number - 1;
	chat->current_members++;
}

/* His account ended. Who he was stays, for the texts' sake and as the other one of a pair; that he was here does not. */
static void forget(struct chat *chat, struct member *member)
{
	chat->current_members -= member_is_current(member);
	member_forget_intervals(member);
	member->role = ROLE_NONE;
	member->received = member->read = 0;
	member->receipts_dirty = member->announce = false;
}

static void change_role(struct chat *chat, const struct member_change *change, const struct transaction *tx)
{
	struct member *member = chat_member(chat, change->user_id);
	if (member != NULL && change->deleted)
		forget(chat, member);
	if (!member_is_current(member) && tx->type != TX_MEMBER_ADDED)
		return;
	if (member == NULL)
		member = members_add(&chat->members, change->user_id);
	bool was = member_is_current(member), is = change->role != ROLE_NONE;
	if (!was && is) {
		join(chat, member, tx);
	} else if (was && !is) {
		member_end(member, tx->number);
		chat->current_members--;
	}
	member->role = change->role;
}

static bool apply_members(struct chat *chat, const struct transaction *tx)
{
	struct member_change *changes;
	int count = transaction_members(tx, &changes);
	if (count < 0)
		return false;
	for (int i = 0; i < count; i++)
		change_role(chat, &changes[i], tx);
	if (count > 0) {
		chat->pair = chat->pair || (tx->number == 1 && count == 2 && changes[0].role == ROLE_MEMBER && changes[1].role == ROLE_MEMBER &&
		                            chat->members.count == 2);
		chat->membership_version++;
		chat_forget_reach(chat);
		free(changes);
	}
	return true;
}

static bool apply_group(struct chat *chat, const struct transaction *tx)
{
	struct group_change change;
	if (tx->type == TX_GROUP_DELETED) {
		chat->ended = true;
		chat->ended_at_ms = tx->at_ms;
	}
	if (tx->type != TX_GROUP_UPDATED || tx->body.erased)
		return true;
	if (!transaction_group(tx, &change))
		return false;
	set_text(&chat->name, change.name);
	set_text(&chat->icon, change.icon);
	if (change.history >= 0)
		chat->history_all = change.history > 0;
	group_change_fini(&change);
	return true;
}

/* ---- the last transactions ---- */

static void recent_erase(struct chat *chat, uint64_t number, bool body, bool quote)
{
	struct recent *recent = recent_at(chat, number);
	struct transaction *erased = transaction_erased(recent->tx, body, quote);
	chat->recent_bytes -= recent->tx->body.len;
	transaction_free(recent->tx);
	recent->tx = erased;
	chat->recent_bytes += erased->body.len;
}

/* What a TX_DELETE erases, as far as it is at hand. */
static void erase_deleted(struct chat *chat, const struct transaction *deletion)
{
	bool keeps_quotes = transaction_keeps_quotes(deletion);
	for (uint64_t number = chat->recent_from; number < deletion->number; number++) {
		const struct transaction *tx = chat_recent(chat, number);
		bool itself = number == deletion->target && tx->type == TX_MESSAGE;
		if (itself || (tx->type == TX_EDIT && tx->target == deletion->target))
			recent_erase(chat, number, true, itself);
		else if (tx->type == TX_MESSAGE && tx->target == deletion->target && !keeps_quotes)
			recent_erase(chat, number, false, true);
	}
}

/* Most chats that are in memory have seen a message or two. */
static void recent_grow(struct chat *chat)
{
	size_t size = chat->recent_size == 0 ? 4 : chat->recent_size * 2;
	struct recent *ring = mem_new(size * sizeof *ring);
	for (uint64_t number = chat->recent_from; number <= chat->latest; number++)
		ring[number % size] = *recent_at(chat, number);
	free(chat->recent);
	chat->recent = ring;
	chat->recent_size = size;
}

static void remember(struct chat *chat, struct transaction *tx)
{
	size_t count = chat->latest - chat->recent_from + 1;
	if (count == CHAT_RECENT_MAX)
		recent_drop_oldest(chat);
	else if (count == chat->recent_size)
		recent_grow(chat);
	*recent_at(chat, tx->number) = (struct recent){transaction_ref(tx), chat_key_hash(tx->sender_id, tx->key)};
	chat->recent_bytes += tx->body.len;
	chat->latest = tx->number;
	while (chat->recent_bytes > CHAT_RECENT_BYTES_MAX && chat->recent_from < chat->latest)
		recent_drop_oldest(chat);
}

bool chat_apply(struct chat *chat, struct transaction *tx)
{
	unsigned char head[HEAD_BYTES];
	transaction_head(tx, chat->head, head);
	return memcmp(head, tx->head, HEAD_BYTES) == 0 && chat_apply_own(chat, tx);
}

bool chat_apply_own(struct chat *chat, struct transaction *tx)
{
	if (tx->number != chat->latest + 1 || !apply_members(chat, tx) || !apply_group(chat, tx))
		return false;
	if (tx->type == TX_DELETE)
		erase_deleted(chat, tx);
	remember(chat, tx);
	memcpy(chat->head, tx->head, HEAD_BYTES);
	chat->latest_at_ms = tx->at_ms;
	return true;
}

struct pending *chat_pending_take(struct chat *chat)
{
	struct pending *pending = chat->pending;
	if (pending == NULL)
		return NULL;
	DL_DELETE(chat->pending, pending);
	chat->pending_count--;
	chat->pending_transactions -= pending->transaction_count;
	chat->pending_barriers -= pending->barrier;
	return pending;
}

bool chat_receive(struct chat *chat, const char *user_id, uint64_t received, uint64_t read)
{
	struct member *member = chat_member(chat, user_id);
	if (!member_is_current(member))
		return false;
	if (read > chat->latest)
		read = chat->latest;
	if (received > chat->latest)
		received = chat->latest;
	if (received < read)
		received = read; /* what was read was received */
	if (received <= member->received && read <= member->read)
		return false;
	if (received > member->received)
		member->received = received;
	if (read > member->read)
		member->read = read;
	member->receipts_dirty = true;
	return true;
}
