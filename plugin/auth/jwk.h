/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_JWK_H
#define HC_AUTH_JWK_H
/* One JSON Web Key (RFC 7517, RFC 7518 §6, RFC 8037 §2) to an OpenSSL key and back. Any thread. */

#include <jansson.h>
#include <openssl/types.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "plugin/auth/keys.h"

/* Type, curve and form are checked; strength and algorithm are not (alg_fits), and not that private and public part belong together.
 * Only KEY_SIGN looks at private parts. NULL: err says why, without anything of the key in it. The caller frees. */
EVP_PKEY *jwk_read(const json_t *jwk, enum key_use use, struct error *err);

/* Adds the key as one JSON object with its kid, alg and "use": "sig". KEY_SIGN: with the private part; KEY_VERIFY: without. A secret
 * is always there. What it writes, jwk_read reads. false: out is as it was; OpenSSL would not give the key's parts. */
bool jwk_add(struct buf *out, const struct key *key, enum key_use use, struct error *err);

#endif
