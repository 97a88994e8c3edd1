/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_EVENTS_H
#define HC_BROKER_EVENTS_H
/* hc/chat/<chatID>/events: who may subscribe to a chat's transactions by the broker's own fan-out, whom each line may reach, and whether anybody
 * listens at all. Broker thread. */

#include <stdbool.h>
#include <stdint.h>

struct mosquitto_evt_acl_check;
struct server;
struct session;

/* SUBSCRIBE: one of Mosquitto's codes. */
int events_subscribe(struct server *server, struct session *session, const char *chat_id, int qos);

/* READ: the broker has somebody to deliver a line to, whoever it is. */
void events_are_asked_for(struct server *server, const char *chat_id);
/* Whether it is a line that the broker held for the one who is just coming, and asks about again; else it is on its way to all. */
bool events_is_held(struct server *server, const struct session *session, const char *chat_id, const struct mosquitto_evt_acl_check *event);
/* Whether the line may reach this one. Asked once for each delivery: it takes a place in the broker's queue for the client. */
bool events_may_reach(struct server *server, struct session *session, const char *chat_id, const struct mosquitto_evt_acl_check *event, bool held);

/* The chat's transaction of that number is to be shown: whether anybody may be listening. After a while in which nobody did, nobody does until somebody subscribes
 * again. */
bool events_are_shown(struct server *server, const char *chat_id, uint64_t number);

void events_free_all(struct server *server);

#endif
