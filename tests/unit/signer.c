/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Somebody who signs tokens, for tests. One thread. */
#include "tests/unit/signer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/id.h"
#include "plugin/auth/jwk.h"

/* RSA keys take long to make, so a program has three of them, and they go round: two signers made one after the other differ. */
static EVP_PKEY *rsa_key(void)
{
	static EVP_PKEY *keys[3]; /* kept until the program ends */
	static size_t next;
	EVP_PKEY **key = &keys[next++ % 3];
	if (*key == NULL)
		*key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)ALG_RSA_BITS_MIN);
	assert_non_null(*key);
	EVP_PKEY_up_ref(*key);
	return *key;
}

static EVP_PKEY *generate(const struct alg *alg, const char *curve)
{
	unsigned char secret[64];
	switch (alg->kind) {
	case ALG_HMAC:
		id_random(secret, alg->bytes);
		return EVP_PKEY_new_raw_private_key_ex(NULL, "HMAC", NULL, secret, alg->bytes);
	case ALG_ECDSA:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", alg->group);
	case ALG_EDDSA:
		return EVP_PKEY_Q_keygen(NULL, NULL, curve ? curve : "ED25519");
	default:
		return rsa_key();
	}
}

void signer_init(struct signer *signer, const char *alg, const char *kid, const char *curve)
{
	struct error err;
	signer->key.alg = alg_by_name(alg);
	assert_non_null(signer->key.alg);
	signer->key.kid = mem_text(kid);
	signer->key.pkey = generate(signer->key.alg, curve);
	assert_non_null(signer->key.pkey);
	char *set = signer_jwk_set(signer, KEY_VERIFY);
	signer->keys = key_set_read("signer", set, strlen(set), KEY_VERIFY, &err);
	if (signer->keys == NULL)
		fail_msg("%s", err.text);
	free(set);
}

void signer_fini(struct signer *signer)
{
	free(signer->key.kid);
	EVP_PKEY_free(signer->key.pkey);
	key_set_free(signer->keys);
}

char *signer_jwk_set(const struct signer *signer, enum key_use use)
{
	struct buf set = BUF_EMPTY;
	buf_add_text(&set, "{\"keys\":[");
	assert_true(jwk_add(&set, &signer->key, use, NULL));
	buf_add_text(&set, "]}");
	return set.data;
}

static char *base64url_text(const unsigned char *bytes, size_t len)
{
	char *text = mem_new(len * 4 / 3 + 4);
	base64url_encode(bytes, len, text);
	return text;
}

char *encoded(const char *text)
{
	char *json = mem_text(text);
	for (char *at = json; (at = strchr(at, '\''));)
		*at = '"';
	char *out = base64url_text((const unsigned char *)json, strlen(json));
	free(json);
	return out;
}

/* DER to r and s side by side. Returns the length. */
static size_t ecdsa_raw(unsigned char *signature, size_t len, size_t half)
{
	const unsigned char *at = signature;
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)len);
	assert_non_null(pair);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, (int)half), half);
	assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + half, (int)half), half);
	ECDSA_SIG_free(pair);
	return 2 * half;
}

char *signer_sign(const struct signer *signer, const char *signed_text, size_t signed_len)
{
	unsigned char signature[1024];
	size_t len = sizeof signature;
	const struct alg *alg = signer->key.alg;
	EVP_PKEY_CTX *pkey_ctx;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit_ex(ctx, &pkey_ctx, alg->digest, NULL, NULL, signer->key.pkey, NULL), 1);
	if (alg->kind == ALG_RSA_PSS) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pkey_ctx, RSA_PKCS1_PSS_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey_ctx, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, (const unsigned char *)signed_text, signed_len), 1);
	EVP_MD_CTX_free(ctx);
	if (alg->kind == ALG_ECDSA)
		len = ecdsa_raw(signature, len, alg->bytes);

	char *text = base64url_text(signature, len);
	struct buf token = BUF_EMPTY;
	buf_add(&token, signed_text, signed_len);
	buf_add_char(&token, '.');
	buf_add_text(&token, text);
	free(text);
	return token.data;
}

char *signer_token(const struct signer *signer, const char *header, const char *payload)
{
	char *first = encoded(header), *second = encoded(payload);
	struct buf text = BUF_EMPTY;
	buf_printf(&text, "%s.%s", first, second);
	char *token = signer_sign(signer, text.data, text.len);
	free(first);
	free(second);
	buf_fini(&text);
	return token;
}
