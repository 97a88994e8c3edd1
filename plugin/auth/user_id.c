/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Who a connection belongs to, as names. Any thread, no allocation.
 * A user ID becomes one level of a topic and the first part of a client ID: what would end or widen a level is encoded, so that two
 * different claims never make the same ID. */
#include "plugin/auth/user_id.h"

#include <stdint.h>
#include <string.h>

#include "base/text.h"

/* How many bytes at `at` must be encoded together: a C1 control character takes two in UTF-8. 0: none. */
static size_t encoded_together(const char *at, size_t left)
{
	unsigned char c = (unsigned char)at[0];
	if (c < 0x20 || c == 0x7F || strchr("%/+#", c))
		return 1;
	return c == 0xC2 && left > 1 && (unsigned char)at[1] < 0xA0 ? 2 : 0;
}

/* U+FDD0-FDEF and the last two of each plane, in well-formed UTF-8. */
static bool has_noncharacter(const char *text, size_t len)
{
	const unsigned char *at = (const unsigned char *)text;
	for (size_t i = 0; i + 2 < len; i++) {
		bool three = at[i] == 0xEF;
		if (three && at[i + 1] == 0xB7 && at[i + 2] >= 0x90 && at[i + 2] <= 0xAF)
			return true;
		if (three && at[i + 1] == 0xBF && at[i + 2] >= 0xBE)
			return true;
		if (at[i] >= 0xF0 && i + 3 < len && (at[i + 1] & 0x0F) == 0x0F && at[i + 2] == 0xBF && at[i + 3] >= 0xBE)
			return true;
	}
	return false;
}

bool user_id_encode(const char *prefix, const char *claim, size_t claim_len, char user_id[AUTH_USER_ID_MAX + 1], struct error *err)
{
	static const char HEX[] = "0123456789ABCDEF";
	if (claim_len == 0)
		return error_set(err, 0, 0, "empty");
	if (!text_is_utf8(claim, claim_len) || has_noncharacter(claim, claim_len))
		return error_set(err, 0, 0, "not UTF-8, or a character that no topic can carry");
	char out[AUTH_USER_ID_MAX + 4]; /* room for the step that goes over */
	size_t used = strlen(prefix), encode = 0;
	if (used <= AUTH_USER_ID_MAX)
		memcpy(out, prefix, used);
	for (size_t i = 0; i < claim_len && used <= AUTH_USER_ID_MAX; i++) {
		unsigned char c = (unsigned char)claim[i];
		if (encode == 0)
			encode = encoded_together(claim + i, claim_len - i);
		if (encode == 0) {
			out[used++] = claim[i];
			continue;
		}
		encode--;
		out[used++] = '%';
		out[used++] = HEX[c >> 4];
		out[used++] = HEX[c & 15];
	}
	if (used > AUTH_USER_ID_MAX)
		return error_set(err, 0, 0, "longer than %d bytes as a user ID", AUTH_USER_ID_MAX);
	memcpy(user_id, out, used);
	user_id[used] = '\0';
	return true;
}

static int hex_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* claim has room for len bytes. */
static bool decode(const char *text, size_t len, char *claim, size_t *claim_len)
{
	size_t used = 0;
	for (size_t i = 0; i < len; i++) {
		int high = 0, low = (unsigned char)text[i];
		if (text[i] == '%') {
			high = i + 2 < len ? hex_value(text[i + 1]) : -1;
			low = i + 2 < len ? hex_value(text[i + 2]) : -1;
			i += 2;
		}
		if (high < 0 || low < 0)
			return false;
		claim[used++] = (char)(high << 4 | low);
	}
	*claim_len = used;
	return true;
}

/* claim has room for AUTH_USER_ID_MAX bytes. */
static bool decode_strictly(const char *text, size_t len, char *claim, size_t *claim_len)
{
	char again[AUTH_USER_ID_MAX + 1];
	return len <= AUTH_USER_ID_MAX && decode(text, len, claim, claim_len) && user_id_encode("", claim, *claim_len, again, NULL) &&
		   strlen(again) == len && memcmp(again, text, len) == 0;
}

bool user_id_is_valid(const char *text, size_t len)
{
	char claim[AUTH_USER_ID_MAX];
	size_t claim_len;
	return decode_strictly(text, len, claim, &claim_len);
}

bool user_id_decode(const char *user_id, char claim[AUTH_USER_ID_MAX + 1])
{
	size_t len;
	if (!decode_strictly(user_id, strlen(user_id), claim, &len) || memchr(claim, '\0', len) != NULL)
		return false; /* a claim with U+0000 is in no token that we let in */
	claim[len] = '\0';
	return true;
}

bool username_fits(const char *username, const char *user_id)
{
	return username == NULL || username[0] == '\0' || strcmp(username, user_id) == 0 || strcmp(username, "jwt") == 0;
}

static bool device_is_valid(const char *device)
{
	size_t len = strlen(device);
	return len > 0 && len <= AUTH_DEVICE_MAX && strpbrk(device, "/+#") == NULL && text_is_utf8(device, len) &&
		   !text_has_control(device, len);
}

enum client_kind client_id_read(const char *client_id, const char *user_id, const char **device, struct error *err)
{
	size_t user_len = strlen(user_id);
	bool own = strncmp(client_id, user_id, user_len) == 0 && (client_id[user_len] == '/' || client_id[user_len] == '\0');
	if (!own && strchr(client_id, '/') == NULL)
		return CLIENT_EPHEMERAL;
	if (!own)
		return error_set(err, CLIENT_REFUSED, 0, "the client ID is another user's device");
	const char *name = client_id + user_len + (client_id[user_len] == '/');
	if (client_id[user_len] == '/' && !device_is_valid(name))
		return error_set(
			err, CLIENT_REFUSED, 0, "the client ID names no device: 1 to %d bytes without /, +, # and control characters", AUTH_DEVICE_MAX);
	*device = name;
	return CLIENT_DEVICE;
}
