/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Users, for operators: who there is, who is connected, and who is to go. Broker thread, but for ask_…. */
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/account.h"
#include "plugin/broker/control_call.h"
#include "plugin/broker/revocations.h"

enum { COUNT = 100 };

static size_t connections_of(const struct server *server, const char *user_id)
{
	const struct person *person = person_find((struct server *)(uintptr_t)server, user_id);
	const struct session *session;
	size_t count = 0;
	for (session = person != NULL ? person->sessions : NULL; session != NULL; session = session->person_next)
		count += !session->gone;
	return count;
}

static bool is_banned(const struct server *server, const char *user_id)
{
	return revocations_at(server->revocations, user_id) >= REVOCATION_BAN_MS;
}

static void add_user(const struct server *server, const char *user_id, json_t *users)
{
	json_t *user = json_object();
	control_add_text(user, "user", user_id);
	control_add_number(user, "connections", connections_of(server, user_id));
	if (is_banned(server, user_id))
		control_add_flag(user, "banned", true);
	json_array_append_new(users, user);
}

/* ---- listUsers ---- */

static void ask_users(struct control_call *call, struct store *store)
{
	const char *after = control_text(call, "after");
	const char *const *ids = NULL;
	size_t count = 0, count_max = (size_t)control_number(call, "count", COUNT);
	call->data = json_array();
	call->rc = count_max == 0 ? STORE_OK : store_ops(store)->list_users(store, after ? after : "", count_max, &ids, &count, &call->err);
	if (call->rc != STORE_OK)
		return;
	for (size_t i = 0; i < count; i++)
		json_array_append_new(call->data, json_string(ids[i]));
	store_free((void *)(uintptr_t)ids);
}

static void users_listed(struct control_call *call, json_t *users)
{
	call->data = json_pack("{s:o}", "users", users);
	control_done(call);
}

static void tell_users(struct control_call *call)
{
	json_t *ids = call->data, *users = json_array();
	size_t i;
	const json_t *id;
	json_array_foreach(ids, i, id)
		add_user(call->server, json_string_value(id), users);
	call->data = NULL;
	json_decref(ids);
	users_listed(call, users);
}

/* Those who come first behind `after`, of all who are connected: found in one round, without putting all in order. */
static size_t first_of(const struct server *server, const char *after, const char **found, size_t max)
{
	size_t count = 0;
	for (const struct person *person = server->persons; person != NULL && max > 0; person = person->hh.next) {
		if (person->sessions == NULL || strcmp(person->user_id, after) <= 0)
			continue;
		if (count == max && strcmp(person->user_id, found[max - 1]) > 0)
			continue;
		size_t at = count < max ? count++ : max - 1;
		for (; at > 0 && strcmp(found[at - 1], person->user_id) > 0; at--)
			found[at] = found[at - 1];
		found[at] = person->user_id;
	}
	return count;
}

void control_list_users(struct control_call *call)
{
	if (!control_flag(call, "connected")) {
		control_ask(call, ask_users, tell_users);
		return;
	}
	size_t max = (size_t)control_number(call, "count", COUNT);
	const char *after = control_text(call, "after"), **found = mem_new((max + 1) * sizeof *found);
	json_t *users = json_array();
	size_t count = first_of(call->server, after ? after : "", found, max);
	for (size_t i = 0; i < count; i++)
		add_user(call->server, found[i], users);
	free(found);
	users_listed(call, users);
}

/* ---- getUser ---- */

static void add_devices(json_t *data, const struct device_list *list)
{
	json_t *devices = json_array();
	for (size_t i = 0; i < list->count; i++) {
		const struct device_info *info = &list->devices[i];
		json_t *device = json_object();
		json_object_set_new(device, "device", json_string(info->device));
		control_add_time(device, "seenAt", info->seen_at_ms);
		control_add_text(device, "platform", info->platform);
		control_add_time(device, "tokenExpiresAt", info->token_expires_ms);
		json_array_append_new(devices, device);
	}
	json_object_set_new(data, "devices", devices);
}

static void ask_user(struct control_call *call, struct store *store)
{
	const char *user_id = control_text(call, "user");
	struct profile_list *profiles = NULL;
	struct device_list *devices = NULL;
	call->rc = store_ops(store)->load_profiles(store, &user_id, 1, &profiles, &call->err);
	if (call->rc == STORE_OK)
		call->rc = store_ops(store)->list_devices(store, user_id, &devices, &call->err);
	if (call->rc == STORE_OK) {
		call->data = json_object();
		control_add_text(call->data, "user", user_id);
		control_add_flag(call->data, "exists", profiles->count > 0);
		if (profiles->count > 0) {
			control_add_text(call->data, "name", profiles->profiles[0].name);
			control_add_time(call->data, "createdAt", profiles->profiles[0].created_at_ms);
			control_add_time(call->data, "lastSeenAt", profiles->profiles[0].last_seen_ms);
		}
		add_devices(call->data, devices);
	}
	store_free(profiles);
	store_free(devices);
}

static json_t *connection_json(const struct session *session)
{
	json_t *connection = json_object();
	control_add_text(connection, "clientID", session->client_id);
	if (session->device != NULL)
		json_object_set_new(connection, "device", json_string(session->device));
	control_add_text(connection, "by", session->by_sign_on ? "sign-on" : session->kid != NULL ? "device token" : "certificate");
	control_add_time(connection, "issuedAt", session->issued_at_ms);
	control_add_flag(connection, "mqtt5", session->mqtt5);
	if (session->is_operator)
		control_add_flag(connection, "operator", true);
	return connection;
}

static void tell_user(struct control_call *call)
{
	struct server *server = call->server;
	const char *user_id = control_text(call, "user");
	const struct person *person = person_find(server, user_id);
	json_t *connections = json_array();
	for (const struct session *session = person ? person->sessions : NULL; session != NULL; session = session->person_next)
		json_array_append_new(connections, connection_json(session));
	bool banned = is_banned(server, user_id);
	control_add_flag(call->data, "banned", banned);
	if (!banned)
		control_add_time(call->data, "revokedAt", revocations_at(server->revocations, user_id));
	control_add_time(call->data, "deletedAt", account_deleted_at(server, user_id));
	json_object_set_new(call->data, "connections", connections);
	control_done(call);
}

void control_get_user(struct control_call *call)
{
	control_ask(call, ask_user, tell_user);
}

/* ---- kick ---- */

void control_kick(struct control_call *call)
{
	const struct person *person = person_find(call->server, control_text(call, "user"));
	const char *device = control_text(call, "device");
	uint64_t count = 0;
	for (struct session *session = person ? person->sessions : NULL; session != NULL; session = session->person_next) {
		if (session->gone || (device != NULL && (session->device == NULL || strcmp(session->device, device) != 0)))
			continue;
		session_kick(call->server, session);
		count++;
	}
	call->data = json_object();
	control_add_number(call->data, "connections", count);
	control_done(call);
}
