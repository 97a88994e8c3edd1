/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * People in MongoDB, where no operation changes two documents at once: what is there when a process dies between two steps, for readers at
 * once and after whoever comes next. Each story runs with the first command failing, the second, … until none fails. */
#include <stdio.h>

#include "tests/contract/mongo_words.h"

static const unsigned char one[INVITATION_HASH_BYTES] = {1}, two[INVITATION_HASH_BYTES] = {2};

/* ---- dying ---- */

/* From the write with that number on nothing is sent any more; with `last`, that one is, and its answer is lost. */
struct death {
	unsigned at, writes;
	bool last;
};

/* Of the calling thread, so that what a store does on its own threads fares well. */
static _Thread_local struct death *dying;

static enum mongo_fault die(struct death *death, bool write)
{
	death->writes += write;
	if (death->writes < death->at)
		return MONGO_NO_FAULT;
	return death->last && write && death->writes == death->at ? MONGO_DO_AND_LOSE : MONGO_FAIL;
}

/* Set once, before there is a store. */
static enum mongo_fault decide(void *context, const char *collection, bool write)
{
	(void)context;
	(void)collection;
	return dying ? die(dying, write) : MONGO_NO_FAULT;
}

typedef void scene_part(struct world *world);

/* Each in a world of its own: `before`, then `act` by a process that dies at its n-th write, then `after`. Returns how many writes `act` has. */
static unsigned die_everywhere(scene_part *before, scene_part *act, scene_part *after)
{
	struct death death = {.at = 1};
	for (bool died = true; died;) {
		assert_true(death.at < 50);
		struct world *world = world_new();
		before(world);
		death.writes = 0;
		dying = &death;
		act(world);
		dying = NULL;
		died = death.writes >= death.at;
		world_reopen(world);
		after(world);
		world_free(world);
		death.at += death.last;
		death.last = !death.last;
	}
	return death.at - 1;
}

/* ---- looking ---- */

static bool exists(struct world *world, const char *user_id)
{
	struct profile_list *list = NULL;
	assert_int_equal(ON_WORLD(load_profiles, &user_id, 1, &list, NULL), STORE_OK);
	bool found = list->count == 1;
	store_free(list);
	return found;
}

static size_t count_favorites(struct world *world, const char *user_id)
{
	const char *const *ids = NULL;
	size_t count = 77;
	assert_int_equal(ON_WORLD(load_favorites, user_id, &ids, &count, NULL), STORE_OK);
	store_free((void *)(uintptr_t)ids);
	return count;
}

static bool has_device(struct world *world)
{
	struct device_record *device = NULL;
	enum store_rc rc = ON_WORLD(load_device, "alice", "phone", &device, NULL);
	store_free(device);
	return rc == STORE_OK;
}

/* "": nobody. */
static void assert_shared(struct world *world, const char *shared_id, const char *owner)
{
	char user_id[USER_ID_MAX + 1] = "";
	enum store_rc rc = ON_WORLD(find_shared_id, shared_id, user_id, NULL);
	assert_true(rc == STORE_OK || rc == STORE_NOT_FOUND);
	assert_string_equal(user_id, owner);
}

static bool is_shared(struct world *world, const char *shared_id)
{
	char user_id[USER_ID_MAX + 1];
	return ON_WORLD(find_shared_id, shared_id, user_id, NULL) == STORE_OK;
}

static void assert_has_shared(struct world *world, const char *user_id, const char *shared_id)
{
	struct profile_list *list = NULL;
	assert_int_equal(ON_WORLD(load_profiles, &user_id, 1, &list, NULL), STORE_OK);
	assert_string_equal(list->profiles[0].shared_id, shared_id);
	store_free(list);
}

/* ---- the end of an account ---- */

