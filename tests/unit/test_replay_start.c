/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Where a device begins in each of its user's chats, and what finding that out costs. */
#include <time.h>

#include "replay_kit.h"

static void chats_that_he_has_left_do_not_count_among_those_that_he_is_in(void **state)
{
	static const struct interval over = {.from = 1, .to = LATEST};
	(void)state;
	for (size_t i = 0; i < 5; i++) {
		chats[i].role = ROLE_NONE;
		chats[i].intervals = &over;
	}
	phone_subscribes();
	assert_int_equal(bob.budgets.chats, FEW - 5);
}

static void each_chat_begins_at_its_own_cursor_in_whatever_order_they_are_stored(void **state)
{
	static const uint64_t numbers[FEW] = {2, 4, 1, 3, 0, 2, 1, 4};
	(void)state;
	for (size_t i = 0; i < FEW; i++)
		cursors[i].number = numbers[number_of(cursors[i].chat_id)];
	struct device_cursor third = cursors[3];
	cursors[3] = cursors[6];
	cursors[6] = third;
	cursor_count = FEW - 1; /* that of the first is missing: cursors[FEW - 1] */
	phone_subscribes();
	assert_int_equal(has(0), 0);
	for (size_t i = 1; i < FEW; i++)
		assert_int_equal(has(i), numbers[i]);
}

static void what_a_known_device_has_no_cursor_for_comes_from_the_beginning(void **state)
{
	(void)state;
	cursor_count = 0;
	phone_subscribes();
	assert_int_equal(has(1), 0);
}

static void a_device_that_was_forgotten_since_its_login_begins_as_a_new_one(void **state)
{
	(void)state;
	device_is_there = false;
	phone_subscribes();
	assert_int_equal(has(1), RECEIVED);
	assert_true(phone.device_known);
}

static void one_that_was_told_where_it_begins_misses_nothing_when_it_subscribes_again(void **state)
{
	(void)state;
	phone_subscribes();
	device_is_there = false; /* the store does not take it */
	phone_subscribes();
	assert_int_equal(has(1), 0);
}

static int64_t cpu_us(void)
{
	struct timespec at;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
	return (int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

/* What a device that has all of so many chats costs the broker's thread, at its best of three times. */
static int64_t us_on_the_loop(size_t count)
{
	int64_t best = INT64_MAX;
	are_there(count);
	for (size_t i = 0; i < count; i++)
		cursors[i].number = LATEST;
	for (int i = 0; i < 3; i++) {
		phone_is_there();
		struct job *job = queue;
		queue = NULL;
		job->run(job);
		int64_t begun = cpu_us();
		job->done(job);
		int64_t took = cpu_us() - begun;
		best = took < best ? took : best;
	}
	return best;
}

static void twenty_times_as_many_chats_do_not_cost_the_loop_hundreds_of_times_as_much(void **state)
{
	(void)state;
	int64_t few = us_on_the_loop(CHATS_MAX / 20);
	assert_true(us_on_the_loop(CHATS_MAX) < 100 * (few + 1));
}

#define START_TEST(name) cmocka_unit_test_setup_teardown(name, a_phone, it_goes)

int main(void)
{
	const struct CMUnitTest tests[] = {
		START_TEST(chats_that_he_has_left_do_not_count_among_those_that_he_is_in),
		START_TEST(each_chat_begins_at_its_own_cursor_in_whatever_order_they_are_stored),
		START_TEST(what_a_known_device_has_no_cursor_for_comes_from_the_beginning),
		START_TEST(a_device_that_was_forgotten_since_its_login_begins_as_a_new_one),
		START_TEST(one_that_was_told_where_it_begins_misses_nothing_when_it_subscribes_again),
		START_TEST(twenty_times_as_many_chats_do_not_cost_the_loop_hundreds_of_times_as_much),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
