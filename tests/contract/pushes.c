/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Who has a message on no device and has not seen it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/contract/contract.h"

static struct push_target_list *list_targets(struct world *world, const char *chat_id, uint64_t number, const char *after, size_t count_max)
{
	struct push_target_list *list = NULL;
	assert_int_equal(ON(world->other, list_push_targets, chat_id, number, after, count_max, &list, NULL), STORE_OK);
	return list;
}

static int by_user(const void *left, const void *right)
{
	return strcmp(((const struct push_target *)left)->user_id, ((const struct push_target *)right)->user_id);
}

/* ids: their IDs, sorted, one after the other, each with a blank behind it. */
static void assert_targets(struct world *world, const char *chat_id, uint64_t number, const char *ids)
{
	struct push_target_list *list = list_targets(world, chat_id, number, "", 1000);
	char found[256] = "";
	qsort((void *)(uintptr_t)list->targets, list->count, sizeof *list->targets, by_user);
	for (size_t i = 0; i < list->count; i++)
		snprintf(found + strlen(found), sizeof found - strlen(found), "%s ", list->targets[i].user_id);
	assert_string_equal(found, ids);
	store_free(list);
}

/* Numbers 1 to 3 add alice, bob and carol; 4 is a message. */
static struct line group_of_three(struct world *world)
{
	struct line line = line_new("c");
	EXIST("alice", "bob", "carol");
	assert_appended(world->store, line_adds(&line, "carol", ROLE_MEMBER));
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	return line;
}

/* Of a list that has him. */
static const struct push_target *target_of(const struct push_target_list *list, const char *user_id)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->targets[i].user_id, user_id) == 0)
			return &list->targets[i];
	fail_msg("%s is no target", user_id);
	return NULL;
}

static void put_cursor(struct world *world, const char *user_id, const char *device, const char *chat_id, uint64_t number)
{
	assert_int_equal(ON_WORLD(put_device, user_id, device, START_MS, "", 0, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_cursors, (&(struct cursor){user_id, device, chat_id, number}), 1, NULL), STORE_OK);
}

static void all_members_are_targets_at_first(void **state)
{
	struct world *world = *state;
	group_of_three(world);
	assert_targets(world, "c", 4, "alice bob carol ");
}

static void marks_take_a_member_out(void **state)
{
	struct world *world = *state;
	group_of_three(world);
	assert_int_equal(ON_WORLD(put_receipts, (&(struct receipt){"c", "bob", 4, 0}), 1, NULL), STORE_OK);
	assert_targets(world, "c", 4, "alice carol ");
	assert_int_equal(ON_WORLD(put_receipts, (&(struct receipt){"c", "carol", 3, 4}), 1, NULL), STORE_OK);
	assert_targets(world, "c", 4, "alice ");
	assert_targets(world, "c", 5, "alice bob carol ");
}

static void a_cursor_of_one_device_takes_a_member_out(void **state)
{
	struct world *world = *state;
	struct line d = line_new("d");
	group_of_three(world);
	assert_appended(world->store, line_says(&d, "alice", "hi"));
	put_cursor(world, "bob", "phone", "c", 3);
	put_cursor(world, "bob", "watch", "d", 4);
	put_cursor(world, "carol", "phone", "c", 1);
	put_cursor(world, "carol", "watch", "c", 4);
	assert_targets(world, "c", 4, "alice bob ");
	put_cursor(world, "bob", "phone", "c", 4);
	assert_targets(world, "c", 4, "alice ");
	assert_targets(world, "c", 5, "alice bob carol ");
}

static void a_device_that_was_removed_takes_nobody_out(void **state)
{
	struct world *world = *state;
	group_of_three(world);
	put_cursor(world, "bob", "phone", "c", 4);
	assert_targets(world, "c", 4, "alice carol ");
	assert_int_equal(ON_WORLD(remove_device, "bob", "phone", NULL), STORE_OK);
	assert_targets(world, "c", 4, "alice bob carol ");
}

static void former_members_are_no_targets(void **state)
{
	struct world *world = *state;
	struct line line = group_of_three(world);
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, line_says(&line, "alice", "he is gone"));
	assert_targets(world, "c", 6, "alice carol ");
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_targets(world, "c", 7, "alice bob carol ");
	assert_targets(world, "c", 6, "alice carol "); /* his marks are at the number before he came back */
}

static void a_chat_that_ended_or_never_was_has_no_targets(void **state)
{
	struct world *world = *state;
	struct line line = group_of_three(world);
	assert_targets(world, "nowhere", 4, "");
	assert_appended(world->store, line_ends_group(&line));
	assert_targets(world, "c", 4, "");
}

