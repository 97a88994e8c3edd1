/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See swap.h. */
#include "plugin/ctl/swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "base/path.h"
#include "plugin/ctl/files.h"
#include "plugin/ctl/source.h"
#include "storage/sqlite/file.h"

static bool refused(const struct swap *swap, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool refused(const struct swap *swap, const char *format, ...)
{
	char text[600];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	ctl_failed(swap->command, "%s", text);
	return false;
}

/* ---- who is there ---- */

/* The journal is its broker's as long as that runs. */
static bool take_journal(struct swap *swap)
{
	if (swap->journal_fd < 0 && swap->journal[0])
		swap->journal_fd = open(swap->journal, O_RDONLY | O_CLOEXEC);
	bool used = swap->journal_fd >= 0 && flock(swap->journal_fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	return !used || refused(swap, "%s: a broker is using it; stop that first", swap->journal);
}

bool swap_file_is_free(const struct ctl_command *command, const char *file)
{
	pid_t pid = 0;
	int used = access(file, F_OK) == 0 ? sqlite_file_is_used(file, &pid) : 0;
	if (used < 0)
		ctl_failed(command, "%s: %s", file, strerror(errno));
	else if (used > 0 && pid > 0)
		ctl_failed(command, "%s: process %ld has it open; stop the broker first", file, (long)pid);
	else if (used > 0)
		ctl_failed(command, "%s: a process that cannot be seen from here (in another container?) has it open; stop the broker first", file);
	return used == 0;
}

bool swap_is_unused(struct swap *swap)
{
	return swap_file_is_free(swap->command, swap->file) && take_journal(swap);
}

/* ---- the new one, beside it ---- */

/* As the one that it takes the place of; of the directory's owner, where there is none. Only root can give files away. */
static bool give_owner(const struct swap *swap, int fd)
{
	struct stat status;
	char *directory = path_directory(swap->file);
	bool known = stat(swap->file, &status) == 0 || stat(directory, &status) == 0;
	free(directory);
	if (!known || geteuid() != 0 || fchown(fd, status.st_uid, status.st_gid) == 0)
		return true;
	return refused(swap, "%s: %s", swap->part, strerror(errno));
}

bool swap_make_part(struct swap *swap)
{
	struct error err;
	swap->part_fd = files_make_own(swap->part, &err);
	if (swap->part_fd < 0)
		return refused(swap, "%s", err.text);
	if (flock(swap->part_fd, LOCK_EX | LOCK_NB) != 0)
		return refused(swap, "%s: %s", swap->part, errno == EWOULDBLOCK ? "another process is making it" : strerror(errno));
	return (ftruncate(swap->part_fd, 0) == 0 || refused(swap, "%s: %s", swap->part, strerror(errno))) && give_owner(swap, swap->part_fd);
}

/* ---- what is there ---- */

/* The file named `file` `end` is also `file` suffix `end`; SQLite finds a store's WAL by such names. */
static bool name_anew(struct swap *swap, const char *file, const char *end)
{
	struct buf name = BUF_EMPTY, aside = BUF_EMPTY;
	struct error err;
	bool there = false;
	buf_printf(&name, "%s%s", file, end);
	buf_printf(&aside, "%s%s%s", file, swap->suffix, end);
	bool good = files_also_name(name.data, aside.data, &there, &err) || refused(swap, "%s", err.text);
	if (there && !swap->quiet)
		printf("%s is %s now\n", name.data, aside.data);
	if (there && swap->aside.len > 0)
		buf_add_char(&swap->aside, ',');
	if (there)
		json_add_string(&swap->aside, aside.data, aside.len);
	buf_fini(&name);
	buf_fini(&aside);
	return good;
}

static bool remove_name(const struct swap *swap, const char *file, const char *end)
{
	struct buf name = BUF_EMPTY;
	struct error err;
	buf_printf(&name, "%s%s", file, end);
	bool good = files_remove_name(name.data, &err) || refused(swap, "%s", err.text);
	buf_fini(&name);
	return good;
}

/* -shm is made anew by whoever opens the store next. A WAL would not come along: it is found by its file's name. */
bool swap_in(struct swap *swap)
{
	struct error err;
	bool has_journal = swap->journal[0] != '\0';
	bool settled = sqlite_file_settle(swap->part, &err) == STORE_OK || refused(swap, "%s", err.text);
	bool named = settled && name_anew(swap, swap->file, "") && name_anew(swap, swap->file, "-wal") &&
		(!has_journal || (name_anew(swap, swap->journal, "") && name_anew(swap, swap->journal, ".quarantine")));
	bool replaced = named && remove_name(swap, swap->file, "-wal") && remove_name(swap, swap->file, "-shm") &&
		(files_replace(swap->part, swap->file, &err) || refused(swap, "%s", err.text));
	/* Until then the journal is what tells a broker that its store is not whole. */
	return replaced && (!has_journal || (remove_name(swap, swap->journal, "") && remove_name(swap, swap->journal, ".quarantine")));
}

/* ---- beginning and end ---- */

void swap_init(struct swap *swap, const struct ctl_command *command, const char *file, const char *ending, const char *before)
{
	time_t now = time(NULL);
	struct tm utc;
	char at[32];
	struct buf part = BUF_EMPTY;
	gmtime_r(&now, &utc);
	strftime(at, sizeof at, "%Y%m%dT%H%M%SZ", &utc);
	*swap = (struct swap){.command = command, .file = file, .journal = "", .part_fd = -1, .journal_fd = -1, .aside = BUF_EMPTY};
	snprintf(swap->suffix, sizeof swap->suffix, ".%s-%s", before, at);
	buf_printf(&part, "%s%s", file, ending);
	swap->part = part.data;
}

void swap_fini(struct swap *swap)
{
	if (swap->part_fd >= 0)
		close(swap->part_fd);
	if (swap->journal_fd >= 0)
		close(swap->journal_fd);
	free(swap->part);
	buf_fini(&swap->aside);
}
