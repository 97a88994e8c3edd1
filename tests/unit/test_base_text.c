/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * base/text: what counts as UTF-8, where it may be cut, what is a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

struct sample {
	const char *bytes;
	size_t len;
	const char *what;
};

#define SAMPLE(text, what) {text, sizeof(text) - 1, what}

static void utf8_accepts_every_length_and_both_ends_of_each(void **state)
{
	(void)state;
	static const struct sample good[] = {
		SAMPLE("", "nothing"),
		SAMPLE("\x01\x7f", "one byte"),
		SAMPLE("\xc2\x80\xdf\xbf", "two bytes, first and last"),
		SAMPLE("\xe0\xa0\x80\xef\xbf\xbf", "three bytes, first and last"),
		SAMPLE("\xed\x9f\xbf", "the last before the surrogates"),
		SAMPLE("\xee\x80\x80", "the first after the surrogates"),
		SAMPLE("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "four bytes, first and last"),
		SAMPLE("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", "a mixture"),
	};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!text_is_utf8(good[i].bytes, good[i].len))
			fail_msg("refused: %s", good[i].what);
}

static void utf8_refuses_everything_else(void **state)
{
	(void)state;
	static const struct sample bad[] = {
		SAMPLE("a\0b", "NUL"),
		SAMPLE("\x80", "a continuation alone"),
		SAMPLE("\xc0\x80", "overlong NUL"),
		SAMPLE("\xc1\xbf", "overlong, two bytes"),
		SAMPLE("\xe0\x9f\xbf", "overlong, three bytes"),
		SAMPLE("\xf0\x8f\xbf\xbf", "overlong, four bytes"),
		SAMPLE("\xed\xa0\x80", "first surrogate"),
		SAMPLE("\xed\xbf\xbf", "last surrogate"),
		SAMPLE("\xed\xa0\xbd\xed\xb8\x80", "a surrogate pair (CESU-8)"),
		SAMPLE("\xf4\x90\x80\x80", "above U+10FFFF"),
		SAMPLE("\xf5\x80\x80\x80", "a lead byte that does not exist"),
		SAMPLE("\xf8\x88\x80\x80\x80", "five bytes"),
		SAMPLE("\xff", "0xFF"),
		SAMPLE("\xc3", "cut after one of two"),
		SAMPLE("\xe2\x82", "cut after two of three"),
		SAMPLE("\xf0\x9f\x98", "cut after three of four"),
		SAMPLE("\xc3(", "no continuation in a second place"),
		SAMPLE("\xe2\x82(", "no continuation in a third place"),
		SAMPLE("\xf0\x9f\x98(", "no continuation in a fourth place"),
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (text_is_utf8(bad[i].bytes, bad[i].len))
			fail_msg("accepted: %s", bad[i].what);
}

/* Every three-byte sequence against the definition by code points, which shares nothing with the table of bounds. */
static void utf8_agrees_with_the_code_points_on_all_three_byte_sequences(void **state)
{
	(void)state;
	for (unsigned lead = 0xE0; lead <= 0xEF; lead++)
		for (unsigned rest = 0; rest <= 0xFFFF; rest++) {
			const char bytes[] = {(char)lead, (char)(rest >> 8), (char)rest};
			unsigned second = rest >> 8, third = rest & 0xFF;
			bool shaped = second >> 6 == 2 && third >> 6 == 2;
			unsigned point = (lead & 0xF) << 12 | (second & 0x3F) << 6 | (third & 0x3F);
			bool expected = shaped && point >= 0x800 && (point < 0xD800 || point > 0xDFFF);
			if (text_is_utf8(bytes, 3) != expected)
				fail_msg("%02x %02x %02x", lead, second, third);
		}
}

static void a_cut_never_splits_a_character(void **state)
{
	(void)state;
	const char text[] = "a\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80z"; /* starts at 0, 1, 3, 6, 10 */
	static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
	for (size_t max = 0; max < sizeof expected / sizeof *expected; max++)
		assert_int_equal(text_cut(text, sizeof text - 1, max), expected[max]);
	assert_int_equal(text_cut("", 0, 5), 0);
}

static void assert_number(const char *digits, uint64_t max, uint64_t expected)
{
	uint64_t number = 77;
	if (!text_to_u64(digits, strlen(digits), max, &number) || number != expected)
		fail_msg("%s is not read as a number up to %ju", digits, (uintmax_t)max);
}

static void assert_no_number(const char *digits, uint64_t max)
{
	uint64_t number = 77;
	if (text_to_u64(digits, strlen(digits), max, &number) || number != 77)
		fail_msg("%s is read as a number up to %ju, or the output was touched", digits, (uintmax_t)max);
}

static void numbers_are_digits_within_the_range(void **state)
{
	(void)state;
	assert_number("0", 0, 0);
	assert_number("17", 17, 17);
	assert_number("18446744073709551615", UINT64_MAX, UINT64_MAX);
	assert_number("9007199254740991", (UINT64_C(1) << 53) - 1, (UINT64_C(1) << 53) - 1);
	assert_no_number("", 10);
	assert_no_number("18", 17);
	assert_no_number("9", 8);
	assert_no_number("18446744073709551616", UINT64_MAX);
	assert_no_number("99999999999999999999", UINT64_MAX);
	assert_no_number("100000000000000000000", UINT64_MAX);
	assert_no_number("-1", 10);
	assert_no_number("+1", 10);
	assert_no_number(" 1", 10);
	assert_no_number("1 ", 10);
	assert_no_number("01", 10);
	assert_no_number("00", 10);
	assert_no_number("1.0", 10);
	assert_no_number("0x1", 10);
	assert_no_number("\xd9\xa1", 10); /* ARABIC-INDIC DIGIT ONE */
}

static void control_characters_are_found_wherever_they_stand(void **state)
{
	(void)state;
	static const struct sample with[] = {
		SAMPLE("a\nb", "LF"), SAMPLE("\t", "TAB"), SAMPLE("a\x1f", "U+001F"), SAMPLE("\x7f", "DEL"), SAMPLE("\0", "NUL"),
		SAMPLE("\xc2\x80", "U+0080"), SAMPLE("x\xc2\x9f", "U+009F"),
	};
	for (size_t i = 0; i < sizeof with / sizeof *with; i++)
		if (!text_has_control(with[i].bytes, with[i].len))
			fail_msg("not found: %s", with[i].what);
	static const struct sample without[] = {
		SAMPLE("", "nothing"), SAMPLE(" ~", "the ends of ASCII"), SAMPLE("\xc2\xa0", "U+00A0"), SAMPLE("\xc3\x80\xe2\x82\xac", "letters"),
	};
	for (size_t i = 0; i < sizeof without / sizeof *without; i++)
		if (text_has_control(without[i].bytes, without[i].len))
			fail_msg("found in: %s", without[i].what);
}

enum { LONG = 50 };

static void one_odd_byte_is_noticed_at_each_place_of_a_long_text(void **state)
{
	(void)state;
	char text[LONG];
	memset(text, 'x', sizeof text);
	assert_true(text_is_utf8(text, sizeof text));
	assert_false(text_has_control(text, sizeof text));
	for (size_t i = 0; i < sizeof text; i++) {
		text[i] = '\0';
		assert_false(text_is_utf8(text, sizeof text));
		text[i] = '\x80';
		assert_false(text_is_utf8(text, sizeof text));
		text[i] = '\x1f';
		assert_true(text_has_control(text, sizeof text));
		text[i] = '\x7f';
		assert_true(text_has_control(text, sizeof text));
		text[i] = 'x';
	}
}

static void plain_blocks_end_before_the_first_byte_that_is_not_plain(void **state)
{
	(void)state;
	char text[LONG];
	memset(text, ' ', sizeof text);
	assert_int_equal(text_plain_blocks(text, sizeof text), 48);
	assert_int_equal(text_plain_blocks(text, 15), 0);
	for (unsigned c = 0; c < 0x100; c++) {
		bool plain = c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
		for (size_t i = 0; i < sizeof text; i++) {
			text[i] = (char)c;
			assert_int_equal(text_plain_blocks(text, sizeof text), plain || i >= 48 ? 48 : i / 16 * 16);
			text[i] = ' ';
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_accepts_every_length_and_both_ends_of_each),
		cmocka_unit_test(utf8_refuses_everything_else),
		cmocka_unit_test(utf8_agrees_with_the_code_points_on_all_three_byte_sequences),
		cmocka_unit_test(a_cut_never_splits_a_character),
		cmocka_unit_test(numbers_are_digits_within_the_range),
		cmocka_unit_test(control_characters_are_found_wherever_they_stand),
		cmocka_unit_test(one_odd_byte_is_noticed_at_each_place_of_a_long_text),
		cmocka_unit_test(plain_blocks_end_before_the_first_byte_that_is_not_plain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