static void a_target_comes_with_his_devices_and_his_mute(void **state)
{
	struct world *world = *state;
	group_of_three(world);
	assert_int_equal(ON_WORLD(put_mute, "bob", "c", START_MS + 7, NULL), STORE_OK);
	put_cursor(world, "bob", "watch", "c", 2);
	register_device(world, "bob", "phone", "one");
	assert_int_equal(ON_WORLD(put_device_token, "bob", "phone", START_MS, START_MS + DAY_MS, NULL), STORE_OK);
	struct push_target_list *list = list_targets(world, "c", 4, "", 10);
	const struct push_target *bob = target_of(list, "bob"), *carol = target_of(list, "carol");
	assert_int_equal(bob->muted_until_ms, START_MS + 7);
	assert_int_equal(bob->device_count, 2);
	assert_string_equal(bob->devices[0].device, "phone");
	assert_string_equal(bob->devices[0].platform, "apns");
	assert_string_equal(bob->devices[0].push_token, "one");
	assert_int_equal(bob->devices[0].token_expires_ms, START_MS + DAY_MS);
	assert_string_equal(bob->devices[1].device, "watch");
	assert_string_equal(bob->devices[1].push_token, "");
	assert_int_equal(bob->devices[1].seen_at_ms, START_MS);
	assert_int_equal(carol->device_count, 0);
	assert_int_equal(carol->muted_until_ms, 0);
	store_free(list);
}

static void devices_of_an_account_that_ended_are_no_targets_devices(void **state)
{
	struct world *world = *state;
	group_of_three(world);
	put_cursor(world, "bob", "phone", "c", 4);
	register_device(world, "bob", "phone", "one");
	assert_int_equal(ON_WORLD(delete_user, "bob", START_MS + 1, NULL), STORE_OK);
	struct push_target_list *list = list_targets(world, "c", 4, "", 10);
	assert_int_equal(target_of(list, "bob")->device_count, 0);
	store_free(list);
}

/* Every third has it on a device, every fifth has read it; pages of any size come to the same. */
static void pages_go_on_where_the_last_one_ended(void **state)
{
	enum { PEOPLE = 31 };
	struct world *world = *state;
	struct line line = line_new("c");
	size_t expected = 0;
	for (int i = 0; i < PEOPLE; i++) {
		char user_id[16];
		snprintf(user_id, sizeof user_id, "user%02d", i * 7 % PEOPLE);
		assert_int_equal(ON_WORLD(put_user, user_id, START_MS, NULL), STORE_OK);
		assert_appended(world->store, line_adds(&line, user_id, ROLE_MEMBER));
	}
	assert_appended(world->store, line_says(&line, "user00", "hi"));
	for (int i = 0; i < PEOPLE; i++) {
		char user_id[16];
		snprintf(user_id, sizeof user_id, "user%02d", i);
		if (i % 3 == 0)
			put_cursor(world, user_id, "phone", "c", PEOPLE + 1);
		if (i % 5 == 0)
			assert_int_equal(ON_WORLD(put_receipts, (&(struct receipt){"c", user_id, 0, PEOPLE + 1}), 1, NULL), STORE_OK);
		expected += i % 3 != 0 && i % 5 != 0;
	}
	for (size_t size = 1; size <= PEOPLE + 1; size += 5) {
		char after[USER_ID_MAX + 1] = "";
		bool seen[PEOPLE] = {false};
		size_t found = 0, count = size;
		while (count == size) {
			struct push_target_list *list = list_targets(world, "c", PEOPLE + 1, after, size);
			count = list->count;
			for (size_t i = 0; i < count; i++) {
				size_t person = (size_t)atoi(list->targets[i].user_id + strlen("user"));
				assert_false(seen[person]);
				seen[person] = true;
				snprintf(after, sizeof after, "%s", list->targets[i].user_id);
			}
			found += count;
			store_free(list);
		}
		assert_int_equal(found, expected);
	}
}

int run_push_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(all_members_are_targets_at_first),
		STORY(marks_take_a_member_out),
		STORY(a_cursor_of_one_device_takes_a_member_out),
		STORY(a_device_that_was_removed_takes_nobody_out),
		STORY(former_members_are_no_targets),
		STORY(a_chat_that_ended_or_never_was_has_no_targets),
		STORY(a_target_comes_with_his_devices_and_his_mute),
		STORY(devices_of_an_account_that_ended_are_no_targets_devices),
		STORY(pages_go_on_where_the_last_one_ended),
	};
	return cmocka_run_group_tests_name("pushes", stories, NULL, NULL);
}
