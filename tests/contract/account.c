/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Accounts that end and begin again. */
#include "tests/contract/contract.h"

static const unsigned char one[INVITATION_HASH_BYTES] = {1}, two[INVITATION_HASH_BYTES] = {2};

/* ---- the end of an account ---- */

static struct deleted_list *list_deleted(struct world *world, const char *after, size_t count_max, size_t expected)
{
	struct deleted_list *list = NULL;
	assert_int_equal(ON_WORLD(list_deleted, after, count_max, &list, NULL), STORE_OK);
	assert_int_equal(list->count, expected);
	return list;
}

static void assert_deleted(struct world *world, const char *user_id, int64_t at_ms, bool erasing)
{
	struct deleted_list *list = list_deleted(world, "", 10, 1);
	assert_string_equal(list->users[0].user_id, user_id);
	assert_int_equal(list->users[0].deleted_at_ms, at_ms);
	assert_int_equal(list->users[0].erasing, erasing);
	store_free(list);
}

/* Alice with all that one can have; bob names the same icon if he is to keep it. */
static void settle_in(struct world *world)
{
	struct profile_change change = {"Alice", "icon", "here", "UTC", 1, 1};
	EXIST("alice", "bob");
	assert_int_equal(ON_WORLD(put_profile, "alice", &change, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_icon, "icon", "bytes", 5, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_shared_id, "alice", "wonder", NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_last_seen, (&(struct last_seen){"alice", START_MS}), 1, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_favorite, "alice", "bob", true, START_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_favorite, "bob", "alice", true, START_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_block, "alice", "bob", true, START_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_block, "bob", "alice", true, START_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_device, "alice", "phone", START_MS, "inbox 1", 5, NULL), STORE_OK);
	invite(world, one, "alice", START_MS + DAY_MS, 9);
}

static size_t count_favorites(struct world *world, const char *user_id)
{
	const char *const *ids = NULL;
	size_t count = 77;
	assert_int_equal(ON_WORLD(load_favorites, user_id, &ids, &count, NULL), STORE_OK);
	store_free((void *)(uintptr_t)ids);
	return count;
}

static size_t count_blocks(struct world *world, const char *user_id)
{
	struct block_list *list = NULL;
	assert_int_equal(ON_WORLD(load_blocks, user_id, &list, NULL), STORE_OK);
	size_t count = list->count;
	store_free(list);
	return count;
}

