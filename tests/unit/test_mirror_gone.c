/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The mirror and what writers who are gone left in the store: however many they are and whatever is damaged, it gets to Kafka, once. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/mirror_kit.h"

static struct store_ops ours, below;

/* Nothing of y's can be read, and nobody knows where that ends. */
static enum store_rc tail_of_all_but_y(struct store *store, const char *writer, uint64_t position, size_t count_max, struct page *page,
	uint64_t *next, struct error *err)
{
	if (strcmp(writer, "y") != 0)
		return below.tail(store, writer, position, count_max, page, next, err);
	*next = position;
	return error_set(err, STORE_CORRUPT, 11, "a page is not what it should be");
}

static bool has_those_of_x(struct scene *scene)
{
	return scene_stats(scene).delivered == 10;
}

static bool told_of_y(struct scene *scene)
{
	(void)scene;
	return scene_was_told("waits for something damaged that y wrote: a page is not what it should be");
}

static void what_a_writer_who_is_gone_left_and_is_damaged_is_said_to_be(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	scene.conf.adopt = true;
	scene_writes(&scene, "x", "a", 10);
	scene_writes(&scene, "y", "b", 1);
	ours = below = *store_ops(scene.store);
	ours.tail = tail_of_all_but_y;
	*(const struct store_ops **)scene.store = &ours;
	scene_starts_mirror(&scene);
	scene_waits(&scene, has_those_of_x, "what can be read");
	scene_waits(&scene, told_of_y, "that it is said");
	assert_int_equal(scene_place(&scene, "kafka/y"), 0);
	scene_end(&scene);
}

enum { END = 1000 };
static _Atomic uint64_t looked_from; /* of y */

/* Nothing of y's is behind the place, but the end is far away. */
static enum store_rc tail_with_nothing_of_y(struct store *store, const char *writer, uint64_t position, size_t count_max, struct page *page,
	uint64_t *next, struct error *err)
{
	if (strcmp(writer, "y") != 0)
		return below.tail(store, writer, position, count_max, page, next, err);
	looked_from = position;
	*next = position < END ? END : position;
	return STORE_OK;
}

static bool looked_from_the_end(struct scene *scene)
{
	(void)scene;
	return looked_from == END;
}

static void what_a_writer_who_is_gone_left_is_looked_for_behind_what_was_looked_through(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	scene.conf.adopt = true;
	scene_writes(&scene, "y", "b", 1);
	ours = below = *store_ops(scene.store);
	ours.tail = tail_with_nothing_of_y;
	*(const struct store_ops **)scene.store = &ours;
	scene_starts_mirror(&scene);
	scene_waits(&scene, looked_from_the_end, "a second look");
	scene_end(&scene);
}

enum { MANY = 40 };

static bool has_all_of_many(struct scene *scene)
{
	return scene_stats(scene).delivered == MANY;
}

static void however_many_are_gone_what_each_left_gets_there_and_what_comes_later(void **state)
{
	(void)state;
	struct scene scene;
	char name[8];
	scene_begin(&scene);
	scene.conf.adopt = true;
	scene_starts_mirror(&scene);
	for (int i = 1; i < MANY; i++) {
		snprintf(name, sizeof name, "x%02d", i);
		scene_writes(&scene, name, name, 1);
	}
	scene_writes(&scene, "x00", "x00", 1);
	scene_waits(&scene, has_all_of_many, "what all of them left");
	scene_writes(&scene, "x39", "x39", 1);
	scene_reads(&scene, scene.topic, MANY + 1, 0);
	assert_int_equal(scene_is_whole(&scene, "x39", 2), 0);
	scene_end(&scene);
}

enum { SAFE = 1, TWO_ROUNDS = 2 };
static _Atomic int rounds; /* of the boxes, as x05 and x20 see them: there are never boxes for both */

/* x05 was killed: what it wrote above its safe is there, but something older could still come, for all that the store knows. */
static enum store_rc tail_with_x05_uncertain(struct store *store, const char *writer, uint64_t position, size_t count_max, struct page *page,
	uint64_t *next, struct error *err)
{
	static char last; /* whose tail was looked at, of the two */
	enum store_rc rc = below.tail(store, writer, position, count_max, page, next, err);
	char who = strcmp(writer, "x05") == 0 ? '5' : strcmp(writer, "x20") == 0 ? '2' : last;
	rounds += last == '5' && who == '2';
	last = who;
	if (strcmp(writer, "x05") == 0 && *next > SAFE + 1)
		*next = position > SAFE + 1 ? position : SAFE + 1;
	return rc;
}

