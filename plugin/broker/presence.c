/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Presence. Broker thread. */
#include "plugin/broker/presence.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "plugin/broker/activity.h"
#include "plugin/broker/answer.h"
#include "plugin/broker/cluster.h"
#include "plugin/broker/live.h"
#include "plugin/broker/parting.h"
#include "plugin/broker/seen.h"
#include "plugin/broker/server.h"
#include "plugin/broker/watching.h"
#include "plugin/rpc/shared.h"

enum {
	AWAY_MS = 10000,
	TOLD_EACH_MS = 20,   /* a mass of people may leave at once: one who watches many takes no more packets at once than a connection is given: */
	TOLD_AT_ONCE = 12,
	CHANGES_EACH_MS = 1000, /* whatever somebody does, those who watch him hear of it once a second */
};

/* One connection that watches one person: in both of their lists. */
struct watch {
	struct session *session;
	struct shown *shown;
	bool told;                                     /* what it knows of him: that he is there */
	struct watch *prev, *next;                     /* of the person's */
	struct watch *session_prev, *session_next;     /* of the session's */
};

/* Somebody who is watched. */
struct shown {
	char *user_id;
	bool online;   /* whether it is shown or not */
	bool hides_online, hides_last_seen;
	int64_t last_seen_ms;
	struct watch *watches;
	bool due, telling, tells;      /* due: among shown_due. telling: some have been told already what it tells */
	int64_t told_next_ms;
	struct shown *due_prev, *due_next;
	uint64_t leaving; /* the last one at which it was asked whether he is to be looked at: once is enough */
	UT_hash_handle hh;
};

/* Somebody who has no connection any more, since gone_at_ms. The hash keeps the order in which they went. */
struct leaver {
	char *user_id;
	int64_t gone_at_ms, seen_at_ms;
	UT_hash_handle hh;
};

static struct server *server_of(const struct rpc_request *request)
{
	return ((const struct origin *)request->origin)->server;
}

static struct shown *shown_find(struct server *server, const char *user_id)
{
	struct shown *shown;
	HASH_FIND_STR(server->shown, user_id, shown);
	return shown;
}

static struct leaver *leaver_find(struct server *server, const char *user_id)
{
	struct leaver *leaver;
	HASH_FIND_STR(server->leavers, user_id, leaver);
	return leaver;
}

static bool has_connection(struct server *server, const char *user_id)
{
	const struct person *person = person_find(server, user_id);
	return person != NULL && person->sessions != NULL && !person->closed;
}

/* Who went a moment ago still counts as there. */
static bool is_there(struct server *server, const char *user_id)
{
	return has_connection(server, user_id) || leaver_find(server, user_id) != NULL;
}

bool presence_is_online(const struct rpc_request *request, const char *user_id)
{
	return is_there(server_of(request), user_id);
}

/* ---- telling ---- */

static void tell(struct server *server, const struct watch *watch, bool online)
{
	const struct shown *shown = watch->shown;
	live_presence(server, watch->session, shown->user_id, online, online || shown->hides_last_seen ? 0 : shown->last_seen_ms);
}

static bool is_visible(const struct shown *shown)
{
	return shown->online && !shown->hides_online;
}

/* He may be seen otherwise now than he was: told with the next tick that may tell it. */
static void changes(struct server *server, struct shown *shown)
{
	if (shown->due)
		return;
	shown->due = true;
	DL_APPEND2(server->shown_due, shown, due_prev, due_next);
	server_wake_in(server, shown->told_next_ms > server->now_ms ? shown->told_next_ms - server->now_ms : 1);
}

/* false: *left are told, and there are more. What is told stays the same until all have heard it, however often he changes meanwhile. */
static bool tell_those_who_do_not_know(struct server *server, struct shown *shown, size_t *left)
{
	struct watch *watch;
	DL_FOREACH(shown->watches, watch)
	{
		if (watch->told == shown->tells)
			continue;
		if (*left == 0)
			return false;
		watch->told = shown->tells;
		tell(server, watch, shown->tells);
		--*left;
	}
	return true;
}

