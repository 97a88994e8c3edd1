/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_NAMING_H
#define HC_BROKER_NAMING_H
/* A name for who comes for the first time: what his token calls him. Broker thread; the work is a job. */

struct server;

/* He has just logged in. Nothing happens if he was here before, or has a name. */
void naming_offer(struct server *server, const char *user_id, const char *name);

#endif
