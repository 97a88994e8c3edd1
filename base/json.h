/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BASE_JSON_H
#define HC_BASE_JSON_H
/* JSON at the borders: strict reading through jansson, and writing straight into a buffer. Any thread. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum { JSON_DEPTH_MAX = 8 };

/* Reads one JSON object and nothing behind it: valid UTF-8 without NUL, no doubled key, at most JSON_DEPTH_MAX levels.
 * NULL and err->text (which never quotes the input) otherwise. The caller frees with json_decref. */
json_t *json_read_object(const char *text, size_t len, struct error *err);

/* Jansson that finds no memory while it reads drops bytes of what it reads, or reads and writes beyond its end; libjwt leaves out what jansson did
 * not print. From here on the process ends instead, as everywhere in base/ (buf.h), when that happens inside json_read_object, or on this thread
 * between json_needs_memory(true) and (false). Whoever else in this process uses jansson keeps the allocator that is there. Called before any thread
 * reads; _unguard_ before this code is unloaded. */
void json_guard_memory(void);
void json_unguard_memory(void);
void json_needs_memory(bool needs);

/* Adds text as a JSON string with its quotes. text is valid UTF-8. */
void json_add_string(struct buf *buf, const char *text, size_t len);

/* A string member; *len gets its length. NULL when it is missing or no string. */
const char *json_text(const json_t *object, const char *name, size_t *len);

#endif
