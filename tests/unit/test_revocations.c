/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What is kept in memory of the store for the sake of tokens: revocations, and the keys that sign device tokens. Against a memory store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "plugin/broker/revocations.h"
#include "plugin/broker/signing.h"
#include "storage/faulty/faulty.h"

#define NOW_MS INT64_C(1790000000500)
#define DAY_MS (INT64_C(24) * 60 * 60 * 1000)

static struct store *store;
static struct error err;

static int with_store(void **state)
{
	(void)state;
	struct store *memory;
	if (store_open("memory:", &memory, &err) != STORE_OK)
		return 1;
	store = store_faulty_new(memory);
	return 0;
}

static int without_store(void **state)
{
	(void)state;
	store_ops(store)->close(store);
	return 0;
}

/* ---- revocations ---- */

static void revoke(const char *subject, int64_t at_ms)
{
	assert_int_equal(store_ops(store)->put_revocation(store, subject, at_ms, &err), STORE_OK);
}

static struct revocations *load(void)
{
	struct revocations *table;
	assert_int_equal(revocations_load(store, &table, &err), STORE_OK);
	return table;
}

static bool refuses(const struct revocations *table, const char *user_id, const char *device, int64_t issued_at_ms)
{
	const char *why = NULL;
	bool refused = revocations_refuse(table, user_id, device, issued_at_ms, &why);
	assert_true(refused == (why != NULL));
	return refused;
}

static void a_user_is_hit_up_to_the_moment_with_all_his_tokens(void **state)
{
	(void)state;
	revoke("alice", NOW_MS);
	struct revocations *table = load();
	assert_true(refuses(table, "alice", NULL, NOW_MS - 1));
	assert_true(refuses(table, "alice", NULL, NOW_MS));
	assert_false(refuses(table, "alice", NULL, NOW_MS + 1));
	assert_true(refuses(table, "alice", "lamp", NOW_MS));
	assert_false(refuses(table, "alice", "lamp", NOW_MS + 1));
	assert_false(refuses(table, "bob", NULL, 1));
	assert_false(refuses(table, "alice2", NULL, 1));
	revocations_free(table);
}

static void to_the_second_what_may_have_been_before_counts_as_before(void **state)
{
	(void)state;
	revoke("alice", NOW_MS);
	struct revocations *table = load();
	assert_true(refuses(table, "alice", NULL, NOW_MS / 1000 * 1000));
	assert_false(refuses(table, "alice", NULL, (NOW_MS / 1000 + 1) * 1000));
	revocations_free(table);
}

static void a_token_that_does_not_say_when_it_was_issued_is_hit_for_ever(void **state)
{
	(void)state;
	revoke("alice", NOW_MS);
	struct revocations *table = load();
	assert_true(refuses(table, "alice", NULL, 0));
	assert_false(refuses(table, "bob", NULL, 0));
	revocations_free(table);
}

static void a_device_is_hit_by_its_own_tokens_alone(void **state)
{
	(void)state;
	revoke("alice/lamp", NOW_MS);
	revoke("bob/", NOW_MS);
	struct revocations *table = load();
	assert_true(refuses(table, "alice", "lamp", NOW_MS));
	assert_false(refuses(table, "alice", "lamp", NOW_MS + 1));
	assert_false(refuses(table, "alice", "lamp2", 1));
	assert_false(refuses(table, "alice", "", 1));
	assert_false(refuses(table, "alice", NULL, 1));
	assert_true(refuses(table, "bob", "", NOW_MS));
	assert_false(refuses(table, "bob", NULL, NOW_MS));
	revocations_free(table);
}

static void the_later_moment_counts(void **state)
{
	(void)state;
	revoke("alice", NOW_MS);
	struct revocations *table = load();
	revocations_add(table, "alice", NOW_MS - 1000);
	assert_true(refuses(table, "alice", NULL, NOW_MS));
	revocations_add(table, "alice", NOW_MS + 1000);
	assert_true(refuses(table, "alice", NULL, NOW_MS + 1000));
	revocations_free(table);
}

static void a_ban_refuses_every_token_until_it_is_taken_back(void **state)
{
	(void)state;
	const char *why = NULL;
	revoke("bob", REVOCATION_BAN_MS);
	struct revocations *table = load();
	assert_int_equal(revocations_at(table, "bob"), REVOCATION_BAN_MS);
	assert_int_equal(revocations_at(table, "alice"), 0);
	assert_true(revocations_refuse(table, "bob", NULL, NOW_MS + 10000 * DAY_MS, &why));
	assert_string_equal(why, "the user is banned");
	uint64_t changes = revocations_changes(table);
	revocations_lower(table, "bob", NOW_MS);
	assert_true(revocations_changes(table) > changes);
	assert_true(refuses(table, "bob", NULL, NOW_MS));
	assert_false(refuses(table, "bob", NULL, NOW_MS + 1000));
	revocations_lower(table, "bob", NOW_MS + DAY_MS); /* what is earlier stays */
	revocations_lower(table, "alice", NOW_MS);
	assert_int_equal(revocations_at(table, "bob"), NOW_MS);
	assert_false(refuses(table, "alice", NULL, NOW_MS));
	revocations_free(table);
}

static void the_longest_names_are_told_apart(void **state)
{
	(void)state;
	char user_id[USER_ID_MAX + 1] = "", device[65] = "", subject[NOTICE_SUBJECT_MAX + 1];
	memset(user_id, 'u', USER_ID_MAX);
	memset(device, 'd', 64);
	snprintf(subject, sizeof subject, "%s/%s", user_id, device);
	revoke(subject, NOW_MS);
	struct revocations *table = load();
	assert_true(refuses(table, user_id, device, NOW_MS));
	device[63] = 'e';
	assert_false(refuses(table, user_id, device, NOW_MS));
	revocations_free(table);
}

