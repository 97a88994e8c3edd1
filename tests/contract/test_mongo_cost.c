/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What people cost in MongoDB, in commands, as docs/storage.md says; that a page of the list of chats costs the same however many chats
 * there are; and that an append which is repeated does not write its keys again. */
#include <stdio.h>

#include "tests/contract/mongo_words.h"

static const unsigned char one[INVITATION_HASH_BYTES] = {1}, two[INVITATION_HASH_BYTES] = {2};

/* Of the calling thread: what the store does on its own threads meanwhile does not count. */
static _Thread_local unsigned commands;

static enum mongo_fault count(void *context, const char *collection, bool write)
{
	(void)context;
	(void)collection;
	(void)write;
	commands++;
	return MONGO_NO_FAULT;
}

typedef void scene_part(struct world *world);

static unsigned commands_of(struct world *world, scene_part *act)
{
	unsigned before = commands;
	act(world);
	return commands - before;
}

/* ---- single operations ---- */

static void log_in(struct world *world)
{
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS, NULL), STORE_OK);
}

static void log_in_first(struct world *world)
{
	assert_int_equal(ON_WORLD(put_user, "dave", START_MS, NULL), STORE_OK);
}

static void change_profile(struct world *world)
{
	struct profile_change change = {.name = "Alice", .hides_online = -1, .hides_last_seen = -1};
	assert_int_equal(ON_WORLD(put_profile, "alice", &change, NULL), STORE_OK);
}

static void be_seen(struct world *world)
{
	assert_int_equal(ON_WORLD(put_last_seen, (&(struct last_seen){"alice", START_MS}), 1, NULL), STORE_OK);
}

static void put_receipts(struct world *world)
{
	static const struct receipt receipts[] = {{"c", "alice", 1, 1}, {"c", "bob", 2, 1}, {"d", "alice", 1, 1}};
	assert_int_equal(ON_WORLD(put_receipts, receipts, 3, NULL), STORE_OK);
}

static void put_cursors(struct world *world)
{
	static const struct cursor cursors[] = {{"alice", "phone", "c", 1}, {"alice", "phone", "d", 1}, {"bob", "phone", "c", 2}};
	assert_int_equal(ON_WORLD(put_cursors, cursors, 3, NULL), STORE_OK);
}

static void mute(struct world *world)
{
	assert_int_equal(ON_WORLD(put_mute, "alice", "c", START_MS, NULL), STORE_OK);
}

static void block(struct world *world)
{
	assert_int_equal(ON_WORLD(put_block, "alice", "carol", true, START_MS, NULL), STORE_OK);
}

static void put_device(struct world *world)
{
	assert_int_equal(ON_WORLD(put_device, "alice", "phone", START_MS, "inbox", 0, NULL), STORE_OK);
}

static void see_devices(struct world *world)
{
	static const struct device_seen seen[] = {{"alice", "phone", START_MS + 1}, {"bob", "phone", START_MS + 1}};
	assert_int_equal(ON_WORLD(put_devices_seen, seen, 2, NULL), STORE_OK);
}

static void load_device(struct world *world)
{
	struct device_record *device = NULL;
	assert_int_equal(ON_WORLD(load_device, "alice", "phone", &device, NULL), STORE_OK);
	store_free(device);
}

static void register_phone(struct world *world)
{
	register_device(world, "alice", "phone", "token");
}

static void take_over_token(struct world *world)
{
	register_device(world, "bob", "phone", "token");
}

static void put_device_token(struct world *world)
{
	assert_int_equal(ON_WORLD(put_device_token, "alice", "phone", START_MS, START_MS + DAY_MS, NULL), STORE_OK);
}

static void look_for_targets(struct world *world)
{
	struct push_target_list *list = NULL;
	assert_int_equal(ON_WORLD(list_push_targets, "c", 100, "", 100, &list, NULL), STORE_OK);
	assert_int_equal(list->count, 2);
	store_free(list);
}

static void look_for_no_targets(struct world *world)
{
	struct push_target_list *list = NULL;
	assert_int_equal(ON_WORLD(list_push_targets, "c", 1, "", 100, &list, NULL), STORE_OK);
	assert_int_equal(list->count, 0);
	store_free(list);
}

static void remove_device(struct world *world)
{
	assert_int_equal(ON_WORLD(remove_device, "alice", "phone", NULL), STORE_OK);
}

