/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_REPLAY_H
#define HC_BROKER_REPLAY_H
/* What a connection missed, read from the store and made ready on a reader's thread. Broker thread. */

struct server;
struct session;

/* Finds out where the device stands in each of its user's chats. */
void replay_load(struct server *server, struct session *session);

/* Has the next piece read, if the feed needs one. */
void replay_next(struct server *server, struct session *session);

#endif
