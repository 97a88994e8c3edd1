/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * One's devices: registerDevice, getDevices, removeDevice, createDeviceToken. Workers, which block; devices_read, device_leaves,
 * device_removed and device_token_stored: loop thread.
 *
 * A token is made behind the write, where it is answered, and goes into no record: neither the journal's nor the store's. */
#include <stdlib.h>
#include <string.h>

#include "plugin/rpc/answer.h"
#include "plugin/rpc/write.h"

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)

static const struct store_ops *ops(const struct rpc_request *request)
{
	return store_ops(request->world->store);
}

static void answer_done(struct rpc_request *request)
{
	answer_begin(request);
	answer_end(request);
}

/* As a client ID can name it; the length and control characters are the table's. */
static bool is_device_name(struct rpc_request *request)
{
	bool good = strpbrk(args_text(request, "deviceID"), "/+#") == NULL;
	if (!good)
		answer_refuse(request, REFUSAL_BAD_REQUEST, "deviceID: no device is called with /, + or #");
	return good;
}

/* ---- where it is woken ---- */

/* For one more that is registered, where this makes one more: a new token of this device, or one that the user's other device hands over to it, does not.
 * Others that he no longer has are removed by himself, or forgotten when they are not seen for long. */
static bool has_room(struct rpc_request *request, const char *token)
{
	struct device_list *devices;
	size_t registered = 0;
	bool adds = true;
	if (!answer_store_ok(request, ops(request)->list_devices(request->world->store, request->user_id, &devices, &request->problem)))
		return false;
	for (size_t i = 0; i < devices->count; i++) {
		const struct device_info *device = &devices->devices[i];
		if (device->push_token[0] == '\0')
			continue;
		registered++;
		adds = adds && strcmp(device->device, request->device) != 0 && strcmp(device->push_token, token) != 0;
	}
	store_free(devices);
	bool fits = !adds || registered < RPC_REGISTERED_MAX;
	if (!fits)
		answer_refuse(request, REFUSAL_FORBIDDEN, "pushToken: as many devices as can be are registered; removeDevice makes room");
	return fits;
}

void register_device(struct rpc_request *request)
{
	const char *token = args_text(request, "pushToken"), *platform = args_has(request, "platform") ? args_text(request, "platform") : "";
	if (request->device == NULL) {
		answer_refuse(request, REFUSAL_FORBIDDEN, "only a connection that is a device (client ID <userID>/<device>) can be woken");
	} else if (token[0] != '\0' && platform[0] == '\0') {
		answer_refuse(request, REFUSAL_BAD_REQUEST, "platform: needed with a push token");
	} else if ((token[0] == '\0' || has_room(request, token)) && answer_store_ok(request, ops(request)->put_registration(request->world->store, request->user_id, request->device,
											token[0] != '\0' ? platform : "", token, request->at_ms, &request->problem))) {
		answer_done(request);
	}
}

/* ---- the list ---- */

void get_devices(struct rpc_request *request)
{
	struct device_list *devices;
	if (!answer_store_ok(request, ops(request)->list_devices(request->world->store, request->user_id, &devices, &request->problem)))
		return;
	store_free(request->kept);
	request->kept = devices;
}

static void add_device(struct rpc_request *request, const struct device_info *device)
{
	struct buf *out = &request->answer;
	bool current = request->device != NULL && strcmp(device->device, request->device) == 0;
	bool connected = request->world->device_is_connected != NULL && request->world->device_is_connected(request, device->device);
	write_comma(out);
	buf_add_char(out, '{');
	write_text(out, "deviceID", device->device);
	write_time(out, "lastSeen", connected ? request->at_ms : device->seen_at_ms);
	write_bool(out, "connected", connected);
	if (current)
		write_bool(out, "current", true);
	if (device->push_token[0] != '\0')
		write_text(out, "platform", device->platform);
	if (device->token_expires_ms > request->at_ms)
		write_time(out, "tokenExpires", device->token_expires_ms);
	buf_add_char(out, '}');
}

/* Here and not on the worker, since who is connected is known here. */
void devices_read(struct rpc_request *request)
{
	const struct device_list *devices = request->kept;
	struct buf *out = &request->answer;
	size_t tail = strlen("],\"limited\":true,\"next\":") + 20 + ANSWER_END_BYTES, bound = answer_bound(request);
	size_t first = args_number(request, "next", 0), i = first;
	answer_begin(request);
	write_name(out, "devices");
	buf_add_char(out, '[');
	for (; i < devices->count; i++) {
		size_t before = out->len;
		add_device(request, &devices->devices[i]);
		if (out->len + tail <= bound)
			continue;
		out->len = before;
		break;
	}
	if (i == first && i < devices->count) {
		answer_refuse(request, REFUSAL_TOO_LARGE, "maxBytes: nothing fits");
		return;
	}
	buf_add_char(out, ']');
	if (i < devices->count) {
		write_bool(out, "limited", true);
		write_number(out, "next", i);
	}
	answer_end(request);
}

