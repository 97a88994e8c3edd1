/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Rows of the table: people. Data only. */
#include "plugin/rpc/icon.h"
#include "plugin/rpc/rows.h"

/* An argument reads best as one line. */
/* clang-format off */

#define OTHER(name_, help_) {.name = name_, .type = ARGUMENT_USER, .required = true, .min = 1, .max = USER_ID_MAX, .help = help_}
#define NEXT_ARGUMENT NUMBER_ARGUMENT("next", 0, "The last answer's `next`; without it, from the start.")
#define NEXT_FIELD {"next", FIELD_NUMBER, NULL, true, "There are more: the next call's `next`."}
#define LINK {.name = "invitationLink", .type = ARGUMENT_TEXT, .required = true, .min = 1, .max = 1024, .help = "The link as it was given."}

const struct rpc_operation operations_people[] = {
	{.name = "findUser", .kind = RPC_READ, .read = find_user, .is_contact = true,
		.who = "everyone",
		.help = "Who has this shared ID, byte for byte. Nobody, and somebody who has blocked the caller, are `forbidden` alike. Counts as a new "
			"contact.",
		.arguments = ARGUMENTS(
			{.name = "sharedID", .type = ARGUMENT_TEXT, .required = true, .min = 1, .max = RPC_NAME_MAX, .help = "As he told it."}),
		.result = FIELDS(EPOCH, {"userID", FIELD_TEXT, NULL, false, "Who."})},
	{.name = "setSharedID", .kind = RPC_WRITE, .write = set_shared_id, .is_contact = true,
		.who = "everyone",
		.help = "By what others find the caller, who tells it to whom he likes. `conflict`: somebody else has it. Counts as a new contact.",
		.arguments = ARGUMENTS(SELF("userID"),
			{.name = "sharedID", .type = ARGUMENT_TEXT, .required = true, .max = RPC_NAME_MAX, .help = "Empty: none from now on."}),
		.result = FIELDS(EPOCH)},
	{.name = "addAsFavorite", .kind = RPC_COMMAND, .command = add_favorite, .command_done = peer_chat_created, .write = store_favorite,
		.who = "everyone, with everyone whom he can write to",
		.help = "Keeps somebody among the favorites, up to 1,000, and makes the 1:1 chat if there is none.",
		.arguments = ARGUMENTS(SELF("userID"), OTHER("favoriteID", "Whom.")),
		.result = FIELDS(EPOCH, {"chatID", FIELD_TEXT, NULL, false, "The 1:1 chat with him."})},
	{.name = "removeFavorite", .kind = RPC_WRITE, .write = remove_favorite,
		.who = "everyone",
		.help = "Somebody is no favorite any more; the chat with him stays.",
		.arguments = ARGUMENTS(SELF("userID"), OTHER("favoriteID", "Whom.")),
		.result = FIELDS(EPOCH)},
	{.name = "getFavorites", .kind = RPC_READ, .read = get_favorites,
		.who = "everyone",
		.help = "The caller's favorites, in the order in which they were added.",
		.arguments = ARGUMENTS(SELF("userID"), NEXT_ARGUMENT, MAX_BYTES),
		.result = FIELDS(EPOCH, {"favoriteIDs", FIELD_TEXTS, NULL, false, "Who."}, LIMITED, NEXT_FIELD)},
	{.name = "blockUser", .kind = RPC_WRITE, .write = block_user, .settle = blocks_stored,
		.who = "everyone",
		.help = "From now on nothing that this user does is shown to the caller, and he sees nothing of the caller: their 1:1 chat is closed in "
			"both directions, what he writes into groups is `void` for the caller, and to him the caller looks like somebody who does not exist. "
			"Up to 1,000 can be blocked. It works alike for IDs that nobody has.",
		.arguments = ARGUMENTS(SELF("userID"), OTHER("blockID", "Whom.")),
		.result = FIELDS(EPOCH)},
	{.name = "unblockUser", .kind = RPC_WRITE, .write = unblock_user, .settle = blocks_stored,
		.who = "everyone",
		.help = "Ends a block. What was written into groups meanwhile stays `void` for the caller.",
		.arguments = ARGUMENTS(SELF("userID"), OTHER("blockID", "Whom.")),
		.result = FIELDS(EPOCH)},
	{.name = "getBlocked", .kind = RPC_READ, .read = get_blocked,
		.who = "everyone",
		.help = "Whom the caller blocks.",
		.arguments = ARGUMENTS(SELF("userID"), NEXT_ARGUMENT, MAX_BYTES),
		.result = FIELDS(EPOCH, {"blockIDs", FIELD_TEXTS, NULL, false, "Who, in the order of their IDs."}, LIMITED, NEXT_FIELD)},
	{.name = "getUserInfo", .kind = RPC_READ, .read = get_user_info,
		.who = "everyone whom that user has not blocked",
		.help = "What somebody shows of himself. One's own has more.",
		.arguments = ARGUMENTS(
			{.name = "userID", .type = ARGUMENT_USER, .min = 1, .max = USER_ID_MAX, .help = "Whose; without it, the caller's own."}),
		.result = FIELDS(EPOCH, {"userInfo", FIELD_OBJECT, "UserInfo", false, "What is set."})},
	{.name = "updateUserInfo", .kind = RPC_WRITE, .write = update_user_info,
		.who = "everyone",
		.help = "The caller's name and icon, for everyone whom he has not blocked.",
		.arguments = ARGUMENTS(SELF("userID"),
			{.name = "userInfo", .type = ARGUMENT_OBJECT, .required = true, .help = "What is not in it stays as it was.", .members = ARGUMENTS(
				{.name = "name", .type = ARGUMENT_TEXT, .max = RPC_NAME_MAX, .help = "Empty: none."},
				{.name = "icon", .type = ARGUMENT_TEXT, .max = ICON_TEXT_MAX,
					.help = "The bytes of a picture, up to 32 KB, in base64; or a URL with http:// or https://; empty: none."})}),
		.result = FIELDS(EPOCH,
			{"iconID", FIELD_TEXT, NULL, true, "Where bytes were given: what `getIcon` gives them back for."},
			{"iconURL", FIELD_TEXT, NULL, true, "Where a URL was given: it."})},
	{.name = "getIcon", .kind = RPC_READ, .read = get_icon,
		.who = "everyone who knows its ID",
		.help = "A picture's bytes. The same ID always stands for the same bytes, so clients keep them.",
		.arguments = ARGUMENTS(
			{.name = "iconID", .type = ARGUMENT_TEXT, .required = true, .min = 1, .max = ID_TEXT_LEN, .help = "From `UserInfo` or a chat."}),
		.result = FIELDS(EPOCH, {"icon", FIELD_TEXT, NULL, false, "The bytes in base64."})},
	{.name = "setStatus", .kind = RPC_WRITE, .write = set_status,
		.who = "everyone",
		.help = "What the caller is about, in a few words, and where his clock is.",
		.arguments = ARGUMENTS(SELF("userID"),
			{.name = "text", .type = ARGUMENT_TEXT, .max = 256, .help = "Empty: none. Without it, it stays as it was."},
			{.name = "timeZone", .type = ARGUMENT_TEXT, .max = 64, .help = "Like `Europe/Vienna`; empty: none. Without it, it stays as it was."}),
		.result = FIELDS(EPOCH)},
	{.name = "deleteAccount", .kind = RPC_WRITE, .write = delete_account, .settle = deletion_stored,
		.who = "everyone",
		.help = "Ends the caller's account: he leaves all chats, and what he wrote is erased, the texts that others quoted of it too. His "
			"connections end, and tokens that were issued before are refused, also those without `iat`. The same user may come back later with a "
			"new token, as somebody new. The answer comes when it is certain; the rest follows.",
		.arguments = ARGUMENTS(SELF("userID")),
		.result = FIELDS(EPOCH)},
	{.name = "watchPresence", .kind = RPC_READ, .begin = presence_begins, .read = watch_presence, .settle = presence_watched,
		.who = "everyone",
		.help = "Who of these people is connected; until the next call, or the end of the connection, changes come on `hc/me/live`. Watched are only "
			"people who share a chat with the caller and neither block him nor are blocked by him; all others look like people who are not "
			"there and show nothing.",
		.arguments = ARGUMENTS(
			{.name = "userIDs", .type = ARGUMENT_USERS, .required = true, .max = RPC_WATCHED_MAX, .help = "Whom; `[]`: nobody any more."}),
		.result = FIELDS(EPOCH, {"users", FIELD_OBJECTS, "Presence", false, "In the order of the question."})},
	{.name = "setPresence", .kind = RPC_WRITE, .write = set_presence, .settle = presence_set,
		.who = "everyone",
		.help = "What others may see of when the caller is connected. At first, all of it.",
		.arguments = ARGUMENTS(SELF("userID"),
			{.name = "showOnline", .type = ARGUMENT_FLAG, .help = "Whether he is there now. Without it, it stays as it was."},
			{.name = "showLastSeen", .type = ARGUMENT_FLAG, .help = "When he was there last. Without it, it stays as it was."}),
		.result = FIELDS(EPOCH)},
	{.name = "getInvitationLink", .kind = RPC_WRITE, .write = get_invitation, .is_contact = true,
		.who = "everyone",
		.help = "A link that tells who the caller is to those he gives it to. A repetition with the same `<id>` gives the same link and makes no "
			"other invitation. Once that link was revoked or has expired, it is refused (`id_reused`) for as long as the caller's account "
			"exists, so that no link comes to life again. Counts as a new contact.",
		.arguments = ARGUMENTS(SELF("userID"),
			{.name = "uses", .type = ARGUMENT_NUMBER, .min = 1, .max = RPC_INVITATION_USES_MAX, .help = "How many people it is for; without it, one."},
			NUMBER_ARGUMENT("expiresAt", 1, "Until when it counts, in milliseconds since 1970; without it, for 7 days.")),
		.result = FIELDS(EPOCH, {"invitationLink", FIELD_TEXT, NULL, false, "`invitation_url` and 22 characters."})},
	{.name = "retrieveUserIDFromInvitation", .kind = RPC_WRITE, .write = use_invitation, .is_contact = true,
		.who = "everyone who has the link",
		.help = "Who made the invitation. It costs one of its uses, once for each caller. One that is unknown, revoked, over, used up, or of somebody "
			"who has blocked the caller is `forbidden`. Counts as a new contact.",
		.arguments = ARGUMENTS(LINK),
		.result = FIELDS(EPOCH, {"userID", FIELD_TEXT, NULL, false, "Who."})},
	{.name = "revokeInvitation", .kind = RPC_WRITE, .write = revoke_invitation,
		.who = "everyone",
		.help = "Ends one of the caller's invitations, or all of them.",
		.arguments = ARGUMENTS(SELF("userID"),
			{.name = "invitationLink", .type = ARGUMENT_TEXT, .min = 1, .max = 1024, .help = "Which one; without it, all."}),
		.result = FIELDS(EPOCH)},
	{.name = NULL},
};

