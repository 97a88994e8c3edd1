/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What may be had by one, or by so many: shared IDs and invitations, also when many want them at once. */
#include <pthread.h>
#include <stdio.h>

#include "tests/contract/contract.h"

static const unsigned char one[INVITATION_HASH_BYTES] = {1}, two[INVITATION_HASH_BYTES] = {2, 0xff}, three[INVITATION_HASH_BYTES] = {0};

/* ---- invitations ---- */

/* It can neither be used nor made anew. */
static void assert_dead(struct world *world, const unsigned char *hash, const char *user_id)
{
	assert_int_equal(ON_WORLD(put_invitation, hash, user_id, START_MS, START_MS + DAY_MS, 9, NULL), STORE_TAKEN);
	assert_use(world, hash, "bob", START_MS, NULL);
	assert_use(world, hash, "carol", START_MS, NULL);
}

static void an_invitation_tells_who_invited_until_it_expires(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob", "carol");
	invite(world, one, "alice", START_MS + 10, 5);
	invite(world, two, "bob", START_MS + 20, 5);
	world_reopen(world);
	assert_use(world, one, "carol", START_MS + 9, "alice");
	assert_use(world, two, "carol", START_MS + 9, "bob");
	assert_use(world, three, "carol", START_MS, NULL);
	assert_use(world, one, "carol", START_MS + 10, NULL);
	assert_use(world, two, "carol", START_MS + 10, "bob");
}

static void an_invitation_is_for_so_many_different_people(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob", "carol", "dave");
	invite(world, one, "alice", START_MS + 10, 2);
	assert_use(world, one, "nobody", START_MS, NULL);
	assert_use(world, one, "bob", START_MS, "alice");
	assert_use(world, one, "bob", START_MS, "alice");
	assert_use(world, one, "carol", START_MS, "alice");
	assert_use(world, one, "dave", START_MS, NULL);
	world_reopen(world);
	assert_use(world, one, "bob", START_MS, "alice");
	assert_use(world, one, "dave", START_MS, NULL);
}

static void whom_its_maker_blocks_has_no_invitation_and_costs_no_use(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob", "carol", "dave");
	invite(world, one, "alice", START_MS + 10, 2);
	assert_use(world, one, "dave", START_MS, "alice");
	assert_int_equal(ON_WORLD(put_block, "alice", "bob", true, START_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_block, "alice", "dave", true, START_MS, NULL), STORE_OK);
	assert_use(world, one, "bob", START_MS, NULL);
	assert_use(world, one, "dave", START_MS, NULL); /* he has used it before */
	assert_use(world, one, "carol", START_MS, "alice");
	assert_int_equal(ON_WORLD(put_block, "alice", "bob", false, START_MS + 1, NULL), STORE_OK);
	assert_use(world, one, "bob", START_MS + 1, NULL); /* used up, by the two */
}

static void an_invitation_that_is_put_again_keeps_its_uses(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob", "carol");
	invite(world, one, "alice", START_MS + 10, 1);
	assert_use(world, one, "bob", START_MS, "alice");
	invite(world, one, "alice", START_MS + 10, 1);
	assert_use(world, one, "carol", START_MS, NULL);
	assert_int_equal(ON_WORLD(put_invitation, one, "bob", START_MS, START_MS + 10, 1, NULL), STORE_TAKEN);
	assert_use(world, one, "bob", START_MS, "alice");
}

static void a_revoked_invitation_is_gone_and_only_ones_own_can_be_revoked(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob", "carol");
	invite(world, one, "alice", START_MS + 10, 9);
	invite(world, two, "alice", START_MS + 10, 9);
	invite(world, three, "bob", START_MS + 10, 9);
	assert_use(world, one, "carol", START_MS, "alice");
	assert_int_equal(ON_WORLD(revoke_invitation, "bob", one, NULL), STORE_OK);
	assert_use(world, one, "carol", START_MS, "alice");
	for (int i = 0; i < 2; i++)
		assert_int_equal(ON_WORLD(revoke_invitation, "alice", one, NULL), STORE_OK);
	assert_use(world, one, "carol", START_MS, NULL);
	assert_use(world, two, "carol", START_MS, "alice");
	assert_int_equal(ON_WORLD(revoke_invitation, "alice", NULL, NULL), STORE_OK);
	assert_use(world, two, "carol", START_MS, NULL);
	assert_use(world, three, "carol", START_MS, "bob");
}

