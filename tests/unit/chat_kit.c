/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Chats, transactions and commands for tests. */
#include "chat_kit.h"

enum { NOW_MS = 1000 };

struct transaction *next_transaction(
	const struct chat *chat, enum transaction_type type, const char *sender_id, const char *key, const char *body)
{
	struct transaction draft = {
		.chat_id = chat->id,
		.number = chat->latest + 1,
		.type = type,
		.sender_id = sender_id,
		.at_ms = NOW_MS,
		.key = key,
		.writer = "w",
	};
	if (body != NULL)
		sealed_set(&draft.body, body, strlen(body));
	if (key != NULL && type == TX_MESSAGE) {
		struct command *same = send_command(sender_id, key, body);
		memcpy(draft.key_hash, same->key_hash, ID_BYTES);
		command_free(same);
	}
	transaction_head(&draft, chat->head, draft.head);
	return transaction_new(&draft);
}

void log_add(struct chat *chat, enum transaction_type type, const char *sender_id, const char *key, const char *body)
{
	struct transaction *tx = next_transaction(chat, type, sender_id, key, body);
	assert_true(chat_apply(chat, tx));
	transaction_free(tx);
}

struct chat *alice_and_bob(void)
{
	struct chat *chat = chat_new("chat");
	log_add(chat, TX_MEMBER_ADDED, "alice", NULL,
		"{\"members\":[{\"userID\":\"alice\",\"role\":\"member\"},{\"userID\":\"bob\",\"role\":\"member\"}]}");
	chat_member(chat, "alice")->reaches_peer = true;
	chat_member(chat, "bob")->reaches_peer = true;
	return chat;
}

struct chat *group(void)
{
	struct chat *chat = chat_new("chat");
	log_add(chat, TX_MEMBER_ADDED, "olga", NULL,
		"{\"members\":[{\"userID\":\"olga\",\"role\":\"owner\"},{\"userID\":\"adam\",\"role\":\"admin\"},"
		"{\"userID\":\"alice\",\"role\":\"member\"},{\"userID\":\"bob\",\"role\":\"member\"}]}");
	return chat;
}

void log_message(struct chat *chat, const char *sender_id, const char *key, const char *body)
{
	log_add(chat, TX_MESSAGE, sender_id, key, body);
}

static struct command *make(
	enum command_type type, const char *sender_id, const char *peer_id, const char *key, const char *body, uint64_t replied_to)
{
	struct command *command = command_new(type, sender_id);
	command->chat_id = mem_text("chat");
	command->peer_id = mem_text(peer_id);
	command->key = mem_text(key);
	command->body = mem_text(body);
	command->body_len = body ? (uint32_t)strlen(body) : 0;
	command->replied_to = replied_to;
	command->at_ms = NOW_MS;
	command_hash(command);
	return command;
}

struct command *send_command(const char *sender_id, const char *key, const char *body)
{
	return make(COMMAND_SEND, sender_id, NULL, key, body, 0);
}

struct command *send_to(const char *sender_id, const char *peer_id, const char *key, const char *body)
{
	return make(COMMAND_SEND, sender_id, peer_id, key, body, 0);
}

struct command *create_with(const char *sender_id, const char *peer_id, const char *key)
{
	return make(COMMAND_CREATE, sender_id, peer_id, key, NULL, 0);
}

struct command *reply_command(const char *sender_id, const char *key, const char *body, uint64_t replied_to)
{
	return make(COMMAND_SEND, sender_id, NULL, key, body, replied_to);
}

struct command *edit_command(const char *sender_id, const char *key, uint64_t target, const char *body)
{
	struct command *command = make(COMMAND_EDIT, sender_id, NULL, key, body, 0);
	command->target = target;
	command_hash(command);
	return command;
}

struct command *delete_command(const char *sender_id, const char *key, uint64_t target)
{
	struct command *command = make(COMMAND_DELETE, sender_id, NULL, key, NULL, 0);
	command->target = target;
	command_hash(command);
	return command;
}

struct command *group_command(enum command_type type, const char *sender_id, const char *key, const char *user_id)
{
	struct command *command = make(type, sender_id, NULL, key, NULL, 0);
	if (user_id != NULL)
		command_add_user(command, user_id);
	command_hash(command);
	return command;
}

struct command *role_command(const char *sender_id, const char *key, const char *user_id, enum role role)
{
	struct command *command = group_command(COMMAND_SET_ROLE, sender_id, key, user_id);
	command->role = role;
	command_hash(command);
	return command;
}

struct command *name_command(enum command_type type, const char *sender_id, const char *key, const char *name)
{
	struct command *command = group_command(type, sender_id, key, NULL);
	struct buf body = BUF_EMPTY;
	buf_printf(&body, "{\"name\":\"%s\"}", name);
	command->body = body.data;
	command->body_len = (uint32_t)body.len;
	command_hash(command);
	return command;
}

struct command *if_latest(struct command *command, uint64_t number)
{
	command->has_if_latest = true;
	command->if_latest = number;
	return command;
}
