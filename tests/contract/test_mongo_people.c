/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * People in MongoDB, where no operation changes two documents at once: what is there when a process dies between two steps, for readers at
 * once and after whoever comes next. Each story runs with the first command failing, the second, … until none fails. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "storage/mongo/db.h"
#include "storage/mongo/fault.h"
#include "tests/contract/contract.h"

static const unsigned char one[INVITATION_HASH_BYTES] = {1}, two[INVITATION_HASH_BYTES] = {2};

/* ---- dying ---- */

/* From the test's write with that number on nothing is sent any more; with `last`, that one is, and its answer is lost. */
struct death {
	pthread_t thread;
	unsigned at, writes;
	bool last;
};

static enum mongo_fault die(void *context, const char *collection, bool write)
{
	(void)collection;
	struct death *death = context;
	if (!pthread_equal(pthread_self(), death->thread))
		return MONGO_NO_FAULT; /* what the store does on its own threads */
	death->writes += write;
	if (death->writes < death->at)
		return MONGO_NO_FAULT;
	return death->last && write && death->writes == death->at ? MONGO_DO_AND_LOSE : MONGO_FAIL;
}

static void arm(struct death *death)
{
	death->writes = 0;
	death->thread = pthread_self();
	mongo_faults.context = death;
	mongo_faults.decide = die;
}

