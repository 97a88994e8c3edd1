/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The operations: the one place that says what a client can call, with which arguments, and what comes back. Data only. Validation, the
 * schemas and the reference are made from it; a test compares every kind of answer with it. */
#include "plugin/rpc/table.h"

#include <string.h>

/* An argument reads best as one line. */
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

const struct rpc_operation operation_table[] = {
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
	{.name = "createPeerToPeerChat", .kind = RPC_COMMAND, .command = create_peer_chat, .command_done = peer_chat_created,
		.who = "everyone, with everyone who has logged in once",
		.help = "The 1:1 chat with somebody; makes it if there is none. A message to `hc/user/<userID>/send` does the same.",
		.arguments = ARGUMENTS(
			SELF("initiatorID"),
			{.name = "receiverUserID", .type = ARGUMENT_USER, .required = true, .min = 1, .max = USER_ID_MAX, .help = "The other one."}),
		.result = FIELDS({"chatID", FIELD_TEXT, NULL, false, "Always the same for the same two."})},
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
	{.name = "getMessage", .kind = RPC_READ, .read = get_message,
		.who = "who can see the message",
		.help = "One message. Where a reply leads to; a text that was shown with `cut` comes whole if `maxBytes` allows.",
		.arguments = ARGUMENTS(SELF("userID"), CHAT,
			{.name = "messageID", .type = ARGUMENT_NUMBER, .required = true, .min = 1, .max = RPC_NUMBER_MAX, .help = "The message."},
			MAX_BYTES),
		.result = FIELDS(EPOCH, {"message", FIELD_OBJECT, "Message", false, "The message."})},
	{.name = "getReaders", .kind = RPC_LOCAL, .local = get_readers,
		.who = "members who can see the message",
		.help = "Which other members have read up to a message or beyond.",
		.arguments = ARGUMENTS(SELF("userID"), CHAT,
			{.name = "messageID", .type = ARGUMENT_NUMBER, .required = true, .min = 1, .max = RPC_NUMBER_MAX, .help = "The message."},
			MAX_BYTES),
		.result = FIELDS(EPOCH,
			{"count", FIELD_NUMBER, NULL, false, "How many."},
			{"userIDs", FIELD_TEXTS, NULL, true, "Who; in chats of up to 32 members, where it fits the bound."})},
	{.name = "getLatestTransactionID", .kind = RPC_READ, .read = get_latest,
		.who = "members and former members",
		.help = "The number of the latest transaction that the caller can see.",
		.arguments = ARGUMENTS(SELF("userID"), CHAT),
		.result = FIELDS(EPOCH, {"transactionID", FIELD_NUMBER, NULL, false, "The number."})},
	{.name = "fetchSnapshotAndTransactions", .kind = RPC_READ, .read = fetch_transactions, .reads_receipts = true,
		.who = "members and former members",
		.help = "The chat as it is now, and its transactions behind `clientTransactionID` up to `latestTransactionID`. What the caller may not "
			"see before and behind his times of membership is skipped, in between it is `void`.",
		.arguments = ARGUMENTS(SELF("userID"), CHAT,
			NUMBER_ARGUMENT("clientTransactionID", 0, "The last number that the client has; 0: nothing. Without it: the newest page."),
			NUMBER_ARGUMENT("latestTransactionID", 0, "The last number wanted; without it, the newest."),
			MAX_BYTES),
		.result = FIELDS(EPOCH,
			{"snapshot", FIELD_OBJECT, "Snapshot", true, "The chat now; left out where it would take half of the bound."},
			{"from", FIELD_NUMBER, NULL, true, "The first number, where it is not `clientTransactionID` + 1."},
			{"transactions", FIELD_OBJECTS, "Transaction", false, "Ascending, without a gap."},
			LIMITED,
			{"next", FIELD_NUMBER, NULL, true, "The last number that is here: the next `clientTransactionID`."})},
	{.name = "fetchDelta", .kind = RPC_READ, .read = fetch_delta, .reads_receipts = true,
		.who = "members and former members",
		.help = "What the transactions behind `clientTransactionID` up to `latestTransactionID` come to: new messages with their edits, without "
			"those that were deleted, and what changed about older ones.",
		.arguments = ARGUMENTS(SELF("userID"), CHAT,
			NUMBER_ARGUMENT("clientTransactionID", 0, "The last number that the client has; 0: nothing. Without it: the newest page."),
			NUMBER_ARGUMENT("latestTransactionID", 0, "The last number wanted; without it, the newest."),
			MAX_BYTES),
		.result = FIELDS(EPOCH,
			{"chatID", FIELD_TEXT, NULL, true, "The chat; left out where the bound is below 512 bytes."},
			{"latestTransactionID", FIELD_NUMBER, NULL, false, "What the client has afterwards, once nothing is `limited`."},
			{"from", FIELD_NUMBER, NULL, true, "The first number looked at, where it is not `clientTransactionID` + 1."},
			{"newMessages", FIELD_OBJECTS, "Message", false, "Ascending."},
			{"updates", FIELD_OBJECTS, "Update", false, "Ascending, receipts last."},
			LIMITED,
			{"next", FIELD_NUMBER, NULL, true, "The next `clientTransactionID`."},
			CUT)},
	{.name = "sync", .kind = RPC_READ, .read = sync_chats, .reads_receipts = true,
		.who = "everyone",
		.help = "The deltas of all of the caller's chats that have something new, newest activity first: those named, and those he does not "
			"know of yet. Call again with `next` until there is none; then fetch what is `limited`.",
		.arguments = ARGUMENTS(SELF("userID"),
			{.name = "chats", .type = ARGUMENT_POSITIONS, .required = true, .max = RPC_POSITIONS_MAX,
				.help = "The last number that the client has of each chat; `{}`: nothing."},
			{.name = "next", .type = ARGUMENT_TEXT, .min = 1, .max = 128, .help = "From the last answer, as it was."},
			MAX_BYTES),
		.result = FIELDS(EPOCH,
			{"chats", FIELD_MAP, "Delta", false, "By chatID."},
			{"next", FIELD_TEXT, NULL, true, "There may be more: the next call's `next`."})},
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
};
const size_t operation_count = sizeof operation_table / sizeof operation_table[0];

