/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * JSON Web Tokens: who is let in, by whom, until when, and what the refusal says. Their form: test_jwt_form. */
#include <openssl/err.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/id.h"
#include "tests/unit/jwt_kit.h"

/* ---- who is it ---- */

static void a_good_token_tells_user_and_end(void **state)
{
	(void)state;
	assert_let_in(HEADER, "{" ALICE ",'exp':1790000600,'iat':1789999990,'nbf':1789999990}");
	assert_string_equal(claims.user_id, "alice");
	assert_int_equal(claims.expires_at_ms, (1790000600 + LEEWAY_S) * INT64_C(1000));
	assert_int_equal(claims.issued_at_ms, 1789999990000);
}

static void every_algorithm_lets_in_what_its_key_signed_and_nothing_else(void **state)
{
	(void)state;
	const struct alg *alg;
	for (size_t i = 0; (alg = alg_at(i)); i++) {
		struct signer signer, other;
		char header[64];
		signer_init(&signer, alg->name, "k", NULL);
		signer_init(&other, alg->name, "k", NULL);
		snprintf(header, sizeof header, "{'alg':'%s','kid':'k'}", alg->name);
		char *token = signer_token(&signer, header, GOOD);
		assert_int_equal(verify_text(signer.keys, token, strlen(token)), JWT_OK);
		assert_int_equal(verify_text(other.keys, token, strlen(token)), JWT_BAD);
		char *last = strrchr(token, '.') + 5; /* inside of the signature */
		*last = *last == 'A' ? 'B' : 'A';
		assert_int_equal(verify_text(signer.keys, token, strlen(token)), JWT_BAD);
		free(token);
		signer_fini(&signer);
		signer_fini(&other);
	}
}

static void ed448_is_eddsa_too(void **state)
{
	(void)state;
	struct signer signer;
	signer_init(&signer, "EdDSA", NULL, "ED448");
	assert_int_equal(verify_by(&signer, "{'alg':'EdDSA'}", GOOD), JWT_OK);
	signer_fini(&signer);
}

static void another_claim_can_be_the_user(void **state)
{
	(void)state;
	struct jwt_policy policy = POLICY;
	policy.user_claim = "preferred_username";
	policy.user_prefix = "kc:";
	char *token = signer_token(&issuer, HEADER, "{" ALICE ",'exp':1790000600,'preferred_username':'al/ice'}");
	assert_int_equal(verify_token(issuer.keys, &policy, token, strlen(token), NOW_MS, &claims, &err), JWT_OK);
	assert_string_equal(claims.user_id, "kc:al%2Fice");
	free(token);
}

/* Who it is by this claim; NULL: refused. */
static const char *user_by(const char *claim, const char *payload)
{
	struct jwt_policy policy = POLICY;
	policy.user_claim = claim;
	char *token = signer_token(&issuer, HEADER, payload);
	memset(&claims, 0, sizeof claims);
	enum jwt_rc rc = verify_token(issuer.keys, &policy, token, strlen(token), NOW_MS, &claims, &err);
	free(token);
	return rc == JWT_OK ? claims.user_id : NULL;
}

