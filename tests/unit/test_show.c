/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Answers of a broker as people read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <time.h>

#include "plugin/ctl/show.h"

static void shows(const char *json, const char *expected)
{
	struct buf out = BUF_EMPTY;
	json_t *data = json_loads(json, 0, NULL);
	assert_non_null(data);
	show_data(data, &out);
	assert_string_equal(out.data != NULL ? out.data : "", expected);
	json_decref(data);
	buf_fini(&out);
}

static void values_are_lines(void **state)
{
	(void)state;
	shows("{\"name\":\"a\",\"count\":7,\"share\":0.5,\"on\":true,\"off\":false,\"device\":\"\",\"owners\":[\"a\",\"b\"],\"none\":[],\"in\":{\"x\":1}}",
		"name: a\ncount: 7\nshare: 0.5\non: yes\noff: no\ndevice: \"\"\nowners: a, b\nnone: none\nin.x: 1\n");
	shows("{}", "");
}

static void numbers_keep_their_digits(void **state)
{
	(void)state;
	shows("{\"start_time_seconds\":1795843796.97}", "start_time_seconds: 1795843796.97\n");
}

static void lists_of_objects_are_tables_below_the_rest(void **state)
{
	(void)state;
	shows("{\"users\":[{\"user\":\"alice\",\"n\":1},{\"user\":\"Zoë\",\"banned\":true,\"n\":22}],\"more\":false}",
		"more: no\n\nusers:\nuser   n   banned\nalice  1   \nZoë    22  yes\n");
}

static void transactions_are_a_line_of_json_each(void **state)
{
	(void)state;
	shows("{\"transactions\":[{\"body\":\"a\\nb\"},{\"n\":2}]}", "{\"body\":\"a\\nb\"}\n{\"n\":2}\n");
}

static void times_are_local(void **state)
{
	(void)state;
	shows("{\"seenAt\":1700000000123,\"list\":[{\"at\":0}],\"flat\":5}",
		"seenAt: 2023-11-15T03:58:20+05:45\nflat: 5\n\nlist:\nat\n1970-01-01T05:45:00+05:45\n");
}

static void what_would_steer_a_terminal_does_not_get_there(void **state)
{
	(void)state;
	shows("{\"name\":\"a\\u001b[2Jb\\nc\\u007f\\u009bd\"}", "name: a?[2Jb?c??d\n");
	shows("{\"transactions\":[{\"body\":\"\\u009b\\u007f\"}]}", "{\"body\":\"??\"}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_lines),
		cmocka_unit_test(numbers_keep_their_digits),
		cmocka_unit_test(lists_of_objects_are_tables_below_the_rest),
		cmocka_unit_test(transactions_are_a_line_of_json_each),
		cmocka_unit_test(times_are_local),
		cmocka_unit_test(what_would_steer_a_terminal_does_not_get_there),
	};
	setenv("TZ", "NST-5:45", 1); /* not on a full hour */
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
