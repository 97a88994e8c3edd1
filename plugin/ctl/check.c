/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl check: whether a store still holds what was put into it. One thread, blocks.
 *
 * The log is the truth. Each chat is folded again by chat_apply, the same function as in the broker, and the result held against what the
 * store keeps beside the log: so a wrong projection is found whoever made it. */
#include "plugin/ctl/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/chat/chat.h"
#include "plugin/ctl/group.h"
#include "plugin/ctl/object.h"
#include "plugin/ctl/source.h"

enum { PROBLEMS_SHOWN = 20, LIST_PAGE = 1000 };

/* ---- what is said ---- */

static void show(struct check *check)
{
	progress_show(&check->progress, check->chats_done, check->chats, "%llu/%llu chats, %llu transactions", (unsigned long long)check->chats_done,
		(unsigned long long)check->chats, (unsigned long long)check->transactions);
}

/* chat_id NULL: of the store. */
static void keep(struct check *check, const char *chat_id, const char *text)
{
	struct buf *out = &check->problem_objects;
	struct buf object = BUF_EMPTY;
	if (chat_id != NULL)
		object_add_text(&object, "chatID", chat_id);
	object_add_text(&object, "problem", text);
	object_end(&object);
	if (out->len > 0)
		buf_add_char(out, ',');
	buf_add(out, object.data, object.len);
	buf_fini(&object);
}

void check_problem(struct check *check, const char *chat_id, const char *format, ...)
{
	struct error text;
	va_list args;
	if (check->problems++ >= PROBLEMS_SHOWN)
		return;
	va_start(args, format);
	vsnprintf(text.text, sizeof text.text, format, args);
	va_end(args);
	if (check->as_json) {
		keep(check, chat_id, text.text);
		return;
	}
	progress_wipe(&check->progress);
	printf("%s%s: %s\n", chat_id != NULL ? "chat " : "store", chat_id != NULL ? chat_id : "", text.text);
}

/* ---- one chat ---- */

/* A chat as its log says it is. */
struct folded {
	struct chat *chat;
	struct group group;
};

/* Whoever reads a deleted message must find neither its text nor that of its edit. */
static void check_deleted(struct check *check, const struct transaction *deletion)
{
	struct message_state state = {0};
	struct error err;
	enum store_rc rc = store_ops(check->store)->read_message(check->store, deletion->chat_id, deletion->target, &state, &err);
	if (rc == STORE_NOT_FOUND)
		return; /* there was nothing to delete */
	if (rc != STORE_OK)
		check_problem(check, deletion->chat_id, "%s", err.text);
	else if (state.message->body.text != NULL || state.message->quote.text != NULL || (state.edit != NULL && state.edit->body.text != NULL))
		check_problem(check, deletion->chat_id, "message %llu was deleted and still has its text", (unsigned long long)deletion->target);
	message_state_free(&state);
}

/* The next transaction of the log onto the chat. false: a problem was said, and what follows cannot be judged. */
static bool fold(struct check *check, struct folded *folded, struct transaction *tx)
{
	struct chat *chat = folded->chat;
	unsigned char head[HEAD_BYTES];
	unsigned long long number = tx->number;
	check->transactions++;
	if (tx->number != chat->latest + 1) {
		check_problem(check, chat->id, "number %llu is missing, %llu stands there", (unsigned long long)chat->latest + 1, number);
		return false;
	}
	transaction_head(tx, chat->head, head);
	if (memcmp(head, tx->head, HEAD_BYTES) != 0) {
		check_problem(check, chat->id, "the hash chain breaks at number %llu: it, or what was before it, was changed", number);
		return false;
	}
	if (!chat_apply(chat, tx)) {
		check_problem(check, chat->id, "number %llu (%s) does not say what its type says", number, transaction_type_name(tx->type));
		return false;
	}
	group_fold(&folded->group, tx);
	if (tx->type == TX_DELETE)
		check_deleted(check, tx);
	return true;
}

