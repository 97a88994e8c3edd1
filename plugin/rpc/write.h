/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_WRITE_H
#define HC_RPC_WRITE_H
/* Members of a JSON object, written one after the other into a buffer. Each puts a comma in front unless it is the first behind a
 * brace or bracket, so that optional members need no care. Any thread. */

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

void write_comma(struct buf *out);
void write_name(struct buf *out, const char *name); /* ,"name": */
void write_text(struct buf *out, const char *name, const char *text);
void write_number(struct buf *out, const char *name, uint64_t number);
void write_time(struct buf *out, const char *name, int64_t at_ms);
void write_bool(struct buf *out, const char *name, bool value);

#endif
