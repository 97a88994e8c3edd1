/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See hostconf_line.h: the settings by their names, as Mosquitto takes them. */
#include "plugin/broker/hostconf_line.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/hostconf_file.h"
#include "plugin/broker/topic.h"

void hostconf_meet(struct hostconf_place *place, const char *text)
{
	if (place->met)
		return;
	place->met = true;
	printable(place->name, text);
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
static bool take_int(const struct hostconf_reader *reader, char *rest, int *value)
{
	const char *word = next_word(&rest);
	if (word == NULL)
		return false;
	long number = strtol(word, NULL, reader->settings->is_2_0 ? 10 : 0);
	*value = number < 0 ? 0 : number > INT_MAX ? INT_MAX : (int)number;
	return true;
}

/* ---- settings, by their names ---- */

static void take_per_listener(struct hostconf_reader *reader, char *rest)
{
	if (reader->settings->is_2_0 || !reader->settings->per_listener) /* 2.1 does not let it be unset */
		take_bool(rest, &reader->settings->per_listener);
}

static void take_duplicates(struct hostconf_reader *reader, char *rest)
{
	if (take_bool(rest, &reader->settings->duplicates))
		reader->settings->duplicates_set = true;
}

static void take_queue_qos0(struct hostconf_reader *reader, char *rest)
{
	take_bool(rest, &reader->settings->queue_qos0);
}

static void take_queue_max(struct hostconf_reader *reader, char *rest)
{
	if (take_int(reader, rest, &reader->settings->queue_max))
		reader->settings->queue_set = true;
}

static void take_sys_interval(struct hostconf_reader *reader, char *rest)
{
	take_int(reader, rest, &reader->settings->sys_interval_s);
}

static void take_payload_max(struct hostconf_reader *reader, char *rest)
{
	take_int(reader, rest, &reader->settings->payload_max);
}

static void take_packet_max(struct hostconf_reader *reader, char *rest)
{
	take_int(reader, rest, &reader->settings->packet_max);
}

static void take_mount_point(struct hostconf_reader *reader, char *rest)
{
	(void)rest;
	hostconf_meet(&reader->settings->mount_point, reader->listener->name);
}

static void take_identity(struct hostconf_reader *reader, char *rest)
{
	take_bool(rest, &reader->listener->identity);
}

static void take_subject(struct hostconf_reader *reader, char *rest)
{
	take_bool(rest, &reader->listener->subject);
}

static void take_certfile(struct hostconf_reader *reader, char *rest)
{
	reader->listener->secret = reader->listener->secret || *trimmed(rest) != '\0';
}

/* name: of a listener, its port and address. bind_address is left out: such a listener counts as everybody's. */
static bool at_loopback(const char *name)
{
	struct in_addr v4;
	const char *address = name + strcspn(name, " ");
	address += strspn(address, " ");
	return strcmp(address, "localhost") == 0 || strcmp(address, "::1") == 0 ||
	       (inet_pton(AF_INET, address, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

void hostconf_end_listener(struct hostconf_reader *reader)
{
	if (reader->listener->identity || reader->listener->subject)
		hostconf_meet(&reader->settings->certificate, reader->listener->name);
	const struct hostconf_listener *listener = reader->listener;
	const struct hostconf_port one = {
		.port = (int)strtol(listener->name, NULL, 10),
		.plain = !listener->secret,
		.plain_afar = !listener->secret && !at_loopback(listener->name),
		.by_identity = listener->identity,
		.by_subject = listener->subject && !listener->identity,
		.by_token = !listener->identity && !listener->subject,
	};
	/* Of the default listener nothing may be said: then there is none, or it is loopback's. */
	if ((listener->named || listener->secret || !one.by_token) && !hostconf_add_port(reader->settings, &one))
		hostconf_meet(&reader->settings->mixed, listener->name);
}

/* The default listener can be gone on with in another file, so it ends with the last one. */
void hostconf_end_own_listener(struct hostconf_reader *reader)
{
	if (reader->listener == &reader->own)
		hostconf_end_listener(reader);
	reader->listener = reader->default_listener;
}

static void take_listener(struct hostconf_reader *reader, char *rest)
{
	hostconf_end_own_listener(reader);
	reader->own = (struct hostconf_listener){.named = true};
	snprintf(reader->own.name, sizeof reader->own.name, "%s", trimmed(rest));
	reader->listener = &reader->own;
}

/* Of the default listener; on 2.1 what follows is about that one again. */
static void take_bind_address(struct hostconf_reader *reader, char *rest)
{
	(void)rest;
	if (!reader->settings->is_2_0)
		hostconf_end_own_listener(reader);
}

static void take_port(struct hostconf_reader *reader, char *rest)
{
	take_bind_address(reader, rest);
	reader->default_listener->named = true;
	snprintf(reader->default_listener->name, sizeof reader->default_listener->name, "%s", trimmed(rest));
}

static void take_connection(struct hostconf_reader *reader, char *rest)
{
	const char *name = next_word(&rest);
	snprintf(reader->bridge, sizeof reader->bridge, "%s", name ? name : "");
}

/* 2.1 lets a pattern with spaces stand in double quotes. Returns the pattern; *rest moves behind it. */
static char *take_pattern(const struct hostconf_reader *reader, char **rest)
{
	*rest += strspn(*rest, " ");
	if (reader->settings->is_2_0 || (*rest)[0] != '"' || (*rest)[1] == '"')
		return next_word(rest);
	(*rest)++;
	return strtok_r(NULL, "\"", rest);
}

/* topic <pattern> [[[out | in | both] qos] local-prefix remote-prefix]. Out lets the other side read us, in lets it write to us. */
static void take_topic(struct hostconf_reader *reader, char *rest)
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
		hostconf_meet(&reader->settings->bridge, reader->bridge);
		hostconf_meet(&reader->settings->bridge_topic, filter.data);
	}
	buf_fini(&filter);
}

static const char *file_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool is_ours(const char *path)
{
	return strcmp(file_of(path), HOSTCONF_PLUGIN_FILE) == 0;
}

/* What is known to say nothing about who may what. */
static bool lets_others_decide(const char *path)
{
	return strcmp(file_of(path), "mosquitto_persist_sqlite.so") == 0;
}

/* Plugins are asked in the order of their lines. */
static bool count_plugin(struct hostconf_reader *reader, const char *path)
{
	bool ours = is_ours(path);
	reader->settings->others |= !ours && !lets_others_decide(path);
	if (!ours && reader->settings->instances == 0 && !lets_others_decide(path))
		hostconf_meet(&reader->settings->before, file_of(path));
	reader->settings->instances += ours;
	return ours;
}

static void take_global_plugin(struct hostconf_reader *reader, char *rest)
{
	count_plugin(reader, trimmed(rest));
}

static void take_plugin(struct hostconf_reader *reader, char *rest)
{
	if (count_plugin(reader, trimmed(rest)) && reader->settings->per_listener)
		reader->settings->for_one_listener = true;
}

/* 2.1: plugin_load NAME FILE is no instance until a listener says plugin_use NAME. */
static void take_plugin_load(struct hostconf_reader *reader, char *rest)
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

static void take_plugin_use(struct hostconf_reader *reader, char *rest)
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

static void look_into_acl(struct hostconf_reader *reader, const char *path, struct hostconf_place *place)
{
	struct buf text = BUF_EMPTY;
	if (hostconf_read_within_budget(reader, path, &text) && acl_uses_client_id(&text))
		hostconf_meet(place, path);
	buf_fini(&text);
}

static void take_passwords(struct hostconf_reader *reader, char *rest)
{
	hostconf_meet(&reader->settings->passwords, trimmed(rest));
}

static void take_acl_file(struct hostconf_reader *reader, char *rest)
{
	reader->settings->acl_given = true;
	if (!reader->settings->per_listener)
		reader->settings->acl.met = false; /* the last one wins */
	look_into_acl(reader, trimmed(rest), &reader->settings->acl);
}

/* 2.1's mosquitto_acl_file.so reads the same format. */
static void take_acl_of_plugin(struct hostconf_reader *reader, char *rest)
{
	look_into_acl(reader, trimmed(rest), &reader->settings->acl_of_plugin);
}

static const struct setting {
	const char *name;
	void (*take)(struct hostconf_reader *reader, char *rest);
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
	{"include_dir", hostconf_take_include_dir},
	{"listener", take_listener},
	{"max_packet_size", take_packet_max},
	{"max_queued_messages", take_queue_max},
	{"message_size_limit", take_payload_max},
	{"mount_point", take_mount_point},
	{"password_file", take_passwords},
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

void hostconf_take_line(struct hostconf_reader *reader, char *line)
{
	char *rest;
	const char *name = *line == '#' ? NULL : strtok_r(line, " ", &rest);
	for (size_t i = 0; name != NULL && i < sizeof SETTINGS / sizeof *SETTINGS; i++)
		if (strcmp(name, SETTINGS[i].name) == 0)
			SETTINGS[i].take(reader, rest);
}
