/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What the core, and calls, ask the store. Broker thread; what runs on readers says so. */
#include "plugin/broker/ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/answer.h"
#include "plugin/broker/budget.h"
#include "plugin/broker/device.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/newcomers.h"
#include "plugin/broker/place.h"
#include "plugin/broker/server.h"
#include "plugin/broker/writes.h"

enum { CONFLICT_PAGE = 500, CONFLICT_BYTES = 1024 * 1024 };

/* ---- reads: one kind of job, a function each for the worker and for the way back ---- */

struct query {
	struct job job;
	struct server *server;
	void (*ask)(struct query *query, struct store *store, struct error *err); /* worker */
	void (*tell)(struct query *query);                                       /* broker thread */
	char chat_id[CHAT_ID_MAX + 1];
	char user_id[USER_ID_MAX + 1];
	char **user_ids;
	size_t user_count, chats_max, strangers;
	bool both;
	char key[KEY_MAX + 1];
	int64_t since_ms;
	uint64_t from, to;
	/* results */
	enum store_rc rc;
	struct chat_record *record;
	uint64_t number;
	unsigned char key_hash[ID_BYTES];
	struct message_state message;
	struct page page;
};

static void query_run(struct job *job)
{
	struct query *query = (struct query *)job;
	struct error err;
	query->ask(query, query->server->store, &err);
}

static void query_done(struct job *job)
{
	struct query *query = (struct query *)job;
	query->server->counters.read_failures[query->rc]++; /* those that are none are not shown */
	query->tell(query);
	store_free(query->record);
	message_state_free(&query->message);
	store_page_free(&query->page);
	for (size_t i = 0; i < query->user_count; i++)
		free(query->user_ids[i]);
	free(query->user_ids);
	free(query);
}

static struct query *query_new(struct server *server, const char *chat_id)
{
	struct query *query = mem_zero(sizeof *query);
	query->job = (struct job){.run = query_run, .done = query_done};
	query->server = server;
	query->rc = STORE_UNAVAILABLE;
	snprintf(query->chat_id, sizeof query->chat_id, "%s", chat_id);
	return query;
}

/* A full queue is answered like a store that is down: the core comes again. */
static void query_start(struct query *query, bool behind_writes)
{
	if (!jobs_read(query->server, &query->job, behind_writes))
		mailbox_post(query->server->mailbox, &query->job);
}

static void ask_chat(struct query *query, struct store *store, struct error *err)
{
	query->rc = store_ops(store)->load_chat(store, query->chat_id, &query->record, err);
}

static void tell_chat(struct query *query)
{
	struct server *server = query->server;
	core_chat_loaded(server->core, query->chat_id, query->rc, query->record, server->now_ms);
	struct chat *chat = server->tail != NULL ? core_peek(server->core, query->chat_id) : NULL;
	if (chat != NULL)
		place_members(server, chat);
}

static void port_load_chat(void *context, const char *chat_id)
{
	struct query *query = query_new(context, chat_id);
	query->ask = ask_chat;
	query->tell = tell_chat;
	query_start(query, false);
}

/* All is asked whatever the first answer is: which of them it was is not told by the time either. */
static void ask_users(struct query *query, struct store *store, struct error *err)
{
	struct newcomers newcomers = {query->user_id, query->user_ids, query->user_count, query->chats_max, query->server->world.info.secret, 0};
	const char *const *user_ids = (const char *const *)query->user_ids;
	query->rc = store_ops(store)->check_reach(store, query->user_id, user_ids, query->user_count, query->both, err);
	if (query->both || (query->rc != STORE_OK && query->rc != STORE_NOT_FOUND))
		return;
	enum store_rc rc = newcomers_look(&newcomers, store, err);
	query->strangers = newcomers.strangers;
	query->rc = rc == STORE_OK ? query->rc : rc;
}

static void tell_users(struct query *query)
{
	struct person *adder = query->strangers > 0 ? person_find(query->server, query->user_id) : NULL;
	if (adder != NULL && (query->rc == STORE_OK || query->rc == STORE_NOT_FOUND))
		budget_count_contacts(query->server, adder, query->strangers);
	core_users_checked(query->server->core, query->chat_id, query->rc, query->server->now_ms);
}