static void disarm(void)
{
	mongo_faults.decide = NULL;
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
		arm(&death);
		act(world);
		disarm();
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

static size_t count_documents(struct world *world, enum collection collection, bson_t *filter)
{
	struct db db;
	struct db_cursor cursor;
	const bson_t *doc;
	size_t count = 0;
	db_begin(&db, world->other);
	db_find(&cursor, &db, collection, filter, NULL);
	while (db_next(&cursor, &doc))
		count++;
	assert_int_equal(db_find_end(&cursor, NULL), STORE_OK);
	db_end(&db);
	return count;
}

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
	assert_int_equal(ON_WORLD(put_last_seen, "alice", START_MS, NULL), STORE_OK);
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
	const char *const *devices = NULL;
	size_t count = 77;
	assert_int_equal(ON_WORLD(list_devices, "alice", &devices, &count, NULL), STORE_OK);
	assert_int_equal(count, 0);
	store_free((void *)(uintptr_t)devices);
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

/* ---- many at once, while commands get lost ---- */

enum { RACERS = 4, ROUNDS = 6 };

/* One command in eight fares badly, reads too, on all threads together. */
struct misfortune {
	uint64_t seed;
	atomic_uint commands;
};

static uint64_t scattered(uint64_t number)
{
	number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
	return number ^ (number >> 31);
}

static enum mongo_fault fare_badly(void *context, const char *collection, bool write)
{
	(void)collection;
	(void)write;
	static const enum mongo_fault kinds[] = {MONGO_FAIL, MONGO_LOSE, MONGO_DO_AND_LOSE};
	struct misfortune *misfortune = context;
	uint64_t dice = scattered(misfortune->seed + atomic_fetch_add(&misfortune->commands, 1));
	return dice % 8 == 0 ? kinds[dice / 8 % 3] : MONGO_NO_FAULT;
}

struct racer {
	pthread_t id;
	struct store *store;
	int index, won;
	bool failed;
};

static void race(struct world *world, void *(*main)(void *racer), struct racer racers[RACERS])
{
	struct misfortune misfortune = {0};
	id_random(&misfortune.seed, sizeof misfortune.seed);
	print_message("seed %ju\n", (uintmax_t)misfortune.seed);
	mongo_faults.context = &misfortune;
	mongo_faults.decide = fare_badly;
	for (int i = 0; i < RACERS; i++) {
		racers[i] = (struct racer){.store = i % 2 ? world->other : world->store, .index = i};
		assert_int_equal(pthread_create(&racers[i].id, NULL, main, &racers[i]), 0);
	}
	for (int i = 0; i < RACERS; i++)
		pthread_join(racers[i].id, NULL);
	disarm();
	for (int i = 0; i < RACERS; i++)
		assert_false(racers[i].failed);
}

static bool is_answer(enum store_rc rc)
{
	return rc != STORE_UNAVAILABLE && rc != STORE_UNKNOWN;
}

/* Each wants the same ones, and asks until there is an answer. */
static void *take_ids(void *arg)
{
	struct racer *racer = arg;
	for (int i = 0; i < ROUNDS; i++) {
		char user_id[16], shared_id[16];
		enum store_rc rc = STORE_UNKNOWN;
		snprintf(user_id, sizeof user_id, "racer%d-%d", racer->index, i);
		snprintf(shared_id, sizeof shared_id, "id%d", i);
		for (int tries = 0; tries < 1000 && !is_answer(rc); tries++)
			rc = ON(racer->store, put_shared_id, user_id, shared_id, NULL);
		racer->won += rc == STORE_OK;
		racer->failed = racer->failed || (rc != STORE_OK && rc != STORE_TAKEN);
	}
	return NULL;
}

static void exist_racers(struct world *world)
{
	for (int i = 0; i < RACERS * ROUNDS; i++) {
		char user_id[16];
		snprintf(user_id, sizeof user_id, "racer%d-%d", i / ROUNDS, i % ROUNDS);
		assert_int_equal(ON_WORLD(put_user, user_id, START_MS, NULL), STORE_OK);
	}
}

static void a_shared_id_goes_to_one_of_many_though_commands_get_lost(void **state)
{
	struct world *world = *state;
	struct racer racers[RACERS];
	int won = 0;
	exist_racers(world);
	race(world, take_ids, racers);
	for (int i = 0; i < RACERS; i++)
		won += racers[i].won;
	assert_int_equal(won, ROUNDS);
	for (int i = 0; i < ROUNDS; i++) {
		char shared_id[16], owner[USER_ID_MAX + 1];
		snprintf(shared_id, sizeof shared_id, "id%d", i);
		assert_int_equal(ON_WORLD(find_shared_id, shared_id, owner, NULL), STORE_OK);
		assert_has_shared(world, owner, shared_id);
		assert_int_equal(count_documents(world, USERS, BCON_NEW("sharedID", BCON_UTF8(shared_id))), 1);
	}
}

static void *use_up(void *arg)
{
	struct racer *racer = arg;
	for (int i = 0; i < ROUNDS; i++) {
		char user_id[16], inviter[USER_ID_MAX + 1];
		enum store_rc rc = STORE_UNKNOWN;
		snprintf(user_id, sizeof user_id, "racer%d-%d", racer->index, i);
		for (int tries = 0; tries < 1000 && !is_answer(rc); tries++)
			rc = ON(racer->store, use_invitation, one, user_id, START_MS, inviter, NULL);
		racer->won += rc == STORE_OK;
		racer->failed = racer->failed || (rc != STORE_OK && rc != STORE_NOT_FOUND);
	}
	return NULL;
}

static void uses_are_counted_exactly_though_commands_get_lost(void **state)
{
	struct world *world = *state;
	struct racer racers[RACERS];
	int won = 0;
	EXIST("alice");
	exist_racers(world);
	invite(world, one, "alice", START_MS + 1, 13);
	race(world, use_up, racers);
	for (int i = 0; i < RACERS; i++)
		won += racers[i].won;
	assert_int_equal(won, 13);
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
		STORY(a_shared_id_goes_to_one_of_many_though_commands_get_lost),
		STORY(uses_are_counted_exactly_though_commands_get_lost),
	};
	if (!world_choose("mongodb") || getenv("HC_MONGODB") == NULL) {
		fprintf(stderr, "HC_MONGODB names no server (scripts/ferretdb with …)\n");
		return 77;
	}
	return cmocka_run_group_tests_name("people in MongoDB", stories, NULL, NULL);
}
