/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_TABLE_H
#define HC_RPC_TABLE_H
/* The table of operations, for the files of plugin/rpc and their tests only. Constant data; any thread. */

#include "plugin/rpc/rpc.h"

/* The largest integer that every JSON reader keeps exact. */
#define RPC_NUMBER_MAX ((uint64_t)9007199254740991)

enum {
	RPC_BYTES_MIN = 256, /* the least that maxBytes can be */
	RPC_POSITIONS_MAX = 2000,
	RPC_NAMES_MAX = 32,    /* in chats of up to so many members, members are named and their receipts told */
	RPC_PREVIEW_MAX = 256, /* bytes of a message in a chat list */
};

enum argument_type {
	ARGUMENT_SELF,      /* a user ID that has to be the caller's own */
	ARGUMENT_USER,      /* a user ID */
	ARGUMENT_CHAT,      /* a chat ID */
	ARGUMENT_BODY,      /* a message's text, up to the configured length */
	ARGUMENT_TEXT,      /* min to max bytes without control characters */
	ARGUMENT_NUMBER,    /* an integer from min to max */
	ARGUMENT_PAGE_SIZE, /* an integer from 1 to the configured page */
	ARGUMENT_POSITIONS, /* {chatID: transactionID} */
};

struct argument {
	const char *name;
	enum argument_type type;
	bool required;
	uint64_t min, max; /* values of numbers, lengths of texts */
	const char *help;  /* one line */
};

enum field_type {
	FIELD_TEXT,
	FIELD_NUMBER,
	FIELD_TIME, /* milliseconds since 1970 */
	FIELD_BOOL,
	FIELD_TEXTS,   /* array of strings */
	FIELD_OBJECT,  /* a shape */
	FIELD_OBJECTS, /* array of a shape */
	FIELD_MAP,     /* object from strings to a shape */
};

/* A member of an answer. */
struct field {
	const char *name;
	enum field_type type;
	const char *shape; /* FIELD_OBJECT and below: its name */
	bool optional;
	const char *help; /* one line */
};

/* An object that answers are made of. */
struct shape {
	const char *name;
	const char *help;
	const struct field *fields; /* ended by a name of NULL; NULL: schema/transaction.json says what it is */
};

struct rpc_operation {
	const char *name;
	enum rpc_kind kind;
	bool reads_receipts;
	const char *who;                  /* may call it */
	const char *help;                 /* a sentence or two of Markdown */
	const struct argument *arguments; /* ended by a name of NULL */
	const struct field *result;       /* ended by a name of NULL */

	/* One of them, as kind says. */
	struct command *(*command)(const struct rpc_request *request, struct verdict *verdict); /* without key and hash */
	void (*read)(struct rpc_request *request);
	void (*local)(struct rpc_request *request, int64_t now_ms); /* calls local_finish */

	void (*command_done)(struct buf *out, const struct answer *answer); /* the members of the result of a command that was done */
};

extern const struct rpc_operation operation_table[];
extern const size_t operation_count;
extern const struct shape shape_table[];
extern const size_t shape_count;

const struct shape *shape_find(const char *name);

/* ---- the handlers, by file ---- */

/* messages.c */
struct command *send_message(const struct rpc_request *request, struct verdict *verdict);
struct command *reply_message(const struct rpc_request *request, struct verdict *verdict);
void message_sent(struct buf *out, const struct answer *answer);
void get_message(struct rpc_request *request);
void get_readers(struct rpc_request *request, int64_t now_ms);
/* chats.c */
struct command *create_peer_chat(const struct rpc_request *request, struct verdict *verdict);
void peer_chat_created(struct buf *out, const struct answer *answer);
void list_chats(struct rpc_request *request);
/* catchup.c */
void get_latest(struct rpc_request *request);
void fetch_transactions(struct rpc_request *request);
/* sync.c */
void fetch_delta(struct rpc_request *request);
void sync_chats(struct rpc_request *request);
/* server.c */
void get_user_id(struct rpc_request *request, int64_t now_ms);
void get_server_info(struct rpc_request *request, int64_t now_ms);
void set_device(struct rpc_request *request, int64_t now_ms);

#endif
