/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_RPC_H
#define HC_RPC_RPC_H
/* The operations that a client calls by publishing to hc/rpc/<operation>[/<id>].
 *
 * One table (table.c, with its rows in table_*.c) has every operation: name, arguments, who may, what it answers, one line of help, and its
 * handler. Validation, the JSON Schemas and the AsyncAPI document in schema/, and docs/protocol.md's reference are made from it. One file per
 * area has the handlers.
 *
 * Four kinds:
 *   RPC_COMMAND  changes a chat: becomes a struct command, goes the way of every other command (journal, core) and is answered when that is done
 *   RPC_READ     answers from the store: the handler runs on a reader's thread, with nothing but the request and the store
 *   RPC_WRITE    changes something of a person's in the store: journaled like a command, then the handler runs on a lane's thread, again and again
 *                while the store does not answer, and once more after a crash. So what it does may be repeated
 *   RPC_LOCAL    answers from memory on the loop's thread
 */

#include <jansson.h>

#include "base/worker.h"
#include "plugin/chat/core.h"
#include "plugin/rpc/icon.h"
#include "storage/store.h"

enum rpc_kind { RPC_COMMAND, RPC_READ, RPC_WRITE, RPC_LOCAL };

struct rpc_request;

/* What the operations need to know of the broker. Each request takes a copy along, so a reload may change it. */
struct rpc_world {
	struct store *store;
	struct store_info info;
	const char *prefix;         /* "hc" */
	const char *writer;
	uint32_t body_max;          /* bytes */
	bool keep_quotes;           /* what a deletion does that does not say */
	uint32_t page_max;          /* items of a page */
	uint32_t answer_bytes_max;  /* of one answer, 64 KB */
	/* setDevice: nothing longer than max_bytes goes to the connection that asks from now on. Loop thread. NULL: not offered. */
	void (*set_device)(const struct rpc_request *request, uint32_t max_bytes);
	/* It is going to be read whom the connection that asks may watch; what changes from now on counts. Loop thread. NULL: not told. */
	void (*watch_begins)(const struct rpc_request *request);
	/* The connection that asks watches these people from now on, and no others; may take some out. false: what was read of them is no longer so,
	 * it has to be read again. Loop thread; all three NULL: not offered. */
	bool (*watch)(const struct rpc_request *request, struct profile_list *profiles);
	bool (*is_online)(const struct rpc_request *request, const char *user_id);
	void (*presence_set)(const struct rpc_request *request, const struct profile *profile); /* what the caller shows is this now */
	/* The caller's account is deleted: it ends here as well. Loop thread. NULL: not told. */
	void (*account_deleted)(const struct rpc_request *request);
	/* Extends the connection that asks to the end of this token, *expires_ms by the wall clock. false: *verdict. Loop thread. NULL: not offered. */
	bool (*renew_token)(const struct rpc_request *request, const char *token, int64_t *expires_ms, struct verdict *verdict);
	/* Whether the caller is connected here as that device. Loop thread. NULL: nobody is. */
	bool (*device_is_connected)(const struct rpc_request *request, const char *device);
	/* That device of the caller's is going to be removed: nothing more is stored of it. Loop thread. NULL: not told. */
	void (*device_leaves)(const struct rpc_request *request, const char *device);
	/* That device of the caller's is removed; token_ended: a token that it had counts no more. Loop thread. NULL: not told. */
	void (*device_removed)(const struct rpc_request *request, const char *device, bool token_ended);
	/* What signs device tokens now, in front of what else counts; made where there is none. Worker; blocks. Not OK: err. */
	enum store_rc (*signing_keys)(struct store *store, int64_t now_ms, struct signing_key_list **keys, struct error *err);
	/* A token for that device of the caller's, by the first of these keys. The caller frees. NULL: *verdict. Loop thread. These two NULL: not offered. */
	char *(*device_token)(const struct rpc_request *request, const struct signing_key_list *keys, const char *device, int64_t expires_ms,
		struct verdict *verdict);
	const char *invitation_url; /* what an invitation link begins with */
	/* The caller's blocks are these now; the last change was about other_id. Takes them over. Loop thread. NULL: not told. */
	void (*blocks_changed)(const struct rpc_request *request, const char *other_id, struct block_list *blocks);
};

struct rpc_operation;

