/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Messages as a reader has them: one with what became of it, and what a list shows of a chat. Any thread; the lock is held throughout. */
#include <string.h>

#include "storage/memory/data.h"
#include "storage/record.h"

static enum store_rc not_found(struct memory_data *data, struct error *err, const char *what)
{
	data_unlock(data);
	return error_set(err, STORE_NOT_FOUND, 0, "no such %s", what);
}

static struct transaction *find_edit(const struct chat *chat, uint64_t number)
{
	for (uint64_t i = chat->log.count; i > number; i--)
		if (chat_find(chat, i)->type == TX_EDIT && chat_find(chat, i)->target == number)
			return transaction_ref(chat_find(chat, i));
	return NULL;
}

static struct transaction *find_deletion(const struct chat *chat, uint64_t number)
{
	for (uint64_t i = number + 1; i <= chat->log.count; i++)
		if (chat_find(chat, i)->type == TX_DELETE && chat_find(chat, i)->target == number)
			return transaction_ref(chat_find(chat, i));
	return NULL;
}

enum store_rc memory_read_message(struct store *store, const char *chat_id, uint64_t number, struct message_state *state, struct error *err)
{
	struct memory_data *data = data_lock(store);
	const struct chat *chat = named_find(&data->chats, chat_id);
	const struct transaction *message = chat ? chat_find(chat, number) : NULL;
	if (message == NULL || message->type != TX_MESSAGE)
		return not_found(data, err, "message");
	*state = (struct message_state){transaction_ref(message), find_edit(chat, number), find_deletion(chat, number)};
	data_unlock(data);
	return STORE_OK;
}

static struct transaction *find_seen_edit(const struct chat *chat, uint64_t number, const struct user_chat *membership, const struct block *blocks,
	size_t block_count)
{
	for (uint64_t i = chat->log.count; i > number; i--) {
		struct transaction *tx = chat_find(chat, i);
		if (tx->type == TX_EDIT && tx->target == number && membership_shows_now(membership, blocks, block_count, tx))
			return transaction_ref(tx);
	}
	return NULL;
}

enum store_rc memory_read_edits(struct store *store, const struct user_chat *membership, const struct block *blocks, size_t block_count,
                                const uint64_t *numbers, size_t number_count, struct transaction **edits, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	const struct chat *chat = named_find(&data->chats, membership->chat_id);
	for (size_t i = 0; i < number_count; i++)
		edits[i] = chat ? find_seen_edit(chat, numbers[i], membership, blocks, block_count) : NULL;
	data_unlock(data);
	return STORE_OK;
}

/* ---- summaries ---- */

struct reader {
	const char *user_id;
	const struct user_chat *membership;
	const struct block *blocks;
	size_t block_count;
	const char *mention;
};

static bool is_shown(const struct reader *reader, const struct transaction *tx)
{
	return tx->type == TX_MESSAGE && !tx->body.erased && !blocks_contain(reader->blocks, reader->block_count, tx->sender_id, tx->at_ms);
}

static struct transaction *find_shown_edit(const struct reader *reader, const struct chat *chat, uint64_t number)
{
	struct transaction *edit = find_edit(chat, number);
	if (edit == NULL || membership_shows(reader->membership, reader->blocks, reader->block_count, edit))
		return edit;
	transaction_free(edit);
	return NULL;
}

static bool mentions(const struct reader *reader, const struct chat *chat, const struct transaction *tx)
{
	struct transaction *edit = find_shown_edit(reader, chat, tx->number);
	bool found = text_mentions(edit ? edit->body.text : tx->body.text, reader->mention);
	transaction_free(edit);
	return found;
}

static void look_at(const struct reader *reader, const struct chat *chat, const struct transaction *tx, struct chat_summary *summary)
{
	if (!is_shown(reader, tx))
		return;
	if (summary->last_message == NULL) {
		summary->last_message = transaction_ref(tx);
		summary->last_edit = find_shown_edit(reader, chat, tx->number);
	}
	if (tx->number <= reader->membership->read || strcmp(tx->sender_id, reader->user_id) == 0 || summary->unread == SUMMARY_UNREAD_MAX)
		return;
	summary->unread++;
	if (reader->mention && summary->unread <= SUMMARY_MENTION_MAX && mentions(reader, chat, tx))
		summary->mentioned = true;
}

enum store_rc memory_read_summary(struct store *store, const char *user_id, const struct user_chat *membership, const struct block *blocks,
                                  size_t block_count, const char *mention, struct chat_summary *summary, struct error *err)
{
	struct memory_data *data = data_lock(store);
	const struct reader reader = {user_id, membership, blocks, block_count, mention};
	const struct chat *chat = named_find(&data->chats, membership->chat_id);
	if (chat == NULL)
		return not_found(data, err, "chat");
	struct chat_summary found = {0};
	bool sees_all = membership->history_all && membership->role != ROLE_NONE;
	size_t looked = 0;
	for (uint64_t number = chat->log.count; number > 0 && looked < SUMMARY_LOOK_MAX; number--) {
		if (!membership_sees(membership->intervals, membership->interval_count, sees_all, number))
			continue;
		look_at(&reader, chat, chat_find(chat, number), &found);
		looked++;
	}
	*summary = found;
	data_unlock(data);
	return STORE_OK;
}
