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

/* A chat that alice and bob began; latest is 1. */
struct chat *alice_and_bob(void);

/* alice's and bob's messages; key NULL is allowed. */
void log_message(struct chat *chat, const char *sender_id, const char *key, const char *body);

/* Sends by chat; by user with peer_id. The content hash is set. */
struct command *send_command(const char *sender_id, const char *key, const char *body);
struct command *send_to(const char *sender_id, const char *peer_id, const char *key, const char *body);
struct command *create_with(const char *sender_id, const char *peer_id, const char *key);
struct command *reply_command(const char *sender_id, const char *key, const char *body, uint64_t replied_to);
struct command *if_latest(struct command *command, uint64_t number);

#endif
