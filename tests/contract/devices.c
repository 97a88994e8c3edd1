/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Devices in the list of their user: registrations for pushes, tokens of their own, removal, forgetting. */
#include <stdio.h>

#include "tests/contract/contract.h"

static const struct device_info *find_info(const struct device_list *list, const char *device)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->devices[i].device, device) == 0)
			return &list->devices[i];
	return NULL;
}

/* push_token NULL: there is no such device. */
static void assert_registered(struct world *world, const char *user_id, const char *device, const char *platform, const char *push_token)
{
	struct device_list *list = list_devices(world, user_id);
	const struct device_info *info = find_info(list, device);
	assert_int_equal(info != NULL, push_token != NULL);
	if (info) {
		assert_string_equal(info->platform, platform);
		assert_string_equal(info->push_token, push_token);
	}
	store_free(list);
}

static void assert_token_end(struct world *world, const char *user_id, const char *device, int64_t expires_ms)
{
	struct device_list *list = list_devices(world, user_id);
	const struct device_info *info = find_info(list, device);
	assert_non_null(info);
	assert_int_equal(info->token_expires_ms, expires_ms);
	store_free(list);
}

static void put_token(struct world *world, const char *user_id, const char *device, int64_t expires_ms)
{
	assert_int_equal(ON_WORLD(put_device_token, user_id, device, START_MS, expires_ms, NULL), STORE_OK);
}

static void put_seen(struct world *world, const char *user_id, const char *device, int64_t seen_at_ms)
{
	assert_int_equal(ON_WORLD(put_device, user_id, device, seen_at_ms, "inbox 1", 7, NULL), STORE_OK);
}

/* ---- lists ---- */

static void a_users_devices_are_listed_by_name(void **state)
{
	struct world *world = *state;
	static const char *const names[] = {"watch", "Phone", "tablet"}, *const sorted[] = {"Phone", "tablet", "watch"};
	EXIST("bob", "carol");
	struct device_list *list = list_devices(world, "bob");
	assert_int_equal(list->count, 0);
	store_free(list);
	for (size_t i = 0; i < 3; i++)
		put_seen(world, "bob", names[i], START_MS + (int64_t)i);
	put_seen(world, "carol", "pad", START_MS);
	list = list_devices(world, "bob");
	assert_int_equal(list->count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(list->devices[i].device, sorted[i]);
	assert_int_equal(list->devices[0].seen_at_ms, START_MS + 1);
	store_free(list);
	list = list_devices(world, "nobody");
	assert_int_equal(list->count, 0);
	store_free(list);
}

static void a_device_that_only_logged_in_is_registered_nowhere_and_has_no_token(void **state)
{
	struct world *world = *state;
	EXIST("bob");
	put_seen(world, "bob", "phone", START_MS);
	assert_registered(world, "bob", "phone", "", "");
	assert_token_end(world, "bob", "phone", 0);
}

/* ---- registrations ---- */

static void a_registration_stands_in_the_list_and_the_last_one_counts(void **state)
{
	struct world *world = *state;
	EXIST("bob");
	put_seen(world, "bob", "phone", START_MS);
	assert_int_equal(ON_WORLD(put_registration, "bob", "phone", "fcm", "one", START_MS, NULL), STORE_OK);
	assert_registered(world, "bob", "phone", "fcm", "one");
	assert_int_equal(ON(world->other, put_registration, "bob", "phone", "apns", "two", START_MS, NULL), STORE_OK);
	assert_registered(world, "bob", "phone", "apns", "two");
	for (int i = 0; i < 2; i++)
		assert_int_equal(ON_WORLD(put_registration, "bob", "phone", "apns", "two", START_MS + i, NULL), STORE_OK);
	assert_registered(world, "bob", "phone", "apns", "two");
	world_reopen(world);
	assert_registered(world, "bob", "phone", "apns", "two");
}

static void an_empty_registration_ends_it(void **state)
{
	struct world *world = *state;
	EXIST("bob");
	register_device(world, "bob", "phone", "one");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ON_WORLD(put_registration, "bob", "phone", i == 0 ? "" : "fcm", "", START_MS, NULL), STORE_OK);
		assert_registered(world, "bob", "phone", "", "");
	}
	register_device(world, "bob", "phone", "one");
	assert_registered(world, "bob", "phone", "apns", "one");
}

static void a_registration_makes_a_device_that_was_never_seen(void **state)
{
	struct world *world = *state;
	struct device_record *record = NULL;
	EXIST("bob");
	assert_int_equal(ON_WORLD(put_registration, "bob", "phone", "fcm", "one", START_MS + 3, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_device, "bob", "phone", &record, NULL), STORE_OK);
	assert_int_equal(record->seen_at_ms, START_MS + 3);
	assert_string_equal(record->subscriptions, "");
	assert_int_equal(record->max_bytes, 0);
	store_free(record);
}

