/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_CONTROL_TABLE_H
#define HC_BROKER_CONTROL_TABLE_H
/* What an operator can have done by a running broker: one table, from which come the check of what arrives on CONTROL_TOPIC, the usage and the
 * checks of hyperchatctl and of mosquitto_ctrl's module, and the manual. The form is that of Mosquitto's dynamic-security plugin:
 *
 *   {"commands":[{"command":"ban","user":"bob","correlationData":"1"}]}
 *   {"responses":[{"command":"ban","data":{…},"correlationData":"1"}]}      or "error":"…" instead of data
 *
 * Times are milliseconds since 1970; the names of members that are times end with `At`. Pure; any thread. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define CONTROL_TOPIC          "$CONTROL/hyperchat/v1"
#define CONTROL_RESPONSE_TOPIC CONTROL_TOPIC "/response"

enum {
	CONTROL_PAYLOAD_MAX = 64 * 1024,
	CONTROL_COMMANDS_MAX = 32, /* in one payload */
	CONTROL_ARGUMENTS_MAX = 4,
	CONTROL_CORRELATION_MAX = 256,
};

enum control_id {
	CONTROL_STATUS,
	CONTROL_METRICS,
	CONTROL_KEYS,
	CONTROL_LIST_USERS,
	CONTROL_GET_USER,
	CONTROL_KICK,
	CONTROL_BAN,
	CONTROL_UNBAN,
	CONTROL_REVOKE,
	CONTROL_LIST_CHATS,
	CONTROL_GET_CHAT,
	CONTROL_LIST_MEMBERS,
	CONTROL_REMOVE_MEMBER,
	CONTROL_CREATE_ROOM,
	CONTROL_EXPORT_CHAT,
	CONTROL_ERASE_MESSAGE,
	CONTROL_ERASE_ACCOUNT,
	CONTROL_LIST_AUDIT,
	CONTROL_DRAIN,
	CONTROL_COUNT
};

enum control_type {
	CONTROL_USER,   /* a user ID as in topics */
	CONTROL_DEVICE, /* a device's name, "" is one */
	CONTROL_CHAT,   /* a chat's ID */
	CONTROL_TEXT,   /* UTF-8 without control characters, at most `max` bytes */
	CONTROL_NUMBER, /* 0 to max */
	CONTROL_WORD,   /* one of `words` */
	CONTROL_FLAG,   /* true or false */
};

struct control_argument {
	const char *name; /* NULL: no more */
	enum control_type type;
	bool required;
	uint64_t max;
	const char *const *words; /* ended by NULL */
	const char *help;
};

struct control_command {
	const char *name;
	bool audited; /* it changes something, or shows what people wrote */
	const char *summary;
	struct control_argument arguments[CONTROL_ARGUMENTS_MAX + 1]; /* those that are required come first */
};

extern const struct control_command control_table[CONTROL_COUNT];

const struct control_command *control_find(const char *name); /* NULL: there is none */

/* Whether the object has what the command needs and nothing else beside `command` and `correlationData`. false: err names the member. */
bool control_check(const struct control_command *command, const json_t *object, struct error *err);

/* An argument as text, as on a command line. NULL: err says what is allowed. The caller has a reference. */
json_t *control_value(const struct control_argument *argument, const char *text, struct error *err);

/* The commands of a payload: an array that holds a reference. NULL: err. */
json_t *control_read(const char *payload, size_t len, struct error *err);

/* Adds "name=value …" of what the command was given, for the log and the store's list of such acts; texts with anything but plain characters in
 * quotes. */
void control_add_arguments(const struct control_command *command, const json_t *object, struct buf *out);

/* Adds "ban USER" and the like, and what it means, for people. */
void control_add_synopsis(const struct control_command *command, struct buf *out);
void control_add_help(const struct control_command *command, struct buf *out);

#endif
