/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The core's ports. Broker thread; what runs on workers says so. */
#include "plugin/broker/ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/account.h"
#include "plugin/broker/activity.h"
#include "plugin/broker/answer.h"
#include "plugin/broker/blocks.h"
#include "plugin/broker/budget.h"
#include "plugin/broker/cluster.h"
#include "plugin/broker/erasure.h"
#include "plugin/broker/events.h"
#include "plugin/broker/feed.h"
#include "plugin/broker/presence.h"
#include "plugin/broker/publish.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/mirroring.h"
#include "plugin/broker/server.h"
#include "plugin/broker/witness.h"
#include "plugin/chat/line.h"
#include "plugin/rpc/quote.h"

/* ---- append ---- */

struct appending {
	struct server *server;
	char chat_id[CHAT_ID_MAX + 1];
	uint64_t number; /* of the last one */
	unsigned char head[HEAD_BYTES];
};

static void warn_store(struct server *server, const struct error *err)
{
	if (err == NULL) {
		if (server->store_warned)
			server_log(MOSQ_LOG_NOTICE, "the store takes messages again");
		server->store_warned = false;
	} else if (!server->store_warned) {
		server_log(MOSQ_LOG_ERR, "the store takes no messages, trying again: %s", err->text);
		server->store_warned = true;
	}
}

static void append_done(void *context, const struct append *result, const struct error *err)
{
	struct appending *appending = context;
	warn_store(appending->server, err);
	appending->server->appended = true;
	if (result->result == APPEND_OK) {
		witness_saw(appending->server, appending->chat_id, appending->number, appending->head);
		mirroring_committed(appending->server, result->last_position);
	}
	core_appended(appending->server->core, appending->chat_id, result, appending->server->now_ms);
	free(appending);
}

static void port_append(void *context, const char *chat_id, struct transaction *const *transactions, size_t count)
{
	struct server *server = context;
	struct appending *appending = mem_zero(sizeof *appending);
	appending->server = server;
	snprintf(appending->chat_id, sizeof appending->chat_id, "%s", chat_id);
	appending->number = transactions[count - 1]->number;
	memcpy(appending->head, transactions[count - 1]->head, HEAD_BYTES);
	lanes_append(server->lanes, chat_id, transactions, count, append_done, appending);
}

/* ---- receipts ---- */

struct receipts {
	struct job job;
	struct server *server;
	struct receipt *receipts;
	size_t count;
	bool refused;
	enum store_rc rc;
	struct error err;
};

static void receipts_run(struct job *job)
{
	struct receipts *put = (struct receipts *)job;
	put->rc = store_ops(put->server->store)->put_receipts(put->server->store, put->receipts, put->count, &put->err);
	if (put->rc == STORE_OK)
		activity_receipts(put->server, put->receipts, put->count);
}

static void receipts_done(struct job *job)
{
	struct receipts *put = (struct receipts *)job;
	jobs_stored(put->server, KEPT_RECEIPTS, &put->refused, put->rc, &put->err);
	put->server->receipts_failing = put->rc != STORE_OK;
	if (put->rc != STORE_OK && jobs_repeat(put->server, "", job))
		return;
	for (size_t i = 0; i < put->count; i++) {
		free((char *)put->receipts[i].chat_id);
		free((char *)put->receipts[i].user_id);
	}
	free(put->receipts);
	free(put);
}

static void port_put_receipts(void *context, const struct receipt *receipts, size_t count)
{
	struct server *server = context;
	struct receipts *put = mem_zero(sizeof *put);
	put->job = (struct job){.run = receipts_run, .done = receipts_done};
	put->server = server;
	put->receipts = mem_copy(receipts, count * sizeof *receipts);
	put->count = count;
	put->rc = STORE_UNAVAILABLE;
	for (size_t i = 0; i < count; i++) {
		put->receipts[i].chat_id = mem_text(receipts[i].chat_id);
		put->receipts[i].user_id = mem_text(receipts[i].user_id);
	}
	if (!lanes_put(server->lanes, "", &put->job))
		mailbox_post(server->mailbox, &put->job);
}

void ports_flush_receipts(struct server *server)
{
	if (!server->receipts_failing)
		core_flush_receipts(server->core);
}

/* ---- what happened ---- */

/* Who blocked the sender has the number, and nothing of what is there. */
static void deliver_void(struct server *server, const struct person *person, const struct transaction *tx)
{
	struct buf text = BUF_EMPTY;
	line_add_void(&text, tx);
	struct line *line = line_new(tx->chat_id, tx->number, text.data, text.len);
	for (struct session *session = person->sessions; session != NULL; session = session->person_next)
		if (session->feed != NULL && !session->gone)
			feed_commit_void(server, session, tx, line);
	line_drop(line);
	buf_fini(&text);
}

/* Whose text it quotes is not told by the transaction: whether that is somebody whom he blocked then, a job finds out. */
static bool may_quote_blocked(struct chat *chat, const struct person *person, const struct transaction *tx)
{
	return quote_is_there(tx) && blocks_are_known(person) && blocks_concern(person->blocks->list, chat);
}

static void deliver(struct server *server, struct chat *chat, const struct person *person, const struct transaction *tx, struct line *line)
{
	bool later = !line->hint && may_quote_blocked(chat, person, tx);
	if (!line->hint && blocks_are_known(person) && blocks_hide(person->blocks->list, person->user_id, tx)) {
		deliver_void(server, person, tx);
		return;
	}
	for (struct session *session = person->sessions; session != NULL; session = session->person_next) {
		if (session->feed == NULL || session->gone)
			continue;
		if (later)
			feed_commit_later(server, session, tx);
		else if (line->hint)
			feed_hint(server, session, line);
		else
			feed_commit(server, session, tx, line);
	}
}