/* Folds the whole log up to `to`. false: a problem was said. */
static bool fold_log(struct check *check, struct folded *folded, uint64_t to)
{
	const struct chat *chat = folded->chat;
	bool whole = true;
	while (whole && chat->latest < to) {
		struct page page = {0};
		struct error err;
		uint64_t before = chat->latest;
		if (store_ops(check->store)->read_page(check->store, chat->id, before + 1, to, &source_page, &page, &err) != STORE_OK) {
			check_problem(check, chat->id, "%s", err.text);
			return false;
		}
		for (size_t i = 0; i < page.count && whole; i++)
			whole = fold(check, folded, page.transactions[i]);
		store_page_free(&page);
		if (whole && chat->latest == before) {
			check_problem(check, chat->id, "the log ends at number %llu, the chat says %llu", (unsigned long long)before, (unsigned long long)to);
			whole = false;
		}
		show(check);
	}
	return whole;
}

static void compare_member(struct check *check, struct chat *chat, const struct member_record *record)
{
	const struct member *member = chat_member(chat, record->user_id);
	if (member == NULL) {
		check_problem(check, chat->id, "the store has %s as a member, the log does not", record->user_id);
		return;
	}
	if (member->role != record->role)
		check_problem(check, chat->id, "the store has %s as %s, the log as %s", record->user_id, role_name(record->role), role_name(member->role));
	bool same = member->interval_count == record->interval_count;
	const struct interval *intervals = member_intervals(member);
	for (size_t i = 0; same && i < record->interval_count; i++)
		same = intervals[i].from == record->intervals[i].from && intervals[i].to == record->intervals[i].to;
	if (!same)
		check_problem(check, chat->id, "the times of membership of %s are not the log's", record->user_id);
}

/* What holds for a member whatever the log says. */
static void check_member(struct check *check, const struct chat_record *chat, const struct member_record *member)
{
	if (member->read > member->received || member->received > chat->latest)
		check_problem(check, chat->chat_id, "the watermarks of %s are beyond the log", member->user_id);
	if (member->interval_count > 0 && member->read + 1 < member->intervals[member->interval_count - 1].from)
		check_problem(check, chat->chat_id, "the read mark of %s is before he joined", member->user_id);
}

static void check_members(struct check *check, const struct chat_record *record)
{
	size_t current = 0;
	for (size_t i = 0; i < record->member_count; i++) {
		check_member(check, record, &record->members[i]);
		current += record->members[i].role != ROLE_NONE;
	}
	if (current != record->current_members)
		check_problem(check, record->chat_id, "the store says that it has %zu members, there are %zu", record->current_members, current);
}

static void compare_members(struct check *check, struct chat *chat, const struct chat_record *record)
{
	for (size_t i = 0; i < record->member_count; i++)
		compare_member(check, chat, &record->members[i]);
	if (chat->members.count != record->member_count)
		check_problem(check, chat->id, "the store has %zu present and former members, the log %zu", record->member_count, chat->members.count);
}

static void compare(struct check *check, struct folded *folded, const struct chat_record *record)
{
	struct chat *chat = folded->chat;
	const char *difference = group_difference(&folded->group, record);
	if (memcmp(chat->head, record->head, HEAD_BYTES) != 0)
		check_problem(check, chat->id, "the head that the store keeps is not the log's");
	if (chat->latest_at_ms != record->latest_at_ms)
		check_problem(check, chat->id, "the time of the latest transaction is not the log's");
	if (chat->ended != record->ended)
		check_problem(check, chat->id, "the store has it as %s, the log does not", record->ended ? "ended" : "going on");
	else if (difference != NULL)
		check_problem(check, chat->id, "the store and the log differ in %s", difference);
	check_members(check, record);
	if (!folded->group.members_erased)
		compare_members(check, chat, record);
}

/* The record is read first and the log up to its number: a broker may be writing meanwhile. */
void check_chat(struct check *check, const char *chat_id)
{
	struct chat_record *record;
	struct error err;
	if (store_ops(check->store)->load_chat(check->store, chat_id, &record, &err) != STORE_OK) {
		check_problem(check, chat_id, "%s", err.text);
		return;
	}
	struct folded folded = {.chat = chat_new(chat_id)};
	group_init(&folded.group);
	if (fold_log(check, &folded, record->latest))
		compare(check, &folded, record);
	group_fini(&folded.group);
	chat_free(folded.chat);
	store_free(record);
}

/* ---- all of them ---- */

static void count_chat(struct check *check, const char *chat_id)
{
	(void)chat_id;
	check->chats++;
}

