/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * base/buf and base/error: bytes arrive as given, always with a NUL behind them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"

static void bytes_are_kept_and_a_nul_follows_at_every_length(void **state)
{
	(void)state;
	struct buf buf = BUF_EMPTY;
	for (size_t i = 0; i < 1000; i++) {
		buf_add_char(&buf, (char)(i % 251));
		assert_int_equal(buf.len, i + 1);
		assert_true(buf.size > buf.len);
		assert_int_equal(buf.data[buf.len], 0);
	}
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal((unsigned char)buf.data[i], i % 251);
	buf_fini(&buf);
	assert_null(buf.data);
}

static void reserving_makes_room_once(void **state)
{
	(void)state;
	struct buf buf = BUF_EMPTY;
	buf_reserve(&buf, 5000);
	const char *data = buf.data;
	for (size_t i = 0; i < 500; i++)
		buf_add(&buf, "0123456789", 10);
	assert_ptr_equal(buf.data, data);
	buf_clear(&buf);
	assert_int_equal(buf.len, 0);
	assert_string_equal(buf.data, "");
	assert_ptr_equal(buf.data, data);
	buf_fini(&buf);
}

static void an_empty_buffer_takes_nothing_and_clears(void **state)
{
	(void)state;
	struct buf buf = BUF_EMPTY;
	buf_clear(&buf);
	buf_add(&buf, NULL, 0);
	assert_string_equal(buf.data, "");
	buf_fini(&buf);
	buf_fini(&buf);
}

static void numbers_are_written_up_to_their_limits(void **state)
{
	(void)state;
	struct buf buf = BUF_EMPTY;
	buf_add_u64(&buf, 0);
	buf_add_char(&buf, ' ');
	buf_add_u64(&buf, UINT64_MAX);
	buf_add_char(&buf, ' ');
	buf_add_i64(&buf, INT64_MIN);
	buf_add_char(&buf, ' ');
	buf_add_i64(&buf, INT64_MAX);
	assert_string_equal(buf.data, "0 18446744073709551615 -9223372036854775808 9223372036854775807");
	buf_fini(&buf);
}

static void printf_appends_whatever_its_length(void **state)
{
	(void)state;
	struct buf buf = BUF_EMPTY;
	char expected[2048] = "";
	for (int i = 0; i < 200; i++) {
		buf_printf(&buf, "%d/%s;", i, "x");
		sprintf(expected + strlen(expected), "%d/%s;", i, "x");
	}
	assert_string_equal(buf.data, expected);
	assert_int_equal(buf.len, strlen(expected));
	buf_fini(&buf);
}

static void copies_end_with_a_nul(void **state)
{
	(void)state;
	char *copy = mem_copy("abc", 2);
	assert_string_equal(copy, "ab");
	free(copy);
	copy = mem_copy(NULL, 0);
	assert_string_equal(copy, "");
	free(copy);
	assert_null(mem_text(NULL));
}

static void an_error_holds_one_line_cut_to_its_size(void **state)
{
	(void)state;
	struct error err = {0};
	char longer[2 * ERROR_TEXT_SIZE];
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_int_equal(error_set(&err, 3, 5, "%s", longer), 3);
	assert_int_equal(err.rc, 3);
	assert_int_equal(err.native, 5);
	assert_int_equal(strlen(err.text), ERROR_TEXT_SIZE - 1);
	assert_int_equal(error_set(NULL, 4, 0, "nobody listens"), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_kept_and_a_nul_follows_at_every_length),
		cmocka_unit_test(reserving_makes_room_once),
		cmocka_unit_test(an_empty_buffer_takes_nothing_and_clears),
		cmocka_unit_test(numbers_are_written_up_to_their_limits),
		cmocka_unit_test(printf_appends_whatever_its_length),
		cmocka_unit_test(copies_end_with_a_nul),
		cmocka_unit_test(an_error_holds_one_line_cut_to_its_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
