/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Projections: members, their roles and times of membership. */
#include <stdio.h>

#include "tests/contract/contract.h"

static void members_have_their_roles_and_times(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	struct chat_record *chat = load_chat(world, "c");
	assert_string_equal(chat->chat_id, "c");
	assert_int_equal(chat->latest, 3);
	assert_int_equal(chat->latest_at_ms, START_MS + 2000);
	assert_false(chat->ended);
	assert_int_equal(chat->member_count, 2);
	const struct member_record *alice = find_member(chat, "alice"), *bob = find_member(chat, "bob");
	assert_int_equal(alice->role, ROLE_OWNER);
	assert_int_equal(alice->interval_count, 1);
	assert_interval(&alice->intervals[0], 1, 0);
	assert_int_equal(bob->role, ROLE_MEMBER);
	assert_interval(&bob->intervals[0], 3, 0);
	store_free(chat);
}

static void one_transaction_may_add_several(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store,
		line_adds_all(&line, "{\"members\":[{\"userID\":\"alice\",\"role\":\"owner\"},{\"userID\":\"bob\",\"role\":\"owner\"}]}"));
	struct chat_record *chat = load_chat(world, "c");
	assert_int_equal(chat->member_count, 2);
	assert_interval(&find_member(chat, "bob")->intervals[0], 1, 0);
	store_free(chat);
}

static void members_come_by_the_bytes_of_their_ids(void **state)
{
	static const char *const joined[] = {"mia", "Zoe", "\xC3\xA9va", "a", "ab", "\xF0\x9F\x90\x88", "\xEF\xBF\xBD"};
	static const char *const sorted[] = {"Zoe", "a", "ab", "mia", "\xC3\xA9va", "\xEF\xBF\xBD", "\xF0\x9F\x90\x88"};
	struct world *world = *state;
	struct line line = line_new("c");
	for (size_t i = 0; i < sizeof joined / sizeof joined[0]; i++)
		assert_appended(world->store, line_adds(&line, joined[i], ROLE_MEMBER));
	assert_appended(world->store, line_removes(&line, "ab")); /* former ones, too */
	struct chat_record *chat = load_chat(world, "c");
	assert_int_equal(chat->member_count, sizeof sorted / sizeof sorted[0]);
	for (size_t i = 0; i < chat->member_count; i++)
		assert_string_equal(chat->members[i].user_id, sorted[i]);
	store_free(chat);
}

static void leaving_and_coming_back_makes_two_times_of_membership(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "bob", ROLE_ADMIN));
	assert_appended(world->store, line_removes(&line, "bob"));
	struct chat_record *chat = load_chat(world, "c");
	const struct member_record *bob = find_member(chat, "bob");
	assert_int_equal(bob->role, ROLE_NONE);
	assert_int_equal(bob->interval_count, 1);
	assert_interval(&bob->intervals[0], 1, 2);
	store_free(chat);
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	chat = load_chat(world, "c");
	bob = find_member(chat, "bob");
	assert_int_equal(bob->role, ROLE_MEMBER);
	assert_int_equal(bob->interval_count, 2);
	assert_interval(&bob->intervals[0], 1, 2);
	assert_interval(&bob->intervals[1], 4, 0);
	store_free(chat);
}

static void joining_or_leaving_twice_changes_no_time(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_ADMIN));
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, line_removes(&line, "bob"));
	struct chat_record *chat = load_chat(world, "c");
	assert_int_equal(chat->member_count, 1);
	const struct member_record *bob = find_member(chat, "bob");
	assert_int_equal(bob->role, ROLE_NONE);
	assert_int_equal(bob->interval_count, 1);
	assert_interval(&bob->intervals[0], 2, 4);
	store_free(chat);
}

static struct transaction *line_forgets(struct line *line, const char *user_id)
{
	struct transaction like = {.type = TX_MEMBER_REMOVED, .sender_id = user_id};
	char body[200];
	snprintf(body, sizeof body, "{\"userID\":\"%s\",\"deleted\":true}", user_id);
	sealed_set(&like.body, body, strlen(body));
	return line_next(line, like);
}

/* Nothing of bob is left in the chat, but that there is such an ID. */
static void assert_forgotten(struct world *world, size_t current_members)
{
	struct chat_record *chat = load_chat(world, "c");
	const struct member_record *bob = find_member(chat, "bob");
	struct user_chat *membership = NULL;
	struct user_record *user = NULL;
	assert_int_equal(chat->current_members, current_members);
	assert_int_equal(bob->role, ROLE_NONE);
	assert_int_equal(bob->interval_count, 0);
	assert_int_equal(bob->received + bob->read, 0);
	store_free(chat);
	assert_int_equal(ON_WORLD(load_membership, "bob", "c", &membership, NULL), STORE_NOT_FOUND);
	EXIST("bob");
	assert_int_equal(ON_WORLD(load_user, "bob", &user, NULL), STORE_OK);
	assert_int_equal(user->chat_count, 0);
	store_free(user);
	assert_int_equal(ON_WORLD(load_memberships, "bob", &user, NULL), STORE_OK); /* for those who erase what he wrote */
	assert_int_equal(user->chat_count, 1);
	assert_int_equal(user->chats[0].interval_count, 0);
	store_free(user);
}

