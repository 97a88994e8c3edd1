/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Members of a chat in memory: in whatever order they come and however often, and how much they take. */
#include <malloc.h>
#include <stdio.h>

#include "chat_kit.h"

enum { PEOPLE = 300, TIMES = 4 };

static void name_of(unsigned person, char name[16])
{
	snprintf(name, 16, "u%u", person * 7919 % PEOPLE); /* a permutation: 7919 is a prime */
}

static void assert_in_order(const struct members *members, size_t count)
{
	size_t found = 0;
	const struct member *before = NULL;
	for (const struct member *member = NULL; (member = members_next(members, member)) != NULL; before = member) {
		assert_true(before == NULL || strcmp(before->user_id, member->user_id) < 0);
		found++;
	}
	assert_int_equal(found, count);
}

/* Each has joined at `person + 1`, and TIMES times in all: 1000 numbers lie between, 500 of which he was here. */
static void assert_times(const struct member *member, unsigned person, unsigned times)
{
	assert_int_equal(member->interval_count, times);
	for (unsigned i = 0; i < times; i++) {
		assert_int_equal(member_intervals(member)[i].from, person + 1 + i * 1000);
		assert_int_equal(member_intervals(member)[i].to, i + 1 == times ? 0 : person + 1 + i * 1000 + 500);
	}
	assert_ptr_equal(member_last_interval(member), &member_intervals(member)[times - 1]);
}

static void come_and_go(struct members *members, unsigned person, unsigned round)
{
	char name[16];
	name_of(person, name);
	struct member *member = members_find(members, name);
	if (member == NULL)
		member = members_add(members, name);
	else
		member_end(member, person + 1 + (round - 1) * 1000 + 500);
	member_begin(member, person + 1 + round * 1000);
}

static void test_whoever_came_is_found_with_all_times_of_membership(void **state)
{
	(void)state;
	struct members members = {0};
	char name[16];
	for (unsigned round = 0; round < TIMES; round++) {
		for (unsigned person = 0; person < PEOPLE; person++)
			come_and_go(&members, person, round);
		assert_in_order(&members, PEOPLE);
		for (unsigned person = 0; person < PEOPLE; person++) {
			name_of(person, name);
			assert_times(members_find(&members, name), person, round + 1);
		}
	}
	assert_null(members_find(&members, ""));
	assert_null(members_find(&members, "u"));
	assert_null(members_find(&members, "u999"));
	members_fini(&members);
}

static void test_whom_an_ended_account_leaves_behind_can_come_again(void **state)
{
	(void)state;
	struct members members = {0};
	struct member *member = members_add(&members, "bob");
	member_begin(member, 1);
	member_end(member, 2);
	member_begin(member, 3);
	member_forget_intervals(member);
	assert_null(member_intervals(member));
	assert_null(member_last_interval(member));
	member_begin(member, 9);
	assert_int_equal(member_last_interval(member)->from, 9);
	members_fini(&members);
}

static void test_who_was_loaded_and_who_came_later_stand_in_one_order(void **state)
{
	(void)state;
	struct interval times[] = {{1, 3}, {5, 7}, {9, 0}};
	struct member_record records[] = {/* not in order: no store does that, and nothing rests on it */
		{.user_id = "mia", .role = ROLE_OWNER, .received = 5, .read = 4, .interval_count = 1, .intervals = &times[2]},
		{.user_id = "bob", .role = ROLE_NONE, .interval_count = 2, .intervals = times},
		{.user_id = "zoe", .role = ROLE_MEMBER, .interval_count = 3, .intervals = times},
		{.user_id = "eva", .role = ROLE_NONE},
	};
	struct members members = {0};
	members_load(&members, records, 4);
	member_begin(members_add(&members, "ada"), 11);
	member_begin(members_add(&members, "noa"), 12);
	assert_in_order(&members, 6);
	assert_int_equal(members_find(&members, "mia")->received, 5);
	assert_int_equal(members_find(&members, "mia")->role, ROLE_OWNER);
	assert_int_equal(members_find(&members, "zoe")->interval_count, 3);
	assert_memory_equal(member_intervals(members_find(&members, "zoe")), times, sizeof times);
	assert_int_equal(member_last_interval(members_find(&members, "bob"))->to, 7);
	assert_null(member_intervals(members_find(&members, "eva")));
	assert_int_equal(member_last_interval(members_find(&members, "noa"))->from, 12);
	members_fini(&members);
}

static size_t in_use(void)
{
	return mallinfo2().uordblks;
}

/* There are allocators that do not count. */
static bool is_counted(void)
{
	size_t before = in_use();
	void *volatile some = malloc(64 * 1024);
	bool counted = in_use() > before;
	free(some);
	return counted;
}

/* What a busy broker is full of. Several of them, since what was freed before is taken first and not counted again. */
static void test_a_group_of_fifty_with_a_message_takes_less_than_4_kb(void **state)
{
	(void)state;
	enum { MEMBERS = 50, GROUPS = 100 };
	char names[MEMBERS][16], body[101] = {0};
	struct interval since = {.from = 1};
	struct member_record records[MEMBERS];
	struct chat *chats[GROUPS + 1];
	for (unsigned i = 0; i < MEMBERS; i++) {
		snprintf(names[i], sizeof names[i], "person-%02u", i);
		records[i] = (struct member_record){.user_id = names[i], .role = ROLE_MEMBER, .interval_count = 1, .intervals = &since};
	}
	struct chat_record record = {
		.chat_id = "0123456789abcdefghijkl", .latest = 1, .name = "some name", .icon = "", .member_count = MEMBERS, .members = records};
	memset(body, 'x', sizeof body - 1);
	if (!is_counted())
		skip();
	size_t before = 0;
	for (size_t i = 0; i < GROUPS + 1; i++) {
		if (i == 1) /* the first has brought with it what others need only once */
			before = in_use();
		chats[i] = chat_from_record(&record);
		log_message(chats[i], "person-00", "a1", body);
	}
	assert_in_range((in_use() - before) / GROUPS, 1024, 4095);
	for (size_t i = 0; i < GROUPS + 1; i++)
		chat_free(chats[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whoever_came_is_found_with_all_times_of_membership),
		cmocka_unit_test(test_whom_an_ended_account_leaves_behind_can_come_again),
		cmocka_unit_test(test_who_was_loaded_and_who_came_later_stand_in_one_order),
		cmocka_unit_test(test_a_group_of_fifty_with_a_message_takes_less_than_4_kb),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
