/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Key sets: which keys are believed, which are passed over and why, and that one never stops the others. In JSON here ' stands for ". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/id.h"
#include "plugin/auth/jwk.h"
#include "tests/unit/signer.h"

/* RFC 7515 A.1, A.3 and RFC 8037 A.1. */
#define OCT  "'kty':'oct','k':'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow'"
#define EC_X "'x':'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU'"
#define EC_Y "'y':'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0'"
#define EC   "'kty':'EC','crv':'P-256'," EC_X "," EC_Y
#define ED   "'kty':'OKP','crv':'Ed25519','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'"

static struct error err;

static struct key_set *read_text(const char *text, enum key_use use)
{
	memset(&err, 0, sizeof err);
	return key_set_read("keys.json", text, strlen(text), use, &err);
}

/* keys: what stands between the brackets. */
static struct key_set *read_keys(const char *keys, enum key_use use)
{
	struct buf text = BUF_EMPTY;
	buf_printf(&text, "{'keys':[%s]}", keys);
	for (char *at = text.data; (at = strchr(at, '\''));)
		*at = '"';
	struct key_set *set = read_text(text.data, use);
	buf_fini(&text);
	return set;
}

/* A set of this key and a good one: the good one is there, and the note says what became of the other. */
static void assert_passed_over(const char *key, const char *saying)
{
	struct buf keys = BUF_EMPTY;
	buf_printf(&keys, "%s,{" EC ",'kid':'good'}", key);
	struct key_set *set = read_keys(keys.data, KEY_VERIFY);
	buf_fini(&keys);
	if (set == NULL)
		fail_msg("%s stopped the others: %s", key, err.text);
	assert_int_equal(set->key_count, 1);
	assert_string_equal(set->keys[0].kid, "good");
	assert_int_equal(set->note_count, 1);
	if (strstr(set->notes[0], saying) == NULL)
		fail_msg("%s: \"%s\" instead of \"%s\"", key, set->notes[0], saying);
	key_set_free(set);
}

static void assert_taken_as(const char *key, const char *alg)
{
	struct key_set *set = read_keys(key, KEY_VERIFY);
	if (set == NULL)
		fail_msg("%s: %s", key, err.text);
	assert_int_equal(set->key_count, 1);
	assert_string_equal(set->keys[0].alg->name, alg);
	assert_int_equal(set->note_count, 0);
	key_set_free(set);
}

static void assert_unreadable(const char *text, const char *saying)
{
	assert_null(read_text(text, KEY_VERIFY));
	if (strstr(err.text, "keys.json: ") != err.text || strstr(err.text, saying) == NULL)
		fail_msg("\"%s\" instead of \"%s\"", err.text, saying);
}

static bool keeps_private_part(const struct key *key)
{
	struct buf out = BUF_EMPTY;
	bool kept = jwk_add(&out, key, KEY_SIGN, NULL);
	buf_fini(&out);
	return kept;
}

/* ---- which algorithm ---- */

static void a_key_without_alg_has_the_one_default_of_its_type(void **state)
{
	(void)state;
	assert_taken_as("{" OCT "}", "HS256");
	assert_taken_as("{" EC "}", "ES256");
	assert_taken_as("{" ED "}", "EdDSA");
	static const char *const names[] = {"RS256", "ES384", "ES512"};
	for (size_t i = 0; i < 3; i++) {
		struct signer signer;
		signer_init(&signer, names[i], NULL, NULL);
		char *text = signer_jwk_set(&signer, KEY_VERIFY), *alg = strstr(text, ",\"alg\"");
		memmove(alg, strchr(alg + 1, ','), strlen(strchr(alg + 1, ',')) + 1);
		struct key_set *set = read_text(text, KEY_VERIFY);
		assert_non_null(set);
		assert_string_equal(set->keys[0].alg->name, names[i]);
		key_set_free(set);
		free(text);
		signer_fini(&signer);
	}
}

