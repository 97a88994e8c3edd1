/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_OBJECT_H
#define HC_CTL_OBJECT_H
/* What --json prints: one object a line, members in the order in which they are added. Begins with BUF_EMPTY. Any thread; printing is for one. */

#include <stdbool.h>

#include "base/buf.h"

/* Names are written as they are. Text that is no UTF-8 (a file's name) has '?' for each byte that is not ASCII. */
void object_add_text(struct buf *object, const char *name, const char *text);
void object_add_u64(struct buf *object, const char *name, uint64_t number);
void object_add_i64(struct buf *object, const char *name, int64_t number);
void object_add_bool(struct buf *object, const char *name, bool value);
/* value is JSON already. */
void object_add_json(struct buf *object, const char *name, const char *value);
/* elements are JSON with commas between; NULL: none. */
void object_add_list(struct buf *object, const char *name, const char *elements);

/* Closes it; it may go into another one then. */
void object_end(struct buf *object);
/* Closes it, prints it as a line on stdout, and frees it. */
void object_print(struct buf *object);

#endif
