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

#include <stdlib.h>
#include <string.h>

#include "plugin/broker/answer.h"
#include "plugin/broker/blocks.h"
#include "plugin/broker/budget.h"
#include "plugin/broker/certificate.h"
#include "plugin/broker/control.h"
#include "plugin/broker/control_table.h"
#include "plugin/broker/cursor.h"
#include "plugin/broker/events_line.h"
#include "plugin/broker/hostconf.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/server.h"
#include "plugin/broker/topic.h"

enum { UNHEARD_ROUNDS = 16 };

/* A chat that somebody subscribed to the events of. Whom the broker then delivers them to, also one who is away, it asks READ for. */
struct watched {
	char *chat_id;
	uint64_t unheard_round; /* when something was published that nobody has been asked about since; 0: nothing */
	UT_hash_handle hh;
};

static struct watched *find_watched(const struct server *server, const char *chat_id)
{
	struct watched *watched;
	HASH_FIND_STR(server->watched, chat_id, watched);
	return watched;
}

/* false: nobody had subscribed to the events of this chat. */
static bool somebody_hears(const struct server *server, const char *chat_id)
{
	struct watched *watched = find_watched(server, chat_id);
	if (watched != NULL)
		watched->unheard_round = 0;
	return watched != NULL;
}

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

static bool is_member(struct server *server, const struct session *session, const char *chat_id)
{
	struct chat *chat = core_peek(server->core, chat_id);
	return chat != NULL && member_is_current(chat_member(chat, session->person->user_id));
}

/* Whether a line of events is of somebody whom the reader blocked then, or quotes somebody who may be one of those: it does not say whom. */
static bool hides_line(struct server *server, struct chat *chat, const struct person *person, const struct mosquitto_evt_acl_check *event)
{
	if (!blocks_are_known(person))
		return true;
	const struct block_list *list = person->blocks->list;
	if (list->count == 0)
		return false;
	events_line_read(&server->events_line, event->payload, event->payloadlen);
	const struct events_line *line = &server->events_line;
	return !line->known || (line->tx.sender_id != NULL && blocks_hide(list, person->user_id, &line->tx)) ||
	       (line->quotes && blocks_concern(list, chat));
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
		somebody_hears(server, topic.chat_id);
	if (session == NULL && topic.kind == TOPIC_ME)
		cursor_forget(server, client_id_of(event->client)); /* somebody from outside has the device's MQTT session */
	if (session == NULL || event->retain)
		return MOSQ_ERR_ACL_DENIED;
	if (topic.kind == TOPIC_ME)
		return yes(cursor_resend(server, session, topic.rest));
	return yes(topic.kind == TOPIC_EVENTS && !session_is_over(server, session) && is_member(server, session, topic.chat_id) &&
	           event->payloadlen <= session_payload_max(session, strlen(event->topic), SIZE_MAX) &&
	           !hides_line(server, core_peek(server->core, topic.chat_id), session->person, event));
}

/* ---- subscribe ---- */

static void watch(struct server *server, const char *chat_id)
{
	if (somebody_hears(server, chat_id))
		return;
	struct watched *watched = mem_zero(sizeof *watched);
	watched->chat_id = mem_text(chat_id);
	HASH_ADD_KEYPTR(hh, server->watched, watched->chat_id, strlen(watched->chat_id), watched);
}

static void unwatch(struct server *server, struct watched *watched)
{
	HASH_DEL(server->watched, watched);
	free(watched->chat_id);
	free(watched);
}

bool access_shows_events(struct server *server, const char *chat_id)
{
	struct watched *watched = find_watched(server, chat_id);
	if (watched == NULL)
		return false;
	if (!hostconf_asks_always(&server->host))
		return true;
	if (watched->unheard_round == 0) {
		watched->unheard_round = server->round;
	} else if (server->round > watched->unheard_round + UNHEARD_ROUNDS) {
		unwatch(server, watched);
		return false;
	}
	return true;
}

void access_free_all(struct server *server)
{
	struct watched *watched, *next;
	HASH_ITER(hh, server->watched, watched, next)
		unwatch(server, watched);
	events_line_fini(&server->events_line);
}

/* A subscription that was granted before it was known whether he is a member. */
struct subscription {
	struct job job;
	struct server *server;
	uint64_t session_id;
	char *user_id;
	char chat_id[CHAT_ID_MAX + 1];
	bool is_member;
	enum store_rc rc;
	struct error err;
};

static void subscription_free(struct subscription *subscription)
{
	free(subscription->user_id);
	free(subscription);
}

static void subscription_run(struct job *job)
{
	struct subscription *subscription = (struct subscription *)job;
	struct store *store = subscription->server->store;
	struct user_chat *membership = NULL;
	subscription->rc = store_ops(store)->load_membership(
		store, subscription->user_id, subscription->chat_id, &membership, &subscription->err);
	subscription->is_member = subscription->rc == STORE_OK && membership->role != ROLE_NONE;
	if (subscription->rc == STORE_OK)
		store_free(membership);
}

static void subscription_done(struct job *job)
{
	struct subscription *subscription = (struct subscription *)job;
	struct server *server = subscription->server;
	struct session *session = session_by_id(server, subscription->session_id);
	bool answered = subscription->rc == STORE_OK || subscription->rc == STORE_NOT_FOUND;
	if (session != NULL && (subscription->is_member || is_member(server, session, subscription->chat_id))) {
		watch(server, subscription->chat_id);
	} else if (session != NULL) {
		struct verdict verdict;
		if (!answered)
			jobs_read_failed(server, subscription->rc, &subscription->err);
		refuse(&verdict, answered ? REFUSAL_FORBIDDEN : REFUSAL_UNAVAILABLE, NULL);
		answer_error(server, session, NULL, &verdict);
	}
	subscription_free(subscription);
}

/* Of whom the chat in memory does not say that he is a member, it is granted and the store is asked: every delivery is checked anyway. Who is none learns
 * that from an error, and in the same way whether there is such a chat or not: he is not to learn that. Where the store
 * cannot say he is to ask again: nothing is kept of it until then. */
static int subscribe_events(struct server *server, struct session *session, const char *chat_id)
{
	if (is_member(server, session, chat_id)) {
		watch(server, chat_id);
		return MOSQ_ERR_SUCCESS;
	}
	struct verdict verdict;
	if (!budget_allows_command(server, session->person, chat_id, 0, &verdict)) { /* it costs the store as much as a command */
		answer_error(server, session, NULL, &verdict);
		return MOSQ_ERR_ACL_DENIED;
	}
	struct subscription *subscription = mem_zero(sizeof *subscription);
	subscription->job = (struct job){.run = subscription_run, .done = subscription_done};
	subscription->server = server;
	subscription->session_id = session->id;
	subscription->user_id = mem_text(session->person->user_id);
	strcpy(subscription->chat_id, chat_id);
	subscription->rc = STORE_UNAVAILABLE;
	if (jobs_read(server, &subscription->job, true))
		return MOSQ_ERR_SUCCESS;
	subscription_free(subscription);
	refuse(&verdict, REFUSAL_UNAVAILABLE, NULL);
	answer_error(server, session, NULL, &verdict);
	return MOSQ_ERR_ACL_DENIED;
}

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
		return subscribe_events(server, session, chat_id);
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
