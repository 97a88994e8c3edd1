/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Tokens of our own. Any thread. */
#include "plugin/auth/sign.h"

#include <jwt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "plugin/auth/jws.h"

/* What libjwt wants to have of a key: the secret itself, or PEM. The caller fini's out after cleansing. */
static bool key_material(const struct key *key, struct buf *out)
{
	if (key->alg->kind == ALG_HMAC) {
		size_t len = 0;
		if (EVP_PKEY_get_raw_private_key(key->pkey, NULL, &len) != 1)
			return false;
		buf_reserve(out, len);
		out->len = len;
		return EVP_PKEY_get_raw_private_key(key->pkey, (unsigned char *)out->data, &out->len) == 1;
	}
	BIO *bio = BIO_new(BIO_s_secmem());
	char *pem = NULL;
	bool written = bio != NULL && PEM_write_bio_PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1;
	long len = written ? BIO_get_mem_data(bio, &pem) : 0;
	if (written)
		buf_add(out, pem, (size_t)len);
	BIO_free(bio);
	return written;
}

static bool add_text(jwt_t *jwt, const char *name, const char *text)
{
	return text == NULL || jwt_add_grant(jwt, name, text) == 0;
}

static bool fill(jwt_t *jwt, const struct sign_claims *claims, const char *kid)
{
	return (kid == NULL || jwt_add_header(jwt, "kid", kid) == 0) && add_text(jwt, "iss", claims->issuer) && add_text(jwt, "aud", claims->audience) &&
	       add_text(jwt, "sub", claims->subject) && add_text(jwt, "dev", claims->device) && add_text(jwt, "jti", claims->id) &&
	       jwt_add_grant_int(jwt, "iat", (long)claims->issued_s) == 0 && jwt_add_grant_int(jwt, "exp", (long)claims->expires_s) == 0;
}

bool sign_can(const struct key *key)
{
	jwt_alg_t alg = jwt_str_alg(key->alg->name);
	return alg != JWT_ALG_INVAL && alg != JWT_ALG_NONE;
}

/* libjwt 1.10 does not look whether OpenSSL's HMAC worked. */
static bool is_signed(struct key key, const char *token)
{
	const struct key_set keys = {.key_count = 1, .keys = &key};
	struct jws jws;
	if (!jws_read(token, strlen(token), &jws, NULL))
		return false;
	bool good = jws_verify(&jws, &keys, NULL) == JWS_OK;
	jws_fini(&jws);
	return good;
}

char *sign_token(const struct key *key, const struct sign_claims *claims)
{
	struct buf material = BUF_EMPTY;
	jwt_t *jwt = NULL;
	char *token = NULL;
	json_needs_memory(true);
	if (sign_can(key) && key_material(key, &material) && jwt_new(&jwt) == 0 && fill(jwt, claims, key->kid) &&
		jwt_set_alg(jwt, jwt_str_alg(key->alg->name), (const unsigned char *)material.data, (int)material.len) == 0)
		token = jwt_encode_str(jwt);
	jwt_free(jwt);
	json_needs_memory(false);
	if (material.data)
		OPENSSL_cleanse(material.data, material.size);
	buf_fini(&material);
	if (token == NULL || is_signed(*key, token))
		return token;
	free(token);
	return NULL;
}
