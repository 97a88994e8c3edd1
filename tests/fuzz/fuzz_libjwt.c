/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A second opinion: whatever we let in, libjwt finds signed as well. An input is "header newline payload" behind one byte that says what becomes of
 * the token: 's' signed as it is, 'c' cut by a few characters, 'f' one bit flipped at a place that the payload's length chooses. Where a token
 * has a `typ` other than JWT, libjwt has no opinion (docs/decisions/0001-jwt-by-openssl.md). */
#include <jwt.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/id.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/verify_token.h"

#define NOW_MS INT64_C(1790000000000)

static const char SECRET_TEXT[] = "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg";
static const char KEYS[] = "{\"keys\":[{\"kty\":\"oct\",\"k\":\"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg\"}]}";
static const char *const AUDIENCES[] = {"a"};
static const struct jwt_policy POLICY = {.issuer = "i", .audiences = AUDIENCES, .audience_count = 1, .user_claim = "sub", .user_prefix = "", .leeway_s = 0};

static const struct key_set *keys(void)
{
	static struct key_set *set;
	if (set == NULL)
		set = key_set_read("keys", KEYS, sizeof KEYS - 1, KEY_VERIFY, NULL);
	FUZZ_CHECK(set != NULL);
	return set;
}

static void secret(unsigned char bytes[32])
{
	size_t len;
	FUZZ_CHECK(base64url_decode(SECRET_TEXT, sizeof SECRET_TEXT - 1, bytes, 32, &len) && len == 32);
}

static bool has_other_typ(const char *token, size_t len)
{
	struct jws jws;
	if (!jws_read(token, len, &jws, NULL))
		return false;
	const char *typ = json_string_value(json_object_get(jws.header, "typ"));
	bool other = typ != NULL && strcasecmp(typ, "JWT") != 0;
	jws_fini(&jws);
	return other;
}

static void compare(const char *token, size_t len)
{
	unsigned char key[32];
	struct jwt_claims claims;
	jwt_t *theirs = NULL;
	if (verify_token(keys(), &POLICY, token, len, NOW_MS, &claims, NULL) != JWT_OK || has_other_typ(token, len))
		return;
	secret(key);
	FUZZ_CHECK(jwt_decode(&theirs, token, key, sizeof key) == 0);
	FUZZ_CHECK(jwt_get_alg(theirs) == JWT_ALG_HS256);
	const char *sub = jwt_get_grant(theirs, "sub");
	char user_id[AUTH_USER_ID_MAX + 1];
	FUZZ_CHECK(sub != NULL && user_id_encode("", sub, strlen(sub), user_id, NULL) && strcmp(user_id, claims.user_id) == 0);
	jwt_free(theirs);
}

static void add_encoded(struct buf *out, const void *bytes, size_t len)
{
	char *text = mem_new(len * 4 / 3 + 4);
	base64url_encode(bytes, len, text);
	buf_add_text(out, text);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	unsigned char key[32], mac[SHA256_BYTES];
	const char *text = (const char *)data + 1, *newline = memchr(text, '\n', size - 1);
	size_t len = size - 1, header_len = newline ? (size_t)(newline - text) : len;
	struct buf token = BUF_EMPTY;
	secret(key);
	add_encoded(&token, text, header_len);
	buf_add_char(&token, '.');
	add_encoded(&token, newline ? newline + 1 : "", newline ? len - header_len - 1 : 0);
	hmac_sha256(key, sizeof key, &(struct bytes){token.data, token.len}, 1, mac);
	buf_add_char(&token, '.');
	add_encoded(&token, mac, sizeof mac);
	if (data[0] == 'c')
		token.data[token.len -= 1 + size % 7] = '\0';
	else if (data[0] == 'f')
		token.data[size * 31 % token.len] ^= (char)(1 << size % 7);
	if (memchr(token.data, '\0', token.len) == NULL) /* libjwt takes a C string */
		compare(token.data, token.len);
	buf_fini(&token);
	return 0;
}