const struct shape shapes_people[] = {
	{"UserInfo", "What somebody shows of himself. What is not set is missing.", FIELDS(
		{"userID", FIELD_TEXT, NULL, false, "Who."},
		{"name", FIELD_TEXT, NULL, true, "To be shown."},
		{"iconURL", FIELD_TEXT, NULL, true, "Where his picture is."},
		{"iconID", FIELD_TEXT, NULL, true, "Or what `getIcon` has it under."},
		{"status", FIELD_TEXT, NULL, true, "A few words."},
		{"timeZone", FIELD_TEXT, NULL, true, "As he said it."},
		{"sharedID", FIELD_TEXT, NULL, true, "One's own only: what others find one by."},
		{"showOnline", FIELD_BOOL, NULL, true, "One's own only: whether others may see that one is connected."},
		{"showLastSeen", FIELD_BOOL, NULL, true, "One's own only: whether others may see when one was connected last."})},
	{"Presence", "Whether somebody is connected.", FIELDS(
		{"userID", FIELD_TEXT, NULL, false, "Who."},
		{"online", FIELD_BOOL, NULL, false, "Whether he is seen to be connected."},
		{"lastSeen", FIELD_TIME, NULL, true, "Where he is not: when he was, to some seconds."})},
	{.name = NULL},
};
