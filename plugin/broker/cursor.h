/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_CURSOR_H
#define HC_BROKER_CURSOR_H
/* How far a device has what. Broker thread.
 *
 * The cursor may only stand where everything before it has surely arrived; what is repeated after a loss is allowed, what is missing is not.
 *  - A `received` receipt says so.
 *  - What has left the socket, and was handed over longer ago than the broker needs to notice a dead connection (1.5 × keepalive), has
 *    arrived.
 *  - Where the MQTT session goes on and everything was subscribed with QoS 1, the broker itself holds what was not acknowledged and sends it
 *    again, in order. So a device that goes away is parked with what it was handed, and comes back exactly there. Parked devices are
 *    in memory only; after a crash of the broker the stored cursor counts.
 *  - Where such a device comes back and nothing is held for it, all that it was handed before has arrived.
 *
 * At a reconnect the broker asks READ for each message that it is about to send again. For a parked device the answer is yes. Else it is
 * no, because replay will begin at the stored cursor, before those messages; on 2.0 each such no takes a place of the connection's send
 * quota for good, so that connection is served with QoS 0 (see struct session, quota_lost). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/small_hash.h"

struct server;
struct session;

struct parked_track {
	char *chat_id;
	uint64_t handed;
	UT_hash_handle hh;
};

/* Lines that were waiting for the window when it went are not in `handed`: they never left. */
struct parked {
	char *client_id;
	char *user_id;
	int64_t at_ms;
	uint64_t session_id; /* that went, or wants nothing for now */
	signed char events_qos; /* as the session's */
	bool exact;    /* the broker holds all that was not acknowledged, if it keeps the session */
	bool underway; /* but some of it only a moment later (underway.h) */
	bool arrived;  /* when it is unparked: nothing was held, so all of it was acknowledged */
	struct parked_track *tracks;
	UT_hash_handle hh;
};

/* The user says on this connection that he has everything up to number. */
void cursor_received(struct session *session, const char *chat_id, uint64_t number);

/* Begins to go round all connections and to store the cursors that moved, unless that is under way. Every second or so. */
void cursor_flush(struct server *server);
/* Goes on with that, for a part of them: thousands of devices with many chats each must hold up neither the broker nor the lane. Each tick. */
void cursor_tick(struct server *server);

/* The connection goes: its cursors are stored with those of others that go now, the device is parked. */
void cursor_leave(struct server *server, struct session *session);

/* Whether the broker holds all that was handed over and not acknowledged, if it keeps the session: parked, the device comes back exactly there. */
bool cursor_all_held(const struct session *session);

/* READ of a message below hc/me/ that the broker holds for this client ID: whether it may send it again. */
bool cursor_resend(struct server *server, struct session *session, const char *topic);

/* Takes the parked state of the session's device out, if what it was handed is sure to arrive; else NULL. */
struct parked *cursor_unpark(struct server *server, struct session *session);
const struct parked_track *parked_find(const struct parked *parked, const char *chat_id); /* parked may be NULL */
void parked_free(struct parked *parked);

/* Somebody else has had the MQTT session of this client ID (NULL: none): what the broker held is not sure to arrive any more. */
void cursor_forget(struct server *server, const char *client_id);
void cursor_free_all(struct server *server);

#endif
