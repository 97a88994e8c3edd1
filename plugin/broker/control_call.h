/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_CONTROL_CALL_H
#define HC_BROKER_CONTROL_CALL_H
/* One command of an operator's, while it is being done: for control.c and the files with the commands. Broker thread, but for `ask`. */

#include "base/json.h"
#include "plugin/broker/control_table.h"
#include "plugin/broker/server.h"

struct control_request;

struct control_call {
	struct job job;
	struct server *server;
	struct control_request *request;
	const struct control_command *command;
	const json_t *arguments; /* checked; the request's */
	/* On a reader; blocks; what it finds it keeps in `found` or `data`. */
	void (*ask)(struct control_call *call, struct store *store);
	void (*tell)(struct control_call *call); /* back on the broker's thread; rc is OK or NOT_FOUND */
	enum store_rc rc;
	struct error err;
	void *found;      /* store_free */
	json_t *data;     /* the answer's, NULL: none yet */
	size_t room;      /* CONTROL_EXPORT_CHAT: for so many bytes of transactions; then what they took */
	int64_t until_ms; /* CONTROL_DRAIN: when it answers at the latest, by the monotonic clock */
	struct control_call *prev, *next; /* utlist: who waits for a tick */
};

/* Each ends with exactly one control_done or control_refuse, at once or later. */
typedef void control_run(struct control_call *call);
control_run control_status, control_metrics, control_keys, control_list_users, control_get_user, control_kick, control_ban, control_unban,
	control_revoke, control_list_chats, control_get_chat, control_list_members, control_remove_member, control_create_room, control_export_chat,
	control_erase_message, control_erase_account, control_list_audit, control_drain;

/* Done, with call->data as the answer's data. Both let go of the call. */
void control_done(struct control_call *call);
void control_refuse(struct control_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Runs ask on a reader, then tell. A store that fails refuses the call. */
void control_ask(struct control_call *call, void (*ask)(struct control_call *call, struct store *store), void (*tell)(struct control_call *call));

/* A command of the core's on behalf of somebody: takes it over, answers call with the number that it got. */
void control_command(struct control_call *call, struct command *command);

const char *control_text(const struct control_call *call, const char *name); /* NULL: not given */
uint64_t control_number(const struct control_call *call, const char *name, uint64_t otherwise);
bool control_flag(const struct control_call *call, const char *name);

/* What the answer to the call's payload has room for, in bytes of transactions: it is written on the broker's thread, whatever the payload asks for. */
size_t control_room(const struct control_call *call);
void control_take_room(struct control_call *call, size_t bytes);

/* Whether that is the operator himself. */
bool control_is_own(const struct control_call *call, const char *user_id);

/* For answers. Times: 0 and below are left out. */
void control_add_text(json_t *object, const char *name, const char *text); /* "" and NULL are left out */
void control_add_number(json_t *object, const char *name, uint64_t number);
void control_add_time(json_t *object, const char *name, int64_t at_ms);
void control_add_flag(json_t *object, const char *name, bool flag);

/* By control.c at each tick. */
void control_drain_tick(struct server *server);

#endif