static void alg_says_otherwise_where_the_type_allows_it(void **state)
{
	(void)state;
	assert_taken_as("{" OCT ",'alg':'HS512'}", "HS512");
	assert_taken_as("{" EC ",'alg':'ES256','use':'sig'}", "ES256");
	assert_taken_as("{" EC ",'key_ops':['sign','verify']}", "ES256");
	struct signer signer;
	signer_init(&signer, "PS384", NULL, NULL);
	assert_string_equal(signer.keys->keys[0].alg->name, "PS384");
	signer_fini(&signer);
}

static void an_alg_of_another_type_is_no_use(void **state)
{
	(void)state;
	assert_passed_over("{" EC ",'alg':'RS256'}", "RS256 needs an RSA key");
	assert_passed_over("{" EC ",'alg':'ES384'}", "ES384 needs a key on the curve secp384r1");
	assert_passed_over("{" EC ",'alg':'HS256'}", "HS256 needs a secret");
	assert_passed_over("{" ED ",'alg':'ES256'}", "ES256 needs a key on the curve");
	assert_passed_over("{" OCT ",'alg':'EdDSA'}", "EdDSA needs an Ed25519 or Ed448 key");
	assert_passed_over("{" EC ",'alg':'none'}", "unknown alg \"none\"");
	assert_passed_over("{" EC ",'alg':'RSA-OAEP','kid':'enc'}", "key 1 (kid \"enc\"): not used: unknown alg \"RSA-OAEP\"");
	assert_passed_over("{" EC ",'alg':7}", "unknown alg");
}

/* ---- which keys ---- */

static void keys_for_something_else_are_passed_over(void **state)
{
	(void)state;
	assert_passed_over("{" EC ",'use':'enc'}", "\"use\" is not \"sig\"");
	assert_passed_over("{" EC ",'use':1}", "\"use\" is not \"sig\"");
	assert_passed_over("{" EC ",'key_ops':['encrypt','sign']}", "\"key_ops\" has no \"verify\"");
	assert_passed_over("{" EC ",'key_ops':[]}", "\"key_ops\" has no");
	assert_passed_over("{" EC ",'key_ops':'verify'}", "\"key_ops\" has no");
}

static void unknown_kinds_of_keys_are_passed_over(void **state)
{
	(void)state;
	assert_passed_over("{'kty':'AKP','alg':'ML-DSA-44','pub':'AA'}", "unknown alg \"ML-DSA-44\"");
	assert_passed_over("{'kty':'AKP','pub':'AA'}", "kty is not RSA, EC, OKP or oct");
	assert_passed_over("{}", "kty is not");
	assert_passed_over("7", "kty is not");
	assert_passed_over("{'kty':'EC','crv':'secp256k1'," EC_X "," EC_Y "}", "the curve is not P-256");
	assert_passed_over("{'kty':'OKP','crv':'X25519','x':'11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'}", "the curve is not Ed25519");
}

static void damaged_keys_are_passed_over(void **state)
{
	(void)state;
	assert_passed_over("{'kty':'EC','crv':'P-256'," EC_X "}", "\"y\" is missing");
	assert_passed_over("{'kty':'EC','crv':'P-256'," EC_X ","
					   "'y':'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1'}",
		"\"y\" is not base64url");
	assert_passed_over("{'kty':'EC','crv':'P-256'," EC_X ","
					   "'y':'y_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0'}",
		"not a valid EC key");
	assert_passed_over("{'kty':'EC','crv':'P-256'," EC_X ","
					   "'y':'AMfxRM0bvZt-hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt'}",
		"\"y\" has 33 bytes, P-256 takes 32");
	assert_passed_over("{'kty':'EC','crv':'P-256','x':'','y':''}", "\"x\" is not base64url, empty");
	assert_passed_over("{'kty':'OKP','crv':'Ed25519','x':'AAAA'}", "not a valid Ed25519 key");
	assert_passed_over("{'kty':'RSA','n':'AQAB'}", "\"e\" is missing");
	assert_passed_over("{'kty':'oct','k':'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr8='}", "\"k\" is not base64url");
}

