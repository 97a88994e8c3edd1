/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Operators change chats: createRoom, removeMember, eraseMessage. Each is a command of the core's on behalf of somebody who may do it, so members see
 * it as if he had. Broker thread, but for ask_message. */
#include <string.h>

#include "plugin/broker/control_call.h"

static struct command *command_for(const struct control_call *call, enum command_type type, const char *user_id)
{
	struct command *command = command_new(type, user_id);
	command->chat_id = mem_text(control_text(call, "chat"));
	return command;
}

void control_create_room(struct control_call *call)
{
	struct command *command = command_for(call, COMMAND_CREATE_GROUP, control_text(call, "owner"));
	const char *name = control_text(call, "name"), *history = control_text(call, "history");
	struct buf body = BUF_EMPTY;
	buf_add_text(&body, "{\"name\":");
	json_add_string(&body, name, strlen(name));
	buf_printf(&body, ",\"history\":\"%s\"}", history != NULL ? history : "own");
	command->body_len = (uint32_t)body.len;
	command->body = body.data;
	control_command(call, command);
}

void control_remove_member(struct control_call *call)
{
	const char *user_id = control_text(call, "user");
	struct command *command = command_for(call, COMMAND_REMOVE, user_id);
	command_add_user(command, user_id);
	control_command(call, command);
}

/* ---- eraseMessage ---- */

static const struct member_record *member_of(const struct chat_record *chat, const char *user_id)
{
	for (size_t i = 0; i < chat->member_count; i++)
		if (strcmp(chat->members[i].user_id, user_id) == 0)
			return &chat->members[i];
	return NULL;
}

static bool is_there_and_sees(const struct chat_record *chat, const struct member_record *member, uint64_t number)
{
	return member != NULL && member->role != ROLE_NONE && membership_sees(member->intervals, member->interval_count, chat->history_all, number);
}

/* Who may delete it: its sender, else an owner or admin, who is a member and sees it. NULL: nobody. */
static const char *who_may(const struct chat_record *chat, const struct transaction *message)
{
	if (is_there_and_sees(chat, member_of(chat, message->sender_id), message->number))
		return message->sender_id;
	for (size_t i = 0; i < chat->member_count; i++)
		if (!chat->pair && chat->members[i].role >= ROLE_ADMIN && is_there_and_sees(chat, &chat->members[i], message->number))
			return chat->members[i].user_id;
	return NULL;
}

static void ask_message(struct control_call *call, struct store *store)
{
	struct message_state message = {0};
	struct chat_record *chat = NULL;
	const char *chat_id = control_text(call, "chat");
	call->rc = store_ops(store)->read_message(store, chat_id, control_number(call, "message", 0), &message, &call->err);
	if (call->rc == STORE_OK)
		call->rc = store_ops(store)->load_chat(store, chat_id, &chat, &call->err);
	if (call->rc == STORE_OK) {
		const char *user_id = who_may(chat, message.message);
		call->data = user_id != NULL ? json_string(user_id) : json_null();
	}
	message_state_free(&message);
	store_free(chat);
}

static void tell_message(struct control_call *call)
{
	const char *user_id = json_string_value(call->data);
	if (user_id == NULL) {
		control_refuse(call, call->rc == STORE_NOT_FOUND ? "message: there is no such message"
														 : "message: neither its sender is in the chat any more, nor an owner or admin who sees it");
		return;
	}
	struct command *command = command_for(call, COMMAND_DELETE, user_id);
	command->target = control_number(call, "message", 0);
	command->keep_quotes = call->server->conf.quotes == CONF_QUOTES_KEEP;
	json_decref(call->data);
	call->data = NULL;
	control_command(call, command);
}

void control_erase_message(struct control_call *call)
{
	control_ask(call, ask_message, tell_message);
}
