/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a person shows of himself: name, icon, status; and the end of all of it. Workers; blocks. deletion_stored: loop thread. */
#include <string.h>

#include "plugin/rpc/answer.h"
#include "plugin/rpc/icon.h"
#include "plugin/rpc/write.h"

/* ---- reading ---- */

static void write_if_set(struct buf *out, const char *name, const char *text)
{
	if (text[0] != '\0')
		write_text(out, name, text);
}

static void answer_profile(struct rpc_request *request, const struct profile *profile, bool own)
{
	struct buf *out = &request->answer;
	answer_begin(request);
	write_name(out, "userInfo");
	buf_add_char(out, '{');
	write_text(out, "userID", profile->user_id);
	write_if_set(out, "name", profile->name);
	icon_write(out, profile->icon);
	write_if_set(out, "status", profile->status);
	write_if_set(out, "timeZone", profile->time_zone);
	if (own) {
		write_if_set(out, "sharedID", profile->shared_id);
		write_bool(out, "showOnline", !profile->hides_online);
		write_bool(out, "showLastSeen", !profile->hides_last_seen);
	}
	buf_add_char(out, '}');
	answer_end(request);
}

void get_user_info(struct rpc_request *request)
{
	struct store *store = request->world->store;
	const char *user_id = args_has(request, "userID") ? args_text(request, "userID") : request->user_id;
	bool own = strcmp(user_id, request->user_id) == 0;
	struct profile_list *profiles;
	if (!own && !answer_reaches(request, user_id))
		return;
	if (!answer_store_ok(request, store_ops(store)->load_profiles(store, &user_id, 1, &profiles, &request->problem)))
		return;
	if (profiles->count == 1)
		answer_profile(request, &profiles->profiles[0], own);
	else
		answer_refuse(request, REFUSAL_FORBIDDEN, NULL);
	store_free(profiles);
}

void get_icon(struct rpc_request *request)
{
	struct store *store = request->world->store;
	const char *icon_id = args_text(request, "iconID");
	void *bytes;
	size_t len;
	if (!icon_is_id(icon_id)) {
		answer_refuse(request, REFUSAL_BAD_REQUEST, "iconID: none is called like that");
		return;
	}
	if (!answer_store_ok(request, store_ops(store)->load_icon(store, icon_id, &bytes, &len, &request->problem)))
		return;
	answer_begin(request);
	write_name(&request->answer, "icon");
	buf_add_char(&request->answer, '"');
	icon_add_base64(&request->answer, bytes, len);
	buf_add_char(&request->answer, '"');
	answer_end(request);
	store_free(bytes);
}

/* ---- changing ---- */

static bool put_profile(struct rpc_request *request, const struct profile_change *change)
{
	struct store *store = request->world->store;
	return answer_store_ok(request, store_ops(store)->put_profile(store, request->user_id, change, &request->problem));
}

/* The icon's name comes first, so that its bytes are never there without somebody who names them. */
static bool put_info(struct rpc_request *request, const char *name, const struct icon *icon)
{
	struct store *store = request->world->store;
	const struct profile_change change = {
		.name = name, .icon = icon ? icon->name : NULL, .hides_online = -1, .hides_last_seen = -1};
	if (!put_profile(request, &change))
		return false;
	return icon == NULL || icon->bytes == NULL ||
		   answer_store_ok(request, store_ops(store)->put_icon(store, icon->name, icon->bytes, icon->len, &request->problem));
}

void update_user_info(struct rpc_request *request)
{
	const json_t *info = json_object_get(request->args, "userInfo");
	const char *icon_text = json_string_value(json_object_get(info, "icon"));
	struct icon icon = {0};
	if (icon_text != NULL && !icon_read(icon_text, &icon, "userInfo.icon", &request->refused))
		return;
	if (put_info(request, json_string_value(json_object_get(info, "name")), icon_text ? &icon : NULL)) {
		answer_begin(request);
		icon_write(&request->answer, icon.name);
		answer_end(request);
	}
	icon_fini(&icon);
}

void set_status(struct rpc_request *request)
{
	const struct profile_change change = {
		.status = args_text(request, "text"), .time_zone = args_text(request, "timeZone"), .hides_online = -1, .hides_last_seen = -1};
	if (!put_profile(request, &change))
		return;
	answer_begin(request);
	answer_end(request);
}

/* ---- the end ---- */

/* His chats and texts follow behind the answer. */
void delete_account(struct rpc_request *request)
{
	struct store *store = request->world->store;
	if (!answer_store_ok(request, store_ops(store)->delete_user(store, request->user_id, request->at_ms, &request->problem)))
		return;
	answer_begin(request);
	answer_end(request);
}

void deletion_stored(struct rpc_request *request)
{
	if (request->world->account_deleted != NULL)
		request->world->account_deleted(request);
}
