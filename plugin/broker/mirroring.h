/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_MIRRORING_H
#define HC_BROKER_MIRRORING_H
/* The broker's mirrors: of transactions where the option `kafka` is set, of pushes where `kafka_push_topic` is. Starts them, wakes them, writes their
 * lines into the log. Broker thread. */

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct server;

struct conf;

/* Whether librdkafka takes the options. */
bool mirroring_check(const struct conf *conf, struct error *err);

/* Once the store is open. true also where there is no Kafka; Kafka need not answer. false: there are no threads, or options contradict each other. */
bool mirroring_open(struct server *server, struct error *err);

/* Something was committed by this broker. */
void mirroring_committed(struct server *server, uint64_t last_position);

/* Before sessions are ended: else those who are connected to the last would look as if they were away. Blocks for at most a few seconds. */
void mirroring_close_pushes(struct server *server);

/* A line for the log, with syslog's level. Any thread. */
void mirroring_say(struct server *server, int level, const char *text);

/* Behind the last commit, before the mailbox is emptied for the last time. Blocks for at most a few seconds. */
void mirroring_close(struct server *server);

#endif
