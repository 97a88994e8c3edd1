/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_NEWCOMERS_H
#define HC_BROKER_NEWCOMERS_H
/* What adding people to a group costs, and whether they have room for one more. Workers; blocks. */

#include "storage/store.h"

struct newcomers {
	const char *adder_id;
	char *const *user_ids;
	size_t count;
	size_t chats_max;            /* that each may be a member of */
	const unsigned char *secret; /* the store's */
	size_t strangers;            /* out: with so many the adder has no 1:1 chat */
};

/* NOT_FOUND: one of them is a member of chats_max chats already. It takes the same steps. Others: the store's, nothing is known. */
enum store_rc newcomers_look(struct newcomers *newcomers, struct store *store, struct error *err);

#endif
