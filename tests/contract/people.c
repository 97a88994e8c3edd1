/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * People: profiles, shared IDs, icons, favorites, blocks, and who can reach whom. */
#include <stdio.h>

#include "tests/contract/contract.h"

/* ---- profiles ---- */

static struct profile_list *load_profiles(struct world *world, const char *a, const char *b, const char *c)
{
	struct profile_list *list = NULL;
	assert_int_equal(ON_WORLD(load_profiles, ((const char *const[]){a, b, c}), 3, &list, NULL), STORE_OK);
	return list;
}

static void assert_profile(const struct profile *profile, const char *name, const char *icon, const char *status, const char *time_zone)
{
	assert_string_equal(profile->name, name);
	assert_string_equal(profile->icon, icon);
	assert_string_equal(profile->status, status);
	assert_string_equal(profile->time_zone, time_zone);
}

static void a_new_user_has_an_empty_profile(void **state)
{
	struct world *world = *state;
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS + 7, NULL), STORE_OK);
	struct profile_list *list = load_profiles(world, "alice", "bob", "alice");
	assert_int_equal(list->count, 2);
	const struct profile *alice = &list->profiles[0];
	assert_string_equal(alice->user_id, "alice");
	assert_int_equal(alice->created_at_ms, START_MS + 7);
	assert_profile(alice, "", "", "", "");
	assert_string_equal(alice->shared_id, "");
	assert_false(alice->hides_online);
	assert_false(alice->hides_last_seen);
	assert_int_equal(alice->last_seen_ms, 0);
	assert_string_equal(list->profiles[1].user_id, "alice");
	store_free(list);
}

static void profiles_come_in_the_order_asked_for_without_those_who_do_not_exist(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob");
	struct profile_list *list = load_profiles(world, "bob", "nobody", "alice");
	assert_int_equal(list->count, 2);
	assert_string_equal(list->profiles[0].user_id, "bob");
	assert_string_equal(list->profiles[1].user_id, "alice");
	store_free(list);
	assert_int_equal(ON_WORLD(load_profiles, NULL, 0, &list, NULL), STORE_OK);
	assert_int_equal(list->count, 0);
	store_free(list);
}

static void a_profile_keeps_what_a_change_does_not_name(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob");
	struct profile_change first = {"Alice", "http://icon", "away", "Europe/Vienna", 1, 0};
	struct profile_change second = {.name = "Ålice", .status = "", .hides_online = -1, .hides_last_seen = 1};
	struct profile_change nothing = {.hides_online = -1, .hides_last_seen = -1};
	assert_int_equal(ON_WORLD(put_profile, "alice", &first, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_profile, "alice", &first, NULL), STORE_OK);
	struct profile_list *list = load_profiles(world, "alice", "bob", "nobody");
	assert_profile(&list->profiles[0], "Alice", "http://icon", "away", "Europe/Vienna");
	assert_true(list->profiles[0].hides_online);
	assert_false(list->profiles[0].hides_last_seen);
	assert_profile(&list->profiles[1], "", "", "", "");
	store_free(list);
	assert_int_equal(ON_WORLD(put_profile, "alice", &second, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_profile, "alice", &nothing, NULL), STORE_OK);
	world_reopen(world);
	list = load_profiles(world, "alice", "bob", "nobody");
	assert_profile(&list->profiles[0], "Ålice", "http://icon", "", "Europe/Vienna");
	assert_true(list->profiles[0].hides_online);
	assert_true(list->profiles[0].hides_last_seen);
	store_free(list);
}

static void the_later_last_seen_wins(void **state)
{
	struct world *world = *state;
	EXIST("alice");
	static const int64_t times[] = {5, 9, 7};
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(ON_WORLD(put_last_seen, (&(struct last_seen){"alice", times[i]}), 1, NULL), STORE_OK);
	struct profile_list *list = load_profiles(world, "alice", "", "");
	assert_int_equal(list->profiles[0].last_seen_ms, 9);
	store_free(list);
}

static void many_are_seen_at_once_and_who_does_not_exist_is_passed_over(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob");
	assert_int_equal(ON_WORLD(put_last_seen, (&(struct last_seen){"bob", 30}), 1, NULL), STORE_OK);
	static const struct last_seen seen[] = {{"alice", 10}, {"nobody", 11}, {"bob", 12}, {"alice", 20}};
	assert_int_equal(ON_WORLD(put_last_seen, seen, 4, NULL), STORE_OK);
	struct profile_list *list = load_profiles(world, "alice", "bob", "nobody");
	assert_int_equal(list->count, 2);
	assert_int_equal(list->profiles[0].last_seen_ms, 20);
	assert_int_equal(list->profiles[1].last_seen_ms, 30);
	store_free(list);
}

