/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_PUBLISH_H
#define HC_BROKER_PUBLISH_H
/* The way out: everything that a client receives below the prefix goes through here. The broker takes it at the top of its next round.
 * By client ID, so that it reaches that connection alone and needs no subscription of the broker's. Broker thread. */

#include <stdbool.h>
#include <stddef.h>

struct server;
struct session;

/* The broker's way of counting memory: payloads given to publish_owned come from here. */
char *publish_alloc(size_t len);

/* hc/me/<topic> to one connection. payload belongs to the broker afterwards. qos: 0 or 1. false: it is longer than the connection takes. */
bool publish_owned(struct server *server, struct session *session, const char *topic, char *payload, size_t len, int qos);
bool publish_copy(struct server *server, struct session *session, const char *topic, const char *payload, size_t len, int qos);

/* The same for an ack. */
void publish_ack(struct server *server, struct session *session, const char *topic, const char *payload, size_t len, int qos);

/* What a packet for it is sent with that is to have that QoS: 0 where it has no quota left. */
int publish_qos(const struct session *session, int qos);

/* An RPC answer: any topic, with the asker's correlation data (NULL: none). */
void publish_reply(struct server *server, struct session *session, const char *topic, const char *payload, size_t len,
                   const void *correlation, size_t correlation_len);

/* hc/chat/<chatID>/events to whoever subscribed to it, by the broker's own fan-out. */
void publish_events(struct server *server, const char *chat_id, const char *payload, size_t len);

/* Something of the plugin's own, retained. QoS 0, so that nothing is kept for who is offline: numbers of yesterday help nobody, and a user who takes
 * over an administrator's MQTT session finds none. */
void publish_status(struct server *server, const char *topic, const char *text);

#endif