static void assert_nothing_of_alice(struct world *world)
{
	char user_id[USER_ID_MAX + 1];
	void *bytes = NULL;
	size_t len;
	struct device_record *device = NULL;
	assert_int_equal(ON_WORLD(find_shared_id, "wonder", user_id, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(load_icon, "icon", &bytes, &len, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(load_device, "alice", "phone", &device, NULL), STORE_NOT_FOUND);
	assert_int_equal(count_favorites(world, "alice"), 0);
	assert_int_equal(count_favorites(world, "bob"), 0);
	assert_int_equal(count_blocks(world, "alice"), 0);
	assert_use(world, one, "bob", START_MS, NULL);
}

static void a_deleted_account_leaves_nothing_but_the_blocks_against_it(void **state)
{
	struct world *world = *state;
	struct user_record *user = NULL;
	settle_in(world);
	assert_int_equal(ON_WORLD(delete_user, "alice", START_MS + 5, NULL), STORE_OK);
	world_reopen(world);
	assert_nothing_of_alice(world);
	assert_int_equal(ON_WORLD(load_user, "alice", &user, NULL), STORE_NOT_FOUND);
	struct profile_list *list = NULL;
	assert_int_equal(ON_WORLD(load_profiles, ((const char *const[]){"alice", "bob"}), 2, &list, NULL), STORE_OK);
	assert_int_equal(list->count, 1);
	assert_string_equal(list->profiles[0].user_id, "bob");
	store_free(list);
	assert_int_equal(count_blocks(world, "bob"), 1);
	assert_int_equal(ON_WORLD(check_reach, "bob", ((const char *const[]){"alice"}), 1, false, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(put_shared_id, "bob", "wonder", NULL), STORE_OK);
}

static void the_icon_of_a_deleted_account_stays_if_somebody_else_names_it(void **state)
{
	struct world *world = *state;
	struct profile_change change = {.icon = "icon", .hides_online = -1, .hides_last_seen = -1};
	void *bytes = NULL;
	size_t len;
	settle_in(world);
	assert_int_equal(ON_WORLD(put_profile, "bob", &change, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(delete_user, "alice", START_MS + 5, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_icon, "icon", &bytes, &len, NULL), STORE_OK);
	store_free(bytes);
	assert_int_equal(ON_WORLD(delete_user, "bob", START_MS + 5, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_icon, "icon", &bytes, &len, NULL), STORE_NOT_FOUND);
}

static void a_deleted_account_can_begin_again_empty(void **state)
{
	struct world *world = *state;
	settle_in(world);
	EXIST("dave");
	invite(world, two, "dave", START_MS + DAY_MS, 1);
	assert_use(world, two, "alice", START_MS, "dave");
	assert_int_equal(ON_WORLD(delete_user, "alice", START_MS + 5, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS + 9, NULL), STORE_OK);
	assert_nothing_of_alice(world);
	struct profile_list *list = NULL;
	assert_int_equal(ON_WORLD(load_profiles, ((const char *const[]){"alice"}), 1, &list, NULL), STORE_OK);
	assert_int_equal(list->profiles[0].created_at_ms, START_MS + 9);
	assert_string_equal(list->profiles[0].name, "");
	assert_false(list->profiles[0].hides_online);
	assert_int_equal(list->profiles[0].last_seen_ms, 0);
	store_free(list);
	assert_deleted(world, "alice", START_MS + 5, true);
	assert_use(world, two, "alice", START_MS, NULL); /* it is used up, and by another account */
	assert_int_equal(ON_WORLD(check_reach, "alice", ((const char *const[]){"bob"}), 1, false, NULL), STORE_NOT_FOUND);
}

static void a_repeated_deletion_does_not_touch_the_account_that_came_after(void **state)
{
	struct world *world = *state;
	struct user_record *user = NULL;
	EXIST("alice");
	assert_int_equal(ON_WORLD(delete_user, "nobody", START_MS, NULL), STORE_NOT_FOUND);
	for (int i = 0; i < 2; i++)
		assert_int_equal(ON_WORLD(delete_user, "alice", START_MS + 5, NULL), STORE_OK);
	assert_deleted(world, "alice", START_MS + 5, true);
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS + 9, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(delete_user, "alice", START_MS + 5, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_user, "alice", &user, NULL), STORE_OK);
	store_free(user);
	assert_int_equal(ON_WORLD(delete_user, "alice", START_MS + 20, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_user, "alice", &user, NULL), STORE_NOT_FOUND);
	assert_deleted(world, "alice", START_MS + 20, true);
}

static void an_account_ends_also_when_the_clock_went_back(void **state)
{
	struct world *world = *state;
	struct user_record *user = NULL;
	EXIST("alice");
	assert_int_equal(ON_WORLD(delete_user, "alice", START_MS - 5, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_user, "alice", &user, NULL), STORE_NOT_FOUND);
	assert_deleted(world, "alice", START_MS - 5, true);
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS - 30, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(delete_user, "alice", START_MS - 20, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_user, "alice", &user, NULL), STORE_NOT_FOUND);
	assert_deleted(world, "alice", START_MS - 5, true);
}

static void the_deleted_are_listed_in_pages_until_erasing_is_finished_and_after(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob", "carol", "dave");
	store_free(list_deleted(world, "", 10, 0));
	assert_int_equal(ON_WORLD(finish_deletion, "alice", NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(delete_user, "carol", 3, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(delete_user, "alice", 2, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(delete_user, "dave", 4, NULL), STORE_OK);
	for (int i = 0; i < 2; i++)
		assert_int_equal(ON_WORLD(finish_deletion, "carol", NULL), STORE_OK);
	assert_int_equal(ON_WORLD(delete_user, "carol", 3, NULL), STORE_OK);
	struct deleted_list *list = list_deleted(world, "", 2, 2);
	assert_string_equal(list->users[0].user_id, "alice");
	assert_true(list->users[0].erasing);
	assert_string_equal(list->users[1].user_id, "carol");
	assert_int_equal(list->users[1].deleted_at_ms, 3);
	assert_false(list->users[1].erasing);
	store_free(list);
	list = list_deleted(world, "carol", 2, 1);
	assert_string_equal(list->users[0].user_id, "dave");
	store_free(list);
	store_free(list_deleted(world, "dave", 2, 0));
}

static void memberships_can_be_listed_of_who_exists_no_more(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct user_record *user = NULL;
	EXIST("alice", "carol");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_int_equal(ON_WORLD(delete_user, "alice", START_MS + 5, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_memberships, "alice", &user, NULL), STORE_OK);
	assert_string_equal(user->user_id, "alice");
	assert_int_equal(user->created_at_ms, 0);
	assert_int_equal(user->chat_count, 1);
	assert_string_equal(user->chats[0].chat_id, "c");
	assert_int_equal(user->chats[0].role, ROLE_OWNER);
	store_free(user);
	assert_int_equal(ON_WORLD(load_memberships, "bob", &user, NULL), STORE_OK);
	assert_int_equal(user->chat_count, 1);
	store_free(user);
	assert_int_equal(ON_WORLD(load_memberships, "carol", &user, NULL), STORE_OK);
	assert_int_equal(user->created_at_ms, START_MS);
	assert_int_equal(user->chat_count, 0);
	store_free(user);
	assert_int_equal(ON_WORLD(load_memberships, "nobody", &user, NULL), STORE_NOT_FOUND);
}

static void devices_and_cursors_of_a_deleted_account_are_passed_over_until_it_begins_again(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct device_record *device = NULL;
	struct cursor cursor = {"alice", "phone", "c", 1};
	EXIST("alice");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_int_equal(ON_WORLD(put_device, "alice", "phone", START_MS, "", 0, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_cursors, &cursor, 1, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(delete_user, "alice", START_MS + 5, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_device, "alice", "phone", START_MS + 6, "", 0, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_cursors, &cursor, 1, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_device, "alice", "phone", &device, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS + 7, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_device, "alice", "phone", START_MS + 8, "", 0, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_device, "alice", "phone", &device, NULL), STORE_OK);
	assert_int_equal(device->cursor_count, 0);
	store_free(device);
}

static void a_deleted_account_has_muted_nothing_and_is_a_member_still(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct user_chat *membership = NULL;
	EXIST("alice");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_int_equal(ON_WORLD(put_mute, "alice", "c", START_MS + DAY_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(delete_user, "alice", START_MS + 5, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_membership, "alice", "c", &membership, NULL), STORE_OK);
	assert_int_equal(membership->muted_until_ms, 0);
	assert_int_equal(membership->role, ROLE_OWNER);
	store_free(membership);
}

/* ---- any call failing ---- */

/* Alice comes, lives and goes; bob stays. */
static void live(struct store *store)
{
	struct profile_change change = {"Alice", "icon", "here", "UTC", 1, 1};
	char user_id[USER_ID_MAX + 1];
	INSIST(ON(store, put_user, "alice", START_MS, NULL));
	INSIST(ON(store, put_user, "bob", START_MS, NULL));
	INSIST(ON(store, put_profile, "alice", &change, NULL));
	INSIST(ON(store, put_profile, "bob", &change, NULL));
	INSIST(ON(store, put_icon, "icon", "bytes", 5, NULL));
	INSIST(ON(store, put_shared_id, "alice", "shared", NULL));
	INSIST(ON(store, put_shared_id, "alice", "", NULL));
	INSIST(ON(store, put_shared_id, "bob", "shared", NULL));
	INSIST(ON(store, put_favorite, "bob", "alice", true, START_MS, NULL));
	INSIST(ON(store, put_block, "bob", "carol", true, START_MS + 1, NULL));
	INSIST(ON(store, put_block, "bob", "carol", false, START_MS + 2, NULL));
	INSIST(ON(store, put_block, "bob", "carol", true, START_MS + 3, NULL));
	INSIST(ON(store, put_invitation, one, "bob", START_MS, START_MS + DAY_MS, 2, NULL));
	INSIST(ON(store, use_invitation, one, "alice", START_MS, user_id, NULL));
	INSIST(ON(store, revoke_invitation, "alice", NULL, NULL));
	INSIST(ON(store, delete_user, "alice", START_MS + 5, NULL));
	INSIST(ON(store, put_user, "alice", START_MS + 6, NULL));
	INSIST(ON(store, finish_deletion, "alice", NULL));
}

static void assert_lived(struct world *world)
{
	struct profile_list *list = NULL;
	void *bytes = NULL;
	size_t len;
	assert_int_equal(ON_WORLD(load_profiles, ((const char *const[]){"alice", "bob"}), 2, &list, NULL), STORE_OK);
	assert_int_equal(list->count, 2);
	assert_int_equal(list->profiles[0].created_at_ms, START_MS + 6);
	assert_string_equal(list->profiles[0].name, "");
	assert_string_equal(list->profiles[1].name, "Alice");
	assert_string_equal(list->profiles[1].shared_id, "shared");
	store_free(list);
	assert_int_equal(ON_WORLD(load_icon, "icon", &bytes, &len, NULL), STORE_OK);
	store_free(bytes);
	assert_int_equal(count_favorites(world, "bob"), 0);
	assert_int_equal(count_blocks(world, "bob"), 2);
	assert_deleted(world, "alice", START_MS + 5, false);
	assert_use(world, one, "alice", START_MS, "bob"); /* the second use, of the second account */
	assert_use(world, one, "bob", START_MS, NULL);
}

static void loop_with(enum faulty_action action)
{
	bool struck = true;
	for (uint64_t call = 1; struck; call++) {
		assert_true(call < 100);
		struct world *world = world_new();
		store_faulty_arm(world->store, &(struct fault){.call = call, .count = 2, .action = action});
		live(world->store);
		struck = store_faulty_has_struck(world->store);
		store_faulty_disarm(world->store);
		assert_lived(world);
		world_free(world);
	}
}

static void a_life_is_the_same_whichever_call_fails(void **state)
{
	(void)state;
	if (!world_is_faulty())
		return;
	loop_with(FAULTY_FAIL);
	loop_with(FAULTY_LOSE_REQUEST);
	loop_with(FAULTY_LOSE_ANSWER);
}

int run_account_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(a_deleted_account_leaves_nothing_but_the_blocks_against_it),
		STORY(the_icon_of_a_deleted_account_stays_if_somebody_else_names_it),
		STORY(a_deleted_account_can_begin_again_empty),
		STORY(a_repeated_deletion_does_not_touch_the_account_that_came_after),
		STORY(an_account_ends_also_when_the_clock_went_back),
		STORY(the_deleted_are_listed_in_pages_until_erasing_is_finished_and_after),
		STORY(memberships_can_be_listed_of_who_exists_no_more),
		STORY(devices_and_cursors_of_a_deleted_account_are_passed_over_until_it_begins_again),
		STORY(a_deleted_account_has_muted_nothing_and_is_a_member_still),
		cmocka_unit_test(a_life_is_the_same_whichever_call_fails),
	};
	return cmocka_run_group_tests_name("accounts", stories, NULL, NULL);
}