static void put_revocation(struct world *world)
{
	assert_int_equal(ON_WORLD(put_revocation, "alice/phone", START_MS, NULL), STORE_OK);
}

static void put_favorite(struct world *world)
{
	assert_int_equal(ON_WORLD(put_favorite, "alice", "carol", true, START_MS, NULL), STORE_OK);
}

static void load_favorites(struct world *world)
{
	const char *const *ids = NULL;
	size_t found;
	assert_int_equal(ON_WORLD(load_favorites, "bob", &ids, &found, NULL), STORE_OK);
	store_free((void *)(uintptr_t)ids);
}

static void ask_for_reach(struct world *world)
{
	assert_int_equal(ON_WORLD(check_reach, "bob", ((const char *const[]){"alice", "carol"}), 2, false, NULL), STORE_OK);
}

static void ask_for_both_reaches(struct world *world)
{
	assert_int_equal(ON_WORLD(check_reach, "bob", ((const char *const[]){"alice", "carol"}), 2, true, NULL), STORE_OK);
}

static void load_profiles(struct world *world)
{
	struct profile_list *list = NULL;
	assert_int_equal(ON_WORLD(load_profiles, ((const char *const[]){"alice", "bob", "carol"}), 3, &list, NULL), STORE_OK);
	store_free(list);
}

static void load_one_membership(struct world *world)
{
	store_free(load_membership(world, "alice", "c"));
}

static void take_shared_id(struct world *world)
{
	assert_int_equal(ON_WORLD(put_shared_id, "carol", "new", NULL), STORE_OK);
}

static void change_shared_id(struct world *world)
{
	assert_int_equal(ON_WORLD(put_shared_id, "bob", "other", NULL), STORE_OK);
}

static void put_invitation(struct world *world)
{
	invite(world, two, "alice", START_MS + DAY_MS, 5);
}

static void use_invitation(struct world *world)
{
	assert_use(world, one, "carol", START_MS, "bob");
}

static void end_account(struct world *world)
{
	assert_int_equal(ON_WORLD(delete_user, "bob", START_MS + 5, NULL), STORE_OK);
}

static void settle_in(struct world *world)
{
	struct line c = line_new("c"), d = line_new("d");
	struct profile_change change = {.icon = "icon", .hides_online = -1, .hides_last_seen = -1};
	EXIST("alice", "bob", "carol");
	assert_appended(world->store, line_adds(&c, "alice", ROLE_OWNER));
	assert_appended(world->store, line_adds(&c, "bob", ROLE_OWNER));
	assert_appended(world->store, line_adds(&d, "alice", ROLE_OWNER));
	assert_int_equal(ON_WORLD(put_device, "alice", "phone", START_MS, "inbox", 0, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_device, "bob", "phone", START_MS, "inbox", 0, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_profile, "bob", &change, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_icon, "icon", "bytes", 5, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_shared_id, "bob", "builder", NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_favorite, "bob", "carol", true, START_MS, NULL), STORE_OK);
	invite(world, one, "bob", START_MS + DAY_MS, 5);
}

static void people_cost_what_the_documentation_says(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *what;
		scene_part *act;
		unsigned commands;
	} costs[] = {
		{"login", log_in, 1}, {"first login", log_in_first, 2}, {"profile", change_profile, 1}, {"last seen", be_seen, 1}, {"receipts", put_receipts, 1},
		{"cursors", put_cursors, 1}, {"devices seen", see_devices, 1}, {"reach", ask_for_reach, 1}, {"reach in both directions", ask_for_both_reaches, 2}, {"mute", mute, 2},
		{"block", block, 2}, {"device put", put_device, 2}, {"device loaded", load_device, 2}, {"favorites loaded", load_favorites, 2},
		{"favorite put", put_favorite, 3}, {"one membership", load_one_membership, 3}, {"profiles", load_profiles, 1}, {"shared ID", take_shared_id, 5},
		{"shared ID changed", change_shared_id, 6}, {"invitation put", put_invitation, 2}, {"invitation used", use_invitation, 3},
		{"device registered", register_phone, 3}, {"a push token taken over", take_over_token, 4}, {"and back", register_phone, 7},
		{"device token", put_device_token, 2},
		{"push targets", look_for_targets, 4}, {"no push targets", look_for_no_targets, 2}, {"revocation", put_revocation, 1}, {"device removed", remove_device, 2},
		{"account ended", end_account, 13},
	};
	settle_in(world);
	for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
		unsigned found = commands_of(world, costs[i].act);
		if (found != costs[i].commands)
			fail_msg("%s: %u commands", costs[i].what, found);
	}
}