static void settle_in(struct world *world)
{
	struct line line = line_new("c");
	struct profile_change change = {"Alice", "icon", "here", "UTC", 1, 1};
	EXIST("alice", "bob");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_int_equal(ON_WORLD(put_mute, "alice", "c", START_MS + DAY_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_profile, "alice", &change, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_icon, "icon", "bytes", 5, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_shared_id, "alice", "wonder", NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_last_seen, (&(struct last_seen){"alice", START_MS}), 1, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_favorite, "alice", "bob", true, START_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_favorite, "bob", "alice", true, START_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_block, "alice", "carol", true, START_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_device, "alice", "phone", START_MS, "inbox 1", 5, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_cursors, (&(struct cursor){"alice", "phone", "c", 1}), 1, NULL), STORE_OK);
	invite(world, one, "alice", START_MS + DAY_MS, 9);
	invite(world, two, "bob", START_MS + DAY_MS, 1);
	assert_use(world, two, "alice", START_MS, "bob");
}

static void delete_alice(struct world *world)
{
	ON_WORLD(delete_user, "alice", START_MS + 5, NULL);
}

/* For readers there is no half of it. */
static void assert_whole_or_gone(struct world *world)
{
	bool there = exists(world, "alice");
	assert_shared(world, "wonder", there ? "alice" : "");
	assert_int_equal(count_favorites(world, "bob"), there);
	assert_int_equal(count_favorites(world, "alice"), there);
	assert_int_equal(has_device(world), there);
	assert_use(world, one, "bob", START_MS, there ? "alice" : NULL);
	assert_int_equal(ON_WORLD(check_reach, "bob", ((const char *const[]){"alice"}), 1, false, NULL), there ? STORE_OK : STORE_NOT_FOUND);
	if (!there)
		assert_int_equal(ON_WORLD(put_shared_id, "bob", "wonder", NULL), STORE_OK);
}

static void assert_nothing_elsewhere(struct world *world)
{
	struct user_chat *membership = load_membership(world, "alice", "c");
	assert_int_equal(membership->muted_until_ms, 0);
	store_free(membership);
	assert_int_equal(count_documents(world, DEVICES, BCON_NEW("u", BCON_UTF8("alice"))), 0);
	assert_int_equal(count_documents(world, INVITATIONS, BCON_NEW("u", BCON_UTF8("alice"))), 0);
	assert_int_equal(count_documents(world, SHARED_IDS, BCON_NEW("u", BCON_UTF8("alice"))), 0);
	assert_int_equal(count_documents(world, ICONS, bson_new()), 0);
	assert_int_equal(count_documents(world, USERS, BCON_NEW("favorites.u", BCON_UTF8("alice"))), 0);
	assert_int_equal(count_documents(world, USERS, BCON_NEW("ending", "{", "$exists", BCON_BOOL(true), "}")), 0);
}

static void it_is_repeated(struct world *world)
{
	assert_whole_or_gone(world);
	assert_int_equal(ON_WORLD(delete_user, "alice", START_MS + 5, NULL), STORE_OK);
	assert_false(exists(world, "alice"));
	assert_nothing_elsewhere(world);
}

static void an_end_that_was_broken_off_is_finished_by_its_repetition(void **state)
{
	(void)state;
	assert_true(die_everywhere(settle_in, delete_alice, it_is_repeated) >= 8);
}

static void she_comes_back(struct world *world)
{
	assert_whole_or_gone(world);
	bool gone = !exists(world, "alice");
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS + 9, NULL), STORE_OK);
	assert_true(exists(world, "alice"));
	if (!gone)
		return;
	assert_nothing_elsewhere(world);
	assert_false(has_device(world));
	assert_int_equal(count_favorites(world, "bob"), 0);
	assert_has_shared(world, "alice", "");
	assert_use(world, one, "bob", START_MS, NULL);
	assert_use(world, two, "alice", START_MS, NULL); /* the one who used it was another account */
}

static void who_comes_back_after_an_end_that_was_broken_off_begins_with_nothing(void **state)
{
	(void)state;
	die_everywhere(settle_in, delete_alice, she_comes_back);
}

static void the_erasure_is_finished(struct world *world)
{
	if (ON_WORLD(finish_deletion, "alice", NULL) == STORE_OK)
		assert_nothing_elsewhere(world);
	else
		assert_true(exists(world, "alice"));
}

static void an_end_that_was_broken_off_is_finished_with_the_erasure(void **state)
{
	(void)state;
	die_everywhere(settle_in, delete_alice, the_erasure_is_finished);
}

