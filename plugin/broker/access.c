/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * ACL_CHECK. Broker thread.
 *
 * What is below the prefix is decided here alone and finally; the rest is left to `outside`. Publishing to a topic of the protocol is let
 * through: intake.c has the last word, with the payload at hand. Delivery below hc/me/ is by client ID, which the broker does not ask
 * about; so a READ for such a topic is about something that it queued, or is about to send again (cursor.h).
 *
 * What the plugin tells administrators on $SYS topics is outside, but for users of the chat: of them, operators get it, and nobody else. */
#include "plugin/broker/access.h"

#include <string.h>

#include "plugin/broker/answer.h"
#include "plugin/broker/budget.h"
#include "plugin/broker/certificate.h"
#include "plugin/broker/control.h"
#include "plugin/broker/control_table.h"
#include "plugin/broker/cursor.h"
#include "plugin/broker/events.h"
#include "plugin/broker/server.h"
#include "plugin/broker/topic.h"

static int outside(const struct server *server)
{
	static const int ANSWERS[] = {
		[CONF_OUTSIDE_DEFER] = MOSQ_ERR_PLUGIN_DEFER, [CONF_OUTSIDE_ALLOW] = MOSQ_ERR_SUCCESS, [CONF_OUTSIDE_DENY] = MOSQ_ERR_ACL_DENIED};
	return ANSWERS[server->conf.outside];
}

static int yes(bool allowed)
{
	return allowed ? MOSQ_ERR_SUCCESS : MOSQ_ERR_ACL_DENIED;
}

/* ---- publish ---- */

static int check_write(struct server *server, struct session *session, const struct mosquitto_evt_acl_check *event)
{
	struct topic topic;
	struct verdict verdict;
	if (strcmp(event->topic, TOPIC_SINK) == 0)
		return MOSQ_ERR_ACL_DENIED;
	if (control_is_topic(event->topic))
		return yes(strcmp(event->topic, CONTROL_TOPIC) == 0 && control_allows(server, session, event->topic));
	topic_read(server->conf.prefix, event->topic, &topic);
	if (topic.kind == TOPIC_OUTSIDE)
		return outside(server);
	if (session == NULL)
		return MOSQ_ERR_ACL_DENIED;
	if (event->retain)
		refuse(&verdict, REFUSAL_BAD_REQUEST, "retain: it must not be set");
	else if (topic.kind == TOPIC_UNKNOWN)
		refuse(&verdict, REFUSAL_BAD_REQUEST, "%s", topic.problem);
	else if (topic.kind == TOPIC_ME || topic.kind == TOPIC_EVENTS)
		refuse(&verdict, REFUSAL_FORBIDDEN, "nobody can publish to this topic");
	else
		return MOSQ_ERR_SUCCESS;
	struct verdict too_much;
	bool paid = budget_allows_command(server, session->person, "", event->payloadlen, &too_much);
	answer_error(server, session, topic.command_id, paid ? &verdict : &too_much);
	return MOSQ_ERR_ACL_DENIED;
}

/* ---- deliver ---- */

static const char *client_id_of(const struct mosquitto *client)
{
	return client != NULL ? mosquitto_client_id(client) : NULL;
}

static int check_read(struct server *server, struct session *session, const struct mosquitto_evt_acl_check *event)
{
	struct topic topic;
	if (strcmp(event->topic, TOPIC_SINK) == 0)
		return MOSQ_ERR_ACL_DENIED;
	if (session != NULL && topic_is_metrics(event->topic))
		return yes(session->is_operator);
	if (control_is_topic(event->topic))
		return yes(session != NULL && session->is_operator);
	topic_read(server->conf.prefix, event->topic, &topic);
	if (topic.kind == TOPIC_OUTSIDE)
		return outside(server);
	if (topic.kind == TOPIC_EVENTS)
		events_are_asked_for(server, topic.chat_id);
	if (session == NULL && topic.kind == TOPIC_ME)
		cursor_forget(server, client_id_of(event->client)); /* somebody from outside has the device's MQTT session */
	if (session == NULL || event->retain)
		return MOSQ_ERR_ACL_DENIED;
	if (topic.kind == TOPIC_ME)
		return yes(cursor_resend(server, session, topic.rest));
	if (topic.kind != TOPIC_EVENTS)
		return MOSQ_ERR_ACL_DENIED;
	bool held = events_is_held(server, session, topic.chat_id, event);
	bool reaches = !session_is_over(server, session) && events_may_reach(server, session, topic.chat_id, event, held);
	session->quota_lost += held && !reaches;
	return yes(reaches);
}

/* ---- subscribe ---- */

static int check_subscribe(struct server *server, struct session *session, const struct mosquitto_evt_acl_check *event)
{
	const char *rest;
	char chat_id[CHAT_ID_MAX + 1];
	enum filter_kind kind = filter_read(server->conf.prefix, event->topic, &rest, chat_id);
	if (session != NULL)
		session_is_kept(session); /* while it can still be told: before anything is subscribed, be it outside */
	else
		cursor_forget(server, client_id_of(event->client));
	if (control_is_topic(event->topic))
		return yes(control_allows(server, session, event->topic));
	if (session != NULL && session->is_operator && topic_is_metrics(event->topic))
		return MOSQ_ERR_SUCCESS;
	if (session != NULL && !session->is_operator && filter_covers_metrics(event->topic))
		return MOSQ_ERR_ACL_DENIED;
	if (kind == FILTER_OUTSIDE)
		return outside(server);
	if (session == NULL || kind == FILTER_REFUSED)
		return MOSQ_ERR_ACL_DENIED;
	if (kind == FILTER_EVENTS)
		return events_subscribe(server, session, chat_id, event->qos);
	struct verdict verdict;
	if (!budget_allows(server, session->person, BUDGET_SUBSCRIPTIONS, &verdict)) {
		answer_error(server, session, NULL, &verdict);
		return MOSQ_ERR_ACL_DENIED;
	}
	return yes(session_subscribe(server, session, rest, event->qos));
}

static int check_unsubscribe(struct server *server, struct session *session, const struct mosquitto_evt_acl_check *event)
{
	const char *rest;
	char chat_id[CHAT_ID_MAX + 1];
	enum filter_kind kind = filter_read(server->conf.prefix, event->topic, &rest, chat_id);
	if (session != NULL && kind == FILTER_ME)
		session_unsubscribe(server, session, rest);
	return session == NULL && kind == FILTER_OUTSIDE ? outside(server) : MOSQ_ERR_SUCCESS;
}

int access_check(struct server *server, struct mosquitto_evt_acl_check *event)
{
	struct session *session = session_of(server, event->client);
	if (session == NULL)
		session = certificate_session(server, event->client);
	switch (event->access) {
	case MOSQ_ACL_WRITE:
		return check_write(server, session, event);
	case MOSQ_ACL_READ:
		return check_read(server, session, event);
	case MOSQ_ACL_SUBSCRIBE:
		return check_subscribe(server, session, event);
	case MOSQ_ACL_UNSUBSCRIBE:
		return check_unsubscribe(server, session, event);
	default:
		return MOSQ_ERR_ACL_DENIED;
	}
}
