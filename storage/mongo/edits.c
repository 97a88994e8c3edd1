/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The last edits of several messages, for who reads a part of the log whose edits come behind it. One question for all of them. Any thread. */
#include <stdlib.h>

#include "storage/mongo/ops.h"

struct search {
	const struct user_chat *membership;
	const struct block *blocks;
	size_t block_count;
	const uint64_t *numbers;
	size_t count;
	struct transaction **edits; /* the newest of each so far */
};

static int compare_numbers(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

static bool keep_newest(void *context, const struct transaction *tx)
{
	struct search *search = context;
	const uint64_t *number =
		tx->type == TX_EDIT ? bsearch(&tx->target, search->numbers, search->count, sizeof *search->numbers, compare_numbers) : NULL;
	if (number == NULL || tx->number <= *number || !membership_shows_now(search->membership, search->blocks, search->block_count, tx))
		return true;
	struct transaction **edit = &search->edits[number - search->numbers];
	if (*edit != NULL && (*edit)->number > tx->number)
		return true;
	transaction_free(*edit);
	*edit = transaction_ref(tx);
	return true;
}

enum store_rc mongo_read_edits(struct store *store, const struct user_chat *membership, const struct block *blocks, size_t block_count,
                               const uint64_t *numbers, size_t number_count, struct transaction **edits, struct error *err)
{
	struct db db;
	struct search search = {.membership = membership, .blocks = blocks, .block_count = block_count, .numbers = numbers, .count = number_count,
		.edits = mem_zero(number_count * sizeof *search.edits)};
	db_begin(&db, store);
	enum store_rc rc = mongo_settle_chat(&db, membership->chat_id, NULL, err);
	if (rc == STORE_OK)
		rc = mongo_visit_changes_of_any(&db, membership->chat_id, numbers, number_count, keep_newest, &search, err);
	else if (rc == STORE_NOT_FOUND)
		rc = STORE_OK; /* no such chat: no edits */
	db_end(&db);
	for (size_t i = 0; i < number_count; i++) {
		if (rc == STORE_OK)
			edits[i] = search.edits[i];
		else
			transaction_free(search.edits[i]);
	}
	free(search.edits);
	return rc;
}
