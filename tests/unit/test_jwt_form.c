/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The form of JSON Web Tokens: what their header may say, which key is theirs, and which bytes are one at all. */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/id.h"
#include "tests/unit/jwt_kit.h"

/* ---- the header ---- */

static void typ_is_a_token_or_missing(void **state)
{
	(void)state;
	assert_let_in("{'alg':'HS256'}", GOOD);
	assert_let_in("{'alg':'HS256','typ':'at+jwt'}", GOOD);
	assert_let_in("{'alg':'HS256','typ':'application/at+JWT'}", GOOD);
	assert_let_in("{'alg':'HS256','typ':'jwt'}", GOOD);
	assert_refused("{'alg':'HS256','typ':'logout+jwt'}", GOOD, "header: typ \"logout+jwt\" is neither");
	assert_refused("{'alg':'HS256','typ':''}", GOOD, "header: typ");
	assert_refused("{'alg':'HS256','typ':1}", GOOD, "header: typ is no string");
}

static void crit_is_refused_and_with_it_what_needs_it(void **state)
{
	(void)state;
	assert_refused("{'alg':'HS256','crit':['b64'],'b64':false}", GOOD, "header: crit");
	assert_refused("{'alg':'HS256','crit':[]}", GOOD, "header: crit");
	assert_refused("{'alg':'HS256','crit':null}", GOOD, "header: crit");
}

static void alg_none_is_refused_however_it_is_spelt(void **state)
{
	(void)state;
	const char *const spelt[] = {"none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", "HS1"};
	for (size_t i = 0; i < sizeof spelt / sizeof *spelt; i++) {
		char header[64];
		snprintf(header, sizeof header, "{'alg':'%s'}", spelt[i]);
		assert_refused(header, GOOD, "header: alg");
	}
	assert_refused("{'typ':'JWT'}", GOOD, "header: alg is missing");
	assert_refused("{'alg':['HS256']}", GOOD, "header: alg is missing or no string");

	char *header = encoded("{'alg':'none'}"), *payload = encoded(GOOD), token[512];
	int len = snprintf(token, sizeof token, "%s.%s.", header, payload);
	assert_int_equal(verify_text(issuer.keys, token, (size_t)len), JWT_BAD);
	free(header);
	free(payload);
}

static void an_empty_signature_is_none(void **state)
{
	(void)state;
	const struct alg *alg;
	for (size_t i = 0; (alg = alg_at(i)); i++) {
		struct signer signer;
		char text[64], token[512];
		signer_init(&signer, alg->name, NULL, NULL);
		snprintf(text, sizeof text, "{'alg':'%s'}", alg->name);
		char *header = encoded(text), *payload = encoded(GOOD);
		int len = snprintf(token, sizeof token, "%s.%s.", header, payload);
		assert_int_equal(verify_text(signer.keys, token, (size_t)len), JWT_BAD);
		assert_non_null(strstr(err.text, "the signature is not by any of the 1 keys"));
		free(header);
		free(payload);
		signer_fini(&signer);
	}
}

static void a_public_key_is_never_a_secret(void **state)
{
	(void)state;
	struct signer rsa;
	signer_init(&rsa, "RS256", "k", NULL);
	/* The classic: the published PEM, byte for byte, as the secret of an HS256 token. */
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	assert_int_equal(PEM_write_bio_PUBKEY(bio, rsa.key.pkey), 1);
	long len = BIO_get_mem_data(bio, &pem);
	struct signer attacker = {.key.alg = alg_by_name("HS256")};
	attacker.key.pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "HMAC", NULL, (unsigned char *)pem, (size_t)len);
	char *token = signer_token(&attacker, "{'alg':'HS256','kid':'k'}", GOOD);
	assert_int_equal(verify_text(rsa.keys, token, strlen(token)), JWT_NO_KEY);
	assert_non_null(strstr(err.text, "no key for alg HS256 and kid \"k\""));
	free(token);
	EVP_PKEY_free(attacker.key.pkey);
	BIO_free(bio);
	signer_fini(&rsa);
}

