/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * When people and devices were here last, on its way into a store that takes it or not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "plugin/broker/jobs.h"
#include "plugin/broker/seen.h"
#include "plugin/broker/server.h"

enum { PEOPLE = 600 };

static struct server server;
static enum store_rc answers;
static int64_t stored[PEOPLE]; /* by the number that is a user's name; 0: not yet */
static int64_t phones[PEOPLE]; /* the same of their devices */
static bool is_damaged[PEOPLE]; /* he and his device */
static unsigned calls, longest, gave_up, away_at; /* away_at: that call finds no store, 0: none */
static struct job *put;
static int64_t mono_ms;

int64_t __wrap_clock_mono_ms(void);
int64_t __wrap_clock_mono_ms(void)
{
	return mono_ms;
}

static enum store_rc asked(size_t count)
{
	calls++;
	longest = count > longest ? (unsigned)count : longest;
	return calls == away_at ? STORE_UNAVAILABLE : answers;
}

static enum store_rc take(const char *user_id, struct error *err)
{
	return is_damaged[strtoul(user_id, NULL, 10)] ? (enum store_rc)error_set(err, STORE_CORRUPT, 0, "%s is damaged", user_id) : STORE_OK;
}

/* It takes all of them or none. */
static enum store_rc put_last_seen(struct store *store, const struct last_seen *seen, size_t count, struct error *err)
{
	(void)store;
	enum store_rc rc = asked(count);
	for (size_t i = 0; i < count && rc == STORE_OK; i++)
		rc = take(seen[i].user_id, err);
	for (size_t i = 0; i < count && rc == STORE_OK; i++)
		stored[strtoul(seen[i].user_id, NULL, 10)] = seen[i].at_ms;
	return rc;
}

static enum store_rc put_devices_seen(struct store *store, const struct device_seen *seen, size_t count, struct error *err)
{
	(void)store;
	enum store_rc rc = asked(count);
	for (size_t i = 0; i < count && rc == STORE_OK; i++)
		rc = take(seen[i].user_id, err);
	for (size_t i = 0; i < count && rc == STORE_OK; i++) {
		assert_string_equal(seen[i].device, "phone");
		phones[strtoul(seen[i].user_id, NULL, 10)] = seen[i].at_ms;
	}
	return rc;
}

bool lanes_put(struct lanes *lanes, const char *key, struct job *job)
{
	(void)lanes;
	(void)key;
	assert_null(put);
	put = job;
	return true;
}

void jobs_gave_up(struct server *of, enum kept what, const struct error *err)
{
	assert_ptr_equal(of, &server);
	assert_int_equal(what, KEPT_DEVICES);
	assert_string_equal(err->text, "123 is damaged");
	gave_up++;
}

void server_wake_in(struct server *of, int64_t ms)
{
	(void)of;
	(void)ms;
}

static int setup(void **state)
{
	static const struct store_ops ops = {.put_last_seen = put_last_seen, .put_devices_seen = put_devices_seen};
	static const struct store_ops *store = &ops; /* all that the header knows of one */
	(void)state;
	server = (struct server){.store = (struct store *)&store, .now_ms = 1000};
	answers = STORE_OK;
	memset(stored, 0, sizeof stored);
	memset(phones, 0, sizeof phones);
	memset(is_damaged, 0, sizeof is_damaged);
	calls = longest = gave_up = away_at = 0;
	put = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	seen_free_all(&server);
	assert_null(put);
	return 0;
}

static void goes(unsigned who, int64_t at_ms)
{
	char name[16];
	snprintf(name, sizeof name, "%u", who);
	seen_note(&server, name, at_ms);
}

static void phone_goes(unsigned whose, int64_t at_ms)
{
	char name[16];
	snprintf(name, sizeof name, "%u", whose);
	seen_note_device(&server, name, "phone", at_ms);
}

static bool phone_waits(unsigned whose)
{
	char name[16];
	snprintf(name, sizeof name, "%u", whose);
	return seen_waits(&server, name, "phone");
}