static void alice_is_gone(struct world *world)
{
	settle_in(world);
	assert_int_equal(ON_WORLD(delete_user, "alice", START_MS + 5, NULL), STORE_OK);
}

static void alice_comes_back(struct world *world)
{
	ON_WORLD(put_user, "alice", START_MS + 9, NULL);
}

static void she_is_there_after_a_repetition(struct world *world)
{
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS + 9, NULL), STORE_OK);
	assert_true(exists(world, "alice"));
	assert_int_equal(ON_WORLD(delete_user, "alice", START_MS + 5, NULL), STORE_OK); /* the old one, from a journal */
	assert_true(exists(world, "alice"));
}

static void a_return_that_was_broken_off_can_be_repeated(void **state)
{
	(void)state;
	die_everywhere(alice_is_gone, alice_comes_back, she_is_there_after_a_repetition);
}

/* ---- what one account left, met by the next ---- */

/* As if the process had been stopped between reading who exists and writing, while the account ended. */
static void put_raw(struct world *world, enum collection collection, bson_t *doc)
{
	struct db db;
	db_begin(&db, world->other);
	assert_int_equal(db_insert(&db, collection, doc, NULL), STORE_OK);
	db_end(&db);
}

static void what_comes_late_for_an_account_that_ended_is_void(void **state)
{
	struct world *world = *state;
	struct pair_key key = pair_key("alice", "phone");
	alice_is_gone(world);
	put_raw(world, DEVICES,
		BCON_NEW("_id", KEY_BIN(key), "u", BCON_UTF8("alice"), "account", BCON_INT64(0), "name", BCON_UTF8("phone"), "seen", BCON_INT64(START_MS),
			"subscriptions", BCON_UTF8("inbox 1"), "maxBytes", BCON_INT64(5), "cursors", "{", "c", BCON_INT64(1), "}"));
	put_raw(world, INVITATIONS,
		BCON_NEW("_id", BCON_BIN(BSON_SUBTYPE_BINARY, one, sizeof one), "u", BCON_UTF8("alice"), "account", BCON_INT64(0), "expires",
			BCON_INT64(START_MS + DAY_MS), "left", BCON_INT64(5), "v", BCON_INT64(0), "by", "[", "]"));
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS + 9, NULL), STORE_OK);
	assert_false(has_device(world));
	assert_use(world, one, "bob", START_MS, NULL);
	struct device_list *devices = NULL;
	assert_int_equal(ON_WORLD(list_devices, "alice", &devices, NULL), STORE_OK);
	assert_int_equal(devices->count, 0);
	store_free(devices);
	assert_int_equal(ON_WORLD(put_device, "alice", "phone", START_MS, "", 0, NULL), STORE_OK);
	struct device_record *device = NULL;
	assert_int_equal(ON_WORLD(load_device, "alice", "phone", &device, NULL), STORE_OK);
	assert_int_equal(device->cursor_count, 0);
	store_free(device);
	invite(world, one, "alice", START_MS + DAY_MS, 1);
	assert_use(world, one, "bob", START_MS, "alice");
}

/* ---- shared IDs ---- */

static void two_people(struct world *world)
{
	EXIST("alice", "bob");
	assert_int_equal(ON_WORLD(put_shared_id, "alice", "before", NULL), STORE_OK);
}

static void alice_wants_it(struct world *world)
{
	ON_WORLD(put_shared_id, "alice", "wonder", NULL);
}

/* One of the two is hers, and everybody sees the same one. */
static void assert_one_is_hers(struct world *world)
{
	bool has_new = is_shared(world, "wonder");
	assert_shared(world, has_new ? "wonder" : "before", "alice");
	assert_shared(world, has_new ? "before" : "wonder", "");
	assert_has_shared(world, "alice", has_new ? "wonder" : "before");
}

static void she_tries_again(struct world *world)
{
	assert_one_is_hers(world);
	assert_int_equal(ON_WORLD(put_shared_id, "alice", "wonder", NULL), STORE_OK);
	assert_shared(world, "wonder", "alice");
	assert_has_shared(world, "alice", "wonder");
	assert_int_equal(ON_WORLD(put_shared_id, "bob", "wonder", NULL), STORE_TAKEN);
	assert_int_equal(ON_WORLD(put_shared_id, "bob", "before", NULL), STORE_OK);
	assert_shared(world, "before", "bob");
}

