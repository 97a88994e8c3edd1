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
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "plugin/broker/hostconf.h"
#include "plugin/broker/hostconf_file.h"
#include "plugin/broker/topic.h"

enum { FILES_MAX = 4096 }; /* opened in all, so that a thousand lines with include_dir end some time */

struct listener {
	char name[PRINTABLE_SIZE];
	bool identity, subject;
	bool named;  /* by a line of its own */
	bool secret; /* TLS, or a proxy says whether: enable_proxy_protocol */
};

struct budget {
	size_t bytes;
	unsigned files;
};

/* One file being read. */
struct reader {
	struct hostconf_settings *settings;
	struct budget *budget;
	const char *prefix;
	bool included;
	struct listener *default_listener; /* one for all files */
	struct listener *listener;         /* the current one: default_listener, or own */
	struct listener own;
	char bridge[PRINTABLE_SIZE];
};

static void meet(struct hostconf_place *place, const char *text)
{
	if (place->met)
		return;
	place->met = true;
	printable(place->name, text);
}

/* ---- files ---- */

static void meet_unread(struct hostconf_settings *settings, const char *path, int rc)
{
	if (!settings->unread.met)
		settings->unread_errno = rc;
	meet(&settings->unread, path);
}

static bool take_budget(struct budget *budget)
{
	if (budget->files == 0)
		return false;
	budget->files--;
	return true;
}

static bool read_within_budget(struct reader *reader, const char *path, struct buf *text)
{
	struct budget *budget = reader->budget;
	int rc = take_budget(budget) ? hostconf_read_file(path, budget->bytes, text) : EFBIG;
	budget->bytes -= text->len < budget->bytes ? text->len : budget->bytes;
	if (rc != 0)
		meet_unread(reader->settings, path, rc);
	return rc == 0;
}

/* ---- values ---- */

static char *next_word(char **rest)
{
	return strtok_r(NULL, " ", rest);
}

static char *trimmed(char *text)
{
	while (isspace((unsigned char)*text))
		text++;
	size_t len = strlen(text);
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return text;
}

static bool take_bool(char *rest, bool *value)
{
	const char *word = next_word(&rest);
	if (word == NULL)
		return false;
	if (strcmp(word, "true") == 0 || strcmp(word, "1") == 0)
		*value = true;
	else if (strcmp(word, "false") == 0 || strcmp(word, "0") == 0)
		*value = false;
	else
		return false;
	return true;
}

/* 2.0 takes decimal digits and passes over what follows them; 2.1 takes 0x… and 0… too. */
static bool take_int(const struct reader *reader, char *rest, int *value)
{
	const char *word = next_word(&rest);
	if (word == NULL)
		return false;
	long number = strtol(word, NULL, reader->settings->is_2_0 ? 10 : 0);
	*value = number < 0 ? 0 : number > INT_MAX ? INT_MAX : (int)number;
	return true;
}

/* ---- settings, by their names ---- */

static void take_per_listener(struct reader *reader, char *rest)
{
	if (reader->settings->is_2_0 || !reader->settings->per_listener) /* 2.1 does not let it be unset */
		take_bool(rest, &reader->settings->per_listener);
}

static void take_duplicates(struct reader *reader, char *rest)
{
	if (take_bool(rest, &reader->settings->duplicates))
		reader->settings->duplicates_set = true;
}

static void take_queue_qos0(struct reader *reader, char *rest)
{
	take_bool(rest, &reader->settings->queue_qos0);
}

static void take_queue_max(struct reader *reader, char *rest)
{
	if (take_int(reader, rest, &reader->settings->queue_max))
		reader->settings->queue_set = true;
}

static void take_sys_interval(struct reader *reader, char *rest)
{
	take_int(reader, rest, &reader->settings->sys_interval_s);
}

static void take_payload_max(struct reader *reader, char *rest)
{
	take_int(reader, rest, &reader->settings->payload_max);
}

static void take_packet_max(struct reader *reader, char *rest)
{
	take_int(reader, rest, &reader->settings->packet_max);
}

static void take_mount_point(struct reader *reader, char *rest)
{
	(void)rest;
	meet(&reader->settings->mount_point, reader->listener->name);
}

static void take_identity(struct reader *reader, char *rest)
{
	take_bool(rest, &reader->listener->identity);
}

static void take_subject(struct reader *reader, char *rest)
{
	take_bool(rest, &reader->listener->subject);
}

static void take_certfile(struct reader *reader, char *rest)
{
	reader->listener->secret = reader->listener->secret || *trimmed(rest) != '\0';
}

