/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * base/id: base64url is strict, digests are what the RFCs say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/id.h"

/* RFC 4648 section 10, without padding, and the two characters in which base64url differs. */
static const struct {
	const char *bytes, *text;
} PAIRS[] = {
	{"", ""}, {"f", "Zg"}, {"fo", "Zm8"}, {"foo", "Zm9v"}, {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"},
	{"\xfb\xef\xff", "--__"},
};

static void base64url_goes_both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
		char text[16], bytes[16];
		size_t len = 99;
		base64url_encode(PAIRS[i].bytes, strlen(PAIRS[i].bytes), text);
		assert_string_equal(text, PAIRS[i].text);
		assert_true(base64url_decode(text, strlen(text), bytes, sizeof bytes, &len));
		assert_int_equal(len, strlen(PAIRS[i].bytes));
		assert_memory_equal(bytes, PAIRS[i].bytes, len);
	}
}

static void every_byte_survives_the_round_trip(void **state)
{
	(void)state;
	unsigned char all[256], back[256];
	char text[343];
	for (size_t i = 0; i < sizeof all; i++)
		all[i] = (unsigned char)(i * 167 + 13);
	size_t len;
	base64url_encode(all, sizeof all, text);
	assert_int_equal(strlen(text), 342);
	assert_true(base64url_decode(text, 342, back, sizeof back, &len));
	assert_int_equal(len, sizeof all);
	assert_memory_equal(all, back, sizeof all);
}

static void assert_refused(const char *text, size_t text_len, size_t size)
{
	unsigned char bytes[16];
	size_t len = 77;
	if (base64url_decode(text, text_len, bytes, size, &len) || len != 77)
		fail_msg("accepted: '%.*s' into %zu bytes", (int)text_len, text, size);
}

static void base64url_refuses_what_has_another_spelling(void **state)
{
	(void)state;
	assert_refused("Z", 1, 16);     /* an impossible length */
	assert_refused("Zm9vY", 5, 16);
	assert_refused("Zg==", 4, 16);  /* padding */
	assert_refused("Zm8=", 4, 16);
	assert_refused("Zh", 2, 16);    /* spare bits: would decode to "f" as well */
	assert_refused("Zm9", 3, 16);
	assert_refused("Zm+v", 4, 16);  /* the other alphabet */
	assert_refused("Zm/v", 4, 16);
	assert_refused("Zm v", 4, 16);
	assert_refused("Zm\nv", 4, 16);
	assert_refused("Zm\0v", 4, 16);
	assert_refused("Zm\xc3\xbc", 4, 16);
}

static void base64url_never_writes_more_than_there_is_room_for(void **state)
{
	(void)state;
	unsigned char bytes[7] = {0, 0, 0, 0, 0, 0, 0xEE};
	size_t len;
	assert_refused("Zm9vYmFy", 8, 5);
	assert_refused("Zg", 2, 0);
	assert_true(base64url_decode("Zm9vYmFy", 8, bytes, 6, &len));
	assert_int_equal(bytes[6], 0xEE);
}

static void assert_digest(const unsigned char digest[SHA256_BYTES], const char *hex)
{
	char text[2 * SHA256_BYTES + 1];
	for (size_t i = 0; i < SHA256_BYTES; i++) {
		text[2 * i] = "0123456789abcdef"[digest[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
	}
	text[2 * SHA256_BYTES] = '\0';
	assert_string_equal(text, hex);
}

static void sha256_is_that_of_the_parts_joined(void **state)
{
	(void)state;
	unsigned char digest[SHA256_BYTES];
	sha256(NULL, 0, digest);
	assert_digest(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256((struct bytes[]){{"a", 1}, {"", 0}, {"bc", 2}}, 3, digest);
	assert_digest(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

/* Whatever their lengths are: small ones that fill a buffer together, large ones among them. */
static void sha256_does_not_depend_on_where_the_parts_are_split(void **state)
{
	(void)state;
	unsigned char bytes[900], whole[SHA256_BYTES], digest[SHA256_BYTES];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 7);
	sha256(&(struct bytes){bytes, sizeof bytes}, 1, whole);
	for (size_t first = 0; first <= 600; first += 25)
		for (size_t second = 0; second <= 300; second += 20) {
			sha256((struct bytes[]){{bytes, first}, {bytes + first, second}, {bytes + first + second, sizeof bytes - first - second}}, 3, digest);
			assert_memory_equal(digest, whole, sizeof whole);
		}
	for (size_t each = 1; each <= 300; each++) {
		struct bytes parts[sizeof bytes];
		size_t count = 0;
		for (size_t at = 0; at < sizeof bytes; at += each)
			parts[count++] = (struct bytes){bytes + at, at + each < sizeof bytes ? each : sizeof bytes - at};
		sha256(parts, count, digest);
		assert_memory_equal(digest, whole, sizeof whole);
	}
}

static void fill(unsigned char *bytes, size_t len, unsigned char with)
{
	memset(bytes, with, len);
}

static void hmac_matches_rfc_4231(void **state)
{
	(void)state;
	unsigned char digest[SHA256_BYTES], key[25], data[50];
	fill(key, 20, 0x0b);
	hmac_sha256(key, 20, (struct bytes[]){{"Hi There", 8}}, 1, digest);
	assert_digest(digest, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	hmac_sha256("Jefe", 4, (struct bytes[]){{"what do ya want ", 16}, {"for nothing?", 12}}, 2, digest);
	assert_digest(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	fill(key, 20, 0xaa);
	fill(data, 50, 0xdd);
	hmac_sha256(key, 20, (struct bytes[]){{data, 50}}, 1, digest);
	assert_digest(digest, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	for (size_t i = 0; i < 25; i++)
		key[i] = (unsigned char)(i + 1);
	fill(data, 50, 0xcd);
	hmac_sha256(key, 25, (struct bytes[]){{data, 50}}, 1, digest);
	assert_digest(digest, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
}

static void random_identifiers_differ(void **state)
{
	(void)state;
	unsigned char first[ID_BYTES], second[ID_BYTES];
	char text[ID_TEXT_LEN + 1];
	id_random(first, sizeof first);
	id_random(second, sizeof second);
	assert_memory_not_equal(first, second, sizeof first);
	base64url_encode(first, sizeof first, text);
	assert_int_equal(strlen(text), ID_TEXT_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64url_goes_both_ways),
		cmocka_unit_test(every_byte_survives_the_round_trip),
		cmocka_unit_test(base64url_refuses_what_has_another_spelling),
		cmocka_unit_test(base64url_never_writes_more_than_there_is_room_for),
		cmocka_unit_test(sha256_is_that_of_the_parts_joined),
		cmocka_unit_test(sha256_does_not_depend_on_where_the_parts_are_split),
		cmocka_unit_test(hmac_matches_rfc_4231),
		cmocka_unit_test(random_identifiers_differ),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
