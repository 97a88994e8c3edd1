/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl restore: a backup takes the store's place, with an epoch of its own; and hyperchatctl new-epoch, for who restores by other
 * means. One thread, blocks. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"
#include "plugin/ctl/audit.h"
#include "plugin/ctl/object.h"
#include "plugin/ctl/options.h"
#include "plugin/ctl/progress.h"
#include "plugin/ctl/source.h"
#include "plugin/ctl/swap.h"
#include "storage/sqlite/file.h"

struct restore {
	const struct ctl_command *command;
	const char *from, *uri, *journal; /* journal "": it stays */
	bool as_json; /* an object at the end, and nothing else */
	struct swap swap;
	struct sqlite_file_info info;
	char epoch[STORE_EPOCH_LEN + 1];
	struct progress progress;
};

static void make_epoch(char epoch[STORE_EPOCH_LEN + 1])
{
	unsigned char bytes[ID_BYTES];
	id_random(bytes, sizeof bytes);
	base64url_encode(bytes, sizeof bytes, epoch);
}

/* ---- the backup, beside the store ---- */

static void show(void *context, uint64_t done, uint64_t total)
{
	struct restore *restore = context;
	progress_show(&restore->progress, done, total, "%" PRIu64 " of %" PRIu64 " pages", done, total);
}

static bool copy_backup(struct restore *restore)
{
	struct error err;
	const struct sqlite_file_watch watch = {show, restore, false};
	bool good = sqlite_file_info(restore->from, &restore->info, &err) == STORE_OK &&
		sqlite_file_copy(restore->from, restore->swap.part, &watch, &err) == STORE_OK && sqlite_file_check(restore->swap.part, &err) == STORE_OK &&
		sqlite_file_set_epoch(restore->swap.part, restore->epoch, &err) == STORE_OK;
	progress_wipe(&restore->progress);
	if (!good)
		ctl_failed(restore->command, "%s", err.text);
	return good;
}

/* ---- all of it ---- */

static int note(const struct restore *restore)
{
	struct buf details = BUF_EMPTY;
	object_add_text(&details, "from", restore->from);
	object_add_text(&details, "epochBefore", restore->info.epoch);
	object_end(&details);
	int rc = audit_note_in(restore->command, restore->uri, STORE_NO_MIGRATION, details.data);
	buf_fini(&details);
	return rc;
}

static void print(const struct restore *restore)
{
	if (!restore->as_json) {
		printf("%s: %" PRIu64 " chats, %" PRIu64 " transactions, schema %d, epoch %s (before: %s)\n", restore->swap.file, restore->info.chats,
			restore->info.transactions, restore->info.schema, restore->epoch, restore->info.epoch);
		return;
	}
	struct buf line = BUF_EMPTY;
	object_add_text(&line, "file", restore->swap.file);
	object_add_i64(&line, "schema", restore->info.schema);
	object_add_text(&line, "epoch", restore->epoch);
	object_add_text(&line, "epochBefore", restore->info.epoch);
	object_add_u64(&line, "chats", restore->info.chats);
	object_add_u64(&line, "transactions", restore->info.transactions);
	object_add_list(&line, "aside", restore->swap.aside.data);
	object_print(&line);
}

static int run_restore(struct restore *restore)
{
	make_epoch(restore->epoch);
	if (access(restore->from, R_OK) != 0)
		return ctl_failed(restore->command, "%s: %s", restore->from, strerror(errno));
	if (!swap_make_part(&restore->swap))
		return CTL_FAILED;
	if (!swap_is_unused(&restore->swap) || !copy_backup(restore) || !swap_in(&restore->swap)) {
		unlink(restore->swap.part);
		return CTL_FAILED;
	}
	print(restore);
	return note(restore);
}

static int restore_into(struct restore *restore)
{
	const char *file = source_file(restore->uri);
	if (file == NULL)
		return ctl_failed(restore->command, "only into sqlite:<file>; a MongoDB store is restored by mongorestore and 'hyperchatctl new-epoch' (docs/storage.md)");
	swap_init(&restore->swap, restore->command, file, SQLITE_FILE_RESTORING, "before-restore");
	restore->swap.journal = restore->journal;
	restore->swap.quiet = restore->as_json;
	progress_init(&restore->progress);
	int rc = run_restore(restore);
	swap_fini(&restore->swap);
	return rc;
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *file = NULL, *json = NULL, *keep = NULL;
	struct restore restore = {.command = command};
	const struct ctl_option options[] = {{"from", &restore.from, CTL_REQUIRED}, {"conf", &file, 0}, {"store", &restore.uri, 0},
		{"journal", &restore.journal, 0}, {"keep-journal", &keep, CTL_FLAG}, {"json", &json, CTL_FLAG}, {NULL, NULL, 0}};
	struct conf conf;
	struct error err;
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	if (restore.uri != NULL ? file != NULL || restore.journal == NULL : restore.journal != NULL)
		return ctl_misused(command, "either --conf, or --store and --journal");
	restore.as_json = json != NULL;
	bool reads = restore.uri == NULL;
	if (reads && !options_read(file != NULL ? file : "/etc/mosquitto/mosquitto.conf", &conf, &err))
		return ctl_failed(command, "%s", err.text);
	if (reads) {
		restore.uri = conf.store;
		restore.journal = conf.journal;
	}
	if (keep != NULL)
		restore.journal = "";
	rc = restore_into(&restore);
	if (reads)
		conf_fini(&conf);
	return rc;
}

