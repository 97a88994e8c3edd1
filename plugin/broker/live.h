/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_LIVE_H
#define HC_BROKER_LIVE_H
/* hc/me/live: what is worth something only now, and is not stored. Broker thread. */

#include <stdbool.h>
#include <stdint.h>

struct chat;
struct member;
struct server;
struct session;

/* Somebody types, or stopped. To the other members who are connected; in a large group to nobody, since each event would go to everybody. */
void live_typing(struct server *server, struct chat *chat, const char *user_id, bool typing);

/* A member's watermarks moved: announced with the next round of receipts, once for all that came until then. */
void live_receipt(struct server *server, const struct chat *chat, struct member *member);

/* Announces what has gathered. At the end of a tick. */
void live_flush(struct server *server);

/* Somebody came or went, to one connection that watches him. last_seen_ms 0: not told. */
void live_presence(struct server *server, struct session *session, const char *user_id, bool online, int64_t last_seen_ms);

/* {"type":"tokenExpires","at":…}, or that it has: the connection ends. */
void live_token(struct server *server, struct session *session, bool expired);

void live_free_all(struct server *server);

#endif
