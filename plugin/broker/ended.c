/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Groups that ended long ago. Broker thread; the job runs on a lane. */
#include "plugin/broker/ended.h"

#include <stdio.h>
#include <stdlib.h>

#include "plugin/broker/cluster.h"
#include "plugin/broker/erasure.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/server.h"

#define ENDED_KEPT_MS (30 * 24 * 60 * 60 * 1000ll)

struct ended {
	struct job job;
	struct server *server;
	int64_t before_ms;
	/* results */
	enum store_rc rc;
	struct error err;
	char chat_id[CHAT_ID_MAX + 1]; /* a piece of this one was erased, "": there is none */
	bool more;                     /* not all of it */
};

/* One piece of one group. */
static void ended_run(struct job *job)
{
	struct ended *ended = (struct ended *)job;
	struct store *store = ended->server->store;
	const char *const *chat_ids;
	size_t count;
	ended->chat_id[0] = '\0';
	ended->more = false;
	ended->rc = store_ops(store)->list_ended(store, ended->before_ms, 1, &chat_ids, &count, &ended->err);
	if (ended->rc != STORE_OK)
		return;
	if (count > 0) {
		snprintf(ended->chat_id, sizeof ended->chat_id, "%s", chat_ids[0]);
		ended->rc = store_ops(store)->erase(store, ended->chat_id, NULL, &ended->more, &ended->err);
	}
	store_free((void *)chat_ids);
}

static void ended_done(struct job *job)
{
	struct ended *ended = (struct ended *)job;
	struct server *server = ended->server;
	bool found = ended->chat_id[0] != '\0';
	if (ended->rc == STORE_OK && found && !ended->more) {
		core_forget_texts(server->core, ended->chat_id);
		erasure_happened(server);
		cluster_tell(server, NOTICE_TEXTS, ended->chat_id, server->wall_ms);
	}
	if (ended->rc == STORE_OK && found && jobs_repeat(server, "", job))
		return;
	if (ended->rc != STORE_OK && ended->rc != STORE_UNAVAILABLE)
		server_log(MOSQ_LOG_WARNING, "groups that ended could not be erased, the next try is in ten minutes: %s", ended->err.text);
	server->ended_busy = false;
	free(ended);
}

void ended_look(struct server *server)
{
	if (server->ended_busy)
		return;
	struct ended *ended = mem_zero(sizeof *ended);
	ended->job = (struct job){.run = ended_run, .done = ended_done};
	ended->server = server;
	ended->before_ms = server->wall_ms - ENDED_KEPT_MS;
	ended->rc = STORE_UNAVAILABLE;
	server->ended_busy = lanes_put(server->lanes, "", &ended->job);
	if (!server->ended_busy)
		free(ended);
}