static void tell_due(struct server *server)
{
	struct shown *shown, *next;
	size_t left = server->conf.deliveries_per_tick;
	int64_t wake_ms = INT64_MAX;
	for (shown = server->shown_due; shown != NULL; shown = next) {
		next = shown->due_next;
		int64_t wait_ms = shown->told_next_ms - server->now_ms;
		if (!shown->telling && wait_ms > 0) {
			wake_ms = wait_ms < wake_ms ? wait_ms : wake_ms;
			continue;
		}
		shown->tells = shown->telling ? shown->tells : is_visible(shown);
		shown->telling = !tell_those_who_do_not_know(server, shown, &left);
		if (shown->telling) {
			wake_ms = 1;
			break;
		}
		shown->told_next_ms = server->now_ms + CHANGES_EACH_MS;
		DL_DELETE2(server->shown_due, shown, due_prev, due_next);
		shown->due = false;
		if (shown->tells != is_visible(shown))
			changes(server, shown);
	}
	if (wake_ms != INT64_MAX)
		server_wake_in(server, wake_ms);
}

static void becomes(struct server *server, struct shown *shown, bool online)
{
	if (shown->online == online)
		return;
	shown->online = online;
	changes(server, shown);
}

/* ---- watching ---- */

static void watch_end(struct server *server, struct watch *watch)
{
	struct shown *shown = watch->shown;
	DL_DELETE(shown->watches, watch);
	DL_DELETE2(watch->session->watches, watch, session_prev, session_next);
	free(watch);
	if (shown->watches != NULL)
		return;
	if (shown->due)
		DL_DELETE2(server->shown_due, shown, due_prev, due_next);
	HASH_DEL(server->shown, shown);
	free(shown->user_id);
	free(shown);
}

static void watch_nobody(struct server *server, struct session *session)
{
	while (session->watches != NULL)
		watch_end(server, session->watches);
}

/* Those who watch him already learn it, whoever asked for it. */
static void takes(struct server *server, struct shown *shown, const struct profile *profile)
{
	bool differs = shown->hides_online != profile->hides_online;
	shown->hides_online = profile->hides_online;
	shown->hides_last_seen = profile->hides_last_seen;
	if (differs)
		changes(server, shown);
}

static void watch_one(struct server *server, struct session *session, const struct profile *profile)
{
	struct shown *shown = shown_find(server, profile->user_id);
	if (shown == NULL) {
		shown = mem_zero(sizeof *shown);
		shown->user_id = mem_text(profile->user_id);
		shown->online = is_there(server, profile->user_id);
		HASH_ADD_KEYPTR(hh, server->shown, shown->user_id, strlen(shown->user_id), shown);
	}
	takes(server, shown, profile); /* another broker may have changed it, and its notice still be on the way */
	if (profile->last_seen_ms > shown->last_seen_ms)
		shown->last_seen_ms = profile->last_seen_ms;
	struct watch *watch = mem_zero(sizeof *watch);
	watch->session = session;
	watch->shown = shown;
	watch->told = is_visible(shown);
	DL_APPEND(shown->watches, watch);
	DL_APPEND2(session->watches, watch, session_prev, session_next);
}

bool presence_watch(const struct rpc_request *request, struct profile_list *profiles)
{
	struct server *server = server_of(request);
	const struct origin *origin = request->origin;
	struct session *session = session_by_id(server, origin->session_id);
	if (!asking_ends(origin->asking, profiles))
		return false;
	if (session == NULL || !asking_is_newest(origin->asking, &session->watching))
		return true;
	watch_nobody(server, session);
	for (size_t i = 0; i < profiles->count; i++)
		watch_one(server, session, &profiles->profiles[i]);
	return true;
}

void presence_shows(const struct rpc_request *request, const struct profile *profile)
{
	struct server *server = server_of(request);
	showing_changed(server, profile->user_id);
	presence_takes(server, profile);
	cluster_tell(server, NOTICE_SHOWS, profile->user_id, server->wall_ms);
}

void presence_takes(struct server *server, const struct profile *profile)
{
	struct shown *shown = shown_find(server, profile->user_id);
	asking_user_changed(server, profile->user_id);
	if (shown != NULL)
		takes(server, shown, profile);
}

bool presence_is_watched(struct server *server, const char *user_id)
{
	return shown_find(server, user_id) != NULL;
}

static void part_one(struct server *server, const char *watcher_id, const char *user_id)
{
	struct shown *shown = shown_find(server, user_id);
	const struct person *watcher = person_find(server, watcher_id);
	struct watch *watch, *next;
	asking_pair_changed(server, watcher_id, user_id);
	if (shown == NULL || watcher == NULL)
		return;
	bool last = false;
	for (watch = shown->watches; watch != NULL && !last; watch = next) {
		next = watch->next;
		if (watch->session->person != watcher)
			continue;
		if (watch->told)
			live_presence(server, watch->session, user_id, false, 0);
		last = shown->watches->next == NULL;
		watch_end(server, watch);
	}
}

