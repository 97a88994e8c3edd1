/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BENCH_CHATLOG_H
#define HC_BENCH_CHATLOG_H
/* Writes chats into a store without a broker: transactions like those that HyperChat makes, numbered and chained. For stores that no broker
 * has open. Failures end the program. One thread. */

#include <stddef.h>
#include <stdint.h>

#include "bench/scene.h"
#include "storage/store.h"

struct chatlog {
	char chat_id[SCENE_CHAT_ID_LEN + 1];
	char writer[WRITER_MAX + 1];
	uint64_t latest;
	unsigned char head[HEAD_BYTES];
	uint64_t messages; /* bodies count 0, 1, 2, … */
};

/* A chat that is not in the store yet. info: the store's. */
void chatlog_init(struct chatlog *log, const struct store_info *info, enum scene scene, size_t index);

/* Goes on behind what the store has of the chat; nothing if it has none. Or dies. */
void chatlog_catch_up(struct chatlog *log, struct store *store);

/* The next transaction; the caller appends it, and owns it. The first one must make the members: the first member, who also is its
 * sender, becomes the owner if with_owner. */
struct transaction *chatlog_members(struct chatlog *log, const char *const *user_ids, size_t count, bool with_owner);
struct transaction *chatlog_message(struct chatlog *log, const char *sender_id, size_t body_len);

/* Opens, or dies. */
struct store *chatlog_store_open(const char *uri, struct store_info *info);

/* Appends for several chats, of each `each` transactions that stand one after the other in `transactions`, and frees them. Dies unless
 * all of it is stored. Returns how long the store took. */
int64_t chatlog_append_us(
	struct store *store, const struct chatlog *const *logs, size_t log_count, struct transaction **transactions, size_t each);

#endif
