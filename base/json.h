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

/* Adds text as a JSON string with its quotes. text is valid UTF-8. */
void json_add_string(struct buf *buf, const char *text, size_t len);

/* A string member; *len gets its length. NULL when it is missing or no string. */
const char *json_text(const json_t *object, const char *name, size_t *len);

#endif
