/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What becomes of a request that is to be stored and could not be before the plugin closes: writes.c with jobs.c, against lanes and a journal of which
 * this file is the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/answer.h"
#include "plugin/broker/cursor_put.h"
#include "plugin/broker/device.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/server.h"
#include "plugin/broker/writes.h"

static struct server server;
static struct origin origin;
static struct rpc_request request;
static struct job *in_lane; /* put, not run yet */
static bool lane_is_full, user_is_on_his_way;
static enum refusal answer_of_store;
static unsigned answers, releases, left;

/* ---- the rest of the broker ---- */

bool lanes_put(struct lanes *lanes, const char *key, struct job *job)
{
	(void)lanes, (void)key;
	if (lane_is_full)
		return false;
	in_lane = job;
	return true;
}

unsigned lanes_index(const struct lanes *lanes, const char *key)
{
	(void)lanes, (void)key;
	return 0;
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

void cursor_put_start_left(struct server *of)
{
	(void)of;
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
	(void)level, (void)format;
}

void rpc_write(struct rpc_request *of)
{
	of->refused = (struct verdict){.code = answer_of_store};
}

void rpc_settle(struct rpc_request *of)
{
	(void)of;
}

const char *rpc_name(const struct rpc_request *of)
{
	(void)of;
	return "setPresence";
}

bool device_puts_user(struct server *of, const char *user_id)
{
	(void)of, (void)user_id;
	return user_is_on_his_way;
}

enum journal_rc journal_release(struct journal *journal, uint64_t seq, enum journal_outcome outcome, struct error *err)
{
	(void)journal, (void)seq, (void)outcome, (void)err;
	releases++;
	return JOURNAL_OK;
}

enum journal_rc journal_put_aside(struct journal *journal, uint64_t seq, struct error *err)
{
	(void)journal, (void)seq, (void)err;
	fail();
	return JOURNAL_OK;
}

void answer_request(struct rpc_request *of)
{
	(void)of;
	answers++;
}

void origin_free(struct origin *of)
{
	(void)of;
	left++;
}

/* ---- the words of the tests ---- */

static void lane_runs(void)
{
	struct job *job = in_lane;
	assert_non_null(job);
	in_lane = NULL;
	job->run(job);
	job->done(job);
}

static void half_a_second_passes(void)
{
	server.now_ms += 500;
	jobs_repeat_due(&server);
}

static void plugin_closes(void)
{
	server.closing = true;
	lane_is_full = true; /* it takes nothing any more */
	jobs_drop(&server);
}

static void assert_left_to_the_journal(void)
{
	assert_int_equal(left, 1);
	assert_int_equal(answers, 0);
	assert_int_equal(releases, 0);
	assert_false(writes_are_under_way(&server, "alice"));
}

static void assert_done(void)
{
	assert_int_equal(left, 0);
	assert_int_equal(answers, 1);
	assert_int_equal(releases, 1);
	assert_false(writes_are_under_way(&server, "alice"));
}

static int a_request(void **state)
{
	static char user_id[] = "alice";
	(void)state;
	server = (struct server){.now_ms = 1000000};
	origin = (struct origin){.server = &server};
	request = (struct rpc_request){.user_id = user_id, .origin = &origin};
	in_lane = NULL;
	lane_is_full = user_is_on_his_way = false;
	answer_of_store = REFUSAL_NONE;
	answers = releases = left = 0;
	return 0;
}

/* ---- */

static void what_is_stored_is_answered_and_leaves_the_journal(void **state)
{
	(void)state;
	writes_start(&server, &request);
	lane_runs();
	assert_done();
}

static void what_a_full_lane_did_not_take_is_stored_once_it_has_room(void **state)
{
	(void)state;
	lane_is_full = true;
	writes_start(&server, &request);
	half_a_second_passes();
	lane_is_full = false;
	half_a_second_passes();
	lane_runs();
	assert_done();
}

static void what_a_full_lane_never_took_stays_in_the_journal(void **state)
{
	(void)state;
	lane_is_full = true;
	writes_start(&server, &request);
	plugin_closes();
	assert_left_to_the_journal();
}

static void what_the_store_did_not_take_stays_in_the_journal(void **state)
{
	(void)state;
	answer_of_store = REFUSAL_UNAVAILABLE;
	writes_start(&server, &request);
	lane_runs();
	plugin_closes();
	assert_left_to_the_journal();
}

static void what_waits_for_its_user_to_be_stored_stays_in_the_journal(void **state)
{
	(void)state;
	answer_of_store = REFUSAL_FORBIDDEN;
	user_is_on_his_way = true;
	writes_start(&server, &request);
	lane_runs();
	user_is_on_his_way = false; /* nor could he be: that was given up before */
	plugin_closes();
	assert_left_to_the_journal();
}

#define WRITE_TEST(name) cmocka_unit_test_setup(name, a_request)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WRITE_TEST(what_is_stored_is_answered_and_leaves_the_journal),
		WRITE_TEST(what_a_full_lane_did_not_take_is_stored_once_it_has_room),
		WRITE_TEST(what_a_full_lane_never_took_stays_in_the_journal),
		WRITE_TEST(what_the_store_did_not_take_stays_in_the_journal),
		WRITE_TEST(what_waits_for_its_user_to_be_stored_stays_in_the_journal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
