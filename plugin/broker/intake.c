/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What clients publish. Broker thread.
 *
 * A command is first written to the journal, then given to the core: the PUBACK that the broker sends when this returns is a promise. */
#include "plugin/broker/intake.h"

#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/account.h"
#include "plugin/broker/answer.h"
#include "plugin/broker/budget.h"
#include "plugin/broker/cursor.h"
#include "plugin/broker/device.h"
#include "plugin/broker/live.h"
#include "plugin/broker/parse.h"
#include "plugin/broker/ports.h"
#include "plugin/broker/server.h"
#include "plugin/broker/topic.h"
#include "plugin/broker/writes.h"
#include "plugin/transfer/intake.h"

enum {
	COMMANDS_MAX = 100000,   /* in memory, of all users: beyond that nothing is taken */
	CLOSE_LOG_MS = 10000,
	RESPONSE_TOPIC_MAX = 255,
	QUOTA_EXCEEDED_2_1 = -6,
	PAYLOAD_MAX = 256 * 1024, /* of anything: what is longer is not even looked at. Only arguments of operations may be so long */
};

/* ---- taking ---- */

/* The message goes no further: the broker fans it out to a topic that nobody can hear. In place, since the pointer is the broker's. */
static int taken(struct mosquitto_evt_message *event)
{
	strcpy(event->topic, TOPIC_SINK);
	event->retain = false;
	return MOSQ_ERR_SUCCESS;
}

/* The reason code 0x97, quota exceeded. Only 2.1 can say it, and only MQTT 5 clients hear it (2.1's headers, which we are not built with,
 * call it MOSQ_ERR_QUOTA_EXCEEDED). */
static bool can_say_quota(const struct server *server, const struct session *session)
{
	return session->mqtt5 && server->version.major == 2 && server->version.minor >= 1;
}

static int refused(struct server *server, struct session *session, const char *command_id, const struct verdict *verdict)
{
	answer_error(server, session, command_id, verdict);
	return verdict->code == REFUSAL_RATE_LIMITED && can_say_quota(server, session) ? QUOTA_EXCEEDED_2_1 : MOSQ_ERR_ACL_DENIED;
}

/* It cannot be taken now: a QoS 1 client will send it again, if it is told so, or gets no PUBACK. */
static int not_now(struct server *server, const struct session *session, const char *why)
{
	server->counters.commands_not_taken++;
	if (server->now_ms - server->refused_at_ms > CLOSE_LOG_MS) {
		server->refused_at_ms = server->now_ms;
		server_log(MOSQ_LOG_WARNING, "commands cannot be taken (%s): their connections are closed or told so, clients will retry", why);
	}
	return can_say_quota(server, session) ? QUOTA_EXCEEDED_2_1 : MOSQ_ERR_NOMEM;
}

static struct origin *origin_of(struct server *server, const struct session *session, const char *command_id)
{
	struct origin *origin = origin_new(server, session->id);
	origin->command_id = command_id != NULL && command_id[0] != '\0' ? mem_text(command_id) : NULL;
	return origin;
}

/* SUCCESS: the message is in the journal. */
static int add_to_journal(struct server *server, const struct session *session, const struct mosquitto_evt_message *event, uint64_t *seq)
{
	struct buf *record = &server->scratch;
	struct error err;
	buf_clear(record);
	intake_encode(&(struct intake){.sender_id = session->person->user_id, .client_id = session->client_id, .topic = event->topic,
	                               .payload = event->payload, .payload_len = event->payloadlen, .at_ms = server->wall_ms},
		record);
	enum journal_rc rc = journal_add(server->journal, record->data, record->len, seq, &err);
	server->counters.commands += rc == JOURNAL_OK;
	return rc == JOURNAL_OK ? MOSQ_ERR_SUCCESS : not_now(server, session, rc == JOURNAL_FULL ? "the journal is full" : err.text);
}

/* Journals and hands a command to the core, which owns it then. */
static int take_command(struct server *server, const struct session *session, struct mosquitto_evt_message *event, struct command *command)
{
	bool full = core_command_count(server->core) >= COMMANDS_MAX;
	int rc = full ? not_now(server, session, "too many are waiting") : add_to_journal(server, session, event, &command->journal_seq);
	if (rc != MOSQ_ERR_SUCCESS) {
		origin_free(command->origin);
		command_free(command);
		return rc;
	}
	command->at_ms = server->wall_ms;
	ports_finish_command(server, command);
	server->deciding = command;
	server->deciding_refused = false;
	core_command(server->core, command, server->now_ms);
	server->deciding = NULL;
	return server->deciding_refused ? MOSQ_ERR_ACL_DENIED : taken(event);
}

