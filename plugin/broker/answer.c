/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Acks and RPC answers. Broker thread.
 *
 * A separate ack for each command would cost more than all the rest of its way. So there is one only where the sender does not see his own
 * transaction, with his commandID in it, in the inbox of the same connection. */
#include "plugin/broker/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/json.h"
#include "plugin/broker/budget.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/publish.h"
#include "plugin/broker/server.h"
#include "plugin/broker/watching.h"
#include "plugin/broker/writes.h"

struct origin *origin_new(struct server *server, uint64_t session_id)
{
	struct origin *origin = mem_zero(sizeof *origin);
	origin->server = server;
	origin->session_id = session_id;
	DL_APPEND(server->origins, origin);
	return origin;
}

void origin_free(struct origin *origin)
{
	if (origin == NULL)
		return;
	DL_DELETE(origin->server->origins, origin);
	asking_free(origin->asking);
	rpc_free(origin->request);
	free(origin->command_id);
	free(origin->reply_topic);
	free(origin->correlation);
	free(origin);
}

void origin_free_all(struct server *server)
{
	while (server->origins != NULL)
		origin_free(server->origins);
}

static void send_ack(struct server *server, struct session *session, const char *command_id, const struct buf *payload, int qos_max)
{
	char topic[COMMAND_ID_MAX + 8];
	snprintf(topic, sizeof topic, "ack/%s", command_id != NULL && command_id[0] != '\0' ? command_id : "-");
	int qos = session_qos(session, topic);
	if (qos >= 0)
		publish_ack(server, session, topic, payload->data, payload->len, qos < qos_max ? qos : qos_max);
}

void answer_error(struct server *server, struct session *session, const char *command_id, const struct verdict *verdict)
{
	server->counters.refusals[verdict->code]++;
	if (session->ack_qos < 0)
		return;
	struct buf payload = BUF_EMPTY;
	verdict_add_json(&payload, verdict);
	send_ack(server, session, command_id, &payload, 1);
	buf_fini(&payload);
}

/* In a large group the inbox brings no lines. */
static bool shows_own(struct server *server, struct session *session, const struct origin *origin, const struct answer *answer)
{
	const struct chat *chat = core_peek(server->core, answer->chat_id);
	bool large = chat != NULL && chat->current_members > server->conf.large_group;
	return origin->command_id != NULL && session->inbox_qos >= 0 && !answer->repeated && answer->number != 0 && !large;
}

static void acknowledge(struct server *server, struct session *session, const struct command *command, const struct answer *answer)
{
	const struct origin *origin = command->origin;
	if (session->ack_qos < 0 || shows_own(server, session, origin, answer))
		return;
	struct buf payload = BUF_EMPTY;
	buf_add_text(&payload, "{\"chatID\":");
	json_add_string(&payload, answer->chat_id, strlen(answer->chat_id));
	buf_add_text(&payload, ",\"messageID\":");
	buf_add_u64(&payload, command->target != 0 ? command->target : answer->number);
	if (answer->number != 0) {
		buf_add_text(&payload, ",\"transactionID\":");
		buf_add_u64(&payload, answer->number);
	}
	buf_add_char(&payload, '}');
	send_ack(server, session, origin->command_id, &payload, 0);
	buf_fini(&payload);
}

static void release(struct server *server, const struct command *command, bool refused)
{
	struct error err;
	if (command->journal_seq == 0)
		return;
	enum journal_outcome outcome = refused ? JOURNAL_DECLINED : JOURNAL_COMMITTED;
	if (journal_release(server->journal, command->journal_seq, outcome, &err) == JOURNAL_FAILED)
		server_log(MOSQ_LOG_ERR, "journal: %s", err.text);
}

void answer_command(void *context, struct command *command, const struct answer *answer)
{
	struct server *server = context;
	struct origin *origin = command->origin;
	bool writes = origin != NULL && origin->request != NULL && answer->refused == NULL && rpc_writes(origin->request);
	if (!writes)
		release(server, command, answer->refused != NULL);
	if (server->deciding == command)
		server->deciding_refused = answer->refused != NULL;
	if (origin != NULL && origin->request != NULL) {
		struct rpc_request *request = origin->request;
		request->journal_seq = command->journal_seq;
		rpc_command_done(request, answer);
		if (writes)
			writes_start(server, request); /* the record is released when that is stored as well */
		else
			answer_request(request);
	} else if (origin != NULL) {
		struct session *session = session_by_id(server, origin->session_id);
		if (origin->then != NULL)
			origin->then(origin->then_context, answer);
		else if (session != NULL && answer->refused != NULL)
			answer_error(server, session, origin->command_id, answer->refused);
		else if (session != NULL)
			acknowledge(server, session, command, answer);
		origin_free(origin);
	}
	command_free(command);
}

static size_t reply_max(struct session *session, const struct origin *origin)
{
	return session_payload_max(session, strlen(origin->reply_topic) + origin->correlation_len + 3, SIZE_MAX);
}

void answer_request(struct rpc_request *request)
{
	struct origin *origin = request->origin;
	struct server *server = origin->server;
	struct person *person = person_find(server, request->user_id);
	struct session *session = session_by_id(server, origin->session_id);
	if (request->refused.code == REFUSAL_UNAVAILABLE && request->problem.text[0] != '\0')
		server_log(MOSQ_LOG_ERR, "the store could not answer %s: %s", rpc_name(request), request->problem.text);
	if (request->refused.code == REFUSAL_NONE && request->problem.rc == STORE_CORRUPT && request->problem.text[0] != '\0')
		jobs_read_failed(server, STORE_CORRUPT, &request->problem);
	if (session != NULL && request->refused.code == REFUSAL_NONE && request->answer.len > reply_max(session, origin))
		refuse(&request->refused, REFUSAL_TOO_LARGE, "the answer does not fit into what this connection takes"); /* less than when it asked */
	server->counters.calls++;
	if (request->refused.code != REFUSAL_NONE) {
		server->counters.call_errors[request->refused.code]++;
		buf_clear(&request->answer);
		verdict_add_json(&request->answer, &request->refused);
	}
	if (person != NULL)
		budget_end_call(server, person, request->answer.len);
	size_t prefix_len = strlen(server->conf.prefix) + sizeof "/me/" - 1;
	/* While what a device had subscribed is on its way, who asks listens. */
	bool listens = session != NULL && (session->device_loading || session_qos(session, origin->reply_topic + prefix_len) >= 0);
	if (listens && request->answer.len <= reply_max(session, origin))
		publish_reply(server, session, origin->reply_topic, request->answer.data, request->answer.len, origin->correlation,
			origin->correlation_len);
	origin_free(origin);
}
