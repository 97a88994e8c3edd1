/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Issuers with their keys: when they are asked for, which count, and what a client is told meanwhile. The network is a function here
 * (--wrap=fetch_keys), time an argument, and what was started (--wrap=workers_add) is waited for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "plugin/auth/fetch.h"
#include "plugin/auth/issuers.h"
#include "plugin/auth/key_cache.h"
#include "tests/unit/signer.h"

#define URL      "https://id.example"
#define OTHER    "https://other.example"
#define WALL_MS  INT64_C(1790000000000)
#define SECOND   INT64_C(1000)
#define MINUTE   (60 * SECOND)

static char directory[] = "/tmp/hc-issuers-XXXXXX";
static struct signer one, two; /* keys of the issuer */
static struct mailbox *mailbox;
static struct issuers *issuers;
static int64_t now_ms;
static struct buf said; /* the log */

/* what the issuer publishes; NULL: it does not answer */
static const struct signer *published[2];
static int64_t published_age_s;
static atomic_uint fetches;
static atomic_bool hangs;

bool __wrap_fetch_keys(const struct fetch_request *request, struct fetched *fetched, struct error *err);

bool __wrap_fetch_keys(const struct fetch_request *request, struct fetched *fetched, struct error *err)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};
	atomic_fetch_add(&fetches, 1);
	while (atomic_load(&hangs) && !atomic_load(request->abort))
		nanosleep(&pause, NULL);
	if (published[0] == NULL || atomic_load(request->abort))
		return error_set(err, 0, 0, "it does not answer");
	struct buf set = BUF_EMPTY;
	buf_add_text(&set, "{\"keys\":");
	struct key keys[2];
	struct key_set all = {.keys = keys};
	for (size_t i = 0; i < 2 && published[i] != NULL; i++)
		keys[all.key_count++] = published[i]->key;
	assert_true(key_set_write(&all, &set, NULL));
	buf_add_char(&set, '}');
	*fetched = (struct fetched){.keys = key_set_read(request->issuer, set.data, set.len, KEY_PUBLISHED, err), .age_s = published_age_s};
	buf_fini(&set);
	return fetched->keys != NULL;
}

static size_t started, finished; /* fetches */

bool __real_workers_add(struct workers *workers, struct job *job);
bool __wrap_workers_add(struct workers *workers, struct job *job);

bool __wrap_workers_add(struct workers *workers, struct job *job)
{
	bool added = __real_workers_add(workers, job);
	started += added;
	return added;
}

static void publish(const struct signer *first, const struct signer *second)
{
	published[0] = first;
	published[1] = second;
}

static void note_line(enum issuers_level level, const char *line)
{
	buf_printf(&said, "%s%s\n", level == ISSUERS_WARNING ? "! " : "", line);
}

static size_t times_said(const char *words)
{
	size_t count = 0;
	for (const char *at = said.data; at && (at = strstr(at, words)); at++)
		count++;
	return count;
}

static void ring(void *context)
{
	(void)context;
}

static struct issuer_list the_list(const char *alg)
{
	char text[300];
	struct error err;
	struct issuer_list list = {0};
	snprintf(text, sizeof text, "{\"issuers\":[{\"issuer\":\"" URL "\",\"audience\":\"chat\"%s%s%s}]}", alg ? ",\"algorithms\":\"" : "",
		alg ? alg : "", alg ? "\"" : "");
	if (!issuer_list_add_text(&list, text, strlen(text), &err))
		fail_msg("%s", err.text);
	return list;
}

static void open_issuers(void)
{
	struct error err;
	struct issuer_list list = the_list(NULL);
	const struct issuers_conf conf = {.mailbox = mailbox, .ca_file = "", .cache_dir = directory, .log = note_line};
	issuers = issuers_open(&conf, &list, &err);
	if (issuers == NULL)
		fail_msg("%s", err.text);
}

static void close_issuers(void)
{
	issuers_finish(issuers);
	finished += mailbox_run(mailbox);
	issuers_free(issuers);
	issuers = NULL;
}

static void take_fetched(void)
{
	const struct timespec pause = {.tv_nsec = 100 * 1000};
	while (finished < started && !atomic_load(&hangs)) {
		size_t count = mailbox_run(mailbox);
		finished += count;
		if (count == 0)
			nanosleep(&pause, NULL);
	}
}

