/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Rows of the table: chats of a user: 1:1 chats and the list of all. Data only. */
#include "plugin/rpc/rows.h"

/* An argument reads best as one line. */
/* clang-format off */

const struct rpc_operation operations_chats[] = {
	{.name = "createPeerToPeerChat", .kind = RPC_COMMAND, .command = create_peer_chat, .command_done = peer_chat_created,
		.who = "everyone, with everyone who has logged in once",
		.help = "The 1:1 chat with somebody; makes it if there is none. A message to `hc/user/<userID>/send` does the same.",
		.arguments = ARGUMENTS(
			SELF("initiatorID"),
			{.name = "receiverUserID", .type = ARGUMENT_USER, .required = true, .min = 1, .max = USER_ID_MAX, .help = "The other one."}),
		.result = FIELDS({"chatID", FIELD_TEXT, NULL, false, "Always the same for the same two."})},
	{.name = "ListChats", .kind = RPC_READ, .read = list_chats, .reads_receipts = true,
		.who = "everyone",
		.help = "The chats that the caller is a member of, newest activity first. By `pageIdx` and `pageSize`, or from answer to answer by "
			"`cursor`.",
		.arguments = ARGUMENTS(SELF("userID"),
			{.name = "pageIdx", .type = ARGUMENT_NUMBER, .max = 1000000, .help = "The first page is 0. Not together with `cursor`."},
			{.name = "pageSize", .type = ARGUMENT_PAGE_SIZE, .min = 1, .help = "Chats a page; without it, as many as allowed."},
			{.name = "cursor", .type = ARGUMENT_TEXT, .min = 1, .max = 128, .help = "The last answer's `next`."},
			MAX_BYTES),
		.result = FIELDS(EPOCH,
			{"chats", FIELD_OBJECTS, "ChatThumbnail", false, "The page."},
			LIMITED,
			{"next", FIELD_TEXT, NULL, true, "There are more: the next call's `cursor`."})},
	{.name = "mute", .kind = RPC_WRITE, .write = mute_chat,
		.who = "members",
		.help = "The chat counts for no badge until that time. A time that is over ends it; `9007199254740991` is for ever.",
		.arguments = ARGUMENTS(SELF("userID"), CHAT,
			{.name = "until", .type = ARGUMENT_NUMBER, .required = true, .max = RPC_NUMBER_MAX, .help = "When it ends; 0: now."}),
		.result = FIELDS(EPOCH, {"chatID", FIELD_TEXT, NULL, false, "The chat."}, {"until", FIELD_TIME, NULL, false, "As it is now."})},
	{.name = NULL},
};

const struct shape shapes_chats[] = {
	{"ChatThumbnail", "A line of a chat list. Too long for the bound, it is cut: texts first, then all but `chatID` and `cut`.", FIELDS(
		{"chatID", FIELD_TEXT, NULL, false, "The chat."},
		{"name", FIELD_TEXT, NULL, true, "To be shown: a group's, or in a 1:1 chat the other one's; without a name, the ID."},
		{"peerID", FIELD_TEXT, NULL, true, "In a 1:1 chat: the other one."},
		{"iconURL", FIELD_TEXT, NULL, true, "The group's or the other one's; or `iconID`."},
		{"iconID", FIELD_TEXT, NULL, true, "An icon that the server keeps: `getIcon` has it."},
		{"unread", FIELD_NUMBER, NULL, true, "Messages of others above the read mark that still exist, counted up to 1,000."},
		{"mentioned", FIELD_BOOL, NULL, true, "Whether one of the unread messages, of the newest 200, has `@` and the caller's name in it; without a name, his ID."},
		{"muted", FIELD_BOOL, NULL, true, "Until the time that `mute` set. A badge is the sum of `unread` of all chats that are not."},
		{"ended", FIELD_BOOL, NULL, true, "Whether nothing can be written any more."},
		{"mostRecentMessage", FIELD_OBJECT, "Preview", true, "The last message that the caller can see."},
		CUT)},
	{"Preview", "A message in a chat list.", FIELDS(
		{"messageID", FIELD_NUMBER, NULL, false, "The message."},
		{"senderID", FIELD_TEXT, NULL, false, "The sender."},
		{"senderName", FIELD_TEXT, NULL, false, "The sender's name; without one, the ID."},
		{"body", FIELD_TEXT, NULL, false, "At most 256 bytes of the text as it is now."},
		{"receivedAt", FIELD_TIME, NULL, false, "When the server took it."})},
	{.name = NULL},
};
