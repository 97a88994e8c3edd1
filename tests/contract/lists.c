/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Projections as their user sees them: who exists, his chats, pages of their list. */
#include "tests/contract/contract.h"

/* ---- users ---- */

static void a_user_exists_from_put_user_on(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct user_record *user = NULL;
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_int_equal(ON_WORLD(load_user, "alice", &user, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS + 1, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_user, "alice", &user, NULL), STORE_OK);
	assert_string_equal(user->user_id, "alice");
	assert_int_equal(user->created_at_ms, START_MS);
	assert_int_equal(user->chat_count, 1);
	store_free(user);
}

static void a_user_without_chats_has_an_empty_list(void **state)
{
	struct world *world = *state;
	struct user_record *user = NULL;
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_user, "alice", &user, NULL), STORE_OK);
	assert_int_equal(user->chat_count, 0);
	store_free(user);
}

static void a_users_chats_come_newest_first_the_left_ones_too(void **state)
{
	struct world *world = *state;
	static const char *const ids[] = {"a", "b", "c"};
	struct line lines[3];
	for (size_t i = 0; i < 3; i++) {
		lines[i] = line_new(ids[i]);
		assert_appended(world->store, line_adds(&lines[i], "alice", ROLE_OWNER));
	}
	struct line foreign = line_new("d");
	assert_appended(world->store, line_adds(&foreign, "bob", ROLE_OWNER));
	lines[1].at_ms += 100000;
	assert_appended(world->store, line_removes(&lines[1], "alice"));
	assert_appended(world->store, line_says(&lines[2], "alice", "hi"));
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS, NULL), STORE_OK);
	struct user_record *user = NULL;
	assert_int_equal(ON_WORLD(load_user, "alice", &user, NULL), STORE_OK);
	assert_int_equal(user->chat_count, 3);
	assert_string_equal(user->chats[0].chat_id, "b");
	assert_int_equal(user->chats[0].role, ROLE_NONE);
	assert_int_equal(user->chats[0].latest, 2);
	assert_interval(&user->chats[0].intervals[0], 1, 2);
	assert_string_equal(user->chats[1].chat_id, "c");
	assert_int_equal(user->chats[1].latest_at_ms, START_MS + 1000);
	assert_string_equal(user->chats[2].chat_id, "a");
	assert_int_equal(user->chats[2].role, ROLE_OWNER);
	assert_int_equal(user->chats[2].interval_count, 1);
	store_free(user);
}

