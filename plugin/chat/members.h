/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CHAT_MEMBERS_H
#define HC_CHAT_MEMBERS_H
/* Who is or was in a chat. An array by user ID in the order of its bytes, and not a hash: of a chat in memory most is its members. What
 * comes in that order, as from a store, costs no search. Loop thread; nothing fails. */

#include "storage/records.h"

struct member {
	char *user_id;
	uint64_t received, read;
	enum role role : 8;      /* ROLE_NONE: a former member; without intervals: his account was deleted */
	bool receipts_dirty : 1; /* larger than what the store has */
	bool announce : 1;       /* larger than what the others were told */
	/* Of a pair: he can reach the other one. Found out once, and forgotten when either joins or leaves, and by core_reach_changed. That he
	 * cannot is asked each time, so that it takes as long for one who blocks as for one who is not there. */
	bool reaches_peer : 1;
	uint32_t interval_count;
	union {
		struct interval one;
		struct interval *many;
	} intervals; /* by member_intervals: nearly everybody has one */
};

struct members {
	struct member *list;
	size_t count, size;
	char *loaded_ids; /* the IDs of those that came with members_load, in one block */
	size_t loaded_bytes;
};

/* Into empty ones. The strings are copied. */
void members_load(struct members *members, const struct member_record *records, size_t count);
void members_fini(struct members *members);

struct member *members_find(const struct members *members, const char *user_id); /* NULL */
/* Of one who is not there yet, with ROLE_NONE and no interval. Pointers to other members are no good afterwards. */
struct member *members_add(struct members *members, const char *user_id);
/* NULL: the first; returns NULL behind the last. */
struct member *members_next(const struct members *members, const struct member *before);

const struct interval *member_intervals(const struct member *member); /* interval_count, ascending; NULL: none */
const struct interval *member_last_interval(const struct member *member); /* NULL: none */
void member_begin(struct member *member, uint64_t from); /* one more, which goes on */
void member_end(struct member *member, uint64_t to);     /* ends the last one */
void member_forget_intervals(struct member *member);

#endif
