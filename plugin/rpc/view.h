/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_VIEW_H
#define HC_RPC_VIEW_H
/* What one reader may see of one chat: the numbers of his times of membership, as far as the log goes. One rule for all operations that
 * read. Pure but for view_load; any thread. */

#include "plugin/rpc/rpc.h"

struct view {
	const struct interval *intervals;
	size_t interval_count;
	uint64_t latest; /* of the chat */
	enum role role;  /* ROLE_NONE: a former member */
};

struct view view_of_membership(const struct user_chat *membership);
struct view view_of_member(const struct chat_record *chat, const struct member_record *member);

bool view_sees(const struct view *view, uint64_t number);
bool view_is_current(const struct view *view);
/* The last number that he can see; 0: none. */
uint64_t view_end(const struct view *view);
/* The first number above `after` that he can see; 0: none. */
uint64_t view_next(const struct view *view, uint64_t after);

/* Former members not counted. */
size_t chat_member_count(const struct chat_record *chat);

/* A part of the log, both ends included; from 0: nothing. */
struct range {
	uint64_t after; /* what the client has */
	uint64_t from, to;
};
/* has_after false: the newest page_max numbers. to is held to what there is to see. */
struct range view_range(const struct view *view, bool has_after, uint64_t after, uint64_t to, uint32_t page_max);

/* The caller's membership of the chat that the request names. false: refused. Blocks. store_free(*membership). */
bool view_load(struct rpc_request *request, struct user_chat **membership);

#endif
