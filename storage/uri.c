/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The name in a store's URI. Any thread. */
#include "storage/uri.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

static void add_escaped(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c) != NULL;
		if (plain)
			buf_add_char(out, *text);
		else
			buf_printf(out, "%%%02X", c);
	}
}

/* options: from the '?' on, or NULL. */
static bool has_name(const char *options)
{
	for (; options != NULL; options = strchr(options + 1, '&'))
		if (strncasecmp(options + 1, "appName=", 8) == 0)
			return true;
	return false;
}

char *uri_named(const char *uri, const char *name)
{
	const char *options = strchr(uri, '?'), *hosts = strstr(uri, "://");
	struct buf named = BUF_EMPTY;
	buf_add_text(&named, uri);
	if (strncmp(uri, "mongodb", 7) != 0 || hosts == NULL || has_name(options))
		return named.data;
	if (options == NULL && strchr(hosts + 3, '/') == NULL)
		buf_add_char(&named, '/');
	buf_add_text(&named, options == NULL ? "?appName=" : options[1] == '\0' ? "appName=" : "&appName=");
	add_escaped(&named, name);
	return named.data;
}
