/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * plugin/auth/http and fetch, against a server that says what it likes. */
#include "plugin/auth/http.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "plugin/auth/fetch.h"
#include "tests/unit/https_server.h"
#include "tests/unit/signer.h"

#define OK(fields, body) "HTTP/1.1 200 OK\r\nConnection: close\r\n" fields "\r\n" body

static int start(void **state)
{
	*state = https_server_start("IP:127.0.0.1");
	return 0;
}

static int stop(void **state)
{
	https_server_stop(*state);
	return 0;
}

static bool get(struct https_server *server, const char *path, size_t bytes_max, struct http_answer *answer, struct error *err)
{
	const struct http_request request = {
		.url = https_server_url(server, path), .ca_file = https_server_authority(server), .bytes_max = bytes_max};
	return http_get(&request, answer, err);
}

/* Not got, and the words say why. */
static void expect_failure(struct https_server *server, const char *path, const char *words)
{
	struct http_answer answer;
	struct error err = {0};
	assert_false(get(server, path, 1000, &answer, &err));
	if (strstr(err.text, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
	assert_int_equal(answer.body.len, 0);
}

/* ---- http ---- */

static void an_answer_comes_whole_with_its_date(void **state)
{
	struct http_answer answer;
	https_server_says(*state, "/a", OK("Date: Thu, 01 Jan 2026 00:00:00 GMT\r\nCache-Control:  max-age=60 \r\n", "hello"));
	assert_true(get(*state, "/a", 5, &answer, NULL));
	assert_int_equal(answer.body.len, 5);
	assert_memory_equal(answer.body.data, "hello", 5);
	assert_string_equal(answer.cache_control, "max-age=60");
	assert_int_equal(answer.date_s, 1767225600);
	http_answer_fini(&answer);
}

static void without_fields_there_is_no_age_and_no_date(void **state)
{
	static const char *const DATES[] = {OK("", "x"), OK("Date: yesterday\r\n", "x")};
	for (size_t i = 0; i < sizeof DATES / sizeof *DATES; i++) {
		struct http_answer answer;
		https_server_says(*state, "/a", DATES[i]);
		assert_true(get(*state, "/a", 1000, &answer, NULL));
		assert_string_equal(answer.cache_control, "");
		assert_int_equal(answer.date_s, 0);
		http_answer_fini(&answer);
	}
}

static void several_fields_make_one_list_and_what_is_too_long_is_passed_over(void **state)
{
	struct http_answer answer;
	char text[1000], longer[HTTP_CACHE_CONTROL_MAX + 1];
	memset(longer, 'x', sizeof longer);
	snprintf(text, sizeof text, OK("cache-control: public\r\nCACHE-CONTROL: %.*s\r\nCache-Control: max-age=9\r\n", "x"), (int)sizeof longer, longer);
	https_server_says(*state, "/a", text);
	assert_true(get(*state, "/a", 1000, &answer, NULL));
	assert_string_equal(answer.cache_control, "public,max-age=9");
	http_answer_fini(&answer);
}

static void an_answer_that_is_too_long_is_none(void **state)
{
	https_server_says(*state, "/a", OK("", "hello!"));
	struct http_answer answer;
	struct error err;
	assert_false(get(*state, "/a", 5, &answer, &err));
	assert_non_null(strstr(err.text, "longer than 5 bytes"));
}

static void another_status_is_no_answer(void **state)
{
	https_server_says(*state, "/a", "HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno");
	expect_failure(*state, "/a", "status 500");
	expect_failure(*state, "/unknown", "status 404");
}

static void what_is_no_http_is_no_answer(void **state)
{
	https_server_says(*state, "/a", "\x01\x02 hello");
	expect_failure(*state, "/a", "127.0.0.1");
	https_server_says(*state, "/b", "");
	expect_failure(*state, "/b", "127.0.0.1");
}

static void redirects_within_https_are_followed_and_the_last_answers_fields_count(void **state)
{
	struct http_answer answer;
	https_server_says(*state, "/a", "HTTP/1.1 302 Found\r\nConnection: close\r\nCache-Control: max-age=1\r\nLocation: @/b\r\nContent-Length: 0\r\n\r\n");
	https_server_says(*state, "/b", OK("Cache-Control: max-age=2\r\n", "there"));
	assert_true(get(*state, "/a", 1000, &answer, NULL));
	assert_memory_equal(answer.body.data, "there", 5);
	assert_string_equal(answer.cache_control, "max-age=2");
	http_answer_fini(&answer);
}

static void redirects_to_anything_else_or_in_a_circle_are_not(void **state)
{
	static const char *const WHERE[] = {"http://127.0.0.1:1/", "file:///etc/passwd", "@/a", "ftp://127.0.0.1/"};
	for (size_t i = 0; i < sizeof WHERE / sizeof *WHERE; i++) {
		char text[200];
		snprintf(text, sizeof text, "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", WHERE[i]);
		https_server_says(*state, "/a", text);
		unsigned before = https_server_count(*state);
		expect_failure(*state, "/a", "127.0.0.1");
		assert_in_range(https_server_count(*state) - before, 1, 1 + HTTP_REDIRECTS_MAX);
	}
}

static void a_certificate_of_another_authority_is_not_believed(void **state)
{
	struct https_server *other = https_server_start("IP:127.0.0.1");
	const char *const AUTHORITIES[] = {https_server_authority(other), "", NULL, "/nonexistent"};
	https_server_says(*state, "/a", OK("", "hello"));
	for (size_t i = 0; i < sizeof AUTHORITIES / sizeof *AUTHORITIES; i++) {
		struct http_answer answer;
		struct error err;
		const struct http_request request = {.url = https_server_url(*state, "/a"), .ca_file = AUTHORITIES[i], .bytes_max = 100};
		assert_false(http_get(&request, &answer, &err));
		assert_true(strlen(err.text) > 0);
	}
	assert_int_equal(https_server_count(*state), 0);
	https_server_stop(other);
}

static void a_certificate_for_another_name_is_not_believed(void **state)
{
	struct https_server *named = https_server_start("DNS:id.example");
	(void)state;
	https_server_says(named, "/a", OK("", "hello"));
	expect_failure(named, "/a", "127.0.0.1");
	https_server_stop(named);
}

static void nothing_but_https_is_asked(void **state)
{
	static const char *const URLS[] = {"http://127.0.0.1:1/", "file:///etc/passwd", "127.0.0.1", ""};
	(void)state;
	for (size_t i = 0; i < sizeof URLS / sizeof *URLS; i++) {
		struct http_answer answer;
		struct error err;
		const struct http_request request = {.url = URLS[i], .bytes_max = 100};
		assert_false(http_get(&request, &answer, &err));
	}
}

static void who_is_to_give_up_does_so_within_a_second_or_two(void **state)
{
	struct http_answer answer;
	struct error err;
	const atomic_bool abort = true;
	https_server_says(*state, "/a", NULL);
	const struct http_request request = {
		.url = https_server_url(*state, "/a"), .ca_file = https_server_authority(*state), .bytes_max = 100, .abort = &abort};
	int64_t began_ms = clock_mono_ms();
	assert_false(http_get(&request, &answer, &err));
	assert_true(clock_mono_ms() - began_ms < HTTP_TIMEOUT_MS / 2);
}

/* ---- fetch ---- */

#define DISCOVERY "/.well-known/openid-configuration"

static void says_document(struct https_server *server, const char *issuer, const char *jwks_uri)
{
	char text[600];
	snprintf(text, sizeof text, OK("", "{\"issuer\": \"%s\", \"jwks_uri\": \"%s\"}"), issuer, jwks_uri);
	https_server_says(server, DISCOVERY, text);
}

static bool fetch(struct https_server *server, struct fetched *fetched, struct error *err)
{
	char issuer[100];
	snprintf(issuer, sizeof issuer, "%s", https_server_url(server, ""));
	const struct fetch_request request = {.issuer = issuer, .ca_file = https_server_authority(server)};
	return fetch_keys(&request, fetched, err);
}

static void keys_are_found_by_discovery(void **state)
{
	struct signer signer;
	struct fetched fetched;
	signer_init(&signer, "ES256", "one", NULL);
	char *set = signer_jwk_set(&signer, KEY_VERIFY), text[2000];
	snprintf(text, sizeof text, OK("Cache-Control: max-age=600\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n", "%s"), set);
	says_document(*state, "@", "@/keys");
	https_server_says(*state, "/keys", text);
	assert_true(fetch(*state, &fetched, NULL));
	assert_int_equal(fetched.keys->key_count, 1);
	assert_string_equal(fetched.keys->keys[0].kid, "one");
	assert_string_equal(fetched.jwks_uri, https_server_url(*state, "/keys"));
	assert_int_equal(fetched.age_s, 600);
	assert_int_equal(fetched.date_s, 1767225600);
	fetched_fini(&fetched);
	fetched_fini(&fetched); /* once is enough, twice is fine */
	free(set);
	signer_fini(&signer);
}

static void expect_no_keys(struct https_server *server, const char *words)
{
	struct fetched fetched;
	struct error err = {0};
	assert_false(fetch(server, &fetched, &err));
	if (strstr(err.text, words) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void without_a_document_a_key_set_or_one_usable_key_there_are_none(void **state)
{
	expect_no_keys(*state, "status 404");
	https_server_says(*state, DISCOVERY, OK("", ""));
	expect_no_keys(*state, "JSON");
	says_document(*state, "https://somebody.else", "@/keys");
	expect_no_keys(*state, "not to the letter");
	says_document(*state, "@", "@/keys");
	expect_no_keys(*state, "status 404");
	https_server_says(*state, "/keys", OK("", ""));
	expect_no_keys(*state, "its key set");
	https_server_says(*state, "/keys", OK("", "{\"keys\": []}"));
	expect_no_keys(*state, "empty");
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

static int libcurl(void **state)
{
	(void)state;
	/* A machine's proxy knows nothing of this server. */
	setenv("no_proxy", "127.0.0.1", 1);
	return http_start() ? 0 : 1;
}

static int no_libcurl(void **state)
{
	(void)state;
	http_stop();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(an_answer_comes_whole_with_its_date),
		SERVER_TEST(without_fields_there_is_no_age_and_no_date),
		SERVER_TEST(several_fields_make_one_list_and_what_is_too_long_is_passed_over),
		SERVER_TEST(an_answer_that_is_too_long_is_none),
		SERVER_TEST(another_status_is_no_answer),
		SERVER_TEST(what_is_no_http_is_no_answer),
		SERVER_TEST(redirects_within_https_are_followed_and_the_last_answers_fields_count),
		SERVER_TEST(redirects_to_anything_else_or_in_a_circle_are_not),
		SERVER_TEST(a_certificate_of_another_authority_is_not_believed),
		SERVER_TEST(a_certificate_for_another_name_is_not_believed),
		SERVER_TEST(nothing_but_https_is_asked),
		SERVER_TEST(who_is_to_give_up_does_so_within_a_second_or_two),
		SERVER_TEST(keys_are_found_by_discovery),
		SERVER_TEST(without_a_document_a_key_set_or_one_usable_key_there_are_none),
	};
	return cmocka_run_group_tests(tests, libcurl, no_libcurl);
}
