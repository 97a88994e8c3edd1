/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a device missed of chats that can be read and of others that cannot. */
#include "replay_kit.h"

static void all_are(enum store_rc rc, size_t first, size_t last)
{
	for (size_t i = first; i <= last; i++)
		answers[i] = rc;
}

static void a_damaged_chat_keeps_the_others_from_nothing(void **state)
{
	(void)state;
	answers[2] = STORE_CORRUPT;
	phone_subscribes();
	phone_catches_up();
	for (size_t i = 0; i < FEW; i++)
		assert_int_equal(has(i), i == 2 ? 0 : LATEST);
	assert_int_equal(said_damaged, 1);
	assert_int_equal(tries[2], 1);
}

static void what_comes_in_other_chats_goes_on_while_one_is_damaged(void **state)
{
	(void)state;
	answers[2] = STORE_CORRUPT;
	phone_subscribes();
	phone_catches_up();
	for (int round = 1; round <= 20; round++) {
		comes(5);
		assert_int_equal(has(5), LATEST + round);
	}
	assert_int_equal(tries[2], 1);
}

static void more_damaged_chats_than_one_job_reads_keep_the_others_from_nothing(void **state)
{
	(void)state;
	are_there(300);
	all_are(STORE_CORRUPT, 0, 249);
	phone_subscribes();
	phone_catches_up();
	for (size_t i = 250; i < 300; i++)
		assert_int_equal(has(i), LATEST);
}

static void a_damaged_chat_is_tried_again_ever_more_rarely(void **state)
{
	(void)state;
	answers[2] = STORE_CORRUPT;
	phone_subscribes();
	phone_catches_up();
	pass(10);
	assert_in_range(tries[2], 2, 3);
	pass(3600);
	assert_in_range(tries[2], 12, 30);
}

static void what_can_be_read_again_comes_and_counts_as_sound(void **state)
{
	(void)state;
	answers[2] = STORE_CORRUPT;
	phone_subscribes();
	phone_catches_up();
	pass(60);
	answers[2] = STORE_OK;
	pass(300);
	assert_int_equal(has(2), LATEST);
	unsigned before = tries[2];
	answers[2] = STORE_CORRUPT;
	comes(2);
	pass(8);
	assert_int_equal(tries[2], before + 2);
}

static void two_that_were_damaged_at_different_times_are_both_come_back_to(void **state)
{
	(void)state;
	answers[2] = STORE_CORRUPT;
	phone_subscribes();
	phone_catches_up();
	pass(3);
	answers[4] = STORE_CORRUPT;
	comes(4);
	answers[4] = STORE_OK;
	pass(10);
	assert_int_equal(has(4), LATEST + 1);
	answers[2] = STORE_OK;
	pass(20);
	assert_int_equal(has(2), LATEST);
}

static void a_store_that_is_away_is_waited_for(void **state)
{
	(void)state;
	all_are(STORE_UNAVAILABLE, 0, FEW - 1);
	phone_subscribes();
	phone_catches_up();
	assert_int_equal(tries[0], 1);
	assert_int_equal(tries[1], 0);
	assert_int_equal(said_damaged, 0);
	all_are(STORE_OK, 0, FEW - 1);
	queue = later;
	job_runs();
	phone_catches_up();
	for (size_t i = 0; i < FEW; i++)
		assert_int_equal(has(i), LATEST);
}

#define REPLAY_TEST(name) cmocka_unit_test_setup_teardown(name, a_phone, it_goes)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPLAY_TEST(a_damaged_chat_keeps_the_others_from_nothing),
		REPLAY_TEST(what_comes_in_other_chats_goes_on_while_one_is_damaged),
		REPLAY_TEST(more_damaged_chats_than_one_job_reads_keep_the_others_from_nothing),
		REPLAY_TEST(a_damaged_chat_is_tried_again_ever_more_rarely),
		REPLAY_TEST(what_can_be_read_again_comes_and_counts_as_sound),
		REPLAY_TEST(two_that_were_damaged_at_different_times_are_both_come_back_to),
		REPLAY_TEST(a_store_that_is_away_is_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