/* ---- chats and their members: without keys ---- */

static struct line costly; /* the chat that is made and changed */

static void make_chat(struct world *world)
{
	assert_appended(world->store, line_adds_all(&costly, "{\"members\":[{\"userID\":\"alice\",\"role\":\"owner\"},{\"userID\":\"bob\",\"role\":\"member\"}]}"));
}

static void say(struct world *world)
{
	assert_appended(world->store, line_says(&costly, "alice", "hi"));
}

static void add_carol(struct world *world)
{
	assert_appended(world->store, line_adds(&costly, "carol", ROLE_MEMBER));
}

static void remove_carol(struct world *world)
{
	assert_appended(world->store, line_removes(&costly, "carol"));
}

static void rename_group(struct world *world)
{
	assert_appended(world->store, line_updates_group(&costly, "{\"name\":\"Team\"}"));
}

static void chats_and_members_cost_what_the_documentation_says(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *what;
		scene_part *act;
		unsigned commands;
	} costs[] = {
		{"chat made", make_chat, 5}, {"message", say, 1}, {"member added", add_carol, 6}, {"member removed", remove_carol, 6},
		{"member who comes back", add_carol, 7}, {"group renamed", rename_group, 4},
	};
	struct line other = line_new("d");
	assert_appended(world->store, line_says(&other, "alice", "hi")); /* what a process does with its first append is done */
	costly = line_new("c");
	for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
		unsigned found = commands_of(world, costs[i].act);
		if (found != costs[i].commands)
			fail_msg("%s: %u commands", costs[i].what, found);
	}
	struct chat_record *chat = load_chat(world, "c");
	assert_int_equal(chat->current_members, 3);
	assert_int_equal(chat->member_count, 3);
	store_free(chat);
}

/* ---- the list ---- */

static void read_page_of_list(struct world *world)
{
	struct user_record *user = NULL;
	struct chat_window window = {.count_max = 3};
	bool more = false;
	assert_int_equal(ON_WORLD(list_memberships, "alice", &window, &user, &more, NULL), STORE_OK);
	assert_int_equal(user->chat_count, 3);
	assert_true(more);
	store_free(user);
}

static void join(struct world *world, int from, int to)
{
	for (int i = from; i < to; i++) {
		char id[16];
		snprintf(id, sizeof id, "chat%d", i);
		struct line line = line_new(id);
		assert_appended(world->store, line_adds(&line, "alice", ROLE_MEMBER));
	}
}

static void a_page_of_the_list_costs_the_same_however_many_chats_there_are(void **state)
{
	struct world *world = *state;
	EXIST("alice");
	join(world, 0, 4);
	assert_int_equal(commands_of(world, read_page_of_list), 5);
	join(world, 4, 40);
	assert_int_equal(commands_of(world, read_page_of_list), 5);
	world_reopen(world);
	assert_int_equal(commands_of(world, read_page_of_list), 5);
}

/* ---- summaries ---- */

static void read_one_summary(struct world *world)
{
	struct user_chat *membership = load_membership(world, "alice", "c");
	struct chat_summary summary = {0};
	assert_int_equal(ON_WORLD(read_summary, "alice", membership, NULL, 0, "Alice", &summary, NULL), STORE_OK);
	assert_non_null(summary.last_edit);
	chat_summary_fini(&summary);
	store_free(membership);
}

static void a_summary_costs_the_same_whatever_was_edited(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	EXIST("alice");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_MEMBER));
	for (uint64_t i = 2; i < 22; i += 2) {
		assert_appended(world->store, line_says(&line, "bob", "hi"));
		assert_appended(world->store, line_edits(&line, "bob", i, "@Alice hi"));
	}
	assert_in_range(commands_of(world, read_one_summary), 3 + 2, 3 + 3);
}

/* ---- edits ---- */

