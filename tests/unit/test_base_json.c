/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * base/json: what is read, what is refused, and that whatever we write is read back as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

static void assert_reads(const char *text)
{
	struct error err = {0};
	json_t *json = json_read_object(text, strlen(text), &err);
	if (json == NULL)
		fail_msg("refused: %s: %s", text, err.text);
	json_decref(json);
}

/* `why` stands in the error, and nothing of the input does. */
static void assert_refused(const char *text, size_t len, const char *why)
{
	struct error err = {0};
	json_t *json = json_read_object(text, len, &err);
	if (json != NULL || strstr(err.text, why) == NULL || strstr(err.text, "secret") != NULL)
		fail_msg("'%.*s' gives '%s', expected was '%s'", (int)len, text, err.text, why);
}

#define ASSERT_REFUSED(text, why) assert_refused(text, sizeof(text) - 1, why)

static void only_one_whole_object_is_read(void **state)
{
	(void)state;
	assert_reads("{}");
	assert_reads(" {\"body\": \"hi\", \"n\": -1, \"list\": [1, true, null]} \n");
	ASSERT_REFUSED("", "not valid JSON");
	ASSERT_REFUSED("[]", "object");
	ASSERT_REFUSED("\"secret\"", "not valid JSON");
	ASSERT_REFUSED("{\"secret\": 1", "not valid JSON");
	ASSERT_REFUSED("{\"secret\": 1} x", "not valid JSON");
	ASSERT_REFUSED("{\"secret\": 1}{}", "not valid JSON");
	ASSERT_REFUSED("{'secret': 1}", "not valid JSON");
	ASSERT_REFUSED("{\"secret\": 1,}", "not valid JSON");
	ASSERT_REFUSED("{\"secret\": 01}", "not valid JSON");
	ASSERT_REFUSED("{\"secret\": NaN}", "not valid JSON");
	ASSERT_REFUSED("{\"secret\": 99999999999999999999}", "not valid JSON");
	ASSERT_REFUSED("\xef\xbb\xbf{}", "not valid JSON");
}

static void a_key_may_stand_once(void **state)
{
	(void)state;
	ASSERT_REFUSED("{\"secret\": 1, \"secret\": 2}", "twice");
	ASSERT_REFUSED("{\"a\": {\"secret\": 1, \"\\u0073ecret\": 2}}", "twice"); /* also in another spelling, and deeper */
	assert_reads("{\"a\": {\"b\": 1}, \"b\": 2}");
}

static void nul_and_broken_text_are_refused(void **state)
{
	(void)state;
	ASSERT_REFUSED("{\"a\": \"secret\\u0000\"}", "U+0000");
	ASSERT_REFUSED("{\"secret\\u0000\": 1}", "U+0000");
	ASSERT_REFUSED("{\"a\": \"secret\0\"}", "");
	ASSERT_REFUSED("{}\0", "");
	ASSERT_REFUSED("{\"a\": 17\0}", "U+0000"); /* jansson loses one behind a number or a word */
	ASSERT_REFUSED("{\"a\": [null\0, 1.5\0]}", "U+0000");
	ASSERT_REFUSED("{\"a\": \"secret\xff\"}", "UTF-8");
	ASSERT_REFUSED("{\"a\": \"\xed\xa0\x80\"}", "UTF-8");
	ASSERT_REFUSED("{\"a\": \"secret\\ud800\"}", "not valid JSON"); /* a lone surrogate */
	ASSERT_REFUSED("{\"a\": \"secret\\udc00\\ud800\"}", "not valid JSON");
	ASSERT_REFUSED("{\"a\": \"secret\n\"}", "not valid JSON");
	assert_reads("{\"a\": \"\\ud83d\\ude00\"}");
}

/* {"a": {"a": … }} or {"a": [[…]]}, `depth` levels in all. */
static void nest(struct buf *text, int depth, bool lists)
{
	buf_clear(text);
	buf_add_text(text, "{\"a\":");
	for (int i = 1; i < depth; i++)
		buf_add_text(text, lists ? "[" : "{\"a\":");
	buf_add_text(text, "1");
	for (int i = 1; i < depth; i++)
		buf_add_char(text, lists ? ']' : '}');
	buf_add_char(text, '}');
}

