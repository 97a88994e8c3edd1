/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Groups: what changes them, as commands. Loop thread; put_group_icon on a worker. */
#include <string.h>

#include "plugin/rpc/answer.h"
#include "plugin/rpc/icon.h"
#include "plugin/rpc/write.h"

static struct command *group_command(enum command_type type, const struct rpc_request *request)
{
	struct command *command = command_new(type, request->user_id);
	command->chat_id = mem_text(args_text(request, "groupID"));
	return command;
}

static void add_list(struct command *command, const json_t *user_ids)
{
	size_t i;
	const json_t *user_id;
	json_array_foreach(user_ids, i, user_id)
		command_add_user(command, json_string_value(user_id));
}

/* ---- what a group is called, looks like, shows ---- */

/* Adds the members of a groupUpdated: name_argument, icon and history, as far as `info` has them. */
static bool add_info(struct rpc_request *request, const json_t *info, const char *name_argument, struct buf *body, struct verdict *verdict)
{
	const char *name = json_string_value(json_object_get(info, name_argument));
	const char *icon = json_string_value(json_object_get(info, "icon"));
	const char *history = json_string_value(json_object_get(info, "history"));
	buf_add_char(body, '{');
	if (name != NULL)
		write_text(body, "name", name);
	if (icon != NULL) {
		if (!icon_read(icon, &request->icon, "icon", verdict))
			return false;
		write_text(body, "icon", request->icon.name);
	}
	if (history != NULL)
		write_text(body, "history", history);
	buf_add_char(body, '}');
	return true;
}

/* Takes the body into the command. false: refused, and the command is gone. */
static bool set_info(struct command *command, struct rpc_request *request, const json_t *info, const char *name_argument,
	struct verdict *verdict)
{
	struct buf body = BUF_EMPTY;
	if (!add_info(request, info, name_argument, &body, verdict)) {
		buf_fini(&body);
		command_free(command);
		return false;
	}
	command->body_len = (uint32_t)body.len;
	command->body = body.data;
	return true;
}

/* ---- making one ---- */

void rpc_group_id(const struct store_info *info, const char *user_id, const char *call, char chat_id[ID_TEXT_LEN + 1])
{
	unsigned char digest[SHA256_BYTES];
	const struct bytes parts[] = {{"group", sizeof "group"}, {user_id, strlen(user_id) + 1}, {call, strlen(call)}};
	hmac_sha256(info->secret, sizeof info->secret, parts, 3, digest);
	base64url_encode(digest, ID_BYTES, chat_id);
}

struct command *create_group(struct rpc_request *request, struct verdict *verdict)
{
	struct command *command = command_new(COMMAND_CREATE_GROUP, request->user_id);
	if (!set_info(command, request, request->args, "groupName", verdict))
		return NULL;
	add_list(command, json_object_get(request->args, "friendIDs"));
	for (size_t i = 0; i < command->user_count; i++)
		if (strcmp(command->user_ids[i], request->user_id) == 0) {
			refuse(verdict, REFUSAL_BAD_REQUEST, "friendIDs: others than the caller, who is the owner");
			command_free(command);
			return NULL;
		}
	if (request->id[0] != '\0') {
		char chat_id[ID_TEXT_LEN + 1];
		struct buf call = BUF_EMPTY;
		buf_printf(&call, "id/%s", request->id);
		rpc_group_id(&request->world->info, request->user_id, call.data, chat_id);
		command->chat_id = mem_text(chat_id);
		buf_fini(&call);
	}
	return command;
}

void put_group_icon(struct rpc_request *request)
{
	struct store *store = request->world->store;
	const struct icon *icon = &request->icon;
	if (icon->bytes != NULL)
		answer_store_ok(request, store_ops(store)->put_icon(store, icon->name, icon->bytes, icon->len, &request->problem));
}

void group_created(struct rpc_request *request, const struct answer *answer)
{
	write_text(&request->answer, "chatID", answer->chat_id);
}

/* ---- changing one ---- */

struct command *add_users(struct rpc_request *request, struct verdict *verdict)
{
	if (args_has(request, "userID") == args_has(request, "userIDs")) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "userID: either this or userIDs");
		return NULL;
	}
	struct command *command = group_command(COMMAND_ADD, request);
	if (args_has(request, "userID"))
		command_add_user(command, args_text(request, "userID"));
	else
		add_list(command, json_object_get(request->args, "userIDs"));
	return command;
}

struct command *remove_user(struct rpc_request *request, struct verdict *verdict)
{
	(void)verdict;
	struct command *command = group_command(COMMAND_REMOVE, request);
	command_add_user(command, args_text(request, "userID"));
	return command;
}

struct command *leave_group(struct rpc_request *request, struct verdict *verdict)
{
	(void)verdict;
	struct command *command = group_command(COMMAND_REMOVE, request);
	command_add_user(command, request->user_id);
	return command;
}

struct command *set_role(struct rpc_request *request, struct verdict *verdict)
{
	(void)verdict;
	struct command *command = group_command(COMMAND_SET_ROLE, request);
	command_add_user(command, args_text(request, "userID"));
	role_from_name(args_text(request, "role"), &command->role); /* the table has let only roles through */
	return command;
}

struct command *update_group(struct rpc_request *request, struct verdict *verdict)
{
	const json_t *info = json_object_get(request->args, "groupInfo");
	if (json_object_size(info) == 0) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "groupInfo: name, icon or history");
		return NULL;
	}
	struct command *command = group_command(COMMAND_UPDATE_GROUP, request);
	return set_info(command, request, info, "name", verdict) ? command : NULL;
}

struct command *delete_group(struct rpc_request *request, struct verdict *verdict)
{
	(void)verdict;
	return group_command(COMMAND_END_GROUP, request);
}

void group_changed(struct rpc_request *request, const struct answer *answer)
{
	write_text(&request->answer, "chatID", answer->chat_id);
	if (answer->number != 0)
		write_number(&request->answer, "transactionID", answer->number);
}