static void a_key_serves_its_own_algorithm_alone(void **state)
{
	(void)state;
	struct signer rsa, other;
	signer_init(&rsa, "RS256", NULL, NULL);
	/* The same key, signing as PS256 and RS512: good signatures, but not what the key is for. */
	const char *const names[] = {"PS256", "RS512"};
	for (size_t i = 0; i < 2; i++) {
		char header[64];
		other = rsa;
		other.key.alg = alg_by_name(names[i]);
		snprintf(header, sizeof header, "{'alg':'%s'}", names[i]);
		assert_int_equal(verify_by(&other, header, GOOD), JWT_NO_KEY);
		assert_non_null(strstr(err.text, "no key for alg"));
		assert_int_equal(verify_by(&other, "{'alg':'RS256'}", GOOD), JWT_BAD);
	}
	signer_fini(&rsa);
}

static void keys_brought_along_are_not_looked_at(void **state)
{
	(void)state;
	struct signer attacker;
	signer_init(&attacker, "ES256", NULL, NULL);
	char *set = signer_jwk_set(&attacker, KEY_VERIFY), header[512];
	/* {"keys":[{…}]} → the key alone */
	snprintf(header, sizeof header, "{'alg':'ES256','jwk':%.*s}", (int)strlen(set) - 11, set + 9);
	char *token = signer_token(&attacker, header, GOOD);
	assert_int_equal(verify_text(issuer.keys, token, strlen(token)), JWT_NO_KEY);
	assert_non_null(strstr(err.text, "no key for alg ES256"));
	free(token);
	free(set);
	signer_fini(&attacker);
}

/* ---- which key ---- */

static void kid_selects(void **state)
{
	(void)state;
	struct signer signer;
	signer_init(&signer, "HS256", "one", NULL);
	assert_int_equal(verify_by(&signer, "{'alg':'HS256','kid':'one'}", GOOD), JWT_OK);
	assert_int_equal(verify_by(&signer, "{'alg':'HS256'}", GOOD), JWT_OK);
	assert_int_equal(verify_by(&signer, "{'alg':'HS256','kid':'two'}", GOOD), JWT_NO_KEY);
	assert_non_null(strstr(err.text, "no key for alg HS256 and kid \"two\""));
	assert_int_equal(verify_by(&signer, "{'alg':'HS256','kid':1}", GOOD), JWT_BAD);
	signer_fini(&signer);
	assert_let_in("{'alg':'HS256','kid':'any, since the only key has none'}", GOOD);
}

/* One set with `count` secrets, all without a kid. */
static struct key_set *set_of(const struct signer *signers, size_t count)
{
	struct buf text = BUF_EMPTY;
	buf_add_text(&text, "{\"keys\":[");
	for (size_t i = 0; i < count; i++) {
		char *one = signer_jwk_set(&signers[i], KEY_VERIFY);
		buf_add(&text, one + 9, strlen(one) - 11);
		buf_add_text(&text, i + 1 < count ? "," : "]}");
		free(one);
	}
	struct key_set *set = key_set_read("test", text.data, text.len, KEY_VERIFY, &err);
	assert_non_null(set);
	buf_fini(&text);
	return set;
}

static void without_kid_a_bounded_number_of_keys_is_tried(void **state)
{
	(void)state;
	struct signer signers[JWS_TRIES_MAX + 1];
	for (size_t i = 0; i < JWS_TRIES_MAX + 1; i++)
		signer_init(&signers[i], "HS256", NULL, NULL);
	struct key_set *set = set_of(signers, JWS_TRIES_MAX + 1);
	for (size_t i = 0; i < JWS_TRIES_MAX + 1; i++) {
		char *token = signer_token(&signers[i], "{'alg':'HS256'}", GOOD);
		assert_int_equal(verify_text(set, token, strlen(token)), i < JWS_TRIES_MAX ? JWT_OK : JWT_BAD);
		free(token);
		signer_fini(&signers[i]);
	}
	key_set_free(set);
}

/* ---- the form ---- */

static void doubled_keys_are_refused(void **state)
{
	(void)state;
	assert_refused("{'alg':'HS256','alg':'none'}", GOOD, "header: a key stands twice");
	assert_claims_refused("{" ALICE ",'sub':'bob','exp':1790000600}", "payload: a key stands twice");
	assert_claims_refused("{" ALICE ",'exp':1790000600,'s\\u0075b':'bob'}", "payload: a key stands twice");
}

