/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_PLACE_H
#define HC_BROKER_PLACE_H
/* Where connections stand in a chat that comes into memory, of a store that other brokers write to: what they wrote since the connection came may
 * not have been shown to it. Broker thread; what is read is read by jobs. */

#include <stdint.h>

struct chat;
struct server;

/* The chat has been loaded, and nothing of it was shown here since. A device that is connected goes on from where it stands, as the store knows
 * that. */
void place_members(struct server *server, struct chat *chat);

/* The same, because that number is new. Connections that are no devices begin there; in a large group all get a hint. */
void place_news(struct server *server, struct chat *chat, uint64_t number);

#endif
