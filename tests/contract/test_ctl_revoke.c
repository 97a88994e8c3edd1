/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl revoke, ban, unban: what running brokers are told. argv[1] is the program. */
#include <stdio.h>

#include "base/clock.h"
#include "plugin/broker/cluster.h"
#include "tests/contract/ctl_words.h"
#include "tests/contract/place.h"

#define HOUR_MS INT64_C(3600000)

static void have_store(const struct place *place)
{
	close_store(open_at(place->uri));
}

static struct notice_list *told(const struct place *place)
{
	struct notice_list *notices = NULL;
	uint64_t next;
	struct store *store = open_at(place->uri);
	assert_int_equal(ON(store, read_notices, 0, 10, &notices, &next, NULL), STORE_OK);
	close_store(store);
	return notices;
}

static void assert_told(const struct notice *notice, const char *kind, int64_t at_ms)
{
	assert_string_equal(notice->kind, kind);
	assert_string_equal(notice->subject, "mallory");
	assert_in_range(notice->at_ms, at_ms, at_ms + HOUR_MS);
}

static void prune_at(const struct place *place, int64_t now_ms)
{
	bool more = true;
	struct store *store = open_at(place->uri);
	while (more)
		assert_int_equal(ON(store, prune, now_ms, &more, NULL), STORE_OK);
	close_store(store);
}

static void a_ban_is_told_for_brokers_that_know_its_kind_and_for_those_that_do_not_and_forgotten(void **state)
{
	struct place *place = *state;
	int64_t began_ms = clock_wall_ms();
	have_store(place);
	assert_ctl(0, "ban --store %s --user mallory", place->uri);
	struct notice_list *notices = told(place);
	assert_int_equal(notices->count, 2);
	assert_told(&notices->notices[0], NOTICE_REVOKED, began_ms + NOTICE_BAN_MS);
	assert_told(&notices->notices[1], NOTICE_BANNED, began_ms);
	store_free(notices);
	prune_at(place, began_ms);
	notices = told(place);
	assert_int_equal(notices->count, 2);
	store_free(notices);
	prune_at(place, clock_wall_ms() + NOTICE_BAN_MS + 2 * HOUR_MS);
	notices = told(place);
	assert_int_equal(notices->count, 0);
	store_free(notices);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest stories[] = {
		PLACE_STORY(a_ban_is_told_for_brokers_that_know_its_kind_and_for_those_that_do_not_and_forgotten),
	};
	if (argc != 2)
		return 2;
	ctl_program = argv[1];
	int failed = cmocka_run_group_tests_name("keeping people out", stories, NULL, NULL);
	buf_fini(&ctl_output);
	return failed;
}
