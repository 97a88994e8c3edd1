/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Quotes of people whom the reader blocks. The reply does not say who wrote what it quotes, nor when: the quoted transaction does. */
#include "plugin/rpc/quote.h"

#include <string.h>

bool quote_is_there(const struct transaction *tx)
{
	return tx->type == TX_MESSAGE && tx->target != 0 && tx->quote.text != NULL;
}

static enum store_rc is_hidden(struct store *store, const struct block_list *blocks, const char *reader_id, const struct transaction *reply,
	bool *hidden, struct error *err)
{
	const struct page_limits limits = {.count_max = 1, .bytes_max = 1};
	uint64_t number = reply->quote_revision != 0 ? reply->quote_revision : reply->target;
	struct page page = {0};
	enum store_rc rc = store_ops(store)->read_page(store, reply->chat_id, number, number, &limits, &page, err);
	if (rc != STORE_OK)
		return rc;
	const struct transaction *quoted = page.count > 0 ? page.transactions[0] : NULL;
	*hidden = quoted != NULL && strcmp(quoted->sender_id, reader_id) != 0 &&
		blocks_contain(blocks->blocks, blocks->count, quoted->sender_id, quoted->at_ms);
	store_page_free(&page);
	return STORE_OK;
}

enum store_rc quotes_hide(struct store *store, const struct block_list *blocks, const char *reader_id, struct transaction **transactions,
	size_t count, struct error *err)
{
	if (blocks == NULL || blocks->count == 0)
		return STORE_OK;
	for (size_t i = 0; i < count; i++) {
		bool hidden = false;
		enum store_rc rc = quote_is_there(transactions[i]) ? is_hidden(store, blocks, reader_id, transactions[i], &hidden, err) : STORE_OK;
		if (rc != STORE_OK)
			return rc;
		if (!hidden)
			continue;
		struct transaction *without = transaction_erased(transactions[i], false, true);
		transaction_free(transactions[i]);
		transactions[i] = without;
	}
	return STORE_OK;
}