static void do_chat(struct check *check, const char *chat_id)
{
	check_chat(check, chat_id);
	check->chats_done++;
	show(check);
}

typedef enum store_rc list_op(struct store *store, const char *after, size_t count_max, const char *const **ids, size_t *count, struct error *err);

static bool each(struct check *check, list_op *list, void (*visit)(struct check *check, const char *id))
{
	char after[USER_ID_MAX + 1] = ""; /* the longer ones */
	size_t count = LIST_PAGE;
	while (count == LIST_PAGE) {
		const char *const *ids;
		struct error err;
		if (list(check->store, after, LIST_PAGE, &ids, &count, &err) != STORE_OK) {
			check_problem(check, NULL, "%s", err.text);
			return false;
		}
		for (size_t i = 0; i < count; i++)
			visit(check, ids[i]);
		if (count > 0)
			snprintf(after, sizeof after, "%s", ids[count - 1]);
		store_free((void *)(uintptr_t)ids);
	}
	return true;
}

bool check_each_chat(struct check *check, void (*visit)(struct check *check, const char *chat_id))
{
	return each(check, store_ops(check->store)->list_chats, visit);
}

bool check_each_user(struct check *check, void (*visit)(struct check *check, const char *user_id))
{
	return each(check, store_ops(check->store)->list_users, visit);
}

static void print(const struct check *check)
{
	if (check->problems > PROBLEMS_SHOWN)
		printf("and %llu more\n", (unsigned long long)check->problems - PROBLEMS_SHOWN);
	printf("%llu chats, %llu transactions: ", (unsigned long long)check->chats_done, (unsigned long long)check->transactions);
	if (check->problems > 0)
		printf("%llu problems\n", (unsigned long long)check->problems);
	else
		puts("all in order");
}

static void print_json(const struct check *check)
{
	struct buf line = BUF_EMPTY;
	object_add_u64(&line, "chats", check->chats_done);
	object_add_u64(&line, "transactions", check->transactions);
	object_add_u64(&line, "problems", check->problems);
	object_add_list(&line, "shown", check->problem_objects.data);
	object_print(&line);
}

int check_store(struct check *check)
{
	struct error err;
	enum store_rc rc = store_ops(check->store)->verify(check->store, &err);
	if (rc == STORE_CORRUPT)
		check_problem(check, NULL, "%s", err.text);
	else if (rc != STORE_OK)
		return ctl_failed(check->command, "%s", err.text);
	if (check_each_chat(check, count_chat))
		check_each_chat(check, do_chat);
	check_each_user(check, check_devices);
	progress_wipe(&check->progress);
	if (check->as_json && !check->silent)
		print_json(check);
	else if (!check->as_json)
		print(check);
	return check->problems > 0 ? CTL_FAILED : CTL_OK;
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *uri = NULL, *json = NULL;
	const struct ctl_option options[] = {{"store", &uri, CTL_REQUIRED}, {"json", &json, CTL_FLAG}, {NULL, NULL, 0}};
	struct check check = {.command = command, .problem_objects = BUF_EMPTY};
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	rc = source_open_in_use(command, uri, &check.store);
	if (rc != CTL_OK)
		return rc;
	progress_init(&check.progress);
	check.as_json = json != NULL;
	rc = check_store(&check);
	buf_fini(&check.problem_objects);
	source_close(check.store);
	return rc;
}

const struct ctl_command ctl_check = {
	.name = "check",
	.summary = "check a store: integrity, numbers, hash chains, projections",
	.usage = "Usage: hyperchatctl check --store URI [--json]\n\n"
			 "Reads everything: the database's own integrity, that the numbers of each chat have no gap, that its hash\n"
			 "chain holds, that members, times of membership, names and heads are those of the log, that no device stands\n"
			 "beyond it, and that what was deleted has no text any more. Prints the first 20 problems; exit code 1 if there\n"
			 "is one. Changes nothing. The broker may be running. A store of an older schema is refused: 'hyperchatctl\n"
			 "migrate' comes first.\n\n"
			 "  --store URI   as plugin_opt_store, for example sqlite:/var/lib/mosquitto/hyperchat.db\n"
			 "  --json        an object: chats, transactions, problems (how many), shown (the first 20: chatID, problem)\n",
	.run = run,
};
