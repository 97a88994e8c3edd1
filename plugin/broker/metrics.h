/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_METRICS_H
#define HC_BROKER_METRICS_H
/* Collects the numbers of metrics_table.h, as often as the broker publishes its own (sys_interval, 10 s): for administrators on topics below
 * METRICS_TOPIC, retained, those that have changed; and in the file of the option `metrics_file`, for Prometheus' node exporter. With sys_interval 0
 * there are no topics, and the file is written every 10 s. Who may read the topics says access.c.
 *
 * Broker thread; the file is written by a worker of its own. */

#include <stdbool.h>

#include "base/error.h"
#include "plugin/broker/metrics_table.h"

struct server;
struct metrics;

/* Before the store is opened, so that it can be seen that it is not. false: err. */
bool metrics_open(struct server *server, struct error *err);

/* SIGHUP: sys_interval may be another one. */
void metrics_reload(struct server *server);

/* Each tick, also while there is no store. */
void metrics_tick(struct server *server);

/* What the topics would say now; rates are those since the last time that they did. */
void metrics_now(struct server *server, metrics_each *each, void *context);

int64_t metrics_started_ms(const struct server *server);

/* Ends the worker and removes the file: nobody shall take it for a broker that runs. Before the mailbox is emptied for the last time. */
void metrics_finish(struct server *server);
/* Behind that. NULL is fine. */
void metrics_free(struct metrics *metrics);

#endif
