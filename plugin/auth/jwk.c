/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * One JSON Web Key to an OpenSSL key. The forms are taken strictly (base64url without padding, coordinates of full length): what some
 * other implementation would read differently is no key of ours. Any thread. */
#include "plugin/auth/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <string.h>

#include "base/id.h"
#include "base/json.h"

enum { FIELD_MAX = ALG_RSA_BITS_MAX / 8 + 1, COORDINATE_MAX = 66 };

struct field {
	unsigned char bytes[FIELD_MAX];
	size_t len;
};

static bool field_read(const json_t *jwk, const char *name, struct field *field, struct error *err)
{
	size_t len;
	const char *text = json_text(jwk, name, &len);
	if (text == NULL)
		return error_set(err, 0, 0, "\"%s\" is missing or no string", name);
	if (!base64url_decode(text, len, field->bytes, sizeof field->bytes, &field->len) || field->len == 0)
		return error_set(err, 0, 0, "\"%s\" is not base64url, empty or longer than %d bytes", name, FIELD_MAX);
	return true;
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM_BLD *build, bool private, struct error *err)
{
	EVP_PKEY *pkey = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &pkey, private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
		error_set(err, 0, 0, "not a valid %s key", type);
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* ---- RSA ---- */

/* RFC 7518 §6.3: the private exponent, and what makes it fast. The first three are needed, the others come all or none. */
static const struct {
	const char *name, *param;
} RSA_FIELDS[] = {
	{"n", OSSL_PKEY_PARAM_RSA_N},
	{"e", OSSL_PKEY_PARAM_RSA_E},
	{"d", OSSL_PKEY_PARAM_RSA_D},
	{"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
	{"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
	{"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
	{"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
	{"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
};
enum { RSA_PUBLIC = 2, RSA_SHORT = 3, RSA_ALL = sizeof RSA_FIELDS / sizeof *RSA_FIELDS };

static EVP_PKEY *rsa_read(const json_t *jwk, enum key_use use, struct error *err)
{
	size_t count = use != KEY_SIGN ? RSA_PUBLIC : json_object_get(jwk, "p") ? (size_t)RSA_ALL : (size_t)RSA_SHORT;
	BIGNUM *numbers[RSA_ALL] = {0}; /* the builder only borrows them */
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	struct field field;
	EVP_PKEY *pkey = NULL;
	for (size_t i = 0; i < count; i++) {
		if (!field_read(jwk, RSA_FIELDS[i].name, &field, err))
			goto done;
		numbers[i] = BN_bin2bn(field.bytes, (int)field.len, i < RSA_PUBLIC ? NULL : BN_secure_new());
		if (numbers[i] == NULL || build == NULL || OSSL_PARAM_BLD_push_BN(build, RSA_FIELDS[i].param, numbers[i]) != 1) {
			error_set(err, 0, 0, "\"%s\" is no number", RSA_FIELDS[i].name);
			goto done;
		}
	}
	pkey = from_params("RSA", build, count > RSA_PUBLIC, err);
done:
	OPENSSL_cleanse(&field, sizeof field);
	OSSL_PARAM_BLD_free(build);
	for (size_t i = 0; i < RSA_ALL; i++)
		BN_clear_free(numbers[i]);
	return pkey;
}

/* ---- EC ---- */

static const struct curve {
	const char *crv, *group;
	size_t bytes;
} CURVES[] = {{"P-256", "prime256v1", 32}, {"P-384", "secp384r1", 48}, {"P-521", "secp521r1", 66}};

static const struct curve *curve_by_name(const char *crv)
{
	for (size_t i = 0; crv && i < sizeof CURVES / sizeof *CURVES; i++)
		if (strcmp(CURVES[i].crv, crv) == 0)
			return &CURVES[i];
	return NULL;
}

static bool coordinate_read(const json_t *jwk, const char *name, const struct curve *curve, struct field *field, struct error *err)
{
	if (!field_read(jwk, name, field, err))
		return false;
	if (field->len != curve->bytes)
		return error_set(err, 0, 0, "\"%s\" has %zu bytes, %s takes %zu", name, field->len, curve->crv, curve->bytes);
	return true;
}

/* d.len 0: without a private part. */
static EVP_PKEY *ec_key(const struct curve *curve, const struct field *x, const struct field *y, const struct field *d, struct error *err)
{
	unsigned char point[1 + 2 * COORDINATE_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
	memcpy(point + 1, x->bytes, x->len);
	memcpy(point + 1 + x->len, y->bytes, y->len);

	EVP_PKEY *pkey = NULL;
	BIGNUM *private = d->len ? BN_bin2bn(d->bytes, (int)d->len, BN_secure_new()) : NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	if (build != NULL && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + x->len + y->len) == 1 &&
		(private == NULL || OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, private) == 1))
		pkey = from_params("EC", build, private != NULL, err);
	else
		error_set(err, 0, 0, "not a valid EC key");
	OSSL_PARAM_BLD_free(build);
	BN_clear_free(private);
	return pkey;
}

static EVP_PKEY *ec_read(const json_t *jwk, enum key_use use, struct error *err)
{
	const struct curve *curve = curve_by_name(json_text(jwk, "crv", NULL));
	struct field x, y, d = {.len = 0};
	EVP_PKEY *pkey = NULL;
	if (curve == NULL) {
		error_set(err, 0, 0, "the curve is not P-256, P-384 or P-521");
		return NULL;
	}
	if (coordinate_read(jwk, "x", curve, &x, err) && coordinate_read(jwk, "y", curve, &y, err) &&
		(use != KEY_SIGN || coordinate_read(jwk, "d", curve, &d, err)))
		pkey = ec_key(curve, &x, &y, &d, err);
	OPENSSL_cleanse(&d, sizeof d); /* part of it is there also when it could not be read */
	return pkey;
}

/* ---- OKP ---- */

static bool public_is(EVP_PKEY *pkey, const struct field *x)
{
	unsigned char public[64];
	size_t len = sizeof public;
	return EVP_PKEY_get_raw_public_key(pkey, public, &len) == 1 && len == x->len && memcmp(public, x->bytes, len) == 0;
}

/* d.len 0: without a private part. */
static EVP_PKEY *okp_key(const char *crv, const struct field *x, const struct field *d, struct error *err)
{
	EVP_PKEY *pkey = d->len ? EVP_PKEY_new_raw_private_key_ex(NULL, crv, NULL, d->bytes, d->len)
							: EVP_PKEY_new_raw_public_key_ex(NULL, crv, NULL, x->bytes, x->len);
	if (pkey == NULL) {
		error_set(err, 0, 0, "not a valid %s key", crv);
	} else if (!public_is(pkey, x)) {
		error_set(err, 0, 0, "private and public part do not belong together");
		EVP_PKEY_free(pkey);
		return NULL;
	}
	return pkey;
}

static EVP_PKEY *okp_read(const json_t *jwk, enum key_use use, struct error *err)
{
	const char *crv = json_text(jwk, "crv", NULL);
	struct field x, d = {.len = 0};
	EVP_PKEY *pkey = NULL;
	if (crv == NULL || (strcmp(crv, "Ed25519") != 0 && strcmp(crv, "Ed448") != 0)) {
		error_set(err, 0, 0, "the curve is not Ed25519 or Ed448");
		return NULL;
	}
	if (field_read(jwk, "x", &x, err) && (use != KEY_SIGN || field_read(jwk, "d", &d, err)))
		pkey = okp_key(crv, &x, &d, err);
	OPENSSL_cleanse(&d, sizeof d);
	return pkey;
}

/* ---- oct ---- */

static EVP_PKEY *oct_read(const json_t *jwk, enum key_use use, struct error *err)
{
	(void)use; /* the same secret does both */
	struct field k;
	EVP_PKEY *pkey = NULL;
	if (field_read(jwk, "k", &k, err)) {
		pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "HMAC", NULL, k.bytes, k.len);
		if (pkey == NULL)
			error_set(err, 0, 0, "not a valid secret");
	}
	OPENSSL_cleanse(&k, sizeof k);
	return pkey;
}

static const struct {
	const char *kty;
	EVP_PKEY *(*read)(const json_t *jwk, enum key_use use, struct error *err);
} TYPES[] = {{"RSA", rsa_read}, {"EC", ec_read}, {"OKP", okp_read}, {"oct", oct_read}};

EVP_PKEY *jwk_read(const json_t *jwk, enum key_use use, struct error *err)
{
	const char *kty = json_text(jwk, "kty", NULL);
	for (size_t i = 0; kty && i < sizeof TYPES / sizeof *TYPES; i++)
		if (strcmp(TYPES[i].kty, kty) == 0)
			return TYPES[i].read(jwk, use, err);
	error_set(err, 0, 0, "kty is not RSA, EC, OKP or oct");
	return NULL;
}
