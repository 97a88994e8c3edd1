/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Who has to go for a device that comes: room.c against a store and a broker of which this file is the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "plugin/broker/jobs.h"
#include "plugin/broker/removal.h"
#include "plugin/broker/room.h"
#include "plugin/broker/seen.h"
#include "plugin/broker/server.h"
#include "storage/record.h"

#define HOUR_MS ((int64_t)60 * 60 * 1000)
#define NOW_MS  ((int64_t)1790000000000)

enum { MOST = 5, AT_ONCE = 16, ROOM = 2000 };

static struct server server;
static struct person alice;
static struct session here[8]; /* her connections */
static struct device_info infos[ROOM];
static char names[ROOM][16];
static size_t count, named;
static const char *leaves; /* whose last visit is on its way to the store */
static char gone[400]; /* a word each */
static unsigned gone_count;

/* ---- the rest of the broker ---- */

static enum store_rc list_devices(struct store *store, const char *user_id, struct device_list **devices, struct error *err)
{
	(void)store, (void)err;
	assert_string_equal(user_id, "alice");
	*devices = record_copy_devices(&(struct device_list){count, infos});
	return STORE_OK;
}

bool jobs_read(struct server *of, struct job *job, bool behind_writes)
{
	(void)of;
	assert_true(behind_writes);
	job->run(job);
	job->done(job);
	return true;
}

bool jobs_repeat(struct server *of, const char *key, struct job *job)
{
	(void)of, (void)key, (void)job;
	fail();
	return false;
}

bool jobs_read_again(struct server *of, struct job *job, enum store_rc rc, const struct error *err)
{
	(void)of, (void)job, (void)rc, (void)err;
	fail();
	return false;
}

struct person *person_find(struct server *of, const char *user_id)
{
	(void)of, (void)user_id;
	return alice.sessions != NULL ? &alice : NULL;
}

bool seen_waits(struct server *of, const char *user_id, const char *device)
{
	(void)of, (void)user_id;
	return leaves != NULL && strcmp(leaves, device) == 0;
}

void removal_forgets(struct server *of, const char *user_id, const char *device)
{
	(void)of, (void)user_id;
	gone_count++;
	if (strlen(gone) + strlen(device) + 2 < sizeof gone)
		strcat(strcat(gone, gone[0] != '\0' ? " " : ""), device);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(infos[i].device, device) != 0)
			continue;
		infos[i] = infos[--count];
		return;
	}
	fail_msg("%s was not there", device);
}

/* ---- the words of the tests ---- */

static int setup(void **state)
{
	static const struct store_ops ops = {.list_devices = list_devices};
	static const struct store_ops *store = &ops; /* all that the header knows of one */
	(void)state;
	server = (struct server){.store = (struct store *)&store, .now_ms = 1000, .wall_ms = NOW_MS, .conf.devices_max = MOST};
	alice = (struct person){0};
	memset(here, 0, sizeof here);
	count = named = gone_count = 0;
	gone[0] = '\0';
	leaves = NULL;
	return 0;
}

static struct device_info *was_here(const char *name, int64_t hours_ago)
{
	strcpy(names[named], name);
	infos[count] = (struct device_info){.device = names[named++], .platform = "", .push_token = "", .seen_at_ms = NOW_MS - hours_ago * HOUR_MS};
	return &infos[count++];
}

/* x<first>…: each an hour after the one before. */
static void were_here(unsigned first, unsigned how_many, int64_t hours_ago)
{
	for (unsigned i = 0; i < how_many; i++) {
		char name[16];
		snprintf(name, sizeof name, "x%u", first + i);
		was_here(name, hours_ago - (int64_t)i);
	}
}

static void is_connected(const char *name)
{
	for (struct session *session = here; ; session++) {
		if (session->device != NULL)
			continue;
		session->device = name;
		session->person_next = alice.sessions;
		alice.sessions = session;
		return;
	}
}

static void comes(const char *name)
{
	room_make(&server, "alice", name);
}

/* ---- */

static void the_one_that_was_away_longest_makes_room(void **state)
{
	(void)state;
	were_here(0, MOST, 100);
	comes("new");
	assert_string_equal(gone, "x0");
	comes("x3"); /* it is there */
	assert_string_equal(gone, "x0");
}

static void nobody_goes_while_there_is_room(void **state)
{
	(void)state;
	were_here(0, MOST - 1, 100);
	comes("new");
	assert_int_equal(gone_count, 0);
}

static void who_was_here_within_two_days_stays_while_they_are_twice_as_many(void **state)
{
	(void)state;
	were_here(0, 2 * MOST - 2, 47);
	was_here("old", 49);
	comes("new");
	assert_string_equal(gone, "old");
	was_here("new", 0);
	comes("newer");
	assert_int_equal(gone_count, 1);
}

static void of_more_than_twice_as_many_the_one_goes_that_was_away_longest(void **state)
{
	(void)state;
	were_here(0, 2 * MOST, 40);
	comes("new");
	assert_string_equal(gone, "x0");
}

static void one_who_comes_under_ever_new_names_does_not_get_beyond_that(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		char name[16];
		snprintf(name, sizeof name, "new%u", i);
		comes(name);
		was_here(name, 0);
		infos[count - 1].seen_at_ms += i;
		assert_in_range(count, 1, 2 * MOST);
	}
}

static void who_is_connected_stays_in_any_crowd(void **state)
{
	(void)state;
	were_here(0, 3 * MOST, 40);
	is_connected("x0");
	is_connected("x2");
	comes("x4");
	assert_string_equal(gone, "x1 x3 x5 x6 x7");
}

static void who_can_be_woken_or_has_a_token_stays_and_makes_no_crowd(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3 * MOST; i++) {
		char name[16];
		snprintf(name, sizeof name, "lamp%u", i);
		struct device_info *info = was_here(name, 1000);
		if (i % 2)
			info->push_token = "token";
		else
			info->token_expires_ms = NOW_MS + 1;
	}
	were_here(0, 2 * MOST - 1, 40);
	was_here("expired", 50)->token_expires_ms = NOW_MS;
	comes("new");
	assert_string_equal(gone, "expired");
	comes("newer");
	assert_int_equal(gone_count, 1);
}

static void who_has_just_left_stays_whatever_the_store_says_of_it(void **state)
{
	(void)state;
	were_here(0, MOST, 100);
	leaves = "x0";
	comes("new");
	assert_string_equal(gone, "x1");
}

static void what_was_there_before_there_was_a_bound_goes_little_by_little(void **state)
{
	(void)state;
	were_here(0, 1000, 40);
	comes("new");
	assert_int_equal(gone_count, AT_ONCE);
}

#define STORY(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest stories[] = {
		STORY(the_one_that_was_away_longest_makes_room),
		STORY(nobody_goes_while_there_is_room),
		STORY(who_was_here_within_two_days_stays_while_they_are_twice_as_many),
		STORY(of_more_than_twice_as_many_the_one_goes_that_was_away_longest),
		STORY(one_who_comes_under_ever_new_names_does_not_get_beyond_that),
		STORY(who_is_connected_stays_in_any_crowd),
		STORY(who_can_be_woken_or_has_a_token_stays_and_makes_no_crowd),
		STORY(who_has_just_left_stays_whatever_the_store_says_of_it),
		STORY(what_was_there_before_there_was_a_bound_goes_little_by_little),
	};
	return cmocka_run_group_tests(stories, NULL, NULL);
}
