/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_PARTED_H
#define HC_RPC_PARTED_H
/* Two people of whom one blocks the other learn nothing of each other's marks, on hc/me/live (plugin/broker/live.c) and where they are asked
 * for (here). Workers; blocks. */

#include "plugin/rpc/rpc.h"

/* Some members of a chat. */
struct parted {
	bool *is_parted; /* of each: a block stands between him and the caller, or his account is gone. Not of the caller himself */
};

/* Asks for those who are members now; free with parted_close. false: refused. */
bool parted_open(struct rpc_request *request, const struct chat_record *chat, struct parted *parted);
void parted_close(struct parted *parted);

#endif