static bool went_round_twice(struct scene *scene)
{
	(void)scene;
	return rounds >= TWO_ROUNDS;
}

static void however_many_are_gone_what_one_left_above_its_safe_goes_out_once(void **state)
{
	(void)state;
	struct scene scene;
	char name[8];
	scene_begin(&scene);
	scene.conf.adopt = true;
	scene_writes(&scene, "x05", "x05", 3);
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof name, "x%02d", i);
		if (i != 5)
			scene_writes(&scene, name, name, 1);
	}
	ours = below = *store_ops(scene.store);
	ours.tail = tail_with_x05_uncertain;
	*(const struct store_ops **)scene.store = &ours;
	scene_starts_mirror(&scene);
	scene_waits(&scene, went_round_twice, "that each had a box twice");
	assert_int_equal(scene_stats(&scene).delivered, 32);
	scene_reads(&scene, scene.topic, 32, 0);
	assert_int_equal(scene_is_whole(&scene, "x05", 3), 0);
	assert_int_equal(scene_place(&scene, "kafka/x05"), SAFE + 1);
	scene_end(&scene);
}

/* b was paused while its position 2 was in flight, with 3 and 4 there already. */
enum { IN_FLIGHT = 2 };
static atomic_bool landed;

static enum store_rc tail_with_one_in_flight(struct store *store, const char *writer, uint64_t position, size_t count_max, struct page *page,
	uint64_t *next, struct error *err)
{
	enum store_rc rc = below.tail(store, writer, position, count_max, page, next, err);
	if (strcmp(writer, "b") != 0 || landed)
		return rc;
	for (size_t i = 0; i < page->count; i++)
		if (page->transactions[i]->position == IN_FLIGHT) {
			transaction_free(page->transactions[i]);
			memmove(&page->transactions[i], &page->transactions[i + 1], (--page->count - i) * sizeof *page->transactions);
		}
	if (*next > IN_FLIGHT)
		*next = position > IN_FLIGHT ? position : IN_FLIGHT;
	return rc;
}

static bool has_3(struct scene *scene)
{
	return scene_stats(scene).delivered == 3;
}

static bool reached_the_end(struct scene *scene)
{
	return scene_place(scene, "kafka/b") == 6;
}

static void what_was_in_flight_when_its_writer_was_paused_gets_there_when_he_goes_on(void **state)
{
	(void)state;
	struct scene scene;
	scene_begin(&scene);
	scene.conf.adopt = true;
	landed = false;
	scene_writes(&scene, "b", "b1", 1);
	scene_writes(&scene, "b", "b2", 1);
	scene_writes(&scene, "b", "b3", 2);
	ours = below = *store_ops(scene.store);
	ours.tail = tail_with_one_in_flight;
	*(const struct store_ops **)scene.store = &ours;
	scene_starts_mirror(&scene);
	scene_waits(&scene, has_3, "what is there");
	landed = true;
	scene_writes(&scene, "b", "b3", 1);
	scene_waits(&scene, reached_the_end, "that everything is certain");
	scene_reads(&scene, scene.topic, 5, 0);
	assert_int_equal(scene_is_whole(&scene, "b2", 1), 0);
	assert_int_equal(scene_is_whole(&scene, "b3", 3), 2); /* 1 and 2 once more */
	scene_end(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_writer_who_is_gone_left_and_is_damaged_is_said_to_be),
		cmocka_unit_test(what_a_writer_who_is_gone_left_is_looked_for_behind_what_was_looked_through),
		cmocka_unit_test(however_many_are_gone_what_each_left_gets_there_and_what_comes_later),
		cmocka_unit_test(however_many_are_gone_what_one_left_above_its_safe_goes_out_once),
		cmocka_unit_test(what_was_in_flight_when_its_writer_was_paused_gets_there_when_he_goes_on),
	};
	return cmocka_run_group_tests(tests, cluster_begin, cluster_end);
}
