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
	chat->recent_from = 1;
	return chat;
}

static struct member *member_add(struct chat *chat, const char *user_id)
{
	struct member *member = mem_zero(sizeof *member);
	member->user_id = mem_text(user_id);
	HASH_ADD_KEYPTR(hh, chat->members, member->user_id, strlen(member->user_id), member);
	return member;
}

struct chat *chat_from_record(const struct chat_record *record)
{
	struct chat *chat = chat_new(record->chat_id);
	chat->latest = record->latest;
	memcpy(chat->head, record->head, HEAD_BYTES);
	chat->latest_at_ms = record->latest_at_ms;
	chat->ended = record->ended;
	chat->recent_from = chat->latest + 1;
	for (size_t i = 0; i < record->member_count; i++) {
		const struct member_record *from = &record->members[i];
		struct member *member = member_add(chat, from->user_id);
		member->role = from->role;
		member->received = from->received;
		member->read = from->read;
		member->interval_count = from->interval_count;
		member->intervals = mem_copy(from->intervals, from->interval_count * sizeof *from->intervals);
		chat->current_members += from->role != ROLE_NONE;
	}
	return chat;
}

void pending_free(struct pending *pending)
{
	for (size_t i = 0; i < pending->transaction_count; i++)
		transaction_free(pending->transactions[i]);
	free(pending);
}

static void recent_drop_oldest(struct chat *chat)
{
	struct transaction **slot = &chat->recent[chat->recent_from % CHAT_RECENT_MAX];
	chat->recent_bytes -= (*slot)->body.len;
	transaction_free(*slot);
	*slot = NULL;
	chat->recent_from++;
}

void chat_free(struct chat *chat)
{
	if (chat == NULL)
		return;
	assert(chat->pending == NULL);
	while (chat->recent_from <= chat->latest)
		recent_drop_oldest(chat);
	struct member *member, *next;
	HASH_ITER(hh, chat->members, member, next) {
		HASH_DEL(chat->members, member);
		free(member->user_id);
		free(member->intervals);
		free(member);
	}
	free(chat->id);
	free(chat);
}

struct member *chat_member(struct chat *chat, const char *user_id)
{
	struct member *member;
	HASH_FIND_STR(chat->members, user_id, member);
	return member;
}

bool member_is_current(const struct member *member)
{
	return member != NULL && member->role != ROLE_NONE;
}

struct transaction *chat_recent(const struct chat *chat, uint64_t number)
{
	return number >= chat->recent_from && number <= chat->latest ? chat->recent[number % CHAT_RECENT_MAX] : NULL;
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

/* The stores' projections follow the same rule: who is not there can only be added. */
static void change_role(struct chat *chat, const struct member_change *change, const struct transaction *tx)
{
	struct member *member = chat_member(chat, change->user_id);
	if (!member_is_current(member) && tx->type != TX_MEMBER_ADDED)
		return;
	if (member == NULL)
		member = member_add(chat, change->user_id);
	bool was = member_is_current(member), is = change->role != ROLE_NONE;
	if (!was && is) {
		member->intervals = mem_grow(member->intervals, (member->interval_count + 1) * sizeof *member->intervals);
		member->intervals[member->interval_count++] = (struct interval){.from = tx->number};
		chat->current_members++;
	} else if (was && !is) {
		member->intervals[member->interval_count - 1].to = tx->number;
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
		chat->membership_version++;
		free(changes);
	}
	return true;
}

static void remember(struct chat *chat, struct transaction *tx)
{
	if (chat->latest - chat->recent_from + 1 == CHAT_RECENT_MAX)
		recent_drop_oldest(chat);
	chat->recent[tx->number % CHAT_RECENT_MAX] = transaction_ref(tx);
	chat->recent_hashes[tx->number % CHAT_RECENT_MAX] = chat_key_hash(tx->sender_id, tx->key);
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
	if (tx->number != chat->latest + 1 || !apply_members(chat, tx))
		return false;
	remember(chat, tx);
	memcpy(chat->head, tx->head, HEAD_BYTES);
	chat->latest_at_ms = tx->at_ms;
	chat->ended = chat->ended || tx->type == TX_GROUP_DELETED;
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
