/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Who is connected: subscriptions, the end. How one gets in: login.c. Broker thread. */
#include "plugin/broker/session.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/text.h"
#include "plugin/broker/blocks.h"
#include "plugin/broker/client.h"
#include "plugin/broker/cursor.h"
#include "plugin/broker/device.h"
#include "plugin/broker/feed.h"
#include "plugin/broker/live.h"
#include "plugin/broker/presence.h"
#include "plugin/broker/server.h"
#include "plugin/broker/underway.h"

enum {
	EXPIRY_WARNING_MS = 60 * 1000,
	FILTER_BYTES_MAX = 512, /* above the longest topic that we publish to */
};

struct session *session_of(struct server *server, const struct mosquitto *client)
{
	struct session *session;
	HASH_FIND(hh_client, server->by_client, &client, sizeof client, session);
	return session;
}

struct session *session_by_id(struct server *server, uint64_t id)
{
	struct session *session;
	HASH_FIND(hh_id, server->by_id, &id, sizeof id, session);
	return session;
}

struct person *person_find(struct server *server, const char *user_id)
{
	struct person *person;
	HASH_FIND_STR(server->persons, user_id, person);
	return person;
}

struct session *session_by_name(struct server *server, const char *client_id)
{
	struct session *session;
	HASH_FIND(hh_name, server->by_name, client_id, strlen(client_id), session);
	return session;
}

static struct person *person_get(struct server *server, const char *user_id)
{
	struct person *person = person_find(server, user_id);
	if (person != NULL && !person->closed)
		return person;
	if (person == NULL) {
		person = mem_zero(sizeof *person);
		person->user_id = mem_text(user_id);
		HASH_ADD_KEYPTR(hh, server->persons, person->user_id, strlen(person->user_id), person);
	}
	/* Or a new account of somebody whose limits have not been forgotten yet. */
	person->closed = false;
	blocks_drop(person->blocks);
	person->blocks = NULL;
	device_put_user(server, user_id);
	blocks_load(server, person);
	return person;
}

struct session *session_begin(struct server *server, struct mosquitto *client, const char *user_id, int64_t expires_at_ms, const char **why)
{
	const char *client_id = mosquitto_client_id(client), *device;
	struct session *earlier = session_by_name(server, client_id);
	struct error err;
	enum client_kind kind = client_id_read(client_id, user_id, &device, &err);
	if (kind == CLIENT_REFUSED) {
		*why = "the client ID names a device of somebody else, or none";
		return NULL;
	}
	if (earlier != NULL && kind == CLIENT_EPHEMERAL && strcmp(earlier->person->user_id, user_id) != 0) {
		*why = "another user is connected under this client ID";
		return NULL;
	}
	if (earlier != NULL)
		HASH_DELETE(hh_name, server->by_name, earlier);
	struct session *stale = session_of(server, client);
	if (stale != NULL)
		session_end(server, stale);

	struct session *session = mem_zero(sizeof *session);
	session->client = client;
	session->id = ++server->last_session_id;
	session->client_id = mem_text(client_id);
	session->device = kind == CLIENT_DEVICE ? session->client_id + (device - client_id) : NULL;
	session->mqtt5 = mosquitto_client_protocol_version(client) == 5;
	session->clean = mosquitto_client_clean_session(client);
	session->keepalive_s = mosquitto_client_keepalive(client);
	session->packet_max = client_packet_max(client);
	session->socket = client_socket(client);
	session->expires_at_ms = expires_at_ms;
	session->inbox_qos = session->ack_qos = session->live_qos = session->events_qos = -1;
	server->begun_id = session->id;
	server->begun_round = server->round;
	session->person = person_get(server, user_id);
	server->users += session->person->sessions == NULL;
	DL_APPEND2(session->person->sessions, session, person_prev, person_next);
	presence_came(server, session->person);
	HASH_ADD(hh_client, server->by_client, client, sizeof session->client, session);
	HASH_ADD(hh_id, server->by_id, id, sizeof session->id, session);
	HASH_ADD_KEYPTR(hh_name, server->by_name, session->client_id, strlen(session->client_id), session);
	if (session->device != NULL)
		device_load(server, session);
	return session;
}

