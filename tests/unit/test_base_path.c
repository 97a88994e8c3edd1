/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * base/path: the directory of a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/path.h"

static void a_file_is_in_the_directory_that_its_name_says(void **state)
{
	(void)state;
	static const char *const CASES[][2] = {
		{"/var/lib/chat.db", "/var/lib"}, {"/chat.db", "/"}, {"chat.db", "."}, {"lib/chat.db", "lib"}, {"./chat.db", "."}, {"", "."}};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		char *directory = path_directory(CASES[i][0]);
		assert_string_equal(directory, CASES[i][1]);
		free(directory);
	}
}

int main(void)
{
	const struct CMUnitTest stories[] = {
		cmocka_unit_test(a_file_is_in_the_directory_that_its_name_says),
	};
	return cmocka_run_group_tests_name("base/path", stories, NULL, NULL);
}