static bool fits_journal(const struct session *session, const struct mosquitto_evt_message *event, struct verdict *verdict)
{
	size_t max = intake_payload_max(
		&(struct intake){.sender_id = session->person->user_id, .client_id = session->client_id, .topic = event->topic});
	if (event->payloadlen <= max)
		return true;
	refuse(verdict, REFUSAL_TOO_LARGE, "payload: at most %zu bytes are taken", max);
	return false;
}

/* Who asked for it to be acknowledged sends it again, to another broker or later. */
static int draining(struct server *server, struct session *session, const struct mosquitto_evt_message *event, const char *command_id)
{
	struct verdict verdict;
	refuse(&verdict, REFUSAL_UNAVAILABLE, "the broker is being drained: connect to another one, or try again later");
	answer_error(server, session, command_id, &verdict);
	return event->qos == 0 ? MOSQ_ERR_ACL_DENIED : not_now(server, session, "the broker is being drained");
}

static struct parse_conf parse_conf_of(const struct server *server)
{
	return (struct parse_conf){server->world.info.secret, STORE_SECRET_BYTES, server->conf.body_bytes_max, server->conf.quotes == CONF_QUOTES_KEEP};
}

/* Too much: nothing of the payload is read but the ID that the refusal is to have. */
static int refused_unread(struct server *server, struct session *session, const struct mosquitto_evt_message *event, const struct topic *topic,
	const struct verdict *verdict)
{
	char id[COMMAND_ID_MAX + 1];
	bool inside = topic->kind == TOPIC_SEND && topic->command_id[0] == '\0' && parse_command_id(event->payload, event->payloadlen, id);
	return refused(server, session, inside ? id : topic->command_id, verdict);
}

static int take_send(struct server *server, struct session *session, struct mosquitto_evt_message *event, const struct topic *topic)
{
	struct verdict verdict, too_much;
	const struct parse_conf conf = parse_conf_of(server);
	if (server->draining)
		return draining(server, session, event, topic->command_id);
	struct command *command = parse_topic(&conf, topic, session->person->user_id, &verdict);
	if (!budget_allows_command(server, session->person, command != NULL ? command->chat_id : "", event->payloadlen, &too_much)) {
		command_free(command);
		return refused_unread(server, session, event, topic, &too_much);
	}
	if (command == NULL || !fits_journal(session, event, &verdict) ||
		!parse_payload(command, &conf, topic, event->payload, event->payloadlen, &verdict)) {
		command_free(command);
		return refused(server, session, topic->command_id, &verdict);
	}
	command->origin = origin_of(server, session, command->key);
	return take_command(server, session, event, command);
}

/* ---- receipts and typing: not journaled; they need the chat in memory ---- */

struct signal {
	struct server *server;
	uint64_t session_id;
	enum topic_kind kind;
	uint64_t number;
	bool typing;
	char user_id[USER_ID_MAX + 1];
};

static void apply_receipt(struct server *server, struct chat *chat, const struct signal *signal, struct session *session)
{
	bool read = signal->kind == TOPIC_READ;
	if (chat_receive(chat, signal->user_id, signal->number, read ? signal->number : 0)) {
		core_receipts_changed(server->core, chat);
		live_receipt(server, chat, chat_member(chat, signal->user_id));
	}
	if (session != NULL)
		cursor_received(session, chat->id, signal->number);
}

static void signal_visit(void *context, struct chat *chat, bool unavailable)
{
	struct signal *signal = context;
	struct server *server = signal->server;
	struct session *session = session_by_id(server, signal->session_id);
	struct member *member = chat ? chat_member(chat, signal->user_id) : NULL;
	if (!member_is_current(member)) {
		struct verdict verdict;
		refuse(&verdict, unavailable ? REFUSAL_UNAVAILABLE : REFUSAL_FORBIDDEN, NULL);
		if (session != NULL)
			answer_error(server, session, NULL, &verdict);
	} else if (signal->kind == TOPIC_TYPING) {
		live_typing(server, chat, signal->user_id, signal->typing);
	} else {
		apply_receipt(server, chat, signal, session);
	}
	free(signal);
}

