/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a store's URI says beside where it is: a name, a password. Any thread. */
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

static bool is_name(const char *option)
{
	return strncasecmp(option, "appName=", 8) == 0;
}

/* options: from the '?' on, or NULL. */
static bool has_name(const char *options)
{
	for (; options != NULL; options = strchr(options + 1, '&'))
		if (is_name(options + 1))
			return true;
	return false;
}

static bool takes_name(const char *uri)
{
	return strncmp(uri, "mongodb", 7) == 0 && strstr(uri, "://") != NULL;
}

char *uri_named(const char *uri, const char *name)
{
	const char *options = strchr(uri, '?'), *hosts = strstr(uri, "://");
	struct buf named = BUF_EMPTY;
	buf_add_text(&named, uri);
	if (!takes_name(uri) || has_name(options))
		return named.data;
	if (options == NULL && strchr(hosts + 3, '/') == NULL)
		buf_add_char(&named, '/');
	buf_add_text(&named, options == NULL ? "?appName=" : options[1] == '\0' ? "appName=" : "&appName=");
	add_escaped(&named, name);
	return named.data;
}

char *uri_renamed(const char *uri, const char *name)
{
	const char *options = strchr(uri, '?');
	struct buf rest = BUF_EMPTY;
	size_t kept = 0, len;
	if (options == NULL || !takes_name(uri))
		return uri_named(uri, name);
	buf_add(&rest, uri, (size_t)(options + 1 - uri));
	for (const char *option = options + 1; *option != '\0'; option += len + (option[len] == '&')) {
		len = strcspn(option, "&");
		if (!is_name(option))
			buf_printf(&rest, "%s%.*s", kept++ > 0 ? "&" : "", (int)len, option);
	}
	char *renamed = uri_named(rest.data, name);
	buf_fini(&rest);
	return renamed;
}

void uri_add_shown(struct buf *out, const char *uri)
{
	const char *host = strncmp(uri, "mongodb", 7) == 0 ? strstr(uri, "://") : NULL;
	if (host == NULL) {
		buf_add_text(out, uri);
		return;
	}
	host += 3;
	size_t whole = strcspn(host, "?"), authority = strcspn(host, "/?");
	const char *user_end = memrchr(host, '@', authority);
	size_t passed = user_end != NULL ? (size_t)(user_end + 1 - host) : 0;
	buf_add(out, uri, (size_t)(host - uri));
	buf_add(out, host + passed, whole - passed);
}
