/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Device tokens: what the chat issues counts for what it says, and nothing else does. In tokens written here ' stands for ". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "plugin/auth/device_token.h"
#include "plugin/auth/key_make.h"
#include "plugin/auth/sign.h"
#include "tests/unit/signer.h"

#define NOW_S  1790000000
#define NOW_MS (NOW_S * INT64_C(1000))

/* A key as the store has it. */
struct stored {
	char kid[KEY_KID_LEN + 1];
	struct buf jwk;
};

static const char *const AUDIENCES[] = {"chat", "chat-next"};
static const struct device_policy POLICY = {.audiences = AUDIENCES, .audience_count = 2, .leeway_s = 30};
static const struct sign_claims GOOD = {.issuer = DEVICE_TOKEN_ISSUER, .audience = "chat", .subject = "alice", .device = "lamp", .id = "1",
	.issued_s = NOW_S - 5, .expires_s = NOW_S + 100};

static struct stored first, second;
static struct device_claims claims;
static struct error err;

static void make(struct stored *stored, const char *alg)
{
	stored->jwk = (struct buf)BUF_EMPTY;
	assert_true(key_make(alg_by_name(alg), stored->kid, &stored->jwk, &err));
}

static struct device_key key_of(const struct stored *stored)
{
	return (struct device_key){.kid = stored->kid, .jwk = stored->jwk.data, .len = stored->jwk.len};
}

static int with_keys(void **state)
{
	(void)state;
	make(&first, DEVICE_TOKEN_ALG);
	make(&second, DEVICE_TOKEN_ALG);
	return 0;
}

static int without_keys(void **state)
{
	(void)state;
	buf_fini(&first.jwk);
	buf_fini(&second.jwk);
	return 0;
}

static char *sign(const struct stored *stored, const struct sign_claims *wanted)
{
	const struct device_key key = key_of(stored);
	struct key_set *set = device_keys_read(&key, 1, KEY_SIGN);
	assert_non_null(set);
	char *token = sign_token(&set->keys[0], wanted);
	key_set_free(set);
	assert_non_null(token);
	return token;
}

/* What a chat that has these keys makes of the token, which is freed. */
static enum jwt_rc check(char *token, const struct stored *const *stored, size_t count)
{
	struct device_key keys[4];
	struct jwt jwt;
	for (size_t i = 0; i < count; i++)
		keys[i] = key_of(stored[i]);
	struct key_set *set = device_keys_read(keys, count, KEY_VERIFY);
	memset(&claims, 0, sizeof claims);
	assert_true(jwt_read(token, strlen(token), &jwt, &err));
	enum jwt_rc rc = device_token_check(&jwt, set, &POLICY, NOW_MS, &claims, &err);
	jwt_fini(&jwt);
	key_set_free(set);
	free(token);
	return rc;
}

static enum jwt_rc check_by_first(char *token)
{
	return check(token, (const struct stored *const[]){&first}, 1);
}

static enum jwt_rc check_with(struct sign_claims wanted)
{
	return check_by_first(sign(&first, &wanted));
}

static void what_was_issued_counts_and_names_its_device(void **state)
{
	(void)state;
	assert_int_equal(check_with(GOOD), JWT_OK);
	assert_string_equal(claims.claims.user_id, "alice");
	assert_string_equal(claims.device, "lamp");
	assert_int_equal(claims.claims.issued_at_ms, NOW_MS - 5000);
	assert_int_equal(claims.claims.expires_at_ms, NOW_MS + 130000);
}

static void each_of_several_keys_counts(void **state)
{
	(void)state;
	const struct stored *const both[] = {&second, &first};
	assert_int_equal(check(sign(&first, &GOOD), both, 2), JWT_OK);
	assert_int_equal(check(sign(&second, &GOOD), both, 2), JWT_OK);
}

static void a_key_that_is_not_there_signs_nothing(void **state)
{
	(void)state;
	assert_int_equal(check_by_first(sign(&second, &GOOD)), JWT_NO_KEY);
	assert_int_equal(check(sign(&first, &GOOD), NULL, 0), JWT_NO_KEY);
}