static void json_is_one_object_and_nothing_behind_it(void **state)
{
	(void)state;
	assert_claims_refused(GOOD "{}", "payload: not valid JSON");
	assert_claims_refused(GOOD "x", "payload: not valid JSON");
	assert_claims_refused("['a']", "payload: a JSON object is expected");
	assert_claims_refused("", "payload: not valid JSON");
	assert_claims_refused("{" ALICE ",'exp':1790000600,'x':'\xC0\xAF'}", "payload: invalid UTF-8");
	assert_claims_refused("{" ALICE ",'exp':1790000600,'x':'\\uD800'}", "payload: ");
	assert_claims_refused("{" ALICE ",'exp':1790000600,'x':[[[[[[[[1]]]]]]]]}", "payload: nested deeper than");
	assert_claims_refused("{" ALICE ",'exp':1790000600,}", "payload: not valid JSON");
	assert_refused("{'alg':'HS256'} {}", GOOD, "header: not valid JSON");
	assert_let_in(" {'alg':'HS256'}\n", GOOD "\r\n");
}

/* The good token with one change. */
static void assert_spoilt(const char *token, size_t len)
{
	if (verify_text(issuer.keys, token, len) != JWT_BAD)
		fail_msg("%.*s was let in", (int)len, token);
}

static void only_three_parts_of_strict_base64url_are_a_token(void **state)
{
	(void)state;
	char *token = signer_token(&issuer, HEADER, GOOD);
	size_t len = strlen(token);
	char *spoilt = mem_new(len + 8);
	static const char *const behind[] = {"=", "==", ".", ".e30", "\n", " ", "A", "%00"};
	for (size_t i = 0; i < sizeof behind / sizeof *behind; i++) {
		sprintf(spoilt, "%s%s", token, behind[i]);
		assert_spoilt(spoilt, strlen(spoilt));
	}
	memcpy(spoilt, token, len + 1);
	assert_spoilt(spoilt, len + 1); /* the NUL counted */
	sprintf(spoilt, " %s", token);
	assert_spoilt(spoilt, len + 1);
	for (size_t i = 0; i < len; i++)
		assert_spoilt(token, i);
	assert_spoilt("..", 2);
	assert_spoilt("", 0);
	free(spoilt);
	free(token);
}

static void another_spelling_of_the_same_bytes_is_another_token(void **state)
{
	(void)state;
	/* 32 bytes take 43 characters; the last one has two spare bits, so four spellings decode alike to a lenient reader. */
	char *token = signer_token(&issuer, HEADER, GOOD);
	size_t len = strlen(token);
	static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	size_t last = (size_t)(strchr(ALPHABET, token[len - 1]) - ALPHABET);
	assert_int_equal(last % 4, 0);
	assert_int_equal(verify_text(issuer.keys, token, len), JWT_OK);
	for (size_t spare = 1; spare < 4; spare++) {
		token[len - 1] = ALPHABET[last + spare];
		assert_spoilt(token, len);
		assert_non_null(strstr(err.text, "not base64url"));
	}
	free(token);
}

static void the_standard_alphabet_is_refused(void **state)
{
	(void)state;
	/* U+00FB U+00FF … makes both - and _ in base64url. */
	char *token = signer_token(&issuer, HEADER, "{" ALICE ",'exp':1790000600,'x':'>>>?>?>?\xC3\xBF\xC3\xBB~~~'}");
	char *dash = strpbrk(strchr(token, '.'), "-_");
	assert_non_null(dash);
	assert_int_equal(verify_text(issuer.keys, token, strlen(token)), JWT_OK);
	*dash = *dash == '-' ? '+' : '/';
	assert_spoilt(token, strlen(token));
	free(token);
}

static void a_token_has_at_most_8192_bytes(void **state)
{
	(void)state;
	size_t let_in = 0, refused = 0;
	for (size_t fill = 5980; refused < 8; fill++) {
		struct buf payload = BUF_EMPTY;
		buf_add_text(&payload, "{" ALICE ",'exp':1790000600,'x':'");
		for (size_t i = 0; i < fill; i++)
			buf_add_char(&payload, 'x');
		buf_add_text(&payload, "'}");
		char *token = signer_token(&issuer, HEADER, payload.data);
		size_t len = strlen(token);
		assert_int_equal(verify_text(issuer.keys, token, len), len <= JWT_MAX ? JWT_OK : JWT_BAD);
		assert_true(len <= JWT_MAX || strstr(err.text, "at most 8192 are accepted"));
		let_in += len > JWT_MAX - 8 && len <= JWT_MAX;
		refused += len > JWT_MAX;
		free(token);
		buf_fini(&payload);
	}
	assert_true(let_in >= 4); /* up to the very end, but for the lengths that base64url skips */
}

