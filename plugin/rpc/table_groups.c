/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Rows of the table: groups. Data only. */
#include "plugin/rpc/icon.h"
#include "plugin/rpc/rows.h"

/* An argument reads best as one line. */
/* clang-format off */

#define GROUP {.name = "groupID", .also = "chatID", .type = ARGUMENT_CHAT, .required = true, .min = 1, .max = CHAT_ID_MAX, \
	.help = "The group's chat."}
#define WHOM(help_) {.name = "userID", .type = ARGUMENT_USER, .required = true, .min = 1, .max = USER_ID_MAX, .help = help_}
#define ICON {.name = "icon", .type = ARGUMENT_TEXT, .max = ICON_TEXT_MAX, \
	.help = "A URL, or a picture of at most 32 KB as base64; empty: none."}
#define HISTORY {.name = "history", .type = ARGUMENT_CHOICE, .choices = histories, \
	.help = "What a newcomer sees of the time before him: `own`: nothing, as without it; `all`: everything."}

#define CHANGED_CHAT {"chatID", FIELD_TEXT, NULL, false, "The group's chat."}
#define CHANGED_NUMBER {"transactionID", FIELD_NUMBER, NULL, false, "The transaction that did it."}
#define CHANGED_NUMBER_IF_ANY {"transactionID", FIELD_NUMBER, NULL, true, "The transaction that did it; missing where nothing had to be done."}

static const char *const histories[] = {"own", "all", NULL};
static const char *const roles[] = {"owner", "admin", "member", NULL};

static const struct argument group_info[] = {
	{.name = "name", .type = ARGUMENT_TEXT, .min = 1, .max = RPC_NAME_MAX, .help = "Another name."},
	ICON,
	HISTORY,
	{.name = NULL},
};

const struct rpc_operation operations_groups[] = {
	{.name = "createGroupChat", .kind = RPC_COMMAND, .command = create_group, .command_done = group_created, .write = put_group_icon,
		.who = "everyone, with people who have logged in once and have not blocked the caller, nor he them",
		.help = "A new group whose owner is the caller. All of `friendIDs` become members, or nothing happens. Its `<id>` stands for this group "
			"for ever. It counts as a new contact, and so does each of them with whom the caller has no 1:1 chat.",
		.arguments = ARGUMENTS(
			SELF("ownerID"),
			{.name = "groupName", .type = ARGUMENT_TEXT, .required = true, .min = 1, .max = RPC_NAME_MAX, .help = "Its name."},
			{.name = "friendIDs", .type = ARGUMENT_USERS, .max = COMMAND_USERS_MAX, .help = "Its first members; without them, the owner alone."},
			ICON, HISTORY),
		.result = FIELDS({"chatID", FIELD_TEXT, NULL, false, "The group's chat."})},
	{.name = "getMembers", .kind = RPC_READ, .read = get_members,
		.who = "members",
		.help = "Who is a member, in the order of the IDs' bytes, in pages.",
		.arguments = ARGUMENTS(
			SELF("userID"), GROUP,
			{.name = "pageSize", .type = ARGUMENT_PAGE_SIZE, .min = 1, .help = "Members a page; without it, as many as allowed."},
			{.name = "cursor", .type = ARGUMENT_TEXT, .min = 1, .max = USER_ID_MAX, .help = "The last answer's `next`."},
			MAX_BYTES),
		.result = FIELDS(EPOCH,
			{"count", FIELD_NUMBER, NULL, false, "How many there are in all."},
			{"members", FIELD_OBJECTS, "Member", false, "The page."},
			LIMITED,
			{"next", FIELD_TEXT, NULL, true, "There are more: the next call's `cursor`."})},
	{.name = "addUserToGroup", .kind = RPC_COMMAND, .command = add_users, .command_done = group_changed,
		.who = "owner, admins; whom: as in `createGroupChat`",
		.help = "New members, with the role `member`: all of them, or nobody. Who is one already is passed over. Those with whom the caller has no 1:1 chat "
			"count as new contacts.",
		.arguments = ARGUMENTS(
			SELF("adminID"), GROUP,
			{.name = "userID", .type = ARGUMENT_USER, .min = 1, .max = USER_ID_MAX, .help = "Whom. Either this or `userIDs`."},
			{.name = "userIDs", .type = ARGUMENT_USERS, .min = 1, .max = COMMAND_USERS_MAX, .help = "Whom, several at once."}),
		.result = FIELDS(CHANGED_CHAT, CHANGED_NUMBER_IF_ANY)},
	{.name = "removeUser", .kind = RPC_COMMAND, .command = remove_user, .command_done = group_changed,
		.who = "owner: everyone else; admins: members",
		.help = "Of what is written from then on he receives nothing, on any topic; what was written in his time he can still fetch.",
		.arguments = ARGUMENTS(SELF("adminID"), GROUP, WHOM("Whom.")),
		.result = FIELDS(CHANGED_CHAT, CHANGED_NUMBER)},
	{.name = "leaveGroup", .kind = RPC_COMMAND, .command = leave_group, .command_done = group_changed,
		.who = "members",
		.help = "When the last owner leaves, the eldest admin becomes owner, else the eldest member; when nobody is left, the group ends.",
		.arguments = ARGUMENTS(SELF("userID"), GROUP),
		.result = FIELDS(CHANGED_CHAT, CHANGED_NUMBER)},
	{.name = "setRole", .kind = RPC_COMMAND, .command = set_role, .command_done = group_changed,
		.who = "owner",
		.help = "Another role for a member. The last owner stays one.",
		.arguments = ARGUMENTS(SELF("adminID"), GROUP, WHOM("Whose."),
			{.name = "role", .type = ARGUMENT_CHOICE, .required = true, .choices = roles, .help = "Which."}),
		.result = FIELDS(CHANGED_CHAT, CHANGED_NUMBER_IF_ANY)},
	{.name = "updateGroupInfo", .kind = RPC_COMMAND, .command = update_group, .command_done = group_changed, .write = put_group_icon,
		.who = "owner, admins",
		.help = "Another name, icon or history; what is not there stays as it is.",
		.arguments = ARGUMENTS(SELF("adminID"), GROUP,
			{.name = "groupInfo", .type = ARGUMENT_OBJECT, .required = true, .members = group_info, .help = "What changes."}),
		.result = FIELDS(CHANGED_CHAT, CHANGED_NUMBER)},
	{.name = "deleteGroup", .kind = RPC_COMMAND, .command = delete_group, .command_done = group_changed,
		.who = "owner",
		.help = "The group ends: nobody can write any more. Its members can read it for 30 days, then it is erased.",
		.arguments = ARGUMENTS(SELF("adminID"), GROUP),
		.result = FIELDS(CHANGED_CHAT, CHANGED_NUMBER)},
	{.name = NULL},
};

const struct shape shapes_groups[] = {
	{"Member", "A member of a chat.", FIELDS(
		{"userID", FIELD_TEXT, NULL, false, "Who."},
		{"role", FIELD_TEXT, NULL, false, "`owner`, `admin` or `member`."},
		{"received", FIELD_NUMBER, NULL, true, "Has received everything up to this number. This and `read`: in snapshots of up to 32 members, but not of who blocks the caller or is blocked by him."},
		{"read", FIELD_NUMBER, NULL, true, "Has read everything up to this number."})},
	{.name = NULL},
};
