/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl repair: what can be read of a damaged SQLite store, in a new file that takes its place when it is in order. One thread, blocks. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "base/json.h"
#include "plugin/ctl/audit.h"
#include "plugin/ctl/check.h"
#include "plugin/ctl/object.h"
#include "plugin/ctl/rebuild.h"
#include "plugin/ctl/source.h"
#include "plugin/ctl/swap.h"
#include "storage/sqlite/file.h"
#include "storage/sqlite/salvage.h"

struct repair {
	const struct ctl_command *command;
	bool as_json;
	struct swap swap;
	struct sqlite_salvage salvage;
	struct buf lost;   /* as JSON strings with commas between */
	struct check check;
	bool failed;       /* a chat could not be made anew, which was said */
	bool was_damaged;  /* the file itself */
	bool was_loose;    /* something led to what is not there */
	uint64_t rebuilt;
	char epoch[STORE_EPOCH_LEN + 1]; /* "": it stays */
};

/* ---- rows ---- */

static void take_found(void *context, const char *text)
{
	struct repair *repair = context;
	if (repair->lost.len > 0)
		buf_add_char(&repair->lost, ',');
	json_add_string(&repair->lost, text, strlen(text));
	progress_wipe(&repair->check.progress);
	if (!repair->as_json)
		puts(text);
}

static void take_mended(void *context, const char *text)
{
	struct repair *repair = context;
	check_problem(&repair->check, NULL, "%s", text);
	repair->was_loose = true;
}

static void show_rows(void *context, uint64_t rows)
{
	struct repair *repair = context;
	progress_show(&repair->check.progress, 0, 0, "%" PRIu64 " rows saved", rows);
}

/* ---- chats ---- */

/* Its problems are printed: they say what is mended. */
static void mend_chat(struct check *check, const char *chat_id)
{
	struct repair *repair = (struct repair *)((char *)check - offsetof(struct repair, check));
	struct error err;
	uint64_t before = check->problems;
	check_chat(check, chat_id);
	if (check->problems == before)
		return;
	repair->rebuilt++;
	if (rebuild_chat(check->store, chat_id, &err) == STORE_OK)
		return;
	ctl_failed(repair->command, "%s", err.text);
	repair->failed = true;
}

/* Once more, all of it: nothing takes the store's place that is not in order. */
static bool is_in_order(struct repair *repair)
{
	struct check again = {.command = repair->command, .store = repair->check.store, .as_json = true, .problem_objects = BUF_EMPTY, .silent = true};
	progress_init(&again.progress);
	int rc = check_store(&again);
	if (rc != CTL_OK)
		ctl_failed(repair->command, "it is not in order even so, so nothing was changed: %s",
			again.problem_objects.data != NULL ? again.problem_objects.data : "");
	repair->check.chats = again.chats;
	repair->check.transactions = again.transactions;
	buf_fini(&again.problem_objects);
	return rc == CTL_OK;
}

static int note(const struct repair *repair)
{
	struct buf details = BUF_EMPTY;
	buf_printf(&details, "{\"lost\":%s,\"chatsMended\":%" PRIu64 ",\"newEpoch\":%s}", repair->salvage.lost ? "true" : "false", repair->rebuilt,
		repair->epoch[0] ? "true" : "false");
	int rc = audit_note(repair->command, repair->check.store, "", details.data, "ok");
	buf_fini(&details);
	return rc;
}

static bool mend_chats(struct repair *repair)
{
	struct error err;
	struct buf uri = BUF_EMPTY;
	buf_printf(&uri, "sqlite:%s", repair->swap.part);
	bool good = source_try(uri.data, STORE_NO_MIGRATION | STORE_EXISTING, &repair->check.store, &err) == STORE_OK;
	buf_fini(&uri);
	if (!good) {
		ctl_failed(repair->command, "%s", err.text);
		return false;
	}
	good = check_each_chat(&repair->check, mend_chat) && !repair->failed && is_in_order(repair) && note(repair) == CTL_OK;
	source_close(repair->check.store);
	return good;
}

/* ---- the file ---- */

static bool give_epoch(struct repair *repair)
{
	unsigned char bytes[ID_BYTES];
	struct error err;
	if (!repair->salvage.changed && !repair->salvage.lost)
		return true; /* all of what was given out is there */
	id_random(bytes, sizeof bytes);
	base64url_encode(bytes, sizeof bytes, repair->epoch);
	if (sqlite_file_set_epoch(repair->swap.part, repair->epoch, &err) == STORE_OK)
		return true;
	ctl_failed(repair->command, "%s", err.text);
	return false;
}

