/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Tokens and key files when memory is short: allocation N of OpenSSL or jansson fails, for N = 1, 2, … until none is left to fail. Whoever should
 * be let in is let in as himself or refused; whoever should be refused is refused. Our own allocations abort (base/buf.h) and are not counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/scarce.h"
#include "tests/unit/signer.h"
#include "tests/unit/verify_token.h"

#define NOW_MS INT64_C(1790000000000)
#define GOOD    "{'iss':'i','aud':'chat','sub':'alice','exp':1790000600}"
#define EXPIRED "{'iss':'i','aud':'chat','sub':'alice','exp':1780000600}"
#define FOREIGN "{'iss':'i','aud':'mail','sub':'alice','exp':1790000600}"

static const char *const AUDIENCES[] = {"chat"};
static const struct jwt_policy POLICY = {
	.issuer = "i", .audiences = AUDIENCES, .audience_count = 1, .user_claim = "sub", .user_prefix = "", .leeway_s = 60};

/* ---- tokens ---- */

static enum jwt_rc verify(const struct key_set *keys, const char *token, struct jwt_claims *claims)
{
	struct error err = {0};
	memset(claims, 0, sizeof *claims);
	enum jwt_rc rc = verify_token(keys, &POLICY, token, strlen(token), NOW_MS, claims, &err);
	if (rc == JWT_OK)
		return rc;
	assert_int_equal(err.rc, rc);
	assert_true(err.text[0] != '\0');
	assert_int_equal(claims->user_id[0], 0);
	return rc;
}

static unsigned verify_with_each_failing(const struct key_set *keys, const char *token, enum jwt_rc expected)
{
	struct jwt_claims claims;
	verify(keys, token, &claims); /* what is allocated once is, by now */
	for (unsigned number = 1;; number++) {
		scarce_fail(number);
		enum jwt_rc rc = verify(keys, token, &claims);
		bool last = scarce_spared();
		if (rc == JWT_OK) {
			assert_int_equal(expected, JWT_OK);
			assert_string_equal(claims.user_id, "alice");
			assert_int_equal(claims.expires_at_ms, INT64_C(1790000660000));
		}
		if (last) {
			assert_int_equal(rc, expected);
			return number - 1;
		}
	}
}

static void assert_all_kinds(const char *alg)
{
	struct signer issuer, stranger;
	char header[64];
	snprintf(header, sizeof header, "{'alg':'%s'}", alg);
	signer_init(&issuer, alg, NULL, NULL);
	signer_init(&stranger, alg, NULL, NULL);
	char *good = signer_token(&issuer, header, GOOD), *forged = signer_token(&stranger, header, GOOD);
	char *expired = signer_token(&issuer, header, EXPIRED), *foreign = signer_token(&issuer, header, FOREIGN);
	unsigned count = verify_with_each_failing(issuer.keys, good, JWT_OK);
	verify_with_each_failing(issuer.keys, forged, JWT_BAD);
	verify_with_each_failing(issuer.keys, expired, JWT_EXPIRED);
	verify_with_each_failing(issuer.keys, foreign, JWT_BAD);
	print_message("%s: %u allocations\n", alg, count);
	assert_true(count > 5);
	free(good);
	free(forged);
	free(expired);
	free(foreign);
	signer_fini(&issuer);
	signer_fini(&stranger);
}

static void who_is_let_in_is_himself_whatever_allocation_fails(void **state)
{
	static const char *const algs[] = {"HS256", "RS256", "PS256", "ES256", "EdDSA"};
	(void)state;
	for (size_t i = 0; i < sizeof algs / sizeof *algs; i++)
		assert_all_kinds(algs[i]);
}

/* ---- key files ---- */

/* A set that lost a key says so: whoever loads one logs the notes. */
static void a_key_that_is_lost_is_noted(void **state)
{
	static const char KEYS[] = "{\"keys\":[{\"kty\":\"oct\",\"k\":\"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg\"},"
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},"
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\",\"kid\":\"e\"}]}";
	(void)state;
	for (unsigned number = 0;; number++) {
		struct error err = {0};
		scarce_fail(number);
		struct key_set *set = key_set_read("keys", KEYS, sizeof KEYS - 1, KEY_VERIFY, &err);
		bool last = number > 0 && scarce_spared();
		if (set == NULL)
			assert_true(err.text[0] != '\0');
		else if (set->key_count < 3)
			assert_int_equal(set->note_count, 3 - set->key_count);
		if (last) {
			assert_non_null(set);
			assert_int_equal(set->key_count, 3);
		}
		key_set_free(set);
		if (last)
			break;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_let_in_is_himself_whatever_allocation_fails),
		cmocka_unit_test(a_key_that_is_lost_is_noted),
	};
	if (!scarce_openssl())
		return 1;
	scarce_jansson();
	return cmocka_run_group_tests_name("auth without memory", tests, NULL, NULL);
}
