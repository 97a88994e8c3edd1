/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CHAT_COMMAND_H
#define HC_CHAT_COMMAND_H
/* What somebody wants done in a chat: the input of the state machine. Loop thread. */

#include <stdbool.h>
#include <stdint.h>

#include "plugin/chat/refusal.h"
#include "storage/transaction.h"

enum command_type {
	COMMAND_SEND,   /* a message; with peer_id it also creates the 1:1 chat */
	COMMAND_CREATE, /* the 1:1 chat with peer_id, if there is none */
};

/* A heap object that the core owns from core_command until the `answer` port has been called with it. All strings are its own. */
struct command {
	enum command_type type;
	char *chat_id;
	char *sender_id;
	char *peer_id; /* the other side of a 1:1 chat when it was addressed by user; NULL: by chat */

	/* Unique per (chat, sender): see struct transaction. Never NULL once the core has it: what comes without an ID of its client gets
	 * one of ours, so that a replay after a crash is recognised. */
	char *key;
	unsigned char key_hash[ID_BYTES];

	char *body;
	uint32_t body_len;
	char *content_type;
	uint64_t replied_to; /* 0: none */
	int64_t client_time_ms;
	bool has_if_latest;
	uint64_t if_latest;

	int64_t at_ms;        /* when it was received, by the wall clock */
	uint64_t journal_seq; /* to be released when it is answered; 0: not in the journal */
	bool replayed;        /* from the journal after a crash: limits were paid already */
	void *origin;         /* who waits for the answer; the layer above's, NULL: nobody */

	/* What was found out for it meanwhile; the core's. */
	bool peer_exists;
	bool may_begin;  /* the port said so */
	bool key_unused; /* the store knows no such key */
	struct transaction *quoted;
	struct command *next;
};

struct command *command_new(enum command_type type, const char *sender_id);
void command_free(struct command *command);

/* Sets key_hash from the content: type, body, content type, what it replies to. */
void command_hash(struct command *command);

/* The ID of the 1:1 chat of two users: 22 characters and a NUL. The same for (a, b) and (b, a). */
void peer_chat_id(const unsigned char *secret, size_t secret_len, const char *user_a, const char *user_b, char chat_id[ID_TEXT_LEN + 1]);

#endif