static int take_signal(struct server *server, struct session *session, struct mosquitto_evt_message *event, const struct topic *topic)
{
	struct verdict verdict;
	bool zero = event->payloadlen == 1 && *(const char *)event->payload == '0';
	if (!budget_allows_command(server, session->person, topic->chat_id, event->payloadlen, &verdict) ||
		(topic->kind == TOPIC_TYPING && !budget_allows(server, session->person, BUDGET_TYPING, &verdict)))
		return refused(server, session, NULL, &verdict);
	if (event->payloadlen > 0 && !(topic->kind == TOPIC_TYPING && zero)) {
		refuse(&verdict, REFUSAL_BAD_REQUEST, topic->kind == TOPIC_TYPING ? "payload: it must be empty, or 0" : "payload: it must be empty");
		return refused(server, session, NULL, &verdict);
	}
	struct signal *signal = mem_zero(sizeof *signal);
	signal->server = server;
	signal->session_id = session->id;
	signal->kind = topic->kind;
	signal->number = topic->number;
	signal->typing = !zero;
	strcpy(signal->user_id, session->person->user_id);
	server->counters.signals++;
	core_visit(server->core, topic->chat_id, signal_visit, signal, server->now_ms);
	return taken(event);
}

/* ---- RPC ---- */

/* Where the answer goes: an MQTT 5 response topic, else hc/me/reply/<id>. false: *verdict. */
static bool read_reply(struct server *server, struct mosquitto_evt_message *event, const struct topic *topic, struct origin *origin,
	struct verdict *verdict)
{
	char start[64];
	char *response = NULL;
	void *correlation = NULL;
	uint16_t correlation_len = 0;
	snprintf(start, sizeof start, "%s/me/reply/", server->conf.prefix);
	mosquitto_property_read_string(event->properties, MQTT_PROP_RESPONSE_TOPIC, &response, false);
	if (mosquitto_property_read_binary(event->properties, MQTT_PROP_CORRELATION_DATA, &correlation, &correlation_len, false) != NULL) {
		origin->correlation = mem_copy(correlation, correlation_len);
		origin->correlation_len = correlation_len;
		free(correlation);
	}
	if (response != NULL) {
		bool own = strncmp(response, start, strlen(start)) == 0 && response[strlen(start)] != '\0' && strlen(response) <= RESPONSE_TOPIC_MAX &&
		           mosquitto_pub_topic_check(response) == MOSQ_ERR_SUCCESS;
		if (own)
			origin->reply_topic = mem_text(response);
		else
			refuse(verdict, REFUSAL_BAD_REQUEST, "Response Topic: it must be below %s, at most %d bytes and without wildcards", start,
				RESPONSE_TOPIC_MAX);
		free(response);
		return own;
	}
	if (topic->command_id[0] == '\0') {
		refuse(verdict, REFUSAL_BAD_REQUEST, "id: the topic must end with one, or the request have a Response Topic");
		return false;
	}
	struct buf name = BUF_EMPTY;
	buf_printf(&name, "%s%s", start, topic->command_id);
	origin->reply_topic = name.data;
	return true;
}

static int take_write(struct server *server, struct session *session, struct mosquitto_evt_message *event, struct rpc_request *request)
{
	if (!fits_journal(session, event, &request->refused)) {
		answer_request(request);
		return MOSQ_ERR_ACL_DENIED;
	}
	int rc = add_to_journal(server, session, event, &request->journal_seq);
	if (rc != MOSQ_ERR_SUCCESS) {
		budget_end_call(server, session->person, 0);
		origin_free(request->origin);
		return rc;
	}
	rpc_begin(request);
	writes_start(server, request);
	return taken(event);
}

/* false: request->refused. */
static bool may_ask(struct server *server, const struct session *session, struct rpc_request *request)
{
	if (server->draining && (rpc_kind(request) == RPC_COMMAND || rpc_kind(request) == RPC_WRITE)) {
		refuse(&request->refused, REFUSAL_UNAVAILABLE, "the broker is being drained: connect to another one, or try again later");
		return false;
	}
	if (rpc_needs_sign_on(request) && !session->by_sign_on) {
		refuse(&request->refused, REFUSAL_FORBIDDEN, "only a connection with a token of the sign-on may ask for that");
		return false;
	}
	return (!rpc_is_contact(request) || budget_allows(server, session->person, BUDGET_CONTACTS, &request->refused)) &&
	       (!rpc_stores_icon(request) || budget_allows(server, session->person, BUDGET_ICONS, &request->refused));
}