static void a_registration_leaves_alone_what_else_there_is_of_a_device(void **state)
{
	struct world *world = *state;
	struct line c = line_new("c");
	struct device_record *record = NULL;
	EXIST("bob");
	assert_appended(world->store, line_says(&c, "alice", "hi"));
	put_seen(world, "bob", "phone", START_MS);
	assert_int_equal(ON_WORLD(put_cursors, (&(struct cursor){"bob", "phone", "c", 1}), 1, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_registration, "bob", "phone", "fcm", "one", START_MS + 3, NULL), STORE_OK);
	put_token(world, "bob", "phone", START_MS + DAY_MS);
	assert_int_equal(ON_WORLD(load_device, "bob", "phone", &record, NULL), STORE_OK);
	assert_int_equal(record->seen_at_ms, START_MS);
	assert_string_equal(record->subscriptions, "inbox 1");
	assert_int_equal(record->max_bytes, 7);
	assert_int_equal(record->cursor_count, 1);
	store_free(record);
	put_seen(world, "bob", "phone", START_MS + 9);
	assert_registered(world, "bob", "phone", "fcm", "one");
	assert_token_end(world, "bob", "phone", START_MS + DAY_MS);
}

static void a_push_token_moves_to_whoever_registered_it_last(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob");
	register_device(world, "alice", "phone", "one");
	register_device(world, "alice", "watch", "two");
	register_device(world, "bob", "phone", "one");
	assert_registered(world, "alice", "phone", "", "");
	assert_registered(world, "alice", "watch", "apns", "two");
	assert_registered(world, "bob", "phone", "apns", "one");
	register_device(world, "bob", "tablet", "one");
	assert_registered(world, "bob", "phone", "", "");
	register_device(world, "alice", "phone", "one");
	assert_registered(world, "bob", "tablet", "", "");
	assert_registered(world, "alice", "phone", "apns", "one");
}

static void a_push_token_may_be_as_long_as_allowed(void **state)
{
	struct world *world = *state;
	static char token[PUSH_TOKEN_MAX + 1];
	memset(token, 'x', PUSH_TOKEN_MAX);
	EXIST("alice", "bob");
	register_device(world, "alice", "phone", token);
	assert_registered(world, "alice", "phone", "apns", token);
	register_device(world, "bob", "phone", token);
	assert_registered(world, "alice", "phone", "", "");
	assert_registered(world, "bob", "phone", "apns", token);
}

