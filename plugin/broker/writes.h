/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_WRITES_H
#define HC_BROKER_WRITES_H
/* RPC_WRITE: what operations store of people. Broker thread.
 *
 * The request is in the journal when it comes here. Those of one user are done one after the other, whatever the store does, so that the last
 * one of two that contradict each other wins. */

#include "plugin/rpc/rpc.h"

struct server;

/* Takes the request over: it is stored, settled, answered, and its record is released. Its origin is set. */
void writes_start(struct server *server, struct rpc_request *request);

/* Whether some of this user's are not stored yet. */
bool writes_are_under_way(struct server *server, const char *user_id);

#endif
