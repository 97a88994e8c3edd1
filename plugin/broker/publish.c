/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The way out through the broker. Broker thread. */
#include "plugin/broker/publish.h"

#include <mqtt_protocol.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/server.h"

enum { TOPIC_SIZE = 512 };

char *publish_alloc(size_t len)
{
	char *payload = mosquitto_malloc(len + 1);
	if (payload == NULL)
		abort();
	payload[len] = '\0';
	return payload;
}

static void publish(struct server *server, const char *client_id, const char *topic, char *payload, size_t len, int qos,
	mosquitto_property *properties)
{
	int rc = mosquitto_broker_publish(client_id, topic, (int)len, payload, qos, false, properties);
	if (rc == MOSQ_ERR_SUCCESS) {
		server->published = true;
		server->handed_over++;
		return;
	}
	mosquitto_free(payload);
	mosquitto_property_free_all(&properties);
	server_log(MOSQ_LOG_ERR, "could not publish to a client: %s", mosquitto_strerror(rc));
}

void publish_owned(struct server *server, const struct session *session, const char *topic, char *payload, size_t len, int qos)
{
	char name[TOPIC_SIZE];
	snprintf(name, sizeof name, "%s/me/%s", server->conf.prefix, topic);
	if (len > session_payload_max(session, strlen(name), SIZE_MAX))
		mosquitto_free(payload); /* an ack or a live event that cannot be shortened; the feed stays below the bound by itself */
	else
		publish(server, session->client_id, name, payload, len, session->quota_lost > 0 ? 0 : qos, NULL);
}

void publish_copy(struct server *server, const struct session *session, const char *topic, const char *payload, size_t len, int qos)
{
	char *copy = publish_alloc(len);
	memcpy(copy, payload, len);
	publish_owned(server, session, topic, copy, len, qos);
}

void publish_reply(struct server *server, const struct session *session, const char *topic, const char *payload, size_t len,
	const void *correlation, size_t correlation_len)
{
	mosquitto_property *properties = NULL;
	if (correlation != NULL && mosquitto_property_add_binary(&properties, MQTT_PROP_CORRELATION_DATA, correlation,
	                               (uint16_t)correlation_len) != MOSQ_ERR_SUCCESS)
		server_log(MOSQ_LOG_ERR, "could not add correlation data to an answer");
	char *copy = publish_alloc(len);
	memcpy(copy, payload, len);
	publish(server, session->client_id, topic, copy, len, session->quota_lost > 0 ? 0 : 1, properties);
}

void publish_events(struct server *server, const char *chat_id, const char *payload, size_t len)
{
	char name[TOPIC_SIZE];
	snprintf(name, sizeof name, "%s/chat/%s/events", server->conf.prefix, chat_id);
	char *copy = publish_alloc(len);
	memcpy(copy, payload, len);
	publish(server, NULL, name, copy, len, 1, NULL);
}
