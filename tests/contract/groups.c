/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Projections: pairs and groups, names, histories, ends, how many members, marks of who joins, mutes. */
#include "tests/contract/contract.h"

/* ---- pairs ---- */

static void two_members_added_first_are_a_pair_and_know_each_other(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	struct chat_record *chat = load_chat(world, "c");
	assert_true(chat->pair);
	assert_int_equal(chat->current_members, 2);
	store_free(chat);
	struct user_chat *membership = load_membership(world, "alice", "c");
	assert_string_equal(membership->peer_id, "bob");
	store_free(membership);
	membership = load_membership(world, "bob", "c");
	assert_string_equal(membership->peer_id, "alice");
	assert_int_equal(membership->current_members, 2);
	store_free(membership);
}

static void a_pair_stays_one_when_somebody_leaves(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, line_sets_role(&line, "alice", ROLE_OWNER));
	struct user_chat *membership = load_membership(world, "alice", "c");
	assert_string_equal(membership->peer_id, "bob");
	assert_int_equal(membership->current_members, 1);
	store_free(membership);
	membership = load_membership(world, "bob", "c");
	assert_string_equal(membership->peer_id, "alice");
	store_free(membership);
}

static void other_chats_of_two_are_no_pairs(void **state)
{
	struct world *world = *state;
	struct line one = line_new("one"), roles = line_new("roles"), three = line_new("three"), late = line_new("late");
	static const char *const ids[] = {"one", "roles", "three", "late"};
	assert_appended(world->store, line_adds(&one, "alice", ROLE_MEMBER));
	assert_appended(world->store, line_adds(&one, "bob", ROLE_MEMBER));
	assert_appended(world->store,
		line_adds_all(&roles, "{\"members\":[{\"userID\":\"alice\",\"role\":\"owner\"},{\"userID\":\"bob\",\"role\":\"member\"}]}"));
	assert_appended(world->store, line_adds_pair(&three, "alice", "alice"));
	assert_appended(world->store, line_adds(&three, "bob", ROLE_MEMBER));
	assert_appended(world->store, line_says(&late, "alice", "hi"));
	assert_appended(world->store, line_adds_pair(&late, "alice", "bob"));
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		struct chat_record *chat = load_chat(world, ids[i]);
		assert_false(chat->pair);
		store_free(chat);
		struct user_chat *membership = load_membership(world, "bob", ids[i]);
		assert_null(membership->peer_id);
		store_free(membership);
	}
}

/* ---- names, histories ---- */

static void assert_group(struct world *world, const char *name, const char *icon, bool history_all)
{
	struct chat_record *chat = load_chat(world, "c");
	assert_string_equal(chat->name, name);
	assert_string_equal(chat->icon, icon);
	assert_int_equal(chat->history_all, history_all);
	store_free(chat);
	struct user_chat *membership = load_membership(world, "alice", "c");
	assert_string_equal(membership->name, name);
	assert_string_equal(membership->icon, icon);
	assert_int_equal(membership->history_all, history_all);
	store_free(membership);
}

static void a_group_update_changes_what_it_names(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_group(world, "", "", false);
	assert_appended(world->store, line_updates_group(&line, "{\"name\":\"We \\\"two\\\"\",\"history\":\"all\"}"));
	assert_group(world, "We \"two\"", "", true);
	assert_appended(world->store, line_updates_group(&line, "{\"icon\":\"https://example.org/i.png\"}"));
	assert_group(world, "We \"two\"", "https://example.org/i.png", true);
	assert_appended(world->store, line_updates_group(&line, "{\"name\":\"\",\"history\":\"own\"}"));
	assert_group(world, "", "https://example.org/i.png", false);
	assert_appended(world->store, line_updates_group(&line, "{}"));
	assert_group(world, "", "https://example.org/i.png", false);
}

static void a_group_update_that_says_nothing_is_a_conflict(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	struct line wrong = line;
	assert_int_equal(append_one(world->store, line_updates_group(&wrong, "{\"name\":7}")), APPEND_CONFLICT);
	wrong = line;
	assert_int_equal(append_one(world->store, line_next(&wrong, (struct transaction){.type = TX_GROUP_UPDATED, .sender_id = "alice"})),
		APPEND_CONFLICT);
	assert_group(world, "", "", false);
}

static void everything_of_a_group_is_there_in_the_list_and_after_reopening(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c"), pair = line_new("p");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(world->store, line_updates_group(&line, "{\"name\":\"We\",\"icon\":\"i\",\"history\":\"all\"}"));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_appended(world->store, line_ends_group(&line));
	assert_appended(world->store, line_adds_pair(&pair, "carol", "alice"));
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_mute, "alice", "p", START_MS + 7, NULL), STORE_OK);
	world_reopen(world);
	struct user_record *user = NULL;
	assert_int_equal(ON_WORLD(load_user, "alice", &user, NULL), STORE_OK);
	assert_int_equal(user->chat_count, 2);
	const struct user_chat *group = &user->chats[0], *other = &user->chats[1];
	assert_string_equal(group->name, "We");
	assert_string_equal(group->icon, "i");
	assert_true(group->history_all);
	assert_true(group->ended);
	assert_int_equal(group->current_members, 2);
	assert_null(group->peer_id);
	assert_string_equal(other->peer_id, "carol");
	assert_string_equal(other->name, "");
	assert_false(other->ended);
	assert_int_equal(other->muted_until_ms, START_MS + 7);
	assert_int_equal(group->muted_until_ms, 0);
	store_free(user);
}

