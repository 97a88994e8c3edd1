/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * An OpenSSL key as a JSON Web Key, for hyperchatctl and tests. Any thread. */
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/id.h"
#include "base/json.h"
#include "plugin/auth/jwk.h"

enum { PART_MAX = ALG_RSA_BITS_MAX / 8 };

static void add_text(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, ",\"%s\":", name);
	json_add_string(out, text, strlen(text));
}

static void add_bytes(struct buf *out, const char *name, const unsigned char *bytes, size_t len)
{
	char text[(PART_MAX * 4 + 2) / 3 + 1];
	base64url_encode(bytes, len, text);
	add_text(out, name, text);
	OPENSSL_cleanse(text, sizeof text);
}

/* len 0: as short as the number allows (RFC 7518 §2, Base64urlUInt). */
static bool add_number(struct buf *out, const char *name, EVP_PKEY *pkey, const char *param, size_t len)
{
	unsigned char bytes[PART_MAX];
	BIGNUM *number = NULL;
	bool got = EVP_PKEY_get_bn_param(pkey, param, &number) == 1 && (size_t)BN_num_bytes(number) <= sizeof bytes;
	if (got) {
		len = len ? len : (size_t)BN_num_bytes(number);
		got = BN_bn2binpad(number, bytes, (int)len) == (int)len;
	}
	if (got)
		add_bytes(out, name, bytes, len);
	BN_clear_free(number);
	OPENSSL_cleanse(bytes, sizeof bytes);
	return got;
}

static bool add_rsa(struct buf *out, const struct key *key, bool private)
{
	EVP_PKEY *pkey = key->pkey;
	buf_add_text(out, "\"kty\":\"RSA\"");
	return add_number(out, "n", pkey, OSSL_PKEY_PARAM_RSA_N, 0) && add_number(out, "e", pkey, OSSL_PKEY_PARAM_RSA_E, 0) &&
		   (!private ||
			   (add_number(out, "d", pkey, OSSL_PKEY_PARAM_RSA_D, 0) && add_number(out, "p", pkey, OSSL_PKEY_PARAM_RSA_FACTOR1, 0) &&
				   add_number(out, "q", pkey, OSSL_PKEY_PARAM_RSA_FACTOR2, 0) &&
				   add_number(out, "dp", pkey, OSSL_PKEY_PARAM_RSA_EXPONENT1, 0) &&
				   add_number(out, "dq", pkey, OSSL_PKEY_PARAM_RSA_EXPONENT2, 0) &&
				   add_number(out, "qi", pkey, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, 0)));
}

static bool add_ec(struct buf *out, const struct key *key, bool private)
{
	size_t len = key->alg->bytes;
	buf_printf(out, "\"kty\":\"EC\",\"crv\":\"%s\"", len == 32 ? "P-256" : len == 48 ? "P-384" : "P-521");
	return add_number(out, "x", key->pkey, OSSL_PKEY_PARAM_EC_PUB_X, len) &&
		   add_number(out, "y", key->pkey, OSSL_PKEY_PARAM_EC_PUB_Y, len) &&
		   (!private || add_number(out, "d", key->pkey, OSSL_PKEY_PARAM_PRIV_KEY, len));
}

static bool add_okp(struct buf *out, const struct key *key, bool private)
{
	unsigned char bytes[64];
	size_t len = sizeof bytes, private_len = sizeof bytes;
	buf_printf(out, "\"kty\":\"OKP\",\"crv\":\"%s\"", EVP_PKEY_is_a(key->pkey, "ED448") ? "Ed448" : "Ed25519");
	if (EVP_PKEY_get_raw_public_key(key->pkey, bytes, &len) != 1)
		return false;
	add_bytes(out, "x", bytes, len);
	if (!private)
		return true;
	bool got = EVP_PKEY_get_raw_private_key(key->pkey, bytes, &private_len) == 1;
	if (got)
		add_bytes(out, "d", bytes, private_len);
	OPENSSL_cleanse(bytes, sizeof bytes);
	return got;
}

static bool add_oct(struct buf *out, const struct key *key)
{
	unsigned char bytes[PART_MAX];
	size_t len = sizeof bytes;
	buf_add_text(out, "\"kty\":\"oct\"");
	bool got = EVP_PKEY_get_raw_private_key(key->pkey, bytes, &len) == 1;
	if (got)
		add_bytes(out, "k", bytes, len);
	OPENSSL_cleanse(bytes, sizeof bytes);
	return got;
}

static bool add_parts(struct buf *out, const struct key *key, bool private)
{
	switch (key->alg->kind) {
	case ALG_HMAC:
		return add_oct(out, key);
	case ALG_RSA:
	case ALG_RSA_PSS:
		return add_rsa(out, key, private);
	case ALG_ECDSA:
		return add_ec(out, key, private);
	case ALG_EDDSA:
		return add_okp(out, key, private);
	}
	return false;
}

bool jwk_add(struct buf *out, const struct key *key, enum key_use use, struct error *err)
{
	size_t before = out->len;
	buf_add_char(out, '{');
	if (!add_parts(out, key, use == KEY_SIGN)) {
		out->len = before;
		return error_set(err, 0, 0, "OpenSSL does not give out the parts of this %s key", key->alg->name);
	}
	if (key->kid)
		add_text(out, "kid", key->kid);
	add_text(out, "alg", key->alg->name);
	add_text(out, "use", "sig");
	buf_add_char(out, '}');
	return true;
}
