/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_INTAKE_H
#define HC_BROKER_INTAKE_H
/* MESSAGE: what clients publish becomes commands, receipts, signals and requests. Broker thread; never blocks but for the journal's write into
 * the page cache. */

#include <stddef.h>
#include <stdint.h>

struct mosquitto_evt_message;
struct server;

/* One of Mosquitto's codes: SUCCESS (taken: the message is rewritten to a topic that nobody hears; or none of ours), ACL_DENIED (refused;
 * PUBACK follows), anything else closes the connection without PUBACK, so that a QoS 1 client sends it again. */
int intake_message(struct server *server, struct mosquitto_evt_message *event);

/* A record of the journal after a restart: decided again, with nobody waiting for the answer. */
void intake_replay(struct server *server, uint64_t seq, const void *record, size_t len);

#endif
