/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_WITNESS_H
#define HC_BROKER_WITNESS_H
/* The journal remembers what this broker has committed last, and to which store. So a store that is behind it is noticed at the start: a file that
 * was copied without its WAL, a backup that was put in its place and kept the epoch, a disk that lost what it had confirmed. It would give out
 * numbers again that clients have seen with other contents.
 *
 * Broker thread, but for witness_check. */

#include "plugin/transfer/journal.h"
#include "storage/store.h"

struct server;

struct witness {
	char epoch[STORE_EPOCH_LEN + 1]; /* "": nothing is known */
	char chat_id[CHAT_ID_MAX + 1];
	uint64_t number;
	unsigned char head[HEAD_BYTES];
};

/* Before anybody is shown that transaction. */
void witness_saw(struct server *server, const char *chat_id, uint64_t number, const unsigned char head[HEAD_BYTES]);

void witness_load(const struct journal *journal, struct witness *witness);

/* Whether the store has it, where it has the same epoch. REFUSED: it has not; err tells the operator what to do. Blocks, any thread. */
enum store_rc witness_check(const struct witness *witness, struct store *store, const struct store_info *info, struct error *err);

/* The store is open: says so where it has another epoch. */
void witness_compare(struct server *server, const struct witness *witness);

#endif
