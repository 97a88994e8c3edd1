/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_ACTIVITY_H
#define HC_BROKER_ACTIVITY_H
/* The topic of what passes (the option kafka_activity_topic, docs/kafka.md): receipts once they are stored, and who comes and goes. At most once: what
 * Kafka does not take at the moment is dropped and counted, nothing waits for it. Broker thread, but for activity_receipts. */

#include <stdbool.h>
#include <stddef.h>

#include "storage/store.h"

struct server;
struct activity;

/* Once the mirror is there. Nothing happens where there is no topic. */
void activity_open(struct server *server);
/* Before the mirror ends; no job is under way any more. */
void activity_close(struct server *server);

/* The store has them. Worker. */
void activity_receipts(struct server *server, const struct receipt *receipts, size_t count);

/* Somebody has his first connection here, or has had none for a while, since seen_ms. */
void activity_presence(struct server *server, const char *user_id, bool online, int64_t seen_ms);
/* Hands on what has come together. Once a second. */
void activity_flush(struct server *server);

/* How many records were dropped, since the start. */
uint64_t activity_dropped(const struct server *server);

#endif