void presence_part(struct server *server, const char *user_a, const char *user_b)
{
	part_one(server, user_a, user_b);
	part_one(server, user_b, user_a);
}

/* Each of them once, on however many connections the one watches the other. */
void presence_left(struct server *server, struct chat *chat, const char *user_id)
{
	const struct shown *shown = shown_find(server, user_id);
	const struct person *person = person_find(server, user_id);
	const struct watch *watch;
	uint64_t leaving = ++server->last_leaving;
	asking_chat_left(server, chat, user_id);
	if (shown != NULL)
		DL_FOREACH(shown->watches, watch)
			if (chat_member(chat, watch->session->person->user_id) != NULL)
				parting_add(server, user_id, watch->session->person->user_id);
	for (const struct session *session = person != NULL ? person->sessions : NULL; session != NULL; session = session->person_next)
		DL_FOREACH2(session->watches, watch, session_next) {
			if (watch->shown->leaving == leaving)
				continue;
			watch->shown->leaving = leaving;
			if (chat_member(chat, watch->shown->user_id) != NULL)
				parting_add(server, user_id, watch->shown->user_id);
		}
	parting_start(server, user_id);
}

/* ---- coming and going ---- */

static void leaver_free(struct leaver *leaver)
{
	free(leaver->user_id);
	free(leaver);
}

void presence_came(struct server *server, const struct person *person)
{
	struct leaver *leaver = leaver_find(server, person->user_id);
	struct shown *shown = shown_find(server, person->user_id);
	here_came(server->here, person->user_id);
	if (leaver == NULL && person->sessions->person_next == NULL)
		activity_presence(server, person->user_id, true, server->wall_ms);
	if (leaver != NULL) {
		HASH_DEL(server->leavers, leaver);
		leaver_free(leaver);
	}
	if (shown != NULL)
		becomes(server, shown, true);
}

void presence_went(struct server *server, struct session *session)
{
	const struct person *person = session->person;
	watch_nobody(server, session);
	here_went(server->here, person->user_id);
	if (person->sessions != NULL)
		return;
	if (person->closed) { /* the account is gone: so is he, at once */
		asking_user_changed(server, person->user_id);
		struct shown *shown = shown_find(server, person->user_id);
		if (shown != NULL) {
			shown->hides_last_seen = true;
			becomes(server, shown, false);
		}
		return;
	}
	struct leaver *leaver = mem_zero(sizeof *leaver);
	leaver->user_id = mem_text(person->user_id);
	leaver->gone_at_ms = server->now_ms;
	leaver->seen_at_ms = server->wall_ms;
	HASH_ADD_KEYPTR(hh, server->leavers, leaver->user_id, strlen(leaver->user_id), leaver);
	server_wake_in(server, AWAY_MS);
}

/* Away for long enough: told at once, and stored with others. */
static void goes(struct server *server, struct leaver *leaver)
{
	struct shown *shown = shown_find(server, leaver->user_id);
	HASH_DEL(server->leavers, leaver);
	seen_note(server, leaver->user_id, leaver->seen_at_ms);
	activity_presence(server, leaver->user_id, false, leaver->seen_at_ms);
	if (shown != NULL) {
		shown->last_seen_ms = leaver->seen_at_ms;
		becomes(server, shown, false);
	}
	leaver_free(leaver);
}

void presence_tick(struct server *server)
{
	for (int i = 0; server->now_ms >= server->gone_next_ms && server->leavers != NULL && server->now_ms - server->leavers->gone_at_ms >= AWAY_MS; i++) {
		if (i == TOLD_AT_ONCE) {
			server->gone_next_ms = server->now_ms + TOLD_EACH_MS;
			server_wake_in(server, TOLD_EACH_MS);
			break;
		}
		goes(server, server->leavers);
	}
	tell_due(server);
}

void presence_finish(struct server *server)
{
	struct leaver *leaver, *next;
	HASH_ITER(hh, server->leavers, leaver, next)
		seen_note(server, leaver->user_id, leaver->seen_at_ms);
	seen_finish(server);
}

void presence_free_all(struct server *server)
{
	struct leaver *leaver, *next;
	HASH_ITER(hh, server->leavers, leaver, next) {
		HASH_DEL(server->leavers, leaver);
		leaver_free(leaver);
	}
}
