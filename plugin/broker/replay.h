/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_REPLAY_H
#define HC_BROKER_REPLAY_H
/* What a connection missed, read from the store and made ready on a reader's thread. Broker thread. */

#include "storage/store.h"

struct parked;
struct server;
struct session;

/* Finds out where the device stands in each of its user's chats. */
void replay_load(struct server *server, struct session *session);

/* Where the device begins in one chat: makes the track if it needs one. cursor: what is stored of it, NULL: nothing; parked: what the device was
 * handed before, and has or is sent again, NULL: nothing. */
void replay_start_chat(struct server *server, struct session *session, const struct user_chat *chat, const struct device_cursor *cursor,
	const struct parked *parked);

/* Has the next piece read, if the feed needs one. A chat of which that is damaged is left alone for a while, and tried again ever more rarely. */
void replay_next(struct server *server, struct session *session);

/* Comes back to those chats. Every second or so. */
void replay_flush(struct server *server);

#endif