static void a_shared_id_whose_taking_was_broken_off_can_be_taken_again(void **state)
{
	(void)state;
	assert_true(die_everywhere(two_people, alice_wants_it, she_tries_again) >= 4);
}

static void bob_wants_it_then(struct world *world)
{
	assert_one_is_hers(world);
	bool is_hers = is_shared(world, "wonder");
	assert_int_equal(ON_WORLD(put_shared_id, "bob", "wonder", NULL), is_hers ? STORE_TAKEN : STORE_OK);
	assert_shared(world, "wonder", is_hers ? "alice" : "bob");
	assert_has_shared(world, "bob", is_hers ? "" : "wonder");
	assert_has_shared(world, "alice", is_hers ? "wonder" : "before");
}

static void a_shared_id_whose_taking_was_broken_off_is_free_for_others(void **state)
{
	(void)state;
	die_everywhere(two_people, alice_wants_it, bob_wants_it_then);
}

static void alice_gives_it_up(struct world *world)
{
	ON_WORLD(put_shared_id, "alice", "", NULL);
}

static void somebody_takes_it(struct world *world)
{
	bool is_hers = is_shared(world, "before");
	assert_has_shared(world, "alice", is_hers ? "before" : "");
	assert_int_equal(ON_WORLD(put_shared_id, "bob", "before", NULL), is_hers ? STORE_TAKEN : STORE_OK);
	assert_int_equal(ON_WORLD(put_shared_id, "alice", "", NULL), STORE_OK);
	assert_shared(world, "before", is_hers ? "" : "bob");
}

static void a_shared_id_whose_giving_up_was_broken_off_is_hers_or_free(void **state)
{
	(void)state;
	die_everywhere(two_people, alice_gives_it_up, somebody_takes_it);
}

/* ---- invitations, devices, blocks ---- */

static void one_is_invited(struct world *world)
{
	EXIST("alice", "bob", "carol");
	invite(world, one, "alice", START_MS + DAY_MS, 2);
}

static void bob_uses_it(struct world *world)
{
	char inviter[USER_ID_MAX + 1];
	ON_WORLD(use_invitation, one, "bob", START_MS, inviter, NULL);
}

static void it_costs_one_use(struct world *world)
{
	assert_use(world, one, "bob", START_MS, "alice");
	assert_use(world, one, "carol", START_MS, "alice");
	assert_use(world, one, "alice", START_MS, NULL);
	assert_use(world, one, "bob", START_MS, "alice");
}

static void a_use_that_was_broken_off_costs_one_when_repeated(void **state)
{
	(void)state;
	die_everywhere(one_is_invited, bob_uses_it, it_costs_one_use);
}

static void alice_has_blocked(struct world *world)
{
	EXIST("alice", "bob");
	assert_int_equal(ON_WORLD(put_block, "alice", "bob", true, START_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_block, "alice", "bob", false, START_MS + 5, NULL), STORE_OK);
}

static void alice_blocks_again(struct world *world)
{
	ON_WORLD(put_block, "alice", "bob", true, START_MS + 9, NULL);
}

static void it_is_one_block(struct world *world)
{
	struct block_list *list = NULL;
	assert_int_equal(ON_WORLD(put_block, "alice", "bob", true, START_MS + 9, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_blocks, "alice", &list, NULL), STORE_OK);
	assert_int_equal(list->count, 2);
	assert_int_equal(list->blocks[1].from_ms, START_MS + 9);
	store_free(list);
	assert_int_equal(ON_WORLD(check_reach, "bob", ((const char *const[]){"alice"}), 1, false, NULL), STORE_NOT_FOUND);
}

static void a_block_that_was_broken_off_is_one_block_when_repeated(void **state)
{
	(void)state;
	die_everywhere(alice_has_blocked, alice_blocks_again, it_is_one_block);
}

/* ---- what is not ours ---- */

