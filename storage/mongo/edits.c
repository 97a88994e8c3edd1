/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The last edits of several messages, for who reads a part of the log whose edits come behind it. One question for all of them, as long as they were not
 * edited often. Any thread. */
#include <stdlib.h>

#include "storage/mongo/logdoc.h"
#include "storage/mongo/ops.h"

enum { MORE_DOCS = 16 }; /* beside two for each message: so many are nearly always enough */

struct search {
	const struct user_chat *membership;
	const struct block *blocks;
	size_t block_count;
	const uint64_t *numbers;
	size_t count, found;
	struct transaction **edits; /* as far as they are found */
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
	if (number == NULL || tx->number <= *number || search->edits[number - search->numbers] != NULL ||
		!membership_shows_now(search->membership, search->blocks, search->block_count, tx))
		return true;
	search->edits[number - search->numbers] = transaction_ref(tx);
	return ++search->found < search->count;
}

/* Those of which no edit is found yet. Returns how many. */
static size_t collect_missing(const struct search *search, uint64_t *missing)
{
	size_t count = 0;
	for (size_t i = 0; i < search->count; i++)
		if (search->edits[i] == NULL)
			missing[count++] = search->numbers[i];
	return count;
}

/* A message may have thousands of edits: so the newest ones of all come first, and then those of messages of which none is found. Where none at all was
 * to be seen, twice as many are asked for. */
static enum store_rc search_log(struct db *db, struct search *search, struct error *err)
{
	uint64_t *missing = mem_new(search->count * sizeof *missing);
	struct log_range range = {.chat_id = search->membership->chat_id, .from = 1, .to = membership_end(search->membership), .order = LOG_DESCENDING};
	enum store_rc rc = STORE_OK;
	size_t more = 0;
	while (rc == STORE_OK && range.to > 0 && search->found < search->count) {
		size_t before = search->found, count = collect_missing(search, missing);
		range.doc_max = more > 0 ? more : 2 * count + MORE_DOCS;
		rc = log_visit_changes_of_any(db, &range, missing, count, keep_newest, search, &range.to, err);
		more = search->found == before ? 2 * range.doc_max : 0;
	}
	free(missing);
	return rc;
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
		rc = search_log(&db, &search, err);
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
