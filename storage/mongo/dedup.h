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

/* One key on its way in. */
struct dedup_key {
	const struct transaction *tx;
	bool blindly; /* it is put in whatever has it (an import) */
	bool taken;   /* it was there: dedup_verify has to look */
	uint64_t number; /* of the transaction that has it; 0: none, and tx's number was put in */
	bool again;   /* somebody else was at it: put it again */
};

/* Puts the keys in, all in one go; sets taken. */
enum store_rc dedup_put(struct db *db, struct dedup_key *keys, size_t count, struct error *err);

/* Of those that were taken: looks for the transaction that has the key, below tx's own number and not older than 7 days before tx. In a few
 * commands for all of them, keys of one chat side by side. What is proven stale (the log has something else there, for ever) is dropped. */
enum store_rc dedup_verify(struct db *db, struct dedup_key *keys, size_t count, struct error *err);

/* The newest transaction of that sender and key that is not older than since_ms; a reference. NOT_FOUND. */
enum store_rc dedup_find(struct db *db, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms,
                         struct transaction **found, struct error *err);

/* Forgets keys whose newest use is before that, a piece at a time. */
enum store_rc dedup_prune(struct db *db, int64_t before_ms, bool *more, struct error *err);

#endif
