/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What is read for those who watch: calls of watchPresence, and what other brokers have changed. Broker thread; the reads run on readers. */
#include "plugin/broker/watching.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "plugin/broker/answer.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/presence.h"
#include "plugin/broker/server.h"

enum { READINGS_MAX = 4 }; /* who changes something all the time must not keep others from watching */

struct asking {
	struct server *server;
	const struct rpc_request *request;
	uint64_t number; /* rises with each call */
	unsigned readings;
	bool *changed; /* by the places of userIDs */
	bool any_changed;
	struct asking *prev, *next; /* of the server's */
};

static const json_t *asked_of(const struct asking *asking)
{
	return json_object_get(asking->request->args, "userIDs");
}

static const char *asked_user(const struct asking *asking, size_t place)
{
	return json_string_value(json_array_get(asked_of(asking), place));
}

static struct asking *asking_new(struct server *server, const struct rpc_request *request)
{
	struct asking *asking = mem_zero(sizeof *asking);
	asking->server = server;
	asking->request = request;
	asking->number = ++server->last_asking;
	asking->changed = mem_zero((json_array_size(asked_of(asking)) + 1) * sizeof *asking->changed);
	DL_APPEND(server->askings, asking);
	return asking;
}

void asking_begin(const struct rpc_request *request)
{
	struct origin *origin = request->origin;
	if (origin->asking == NULL)
		origin->asking = asking_new(origin->server, request);
	struct asking *asking = origin->asking;
	asking->readings++;
	asking->any_changed = false;
	memset(asking->changed, 0, json_array_size(asked_of(asking)) * sizeof *asking->changed);
}

void asking_free(struct asking *asking)
{
	if (asking == NULL)
		return;
	DL_DELETE(asking->server->askings, asking);
	free(asking->changed);
	free(asking);
}

static bool has_changed(const struct asking *asking, const char *user_id)
{
	for (size_t i = 0; i < json_array_size(asked_of(asking)); i++)
		if (asking->changed[i] && strcmp(asked_user(asking, i), user_id) == 0)
			return true;
	return false;
}

static void leave_out_changed(const struct asking *asking, struct profile_list *profiles)
{
	struct profile *kept = (struct profile *)(uintptr_t)profiles->profiles; /* the list is the call's own */
	size_t count = 0;
	for (size_t i = 0; i < profiles->count; i++)
		if (!has_changed(asking, kept[i].user_id))
			kept[count++] = kept[i];
	profiles->count = count;
}

bool asking_ends(struct asking *asking, struct profile_list *profiles)
{
	if (asking->any_changed && asking->readings < READINGS_MAX)
		return false;
	if (asking->any_changed)
		leave_out_changed(asking, profiles);
	return true;
}

bool asking_is_newest(const struct asking *asking, uint64_t *newest)
{
	if (asking->number < *newest)
		return false;
	*newest = asking->number;
	return true;
}

/* ---- what changes ---- */

static void mark(struct asking *asking, size_t place)
{
	asking->changed[place] = asking->any_changed = true;
}

static void mark_user(struct asking *asking, const char *user_id)
{
	for (size_t i = 0; i < json_array_size(asked_of(asking)); i++)
		if (strcmp(asked_user(asking, i), user_id) == 0)
			mark(asking, i);
}

static void mark_members(struct asking *asking, struct chat *chat)
{
	for (size_t i = 0; i < json_array_size(asked_of(asking)); i++)
		if (chat_member(chat, asked_user(asking, i)) != NULL)
			mark(asking, i);
}

void asking_user_changed(struct server *server, const char *user_id)
{
	struct asking *asking;
	DL_FOREACH(server->askings, asking)
		mark_user(asking, user_id);
}

void asking_pair_changed(struct server *server, const char *watcher_id, const char *user_id)
{
	struct asking *asking;
	DL_FOREACH(server->askings, asking)
		if (strcmp(asking->request->user_id, watcher_id) == 0)
			mark_user(asking, user_id);
}

void asking_chat_left(struct server *server, struct chat *chat, const char *user_id)
{
	struct asking *asking;
	DL_FOREACH(server->askings, asking)
		if (strcmp(asking->request->user_id, user_id) == 0)
			mark_members(asking, chat);
		else if (chat_member(chat, asking->request->user_id) != NULL)
			mark_user(asking, user_id);
}

/* ---- what other brokers have changed ---- */

struct showing {
	struct job job;
	struct server *server;
	char *user_id;
	bool stale; /* it has changed since the reading began */
	struct showing *prev, *next; /* of the server's */
	/* results */
	enum store_rc rc;
	struct error err;
	struct profile_list *profiles;
};

static struct showing *showing_find(struct server *server, const char *user_id)
{
	struct showing *showing;
	DL_FOREACH(server->showings, showing)
		if (strcmp(showing->user_id, user_id) == 0)
			return showing;
	return NULL;
}

static void showing_run(struct job *job)
{
	struct showing *showing = (struct showing *)job;
	struct store *store = showing->server->store;
	const char *user_id = showing->user_id;
	showing->rc = store_ops(store)->load_profiles(store, &user_id, 1, &showing->profiles, &showing->err);
}

static void showing_free(struct showing *showing)
{
	DL_DELETE(showing->server->showings, showing);
	store_free(showing->profiles);
	free(showing->user_id);
	free(showing);
}

static void showing_read(struct showing *showing)
{
	store_free(showing->profiles);
	showing->profiles = NULL;
	showing->stale = false;
	showing->rc = STORE_UNAVAILABLE;
	if (!workers_add(showing->server->readers, &showing->job) && !jobs_repeat(showing->server, NULL, &showing->job))
		showing_free(showing);
}

static void showing_done(struct job *job)
{
	struct showing *showing = (struct showing *)job;
	struct server *server = showing->server;
	if (showing->rc != STORE_OK && jobs_read_again(server, job, showing->rc, &showing->err))
		return;
	if (showing->stale && !server->closing) {
		showing_read(showing);
		return;
	}
	if (showing->rc == STORE_OK && showing->profiles->count == 1)
		presence_takes(server, &showing->profiles->profiles[0]);
	showing_free(showing);
}

void showing_changed(struct server *server, const char *user_id)
{
	struct showing *showing = showing_find(server, user_id);
	if (showing != NULL)
		showing->stale = true;
}

/* Where nobody watches him, who asks later reads it by himself: the store has it. */
void showing_changed_elsewhere(struct server *server, const char *user_id)
{
	struct showing *showing = showing_find(server, user_id);
	if (showing != NULL || (!presence_is_watched(server, user_id) && server->askings == NULL)) {
		showing_changed(server, user_id);
		return;
	}
	showing = mem_zero(sizeof *showing);
	showing->job = (struct job){.run = showing_run, .done = showing_done};
	showing->server = server;
	showing->user_id = mem_text(user_id);
	DL_APPEND(server->showings, showing);
	showing_read(showing);
}
