/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What is paid when it is known what it costs: budget.c, of calls that were let in at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugin/broker/budget.h"
#include "plugin/broker/server.h"

enum { AT_ONCE = 8, CONTACTS = 200, HOUR_MS = 3600 * 1000, REPLY_BYTES = 1000, REPLY_BURST_S = 20 };

static struct server server;
static struct person mallory;

static int somebody(void **state)
{
	(void)state;
	server = (struct server){.now_ms = 1000000, .conf = {.new_contacts_per_hour = CONTACTS, .reply_bytes_per_second = REPLY_BYTES, .rpc_in_flight_max = 64}};
	mallory = (struct person){0};
	return 0;
}

/* ---- the words of the tests ---- */

static bool may_add_people(void)
{
	struct verdict verdict;
	return budget_has_contacts(&server, &mallory, &verdict);
}

static bool may_ask(void)
{
	struct verdict verdict;
	return budget_begin_call(&server, &mallory, &verdict);
}

static void pass(int64_t ms)
{
	server.now_ms += ms;
}

/* ---- */

static void calls_that_add_people_at_once_are_all_paid_for(void **state)
{
	(void)state;
	budget_count_contacts(&server, &mallory, CONTACTS - 2);
	for (int i = 0; i < AT_ONCE; i++)
		assert_true(may_add_people());
	for (int i = 0; i < AT_ONCE; i++)
		budget_count_contacts(&server, &mallory, CONTACTS);
	pass((AT_ONCE - 1) * HOUR_MS);
	assert_false(may_add_people());
	pass(HOUR_MS + 1);
	assert_true(may_add_people());
}

static void one_call_costs_an_hour_of_new_contacts_at_the_most(void **state)
{
	(void)state;
	assert_true(may_add_people());
	budget_count_contacts(&server, &mallory, 100 * CONTACTS);
	pass(HOUR_MS / CONTACTS + 1);
	assert_true(may_add_people());
}

static void answers_to_calls_at_once_are_all_paid_for(void **state)
{
	(void)state;
	for (int i = 0; i < AT_ONCE; i++)
		assert_true(may_ask());
	for (int i = 0; i < AT_ONCE; i++)
		budget_end_call(&server, &mallory, REPLY_BURST_S * REPLY_BYTES);
	pass((AT_ONCE - 1) * REPLY_BURST_S * 1000);
	assert_false(may_ask());
	pass(1001);
	assert_true(may_ask());
}

#define BUDGET_TEST(name) cmocka_unit_test_setup(name, somebody)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BUDGET_TEST(calls_that_add_people_at_once_are_all_paid_for),
		BUDGET_TEST(one_call_costs_an_hour_of_new_contacts_at_the_most),
		BUDGET_TEST(answers_to_calls_at_once_are_all_paid_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