/* Lets time pass and the due fetches with it, second by second. */
static void pass(int64_t ms)
{
	for (int64_t end_ms = now_ms + ms; now_ms <= end_ms; now_ms += SECOND) {
		issuers_tick(issuers, now_ms);
		take_fetched();
	}
}

static void first_fetch(void)
{
	issuers_tick(issuers, now_ms);
	take_fetched();
}

static enum jwt_rc verify(const char *token)
{
	struct jwt_claims claims;
	struct error err;
	struct jwt jwt;
	if (!jwt_read(token, strlen(token), &jwt, &err))
		return JWT_BAD;
	enum jwt_rc rc = issuers_check(issuers, &jwt, now_ms, WALL_MS, &claims, &err);
	jwt_fini(&jwt);
	return rc;
}

static enum jwt_rc login_with(const struct signer *signer, const char *kid)
{
	char header[100];
	snprintf(header, sizeof header, "{'alg':'%s','kid':'%s'}", signer->key.alg->name, kid);
	char *token = signer_token(signer, header, "{'iss':'" URL "','aud':'chat','sub':'alice','exp':1790000600}");
	enum jwt_rc rc = verify(token);
	free(token);
	return rc;
}

static enum jwt_rc login(const struct signer *signer)
{
	return login_with(signer, signer->key.kid);
}

static int set_up(void **state)
{
	(void)state;
	now_ms = 1000 * SECOND;
	started = finished = 0;
	atomic_store(&fetches, 0);
	atomic_store(&hangs, false);
	published_age_s = -1;
	publish(&one, NULL);
	buf_clear(&said);
	mailbox = mailbox_new(ring, NULL);
	open_issuers();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (issuers != NULL)
		close_issuers();
	mailbox_free(mailbox);
	static const char *const urls[] = {URL, OTHER};
	for (size_t i = 0; i < 2; i++) {
		char *file = key_cache_file(directory, urls[i]);
		unlink(file);
		free(file);
	}
	return 0;
}

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

static int make_all(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(directory));
	signer_init(&one, "ES256", "one", NULL);
	signer_init(&two, "ES256", "two", NULL);
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	signer_fini(&one);
	signer_fini(&two);
	buf_fini(&said);
	return rmdir(directory);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keys_come_at_the_first_tick),
		TEST(who_comes_before_the_keys_is_to_try_again_and_that_is_said_once),
		TEST(a_token_that_is_wrong_anyway_is_refused_before_the_keys_are_there),
		TEST(cache_control_counts_within_limits),
		TEST(an_unknown_kid_is_asked_for_soon_and_then_lets_in),
		TEST(a_kid_that_is_not_there_then_is_refused_without_asking_again),
		TEST(a_flood_of_kids_is_a_fetch_every_ten_seconds),
		TEST(a_known_key_with_a_wrong_signature_asks_for_nothing),
		TEST(a_key_that_is_not_published_any_more_counts_no_more),
		TEST(the_last_good_keys_count_while_the_issuer_is_away),
		TEST(what_operators_are_told_of_an_issuer_that_is_away),
		TEST(kept_keys_serve_the_next_start),
		TEST(kept_keys_of_somebody_else_serve_nobody),
		TEST(keys_that_cannot_be_kept_count_all_the_same),
		TEST(keys_for_other_algorithms_are_not_looked_at),
		TEST(a_reload_keeps_the_keys_and_asks_again),
		TEST(an_issuer_that_is_gone_from_the_list_lets_nobody_in),
		TEST(keys_from_a_file_count_at_once_and_what_is_wrong_with_them_is_said),
		TEST(a_file_that_is_not_there_leaves_all_as_it_was_and_is_no_beginning),
		TEST(the_key_of_one_issuer_signs_nothing_of_another),
		TEST(whom_a_token_claims_to_be_of_is_read_without_believing_it),
		TEST(a_token_of_none_of_several_issuers_is_refused),
		TEST(kept_keys_that_cannot_be_read_are_none),
		TEST(a_fetch_that_hangs_is_given_up_at_the_end),
	};
	return cmocka_run_group_tests(tests, make_all, free_all);
}