static void job_runs(void)
{
	struct job *job = put;
	put = NULL;
	if (job == NULL)
		return;
	job->run(job);
	job->done(job);
}

static void pass(int64_t ms)
{
	server.now_ms += ms;
	seen_tick(&server);
	job_runs();
}

static void who_comes_and_goes_again_and_again_waits_once_with_his_latest_time(void **state)
{
	(void)state;
	for (int64_t i = 1; i <= 5000; i++)
		goes(7, i);
	goes(7, 4);
	pass(1000);
	assert_int_equal(calls, 1);
	assert_int_equal(longest, 1);
	assert_int_equal(stored[7], 5000);
	assert_null(server.unstored);
}

static void hundreds_who_leave_at_once_are_stored_within_seconds(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PEOPLE; i++)
		goes(i, 1 + i);
	for (int seconds = 0; seconds < 3; seconds++)
		pass(1000);
	for (unsigned i = 0; i < PEOPLE; i++)
		assert_int_equal(stored[i], 1 + i);
	assert_int_equal(calls, 3);
	assert_in_range(longest, 2, PEOPLE / 2);
}

static void while_some_are_being_stored_the_others_wait(void **state)
{
	(void)state;
	goes(1, 10);
	seen_tick(&server);
	goes(2, 20);
	server.now_ms += 5000;
	seen_tick(&server); /* a second job would have been refused */
	assert_non_null(server.unstored);
	job_runs();
	pass(0);
	assert_int_equal(stored[2], 20);
}

static void what_the_store_cannot_take_now_is_stored_later(void **state)
{
	(void)state;
	goes(1, 10);
	goes(2, 20);
	answers = STORE_UNAVAILABLE;
	pass(1000);
	goes(2, 25);
	answers = STORE_OK;
	pass(1000);
	assert_int_equal(calls, 1);
	pass(10000);
	assert_int_equal(stored[1], 10);
	assert_int_equal(stored[2], 25);
}

static void what_the_store_calls_wrong_is_not_tried_again(void **state)
{
	(void)state;
	goes(123, 10);
	is_damaged[123] = true;
	pass(1000);
	assert_null(server.unstored);
	assert_int_equal(gave_up, 1);
}

static void but_one_that_is_damaged_are_stored(void)
{
	for (unsigned i = 0; i < PEOPLE; i++) {
		assert_int_equal(stored[i], is_damaged[i] ? 0 : 1 + i);
		assert_int_equal(phones[i], is_damaged[i] ? 0 : 1 + i);
	}
	assert_null(server.unstored);
}

static void all_go(void)
{
	for (unsigned i = 0; i < PEOPLE; i++)
		goes(i, 1 + i);
	for (unsigned i = 0; i < PEOPLE; i++)
		phone_goes(i, 1 + i);
}

static void one_that_is_damaged_keeps_none_of_the_others_from_the_store(void **state)
{
	(void)state;
	is_damaged[123] = true;
	all_go();
	for (int seconds = 0; seconds < 6; seconds++)
		pass(1000);
	but_one_that_is_damaged_are_stored();
	assert_int_equal(gave_up, 2); /* he and his device */
	assert_in_range(calls, 7, 50);
}

static void at_the_stop_neither(void **state)
{
	(void)state;
	is_damaged[123] = true;
	all_go();
	seen_finish(&server);
	job_runs();
	assert_int_equal(gave_up, 1);
	but_one_that_is_damaged_are_stored();
}

static void where_the_store_goes_away_meanwhile_all_are_stored_later(void **state)
{
	(void)state;
	is_damaged[123] = true;
	for (unsigned who = 120; who < 128; who++)
		goes(who, who);
	away_at = 3;
	pass(1000);
	pass(10000);
	for (unsigned who = 120; who < 128; who++)
		assert_int_equal(stored[who], who == 123 ? 0 : who);
	assert_null(server.unstored);
}

