/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_SHARED_H
#define HC_RPC_SHARED_H
/* Whether two people are in some chat together now. Workers; blocks. */

#include "storage/store.h"

/* The chats that one person is a member of. A zeroed one has none. */
struct shared {
	struct user_record *user;
	const char **chat_ids; /* sorted; they are the record's */
	size_t count;
};

/* STORE_OK: shared_close it. */
enum store_rc shared_open(struct store *store, const char *user_id, struct shared *shared, struct error *err);
void shared_close(struct shared *shared);

/* STORE_OK: *shares says whether the other one is in one of them. */
enum store_rc shared_with(struct store *store, const struct shared *shared, const char *other_id, bool *shares, struct error *err);

#endif
