/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_INTAKE_H
#define HC_BROKER_INTAKE_H
/* MESSAGE: what clients publish becomes commands, receipts, signals and requests. Broker thread; never blocks but for the journal's write into
 * the page cache. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mosquitto_evt_message;
struct person;
struct server;
struct verdict;

/* One of Mosquitto's codes: SUCCESS (taken: the message is rewritten to a topic that nobody hears; or none of ours), ACL_DENIED (refused;
 * PUBACK follows), anything else closes the connection without PUBACK, so that a QoS 1 client sends it again. */
int intake_message(struct server *server, struct mosquitto_evt_message *event);

/* A record of the journal after a restart: decided again, with nobody waiting for the answer. */
void intake_replay(struct server *server, uint64_t seq, const void *record, size_t len);

/* Counts one command of that many bytes. false: *verdict; the user's limits are used up. */
bool intake_allows(struct server *server, struct person *person, const char *chat_id, size_t bytes, struct verdict *verdict);

/* Whether the person's limits are as if he had never been here. */
bool intake_is_settled(const struct server *server, struct person *person);

/* Frees what is kept of a person's limits. */
void intake_forget_person(struct person *person);

#endif