static void weak_keys_are_passed_over(void **state)
{
	(void)state;
	assert_passed_over("{'kty':'oct','k':'c2VjcmV0'}", "a secret of 6 bytes is too weak for HS256, which needs 32");
	assert_passed_over(
		"{'kty':'oct','alg':'HS384','k':'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr8'}", "32 bytes is too weak for HS384, which needs 48");
	/* 1024 bits, made for this test. */
	assert_passed_over("{'kty':'RSA','e':'AQAB','n':'"
					   "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
					   "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQ'}",
		"bits: 2048 to 8192 are accepted");
}

static void an_exponent_of_one_is_no_rsa_key(void **state)
{
	(void)state;
	struct signer signer;
	signer_init(&signer, "RS256", NULL, NULL);
	char *text = signer_jwk_set(&signer, KEY_VERIFY), *e = strstr(text, "\"AQAB\"");
	static const char *const exponents[] = {"\"AQAA\"", "\"AQ\"  "};
	for (size_t i = 0; i < 2; i++) {
		memcpy(e, exponents[i], 6);
		assert_unreadable(text, "the RSA exponent is even, 1 or longer");
	}
	free(text);
	signer_fini(&signer);
}

static void private_parts_are_noted_and_not_kept(void **state)
{
	(void)state;
	static const char *const names[] = {"RS256", "ES256", "EdDSA"};
	for (size_t i = 0; i < 3; i++) {
		struct signer signer;
		signer_init(&signer, names[i], "k", NULL);
		char *text = signer_jwk_set(&signer, KEY_SIGN);
		struct key_set *set = read_text(text, KEY_VERIFY);
		assert_non_null(set);
		assert_int_equal(set->key_count, 1);
		assert_int_equal(set->note_count, 1);
		assert_non_null(strstr(set->notes[0], "private part"));
		assert_false(keeps_private_part(&set->keys[0]));
		key_set_free(set);
		free(text);
		signer_fini(&signer);
	}
}

/* ---- for signing ---- */

static void what_is_written_is_read_again_for_every_algorithm(void **state)
{
	(void)state;
	const struct alg *alg;
	for (size_t i = 0; (alg = alg_at(i)); i++) {
		struct signer signer;
		signer_init(&signer, alg->name, "k \"1\"", NULL);
		char *text = signer_jwk_set(&signer, KEY_SIGN);
		struct key_set *set = read_text(text, KEY_SIGN);
		if (set == NULL)
			fail_msg("%s", err.text);
		struct signer again = {.key = set->keys[0]};
		assert_string_equal(again.key.kid, "k \"1\"");
		char *text_again = signer_jwk_set(&again, KEY_SIGN);
		assert_string_equal(text, text_again);
		free(text_again);
		free(text);
		key_set_free(set);
		signer_fini(&signer);
	}
}

static void only_private_parts_sign(void **state)
{
	(void)state;
	assert_null(read_keys("{" EC "}", KEY_SIGN));
	assert_non_null(strstr(err.text, "\"d\" is missing"));
	assert_null(read_keys("{" EC ",'key_ops':['verify'],'d':'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI'}", KEY_SIGN));
	assert_non_null(strstr(err.text, "\"key_ops\" has no \"sign\""));
}

static void a_private_part_of_another_key_is_refused(void **state)
{
	(void)state;
	assert_null(read_keys("{" EC ",'d':'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8'}", KEY_SIGN));
	assert_non_null(strstr(err.text, "do not belong together"));
	assert_null(read_keys("{" ED ",'d':'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8'}", KEY_SIGN));
	assert_non_null(strstr(err.text, "do not belong together"));
}

static bool secret_was_cleansed;

void __real_OPENSSL_cleanse(void *bytes, size_t len);
void __wrap_OPENSSL_cleanse(void *bytes, size_t len);