void session_due(struct server *server, struct session *session)
{
	if (session->due)
		return;
	session->due = true;
	DL_APPEND2(server->due, session, due_prev, due_next);
}

bool session_is_beginning(const struct server *server, const struct session *session)
{
	return server->begun_id == session->id && server->begun_round == server->round;
}

static void filters_free(struct session *session)
{
	for (unsigned i = 0; i < session->filter_count; i++)
		free(session->filters[i].text);
	free(session->filters);
	session->filters = NULL;
	session->filter_count = 0;
}

static void person_free(struct server *server, struct person *person)
{
	HASH_DEL(server->persons, person);
	budget_forget(person);
	blocks_drop(person->blocks);
	free(person->user_id);
	free(person);
}

void session_end(struct server *server, struct session *session)
{
	struct person *person = session->person;
	device_leave(server, session);
	underway_leaves(server, session);
	cursor_leave(server, session);
	feed_end(session);
	HASH_DELETE(hh_client, server->by_client, session);
	HASH_DELETE(hh_id, server->by_id, session);
	if (session_by_name(server, session->client_id) == session)
		HASH_DELETE(hh_name, server->by_name, session);
	DL_DELETE2(person->sessions, session, person_prev, person_next);
	server->users -= person->sessions == NULL;
	presence_went(server, session);
	if (session->due)
		DL_DELETE2(server->due, session, due_prev, due_next);
	filters_free(session);
	session_forget_decided(session);
	free(session->client_id);
	free(session->kid);
	free(session);
	if (person->sessions == NULL && budget_is_settled(server, person))
		person_free(server, person);
}

void session_sweep_persons(struct server *server)
{
	struct person *person, *next;
	HASH_ITER(hh, server->persons, person, next)
		if (person->sessions == NULL && budget_is_settled(server, person))
			person_free(server, person);
}

void session_free_persons(struct server *server)
{
	struct person *person, *next;
	HASH_ITER(hh, server->persons, person, next)
		person_free(server, person);
}

/* ---- the end of tokens ---- */

void session_cut(struct server *server, struct session *session)
{
	session->expires_at_ms = server->now_ms;
	server_sweep_next(server);
}

void session_kick(struct server *server, struct session *session)
{
	session->kicked = true;
	session_cut(server, session);
}

bool session_is_over(const struct server *server, const struct session *session)
{
	return session->gone || server->now_ms >= session->expires_at_ms;
}

void session_expire(struct server *server)
{
	struct session *session, *next;
	HASH_ITER(hh_client, server->by_client, session, next) {
		if (server->now_ms < session->expires_at_ms - EXPIRY_WARNING_MS)
			continue;
		if (session->gone) {
			if (session_by_name(server, session->client_id) == session)
				mosquitto_kick_client_by_clientid(session->client_id, false); /* ends the session, by DISCONNECT */
		} else if (server->now_ms >= session->expires_at_ms) {
			if (!session->person->closed && !session->kicked)
				live_token(server, session, true);
			session->gone = true;
			server_sweep_next(server); /* the broker has sent the message by then */
		} else if (!session->warned) {
			live_token(server, session, false);
			session->warned = true;
		}
	}
}

/* ---- subscriptions below hc/me/ ---- */

int session_qos(const struct session *session, const char *topic)
{
	int qos = -1;
	for (unsigned i = 0; i < session->filter_count; i++) {
		bool matches = false;
		mosquitto_topic_matches_sub(session->filters[i].text, topic, &matches);
		if (matches && session->filters[i].qos > qos)
			qos = session->filters[i].qos;
	}
	return qos > 1 ? 1 : qos;
}

bool filter_reaches_text(const struct filter *filter)
{
	return strncmp(filter->text, "text/", 5) == 0 || filter->text[0] == '#' || filter->text[0] == '+';
}

