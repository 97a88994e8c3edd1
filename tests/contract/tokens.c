/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What makes tokens count or not: revocations, and the keys that sign those of devices. */
#include <stdio.h>

#include "tests/contract/contract.h"

/* ---- revocations ---- */

static void revoke(struct world *world, const char *subject, int64_t at_ms)
{
	assert_int_equal(ON_WORLD(put_revocation, subject, at_ms, NULL), STORE_OK);
}

/* what: each subject with its time behind START_MS, each with a blank behind it. */
static void assert_revoked(struct world *world, const char *after, size_t count_max, const char *what)
{
	struct revocation_list *list = NULL;
	char found[256] = "";
	assert_int_equal(ON(world->other, list_revocations, after, count_max, &list, NULL), STORE_OK);
	for (size_t i = 0; i < list->count; i++)
		snprintf(found + strlen(found), sizeof found - strlen(found), "%s+%lld ", list->revocations[i].subject,
			(long long)(list->revocations[i].at_ms - START_MS));
	assert_string_equal(found, what);
	store_free(list);
}

static void the_later_revocation_counts(void **state)
{
	struct world *world = *state;
	assert_revoked(world, "", 10, "");
	revoke(world, "bob", START_MS + 5);
	revoke(world, "bob/phone", START_MS + 7);
	revoke(world, "bob", START_MS + 3);
	assert_revoked(world, "", 10, "bob+5 bob/phone+7 ");
	revoke(world, "bob/phone", START_MS + 9);
	revoke(world, "bob/phone", START_MS + 9);
	assert_revoked(world, "", 10, "bob+5 bob/phone+9 ");
	world_reopen(world);
	assert_revoked(world, "", 10, "bob+5 bob/phone+9 ");
}

static void a_revocation_that_is_lowered_is_earlier_and_none_is_made_by_it(void **state)
{
	struct world *world = *state;
	revoke(world, "bob", START_MS + 500);
	revoke(world, "bob/phone", START_MS + 600);
	for (int twice = 0; twice < 2; twice++) {
		assert_int_equal(ON_WORLD(lower_revocation, "bob", START_MS + 7, NULL), STORE_OK);
		assert_int_equal(ON_WORLD(lower_revocation, "bob/phone", START_MS + 8, NULL), STORE_OK);
		assert_int_equal(ON_WORLD(lower_revocation, "carol", START_MS + 9, NULL), STORE_OK);
		assert_revoked(world, "", 10, "bob+7 bob/phone+8 ");
	}
	assert_int_equal(ON_WORLD(lower_revocation, "bob", START_MS + 8, NULL), STORE_OK);
	world_reopen(world);
	assert_revoked(world, "", 10, "bob+7 bob/phone+8 ");
	revoke(world, "bob", START_MS + 9);
	assert_revoked(world, "", 10, "bob+9 bob/phone+8 ");
	prune_world(world, START_MS + 9 + STORE_DEVICE_TOKEN_DAYS * DAY_MS);
	assert_revoked(world, "", 10, "bob+9 ");
}

static void revocations_are_listed_a_page_at_a_time(void **state)
{
	struct world *world = *state;
	static const char *const subjects[] = {"carol", "Zoe", "bob/watch", "bob"};
	for (size_t i = 0; i < 4; i++)
		revoke(world, subjects[i], START_MS + (int64_t)i);
	assert_revoked(world, "", 3, "Zoe+1 bob+3 bob/watch+2 ");
	assert_revoked(world, "bob/watch", 3, "carol+0 ");
	assert_revoked(world, "bob", 1, "bob/watch+2 ");
	assert_revoked(world, "carol", 3, "");
}

