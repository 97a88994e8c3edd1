/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_JWT_KIT_H
#define HC_TESTS_JWT_KIT_H
/* The vocabulary of the tests of JSON Web Tokens: one issuer, one policy, a good token, and what becomes of others. In tokens written here ' stands
 * for ". One thread. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "tests/unit/signer.h"
#include "tests/unit/verify_token.h"

#define NOW_S    1790000000
#define NOW_MS   (NOW_S * INT64_C(1000))
#define LEEWAY_S 60

extern const struct jwt_policy POLICY;
#define HEADER "{'alg':'HS256','typ':'JWT'}"
#define ALICE  "'iss':'https://id.example','aud':'chat','sub':'alice'"
#define GOOD   "{" ALICE ",'exp':1790000600}"

extern struct signer issuer; /* HS256, the cheapest: what is tested here is what the claims do */
extern struct jwt_claims claims; /* of what was verified last */
extern struct error err;

/* Around a group of tests. */
int with_issuer(void **state);
int without_issuer(void **state);

enum jwt_rc verify_text(const struct key_set *keys, const char *token, size_t len);
enum jwt_rc verify_by(const struct signer *signer, const char *header, const char *payload);
enum jwt_rc verify(const char *header, const char *payload);

void assert_let_in(const char *header, const char *payload);
void assert_refused_as(enum jwt_rc rc, const char *header, const char *payload, const char *saying);
void assert_refused(const char *header, const char *payload, const char *saying);
void assert_claims_refused(const char *payload, const char *saying);

#endif
