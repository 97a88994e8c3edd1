/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Issuers with their keys: when they are asked for, which count, and what a client is told meanwhile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "plugin/auth/key_cache.h"
#include "tests/unit/issuers_kit.h"

/* ---- when they are asked for ---- */

static void keys_come_at_the_first_tick(void **state)
{
	(void)state;
	first_fetch();
	assert_int_equal(login(&one), JWT_OK);
	assert_int_equal(atomic_load(&fetches), 1);
	assert_int_equal(times_said("keys of " URL ": ES256 \"one\""), 1);
}

static void who_comes_before_the_keys_is_to_try_again_and_that_is_said_once(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(login(&one), JWT_NO_KEY);
	assert_int_equal(times_said("its keys are not here yet"), 1);
}

static void a_token_that_is_wrong_anyway_is_refused_before_the_keys_are_there(void **state)
{
	(void)state;
	char *token = signer_token(&one, "{'alg':'ES256'}", "{'iss':'" URL "','aud':'mail','sub':'alice','exp':1790000600}");
	assert_int_equal(verify(token), JWT_BAD);
	free(token);
	assert_int_equal(said.len, 0);
}

static void cache_control_counts_within_limits(void **state)
{
	(void)state;
	static const struct {
		int64_t age_s, due_s;
	} CASES[] = {{-1, ISSUERS_AGE_S}, {0, ISSUERS_AGE_MIN_S}, {1, ISSUERS_AGE_MIN_S}, {1200, 1200}, {INT32_MAX, ISSUERS_AGE_MAX_S}};
	first_fetch();
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		struct error err;
		struct issuer_list list = the_list(NULL);
		published_age_s = CASES[i].age_s;
		assert_true(issuers_replace(issuers, &list, &err)); /* asks again */
		unsigned before = atomic_load(&fetches);
		first_fetch();
		now_ms += CASES[i].due_s * SECOND - 1;
		issuers_tick(issuers, now_ms);
		assert_int_equal(atomic_load(&fetches), before + 1);
		now_ms++;
		first_fetch();
		assert_int_equal(atomic_load(&fetches), before + 2);
	}
}

static void an_unknown_kid_is_asked_for_soon_and_then_lets_in(void **state)
{
	(void)state;
	first_fetch();
	publish(&one, &two);
	assert_int_equal(login(&two), JWT_NO_KEY);
	assert_int_equal(login(&one), JWT_OK);
	pass(ISSUERS_AGAIN_MS);
	assert_int_equal(login(&two), JWT_OK);
	assert_int_equal(login(&one), JWT_OK);
	assert_int_equal(atomic_load(&fetches), 2);
}

static void a_kid_that_is_not_there_then_is_refused_without_asking_again(void **state)
{
	(void)state;
	first_fetch();
	assert_int_equal(login(&two), JWT_NO_KEY);
	pass(ISSUERS_AGAIN_MS);
	for (int i = 0; i < 10; i++)
		assert_int_equal(login(&two), JWT_BAD);
	pass(ISSUERS_ABSENT_MS / 2);
	assert_int_equal(atomic_load(&fetches), 2);
	assert_int_equal(login(&two), JWT_BAD);
	pass(ISSUERS_ABSENT_MS);
	publish(&one, &two);
	assert_int_equal(login(&two), JWT_NO_KEY); /* it may have come since */
	pass(ISSUERS_AGAIN_MS);
	assert_int_equal(login(&two), JWT_OK);
}

static void a_flood_of_kids_is_a_fetch_every_ten_seconds(void **state)
{
	(void)state;
	first_fetch();
	for (int i = 0; i < 600; i++) {
		char kid[20];
		snprintf(kid, sizeof kid, "kid-%d", i);
		login_with(&two, kid);
		if (i % 10 == 9)
			pass(0); /* one second */
	}
	assert_in_range(atomic_load(&fetches), 2, 1 + 60 / 10 + 1);
	assert_in_range(times_said("a token of " URL " is by a key that is not known"), 1, 8);
}

static void a_known_key_with_a_wrong_signature_asks_for_nothing(void **state)
{
	(void)state;
	first_fetch();
	for (int i = 0; i < 100; i++)
		assert_int_equal(login_with(&two, "one"), JWT_BAD);
	pass(2 * ISSUERS_AGAIN_MS);
	assert_int_equal(atomic_load(&fetches), 1);
}

/* ---- which count ---- */

static void a_key_that_is_not_published_any_more_counts_no_more(void **state)
{
	(void)state;
	first_fetch();
	publish(&two, NULL);
	assert_int_equal(login(&one), JWT_OK);
	pass(ISSUERS_AGE_S * SECOND);
	assert_int_equal(login(&two), JWT_OK);
	assert_int_not_equal(login(&one), JWT_OK);
}

static void the_last_good_keys_count_while_the_issuer_is_away(void **state)
{
	(void)state;
	first_fetch();
	publish(NULL, NULL);
	pass(24 * 60 * MINUTE);
	assert_int_equal(login(&one), JWT_OK);
	assert_int_equal(times_said("! keys of " URL " cannot be fetched"), 1);
	assert_in_range(atomic_load(&fetches), 200, 400); /* about every five minutes */
	publish(&one, NULL);
	pass(6 * MINUTE);
	assert_int_equal(times_said("it answers again"), 1);
}

