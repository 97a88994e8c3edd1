/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Fresh keys. Any thread. */
#include "plugin/auth/key_make.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "base/id.h"
#include "plugin/auth/jwk.h"

enum { KID_BYTES = 9, RSA_BITS = 2048 }; /* a longer key makes each CONNECT longer */

static EVP_PKEY *generate(const struct alg *alg)
{
	unsigned char secret[64];
	EVP_PKEY *pkey = NULL;
	switch (alg->kind) {
	case ALG_HMAC:
		id_random(secret, alg->bytes);
		pkey = EVP_PKEY_new_raw_private_key_ex(NULL, "HMAC", NULL, secret, alg->bytes);
		OPENSSL_cleanse(secret, sizeof secret);
		return pkey;
	case ALG_RSA:
	case ALG_RSA_PSS:
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS);
	case ALG_ECDSA:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", alg->group);
	case ALG_EDDSA:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	}
	return NULL;
}

bool key_make(const struct alg *alg, char kid[KEY_KID_LEN + 1], struct buf *out, struct error *err)
{
	unsigned char random[KID_BYTES];
	id_random(random, sizeof random);
	base64url_encode(random, sizeof random, kid);
	const struct key key = {.alg = alg, .kid = kid, .pkey = generate(alg)};
	if (key.pkey == NULL)
		return error_set(err, 0, 0, "OpenSSL cannot make a key for %s", alg->name);
	bool added = jwk_add(out, &key, KEY_SIGN, err);
	EVP_PKEY_free(key.pkey);
	return added;
}
