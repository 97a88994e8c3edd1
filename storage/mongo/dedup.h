/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MONGO_DEDUP_H
#define HC_STORAGE_MONGO_DEDUP_H
/* Keys of commands: {_id: digest of (chat, sender, key), n: [numbers], at}. A number there says only that somebody was going to put that key at it;
 * the log decides.
 *
 * Why nothing comes twice. A number is put here before its transaction is put into the log. Whoever appends at N has N - 1 in the log before he
 * asks here. So if another transaction of that key is in the log below N, its number is found here; if it is not in the log yet, it can only
 * get a number >= N, and N is his or mine: whose insert comes second finds N taken, and asks again. Any thread. */

#include "storage/mongo/handle.h"

bool dedup_is_indexed(const struct transaction *tx); /* has a key that is looked for */

/* Puts the transactions' keys in, all in one go. taken[i]: it was there, dedup_verify has to look. */
enum store_rc dedup_put(struct db *db, struct transaction *const *transactions, size_t count, bool *taken, struct error *err);

/* Of a key that was there: *number gets the transaction that has it, not older than 7 days before tx, and not tx itself (same number, same
 * head). 0: none; then tx's number was added. */
enum store_rc dedup_verify(struct db *db, const struct transaction *tx, uint64_t *number, struct error *err);

/* The newest transaction of that sender and key that is not older than since_ms; a reference. NOT_FOUND. */
enum store_rc dedup_find(struct db *db, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms,
                         struct transaction **found, struct error *err);

/* Forgets keys whose newest use is before that, a piece at a time. */
enum store_rc dedup_prune(struct db *db, int64_t before_ms, bool *more, struct error *err);

#endif
