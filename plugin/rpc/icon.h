/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_ICON_H
#define HC_RPC_ICON_H
/* Icons of people and groups. On the way in, an icon is a URL or the bytes of a small picture in base64; the bytes are stored once, under
 * their hash. On the way out it is an iconURL, or an iconID that getIcon turns into bytes. What the bytes are is the clients' business. Any
 * thread. */

#include <stdbool.h>
#include <stddef.h>

#include "plugin/chat/refusal.h"

enum { ICON_BYTES_MAX = 32 * 1024, ICON_URL_MAX = 1024, ICON_TEXT_MAX = (ICON_BYTES_MAX + 2) / 3 * 4 };

struct icon {
	char name[ICON_URL_MAX + 1]; /* a URL as it is, or the first half of the bytes' SHA-256 as 22 characters; "": none */
	void *bytes;                 /* NULL: nothing to store */
	size_t len;
};

/* From an argument: "" (no icon), a URL with http:// or https://, or base64 (either alphabet, padded or not) of at most ICON_BYTES_MAX bytes.
 * false: *verdict names the argument. */
bool icon_read(const char *text, struct icon *icon, const char *argument_name, struct verdict *verdict);
void icon_fini(struct icon *icon); /* a zeroed one is fine */

bool icon_is_url(const char *name);
bool icon_is_id(const char *text); /* has the form of an iconID */

/* Adds the member iconURL or iconID; nothing for "". */
void icon_write(struct buf *out, const char *name);

/* Standard base64 with padding. */
void icon_add_base64(struct buf *out, const void *bytes, size_t len);

#endif
