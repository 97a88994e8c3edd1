/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Reads the broker's configuration files again. Any thread, at start only.
 *
 * What Mosquitto's reader does, and this one does after it: only spaces part words, a comment is a line whose first byte is '#', the last
 * value wins, include_dir counts in the main file only and takes *.conf sorted without regard to case, each included file begins without
 * a listener and a bridge of its own. By then the broker has dropped its privileges, so a file it read as root may be closed to us. */
#include "plugin/broker/hostconf_read.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "plugin/broker/hostconf_file.h"
#include "plugin/broker/hostconf_line.h"

enum { FILES_MAX = 4096 }; /* opened in all, so that a thousand lines with include_dir end some time */

/* ---- files ---- */

static void meet_unread(struct hostconf_settings *settings, const char *path, int rc)
{
	if (!settings->unread.met)
		settings->unread_errno = rc;
	hostconf_meet(&settings->unread, path);
}

static bool take_budget(struct hostconf_budget *budget)
{
	if (budget->files == 0)
		return false;
	budget->files--;
	return true;
}

bool hostconf_read_within_budget(struct hostconf_reader *reader, const char *path, struct buf *text)
{
	struct hostconf_budget *budget = reader->budget;
	int rc = take_budget(budget) ? hostconf_read_file(path, budget->bytes, text) : EFBIG;
	budget->bytes -= text->len < budget->bytes ? text->len : budget->bytes;
	if (rc != 0)
		meet_unread(reader->settings, path, rc);
	return rc == 0;
}

/* file: a copy, since the current listener, the bridge and `included` belong to one file. */
static bool take_file(struct hostconf_reader file, const char *path)
{
	struct buf text = BUF_EMPTY;
	bool read = hostconf_read_within_budget(&file, path, &text);
	file.listener = file.default_listener;
	file.bridge[0] = '\0';
	size_t at = 0;
	for (char *line; read && (line = hostconf_next_line(&text, &at)) != NULL;)
		hostconf_take_line(&file, line);
	hostconf_end_own_listener(&file);
	buf_fini(&text);
	return read;
}

/* ---- include_dir ---- */

/* Mosquitto's order: without regard to case, and where that decides nothing by the first differing byte. */
static int compare_names(const void *left, const void *right)
{
	const char *a = *(char *const *)left, *b = *(char *const *)right;
	for (; *a && *b; a++, b++) {
		int by_letter = (char)toupper((unsigned char)*a) - (char)toupper((unsigned char)*b);
		if (by_letter != 0)
			return by_letter;
		if (*a != *b)
			return *a - *b;
	}
	return *a - *b;
}

static bool is_conf_name(const char *name)
{
	size_t len = strlen(name);
	return len > 5 && strcmp(name + len - 5, ".conf") == 0;
}

static size_t list_names(DIR *dir, char **names)
{
	size_t count = 0;
	for (const struct dirent *entry; count < FILES_MAX && (entry = readdir(dir)) != NULL;)
		if (is_conf_name(entry->d_name))
			names[count++] = mem_text(entry->d_name);
	qsort(names, count, sizeof *names, compare_names);
	return count;
}

static void take_dir(const struct hostconf_reader *reader, const char *path, char **names, size_t count)
{
	struct hostconf_reader included = *reader;
	included.included = true;
	for (size_t i = 0; i < count; i++) {
		struct buf file = BUF_EMPTY;
		buf_printf(&file, "%s/%s", path, names[i]);
		take_file(included, file.data);
		buf_fini(&file);
		free(names[i]);
	}
}

void hostconf_take_include_dir(struct hostconf_reader *reader, char *rest)
{
	if (reader->included || *rest == '\0')
		return;
	DIR *dir = take_budget(reader->budget) ? opendir(rest) : (errno = EFBIG, NULL);
	if (dir == NULL) {
		meet_unread(reader->settings, rest, errno);
		return;
	}
	char **names = mem_new(FILES_MAX * sizeof *names);
	size_t count = list_names(dir, names);
	closedir(dir);
	take_dir(reader, rest, names, count);
	free(names);
}

/* ---- the command line ---- */

/* What follows these is no option: Mosquitto's own, and the dynamic loader's when the broker was started through it. */
static bool has_argument(const char *option)
{
	static const char *const OPTIONS[] = {"-p", "--port", "--tls-keylog", "--library-path", "--argv0", "--preload", "--audit",
		"--inhibit-rpath", "--glibc-hwcaps-prepend", "--glibc-hwcaps-mask"};
	for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; i++)
		if (strcmp(option, OPTIONS[i]) == 0)
			return true;
	return false;
}

static const char *next_argument(const char *command_line, size_t len, size_t *at)
{
	if (*at >= len || memchr(command_line + *at, '\0', len - *at) == NULL)
		return NULL;
	const char *argument = command_line + *at;
	*at += strlen(argument) + 1;
	return argument;
}

/* Mosquitto reads each -c in its turn, into the same settings. */
static void take_command_line(const struct hostconf_reader *reader, const char *command_line, size_t len)
{
	size_t at = 0;
	for (const char *option; (option = next_argument(command_line, len, &at)) != NULL;) {
		bool names_file = strcmp(option, "-c") == 0 || strcmp(option, "--config-file") == 0;
		const char *argument = names_file || has_argument(option) ? next_argument(command_line, len, &at) : NULL;
		if (names_file && argument != NULL)
			reader->settings->read |= take_file(*reader, argument);
	}
}

void hostconf_read(const char *command_line, size_t len, bool is_2_0, const char *prefix, struct hostconf_settings *settings)
{
	*settings = (struct hostconf_settings){.is_2_0 = is_2_0, .duplicates = !is_2_0, .queue_max = HOSTCONF_QUEUE_DEFAULT,
		.sys_interval_s = HOSTCONF_SYS_DEFAULT};
	struct hostconf_budget budget = {.bytes = HOSTCONF_BYTES_MAX, .files = FILES_MAX};
	struct hostconf_listener default_listener = {.name = "1883"};
	struct hostconf_reader reader = {.settings = settings, .budget = &budget, .prefix = prefix, .default_listener = &default_listener,
		.listener = &default_listener};
	take_command_line(&reader, command_line, len);
	hostconf_end_listener(&reader);
}

bool hostconf_own_command_line(struct buf *text)
{
	return hostconf_read_file("/proc/self/cmdline", HOSTCONF_BYTES_MAX, text) == 0;
}
