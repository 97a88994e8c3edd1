/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Appending: compare-and-append, repetition, keys, batches. */
#include "tests/contract/contract.h"

static void the_first_append_makes_the_chat(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct chat_record *chat = NULL;
	assert_int_equal(ON_WORLD(load_chat, "c", &chat, NULL), STORE_NOT_FOUND);
	assert_null(chat);
	assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_int_equal(assert_sound(world->store, "c"), 1);
}

static void several_go_in_at_once_with_positions_in_their_order(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct bundle bundle = {0};
	for (int i = 0; i < 3; i++)
		bundle_add(&bundle, line_says(&line, "alice", "hi"));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_OK);
	struct page page = read_all(world->store, "c");
	assert_true(page.transactions[0]->position > 0);
	for (size_t i = 1; i < 3; i++)
		assert_true(page.transactions[i]->position > page.transactions[i - 1]->position);
	assert_int_equal(bundle.append.last_position, page.transactions[2]->position);
	store_page_free(&page);
	bundle_fini(&bundle);
	assert_int_equal(assert_sound(world->store, "c"), 3);
}

static uint64_t position_of(struct world *world, const char *chat_id, uint64_t number)
{
	struct transaction *tx = read_one(world->store, chat_id, number);
	uint64_t position = tx->position;
	transaction_free(tx);
	return position;
}

static void a_repeated_append_is_ok_and_adds_nothing(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct bundle bundle = {0};
	bundle_add(&bundle, line_says_as(&line, "alice", "a1", "hi"));
	bundle_add(&bundle, line_says_as(&line, "alice", "a2", "ho"));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(bundle_append(world->store, &bundle), APPEND_OK);
		assert_int_equal(bundle.append.last_position, position_of(world, "c", 2));
	}
	bundle_fini(&bundle);
	assert_int_equal(assert_sound(world->store, "c"), 2);
}

static void an_old_append_repeated_when_more_came_after_it_is_ok(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct bundle bundle = {0};
	bundle_add(&bundle, line_says_as(&line, "alice", "a1", "hi"));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_OK);
	assert_appended(world->store, line_says(&line, "bob", "ho"));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_OK);
	assert_int_equal(bundle.append.last_position, position_of(world, "c", 1));
	bundle_fini(&bundle);
	assert_int_equal(assert_sound(world->store, "c"), 2);
}

static void a_repetition_with_more_behind_it_adds_only_that(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct bundle bundle = {0};
	bundle_add(&bundle, line_says_as(&line, "alice", "a1", "hi"));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_OK);
	bundle_add(&bundle, line_says_as(&line, "alice", "a2", "ho"));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_OK);
	assert_int_equal(bundle.append.last_position, position_of(world, "c", 2));
	bundle_fini(&bundle);
	assert_int_equal(assert_sound(world->store, "c"), 2);
}

static void a_gap_is_a_conflict_and_makes_no_chat(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct chat_record *chat = NULL;
	transaction_free(line_says(&line, "alice", "lost"));
	assert_int_equal(append_one(world->store, line_says(&line, "alice", "hi")), APPEND_CONFLICT);
	assert_int_equal(ON_WORLD(load_chat, "c", &chat, NULL), STORE_NOT_FOUND);
}

static void a_number_that_another_has_is_a_conflict(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct line mine = line;
	struct bundle bundle = {0};
	assert_appended(world->other, line_says(&line, "bob", "first"));
	bundle_add(&bundle, line_says(&mine, "alice", "hi"));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_CONFLICT);
	assert_int_equal(bundle.append.duplicate_number, 0);
	bundle_fini(&bundle);
	assert_int_equal(assert_sound(world->store, "c"), 1);
}

/* Decided on top of a transaction that lost: its number may be free by now, but it does not follow what is there. */
static void the_next_number_on_another_head_is_a_conflict(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct line mine = line;
	assert_appended(world->other, line_says(&line, "bob", "first"));
	transaction_free(line_says(&mine, "alice", "lost"));
	assert_int_equal(append_one(world->store, line_says(&mine, "alice", "hi")), APPEND_CONFLICT);
	assert_int_equal(assert_sound(world->store, "c"), 1);
}

