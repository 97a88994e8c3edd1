/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The other brokers on the same store. Broker thread; notices are put by jobs on the lanes. */
#include "plugin/broker/cluster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/account.h"
#include "plugin/broker/blocks.h"
#include "plugin/broker/device_keys.h"
#include "plugin/broker/erasure.h"
#include "plugin/broker/events.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/place.h"
#include "plugin/broker/presence.h"
#include "plugin/broker/publish.h"
#include "plugin/broker/removal.h"
#include "plugin/broker/revocations.h"
#include "plugin/broker/revoke.h"
#include "plugin/broker/server.h"
#include "plugin/broker/watching.h"
#include "plugin/chat/line.h"
#include "plugin/transfer/tail.h"

enum { SAY_AGAIN_MS = 60 * 1000 };

/* ---- transactions ---- */

/* Something new in a chat that is not in memory, or was loaded with it. */
struct heard {
	struct job job;
	struct server *server;
	struct transaction *tx;
	bool shown; /* the core has taken it */
};

static void heard_free(struct heard *heard)
{
	transaction_free(heard->tx);
	free(heard);
}

/* As port_committed does. What the others wrote behind it until the chat was loaded goes without: events are what happens now. */
static void show_event(struct server *server, const struct transaction *tx)
{
	struct buf text = BUF_EMPTY;
	if (!events_are_shown(server, tx->chat_id, tx->number))
		return;
	line_add(&text, tx);
	publish_events(server, tx->chat_id, text.data, text.len);
	buf_fini(&text);
}

/* As port_committed does. */
static void end_watches(struct server *server, struct chat *chat, const struct transaction *tx)
{
	struct member_change *changes;
	int count = tx->type == TX_MEMBER_REMOVED ? transaction_members(tx, &changes) : 0;
	for (int i = 0; i < count; i++)
		presence_left(server, chat, changes[i].user_id);
	if (count > 0)
		free(changes);
}

static void heard_loaded(void *context, struct chat *chat, bool unavailable)
{
	struct heard *heard = context;
	struct server *server = heard->server;
	if (unavailable && jobs_repeat(server, NULL, &heard->job))
		return;
	if (chat != NULL && !heard->shown) {
		place_news(server, chat, heard->tx->number);
		show_event(server, heard->tx);
	}
	if (chat != NULL)
		end_watches(server, chat, heard->tx);
	heard_free(heard);
}

static void heard_run(struct job *job)
{
	(void)job;
}

static void heard_again(struct job *job)
{
	struct heard *heard = (struct heard *)job;
	struct server *server = heard->server;
	if (server->closing)
		heard_free(heard);
	else
		core_visit(server->core, heard->tx->chat_id, heard_loaded, heard, server->now_ms);
}

static void on_news(void *context, struct transaction *tx)
{
	struct server *server = context;
	if (server->closing)
		return;
	const struct chat *chat = core_peek(server->core, tx->chat_id);
	bool follows = chat != NULL && chat->latest < tx->number; /* else it is in what was, or will be, loaded, and port_committed is not called for it */
	bool shown = core_news(server->core, tx);
	if (follows || (shown && tx->type != TX_MEMBER_REMOVED))
		return;
	struct heard *heard = mem_zero(sizeof *heard);
	heard->job = (struct job){.run = heard_run, .done = heard_again};
	heard->server = server;
	heard->tx = transaction_ref(tx);
	heard->shown = shown;
	core_visit(server->core, tx->chat_id, heard_loaded, heard, server->now_ms);
}

/* ---- notices ---- */

static void on_reach(struct server *server, const struct notice *notice)
{
	blocks_changed_elsewhere(server, notice->subject);
}

static void on_texts(struct server *server, const struct notice *notice)
{
	core_forget_texts(server->core, notice->subject);
	erasure_happened(server);
}

static void on_deleted(struct server *server, const struct notice *notice)
{
	account_deleted_elsewhere(server, notice->subject, notice->at_ms);
}

static void on_erased(struct server *server, const struct notice *notice)
{
	account_erased_elsewhere(server, notice->subject, notice->at_ms);
}

static void on_turn(struct server *server, const struct notice *notice)
{
	core_yield(server->core, notice->subject, notice->writer, server->now_ms);
}

/* It may come late, and behind the ban's end: so the store is asked as well. */
static void on_banned(struct server *server, const struct notice *notice)
{
	revoke_happened(server, notice->subject, REVOCATION_BAN_MS);
	revoke_read_again(server);
}

static void on_revoked(struct server *server, const struct notice *notice)
{
	if (notice->at_ms >= REVOCATION_BAN_MS) {
		on_banned(server, notice);
		return;
	}
	revoke_happened(server, notice->subject, notice->at_ms);
	if (notice->at_ms > server->wall_ms) /* a ban's, for brokers that do not know that kind: it, too, may come behind the ban's end */
		revoke_read_again(server);
}

