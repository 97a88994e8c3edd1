/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_ACCESS_H
#define HC_BROKER_ACCESS_H
/* ACL_CHECK: may they publish, subscribe, be delivered to? Answers with one of Mosquitto's codes, for READ only yes or no (an error would
 * disconnect whoever published). Broker thread. */

#include <stdbool.h>

struct mosquitto_evt_acl_check;
struct server;

int access_check(struct server *server, struct mosquitto_evt_acl_check *event);

/* A transaction of the chat is to be shown: whether anybody may be listening to its events. After a while in which nobody did, nobody does until
 * somebody subscribes again. */
bool access_shows_events(struct server *server, const char *chat_id);
void access_free_all(struct server *server);

#endif
