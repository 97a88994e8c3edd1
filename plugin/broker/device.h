/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_DEVICE_H
#define HC_BROKER_DEVICE_H
/* What the store keeps of users and devices: that they exist, what they subscribed, whether they ever wanted their inbox, how long their
 * packets may be. Broker thread; the store is asked by jobs. */

#include <stdbool.h>

struct server;
struct session;

/* The user has logged in. */
void device_put_user(struct server *server, const char *user_id);

/* Whether that is still on its way to the store. */
bool device_puts_user(struct server *server, const char *user_id);

/* A device connected: its settings, and what it had subscribed, come back from the store if the MQTT session goes on. */
void device_load(struct server *server, struct session *session);

/* Its subscriptions or settings changed: device_store is called at the end of the tick. */
void device_changed(struct server *server, struct session *session);
void device_store(struct server *server, struct session *session);
/* The connection goes: what was held back is stored now, and soon when the device was here last. */
void device_leave(struct server *server, struct session *session);
/* Comes back to changes that came too fast to be stored one by one, and has it stored anew that who is connected is here: by that the store forgets
 * devices. Every second or so. */
void device_flush(struct server *server);

#endif
