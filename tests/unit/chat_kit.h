/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_UNIT_CHAT_KIT_H
#define HC_UNIT_CHAT_KIT_H
/* Words for tests about chats: transactions that follow a chat, and commands. Everything is in the chat "chat" unless said. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/chat/chat.h"

/* The next transaction of the chat, not applied yet; drop it with transaction_free. body NULL: none. */
struct transaction *next_transaction(
	const struct chat *chat, enum transaction_type type, const char *sender_id, const char *key, const char *body);

/* Applies the next transaction and expects that it fits. */
void log_add(struct chat *chat, enum transaction_type type, const char *sender_id, const char *key, const char *body);

/* A 1:1 chat that alice and bob began, who can reach each other; latest is 1. */
struct chat *alice_and_bob(void);

/* A group: olga is the owner, adam admin, alice and bob are members; latest is 1. */
struct chat *group(void);

/* alice's and bob's messages; key NULL is allowed. */
void log_message(struct chat *chat, const char *sender_id, const char *key, const char *body);

/* Sends by chat; by user with peer_id. The content hash is set. */
struct command *send_command(const char *sender_id, const char *key, const char *body);
struct command *send_to(const char *sender_id, const char *peer_id, const char *key, const char *body);
struct command *create_with(const char *sender_id, const char *peer_id, const char *key);
struct command *reply_command(const char *sender_id, const char *key, const char *body, uint64_t replied_to);
struct command *edit_command(const char *sender_id, const char *key, uint64_t target, const char *body);
struct command *delete_command(const char *sender_id, const char *key, uint64_t target);
/* user_id NULL: it names none; command_add_user adds more, then command_hash is due again. */
struct command *group_command(enum command_type type, const char *sender_id, const char *key, const char *user_id);
struct command *role_command(const char *sender_id, const char *key, const char *user_id, enum role role);
struct command *name_command(enum command_type type, const char *sender_id, const char *key, const char *name); /* CREATE_GROUP, UPDATE_GROUP */
struct command *if_latest(struct command *command, uint64_t number);

#endif
