/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Cursors on their way into a store that takes them, not now, or never: cursor_put.c with jobs.c, against lanes of which this file is the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "plugin/broker/cursor_put.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/server.h"

enum { CHATS = 500 };

static struct server server;
static struct job *waiting[2 * CHATS];
static unsigned waiting_count, calls, said;
static uint64_t stored[CHATS]; /* by the number that is a chat's name; 0: not */
static bool is_damaged[CHATS];
static enum store_rc answers;
static char last_said[200];

/* ---- the rest of the broker ---- */

static enum store_rc put_cursors(struct store *store, const struct cursor *cursors, size_t count, struct error *err)
{
	(void)store;
	calls++;
	if (answers != STORE_OK)
		return error_set(err, answers, 0, "not now");
	for (size_t i = 0; i < count; i++)
		if (is_damaged[strtoul(cursors[i].chat_id, NULL, 10)])
			return error_set(err, STORE_CORRUPT, 0, "chat %s is damaged", cursors[i].chat_id);
	for (size_t i = 0; i < count; i++)
		stored[strtoul(cursors[i].chat_id, NULL, 10)] = cursors[i].number;
	return STORE_OK;
}

bool lanes_put(struct lanes *lanes, const char *key, struct job *job)
{
	(void)lanes;
	assert_string_equal(key, "bob");
	assert_in_range(waiting_count, 0, 2 * CHATS - 1);
	waiting[waiting_count++] = job;
	return true;
}

unsigned lanes_index(const struct lanes *lanes, const char *key)
{
	(void)lanes;
	assert_string_equal(key, "bob");
	return LANES_MAX - 1;
}

size_t lanes_load(struct lanes *lanes)
{
	(void)lanes;
	return waiting_count;
}

bool lanes_settle(struct lanes *lanes, struct job *job)
{
	(void)lanes, (void)job;
	return false;
}

bool workers_add(struct workers *workers, struct job *job)
{
	(void)workers, (void)job;
	return false;
}

void server_wake_in(struct server *of, int64_t ms)
{
	(void)of, (void)ms;
}

void server_log(int level, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(last_said, sizeof last_said, format, args);
	va_end(args);
	said += level != MOSQ_LOG_NOTICE;
}

/* ---- the words of the tests ---- */

static int setup(void **state)
{
	static const struct store_ops ops = {.put_cursors = put_cursors};
	static const struct store_ops *store = &ops; /* all that the header knows of one */
	(void)state;
	server = (struct server){.store = (struct store *)&store, .now_ms = 1000000};
	waiting_count = calls = said = 0;
	memset(stored, 0, sizeof stored);
	memset(is_damaged, 0, sizeof is_damaged);
	answers = STORE_OK;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(waiting_count, 0);
	assert_false(jobs_wait(&server));
	assert_int_equal(server.cursors_busy, 0);
	assert_int_equal(server.refused[KEPT_CURSORS], 0);
	return 0;
}

static void bob_gets_to(uint64_t number, unsigned chats, bool regular)
{
	struct cursor_put *put = cursor_put_new(&server, regular);
	for (unsigned i = 0; i < chats; i++) {
		char name[16];
		snprintf(name, sizeof name, "%u", i);
		cursor_put_add(put, "bob", "phone", name, number);
	}
	assert_int_equal(cursor_put_count(put), chats);
	cursor_put_start(put);
}

static void one_job_runs(void)
{
	struct job *job = waiting[0];
	memmove(waiting, waiting + 1, --waiting_count * sizeof *waiting);
	job->run(job);
	job->done(job);
}

static void all_jobs_run(void)
{
	while (waiting_count > 0)
		one_job_runs();
}

static void half_a_second_passes(void)
{
	server.now_ms += 500;
	jobs_repeat_due(&server);
	all_jobs_run();
}

/* ---- */

static void many_are_stored_in_one_call(void **state)
{
	(void)state;
	bob_gets_to(7, CHATS, true);
	assert_int_equal(server.cursors_busy, 1);
	all_jobs_run();
	assert_int_equal(calls, 1);
	assert_int_equal(stored[0], 7);
	assert_int_equal(stored[CHATS - 1], 7);
	bob_gets_to(8, 0, true);
	assert_int_equal(server.cursors_busy, 0);
}

