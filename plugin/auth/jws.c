/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Signed texts in compact form. Any thread, never blocks.
 *
 * All algorithms go one way: the key names its algorithm, the header must agree, OpenSSL's EVP decides. That a header could choose the
 * algorithm for a key is the mistake behind the well-known attacks (none; an RSA key as HMAC secret), so nothing here offers it. */
#include "plugin/auth/jws.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "base/json.h"
#include "plugin/auth/printable.h"

/* ---- taking apart ---- */

/* RFC 7515 §4.1.9, RFC 9068 §4: "application/" may stand before either. */
static bool typ_is_token(const char *typ)
{
	if (strncasecmp(typ, "application/", 12) == 0)
		typ += 12;
	return strcasecmp(typ, "JWT") == 0 || strcasecmp(typ, "at+jwt") == 0;
}

static bool header_check(struct jws *jws, struct error *err)
{
	char shown[PRINTABLE_SIZE];
	const json_t *typ = json_object_get(jws->header, "typ"), *kid = json_object_get(jws->header, "kid");
	const char *alg = json_text(jws->header, "alg", NULL);
	if (alg == NULL)
		return error_set(err, 0, 0, "header: alg is missing or no string");
	jws->alg = alg_by_name(alg);
	if (jws->alg == NULL)
		return error_set(err, 0, 0, "header: alg %s is not accepted", printable(shown, alg));
	if (json_object_get(jws->header, "crit"))
		return error_set(err, 0, 0, "header: crit is not accepted");
	if (typ && !json_is_string(typ))
		return error_set(err, 0, 0, "header: typ is no string");
	if (typ && !typ_is_token(json_string_value(typ)))
		return error_set(err, 0, 0, "header: typ %s is neither JWT nor at+jwt", printable(shown, json_string_value(typ)));
	if (kid && !json_is_string(kid))
		return error_set(err, 0, 0, "header: kid is no string");
	return true;
}

static bool header_read(struct jws *jws, size_t len, struct error *err)
{
	struct error why;
	size_t json_len;
	if (!base64url_decode(jws->token, len, jws->bytes, sizeof jws->bytes, &json_len))
		return error_set(err, 0, 0, "header: not base64url");
	jws->header = json_read_object((const char *)jws->bytes, json_len, &why);
	if (jws->header == NULL)
		return error_set(err, 0, 0, "header: %s", why.text);
	if (header_check(jws, err))
		return true;
	jws_fini(jws);
	return false;
}

bool jws_read(const char *token, size_t len, struct jws *jws, struct error *err)
{
	if (len > JWS_MAX)
		return error_set(err, 0, 0, "the token has %zu bytes, at most %d are accepted", len, JWS_MAX);
	const char *first = memchr(token, '.', len);
	const char *second = first ? memchr(first + 1, '.', len - (size_t)(first + 1 - token)) : NULL;
	if (second == NULL)
		return error_set(err, 0, 0, "not a token: no three parts");
	jws->token = token;
	jws->signed_len = (size_t)(second - token);
	if (!header_read(jws, (size_t)(first - token), err))
		return false;

	/* A further dot is none of base64url's characters, so a text of four parts or more fails here. */
	const char *part = first + 1;
	jws->payload = jws->bytes;
	jws->payload_len = 0;
	bool decoded = base64url_decode(part, (size_t)(second - part), jws->bytes, sizeof jws->bytes, &jws->payload_len);
	part = second + 1;
	jws->signature = jws->bytes + jws->payload_len;
	decoded = decoded && base64url_decode(part, len - (size_t)(part - token), jws->bytes + jws->payload_len,
							 sizeof jws->bytes - jws->payload_len, &jws->signature_len);
	if (decoded)
		return true;
	jws_fini(jws);
	return error_set(err, 0, 0, "payload or signature: not base64url");
}

void jws_fini(struct jws *jws)
{
	json_decref(jws->header);
	jws->header = NULL;
}

/* ---- verifying ---- */

enum { DER_MAX = 160 }; /* SEQUENCE of two INTEGERs of 66 bytes */

/* JWS has r and s side by side (RFC 7518 §3.4), OpenSSL takes DER. 0: not the length that the curve has. */
static size_t ecdsa_der(const struct alg *alg, const struct jws *jws, unsigned char der[DER_MAX])
{
	if (jws->signature_len != 2 * alg->bytes)
		return 0;
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(jws->signature, (int)alg->bytes, NULL);
	BIGNUM *s = BN_bin2bn(jws->signature + alg->bytes, (int)alg->bytes, NULL);
	int len = 0;
	if (pair != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(pair, r, s) == 1) {
		r = s = NULL; /* the pair's now */
		len = i2d_ECDSA_SIG(pair, &der);
	}
	ECDSA_SIG_free(pair);
	BN_free(r);
	BN_free(s);
	return len > 0 ? (size_t)len : 0;
}

static bool pss_setup(EVP_PKEY_CTX *ctx)
{
	return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
		   EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static bool mac_matches(EVP_MD_CTX *ctx, const struct key *key, const struct jws *jws)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	size_t len = sizeof mac;
	return EVP_DigestSignInit_ex(ctx, NULL, key->alg->digest, NULL, NULL, key->pkey, NULL) == 1 &&
		   EVP_DigestSign(ctx, mac, &len, (const unsigned char *)jws->token, jws->signed_len) == 1 && len == jws->signature_len &&
		   CRYPTO_memcmp(mac, jws->signature, len) == 0;
}

static bool signature_matches(EVP_MD_CTX *ctx, const struct key *key, const struct jws *jws)
{
	unsigned char der[DER_MAX];
	const unsigned char *signature = jws->signature;
	size_t len = jws->signature_len;
	EVP_PKEY_CTX *pkey_ctx;
	if (key->alg->kind == ALG_ECDSA) {
		len = ecdsa_der(key->alg, jws, der);
		signature = der;
	}
	return len > 0 && EVP_DigestVerifyInit_ex(ctx, &pkey_ctx, key->alg->digest, NULL, NULL, key->pkey, NULL) == 1 &&
		   (key->alg->kind != ALG_RSA_PSS || pss_setup(pkey_ctx)) &&
		   EVP_DigestVerify(ctx, signature, len, (const unsigned char *)jws->token, jws->signed_len) == 1;
}

static bool signed_by(const struct key *key, const struct jws *jws)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ERR_set_mark(); /* a failed check must not look like an error of the next TLS call on this thread */
	bool matches = ctx != NULL && (key->alg->kind == ALG_HMAC ? mac_matches(ctx, key, jws) : signature_matches(ctx, key, jws));
	ERR_pop_to_mark();
	EVP_MD_CTX_free(ctx);
	return matches;
}

const char *jws_kid(const struct jws *jws)
{
	return json_text(jws->header, "kid", NULL);
}

enum jws_rc jws_verify(const struct jws *jws, const struct key_set *keys, struct error *err)
{
	char shown[PRINTABLE_SIZE];
	const char *kid = jws_kid(jws);
	size_t tries = 0;
	for (size_t i = 0; i < keys->key_count && tries < JWS_TRIES_MAX; i++) {
		const struct key *key = &keys->keys[i];
		if (key->alg != jws->alg || (kid && key->kid && strcmp(kid, key->kid) != 0))
			continue;
		tries++;
		if (signed_by(key, jws))
			return JWS_OK;
	}
	if (tries > 0)
		return error_set(err, JWS_BAD, 0, "the signature is not by any of the %zu keys that could have made it", tries);
	return error_set(err, JWS_NO_KEY, 0, "no key for alg %s and kid %s", jws->alg->name, kid ? printable(shown, kid) : "(none)");
}
