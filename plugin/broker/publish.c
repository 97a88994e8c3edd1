/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The way out through the broker. Broker thread.
 *
 * Acks and answers go out at once, however many are asked for by a client that reads none of them. With QoS 1 each has a place in the broker's queue for
 * that client until it is acknowledged, which a plugin does not see, and what finds that queue full is dropped: an inbox message as well. So only some
 * have QoS 1. The others go by QoS 0, which has a queue of its own, and are lost only with the connection. */
#include "plugin/broker/publish.h"

#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/budget.h"
#include "plugin/broker/client.h"
#include "plugin/broker/feed.h"
#include "plugin/broker/server.h"

enum {
	TOPIC_SIZE = 512,
	ACKNOWLEDGEMENTS_MAX = 128, /* bytes on their way that can be PUBACKs and the like */
	UNANSWERED_MAX = 4096,      /* of QoS 0 */
};

/* By default the broker's sockets hold a small packet back until the peer's TCP has acknowledged what is on its way, and a peer that has
 * nothing to say does that 40 ms later. To a PUBACK nobody says anything: so that would be the time from PUBACK to isSent, and to every answer.
 * A PUBLISH with QoS 1 is answered by the client at once; there, what is held back makes fewer and larger segments under load. */
static void choose_pace(struct server *server, struct session *session, int qos)
{
	if (session->socket < 0)
		return;
	int backlog = client_backlog(session->socket);
	bool puback_comes_first = session->heard_round == server->round;
	bool hurry = puback_comes_first || (backlog > 0 && backlog < (qos == 0 ? UNANSWERED_MAX : ACKNOWLEDGEMENTS_MAX));
	if (hurry == session->hurries)
		return;
	session->hurries = hurry;
	client_hurry(session->socket, hurry);
}

char *publish_alloc(size_t len)
{
	char *payload = mosquitto_malloc(len + 1);
	if (payload == NULL)
		abort();
	payload[len] = '\0';
	return payload;
}

static bool hand_over(struct server *server, const char *client_id, const char *topic, char *payload, size_t len, int qos, bool retain,
	mosquitto_property *properties)
{
	int rc = mosquitto_broker_publish(client_id, topic, (int)len, payload, qos, retain, properties);
	if (rc == MOSQ_ERR_SUCCESS) {
		server->published = true;
		return true;
	}
	mosquitto_free(payload);
	mosquitto_property_free_all(&properties);
	server_log(MOSQ_LOG_ERR, "could not publish to a client: %s", mosquitto_strerror(rc));
	return false;
}

static void publish(struct server *server, const char *client_id, const char *topic, char *payload, size_t len, int qos,
	mosquitto_property *properties)
{
	if (!hand_over(server, client_id, topic, payload, len, qos, false, properties))
		return;
	server->handed_over++;
	server->counters.packets++;
	server->counters.packet_bytes += len;
}

int publish_qos(const struct session *session, int qos)
{
	return session->quota_lost > 0 ? 0 : qos;
}

static void publish_to(struct server *server, struct session *session, const char *topic, char *payload, size_t len, int qos,
	mosquitto_property *properties)
{
	qos = publish_qos(session, qos);
	choose_pace(server, session, qos);
	session->handed_round = server->round;
	publish(server, session->client_id, topic, payload, len, qos, properties);
}

bool publish_owned(struct server *server, struct session *session, const char *topic, char *payload, size_t len, int qos)
{
	char name[TOPIC_SIZE];
	snprintf(name, sizeof name, "%s/me/%s", server->conf.prefix, topic);
	if (len > session_payload_max(session, strlen(name), SIZE_MAX)) {
		mosquitto_free(payload); /* an ack or a live event that cannot be shortened; the feed stays below the bound by itself */
		return false;
	}
	publish_to(server, session, name, payload, len, qos, NULL);
	return true;
}

bool publish_copy(struct server *server, struct session *session, const char *topic, const char *payload, size_t len, int qos)
{
	char *copy = publish_alloc(len);
	memcpy(copy, payload, len);
	return publish_owned(server, session, topic, copy, len, qos);
}

/* The QoS that an answer is to be sent with, now. */
static int answer_qos(struct server *server, struct session *session, int qos)
{
	qos = publish_qos(session, qos);
	return qos > 0 && budget_keeps_answer(server, session->person) ? qos : 0;
}

void publish_ack(struct server *server, struct session *session, const char *topic, const char *payload, size_t len, int qos)
{
	qos = answer_qos(server, session, qos);
	if (publish_copy(server, session, topic, payload, len, qos))
		feed_goes_beside(server, session, len, qos);
}

void publish_reply(struct server *server, struct session *session, const char *topic, const char *payload, size_t len,
	const void *correlation, size_t correlation_len)
{
	mosquitto_property *properties = NULL;
	if (correlation != NULL && mosquitto_property_add_binary(&properties, MQTT_PROP_CORRELATION_DATA, correlation,
	                               (uint16_t)correlation_len) != MOSQ_ERR_SUCCESS)
		server_log(MOSQ_LOG_ERR, "could not add correlation data to an answer");
	char *copy = publish_alloc(len);
	memcpy(copy, payload, len);
	int qos = answer_qos(server, session, 1);
	publish_to(server, session, topic, copy, len, qos, properties);
	feed_goes_beside(server, session, len, qos);
}

void publish_events(struct server *server, const char *chat_id, const char *payload, size_t len)
{
	char name[TOPIC_SIZE];
	snprintf(name, sizeof name, "%s/chat/%s/events", server->conf.prefix, chat_id);
	char *copy = publish_alloc(len);
	memcpy(copy, payload, len);
	publish(server, NULL, name, copy, len, 1, NULL);
}

void publish_status(struct server *server, const char *topic, const char *text)
{
	size_t len = strlen(text);
	char *copy = publish_alloc(len);
	memcpy(copy, text, len);
	hand_over(server, NULL, topic, copy, len, 0, true, NULL);
}
