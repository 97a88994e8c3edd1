/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_ALG_H
#define HC_AUTH_ALG_H
/* The signature algorithms we know (RFC 7518 §3.1, RFC 8037 §3.1): one table, which everything else points into.
 *
 * A key has exactly one of them, for ever: two keys or headers agree when they point to the same entry. There is no entry for "none".
 * Any thread. */

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum alg_kind { ALG_HMAC, ALG_RSA, ALG_RSA_PSS, ALG_ECDSA, ALG_EDDSA };

struct alg {
	const char *name; /* as `alg` spells it */
	enum alg_kind kind;
	const char *digest; /* OpenSSL's name; NULL: EdDSA brings its own */
	const char *group;  /* ECDSA: OpenSSL's name of the curve */
	size_t bytes;       /* HMAC: the least secret (RFC 7518 §3.2); ECDSA: one coordinate; others 0 */
};

enum { ALG_RSA_BITS_MIN = 2048, ALG_RSA_BITS_MAX = 8192 };

const struct alg *alg_by_name(const char *name); /* NULL: unknown */
const struct alg *alg_at(size_t index);          /* NULL: no more */

/* The one algorithm of a key whose file does not say: RSA: RS256; P-256, P-384, P-521: ES256, ES384, ES512; Ed25519 and Ed448: EdDSA;
 * a secret: HS256. NULL: no key of this type signs tokens. */
const struct alg *alg_default(EVP_PKEY *pkey);

/* Whether the key is of the type, curve and strength that the algorithm asks for; err says what is wrong. */
bool alg_fits(const struct alg *alg, EVP_PKEY *pkey, struct error *err);

#endif
