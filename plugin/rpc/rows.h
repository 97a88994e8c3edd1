/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_ROWS_H
#define HC_RPC_ROWS_H
/* Words that the rows of the table are written in, for table_*.c only. */

#include "plugin/rpc/table.h"

/* clang-format off */

#define NUMBER_ARGUMENT(name_, min_, help_) \
	{.name = name_, .type = ARGUMENT_NUMBER, .min = min_, .max = RPC_NUMBER_MAX, .help = help_}
#define SELF(name_) {.name = name_, .type = ARGUMENT_SELF, .min = 1, .max = USER_ID_MAX, .help = "The caller; the token tells anyway."}
#define CHAT {.name = "chatID", .type = ARGUMENT_CHAT, .required = true, .min = 1, .max = CHAT_ID_MAX, .help = "The chat."}
#define MAX_BYTES {.name = "maxBytes", .type = ARGUMENT_NUMBER, .min = RPC_BYTES_MIN, .max = RPC_NUMBER_MAX, \
	.help = "The answer is not to be longer; more than the server's own bound changes nothing."}
#define BODY {.name = "messageBody", .type = ARGUMENT_BODY, .required = true, .help = "The text, kept byte for byte."}
#define CONTENT_TYPE {.name = "contentType", .type = ARGUMENT_TEXT, .min = 1, .max = CONTENT_TYPE_MAX, \
	.help = "What the body is; without it, plain text."}
#define CLIENT_TIME NUMBER_ARGUMENT("clientTime", 1, "When it was written by the client's clock, in milliseconds since 1970.")
#define IF_LATEST NUMBER_ARGUMENT("ifLatest", 0, "Refused (`conflict`) unless the chat's latest transaction has this number.")
#define ARGUMENTS(...) (const struct argument[]){__VA_ARGS__, {.name = NULL}}
#define NO_ARGUMENTS (const struct argument[]){{.name = NULL}}

#define FIELDS(...) (const struct field[]){__VA_ARGS__, {.name = NULL}}
#define EPOCH {"epoch", FIELD_TEXT, NULL, false, "The store's; when it is another than before, forget what you kept and fetch anew."}
#define LIMITED {"limited", FIELD_BOOL, NULL, true, "`true`: it was cut; go on at `next`."}
#define CUT {"cut", FIELD_BOOL, NULL, true, "`true`: something was cut off or left out to fit the bound."}

/* clang-format on */

#endif
