/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Rows of the table: the connection and the server. Data only. */
#include "plugin/rpc/rows.h"

/* An argument reads best as one line. */
/* clang-format off */

const struct rpc_operation operations_server[] = {
	{.name = "getChatUserID", .kind = RPC_LOCAL, .local = get_user_id,
		.who = "everyone",
		.help = "Who the token says you are, and as which device you are connected.",
		.arguments = NO_ARGUMENTS,
		.result = FIELDS(
			{"userID", FIELD_TEXT, NULL, false, "As it is spelt everywhere."},
			{"deviceID", FIELD_TEXT, NULL, true, "What follows `<userID>/` in the client ID; missing for a connection without a cursor."},
			EPOCH,
			{"serverTime", FIELD_TIME, NULL, false, "Now, by the server's clock."})},
	{.name = "getServerInfo", .kind = RPC_LOCAL, .local = get_server_info,
		.who = "everyone",
		.help = "What this server can do.",
		.arguments = NO_ARGUMENTS,
		.result = FIELDS(
			{"version", FIELD_TEXT, NULL, false, "Of HyperChat."},
			{"features", FIELD_TEXTS, NULL, false, "The operations that there are."},
			{"limits", FIELD_OBJECT, "Limits", false, "What is refused or cut above them."},
			EPOCH)},
	{.name = "setDevice", .kind = RPC_LOCAL, .local = set_device,
		.who = "everyone",
		.help = "Bounds what this device is sent, also after it comes back: for clients that cannot say it in CONNECT. A connection without a "
			"device keeps it as long as it lasts.",
		.arguments = ARGUMENTS(
			{.name = "maxBytes", .type = ARGUMENT_NUMBER, .required = true, .min = RPC_BYTES_MIN, .max = UINT32_MAX,
				.help = "The longest payload; the server's own bound holds as well."}),
		.result = FIELDS(EPOCH, {"maxBytes", FIELD_NUMBER, NULL, false, "As it is now."})},
	{.name = "renewToken", .kind = RPC_LOCAL, .local = renew_token,
		.who = "everyone",
		.help = "The connection ends with this token instead of the one that it came with. One of somebody else, or one that is not valid, is "
			"`forbidden` and changes nothing.",
		.arguments = ARGUMENTS(
			{.name = "token", .type = ARGUMENT_TEXT, .required = true, .min = 1, .max = RPC_TOKEN_MAX, .help = "A new token of the same user."}),
		.result = FIELDS(EPOCH, {"expiresAt", FIELD_TIME, NULL, false, "When the connection ends, by the server's clock."})},
	{.name = NULL},
};

const struct shape shapes_server[] = {
	{"Limits", "The configured bounds.", FIELDS(
		{"bodyBytes", FIELD_NUMBER, NULL, false, "The longest body."},
		{"pageItems", FIELD_NUMBER, NULL, false, "The most items in one answer."},
		{"answerBytes", FIELD_NUMBER, NULL, false, "The longest answer."},
		{"syncChats", FIELD_NUMBER, NULL, false, "The most chats named in one `sync`."})},
	{.name = NULL},
};