static void one_membership_is_as_in_the_list(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct user_chat *membership = NULL;
	assert_int_equal(ON_WORLD(load_membership, "bob", "c", &membership, NULL), STORE_NOT_FOUND);
	assert_appended(world->store, line_adds(&line, "bob", ROLE_ADMIN));
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_int_equal(ON_WORLD(load_membership, "carol", "c", &membership, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(load_membership, "bob", "d", &membership, NULL), STORE_NOT_FOUND);
	assert_null(membership);
	assert_int_equal(ON_WORLD(load_membership, "bob", "c", &membership, NULL), STORE_OK);
	assert_string_equal(membership->chat_id, "c");
	assert_int_equal(membership->role, ROLE_MEMBER);
	assert_int_equal(membership->latest, 3);
	assert_int_equal(membership->interval_count, 2);
	assert_interval(&membership->intervals[1], 3, 0);
	store_free(membership);
}

/* ---- pages of the list ---- */

static struct user_record *list_chats(struct world *world, const char *user_id, struct chat_window window, bool *more)
{
	struct user_record *user = NULL;
	assert_int_equal(ON_WORLD(list_memberships, user_id, &window, &user, more, NULL), STORE_OK);
	assert_string_equal(user->user_id, user_id);
	return user;
}

/* ids: one letter each. */
static void assert_listed(struct world *world, struct chat_window window, const char *ids, bool more)
{
	bool has_more;
	struct user_record *user = list_chats(world, "alice", window, &has_more);
	assert_int_equal(user->chat_count, strlen(ids));
	for (size_t i = 0; i < user->chat_count; i++) {
		char id[2] = {ids[i]};
		assert_string_equal(user->chats[i].chat_id, id);
	}
	assert_true(has_more == more);
	store_free(user);
}

/* Chats of alice and bob. Their latest activity: "b" and "B" at the same time, then "c", "a" and "d" at the same time. */
static void fill_list(struct world *world, struct line lines[5])
{
	static const char *const ids[] = {"a", "d", "c", "b", "B"};
	static const int minutes[] = {0, 0, 1, 2, 2};
	EXIST("alice", "bob");
	for (size_t i = 0; i < 5; i++) {
		lines[i] = line_new(ids[i]);
		lines[i].at_ms += minutes[i] * 60000;
		assert_appended(world->store, line_adds(&lines[i], "bob", ROLE_OWNER));
		assert_appended(world->store, line_adds(&lines[i], "alice", ROLE_MEMBER));
	}
}

static void the_list_is_in_the_order_of_activity_and_of_ids_where_that_is_equal(void **state)
{
	struct world *world = *state;
	struct line lines[5];
	fill_list(world, lines);
	assert_listed(world, (struct chat_window){.count_max = 5}, "Bbcad", false);
	assert_appended(world->store, line_says(&lines[1], "bob", "hi"));
	assert_listed(world, (struct chat_window){.count_max = 5}, "Bbcda", false);
	struct user_record *whole = NULL;
	assert_int_equal(ON_WORLD(load_user, "alice", &whole, NULL), STORE_OK);
	for (size_t i = 0; i < 5; i++)
		assert_memory_equal(whole->chats[i].chat_id, &"Bbcda"[i], 1);
	store_free(whole);
}

static void pages_of_the_list_follow_each_other(void **state)
{
	struct world *world = *state;
	struct line lines[5];
	fill_list(world, lines);
	assert_listed(world, (struct chat_window){.count_max = 2}, "Bb", true);
	assert_listed(world, (struct chat_window){.count_max = 2, .skip = 2}, "ca", true);
	assert_listed(world, (struct chat_window){.count_max = 2, .skip = 4}, "d", false);
	assert_listed(world, (struct chat_window){.count_max = 2, .skip = 3}, "ad", false);
	assert_listed(world, (struct chat_window){.count_max = 2, .skip = 5}, "", false);
	assert_listed(world, (struct chat_window){.count_max = 2, .skip = SIZE_MAX}, "", false);
}

static void the_list_goes_on_behind_a_place(void **state)
{
	struct world *world = *state;
	struct line lines[5];
	fill_list(world, lines);
	int64_t newest_ms = START_MS + 121000, oldest_ms = START_MS + 1000;
	assert_listed(world, (struct chat_window){.count_max = 2, .after_id = "B", .after_at_ms = newest_ms}, "bc", true);
	assert_listed(world, (struct chat_window){.count_max = 2, .after_id = "b", .after_at_ms = newest_ms, .skip = 1}, "ad", false);
	assert_listed(world, (struct chat_window){.count_max = 2, .after_id = "a", .after_at_ms = oldest_ms}, "d", false);
	assert_listed(world, (struct chat_window){.count_max = 2, .after_id = "d", .after_at_ms = oldest_ms}, "", false);
	assert_listed(world, (struct chat_window){.count_max = 2, .after_id = "none", .after_at_ms = newest_ms - 1}, "ca", true);
	assert_listed(world, (struct chat_window){.count_max = 2, .after_id = "", .after_at_ms = 0}, "", false);
}

static void a_chat_that_moves_up_leaves_the_rest_of_the_list_where_it_is(void **state)
{
	struct world *world = *state;
	struct line lines[5];
	fill_list(world, lines);
	struct chat_window behind_c = {.count_max = 5, .after_id = "c", .after_at_ms = START_MS + 61000};
	assert_listed(world, behind_c, "ad", false);
	lines[2].at_ms += DAY_MS;
	assert_appended(world->store, line_says(&lines[2], "bob", "hi"));
	assert_listed(world, behind_c, "ad", false);
	lines[0].at_ms += DAY_MS;
	assert_appended(world->store, line_says(&lines[0], "bob", "hi"));
	assert_listed(world, behind_c, "d", false);
	assert_listed(world, (struct chat_window){.count_max = 5}, "caBbd", false);
}

static void the_list_has_no_chats_that_were_left(void **state)
{
	struct world *world = *state;
	struct line lines[5];
	fill_list(world, lines);
	assert_appended(world->store, line_removes(&lines[2], "alice"));
	assert_appended(world->store, line_removes(&lines[3], "bob"));
	assert_listed(world, (struct chat_window){.count_max = 2}, "bB", true);
	assert_listed(world, (struct chat_window){.count_max = 2, .skip = 2}, "ad", false);
	assert_appended(world->store, line_adds(&lines[2], "alice", ROLE_ADMIN));
	assert_listed(world, (struct chat_window){.count_max = 5}, "bBcad", false);
}

static void what_is_listed_is_as_in_the_whole(void **state)
{
	struct world *world = *state;
	struct line lines[5];
	bool more;
	fill_list(world, lines);
	assert_appended(world->store, line_removes(&lines[2], "alice"));
	assert_appended(world->store, line_updates_group(&lines[2], "{\"name\":\"Sea\",\"icon\":\"https://x/y\",\"history\":\"all\"}"));
	assert_appended(world->store, line_adds(&lines[2], "alice", ROLE_ADMIN));
	assert_int_equal(ON_WORLD(put_receipts, (&(struct receipt){"c", "alice", 5, 4}), 1, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_mute, "alice", "c", START_MS, NULL), STORE_OK);
	struct user_record *user = list_chats(world, "alice", (struct chat_window){.count_max = 1, .skip = 2}, &more);
	const struct user_chat *chat = &user->chats[0];
	assert_int_equal(user->created_at_ms, START_MS);
	assert_string_equal(chat->chat_id, "c");
	assert_int_equal(chat->role, ROLE_ADMIN);
	assert_int_equal(chat->latest, 5);
	assert_int_equal(chat->latest_at_ms, START_MS + 64000);
	assert_int_equal(chat->received, 5);
	assert_int_equal(chat->read, 4);
	assert_int_equal(chat->muted_until_ms, START_MS);
	assert_string_equal(chat->name, "Sea");
	assert_string_equal(chat->icon, "https://x/y");
	assert_true(chat->history_all);
	assert_null(chat->peer_id);
	assert_int_equal(chat->current_members, 2);
	assert_int_equal(chat->interval_count, 2);
	assert_interval(&chat->intervals[0], 2, 3);
	assert_interval(&chat->intervals[1], 5, 0);
	store_free(user);
}

static void the_list_of_a_pair_names_the_other_one(void **state)
{
	struct world *world = *state;
	struct line line = line_new("p");
	bool more;
	EXIST("alice", "bob");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	struct user_record *user = list_chats(world, "bob", (struct chat_window){.count_max = 1}, &more);
	assert_string_equal(user->chats[0].peer_id, "alice");
	store_free(user);
}

static void the_list_of_who_does_not_exist_is_not_found(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct user_record *user = NULL;
	struct chat_window window = {.count_max = 1};
	bool more = true;
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_int_equal(ON_WORLD(list_memberships, "alice", &window, &user, &more, NULL), STORE_NOT_FOUND);
	assert_null(user);
	assert_true(more);
	EXIST("bob");
	user = list_chats(world, "bob", window, &more);
	assert_int_equal(user->chat_count, 0);
	assert_false(more);
	store_free(user);
}

int run_list_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(a_user_exists_from_put_user_on),
		STORY(a_user_without_chats_has_an_empty_list),
		STORY(a_users_chats_come_newest_first_the_left_ones_too),
		STORY(one_membership_is_as_in_the_list),
		STORY(the_list_is_in_the_order_of_activity_and_of_ids_where_that_is_equal),
		STORY(pages_of_the_list_follow_each_other),
		STORY(the_list_goes_on_behind_a_place),
		STORY(a_chat_that_moves_up_leaves_the_rest_of_the_list_where_it_is),
		STORY(the_list_has_no_chats_that_were_left),
		STORY(what_is_listed_is_as_in_the_whole),
		STORY(the_list_of_a_pair_names_the_other_one),
		STORY(the_list_of_who_does_not_exist_is_not_found),
	};
	return cmocka_run_group_tests_name("lists", stories, NULL, NULL);
}
