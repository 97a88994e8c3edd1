/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_ROOM_H
#define HC_BROKER_ROOM_H
/* A user's devices stay within devices_max: each has a place in every chat of his in the store. Broker thread; the store is asked by jobs. */

struct server;

/* A device came that the store does not know: those that were away longest are forgotten until it has room. Who can be woken, has a device token,
 * or is connected to this broker stays; so there may be more of those. So does who was here within two days, while of all that cannot be woken and
 * have no device token there are at most twice as many. */
void room_make(struct server *server, const char *user_id, const char *device);

#endif
