/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * $CONTROL/hyperchat/v1. Broker thread. */
#include "plugin/broker/control.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "plugin/broker/answer.h"
#include "plugin/broker/control_audit.h"
#include "plugin/broker/control_call.h"
#include "plugin/broker/doorman.h"
#include "plugin/broker/publish.h"

#define TOPIC_ROOT "$CONTROL/hyperchat/"

enum {
	REQUESTS_MAX = 64,              /* under way, of all operators */
	TRANSACTIONS_BYTES = 512 * 1024, /* in one answer: some ms of the broker's thread */
};

/* A payload's commands. */
struct control_request {
	struct server *server;
	uint64_t session_id;
	char *user_id;
	json_t *commands, *responses;
	size_t next_command, room;
	struct control_call *call; /* under way; NULL: none */
	bool running; /* its commands are being gone through: who is done at once need not go on by himself */
	struct control_request *prev, *next;
};

static control_run *const RUN[CONTROL_COUNT] = {
	[CONTROL_STATUS] = control_status,
	[CONTROL_METRICS] = control_metrics,
	[CONTROL_KEYS] = control_keys,
	[CONTROL_LIST_USERS] = control_list_users,
	[CONTROL_GET_USER] = control_get_user,
	[CONTROL_KICK] = control_kick,
	[CONTROL_BAN] = control_ban,
	[CONTROL_UNBAN] = control_unban,
	[CONTROL_REVOKE] = control_revoke,
	[CONTROL_LIST_CHATS] = control_list_chats,
	[CONTROL_GET_CHAT] = control_get_chat,
	[CONTROL_LIST_MEMBERS] = control_list_members,
	[CONTROL_REMOVE_MEMBER] = control_remove_member,
	[CONTROL_CREATE_ROOM] = control_create_room,
	[CONTROL_EXPORT_CHAT] = control_export_chat,
	[CONTROL_ERASE_MESSAGE] = control_erase_message,
	[CONTROL_ERASE_ACCOUNT] = control_erase_account,
	[CONTROL_LIST_AUDIT] = control_list_audit,
	[CONTROL_DRAIN] = control_drain,
};

/* ---- who may ---- */

bool control_names(const struct server *server, const char *user_id)
{
	size_t len = strlen(user_id);
	for (const char *at = server->conf.operators; *at != '\0';) {
		size_t part = strcspn(at, ",");
		if (part == len && strncmp(at, user_id, len) == 0)
			return true;
		at += part + (at[part] == ',');
	}
	return false;
}

bool control_is_topic(const char *topic)
{
	return strncmp(topic, TOPIC_ROOT, sizeof TOPIC_ROOT - 1) == 0;
}

bool control_allows(struct server *server, const struct session *session, const char *topic)
{
	bool ours = strcmp(topic, CONTROL_TOPIC) == 0 || strcmp(topic, CONTROL_RESPONSE_TOPIC) == 0;
	if (ours && session != NULL && session->is_operator)
		return true;
	if (ours)
		doorman_says(server, "%s asks for " CONTROL_TOPIC " and is no operator: refused", session ? session->person->user_id : "somebody from outside");
	return false;
}

/* ---- answers ---- */

static void publish_answer(struct server *server, uint64_t session_id, json_t *answer)
{
	struct session *session = session_by_id(server, session_id);
	char *text = session != NULL && !session->gone ? json_dumps(answer, JSON_COMPACT) : NULL;
	const char *shown = text;
	if (text != NULL && strlen(text) > session_payload_max(session, strlen(CONTROL_RESPONSE_TOPIC), SIZE_MAX))
		shown = "{\"error\":\"the answer does not fit into what this connection takes: ask for less\"}";
	if (text != NULL)
		publish_reply(server, session, CONTROL_RESPONSE_TOPIC, shown, strlen(shown), NULL, 0);
	free(text);
}

static void request_finish(struct control_request *request)
{
	struct server *server = request->server;
	json_t *answer = json_pack("{s:O}", "responses", request->responses);
	publish_answer(server, request->session_id, answer);
	json_decref(answer);
	DL_DELETE(server->controls, request);
	json_decref(request->commands);
	json_decref(request->responses);
	free(request->user_id);
	free(request);
}

