/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Icons between arguments, store and answers. Any thread; pure. */
#include "plugin/rpc/icon.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "plugin/rpc/write.h"

bool icon_is_url(const char *name)
{
	return strncmp(name, "http://", 7) == 0 || strncmp(name, "https://", 8) == 0;
}

bool icon_is_id(const char *text)
{
	unsigned char bytes[ID_BYTES];
	size_t len;
	return strlen(text) == ID_TEXT_LEN && base64url_decode(text, ID_TEXT_LEN, bytes, sizeof bytes, &len);
}

/* RFC 3986 has no spaces, quotes or brackets in a URL, and nothing above ASCII: what is shown in somebody's page stays an address. */
static bool is_clean(const char *url)
{
	for (const char *c = url; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || strchr("\"<>\\^`{|}", *c) != NULL)
			return false;
	return true;
}

static bool read_url(const char *text, struct icon *icon, const char *argument_name, struct verdict *verdict)
{
	size_t len = strlen(text);
	if (len > ICON_URL_MAX || !is_clean(text)) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "%s: a URL has at most %d characters, and only those of a URL", argument_name, ICON_URL_MAX);
		return false;
	}
	memcpy(icon->name, text, len + 1);
	return true;
}

/* The length without padding; the text becomes base64url. */
static size_t to_base64url(char *text, size_t len)
{
	if (len % 4 == 0 && len >= 4) /* padding fills up the last four */
		for (int i = 0; i < 2 && text[len - 1] == '='; i++)
			len--;
	for (size_t i = 0; i < len; i++)
		text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	return len;
}

static void name_after_hash(struct icon *icon)
{
	unsigned char digest[SHA256_BYTES];
	sha256(&(struct bytes){icon->bytes, icon->len}, 1, digest);
	base64url_encode(digest, ID_BYTES, icon->name);
}

static void refuse_size(const char *argument_name, struct verdict *verdict)
{
	refuse(verdict, REFUSAL_TOO_LARGE, "%s: at most %d bytes, or a URL", argument_name, ICON_BYTES_MAX);
}

static bool read_bytes(const char *text, struct icon *icon, const char *argument_name, struct verdict *verdict)
{
	size_t text_len = strlen(text), len;
	if (text_len > ICON_TEXT_MAX) {
		refuse_size(argument_name, verdict);
		return false;
	}
	char *copy = mem_text(text);
	void *bytes = mem_new(text_len);
	text_len = to_base64url(copy, text_len);
	bool good = base64url_decode(copy, text_len, bytes, text_len, &len) && len > 0;
	free(copy);
	if (!good || len > ICON_BYTES_MAX) {
		free(bytes);
		if (good)
			refuse_size(argument_name, verdict);
		else
			refuse(verdict, REFUSAL_BAD_REQUEST, "%s: neither a URL with http:// or https:// nor base64", argument_name);
		return false;
	}
	icon->bytes = bytes;
	icon->len = len;
	name_after_hash(icon);
	return true;
}

bool icon_read(const char *text, struct icon *icon, const char *argument_name, struct verdict *verdict)
{
	*icon = (struct icon){0};
	if (text[0] == '\0')
		return true;
	return icon_is_url(text) ? read_url(text, icon, argument_name, verdict) : read_bytes(text, icon, argument_name, verdict);
}

void icon_fini(struct icon *icon)
{
	free(icon->bytes);
	*icon = (struct icon){0};
}

void icon_write(struct buf *out, const char *name)
{
	if (name[0] != '\0')
		write_text(out, icon_is_url(name) ? "iconURL" : "iconID", name);
}

void icon_add_base64(struct buf *out, const void *bytes, size_t len)
{
	size_t start = out->len;
	buf_reserve(out, (len + 2) / 3 * 4);
	base64url_encode(bytes, len, out->data + out->len);
	out->len += (len * 4 + 2) / 3;
	for (size_t i = start; i < out->len; i++)
		out->data[i] = out->data[i] == '-' ? '+' : out->data[i] == '_' ? '/' : out->data[i];
	while ((out->len - start) % 4 != 0)
		buf_add_char(out, '=');
}
