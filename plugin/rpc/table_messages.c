/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Rows of the table: messages. Data only. */
#include "plugin/rpc/rows.h"

/* An argument reads best as one line. */
/* clang-format off */

static const char *const quotes[] = {"erase", "keep", NULL};

const struct rpc_operation operations_messages[] = {
	{.name = "sendMessage", .kind = RPC_COMMAND, .command = send_message, .command_done = message_sent,
		.who = "members",
		.help = "Writes a message. The answer is its `isSent`: it is stored for good.",
		.arguments = ARGUMENTS(SELF("senderID"), CHAT, BODY, CONTENT_TYPE, CLIENT_TIME, IF_LATEST),
		.result = FIELDS(
			{"chatID", FIELD_TEXT, NULL, false, "The chat."},
			{"messageID", FIELD_NUMBER, NULL, false, "The message."},
			{"transactionID", FIELD_NUMBER, NULL, false, "The transaction that made it: the same number."})},
	{.name = "replyMessage", .kind = RPC_COMMAND, .command = reply_message, .command_done = message_sent,
		.who = "members who can see the message",
		.help = "Writes a message that answers another one and keeps up to 256 bytes of its text as it is now.",
		.arguments = ARGUMENTS(SELF("senderID"), CHAT,
			{.name = "messageID", .type = ARGUMENT_NUMBER, .required = true, .min = 1, .max = RPC_NUMBER_MAX, .help = "What is answered."},
			BODY, CONTENT_TYPE, CLIENT_TIME, IF_LATEST),
		.result = FIELDS(
			{"chatID", FIELD_TEXT, NULL, false, "The chat."},
			{"messageID", FIELD_NUMBER, NULL, false, "The new message."},
			{"transactionID", FIELD_NUMBER, NULL, false, "The transaction that made it: the same number."})},
	{.name = "editMessage", .kind = RPC_COMMAND, .command = edit_message, .command_done = message_changed,
		.who = "who wrote it, as long as he is a member",
		.help = "Another text for a message; refused (`gone`) once it is deleted. Quotes of it stay as they were.",
		.arguments = ARGUMENTS(SELF("senderID"), CHAT,
			{.name = "messageID", .type = ARGUMENT_NUMBER, .required = true, .min = 1, .max = RPC_NUMBER_MAX, .help = "The message."},
			BODY),
		.result = FIELDS(
			{"chatID", FIELD_TEXT, NULL, false, "The chat."},
			{"messageID", FIELD_NUMBER, NULL, false, "The message."},
			{"transactionID", FIELD_NUMBER, NULL, false, "The transaction that edited it."})},
	{.name = "deleteMessage", .kind = RPC_COMMAND, .command = delete_message, .command_done = message_changed,
		.who = "who wrote it, as long as he is a member; in groups owner and admins, too",
		.help = "The text is erased for good, with all its revisions; who deleted it, and when, stays. One that was deleted already is left as it is.",
		.arguments = ARGUMENTS(SELF("senderID"), CHAT,
			{.name = "messageID", .type = ARGUMENT_NUMBER, .required = true, .min = 1, .max = RPC_NUMBER_MAX, .help = "The message."},
			{.name = "quotes", .type = ARGUMENT_CHOICE, .choices = quotes,
				.help = "What becomes of quotes of it in replies: `erase` or `keep`; without it, what the server is configured to do."}),
		.result = FIELDS(
			{"chatID", FIELD_TEXT, NULL, false, "The chat."},
			{"messageID", FIELD_NUMBER, NULL, false, "The message."},
			{"transactionID", FIELD_NUMBER, NULL, true, "The transaction that deleted it; missing where it was deleted already."})},
	{.name = "getMessage", .kind = RPC_READ, .read = get_message,
		.who = "who can see the message",
		.help = "One message. Where a reply leads to; a text that was shown with `cut` comes whole if `maxBytes` allows.",
		.arguments = ARGUMENTS(SELF("userID"), CHAT,
			{.name = "messageID", .type = ARGUMENT_NUMBER, .required = true, .min = 1, .max = RPC_NUMBER_MAX, .help = "The message."},
			MAX_BYTES),
		.result = FIELDS(EPOCH, {"message", FIELD_OBJECT, "Message", false, "The message."})},
	{.name = "getReaders", .kind = RPC_READ, .read = get_readers, .reads_receipts = true,
		.who = "members who can see the message",
		.help = "Which other members have read up to a message or beyond. In chats of up to 32 members, those are left out between whom and the caller a block stands.",
		.arguments = ARGUMENTS(SELF("userID"), CHAT,
			{.name = "messageID", .type = ARGUMENT_NUMBER, .required = true, .min = 1, .max = RPC_NUMBER_MAX, .help = "The message."},
			MAX_BYTES),
		.result = FIELDS(EPOCH,
			{"count", FIELD_NUMBER, NULL, false, "How many."},
			{"userIDs", FIELD_TEXTS, NULL, true, "Who; in chats of up to 32 members, where it fits the bound."})},
	{.name = NULL},
};

const struct shape shapes_messages[] = {
	{"Message", "A message as it is now. Too long for the bound, it is cut: first its texts, then all but `messageID` and `cut`.", FIELDS(
		{"messageID", FIELD_NUMBER, NULL, false, "The number of the transaction that made it."},
		{"senderID", FIELD_TEXT, NULL, true, "Who wrote it."},
		{"sentAt", FIELD_TIME, NULL, true, "When."},
		{"body", FIELD_TEXT, NULL, true, "The text; missing if it was deleted."},
		{"contentType", FIELD_TEXT, NULL, true, "As it was sent."},
		{"repliedTo", FIELD_OBJECT, "Quote", true, "What it answers."},
		{"isEdited", FIELD_BOOL, NULL, true, "Whether the text is a later one."},
		{"isDeleted", FIELD_BOOL, NULL, true, "Whether the text is gone."},
		{"editedAt", FIELD_TIME, NULL, true, "When it was edited last."},
		{"deletedBy", FIELD_TEXT, NULL, true, "Who deleted it; missing also where it went with the account that wrote it."},
		{"deletedAt", FIELD_TIME, NULL, true, "When."},
		{"clientTime", FIELD_TIME, NULL, true, "As it was sent."},
		CUT)},
	{"Quote", "The message that a reply answers.", FIELDS(
		{"messageID", FIELD_NUMBER, NULL, false, "The message; `getMessage` has what has become of it."},
		{"revision", FIELD_NUMBER, NULL, true, "The transaction of the edit whose text it was; missing where it was not edited yet."},
		{"body", FIELD_TEXT, NULL, true, "At most 256 bytes of its text as it was then; missing if that was deleted."})},
	{.name = NULL},
};
