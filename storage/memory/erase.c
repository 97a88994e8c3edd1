/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Erasing. A transaction is shared and never changes, so its copy without the text takes its place, in the chat's log and in its
 * writer's; who still holds the old one has it until he drops it. Any thread; the lock is held throughout. */
#include <stdlib.h>
#include <string.h>

#include "storage/memory/data.h"
#include "storage/record.h"

static void erase(struct memory_data *data, struct chat *chat, struct transaction *tx, bool body, bool quote)
{
	body = body && tx->body.present && !tx->body.erased;
	quote = quote && tx->quote.present && !tx->quote.erased;
	if (!body && !quote)
		return;
	struct writer *writer = named_find(&data->writers, tx->writer);
	struct transaction *erased = transaction_erased(tx, body, quote);
	chat->log.items[tx->number - 1] = erased;
	writer->log.items[tx->position - 1] = transaction_ref(erased);
	transaction_free(tx); /* once for each list */
	transaction_free(tx);
}

/* ---- one message, deleted ---- */

void chat_apply_delete(struct memory_data *data, struct chat *chat, const struct transaction *deletion)
{
	bool quotes = !transaction_keeps_quotes(deletion);
	uint64_t target = deletion->target;
	struct transaction *message = target < deletion->number ? chat_find(chat, target) : NULL;
	if (message == NULL || message->type != TX_MESSAGE)
		return;
	erase(data, chat, message, true, true);
	for (uint64_t number = target + 1; number < deletion->number; number++) {
		struct transaction *tx = chat_find(chat, number);
		if (tx->target == target)
			erase(data, chat, tx, tx->type == TX_EDIT, tx->type == TX_MESSAGE && quotes);
	}
}

/* ---- a sender, a chat ---- */

static void erase_of_sender(struct memory_data *data, struct chat *chat, struct transaction *tx, const char *sender_id)
{
	const struct transaction *quoted = tx->type == TX_MESSAGE ? chat_find(chat, tx->target) : NULL;
	bool his = (tx->type == TX_MESSAGE || tx->type == TX_EDIT) && strcmp(tx->sender_id, sender_id) == 0;
	bool quotes_his = quoted != NULL && strcmp(quoted->sender_id, sender_id) == 0;
	erase(data, chat, tx, his, his || quotes_his);
}

static void forget_group(struct chat *chat)
{
	free(chat->name);
	free(chat->icon);
	chat->name = chat->icon = NULL;
	memset(chat->key, 0, sizeof chat->key);
	chat->has_key = false;
	chat->key_ended = true;
	chat->erased = chat->ended;
}

enum store_rc memory_erase(struct store *store, const char *chat_id, const char *sender_id, bool *more, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	struct chat *chat = named_find(&data->chats, chat_id);
	for (uint64_t number = 1; chat && number <= chat->log.count; number++) {
		struct transaction *tx = chat_find(chat, number);
		if (sender_id)
			erase_of_sender(data, chat, tx, sender_id);
		else
			erase(data, chat, tx, true, true);
	}
	if (chat && sender_id == NULL)
		forget_group(chat);
	*more = false;
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_list_ended(struct store *store, int64_t ended_before_ms, size_t count_max, const char *const **chat_ids, size_t *count,
                                struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	const char **ids = mem_new(data->chats.count * sizeof *ids);
	size_t found = 0;
	for (size_t i = 0; i < data->chats.count && found < count_max; i++) {
		const struct chat *chat = data->chats.items[i];
		if (chat->ended && !chat->erased && chat->ended_at_ms < ended_before_ms)
			ids[found++] = chat->id;
	}
	*chat_ids = record_copy_ids(ids, found);
	*count = found;
	data_unlock(data);
	free(ids);
	return STORE_OK;
}