static void who_does_not_exist_registers_nothing(void **state)
{
	struct world *world = *state;
	put_seen(world, "bob", "phone", START_MS);
	assert_int_equal(ON_WORLD(put_registration, "bob", "phone", "fcm", "one", START_MS, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(put_device_token, "bob", "phone", START_MS, START_MS + 1, NULL), STORE_NOT_FOUND);
	assert_registered(world, "bob", "phone", "", "");
	assert_token_end(world, "bob", "phone", 0);
	assert_int_equal(ON_WORLD(put_registration, "nobody", "phone", "fcm", "one", START_MS, NULL), STORE_NOT_FOUND);
	assert_registered(world, "nobody", "phone", "", NULL);
}

/* ---- tokens of devices ---- */

static void the_later_end_of_a_devices_tokens_counts(void **state)
{
	struct world *world = *state;
	EXIST("bob");
	put_token(world, "bob", "phone", START_MS + 5);
	assert_token_end(world, "bob", "phone", START_MS + 5);
	put_token(world, "bob", "phone", START_MS + 9);
	put_token(world, "bob", "phone", START_MS + 7);
	assert_token_end(world, "bob", "phone", START_MS + 9);
	world_reopen(world);
	assert_token_end(world, "bob", "phone", START_MS + 9);
}

/* ---- when they were here ---- */

static int64_t seen_at(struct world *world, const char *user_id, const char *device)
{
	struct device_list *list = list_devices(world, user_id);
	const struct device_info *info = find_info(list, device);
	int64_t at_ms = info ? info->seen_at_ms : 0;
	store_free(list);
	return at_ms;
}

static void many_devices_are_seen_in_one_call_and_the_latest_time_counts(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob");
	put_seen(world, "alice", "phone", START_MS);
	put_seen(world, "alice", "watch", START_MS);
	put_seen(world, "bob", "phone", START_MS);
	static const struct device_seen seen[] = {
		{"alice", "phone", START_MS + 30}, {"bob", "phone", START_MS + 20}, {"bob", "phone", START_MS + 40}, {"alice", "phone", START_MS + 10}};
	for (int i = 0; i < 2; i++)
		assert_int_equal(ON_WORLD(put_devices_seen, seen, 4, NULL), STORE_OK);
	world_reopen(world);
	assert_int_equal(seen_at(world, "alice", "phone"), START_MS + 30);
	assert_int_equal(seen_at(world, "bob", "phone"), START_MS + 40);
	assert_int_equal(seen_at(world, "alice", "watch"), START_MS);
	assert_int_equal(ON_WORLD(put_devices_seen, NULL, 0, NULL), STORE_OK);
}

static void a_device_that_is_seen_keeps_what_else_there_is_of_it(void **state)
{
	struct world *world = *state;
	struct line c = line_new("c");
	struct device_record *record = NULL;
	EXIST("bob");
	assert_appended(world->store, line_says(&c, "alice", "hi"));
	register_device(world, "bob", "phone", "one");
	put_seen(world, "bob", "phone", START_MS);
	put_token(world, "bob", "phone", START_MS + DAY_MS);
	assert_int_equal(ON_WORLD(put_cursors, (&(struct cursor){"bob", "phone", "c", 1}), 1, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_devices_seen, (&(struct device_seen){"bob", "phone", START_MS + 9}), 1, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_device, "bob", "phone", &record, NULL), STORE_OK);
	assert_int_equal(record->seen_at_ms, START_MS + 9);
	assert_string_equal(record->subscriptions, "inbox 1");
	assert_int_equal(record->max_bytes, 7);
	assert_int_equal(record->cursor_count, 1);
	store_free(record);
	assert_registered(world, "bob", "phone", "apns", "one");
	assert_token_end(world, "bob", "phone", START_MS + DAY_MS);
}

static void a_device_that_is_not_there_is_not_made_by_being_seen(void **state)
{
	struct world *world = *state;
	EXIST("bob");
	put_seen(world, "bob", "phone", START_MS);
	put_seen(world, "bob", "watch", START_MS);
	assert_int_equal(ON_WORLD(remove_device, "bob", "watch", NULL), STORE_OK);
	static const struct device_seen seen[] = {
		{"nobody", "phone", START_MS + 9}, {"bob", "watch", START_MS + 9}, {"bob", "phone", START_MS + 9}, {"bob", "tablet", START_MS + 9}};
	assert_int_equal(ON_WORLD(put_devices_seen, seen, 4, NULL), STORE_OK);
	assert_int_equal(seen_at(world, "bob", "phone"), START_MS + 9);
	assert_registered(world, "bob", "watch", "", NULL);
	assert_registered(world, "bob", "tablet", "", NULL);
	assert_registered(world, "nobody", "phone", "", NULL);
	assert_int_equal(ON_WORLD(delete_user, "bob", START_MS + 10, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_devices_seen, seen, 4, NULL), STORE_OK);
	assert_registered(world, "bob", "phone", "", NULL);
}

static void a_device_that_is_seen_is_not_forgotten(void **state)
{
	struct world *world = *state;
	EXIST("bob");
	put_seen(world, "bob", "phone", START_MS);
	put_seen(world, "bob", "watch", START_MS);
	assert_int_equal(ON_WORLD(put_devices_seen, (&(struct device_seen){"bob", "phone", START_MS + DAY_MS}), 1, NULL), STORE_OK);
	prune_world(world, START_MS + STORE_DEVICE_DAYS * DAY_MS + 1);
	assert_registered(world, "bob", "phone", "", "");
	assert_registered(world, "bob", "watch", "", NULL);
}

/* ---- removal ---- */

static void a_removed_device_is_gone_with_all_that_it_had(void **state)
{
	struct world *world = *state;
	struct line c = line_new("c");
	struct device_record *record = NULL;
	EXIST("bob");
	assert_appended(world->store, line_says(&c, "alice", "hi"));
	put_seen(world, "bob", "phone", START_MS);
	put_seen(world, "bob", "watch", START_MS);
	assert_int_equal(ON_WORLD(put_cursors, (&(struct cursor){"bob", "phone", "c", 1}), 1, NULL), STORE_OK);
	register_device(world, "bob", "phone", "one");
	put_token(world, "bob", "phone", START_MS + DAY_MS);
	assert_int_equal(ON_WORLD(remove_device, "bob", "phone", NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_device, "bob", "phone", &record, NULL), STORE_NOT_FOUND);
	assert_registered(world, "bob", "phone", "", NULL);
	assert_registered(world, "bob", "watch", "", "");
	put_seen(world, "bob", "phone", START_MS);
	assert_registered(world, "bob", "phone", "", "");
	assert_token_end(world, "bob", "phone", 0);
	assert_int_equal(ON_WORLD(load_device, "bob", "phone", &record, NULL), STORE_OK);
	assert_int_equal(record->cursor_count, 0);
	store_free(record);
}

static void a_device_that_is_not_there_cannot_be_removed(void **state)
{
	struct world *world = *state;
	EXIST("bob");
	put_seen(world, "bob", "phone", START_MS);
	assert_int_equal(ON_WORLD(remove_device, "bob", "watch", NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(remove_device, "nobody", "phone", NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(remove_device, "bob", "phone", NULL), STORE_OK);
	assert_int_equal(ON_WORLD(remove_device, "bob", "phone", NULL), STORE_NOT_FOUND);
}

static void a_push_token_of_a_removed_device_is_free_for_another(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob");
	register_device(world, "bob", "phone", "one");
	assert_int_equal(ON_WORLD(remove_device, "bob", "phone", NULL), STORE_OK);
	register_device(world, "alice", "phone", "one");
	assert_registered(world, "alice", "phone", "apns", "one");
}

/* ---- forgetting ---- */

static void prune_keeps_a_device_whose_token_still_counts(void **state)
{
	struct world *world = *state;
	int64_t end_ms = START_MS + 200 * DAY_MS;
	EXIST("bob");
	put_token(world, "bob", "lamp", end_ms);
	put_token(world, "bob", "short", START_MS + DAY_MS);
	register_device(world, "bob", "phone", "one");
	prune_world(world, START_MS + STORE_DEVICE_DAYS * DAY_MS);
	assert_registered(world, "bob", "short", "", "");
	assert_registered(world, "bob", "phone", "apns", "one");
	prune_world(world, end_ms);
	assert_registered(world, "bob", "lamp", "", "");
	assert_registered(world, "bob", "short", "", NULL);
	assert_registered(world, "bob", "phone", "", NULL);
	prune_world(world, end_ms + 1);
	assert_registered(world, "bob", "lamp", "", NULL);
	register_device(world, "bob", "watch", "one");
	assert_registered(world, "bob", "watch", "apns", "one");
}

/* ---- the end of an account ---- */

static void the_end_of_an_account_ends_its_registrations_and_tokens(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob");
	register_device(world, "bob", "phone", "one");
	put_token(world, "bob", "phone", START_MS + DAY_MS);
	register_device(world, "alice", "phone", "two");
	assert_int_equal(ON_WORLD(delete_user, "bob", START_MS + 1, NULL), STORE_OK);
	assert_registered(world, "bob", "phone", "", NULL);
	assert_registered(world, "alice", "phone", "apns", "two");
	assert_int_equal(ON_WORLD(put_registration, "bob", "phone", "apns", "one", START_MS, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(put_device_token, "bob", "phone", START_MS, START_MS + DAY_MS, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(remove_device, "bob", "phone", NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(put_user, "bob", START_MS + 2, NULL), STORE_OK);
	assert_registered(world, "bob", "phone", "", NULL);
	put_seen(world, "bob", "phone", START_MS);
	assert_registered(world, "bob", "phone", "", "");
	assert_token_end(world, "bob", "phone", 0);
	register_device(world, "alice", "watch", "one");
	assert_registered(world, "alice", "watch", "apns", "one");
}

int run_device_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(a_users_devices_are_listed_by_name),
		STORY(a_device_that_only_logged_in_is_registered_nowhere_and_has_no_token),
		STORY(a_registration_stands_in_the_list_and_the_last_one_counts),
		STORY(an_empty_registration_ends_it),
		STORY(a_registration_makes_a_device_that_was_never_seen),
		STORY(a_registration_leaves_alone_what_else_there_is_of_a_device),
		STORY(a_push_token_moves_to_whoever_registered_it_last),
		STORY(a_push_token_may_be_as_long_as_allowed),
		STORY(who_does_not_exist_registers_nothing),
		STORY(the_later_end_of_a_devices_tokens_counts),
		STORY(many_devices_are_seen_in_one_call_and_the_latest_time_counts),
		STORY(a_device_that_is_seen_keeps_what_else_there_is_of_it),
		STORY(a_device_that_is_not_there_is_not_made_by_being_seen),
		STORY(a_device_that_is_seen_is_not_forgotten),
		STORY(a_removed_device_is_gone_with_all_that_it_had),
		STORY(a_device_that_is_not_there_cannot_be_removed),
		STORY(a_push_token_of_a_removed_device_is_free_for_another),
		STORY(prune_keeps_a_device_whose_token_still_counts),
		STORY(the_end_of_an_account_ends_its_registrations_and_tokens),
	};
	return cmocka_run_group_tests_name("devices", stories, NULL, NULL);
}
