/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Who sees what: times of membership, whole histories, blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/store.h"

static void times_of_membership_include_both_ends(void **state)
{
	(void)state;
	struct interval times[] = {{2, 4}, {7, 0}};
	static const bool inside[] = {false, false, true, true, true, false, false, true, true};
	for (uint64_t number = 0; number < sizeof inside; number++)
		assert_int_equal(intervals_contain(times, 2, number), inside[number]);
	assert_false(intervals_contain(NULL, 0, 1));
}

static void a_member_sees_his_times_or_with_the_whole_history_everything(void **state)
{
	(void)state;
	struct interval times[] = {{2, 4}};
	assert_true(membership_sees(times, 1, false, 3));
	assert_false(membership_sees(times, 1, false, 5));
	assert_true(membership_sees(times, 1, true, 5));
	assert_true(membership_sees(times, 1, true, 1));
}

static void a_block_counts_from_its_beginning_to_before_its_end(void **state)
{
	(void)state;
	struct block blocks[] = {{"bob", 10, 20}, {"bob", 30, 0}, {"carol", 0, 5}};
	static const int64_t inside[] = {10, 19, 30, 1000}, outside[] = {9, 20, 29};
	for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
		assert_true(blocks_contain(blocks, 3, "bob", inside[i]));
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
		assert_false(blocks_contain(blocks, 3, "bob", outside[i]));
	assert_false(blocks_contain(blocks, 3, "alice", 10));
	assert_true(blocks_contain(blocks, 3, "carol", 4));
	assert_false(blocks_contain(NULL, 0, "bob", 10));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_of_membership_include_both_ends),
		cmocka_unit_test(a_member_sees_his_times_or_with_the_whole_history_everything),
		cmocka_unit_test(a_block_counts_from_its_beginning_to_before_its_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
