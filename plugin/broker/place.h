/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_PLACE_H
#define HC_BROKER_PLACE_H
/* A chat that was not in memory has something new from another broker. Broker thread; what is read is read by jobs. */

#include <stdint.h>

struct chat;
struct server;

/* The chat has been loaded. Who is connected here and may see what came with `number` or later gets it: a device from where it stands, as the
 * store knows that, any other connection from that number on. */
void place_members(struct server *server, struct chat *chat, uint64_t number);

#endif
