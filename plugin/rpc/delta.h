/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_DELTA_H
#define HC_RPC_DELTA_H
/* What a part of a chat's log comes to for somebody who has what is before it: new messages that carry their edits already, without those
 * that were deleted, and updates of older ones. Workers; blocks. */

#include "plugin/rpc/view.h"

struct delta {
	struct rpc_request *request; /* whose store, user and page it is; request->refused is set by DELTA_REFUSED */
	const struct user_chat *membership;
	struct view view;
	struct range range;
	bool has_after; /* the client said what it has */
	size_t max;     /* bytes that may be added */
};

enum delta_rc {
	DELTA_OK,
	DELTA_TOO_SMALL, /* not even one item fits; nothing was added */
	DELTA_REFUSED,
};

/* Adds the members of the Delta object, without its braces. It takes in at least one transaction where there is any. */
enum delta_rc delta_add(const struct delta *delta, struct buf *out);

#endif