static int start_request(struct server *server, struct session *session, struct mosquitto_evt_message *event, struct rpc_request *request)
{
	struct verdict verdict;
	struct origin *origin = request->origin;
	if (!may_ask(server, session, request)) {
		answer_request(request);
		return MOSQ_ERR_ACL_DENIED;
	}
	if (rpc_kind(request) == RPC_WRITE)
		return take_write(server, session, event, request);
	if (rpc_kind(request) != RPC_COMMAND) {
		int rc = taken(event);
		if (rpc_kind(request) == RPC_READ)
			ports_read_request(server, request);
		else
			rpc_local(request, server->now_ms);
		return rc;
	}
	struct command *command = fits_journal(session, event, &verdict) ? rpc_command(request, &verdict) : NULL;
	bool grows = command != NULL && (command->type == COMMAND_ADD || command->type == COMMAND_CREATE_GROUP);
	if (command != NULL &&
		(!budget_lets_through(server, session->person, command->chat_id ? command->chat_id : "", &verdict) ||
			(grows && !budget_has_contacts(server, session->person, &verdict)))) {
		command_free(command);
		command = NULL;
	}
	if (command == NULL) {
		request->refused = verdict;
		answer_request(request);
		return MOSQ_ERR_ACL_DENIED;
	}
	command->origin = origin;
	int rc = take_command(server, session, event, command);
	if (rc != MOSQ_ERR_SUCCESS && rc != MOSQ_ERR_ACL_DENIED)
		budget_end_call(server, session->person, 0); /* it was not taken: the origin, and the request with it, is gone */
	return rc;
}

/* Before its arguments are read. false: *verdict. */
static bool pay_call(struct server *server, struct session *session, const struct mosquitto_evt_message *event, const struct topic *topic,
	struct verdict *verdict)
{
	enum rpc_kind kind = rpc_kind_of(topic->operation);
	return kind == RPC_COMMAND || kind == RPC_WRITE ? budget_allows_command(server, session->person, "", event->payloadlen, verdict)
	                                                : budget_allows_call(server, session->person, event->payloadlen, verdict);
}

static int take_rpc(struct server *server, struct session *session, struct mosquitto_evt_message *event, const struct topic *topic)
{
	struct verdict verdict, no_reply;
	struct origin *origin = origin_of(server, session, NULL);
	if (!read_reply(server, event, topic, origin, &no_reply)) {
		bool paid = pay_call(server, session, event, topic, &verdict);
		origin_free(origin);
		return refused(server, session, topic->command_id, paid ? &no_reply : &verdict);
	}
	bool allowed = budget_begin_call(server, session->person, &verdict) && pay_call(server, session, event, topic, &verdict);
	struct rpc_request *request =
		allowed ? rpc_parse(&server->world, topic->operation, topic->command_id, event->payload, event->payloadlen, &verdict) : NULL;
	if (request == NULL) {
		request = mem_zero(sizeof *request);
		request->user_id = mem_text(session->person->user_id);
		request->refused = verdict;
	} else {
		request->user_id = mem_text(session->person->user_id);
		request->device = session->device ? mem_text(session->device) : NULL;
		request->bytes_max = session_payload_max(session, strlen(origin->reply_topic) + origin->correlation_len + 3, server->conf.inbox_bytes_max);
		request->at_ms = server->wall_ms;
	}
	request->finish = answer_request;
	request->origin = origin;
	origin->request = request;
	if (request->refused.code == REFUSAL_NONE)
		return start_request(server, session, event, request);
	answer_request(request);
	return MOSQ_ERR_ACL_DENIED;
}

int intake_message(struct server *server, struct mosquitto_evt_message *event)
{
	struct topic topic;
	topic_read(server->conf.prefix, event->topic, &topic);
	if (topic.kind == TOPIC_OUTSIDE)
		return MOSQ_ERR_SUCCESS;
	struct session *session = session_of(server, event->client);
	if (session == NULL || session->person->closed)
		return MOSQ_ERR_ACL_DENIED;
	session->heard_round = server->round;
	struct verdict verdict;
	if (session_is_over(server, session)) {
		refuse(&verdict, REFUSAL_UNAVAILABLE, "%s; it can be sent again behind the next login",
			session->kicked ? "this connection was ended" : "the token has expired or was revoked");
		return refused(server, session, topic.command_id, &verdict);
	}
	if (event->payloadlen > PAYLOAD_MAX) {
		if (budget_allows_command(server, session->person, topic.chat_id, event->payloadlen, &verdict))
			refuse(&verdict, REFUSAL_TOO_LARGE, "payload: at most %d bytes are taken", PAYLOAD_MAX);
		return refused(server, session, topic.command_id, &verdict);
	}
	switch (topic.kind) {
	case TOPIC_SEND:
	case TOPIC_TEXT:
	case TOPIC_EDIT:
	case TOPIC_DELETE:
		return take_send(server, session, event, &topic);
	case TOPIC_RECEIVED:
	case TOPIC_READ:
	case TOPIC_TYPING:
		return take_signal(server, session, event, &topic);
	case TOPIC_RPC:
		return take_rpc(server, session, event, &topic);
	default:
		return MOSQ_ERR_ACL_DENIED; /* the WRITE check has said why */
	}
}

