/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The list of issuers: one that is replaced by another, several in one, and those whose keys are in a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/issuers_kit.h"

static void keys_for_other_algorithms_are_not_looked_at(void **state)
{
	(void)state;
	struct error err;
	struct issuer_list list = the_list("RS256");
	first_fetch();
	assert_true(issuers_replace(issuers, &list, &err));
	assert_int_equal(login(&one), JWT_NO_KEY);
	first_fetch();
	assert_int_equal(login(&one), JWT_NO_KEY);
	assert_int_equal(times_said("! keys of " URL " cannot be fetched"), 1);
}

static void a_reload_keeps_the_keys_and_asks_again(void **state)
{
	(void)state;
	struct error err;
	struct issuer_list list = the_list(NULL);
	first_fetch();
	publish(&one, &two);
	assert_true(issuers_replace(issuers, &list, &err));
	assert_int_equal(login(&one), JWT_OK);
	first_fetch();
	assert_int_equal(login(&two), JWT_OK);
}

static void an_issuer_that_is_gone_from_the_list_lets_nobody_in(void **state)
{
	(void)state;
	struct error err;
	struct issuer_list list = {0};
	const struct issuer_options other = {.url = OTHER, .audience = "chat", .user_claim = "sub"};
	first_fetch();
	issuer_list_add(&list, &other);
	atomic_store(&hangs, true);
	issuers_tick(issuers, now_ms += ISSUERS_AGE_S * SECOND); /* a fetch that comes back to nobody */
	assert_true(issuers_replace(issuers, &list, &err));
	atomic_store(&hangs, false);
	pass(SECOND);
	assert_int_equal(login(&one), JWT_BAD);
}

/* A list with URL, whose keys are in a file, and OTHER, by discovery. */
static struct issuer_list list_of_two(const char *keys)
{
	struct issuer_list list = {0};
	const struct issuer_options first = {.url = URL, .audience = "chat", .user_claim = "sub", .keys = keys};
	const struct issuer_options second = {.url = OTHER, .audience = "chat", .user_claim = "sub"};
	issuer_list_add(&list, &first);
	issuer_list_add(&list, &second);
	return list;
}

static const char *write_keys(const struct signer *signer)
{
	static char file[100];
	snprintf(file, sizeof file, "%s/keys.json", directory);
	char *set = signer_jwk_set(signer, KEY_SIGN);
	FILE *out = fopen(file, "w");
	fputs(set, out);
	fclose(out);
	free(set);
	return file;
}

static void keys_from_a_file_count_at_once_and_what_is_wrong_with_them_is_said(void **state)
{
	(void)state;
	struct error err;
	struct issuer_list list = list_of_two(write_keys(&one));
	assert_true(issuers_replace(issuers, &list, &err));
	assert_int_equal(login(&one), JWT_OK);
	assert_int_equal(login(&two), JWT_BAD); /* a file is not asked again */
	assert_int_equal(times_said("keys of " URL ": ES256 \"one\""), 1);
	assert_int_equal(times_said("! keys of " URL ": "), 1); /* the private part */
	unlink(write_keys(&one));
}

static void a_file_that_is_not_there_leaves_all_as_it_was_and_is_no_beginning(void **state)
{
	(void)state;
	struct error err;
	const struct issuers_conf conf = {.mailbox = mailbox, .ca_file = "", .cache_dir = directory, .log = note_line};
	first_fetch();
	struct issuer_list list = list_of_two("/nonexistent");
	assert_false(issuers_replace(issuers, &list, &err));
	assert_int_equal(login(&one), JWT_OK);
	list = list_of_two("/nonexistent");
	assert_null(issuers_open(&conf, &list, &err));
	assert_non_null(strstr(err.text, "/nonexistent"));
}

static void the_key_of_one_issuer_signs_nothing_of_another(void **state)
{
	(void)state;
	struct error err;
	struct issuer_list list = list_of_two(write_keys(&one));
	publish(&two, NULL);
	assert_true(issuers_replace(issuers, &list, &err));
	first_fetch();
	assert_int_equal(login(&one), JWT_OK);
	assert_int_equal(login(&two), JWT_BAD);             /* under its own kid */
	assert_int_equal(login_with(&two, "one"), JWT_BAD); /* under the other one's */
	unlink(write_keys(&one));
}

static void whom_a_token_claims_to_be_of_is_read_without_believing_it(void **state)
{
	(void)state;
	static const struct {
		const char *payload, *user;
	} CASES[] = {
		{"{'iss':'" URL "','sub':'alice'}", "alice"},
		{"{'iss':'" URL "','sub':'a/b'}", "a%2Fb"},
		{"{'iss':'https://nobody.example','sub':'bob'}", "bob"},
		{"{'iss':'" URL "','sub':7}", NULL},
		{"{'iss':'" URL "'}", NULL},
		{"{'sub':'alice'}", NULL},
	};
	char user_id[AUTH_USER_ID_MAX + 1];
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		char *token = signer_token(&two, "{'alg':'ES256'}", CASES[i].payload);
		bool says = issuers_claimed(issuers, token, strlen(token), user_id);
		assert_int_equal(says, CASES[i].user != NULL);
		if (says)
			assert_string_equal(user_id, CASES[i].user);
		free(token);
	}
	assert_false(issuers_claimed(issuers, "a.b.c", 5, user_id));
}

static void a_token_of_none_of_several_issuers_is_refused(void **state)
{
	(void)state;
	struct error err;
	struct issuer_list list = {0};
	const struct issuer_options options[] = {
		{.url = OTHER, .audience = "chat", .user_claim = "sub"}, {.url = "https://third.example", .audience = "chat", .user_claim = "sub"}};
	first_fetch();
	for (size_t i = 0; i < 2; i++)
		issuer_list_add(&list, &options[i]);
	assert_true(issuers_replace(issuers, &list, &err));
	assert_int_equal(login(&one), JWT_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ISSUERS_TEST(keys_for_other_algorithms_are_not_looked_at),
		ISSUERS_TEST(a_reload_keeps_the_keys_and_asks_again),
		ISSUERS_TEST(an_issuer_that_is_gone_from_the_list_lets_nobody_in),
		ISSUERS_TEST(keys_from_a_file_count_at_once_and_what_is_wrong_with_them_is_said),
		ISSUERS_TEST(a_file_that_is_not_there_leaves_all_as_it_was_and_is_no_beginning),
		ISSUERS_TEST(the_key_of_one_issuer_signs_nothing_of_another),
		ISSUERS_TEST(whom_a_token_claims_to_be_of_is_read_without_believing_it),
		ISSUERS_TEST(a_token_of_none_of_several_issuers_is_refused),
	};
	return cmocka_run_group_tests(tests, with_signers, without_signers);
}
