/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Jobs that wait to be run again, where what they go to takes them or not: jobs.c against lanes and readers of which this file is the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "plugin/broker/cursor_put.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/server.h"

enum { JOBS = 6 };

static struct server server;
static struct job jobs[JOBS];
static bool readers_are_full, lane_is_full[2];
static char started[JOBS + 1]; /* their digits, in the order in which they were */
static int64_t woken_in_ms;

/* ---- the rest of the broker ---- */

static bool start(const struct job *job, bool full)
{
	if (!full)
		started[strlen(started)] = (char)('0' + (job - jobs));
	return !full;
}

/* A key begins with the digit of its lane. */
unsigned lanes_index(const struct lanes *lanes, const char *key)
{
	(void)lanes;
	return (unsigned)(key[0] - '0');
}

bool lanes_put(struct lanes *lanes, const char *key, struct job *job)
{
	return start(job, lane_is_full[lanes_index(lanes, key)]);
}

void cursor_put_start_left(struct server *of)
{
	(void)of;
}

bool workers_add(struct workers *workers, struct job *job)
{
	(void)workers;
	return start(job, readers_are_full);
}

size_t lanes_load(struct lanes *lanes)
{
	(void)lanes;
	return 0;
}

bool lanes_settle(struct lanes *lanes, struct job *then)
{
	(void)lanes, (void)then;
	return false;
}

void server_wake_in(struct server *of, int64_t ms)
{
	(void)of;
	woken_in_ms = ms;
}

void server_log(int level, const char *format, ...)
{
	(void)level, (void)format;
}

/* ---- the words of the tests ---- */

static void comes_back(struct job *job)
{
	start(job, jobs_repeat(&server, NULL, job)); /* that is how it would stay */
}

static int nothing_waits(void **state)
{
	(void)state;
	server = (struct server){.now_ms = 1000000};
	for (int i = 0; i < JOBS; i++)
		jobs[i].done = comes_back;
	readers_are_full = lane_is_full[0] = lane_is_full[1] = false;
	memset(started, 0, sizeof started);
	woken_in_ms = 0;
	return 0;
}

static int all_is_over(void **state)
{
	(void)state;
	server.closing = true;
	jobs_drop(&server);
	assert_false(jobs_wait(&server));
	return 0;
}

static void again(int job, const char *key)
{
	assert_true(jobs_repeat(&server, key, &jobs[job]));
}

static void half_a_second_passes(void)
{
	server.now_ms += 500;
	woken_in_ms = 0;
	jobs_repeat_due(&server);
}

/* ---- */

static void what_comes_again_is_started_half_a_second_later(void **state)
{
	(void)state;
	again(0, NULL);
	again(1, "0 alice");
	assert_true(jobs_wait(&server));
	jobs_repeat_due(&server);
	assert_string_equal(started, "");
	half_a_second_passes();
	assert_int_equal(strlen(started), 2);
	assert_false(jobs_wait(&server));
}

static void readers_that_are_full_hold_up_no_lane(void **state)
{
	(void)state;
	readers_are_full = true;
	again(0, NULL);
	again(1, "0 alice");
	again(2, NULL);
	again(3, "1 bob");
	half_a_second_passes();
	assert_string_equal(started, "13");
	assert_true(jobs_wait(&server));
	readers_are_full = false;
	half_a_second_passes();
	assert_string_equal(started, "1302");
}

static void a_lane_that_is_full_holds_up_no_other_one_and_no_reader(void **state)
{
	(void)state;
	lane_is_full[0] = true;
	again(0, "0 alice");
	again(1, "1 bob");
	again(2, "0 carol");
	again(3, NULL);
	half_a_second_passes();
	assert_string_equal(started, "13");
}

static void jobs_of_a_lane_that_was_full_go_in_the_order_in_which_they_came(void **state)
{
	(void)state;
	lane_is_full[0] = true;
	again(0, "0 alice");
	again(1, "0 bob");
	half_a_second_passes();
	again(2, "0 alice");
	lane_is_full[0] = false;
	half_a_second_passes();
	half_a_second_passes();
	assert_string_equal(started, "012");
}

static void what_is_full_is_asked_again_without_anything_else_happening(void **state)
{
	(void)state;
	readers_are_full = true;
	again(0, NULL);
	half_a_second_passes();
	assert_in_range(woken_in_ms, 1, 500);
}

static void what_still_waits_at_the_end_is_given_back(void **state)
{
	(void)state;
	again(0, NULL);
	again(1, "0 alice");
	again(2, "1 bob");
	server.closing = true;
	jobs_drop(&server);
	assert_int_equal(strlen(started), 3);
	assert_false(jobs_wait(&server));
}

#define JOBS_TEST(name) cmocka_unit_test_setup_teardown(name, nothing_waits, all_is_over)

int main(void)
{
	const struct CMUnitTest tests[] = {
		JOBS_TEST(what_comes_again_is_started_half_a_second_later),
		JOBS_TEST(readers_that_are_full_hold_up_no_lane),
		JOBS_TEST(a_lane_that_is_full_holds_up_no_other_one_and_no_reader),
		JOBS_TEST(jobs_of_a_lane_that_was_full_go_in_the_order_in_which_they_came),
		JOBS_TEST(what_is_full_is_asked_again_without_anything_else_happening),
		JOBS_TEST(what_still_waits_at_the_end_is_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
