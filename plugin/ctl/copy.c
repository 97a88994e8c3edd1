/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl copy: a whole store into an empty one, of any backend. One thread, blocks.
 *
 * While it is under way the target has an epoch made of the source's. So a copy that was interrupted is known as one of this store, and what
 * is not complete is not taken for it by clients. The source's own epoch comes last, after everything was compared. */
#include "plugin/ctl/copy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/id.h"
#include "plugin/ctl/object.h"
#include "plugin/ctl/source.h"

enum { LIST_PAGE = 1000, TRIES_MAX = 10 };

/* ---- calling ---- */

bool copy_waits(struct copy *copy)
{
	bool again = (copy->rc == STORE_UNAVAILABLE || copy->rc == STORE_UNKNOWN) && ++copy->tries < TRIES_MAX;
	if (again)
		nanosleep(&(struct timespec){.tv_sec = copy->tries > 3, .tv_nsec = 200000000}, NULL);
	else
		copy->tries = 0;
	return again;
}

bool copy_failed(struct copy *copy, const char *what)
{
	return copy_refused(copy, "%s: %s", what, copy->err.text);
}

bool copy_refused(struct copy *copy, const char *format, ...)
{
	char text[600];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	progress_wipe(&copy->progress);
	ctl_failed(copy->command, "%s", text);
	return false;
}

/* ---- walking ---- */

typedef enum store_rc list_op(struct store *store, const char *after, size_t count_max, const char *const **ids, size_t *count, struct error *err);

static bool each(struct copy *copy, struct store *store, list_op *list, bool (*visit)(struct copy *copy, const char *id))
{
	char after[USER_ID_MAX + 1] = "";
	bool goes_on = true;
	size_t count = LIST_PAGE;
	while (goes_on && count == LIST_PAGE) {
		const char *const *ids;
		do
			copy->rc = list(store, after, LIST_PAGE, &ids, &count, &copy->err);
		while (copy_waits(copy));
		if (copy->rc != STORE_OK)
			return copy_failed(copy, "list");
		for (size_t i = 0; i < count && goes_on; i++)
			goes_on = visit(copy, ids[i]);
		if (count > 0)
			snprintf(after, sizeof after, "%s", ids[count - 1]);
		store_free((void *)(uintptr_t)ids);
	}
	return goes_on;
}

bool copy_each_chat(struct copy *copy, struct store *store, bool (*visit)(struct copy *copy, const char *chat_id))
{
	return each(copy, store, store_ops(store)->list_chats, visit);
}

bool copy_each_user(struct copy *copy, struct store *store, bool (*visit)(struct copy *copy, const char *user_id))
{
	return each(copy, store, store_ops(store)->list_users, visit);
}

static bool count_chat(struct copy *copy, const char *chat_id)
{
	struct page page = {0};
	CALL(copy, copy->from, read_page, chat_id, 1, 0, (&(struct page_limits){.count_max = 1}), &page);
	if (copy->rc != STORE_OK)
		return copy_failed(copy, chat_id);
	copy->chats++;
	copy->transactions += page.latest;
	store_page_free(&page);
	return true;
}

static bool count_user(struct copy *copy, const char *user_id)
{
	(void)user_id;
	copy->users++;
	return true;
}

/* ---- whose copy the target is ---- */

/* The epoch of a copy that is not complete. */
static void epoch_under_way(const char *epoch, char under_way[STORE_EPOCH_LEN + 1])
{
	static const char WHAT[] = "a copy of ";
	unsigned char digest[SHA256_BYTES];
	sha256((struct bytes[]){{WHAT, sizeof WHAT - 1}, {epoch, strlen(epoch)}}, 2, digest);
	base64url_encode(digest, ID_BYTES, under_way);
}

static bool is_empty(struct copy *copy, bool *empty)
{
	const char *const *ids;
	struct deleted_list *deleted;
	size_t chats, users;
	CALL(copy, copy->to, list_chats, "", 1, &ids, &chats);
	if (copy->rc != STORE_OK)
		return copy_failed(copy, "target");
	store_free((void *)(uintptr_t)ids);
	CALL(copy, copy->to, list_users, "", 1, &ids, &users);
	if (copy->rc != STORE_OK)
		return copy_failed(copy, "target");
	store_free((void *)(uintptr_t)ids);
	CALL(copy, copy->to, list_deleted, "", 1, &deleted);
	if (copy->rc != STORE_OK)
		return copy_failed(copy, "target");
	*empty = chats == 0 && users == 0 && deleted->count == 0;
	store_free(deleted);
	return true;
}

/* The source's own name as a writer goes with it where there is one: whoever wrote it all, if he was alone. Else the target keeps its own. */
static bool choose_writer(struct copy *copy, const char *own)
{
	const char *const *writers;
	size_t count;
	CALL(copy, copy->from, list_writers, &writers, &count);
	if (copy->rc != STORE_OK)
		return copy_failed(copy, "source");
	const char *same = NULL, *alone = NULL;
	size_t brokers = 0;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(writers[i], SOURCE_WRITER) == 0) /* what an operator made, or what fills a gap */
			continue;
		brokers++;
		alone = writers[i];
		if (strcmp(writers[i], copy->identity.writer) == 0)
			same = writers[i];
	}
	const char *chosen = same != NULL ? same : brokers == 1 ? alone : own;
	snprintf(copy->identity.writer, sizeof copy->identity.writer, "%s", chosen);
	store_free((void *)(uintptr_t)writers);
	return true;
}

