/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * User IDs, usernames and client IDs: protocol.md, "Who is connected". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "plugin/auth/user_id.h"

static char user_id[AUTH_USER_ID_MAX + 1];
static struct error err;

static const char *encode(const char *prefix, const char *claim)
{
	return user_id_encode(prefix, claim, strlen(claim), user_id, &err) ? user_id : err.text;
}

static void what_would_end_or_widen_a_topic_level_is_encoded(void **state)
{
	(void)state;
	assert_string_equal(encode("", "alice"), "alice");
	assert_string_equal(encode("", "alice@example.org|7 é 🙂"), "alice@example.org|7 é 🙂");
	assert_string_equal(encode("", "100%/a+b#c"), "100%25%2Fa%2Bb%23c");
	assert_string_equal(encode("", "a\001b\037c\177d"), "a%01b%1Fc%7Fd");
	assert_string_equal(encode("", "a\xC2\x80"
								   "b\xC2\x9F"
								   "c\xC2\xA0"),
		"a%C2%80b%C2%9Fc\xC2\xA0");
	assert_string_equal(encode("", "%2F"), "%252F");
	assert_string_equal(encode("google:", "a/b"), "google:a%2Fb");
}

static void at_most_128_bytes_after_encoding(void **state)
{
	(void)state;
	char claim[200];
	memset(claim, 'x', sizeof claim);
	claim[128] = '\0';
	assert_string_equal(encode("", claim), claim);
	assert_string_equal(encode("p", claim), "longer than 128 bytes as a user ID");
	claim[126] = '/';
	claim[127] = '\0';
	assert_string_equal(encode("", claim), "longer than 128 bytes as a user ID");
	claim[125] = '/';
	claim[126] = '\0';
	assert_int_equal(strlen(encode("", claim)), 128);
	memset(claim, '/', 199);
	claim[199] = '\0';
	assert_string_equal(encode("", claim), "longer than 128 bytes as a user ID");
}

static void no_user_without_a_name_that_topics_can_carry(void **state)
{
	(void)state;
	static const char *const claims[] = {
		"\xFF", "a\xC0\x80", "\xED\xA0\x80", "\xEF\xB7\x90", "a\xEF\xBF\xBF", "\xF0\x9F\xBF\xBE", "\xF4\x8F\xBF\xBF"};
	assert_string_equal(encode("", ""), "empty");
	assert_string_equal(encode("p", ""), "empty");
	for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
		assert_string_equal(encode("", claims[i]), "not UTF-8, or a character that no topic can carry");
	assert_false(user_id_encode("", "a\0b", 3, user_id, NULL));
	assert_string_equal(
		encode("", "\xEF\xBF\xBD\xEF\xB7\x8F\xEF\xB7\xB0\xF0\x9F\xBF\xBD"), "\xEF\xBF\xBD\xEF\xB7\x8F\xEF\xB7\xB0\xF0\x9F\xBF\xBD");
}

static bool is_valid(const char *text)
{
	return user_id_is_valid(text, strlen(text));
}

static void a_user_has_one_spelling(void **state)
{
	(void)state;
	static const char *const right[] = {"alice", "a%2Fb", "%25", "%7F%C2%80", "kc:é"};
	static const char *const wrong[] = {
		"", "%00", "a/b", "a+", "#", "%", "%2", "%2f", "%41", "%C3%A9", "%ZZ", "a\nb", "a%", "\xFF", "%C2", "%C2%A0", "/%41"};
	for (size_t i = 0; i < sizeof right / sizeof *right; i++)
		if (!is_valid(right[i]))
			fail_msg("%s", right[i]);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (is_valid(wrong[i]))
			fail_msg("%s", wrong[i]);
}

static void what_encode_makes_is_valid(void **state)
{
	(void)state;
	for (unsigned c = 1; c < 0x100; c++) {
		const char claim[] = {'a', c < 0x80 ? (char)c : (char)(0xC0 | c >> 6), c < 0x80 ? 'z' : (char)(0x80 | (c & 0x3F)), '\0'};
		encode("", claim);
		if (!is_valid(user_id))
			fail_msg("U+%04X became %s", c, user_id);
	}
}

static void the_username_is_empty_or_the_user_or_jwt(void **state)
{
	(void)state;
	assert_true(username_fits(NULL, "alice"));
	assert_true(username_fits("", "alice"));
	assert_true(username_fits("alice", "alice"));
	assert_true(username_fits("jwt", "alice"));
	assert_false(username_fits("bob", "alice"));
	assert_false(username_fits("Alice", "alice"));
	assert_false(username_fits("JWT", "alice"));
	assert_false(username_fits("alic", "alice"));
	assert_false(username_fits("alice/phone", "alice"));
}