const struct shape shape_table[] = {
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
		{"clientTime", FIELD_TIME, NULL, true, "As it was sent."},
		CUT)},
	{"Quote", "The message that a reply answers.", FIELDS(
		{"messageID", FIELD_NUMBER, NULL, false, "The message; `getMessage` has what has become of it."},
		{"body", FIELD_TEXT, NULL, true, "At most 256 bytes of its text as it was then; missing if that was deleted."})},
	{"Update",
		"A transaction (schema/transaction.json) about an older message or about the chat, with only `type`, `messageID` or "
		"`transactionID`, and `cut` where the bound is too small; or a member's watermarks, as on `live`: `{\"type\": \"receipt\", "
		"\"userID\", \"received\", \"read\"}`. An update about an unknown message is passed over.", NULL},
	{"Delta", "What `fetchDelta` answers. Only `limited` and nothing else: it did not fit, fetch it.", FIELDS(
		{"latestTransactionID", FIELD_NUMBER, NULL, true, "What the client has afterwards, once nothing is `limited`."},
		{"from", FIELD_NUMBER, NULL, true, "The first number looked at, where it is not the client's + 1."},
		{"newMessages", FIELD_OBJECTS, "Message", true, "Ascending."},
		{"updates", FIELD_OBJECTS, "Update", true, "Ascending, receipts last."},
		LIMITED,
		{"next", FIELD_NUMBER, NULL, true, "The `clientTransactionID` to fetch on from."},
		CUT)},
	{"Snapshot", "A chat now.", FIELDS(
		{"chatID", FIELD_TEXT, NULL, false, "The chat."},
		{"latestTransactionID", FIELD_NUMBER, NULL, false, "The latest that the caller can see."},
		{"role", FIELD_TEXT, NULL, false, "The caller's: `owner`, `admin`, `member`, or `none` for a former member."},
		{"head", FIELD_TEXT, NULL, true, "The hash chain's head at that number. This and the following: only for members."},
		{"ended", FIELD_BOOL, NULL, true, "Whether nothing can be written any more."},
		{"memberCount", FIELD_NUMBER, NULL, true, "How many members there are."},
		{"members", FIELD_OBJECTS, "Member", true, "Who they are, in chats of up to 32 members, where it fits."})},
	{"Member", "A member of a chat.", FIELDS(
		{"userID", FIELD_TEXT, NULL, false, "Who."},
		{"role", FIELD_TEXT, NULL, false, "`owner`, `admin` or `member`."},
		{"received", FIELD_NUMBER, NULL, false, "Has received everything up to this number."},
		{"read", FIELD_NUMBER, NULL, false, "Has read everything up to this number."})},
	{"ChatThumbnail", "A line of a chat list. Too long for the bound, it is cut: texts first, then all but `chatID` and `cut`.", FIELDS(
		{"chatID", FIELD_TEXT, NULL, false, "The chat."},
		{"name", FIELD_TEXT, NULL, true, "To be shown: in a 1:1 chat the other one's ID."},
		{"unread", FIELD_NUMBER, NULL, true, "Messages of others above the read mark that still exist, counted up to 1,000."},
		{"muted", FIELD_BOOL, NULL, true, "Whether it counts for the badge."},
		{"mostRecentMessage", FIELD_OBJECT, "Preview", true, "The last message that the caller can see."},
		CUT)},
	{"Preview", "A message in a chat list.", FIELDS(
		{"messageID", FIELD_NUMBER, NULL, false, "The message."},
		{"senderName", FIELD_TEXT, NULL, false, "The sender's ID."},
		{"body", FIELD_TEXT, NULL, false, "At most 256 bytes of the text."},
		{"receivedAt", FIELD_TIME, NULL, false, "When the server took it."})},
	{"Limits", "The configured bounds.", FIELDS(
		{"bodyBytes", FIELD_NUMBER, NULL, false, "The longest body."},
		{"pageItems", FIELD_NUMBER, NULL, false, "The most items in one answer."},
		{"answerBytes", FIELD_NUMBER, NULL, false, "The longest answer."},
		{"syncChats", FIELD_NUMBER, NULL, false, "The most chats named in one `sync`."})},
	{"Transaction", "As in the inbox: schema/transaction.json.", NULL},
};
const size_t shape_count = sizeof shape_table / sizeof shape_table[0];

/* clang-format on */

const struct shape *shape_find(const char *name)
{
	for (size_t i = 0; i < shape_count; i++)
		if (strcmp(shape_table[i].name, name) == 0)
			return &shape_table[i];
	return NULL;
}