static void read_edits_of_a_page(struct world *world)
{
	struct user_chat *membership = load_membership(world, "alice", "c");
	uint64_t numbers[100];
	struct transaction *edits[100];
	for (uint64_t i = 0; i < 100; i++)
		numbers[i] = i + 2;
	assert_int_equal(ON_WORLD(read_edits, membership, NULL, 0, numbers, 100, edits, NULL), STORE_OK);
	for (size_t i = 0; i < 100; i++) {
		assert_true(edits[i] == NULL || edits[i]->target == i + 2);
		transaction_free(edits[i]);
	}
	store_free(membership);
}

static void the_edits_of_a_page_are_one_question(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	EXIST("alice");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_MEMBER));
	for (uint64_t i = 2; i < 102; i++)
		assert_appended(world->store, line_says(&line, "bob", "hi"));
	assert_int_equal(commands_of(world, read_edits_of_a_page), 3 + 2);
	for (uint64_t i = 2; i < 102; i += 3)
		assert_appended(world->store, line_edits(&line, "bob", i, "hi Alice"));
	assert_int_equal(commands_of(world, read_edits_of_a_page), 3 + 2);
}

/* So many of them are not all read: those that are asked for first have the last one. */
static void a_message_that_is_edited_many_times_is_one_question_more(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	EXIST("alice");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_MEMBER));
	for (uint64_t i = 2; i < 102; i++)
		assert_appended(world->store, line_says(&line, "bob", "hi"));
	for (int i = 0; i < 300; i++)
		assert_appended(world->store, line_edits(&line, "bob", 50, "hi Alice"));
	run_on_database(world, "{\"update\": \"log\", \"updates\": [{\"q\": {\"n\": 150}, \"u\": {\"$set\": {\"t\": \"nothing\"}}}]}");
	assert_int_equal(commands_of(world, read_edits_of_a_page), 3 + 3);
}

/* ---- keys ---- */

struct keys {
	unsigned writes; /* commands that put keys, or change them */
	bool lose_log;   /* the next time the log is written */
};

static enum mongo_fault watch_keys(void *context, const char *collection, bool write)
{
	struct keys *keys = context;
	keys->writes += write && strcmp(collection, "dedup") == 0;
	if (!write || strcmp(collection, "log") != 0 || !keys->lose_log)
		return MONGO_NO_FAULT;
	keys->lose_log = false;
	return MONGO_LOSE;
}

/* Where a database goes through a collection for each update, many of them last longer than anybody waits. */
static void an_append_that_is_repeated_does_not_write_its_keys_again(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct keys keys = {.lose_log = true};
	const struct mongo_faults before = mongo_faults;
	assert_appended(world->store, line_says(&line, "alice", "first"));
	struct transaction *tx[] = {line_says_as(&line, "alice", "k1", "one"), line_says_as(&line, "alice", "k2", "two")};
	struct append append = {.chat_id = "c", .transactions = tx, .transaction_count = 2};
	mongo_faults = (struct mongo_faults){.decide = watch_keys, .context = &keys};
	assert_int_equal(ON_WORLD(append, &append, 1, NULL), STORE_UNKNOWN);
	assert_int_equal(keys.writes, 1);
	assert_int_equal(ON_WORLD(append, &append, 1, NULL), STORE_OK);
	assert_int_equal(append.result, APPEND_OK);
	assert_int_equal(keys.writes, 2); /* the insert, which found them */
	mongo_faults = before;
	struct line fork = line;
	assert_int_equal(append_one(world->store, line_says_as(&fork, "alice", "k2", "two")), APPEND_CONFLICT);
	for (size_t i = 0; i < 2; i++)
		transaction_free(tx[i]);
}

int main(void)
{
	const struct CMUnitTest stories[] = {
		STORY(people_cost_what_the_documentation_says),
		STORY(chats_and_members_cost_what_the_documentation_says),
		STORY(a_page_of_the_list_costs_the_same_however_many_chats_there_are),
		STORY(a_summary_costs_the_same_whatever_was_edited),
		STORY(the_edits_of_a_page_are_one_question),
		STORY(a_message_that_is_edited_many_times_is_one_question_more),
		STORY(an_append_that_is_repeated_does_not_write_its_keys_again),
	};
	if (!world_choose("mongodb") || getenv("HC_MONGODB") == NULL) {
		fprintf(stderr, "HC_MONGODB names no server (scripts/ferretdb with …)\n");
		return 77;
	}
	mongo_faults.decide = count; /* before there is a store */
	return cmocka_run_group_tests_name("costs in MongoDB", stories, NULL, NULL);
}
