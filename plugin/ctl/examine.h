/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_EXAMINE_H
#define HC_CTL_EXAMINE_H
/* What hyperchatctl doctor looks at beside sign-on (signon.h). Each part prints a headline and its findings on stdout, each finding with what to do
 * about it. One thread; blocks on files, on the store and on Kafka. */

#include <stdbool.h>

#include "plugin/conf/conf.h"

struct examination {
	const char *file;      /* mosquitto.conf */
	const char *mosquitto; /* the program */
	const struct conf *conf;
	bool wrong; /* something is, and was said */
};

/* Mosquitto's own settings, its listeners' certificates, and whether the files that the options name can be read. */
void examine_host(struct examination *exam);
/* How long a write takes where the store and the journal are, and how much room there is. */
void examine_disk(struct examination *exam);
/* Whether the store opens, and its schema. Migrates nothing. */
void examine_store(struct examination *exam);
/* Whether Kafka answers and has the topic. Makes nothing. */
void examine_kafka(struct examination *exam);

/* One finding each, a line: all is well; worth a thought; wrong. */
void exam_fine(struct examination *exam, const char *format, ...) __attribute__((format(printf, 2, 3)));
void exam_note(struct examination *exam, const char *format, ...) __attribute__((format(printf, 2, 3)));
void exam_wrong(struct examination *exam, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
