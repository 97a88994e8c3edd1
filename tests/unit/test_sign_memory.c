/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What is signed or encrypted when memory is short: allocation N of OpenSSL or jansson fails, for N = 1, 2, … until none is left to fail.
 * What comes out is whole, or nothing does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/id.h"
#include "base/json.h"
#include "plugin/auth/sign.h"
#include "plugin/transfer/jwe.h"
#include "tests/unit/scarce.h"
#include "tests/unit/signer.h"
#include "tests/unit/verify_token.h"

#define LONG "somebody-whose-name-is-longer-than-what-a-reader-begins-with"

/* ---- what is signed ---- */

static bool is_good(const struct key_set *keys, const char *token)
{
	static const char *const audiences[] = {"chat"};
	static const struct jwt_policy policy = {
		.issuer = "hyperchat", .audiences = audiences, .audience_count = 1, .user_claim = "sub", .user_prefix = "", .leeway_s = 60};
	struct jwt_claims claims;
	struct error err;
	return verify_token(keys, &policy, token, strlen(token), INT64_C(1790000000000), &claims, &err) == JWT_OK && strcmp(claims.user_id, LONG) == 0 &&
	       claims.expires_at_ms == INT64_C(1790000660000);
}

static const struct signer *signing;

enum how { GOOD = 1, NONE, WRONG, SPARED }; /* SPARED: good, and no allocation was left to fail */

static enum how sign_with_failing(unsigned number)
{
	const struct sign_claims claims = {.issuer = "hyperchat", .audience = "chat", .subject = LONG, .device = "phone", .id = LONG,
		.issued_s = 1790000000, .expires_s = 1790000600};
	scarce_fail(number);
	char *token = sign_token(&signing->key, &claims);
	bool spared = scarce_spared();
	enum how how = token == NULL ? NONE : !is_good(signing->keys, token) ? WRONG : spared ? SPARED : GOOD;
	free(token);
	return how;
}

/* In a child: libjwt 1.10 reads through NULL where jansson gives it nothing to print, which ends the process like any other lack of memory. */
static enum how sign_in_child(unsigned number)
{
	int status = 0;
	fflush(stdout);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		signal(SIGABRT, SIG_DFL);
		_exit((int)sign_with_failing(number));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? (enum how)WEXITSTATUS(status) : NONE;
}

/* OpenSSL allocates thousands of times when libjwt gives it a key as PEM: of those, one in `step`. */
static void assert_signs_whole_or_not(const char *alg, unsigned step)
{
	struct signer issuer;
	unsigned none = 0;
	enum how how;
	signer_init(&issuer, alg, NULL, NULL);
	signing = &issuer;
	for (unsigned number = 1; (how = sign_in_child(number)) != SPARED; number += step) {
		if (how == WRONG)
			print_error("%s: wrong when allocation %u fails\n", alg, number);
		assert_true(how == GOOD || how == NONE);
		none += how == NONE;
	}
	print_message("%s: no token %u times, in steps of %u\n", alg, none, step);
	assert_true(none > 5);
	signer_fini(&issuer);
}

static void a_token_that_is_signed_is_good(void **state)
{
	(void)state;
	assert_signs_whole_or_not("HS256", 1);
	assert_signs_whole_or_not("ES256", 23);
	assert_signs_whole_or_not("RS256", 23);
}

/* ---- what is encrypted ---- */

static const unsigned char KEY[JWE_KEY_BYTES] = "0123456789abcdef0123456789abcde";

/* What was there before stays; nothing of the text is in what is left. */
static bool is_untouched(const struct buf *out)
{
	return out->len == strlen("before") && strcmp(out->data, "before") == 0;
}

static bool looks_whole(const struct buf *out, size_t added)
{
	size_t dots = 0;
	for (size_t i = 0; i < out->len; i++)
		dots += out->data[i] == '.';
	return out->len == strlen("before") + added && dots == 4;
}

static void what_cannot_be_encrypted_leaves_nothing_behind(void **state)
{
	(void)state;
	unsigned refused = 0;
	unsigned char warm[16];
	id_random(warm, sizeof warm); /* what is allocated once is, by now */
	for (unsigned number = 1;; number++) {
		struct error err = {0};
		struct buf out = BUF_EMPTY;
		buf_add_text(&out, "before");
		scarce_fail(number);
		struct jwe *jwe = jwe_new(&err);
		bool made = jwe != NULL && jwe_add(jwe, &out, KEY, "chat", LONG, strlen(LONG), &err);
		bool last = scarce_spared();
		if (made)
			assert_true(looks_whole(&out, jwe_len("chat", strlen(LONG))));
		else
			assert_true(is_untouched(&out) && err.text[0] != '\0');
		assert_null(strstr(out.data, "somebody"));
		refused += !made;
		jwe_free(jwe);
		buf_fini(&out);
		if (last) {
			assert_true(made && refused > 0);
			break;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_that_is_signed_is_good),
		cmocka_unit_test(what_cannot_be_encrypted_leaves_nothing_behind),
	};
	if (!scarce_openssl())
		return 1;
	scarce_jansson();
	json_guard_memory();
	return cmocka_run_group_tests_name("signing without memory", tests, NULL, NULL);
}
