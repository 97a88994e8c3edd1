/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Jobs behind others, and jobs again. Broker thread. */
#include "plugin/broker/jobs.h"

#include <stdlib.h>
#include <utlist.h>

#include "plugin/broker/cursor_put.h"
#include "plugin/broker/server.h"

enum { REPEAT_MS = 500, SAY_AGAIN_MS = 10 * 60 * 1000 };

/* ---- jobs behind others ---- */

/* Its job goes to a reader when what was in the lanes by then is done. */
struct barrier {
	struct job job;
	struct server *server;
	struct job *then;
};

static void barrier_done(struct job *job)
{
	struct barrier *barrier = (struct barrier *)job;
	if (!workers_add(barrier->server->readers, barrier->then) && !jobs_repeat(barrier->server, NULL, barrier->then))
		barrier->then->done(barrier->then);
	free(barrier);
}

bool jobs_read(struct server *server, struct job *job, bool behind_writes)
{
	if (behind_writes)
		cursor_put_start_left(server);
	if (!behind_writes || lanes_load(server->lanes) == 0)
		return workers_add(server->readers, job);
	struct barrier *barrier = mem_zero(sizeof *barrier);
	barrier->job = (struct job){.done = barrier_done};
	barrier->server = server;
	barrier->then = job;
	if (lanes_settle(server->lanes, &barrier->job))
		return true;
	free(barrier);
	return false;
}

/* ---- jobs that are to be run again ---- */

static const char *const names[KEPT_COUNT] = {"receipts", "places of devices", "users and devices", "names of newcomers",
	"what other brokers are to be told", "the end of accounts"};

void jobs_stored(struct server *server, enum kept what, bool *refused, enum store_rc rc, const struct error *err)
{
	bool fails = rc != STORE_OK;
	if (fails == *refused || (fails && err->text[0] == '\0'))
		return;
	*refused = fails;
	server->refused[what] += fails ? 1u : -1u;
	if (fails && server->refused[what] == 1)
		server_log(MOSQ_LOG_WARNING, "the store does not take %s, trying again: %s", names[what], err->text);
	else if (!fails && server->refused[what] == 0)
		server_log(MOSQ_LOG_NOTICE, "the store takes %s again", names[what]);
}

void jobs_gave_up(struct server *server, enum kept what, const struct error *err)
{
	if (server->gave_up_said_ms != 0 && server->now_ms - server->gave_up_said_ms < SAY_AGAIN_MS)
		return;
	server->gave_up_said_ms = server->now_ms;
	server_log(MOSQ_LOG_WARNING, "the store does not take some %s, and they stay as they were (see hyperchatctl check): %s", names[what], err->text);
}

struct later {
	struct job *job;
	char *key; /* NULL: a reader's */
	int64_t at_ms;
	struct later *next, *prev;
};

static struct later **queue_of(struct server *server, const char *key)
{
	return &server->later[key != NULL ? lanes_index(server->lanes, key) : LANES_MAX];
}

bool jobs_repeat(struct server *server, const char *key, struct job *job)
{
	if (server->closing)
		return false;
	struct later **queue = queue_of(server, key), *later = mem_zero(sizeof *later);
	later->job = job;
	later->key = mem_text(key);
	later->at_ms = server->now_ms + REPEAT_MS;
	DL_APPEND(*queue, later);
	server_wake_in(server, REPEAT_MS);
	return true;
}

void jobs_read_failed(struct server *server, enum store_rc rc, const struct error *err)
{
	server->counters.read_failures[rc]++; /* those that are none are not shown */
	if (rc == STORE_CORRUPT && (server->corrupt_said_ms == 0 || server->now_ms - server->corrupt_said_ms >= SAY_AGAIN_MS)) {
		server->corrupt_said_ms = server->now_ms;
		server_log(MOSQ_LOG_ERR, "the store is damaged, and some users wait for what cannot be read (see hyperchatctl check): %s", err->text);
	}
}

bool jobs_read_again(struct server *server, struct job *job, enum store_rc rc, const struct error *err)
{
	jobs_read_failed(server, rc, err);
	return jobs_repeat(server, NULL, job);
}

static void later_free(struct later *later)
{
	free(later->key);
	free(later);
}

static void start_due(struct server *server, struct later **queue)
{
	struct later *later, *next;
	LL_FOREACH_SAFE(*queue, later, next) {
		if (later->at_ms > server->now_ms)
			break; /* they came in this order */
		bool added = later->key ? lanes_put(server->lanes, later->key, later->job) : workers_add(server->readers, later->job);
		if (!added) {
			later->at_ms = server->now_ms + REPEAT_MS;
			server_wake_in(server, REPEAT_MS);
			break;
		}
		DL_DELETE(*queue, later);
		later_free(later);
	}
}

void jobs_repeat_due(struct server *server)
{
	for (size_t i = 0; i < JOB_QUEUES; i++)
		start_due(server, &server->later[i]);
}

void jobs_repeat_at_once(struct server *server)
{
	struct later *later;
	for (size_t i = 0; i < JOB_QUEUES; i++)
		LL_FOREACH(server->later[i], later)
			later->at_ms = server->now_ms;
	jobs_repeat_due(server);
}

bool jobs_wait(const struct server *server)
{
	for (size_t i = 0; i < JOB_QUEUES; i++)
		if (server->later[i] != NULL)
			return true;
	return false;
}

void jobs_drop(struct server *server)
{
	struct later *later, *next;
	for (size_t i = 0; i < JOB_QUEUES; i++) {
		LL_FOREACH_SAFE(server->later[i], later, next) {
			later->job->done(later->job);
			later_free(later);
		}
		server->later[i] = NULL;
	}
}