static void at_the_stop_all_are_stored_at_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PEOPLE; i++)
		goes(i, 1 + i);
	server.closing = true;
	seen_finish(&server);
	job_runs();
	for (unsigned i = 0; i < PEOPLE; i++)
		assert_int_equal(stored[i], 1 + i);
}

static void devices_that_are_cut_off_at_once_are_stored_by_the_hundreds(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PEOPLE; i++) {
		phone_goes(i, 1 + i);
		goes(i, 2 + i);
	}
	for (int seconds = 0; seconds < 5; seconds++)
		pass(1000);
	for (unsigned i = 0; i < PEOPLE; i++) {
		assert_int_equal(phones[i], 1 + i);
		assert_int_equal(stored[i], 2 + i);
	}
	assert_in_range(calls, 2, 10);
	assert_null(server.unstored);
}

static void a_device_waits_until_the_store_has_it(void **state)
{
	(void)state;
	assert_false(phone_waits(1));
	phone_goes(1, 10);
	assert_true(phone_waits(1));
	assert_false(phone_waits(2));
	seen_tick(&server);
	assert_true(phone_waits(1)); /* the store is asked */
	phone_goes(1, 20);
	job_runs();
	assert_int_equal(phones[1], 10);
	assert_true(phone_waits(1));
	pass(1000);
	assert_int_equal(phones[1], 20);
	assert_false(phone_waits(1));
}

static void what_fails_again_and_again_keeps_nobody_behind_it(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PEOPLE; i++)
		phone_goes(i, 1 + i);
	answers = STORE_UNKNOWN;
	pass(1000);
	answers = STORE_OK;
	pass(10000);
	assert_int_equal(phones[PEOPLE / 2], 1 + PEOPLE / 2);
	assert_int_equal(phones[0], 0);
	pass(1000);
	pass(1000);
	assert_int_equal(phones[0], 1);
}

static void at_the_stop_what_is_being_stored_is_stored_once(void **state)
{
	(void)state;
	phone_goes(1, 10);
	goes(1, 10);
	seen_tick(&server);
	struct job *first = put;
	put = NULL;
	phone_goes(2, 20);
	seen_finish(&server);
	first->run(first);
	first->done(first);
	job_runs();
	assert_int_equal(calls, 3);
	assert_int_equal(phones[1], 10);
	assert_int_equal(phones[2], 20);
}

/* What changed of a device may be in front of it, a commit each. */
static void at_the_stop_a_thousand_are_stored_however_late_it_is(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PEOPLE; i++) {
		goes(i, 1 + i);
		phone_goes(i, 1 + i);
	}
	seen_finish(&server);
	mono_ms += 60000;
	job_runs();
	for (unsigned i = 0; i < PEOPLE; i++) {
		assert_int_equal(stored[i], 1 + i);
		assert_int_equal(phones[i], 1 + i);
	}
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest stories[] = {
		STORY(who_comes_and_goes_again_and_again_waits_once_with_his_latest_time),
		STORY(hundreds_who_leave_at_once_are_stored_within_seconds),
		STORY(while_some_are_being_stored_the_others_wait),
		STORY(what_the_store_cannot_take_now_is_stored_later),
		STORY(what_the_store_calls_wrong_is_not_tried_again),
		STORY(one_that_is_damaged_keeps_none_of_the_others_from_the_store),
		STORY(at_the_stop_neither),
		STORY(where_the_store_goes_away_meanwhile_all_are_stored_later),
		STORY(devices_that_are_cut_off_at_once_are_stored_by_the_hundreds),
		STORY(a_device_waits_until_the_store_has_it),
		STORY(what_fails_again_and_again_keeps_nobody_behind_it),
		STORY(at_the_stop_what_is_being_stored_is_stored_once),
		STORY(at_the_stop_a_thousand_are_stored_however_late_it_is),
		STORY(at_the_stop_all_are_stored_at_once),
	};
	return cmocka_run_group_tests(stories, NULL, NULL);
}