/* ---- after a crash ---- */

/* What an operation was asked for, with nobody waiting for the answer. NULL: *verdict. */
static struct rpc_request *replayed_request(struct server *server, const struct intake *intake, const struct topic *topic, struct verdict *verdict)
{
	struct rpc_request *request = rpc_parse(&server->world, topic->operation, topic->command_id, intake->payload, intake->payload_len, verdict);
	if (request == NULL)
		return NULL;
	struct origin *origin = origin_new(server, 0);
	origin->request = request;
	request->origin = origin;
	request->user_id = mem_text(intake->sender_id);
	const char *device;
	if (client_id_read(intake->client_id, intake->sender_id, &device, NULL) == CLIENT_DEVICE)
		request->device = mem_text(device);
	request->at_ms = intake->at_ms;
	return request;
}

/* A write is started; else the command that the request stands for, with the request as its origin where that has more to do. */
static struct command *replayed_operation(struct server *server, struct rpc_request *request, uint64_t seq, struct verdict *verdict)
{
	request->journal_seq = seq;
	if (rpc_writes(request))
		device_put_user(server, request->user_id); /* he had logged in, perhaps too short a time ago for the store to know */
	if (rpc_kind(request) == RPC_WRITE) {
		writes_start(server, request);
		return NULL;
	}
	struct command *command = rpc_kind(request) == RPC_COMMAND ? rpc_command(request, verdict) : NULL;
	if (command != NULL && rpc_writes(request))
		command->origin = request->origin;
	else
		origin_free(request->origin);
	return command;
}

static void decline(struct server *server, uint64_t seq, const struct verdict *verdict)
{
	struct error err;
	server_log(MOSQ_LOG_WARNING, "journal: a command from before the restart is not taken any more: %s", verdict->message);
	if (journal_release(server->journal, seq, JOURNAL_DECLINED, &err) == JOURNAL_FAILED)
		server_log(MOSQ_LOG_ERR, "journal: %s", err.text);
}

/* Starts it, or returns the command that the core is to decide; else *verdict says why not. */
static struct command *replay_one(struct server *server, const struct intake *intake, uint64_t seq, struct verdict *verdict)
{
	struct topic topic;
	topic_read(server->conf.prefix, intake->topic, &topic);
	if (topic.kind == TOPIC_SEND || topic.kind == TOPIC_TEXT || topic.kind == TOPIC_EDIT || topic.kind == TOPIC_DELETE) {
		const struct parse_conf conf = parse_conf_of(server);
		struct command *command = parse_topic(&conf, &topic, intake->sender_id, verdict);
		if (command == NULL || parse_payload(command, &conf, &topic, intake->payload, intake->payload_len, verdict))
			return command;
		command_free(command);
		return NULL;
	}
	if (topic.kind != TOPIC_RPC) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "%s", topic.problem);
		return NULL;
	}
	struct rpc_request *request = replayed_request(server, intake, &topic, verdict);
	return request != NULL ? replayed_operation(server, request, seq, verdict) : NULL;
}

void intake_replay(struct server *server, uint64_t seq, const void *record, size_t len)
{
	struct intake intake;
	struct verdict verdict = {0};
	struct command *command = NULL;
	const char *why;
	if (!intake_decode(record, len, &intake))
		refuse(&verdict, REFUSAL_BAD_REQUEST, "it cannot be read");
	else if (account_refuses(server, intake.sender_id, intake.at_ms, &why))
		refuse(&verdict, REFUSAL_FORBIDDEN, "%s", why); /* deleteAccount itself goes on from what the store knows of it */
	else
		command = replay_one(server, &intake, seq, &verdict);
	if (command == NULL) {
		if (verdict.code != REFUSAL_NONE)
			decline(server, seq, &verdict);
		return;
	}
	command->journal_seq = seq;
	command->at_ms = intake.at_ms;
	command->replayed = true;
	ports_finish_command(server, command);
	core_command(server->core, command, server->now_ms);
}
