/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Events. Broker thread; memberships are looked up by jobs. */
#include "plugin/broker/events.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/broker/answer.h"
#include "plugin/broker/blocks.h"
#include "plugin/broker/budget.h"
#include "plugin/broker/events_line.h"
#include "plugin/broker/feed.h"
#include "plugin/broker/hostconf.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/server.h"

enum { UNHEARD_ROUNDS = 16 };

/* A chat that somebody subscribed to the events of. Whom the broker then delivers them to, also one who is away, it asks READ for. */
struct watched {
	char *chat_id;
	uint64_t unheard_round; /* when something was published that nobody has been asked about since; 0: nothing */
	uint64_t shown_round, shown_first; /* when something was published last, and what was the first of that */
	UT_hash_handle hh;
};

static struct watched *find_watched(const struct server *server, const char *chat_id)
{
	struct watched *watched;
	HASH_FIND_STR(server->watched, chat_id, watched);
	return watched;
}

void events_are_asked_for(struct server *server, const char *chat_id)
{
	struct watched *watched = find_watched(server, chat_id);
	if (watched != NULL)
		watched->unheard_round = 0;
}

static void watch(struct server *server, const char *chat_id)
{
	struct watched *watched = find_watched(server, chat_id);
	if (watched != NULL) {
		watched->unheard_round = 0;
		return;
	}
	watched = mem_zero(sizeof *watched);
	watched->chat_id = mem_text(chat_id);
	HASH_ADD_KEYPTR(hh, server->watched, watched->chat_id, strlen(watched->chat_id), watched);
}

static void unwatch(struct server *server, struct watched *watched)
{
	HASH_DEL(server->watched, watched);
	free(watched->chat_id);
	free(watched);
}

/* After a while in which nobody was asked about. */
static bool is_unheard(struct server *server, struct watched *watched)
{
	if (!hostconf_asks_always(&server->host))
		return false;
	if (watched->unheard_round == 0)
		watched->unheard_round = server->round;
	return server->round > watched->unheard_round + UNHEARD_ROUNDS;
}

bool events_are_shown(struct server *server, const char *chat_id, uint64_t number)
{
	struct watched *watched = find_watched(server, chat_id);
	if (watched == NULL)
		return false;
	if (is_unheard(server, watched)) {
		unwatch(server, watched);
		return false;
	}
	if (watched->shown_round != server->round)
		watched->shown_first = number;
	watched->shown_round = server->round;
	return true;
}

void events_free_all(struct server *server)
{
	struct watched *watched, *next;
	HASH_ITER(hh, server->watched, watched, next)
		unwatch(server, watched);
	events_line_fini(&server->events_line);
}

/* ---- who may hear them ---- */

static bool is_member(struct server *server, const struct session *session, const char *chat_id)
{
	struct chat *chat = core_peek(server->core, chat_id);
	return chat != NULL && member_is_current(chat_member(chat, session->person->user_id));
}

/* What was published in this turn of the broker is not held yet for somebody who comes in it. */
bool events_is_held(struct server *server, const struct session *session, const char *chat_id, const struct mosquitto_evt_acl_check *event)
{
	const struct watched *watched = find_watched(server, chat_id);
	if (!session_is_beginning(server, session))
		return false;
	if (watched == NULL || watched->shown_round != server->round)
		return true;
	events_line_read(&server->events_line, event->payload, event->payloadlen);
	return server->events_line.number < watched->shown_first;
}

/* Whether a line of events is of somebody whom the reader blocked then, or quotes somebody who may be one of those: it does not say whom. What is held for
 * a device was let through to it when it was queued. */
static bool hides_line(struct server *server, struct chat *chat, const struct session *session, const struct mosquitto_evt_acl_check *event, bool held)
{
	const struct person *person = session->person;
	if (!blocks_are_known(person))
		return !held || session->device == NULL;
	const struct block_list *list = person->blocks->list;
	if (list->count == 0)
		return false;
	events_line_read(&server->events_line, event->payload, event->payloadlen);
	const struct events_line *line = &server->events_line;
	return !line->known || (line->tx.sender_id != NULL && blocks_hide(list, person->user_id, &line->tx)) ||
	       (line->quotes && blocks_concern(list, chat));
}

bool events_may_reach(struct server *server, struct session *session, const char *chat_id, const struct mosquitto_evt_acl_check *event, bool held)
{
	return is_member(server, session, chat_id) && event->payloadlen <= session_payload_max(session, strlen(event->topic), SIZE_MAX) &&
	       !hides_line(server, core_peek(server->core, chat_id), session, event, held) &&
	       feed_allows_events(server, session, session->events_qos);
}

/* ---- who asks for them ---- */

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
int events_subscribe(struct server *server, struct session *session, const char *chat_id, int qos)
{
	if (session->device == NULL && session_is_kept(session))
		qos = 0; /* what it had subscribed before is not known */
	if (session->events_qos < 0 || qos < session->events_qos)
		session->events_qos = (signed char)qos;
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