/* Words for an answer; of those that were cut within a character nothing is left. */
static json_t *words(const char *why)
{
	json_t *text = json_string(why);
	return text != NULL ? text : json_string("it was refused");
}

static void refuse_payload(struct server *server, const struct session *session, const char *why)
{
	json_t *answer = json_pack("{s:o}", "error", words(why));
	publish_answer(server, session->id, answer);
	json_decref(answer);
}

/* data is taken over; why NULL: done. */
static void add_response(struct control_request *request, const char *name, json_t *data, const char *why)
{
	const json_t *asked = json_array_get(request->commands, request->next_command - 1);
	const char *correlation = json_string_value(json_object_get(asked, "correlationData"));
	json_t *response = json_object();
	json_object_set_new(response, "command", json_string(name));
	if (why != NULL)
		json_object_set_new(response, "error", words(why));
	else if (data != NULL)
		json_object_set(response, "data", data);
	if (correlation != NULL)
		json_object_set_new(response, "correlationData", json_string(correlation));
	json_decref(data);
	json_array_append_new(request->responses, response);
}

/* ---- one command after the other ---- */

static bool check(const json_t *asked, const struct control_command **command, struct error *err)
{
	const char *name = json_string_value(json_object_get(asked, "command"));
	const json_t *correlation = json_object_get(asked, "correlationData");
	if (name == NULL)
		return error_set(err, 0, 0, "command: a text is missing");
	if (correlation != NULL && (!json_is_string(correlation) || json_string_length(correlation) > CONTROL_CORRELATION_MAX))
		return error_set(err, 0, 0, "correlationData: a text of at most %d bytes", CONTROL_CORRELATION_MAX);
	*command = control_find(name);
	return *command != NULL ? control_check(*command, asked, err) : error_set(err, 0, 0, "there is no such command");
}

static void start_next(struct control_request *request)
{
	struct error err;
	const struct control_command *command = NULL;
	const json_t *asked = json_array_get(request->commands, request->next_command++);
	if (!check(asked, &command, &err)) {
		add_response(request, command != NULL ? command->name : "", NULL, err.text);
		return;
	}
	struct control_call *call = mem_zero(sizeof *call);
	call->server = request->server;
	call->request = request;
	call->command = command;
	call->arguments = asked;
	request->call = call;
	RUN[command - control_table](call);
}

static void go_on(struct control_request *request)
{
	if (request->running)
		return;
	request->running = true;
	while (request->next_command == json_array_size(request->responses) && request->next_command < json_array_size(request->commands))
		start_next(request);
	request->running = false;
	if (json_array_size(request->responses) == json_array_size(request->commands))
		request_finish(request);
}

static void call_free(struct control_call *call)
{
	if (call == NULL)
		return;
	store_free(call->found);
	json_decref(call->data);
	free(call);
}

static void finish(struct control_call *call, const char *why)
{
	struct control_request *request = call->request;
	if (call->command->audited)
		audit_add(call->server, request->user_id, call->command, call->arguments, why);
	add_response(request, call->command->name, call->data, why);
	call->data = NULL;
	call_free(call);
	request->call = NULL;
	go_on(request);
}

void control_done(struct control_call *call)
{
	finish(call, NULL);
}

void control_refuse(struct control_call *call, const char *format, ...)
{
	char why[240];
	va_list args;
	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	finish(call, why);
}

int control_take(struct server *server, const struct mosquitto_evt_control *event)
{
	struct error err;
	struct control_request *running;
	size_t count;
	struct session *session = session_of(server, event->client);
	if (session == NULL || !session->is_operator || session_is_over(server, session)) /* the check of access.c has said so */
		return MOSQ_ERR_SUCCESS;
	DL_COUNT(server->controls, running, count);
	if (count >= REQUESTS_MAX) {
		refuse_payload(server, session, "too much is under way, try again later");
		return MOSQ_ERR_SUCCESS;
	}
	json_t *commands = control_read(event->payload, event->payloadlen, &err);
	if (commands == NULL) {
		refuse_payload(server, session, err.text);
		return MOSQ_ERR_SUCCESS;
	}
	struct control_request *request = mem_zero(sizeof *request);
	request->server = server;
	request->session_id = session->id;
	request->user_id = mem_text(session->person->user_id);
	request->commands = commands;
	request->responses = json_array();
	request->room = TRANSACTIONS_BYTES;
	DL_APPEND(server->controls, request);
	go_on(request);
	return MOSQ_ERR_SUCCESS;
}

