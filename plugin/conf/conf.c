/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Options in, typed fields out. Any thread. Everything that is known about an option stands in table.c; here is how a type is read,
 * compared and shown. A value from outside gets into an error text only escaped and cut. */
#include "plugin/conf/conf.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "plugin/conf/table.h"

enum { LIMITS_FILE_MAX = 64 << 10, SHOWN_MAX = 32, ALLOWED_SIZE = 120 };

static void *field(const struct conf *conf, const struct option *option)
{
	return (char *)(uintptr_t)conf + option->offset;
}

static bool holds_text(const struct option *option)
{
	return option->type <= OPTION_STORE;
}

/* ---- texts for people ---- */

/* At most SHOWN_MAX bytes, printable ASCII only: the log is no place for what somebody pasted by mistake. */
static void escape(const char *value, char shown[SHOWN_MAX + 4])
{
	size_t i = 0;
	for (; value[i] != '\0' && i < SHOWN_MAX; i++)
		shown[i] = value[i] >= ' ' && value[i] <= '~' && value[i] != '"' ? value[i] : '?';
	snprintf(shown + i, 4, "%s", value[i] != '\0' ? "..." : "");
}

static void list_choices(const struct option *option, char allowed[ALLOWED_SIZE])
{
	size_t len = (size_t)snprintf(allowed, ALLOWED_SIZE, "one of");
	for (size_t i = 0; option->choices[i] != NULL; i++)
		len += (size_t)snprintf(allowed + len, ALLOWED_SIZE - len, "%s %s", i ? "," : "", option->choices[i]);
}

/* "a number of seconds from 0 to 300" */
static void describe_allowed(const struct option *option, char allowed[ALLOWED_SIZE])
{
	switch (option->type) {
	case OPTION_CHOICE:
		list_choices(option, allowed);
		break;
	case OPTION_NUMBER:
		snprintf(allowed, ALLOWED_SIZE, "a number%s%s from %" PRIu64 " to %" PRIu64, option->unit ? " of " : "",
			option->unit ? option->unit : "", option->min, option->max);
		break;
	case OPTION_BYTES:
		snprintf(allowed, ALLOWED_SIZE, "a number of bytes from %" PRIu64 " to %" PRIu64 " (K, M and G are understood)", option->min,
			option->max);
		break;
	case OPTION_LEVEL:
		snprintf(allowed, ALLOWED_SIZE, "%" PRIu64 " to %" PRIu64 " letters, digits, '_' or '-'", option->min, option->max);
		break;
	case OPTION_STORE:
		snprintf(allowed, ALLOWED_SIZE, "<backend>:<place>, such as sqlite:/var/lib/mosquitto/hyperchat.db");
		break;
	case OPTION_FILE:
	case OPTION_TEXT:
		snprintf(allowed, ALLOWED_SIZE, "%s of %" PRIu64 " to %" PRIu64 " bytes, UTF-8 without control characters",
			option->type == OPTION_FILE ? "a file name" : "a text", option->min, option->max);
		break;
	}
}

static bool refuse(const struct option *option, const char *where, const char *value, struct error *err)
{
	char shown[SHOWN_MAX + 4], allowed[ALLOWED_SIZE];
	escape(option->type == OPTION_STORE ? "(hidden)" : value, shown);
	describe_allowed(option, allowed);
	error_set(err, -1, 0, "%s%s: \"%s\" is not allowed; give %s", where, option->name, shown, allowed);
	return false;
}

/* ---- one value ---- */

static bool is_level(const char *value)
{
	return value[strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] == '\0';
}

static bool is_store(const char *value)
{
	size_t scheme_len = strspn(value, "abcdefghijklmnopqrstuvwxyz+");
	return scheme_len > 0 && value[scheme_len] == ':';
}