static void what_the_store_cannot_take_now_is_tried_until_it_does_and_others_wait(void **state)
{
	static const enum store_rc ANSWERS[] = {STORE_UNAVAILABLE, STORE_UNKNOWN};
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		answers = ANSWERS[i];
		said = 0;
		bob_gets_to(7 + i, 3, true);
		all_jobs_run();
		for (int times = 0; times < 100; times++)
			half_a_second_passes();
		assert_int_equal(server.cursors_busy, 1);
		assert_int_equal(said, 1);
		answers = STORE_OK;
		half_a_second_passes();
		assert_int_equal(stored[2], 7 + i);
		assert_int_equal(server.cursors_busy, 0);
		assert_string_equal(last_said, "the store takes places of devices again");
	}
}

static void a_damaged_chat_does_not_hold_up_the_others(void **state)
{
	(void)state;
	is_damaged[123] = is_damaged[CHATS - 1] = true;
	bob_gets_to(7, CHATS, true);
	one_job_runs();
	assert_int_equal(server.cursors_busy, 0); /* the next round begins */
	all_jobs_run();
	for (unsigned i = 0; i < CHATS; i++)
		assert_int_equal(stored[i], is_damaged[i] ? 0 : 7);
	assert_in_range(calls, 2, 50);
	half_a_second_passes();
	assert_in_range(calls, 2, 50);
}

static void the_log_says_that_something_is_not_stored_now_and_then(void **state)
{
	(void)state;
	is_damaged[1] = true;
	for (uint64_t number = 1; number <= 300; number++) {
		bob_gets_to(number, 3, true);
		half_a_second_passes();
	}
	assert_int_equal(said, 1);
	assert_non_null(strstr(last_said, "places of devices"));
	assert_non_null(strstr(last_said, "chat 1 is damaged"));
	server.now_ms += 10 * 60 * 1000;
	bob_gets_to(1000, 3, true);
	all_jobs_run();
	assert_int_equal(said, 2);
	assert_int_equal(stored[2], 1000);
}

static void what_is_mended_is_stored_when_the_device_has_got_further(void **state)
{
	(void)state;
	is_damaged[0] = true;
	bob_gets_to(7, 1, false);
	all_jobs_run();
	is_damaged[0] = false;
	bob_gets_to(8, 1, false);
	all_jobs_run();
	assert_int_equal(stored[0], 8);
}

static void a_store_that_comes_back_damaged_has_come_back(void **state)
{
	(void)state;
	answers = STORE_UNAVAILABLE;
	bob_gets_to(7, 3, true);
	all_jobs_run();
	assert_int_equal(server.refused[KEPT_CURSORS], 1);
	answers = STORE_OK;
	is_damaged[1] = true;
	half_a_second_passes();
	assert_int_equal(stored[2], 7);
}

static void bob_leaves(unsigned chat)
{
	char name[16];
	snprintf(name, sizeof name, "%u", chat);
	cursor_put_add(cursor_put_of_leaver(&server, "bob"), "bob", "phone", name, 7);
}

static void those_who_leave_in_one_tick_are_stored_in_one_call(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 400; i++)
		bob_leaves(i);
	assert_int_equal(waiting_count, 0);
	cursor_put_start_left(&server);
	all_jobs_run();
	assert_int_equal(calls, 1);
	assert_int_equal(stored[399], 7);
	cursor_put_start_left(&server); /* nobody */
	assert_int_equal(waiting_count, 0);
}

static void of_many_who_leave_no_call_takes_long(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1200; i++)
		bob_leaves(i % CHATS);
	assert_int_equal(waiting_count, 2);
	cursor_put_start_left(&server);
	all_jobs_run();
	assert_int_equal(calls, 3);
}

static void what_is_read_behind_the_writes_is_read_behind_those_who_left(void **state)
{
	struct job job = {0};
	(void)state;
	bob_leaves(3);
	jobs_read(&server, &job, false);
	assert_int_equal(waiting_count, 0);
	jobs_read(&server, &job, true);
	assert_int_equal(waiting_count, 1);
	all_jobs_run();
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest stories[] = {
		STORY(many_are_stored_in_one_call),
		STORY(what_the_store_cannot_take_now_is_tried_until_it_does_and_others_wait),
		STORY(a_damaged_chat_does_not_hold_up_the_others),
		STORY(the_log_says_that_something_is_not_stored_now_and_then),
		STORY(what_is_mended_is_stored_when_the_device_has_got_further),
		STORY(those_who_leave_in_one_tick_are_stored_in_one_call),
		STORY(of_many_who_leave_no_call_takes_long),
		STORY(what_is_read_behind_the_writes_is_read_behind_those_who_left),
		STORY(a_store_that_comes_back_damaged_has_come_back),
	};
	return cmocka_run_group_tests(stories, NULL, NULL);
}
