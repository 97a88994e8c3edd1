/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl room: a group whose ID people can read, made by the operator. One thread, blocks. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "plugin/ctl/audit.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/object.h"
#include "plugin/ctl/source.h"

enum { ROOM_NAME_MAX = 128, TRIES_MAX = 120, PAUSE_MS = 500 };

struct room {
	const char *chat_id, *owner, *name, *history;
};

static struct transaction *make(
	const struct room *room, const char *writer, uint64_t number, enum transaction_type type, const char *body, const unsigned char *previous)
{
	struct transaction draft = {
		.chat_id = room->chat_id,
		.number = number,
		.type = type,
		.sender_id = room->owner,
		.at_ms = clock_wall_ms(),
		.key = number == 1 ? "\002room/1" : "\002room/2", /* KEY_ONCE: nobody repeats it */
		.writer = writer,
	};
	sealed_set(&draft.body, body, strlen(body));
	transaction_head(&draft, previous, draft.head);
	return transaction_new(&draft);
}

/* Where it may have been done or not, only the same transactions tell, which a second run of the program does not have. */
static enum store_rc append_until_known(struct store *store, struct append *append, struct error *err)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	bool unknown = false;
	for (unsigned tries = 1;; tries++) {
		enum store_rc rc = store_ops(store)->append(store, append, 1, err);
		unknown = append->result == APPEND_UNKNOWN || (unknown && append->result == APPEND_NOTHING_ADDED);
		if (!unknown)
			return rc;
		append->result = APPEND_UNKNOWN;
		if (tries == TRIES_MAX)
			return rc;
		nanosleep(&pause, NULL);
	}
}

static int append(const struct ctl_command *command, struct store *store, const struct room *room, const struct store_info *info)
{
	struct buf owner = BUF_EMPTY, members = BUF_EMPTY, group = BUF_EMPTY;
	struct error err = {0};
	object_add_text(&owner, "userID", room->owner);
	object_add_text(&owner, "role", "owner");
	object_end(&owner);
	object_add_list(&members, "members", owner.data);
	object_end(&members);
	object_add_text(&group, "name", room->name);
	object_add_text(&group, "history", room->history);
	object_end(&group);
	struct transaction *transactions[2];
	transactions[0] = make(room, info->writer, 1, TX_MEMBER_ADDED, members.data, (const unsigned char[HEAD_BYTES]){0});
	transactions[1] = make(room, info->writer, 2, TX_GROUP_UPDATED, group.data, transactions[0]->head);
	struct append append = {.chat_id = room->chat_id, .transactions = transactions, .transaction_count = 2};
	enum store_rc rc = append_until_known(store, &append, &err);
	transaction_free(transactions[0]);
	transaction_free(transactions[1]);
	buf_fini(&owner);
	buf_fini(&members);
	buf_fini(&group);
	if (append.result == APPEND_UNKNOWN)
		return ctl_failed(command, "it is not known whether '%s' is there, see hyperchatctl export: %s", room->chat_id, err.text);
	if (rc != STORE_OK)
		return ctl_failed(command, "%s", err.text);
	if (append.result == APPEND_CONFLICT)
		return ctl_failed(command, "there is a chat '%s' already", room->chat_id);
	return append.result == APPEND_OK ? CTL_OK : ctl_failed(command, "the store did not take it");
}

static int make_room(const struct ctl_command *command, struct store *store, const struct room *room)
{
	struct store_info info;
	struct error err;
	if (store_ops(store)->info(store, &info, &err) != STORE_OK)
		return ctl_failed(command, "%s", err.text);
	return append(command, store, room, &info);
}

static void print_json(const struct room *room)
{
	struct buf line = BUF_EMPTY;
	object_add_text(&line, "chatID", room->chat_id);
	object_add_text(&line, "owner", room->owner);
	object_add_text(&line, "name", room->name);
	object_add_text(&line, "history", room->history);
	object_print(&line);
}

static int note(const struct ctl_command *command, struct store *store, const struct room *room)
{
	struct buf details = BUF_EMPTY;
	object_add_text(&details, "owner", room->owner);
	object_end(&details);
	int rc = audit_note(command, store, room->chat_id, details.data, "ok");
	buf_fini(&details);
	return rc;
}

static bool is_text(const char *text, size_t max)
{
	size_t len = strlen(text);
	return len >= 1 && len <= max && text_is_utf8(text, len) && !text_has_control(text, len);
}

static int check(const struct ctl_command *command, const struct room *room)
{
	if (!is_text(room->chat_id, CHAT_ID_MAX) || strpbrk(room->chat_id, "/+#") != NULL)
		return ctl_misused(command, "--id: 1 to %d bytes without '/', '+', '#' and control characters", CHAT_ID_MAX);
	if (!is_text(room->owner, USER_ID_MAX) || strpbrk(room->owner, "/+#") != NULL)
		return ctl_misused(command, "--owner: a user ID as senderID shows it, 1 to %d bytes", USER_ID_MAX);
	if (!is_text(room->name, ROOM_NAME_MAX))
		return ctl_misused(command, "--name: 1 to %d bytes without control characters", ROOM_NAME_MAX);
	if (strcmp(room->history, "own") != 0 && strcmp(room->history, "all") != 0)
		return ctl_misused(command, "--history: own or all");
	return CTL_OK;
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *uri = NULL, *json = NULL;
	struct room room = {.history = "own"};
	const struct ctl_option options[] = {{"store", &uri, 1}, {"id", &room.chat_id, 1}, {"owner", &room.owner, 1}, {"name", &room.name, 1},
		{"history", &room.history, 0}, {"json", &json, CTL_FLAG}, {NULL, NULL, 0}};
	struct store *store;
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	rc = check(command, &room);
	if (rc == CTL_OK)
		rc = source_open(command, uri, &store);
	if (rc != CTL_OK)
		return rc;
	rc = make_room(command, store, &room);
	if (rc == CTL_OK)
		rc = note(command, store, &room);
	if (rc == CTL_OK && json != NULL)
		print_json(&room);
	source_close(store);
	return rc;
}

const struct ctl_command ctl_room = {
	.name = "room",
	.summary = "make a group whose ID can be read",
	.usage = "Usage: hyperchatctl room --store URI --id ID --owner USER --name NAME [--history own|all] [--json]\n\n"
			 "Makes a group with a chatID of your choice, so that scripts and dashboards can write to hc/chat/ID/text. Its owner\n"
			 "adds members as in any group. It writes to the store itself: stop the broker first, two programs must not write\n"
			 "to one store at the same time. While it runs: 'hyperchatctl broker createRoom'.\n\n"
			 "  --store URI    as plugin_opt_store, for example sqlite:/var/lib/mosquitto/hyperchat.db\n"
			 "  --id ID        the chatID, for example ops-alerts: 1 to 64 bytes without '/', '+' and '#'\n"
			 "  --owner USER   the user ID of its owner, who need not have logged in yet\n"
			 "  --name NAME    what it is called in chat lists\n"
			 "  --history all  who is added later sees what was written before (own: only what comes from then on; as without it)\n"
			 "  --json         an object: chatID, owner, name, history; nothing is printed without it\n",
	.run = run,
};
