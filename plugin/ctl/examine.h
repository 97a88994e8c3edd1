/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_EXAMINE_H
#define HC_CTL_EXAMINE_H
/* What hyperchatctl doctor looks at beside sign-on (signon.h). Each part prints a headline and its findings on stdout, each finding with what to do
 * about it; or, as JSON, an object for each finding. One thread; blocks on files, on the store and on Kafka. */

#include <stdbool.h>

#include "base/buf.h"

#include "plugin/conf/conf.h"

struct examination {
	const char *file;      /* mosquitto.conf */
	const char *mosquitto; /* the program */
	const struct conf *conf;
	bool as_json;
	struct buf part; /* the headline that findings belong to */
	uint64_t notes, wrong; /* how many were said */
};

/* Mosquitto's own settings, its listeners' certificates, and whether the files that the options name can be read. */
void examine_host(struct examination *exam);
/* How long a write takes where the store and the journal are, and how much room there is. */
void examine_disk(struct examination *exam);
/* Whether the store opens, and its schema. Migrates nothing. */
void examine_store(struct examination *exam);
/* Whether Kafka answers and has the topic. Makes nothing. */
void examine_kafka(struct examination *exam);

/* The headline of the findings that follow. */
void exam_part(struct examination *exam, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One finding, a line. mend is what to do about it, a sentence; NULL: nothing, or it is in the words. */
enum exam_level { EXAM_FINE, EXAM_NOTE, EXAM_WRONG };
void exam_find(struct examination *exam, enum exam_level level, const char *what, const char *mend);

/* The same: all is well; worth a thought; wrong. Of the latter two what stands behind the last ". " is what to do. */
void exam_fine(struct examination *exam, const char *format, ...) __attribute__((format(printf, 2, 3)));
void exam_note(struct examination *exam, const char *format, ...) __attribute__((format(printf, 2, 3)));
void exam_wrong(struct examination *exam, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
