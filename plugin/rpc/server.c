/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * About the connection and the server: getChatUserID, getServerInfo, setDevice, renewToken. Loop thread; answers at once. */
#include <string.h>

#include "base/json.h"
#include "plugin/rpc/answer.h"
#include "plugin/rpc/write.h"

void get_user_id(struct rpc_request *request, int64_t now_ms)
{
	(void)now_ms;
	struct buf *out = &request->answer;
	answer_begin(request);
	write_text(out, "userID", request->user_id);
	if (request->device != NULL)
		write_text(out, "deviceID", request->device);
	write_time(out, "serverTime", request->at_ms);
	answer_end(request);
	local_finish(request);
}

static void add_features(struct buf *out)
{
	write_name(out, "features");
	buf_add_char(out, '[');
	const struct rpc_operation *operation;
	for (size_t i = 0; (operation = operation_at(i)) != NULL; i++) {
		write_comma(out);
		json_add_string(out, operation->name, strlen(operation->name));
	}
	buf_add_char(out, ']');
}

static void add_limits(struct buf *out, const struct rpc_world *world)
{
	write_name(out, "limits");
	buf_add_char(out, '{');
	write_number(out, "bodyBytes", world->body_max);
	write_number(out, "pageItems", world->page_max);
	write_number(out, "answerBytes", world->answer_bytes_max);
	write_number(out, "syncChats", RPC_POSITIONS_MAX);
	buf_add_char(out, '}');
}

void get_server_info(struct rpc_request *request, int64_t now_ms)
{
	(void)now_ms;
	answer_begin(request);
	write_text(&request->answer, "version", HC_VERSION);
	add_features(&request->answer);
	add_limits(&request->answer, request->world);
	answer_end(request);
	local_finish(request);
}

void set_device(struct rpc_request *request, int64_t now_ms)
{
	(void)now_ms;
	uint64_t max_bytes = args_number(request, "maxBytes", 0);
	if (request->world->set_device == NULL) {
		answer_refuse(request, REFUSAL_UNAVAILABLE, NULL);
	} else {
		request->world->set_device(request, (uint32_t)max_bytes);
		answer_begin(request);
		write_number(&request->answer, "maxBytes", max_bytes);
		answer_end(request);
	}
	local_finish(request);
}

void renew_token(struct rpc_request *request, int64_t now_ms)
{
	(void)now_ms;
	int64_t expires_ms;
	if (request->world->renew_token == NULL) {
		answer_refuse(request, REFUSAL_UNAVAILABLE, NULL);
	} else if (request->world->renew_token(request, args_text(request, "token"), &expires_ms, &request->refused)) {
		answer_begin(request);
		write_time(&request->answer, "expiresAt", expires_ms);
		answer_end(request);
	}
	local_finish(request);
}