static void what_operators_are_told_of_an_issuer_that_is_away(void **state)
{
	(void)state;
	struct issuers_stats stats;
	issuers_stats(issuers, &stats);
	assert_true(stats.issuers == 1 && stats.keys == 0 && stats.fetches == 0 && stats.oldest_ms == INT64_MAX);
	int64_t fetched_ms = now_ms;
	first_fetch();
	publish(NULL, NULL);
	pass(2 * 60 * MINUTE);
	issuers_stats(issuers, &stats);
	assert_true(stats.issuers == 1 && stats.keys == 1 && stats.failing == 1);
	assert_int_equal(stats.fetches, atomic_load(&fetches));
	assert_int_equal(stats.fetch_failures, stats.fetches - 1);
	assert_int_equal(stats.oldest_ms, fetched_ms);
	publish(&one, NULL);
	pass(6 * MINUTE);
	issuers_stats(issuers, &stats);
	assert_int_equal(stats.failing, 0);
	assert_true(stats.oldest_ms > fetched_ms);
}

static void kept_keys_serve_the_next_start(void **state)
{
	(void)state;
	first_fetch();
	close_issuers();
	publish(NULL, NULL);
	open_issuers();
	assert_int_equal(login(&one), JWT_OK);
	first_fetch();
	assert_int_equal(login(&one), JWT_OK);
	assert_int_equal(times_said("count until it answers"), 1);
}

static void a_set_without_a_key_for_the_issuers_algorithms_does_not_replace_the_kept_one(void **state)
{
	(void)state;
	struct error err;
	struct issuer_list list = the_list("ES256");
	assert_true(issuers_replace(issuers, &list, &err));
	first_fetch();
	publish(&rsa, NULL);
	pass(2 * ISSUERS_AGE_S * SECOND);
	assert_int_equal(login(&one), JWT_OK);
	close_issuers();
	publish(NULL, NULL);
	open_issuers();
	assert_int_equal(login(&one), JWT_OK);
}

static void a_set_with_one_key_for_the_issuers_algorithms_is_kept_as_a_whole(void **state)
{
	(void)state;
	struct error err;
	struct issuer_list list = the_list("ES256");
	publish(&one, &rsa);
	assert_true(issuers_replace(issuers, &list, &err));
	first_fetch();
	close_issuers();
	publish(NULL, NULL);
	open_issuers(); /* with any algorithm */
	assert_int_equal(login(&one), JWT_OK);
	assert_int_equal(login(&rsa), JWT_OK);
}

static void kept_keys_of_somebody_else_serve_nobody(void **state)
{
	(void)state;
	struct error err;
	char *file = key_cache_file(directory, URL);
	first_fetch();
	close_issuers();
	assert_true(key_cache_write(file, "https://evil.example", two.keys, WALL_MS, &err));
	open_issuers();
	assert_int_equal(login(&two), JWT_NO_KEY);
	assert_int_equal(times_said("! kept keys of " URL " are not used"), 1);
	free(file);
}

static void keys_that_cannot_be_kept_count_all_the_same(void **state)
{
	(void)state;
	assert_int_equal(rmdir(directory), 0);
	first_fetch();
	assert_int_equal(login(&one), JWT_OK);
	pass(2 * ISSUERS_AGE_S * SECOND);
	assert_int_equal(times_said("cannot be kept for the next start"), 1);
	assert_int_equal(mkdir(directory, 0700), 0);
}

static void kept_keys_that_cannot_be_read_are_none(void **state)
{
	(void)state;
	struct error err = {0};
	int64_t at_ms;
	char *file = key_cache_file(directory, URL);
	assert_null(key_cache_read(file, URL, &at_ms, &err));
	assert_int_equal(err.rc, 0); /* there is none: nothing to be said */
	assert_int_equal(mkdir(file, 0700), 0);
	assert_null(key_cache_read(file, URL, &at_ms, &err));
	assert_int_equal(err.rc, -1);
	struct key_set *keys = one.keys;
	assert_false(key_cache_write(file, URL, keys, 1, &err)); /* nor replaced */
	assert_int_equal(rmdir(file), 0);
	free(file);
}

static void a_fetch_that_hangs_is_given_up_at_the_end(void **state)
{
	(void)state;
	atomic_store(&hangs, true);
	issuers_tick(issuers, now_ms);
	int64_t start_ms = clock_mono_ms();
	close_issuers();
	assert_true(clock_mono_ms() - start_ms < 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ISSUERS_TEST(keys_come_at_the_first_tick),
		ISSUERS_TEST(who_comes_before_the_keys_is_to_try_again_and_that_is_said_once),
		ISSUERS_TEST(a_token_that_is_wrong_anyway_is_refused_before_the_keys_are_there),
		ISSUERS_TEST(cache_control_counts_within_limits),
		ISSUERS_TEST(an_unknown_kid_is_asked_for_soon_and_then_lets_in),
		ISSUERS_TEST(a_kid_that_is_not_there_then_is_refused_without_asking_again),
		ISSUERS_TEST(a_flood_of_kids_is_a_fetch_every_ten_seconds),
		ISSUERS_TEST(a_known_key_with_a_wrong_signature_asks_for_nothing),
		ISSUERS_TEST(a_key_that_is_not_published_any_more_counts_no_more),
		ISSUERS_TEST(the_last_good_keys_count_while_the_issuer_is_away),
		ISSUERS_TEST(what_operators_are_told_of_an_issuer_that_is_away),
		ISSUERS_TEST(kept_keys_serve_the_next_start),
		ISSUERS_TEST(a_set_without_a_key_for_the_issuers_algorithms_does_not_replace_the_kept_one),
		ISSUERS_TEST(a_set_with_one_key_for_the_issuers_algorithms_is_kept_as_a_whole),
		ISSUERS_TEST(kept_keys_of_somebody_else_serve_nobody),
		ISSUERS_TEST(keys_that_cannot_be_kept_count_all_the_same),
		ISSUERS_TEST(kept_keys_that_cannot_be_read_are_none),
		ISSUERS_TEST(a_fetch_that_hangs_is_given_up_at_the_end),
	};
	return cmocka_run_group_tests(tests, with_signers, without_signers);
}