static void a_claim_may_be_a_member_of_another_one(void **state)
{
	(void)state;
#define NESTED "{" ALICE ",'exp':1790000600,'realm':{'user':'ann','deep':{'er':'eve'},'n':7},'https://app.example/id':'amy','realm.odd':'odd'}"
	assert_string_equal(user_by("realm.user", NESTED), "ann");
	assert_string_equal(user_by("realm.deep.er", NESTED), "eve");
	assert_string_equal(user_by("https://app.example/id", NESTED), "amy"); /* as it stands, before it is a path */
	assert_string_equal(user_by("realm.odd", NESTED), "odd");
	static const char *const none[] = {"realm", "realm.", ".user", "realm.deep", "realm.n", "realm.user.x", "sub.x", "realm..user", ".", "x.y.z"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		if (user_by(none[i], NESTED) != NULL)
			fail_msg("%s is somebody", none[i]);
#undef NESTED
}

static enum jwt_rc verify_for_parties(const char *more)
{
	static const char *const PARTIES[] = {"app", "web"};
	struct jwt_policy policy = POLICY;
	char payload[300];
	policy.parties = PARTIES;
	policy.party_count = 2;
	snprintf(payload, sizeof payload, "{" ALICE ",'exp':1790000600%s}", more);
	char *token = signer_token(&issuer, HEADER, payload);
	enum jwt_rc rc = verify_token(issuer.keys, &policy, token, strlen(token), NOW_MS, &claims, &err);
	free(token);
	return rc;
}

static void only_tokens_of_authorized_parties_count_where_they_are_named(void **state)
{
	(void)state;
	assert_int_equal(verify_for_parties(",'azp':'web'"), JWT_OK);
	assert_int_equal(verify_for_parties(",'client_id':'app'"), JWT_OK);
	assert_int_equal(verify_for_parties(",'azp':'web','client_id':'other'"), JWT_OK);
	static const char *const wrong[] = {"", ",'azp':'other'", ",'azp':'other','client_id':'app'", ",'azp':['app']", ",'azp':7,'client_id':'app'",
		",'client_id':'App'", ",'azp':'','client_id':'app'"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		if (verify_for_parties(wrong[i]) != JWT_BAD)
			fail_msg("%s was let in", wrong[i]);
	assert_let_in(HEADER, "{" ALICE ",'exp':1790000600,'azp':'anybody'}"); /* where none is named */
	assert_claims_refused("{" ALICE ",'exp':1790000600,'azp':7}", "azp: no string");
}

static const char *name_in(const char *claim)
{
	struct jwt_policy policy = POLICY;
	char payload[600];
	policy.name_claim = "name";
	snprintf(payload, sizeof payload, "{" ALICE ",'exp':1790000600%s}", claim);
	char *token = signer_token(&issuer, HEADER, payload);
	assert_int_equal(verify_token(issuer.keys, &policy, token, strlen(token), NOW_MS, &claims, &err), JWT_OK);
	free(token);
	return claims.name;
}

static void a_name_that_cannot_be_shown_is_none_and_refuses_nobody(void **state)
{
	(void)state;
	assert_string_equal(name_in(",'name':'Alice Ä.'"), "Alice Ä.");
	static const char *const none[] = {"", ",'name':7", ",'name':''", ",'name':['x']", ",'name':'a\\nb'", ",'name':'a\\u0085b'"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		assert_string_equal(name_in(none[i]), "");
	char name[300], text[400];
	memset(name, 'x', 127);
	strcpy(name + 127, "ääää");
	snprintf(text, sizeof text, ",'name':'%s'", name);
	assert_int_equal(strlen(name_in(text)), 127); /* no half character */
}

static bool is_operator(const char *claim)
{
	struct jwt_policy policy = POLICY;
	char payload[600];
	policy.operator_claim = "realm_access.roles";
	policy.operator_role = "chat-admin";
	snprintf(payload, sizeof payload, "{" ALICE ",'exp':1790000600%s}", claim);
	char *token = signer_token(&issuer, HEADER, payload);
	assert_int_equal(verify_token(issuer.keys, &policy, token, strlen(token), NOW_MS, &claims, &err), JWT_OK);
	free(token);
	return claims.is_operator;
}

static void who_has_the_role_is_an_operator_and_a_claim_of_another_shape_refuses_nobody(void **state)
{
	(void)state;
	assert_true(is_operator(",'realm_access':{'roles':['user','chat-admin']}"));
	assert_true(is_operator(",'realm_access':{'roles':'chat-admin'}"));
	assert_true(is_operator(",'realm_access.roles':['chat-admin']"));
	static const char *const none[] = {"", ",'realm_access':{'roles':[]}", ",'realm_access':{'roles':'chat-admin2'}", ",'realm_access':{'roles':'Chat-Admin'}",
		",'realm_access':{'roles':['user',['chat-admin'],{'chat-admin':1}]}", ",'realm_access':'chat-admin'", ",'roles':['chat-admin']",
		",'realm_access':{'roles':{'chat-admin':true}}", ",'realm_access':{'roles':true}"};
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		if (is_operator(none[i]))
			fail_msg("%s makes an operator", none[i]);
	assert_let_in(HEADER, "{" ALICE ",'exp':1790000600,'realm_access':{'roles':['chat-admin']}}"); /* where no claim is configured */
	assert_false(claims.is_operator);
}

static void a_user_that_looks_like_another_one_is_another_one(void **state)
{
	(void)state;
	static const char *const alike[] = {"аlice", "alice\u200b", "ALICE", "alice ", "ａlice", "al\u0131ce", "alice\u0301"};
	for (size_t i = 0; i < sizeof alike / sizeof *alike; i++) {
		char payload[200];
		snprintf(payload, sizeof payload, "{'iss':'https://id.example','aud':'chat','sub':'%s','exp':1790000600}", alike[i]);
		assert_let_in(HEADER, payload);
		assert_string_not_equal(claims.user_id, "alice");
	}
}

static void a_strange_kid_is_a_name_and_nothing_else(void **state)
{
	(void)state;
	struct signer signer;
	signer_init(&signer, "HS256", "k", NULL);
	static const char *const kids[] = {"../../etc/passwd", "/dev/null", "k' OR '1'='1", "k\\u0000", "", "K", "k ", "http://evil.example/keys"};
	for (size_t i = 0; i < sizeof kids / sizeof *kids; i++) {
		struct buf header = BUF_EMPTY, json = BUF_EMPTY;
		buf_printf(&json, "{\"alg\":\"HS256\",\"kid\":\"%s\"}", kids[i]);
		char *head = mem_new(json.len * 2), *body = encoded(GOOD);
		base64url_encode(json.data, json.len, head);
		buf_printf(&header, "%s.%s", head, body);
		char *token = signer_sign(&signer, header.data, header.len);
		assert_int_not_equal(verify_text(signer.keys, token, strlen(token)), JWT_OK);
		free(token);
		free(head);
		free(body);
		buf_fini(&header);
		buf_fini(&json);
	}
	char *long_kid = mem_zero(6001);
	memset(long_kid, 'k', 5900);
	struct buf header = BUF_EMPTY;
	buf_printf(&header, "{'alg':'HS256','kid':'%s'}", long_kid);
	char *token = signer_token(&signer, header.data, GOOD);
	assert_int_not_equal(verify_text(signer.keys, token, strlen(token)), JWT_OK);
	free(token);
	free(long_kid);
	buf_fini(&header);
	signer_fini(&signer);
}

static void a_token_inside_a_token_is_none(void **state)
{
	(void)state;
	char *inner = signer_token(&issuer, HEADER, GOOD);
	char *text = encoded(inner);
	struct buf outer = BUF_EMPTY;
	char *head = encoded("{'alg':'HS256','cty':'JWT'}");
	buf_printf(&outer, "%s.%s", head, text);
	char *token = signer_sign(&issuer, outer.data, outer.len);
	assert_int_equal(verify_text(issuer.keys, token, strlen(token)), JWT_BAD);
	assert_refused("{'alg':'HS256','zip':'DEF','crit':['zip']}", GOOD, "crit");
	assert_refused("{'alg':'dir','enc':'A256GCM','zip':'DEF'}", GOOD, "alg");
	free(token);
	free(head);
	free(text);
	free(inner);
	buf_fini(&outer);
}

static void a_user_that_cannot_be_named_is_refused(void **state)
{
	(void)state;
	assert_claims_refused("{'iss':'https://id.example','aud':'chat','exp':1790000600}", "sub: missing");
	assert_claims_refused("{'iss':'https://id.example','aud':'chat','exp':1790000600,'sub':7}", "sub: missing or no string");
	assert_claims_refused("{'iss':'https://id.example','aud':'chat','exp':1790000600,'sub':''}", "sub: empty");
	assert_claims_refused("{'iss':'https://id.example','aud':'chat','exp':1790000600,'sub':'a\\u0000b'}", "payload: U+0000");
}

/* ---- for whom, by whom ---- */

static void the_issuer_is_exact(void **state)
{
	(void)state;
	assert_claims_refused("{'iss':'https://id.example/','aud':'chat','sub':'alice','exp':1790000600}",
		"iss: \"https://id.example/\", expected \"https://id.example\"");
	assert_claims_refused("{'iss':'HTTPS://id.example','aud':'chat','sub':'alice','exp':1790000600}", "iss: ");
	assert_claims_refused("{'iss':['https://id.example'],'aud':'chat','sub':'alice','exp':1790000600}", "iss: missing or no string");
	assert_claims_refused("{'aud':'chat','sub':'alice','exp':1790000600}", "iss: missing");
}

static void the_audience_is_a_string_or_an_array_with_one_of_ours(void **state)
{
	(void)state;
	assert_let_in(HEADER, "{'iss':'https://id.example','sub':'a','exp':1790000600,'aud':'chat-next'}");
	assert_let_in(HEADER, "{'iss':'https://id.example','sub':'a','exp':1790000600,'aud':['shop','chat']}");
	assert_claims_refused("{'iss':'https://id.example','sub':'a','exp':1790000600,'aud':'cha'}", "aud: does not name \"chat\"");
	assert_claims_refused("{'iss':'https://id.example','sub':'a','exp':1790000600,'aud':['shop']}", "aud: does not name");
	assert_claims_refused("{'iss':'https://id.example','sub':'a','exp':1790000600,'aud':[]}", "aud: does not name");
	assert_claims_refused("{'iss':'https://id.example','sub':'a','exp':1790000600,'aud':['chat',7]}", "aud: an array with");
	assert_claims_refused("{'iss':'https://id.example','sub':'a','exp':1790000600,'aud':{'chat':1}}", "aud: missing or neither");
	assert_claims_refused("{'iss':'https://id.example','sub':'a','exp':1790000600}", "aud: missing");
}

/* ---- until when ---- */

static void expiry_counts_to_the_millisecond_behind_the_leeway(void **state)
{
	(void)state;
	assert_let_in(HEADER, "{" ALICE ",'exp':1789999940.001}");
	assert_int_equal(claims.expires_at_ms, NOW_MS + 1);
	assert_refused_as(JWT_EXPIRED, HEADER, "{" ALICE ",'exp':1789999940}", "exp: expired 60.000 s ago, the leeway is 60 s");
	assert_refused_as(JWT_EXPIRED, HEADER, "{" ALICE ",'exp':1789999875}", "exp: expired 125.000 s ago");
	assert_refused_as(JWT_EXPIRED, HEADER, "{" ALICE ",'exp':0}", "exp: expired 1790000000.000 s ago");
}

static void fractions_never_lengthen_a_token(void **state)
{
	(void)state;
	assert_let_in(HEADER, "{" ALICE ",'exp':1790000600.9999}");
	assert_int_equal(claims.expires_at_ms, 1790000660999);
	assert_let_in(HEADER, "{" ALICE ",'exp':1.7900006e9}");
	assert_int_equal(claims.expires_at_ms, 1790000660000);
	assert_let_in(HEADER, "{" ALICE ",'exp':1790000600,'nbf':1790000060.0000}");
	assert_refused_as(JWT_NOT_YET, HEADER, "{" ALICE ",'exp':1790000600,'nbf':1790000060.0004}", "nbf: not valid for another 60.001 s");
}

static void a_token_for_later_is_not_yet_valid(void **state)
{
	(void)state;
	assert_let_in(HEADER, "{" ALICE ",'exp':1790000600,'nbf':1790000060}");
	assert_refused_as(JWT_NOT_YET, HEADER, "{" ALICE ",'exp':1790000600,'nbf':1790000061}", "nbf: not valid for another 61.000 s");
	assert_let_in(HEADER, "{" ALICE ",'exp':1790000600,'iat':1790000060}");
	assert_refused_as(JWT_NOT_YET, HEADER, "{" ALICE ",'exp':1790000600,'iat':1790000300}", "iat: issued 300.000 s in the future");
}

static void dates_are_finite_numbers_in_range(void **state)
{
	(void)state;
	assert_claims_refused("{" ALICE "}", "exp: missing");
	assert_claims_refused("{" ALICE ",'exp':'1790000600'}", "exp: no number");
	assert_claims_refused("{" ALICE ",'exp':null}", "exp: no number");
	assert_claims_refused("{" ALICE ",'exp':true}", "exp: no number");
	assert_claims_refused("{" ALICE ",'exp':-1}", "exp: not between");
	assert_claims_refused("{" ALICE ",'exp':-0.5}", "exp: not between");
	assert_claims_refused("{" ALICE ",'exp':253402300800}", "exp: not between");
	assert_claims_refused("{" ALICE ",'exp':9223372036854775807}", "exp: not between");
	assert_claims_refused("{" ALICE ",'exp':9223372036854775808}", "payload: not valid JSON");
	assert_claims_refused("{" ALICE ",'exp':1e300}", "exp: not between");
	assert_claims_refused("{" ALICE ",'exp':1e400}", "payload: not valid JSON");
	assert_claims_refused("{" ALICE ",'exp':NaN}", "payload: not valid JSON");
	assert_claims_refused("{" ALICE ",'exp':1790000600,'nbf':'0'}", "nbf: no number");
	assert_claims_refused("{" ALICE ",'exp':1790000600,'iat':{}}", "iat: no number");
	assert_let_in(HEADER, "{" ALICE ",'exp':253402300799}");
}

/* ---- what a refusal says ---- */

static void a_refusal_never_quotes_the_token(void **state)
{
	(void)state;
	static const char *const payloads[] = {
		"{'iss':'\\u001b[31mevil\\n','aud':'chat','sub':'alice','exp':1790000600}",
		"{" ALICE ",'exp':1}",
		"{" ALICE ",'exp':1790000600,'nbf':1800000000}",
		"{'iss':'https://id.example','aud':'chat','exp':1790000600,'sub':''}",
		"[]",
	};
	for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
		char *token = signer_token(&issuer, "{'alg':'HS256','kid':'a\\u0007b\\nc'}", payloads[i]);
		assert_int_not_equal(verify_text(issuer.keys, token, strlen(token)), JWT_OK);
		for (const char *at = token; strlen(at) >= 12; at++) {
			char piece[13];
			memcpy(piece, at, 12);
			piece[12] = '\0';
			assert_null(strstr(err.text, piece));
		}
		for (const char *at = err.text; *at; at++)
			assert_true((unsigned char)*at >= 0x20 && *at != 0x7F);
		free(token);
	}
}

static void a_failed_check_leaves_no_error_for_tls(void **state)
{
	(void)state;
	struct signer rsa, other;
	signer_init(&rsa, "RS256", NULL, NULL);
	signer_init(&other, "RS256", NULL, NULL);
	char *token = signer_token(&other, "{'alg':'RS256'}", GOOD);
	ERR_clear_error();
	assert_int_equal(verify_text(rsa.keys, token, strlen(token)), JWT_BAD);
	assert_int_equal(ERR_peek_error(), 0);
	free(token);
	signer_fini(&rsa);
	signer_fini(&other);
}

static void nobody_needs_to_be_told_why(void **state)
{
	(void)state;
	assert_int_equal(verify_token(issuer.keys, &POLICY, "x", 1, NOW_MS, &claims, NULL), JWT_BAD);
	char *token = signer_token(&issuer, HEADER, "{" ALICE ",'exp':1}");
	assert_int_equal(verify_token(issuer.keys, &POLICY, token, strlen(token), NOW_MS, &claims, NULL), JWT_EXPIRED);
	free(token);
}

/* ---- threads ---- */

static void *verify_often(void *argument)
{
	struct signer *signer = argument;
	char header[64];
	snprintf(header, sizeof header, "{'alg':'%s'}", signer->key.alg->name);
	char *token = signer_token(signer, header, GOOD);
	size_t bad = 0;
	for (size_t i = 0; i < 200; i++) {
		struct jwt_claims mine;
		bad += verify_token(signer->keys, &POLICY, token, strlen(token), NOW_MS, &mine, NULL) != JWT_OK;
	}
	free(token);
	return (void *)(uintptr_t)bad;
}

static void threads_share_a_key_set(void **state)
{
	(void)state;
	static const char *const names[] = {"HS256", "RS256", "PS256", "ES256", "EdDSA"};
	for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
		struct signer signer;
		pthread_t threads[4];
		signer_init(&signer, names[n], NULL, NULL);
		for (size_t i = 0; i < 4; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &signer), 0);
		for (size_t i = 0; i < 4; i++) {
			void *bad;
			assert_int_equal(pthread_join(threads[i], &bad), 0);
			assert_null(bad);
		}
		signer_fini(&signer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_token_tells_user_and_end),
		cmocka_unit_test(every_algorithm_lets_in_what_its_key_signed_and_nothing_else),
		cmocka_unit_test(ed448_is_eddsa_too),
		cmocka_unit_test(another_claim_can_be_the_user),
		cmocka_unit_test(a_claim_may_be_a_member_of_another_one),
		cmocka_unit_test(only_tokens_of_authorized_parties_count_where_they_are_named),
		cmocka_unit_test(a_name_that_cannot_be_shown_is_none_and_refuses_nobody),
		cmocka_unit_test(who_has_the_role_is_an_operator_and_a_claim_of_another_shape_refuses_nobody),
		cmocka_unit_test(a_user_that_looks_like_another_one_is_another_one),
		cmocka_unit_test(a_strange_kid_is_a_name_and_nothing_else),
		cmocka_unit_test(a_token_inside_a_token_is_none),
		cmocka_unit_test(a_user_that_cannot_be_named_is_refused),
		cmocka_unit_test(the_issuer_is_exact),
		cmocka_unit_test(the_audience_is_a_string_or_an_array_with_one_of_ours),
		cmocka_unit_test(expiry_counts_to_the_millisecond_behind_the_leeway),
		cmocka_unit_test(fractions_never_lengthen_a_token),
		cmocka_unit_test(a_token_for_later_is_not_yet_valid),
		cmocka_unit_test(dates_are_finite_numbers_in_range),
		cmocka_unit_test(a_refusal_never_quotes_the_token),
		cmocka_unit_test(a_failed_check_leaves_no_error_for_tls),
		cmocka_unit_test(nobody_needs_to_be_told_why),
		cmocka_unit_test(threads_share_a_key_set),
	};
	return cmocka_run_group_tests_name("jwt", tests, with_issuer, without_issuer);
}