static void a_part_that_does_not_follow_adds_nothing_of_the_chat(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct bundle bundle = {0};
	bundle_add(&bundle, line_says(&line, "alice", "hi"));
	line.head[0] ^= 1;
	bundle_add(&bundle, line_says(&line, "alice", "ho"));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_CONFLICT);
	bundle_fini(&bundle);
	struct page page = read_all(world->store, "c");
	assert_int_equal(page.count, 0);
	assert_int_equal(page.latest, 0);
	store_page_free(&page);
}

static void after_a_conflict_the_same_content_at_the_next_number_is_ok(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct line mine = line;
	assert_appended(world->other, line_says(&line, "bob", "first"));
	assert_int_equal(append_one(world->store, line_says_as(&mine, "alice", "a1", "hi")), APPEND_CONFLICT);
	line_catch_up(&mine, world->store);
	assert_appended(world->store, line_says_as(&mine, "alice", "a1", "hi"));
	assert_int_equal(assert_sound(world->store, "c"), 2);
}

static void membership_that_says_nothing_is_a_conflict(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_int_equal(append_one(world->store, line_next(&line, (struct transaction){.type = TX_MEMBER_ADDED, .sender_id = "alice"})), APPEND_CONFLICT);
}

/* ---- keys ---- */

static void a_key_used_again_is_a_conflict_that_names_the_first(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_says(&line, "alice", "before"));
	assert_appended(world->store, line_says_as(&line, "alice", "a1", "hi"));
	struct bundle bundle = {0};
	bundle_add(&bundle, line_says_as(&line, "alice", "a2", "new"));
	bundle_add(&bundle, line_says_as(&line, "alice", "a1", "hi"));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_CONFLICT);
	assert_int_equal(bundle.append.duplicate_index, 1);
	assert_int_equal(bundle.append.duplicate_number, 2);
	bundle_fini(&bundle);
	assert_int_equal(assert_sound(world->store, "c"), 2);
}

static void a_key_with_another_content_is_a_duplicate_all_the_same(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_says_as(&line, "alice", "a1", "hi"));
	struct bundle bundle = {0};
	bundle_add(&bundle, line_says_as(&line, "alice", "a1", "something else"));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_CONFLICT);
	assert_int_equal(bundle.append.duplicate_number, 1);
	bundle_fini(&bundle);
}

static void a_key_written_by_another_broker_is_a_duplicate(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->other, line_says_as(&line, "alice", "a1", "hi"));
	struct bundle bundle = {0};
	bundle_add(&bundle, line_says_as(&line, "alice", "a1", "hi"));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_CONFLICT);
	assert_int_equal(bundle.append.duplicate_number, 1);
	bundle_fini(&bundle);
}

static void a_key_twice_in_one_append_is_a_conflict(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct bundle bundle = {0};
	bundle_add(&bundle, line_says_as(&line, "alice", "a1", "hi"));
	bundle_add(&bundle, line_says_as(&line, "alice", "a1", "hi"));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_CONFLICT);
	assert_int_equal(bundle.append.duplicate_index, 1);
	bundle_fini(&bundle);
}

static void the_same_key_of_another_sender_or_chat_is_another_key(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c"), elsewhere = line_new("d");
	assert_appended(world->store, line_says_as(&line, "alice", "a1", "hi"));
	assert_appended(world->store, line_says_as(&line, "bob", "a1", "hi"));
	assert_appended(world->store, line_says_as(&elsewhere, "alice", "a1", "hi"));
	assert_int_equal(assert_sound(world->store, "c"), 2);
	assert_int_equal(assert_sound(world->store, "d"), 1);
}

static void without_a_key_everything_is_taken_as_often_as_it_comes(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	for (int i = 0; i < 3; i++)
		assert_appended(world->store, line_says(&line, "alice", "hi"));
	assert_int_equal(assert_sound(world->store, "c"), 3);
}

