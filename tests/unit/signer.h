/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_SIGNER_H
#define HC_TESTS_SIGNER_H
/* Somebody who signs tokens, for tests: any header over any payload, right or wrong, by OpenSSL alone. One thread. */

#include <stddef.h>

#include "plugin/auth/keys.h"

struct signer {
	struct key key;       /* with the private part */
	struct key_set *keys; /* what a verifier knows: the public part (or the secret), through a JWK */
};

/* A fresh key for the algorithm. kid NULL: none. curve: NULL, or "Ed448" for EdDSA. Fails the test when OpenSSL won't. */
void signer_init(struct signer *signer, const char *alg, const char *kid, const char *curve);
void signer_fini(struct signer *signer);

/* The key alone as the text of a JWK Set. The caller frees. */
char *signer_jwk_set(const struct signer *signer, enum key_use use);

/* header '.' payload '.' signature. In header and payload each ' stands for ", so that JSON reads well here. The caller frees. */
char *signer_token(const struct signer *signer, const char *header, const char *payload);

/* The same over parts that are already encoded, whatever is in them. */
char *signer_sign(const struct signer *signer, const char *signed_text, size_t len);

/* base64url of text with ' as ". The caller frees. */
char *encoded(const char *text);

#endif