/* ---- what needs the store, and the core ---- */

static void ask_run(struct job *job)
{
	struct control_call *call = (struct control_call *)job;
	call->ask(call, call->server->store);
}

static void ask_done(struct job *job)
{
	struct control_call *call = (struct control_call *)job;
	if (call->rc == STORE_OK || call->rc == STORE_NOT_FOUND)
		call->tell(call);
	else
		control_refuse(call, "the store did not do it: %s", call->err.text);
}

void control_ask(struct control_call *call, void (*ask)(struct control_call *call, struct store *store), void (*tell)(struct control_call *call))
{
	call->job = (struct job){.run = ask_run, .done = ask_done};
	call->ask = ask;
	call->tell = tell;
	call->rc = STORE_UNAVAILABLE;
	error_set(&call->err, STORE_UNAVAILABLE, 0, "too much is waiting for it");
	if (!jobs_read(call->server, &call->job, true))
		control_refuse(call, "the store did not do it: %s", call->err.text);
}

static void command_done(void *context, const struct answer *answer)
{
	struct control_call *call = context;
	if (answer->refused != NULL) {
		control_refuse(call, "%s: %s", refusal_name(answer->refused->code), answer->refused->message);
		return;
	}
	call->data = json_object();
	control_add_text(call->data, "chatID", answer->chat_id);
	if (answer->number != 0)
		control_add_number(call->data, "transactionID", answer->number);
	control_done(call);
}

/* It is not in the journal: if the broker dies before it is stored, nobody was told that it is done. */
void control_command(struct control_call *call, struct command *command)
{
	struct server *server = call->server;
	struct origin *origin = origin_new(server, 0);
	struct buf key = BUF_EMPTY;
	origin->then = command_done;
	origin->then_context = call;
	buf_printf(&key, "%ccontrol/%s/%lld/%llu", KEY_ONCE, server->world.info.writer, (long long)server->wall_ms,
		(unsigned long long)++server->control_count);
	command->key = key.data;
	command->at_ms = server->wall_ms;
	command->origin = origin;
	command_hash(command);
	core_command(server->core, command, server->now_ms);
}

/* ---- arguments and answers ---- */

const char *control_text(const struct control_call *call, const char *name)
{
	return json_string_value(json_object_get(call->arguments, name));
}

uint64_t control_number(const struct control_call *call, const char *name, uint64_t otherwise)
{
	const json_t *value = json_object_get(call->arguments, name);
	return value != NULL ? (uint64_t)json_integer_value(value) : otherwise;
}

bool control_flag(const struct control_call *call, const char *name)
{
	return json_is_true(json_object_get(call->arguments, name));
}

size_t control_room(const struct control_call *call)
{
	return call->request->room;
}

void control_take_room(struct control_call *call, size_t bytes)
{
	size_t room = call->request->room;
	call->request->room = bytes < room ? room - bytes : 0;
}

bool control_is_own(const struct control_call *call, const char *user_id)
{
	return strcmp(call->request->user_id, user_id) == 0;
}

void control_add_text(json_t *object, const char *name, const char *text)
{
	if (text != NULL && text[0] != '\0')
		json_object_set_new(object, name, json_string(text));
}

void control_add_number(json_t *object, const char *name, uint64_t number)
{
	json_object_set_new(object, name, json_integer((json_int_t)number));
}

void control_add_time(json_t *object, const char *name, int64_t at_ms)
{
	if (at_ms > 0)
		json_object_set_new(object, name, json_integer(at_ms));
}

void control_add_flag(json_t *object, const char *name, bool flag)
{
	json_object_set_new(object, name, json_boolean(flag));
}

/* ---- life ---- */

void control_tick(struct server *server)
{
	control_drain_tick(server);
}

/* Jobs have come back by then, and the core's commands are gone. */
void control_free_all(struct server *server)
{
	while (server->controls != NULL) {
		call_free(server->controls->call);
		request_finish(server->controls);
	}
}