const struct ctl_command ctl_restore = {
	.name = "restore",
	.summary = "put a backup in the store's place",
	.usage = "Usage: hyperchatctl restore --from FILE [--conf FILE] [--keep-journal] [--json]\n"
			 "       hyperchatctl restore --from FILE --store URI --journal FILE [--keep-journal] [--json]\n\n"
			 "Puts a backup of 'hyperchatctl backup' in the place of a SQLite store, with a new epoch: so clients notice, forget their\n"
			 "numbers and fetch anew. The broker must be stopped; it is refused while one has the store or the journal. What is\n"
			 "there, store and journal, is kept under its name with .before-restore-<time> behind it, and never deleted. The backup\n"
			 "is checked before anything is changed, and stays as it is. An older schema stays until the broker's start.\n\n"
			 "  --from FILE      the backup\n"
			 "  --conf FILE      mosquitto.conf, which says where store and journal are (/etc/mosquitto/mosquitto.conf)\n"
			 "  --store URI      as plugin_opt_store, sqlite:<file>\n"
			 "  --journal FILE   as plugin_opt_journal\n"
			 "  --keep-journal   leave the journal: what was acknowledged and not stored yet is decided on top of the backup at the next start\n"
			 "  --json           an object: file, schema, epoch, epochBefore, chats, transactions, aside (names of what was there)\n",
	.run = run,
};

/* ---- by other means ---- */

static int give_epoch(const struct ctl_command *command, struct store *store, bool as_json)
{
	struct store_info info;
	struct error err;
	if (store_ops(store)->info(store, &info, &err) != STORE_OK)
		return ctl_failed(command, "%s", err.text);
	struct buf details = BUF_EMPTY;
	buf_printf(&details, "{\"epochBefore\":\"%s\"}", info.epoch);
	char before[STORE_EPOCH_LEN + 1];
	snprintf(before, sizeof before, "%s", info.epoch);
	make_epoch(info.epoch);
	int rc = store_ops(store)->adopt(store, &info, &err) == STORE_OK ? CTL_OK : ctl_failed(command, "%s", err.text);
	struct buf line = BUF_EMPTY;
	if (rc == CTL_OK && as_json) {
		object_add_text(&line, "epoch", info.epoch);
		object_add_text(&line, "epochBefore", before);
		object_print(&line);
	} else if (rc == CTL_OK) {
		printf("epoch %s (before: %s)\n", info.epoch, before);
	}
	if (rc == CTL_OK)
		rc = audit_note(command, store, "", details.data, "ok");
	buf_fini(&details);
	return rc;
}

static int run_new_epoch(const struct ctl_command *command, int argc, char **argv)
{
	const char *uri = NULL, *json = NULL;
	const struct ctl_option options[] = {{"store", &uri, CTL_REQUIRED}, {"json", &json, CTL_FLAG}, {NULL, NULL, 0}};
	struct store *store;
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	rc = source_open(command, uri, &store);
	if (rc != CTL_OK)
		return rc;
	rc = give_epoch(command, store, json != NULL);
	source_close(store);
	return rc;
}

const struct ctl_command ctl_new_epoch = {
	.name = "new-epoch",
	.summary = "after a store was restored by other means",
	.usage = "Usage: hyperchatctl new-epoch --store URI [--json]\n\n"
			 "Gives the store a new epoch: clients notice it, forget their numbers and fetch anew. A store that was restored by other\n"
			 "means than 'hyperchatctl restore' (mongorestore, a snapshot of the disk) needs one before the first broker starts on\n"
			 "it, since it will give out numbers again that clients have seen with other contents. All its brokers must be stopped.\n\n"
			 "  --store URI  as plugin_opt_store\n"
			 "  --json       an object: epoch, epochBefore\n",
	.run = run_new_epoch,
};
