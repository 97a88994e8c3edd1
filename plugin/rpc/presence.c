/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Who is connected: watchPresence, setPresence. The store says who may be watched, on a worker; who is there is known on the loop's thread.
 *
 * Whoever may not be watched looks like somebody who shows nothing and is not there: no such user, a stranger, blocked, and who hides himself
 * are answered alike. */
#include <stdlib.h>
#include <string.h>

#include "plugin/rpc/answer.h"
#include "plugin/rpc/shared.h"
#include "plugin/rpc/write.h"

/* ---- who may be watched ---- */

/* false: refused. The same steps for everybody. */
static bool may_watch(struct rpc_request *request, const struct shared *shared, const char *user_id, bool *may)
{
	struct store *store = request->world->store;
	bool shares;
	if (!answer_store_ok(request, shared_with(store, shared, user_id, &shares, &request->problem)))
		return false;
	enum store_rc rc = store_ops(store)->check_reach(store, request->user_id, &user_id, 1, true, &request->problem);
	*may = shares && rc == STORE_OK;
	return rc == STORE_NOT_FOUND || answer_store_ok(request, rc);
}

/* Keeps the profiles of those who may be watched for settle. */
static void choose(struct rpc_request *request, const struct shared *shared, const json_t *asked)
{
	struct store *store = request->world->store;
	struct profile_list *profiles;
	const char **ids = mem_new((json_array_size(asked) + 1) * sizeof *ids);
	size_t count = 0;
	bool good = true;
	for (size_t i = 0; i < json_array_size(asked) && good; i++) {
		const char *user_id = json_string_value(json_array_get(asked, i));
		bool may = false;
		good = may_watch(request, shared, user_id, &may);
		if (good && may)
			ids[count++] = user_id;
	}
	if (good && answer_store_ok(request, store_ops(store)->load_profiles(store, ids, count, &profiles, &request->problem))) {
		store_free(request->kept);
		request->kept = profiles;
	}
	free(ids);
}

void presence_begins(struct rpc_request *request)
{
	if (request->world->watch_begins != NULL)
		request->world->watch_begins(request);
}

void watch_presence(struct rpc_request *request)
{
	struct store *store = request->world->store;
	struct shared shared;
	if (!answer_store_ok(request, shared_open(store, request->user_id, &shared, &request->problem)))
		return;
	choose(request, &shared, json_object_get(request->args, "userIDs"));
	shared_close(&shared);
}

/* ---- the answer ---- */

static const struct profile *find_profile(const struct profile_list *profiles, const char *user_id)
{
	for (size_t i = 0; i < profiles->count; i++)
		if (strcmp(profiles->profiles[i].user_id, user_id) == 0)
			return &profiles->profiles[i];
	return NULL;
}

static void add_user(struct rpc_request *request, const char *user_id, const struct profile *profile)
{
	struct buf *out = &request->answer;
	bool online = profile != NULL && !profile->hides_online && request->world->is_online(request, user_id);
	write_comma(out);
	buf_add_char(out, '{');
	write_text(out, "userID", user_id);
	write_bool(out, "online", online);
	if (profile != NULL && !online && !profile->hides_last_seen && profile->last_seen_ms > 0)
		write_time(out, "lastSeen", profile->last_seen_ms);
	buf_add_char(out, '}');
}

void presence_watched(struct rpc_request *request)
{
	struct profile_list *profiles = request->kept;
	const json_t *asked = json_object_get(request->args, "userIDs");
	if (request->world->watch == NULL) {
		answer_refuse(request, REFUSAL_UNAVAILABLE, NULL);
		return;
	}
	request->again = !request->world->watch(request, profiles);
	if (request->again)
		return;
	answer_begin(request);
	write_name(&request->answer, "users");
	buf_add_char(&request->answer, '[');
	for (size_t i = 0; i < json_array_size(asked); i++) {
		const char *user_id = json_string_value(json_array_get(asked, i));
		add_user(request, user_id, find_profile(profiles, user_id));
	}
	buf_add_char(&request->answer, ']');
	answer_end(request);
}

/* ---- what one shows ---- */

static int hides(const struct rpc_request *request, const char *name)
{
	return args_has(request, name) ? !json_is_true(json_object_get(request->args, name)) : -1;
}

void set_presence(struct rpc_request *request)
{
	struct store *store = request->world->store;
	const char *user_id = request->user_id;
	const struct profile_change change = {
		.hides_online = hides(request, "showOnline"), .hides_last_seen = hides(request, "showLastSeen")};
	struct profile_list *profiles;
	if (!answer_store_ok(request, store_ops(store)->put_profile(store, user_id, &change, &request->problem)) ||
		!answer_store_ok(request, store_ops(store)->load_profiles(store, &user_id, 1, &profiles, &request->problem)))
		return;
	store_free(request->kept);
	request->kept = profiles;
	answer_begin(request);
	answer_end(request);
}

void presence_set(struct rpc_request *request)
{
	const struct profile_list *profiles = request->kept;
	if (request->world->presence_set != NULL && profiles->count == 1)
		request->world->presence_set(request, &profiles->profiles[0]);
}
