/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_HOSTCONF_LINE_H
#define HC_BROKER_HOSTCONF_LINE_H
/* What the lines of the broker's configuration files say, one after the other: hostconf_read.c reads the files, hostconf_line.c takes their lines.
 * Any thread, at start only. */

#include "base/buf.h"
#include "plugin/broker/hostconf_read.h"

struct hostconf_listener {
	char name[PRINTABLE_SIZE];
	bool identity, subject;
	bool named;  /* by a line of its own */
	bool secret; /* TLS, or a proxy says whether: enable_proxy_protocol */
};

struct hostconf_budget {
	size_t bytes;
	unsigned files;
};

/* One file being read. */
struct hostconf_reader {
	struct hostconf_settings *settings;
	struct hostconf_budget *budget;
	const char *prefix;
	bool included;
	struct hostconf_listener *default_listener; /* one for all files */
	struct hostconf_listener *listener;         /* the current one: default_listener, or own */
	struct hostconf_listener own;
	char bridge[PRINTABLE_SIZE];
};

void hostconf_take_line(struct hostconf_reader *reader, char *line); /* changes it */

/* No more lines are about the current listener; about the one that the file began itself. */
void hostconf_end_listener(struct hostconf_reader *reader);
void hostconf_end_own_listener(struct hostconf_reader *reader);

/* Of hostconf_read.c, for lines that name files. false: it is among what could not be read. */
bool hostconf_read_within_budget(struct hostconf_reader *reader, const char *path, struct buf *text);
void hostconf_take_include_dir(struct hostconf_reader *reader, char *rest);

/* The first place counts. */
void hostconf_meet(struct hostconf_place *place, const char *text);

#endif
