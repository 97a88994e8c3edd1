/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_UNDERWAY_H
#define HC_BROKER_UNDERWAY_H
/* Lines that the broker has not taken up yet, and who comes meanwhile. Broker thread.
 *
 * 2.1 reads packets between a tick and taking up what was published in it, and gives that to whoever has the client ID by then. To who goes on exactly
 * where the connection before stood (struct parked) it is due. To who begins anew, at the stored cursor, it would come ahead of older lines: so he is
 * to come again a moment later. Until then, and for a few seconds at most, the connection before, if it is still there, gets no lines, or this could
 * happen to him again and again.
 * Nobody else is let in under the client ID of a connection that has gone since the last tick: what was published for that would be given to him.
 * Where somebody without a device has a user's own name as client ID, he goes before the user is let in, and others do not get it for a few seconds.
 * 2.0 takes up what was published before it reads the next packet. */

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

struct mosquitto;
struct server;
struct session;

struct underway {
	char *client_id;
	char *user_id;
	bool lines; /* some are; else a reply may be, or something live */
	bool exact; /* whoever goes on with the MQTT session is to have them */
	UT_hash_handle hh;
};

/* A client ID that is kept free for the user who is called so. */
struct reserved {
	char *client_id;
	int64_t until_ms;
	UT_hash_handle hh;
};

/* A client that may come in as this user would get such lines, and is to come again. Not for certificates: those Mosquitto has let in already. */
bool underway_bars(struct server *server, const struct mosquitto *client, const char *user_id);

/* The same of somebody from outside the chat, and not only for lines: nothing of it is for him, and he needs no subscription to get it. */
bool underway_bars_strangers(const struct server *server, const char *client_id);

/* Lines or texts went out to it that the broker has not taken up yet: it does not tell of them as held. */
bool underway_has_lines(const struct server *server, const struct session *session);

/* A connection ends. Before its feed does. */
void underway_leaves(struct server *server, const struct session *session);

/* All is taken up. At each tick. */
void underway_tick(struct server *server);
void underway_free_all(struct server *server);

#endif
