/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The second opinion: thousands of tokens, right ones and spoilt ones, to us and to libjwt with the same key.
 *
 *   What we let in, libjwt finds signed. Exceptions: PS and EdDSA, and a typ other than JWT; there it has no opinion.
 *   What libjwt finds signed, we refuse only for a reason that libjwt does not look at, never for the signature.
 *
 * HC_SEED=n repeats a run, HC_ROUNDS=n makes it longer. In JSON here ' stands for ". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jwt.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/text.h"
#include "tests/unit/signer.h"
#include "tests/unit/verify_token.h"

#define NOW_MS INT64_C(1790000000000)
#define GOOD   "{'iss':'i','aud':'a','sub':'alice','exp':1790000600}"

static const char *const AUDIENCES[] = {"a"};
static const struct jwt_policy POLICY = {
	.issuer = "i", .audiences = AUDIENCES, .audience_count = 1, .user_claim = "sub", .user_prefix = "", .leeway_s = 60};

/* ---- libjwt ---- */

/* What libjwt calls a key. */
static struct buf material_of(const struct signer *signer)
{
	struct buf out = BUF_EMPTY;
	if (signer->key.alg->kind == ALG_HMAC) {
		buf_reserve(&out, 64);
		out.len = 64;
		assert_int_equal(EVP_PKEY_get_raw_private_key(signer->key.pkey, (unsigned char *)out.data, &out.len), 1);
		return out;
	}
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	assert_int_equal(PEM_write_bio_PUBKEY(bio, signer->key.pkey), 1);
	long len = BIO_get_mem_data(bio, &pem);
	buf_add(&out, pem, (size_t)len);
	BIO_free(bio);
	return out;
}

static bool libjwt_finds_signed(const char *token, const struct buf *material)
{
	jwt_t *jwt = NULL;
	if (jwt_decode(&jwt, token, (const unsigned char *)material->data, (int)material->len) != 0)
		return false;
	bool is_signed = jwt_get_alg(jwt) != JWT_ALG_NONE;
	jwt_free(jwt);
	return is_signed;
}

static bool libjwt_has_opinion(const char *header)
{
	return strstr(header, "at+jwt") == NULL && strstr(header, "application") == NULL && strstr(header, "'PS") == NULL &&
		   strstr(header, "'EdDSA'") == NULL;
}

/* ---- chance ---- */

static uint64_t chance_state;

static uint64_t chance(uint64_t below)
{
	chance_state ^= chance_state << 13;
	chance_state ^= chance_state >> 7;
	chance_state ^= chance_state << 17;
	return (chance_state * UINT64_C(0x2545F4914F6CDD1D) >> 16) % below;
}

#define ONE_OF(array) (array)[chance(sizeof(array) / sizeof *(array))]

static uint64_t number_from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	if (text != NULL && !text_to_u64(text, strlen(text), UINT64_MAX, &otherwise))
		fail_msg("%s=%s is no number", name, text);
	return otherwise;
}

/* ---- tokens ---- */

static void make_header(char *out, size_t size, const char *alg)
{
	static const char *const typs[] = {
		"", "", ",'typ':'JWT'", ",'typ':'jwt'", ",'typ':'at+jwt'", ",'typ':'application/jwt'", ",'typ':'JOSE'", ",'typ':1"};
	static const char *const extras[] = {"", "", "", "", ",'kid':'k'", ",'kid':'other'", ",'crit':['b64'],'b64':false", ",'alg':'none'",
		",'jku':'http://x/'", ",'cty':'JWT'", ",'x':[[[[[[[[[0]]]]]]]]]", ",'x':1e999", ",'x':'\\uD800'", "}x"};
	static const char *const others[] = {
		"none", "None", "HS256", "HS512", "RS256", "RS384", "PS256", "ES256", "ES512", "EdDSA", "es256", ""};
	const char *typ = ONE_OF(typs), *extra = ONE_OF(extras);
	snprintf(out, size, "{'alg':'%s'%s%s}", chance(8) ? alg : ONE_OF(others), typ, extra);
}

