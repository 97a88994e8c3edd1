/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_HOSTCONF_FILE_H
#define HC_BROKER_HOSTCONF_FILE_H
/* One of the host's files, read whole, and its lines. Any thread, at start only. */

#include <stddef.h>

#include "base/buf.h"

/* Adds what is in the file to text, with a NUL behind it. 0 or errno: EFBIG above max bytes. Never waits: pipes and devices are refused. */
int hostconf_read_file(const char *path, size_t max, struct buf *text);

/* The next line from *at on, which moves behind it. Ended by NUL in place, without the CR before it. NULL after the last. */
char *hostconf_next_line(struct buf *text, size_t *at);

#endif
