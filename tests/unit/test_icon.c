/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Icons on their way in and out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "plugin/rpc/icon.h"

static struct icon taken(const char *text)
{
	struct icon icon;
	struct verdict verdict = {0};
	if (!icon_read(text, &icon, "icon", &verdict))
		fail_msg("%s", verdict.message);
	return icon;
}

static void assert_refused(const char *text, enum refusal code)
{
	struct icon icon;
	struct verdict verdict = {0};
	assert_false(icon_read(text, &icon, "userInfo.icon", &verdict));
	assert_int_equal(verdict.code, code);
	assert_non_null(strstr(verdict.message, "userInfo.icon"));
	assert_null(icon.bytes);
}

static void nothing_is_no_icon(void **state)
{
	(void)state;
	struct icon icon = taken("");
	assert_string_equal(icon.name, "");
	assert_null(icon.bytes);
}

static void a_url_stays_as_it_is(void **state)
{
	(void)state;
	struct icon icon = taken("https://example.org/a.png?x=1&y=%20");
	assert_string_equal(icon.name, "https://example.org/a.png?x=1&y=%20");
	assert_null(icon.bytes);
	assert_true(icon_is_url(icon.name));
	assert_false(icon_is_id(icon.name));
}

static void other_schemes_and_what_ends_an_attribute_are_refused(void **state)
{
	(void)state;
	assert_refused("javascript:alert(1)", REFUSAL_BAD_REQUEST);
	assert_refused("ftp://example.org/", REFUSAL_BAD_REQUEST);
	assert_refused("https://example.org/\"onerror=", REFUSAL_BAD_REQUEST);
	assert_refused("https://example.org/a b", REFUSAL_BAD_REQUEST);
	assert_refused("https://example.org/\xc3\xa4", REFUSAL_BAD_REQUEST);
	char url[ICON_URL_MAX + 2];
	memset(url, 'a', sizeof url - 1);
	memcpy(url, "https://", 8);
	url[ICON_URL_MAX + 1] = '\0';
	assert_refused(url, REFUSAL_BAD_REQUEST);
	url[ICON_URL_MAX] = '\0';
	assert_string_equal(taken(url).name, url);
}

static void the_same_bytes_have_the_same_name_however_they_are_spelt(void **state)
{
	(void)state;
	const char *const spellings[] = {"+/+/+w==", "+/+/+w", "-_-_-w==", "-_-_-w"};
	char name[ID_TEXT_LEN + 1] = "";
	for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++) {
		struct icon icon = taken(spellings[i]);
		assert_int_equal(icon.len, 4);
		assert_memory_equal(icon.bytes, "\xfb\xff\xbf\xfb", 4);
		assert_true(icon_is_id(icon.name));
		if (i > 0)
			assert_string_equal(icon.name, name);
		strcpy(name, icon.name);
		icon_fini(&icon);
	}
	struct icon other = taken("+/+/+g==");
	assert_string_not_equal(other.name, name);
	icon_fini(&other);
}

static void what_is_no_base64_is_refused(void **state)
{
	(void)state;
	const char *const wrong[] = {"=", "====", "A", "AAAAA", "AA=A", "AAA=A===", "A A=", "AB==", "AA===", "\xff\xff"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_refused(wrong[i], REFUSAL_BAD_REQUEST);
}

static void up_to_32_kilobytes_are_taken(void **state)
{
	(void)state;
	unsigned char *bytes = malloc(ICON_BYTES_MAX + 1);
	id_random(bytes, ICON_BYTES_MAX + 1);
	struct buf text = {0};
	icon_add_base64(&text, bytes, ICON_BYTES_MAX);
	struct icon icon = taken(text.data);
	assert_int_equal(icon.len, ICON_BYTES_MAX);
	assert_memory_equal(icon.bytes, bytes, ICON_BYTES_MAX);
	icon_fini(&icon);
	buf_clear(&text);
	icon_add_base64(&text, bytes, ICON_BYTES_MAX + 1);
	assert_refused(text.data, REFUSAL_TOO_LARGE);
	buf_add_char(&text, 'A');
	assert_refused(text.data, REFUSAL_TOO_LARGE);
	buf_fini(&text);
	free(bytes);
}

static void base64_comes_out_padded_behind_what_is_there(void **state)
{
	(void)state;
	const struct {
		const char *bytes, *text;
	} cases[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"\xfb\xff", "+/8="}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out = {0};
		buf_add_text(&out, "-");
		icon_add_base64(&out, cases[i].bytes, strlen(cases[i].bytes));
		assert_string_equal(out.data + 1, cases[i].text);
		assert_int_equal(out.data[0], '-');
		buf_fini(&out);
	}
}

static void an_answer_says_url_or_id_or_nothing(void **state)
{
	(void)state;
	struct buf out = {0};
	buf_add_char(&out, '{');
	icon_write(&out, "");
	assert_string_equal(out.data, "{");
	icon_write(&out, "http://a/b");
	assert_string_equal(out.data, "{\"iconURL\":\"http://a/b\"");
	icon_write(&out, "AAAAAAAAAAAAAAAAAAAAAA");
	assert_string_equal(out.data, "{\"iconURL\":\"http://a/b\",\"iconID\":\"AAAAAAAAAAAAAAAAAAAAAA\"");
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_no_icon),
		cmocka_unit_test(a_url_stays_as_it_is),
		cmocka_unit_test(other_schemes_and_what_ends_an_attribute_are_refused),
		cmocka_unit_test(the_same_bytes_have_the_same_name_however_they_are_spelt),
		cmocka_unit_test(what_is_no_base64_is_refused),
		cmocka_unit_test(up_to_32_kilobytes_are_taken),
		cmocka_unit_test(base64_comes_out_padded_behind_what_is_there),
		cmocka_unit_test(an_answer_says_url_or_id_or_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
