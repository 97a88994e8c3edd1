/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Checkpoints and pruning, and erasure beside them. Broker thread; the work itself is done by jobs, checkpoints on a thread of their own. */
#include "plugin/broker/upkeep.h"

#include <stdlib.h>

#include "plugin/broker/ended.h"
#include "plugin/broker/erasure.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/server.h"

enum { CHECKPOINT_MS = 100, CHECKPOINT_AGAIN_MS = 1000, PRUNE_MS = 600000 };

struct upkeep {
	struct job job;
	struct server *server;
	bool more;
	int64_t wall_ms;
	enum store_rc rc;
	struct error err;
};

static void checkpoint_run(struct job *job)
{
	struct upkeep *upkeep = (struct upkeep *)job;
	struct store *store = upkeep->server->store;
	upkeep->rc = store_ops(store)->checkpoint(store, &upkeep->err);
}

static void checkpoint_done(struct job *job)
{
	struct upkeep *upkeep = (struct upkeep *)job;
	struct server *server = upkeep->server;
	server->upkeep_busy = false;
	if (upkeep->rc != STORE_OK) { /* until one works: what was erased may be in the file that it empties */
		server->appended = true;
		server->checkpointed_at_ms = server->now_ms + CHECKPOINT_AGAIN_MS - CHECKPOINT_MS;
	}
	bool failed = upkeep->rc != STORE_OK && upkeep->rc != STORE_UNAVAILABLE;
	server->counters.checkpoints += upkeep->rc == STORE_OK;
	server->counters.checkpoint_failures += failed;
	if (failed && !server->checkpoint_warned)
		server_log(MOSQ_LOG_WARNING, "the store's checkpoints fail, trying again: %s", upkeep->err.text);
	if (upkeep->rc == STORE_OK && server->checkpoint_warned)
		server_log(MOSQ_LOG_NOTICE, "the store's checkpoints work again");
	server->checkpoint_warned = failed || (server->checkpoint_warned && upkeep->rc != STORE_OK);
	free(upkeep);
}

static void checkpoint(struct server *server)
{
	if (store_ops(server->store)->checkpoint == NULL)
		return;
	struct upkeep *upkeep = mem_zero(sizeof *upkeep);
	upkeep->job = (struct job){.run = checkpoint_run, .done = checkpoint_done};
	upkeep->server = server;
	server->upkeep_busy = workers_add(server->upkeep, &upkeep->job);
	if (!server->upkeep_busy)
		free(upkeep);
}

static void prune_run(struct job *job)
{
	struct upkeep *upkeep = (struct upkeep *)job;
	struct store *store = upkeep->server->store;
	upkeep->rc = store_ops(store)->prune(store, upkeep->wall_ms, &upkeep->more, &upkeep->err);
}

static void prune_done(struct job *job)
{
	struct upkeep *upkeep = (struct upkeep *)job;
	if (upkeep->rc == STORE_OK && upkeep->more && jobs_repeat(upkeep->server, "", job))
		return;
	if (upkeep->rc != STORE_OK && upkeep->rc != STORE_UNAVAILABLE)
		server_log(MOSQ_LOG_WARNING, "old keys and devices could not be forgotten, the next try is in ten minutes: %s", upkeep->err.text);
	free(upkeep);
}

static void prune(struct server *server)
{
	struct upkeep *upkeep = mem_zero(sizeof *upkeep);
	upkeep->job = (struct job){.run = prune_run, .done = prune_done};
	upkeep->server = server;
	upkeep->wall_ms = server->wall_ms;
	if (!lanes_put(server->lanes, "", &upkeep->job))
		free(upkeep);
}

void upkeep_tick(struct server *server)
{
	/* While there are commits; the store itself knows whether there is enough to move. */
	if (server->appended && !server->upkeep_busy && server->now_ms - server->checkpointed_at_ms >= CHECKPOINT_MS) {
		server->appended = false;
		server->checkpointed_at_ms = server->now_ms;
		checkpoint(server);
	}
	if (server->now_ms - server->pruned_at_ms >= PRUNE_MS) {
		server->pruned_at_ms = server->now_ms;
		prune(server);
		ended_look(server);
	}
	erasure_tick(server);
}