static void depth_is_bounded(void **state)
{
	(void)state;
	struct buf text = BUF_EMPTY;
	for (int lists = 0; lists <= 1; lists++) {
		nest(&text, JSON_DEPTH_MAX, lists);
		assert_reads(text.data);
		nest(&text, JSON_DEPTH_MAX + 1, lists);
		assert_refused(text.data, text.len, "deeper");
		nest(&text, 100000, lists);
		assert_refused(text.data, text.len, "deeper");
	}
	buf_fini(&text);
	assert_reads("{\"a\": \"[[[[[[[[[[[[[[\\\"[[[[[[[[{{{{{{{{\", \"b\": [[], [], [], [], [], [], [], [], [], []]}");
}

/* Every character that needs an escape and some that do not, alone and between others. */
static void what_is_written_is_read_back(void **state)
{
	(void)state;
	for (unsigned c = 1; c < 0x80; c++) {
		const char body[] = {'x', (char)c, (char)c, '\xc3', '\xbc', (char)c};
		struct buf text = BUF_EMPTY;
		buf_add_text(&text, "{\"body\": ");
		json_add_string(&text, body, sizeof body);
		buf_add_char(&text, '}');
		for (size_t i = 0; i < text.len; i++)
			assert_true((unsigned char)text.data[i] >= 0x20 && text.data[i] != 0x7F); /* one line, whatever is in it */
		struct error err = {0};
		json_t *json = json_read_object(text.data, text.len, &err);
		if (json == NULL)
			fail_msg("character %u: %s", c, err.text);
		size_t len = 0;
		const char *back = json_text(json, "body", &len);
		assert_int_equal(len, sizeof body);
		assert_memory_equal(back, body, len);
		json_decref(json);
		buf_fini(&text);
	}
}

/* Some languages split lines at these as well. Their neighbours stay as they are. */
static void no_line_separator_is_written_raw(void **state)
{
	(void)state;
	struct buf text = BUF_EMPTY;
	static const char body[] = "\xc2\x85|\xe2\x80\xa8|\xe2\x80\xa9|\xc2\x80|\xc2\xa0|\xe2\x80\xa7|\xe2\x80\xaa|\xe2\x81\xa8";
	json_add_string(&text, body, sizeof body - 1);
	assert_string_equal(text.data,
		"\"\\u0085|\\u2028|\\u2029|\\u0080|\xc2\xa0|\xe2\x80\xa7|\xe2\x80\xaa|\xe2\x81\xa8\"");
	buf_fini(&text);
}

static void escapes_are_the_short_ones(void **state)
{
	(void)state;
	struct buf text = BUF_EMPTY;
	json_add_string(&text, "a\"b\\c\n\t\r\x01/\xf0\x9f\x98\x80", 14);
	assert_string_equal(text.data, "\"a\\\"b\\\\c\\n\\t\\r\\u0001/\xf0\x9f\x98\x80\"");
	buf_clear(&text);
	json_add_string(&text, "", 0);
	assert_string_equal(text.data, "\"\"");
	buf_fini(&text);
}

static void an_escape_is_written_at_each_place_of_a_long_text(void **state)
{
	(void)state;
	char body[50];
	memset(body, 'x', sizeof body);
	for (size_t i = 0; i < sizeof body; i++) {
		body[i] = '"';
		struct buf text = BUF_EMPTY;
		json_add_string(&text, body, sizeof body);
		assert_int_equal(text.len, sizeof body + 3);
		assert_memory_equal(text.data + 1, body, i);
		assert_memory_equal(text.data + 1 + i, "\\\"", 2);
		assert_memory_equal(text.data + 1 + i + 2, body + i + 1, sizeof body - i - 1);
		buf_fini(&text);
		body[i] = 'x';
	}
}

static void a_member_that_is_no_string_is_no_text(void **state)
{
	(void)state;
	static const char text[] = "{\"s\": \"abc\", \"n\": 1, \"z\": null}";
	json_t *json = json_read_object(text, sizeof text - 1, NULL);
	assert_non_null(json);
	assert_string_equal(json_text(json, "s", NULL), "abc");
	assert_null(json_text(json, "n", NULL));
	assert_null(json_text(json, "z", NULL));
	assert_null(json_text(json, "missing", NULL));
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_one_whole_object_is_read),
		cmocka_unit_test(a_key_may_stand_once),
		cmocka_unit_test(nul_and_broken_text_are_refused),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(no_line_separator_is_written_raw),
		cmocka_unit_test(escapes_are_the_short_ones),
		cmocka_unit_test(an_escape_is_written_at_each_place_of_a_long_text),
		cmocka_unit_test(a_member_that_is_no_string_is_no_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