static void a_revoked_invitation_does_not_come_to_life_again(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob", "carol");
	invite(world, one, "alice", START_MS + 10, 9);
	invite(world, two, "alice", START_MS + 10, 1);
	assert_use(world, one, "bob", START_MS, "alice");
	assert_use(world, two, "bob", START_MS, "alice");
	assert_int_equal(ON_WORLD(revoke_invitation, "alice", one, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(revoke_invitation, "alice", NULL, NULL), STORE_OK);
	for (int i = 0; i < 2; i++) {
		assert_dead(world, one, "alice");
		assert_dead(world, two, "alice");
		prune_world(world, START_MS + 10);
		world_reopen(world);
	}
}

static void an_expired_invitation_does_not_come_to_life_again(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob", "carol");
	invite(world, one, "alice", START_MS - 1, 9);
	invite(world, two, "alice", START_MS, 1);
	assert_use(world, one, "bob", START_MS - 2, "alice");
	assert_use(world, two, "bob", START_MS - 2, "alice");
	for (int i = 0; i < 2; i++) {
		assert_dead(world, one, "alice");
		assert_dead(world, two, "alice");
		prune_world(world, START_MS);
		world_reopen(world);
	}
}

static void prune_forgets_who_used_expired_invitations_and_no_others(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob");
	invite(world, one, "alice", START_MS + 10, 1);
	invite(world, two, "alice", START_MS + 11, 1);
	assert_use(world, one, "bob", START_MS, "alice");
	assert_use(world, two, "bob", START_MS, "alice");
	prune_world(world, START_MS + 10);
	assert_use(world, one, "bob", START_MS, NULL); /* as if the clock had gone back */
	assert_use(world, two, "bob", START_MS, "alice");
	struct invitation_list *list = NULL;
	assert_int_equal(ON_WORLD(list_invitations, "alice", &list, NULL), STORE_OK);
	assert_int_equal(list->count, 2);
	assert_int_equal(list->invitations[0].used_count, 0);
	assert_int_equal(list->invitations[0].expires_ms, 0);
	assert_int_equal(list->invitations[1].used_count, 1);
	store_free(list);
}

static void with_an_account_go_its_dead_invitations(void **state)
{
	struct world *world = *state;
	EXIST("alice", "bob");
	invite(world, one, "alice", START_MS + 10, 1);
	invite(world, two, "alice", START_MS + 10, 1);
	assert_int_equal(ON_WORLD(revoke_invitation, "alice", one, NULL), STORE_OK);
	prune_world(world, START_MS + 10);
	assert_int_equal(ON_WORLD(delete_user, "alice", START_MS + 11, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS + 12, NULL), STORE_OK);
	struct invitation_list *list = NULL;
	assert_int_equal(ON_WORLD(list_invitations, "alice", &list, NULL), STORE_OK);
	assert_int_equal(list->count, 0);
	store_free(list);
	invite(world, one, "alice", START_MS + 20, 1); /* so not even the hash was there */
	invite(world, two, "bob", START_MS + 20, 1);
}

/* ---- races ---- */

enum { RACERS = 4, RACE_ROUNDS = 25 };

struct racer {
	pthread_t id;
	struct store *store;
	int index;
	int won;
	bool failed;
};

static void race(struct world *world, void *(*main)(void *racer), struct racer racers[RACERS])
{
	for (int i = 0; i < RACERS; i++) {
		racers[i] = (struct racer){.store = i % 2 ? world->other : world->store, .index = i};
		assert_int_equal(pthread_create(&racers[i].id, NULL, main, &racers[i]), 0);
	}
	for (int i = 0; i < RACERS; i++) {
		pthread_join(racers[i].id, NULL);
		assert_false(racers[i].failed);
	}
}

static void exist_racers(struct world *world)
{
	char user_id[16];
	for (int i = 0; i < RACERS * RACE_ROUNDS; i++) {
		snprintf(user_id, sizeof user_id, "racer%d", i);
		assert_int_equal(ON_WORLD(put_user, user_id, START_MS, NULL), STORE_OK);
	}
}

/* Each wants the same IDs, in the same order. */
static void *take_ids(void *arg)
{
	struct racer *racer = arg;
	for (int i = 0; i < RACE_ROUNDS; i++) {
		char user_id[16], shared_id[16];
		snprintf(user_id, sizeof user_id, "racer%d", racer->index * RACE_ROUNDS + i);
		snprintf(shared_id, sizeof shared_id, "id%d", i);
		enum store_rc rc = ON(racer->store, put_shared_id, user_id, shared_id, NULL);
		racer->won += rc == STORE_OK;
		racer->failed = racer->failed || (rc != STORE_OK && rc != STORE_TAKEN);
	}
	return NULL;
}

static void of_many_who_want_one_shared_id_at_once_one_gets_it(void **state)
{
	struct world *world = *state;
	struct racer racers[RACERS];
	int won = 0;
	exist_racers(world);
	race(world, take_ids, racers);
	for (int i = 0; i < RACERS; i++)
		won += racers[i].won;
	assert_int_equal(won, RACE_ROUNDS);
}

/* Each comes with people of his own, and each of them twice. */
static void *use_up(void *arg)
{
	struct racer *racer = arg;
	for (int i = 0; i < 2 * RACE_ROUNDS; i++) {
		char user_id[16], inviter[USER_ID_MAX + 1];
		snprintf(user_id, sizeof user_id, "racer%d", racer->index * RACE_ROUNDS + i / 2);
		enum store_rc rc = ON(racer->store, use_invitation, one, user_id, START_MS, inviter, NULL);
		racer->won += rc == STORE_OK;
		racer->failed = racer->failed || (rc != STORE_OK && rc != STORE_NOT_FOUND);
	}
	return NULL;
}

static void the_uses_of_an_invitation_are_counted_exactly_in_a_race(void **state)
{
	struct world *world = *state;
	struct racer racers[RACERS];
	int won = 0;
	EXIST("alice");
	exist_racers(world);
	invite(world, one, "alice", START_MS + 1, 33);
	race(world, use_up, racers);
	for (int i = 0; i < RACERS; i++)
		won += racers[i].won;
	assert_int_equal(won, 2 * 33);
}

/* The same person on many devices. */
static void *use_as_one(void *arg)
{
	struct racer *racer = arg;
	char inviter[USER_ID_MAX + 1];
	for (int i = 0; i < RACE_ROUNDS; i++) {
		enum store_rc rc = ON(racer->store, use_invitation, one, "racer0", START_MS, inviter, NULL);
		racer->failed = racer->failed || rc != STORE_OK;
	}
	return NULL;
}

static void one_person_costs_one_use_in_a_race(void **state)
{
	struct world *world = *state;
	struct racer racers[RACERS];
	EXIST("alice", "racer0", "racer1", "racer2");
	invite(world, one, "alice", START_MS + 1, 2);
	race(world, use_as_one, racers);
	assert_use(world, one, "racer1", START_MS, "alice");
	assert_use(world, one, "racer2", START_MS, NULL);
}

int run_invitation_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(an_invitation_tells_who_invited_until_it_expires),
		STORY(an_invitation_is_for_so_many_different_people),
		STORY(whom_its_maker_blocks_has_no_invitation_and_costs_no_use),
		STORY(an_invitation_that_is_put_again_keeps_its_uses),
		STORY(a_revoked_invitation_is_gone_and_only_ones_own_can_be_revoked),
		STORY(a_revoked_invitation_does_not_come_to_life_again),
		STORY(an_expired_invitation_does_not_come_to_life_again),
		STORY(prune_forgets_who_used_expired_invitations_and_no_others),
		STORY(with_an_account_go_its_dead_invitations),
		STORY(of_many_who_want_one_shared_id_at_once_one_gets_it),
		STORY(the_uses_of_an_invitation_are_counted_exactly_in_a_race),
		STORY(one_person_costs_one_use_in_a_race),
	};
	return cmocka_run_group_tests_name("invitations", stories, NULL, NULL);
}
