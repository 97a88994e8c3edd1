/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_LATER_H
#define HC_RPC_LATER_H
/* Edits that came behind a part of a log, of the messages that it is about: who reads on backwards has passed them already, when he did not
 * know those messages yet. Workers; blocks. */

#include "plugin/rpc/view.h"

struct later {
	size_t count;
	uint64_t *numbers;          /* of messages, ascending */
	struct transaction **edits; /* the last edit that the reader sees of each; NULL: none */
};

/* Looks for the last edits of the messages on the page, and of those that its edits are about. Where one is damaged there are none:
 * the page is worth more than they are. false: refused, with nothing to close. */
bool later_open(struct rpc_request *request, const struct user_chat *membership, const struct view *view, const struct page *page,
	struct later *later);
/* A zeroed one is fine. */
void later_close(struct later *later);

/* Behind the page or on it; NULL: none, or it was not looked for. Any thread, does not block. */
const struct transaction *later_edit(const struct later *later, uint64_t message);

#endif
