/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_AUTH_DEVICE_TOKEN_H
#define HC_AUTH_DEVICE_TOKEN_H
/* Device tokens: passwords of devices that cannot log in at a provider, issued by the chat itself under keys of its own.
 *
 * A JWT, signed by ES256: `iss` is DEVICE_TOKEN_ISSUER, which no issuer of the operator's may be called (issuer.h); `aud` the chat's; `sub` the user ID as
 * a claim would name it; `dev` the one device that it counts for; `iat`, `exp`, `jti`. It is verified by jwt.h like all others. Any thread, never blocks. */

#include "plugin/auth/jwt.h"

#define DEVICE_TOKEN_ISSUER "hyperchat"
#define DEVICE_TOKEN_ALG    "ES256"

/* As key_make made it. */
struct device_key {
	const char *kid;
	const void *jwk;
	size_t len;
};

/* Those of the keys that are what key_make makes for DEVICE_TOKEN_ALG, in their order; the others are passed over. use: KEY_VERIFY or KEY_SIGN.
 * NULL: none of them is. */
struct key_set *device_keys_read(const struct device_key *keys, size_t count, enum key_use use);

struct device_claims {
	struct jwt_claims claims;
	char device[AUTH_DEVICE_MAX + 1]; /* "" is a device as well */
};

struct device_policy {
	const char *const *audiences;
	size_t audience_count;
	int leeway_s;
};

/* As jwt_check, of a token that names DEVICE_TOKEN_ISSUER. keys NULL: there are none. */
enum jwt_rc device_token_check(const struct jwt *jwt, const struct key_set *keys, const struct device_policy *policy, int64_t now_ms,
	struct device_claims *out, struct error *err);

#endif
