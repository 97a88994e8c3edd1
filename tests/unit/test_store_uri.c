/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * By which name a shared store knows who opens it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "storage/uri.h"

static void assert_named(const char *uri, const char *name, const char *named)
{
	char *is = uri_named(uri, name);
	assert_string_equal(is, named);
	free(is);
}

static void test_a_name_is_added_wherever_the_uri_ends(void **state)
{
	(void)state;
	assert_named("mongodb://db", "us", "mongodb://db/?appName=us");
	assert_named("mongodb://db:27017/", "us", "mongodb://db:27017/?appName=us");
	assert_named("mongodb://a,b:1/chat", "us", "mongodb://a,b:1/chat?appName=us");
	assert_named("mongodb://db/?", "us", "mongodb://db/?appName=us");
	assert_named("mongodb://db/chat?replicaSet=rs", "us", "mongodb://db/chat?replicaSet=rs&appName=us");
	assert_named("mongodb+srv://db.example/chat", "us", "mongodb+srv://db.example/chat?appName=us");
}

static void test_a_name_that_is_there_stays_however_it_is_written(void **state)
{
	(void)state;
	static const char *const named[] = {"mongodb://db/?appName=x", "mongodb://db/?appname=x", "mongodb://db/chat?w=1&APPNAME=x&ssl=true"};
	for (size_t i = 0; i < sizeof named / sizeof *named; i++)
		assert_named(named[i], "us", named[i]);
}

static void test_a_name_that_is_there_can_be_replaced(void **state)
{
	(void)state;
	static const char *const uris[][2] = {
		{"mongodb://db/?appName=x", "mongodb://db/?appName=us"},
		{"mongodb://db/chat?w=1&APPNAME=x&ssl=true", "mongodb://db/chat?w=1&ssl=true&appName=us"},
		{"mongodb://db/chat?appname=x&w=1&appName=y", "mongodb://db/chat?w=1&appName=us"},
		{"mongodb://me:appName=x@db/chat?xappName=x", "mongodb://me:appName=x@db/chat?xappName=x&appName=us"},
		{"mongodb://db", "mongodb://db/?appName=us"},
		{"mongodb://db/?", "mongodb://db/?appName=us"},
		{"sqlite:/a?appName=x", "sqlite:/a?appName=x"},
	};
	for (size_t i = 0; i < sizeof uris / sizeof *uris; i++) {
		char *renamed = uri_renamed(uris[i][0], "us");
		assert_string_equal(renamed, uris[i][1]);
		free(renamed);
	}
}

static void test_what_looks_like_one_outside_the_options_is_none(void **state)
{
	(void)state;
	assert_named("mongodb://me:appName=x@db/chat", "us", "mongodb://me:appName=x@db/chat?appName=us");
	assert_named("mongodb://db/chat?xappName=x", "us", "mongodb://db/chat?xappName=x&appName=us");
}

static void test_a_name_is_escaped(void **state)
{
	(void)state;
	assert_named("mongodb://db", "a b&c=d/\xC3\xA9", "mongodb://db/?appName=a%20b%26c%3Dd%2F%C3%A9");
	assert_named("mongodb://db", "A-z_0.9~", "mongodb://db/?appName=A-z_0.9~");
}

static void test_a_file_has_no_name(void **state)
{
	(void)state;
	assert_named("sqlite:/var/lib/x://chat.db", "us", "sqlite:/var/lib/x://chat.db");
	assert_named("memory:", "us", "memory:");
	assert_named("", "us", "");
}

static void assert_shown(const char *uri, const char *expected)
{
	struct buf shown = BUF_EMPTY;
	uri_add_shown(&shown, uri);
	assert_string_equal(shown.data, expected);
	buf_fini(&shown);
}

static void test_what_is_shown_of_it_has_no_password(void **state)
{
	(void)state;
	assert_shown("mongodb://me:secret@db1,db2/chat?tls=true&tlsCertificateKeyFilePassword=x", "mongodb://db1,db2/chat");
	assert_shown("mongodb+srv://me:se@cret@db/chat", "mongodb+srv://db/chat");
	assert_shown("mongodb://db?x=a@b", "mongodb://db");
	assert_shown("sqlite:/var/lib/x://a@b?.db", "sqlite:/var/lib/x://a@b?.db");
	assert_shown("memory:", "memory:");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_name_is_added_wherever_the_uri_ends),
		cmocka_unit_test(test_a_name_that_is_there_stays_however_it_is_written),
		cmocka_unit_test(test_a_name_that_is_there_can_be_replaced),
		cmocka_unit_test(test_what_looks_like_one_outside_the_options_is_none),
		cmocka_unit_test(test_a_name_is_escaped),
		cmocka_unit_test(test_a_file_has_no_name),
		cmocka_unit_test(test_what_is_shown_of_it_has_no_password),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
