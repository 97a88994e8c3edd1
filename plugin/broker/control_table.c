/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The commands of operators. Data, and what can be told by it alone. Pure; any thread. */
#include "plugin/broker/control_table.h"

#define USER   {"user", CONTROL_USER, true, 0, NULL, "the user ID, as in topics"}
#define CHAT   {"chat", CONTROL_CHAT, true, 0, NULL, "the chat's ID"}
#define DEVICE(help) {"device", CONTROL_DEVICE, false, 0, NULL, help}
#define AFTER(help)  {"after", CONTROL_TEXT, false, 128, NULL, help}
#define COUNT  {"count", CONTROL_NUMBER, false, 1000, NULL, "how many at most; 100 as without it"}

static const char *const history_words[] = {"own", "all", NULL};
static const char *const drain_words[] = {"start", "stop", "show", NULL};

const struct control_command control_table[CONTROL_COUNT] = {
	[CONTROL_STATUS] = {"status", false, "version, store, journal, Kafka, and how many are connected", {{0}}},
	[CONTROL_METRICS] = {"metrics", false, "all numbers, as on $SYS/broker/hyperchat", {{0}}},
	[CONTROL_KEYS] = {"keys", false, "by which issuers' and whose keys tokens are believed at the moment", {{0}}},
	[CONTROL_LIST_USERS] = {"listUsers", false, "users by their IDs, and who is connected",
		{AFTER("go on behind this user ID"), COUNT, {"connected", CONTROL_FLAG, false, 0, NULL, "only those who are connected to this broker"}}},
	[CONTROL_GET_USER] = {"getUser", false, "one user: connections, devices, when he was last seen, whether he is banned", {USER}},
	[CONTROL_KICK] = {"kick", true, "end the connections of a user; he may come again", {USER, DEVICE("only this device's")}},
	[CONTROL_BAN] = {"ban", true, "cut a user off on all brokers, and let him in by no token any more", {USER}},
	[CONTROL_UNBAN] = {"unban", true, "let a banned user in again, by tokens that are issued from now on", {USER}},
	[CONTROL_REVOKE] = {"revoke", true, "tokens of a user that were issued until now count no more",
		{USER, DEVICE("only the device tokens (createDeviceToken) of this device")}},
	[CONTROL_LIST_CHATS] = {"listChats", false, "chats of a user, the newest activity first",
		{USER, {"skip", CONTROL_NUMBER, false, 1000000, NULL, "pass over so many"}, COUNT}},
	[CONTROL_GET_CHAT] = {"getChat", false, "one chat: kind, name, members by role, last number", {CHAT}},
	[CONTROL_LIST_MEMBERS] = {"listMembers", false, "members of a chat by their IDs, with roles and marks",
		{CHAT, AFTER("go on behind this user ID"), COUNT, {"former", CONTROL_FLAG, false, 0, NULL, "former members as well"}}},
	[CONTROL_REMOVE_MEMBER] = {"removeMember", true, "take a member out of a group, as if he had left", {CHAT, USER}},
	[CONTROL_CREATE_ROOM] = {"createRoom", true, "make a group whose ID people can read",
		{{"chat", CONTROL_CHAT, true, 0, NULL, "its ID, 1 to 64 bytes"}, {"owner", CONTROL_USER, true, 0, NULL, "the user ID of its owner"},
			{"name", CONTROL_TEXT, true, 128, NULL, "what it is called in chat lists"},
			{"history", CONTROL_WORD, false, 0, history_words, "who is added later sees all, or only what comes from then on (own, as without it)"}}},
	[CONTROL_EXPORT_CHAT] = {"exportChat", true, "what is written in a chat, a page at a time, as it goes to its members",
		{CHAT, {"from", CONTROL_NUMBER, false, INT64_MAX, NULL, "the first number; 1 as without it"}, COUNT}},
	[CONTROL_ERASE_MESSAGE] = {"eraseMessage", true, "delete a message, as if its sender had",
		{CHAT, {"message", CONTROL_NUMBER, true, INT64_MAX, NULL, "the message's number"}}},
	[CONTROL_ERASE_ACCOUNT] = {"eraseAccount", true, "delete an account and all that it wrote, as deleteAccount does", {USER}},
	[CONTROL_LIST_AUDIT] = {"listAudit", false, "what operators did, the newest first", {COUNT}},
	[CONTROL_DRAIN] = {"drain", true, "take in no logins and commands any more, and wait until all that was taken is stored",
		{{"action", CONTROL_WORD, false, 0, drain_words, "stop ends it, show only tells how far it is; start as without it"},
			{"timeout", CONTROL_NUMBER, false, 600, NULL, "how many seconds it waits before it answers; 30 as without it"}}},
};
