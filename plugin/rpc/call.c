/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A request meets its handler. rpc_read and rpc_write run on a worker, everything else on the loop's thread. */
#include <stdlib.h>
#include <string.h>

#include "plugin/rpc/answer.h"
#include "plugin/rpc/icon.h"

enum rpc_kind rpc_kind(const struct rpc_request *request)
{
	return request->operation->kind;
}

const char *rpc_name(const struct rpc_request *request)
{
	return request->operation->name;
}

bool rpc_reads_receipts(const struct rpc_request *request)
{
	return request->operation->reads_receipts;
}

bool rpc_is_contact(const struct rpc_request *request)
{
	return request->operation->is_contact;
}

bool rpc_needs_sign_on(const struct rpc_request *request)
{
	return request->operation->needs_sign_on;
}

static bool has_picture(const json_t *info)
{
	const char *icon = json_string_value(json_object_get(info, "icon"));
	return icon != NULL && icon[0] != '\0' && !icon_is_url(icon);
}

bool rpc_stores_icon(const struct rpc_request *request)
{
	return has_picture(request->args) || has_picture(json_object_get(request->args, "userInfo")) ||
	       has_picture(json_object_get(request->args, "groupInfo"));
}

/* The id says which call it is; the operation is in it because ids are unique per operation only. */
static char *key_of(const struct rpc_request *request)
{
	if (request->id[0] == '\0')
		return NULL;
	struct buf key = BUF_EMPTY;
	buf_printf(&key, "\x01rpc/%s/%s", rpc_name(request), request->id);
	return key.data;
}

struct command *rpc_command(struct rpc_request *request, struct verdict *verdict)
{
	if (!args_name_caller(request, verdict))
		return NULL;
	struct command *command = request->operation->command(request, verdict);
	if (command == NULL)
		return NULL;
	command->key = key_of(request);
	command->at_ms = request->at_ms;
	command_hash(command);
	return command;
}

/* The core speaks of commands' fields; here they are called otherwise. */
static void refuse_as_call(struct verdict *refused, const struct verdict *verdict)
{
	static const char reply_field[] = "repliedTo:";
	*refused = *verdict;
	if (verdict->code == REFUSAL_ID_REUSED)
		refuse(refused, REFUSAL_ID_REUSED, "id: it was used for another call");
	else if (strncmp(verdict->message, reply_field, strlen(reply_field)) == 0)
		refuse(refused, verdict->code, "messageID:%s", verdict->message + strlen(reply_field));
}

void rpc_command_done(struct rpc_request *request, const struct answer *answer)
{
	buf_clear(&request->answer);
	if (answer->refused != NULL) {
		refuse_as_call(&request->refused, answer->refused);
		return;
	}
	request->refused = (struct verdict){0};
	buf_add_text(&request->answer, "{\"result\":{");
	request->operation->command_done(request, answer);
	buf_add_text(&request->answer, "}}");
}

void rpc_read(struct rpc_request *request)
{
	request->refused = (struct verdict){0};
	if (args_name_caller(request, &request->refused))
		request->operation->read(request);
}

void rpc_write(struct rpc_request *request)
{
	request->refused = (struct verdict){0};
	request->problem.text[0] = '\0';
	if (args_name_caller(request, &request->refused))
		request->operation->write(request);
}

bool rpc_writes(const struct rpc_request *request)
{
	return request->operation->write != NULL;
}

void rpc_begin(struct rpc_request *request)
{
	if (request->operation->begin != NULL)
		request->operation->begin(request);
}

void rpc_settle(struct rpc_request *request)
{
	request->again = false;
	if (request->operation->settle != NULL && request->refused.code == REFUSAL_NONE)
		request->operation->settle(request);
}

void rpc_local(struct rpc_request *request, int64_t now_ms)
{
	request->refused = (struct verdict){0};
	request->operation->local(request, now_ms);
}
