/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_CONFFILE_H
#define HC_CTL_CONFFILE_H
/* mosquitto.conf line by line, as Mosquitto reads it: spaces part words, '#' begins a comment line, include_dir takes *.conf in order. One thread,
 * blocks on files. */

#include <stdbool.h>

#include "base/error.h"

/* A setting and the rest of its line, "" if there is none. */
typedef void conffile_line(void *context, const char *name, const char *value);

/* Calls line for each in the file and in what its include_dir names. false: something could not be read; err. */
bool conffile_read(const char *file, conffile_line *line, void *context, struct error *err);

#endif