static void all_of_them_are_loaded_however_many(void **state)
{
	(void)state;
	char user_id[32];
	for (int i = 0; i < 2500; i++) {
		snprintf(user_id, sizeof user_id, "user%d", i);
		revoke(user_id, NOW_MS + i);
	}
	struct revocations *table = load();
	for (int i = 0; i < 2500; i++) {
		snprintf(user_id, sizeof user_id, "user%d", i);
		assert_true(refuses(table, user_id, NULL, NOW_MS + i));
		assert_false(refuses(table, user_id, NULL, NOW_MS + i + 1));
	}
	revocations_free(table);
}

/* ---- keys ---- */

static struct signing_key_list *ready_at(int64_t now_ms)
{
	struct signing_key_list *list;
	assert_int_equal(signing_keys_ready(store, now_ms, &list, &err), STORE_OK);
	return list;
}

static size_t count_loaded(void)
{
	struct key_set *keys;
	assert_int_equal(signing_keys_load(store, &keys, &err), STORE_OK);
	size_t count = keys ? keys->key_count : 0;
	key_set_free(keys);
	return count;
}

static void the_first_token_makes_the_key_and_the_next_ones_take_it(void **state)
{
	(void)state;
	assert_int_equal(count_loaded(), 0);
	struct signing_key_list *first = ready_at(NOW_MS), *again = ready_at(NOW_MS + 89 * DAY_MS);
	assert_int_equal(first->count, 1);
	assert_int_equal(again->count, 1);
	assert_string_equal(first->keys[0].kid, again->keys[0].kid);
	assert_int_equal(count_loaded(), 1);
	store_free(first);
	store_free(again);
}

static void after_90_days_another_one_signs_and_the_old_one_counts(void **state)
{
	(void)state;
	struct signing_key_list *first = ready_at(NOW_MS), *next = ready_at(NOW_MS + 90 * DAY_MS);
	assert_int_equal(next->count, 2);
	assert_string_not_equal(next->keys[0].kid, first->keys[0].kid);
	assert_string_equal(next->keys[1].kid, first->keys[0].kid);
	assert_int_equal(count_loaded(), 2);
	store_free(first);
	store_free(next);
}

/* The last token may have been signed on the 90th day, for 400. */
static void it_is_dropped_when_its_last_token_is_over(void **state)
{
	(void)state;
	struct signing_key_list *first = ready_at(NOW_MS), *then = ready_at(NOW_MS + 490 * DAY_MS), *last;
	assert_int_equal(then->count, 2);
	last = ready_at(NOW_MS + 492 * DAY_MS);
	assert_int_equal(last->count, 2); /* nothing had to be made, so nothing was tidied up */
	store_free(last);
	last = ready_at(NOW_MS + 580 * DAY_MS);
	assert_int_equal(last->count, 2);
	for (size_t i = 0; i < last->count; i++)
		assert_string_not_equal(last->keys[i].kid, first->keys[0].kid);
	store_free(first);
	store_free(then);
	store_free(last);
}

static void two_that_are_made_at_once_both_count(void **state)
{
	(void)state;
	char north[KID_MAX + 1], south[KID_MAX + 1];
	assert_int_equal(signing_key_add(store, NOW_MS, north, &err), STORE_OK);
	assert_int_equal(signing_key_add(store, NOW_MS, south, &err), STORE_OK);
	assert_string_not_equal(north, south);
	assert_int_equal(count_loaded(), 2);
	struct signing_key_list *list = ready_at(NOW_MS + 1);
	assert_int_equal(list->count, 2);
	store_free(list);
}

static void what_cannot_sign_is_replaced(void **state)
{
	(void)state;
	const struct signing_key damaged = {.kid = "damaged", .created_at_ms = NOW_MS, .bytes = "{}", .len = 2};
	assert_int_equal(store_ops(store)->add_signing_key(store, &damaged, &err), STORE_OK);
	struct signing_key_list *list = ready_at(NOW_MS + 1);
	assert_int_equal(list->count, 2);
	assert_string_not_equal(list->keys[0].kid, "damaged");
	assert_int_equal(count_loaded(), 1);
	store_free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_user_is_hit_up_to_the_moment_with_all_his_tokens, with_store, without_store),
		cmocka_unit_test_setup_teardown(to_the_second_what_may_have_been_before_counts_as_before, with_store, without_store),
		cmocka_unit_test_setup_teardown(a_token_that_does_not_say_when_it_was_issued_is_hit_for_ever, with_store, without_store),
		cmocka_unit_test_setup_teardown(a_device_is_hit_by_its_own_tokens_alone, with_store, without_store),
		cmocka_unit_test_setup_teardown(the_later_moment_counts, with_store, without_store),
		cmocka_unit_test_setup_teardown(a_ban_refuses_every_token_until_it_is_taken_back, with_store, without_store),
		cmocka_unit_test_setup_teardown(the_longest_names_are_told_apart, with_store, without_store),
		cmocka_unit_test_setup_teardown(all_of_them_are_loaded_however_many, with_store, without_store),
		cmocka_unit_test_setup_teardown(the_first_token_makes_the_key_and_the_next_ones_take_it, with_store, without_store),
		cmocka_unit_test_setup_teardown(after_90_days_another_one_signs_and_the_old_one_counts, with_store, without_store),
		cmocka_unit_test_setup_teardown(it_is_dropped_when_its_last_token_is_over, with_store, without_store),
		cmocka_unit_test_setup_teardown(two_that_are_made_at_once_both_count, with_store, without_store),
		cmocka_unit_test_setup_teardown(what_cannot_sign_is_replaced, with_store, without_store),
	};
	return cmocka_run_group_tests_name("revocations and keys", tests, NULL, NULL);
}