void __wrap_OPENSSL_cleanse(void *bytes, size_t len)
{
	static const unsigned char secret[] = {1, 2, 3, 4, 5, 6, 7, 8};
	for (size_t i = 0; i + sizeof secret <= len; i++)
		secret_was_cleansed = secret_was_cleansed || memcmp((unsigned char *)bytes + i, secret, sizeof secret) == 0;
	__real_OPENSSL_cleanse(bytes, len);
}

/* Each begins with the bytes 0 to 8. */
static void a_secret_part_that_is_refused_does_not_stay_in_memory(void **state)
{
	(void)state;
	static const char *const keys[] = {
		EC ",'d':'AAECAwQFBgcI'", EC ",'d':'AAECAwQFBgcI*A'", EC ",'d':'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8'",
		ED ",'d':'AAECAwQFBgcI'", ED ",'d':'AAECAwQFBgcI*A'", "'kty':'oct','k':'AAECAwQFBgcI*A'",
		"'kty':'RSA','n':'AQAB','e':'AQAB','d':'AAECAwQFBgcI*A'",
	};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		char one[400];
		snprintf(one, sizeof one, "{%s}", keys[i]);
		secret_was_cleansed = false;
		assert_null(read_keys(one, KEY_SIGN));
		if (!secret_was_cleansed)
			fail_msg("it stays: %s", keys[i]);
	}
}

/* ---- PEM ---- */

static void add_bio(struct buf *out, BIO *bio)
{
	char *text;
	long len = BIO_get_mem_data(bio, &text);
	buf_add(out, text, (size_t)len);
	BIO_free(bio);
}

static void add_public(struct buf *out, EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PUBKEY(bio, pkey), 1);
	add_bio(out, bio);
}

static void add_private(struct buf *out, EVP_PKEY *pkey, const char *password)
{
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(
		PEM_write_bio_PrivateKey(bio, pkey, password ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL, (void *)(uintptr_t)password), 1);
	add_bio(out, bio);
}

static void add_certificate(struct buf *out, EVP_PKEY *pkey)
{
	X509 *certificate = X509_new();
	assert_int_equal(X509_set_pubkey(certificate, pkey), 1);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
	X509_gmtime_adj(X509_getm_notAfter(certificate), -3600); /* dates are not looked at */
	assert_true(X509_sign(certificate, pkey, EVP_sha256()) > 0);
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_X509(bio, certificate), 1);
	X509_free(certificate);
	add_bio(out, bio);
}

static void a_pem_file_holds_any_number_of_keys_and_certificates(void **state)
{
	(void)state;
	struct buf text = BUF_EMPTY;
	struct signer rsa, ec, ed;
	signer_init(&rsa, "RS256", NULL, NULL);
	signer_init(&ec, "ES384", NULL, NULL);
	signer_init(&ed, "EdDSA", NULL, NULL);
	buf_add_text(&text, "Notes before the first block are fine.\n");
	add_public(&text, rsa.key.pkey);
	buf_add_text(&text, "\nand between\n");
	add_public(&text, ec.key.pkey);
	add_public(&text, ed.key.pkey);
	add_certificate(&text, ec.key.pkey);
	struct key_set *set = read_text(text.data, KEY_VERIFY);
	if (set == NULL)
		fail_msg("%s", err.text);
	static const char *const algs[] = {"RS256", "ES384", "EdDSA", "ES384"};
	assert_int_equal(set->key_count, 4);
	assert_int_equal(set->note_count, 0);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(set->keys[i].alg->name, algs[i]);
		assert_null(set->keys[i].kid);
	}
	assert_int_equal(EVP_PKEY_eq(set->keys[3].pkey, ec.key.pkey), 1);
	key_set_free(set);
	buf_fini(&text);
	signer_fini(&rsa);
	signer_fini(&ec);
	signer_fini(&ed);
}