static void who_comes_after_a_deleted_account_begins_with_nothing(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds_pair(&line, "alice", "bob"));
	assert_appended(world->store, line_removes(&line, "bob"));           /* 2 */
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER)); /* 3 */
	assert_appended(world->store, line_says(&line, "bob", "a secret"));  /* 4 */
	assert_int_equal(ON_WORLD(put_receipts, &(struct receipt){"c", "bob", 4, 4}, 1, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_mute, "bob", "c", START_MS, NULL), STORE_OK);
	assert_appended(world->store, line_forgets(&line, "bob")); /* 5 */
	assert_forgotten(world, 1);
	assert_int_equal(ON_WORLD(put_receipts, &(struct receipt){"c", "bob", 5, 5}, 1, NULL), STORE_OK); /* was on its way */
	assert_forgotten(world, 1);
	world_reopen(world);
	assert_appended(world->store, line_says(&line, "alice", "hi"));      /* 6 */
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER)); /* 7 */
	struct user_chat *membership = load_membership(world, "bob", "c");
	assert_string_equal(membership->peer_id, "alice");
	assert_int_equal(membership->interval_count, 1);
	assert_interval(&membership->intervals[0], 7, 0);
	assert_int_equal(membership->received, 6);
	assert_int_equal(membership->read, 6);
	assert_int_equal(membership->muted_until_ms, 0);
	assert_int_equal(membership->current_members, 2);
	store_free(membership);
	assert_appended(world->store, line_removes(&line, "bob"));           /* 8 */
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER)); /* 9 */
	membership = load_membership(world, "bob", "c");
	assert_int_equal(membership->interval_count, 2);
	assert_interval(&membership->intervals[0], 7, 8);
	assert_interval(&membership->intervals[1], 9, 0);
	store_free(membership);
	struct transaction *secret = read_one(world->store, "c", 4);
	assert_string_equal(secret->sender_id, "bob");
	transaction_free(secret);
}

static void a_former_members_account_is_forgotten_as_well(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, line_forgets(&line, "bob"));
	assert_forgotten(world, 1);
	assert_appended(world->store, line_forgets(&line, "bob"));
	assert_forgotten(world, 1);
	assert_appended(world->store, line_forgets(&line, "carol"));
	struct chat_record *chat = load_chat(world, "c");
	assert_null(find_member(chat, "carol"));
	store_free(chat);
}

static void roles_change_for_members_only(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(world->store, line_adds(&line, "bob", ROLE_MEMBER));
	assert_appended(world->store, line_sets_role(&line, "bob", ROLE_ADMIN));
	assert_appended(world->store, line_sets_role(&line, "carol", ROLE_ADMIN));
	struct chat_record *chat = load_chat(world, "c");
	assert_int_equal(find_member(chat, "bob")->role, ROLE_ADMIN);
	assert_null(find_member(chat, "carol"));
	store_free(chat);
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, line_sets_role(&line, "bob", ROLE_OWNER));
	chat = load_chat(world, "c");
	assert_int_equal(find_member(chat, "bob")->role, ROLE_NONE);
	store_free(chat);
}

static void a_deleted_group_has_ended(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(world->store, line_next(&line, (struct transaction){.type = TX_GROUP_DELETED, .sender_id = "alice"}));
	struct chat_record *chat = load_chat(world, "c");
	assert_true(chat->ended);
	assert_interval(&find_member(chat, "alice")->intervals[0], 1, 0);
	store_free(chat);
}

static void what_conflicts_changes_no_membership(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	struct bundle bundle = {0};
	struct line wrong = line;
	bundle_add(&bundle, line_adds(&wrong, "bob", ROLE_MEMBER));
	wrong.head[0] ^= 1;
	bundle_add(&bundle, line_says(&wrong, "bob", "hi"));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_CONFLICT);
	bundle_fini(&bundle);
	struct chat_record *chat = load_chat(world, "c");
	assert_null(find_member(chat, "bob"));
	store_free(chat);
}

static void a_repeated_append_changes_no_membership(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct transaction *joins = line_adds(&line, "bob", ROLE_MEMBER);
	assert_appended(world->store, transaction_ref(joins));
	assert_appended(world->store, line_removes(&line, "bob"));
	assert_appended(world->store, joins);
	struct chat_record *chat = load_chat(world, "c");
	assert_int_equal(find_member(chat, "bob")->role, ROLE_NONE);
	assert_int_equal(find_member(chat, "bob")->interval_count, 1);
	store_free(chat);
}

int run_member_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(members_have_their_roles_and_times),
		STORY(one_transaction_may_add_several),
		STORY(members_come_by_the_bytes_of_their_ids),
		STORY(leaving_and_coming_back_makes_two_times_of_membership),
		STORY(joining_or_leaving_twice_changes_no_time),
		STORY(who_comes_after_a_deleted_account_begins_with_nothing),
		STORY(a_former_members_account_is_forgotten_as_well),
		STORY(roles_change_for_members_only),
		STORY(a_deleted_group_has_ended),
		STORY(what_conflicts_changes_no_membership),
		STORY(a_repeated_append_changes_no_membership),
	};
	return cmocka_run_group_tests_name("members", stories, NULL, NULL);
}