static bool read_text(const struct option *option, const char *value, char **text)
{
	size_t len = strlen(value);
	if (len < option->min || len > option->max || !text_is_utf8(value, len) || text_has_control(value, len))
		return false;
	if ((option->type == OPTION_LEVEL && !is_level(value)) || (option->type == OPTION_STORE && !is_store(value)))
		return false;
	free(*text);
	*text = mem_text(value);
	return true;
}

static bool read_choice(const struct option *option, const char *value, int *choice)
{
	for (int i = 0; option->choices[i] != NULL; i++)
		if (strcmp(option->choices[i], value) == 0) {
			*choice = i;
			return true;
		}
	return false;
}

/* How far the letter behind a size shifts it; 0: there is none. */
static unsigned suffix_bits(char last)
{
	return last == 'K' ? 10 : last == 'M' ? 20 : last == 'G' ? 30 : 0;
}

static bool read_number(const struct option *option, const char *value, uint64_t *number)
{
	size_t len = strlen(value);
	unsigned bits = option->type == OPTION_BYTES && len > 0 ? suffix_bits(value[len - 1]) : 0;
	uint64_t read;
	if (!text_to_u64(value, bits ? len - 1 : len, option->max >> bits, &read) || read << bits < option->min)
		return false;
	*number = read << bits;
	return true;
}

static bool read_value(struct conf *conf, const struct option *option, const char *value)
{
	if (holds_text(option))
		return read_text(option, value, field(conf, option));
	if (option->type == OPTION_CHOICE)
		return read_choice(option, value, field(conf, option));
	return read_number(option, value, field(conf, option));
}

/* ---- all values ---- */

static const struct option *find_option(const char *name)
{
	for (size_t i = 0; i < option_count; i++)
		if (strcmp(option_table[i].name, name) == 0)
			return &option_table[i];
	return NULL;
}

static bool refuse_unknown(const char *where, const char *name, struct error *err)
{
	char shown[SHOWN_MAX + 4];
	escape(name, shown);
	error_set(err, -1, 0, "%s%s: there is no such option; docs/configuration.md lists them all", where, shown);
	return false;
}

/* ---- what is handed on ---- */

static const char HANDED_ON[] = "kafka_";
enum { HANDED_ON_VALUE_MAX = 8192 };

/* kafka_sasl_mechanism → sasl.mechanism */
static char *property_name(const char *option_name)
{
	char *name = mem_text(option_name + sizeof HANDED_ON - 1);
	for (char *c = name; *c != '\0'; c++)
		if (*c == '_')
			*c = '.';
	return name;
}

static void add_property(struct conf *conf, char *name, const char *value)
{
	conf->kafka_properties = mem_grow(conf->kafka_properties, (conf->kafka_property_count + 1) * sizeof *conf->kafka_properties);
	conf->kafka_properties[conf->kafka_property_count++] = (struct conf_property){name, mem_text(value)};
}

static bool hand_on(struct conf *conf, const char *where, const char *option_name, const char *value, struct error *err)
{
	char shown[SHOWN_MAX + 4];
	char *name = property_name(option_name);
	bool twice = false;
	for (size_t i = 0; i < conf->kafka_property_count; i++)
		twice = twice || strcmp(conf->kafka_properties[i].name, name) == 0;
	size_t len = strlen(value);
	if (!twice && len <= HANDED_ON_VALUE_MAX && text_is_utf8(value, len) && !text_has_control(value, len)) {
		add_property(conf, name, value);
		return true;
	}
	free(name);
	escape(option_name, shown);
	error_set(err, -1, 0, "%s%s: %s", where, shown, twice ? "stands twice; keep one" : "is no UTF-8 without control characters, or too long");
	return false;
}

/* given: which options came, by index in the table. */
static bool set_one(struct conf *conf, bool *given, const char *where, const char *name, const char *value, struct error *err)
{
	const struct option *option = find_option(name);
	if (option == NULL && strncmp(name, HANDED_ON, sizeof HANDED_ON - 1) == 0 && name[sizeof HANDED_ON - 1] != '\0')
		return hand_on(conf, where, name, value, err);
	if (option == NULL)
		return refuse_unknown(where, name, err);
	bool *seen = &given[option - option_table];
	if (*seen) {
		error_set(err, -1, 0, "%s%s: stands twice; keep one", where, option->name);
		return false;
	}
	*seen = true;
	return read_value(conf, option, value) || refuse(option, where, value, err);
}