static void a_bad_pem_block_does_not_stop_the_others(void **state)
{
	(void)state;
	struct buf text = BUF_EMPTY;
	struct signer ec, ed;
	signer_init(&ec, "ES256", NULL, NULL);
	signer_init(&ed, "EdDSA", NULL, NULL);
	buf_add_text(&text, "-----BEGIN PUBLIC KEY-----\n????\n-----END PUBLIC KEY-----\n");
	buf_add_text(&text, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
	buf_add_text(&text, "-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n");
	add_private(&text, ec.key.pkey, "password");
	add_private(&text, ec.key.pkey, NULL);
	add_public(&text, ed.key.pkey);
	buf_add_text(&text, "-----BEGIN PUBLIC KEY-----\nMCow");
	struct key_set *set = read_text(text.data, KEY_VERIFY);
	if (set == NULL)
		fail_msg("%s", err.text);
	assert_int_equal(set->key_count, 2);
	assert_string_equal(set->keys[0].alg->name, "ES256");
	assert_false(keeps_private_part(&set->keys[0]));
	assert_string_equal(set->keys[1].alg->name, "EdDSA");
	assert_true(set->note_count >= 5);
	assert_int_equal(ERR_peek_error(), 0);
	key_set_free(set);
	buf_fini(&text);
	signer_fini(&ec);
	signer_fini(&ed);
}

static void a_private_pem_signs(void **state)
{
	(void)state;
	struct buf text = BUF_EMPTY;
	struct signer ec;
	signer_init(&ec, "ES256", NULL, NULL);
	add_public(&text, ec.key.pkey);
	add_private(&text, ec.key.pkey, NULL);
	struct key_set *set = read_text(text.data, KEY_SIGN);
	assert_non_null(set);
	assert_int_equal(set->key_count, 1);
	assert_non_null(strstr(set->notes[0], "no private key"));
	key_set_free(set);
	buf_fini(&text);
	signer_fini(&ec);
}

/* ---- from the network ---- */

static void published_keys_hold_nothing_secret(void **state)
{
	(void)state;
	struct key_set *set = read_keys("{" OCT ",'kid':'a'},{" EC ",'kid':'b','d':'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI'},{" ED ",'kid':'c'}", KEY_PUBLISHED);
	assert_non_null(set);
	assert_int_equal(set->key_count, 1);
	assert_string_equal(set->keys[0].kid, "c");
	assert_int_equal(set->note_count, 2);
	assert_non_null(strstr(set->notes[0], "everybody can read"));
	key_set_free(set);
	assert_null(read_keys("{" OCT "}", KEY_PUBLISHED));
	assert_null(read_keys("{" EC ",'k':'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ'}", KEY_PUBLISHED));
}

static void published_keys_are_a_jwk_set(void **state)
{
	(void)state;
	assert_null(read_text("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n", KEY_PUBLISHED));
	assert_non_null(strstr(err.text, "not valid JSON"));
}

static void a_set_can_be_held_to_some_algorithms(void **state)
{
	(void)state;
	static const char *const es[] = {"ES256"}, *const rs[] = {"RS256", "PS256"};
	struct key_set *set = read_keys("{" EC ",'kid':'a'},{" ED ",'kid':'b'}", KEY_PUBLISHED);
	assert_true(key_set_has(set, es, 1));
	assert_true(key_set_restrict(set, es, 1));
	assert_int_equal(set->key_count, 1);
	assert_string_equal(set->keys[0].kid, "a");
	assert_non_null(strstr(set->notes[0], "(kid \"b\")"));
	assert_false(key_set_has(set, rs, 2));
	assert_false(key_set_restrict(set, rs, 2));
	key_set_free(set);
}

/* ---- the file ---- */

static void an_unreadable_or_empty_set_names_the_file(void **state)
{
	(void)state;
	assert_unreadable("", "neither a JWK Set nor PEM");
	assert_unreadable("hello", "neither a JWK Set nor PEM");
	assert_unreadable("{", "not valid JSON");
	assert_unreadable("{}", "not a JWK Set");
	assert_unreadable("{\"keys\":{}}", "not a JWK Set");
	assert_unreadable("{\"keys\":[]}", "the key set is empty");
	assert_unreadable("{\"keys\":[],\"keys\":[]}", "a key stands twice");
	assert_unreadable("{\"keys\":[{\"kty\":\"X\",\"kid\":\"a\\nb\"}]}", "no usable key; key 1 (kid \"a?b\"): kty is not");
	assert_null(key_set_load("/nowhere/keys.json", KEY_VERIFY, &err));
	assert_string_equal(err.text, "/nowhere/keys.json: No such file or directory");
	assert_null(key_set_load("/", KEY_VERIFY, &err));
	assert_non_null(strstr(err.text, "/: Is a directory"));
	assert_null(key_set_load("/dev/zero", KEY_VERIFY, &err));
	assert_non_null(strstr(err.text, "/dev/zero: larger than 1048576 bytes"));
}

static void a_file_is_read(void **state)
{
	(void)state;
	char file[] = "/tmp/hc-keys-XXXXXX";
	int fd = mkstemp(file);
	assert_true(fd >= 0);
	struct signer signer;
	signer_init(&signer, "EdDSA", "k", NULL);
	char *text = signer_jwk_set(&signer, KEY_VERIFY);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	struct key_set *set = key_set_load(file, KEY_VERIFY, &err);
	unlink(file);
	assert_non_null(set);
	assert_string_equal(set->keys[0].kid, "k");
	key_set_free(set);
	key_set_free(NULL);
	free(text);
	signer_fini(&signer);
}

static void a_set_is_bounded(void **state)
{
	(void)state;
	struct buf keys = BUF_EMPTY;
	for (size_t i = 0; i < KEYS_MAX + 2; i++)
		buf_add_text(&keys, i ? ",{" OCT "}" : "{" OCT "}");
	struct key_set *set = read_keys(keys.data, KEY_VERIFY);
	assert_non_null(set);
	assert_int_equal(set->key_count, KEYS_MAX);
	assert_int_equal(set->note_count, 2);
	assert_non_null(strstr(set->notes[0], "the set is full"));
	key_set_free(set);
	buf_fini(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_without_alg_has_the_one_default_of_its_type),
		cmocka_unit_test(alg_says_otherwise_where_the_type_allows_it),
		cmocka_unit_test(an_alg_of_another_type_is_no_use),
		cmocka_unit_test(keys_for_something_else_are_passed_over),
		cmocka_unit_test(unknown_kinds_of_keys_are_passed_over),
		cmocka_unit_test(damaged_keys_are_passed_over),
		cmocka_unit_test(weak_keys_are_passed_over),
		cmocka_unit_test(an_exponent_of_one_is_no_rsa_key),
		cmocka_unit_test(private_parts_are_noted_and_not_kept),
		cmocka_unit_test(what_is_written_is_read_again_for_every_algorithm),
		cmocka_unit_test(only_private_parts_sign),
		cmocka_unit_test(a_private_part_of_another_key_is_refused),
		cmocka_unit_test(a_secret_part_that_is_refused_does_not_stay_in_memory),
		cmocka_unit_test(a_pem_file_holds_any_number_of_keys_and_certificates),
		cmocka_unit_test(a_bad_pem_block_does_not_stop_the_others),
		cmocka_unit_test(a_private_pem_signs),
		cmocka_unit_test(published_keys_hold_nothing_secret),
		cmocka_unit_test(published_keys_are_a_jwk_set),
		cmocka_unit_test(a_set_can_be_held_to_some_algorithms),
		cmocka_unit_test(an_unreadable_or_empty_set_names_the_file),
		cmocka_unit_test(a_file_is_read),
		cmocka_unit_test(a_set_is_bounded),
	};
	return cmocka_run_group_tests_name("key sets", tests, NULL, NULL);
}
