/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_CURSOR_H
#define HC_BROKER_CURSOR_H
/* How far a device has what. Broker thread.
 *
 * The cursor may only stand where everything before it has surely arrived; what is repeated after a loss is allowed, what is missing is not.
 *  - A `received` receipt says so.
 *  - What was handed over longer ago than the broker needs to notice a dead connection (1.5 × keepalive) has arrived.
 *  - Where the MQTT session goes on and the inbox was subscribed with QoS 1, the broker itself tells at the reconnect: it asks READ for every
 *    message that was not acknowledged. So a device that went away is parked with what it was handed; what READ then names was not
 *    received, the rest was. Parked devices are in memory only; after a crash of the broker the stored cursor counts. */

#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

struct server;
struct session;

struct parked_track {
	char *chat_id;
	uint64_t acknowledged;
	UT_hash_handle hh;
};

struct parked {
	char *client_id;
	char *user_id;
	int64_t at_ms;
	struct parked_track *tracks;
	UT_hash_handle hh;
};

/* The user says on this connection that he has everything up to number. */
void cursor_received(struct server *server, struct session *session, const char *chat_id, uint64_t number);

/* Stores all cursors that moved. Every second or so. */
void cursor_flush(struct server *server);

/* The connection goes: stores its cursors, parks the device. */
void cursor_leave(struct server *server, struct session *session);

/* READ of a message on hc/me/inbox: it was not acknowledged before the connection was lost. */
void cursor_unacknowledged(struct server *server, const struct session *session, const char *payload, size_t len);

/* The line, which is one of ours, did not arrive. */
void cursor_lower(struct parked *parked, const char *line, size_t len);

/* Takes the parked state of the session's device out, NULL: none. */
struct parked *cursor_unpark(struct server *server, const struct session *session);
const struct parked_track *parked_find(const struct parked *parked, const char *chat_id); /* parked may be NULL */
void parked_free(struct parked *parked);
void cursor_free_all(struct server *server);

#endif