/* A token whose signature OpenSSL makes in the form that it likes. salt_len: for PSS only. */
static void sign_as_openssl_likes(const struct signer *signer, const char *header, int salt_len, char *token, size_t size)
{
	char *first = encoded(header), *second = encoded(GOOD), text[512];
	size_t len = (size_t)snprintf(token, size, "%s.%s", first, second);
	unsigned char signature[256];
	size_t signature_len = sizeof signature;
	EVP_PKEY_CTX *pkey_ctx;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit_ex(ctx, &pkey_ctx, "SHA256", NULL, NULL, signer->key.pkey, NULL), 1);
	if (signer->key.alg->kind == ALG_RSA_PSS) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx, salt_len), 1);
	}
	assert_int_equal(EVP_DigestSign(ctx, signature, &signature_len, (unsigned char *)token, len), 1);
	EVP_MD_CTX_free(ctx);
	base64url_encode(signature, signature_len, text);
	snprintf(token + len, size - len, ".%s", text);
	free(first);
	free(second);
}

static void an_ecdsa_signature_in_der_is_refused(void **state)
{
	(void)state;
	struct signer signer;
	char token[1024];
	signer_init(&signer, "ES256", NULL, NULL);
	sign_as_openssl_likes(&signer, "{'alg':'ES256'}", 0, token, sizeof token);
	assert_int_equal(verify_text(signer.keys, token, strlen(token)), JWT_BAD);
	signer_fini(&signer);
}

static void the_salt_of_pss_is_as_long_as_the_digest(void **state)
{
	(void)state;
	struct signer signer;
	char token[1024];
	signer_init(&signer, "PS256", NULL, NULL);
	for (int salt_len = 0; salt_len <= 48; salt_len += 16) {
		sign_as_openssl_likes(&signer, "{'alg':'PS256'}", salt_len, token, sizeof token);
		assert_int_equal(verify_text(signer.keys, token, strlen(token)), salt_len == 32 ? JWT_OK : JWT_BAD);
	}
	signer_fini(&signer);
}

static void ecdsa_zeros_sign_nothing(void **state)
{
	(void)state;
	static const char *const names[] = {"ES256", "ES384", "ES512"};
	for (size_t i = 0; i < 3; i++) {
		struct signer signer;
		signer_init(&signer, names[i], NULL, NULL);
		unsigned char zeros[132] = {0};
		char text[64], signature[200], token[1024];
		snprintf(text, sizeof text, "{'alg':'%s'}", names[i]);
		char *header = encoded(text), *payload = encoded(GOOD);
		base64url_encode(zeros, 2 * signer.key.alg->bytes, signature);
		int len = snprintf(token, sizeof token, "%s.%s.%s", header, payload, signature);
		assert_int_equal(verify_text(signer.keys, token, (size_t)len), JWT_BAD);
		free(header);
		free(payload);
		signer_fini(&signer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(typ_is_a_token_or_missing),
		cmocka_unit_test(crit_is_refused_and_with_it_what_needs_it),
		cmocka_unit_test(alg_none_is_refused_however_it_is_spelt),
		cmocka_unit_test(an_empty_signature_is_none),
		cmocka_unit_test(a_public_key_is_never_a_secret),
		cmocka_unit_test(a_key_serves_its_own_algorithm_alone),
		cmocka_unit_test(keys_brought_along_are_not_looked_at),
		cmocka_unit_test(kid_selects),
		cmocka_unit_test(without_kid_a_bounded_number_of_keys_is_tried),
		cmocka_unit_test(doubled_keys_are_refused),
		cmocka_unit_test(json_is_one_object_and_nothing_behind_it),
		cmocka_unit_test(only_three_parts_of_strict_base64url_are_a_token),
		cmocka_unit_test(another_spelling_of_the_same_bytes_is_another_token),
		cmocka_unit_test(the_standard_alphabet_is_refused),
		cmocka_unit_test(a_token_has_at_most_8192_bytes),
		cmocka_unit_test(an_ecdsa_signature_in_der_is_refused),
		cmocka_unit_test(the_salt_of_pss_is_as_long_as_the_digest),
		cmocka_unit_test(ecdsa_zeros_sign_nothing),
	};
	return cmocka_run_group_tests_name("jwt form", tests, with_issuer, without_issuer);
}
