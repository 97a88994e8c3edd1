/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What brokers share beside the log: writers, where to go on in a tail, places, leases, keys of chats, notices, devices by name. */
#include <pthread.h>
#include <stdio.h>

#include "tests/contract/contract.h"

#define MINUTE_MS INT64_C(60000)
#define NEVER_MS  INT64_C(253370764799000) /* a ban's, once */

/* ---- names ---- */

#define assert_names(names, count, ...)                                                                                                              \
	assert_all_names(names, count, sizeof(const char *[]){__VA_ARGS__} / sizeof(const char *), (const char *const[]){__VA_ARGS__})

static void assert_all_names(const char *const *names, size_t count, size_t expected_count, const char *const *expected)
{
	assert_int_equal(count, expected_count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(names[i], expected[i]);
	store_free((void *)(uintptr_t)names);
}

static void everybody_who_ever_wrote_is_listed(void **state)
{
	struct world *world = *state;
	const char *const *writers = NULL;
	size_t count = 1;
	struct line c = line_new("c"), d = line_new("d");
	assert_int_equal(ON_WORLD(list_writers, &writers, &count, NULL), STORE_OK);
	assert_int_equal(count, 0);
	store_free((void *)(uintptr_t)writers);
	c.writer = "zoe";
	d.writer = "Zed";
	assert_appended(world->store, line_says(&c, "alice", "1"));
	assert_appended(world->other, line_says(&d, "alice", "2"));
	assert_appended(world->store, line_says(&c, "alice", "3"));
	world_reopen(world);
	assert_int_equal(ON_WORLD(list_writers, &writers, &count, NULL), STORE_OK);
	assert_names(writers, count, "Zed", "zoe");
}

/* ---- tails ---- */

/* How many of the chat's numbers came, each counted once, while somebody reads along as store.h says. */
static uint64_t read_along(struct store *store, const char *writer, uint64_t *position)
{
	uint64_t latest = 0, before;
	do {
		before = *position;
		struct page page = read_tail(store, writer, *position, 2, position);
		for (size_t i = 0; i < page.count; i++)
			if (page.transactions[i]->number == latest + 1)
				latest++;
		store_page_free(&page);
	} while (*position != before);
	return latest;
}

static void who_goes_on_from_next_misses_nothing(void **state)
{
	struct world *world = *state;
	struct line c = line_new("c"), other = line_new("d");
	uint64_t position = 0, nowhere = 0;
	other.writer = "w2";
	for (int i = 0; i < 5; i++) {
		assert_appended(world->store, line_says(&c, "alice", "hi"));
		assert_appended(world->store, line_says(&other, "alice", "hi"));
	}
	assert_int_equal(read_along(world->store, "w1", &position), 5);
	struct page page = read_tail(world->store, "w1", position, 10, &position);
	store_page_free(&page);
	assert_appended(world->store, line_says(&c, "alice", "more"));
	page = read_tail(world->store, "w1", position, 10, &position);
	assert_true(page.count > 0);
	assert_string_equal(page.transactions[page.count - 1]->body.text, "more");
	store_page_free(&page);
	page = read_tail(world->store, "nobody", 0, 10, &nowhere);
	assert_int_equal(page.count, 0);
	assert_int_equal(nowhere, 0);
}

static void behind_the_end_of_a_tail_its_end_is_next(void **state)
{
	struct world *world = *state;
	struct line c = line_new("c");
	uint64_t end = 0, next = 0;
	assert_appended(world->store, line_says(&c, "alice", "hi"));
	assert_int_equal(read_along(world->store, "w1", &end), 1);
	struct page page = read_tail(world->store, "w1", UINT64_MAX, 10, &next);
	assert_int_equal(page.count, 0);
	store_page_free(&page);
	assert_appended(world->store, line_says(&c, "alice", "more"));
	page = read_tail(world->store, "w1", next, 10, &next);
	assert_true(page.count > 0);
	assert_string_equal(page.transactions[page.count - 1]->body.text, "more");
	store_page_free(&page);
}

/* ---- places ---- */

static void a_place_only_goes_forward(void **state)
{
	struct world *world = *state;
	uint64_t position = 7;
	assert_int_equal(ON_WORLD(load_place, "kafka/w1", &position, NULL), STORE_NOT_FOUND);
	assert_int_equal(position, 7);
	assert_int_equal(ON_WORLD(put_place, "kafka/w1", 0, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(load_place, "kafka/w1", &position, NULL), STORE_OK);
	assert_int_equal(position, 0);
	assert_int_equal(ON_WORLD(put_place, "kafka/w1", UINT64_C(1) << 50, NULL), STORE_OK);
	assert_int_equal(ON(world->other, put_place, "kafka/w1", 5, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_place, "kafka/w2", 1, NULL), STORE_OK);
	world_reopen(world);
	assert_int_equal(ON_WORLD(load_place, "kafka/w1", &position, NULL), STORE_OK);
	assert_true(position == UINT64_C(1) << 50);
	assert_int_equal(ON_WORLD(load_place, "kafka/w2", &position, NULL), STORE_OK);
	assert_int_equal(position, 1);
	const char *const *names = NULL;
	size_t count = 0;
	assert_int_equal(ON_WORLD(list_places, &names, &count, NULL), STORE_OK);
	assert_names(names, count, "kafka/w1", "kafka/w2");
}

/* ---- leases ---- */

static void a_lease_is_one_holders_until_its_time_is_over(void **state)
{
	struct world *world = *state;
	assert_int_equal(ON_WORLD(take_lease, "push", "w1", 100, 200, NULL), STORE_OK);
	assert_int_equal(ON(world->other, take_lease, "push", "w2", 199, 300, NULL), STORE_TAKEN);
	assert_int_equal(ON_WORLD(take_lease, "push", "w1", 150, 250, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(take_lease, "push", "w1", 150, 250, NULL), STORE_OK);
	assert_int_equal(ON(world->other, take_lease, "push", "w2", 249, 300, NULL), STORE_TAKEN);
	assert_int_equal(ON(world->other, take_lease, "other", "w2", 249, 300, NULL), STORE_OK);
	world_reopen(world);
	assert_int_equal(ON(world->other, take_lease, "push", "w2", 250, 300, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(take_lease, "push", "w1", 260, 400, NULL), STORE_TAKEN);
}

static void a_lease_that_is_given_back_is_free(void **state)
{
	struct world *world = *state;
	assert_int_equal(ON_WORLD(take_lease, "push", "w1", 100, 1000, NULL), STORE_OK);
	assert_int_equal(ON(world->other, take_lease, "push", "w2", 100, 100, NULL), STORE_TAKEN);
	assert_int_equal(ON_WORLD(take_lease, "push", "w1", 200, 200, NULL), STORE_OK);
	assert_int_equal(ON(world->other, take_lease, "push", "w2", 200, 300, NULL), STORE_OK);
}

static void prune_leaves_leases_alone_that_are_not_long_over(void **state)
{
	struct world *world = *state;
	assert_int_equal(ON_WORLD(take_lease, "push", "w1", START_MS, START_MS + MINUTE_MS, NULL), STORE_OK);
	prune_world(world, START_MS + MINUTE_MS);
	assert_int_equal(ON_WORLD(take_lease, "push", "w2", START_MS, START_MS + MINUTE_MS, NULL), STORE_TAKEN);
	prune_world(world, START_MS + DAY_MS);
	assert_int_equal(ON_WORLD(take_lease, "push", "w2", START_MS, START_MS + MINUTE_MS, NULL), STORE_OK);
}

struct taker {
	pthread_t id;
	struct store *store;
	char name[8];
	enum store_rc rc;
};

static void *take(void *arg)
{
	struct taker *taker = arg;
	taker->rc = ON(taker->store, take_lease, "push", taker->name, 100, 200, NULL);
	return NULL;
}

static void of_many_who_want_a_lease_one_gets_it(void **state)
{
	struct world *world = *state;
	struct taker takers[8];
	size_t held = 0;
	for (size_t i = 0; i < 8; i++) {
		takers[i] = (struct taker){.store = i % 2 ? world->store : world->other};
		snprintf(takers[i].name, sizeof takers[i].name, "w%zu", i);
		assert_int_equal(pthread_create(&takers[i].id, NULL, take, &takers[i]), 0);
	}
	for (size_t i = 0; i < 8; i++) {
		pthread_join(takers[i].id, NULL);
		assert_true(takers[i].rc == STORE_OK || takers[i].rc == STORE_TAKEN);
		held += takers[i].rc == STORE_OK;
	}
	assert_int_equal(held, 1);
}

/* ---- keys of chats ---- */

static void assert_no_key(struct store *store, const char *chat_id, bool make)
{
	unsigned char key[CHAT_KEY_BYTES] = {42};
	assert_int_equal(ON(store, load_chat_key, chat_id, make, key, NULL), STORE_NOT_FOUND);
	assert_int_equal(key[0], 42);
}

static void the_first_who_asks_makes_a_chats_key(void **state)
{
	struct world *world = *state;
	struct line c = line_new("c"), d = line_new("d");
	unsigned char made[CHAT_KEY_BYTES] = {0}, again[CHAT_KEY_BYTES] = {0}, others[CHAT_KEY_BYTES] = {0}, none[CHAT_KEY_BYTES] = {0};
	assert_appended(world->store, line_says(&c, "alice", "hi"));
	assert_appended(world->store, line_says(&d, "alice", "hi"));
	assert_no_key(world->store, "c", false);
	assert_no_key(world->store, "nowhere", true);
	assert_int_equal(ON_WORLD(load_chat_key, "c", true, made, NULL), STORE_OK);
	assert_memory_not_equal(made, none, sizeof made);
	assert_int_equal(ON(world->other, load_chat_key, "c", true, again, NULL), STORE_OK);
	assert_memory_equal(made, again, sizeof made);
	assert_int_equal(ON_WORLD(load_chat_key, "d", true, others, NULL), STORE_OK);
	assert_memory_not_equal(made, others, sizeof made);
	world_reopen(world);
	memset(again, 0, sizeof again);
	assert_int_equal(ON_WORLD(load_chat_key, "c", false, again, NULL), STORE_OK);
	assert_memory_equal(made, again, sizeof made);
}

static void erase_all(struct world *world, const char *chat_id, const char *sender_id)
{
	bool more = true;
	for (int i = 0; more && i < 100; i++)
		assert_int_equal(ON_WORLD(erase, chat_id, sender_id, &more, NULL), STORE_OK);
	assert_false(more);
}

static void the_key_of_an_erased_chat_is_gone_for_good(void **state)
{
	struct world *world = *state;
	struct line c = line_new("c"), d = line_new("d");
	unsigned char key[CHAT_KEY_BYTES];
	assert_appended(world->store, line_says(&c, "alice", "hi"));
	assert_appended(world->store, line_says(&d, "alice", "hi"));
	assert_int_equal(ON_WORLD(load_chat_key, "c", true, key, NULL), STORE_OK);
	erase_all(world, "c", "alice");
	assert_int_equal(ON_WORLD(load_chat_key, "c", false, key, NULL), STORE_OK);
	erase_all(world, "c", NULL);
	erase_all(world, "d", NULL);
	for (int i = 0; i < 2; i++) {
		assert_no_key(world->store, "c", false);
		assert_no_key(world->store, "c", true);
		assert_no_key(world->other, "d", true);
		world_reopen(world);
	}
}

struct key_maker {
	pthread_t id;
	struct store *store;
	unsigned char key[CHAT_KEY_BYTES];
	enum store_rc rc;
};

static void *make_key(void *arg)
{
	struct key_maker *maker = arg;
	maker->rc = ON(maker->store, load_chat_key, "c", true, maker->key, NULL);
	return NULL;
}

static void all_who_ask_at_once_get_the_same_key(void **state)
{
	struct world *world = *state;
	struct line c = line_new("c");
	struct key_maker makers[8];
	assert_appended(world->store, line_says(&c, "alice", "hi"));
	for (size_t i = 0; i < 8; i++) {
		makers[i] = (struct key_maker){.store = i % 2 ? world->store : world->other};
		assert_int_equal(pthread_create(&makers[i].id, NULL, make_key, &makers[i]), 0);
	}
	for (size_t i = 0; i < 8; i++) {
		pthread_join(makers[i].id, NULL);
		assert_int_equal(makers[i].rc, STORE_OK);
		assert_memory_equal(makers[i].key, makers[0].key, CHAT_KEY_BYTES);
	}
}

/* ---- notices ---- */

static struct notice_list *read_notices(struct store *store, uint64_t after, size_t count_max, uint64_t *next)
{
	struct notice_list *notices = NULL;
	assert_int_equal(ON(store, read_notices, after, count_max, &notices, next, NULL), STORE_OK);
	return notices;
}

static void assert_notice(const struct notice *notice, const char *kind, const char *subject, const char *writer, int64_t at_ms)
{
	assert_string_equal(notice->kind, kind);
	assert_string_equal(notice->subject, subject);
	assert_string_equal(notice->writer, writer);
	assert_int_equal(notice->at_ms, at_ms);
}

static void notices_are_read_in_their_order_with_who_told_them(void **state)
{
	struct world *world = *state;
	struct store_info here, there;
	uint64_t next = 1;
	assert_int_equal(ON_WORLD(info, &here, NULL), STORE_OK);
	assert_int_equal(ON(world->other, info, &there, NULL), STORE_OK);
	struct notice_list *notices = read_notices(world->store, 0, 10, &next);
	assert_int_equal(notices->count, 0);
	assert_int_equal(next, 0);
	store_free(notices);
	assert_int_equal(ON_WORLD(put_notice, "reach", "alice", START_MS + 2, NULL), STORE_OK);
	assert_int_equal(ON(world->other, put_notice, "texts", "c", START_MS + 1, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_notice, "reach", "alice", START_MS + 2, NULL), STORE_OK);
	world_reopen(world);
	notices = read_notices(world->other, 0, 2, &next);
	assert_int_equal(notices->count, 2);
	assert_notice(&notices->notices[0], "reach", "alice", here.writer, START_MS + 2);
	assert_notice(&notices->notices[1], "texts", "c", there.writer, START_MS + 1);
	assert_true(notices->notices[1].id > notices->notices[0].id);
	assert_true(next > 0 && next <= notices->notices[1].id);
	uint64_t after = notices->notices[1].id;
	store_free(notices);
	notices = read_notices(world->store, after, 10, &next);
	assert_int_equal(notices->count, 1);
	assert_true(notices->notices[0].id > after);
	store_free(notices);
}

static void old_notices_are_forgotten_and_new_ones_come_behind_them(void **state)
{
	struct world *world = *state;
	uint64_t after = 0, next = 0;
	assert_int_equal(ON_WORLD(put_notice, "reach", "alice", START_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_notice, "reach", "bob", START_MS + 1, NULL), STORE_OK);
	struct notice_list *notices = read_notices(world->store, 0, 10, &next);
	after = notices->notices[1].id;
	store_free(notices);
	prune_world(world, START_MS + STORE_NOTICE_MINUTES * MINUTE_MS);
	notices = read_notices(world->store, 0, 10, &next);
	assert_int_equal(notices->count, 2);
	store_free(notices);
	prune_world(world, START_MS + STORE_NOTICE_MINUTES * MINUTE_MS + 2);
	notices = read_notices(world->store, 0, 10, &next);
	assert_int_equal(notices->count, 0);
	store_free(notices);
	world_reopen(world);
	assert_int_equal(ON_WORLD(put_notice, "reach", "carol", START_MS + 2, NULL), STORE_OK);
	notices = read_notices(world->store, after, 10, &next);
	assert_int_equal(notices->count, 1);
	assert_string_equal(notices->notices[0].subject, "carol");
	store_free(notices);
}

static size_t count_notices(struct world *world)
{
	uint64_t next;
	struct notice_list *notices = read_notices(world->store, 0, 10, &next);
	size_t count = notices->count;
	store_free(notices);
	return count;
}

static void a_notice_of_a_time_that_never_comes_is_forgotten(void **state)
{
	struct world *world = *state;
	assert_int_equal(ON_WORLD(put_notice, "revoked", "mallory", NEVER_MS, NULL), STORE_OK);
	assert_int_equal(ON_WORLD(put_notice, "revoked", "bob", START_MS + STORE_NOTICE_AHEAD_HOURS * 60 * MINUTE_MS, NULL), STORE_OK);
	prune_world(world, START_MS);
	assert_int_equal(count_notices(world), 1);
	prune_world(world, START_MS + (STORE_NOTICE_AHEAD_HOURS * 60 + STORE_NOTICE_MINUTES) * MINUTE_MS + 1);
	assert_int_equal(count_notices(world), 0);
}

static void who_begins_at_the_end_of_the_notices_gets_what_is_put_from_then_on(void **state)
{
	struct world *world = *state;
	uint64_t end = 77, next;
	store_free(read_notices(world->store, UINT64_MAX, 10, &end));
	assert_int_equal(end, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(ON_WORLD(put_notice, "reach", "alice", START_MS, NULL), STORE_OK);
	struct notice_list *notices = read_notices(world->other, UINT64_MAX, 10, &end);
	assert_int_equal(notices->count, 0);
	store_free(notices);
	prune_world(world, START_MS + 2 * STORE_NOTICE_MINUTES * MINUTE_MS);
	assert_int_equal(ON(world->other, put_notice, "texts", "c", START_MS, NULL), STORE_OK);
	notices = read_notices(world->store, end, 10, &next);
	assert_int_equal(notices->count, 1);
	assert_string_equal(notices->notices[0].subject, "c");
	assert_int_equal(next, notices->notices[0].id);
	store_free(notices);
}

int run_shared_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(everybody_who_ever_wrote_is_listed),
		STORY(who_goes_on_from_next_misses_nothing),
		STORY(behind_the_end_of_a_tail_its_end_is_next),
		STORY(a_place_only_goes_forward),
		STORY(a_lease_is_one_holders_until_its_time_is_over),
		STORY(a_lease_that_is_given_back_is_free),
		STORY(prune_leaves_leases_alone_that_are_not_long_over),
		STORY(of_many_who_want_a_lease_one_gets_it),
		STORY(the_first_who_asks_makes_a_chats_key),
		STORY(the_key_of_an_erased_chat_is_gone_for_good),
		STORY(all_who_ask_at_once_get_the_same_key),
		STORY(notices_are_read_in_their_order_with_who_told_them),
		STORY(old_notices_are_forgotten_and_new_ones_come_behind_them),
		STORY(a_notice_of_a_time_that_never_comes_is_forgotten),
		STORY(who_begins_at_the_end_of_the_notices_gets_what_is_put_from_then_on),
	};
	return cmocka_run_group_tests_name("what brokers share", stories, NULL, NULL);
}