static void set_defaults(struct conf *conf)
{
	for (size_t i = 0; i < option_count; i++)
		if (option_table[i].value != NULL && !read_value(conf, &option_table[i], option_table[i].value))
			abort(); /* the table contradicts itself; a test sets every default */
}

static bool check_required(const bool *given, struct error *err)
{
	for (size_t i = 0; i < option_count; i++) {
		if (option_table[i].value != NULL || given[i])
			continue;
		char allowed[ALLOWED_SIZE];
		describe_allowed(&option_table[i], allowed);
		error_set(err, -1, 0, "plugin_opt_%s: is missing; give %s", option_table[i].name, allowed);
		return false;
	}
	return true;
}

/* Somebody has to be believed, and what is said of him must be whole. */
static bool check_identity(const struct conf *conf, struct error *err)
{
	bool keys = conf->keys[0] != '\0', oidc = conf->oidc[0] != '\0';
	if (!keys && !oidc && conf->issuers_file[0] == '\0')
		error_set(err, -1, 0, "plugin_opt_keys: is missing; give a file with keys, or plugin_opt_oidc, or plugin_opt_issuers_file");
	else if (keys && conf->issuer[0] == '\0')
		error_set(err, -1, 0, "plugin_opt_issuer: is missing; give the iss of the tokens that plugin_opt_keys verifies");
	else if (!keys && conf->issuer[0] != '\0')
		error_set(err, -1, 0, "plugin_opt_issuer: belongs to plugin_opt_keys, which is missing; plugin_opt_oidc needs no other name");
	else if ((keys || oidc) && conf->audience[0] == '\0')
		error_set(err, -1, 0, "plugin_opt_audience: is missing; give what the aud of the tokens must be or contain");
	else
		return true;
	return false;
}

/* ---- the limits file ---- */

/* NULL and err when it cannot be read whole. */
static char *read_file(const char *name, struct error *err)
{
	FILE *file = fopen(name, "re");
	if (file == NULL) {
		error_set(err, -1, errno, "plugin_opt_limits_file: %s: cannot be opened: %s", name, error_words(errno));
		return NULL;
	}
	char *text = mem_new(LIMITS_FILE_MAX + 1);
	size_t len = fread(text, 1, LIMITS_FILE_MAX, file);
	bool whole = !ferror(file) && len < LIMITS_FILE_MAX && memchr(text, '\0', len) == NULL;
	text[len] = '\0';
	fclose(file);
	if (whole)
		return text;
	free(text);
	error_set(err, -1, 0, "plugin_opt_limits_file: %s: cannot be read, or is no text of at most %d bytes", name, LIMITS_FILE_MAX);
	return NULL;
}

/* One line, changed in place: "name value", spaces around them and what follows a '#' do not count. */
static bool set_line(struct conf *conf, bool *given, int number, char *line, struct error *err)
{
	static const char blank[] = " \t\r";
	line[strcspn(line, "#")] = '\0';
	char *name = line + strspn(line, blank);
	if (*name == '\0')
		return true;
	char *value = name + strcspn(name, blank);
	if (*value != '\0')
		*value++ = '\0';
	value += strspn(value, blank);
	value[strcspn(value, blank)] = '\0';

	char where[40];
	snprintf(where, sizeof where, "limits_file line %d: ", number);
	const struct option *option = find_option(name);
	if (option == NULL)
		return refuse_unknown(where, name, err);
	if (!option->reloadable) {
		error_set(err, -1, 0, "%s%s: belongs into mosquitto.conf, as plugin_opt_%s", where, option->name, option->name);
		return false;
	}
	return set_one(conf, given, where, name, value, err);
}

