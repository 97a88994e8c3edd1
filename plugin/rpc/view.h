/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_VIEW_H
#define HC_RPC_VIEW_H
/* What one reader may see of one chat: the numbers of his times of membership, or everything where the chat's history is for all, as far as
 * the log goes; and nothing that somebody wrote while he had blocked him. One rule for all operations that read. Pure but for view_open; any
 * thread. */

#include "plugin/rpc/rpc.h"

struct view {
	const struct interval *intervals;
	size_t interval_count;
	uint64_t latest; /* of the chat */
	enum role role;  /* ROLE_NONE: a former member */
	bool history_all;
	const char *user_id;
	const struct block_list *blocks; /* NULL: he has blocked nobody */
};

struct view view_of_membership(const char *user_id, const struct user_chat *membership, const struct block_list *blocks);
struct view view_of_member(const struct chat_record *chat, const struct member_record *member, const struct block_list *blocks);

bool view_sees(const struct view *view, const struct transaction *tx);
/* Whether the number is among those that he may see, whatever is written there. */
bool view_covers(const struct view *view, uint64_t number);
bool view_is_current(const struct view *view);
/* The last number that he can see; 0: none. */
uint64_t view_end(const struct view *view);

/* A part of the log, both ends included; from 0: nothing. */
struct range {
	uint64_t after; /* what the client has */
	uint64_t from, to;
};
/* has_after false: the newest page_max numbers. to is held to what there is to see. */
struct range view_range(const struct view *view, bool has_after, uint64_t after, uint64_t to, uint32_t page_max);

/* The caller's membership of one chat, and his view of it. */
struct reading {
	struct user_chat *membership;
	struct block_list *blocks;
	struct view view;
};

/* Workers; blocks. false: refused, with nothing to close. */
bool view_open(struct rpc_request *request, const char *chat_id, struct reading *reading);
void view_close(struct reading *reading);

#endif
