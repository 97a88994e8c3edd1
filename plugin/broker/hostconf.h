/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_HOSTCONF_H
#define HC_BROKER_HOSTCONF_H
/* Looks through the broker's own configuration for settings under which this plugin cannot work, or works badly.
 *
 * Mosquitto's plugin API tells nothing about them, so the files named on the broker's command line are read again, as Mosquitto 2.0 and 2.1
 * read them (src/conf.c, src/conf_includedir.c). Mosquitto has accepted them before it loads a plugin: a line that it would have refused is
 * passed over here. What cannot be read makes one warning, and what might have been set there is not judged.
 *
 * Any thread. Reads local files, at most HOSTCONF_BYTES_MAX in all: for the start only. */

#include <stdbool.h>
#include <stddef.h>

enum {
	HOSTCONF_FINDING_MAX = 17, /* there are never more: one for each setting, naming the first place */
	HOSTCONF_BYTES_MAX = 16 << 20,
};

struct hostconf_finding {
	bool fatal;     /* the plugin must not start */
	char text[200]; /* one line: which setting, why, what to do; printable whatever the files held */
};

/* What of our own options matters. */
struct hostconf_own {
	const char *prefix;   /* first level of our topics, without '/' */
	bool by_certificate;  /* certificates say who somebody is */
	bool refuses_plain;   /* tokens that come without TLS are refused */
	bool defers;          /* other topics are left to others */
};

struct hostconf_settings;

/* command_line  as /proc/<pid>/cmdline has it: each argument followed by NUL; may begin with a loader and its options.
 * version       of the broker: major, minor, revision.
 * Returns how many of the max findings were filled in, fatal ones first. */
size_t hostconf_check(const char *command_line, size_t len, const int version[3], const struct hostconf_own *own,
	struct hostconf_finding *findings, size_t max);

/* The same for the process it is called in; settings (may be NULL) gets what was read. */
size_t hostconf_check_self(const int version[3], const struct hostconf_own *own, struct hostconf_settings *settings,
	struct hostconf_finding *findings, size_t max);

/* Whether the plugin is asked about every message that the broker is about to deliver: no other one may have answered before it. */
bool hostconf_asks_always(const struct hostconf_settings *settings);

/* Seconds between what this process publishes on $SYS (its sys_interval), 0: it does not. */
int hostconf_sys_interval(const int version[3]);

#endif
