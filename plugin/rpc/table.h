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
	RPC_NAME_MAX = 128,    /* bytes of the name of a person or group */
	RPC_TOKEN_MAX = 8192,
	RPC_WATCHED_MAX = 200,
	RPC_FAVORITES_MAX = 1000,
	RPC_BLOCKED_MAX = 1000,
	RPC_DEVICE_MAX = 64, /* bytes of a device's name */
	RPC_REGISTERED_MAX = 100, /* devices of a user that can be woken */
	RPC_DEVICE_TOKENS_MAX = 1000, /* and that have a token that counts */
	RPC_DEVICE_TOKEN_DAYS = 90, /* how long one counts unless it is asked otherwise */
	RPC_INVITATION_USES_MAX = 1000,
	RPC_INVITATION_MS = 7 * 24 * 60 * 60 * 1000, /* how long it counts unless it says so */
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
	ARGUMENT_USERS,     /* an array of min to max user IDs, none twice */
	ARGUMENT_FLAG,      /* true or false */
	ARGUMENT_CHOICE,    /* one of `choices` */
	ARGUMENT_OBJECT,    /* an object with `members` */
};

struct argument {
	const char *name;
	enum argument_type type;
	bool required;
	uint64_t min, max; /* values of numbers, lengths of texts, numbers of users */
	const char *help;  /* one line */
	const char *also;  /* another name that it is taken by; handlers see the first one. NULL: none */
	const char *const *choices;     /* ended by NULL */
	const struct argument *members; /* as the arguments of an operation */
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
	bool is_contact; /* counts as a new contact: it could be used to find out who there is */
	bool needs_sign_on; /* a connection with a device token may not call it */
	const char *who;                  /* may call it */
	const char *help;                 /* a sentence or two of Markdown */
	const struct argument *arguments; /* ended by a name of NULL */
	const struct field *result;       /* ended by a name of NULL */

	/* One of them, as kind says. A command may have a write as well, which is done behind it. */
	struct command *(*command)(struct rpc_request *request, struct verdict *verdict); /* without key and hash; may set request->icon */
	void (*read)(struct rpc_request *request);
	void (*write)(struct rpc_request *request);
	void (*local)(struct rpc_request *request, int64_t now_ms); /* calls local_finish */

	void (*begin)(struct rpc_request *request);  /* before read, and before write (but not after a crash), on the loop's thread; NULL: nothing to do */
	void (*settle)(struct rpc_request *request); /* behind read and write, on the loop's thread; NULL: nothing to do there */
	/* Of a command that was done: adds the members of the result to request->answer. */
	void (*command_done)(struct rpc_request *request, const struct answer *answer);
};

/* Numbered from 0; NULL: no more. */
const struct rpc_operation *operation_at(size_t i);
const struct shape *shape_at(size_t i);
const struct shape *shape_find(const char *name);

/* The rows, by area: table_<area>.c. Ended by a name of NULL. */
extern const struct rpc_operation operations_server[], operations_messages[], operations_chats[], operations_groups[], operations_catchup[],
	operations_people[], operations_devices[];
extern const struct shape shapes_server[], shapes_messages[], shapes_chats[], shapes_groups[], shapes_catchup[], shapes_people[], shapes_devices[];

/* ---- the handlers, by file ---- */

/* messages.c */
struct command *send_message(struct rpc_request *request, struct verdict *verdict);
struct command *reply_message(struct rpc_request *request, struct verdict *verdict);
void message_sent(struct rpc_request *request, const struct answer *answer);
struct command *edit_message(struct rpc_request *request, struct verdict *verdict);
struct command *delete_message(struct rpc_request *request, struct verdict *verdict);
void message_changed(struct rpc_request *request, const struct answer *answer);
void get_message(struct rpc_request *request);
/* readers.c */
void get_readers(struct rpc_request *request);
/* chats.c */
struct command *create_peer_chat(struct rpc_request *request, struct verdict *verdict);
void peer_chat_created(struct rpc_request *request, const struct answer *answer);
void list_chats(struct rpc_request *request);
void mute_chat(struct rpc_request *request);
/* groups.c */
struct command *create_group(struct rpc_request *request, struct verdict *verdict);
void group_created(struct rpc_request *request, const struct answer *answer);
struct command *add_users(struct rpc_request *request, struct verdict *verdict);
struct command *remove_user(struct rpc_request *request, struct verdict *verdict);
struct command *leave_group(struct rpc_request *request, struct verdict *verdict);
struct command *set_role(struct rpc_request *request, struct verdict *verdict);
struct command *update_group(struct rpc_request *request, struct verdict *verdict);
struct command *delete_group(struct rpc_request *request, struct verdict *verdict);
void group_changed(struct rpc_request *request, const struct answer *answer);
void put_group_icon(struct rpc_request *request); /* behind the command that names it: so nothing forgets it in between */
/* members.c */
void get_members(struct rpc_request *request);
/* catchup.c */
void get_latest(struct rpc_request *request);
void fetch_transactions(struct rpc_request *request);
/* sync.c */
void fetch_delta(struct rpc_request *request);
void sync_chats(struct rpc_request *request);
/* people.c */
struct command *add_favorite(struct rpc_request *request, struct verdict *verdict);
void store_favorite(struct rpc_request *request);
void remove_favorite(struct rpc_request *request);
void get_favorites(struct rpc_request *request);
void block_user(struct rpc_request *request);
void unblock_user(struct rpc_request *request);
void blocks_stored(struct rpc_request *request);
void get_blocked(struct rpc_request *request);
void find_user(struct rpc_request *request);
void set_shared_id(struct rpc_request *request);
/* profile.c */
void get_user_info(struct rpc_request *request);
void update_user_info(struct rpc_request *request);
void set_status(struct rpc_request *request);
void get_icon(struct rpc_request *request);
void delete_account(struct rpc_request *request);
void deletion_stored(struct rpc_request *request);
/* presence.c */
void presence_begins(struct rpc_request *request);
void watch_presence(struct rpc_request *request);
void presence_watched(struct rpc_request *request);
void set_presence(struct rpc_request *request);
void presence_set(struct rpc_request *request);
/* invitations.c */
void get_invitation(struct rpc_request *request);
void use_invitation(struct rpc_request *request);
void revoke_invitation(struct rpc_request *request);
/* devices.c */
void register_device(struct rpc_request *request);
void get_devices(struct rpc_request *request);
void devices_read(struct rpc_request *request);
void device_leaves(struct rpc_request *request);
void remove_device(struct rpc_request *request);
void device_removed(struct rpc_request *request);
void create_device_token(struct rpc_request *request);
void device_token_stored(struct rpc_request *request);
/* server.c */
void get_user_id(struct rpc_request *request, int64_t now_ms);
void get_server_info(struct rpc_request *request, int64_t now_ms);
void set_device(struct rpc_request *request, int64_t now_ms);
void renew_token(struct rpc_request *request, int64_t now_ms);

#endif
