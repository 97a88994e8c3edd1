/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_PLUGIN_CONF_TABLE_H
#define HC_PLUGIN_CONF_TABLE_H
/* The table of options, for conf.c and manual.c only. Any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
	OPTION_TEXT,   /* char *: min to max bytes of UTF-8 without control characters */
	OPTION_FILE,   /* char *: the same, a file's name */
	OPTION_LEVEL,  /* char *: one level of a topic: letters, digits, '_' and '-' */
	OPTION_STORE,  /* char *: <backend>:<what the backend takes>; may hold a password and is never shown */
	OPTION_CHOICE, /* enum: index into choices */
	OPTION_NUMBER, /* uint64_t: min to max, digits only */
	OPTION_BYTES,  /* uint64_t: the same, a K, M or G behind it multiplies by 1024 */
};

enum option_group { GROUP_TOPICS, GROUP_IDENTITY, GROUP_STORAGE, GROUP_THREADS, GROUP_KAFKA, GROUP_OPERATION, GROUP_LIMITS, GROUP_COUNT };

struct option {
	const char *name;
	enum option_group group;
	enum option_type type;
	size_t offset;              /* of the field in struct conf */
	uint64_t min, max;          /* values of numbers, lengths of texts */
	const char *const *choices; /* OPTION_CHOICE, ended by NULL */
	const char *unit;           /* of a number, for people; NULL: a plain count */
	const char *value;          /* the default, as one would write it; NULL: must be given; "": none */
	bool reloadable;            /* may stand in the limits file */
	const char *help;           /* one line */
};

extern const struct option option_table[];
extern const size_t option_count;

extern const char *const option_group_titles[GROUP_COUNT];

#endif