static void filters_changed(struct session *session)
{
	session->inbox_qos = session_qos(session, "inbox");
	session->live_qos = session_qos(session, "live");
	session->ack_qos = session_qos(session, "ack/-");
	session->text = false;
	for (unsigned i = 0; i < session->filter_count; i++) {
		const char *filter = session->filters[i].text;
		if (strncmp(filter, "ack/", 4) == 0 && session->ack_qos < 0)
			session->ack_qos = session->filters[i].qos > 1 ? 1 : session->filters[i].qos;
		if (filter_reaches_text(&session->filters[i]))
			session->text = true;
	}
}

/* A session that goes on has subscriptions before the client sends any. Nothing else tells it to a plugin. */
bool session_is_kept(struct session *session)
{
	if (!session->kept_known)
		session->kept = !session->clean && mosquitto_client_sub_count(session->client) > 0;
	session->kept_known = true;
	return session->kept;
}

bool session_subscribe(struct server *server, struct session *session, const char *filter, int qos)
{
	unsigned at = 0;
	size_t len = strlen(filter);
	if (len > FILTER_BYTES_MAX || text_has_control(filter, len))
		return false;
	while (at < session->filter_count && strcmp(session->filters[at].text, filter) != 0)
		at++;
	if (at >= server->conf.subscriptions_max)
		return false;
	bool had_inbox = session->inbox_qos >= 0, is_new = at == session->filter_count;
	if (is_new) {
		session->filters = mem_grow(session->filters, (at + 1) * sizeof *session->filters);
		session->filters[session->filter_count++].text = mem_text(filter);
	}
	session->filters[at].qos = qos;
	filters_changed(session);
	bool new_inbox = !had_inbox && session->inbox_qos >= 0, new_text = is_new && filter_reaches_text(&session->filters[at]);
	if (session->feed != NULL && (new_inbox || new_text))
		feed_widened(server, session, new_inbox, new_text);
	if (session->inbox_qos >= 0 || session->text)
		feed_begin(server, session);
	device_changed(server, session);
	return true;
}

bool session_has_decided(const struct session *session, const char *filter)
{
	for (unsigned i = 0; i < session->filter_count; i++)
		if (strcmp(session->filters[i].text, filter) == 0)
			return true;
	for (unsigned i = 0; i < session->unsubscribed_count; i++)
		if (strcmp(session->unsubscribed[i], filter) == 0)
			return true;
	return false;
}

void session_forget_decided(struct session *session)
{
	while (session->unsubscribed_count > 0)
		free(session->unsubscribed[--session->unsubscribed_count]);
	free(session->unsubscribed);
	session->unsubscribed = NULL;
}

static void remember_unsubscribed(struct session *session, const char *filter)
{
	if (!session->device_loading || session->unsubscribed_count == FILTERS_MAX)
		return;
	session->unsubscribed = mem_grow(session->unsubscribed, (session->unsubscribed_count + 1) * sizeof *session->unsubscribed);
	session->unsubscribed[session->unsubscribed_count++] = mem_text(filter);
	session->device_dirty = true; /* the store has it, perhaps */
}

void session_unsubscribe(struct server *server, struct session *session, const char *filter)
{
	remember_unsubscribed(session, filter);
	for (unsigned i = 0; i < session->filter_count; i++) {
		if (strcmp(session->filters[i].text, filter) != 0)
			continue;
		free(session->filters[i].text);
		session->filters[i] = session->filters[--session->filter_count];
		filters_changed(session);
		if (session->inbox_qos < 0 && !session->text) {
			cursor_leave(server, session);
			feed_end(session);
		}
		device_changed(server, session);
		return;
	}
}

size_t session_payload_max(const struct session *session, size_t topic_len, size_t most)
{
	/* PUBLISH around the payload: fixed header 5, topic length 2, packet identifier 2, property length 1; correlation data has its own. */
	size_t around = topic_len + 10;
	size_t packet_max = session->packet_max;
	if (packet_max != 0 && packet_max <= around)
		return 0;
	if (packet_max != 0 && packet_max - around < most)
		most = packet_max - around;
	return session->bytes_max != 0 && session->bytes_max < most ? session->bytes_max : most;
}