static void it_is_for_our_audiences_and_for_a_time(void **state)
{
	(void)state;
	struct sign_claims next = GOOD, other = GOOD, over = GOOD, early = GOOD;
	next.audience = "chat-next";
	other.audience = "mail";
	over.expires_s = NOW_S - 31;
	early.issued_s = NOW_S + 31;
	assert_int_equal(check_with(next), JWT_OK);
	assert_int_equal(check_with(other), JWT_BAD);
	assert_int_equal(check_with(over), JWT_EXPIRED);
	assert_int_equal(check_with(early), JWT_NOT_YET);
}

static void one_that_names_no_device_is_refused(void **state)
{
	(void)state;
	struct sign_claims none = GOOD, empty = GOOD, longer = GOOD;
	char name[AUTH_DEVICE_MAX + 2] = "";
	memset(name, 'd', AUTH_DEVICE_MAX + 1);
	none.device = NULL;
	empty.device = "";
	longer.device = name;
	assert_int_equal(check_with(none), JWT_BAD);
	assert_int_equal(check_with(empty), JWT_OK);
	assert_int_equal(check_with(longer), JWT_BAD);
}

/* By hand, since sign_token always says when. */
static void one_that_does_not_say_when_it_was_issued_is_refused(void **state)
{
	(void)state;
	struct signer signer;
	signer_init(&signer, "ES256", "k", NULL);
	struct buf jwk = BUF_EMPTY;
	char *set = signer_jwk_set(&signer, KEY_VERIFY);
	buf_add(&jwk, strchr(set, '[') + 1, (size_t)(strrchr(set, ']') - strchr(set, '[') - 1));
	struct stored stored = {.kid = "k", .jwk = jwk};
	const struct stored *const keys[] = {&stored};
	const char *header = "{'alg':'ES256','kid':'k'}";
	char *without = signer_token(&signer, header, "{'iss':'hyperchat','aud':'chat','sub':'alice','dev':'lamp','exp':1790000100}");
	char *with = signer_token(&signer, header, "{'iss':'hyperchat','aud':'chat','sub':'alice','dev':'lamp','iat':1790000000,'exp':1790000100}");
	assert_int_equal(check(with, keys, 1), JWT_OK);
	assert_int_equal(check(without, keys, 1), JWT_BAD);
	free(set);
	buf_fini(&jwk);
	signer_fini(&signer);
}

static void keys_of_other_kinds_are_passed_over(void **state)
{
	(void)state;
	static const char *const OTHERS[] = {"HS256", "RS256", "ES384", "EdDSA"};
	for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
		struct stored other;
		make(&other, OTHERS[i]);
		const struct device_key key = key_of(&other);
		assert_null(device_keys_read(&key, 1, KEY_VERIFY));
		assert_int_equal(check(sign(&first, &GOOD), (const struct stored *const[]){&other, &first}, 2), JWT_OK);
		buf_fini(&other.jwk);
	}
}

static void a_key_that_is_damaged_or_misnamed_takes_no_other_with_it(void **state)
{
	(void)state;
	struct device_key keys[] = {key_of(&second), key_of(&second), {.kid = "x", .jwk = "}]", .len = 2}, {.kid = "y", .jwk = "", .len = 0}, key_of(&first)};
	keys[0].len -= 3;
	keys[1].kid = first.kid;
	struct key_set *set = device_keys_read(keys, 5, KEY_SIGN);
	assert_non_null(set);
	assert_int_equal(set->key_count, 1);
	assert_string_equal(set->keys[0].kid, first.kid);
	key_set_free(set);
}

static void what_verifies_has_no_private_part(void **state)
{
	(void)state;
	const struct device_key key = key_of(&first);
	struct key_set *set = device_keys_read(&key, 1, KEY_VERIFY);
	assert_null(sign_token(&set->keys[0], &GOOD));
	key_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_issued_counts_and_names_its_device),
		cmocka_unit_test(each_of_several_keys_counts),
		cmocka_unit_test(a_key_that_is_not_there_signs_nothing),
		cmocka_unit_test(it_is_for_our_audiences_and_for_a_time),
		cmocka_unit_test(one_that_names_no_device_is_refused),
		cmocka_unit_test(one_that_does_not_say_when_it_was_issued_is_refused),
		cmocka_unit_test(keys_of_other_kinds_are_passed_over),
		cmocka_unit_test(a_key_that_is_damaged_or_misnamed_takes_no_other_with_it),
		cmocka_unit_test(what_verifies_has_no_private_part),
	};
	return cmocka_run_group_tests_name("device tokens", tests, with_keys, without_keys);
}
