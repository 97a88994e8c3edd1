/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The JSON reader and the string writer. Whatever is read can be written and read again as the same; any valid text, as a string, comes
 * back byte for byte. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "tests/fuzz/fuzz.h"

static void check_reading(const char *text, size_t len)
{
	struct error err = {0};
	json_t *json = json_read_object(text, len, &err);
	if (json == NULL) {
		FUZZ_CHECK(err.text[0]);
		return;
	}
	FUZZ_CHECK(memchr(text, '\0', len) == NULL);
	char *dump = json_dumps(json, JSON_COMPACT);
	FUZZ_CHECK(dump != NULL);
	json_t *again = json_read_object(dump, strlen(dump), NULL);
	FUZZ_CHECK(again != NULL && json_equal(json, again));
	json_decref(again);
	free(dump);
	json_decref(json);
}

static void check_writing(const char *text, size_t len)
{
	if (!text_is_utf8(text, len))
		return;
	struct buf out = BUF_EMPTY;
	buf_add_text(&out, "{\"a\":");
	json_add_string(&out, text, len);
	buf_add_char(&out, '}');
	FUZZ_CHECK(memchr(out.data, '\n', out.len) == NULL);
	json_t *json = json_read_object(out.data, out.len, NULL);
	size_t again_len;
	const char *again = json_text(json, "a", &again_len);
	FUZZ_CHECK(again != NULL && again_len == len && memcmp(again, text, len) == 0);
	json_decref(json);
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_reading((const char *)data, size);
	check_writing((const char *)data, size);
	return 0;
}