static void revocations_outlive_the_account_and_need_none(void **state)
{
	struct world *world = *state;
	EXIST("bob");
	revoke(world, "bob", START_MS + 1);
	revoke(world, "bob/phone", START_MS + 2);
	revoke(world, "nobody", START_MS + 3);
	assert_int_equal(ON_WORLD(delete_user, "bob", START_MS + 4, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(finish_deletion, "bob", NULL), STORE_OK);
	assert_revoked(world, "", 10, "bob+1 bob/phone+2 nobody+3 ");
}

static void prune_forgets_revocations_of_devices_when_their_tokens_have_ended(void **state)
{
	struct world *world = *state;
	revoke(world, "bob", START_MS);
	revoke(world, "bob/phone", START_MS);
	revoke(world, "bob/watch", START_MS + 1);
	prune_world(world, START_MS + STORE_DEVICE_TOKEN_DAYS * DAY_MS);
	assert_revoked(world, "", 10, "bob+0 bob/phone+0 bob/watch+1 ");
	prune_world(world, START_MS + STORE_DEVICE_TOKEN_DAYS * DAY_MS + 1);
	assert_revoked(world, "", 10, "bob+0 bob/watch+1 ");
	prune_world(world, START_MS + 10 * STORE_DEVICE_TOKEN_DAYS * DAY_MS);
	assert_revoked(world, "", 10, "bob+0 ");
}

/* ---- signing keys ---- */

static const unsigned char secret_bytes[] = {0, 1, 2, 0xff, 0, 7}, other_bytes[] = {0, 1, 2, 0xff, 0, 8};

static enum store_rc add_key(struct world *world, const char *kid, int64_t created_at_ms, const void *bytes, size_t len)
{
	return ON_WORLD(add_signing_key, (&(struct signing_key){kid, created_at_ms, bytes, len}), NULL);
}

/* kids: each with a blank behind it. */
static void assert_keys(struct world *world, const char *kids)
{
	struct signing_key_list *list = NULL;
	char found[256] = "";
	assert_int_equal(ON(world->other, list_signing_keys, &list, NULL), STORE_OK);
	for (size_t i = 0; i < list->count; i++)
		snprintf(found + strlen(found), sizeof found - strlen(found), "%s ", list->keys[i].kid);
	assert_string_equal(found, kids);
	store_free(list);
}

static void signing_keys_are_listed_the_newest_first(void **state)
{
	struct world *world = *state;
	assert_keys(world, "");
	assert_int_equal(add_key(world, "b", START_MS, secret_bytes, sizeof secret_bytes), STORE_OK);
	assert_int_equal(add_key(world, "c", START_MS - 1, "x", 1), STORE_OK);
	assert_int_equal(add_key(world, "a", START_MS + 1, "y", 1), STORE_OK);
	assert_keys(world, "a b c ");
	world_reopen(world);
	struct signing_key_list *list = NULL;
	assert_int_equal(ON_WORLD(list_signing_keys, &list, NULL), STORE_OK);
	assert_int_equal(list->count, 3);
	assert_int_equal(list->keys[1].created_at_ms, START_MS);
	assert_int_equal(list->keys[1].len, sizeof secret_bytes);
	assert_memory_equal(list->keys[1].bytes, secret_bytes, sizeof secret_bytes);
	store_free(list);
}

static void the_same_signing_key_may_come_again_and_no_other_under_its_name(void **state)
{
	struct world *world = *state;
	assert_int_equal(add_key(world, "a", START_MS, secret_bytes, sizeof secret_bytes), STORE_OK);
	assert_int_equal(add_key(world, "a", START_MS, secret_bytes, sizeof secret_bytes), STORE_OK);
	assert_int_equal(add_key(world, "a", START_MS, other_bytes, sizeof other_bytes), STORE_TAKEN);
	assert_int_equal(add_key(world, "a", START_MS, secret_bytes, sizeof secret_bytes - 1), STORE_TAKEN);
	assert_keys(world, "a ");
	struct signing_key_list *list = NULL;
	assert_int_equal(ON_WORLD(list_signing_keys, &list, NULL), STORE_OK);
	assert_memory_equal(list->keys[0].bytes, secret_bytes, sizeof secret_bytes);
	store_free(list);
}

static void a_dropped_signing_key_is_gone_and_dropping_is_repeatable(void **state)
{
	struct world *world = *state;
	assert_int_equal(add_key(world, "a", START_MS, secret_bytes, sizeof secret_bytes), STORE_OK);
	assert_int_equal(add_key(world, "b", START_MS - 1, other_bytes, sizeof other_bytes), STORE_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ON_WORLD(drop_signing_key, "a", NULL), STORE_OK);
		assert_keys(world, "b ");
	}
	assert_int_equal(add_key(world, "a", START_MS, other_bytes, sizeof other_bytes), STORE_OK);
	assert_keys(world, "a b ");
}

int run_token_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(the_later_revocation_counts),
		STORY(a_revocation_that_is_lowered_is_earlier_and_none_is_made_by_it),
		STORY(revocations_are_listed_a_page_at_a_time),
		STORY(revocations_outlive_the_account_and_need_none),
		STORY(prune_forgets_revocations_of_devices_when_their_tokens_have_ended),
		STORY(signing_keys_are_listed_the_newest_first),
		STORY(the_same_signing_key_may_come_again_and_no_other_under_its_name),
		STORY(a_dropped_signing_key_is_gone_and_dropping_is_repeatable),
	};
	return cmocka_run_group_tests_name("tokens", stories, NULL, NULL);
}