/* As hyperchatctl copy reads it. */
static void what_stands_among_the_guests_of_an_invitation_and_is_no_text_is_passed_over(void **state)
{
	static const char *const values[] = {"7", "null", "{\"bob\": \"7:bob\"}", "[\"7:bob\"]", "{\"$binary\": {\"base64\": \"N2JvYg==\", \"subType\": \"00\"}}"};
	struct world *world = *state;
	struct invitation_list *list = NULL;
	EXIST("alice", "bob", "carol");
	invite(world, one, "alice", START_MS + 10, 5);
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		char json[300];
		snprintf(json, sizeof json, "{\"update\": \"invitations\", \"updates\": [{\"q\": {}, \"u\": {\"$push\": {\"by\": %s}}}]}", values[i]);
		run_on_database(world, json);
	}
	assert_use(world, one, "carol", START_MS, "alice");
	assert_use(world, one, "bob", START_MS, "alice");
	assert_int_equal(ON_WORLD(list_invitations, "alice", &list, NULL), STORE_OK);
	assert_int_equal(list->count, 1);
	assert_int_equal(list->invitations[0].uses_left, 3);
	assert_int_equal(list->invitations[0].used_count, 2);
	assert_string_equal(list->invitations[0].used_by[0], "bob");
	assert_string_equal(list->invitations[0].used_by[1], "carol");
	store_free(list);
}

/* ---- damage ---- */

static void a_chat_whose_end_is_damaged_keeps_no_other_from_having_its_places_of_devices(void **state)
{
	struct world *world = *state;
	struct line c = line_new("c"), d = line_new("d");
	struct device_record *record = NULL;
	static const struct cursor cursors[] = {{"alice", "phone", "c", 1}, {"bob", "phone", "c", 1}, {"bob", "phone", "d", 1}, {"bob", "phone", "nowhere", 1}};
	EXIST("alice", "bob");
	c.writer = "w2";
	assert_appended(world->store, line_says(&c, "alice", "hi"));
	assert_appended(world->store, line_says(&d, "alice", "hi"));
	assert_int_equal(ON_WORLD(put_device, "bob", "phone", START_MS, "inbox 1", 5, NULL), STORE_OK);
	run_on_database(world, "{\"update\": \"log\", \"updates\": [{\"q\": {\"w\": \"w2\"}, \"u\": {\"$set\": {\"t\": \"nothing\"}}}]}");
	assert_int_equal(ON(world->other, put_cursors, cursors, 4, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_device, "bob", "phone", &record, NULL), STORE_OK);
	assert_int_equal(record->cursor_count, 2);
	store_free(record);
}

int main(void)
{
	const struct CMUnitTest stories[] = {
		cmocka_unit_test(an_end_that_was_broken_off_is_finished_by_its_repetition),
		cmocka_unit_test(who_comes_back_after_an_end_that_was_broken_off_begins_with_nothing),
		cmocka_unit_test(an_end_that_was_broken_off_is_finished_with_the_erasure),
		cmocka_unit_test(a_return_that_was_broken_off_can_be_repeated),
		STORY(what_comes_late_for_an_account_that_ended_is_void),
		cmocka_unit_test(a_shared_id_whose_taking_was_broken_off_can_be_taken_again),
		cmocka_unit_test(a_shared_id_whose_taking_was_broken_off_is_free_for_others),
		cmocka_unit_test(a_shared_id_whose_giving_up_was_broken_off_is_hers_or_free),
		cmocka_unit_test(a_use_that_was_broken_off_costs_one_when_repeated),
		cmocka_unit_test(a_block_that_was_broken_off_is_one_block_when_repeated),
		STORY(a_chat_whose_end_is_damaged_keeps_no_other_from_having_its_places_of_devices),
		STORY(what_stands_among_the_guests_of_an_invitation_and_is_no_text_is_passed_over),
	};
	if (!world_choose("mongodb") || getenv("HC_MONGODB") == NULL) {
		fprintf(stderr, "HC_MONGODB names no server (scripts/ferretdb with …)\n");
		return 77;
	}
	mongo_faults.decide = decide;
	return cmocka_run_group_tests_name("people in MongoDB", stories, NULL, NULL);
}
