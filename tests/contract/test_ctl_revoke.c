/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl ban, unban, device-keys: what running brokers are told. argv[1] is the program. */
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

/* Whatever is to be told is refused meanwhile. */
static void nobody_can_be_told(const struct place *place, bool refused)
{
	with_sqlite(place->path, refused ? "CREATE TRIGGER mute BEFORE INSERT ON notice BEGIN SELECT raise(ABORT, 'no'); END" : "DROP TRIGGER mute");
}

static void an_unban_of_which_nobody_could_be_told_is_told_when_it_is_repeated(void **state)
{
	struct place *place = *state;
	int64_t began_ms = clock_wall_ms();
	have_store(place);
	assert_ctl(0, "ban --store %s --user mallory", place->uri);
	nobody_can_be_told(place, true);
	assert_ctl(1, "unban --store %s --user mallory", place->uri);
	nobody_can_be_told(place, false);
	int64_t at_ms = ask_sqlite(place->path, "SELECT at FROM revocation");
	assert_in_range(at_ms, began_ms, clock_wall_ms());
	assert_ctl(1, "unban --store %s --user mallory", place->uri);
	assert_ctl_said("mallory is not banned");
	struct notice_list *notices = told(place);
	assert_int_equal(notices->count, 3);
	assert_told(&notices->notices[2], NOTICE_LOWERED, began_ms);
	assert_int_equal(notices->notices[2].at_ms, at_ms);
	store_free(notices);
}

static void an_unban_of_who_was_never_kept_out_is_told_to_nobody(void **state)
{
	struct place *place = *state;
	have_store(place);
	assert_ctl(1, "unban --store %s --user mallory", place->uri);
	struct notice_list *notices = told(place);
	assert_int_equal(notices->count, 0);
	store_free(notices);
}

static void a_dropped_key_of_which_nobody_could_be_told_is_told_of_when_that_is_repeated(void **state)
{
	struct place *place = *state;
	have_store(place);
	assert_ctl(0, "device-keys rotate --store %s", place->uri);
	char kid[40];
	snprintf(kid, sizeof kid, "%s", ctl_output.data);
	kid[strcspn(kid, "\n")] = '\0';
	nobody_can_be_told(place, true);
	assert_ctl(1, "device-keys drop --store %s --kid %s", place->uri, kid);
	nobody_can_be_told(place, false);
	assert_ctl(1, "device-keys drop --store %s --kid %s", place->uri, kid);
	assert_ctl_said("there is no key");
	struct notice_list *notices = told(place);
	assert_int_equal(notices->count, 2);
	assert_string_equal(notices->notices[1].kind, NOTICE_KEYS);
	store_free(notices);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest stories[] = {
		PLACE_STORY(a_ban_is_told_for_brokers_that_know_its_kind_and_for_those_that_do_not_and_forgotten),
		PLACE_STORY(an_unban_of_which_nobody_could_be_told_is_told_when_it_is_repeated),
		PLACE_STORY(an_unban_of_who_was_never_kept_out_is_told_to_nobody),
		PLACE_STORY(a_dropped_key_of_which_nobody_could_be_told_is_told_of_when_that_is_repeated),
	};
	if (argc != 2)
		return 2;
	ctl_program = argv[1];
	int failed = cmocka_run_group_tests_name("keeping people out", stories, NULL, NULL);
	buf_fini(&ctl_output);
	return failed;
}
