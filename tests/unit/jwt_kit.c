/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See jwt_kit.h. */
#include "tests/unit/jwt_kit.h"

#include <stdlib.h>
#include <string.h>

static const char *const AUDIENCES[] = {"chat", "chat-next"};
const struct jwt_policy POLICY = {
	.issuer = "https://id.example",
	.audiences = AUDIENCES,
	.audience_count = 2,
	.user_claim = "sub",
	.user_prefix = "",
	.leeway_s = LEEWAY_S,
};

struct signer issuer;
struct jwt_claims claims;
struct error err;

int with_issuer(void **state)
{
	(void)state;
	signer_init(&issuer, "HS256", NULL, NULL);
	return 0;
}

int without_issuer(void **state)
{
	(void)state;
	signer_fini(&issuer);
	return 0;
}

enum jwt_rc verify_text(const struct key_set *keys, const char *token, size_t len)
{
	memset(&claims, 0, sizeof claims);
	memset(&err, 0, sizeof err);
	enum jwt_rc rc = verify_token(keys, &POLICY, token, len, NOW_MS, &claims, &err);
	if (rc == JWT_OK)
		return rc;
	assert_int_equal(err.rc, rc);
	assert_int_equal(claims.user_id[0], 0); /* nothing is written on refusal */
	assert_int_equal(claims.expires_at_ms, 0);
	assert_true(err.text[0] != '\0');
	return rc;
}

enum jwt_rc verify_by(const struct signer *signer, const char *header, const char *payload)
{
	char *token = signer_token(signer, header, payload);
	enum jwt_rc rc = verify_text(signer->keys, token, strlen(token));
	free(token);
	return rc;
}

enum jwt_rc verify(const char *header, const char *payload)
{
	return verify_by(&issuer, header, payload);
}

void assert_let_in(const char *header, const char *payload)
{
	if (verify(header, payload) != JWT_OK)
		fail_msg("%s %s was refused: %s", header, payload, err.text);
}

void assert_refused_as(enum jwt_rc rc, const char *header, const char *payload, const char *saying)
{
	enum jwt_rc got = verify(header, payload);
	if (got != rc || strstr(err.text, saying) == NULL)
		fail_msg("%s %s: %d instead of %d, \"%s\" instead of \"%s\"", header, payload, got, rc, err.text, saying);
}

void assert_refused(const char *header, const char *payload, const char *saying)
{
	assert_refused_as(JWT_BAD, header, payload, saying);
}

void assert_claims_refused(const char *payload, const char *saying)
{
	assert_refused(HEADER, payload, saying);
}
