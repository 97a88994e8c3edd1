/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Discovery documents and Cache-Control. Any thread. */
#include "plugin/auth/discovery.h"

#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "plugin/auth/printable.h"

#define SCHEME "https://"
#define PATH   "/.well-known/openid-configuration"

#define AGE_MAX ((uint64_t)INT32_MAX) /* RFC 9111 §1.2.2: whatever is larger counts as this */

bool url_is_https(const char *url)
{
	size_t len = strlen(url);
	if (len > URL_MAX || strncasecmp(url, SCHEME, strlen(SCHEME)) != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (url[i] <= ' ' || url[i] > '~' || strchr("\"<>\\^`{|}#", url[i]))
			return false;
	const char *host = url + strlen(SCHEME);
	size_t host_len = strcspn(host, "/?");
	return host_len > 0 && host[0] != ':' && memchr(host, '@', host_len) == NULL;
}

char *discovery_url(const char *issuer)
{
	struct buf url = BUF_EMPTY;
	size_t len = strlen(issuer);
	buf_add(&url, issuer, len > 0 && issuer[len - 1] == '/' ? len - 1 : len); /* §4.1 */
	buf_add_text(&url, PATH);
	return url.data;
}

static char *jwks_uri(const json_t *json, const char *issuer, struct error *err)
{
	char shown[PRINTABLE_SIZE];
	const char *named = json_text(json, "issuer", NULL), *uri = json_text(json, "jwks_uri", NULL);
	if (named == NULL)
		error_set(err, 0, 0, "discovery document: \"issuer\" is missing or no string");
	else if (strcmp(named, issuer) != 0)
		error_set(err, 0, 0, "discovery document: it is of %s, which is not to the letter the issuer that was asked", printable(shown, named));
	else if (uri == NULL)
		error_set(err, 0, 0, "discovery document: \"jwks_uri\" is missing or no string");
	else if (!url_is_https(uri))
		error_set(err, 0, 0, "discovery document: jwks_uri %s is no https address", printable(shown, uri));
	else
		return mem_text(uri);
	return NULL;
}

char *discovery_read(const char *text, size_t len, const char *issuer, struct error *err)
{
	struct error why;
	json_t *json = json_read_object(text, len, &why);
	if (json == NULL) {
		error_set(err, 0, 0, "discovery document: %s", why.text);
		return NULL;
	}
	char *uri = jwks_uri(json, issuer, err);
	json_decref(json);
	return uri;
}

/* ---- Cache-Control ---- */

static bool is_name(const char *at, size_t len, const char *name)
{
	return len == strlen(name) && strncasecmp(at, name, len) == 0;
}

/* Of "max-age=3600" or max-age="3600" what stands behind '='. false: no number. */
static bool age_read(const char *value, size_t len, int64_t *age)
{
	if (len >= 2 && value[0] == '"' && value[len - 1] == '"') {
		value++;
		len -= 2;
	}
	while (len > 1 && value[0] == '0') {
		value++;
		len--;
	}
	uint64_t seconds;
	if (len == 0 || strspn(value, "0123456789") < len)
		return false;
	*age = text_to_u64(value, len, AGE_MAX, &seconds) ? (int64_t)seconds : (int64_t)AGE_MAX;
	return true;
}

int64_t cache_control_age(const char *field)
{
	int64_t age = -1;
	while (*field != '\0') {
		field += strspn(field, ", \t");
		size_t len = strcspn(field, ","), name_len;
		while (len > 0 && strchr(" \t", field[len - 1]))
			len--;
		const char *equals = memchr(field, '=', len);
		name_len = equals ? (size_t)(equals - field) : len;
		if (is_name(field, name_len, "no-store") || is_name(field, name_len, "no-cache"))
			return 0;
		if (equals && age < 0 && is_name(field, name_len, "max-age") && !age_read(equals + 1, len - name_len - 1, &age))
			return 0; /* §4.2.1: what cannot be read counts as stale */
		field += strcspn(field, ",");
	}
	return age;
}
