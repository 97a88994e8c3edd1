/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What the handlers have in common. The thread of the handler. */
#include "plugin/rpc/answer.h"

#include <string.h>

#include "base/json.h"
#include "plugin/rpc/write.h"

const char *args_text(const struct rpc_request *request, const char *name)
{
	return json_string_value(json_object_get(request->args, name));
}

bool args_has(const struct rpc_request *request, const char *name)
{
	return json_object_get(request->args, name) != NULL;
}

uint64_t args_number(const struct rpc_request *request, const char *name, uint64_t otherwise)
{
	const json_t *number = json_object_get(request->args, name);
	return number ? (uint64_t)json_integer_value(number) : otherwise;
}

bool args_name_caller(const struct rpc_request *request, struct verdict *verdict)
{
	for (const struct argument *argument = request->operation->arguments; argument->name != NULL; argument++) {
		const char *named = argument->type == ARGUMENT_SELF ? args_text(request, argument->name) : NULL;
		if (named == NULL || strcmp(named, request->user_id) == 0)
			continue;
		refuse(verdict, REFUSAL_FORBIDDEN, "%s: only the caller's own, or leave it out", argument->name);
		return false;
	}
	return true;
}

size_t answer_bound(const struct rpc_request *request)
{
	uint64_t asked = args_number(request, "maxBytes", RPC_NUMBER_MAX);
	return asked < request->bytes_max ? (size_t)asked : request->bytes_max;
}

void answer_begin(struct rpc_request *request)
{
	buf_clear(&request->answer);
	buf_add_text(&request->answer, "{\"result\":{");
	write_text(&request->answer, "epoch", request->world->info.epoch);
}

void answer_end(struct rpc_request *request)
{
	buf_add(&request->answer, "}}", ANSWER_END_BYTES);
	if (request->answer.len > answer_bound(request))
		answer_refuse(request, REFUSAL_TOO_LARGE, "maxBytes: the answer does not fit");
}

void answer_refuse(struct rpc_request *request, enum refusal code, const char *message)
{
	buf_clear(&request->answer);
	if (message != NULL)
		refuse(&request->refused, code, "%s", message);
	else
		refuse(&request->refused, code, NULL);
}

bool answer_store_ok(struct rpc_request *request, enum store_rc rc)
{
	if (rc != STORE_OK)
		answer_refuse(request, rc == STORE_NOT_FOUND ? REFUSAL_FORBIDDEN : REFUSAL_UNAVAILABLE, NULL);
	return rc == STORE_OK;
}

bool answer_reaches(struct rpc_request *request, const char *user_id)
{
	static const char nobody[] = "/"; /* no user ID has one */
	struct store *store = request->world->store;
	const char *to = user_id != NULL ? user_id : nobody;
	return answer_store_ok(request, store_ops(store)->check_reach(store, request->user_id, &to, 1, false, &request->problem));
}

void answer_found(struct rpc_request *request, enum store_rc rc, const char *user_id)
{
	if (rc != STORE_OK && rc != STORE_NOT_FOUND) {
		answer_store_ok(request, rc);
		return;
	}
	if (!answer_reaches(request, rc == STORE_OK ? user_id : NULL))
		return;
	answer_begin(request);
	write_text(&request->answer, "userID", user_id);
	answer_end(request);
}

bool answer_ids(struct rpc_request *request, const char *name, const char *const *ids, size_t count)
{
	struct buf *out = &request->answer;
	size_t tail = strlen("],\"limited\":true,\"next\":") + 20 + ANSWER_END_BYTES, bound = answer_bound(request);
	size_t first = args_number(request, "next", 0), i = first;
	write_name(out, name);
	buf_add_char(out, '[');
	for (; i < count; i++) {
		size_t before = out->len;
		write_comma(out);
		json_add_string(out, ids[i], strlen(ids[i]));
		if (out->len + tail <= bound)
			continue;
		out->len = before;
		break;
	}
	if (i == first && i < count) {
		answer_refuse(request, REFUSAL_TOO_LARGE, "maxBytes: nothing fits");
		return false;
	}
	buf_add_char(out, ']');
	if (i < count) {
		write_bool(out, "limited", true);
		write_number(out, "next", i);
	}
	return true;
}

void local_finish(struct rpc_request *request)
{
	request->finish(request);
}
