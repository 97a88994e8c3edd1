/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a transaction that has just been added changes beside the log: members, times of membership, the group, the texts that a deletion
 * erases. Writer thread, with the writing connection. */
#include <stdlib.h>
#include <string.h>

#include "storage/sqlite/handle.h"

/* ---- members ---- */

static enum role find_role(struct db *db, int64_t chat, int64_t user)
{
	sqlite3_stmt *find = db_statement(db, SQL_FIND_MEMBER);
	db_bind_int(db, find, 1, chat);
	db_bind_int(db, find, 2, user);
	if (!db_step(db, find))
		return ROLE_NONE;
	enum role role = (enum role)sqlite3_column_int(find, 0);
	db_reset(find);
	return role;
}

static void run_with_member(struct db *db, enum statement which, int64_t chat, int64_t user, uint64_t number)
{
	sqlite3_stmt *statement = db_statement(db, which);
	db_bind_int(db, statement, 1, chat);
	db_bind_int(db, statement, 2, user);
	db_bind_number(db, statement, 3, number);
	db_run(db, statement);
}

/* What was before him counts as read. A time of membership that he had before goes to the earlier ones. */
static void join(struct db *db, struct chat_row *chat, int64_t user, uint64_t number)
{
	run_with_member(db, SQL_KEEP_MEMBERSHIP, chat->id, user, number);
	run_with_member(db, SQL_JOIN_MEMBER, chat->id, user, number);
	chat->current_members++;
}

static void leave(struct db *db, struct chat_row *chat, int64_t user, uint64_t number)
{
	run_with_member(db, SQL_END_MEMBERSHIP, chat->id, user, number);
	chat->current_members--;
}

/* His account ended. Who he was stays, for the texts' sake; that he was here does not. */
static void forget(struct db *db, struct chat_row *chat, int64_t user, enum role role)
{
	static const enum statement both[] = {SQL_FORGET_EARLIER, SQL_FORGET_MEMBER};
	for (size_t i = 0; i < 2; i++) {
		sqlite3_stmt *statement = db_statement(db, both[i]);
		db_bind_int(db, statement, 1, chat->id);
		db_bind_int(db, statement, 2, user);
		db_run(db, statement);
	}
	chat->current_members -= role != ROLE_NONE;
}

/* Joining twice, leaving twice and the role of somebody who is not there change nothing but what they can. */
static void apply_change(struct db *db, struct chat_row *chat, const struct transaction *tx, const struct member_change *change)
{
	int64_t user = log_intern_user(db, change->user_id);
	enum role role = find_role(db, chat->id, user);
	if (change->deleted)
		forget(db, chat, user, role);
	if (change->deleted || (role == ROLE_NONE && tx->type != TX_MEMBER_ADDED))
		return;
	if (role == ROLE_NONE)
		join(db, chat, user, tx->number);
	else if (tx->type == TX_MEMBER_REMOVED)
		leave(db, chat, user, tx->number);
	run_with_member(db, SQL_SET_ROLE, chat->id, user, change->role);
}

/* Whether the chat begins with it as a pair. */
static void apply_pair(struct db *db, struct chat_row *chat, const struct member_change *changes, int count)
{
	if (count != 2 || changes[0].role != ROLE_MEMBER || changes[1].role != ROLE_MEMBER || strcmp(changes[0].user_id, changes[1].user_id) == 0)
		return;
	chat->pair_a = log_intern_user(db, changes[0].user_id);
	chat->pair_b = log_intern_user(db, changes[1].user_id);
}

static void apply_members(struct db *db, struct chat_row *chat, const struct transaction *tx)
{
	struct member_change *changes = NULL;
	int count = transaction_members(tx, &changes);
	for (int i = 0; i < count; i++)
		apply_change(db, chat, tx, &changes[i]);
	if (tx->number == 1 && tx->type == TX_MEMBER_ADDED)
		apply_pair(db, chat, changes, count);
	if (count > 0)
		free(changes);
	log_save_group(db, chat);
}

/* ---- groups ---- */

static void apply_group(struct db *db, struct chat_row *chat, const struct transaction *tx)
{
	struct group_change change = {.history = -1};
	char *name, *icon;
	transaction_group(tx, &change); /* checked before it was added */
	log_read_info(db, chat->info, &name, &icon);
	if (change.name || change.icon)
		log_set_info(db, chat, change.name ? change.name : name, change.icon ? change.icon : icon);
	if (change.history != -1)
		chat->history_all = change.history == 1;
	log_save_group(db, chat);
	group_change_fini(&change);
	free(name);
	free(icon);
}

static void apply_end(struct db *db, struct chat_row *chat, const struct transaction *tx)
{
	if (chat->ended)
		return;
	chat->ended = true;
	chat->ended_at_ms = tx->at_ms;
	log_save_group(db, chat);
}

void apply_transaction(struct db *db, struct chat_row *chat, const struct transaction *tx)
{
	switch (tx->type) {
	case TX_MESSAGE:
	case TX_EDIT:
		break;
	case TX_DELETE:
		if (tx->target < tx->number)
			erase_deleted(db, tx->chat_id, chat->id, tx->target, !transaction_keeps_quotes(tx));
		break;
	case TX_MEMBER_ADDED:
	case TX_MEMBER_REMOVED:
	case TX_ROLE_CHANGED:
		apply_members(db, chat, tx);
		break;
	case TX_GROUP_UPDATED:
		apply_group(db, chat, tx);
		break;
	case TX_GROUP_DELETED:
		apply_end(db, chat, tx);
		break;
	}
	chat->latest = tx->number;
	chat->latest_at_ms = tx->at_ms;
	memcpy(chat->head, tx->head, HEAD_BYTES);
}
