/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The table of signature algorithms, and which key is fit for which. Any thread. */
#include "plugin/auth/alg.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <string.h>

static const struct alg ALGS[] = {
	{"HS256", ALG_HMAC, "SHA256", NULL, 32},
	{"HS384", ALG_HMAC, "SHA384", NULL, 48},
	{"HS512", ALG_HMAC, "SHA512", NULL, 64},
	{"RS256", ALG_RSA, "SHA256", NULL, 0},
	{"RS384", ALG_RSA, "SHA384", NULL, 0},
	{"RS512", ALG_RSA, "SHA512", NULL, 0},
	{"PS256", ALG_RSA_PSS, "SHA256", NULL, 0},
	{"PS384", ALG_RSA_PSS, "SHA384", NULL, 0},
	{"PS512", ALG_RSA_PSS, "SHA512", NULL, 0},
	{"ES256", ALG_ECDSA, "SHA256", "prime256v1", 32},
	{"ES384", ALG_ECDSA, "SHA384", "secp384r1", 48},
	{"ES512", ALG_ECDSA, "SHA512", "secp521r1", 66},
	{"EdDSA", ALG_EDDSA, NULL, NULL, 0},
};

const struct alg *alg_at(size_t index)
{
	return index < sizeof ALGS / sizeof *ALGS ? &ALGS[index] : NULL;
}

const struct alg *alg_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof ALGS / sizeof *ALGS; i++)
		if (strcmp(ALGS[i].name, name) == 0)
			return &ALGS[i];
	return NULL;
}

/* The curve's name, "" when it has none (explicit parameters). */
static const char *group_of(EVP_PKEY *pkey, char *name, size_t size)
{
	if (EVP_PKEY_get_group_name(pkey, name, size, NULL) != 1)
		name[0] = '\0';
	return name;
}

static bool is_edwards(EVP_PKEY *pkey)
{
	return EVP_PKEY_is_a(pkey, "ED25519") || EVP_PKEY_is_a(pkey, "ED448");
}

const struct alg *alg_default(EVP_PKEY *pkey)
{
	char group[32];
	if (EVP_PKEY_is_a(pkey, "HMAC"))
		return alg_by_name("HS256");
	if (EVP_PKEY_is_a(pkey, "RSA"))
		return alg_by_name("RS256");
	if (is_edwards(pkey))
		return alg_by_name("EdDSA");
	group_of(pkey, group, sizeof group);
	for (size_t i = 0; i < sizeof ALGS / sizeof *ALGS; i++)
		if (ALGS[i].kind == ALG_ECDSA && EVP_PKEY_is_a(pkey, "EC") && strcmp(ALGS[i].group, group) == 0)
			return &ALGS[i];
	return NULL;
}

static bool secret_fits(const struct alg *alg, EVP_PKEY *pkey, struct error *err)
{
	size_t len = 0;
	if (!EVP_PKEY_is_a(pkey, "HMAC") || EVP_PKEY_get_raw_private_key(pkey, NULL, &len) != 1)
		return error_set(err, 0, 0, "%s needs a secret (kty \"oct\")", alg->name);
	if (len < alg->bytes)
		return error_set(err, 0, 0, "a secret of %zu bytes is too weak for %s, which needs %zu", len, alg->name, alg->bytes);
	return true;
}

/* A large exponent makes each verification slow; an even one or 1 verifies nothing. */
static bool exponent_is_sound(EVP_PKEY *pkey)
{
	BIGNUM *e = NULL;
	bool sound = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) && !BN_is_one(e) && BN_num_bits(e) <= 64;
	BN_free(e);
	return sound;
}

static bool rsa_fits(const struct alg *alg, EVP_PKEY *pkey, struct error *err)
{
	if (!EVP_PKEY_is_a(pkey, "RSA"))
		return error_set(err, 0, 0, "%s needs an RSA key", alg->name);
	int bits = EVP_PKEY_get_bits(pkey);
	if (bits < ALG_RSA_BITS_MIN || bits > ALG_RSA_BITS_MAX)
		return error_set(err, 0, 0, "RSA of %d bits: %d to %d are accepted", bits, ALG_RSA_BITS_MIN, ALG_RSA_BITS_MAX);
	if (!exponent_is_sound(pkey))
		return error_set(err, 0, 0, "the RSA exponent is even, 1 or longer than 64 bits");
	return true;
}

static bool curve_fits(const struct alg *alg, EVP_PKEY *pkey, struct error *err)
{
	char group[32];
	if (!EVP_PKEY_is_a(pkey, "EC") || strcmp(group_of(pkey, group, sizeof group), alg->group) != 0)
		return error_set(err, 0, 0, "%s needs a key on the curve %s", alg->name, alg->group);
	return true;
}

bool alg_fits(const struct alg *alg, EVP_PKEY *pkey, struct error *err)
{
	switch (alg->kind) {
	case ALG_HMAC:
		return secret_fits(alg, pkey, err);
	case ALG_RSA:
	case ALG_RSA_PSS:
		return rsa_fits(alg, pkey, err);
	case ALG_ECDSA:
		return curve_fits(alg, pkey, err);
	case ALG_EDDSA:
		if (is_edwards(pkey))
			return true;
		return error_set(err, 0, 0, "EdDSA needs an Ed25519 or Ed448 key");
	}
	return false;
}
