/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_ENDED_H
#define HC_BROKER_ENDED_H
/* A group that has ended can be read for 30 days; then its texts and its name are erased. Broker thread. */

struct server;

/* Looks for such groups and erases them in pieces, half a second apart, unless that is under way. Every ten minutes. */
void ended_look(struct server *server);

#endif