static bool read_limits_file(struct conf *conf, struct error *err)
{
	if (conf->limits_file[0] == '\0')
		return true;
	char *text = read_file(conf->limits_file, err);
	if (text == NULL)
		return false;
	bool *given = mem_zero(option_count * sizeof *given);
	bool good = true;
	int number = 1;
	for (char *line = text, *end; good && line != NULL; line = end, number++) {
		end = strchr(line, '\n');
		if (end != NULL)
			*end++ = '\0';
		good = set_line(conf, given, number, line, err);
	}
	free(given);
	free(text);
	return good;
}

/* ---- life cycle ---- */

static bool set_pairs(struct conf *conf, const struct conf_pair *pairs, size_t pair_count, struct error *err)
{
	bool *given = mem_zero(option_count * sizeof *given);
	bool good = true;
	for (size_t i = 0; good && i < pair_count; i++)
		good = set_one(conf, given, "plugin_opt_", pairs[i].key, pairs[i].value ? pairs[i].value : "", err);
	good = good && check_required(given, err) && check_identity(conf, err);
	free(given);
	return good;
}

/* Remembers the limits as they are without the limits file, so that a line that leaves the file leaves no trace. */
static void keep_configured(struct conf *conf)
{
	conf->configured = mem_zero(option_count * sizeof *conf->configured);
	for (size_t i = 0; i < option_count; i++)
		if (option_table[i].reloadable)
			conf->configured[i] = *(uint64_t *)field(conf, &option_table[i]);
}

bool conf_init(struct conf *conf, const struct conf_pair *pairs, size_t pair_count, struct error *err)
{
	*conf = (struct conf){0};
	set_defaults(conf);
	if (set_pairs(conf, pairs, pair_count, err)) {
		keep_configured(conf);
		if (read_limits_file(conf, err))
			return true;
	}
	conf_fini(conf);
	return false;
}

void conf_fini(struct conf *conf)
{
	for (size_t i = 0; i < option_count; i++)
		if (holds_text(&option_table[i]))
			free(*(char **)field(conf, &option_table[i]));
	for (size_t i = 0; i < conf->kafka_property_count; i++) {
		free(conf->kafka_properties[i].name);
		free(conf->kafka_properties[i].value);
	}
	free(conf->kafka_properties);
	free(conf->configured);
	*conf = (struct conf){0};
}

/* A copy with the limits as mosquitto.conf has them. */
static void copy_configured(const struct conf *from, struct conf *to)
{
	*to = *from;
	to->configured = mem_copy(from->configured, option_count * sizeof *from->configured);
	to->kafka_properties = NULL;
	to->kafka_property_count = 0;
	for (size_t i = 0; i < from->kafka_property_count; i++)
		add_property(to, mem_text(from->kafka_properties[i].name), from->kafka_properties[i].value);
	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];
		if (holds_text(option))
			*(char **)field(to, option) = mem_text(*(char **)field(from, option));
		else if (option->reloadable)
			*(uint64_t *)field(to, option) = from->configured[i];
	}
}

/* Everything reloadable is a number; the table's test says so. */
static void list_changes(const struct conf *old, const struct conf *fresh, struct buf *changes)
{
	for (size_t i = 0; i < option_count; i++) {
		if (!option_table[i].reloadable)
			continue;
		uint64_t before = *(uint64_t *)field(old, &option_table[i]);
		uint64_t after = *(uint64_t *)field(fresh, &option_table[i]);
		if (before != after)
			buf_printf(changes, "%s: %" PRIu64 " -> %" PRIu64 "\n", option_table[i].name, before, after);
	}
}

bool conf_reload(const struct conf *old, struct conf *fresh, struct buf *changes, struct error *err)
{
	copy_configured(old, fresh);
	if (!read_limits_file(fresh, err)) {
		conf_fini(fresh);
		return false;
	}
	list_changes(old, fresh, changes);
	return true;
}
