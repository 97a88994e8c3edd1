/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_JOBS_H
#define HC_BROKER_JOBS_H
/* Jobs that have to wait: behind writes that are under way, or for a store that does not answer. Broker thread. */

#include <stdbool.h>

#include "base/error.h"
#include "base/worker.h"
#include "plugin/transfer/lane.h"
#include "storage/store.h"

struct server;

/* The lanes, and behind them the readers. Each has its own line of jobs that wait: what is full holds up nothing that goes elsewhere. */
enum { JOB_QUEUES = LANES_MAX + 1 };

/* Runs the job on a reader; behind_writes: after all that was put into the lanes so far. false: the queue is full, the job is the caller's. */
bool jobs_read(struct server *server, struct job *job, bool behind_writes);

/* Runs the job again in half a second: on the lane of `key`, or on a reader (NULL). false: the plugin is closing, the job is the caller's. */
bool jobs_repeat(struct server *server, const char *key, struct job *job);

/* A read has failed: counted, and said where the store contradicts itself, which no waiting mends. err: of rc, when it is CORRUPT. */
void jobs_read_failed(struct server *server, enum store_rc rc, const struct error *err);

/* The same, and the job runs again as by jobs_repeat. */
bool jobs_read_again(struct server *server, struct job *job, enum store_rc rc, const struct error *err);

/* Starts those whose time has come, those of one lane in the order in which they came. Each tick. */
void jobs_repeat_due(struct server *server);

/* Starts all of them, whose time has come or not. */
void jobs_repeat_at_once(struct server *server);

/* What is kept of users beside their messages, and tried again until the store takes it. */
enum kept { KEPT_RECEIPTS, KEPT_CURSORS, KEPT_DEVICES, KEPT_NAMES, KEPT_NOTICES, KEPT_ACCOUNTS, KEPT_COUNT };

/* The store's answer to a job that stores such. The log says once when it begins to refuse them and once when it takes all of them again.
 * *refused is the job's: whether it counts among those that are refused, false at first. An empty err: the store was not asked. */
void jobs_stored(struct server *server, enum kept what, bool *refused, enum store_rc rc, const struct error *err);

/* Whether some job waits to be run again. */
bool jobs_wait(const struct server *server);

/* What the store calls wrong by itself is not tried again. The log says so once in ten minutes. */
void jobs_gave_up(struct server *server, enum kept what, const struct error *err);

/* At the end: what could not be done by now gives its job back, which frees itself because nothing is repeated any more. */
void jobs_drop(struct server *server);

#endif
