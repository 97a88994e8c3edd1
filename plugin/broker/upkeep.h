/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_UPKEEP_H
#define HC_BROKER_UPKEEP_H
/* What a store needs from time to time: moving what is committed to its place, forgetting what is old, and
 * letting what was erased out of all files. Broker thread. */

struct server;

/* Starts what is due. Each tick. */
void upkeep_tick(struct server *server);

#endif
