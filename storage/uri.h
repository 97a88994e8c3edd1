/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_URI_H
#define HC_STORAGE_URI_H

#include "base/buf.h"

/* A store that several write to knows each by a name, which it is told as the URI's appName. Returns mongodb://… with that name, or as it is where
 * it has one; any other URI as it is. The caller frees. Any thread. */
char *uri_named(const char *uri, const char *name);

/* Likewise, in place of the name that it has. */
char *uri_renamed(const char *uri, const char *name);

/* Adds what an operator knows a store by: its URI without user, password and options. Any thread. */
void uri_add_shown(struct buf *out, const char *uri);

#endif
