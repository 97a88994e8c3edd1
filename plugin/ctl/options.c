/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The plugin's options out of mosquitto.conf. One thread, blocks. */
#include "plugin/ctl/options.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/ctl/conffile.h"

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

/* An option belongs to the last plugin line before it. */
static void take_line(void *context, const char *name, const char *value)
{
	struct options *options = context;
	if (strcmp(name, "plugin") == 0 || strcmp(name, "global_plugin") == 0 || strcmp(name, "plugin_load") == 0 || strcmp(name, "auth_plugin") == 0) {
		options->ours = strstr(value, PLUGIN) != NULL;
		options->met = options->met || options->ours;
	} else if (options->ours && strncmp(name, OPTION, strlen(OPTION)) == 0) {
		add(options, name + strlen(OPTION), value);
	}
}

bool options_read(const char *file, struct conf *conf, struct error *err)
{
	struct options options = {0};
	bool good = conffile_read(file, take_line, &options, err);
	if (good && !options.met)
		good = error_set(err, 0, 0, "%s: no plugin line with " PLUGIN, file);
	good = good && conf_init(conf, options.pairs, options.count, err);
	options_free(&options);
	return good;
}