static void who_does_not_exist_can_be_given_nothing(void **state)
{
	struct world *world = *state;
	struct profile_change change = {.name = "Nobody", .hides_online = -1, .hides_last_seen = -1};
	static const unsigned char hash[INVITATION_HASH_BYTES] = {1};
	char user_id[USER_ID_MAX + 1] = "as it was";
	EXIST("alice");
	assert_int_equal(ON_WORLD(put_profile, "nobody", &change, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(put_shared_id, "nobody", "nobody", NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(put_favorite, "nobody", "alice", true, START_MS, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(put_favorite, "nobody", "alice", false, START_MS, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(put_favorite, "alice", "nobody", true, START_MS, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(put_favorite, "alice", "nobody", false, START_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_block, "nobody", "alice", true, START_MS, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(put_invitation, hash, "nobody", START_MS, START_MS, 1, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(revoke_invitation, "nobody", NULL, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(find_shared_id, "nobody", user_id, NULL), STORE_NOT_FOUND);
	assert_string_equal(user_id, "as it was");
	assert_int_equal(ON_WORLD(put_user, "nobody", START_MS, NULL), STORE_OK);
	struct profile_list *list = load_profiles(world, "nobody", "", "");
	assert_profile(&list->profiles[0], "", "", "", "");
	assert_string_equal(list->profiles[0].shared_id, "");
	store_free(list);
}

/* ---- shared IDs ---- */

static void assert_shared(struct world *world, const char *shared_id, const char *owner)
{
	char user_id[USER_ID_MAX + 1] = "";
	assert_int_equal(ON_WORLD(find_shared_id, shared_id, user_id, NULL), owner ? STORE_OK : STORE_NOT_FOUND);
	assert_string_equal(user_id, owner ? owner : "");
}

static void a_shared_id_belongs_to_one_person(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob");
	assert_int_equal(ON_WORLD(put_shared_id, "alice", "wonder", NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_shared_id, "alice", "wonder", NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_shared_id, "bob", "builder", NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_shared_id, "bob", "wonder", NULL), STORE_TAKEN);
	assert_shared(world, "wonder", "alice");
	assert_shared(world, "builder", "bob");
	assert_shared(world, "Wonder", NULL);
	assert_shared(world, "", NULL);
	struct profile_list *list = load_profiles(world, "alice", "bob", "");
	assert_string_equal(list->profiles[0].shared_id, "wonder");
	assert_string_equal(list->profiles[1].shared_id, "builder");
	store_free(list);
}

static void a_shared_id_that_was_given_up_is_free(void **state)
{
	struct world *world = *state;
	struct profile_change change = {.name = "Alice", .hides_online = -1, .hides_last_seen = -1};
	EXIST("alice", "bob");
	assert_int_equal(ON_WORLD(put_shared_id, "alice", "one", NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_shared_id, "alice", "two", NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_shared_id, "bob", "one", NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_profile, "alice", &change, NULL), STORE_OK);
	assert_shared(world, "one", "bob");
	assert_shared(world, "two", "alice");
	for (int i = 0; i < 2; i++)
		assert_int_equal(ON_WORLD(put_shared_id, "alice", "", NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_shared_id, "bob", "", NULL), STORE_OK);
	assert_shared(world, "one", NULL);
	assert_shared(world, "two", NULL);
	world_reopen(world);
	assert_shared(world, "two", NULL);
	assert_int_equal(ON_WORLD(put_shared_id, "bob", "two", NULL), STORE_OK);
	assert_shared(world, "two", "bob");
}

/* ---- icons ---- */

static void assert_icon(struct world *world, const char *hash, const char *expected)
{
	void *bytes = NULL;
	size_t len = 77;
	assert_int_equal(ON_WORLD(load_icon, hash, &bytes, &len, NULL), expected ? STORE_OK : STORE_NOT_FOUND);
	assert_int_equal(len, expected ? strlen(expected) : 77);
	if (expected)
		assert_memory_equal(bytes, expected, len);
	store_free(bytes);
}

static void name_icon(struct world *world, const char *user_id, const char *icon)
{
	struct profile_change change = {.icon = icon, .hides_online = -1, .hides_last_seen = -1};
	assert_int_equal(ON_WORLD(put_profile, user_id, &change, NULL), STORE_OK);
}

static void put_icon(struct world *world, const char *hash, const char *bytes)
{
	assert_int_equal(ON_WORLD(put_icon, hash, bytes, strlen(bytes), NULL), STORE_OK);
}

static void an_icon_is_stored_once_with_all_its_bytes(void **state)
{
	struct world *world = *state;
	static unsigned char large[32768];
	void *bytes = NULL;
	size_t len = 0;
	for (size_t i = 0; i < sizeof large; i++)
		large[i] = (unsigned char)(i * 7);
	assert_int_equal(ON_WORLD(put_icon, "large", large, sizeof large, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_icon, "large", large, sizeof large, NULL), STORE_OK);
	put_icon(world, "small", "x");
	world_reopen(world);
	assert_int_equal(ON_WORLD(load_icon, "large", &bytes, &len, NULL), STORE_OK);
	assert_int_equal(len, sizeof large);
	assert_memory_equal(bytes, large, len);
	store_free(bytes);
	assert_icon(world, "small", "x");
	assert_icon(world, "other", NULL);
}

static void an_icon_that_nobody_names_is_forgotten_a_day_after(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob");
	put_icon(world, "used", "u");
	put_icon(world, "lost", "l");
	name_icon(world, "alice", "used");
	name_icon(world, "bob", "used");
	prune_world(world, START_MS);
	assert_icon(world, "lost", "l");
	prune_world(world, START_MS + DAY_MS - 1);
	assert_icon(world, "lost", "l");
	prune_world(world, START_MS + DAY_MS);
	assert_icon(world, "lost", NULL);
	assert_icon(world, "used", "u");
	name_icon(world, "alice", "");
	prune_world(world, START_MS + 3 * DAY_MS);
	prune_world(world, START_MS + 5 * DAY_MS);
	assert_icon(world, "used", "u");
	name_icon(world, "bob", "other");
	prune_world(world, START_MS + 7 * DAY_MS);
	assert_icon(world, "used", "u");
	prune_world(world, START_MS + 8 * DAY_MS);
	assert_icon(world, "used", NULL);
}

static void an_icon_that_is_named_or_put_again_in_time_stays(void **state)
{
	struct world *world = *state;
	EXIST("alice");
	put_icon(world, "named", "n");
	put_icon(world, "again", "a");
	prune_world(world, START_MS);
	name_icon(world, "alice", "named");
	put_icon(world, "again", "a");
	prune_world(world, START_MS + DAY_MS);
	assert_icon(world, "named", "n");
	assert_icon(world, "again", "a");
	prune_world(world, START_MS + 2 * DAY_MS);
	assert_icon(world, "named", "n");
	assert_icon(world, "again", NULL);
}

/* More than one call's worth, in either half of the work. */
static void many_icons_are_all_looked_at(void **state)
{
	struct world *world = *state;
	char hash[16];
	for (int i = 0; i < 500; i++) {
		snprintf(hash, sizeof hash, "icon%d", i);
		put_icon(world, hash, hash);
	}
	prune_world(world, START_MS);
	prune_world(world, START_MS + DAY_MS);
	for (int i = 0; i < 500; i++) {
		snprintf(hash, sizeof hash, "icon%d", i);
		assert_icon(world, hash, NULL);
	}
}

static void an_icon_that_a_group_names_stays_until_it_has_another(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	put_icon(world, "group", "g");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(world->store, line_updates_group(&line, "{\"icon\":\"group\"}"));
	prune_world(world, START_MS);
	prune_world(world, START_MS + 2 * DAY_MS);
	assert_icon(world, "group", "g");
	assert_appended(world->store, line_updates_group(&line, "{\"icon\":\"\"}"));
	prune_world(world, START_MS + 4 * DAY_MS);
	prune_world(world, START_MS + 6 * DAY_MS);
	assert_icon(world, "group", NULL);
}

/* ---- favorites ---- */

static void assert_favorites(struct world *world, const char *user_id, size_t count, const char *const *expected)
{
	const char *const *ids = NULL;
	size_t found = 77;
	assert_int_equal(ON_WORLD(load_favorites, user_id, &ids, &found, NULL), STORE_OK);
	assert_int_equal(found, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(ids[i], expected[i]);
	store_free((void *)(uintptr_t)ids);
}

static void put_favorite(struct world *world, const char *other_id, bool on, int64_t at_ms)
{
	assert_int_equal(ON_WORLD(put_favorite, "alice", other_id, on, at_ms, NULL), STORE_OK);
}

static void favorites_come_in_the_order_in_which_they_were_added(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob", "carol", "dave", "zoe");
	assert_favorites(world, "alice", 0, NULL);
	assert_favorites(world, "nobody", 0, NULL);
	put_favorite(world, "zoe", true, 5);
	put_favorite(world, "bob", true, 7);
	put_favorite(world, "carol", true, 7);
	put_favorite(world, "zoe", true, 9);
	assert_favorites(world, "alice", 3, (const char *const[]){"zoe", "bob", "carol"});
	put_favorite(world, "dave", true, 6);
	assert_favorites(world, "alice", 4, (const char *const[]){"zoe", "dave", "bob", "carol"});
	put_favorite(world, "bob", false, 10);
	put_favorite(world, "bob", false, 10);
	world_reopen(world);
	assert_favorites(world, "alice", 3, (const char *const[]){"zoe", "dave", "carol"});
	put_favorite(world, "bob", true, 11);
	assert_favorites(world, "alice", 4, (const char *const[]){"zoe", "dave", "carol", "bob"});
	assert_favorites(world, "bob", 0, NULL);
}

/* ---- blocks ---- */

static void put_block(struct world *world, const char *other_id, bool on, int64_t at_ms)
{
	assert_int_equal(ON_WORLD(put_block, "alice", other_id, on, at_ms, NULL), STORE_OK);
}

static void assert_blocks(struct world *world, size_t count, const struct block *expected)
{
	struct block_list *list = NULL;
	assert_int_equal(ON_WORLD(load_blocks, "alice", &list, NULL), STORE_OK);
	assert_int_equal(list->count, count);
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(list->blocks[i].user_id, expected[i].user_id);
		assert_int_equal(list->blocks[i].from_ms, expected[i].from_ms);
		assert_int_equal(list->blocks[i].to_ms, expected[i].to_ms);
	}
	store_free(list);
}

static void blocks_are_kept_with_their_times(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob");
	assert_blocks(world, 0, NULL);
	put_block(world, "nobody", true, 10);
	put_block(world, "bob", true, 20);
	put_block(world, "bob", false, 30);
	put_block(world, "bob", true, 40);
	world_reopen(world);
	assert_blocks(world, 3, (const struct block[]){{"bob", 20, 30}, {"bob", 40, 0}, {"nobody", 10, 0}});
	struct block_list *list = NULL;
	assert_int_equal(ON_WORLD(load_blocks, "bob", &list, NULL), STORE_OK);
	assert_int_equal(list->count, 0);
	store_free(list);
	assert_int_equal(ON_WORLD(load_blocks, "nobody", &list, NULL), STORE_OK);
	assert_int_equal(list->count, 0);
	store_free(list);
}

static void on_twice_and_off_twice_are_on_and_off_once(void **state)
{
	struct world *world = *state;
	EXIST("alice");
	put_block(world, "bob", false, 5);
	put_block(world, "bob", true, 10);
	put_block(world, "bob", true, 15);
	assert_blocks(world, 1, (const struct block[]){{"bob", 10, 0}});
	put_block(world, "bob", false, 20);
	put_block(world, "bob", false, 25);
	assert_blocks(world, 1, (const struct block[]){{"bob", 10, 20}});
}

static void blocks_do_not_overlap_when_the_clock_goes_back(void **state)
{
	struct world *world = *state;
	EXIST("alice");
	put_block(world, "bob", true, 100);
	put_block(world, "bob", false, 200);
	put_block(world, "bob", true, 150);
	assert_blocks(world, 2, (const struct block[]){{"bob", 100, 200}, {"bob", 200, 0}});
	put_block(world, "bob", false, 160);
	assert_blocks(world, 1, (const struct block[]){{"bob", 100, 200}});
	put_block(world, "bob", true, 300);
	put_block(world, "bob", false, 250);
	assert_blocks(world, 1, (const struct block[]){{"bob", 100, 200}});
	put_block(world, "bob", true, 180);
	put_block(world, "bob", false, 400);
	put_block(world, "bob", true, 400);
	assert_blocks(world, 3, (const struct block[]){{"bob", 100, 200}, {"bob", 200, 400}, {"bob", 400, 0}});
}

/* As a journal that is replayed does. */
static void older_calls_that_are_repeated_change_nothing(void **state)
{
	struct world *world = *state;
	EXIST("alice");
	put_block(world, "bob", true, 100);
	put_block(world, "bob", false, 200);
	put_block(world, "bob", true, 100);
	assert_blocks(world, 1, (const struct block[]){{"bob", 100, 200}});
	put_block(world, "bob", true, 300);
	put_block(world, "bob", false, 200);
	assert_blocks(world, 2, (const struct block[]){{"bob", 100, 200}, {"bob", 300, 0}});
}

/* ---- reach ---- */

static enum store_rc reach(struct world *world, const char *from_id, const char *a, const char *b, bool both)
{
	return ON_WORLD(check_reach, from_id, ((const char *const[]){a, b}), 2, both, NULL);
}

static void everybody_who_exists_can_be_reached_by_anybody(void **state)
{
	struct world *world = *state;
	EXIST("bob", "carol");
	assert_int_equal(reach(world, "alice", "bob", "carol", true), STORE_OK);
	assert_int_equal(reach(world, "bob", "bob", "carol", true), STORE_OK);
	assert_int_equal(reach(world, "alice", "bob", "nobody", false), STORE_NOT_FOUND);
	assert_int_equal(reach(world, "alice", "nobody", "bob", false), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(check_reach, "alice", NULL, 0, true, NULL), STORE_OK);
}

static void a_block_closes_one_direction_and_both_if_both_are_asked_for(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob", "carol");
	put_block(world, "bob", true, START_MS);
	assert_int_equal(reach(world, "bob", "carol", "alice", false), STORE_NOT_FOUND);
	assert_int_equal(reach(world, "bob", "alice", "carol", false), STORE_NOT_FOUND);
	assert_int_equal(reach(world, "alice", "bob", "carol", false), STORE_OK);
	assert_int_equal(reach(world, "alice", "bob", "carol", true), STORE_NOT_FOUND);
	assert_int_equal(reach(world, "alice", "carol", "carol", true), STORE_OK);
	assert_int_equal(reach(world, "carol", "alice", "bob", true), STORE_OK);
	put_block(world, "bob", false, START_MS + 5);
	assert_int_equal(reach(world, "bob", "carol", "alice", true), STORE_OK);
}

static void who_does_not_exist_and_who_blocks_answer_alike(void **state)
{
	struct world *world = *state;
	struct error missing = {0}, blocked = {0};
	EXIST("alice", "bob");
	put_block(world, "bob", true, START_MS);
	assert_int_equal(ON_WORLD(check_reach, "bob", ((const char *const[]){"alice"}), 1, false, &blocked), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(check_reach, "bob", ((const char *const[]){"nobody"}), 1, false, &missing), STORE_NOT_FOUND);
	assert_string_equal(missing.text, blocked.text);
	assert_int_equal(missing.native, blocked.native);
}

int run_people_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(a_new_user_has_an_empty_profile),
		STORY(profiles_come_in_the_order_asked_for_without_those_who_do_not_exist),
		STORY(a_profile_keeps_what_a_change_does_not_name),
		STORY(the_later_last_seen_wins),
		STORY(many_are_seen_at_once_and_who_does_not_exist_is_passed_over),
		STORY(who_does_not_exist_can_be_given_nothing),
		STORY(a_shared_id_belongs_to_one_person),
		STORY(a_shared_id_that_was_given_up_is_free),
		STORY(an_icon_is_stored_once_with_all_its_bytes),
		STORY(an_icon_that_nobody_names_is_forgotten_a_day_after),
		STORY(an_icon_that_is_named_or_put_again_in_time_stays),
		STORY(many_icons_are_all_looked_at),
		STORY(an_icon_that_a_group_names_stays_until_it_has_another),
		STORY(favorites_come_in_the_order_in_which_they_were_added),
		STORY(blocks_are_kept_with_their_times),
		STORY(on_twice_and_off_twice_are_on_and_off_once),
		STORY(blocks_do_not_overlap_when_the_clock_goes_back),
		STORY(older_calls_that_are_repeated_change_nothing),
		STORY(everybody_who_exists_can_be_reached_by_anybody),
		STORY(a_block_closes_one_direction_and_both_if_both_are_asked_for),
		STORY(who_does_not_exist_and_who_blocks_answer_alike),
	};
	return cmocka_run_group_tests_name("people", stories, NULL, NULL);
}
