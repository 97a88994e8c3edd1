/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Tokens. An input that begins with 'r' is a token as it comes; one with 's' is "header newline payload", which is signed here, since no
 * fuzzer finds a signature. Whoever is let in has a proper name and end; whoever is not gets a printable reason. */
#include <string.h>

#include "base/buf.h"
#include "base/id.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/verify_token.h"

#define NOW_MS INT64_C(1790000000000)

/* RFC 7520 §4.4 and RFC 7515 A.3, RFC 8037 A.1 */
static const char KEYS[] = "{\"keys\":[{\"kty\":\"oct\",\"k\":\"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg\"},"
						   "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
						   "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
						   "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"kid\":\"e\"}]}";

static const char *const AUDIENCES[] = {"a", "b"};
static const struct jwt_policy POLICY = {
	.issuer = "i", .audiences = AUDIENCES, .audience_count = 2, .user_claim = "sub", .user_prefix = "p:", .leeway_s = 60};

static const struct key_set *keys(void)
{
	static struct key_set *set;
	if (set == NULL)
		set = key_set_read("keys", KEYS, sizeof KEYS - 1, KEY_VERIFY, NULL);
	FUZZ_CHECK(set != NULL && set->key_count == 3);
	return set;
}

static void check(const char *token, size_t len)
{
	struct jwt_claims claims;
	struct error err = {0};
	enum jwt_rc rc = verify_token(keys(), &POLICY, token, len, NOW_MS, &claims, &err);
	FUZZ_CHECK(len <= JWT_MAX || rc == JWT_BAD);
	if (rc == JWT_OK) {
		FUZZ_CHECK(user_id_is_valid(claims.user_id, strlen(claims.user_id)) && strncmp(claims.user_id, "p:", 2) == 0);
		FUZZ_CHECK(claims.expires_at_ms > NOW_MS);
		return;
	}
	FUZZ_CHECK(err.rc == (int)rc && err.text[0]);
	for (const char *at = err.text; *at; at++)
		FUZZ_CHECK((unsigned char)*at >= 0x20 && *at != 0x7F);
}

static void add_encoded(struct buf *out, const void *bytes, size_t len)
{
	char *text = mem_new(len * 4 / 3 + 4);
	base64url_encode(bytes, len, text);
	buf_add_text(out, text);
	free(text);
}

static void check_signed(const char *text, size_t len)
{
	unsigned char mac[SHA256_BYTES];
	const char *newline = memchr(text, '\n', len);
	size_t header_len = newline ? (size_t)(newline - text) : len;
	struct buf token = BUF_EMPTY;
	add_encoded(&token, text, header_len);
	buf_add_char(&token, '.');
	if (newline)
		add_encoded(&token, newline + 1, len - header_len - 1);
	unsigned char secret[32];
	size_t secret_len;
	FUZZ_CHECK(base64url_decode("hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg", 43, secret, sizeof secret, &secret_len));
	hmac_sha256(secret, secret_len, &(struct bytes){token.data, token.len}, 1, mac);
	buf_add_char(&token, '.');
	add_encoded(&token, mac, sizeof mac);
	check(token.data, token.len);
	buf_fini(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 's')
		check_signed((const char *)data + 1, size - 1);
	else
		check((const char *)data + 1, size - 1);
	return 0;
}
