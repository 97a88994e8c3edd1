/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What operators did. */
#include <stdio.h>

#include "tests/contract/contract.h"

static struct audit_record record(int64_t at_ms, const char *subject)
{
	return (struct audit_record){at_ms, "hyperchatctl as root", "revoke", subject, "{\"device\":\"phone\"}", "ok"};
}

static void put(struct world *world, int64_t at_ms, const char *subject)
{
	struct audit_record made = record(at_ms, subject);
	assert_int_equal(ON_WORLD(put_audit, &made, NULL), STORE_OK);
}

/* subjects: each with a blank behind it. */
static void assert_listed(struct world *world, const struct audit_record *before, size_t count_max, const char *subjects)
{
	struct audit_list *list = NULL;
	char found[256] = "";
	assert_int_equal(ON(world->other, list_audit, before, count_max, &list, NULL), STORE_OK);
	for (size_t i = 0; i < list->count; i++)
		snprintf(found + strlen(found), sizeof found - strlen(found), "%s ", list->records[i].subject);
	assert_string_equal(found, subjects);
	store_free(list);
}

static void what_operators_did_is_listed_the_newest_first(void **state)
{
	struct world *world = *state;
	assert_listed(world, NULL, 10, "");
	put(world, START_MS + 2, "bob");
	put(world, START_MS + 3, "carol");
	put(world, START_MS + 1, "alice");
	assert_listed(world, NULL, 10, "carol bob alice ");
	world_reopen(world);
	assert_listed(world, NULL, 10, "carol bob alice ");
	struct audit_list *list = NULL;
	assert_int_equal(ON_WORLD(list_audit, NULL, 1, &list, NULL), STORE_OK);
	assert_int_equal(list->records[0].at_ms, START_MS + 3);
	assert_string_equal(list->records[0].who, "hyperchatctl as root");
	assert_string_equal(list->records[0].command, "revoke");
	assert_string_equal(list->records[0].details, "{\"device\":\"phone\"}");
	assert_string_equal(list->records[0].result, "ok");
	store_free(list);
}

static void a_page_goes_on_behind_the_last_record_whether_it_is_there_or_not(void **state)
{
	struct world *world = *state;
	for (int i = 0; i < 5; i++) {
		char subject[] = {(char)('a' + i), '\0'};
		put(world, START_MS + i, subject);
	}
	struct audit_record last = record(START_MS + 3, "d"), missing = record(START_MS + 2, "zoe");
	assert_listed(world, NULL, 2, "e d ");
	assert_listed(world, &last, 2, "c b ");
	last = record(START_MS, "a");
	assert_listed(world, &last, 2, "");
	missing.at_ms = START_MS + 1000;
	assert_listed(world, &missing, 2, "e d ");
}

static void the_same_record_twice_is_one_and_any_difference_makes_another(void **state)
{
	struct world *world = *state;
	put(world, START_MS, "bob");
	put(world, START_MS, "bob");
	assert_listed(world, NULL, 10, "bob ");
	struct audit_record other = record(START_MS, "bob");
	other.result = "no such user";
	assert_int_equal(ON_WORLD(put_audit, &other, NULL), STORE_OK);
	other.who = "alice";
	assert_int_equal(ON_WORLD(put_audit, &other, NULL), STORE_OK);
	other.details = other.subject = "";
	assert_int_equal(ON_WORLD(put_audit, &other, NULL), STORE_OK);
	struct audit_list *list = NULL;
	assert_int_equal(ON_WORLD(list_audit, NULL, 10, &list, NULL), STORE_OK);
	assert_int_equal(list->count, 4);
	store_free(list);
}

static void records_of_one_millisecond_come_each_once_over_pages(void **state)
{
	struct world *world = *state;
	char subject[8];
	bool seen[9] = {false};
	for (int i = 0; i < 9; i++) {
		snprintf(subject, sizeof subject, "%d", i);
		put(world, START_MS, subject);
	}
	struct audit_list *list = NULL, *page;
	for (int i = 0; i < 9; i += 3) {
		assert_int_equal(ON_WORLD(list_audit, list ? &list->records[2] : NULL, 3, &page, NULL), STORE_OK);
		assert_int_equal(page->count, 3);
		for (size_t j = 0; j < 3; j++) {
			int number = atoi(page->records[j].subject);
			assert_false(seen[number]);
			seen[number] = true;
		}
		store_free(list);
		list = page;
	}
	store_free(list);
}

static void prune_forgets_what_was_done_long_ago(void **state)
{
	struct world *world = *state;
	put(world, START_MS, "bob");
	put(world, START_MS + 1, "carol");
	prune_world(world, START_MS + STORE_AUDIT_DAYS * DAY_MS);
	assert_listed(world, NULL, 10, "carol bob ");
	prune_world(world, START_MS + STORE_AUDIT_DAYS * DAY_MS + 1);
	assert_listed(world, NULL, 10, "carol ");
}

int run_audit_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(what_operators_did_is_listed_the_newest_first),
		STORY(a_page_goes_on_behind_the_last_record_whether_it_is_there_or_not),
		STORY(the_same_record_twice_is_one_and_any_difference_makes_another),
		STORY(records_of_one_millisecond_come_each_once_over_pages),
		STORY(prune_forgets_what_was_done_long_ago),
	};
	return cmocka_run_group_tests_name("what operators did", stories, NULL, NULL);
}