static void an_empty_key_is_a_key(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	assert_appended(world->store, line_says_as(&line, "alice", "", "hi"));
	assert_int_equal(append_one(world->store, line_says_as(&line, "alice", "", "hi")), APPEND_CONFLICT);
}

/* Tried at each day of a generation of keys, so that no border between two of them is missed. */
static void a_key_is_remembered_for_exactly_seven_days(void **state)
{
	struct world *world = *state;
	for (int day = 0; day < STORE_KEY_DAYS; day++) {
		char chat_id[] = "chat0";
		chat_id[4] = (char)('0' + day);
		struct line line = line_new(chat_id);
		line.at_ms += day * DAY_MS;
		assert_appended(world->store, line_says_as(&line, "alice", "a1", "hi"));
		struct line at_last = line, too_late = line;
		at_last.at_ms = START_MS + (day + STORE_KEY_DAYS) * DAY_MS;
		too_late.at_ms = at_last.at_ms + 1;
		assert_int_equal(append_one(world->store, line_says_as(&at_last, "alice", "a1", "hi")), APPEND_CONFLICT);
		assert_appended(world->store, line_says_as(&too_late, "alice", "a1", "hi"));
	}
}

static void a_number_of_another_counts_before_a_key_used_again(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct line mine = line;
	assert_appended(world->other, line_says_as(&line, "alice", "a1", "hi"));
	struct bundle bundle = {0};
	bundle_add(&bundle, line_says_as(&mine, "alice", "a1", "hi"));
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_CONFLICT);
	assert_int_equal(bundle.append.duplicate_number, 0);
	bundle_fini(&bundle);
}