/* Behind what is being written: they may have logged in, or blocked somebody, just now. */
static void port_check_users(void *context, const char *chat_id, const char *from_id, const char *const *user_ids, size_t count, bool both)
{
	struct query *query = query_new(context, chat_id);
	query->ask = ask_users;
	query->tell = tell_users;
	query->both = both;
	query->chats_max = query->server->conf.chats_max;
	snprintf(query->user_id, sizeof query->user_id, "%s", from_id);
	query->user_ids = mem_new(count * sizeof *query->user_ids);
	for (size_t i = 0; i < count; i++)
		query->user_ids[query->user_count++] = mem_text(user_ids[i]);
	query_start(query, true);
}

static void ask_key(struct query *query, struct store *store, struct error *err)
{
	query->rc = store_ops(store)->find_key(store, query->chat_id, query->user_id, query->key, query->since_ms, &query->number, query->key_hash, err);
}

static void tell_key(struct query *query)
{
	core_key_found(query->server->core, query->chat_id, query->rc, query->number, query->key_hash, query->server->now_ms);
}

static void port_find_key(void *context, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms)
{
	struct query *query = query_new(context, chat_id);
	query->ask = ask_key;
	query->tell = tell_key;
	snprintf(query->user_id, sizeof query->user_id, "%s", sender_id);
	snprintf(query->key, sizeof query->key, "%s", key);
	query->since_ms = since_ms;
	query_start(query, false);
}

static void ask_message(struct query *query, struct store *store, struct error *err)
{
	query->rc = store_ops(store)->read_message(store, query->chat_id, query->number, &query->message, err);
}

static void tell_message(struct query *query)
{
	core_message_read(query->server->core, query->chat_id, query->rc, &query->message, query->server->now_ms);
}

static void port_read_message(void *context, const char *chat_id, uint64_t number)
{
	struct query *query = query_new(context, chat_id);
	query->ask = ask_message;
	query->tell = tell_message;
	query->number = number;
	query_start(query, false);
}

static void ask_page(struct query *query, struct store *store, struct error *err)
{
	const struct page_limits limits = {CONFLICT_PAGE, CONFLICT_BYTES};
	query->rc = store_ops(store)->read_page(store, query->chat_id, query->from, query->to, &limits, &query->page, err);
}

static void tell_page(struct query *query)
{
	core_page_read(query->server->core, query->chat_id, query->rc, &query->page, query->server->now_ms);
}

static void port_read(void *context, const char *chat_id, uint64_t from, uint64_t to)
{
	struct query *query = query_new(context, chat_id);
	query->ask = ask_page;
	query->tell = tell_page;
	query->from = from;
	query->to = to;
	query_start(query, false);
}

void ports_add_reads(struct core_ports *ports)
{
	ports->load_chat = port_load_chat;
	ports->check_users = port_check_users;
	ports->find_key = port_find_key;
	ports->read_message = port_read_message;
	ports->read = port_read;
}

/* ---- RPC reads ---- */

static void request_run(struct job *job)
{
	rpc_read((struct rpc_request *)job);
}

static void request_done(struct job *job)
{
	struct rpc_request *request = (struct rpc_request *)job;
	rpc_settle(request);
	if (request->again)
		ports_read_request(((const struct origin *)request->origin)->server, request);
	else
		request->finish(request);
}

void ports_read_request(struct server *server, struct rpc_request *request)
{
	request->job = (struct job){.run = request_run, .done = request_done};
	rpc_begin(request);
	bool receipts = rpc_reads_receipts(request);
	/* Who has just come, or is changing something, sees himself as he is. */
	bool own = device_puts_user(server, request->user_id) || writes_are_under_way(server, request->user_id);
	if (receipts)
		ports_flush_receipts(server);
	if (jobs_read(server, &request->job, receipts || own))
		return;
	refuse(&request->refused, REFUSAL_UNAVAILABLE, NULL);
	request->refused.retry_after_ms = 1000;
	mailbox_post(server->mailbox, &request->job);
}
