/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Rows of the table: catching up. Data only. */
#include "plugin/rpc/rows.h"

/* An argument reads best as one line. */
/* clang-format off */

const struct rpc_operation operations_catchup[] = {
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
		.help = "What the transactions behind `clientTransactionID` up to `latestTransactionID` come to: new messages as they are now, with edits from "
			"behind that number, too, and without those that were deleted; and what changed about older ones.",
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
			"know of yet. Marks that moved are nothing new: `fetchDelta` tells them in any case. Call again with `next` until there is none; then "
			"fetch what is `limited`.",
		.arguments = ARGUMENTS(SELF("userID"),
			{.name = "chats", .type = ARGUMENT_POSITIONS, .required = true, .max = RPC_POSITIONS_MAX,
				.help = "The last number that the client has of each chat; `{}`: nothing."},
			{.name = "next", .type = ARGUMENT_TEXT, .min = 1, .max = 128, .help = "From the last answer, as it was."},
			MAX_BYTES),
		.result = FIELDS(EPOCH,
			{"chats", FIELD_MAP, "Delta", false, "By chatID."},
			{"next", FIELD_TEXT, NULL, true, "There may be more: the next call's `next`."})},
	{.name = NULL},
};

const struct shape shapes_catchup[] = {
	{"Transaction", "As in the inbox: schema/transaction.json.", NULL},
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
		{"name", FIELD_TEXT, NULL, true, "Of a group."},
		{"iconURL", FIELD_TEXT, NULL, true, "Of a group; or `iconID`."},
		{"iconID", FIELD_TEXT, NULL, true, "An icon that the server keeps: `getIcon` has it."},
		{"history", FIELD_TEXT, NULL, true, "Of a group: `all`: newcomers see everything; `own`: what comes from then on."},
		{"ended", FIELD_BOOL, NULL, true, "Whether nothing can be written any more."},
		{"memberCount", FIELD_NUMBER, NULL, true, "How many members there are."},
		{"members", FIELD_OBJECTS, "Member", true, "Who they are, in chats of up to 32 members, where it fits."})},
	{.name = NULL},
};
