/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * drain: before a broker is stopped or taken off a load balancer. Logins and commands are refused as unavailable, so that clients try again
 * elsewhere or later; operators get in. What was taken before is stored, and who is connected goes on to be served what others write. Broker thread. */
#include <string.h>
#include <utlist.h>

#include "plugin/broker/account.h"
#include "plugin/broker/control_call.h"

enum { TIMEOUT_S = 30, LOOK_MS = 20 };

/* All that a command, or what a device did, has left for the store to be done. */
static bool is_drained(const struct server *server)
{
	struct journal_stats journal;
	journal_stats(server->journal, &journal);
	return server->draining && core_command_count(server->core) == 0 && lanes_load(server->lanes) == 0 && server->puts == NULL &&
	       !jobs_wait(server) && server->writers == NULL && server->cursors_busy == 0 && journal.records == 0 &&
	       core_flush_receipts(server->core) == 0;
}

static void answer(struct control_call *call, bool drained)
{
	struct server *server = call->server;
	struct journal_stats journal;
	struct mirror_stats mirror;
	journal_stats(server->journal, &journal);
	call->data = json_object();
	control_add_flag(call->data, "draining", server->draining);
	control_add_flag(call->data, "drained", drained);
	control_add_number(call->data, "commands", core_command_count(server->core));
	control_add_number(call->data, "writes", lanes_load(server->lanes));
	control_add_number(call->data, "journalRecords", journal.records);
	control_add_number(call->data, "accountsBeingErased", account_closing_count(server));
	if (server->mirror != NULL) {
		mirror_stats(server->mirror, &mirror);
		control_add_number(call->data, "kafkaLag", mirror.lag);
	}
	control_done(call);
}

static void set_draining(struct server *server, bool draining)
{
	if (draining != server->draining)
		server_log(MOSQ_LOG_NOTICE, draining ? "draining: logins and commands are refused" : "draining is over: logins and commands are taken again");
	server->draining = draining;
}

void control_drain(struct control_call *call)
{
	struct server *server = call->server;
	const char *action = control_text(call, "action");
	if (action == NULL || strcmp(action, "start") == 0)
		set_draining(server, true);
	else if (strcmp(action, "stop") == 0)
		set_draining(server, false);
	if (action != NULL && strcmp(action, "start") != 0) {
		answer(call, is_drained(server));
		return;
	}
	call->until_ms = server->now_ms + (int64_t)control_number(call, "timeout", TIMEOUT_S) * 1000;
	DL_APPEND(server->drains, call);
	server_wake_in(server, 1);
}

void control_drain_tick(struct server *server)
{
	struct control_call *call, *next;
	bool drained = server->drains != NULL && is_drained(server);
	DL_FOREACH_SAFE(server->drains, call, next) {
		bool over = drained || !server->draining || server->now_ms >= call->until_ms;
		if (!over)
			continue;
		DL_DELETE(server->drains, call);
		answer(call, drained);
	}
	if (server->drains != NULL)
		server_wake_in(server, LOOK_MS);
}