/* A member sees the transaction that removes him, and nothing behind it. Of members and people who are connected, the fewer are gone through. */
static void deliver_to_all(struct server *server, struct chat *chat, const struct transaction *tx, struct line *line)
{
	if (HASH_COUNT(server->persons) < chat->members.count) {
		for (struct person *person = server->persons; person != NULL; person = person->hh.next)
			if (member_sees(chat, chat_member(chat, person->user_id), tx->number))
				deliver(server, chat, person, tx, line);
		return;
	}
	for (struct member *member = NULL; (member = members_next(&chat->members, member)) != NULL;) {
		const struct person *person = member_sees(chat, member, tx->number) ? person_find(server, member->user_id) : NULL;
		if (person != NULL)
			deliver(server, chat, person, tx, line);
	}
}

static void members_changed(struct server *server, struct chat *chat, const struct transaction *tx)
{
	struct member_change *changes;
	int count = transaction_members(tx, &changes);
	for (int i = 0; i < count; i++) {
		struct person *person = person_find(server, changes[i].user_id);
		if (person != NULL)
			budget_count_chat(person, changes[i].role != ROLE_NONE);
		if (changes[i].role == ROLE_NONE)
			presence_left(server, chat, changes[i].user_id);
	}
	if (count > 0)
		free(changes);
}

static void port_committed(void *context, struct chat *chat, struct transaction *tx)
{
	struct server *server = context;
	struct buf *text = &server->scratch;
	server->counters.transactions_shown++;
	buf_clear(text);
	line_add(text, tx);
	bool large = chat->current_members > server->conf.large_group;
	struct line *line = large ? line_new_hint(chat->id, tx->number) : line_new(chat->id, tx->number, text->data, text->len);
	deliver_to_all(server, chat, tx, line);
	if (tx->type == TX_MEMBER_ADDED || tx->type == TX_MEMBER_REMOVED)
		members_changed(server, chat, tx);
	if (tx->type == TX_DELETE)
		erasure_in_chat(server, chat);
	if (events_are_shown(server, chat->id, tx->number))
		publish_events(server, chat->id, text->data, text->len);
	line_drop(line);
}

static bool port_may_begin(void *context, const struct command *command, struct verdict *verdict)
{
	struct server *server = context;
	struct person *person = person_find(server, command->sender_id);
	if (command->replayed || person == NULL)
		return true;
	return budget_allows(server, person, BUDGET_CONTACTS, verdict) && budget_allows_chat(server, person, verdict);
}

static void port_in_work(void *context, const struct command *command, bool begins)
{
	struct server *server = context;
	struct error err;
	enum journal_rc rc = begins ? journal_begin_work(server->journal, command->journal_seq, &err)
	                            : journal_end_work(server->journal, command->journal_seq, &err);
	if (rc != JOURNAL_OK)
		server_log(MOSQ_LOG_ERR, "journal: %s", err.text);
}

static void port_starves(void *context, const char *chat_id)
{
	struct server *server = context;
	cluster_tell(server, NOTICE_TURN, chat_id, server->wall_ms);
}

static void port_report(void *context, const char *chat_id, const char *what)
{
	(void)context;
	server_log(MOSQ_LOG_ERR, "chat %s: %s", chat_id, what);
}

struct core_ports ports_for_core(struct server *server)
{
	struct core_ports ports = {
		.context = server,
		.writer = server->world.info.writer,
		.chats_max = 10000,
		.append = port_append,
		.put_receipts = port_put_receipts,
		.committed = port_committed,
		.answer = answer_command,
		.may_begin = port_may_begin,
		.in_work = port_in_work,
		.starves = port_starves,
		.report = port_report,
	};
	ports_add_reads(&ports);
	return ports;
}

/* Nobody else has this record at this time, and a replay has both. */
static void name_group(struct server *server, struct command *command)
{
	char call[64], chat_id[ID_TEXT_LEN + 1];
	snprintf(call, sizeof call, "at/%lld/%llu", (long long)command->at_ms, (unsigned long long)command->journal_seq);
	rpc_group_id(&server->world.info, command->sender_id, call, chat_id);
	command->chat_id = mem_text(chat_id);
}

/* A new account may use the IDs that the old one has used; a replay has the same mark, since what was sent before a deletion is not replayed. */
static void mark_key(const struct server *server, struct command *command)
{
	int64_t deleted_at_ms = account_deleted_at(server, command->sender_id);
	if (deleted_at_ms == 0)
		return;
	struct buf key = BUF_EMPTY;
	buf_printf(&key, "%c%lld/%s", KEY_AGAIN, (long long)deleted_at_ms, command->key);
	free(command->key);
	command->key = key.data;
}

void ports_finish_command(struct server *server, struct command *command)
{
	if (command->chat_id == NULL)
		name_group(server, command);
	if (command->key == NULL) {
		/* The record's number never comes again, so a replay has the same key, and nothing else has. */
		struct buf key = BUF_EMPTY;
		buf_reserve(&key, KEY_MAX);
		buf_add_char(&key, KEY_ONCE);
		buf_add_text(&key, server->world.info.writer);
		buf_add_char(&key, '/');
		buf_add_u64(&key, command->journal_seq);
		command->key = key.data;
	} else {
		mark_key(server, command);
	}
	command_hash(command);
}