/* ---- the end of one ---- */

static const struct device_info *find(const struct device_list *devices, const char *device)
{
	for (size_t i = 0; i < devices->count; i++)
		if (strcmp(devices->devices[i].device, device) == 0)
			return &devices->devices[i];
	return NULL;
}

void device_leaves(struct rpc_request *request)
{
	if (request->world->device_leaves != NULL)
		request->world->device_leaves(request, args_text(request, "deviceID"));
}

/* Only where a token may count: revocations are kept for long, by every broker in memory. */
static bool end_token(struct rpc_request *request, const char *device)
{
	struct buf subject = BUF_EMPTY;
	buf_printf(&subject, "%s/%s", request->user_id, device);
	bool ended = answer_store_ok(request, ops(request)->put_revocation(request->world->store, subject.data, request->at_ms, &request->problem));
	buf_fini(&subject);
	return ended;
}

/* The list is kept, also for a repetition, which may find the device gone: it says whether there was a token. That ends first, so that whatever
 * happens in between, it is not the token that stays. */
void remove_device(struct rpc_request *request)
{
	const char *device = args_text(request, "deviceID");
	if (!is_device_name(request))
		return;
	if (request->kept == NULL)
		get_devices(request);
	if (request->refused.code != REFUSAL_NONE)
		return;
	const struct device_info *info = find(request->kept, device);
	if (info != NULL && info->token_expires_ms > 0 && !end_token(request, device))
		return;
	enum store_rc rc = ops(request)->remove_device(request->world->store, request->user_id, device, &request->problem);
	if (rc == STORE_NOT_FOUND || answer_store_ok(request, rc))
		answer_done(request);
}

void device_removed(struct rpc_request *request)
{
	const char *device = args_text(request, "deviceID");
	const struct device_info *info = find(request->kept, device);
	if (request->world->device_removed != NULL)
		request->world->device_removed(request, device, info != NULL && info->token_expires_ms > 0);
}

/* ---- tokens ---- */

/* For one more that has a token, where this makes one more: those keep their places for as long as it counts, whoever else comes. */
static bool has_room_for_token(struct rpc_request *request, const char *device)
{
	struct device_list *devices;
	size_t count = 0;
	bool adds = true;
	if (!answer_store_ok(request, ops(request)->list_devices(request->world->store, request->user_id, &devices, &request->problem)))
		return false;
	for (size_t i = 0; i < devices->count; i++) {
		if (devices->devices[i].token_expires_ms <= request->at_ms)
			continue;
		count++;
		adds = adds && strcmp(devices->devices[i].device, device) != 0;
	}
	store_free(devices);
	bool fits = !adds || count < RPC_DEVICE_TOKENS_MAX;
	if (!fits)
		answer_refuse(request, REFUSAL_FORBIDDEN, "deviceID: as many devices as can be have a token; removeDevice makes room");
	return fits;
}

/* By the second, as the token has it. */
static int64_t expires_ms(const struct rpc_request *request)
{
	return (request->at_ms / 1000 * 1000) + (int64_t)args_number(request, "days", RPC_DEVICE_TOKEN_DAYS) * DAY_MS;
}

void create_device_token(struct rpc_request *request)
{
	struct store *store = request->world->store;
	struct signing_key_list *keys;
	if (!is_device_name(request))
		return;
	if (request->world->signing_keys == NULL || request->world->device_token == NULL) {
		answer_refuse(request, REFUSAL_UNAVAILABLE, NULL);
		return;
	}
	if (!has_room_for_token(request, args_text(request, "deviceID")))
		return;
	if (!answer_store_ok(request, request->world->signing_keys(store, request->at_ms, &keys, &request->problem)))
		return;
	store_free(request->kept);
	request->kept = keys;
	answer_store_ok(request, ops(request)->put_device_token(store, request->user_id, args_text(request, "deviceID"), request->at_ms,
								 expires_ms(request), &request->problem));
}

void device_token_stored(struct rpc_request *request)
{
	int64_t until_ms = expires_ms(request);
	char *token = request->world->device_token(request, request->kept, args_text(request, "deviceID"), until_ms, &request->refused);
	if (token == NULL)
		return;
	answer_begin(request);
	write_text(&request->answer, "token", token);
	write_time(&request->answer, "expires", until_ms);
	answer_end(request);
	free(token);
}
