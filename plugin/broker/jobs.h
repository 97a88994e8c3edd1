/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_JOBS_H
#define HC_BROKER_JOBS_H
/* Jobs that have to wait: behind writes that are under way, or for a store that does not answer. Broker thread. */

#include <stdbool.h>

#include "base/worker.h"

struct server;

/* Runs the job on a reader; behind_writes: after all that was put into the lanes so far. false: the queue is full, the job is the caller's. */
bool jobs_read(struct server *server, struct job *job, bool behind_writes);

/* Runs the job again in half a second: on the lane of `key`, or on a reader (NULL). false: the plugin is closing, the job is the caller's. */
bool jobs_repeat(struct server *server, const char *key, struct job *job);

/* Starts those whose time has come. Each tick. */
void jobs_repeat_due(struct server *server);

/* Starts all of them, whose time has come or not. */
void jobs_repeat_at_once(struct server *server);

/* At the end: what could not be done by now gives its job back, which frees itself because nothing is repeated any more. */
void jobs_drop(struct server *server);

#endif
