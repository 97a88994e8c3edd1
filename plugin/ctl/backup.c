/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl backup: a SQLite store as one file, while brokers run. One thread, blocks.
 *
 * It is made and checked under another name, and gets its own when it is good: so what has that name is whole. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "plugin/ctl/audit.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/files.h"
#include "plugin/ctl/object.h"
#include "plugin/ctl/progress.h"
#include "plugin/ctl/source.h"
#include "storage/sqlite/file.h"

struct backup {
	const struct ctl_command *command;
	const char *uri, *file, *to;
	char *part; /* the other name */
	struct progress progress;
	struct sqlite_file_info info;
};

static void show(void *context, uint64_t done, uint64_t total)
{
	struct backup *backup = context;
	progress_show(&backup->progress, done, total, "%" PRIu64 " of %" PRIu64 " pages", done, total);
}

/* Empty, and nobody else's; what an interrupted backup left there is taken over. -1: it was said why not. */
static int take_part(struct backup *backup)
{
	struct error err;
	int fd = files_make_own(backup->part, &err);
	if (fd < 0) {
		ctl_failed(backup->command, "%s", err.text);
		return -1;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && ftruncate(fd, 0) == 0)
		return fd;
	if (errno == EWOULDBLOCK)
		ctl_failed(backup->command, "%s: another backup is being made into it", backup->part);
	else
		ctl_failed(backup->command, "%s: %s", backup->part, strerror(errno));
	close(fd);
	return -1;
}

static bool make(struct backup *backup, struct error *err)
{
	const struct sqlite_file_watch watch = {show, backup, true};
	bool good = sqlite_file_info(backup->file, &backup->info, err) == STORE_OK &&
		sqlite_file_copy(backup->file, backup->part, &watch, err) == STORE_OK && sqlite_file_check(backup->part, err) == STORE_OK &&
		sqlite_file_info(backup->part, &backup->info, err) == STORE_OK;
	progress_wipe(&backup->progress);
	return good;
}

static void print(const struct backup *backup, bool as_json)
{
	struct buf line = BUF_EMPTY;
	if (as_json) {
		object_add_text(&line, "file", backup->to);
		object_add_i64(&line, "schema", backup->info.schema);
		object_add_text(&line, "epoch", backup->info.epoch);
		object_add_u64(&line, "chats", backup->info.chats);
		object_add_u64(&line, "transactions", backup->info.transactions);
		object_print(&line);
	} else {
		printf("%s: %" PRIu64 " chats, %" PRIu64 " transactions, schema %d, checked\n", backup->to, backup->info.chats, backup->info.transactions,
			backup->info.schema);
	}
}

static int note(const struct backup *backup)
{
	struct buf details = BUF_EMPTY;
	object_add_text(&details, "to", backup->to);
	object_end(&details);
	int rc = audit_note_in(backup->command, backup->uri, STORE_NO_MIGRATION | STORE_BESIDE, details.data);
	buf_fini(&details);
	return rc;
}

static int run_backup(struct backup *backup, bool as_json)
{
	struct error err;
	if (access(backup->to, F_OK) == 0)
		return ctl_failed(backup->command, "%s: there is such a file, and it is left alone", backup->to);
	int fd = take_part(backup);
	if (fd < 0)
		return CTL_FAILED;
	int rc = make(backup, &err) && files_put_in_place(backup->part, backup->to, &err) ? CTL_OK : ctl_failed(backup->command, "%s", err.text);
	if (rc != CTL_OK)
		unlink(backup->part);
	close(fd);
	if (rc == CTL_OK)
		print(backup, as_json);
	return rc == CTL_OK ? note(backup) : rc;
}

static int run(const struct ctl_command *command, int argc, char **argv)
{
	const char *json = NULL;
	struct backup backup = {.command = command};
	const struct ctl_option options[] = {{"store", &backup.uri, CTL_REQUIRED}, {"to", &backup.to, CTL_REQUIRED}, {"json", &json, CTL_FLAG},
		{NULL, NULL, 0}};
	struct buf part = BUF_EMPTY;
	int rc = ctl_options(command, options, argc, argv);
	if (rc >= 0)
		return rc;
	backup.file = source_file(backup.uri);
	if (backup.file == NULL)
		return ctl_failed(command, "only of sqlite:<file>; a MongoDB store is backed up by mongodump (docs/storage.md)");
	buf_printf(&part, "%s.part", backup.to);
	backup.part = part.data;
	progress_init(&backup.progress);
	rc = run_backup(&backup, json != NULL);
	buf_fini(&part);
	return rc;
}

const struct ctl_command ctl_backup = {
	.name = "backup",
	.summary = "copy a store into one file, while the broker runs",
	.usage = "Usage: hyperchatctl backup --store URI --to FILE [--json]\n\n"
			 "Copies a SQLite store as it is at this moment into one file, and checks that. The broker may be running: nobody waits\n"
			 "for it, it takes at most half of the disk's time, and while it runs the store's -wal file grows. FILE is there when all\n"
			 "is good, never a part of it; until then it is FILE.part, which is taken over by the next try when it was interrupted.\n"
			 "It holds all messages in clear, and the secrets; only its owner may read it. 'hyperchatctl restore' brings it back.\n\n"
			 "  --store URI  as plugin_opt_store, sqlite:<file>\n"
			 "  --to FILE    must not exist\n"
			 "  --json       an object: file, schema, epoch, chats, transactions\n",
	.run = run,
};
