/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_VERIFY_TOKEN_H
#define HC_TESTS_VERIFY_TOKEN_H
/* A token from its text to whom it lets in, as the broker goes: read, then checked. For tests, fuzz targets and measurements; any thread. */

#include "plugin/auth/jwt.h"

static inline enum jwt_rc verify_token(const struct key_set *keys, const struct jwt_policy *policy, const char *token, size_t len, int64_t now_ms,
	struct jwt_claims *out, struct error *err)
{
	struct jwt jwt;
	struct error why;
	if (!jwt_read(token, len, &jwt, &why))
		return (enum jwt_rc)error_set(err, JWT_BAD, 0, "%s", why.text);
	enum jwt_rc rc = jwt_check(&jwt, keys, policy, now_ms, out, err);
	jwt_fini(&jwt);
	return rc;
}

#endif