static bool adopt(struct copy *copy, const char *epoch)
{
	struct store_info info = copy->identity;
	snprintf(info.epoch, sizeof info.epoch, "%s", epoch);
	CALL(copy, copy->to, adopt, &info);
	return copy->rc == STORE_OK || copy_failed(copy, "target");
}

enum found { FOUND_NOTHING_GOOD, FOUND_EMPTY, FOUND_UNDER_WAY, FOUND_COMPLETE };

static enum found recognise(struct copy *copy, const struct store_info *target, const char *under_way)
{
	bool empty = false;
	if (strcmp(target->epoch, copy->identity.epoch) == 0)
		return FOUND_COMPLETE;
	if (strcmp(target->epoch, under_way) == 0)
		return FOUND_UNDER_WAY;
	if (!is_empty(copy, &empty))
		return FOUND_NOTHING_GOOD;
	if (empty)
		return FOUND_EMPTY;
	copy_refused(copy, "the target holds something else already, or is another store's copy; it is left as it is");
	return FOUND_NOTHING_GOOD;
}

/* ---- all of it ---- */

static bool copy_everything(struct copy *copy, const char *under_way)
{
	bool copied = copy_note(copy) && adopt(copy, under_way) && copy_logs(copy) && copy_chats(copy) && copy_places(copy) && copy_people(copy) &&
		copy_tokens(copy) && copy_audit(copy);
	copy_logs_end(copy);
	return copied && copy_verify(copy) && adopt(copy, copy->identity.epoch);
}

static void print(const struct copy *copy, bool was_complete)
{
	struct buf line = BUF_EMPTY;
	if (copy->as_json) {
		object_add_u64(&line, "chats", copy->chats);
		object_add_u64(&line, "transactions", copy->transactions);
		object_add_u64(&line, "users", copy->users);
		object_add_bool(&line, "resumed", copy->resumed);
		object_add_bool(&line, "wasComplete", was_complete);
		object_add_list(&line, "notMirrored", copy->notes.data);
		object_print(&line);
		return;
	}
	printf("%llu chats, %llu transactions, %llu users: %s\n", (unsigned long long)copy->chats, (unsigned long long)copy->transactions,
		(unsigned long long)copy->users, was_complete ? "the target is a complete copy already" : "copied and compared");
}

static int do_copy(struct copy *copy)
{
	struct store_info target;
	char under_way[STORE_EPOCH_LEN + 1];
	CALL(copy, copy->from, info, &copy->identity);
	if (copy->rc == STORE_OK)
		CALL(copy, copy->to, info, &target);
	if (copy->rc != STORE_OK)
		return ctl_failed(copy->command, "%s", copy->err.text);
	epoch_under_way(copy->identity.epoch, under_way);
	enum found found = recognise(copy, &target, under_way);
	if (found == FOUND_NOTHING_GOOD || !choose_writer(copy, target.writer) || !copy_each_chat(copy, copy->from, count_chat) ||
		!copy_each_user(copy, copy->from, count_user))
		return CTL_FAILED;
	copy->resumed = found == FOUND_UNDER_WAY;
	if (copy->resumed && !copy->as_json)
		puts("going on with a copy that was interrupted");
	/* What operators did since then, an export say, makes no other store of it. */
	bool done = found == FOUND_COMPLETE ? copy_audit(copy) && copy_verify(copy) : copy_everything(copy, under_way);
	progress_wipe(&copy->progress);
	if (!done)
		return CTL_FAILED;
	print(copy, found == FOUND_COMPLETE);
	return CTL_OK;
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *from = NULL, *to = NULL, *json = NULL;
	const struct ctl_option options[] = {{"from", &from, 1}, {"to", &to, 1}, {"json", &json, CTL_FLAG}, {NULL, NULL, 0}};
	struct copy copy = {.command = command};
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	if (strcmp(from, to) == 0)
		return ctl_misused(command, "--from and --to are the same store");
	copy.as_json = json != NULL;
	copy.to_uri = to;
	progress_init(&copy.progress);
	rc = source_open(command, from, &copy.from);
	if (rc == CTL_OK)
		rc = source_make(command, to, &copy.to);
	if (rc == CTL_OK)
		rc = do_copy(&copy);
	source_close(copy.to);
	source_close(copy.from);
	buf_fini(&copy.notes);
	return rc;
}

const struct ctl_command ctl_copy = {
	.name = "copy",
	.summary = "copy a whole store into another one, of any backend",
	.usage = "Usage: hyperchatctl copy --from URI --to URI [--json]\n\n"
			 "Copies everything: chats with their numbers and heads, epoch and secret, users with their profiles, icons, blocks,\n"
			 "favorites, invitations, devices, marks and mutes, deleted accounts, keys, revoked tokens, and how far a mirror has come.\n"
			 "At the end both are read once more and compared, texts too; exit code 1 if there is a difference. Clients notice nothing\n"
			 "when the broker starts on the copy afterwards.\n\n"
			 "Stop the broker first, and start none on the target before it is done. The target must be empty, or a copy of the\n"
			 "same store that was interrupted: run the same command again and it goes on. If the source was changed in between,\n"
			 "it says so: begin anew with an empty target. Running it again after it was done compares once more.\n\n"
			 "  --from URI    as plugin_opt_store, for example sqlite:/var/lib/mosquitto/hyperchat.db\n"
			 "  --to URI      likewise; made when it is not there. It belongs to whoever runs this: the broker's user\n"
			 "  --json        an object: chats, transactions, users, resumed (an interrupted copy), wasComplete (nothing was copied), notMirrored\n"
			 "                (writers whose mirror a broker of that name has to go on with)\n",
	.run = run,
};
