/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The plugin's options out of mosquitto.conf. One thread, blocks. Read as Mosquitto reads it: spaces part words, '#' begins a comment line,
 * include_dir takes *.conf in order, and an option belongs to the last plugin line before it. */
#include "plugin/ctl/options.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PLUGIN "mosquitto_hyperchat.so"
#define OPTION "plugin_opt_"

struct options {
	struct conf_pair *pairs;
	size_t count;
	bool ours, met; /* the last plugin line; any */
};

static void add(struct options *options, const char *key, const char *value)
{
	options->pairs = mem_grow(options->pairs, (options->count + 1) * sizeof *options->pairs);
	options->pairs[options->count++] = (struct conf_pair){.key = mem_text(key), .value = mem_text(value)};
}

static void options_free(struct options *options)
{
	for (size_t i = 0; i < options->count; i++) {
		free((char *)(uintptr_t)options->pairs[i].key);
		free((char *)(uintptr_t)options->pairs[i].value);
	}
	free(options->pairs);
}

/* Where the word ends, with a NUL put there; what follows it begins behind its blanks. */
static char *split(char *word)
{
	char *rest = word + strcspn(word, " ");
	if (*rest != '\0')
		*rest++ = '\0';
	return rest + strspn(rest, " ");
}

static bool read_file(struct options *options, const char *file, bool included, struct error *err);

static int is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);
	return len > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int compare_names(const struct dirent **left, const struct dirent **right)
{
	return strcasecmp((*left)->d_name, (*right)->d_name);
}

static bool read_directory(struct options *options, const char *directory, struct error *err)
{
	struct dirent **entries;
	bool good = true;
	int count = scandir(directory, &entries, is_conf, compare_names);
	if (count < 0)
		return error_set(err, 0, errno, "%s: %s", directory, strerror(errno));
	for (int i = 0; i < count; i++) {
		struct buf file = BUF_EMPTY;
		buf_printf(&file, "%s/%s", directory, entries[i]->d_name);
		good = good && read_file(options, file.data, true, err);
		buf_fini(&file);
		free(entries[i]);
	}
	free(entries);
	return good;
}

static bool read_line(struct options *options, char *line, bool included, struct error *err)
{
	line[strcspn(line, "\r\n")] = '\0';
	char *name = line + strspn(line, " ");
	if (*name == '#' || *name == '\0')
		return true;
	char *value = split(name);
	if (strcmp(name, "include_dir") == 0 && !included)
		return read_directory(options, value, err);
	if (strcmp(name, "plugin") == 0 || strcmp(name, "global_plugin") == 0 || strcmp(name, "plugin_load") == 0 || strcmp(name, "auth_plugin") == 0) {
		options->ours = strstr(value, PLUGIN) != NULL;
		options->met = options->met || options->ours;
	} else if (options->ours && strncmp(name, OPTION, strlen(OPTION)) == 0) {
		add(options, name + strlen(OPTION), value);
	}
	return true;
}

static bool read_file(struct options *options, const char *file, bool included, struct error *err)
{
	FILE *in = fopen(file, "re");
	if (in == NULL)
		return error_set(err, 0, errno, "%s: %s", file, strerror(errno));
	char *line = NULL;
	size_t size = 0;
	bool good = true;
	while (good && getline(&line, &size, in) > 0)
		good = read_line(options, line, included, err);
	free(line);
	fclose(in);
	return good;
}

bool options_read(const char *file, struct conf *conf, struct error *err)
{
	struct options options = {0};
	bool good = read_file(&options, file, false, err);
	if (good && !options.met)
		good = error_set(err, 0, 0, "%s: no plugin line with " PLUGIN, file);
	good = good && conf_init(conf, options.pairs, options.count, err);
	options_free(&options);
	return good;
}
