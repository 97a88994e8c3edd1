/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_SIGN_H
#define HC_AUTH_SIGN_H
/* Tokens that we issue ourselves, by libjwt. That they are made by another implementation than the one that verifies them (jwt.h) is on purpose:
 * docs/decisions/0001-jwt-by-openssl.md. Any thread, never blocks. */

#include <stdbool.h>
#include <stdint.h>

#include "plugin/auth/keys.h"

struct sign_claims {
	const char *issuer, *audience, *subject;
	const char *device, *id;  /* dev, jti; NULL: none */
	int64_t issued_s, expires_s;
};

/* Whether libjwt has an algorithm for the key: HS, RS and ES 256, 384 and 512. */
bool sign_can(const struct key *key);

/* NULL: libjwt could not sign with it. The caller frees. */
char *sign_token(const struct key *key, const struct sign_claims *claims);

#endif