static void make_payload(char *out, size_t size)
{
	static const char *const isses[] = {"'i'", "'i'", "'i'", "'i'", "'i'", "'j'", "1"};
	static const char *const auds[] = {"'a'", "'a'", "'a'", "'a'", "['b','a']", "['a',1]", "'b'", "[]", "{}"};
	static const char *const subs[] = {"'alice'", "'alice'", "'alice'", "'a/b\\u0001'", "'\xC3\xA9'", "''", "'\\u0000'", "null"};
	static const char *const exps[] = {
		"1790000600", "1790000600", "1790000600", "1790000600.5", "1.79e9", "1789999941", "1789999940", "'1790000600'", "1e300", "-1"};
	static const char *const extras[] = {
		"", "", "", "", ",'nbf':1790000060", ",'nbf':1790000061", ",'iat':1.5", ",'iat':null", ",'sub':'bob'", ",'x':'\xFF'", ",", "}}"};
	const char *iss = ONE_OF(isses), *aud = ONE_OF(auds), *sub = ONE_OF(subs), *exp = ONE_OF(exps), *extra = ONE_OF(extras);
	if (chance(2) == 0)
		snprintf(out, size, "%s", GOOD);
	else
		snprintf(out, size, "{'iss':%s,'aud':%s,'sub':%s,'exp':%s%s}", iss, aud, sub, exp, extra);
}

static void replace_char(struct buf *token)
{
	static const char pool[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=.\n \xFF";
	token->data[chance(token->len)] = pool[chance(sizeof pool - 1)];
}

static void flip_bit(struct buf *token)
{
	char *at = &token->data[chance(token->len)];
	*at = (char)(*at ^ 1 << chance(8));
	if (*at == '\0')
		*at = 'A'; /* libjwt takes a C string */
}

static void insert_char(struct buf *token)
{
	static const char *const pool[] = {"A", "=", ".", "\n", " ", "%", "-"};
	size_t at = chance(token->len + 1);
	char *rest = mem_text(token->data + at);
	token->len = at;
	buf_add_text(token, ONE_OF(pool));
	buf_add_text(token, rest);
	free(rest);
}

static void cut(struct buf *token)
{
	token->len = chance(token->len);
	token->data[token->len] = '\0';
}

static void delete_char(struct buf *token)
{
	size_t at = chance(token->len);
	memmove(token->data + at, token->data + at + 1, token->len - at);
	token->len--;
}

static void change_last_char(struct buf *token)
{
	token->data[token->len - 1] = "ABCDwxyz0189-_+/"[chance(16)];
}

static void append(struct buf *token)
{
	static const char *const tails[] = {"=", "==", ".", ".e30", "AAAA", "\n"};
	buf_add_text(token, ONE_OF(tails));
}

static void drop_signature(struct buf *token)
{
	token->len = (size_t)(strrchr(token->data, '.') + 1 - token->data);
	token->data[token->len] = '\0';
}

static void (*const SPOIL[])(struct buf *token) = {
	replace_char, flip_bit, insert_char, cut, delete_char, change_last_char, append, drop_signature};

/* ---- the comparison ---- */

struct tally {
	size_t both, ours_alone, libjwt_alone, neither;
};

/* What we look at and libjwt does not: the beginnings of our refusals. */
static bool is_ours_to_refuse(const char *why)
{
	static const char *const reasons[] = {"header: ", "payload: ", "payload or signature: not base64url",
		"iss: ", "aud: ", "sub: ", "exp: ", "nbf: ", "iat: ", "not a token", "no key for alg "};
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (strncmp(why, reasons[i], strlen(reasons[i])) == 0)
			return true;
	return false;
}

static void compare(
	const struct signer *signer, const struct buf *material, const char *header, const struct buf *token, struct tally *tally)
{
	struct jwt_claims claims;
	struct error err;
	bool ours = verify_token(signer->keys, &POLICY, token->data, token->len, NOW_MS, &claims, &err) == JWT_OK;
	bool theirs = libjwt_finds_signed(token->data, material);
	if (ours && !theirs && libjwt_has_opinion(header))
		fail_msg("we let in what libjwt does not find signed by %s: %s", signer->key.alg->name, token->data);
	if (theirs && !ours && !is_ours_to_refuse(err.text))
		fail_msg("libjwt finds signed what we refuse because \"%s\": %s", err.text, token->data);
	size_t *count = ours && theirs ? &tally->both : ours ? &tally->ours_alone : theirs ? &tally->libjwt_alone : &tally->neither;
	(*count)++;
}

static void round_of(const struct signer *signer, const struct buf *material, struct tally *tally)
{
	char header[256], payload[512];
	make_header(header, sizeof header, signer->key.alg->name);
	make_payload(payload, sizeof payload);
	char *text = signer_token(signer, header, payload);
	struct buf token = BUF_EMPTY;
	buf_add_text(&token, text);
	free(text);
	if (chance(3) == 0)
		ONE_OF(SPOIL)(&token);
	compare(signer, material, header, &token, tally);
	buf_fini(&token);
}

static void we_let_in_nothing_that_libjwt_finds_unsigned(void **state)
{
	(void)state;
	uint64_t seed = number_from_environment("HC_SEED", (uint64_t)clock_wall_ms());
	uint64_t rounds = number_from_environment("HC_ROUNDS", 300);
	printf("HC_SEED=%llu, %llu rounds for each algorithm\n", (unsigned long long)seed, (unsigned long long)rounds);
	chance_state = seed ? seed : 1;
	struct tally tally = {0};
	const struct alg *alg;
	for (size_t i = 0; (alg = alg_at(i)); i++) {
		struct signer signer;
		signer_init(&signer, alg->name, chance(2) ? "k" : NULL, NULL);
		struct buf material = material_of(&signer);
		for (uint64_t n = 0; n < rounds; n++)
			round_of(&signer, &material, &tally);
		buf_fini(&material);
		signer_fini(&signer);
	}
	printf("let in by both %zu, by us alone %zu, found signed by libjwt alone %zu, refused by both %zu\n", tally.both, tally.ours_alone,
		tally.libjwt_alone, tally.neither);
	assert_true(tally.both > rounds / 2 && tally.ours_alone > rounds / 8 && tally.libjwt_alone > rounds / 2 && tally.neither > rounds / 2);
}

/* ---- why it is the second opinion and not the first: each of these would be a hole or an outage ---- */

static void libjwt_takes_the_algorithm_from_the_token(void **state)
{
	(void)state;
	struct signer rsa, attacker = {.key.alg = alg_by_name("HS256")};
	signer_init(&rsa, "RS256", NULL, NULL);
	struct buf pem = material_of(&rsa);
	attacker.key.pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "HMAC", NULL, (unsigned char *)pem.data, pem.len);
	char *token = signer_token(&attacker, "{'alg':'HS256'}", GOOD);
	struct jwt_claims claims;
	assert_true(libjwt_finds_signed(token, &pem));
	assert_int_equal(verify_token(rsa.keys, &POLICY, token, strlen(token), NOW_MS, &claims, NULL), JWT_NO_KEY);
	free(token);
	buf_fini(&pem);
	EVP_PKEY_free(attacker.key.pkey);
	signer_fini(&rsa);
}