/* One call. Heap object; belongs to whoever works on it. */
struct rpc_request {
	struct job job; /* first: it travels as a job */
	const struct rpc_operation *operation;
	const struct rpc_world *world; /* its own copy */
	struct rpc_world world_copy;
	char *id;        /* "" without one */
	char *user_id;   /* who calls */
	char *device;    /* NULL: an ephemeral connection */
	json_t *args;    /* validated: only known members, right types, lengths and ranges, required ones there */
	size_t bytes_max; /* the answer may be as long as that, all in all; rpc_parse sets the world's bound, the broker may lower it.
	                   * maxBytes among the arguments lowers it once more */
	int64_t at_ms;   /* when it came in, wall clock */
	void *origin;    /* the broker's: who gets the answer */
	struct icon icon; /* RPC_COMMAND: what rpc_command found among the arguments, for rpc_write to store */
	uint64_t journal_seq; /* RPC_WRITE: its record; the broker's */
	unsigned corrupt_count; /* RPC_WRITE: how often the store called what is there corrupt; the broker's */
	struct rpc_request *next; /* RPC_WRITE: behind it, of the same user; the broker's */

	void *kept; /* what the handler has for settle: a record of the store's, or NULL */
	bool again; /* RPC_READ: what rpc_settle found is no longer so: nothing is answered, rpc_begin and rpc_read have to come again */

	/* the outcome: refused.code == REFUSAL_NONE: answer holds the whole payload, {"result":…} */
	struct verdict refused;
	struct buf answer;
	struct error problem; /* what the store said, for the log: refused as unavailable, or answered without what is damaged (STORE_CORRUPT) */

	/* loop thread: takes the request back, answers and frees it. Set by the broker before rpc_begin. */
	void (*finish)(struct rpc_request *request);
};

/* Finds the operation and checks the arguments; an empty payload counts as {}. The caller sets user_id, device (both are freed by rpc_free),
 * at_ms, origin and finish. NULL: *verdict says which field and why. Loop thread; never blocks. */
struct rpc_request *rpc_parse(const struct rpc_world *world, const char *operation, const char *id, const char *payload, size_t payload_len,
                              struct verdict *verdict);
void rpc_free(struct rpc_request *request);

enum rpc_kind rpc_kind(const struct rpc_request *request);
/* Of an operation by its name, before its arguments are read. What does not exist changes nothing: RPC_LOCAL. */
enum rpc_kind rpc_kind_of(const char *operation);
const char *rpc_name(const struct rpc_request *request);
/* RPC_READ: whether the answer depends on receipts, so that those still in memory have to be stored first. */
bool rpc_reads_receipts(const struct rpc_request *request);
/* Whether it counts as a new contact. */
bool rpc_is_contact(const struct rpc_request *request);

/* Whether only a connection with a token of the sign-on may ask for it, not one with a device token. */
bool rpc_needs_sign_on(const struct rpc_request *request);

/* Whether it brings the bytes of an icon along. */
bool rpc_stores_icon(const struct rpc_request *request);

/* RPC_COMMAND: the command that it stands for. user_id is set. The command's key is made of operation and id (one of our own keys:
 * 0x01 first), NULL if the id is empty. chat_id may be NULL: a new group's, rpc_group_id gives it one. NULL: *verdict. */
struct command *rpc_command(struct rpc_request *request, struct verdict *verdict);
/* The chat ID of a new group, from something that is the same whenever the same call is made or replayed, and never for another one. */
void rpc_group_id(const struct store_info *info, const char *user_id, const char *call, char chat_id[ID_TEXT_LEN + 1]);
/* RPC_COMMAND: fills request->answer or ->refused from the core's answer. Loop thread. */
void rpc_command_done(struct rpc_request *request, const struct answer *answer);

/* RPC_WRITE, before its first rpc_write, and RPC_READ, before each rpc_read: what has to be known in memory until then. Loop thread. */
void rpc_begin(struct rpc_request *request);

/* RPC_READ: runs the handler; worker thread; blocks. Fills answer or refused. Does not call finish. */
void rpc_read(struct rpc_request *request);
/* RPC_WRITE, and a RPC_COMMAND that was done where rpc_writes says so: stores. Worker thread; blocks; fills answer or refused. Refused as
 * unavailable: it may have happened or not, so it has to be called again. */
void rpc_write(struct rpc_request *request);
bool rpc_writes(const struct rpc_request *request);

/* After rpc_read or rpc_write, before the answer goes out, unless it was refused: brings memory up to date. May set request->again. Loop thread. */
void rpc_settle(struct rpc_request *request);

/* RPC_LOCAL: starts the handler; it calls request->finish, at once or later. Loop thread. */
void rpc_local(struct rpc_request *request, int64_t now_ms);

/* Everything of the table as text, for the documents: loop over it with these. */
void rpc_print_reference(struct buf *out);  /* Markdown, a section an operation */
void rpc_print_asyncapi(struct buf *out);   /* AsyncAPI 3, JSON */
/* JSON Schema of the arguments of operation number i; NULL name: no more. */
const char *rpc_print_schema(size_t i, struct buf *out);

#endif