/* Likewise: it may come behind another ban. */
static void on_lowered(struct server *server, const struct notice *notice)
{
	revoke_taken_back(server, notice->subject, notice->at_ms);
	revoke_read_again(server);
}

static void on_removed(struct server *server, const struct notice *notice)
{
	removal_elsewhere(server, notice->subject, notice->at_ms);
}

static void on_shows(struct server *server, const struct notice *notice)
{
	showing_changed_elsewhere(server, notice->subject);
}

static void on_keys(struct server *server, const struct notice *notice)
{
	(void)notice;
	device_keys_changed(server);
}

static const struct {
	const char *kind;
	void (*take)(struct server *server, const struct notice *notice);
} kinds[] = {
	{NOTICE_REACH, on_reach},
	{NOTICE_TEXTS, on_texts},
	{NOTICE_DELETED, on_deleted},
	{NOTICE_ERASED, on_erased},
	{NOTICE_TURN, on_turn},
	{NOTICE_REVOKED, on_revoked},
	{NOTICE_BANNED, on_banned},
	{NOTICE_LOWERED, on_lowered},
	{NOTICE_REMOVED, on_removed},
	{NOTICE_SHOWS, on_shows},
	{NOTICE_KEYS, on_keys},
};

void cluster_notice(struct server *server, const struct notice *notice)
{
	for (size_t i = 0; !server->closing && i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].kind, notice->kind) == 0)
			kinds[i].take(server, notice);
}

static void on_notice(void *context, const struct notice *notice)
{
	cluster_notice(context, notice);
}

struct telling {
	struct job job;
	struct server *server;
	char *subject;
	const char *kind;
	int64_t at_ms;
	bool refused;
	enum store_rc rc;
	struct error err;
};

static void telling_run(struct job *job)
{
	struct telling *telling = (struct telling *)job;
	struct store *store = telling->server->store;
	telling->rc = store_ops(store)->put_notice(store, telling->kind, telling->subject, telling->at_ms, &telling->err);
}

static void telling_done(struct job *job)
{
	struct telling *telling = (struct telling *)job;
	jobs_stored(telling->server, KEPT_NOTICES, &telling->refused, telling->rc, &telling->err);
	if (telling->rc != STORE_OK && jobs_repeat(telling->server, telling->subject, job))
		return;
	free(telling->subject);
	free(telling);
}

void cluster_tell(struct server *server, const char *kind, const char *subject, int64_t at_ms)
{
	if (server->tail == NULL)
		return;
	struct telling *telling = mem_zero(sizeof *telling);
	telling->job = (struct job){.run = telling_run, .done = telling_done};
	telling->server = server;
	telling->kind = kind;
	telling->subject = mem_text(subject);
	telling->at_ms = at_ms;
	telling->rc = STORE_UNAVAILABLE;
	if (!lanes_put(server->lanes, subject, &telling->job))
		telling_done(&telling->job);
}

/* ---- the way there ---- */

static void on_fails(void *context, const struct error *err)
{
	struct server *server = context;
	server->cluster_failing = err != NULL;
	if (err != NULL)
		server_log(MOSQ_LOG_WARNING, "what other brokers write cannot be read, trying again: %s", err->text);
	else
		server_log(MOSQ_LOG_NOTICE, "what other brokers write can be read again");
}

/* What was revoked meanwhile counts at once; notices of it may be gone. */
static void on_return(void *context)
{
	revoke_read_again(context);
}

/* Who reads that chat is told that it cannot be read; here nobody is told of what is new in it. */
static void on_damaged(void *context, const struct error *err)
{
	struct server *server = context;
	server->counters.read_failures[STORE_CORRUPT]++;
	if (server->damage_said_ms != 0 && server->now_ms - server->damage_said_ms < SAY_AGAIN_MS)
		return;
	server->damage_said_ms = server->now_ms;
	server_log(MOSQ_LOG_ERR, "something that another broker wrote is damaged and passed over (see hyperchatctl check): %s", err->text);
}

bool cluster_start(struct server *server, struct tail *tail)
{
	server->tail = tail;
	return tail == NULL ||
	       tail_start(tail, server->mailbox,
			   &(struct tail_conf){.context = server, .news = on_news, .notice = on_notice, .fails = on_fails, .returns = on_return,
				   .damaged = on_damaged});
}

void cluster_tick(struct server *server)
{
	int64_t wait_ms = server->tail != NULL ? tail_tick(server->tail, server->now_ms) : -1;
	if (wait_ms >= 0)
		server_wake_in(server, wait_ms > 0 ? wait_ms : 1);
}
