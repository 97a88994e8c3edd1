/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CHAT_COMMAND_H
#define HC_CHAT_COMMAND_H
/* What somebody wants done in a chat: the input of the state machine. Loop thread. */

#include <stdbool.h>
#include <stdint.h>

#include "plugin/chat/refusal.h"
#include "storage/store.h"

/* Part of a command's content hash, so of what the store keeps for a week: never renumber. */
enum command_type {
	COMMAND_SEND,          /* a message; with peer_id it also creates the 1:1 chat */
	COMMAND_CREATE,        /* the 1:1 chat with peer_id, if there is none */
	COMMAND_EDIT,          /* another body for `target` */
	COMMAND_DELETE,        /* `target` */
	COMMAND_CREATE_GROUP,  /* with user_ids as members and the sender as owner; body: of the groupUpdated that follows */
	COMMAND_ADD,           /* user_ids to the group; who is a member already is passed over */
	COMMAND_REMOVE,        /* user_ids[0] from the group; oneself: leave it */
	COMMAND_SET_ROLE,      /* of user_ids[0], to `role` */
	COMMAND_UPDATE_GROUP,  /* body: of the groupUpdated */
	COMMAND_END_GROUP,
	COMMAND_CLOSE_ACCOUNT, /* the sender's account ends: he leaves, also a 1:1 chat, also what has ended or he left before */
};

/* How many one command may name; who makes commands checks it. */
enum { COMMAND_USERS_MAX = 200 };

/* Whether everybody whom a command needs can be reached. */
enum reach { REACH_UNKNOWN, REACH_OPEN, REACH_CLOSED };

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
	uint64_t target;     /* the message that EDIT and DELETE are about */
	bool keep_quotes;    /* DELETE leaves its text in the replies to it */
	char **user_ids;
	size_t user_count;
	enum role role;
	int64_t client_time_ms;
	bool has_if_latest;
	uint64_t if_latest;

	int64_t at_ms;        /* when it was received, by the wall clock */
	uint64_t journal_seq; /* to be released when it is answered; 0: not in the journal */
	bool replayed;        /* from the journal after a crash: limits were paid already */
	void *origin;         /* who waits for the answer; the layer above's, NULL: nobody */

	/* What was found out for it meanwhile; the core's. */
	enum reach reach;
	bool may_begin;  /* the port said so */
	bool key_unused; /* the store knows no such key */
	bool key_known;  /* an append found that it does */
	bool key_in_doubt; /* an append found one of the same sender's before it: it is asked for before it is tried again */
	enum { MESSAGE_UNKNOWN, MESSAGE_READ, MESSAGE_MISSING } message; /* that it replies to or is about, if it is not at hand */
	struct message_state found;                                     /* MESSAGE_READ */
	uint64_t found_at; /* the chat's latest when it was asked for: what came later may be missing */
	struct command *next;
};

struct command *command_new(enum command_type type, const char *sender_id);
void command_free(struct command *command);

/* The message that it replies to or is about, 0: none. */
uint64_t command_message(const struct command *command);

/* Forgets what was found out for it, but for may_begin, which counts. */
void command_forget(struct command *command);

void command_add_user(struct command *command, const char *user_id); /* to user_ids; a copy */

/* Sets key_hash from the content: all that makes it another command, so neither how the chat was addressed nor a condition. */
void command_hash(struct command *command);

/* The ID of the 1:1 chat of two users: 22 characters and a NUL. The same for (a, b) and (b, a). */
void peer_chat_id(const unsigned char *secret, size_t secret_len, const char *user_a, const char *user_b, char chat_id[ID_TEXT_LEN + 1]);

#endif