static void libjwt_verifies_nothing_without_a_key(void **state)
{
	(void)state;
	char *header = encoded("{'alg':'RS256'}"), *payload = encoded(GOOD), token[512];
	snprintf(token, sizeof token, "%s.%s.AAAA", header, payload);
	jwt_t *jwt = NULL;
	assert_int_equal(jwt_decode(&jwt, token, NULL, 0), 0);
	jwt_free(jwt);
	free(header);
	free(payload);
}

static void libjwt_misreads_fractions_and_arrays(void **state)
{
	(void)state;
	struct signer signer;
	struct jwt_claims claims;
	signer_init(&signer, "HS256", NULL, NULL);
	struct buf secret = material_of(&signer);
	char *token = signer_token(&signer, "{'alg':'HS256'}", "{'iss':'i','aud':['a'],'sub':'alice','exp':1790000600.5}");
	jwt_t *jwt = NULL;
	assert_int_equal(jwt_decode(&jwt, token, (unsigned char *)secret.data, (int)secret.len), 0);
	assert_int_equal(jwt_get_grant_int(jwt, "exp"), 0);
	assert_null(jwt_get_grant(jwt, "aud"));
	assert_int_equal(verify_token(signer.keys, &POLICY, token, strlen(token), NOW_MS, &claims, NULL), JWT_OK);
	jwt_free(jwt);
	free(token);
	buf_fini(&secret);
	signer_fini(&signer);
}

static void libjwt_refuses_access_tokens(void **state)
{
	(void)state;
	struct signer signer;
	struct jwt_claims claims;
	signer_init(&signer, "ES256", NULL, NULL);
	struct buf pem = material_of(&signer);
	char *token = signer_token(&signer, "{'alg':'ES256','typ':'at+jwt'}", GOOD);
	assert_false(libjwt_finds_signed(token, &pem));
	assert_int_equal(verify_token(signer.keys, &POLICY, token, strlen(token), NOW_MS, &claims, NULL), JWT_OK);
	free(token);
	buf_fini(&pem);
	signer_fini(&signer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(we_let_in_nothing_that_libjwt_finds_unsigned),
		cmocka_unit_test(libjwt_takes_the_algorithm_from_the_token),
		cmocka_unit_test(libjwt_verifies_nothing_without_a_key),
		cmocka_unit_test(libjwt_misreads_fractions_and_arrays),
		cmocka_unit_test(libjwt_refuses_access_tokens),
	};
	return cmocka_run_group_tests_name("jwt and libjwt", tests, NULL, NULL);
}
