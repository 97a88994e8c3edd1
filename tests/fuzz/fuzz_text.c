/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * UTF-8, numbers, base64url, and the names made of them. Each is held against an independent judge or its own inverse. */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/id.h"
#include "base/text.h"
#include "plugin/auth/user_id.h"
#include "tests/fuzz/fuzz.h"

/* Jansson has a UTF-8 check of its own; it takes U+0000. */
static void check_utf8(const char *text, size_t len)
{
	json_t *judge = json_stringn(text, len);
	FUZZ_CHECK(text_is_utf8(text, len) == (judge != NULL && memchr(text, '\0', len) == NULL));
	json_decref(judge);
	if (!text_is_utf8(text, len))
		return;
	for (size_t max = 0; max <= len && max < 64; max++) {
		size_t cut = text_cut(text, len, max);
		FUZZ_CHECK(cut <= max && max - cut <= 3 && text_is_utf8(text, cut) && text_is_utf8(text + cut, len - cut));
	}
}

static void check_number(const char *text, size_t len)
{
	uint64_t number = 7;
	if (!text_to_u64(text, len, UINT64_MAX, &number)) {
		FUZZ_CHECK(number == 7);
		return;
	}
	char *copy = mem_copy(text, len), *end;
	errno = 0;
	FUZZ_CHECK(strtoull(copy, &end, 10) == number && errno == 0 && end == copy + len && isdigit((unsigned char)copy[0]));
	free(copy);
}

static void check_base64url(const char *text, size_t len)
{
	unsigned char *bytes = mem_new(len);
	size_t bytes_len;
	if (base64url_decode(text, len, bytes, len, &bytes_len)) {
		char *again = mem_new(len + 4);
		base64url_encode(bytes, bytes_len, again);
		FUZZ_CHECK(strlen(again) == len && memcmp(again, text, len) == 0); /* one spelling only */
		free(again);
	}
	free(bytes);
}

static void check_names(const char *text, size_t len)
{
	char user_id[AUTH_USER_ID_MAX + 1];
	if (user_id_encode("", text, len, user_id, NULL)) {
		FUZZ_CHECK(user_id_is_valid(user_id, strlen(user_id)) && strpbrk(user_id, "/+#") == NULL);
		FUZZ_CHECK(!text_has_control(user_id, strlen(user_id)));
	}
	char *client_id = mem_copy(text, len);
	const char *device = NULL;
	enum client_kind kind = client_id_read(client_id, "alice", &device, NULL);
	FUZZ_CHECK((kind == CLIENT_DEVICE) == (device != NULL));
	FUZZ_CHECK(kind != CLIENT_DEVICE || strncmp(client_id, "alice", 5) == 0);
	FUZZ_CHECK(kind != CLIENT_EPHEMERAL || strchr(client_id, '/') == NULL);
	free(client_id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	check_utf8(text, size);
	check_number(text, size);
	check_base64url(text, size);
	check_names(text, size);
	return 0;
}