static bool salvage(struct repair *repair)
{
	struct error err;
	if (sqlite_file_is_newer(repair->swap.file, &err)) {
		ctl_failed(repair->command, "%s", err.text);
		return false;
	}
	repair->was_damaged = sqlite_file_check(repair->swap.file, &err) != STORE_OK;
	if (repair->was_damaged && !repair->as_json)
		puts(err.text);
	if (sqlite_salvage(repair->swap.file, repair->swap.part, &repair->salvage, &err) == STORE_OK)
		return true;
	ctl_failed(repair->command, "%s; a backup is what helps now", err.text);
	return false;
}

static void remove_part(const struct repair *repair)
{
	static const char *const ENDS[] = {"", "-wal", "-shm", "-journal"};
	for (size_t i = 0; i < sizeof ENDS / sizeof *ENDS; i++) {
		struct buf name = BUF_EMPTY;
		buf_printf(&name, "%s%s", repair->swap.part, ENDS[i]);
		unlink(name.data);
		buf_fini(&name);
	}
}

static void print(const struct repair *repair, bool changed)
{
	if (repair->as_json) {
		struct buf line = BUF_EMPTY;
		object_add_bool(&line, "changed", changed);
		object_add_list(&line, "lost", repair->lost.data);
		object_add_list(&line, "mended", repair->check.problem_objects.data);
		object_add_u64(&line, "chats", repair->check.chats);
		object_add_u64(&line, "transactions", repair->check.transactions);
		if (repair->epoch[0])
			object_add_text(&line, "epoch", repair->epoch);
		object_add_list(&line, "aside", repair->swap.aside.data);
		object_print(&line);
		return;
	}
	printf("%" PRIu64 " chats, %" PRIu64 " transactions: ", repair->check.chats, repair->check.transactions);
	puts(!changed ? "all was in order, nothing was changed" : repair->epoch[0] ? "in order now, with a new epoch: clients fetch anew" : "in order now");
}

static int run_repair(struct repair *repair)
{
	if (!swap_make_part(&repair->swap))
		return CTL_FAILED;
	if (!swap_is_unused(&repair->swap)) {
		remove_part(repair);
		return CTL_FAILED;
	}
	bool good = salvage(repair) && give_epoch(repair) && mend_chats(repair);
	bool changed = repair->was_damaged || repair->was_loose || repair->salvage.lost || repair->rebuilt > 0;
	progress_wipe(&repair->check.progress);
	if (good && changed)
		good = swap_in(&repair->swap);
	if (!good || !changed)
		remove_part(repair);
	if (good)
		print(repair, changed);
	return good ? CTL_OK : CTL_FAILED;
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *uri = NULL, *json = NULL;
	const struct ctl_option options[] = {{"store", &uri, CTL_REQUIRED}, {"json", &json, CTL_FLAG}, {NULL, NULL, 0}};
	struct repair repair = {.command = command, .lost = BUF_EMPTY, .check = {.command = command, .problem_objects = BUF_EMPTY}};
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	const char *file = source_file(uri);
	if (file == NULL)
		return ctl_failed(command, "only of sqlite:<file>; a MongoDB server looks after its own files");
	if (access(file, F_OK) != 0)
		return ctl_failed(command, "%s: there is no such file", file);
	repair.as_json = repair.check.as_json = json != NULL;
	repair.salvage = (struct sqlite_salvage){.found = take_found, .mended = take_mended, .progress = show_rows, .context = &repair};
	swap_init(&repair.swap, command, file, SQLITE_FILE_REPAIRING, "before-repair");
	repair.swap.quiet = repair.as_json;
	progress_init(&repair.check.progress);
	rc = run_repair(&repair);
	swap_fini(&repair.swap);
	buf_fini(&repair.lost);
	buf_fini(&repair.check.problem_objects);
	return rc;
}

const struct ctl_command ctl_repair = {
	.name = "repair",
	.summary = "save what can be read of a damaged store",
	.usage = "Usage: hyperchatctl repair --store URI [--json]\n\n"
			 "Saves everything that can be read of a damaged SQLite store into a new file, names what cannot, and makes members, times of\n"
			 "membership, names and heads anew where they are not what the log says. Of a number that is lost clients get void. Mirrors\n"
			 "that stood beyond what is left go on at its end, devices behind what their users have received of it. Where anything is\n"
			 "lost, the store gets a new epoch, and clients fetch anew. When 'hyperchatctl check' would find nothing any more, the new\n"
			 "file takes the store's place; the old one stays beside it, with .before-repair-<time> behind its name. The broker must be\n"
			 "stopped. It takes as much room as the store. A good backup is better, if what came after it is not missed.\n\n"
			 "  --store URI   as plugin_opt_store, sqlite:<file>\n"
			 "  --json        an object: changed, lost (what cannot be read), mended (chatID, problem), chats, transactions, epoch (if it\n"
			 "                is a new one), aside\n",
	.run = run,
};