static void listener_end(struct reader *reader)
{
	if (reader->listener->identity || reader->listener->subject)
		meet(&reader->settings->certificate, reader->listener->name);
	const struct listener *listener = reader->listener;
	const struct hostconf_port one = {
		.port = (int)strtol(listener->name, NULL, 10),
		.plain = !listener->secret,
		.by_identity = listener->identity,
		.by_subject = listener->subject && !listener->identity,
		.by_token = !listener->identity && !listener->subject,
	};
	/* Of the default listener nothing may be said: then there is none, or it is loopback's. */
	if ((listener->named || listener->secret || !one.by_token) && !hostconf_add_port(reader->settings, &one))
		meet(&reader->settings->mixed, listener->name);
}

/* The default listener can be gone on with in another file, so it ends with the last one. */
static void listener_end_own(struct reader *reader)
{
	if (reader->listener == &reader->own)
		listener_end(reader);
	reader->listener = reader->default_listener;
}

static void take_listener(struct reader *reader, char *rest)
{
	listener_end_own(reader);
	reader->own = (struct listener){.named = true};
	snprintf(reader->own.name, sizeof reader->own.name, "%s", trimmed(rest));
	reader->listener = &reader->own;
}

/* Of the default listener; on 2.1 what follows is about that one again. */
static void take_bind_address(struct reader *reader, char *rest)
{
	(void)rest;
	if (!reader->settings->is_2_0)
		listener_end_own(reader);
}

static void take_port(struct reader *reader, char *rest)
{
	take_bind_address(reader, rest);
	reader->default_listener->named = true;
	snprintf(reader->default_listener->name, sizeof reader->default_listener->name, "%s", trimmed(rest));
}

static void take_connection(struct reader *reader, char *rest)
{
	const char *name = next_word(&rest);
	snprintf(reader->bridge, sizeof reader->bridge, "%s", name ? name : "");
}

/* 2.1 lets a pattern with spaces stand in double quotes. Returns the pattern; *rest moves behind it. */
static char *take_pattern(const struct reader *reader, char **rest)
{
	*rest += strspn(*rest, " ");
	if (reader->settings->is_2_0 || (*rest)[0] != '"' || (*rest)[1] == '"')
		return next_word(rest);
	(*rest)++;
	return strtok_r(NULL, "\"", rest);
}

/* topic <pattern> [[[out | in | both] qos] local-prefix remote-prefix]. Out lets the other side read us, in lets it write to us. */
static void take_topic(struct reader *reader, char *rest)
{
	const char *pattern = take_pattern(reader, &rest);
	if (pattern == NULL)
		return;
	if (strcmp(pattern, "\"\"") == 0)
		pattern = "";
	const char *direction = next_word(&rest), *qos = direction ? next_word(&rest) : NULL, *local = qos ? next_word(&rest) : NULL;
	if (local == NULL || strcmp(local, "\"\"") == 0 || *local == '#' || *qos == '#')
		local = "";
	struct buf filter = BUF_EMPTY;
	buf_printf(&filter, "%s%s", local, pattern);
	const char *below;
	char chat_id[CHAT_ID_MAX + 1];
	if (!reader->settings->bridge.met && filter_read(reader->prefix, filter.data, &below, chat_id) != FILTER_OUTSIDE) {
		meet(&reader->settings->bridge, reader->bridge);
		meet(&reader->settings->bridge_topic, filter.data);
	}
	buf_fini(&filter);
}

static bool is_ours(const char *path)
{
	const char *slash = strrchr(path, '/');
	return strcmp(slash ? slash + 1 : path, HOSTCONF_PLUGIN_FILE) == 0;
}

static void take_global_plugin(struct reader *reader, char *rest)
{
	reader->settings->instances += is_ours(trimmed(rest));
}

static void take_plugin(struct reader *reader, char *rest)
{
	if (!is_ours(trimmed(rest)))
		return;
	reader->settings->instances++;
	if (reader->settings->per_listener)
		reader->settings->for_one_listener = true;
}

/* 2.1: plugin_load NAME FILE is no instance until a listener says plugin_use NAME. */
static void take_plugin_load(struct reader *reader, char *rest)
{
	const char *name = next_word(&rest);
	if (name == NULL || !is_ours(trimmed(rest)))
		return;
	for (size_t i = 0; i < HOSTCONF_PLUGIN_LOADS_MAX; i++)
		if (reader->settings->names[i][0] == '\0') {
			printable(reader->settings->names[i], name);
			return;
		}
}

static void take_plugin_use(struct reader *reader, char *rest)
{
	char name[PRINTABLE_SIZE];
	printable(name, trimmed(rest));
	for (size_t i = 0; i < HOSTCONF_PLUGIN_LOADS_MAX; i++)
		if (strcmp(reader->settings->names[i], name) == 0) {
			reader->settings->names[i][0] = '\0';
			reader->settings->instances++;
			reader->settings->for_one_listener = true;
		}
}