/* "device:<name>", "ephemeral" or "refused" for alice. */
static const char *kind_of(const char *client_id)
{
	static char text[200];
	const char *device = NULL;
	enum client_kind kind = client_id_read(client_id, "alice", &device, &err);
	snprintf(text, sizeof text, "device:%s", device ? device : "");
	return kind == CLIENT_DEVICE ? text : kind == CLIENT_EPHEMERAL ? "ephemeral" : "refused";
}

static void a_client_id_that_begins_with_the_user_is_a_device(void **state)
{
	(void)state;
	assert_string_equal(kind_of("alice"), "device:");
	assert_string_equal(kind_of("alice/laptop"), "device:laptop");
	assert_string_equal(kind_of("alice/my phone é"), "device:my phone é");
	assert_string_equal(kind_of("alice/%2F"), "device:%2F");
}

static void a_client_id_without_a_slash_is_ephemeral(void **state)
{
	(void)state;
	assert_string_equal(kind_of("mosq-8Uq2Ce"), "ephemeral");
	assert_string_equal(kind_of("alice2"), "ephemeral");
	assert_string_equal(kind_of("alic"), "ephemeral");
	assert_string_equal(kind_of(""), "ephemeral");
}

static void somebody_elses_device_is_refused(void **state)
{
	(void)state;
	assert_string_equal(kind_of("bob/phone"), "refused");
	assert_string_equal(kind_of("alice2/phone"), "refused");
	assert_string_equal(kind_of("Alice/phone"), "refused");
	assert_string_equal(kind_of("/phone"), "refused");
	assert_string_equal(kind_of("/"), "refused");
}

static void a_device_has_a_sensible_name(void **state)
{
	(void)state;
	char client_id[128] = "alice/";
	memset(client_id + 6, 'd', AUTH_DEVICE_MAX);
	assert_string_not_equal(kind_of(client_id), "refused");
	client_id[6 + AUTH_DEVICE_MAX] = 'd';
	assert_string_equal(kind_of(client_id), "refused");
	assert_string_equal(kind_of("alice/"), "refused");
	assert_string_equal(kind_of("alice/a/b"), "refused");
	assert_string_equal(kind_of("alice/+"), "refused");
	assert_string_equal(kind_of("alice/a#"), "refused");
	assert_string_equal(kind_of("alice/a\tb"), "refused");
	assert_string_equal(kind_of("alice/\xFF"), "refused");
}

/* But for U+0000, which is in no token that we let in. */
static void what_was_encoded_can_be_decoded(void **state)
{
	(void)state;
	static const char *const CLAIMS[] = {"alice", "a/b", "100%", "%2F", "x#+y", "\xC3\xA9\xC2\x81", "\x01\x7F"};
	char encoded[AUTH_USER_ID_MAX + 1], claim[AUTH_USER_ID_MAX + 1];
	for (size_t i = 0; i < sizeof CLAIMS / sizeof *CLAIMS; i++) {
		assert_true(user_id_encode("", CLAIMS[i], strlen(CLAIMS[i]), encoded, NULL));
		assert_true(user_id_decode(encoded, claim));
		assert_string_equal(claim, CLAIMS[i]);
	}
	static const char *const WRONG[] = {"", "a/b", "%2f", "%41", "%", "%2", "%00", "\xFF"};
	for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++)
		assert_false(user_id_decode(WRONG[i], claim));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_would_end_or_widen_a_topic_level_is_encoded),
		cmocka_unit_test(at_most_128_bytes_after_encoding),
		cmocka_unit_test(no_user_without_a_name_that_topics_can_carry),
		cmocka_unit_test(a_user_has_one_spelling),
		cmocka_unit_test(what_encode_makes_is_valid),
		cmocka_unit_test(what_was_encoded_can_be_decoded),
		cmocka_unit_test(the_username_is_empty_or_the_user_or_jwt),
		cmocka_unit_test(a_client_id_that_begins_with_the_user_is_a_device),
		cmocka_unit_test(a_client_id_without_a_slash_is_ephemeral),
		cmocka_unit_test(somebody_elses_device_is_refused),
		cmocka_unit_test(a_device_has_a_sensible_name),
	};
	return cmocka_run_group_tests_name("user IDs", tests, NULL, NULL);
}
