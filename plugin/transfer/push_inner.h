/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_PUSH_INNER_H
#define HC_TRANSFER_PUSH_INNER_H
/* What push.c and push_owed.c share. The mirror's thread. */

#include <stdatomic.h>

#include "plugin/transfer/push.h"

struct owed;

struct push {
	struct push_conf conf;
	struct buf value;
	struct owed *owed; /* hashed; the longest owed first */
	int64_t looked_ms;
	_Atomic uint64_t count;
};

/* One message, and what all of its pushes share. */
struct subject {
	const struct transaction *tx;
	struct message_state state;
	struct block_list *blocks;      /* the sender's */
	struct profile_list *profiles;  /* of the sender, who may be missing */
	int64_t now_ms;
};

/* As it is now. STORE_NOT_FOUND: there is nothing to push about any more. subject_fini in any case. */
enum store_rc subject_load(struct push *push, const struct transaction *tx, struct subject *subject, struct error *err);
void subject_fini(struct subject *subject);

/* Where the record goes: true: it is taken. */
typedef bool push_way(struct mirror *mirror, const struct kafka_record *record);

/* Makes the push for one member, if he wants it. name: what others mention him by. STORE_UNAVAILABLE also where the way does not take it. */
enum store_rc push_to(struct push *push, struct mirror *mirror, push_way *way, const struct subject *subject, const struct push_target *target,
	const char *name, struct error *err);

/* Somebody who is connected would have been pushed. */
void push_owe(struct push *push, const struct transaction *tx, const char *user_id);
void push_forget_owed(struct push *push);

#endif
