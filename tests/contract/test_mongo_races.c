/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * People in MongoDB when many want the same at once, and commands and answers get lost meanwhile. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "tests/contract/mongo_words.h"

static const unsigned char one[INVITATION_HASH_BYTES] = {1};

/* ---- bad luck ---- */

enum { RACERS = 4, ROUNDS = 6 };

/* One command in eight fares badly, reads too. */
struct misfortune {
	uint64_t seed;
	atomic_uint commands;
};

static _Thread_local struct misfortune *haunted;

static uint64_t scattered(uint64_t number)
{
	number = (number ^ (number >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	number = (number ^ (number >> 27)) * UINT64_C(0x94d049bb133111eb);
	return number ^ (number >> 31);
}

static enum mongo_fault fare_badly(struct misfortune *misfortune)
{
	static const enum mongo_fault kinds[] = {MONGO_FAIL, MONGO_LOSE, MONGO_DO_AND_LOSE};
	uint64_t dice = scattered(misfortune->seed + atomic_fetch_add(&misfortune->commands, 1));
	return dice % 8 == 0 ? kinds[dice / 8 % 3] : MONGO_NO_FAULT;
}

/* Set once, before there is a store. */
static enum mongo_fault decide(void *context, const char *collection, bool write)
{
	(void)context;
	(void)collection;
	(void)write;
	return haunted ? fare_badly(haunted) : MONGO_NO_FAULT;
}

struct racer {
	pthread_t id;
	struct misfortune *misfortune; /* one for all */
	struct store *store;
	int index, won;
	bool failed;
};

static void race(struct world *world, void *(*main)(void *racer), struct racer racers[RACERS])
{
	struct misfortune misfortune = {0};
	id_random(&misfortune.seed, sizeof misfortune.seed);
	print_message("seed %ju\n", (uintmax_t)misfortune.seed);
	for (int i = 0; i < RACERS; i++) {
		racers[i] = (struct racer){.misfortune = &misfortune, .store = i % 2 ? world->other : world->store, .index = i};
		assert_int_equal(pthread_create(&racers[i].id, NULL, main, &racers[i]), 0);
	}
	for (int i = 0; i < RACERS; i++)
		pthread_join(racers[i].id, NULL);
	for (int i = 0; i < RACERS; i++)
		assert_false(racers[i].failed);
}

static bool is_answer(enum store_rc rc)
{
	return rc != STORE_UNAVAILABLE && rc != STORE_UNKNOWN;
}

/* ---- shared IDs ---- */

static void assert_has_shared(struct world *world, const char *user_id, const char *shared_id)
{
	struct profile_list *list = NULL;
	assert_int_equal(ON_WORLD(load_profiles, &user_id, 1, &list, NULL), STORE_OK);
	assert_string_equal(list->profiles[0].shared_id, shared_id);
	store_free(list);
}

/* Each wants the same ones, and asks until there is an answer. */
static void *take_ids(void *arg)
{
	struct racer *racer = arg;
	haunted = racer->misfortune;
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

/* ---- invitations ---- */

static void *use_up(void *arg)
{
	struct racer *racer = arg;
	haunted = racer->misfortune;
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

/* ---- push tokens ---- */

static void *register_all(void *arg)
{
	struct racer *racer = arg;
	haunted = racer->misfortune;
	for (int i = 0; i < ROUNDS; i++) {
		char user_id[16], token[16];
		enum store_rc rc = STORE_UNKNOWN;
		snprintf(user_id, sizeof user_id, "racer%d-%d", racer->index, i);
		snprintf(token, sizeof token, "token%d", i);
		for (int tries = 0; tries < 1000 && !is_answer(rc); tries++)
			rc = ON(racer->store, put_registration, user_id, "phone", "apns", token, START_MS, NULL);
		racer->failed = racer->failed || rc != STORE_OK;
	}
	return NULL;
}

static void a_push_token_is_left_to_one_of_many_though_commands_get_lost(void **state)
{
	struct world *world = *state;
	struct racer racers[RACERS];
	exist_racers(world);
	race(world, register_all, racers);
	for (int i = 0; i < ROUNDS; i++) {
		char token[16];
		snprintf(token, sizeof token, "token%d", i);
		assert_int_equal(count_documents(world, DEVICES, BCON_NEW("pushToken", BCON_UTF8(token))), 1);
	}
	assert_int_equal(count_documents(world, DEVICES, BCON_NEW("pushKey", "{", "$exists", BCON_BOOL(true), "}")), ROUNDS);
}

int main(void)
{
	const struct CMUnitTest stories[] = {
		STORY(a_shared_id_goes_to_one_of_many_though_commands_get_lost),
		STORY(uses_are_counted_exactly_though_commands_get_lost),
		STORY(a_push_token_is_left_to_one_of_many_though_commands_get_lost),
	};
	if (!world_choose("mongodb") || getenv("HC_MONGODB") == NULL) {
		fprintf(stderr, "HC_MONGODB names no server (scripts/ferretdb with …)\n");
		return 77;
	}
	mongo_faults.decide = decide;
	return cmocka_run_group_tests_name("races in MongoDB", stories, NULL, NULL);
}
