/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_PUSH_INNER_H
#define HC_TRANSFER_PUSH_INNER_H
/* What push.c, push_known.c and push_owed.c share. The mirror's thread. */

#include <stdatomic.h>

#include "plugin/transfer/push.h"

struct owed;
struct known;

enum { PUSH_PAGE = 200, SAID_MAX = 16 };

struct push {
	struct push_conf conf;
	struct buf value;
	struct owed *owed; /* hashed; the longest owed first */
	int64_t looked_ms;
	struct known *known; /* hashed by chat */
	struct said {
		char *text;
		int64_t at_ms; /* monotonic */
	} said[SAID_MAX]; /* last, a ring: so each is said once, and of many that are new so many a minute */
	size_t said_next;
	bool kafka_is_away;   /* it did not take the last one at the moment */
	_Atomic uint64_t count, left_out;
};

/* One message, and what all of its pushes share. */
struct subject {
	const struct transaction *tx;
	struct message_state state;
	struct block_list *blocks;      /* the sender's */
	struct profile_list *profiles;  /* of the sender, who may be missing */
	int64_t now_ms;
};

/* As it is now. STORE_NOT_FOUND: there is nothing to push about any more, or it is too old. subject_fini in any case. */
enum store_rc subject_load(struct push *push, const struct transaction *tx, struct subject *subject, struct error *err);
void subject_fini(struct subject *subject);

/* As store_ops.load_profiles; but where names are damaged nobody has one: who is mentioned by it is not found. */
enum store_rc push_load_profiles(struct push *push, const char *const *user_ids, size_t count, struct profile_list **profiles, struct error *err);

/* Where the record goes. KAFKA_LARGER: it never will, and that is counted; anything but KAFKA_TAKEN else: later. */
typedef enum kafka_taken push_way(struct mirror *mirror, const struct kafka_record *record);

/* Makes the push for one member, if he wants it. name: what others mention him by. STORE_UNAVAILABLE also where the way does not take it at the
 * moment (kafka_is_away). */
enum store_rc push_to(struct push *push, struct mirror *mirror, push_way *way, const struct subject *subject, const struct push_target *target,
	const char *name, struct error *err);

/* Whether it stays as it is however often it is tried: then it is counted, and said once, unless there is too much to be said. who: what there are
 * no pushes for. */
bool push_passes_over(struct push *push, enum store_rc rc, const char *who, const struct error *err);

/* ---- push_known.c ---- */

/* Whether nobody is to be told of tx now: all whom the store names, by what is known already or by one look, are here, or do not want it. They are
 * owed it then. *first: where it looked and is not so, the first page of list_push_targets for tx; else NULL; store_free. */
enum store_rc push_is_settled(struct push *push, struct mirror *mirror, const struct transaction *tx, bool *settled, struct push_target_list **first,
	struct error *err);
void push_forget_known(struct push *push);

/* ---- push_owed.c ---- */

/* Somebody who is connected would have been pushed. */
void push_owe(struct push *push, const struct transaction *tx, const char *user_id);
void push_forget_owed(struct push *push);

#endif