static bool acl_uses_client_id(struct buf *text)
{
	size_t at = 0;
	for (char *line, *rest; (line = hostconf_next_line(text, &at)) != NULL;) {
		const char *word = *line == '#' ? NULL : strtok_r(line, " ", &rest);
		if (word != NULL && strcmp(word, "pattern") == 0 && strstr(rest, "%c") != NULL)
			return true;
	}
	return false;
}

static void look_into_acl(struct reader *reader, const char *path, struct hostconf_place *place)
{
	struct buf text = BUF_EMPTY;
	if (read_within_budget(reader, path, &text) && acl_uses_client_id(&text))
		meet(place, path);
	buf_fini(&text);
}

static void take_acl_file(struct reader *reader, char *rest)
{
	if (!reader->settings->per_listener)
		reader->settings->acl.met = false; /* the last one wins */
	look_into_acl(reader, trimmed(rest), &reader->settings->acl);
}

/* 2.1's mosquitto_acl_file.so reads the same format. */
static void take_acl_of_plugin(struct reader *reader, char *rest)
{
	look_into_acl(reader, trimmed(rest), &reader->settings->acl_of_plugin);
}

static void take_include_dir(struct reader *reader, char *rest);

static const struct setting {
	const char *name;
	void (*take)(struct reader *reader, char *rest);
} SETTINGS[] = {
	{"acl_file", take_acl_file},
	{"allow_duplicate_messages", take_duplicates},
	{"auth_opt_acl_file", take_acl_of_plugin},
	{"auth_plugin", take_plugin},
	{"bind_address", take_bind_address},
	{"certfile", take_certfile},
	{"connection", take_connection},
	{"enable_proxy_protocol", take_certfile},
	{"global_plugin", take_global_plugin},
	{"include_dir", take_include_dir},
	{"listener", take_listener},
	{"max_packet_size", take_packet_max},
	{"max_queued_messages", take_queue_max},
	{"message_size_limit", take_payload_max},
	{"mount_point", take_mount_point},
	{"per_listener_settings", take_per_listener},
	{"plugin", take_plugin},
	{"plugin_load", take_plugin_load},
	{"plugin_opt_acl_file", take_acl_of_plugin},
	{"plugin_use", take_plugin_use},
	{"port", take_port},
	{"psk_hint", take_certfile},
	{"queue_qos0_messages", take_queue_qos0},
	{"sys_interval", take_sys_interval},
	{"topic", take_topic},
	{"use_identity_as_username", take_identity},
	{"use_subject_as_username", take_subject},
};

static void take_line(struct reader *reader, char *line)
{
	char *rest;
	const char *name = *line == '#' ? NULL : strtok_r(line, " ", &rest);
	for (size_t i = 0; name != NULL && i < sizeof SETTINGS / sizeof *SETTINGS; i++)
		if (strcmp(name, SETTINGS[i].name) == 0)
			SETTINGS[i].take(reader, rest);
}

/* file: a copy, since the current listener, the bridge and `included` belong to one file. */
static bool take_file(struct reader file, const char *path)
{
	struct buf text = BUF_EMPTY;
	bool read = read_within_budget(&file, path, &text);
	file.listener = file.default_listener;
	file.bridge[0] = '\0';
	size_t at = 0;
	for (char *line; read && (line = hostconf_next_line(&text, &at)) != NULL;)
		take_line(&file, line);
	listener_end_own(&file);
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

static void take_dir(const struct reader *reader, const char *path, char **names, size_t count)
{
	struct reader included = *reader;
	included.included = true;
	for (size_t i = 0; i < count; i++) {
		struct buf file = BUF_EMPTY;
		buf_printf(&file, "%s/%s", path, names[i]);
		take_file(included, file.data);
		buf_fini(&file);
		free(names[i]);
	}
}

static void take_include_dir(struct reader *reader, char *rest)
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
static void take_command_line(const struct reader *reader, const char *command_line, size_t len)
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
	struct budget budget = {.bytes = HOSTCONF_BYTES_MAX, .files = FILES_MAX};
	struct listener default_listener = {.name = "1883"};
	struct reader reader = {.settings = settings, .budget = &budget, .prefix = prefix, .default_listener = &default_listener,
		.listener = &default_listener};
	take_command_line(&reader, command_line, len);
	listener_end(&reader);
}

bool hostconf_own_command_line(struct buf *text)
{
	return hostconf_read_file("/proc/self/cmdline", HOSTCONF_BYTES_MAX, text) == 0;
}
