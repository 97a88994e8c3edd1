/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a provider says of itself, and for how long. In JSON here ' stands for ". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "plugin/auth/discovery.h"

#define ISSUER "https://id.example/realms/chat"

static struct error err;

static char *read_document(const char *text)
{
	char *json = mem_text(text);
	for (char *at = json; *at; at++)
		*at = *at == '\'' ? '"' : *at;
	memset(&err, 0, sizeof err);
	char *uri = discovery_read(json, strlen(json), ISSUER, &err);
	free(json);
	return uri;
}

static void assert_refused(const char *text, const char *saying)
{
	assert_null(read_document(text));
	if (strstr(err.text, saying) == NULL)
		fail_msg("%s: \"%s\" does not say \"%s\"", text, err.text, saying);
}

static void the_document_stands_below_the_issuer(void **state)
{
	(void)state;
	static const char *const issuers[] = {"https://id.example", "https://id.example/"};
	for (size_t i = 0; i < 2; i++) {
		char *url = discovery_url(issuers[i]);
		assert_string_equal(url, "https://id.example/.well-known/openid-configuration");
		free(url);
	}
}

static void a_document_names_the_keys_of_its_issuer(void **state)
{
	(void)state;
	char *uri = read_document("{'issuer':'" ISSUER "','jwks_uri':'https://keys.example/certs','more':{'a':[1]}}");
	assert_string_equal(uri, "https://keys.example/certs");
	free(uri);
}

static void a_document_of_another_issuer_is_refused_to_the_letter(void **state)
{
	(void)state;
	static const char *const others[] = {"https://id.example/realms/chat/", "HTTPS://id.example/realms/chat", "https://id.example/realms/Chat",
		"https://id.example:443/realms/chat", "https://evil.example/realms/chat", ""};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		char text[200];
		snprintf(text, sizeof text, "{'issuer':'%s','jwks_uri':'https://keys.example/certs'}", others[i]);
		assert_refused(text, "not to the letter");
	}
}

static void what_is_no_document_is_refused(void **state)
{
	(void)state;
	assert_refused("", "not valid JSON");
	assert_refused("<html>", "not valid JSON");
	assert_refused("[]", "object");
	assert_refused("{}", "\"issuer\" is missing");
	assert_refused("{'issuer':7,'jwks_uri':'https://keys.example/certs'}", "\"issuer\" is missing");
	assert_refused("{'issuer':'" ISSUER "'}", "\"jwks_uri\" is missing");
	assert_refused("{'issuer':'" ISSUER "','issuer':'https://evil.example','jwks_uri':'https://keys.example/certs'}", "a key stands twice");
}

static void keys_are_taken_from_https_alone(void **state)
{
	(void)state;
	static const char *const others[] = {"http://keys.example/certs", "file:///etc/passwd", "ftp://keys.example", "/certs", "//keys.example", "",
		"https://", "https:///certs", "https://user:secret@keys.example/", "https://keys.example/#part", "https://keys.example/a b",
		"https://keys.example\\\\.evil.example/", "https://:443/", "javascript:alert(1)", "https://keys\\u2024example/"};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		char text[200];
		snprintf(text, sizeof text, "{'issuer':'" ISSUER "','jwks_uri':'%s'}", others[i]);
		assert_refused(text, "no https address");
	}
}

static void an_address_may_have_a_port_a_query_and_an_at_behind_the_host(void **state)
{
	(void)state;
	static const char *const good[] = {"https://a", "HTTPS://a:8443/x?y=z", "https://[::1]:9/", "https://a/u@b", "https://a?x=@"};
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(url_is_https(good[i]));
	char long_url[URL_MAX + 20] = "https://a/";
	memset(long_url + 10, 'x', URL_MAX - 9);
	long_url[URL_MAX + 1] = '\0';
	assert_false(url_is_https(long_url));
	long_url[URL_MAX] = '\0';
	assert_true(url_is_https(long_url));
}

static void cache_control_says_how_long(void **state)
{
	(void)state;
	static const struct {
		const char *field;
		int64_t age;
	} CASES[] = {
		{"", -1}, {"public", -1}, {"max-age=3600", 3600}, {"public, max-age=19482, must-revalidate, no-transform", 19482},
		{"Max-Age=60", 60}, {"max-age=\"60\"", 60}, {"max-age=0", 0}, {"max-age=007", 7}, {"no-cache", 0}, {"no-store, max-age=600", 0},
		{"max-age=600, no-cache", 0}, {" ,, max-age=5 ,", 5}, {"max-age=5, max-age=9", 5}, {"s-maxage=9", -1}, {"x-max-age=9", -1},
		{"max-age", -1}, {"max-age=", 0}, {"max-age=-1", 0}, {"max-age=1e9", 0}, {"max-age=1.5", 0}, {"max-age=\"", 0}, {"max-age=9 9", 0},
		{"max-age=99999999999999999999999999", INT32_MAX}, {"max-age=2147483648", INT32_MAX}, {"=5", -1}, {"private=\"no-cache\"", -1},
	};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
		if (cache_control_age(CASES[i].field) != CASES[i].age)
			fail_msg("%s: %lld", CASES[i].field, (long long)cache_control_age(CASES[i].field));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_document_stands_below_the_issuer),
		cmocka_unit_test(a_document_names_the_keys_of_its_issuer),
		cmocka_unit_test(a_document_of_another_issuer_is_refused_to_the_letter),
		cmocka_unit_test(what_is_no_document_is_refused),
		cmocka_unit_test(keys_are_taken_from_https_alone),
		cmocka_unit_test(an_address_may_have_a_port_a_query_and_an_at_behind_the_host),
		cmocka_unit_test(cache_control_says_how_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