static void find_key_tells_number_and_content(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct transaction *tx = line_says_as(&line, "alice", "a1", "hi");
	unsigned char hash[ID_BYTES] = {0};
	uint64_t number = 0;
	assert_int_equal(ON_WORLD(find_key, "c", "alice", "a1", 0, &number, hash, NULL), STORE_NOT_FOUND);
	assert_appended(world->store, transaction_ref(tx));
	assert_int_equal(ON_WORLD(find_key, "c", "bob", "a1", 0, &number, hash, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(find_key, "c", "alice", "a2", 0, &number, hash, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(find_key, "d", "alice", "a1", 0, &number, hash, NULL), STORE_NOT_FOUND);
	assert_int_equal(number, 0);
	assert_int_equal(ON_WORLD(find_key, "c", "alice", "a1", 0, &number, hash, NULL), STORE_OK);
	assert_int_equal(number, 1);
	assert_memory_equal(hash, tx->key_hash, ID_BYTES);
	transaction_free(tx);
}

static void find_key_tells_the_newest_and_forgets_after_seven_days(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	unsigned char hash[ID_BYTES];
	uint64_t number = 0;
	assert_appended(world->store, line_says_as(&line, "alice", "a1", "hi"));
	line.at_ms = START_MS + STORE_KEY_DAYS * DAY_MS + 1;
	assert_appended(world->store, line_says_as(&line, "alice", "a1", "hi again"));
	assert_int_equal(ON_WORLD(find_key, "c", "alice", "a1", 0, &number, hash, NULL), STORE_OK);
	assert_int_equal(number, 2);
	line.at_ms += STORE_KEY_DAYS * DAY_MS;
	assert_appended(world->store, line_says(&line, "alice", "later"));
	assert_int_equal(ON_WORLD(find_key, "c", "alice", "a1", 0, &number, hash, NULL), STORE_NOT_FOUND);
}

/* A KEY_ONCE has no index: nobody looks for it when appending, and find_key searches the log. */
static void a_key_once_is_found_by_search_alone(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	const char key[] = {KEY_ONCE, 'k', '\0'}, other[] = {KEY_ONCE, 'o', '\0'};
	unsigned char hash[ID_BYTES];
	uint64_t number = 0;
	int64_t made_ms = line.at_ms;
	assert_appended(world->store, line_says_as(&line, "alice", key, "hi"));
	line.at_ms = made_ms + 1000;
	assert_appended(world->store, line_says_as(&line, "bob", other, "hello"));
	assert_int_equal(ON_WORLD(find_key, "c", "alice", key, made_ms, &number, hash, NULL), STORE_OK);
	assert_int_equal(number, 1);
	assert_int_equal(ON_WORLD(find_key, "c", "bob", key, made_ms, &number, hash, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON_WORLD(find_key, "c", "alice", other, made_ms, &number, hash, NULL), STORE_NOT_FOUND);
	assert_appended(world->store, line_says_as(&line, "alice", key, "hi"));
}

/* `count` lines of bob's. */
static void bob_goes_on(struct world *world, struct line *line, size_t count)
{
	while (count > 0) {
		struct bundle bundle = {0};
		size_t room = sizeof bundle.transactions / sizeof *bundle.transactions, some = count < room ? count : room;
		for (size_t i = 0; i < some; i++)
			bundle_add(&bundle, line_says(line, "bob", "so it goes"));
		assert_int_equal(bundle_append(world->store, &bundle), APPEND_OK);
		bundle_fini(&bundle);
		count -= some;
	}
}

/* It was made while the clock was ahead, and everything since is older. */
static void a_key_once_is_found_among_the_newest_whatever_the_clock_did(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	const char key[] = {KEY_ONCE, 'k', '\0'};
	unsigned char hash[ID_BYTES];
	uint64_t number = 0;
	int64_t made_ms = line.at_ms;
	assert_appended(world->store, line_says_as(&line, "alice", key, "hi"));
	line.at_ms = made_ms - DAY_MS;
	bob_goes_on(world, &line, STORE_ONCE_COUNT);
	assert_int_equal(ON_WORLD(find_key, "c", "alice", key, made_ms, &number, hash, NULL), STORE_OK);
	assert_int_equal(number, 1);
	bob_goes_on(world, &line, 1);
	assert_int_equal(ON_WORLD(find_key, "c", "alice", key, made_ms, &number, hash, NULL), STORE_NOT_FOUND);
}

static void a_key_once_is_found_behind_as_many_as_are_not_older(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	const char key[] = {KEY_ONCE, 'k', '\0'};
	unsigned char hash[ID_BYTES];
	uint64_t number = 0;
	int64_t made_ms = line.at_ms;
	assert_appended(world->store, line_says_as(&line, "alice", key, "hi"));
	bob_goes_on(world, &line, STORE_ONCE_COUNT + 1);
	assert_int_equal(ON_WORLD(find_key, "c", "alice", key, made_ms, &number, hash, NULL), STORE_OK);
	assert_int_equal(number, 1);
	assert_int_equal(ON_WORLD(find_key, "c", "alice", key, made_ms + 1, &number, hash, NULL), STORE_NOT_FOUND);
}

/* ---- batches ---- */

static void a_conflict_of_one_chat_leaves_the_others_alone(void **state)
{
	struct world *world = *state;
	struct line a = line_new("a"), b = line_new("b"), c = line_new("c"), mine = b;
	struct bundle bundles[3] = {0};
	assert_appended(world->other, line_says(&b, "bob", "first"));
	bundle_add(&bundles[0], line_says(&a, "alice", "1"));
	bundle_add(&bundles[1], line_says(&mine, "alice", "2"));
	bundle_add(&bundles[2], line_says(&c, "alice", "3"));
	struct append batch[3] = {bundles[0].append, bundles[1].append, bundles[2].append};
	assert_int_equal(ON_WORLD(append, batch, 3, NULL), STORE_OK);
	assert_int_equal(batch[0].result, APPEND_OK);
	assert_int_equal(batch[1].result, APPEND_CONFLICT);
	assert_int_equal(batch[2].result, APPEND_OK);
	for (size_t i = 0; i < 3; i++)
		bundle_fini(&bundles[i]);
	assert_int_equal(assert_sound(world->store, "a"), 1);
	assert_int_equal(assert_sound(world->store, "b"), 1);
	assert_int_equal(assert_sound(world->store, "c"), 1);
}

static void an_empty_batch_is_ok(void **state)
{
	struct world *world = *state;
	assert_int_equal(ON_WORLD(append, NULL, 0, NULL), STORE_OK);
}

static void the_tail_of_a_writer_has_only_what_he_wrote(void **state)
{
	struct world *world = *state;
	struct line a = line_new("a"), b = line_new("b");
	struct page page = {0};
	b.writer = "w2";
	assert_appended(world->store, line_says(&a, "alice", "1"));
	assert_appended(world->other, line_says(&b, "bob", "2"));
	assert_appended(world->store, line_says(&a, "alice", "3"));
	page = read_tail(world->store, "w1", 0, 10, NULL);
	assert_int_equal(page.count, 2);
	assert_string_equal(page.transactions[1]->body.text, "3");
	assert_true(page.transactions[1]->position > page.transactions[0]->position);
	store_page_free(&page);
	page = read_tail(world->store, "w2", 0, 10, NULL);
	assert_int_equal(page.count, 1);
	assert_string_equal(page.transactions[0]->chat_id, "b");
	store_page_free(&page);
}

/* A chat in which two brokers write by turns, in one batch: each is told as who wrote what it wrote. */
static void writers_may_change_within_a_batch(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	struct bundle bundle = {0};
	for (int i = 0; i < 4; i++) {
		line.writer = i % 2 ? "w2" : "w1";
		bundle_add(&bundle, line_says(&line, "alice", "hi"));
	}
	assert_int_equal(bundle_append(world->store, &bundle), APPEND_OK);
	assert_int_equal(bundle.append.last_position, position_of(world, "c", 4));
	bundle_fini(&bundle);
	for (int writer = 1; writer <= 2; writer++) {
		struct page page = read_tail(world->store, writer == 1 ? "w1" : "w2", 0, 10, NULL);
		assert_int_equal(page.count, 2);
		for (size_t i = 0; i < 2; i++)
			assert_int_equal(page.transactions[i]->number, 2 * i + (size_t)writer);
		assert_true(page.transactions[0]->position < page.transactions[1]->position);
		store_page_free(&page);
	}
}

int run_append_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(the_first_append_makes_the_chat),
		STORY(several_go_in_at_once_with_positions_in_their_order),
		STORY(a_repeated_append_is_ok_and_adds_nothing),
		STORY(an_old_append_repeated_when_more_came_after_it_is_ok),
		STORY(a_repetition_with_more_behind_it_adds_only_that),
		STORY(a_gap_is_a_conflict_and_makes_no_chat),
		STORY(a_number_that_another_has_is_a_conflict),
		STORY(the_next_number_on_another_head_is_a_conflict),
		STORY(a_part_that_does_not_follow_adds_nothing_of_the_chat),
		STORY(after_a_conflict_the_same_content_at_the_next_number_is_ok),
		STORY(membership_that_says_nothing_is_a_conflict),
		STORY(a_key_used_again_is_a_conflict_that_names_the_first),
		STORY(a_key_with_another_content_is_a_duplicate_all_the_same),
		STORY(a_key_written_by_another_broker_is_a_duplicate),
		STORY(a_key_twice_in_one_append_is_a_conflict),
		STORY(the_same_key_of_another_sender_or_chat_is_another_key),
		STORY(without_a_key_everything_is_taken_as_often_as_it_comes),
		STORY(an_empty_key_is_a_key),
		STORY(a_key_is_remembered_for_exactly_seven_days),
		STORY(a_number_of_another_counts_before_a_key_used_again),
		STORY(find_key_tells_number_and_content),
		STORY(find_key_tells_the_newest_and_forgets_after_seven_days),
		STORY(a_key_once_is_found_by_search_alone),
		STORY(a_key_once_is_found_among_the_newest_whatever_the_clock_did),
		STORY(a_key_once_is_found_behind_as_many_as_are_not_older),
		STORY(a_conflict_of_one_chat_leaves_the_others_alone),
		STORY(an_empty_batch_is_ok),
		STORY(the_tail_of_a_writer_has_only_what_he_wrote),
		STORY(writers_may_change_within_a_batch),
	};
	return cmocka_run_group_tests_name("append", stories, NULL, NULL);
}