/* ---- how many, since when ---- */

static void members_are_counted_as_they_come_and_go(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct transaction *steps[] = {line_adds(&line, "alice", ROLE_OWNER), line_adds(&line, "bob", ROLE_MEMBER), line_adds(&line, "bob", ROLE_ADMIN),
		line_removes(&line, "bob"), line_removes(&line, "bob"), line_sets_role(&line, "bob", ROLE_ADMIN), line_adds(&line, "bob", ROLE_MEMBER)};
	static const size_t counts[] = {1, 2, 2, 1, 1, 1, 2};
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		assert_appended(world->store, steps[i]);
		struct chat_record *chat = load_chat(world, "c");
		assert_int_equal(chat->current_members, counts[i]);
		store_free(chat);
	}
}

static void assert_marks(struct world *world, const char *user_id, uint64_t received, uint64_t read)
{
	struct user_chat *membership = load_membership(world, user_id, "c");
	assert_int_equal(membership->received, received);
	assert_int_equal(membership->read, read);
	store_free(membership);
}

static void who_joins_has_read_what_was_before_him(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_marks(world, "alice", 0, 0);
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_marks(world, "bob", 2, 2);
	assert_appended(world->store, line_adds(&line, "bob", ROLE_ADMIN));
	assert_marks(world, "bob", 2, 2);
	struct receipt receipt = {"c", "bob", 4, 3};
	assert_int_equal(ON_WORLD(put_receipts, &receipt, 1, NULL), STORE_OK);
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_marks(world, "bob", 4, 3);
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_marks(world, "bob", 5, 5);
	assert_marks(world, "alice", 0, 0);
}

/* ---- mutes ---- */

static void a_mute_is_the_last_one_put_and_for_one_member(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	static const int64_t untils[] = {START_MS + 5, START_MS + 3, INT64_MAX, 0};
	for (size_t i = 0; i < sizeof untils / sizeof *untils; i++) {
		assert_int_equal(ON_WORLD(put_mute, "bob", "c", untils[i], NULL), STORE_OK);
		struct user_chat *bob = load_membership(world, "bob", "c"), *alice = load_membership(world, "alice", "c");
		assert_true(bob->muted_until_ms == untils[i]);
		assert_int_equal(alice->muted_until_ms, 0);
		store_free(bob);
		store_free(alice);
	}
}

static void mutes_of_strangers_are_passed_over(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct user_chat *membership = NULL;
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_int_equal(ON_WORLD(put_mute, "bob", "c", 1, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_mute, "alice", "nowhere", 1, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_membership, "bob", "c", &membership, NULL), STORE_NOT_FOUND);
}

/* ---- ends ---- */

static size_t count_ended(struct world *world, int64_t before_ms, size_t count_max)
{
	const char *const *ids = NULL;
	size_t count = 99;
	assert_int_equal(ON_WORLD(list_ended, before_ms, count_max, &ids, &count, NULL), STORE_OK);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(ids[i][0], 'e');
	store_free((void *)(uintptr_t)ids);
	return count;
}

static void ended_groups_are_listed_by_when_they_ended(void **state)
{
	struct world *world = *state;
	struct line first = line_new("e1"), second = line_new("e2"), going_on = line_new("g");
	assert_int_equal(count_ended(world, INT64_MAX, 10), 0);
	assert_appended(world->store, line_adds(&going_on, "alice", ROLE_OWNER));
	assert_appended(world->store, line_ends_group(&first));
	second.at_ms += 500;
	assert_appended(world->store, line_ends_group(&second));
	assert_int_equal(count_ended(world, START_MS, 10), 0);
	assert_int_equal(count_ended(world, START_MS + 1, 10), 1);
	assert_int_equal(count_ended(world, START_MS + 501, 10), 2);
	assert_int_equal(count_ended(world, START_MS + 501, 1), 1);
}

static void the_first_end_counts(void **state)
{
	struct world *world = *state;
	struct line line = line_new("e");
	assert_appended(world->store, line_ends_group(&line));
	assert_appended(world->store, line_ends_group(&line));
	struct chat_record *chat = load_chat(world, "e");
	assert_int_equal(chat->ended_at_ms, START_MS);
	store_free(chat);
}

int run_group_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(two_members_added_first_are_a_pair_and_know_each_other),
		STORY(a_pair_stays_one_when_somebody_leaves),
		STORY(other_chats_of_two_are_no_pairs),
		STORY(a_group_update_changes_what_it_names),
		STORY(a_group_update_that_says_nothing_is_a_conflict),
		STORY(everything_of_a_group_is_there_in_the_list_and_after_reopening),
		STORY(members_are_counted_as_they_come_and_go),
		STORY(who_joins_has_read_what_was_before_him),
		STORY(a_mute_is_the_last_one_put_and_for_one_member),
		STORY(mutes_of_strangers_are_passed_over),
		STORY(ended_groups_are_listed_by_when_they_ended),
		STORY(the_first_end_counts),
	};
	return cmocka_run_group_tests_name("groups", stories, NULL, NULL);
}
