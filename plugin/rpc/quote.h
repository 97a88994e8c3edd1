/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_QUOTE_H
#define HC_RPC_QUOTE_H
/* A reply has the text that it answers in it. Who had blocked that text's author when it was written is not shown it there either.
 * Workers; blocks. */

#include "storage/store.h"

/* Puts copies without their quotes in the place of those replies that quote what is hidden from the reader. Asks the store only if he ever
 * blocked anybody (NULL: he did not). Not STORE_OK: not all of them were looked at; what is there is still the caller's. */
enum store_rc quotes_hide(struct store *store, const struct block_list *blocks, const char *reader_id, struct transaction **transactions,
	size_t count, struct error *err);

/* Whether there is one. Any thread; does not block. */
bool quote_is_there(const struct transaction *tx);

#endif
