/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * One question to the store for all messages of a page. */
#include "plugin/rpc/later.h"

#include <stdlib.h>

#include "plugin/rpc/answer.h"

static int compare_numbers(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

/* The message that it is, or edits; 0: neither, or there is no text of it to be shown. */
static uint64_t message_of(const struct transaction *tx)
{
	if (tx->body.text == NULL)
		return 0;
	return tx->type == TX_MESSAGE ? tx->number : tx->type == TX_EDIT ? tx->target : 0;
}

/* Ascending, none twice. Returns how many. */
static size_t collect(const struct page *page, const struct view *view, uint64_t *numbers)
{
	size_t found = 0, count = 0;
	for (size_t i = 0; i < page->count; i++)
		if (message_of(page->transactions[i]) != 0 && view_sees(view, page->transactions[i]))
			numbers[found++] = message_of(page->transactions[i]);
	qsort(numbers, found, sizeof *numbers, compare_numbers);
	for (size_t i = 0; i < found; i++)
		if (count == 0 || numbers[i] != numbers[count - 1])
			numbers[count++] = numbers[i];
	return count;
}

bool later_open(struct rpc_request *request, const struct user_chat *membership, const struct view *view, const struct page *page,
	struct later *later)
{
	struct store *store = request->world->store;
	const struct block_list *blocks = view->blocks;
	struct later found = {.numbers = mem_new(page->count * sizeof *found.numbers)};
	size_t count = collect(page, view, found.numbers);
	found.edits = mem_zero(count * sizeof *found.edits);
	enum store_rc rc = count == 0 ? STORE_OK : store_ops(store)->read_edits(store, membership, blocks ? blocks->blocks : NULL, blocks ? blocks->count : 0,
												   found.numbers, count, found.edits, &request->problem);
	if (rc == STORE_OK)
		found.count = count;
	else
		later_close(&found);
	*later = found;
	return rc == STORE_CORRUPT || answer_store_ok(request, rc);
}

void later_close(struct later *later)
{
	for (size_t i = 0; i < later->count; i++)
		transaction_free(later->edits[i]);
	free(later->edits);
	free(later->numbers);
	*later = (struct later){0};
}

const struct transaction *later_edit(const struct later *later, uint64_t message)
{
	const uint64_t *number = later->count > 0 ? bsearch(&message, later->numbers, later->count, sizeof message, compare_numbers) : NULL;
	return number != NULL ? later->edits[number - later->numbers] : NULL;
}
