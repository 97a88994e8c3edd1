/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The intake journal as its users see it: what was added comes back after a crash, what was released does not, whatever is full or
 * stuck. Damage is in test_journal_damage.c, the random tests in test_journal_model.c. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal_kit.h"

/* ---- what comes back ---- */

static void what_was_added_comes_back_after_a_crash(void **state)
{
	(void)state;
	crash_after(add_three);
	assert_reopening_replays("one/1 two/1 three/1 ");
	assert_reopening_replays("one/1 two/1 three/1 ");
}

static void decline_the_second(void)
{
	struct journal *journal = opened();
	add(journal, "one");
	release(journal, add(journal, "two"), JOURNAL_DECLINED);
	add(journal, "three");
}

static void what_was_refused_is_never_decided_again(void **state)
{
	(void)state;
	crash_after(decline_the_second);
	assert_reopening_replays("one/1 three/1 ");
}

static void commit_two_and_flush(void)
{
	struct journal *journal = opened();
	uint64_t one = add(journal, "one");
	uint64_t two = add(journal, "two");
	add(journal, "three");
	release(journal, two, JOURNAL_COMMITTED);
	release(journal, one, JOURNAL_COMMITTED);
	flush_at(journal, 1);
}

static void what_was_committed_and_flushed_does_not_come_back(void **state)
{
	(void)state;
	crash_after(commit_two_and_flush);
	assert_reopening_replays("three/1 ");
}

static void commit_all_and_close(void)
{
	struct journal *journal = opened();
	release(journal, add(journal, "one"), JOURNAL_COMMITTED);
	release(journal, add(journal, "two"), JOURNAL_COMMITTED);
	journal_close(journal);
}

static void closing_flushes(void **state)
{
	(void)state;
	crash_after(commit_all_and_close);
	assert_reopening_replays("");
}

/* A reader that decides at once: commits everything but "two". */
struct decider {
	struct journal *journal;
	size_t released;
};

static void decide(void *context, uint64_t seq, unsigned attempt, const void *payload, size_t len)
{
	struct decider *decider = context;
	(void)attempt;
	if (len == 3 && memcmp(payload, "two", 3) == 0)
		return;
	release(decider->journal, seq, JOURNAL_COMMITTED);
	release(decider->journal, seq, JOURNAL_COMMITTED); /* the second time there is nothing to do */
	decider->released++;
}

static void the_age_is_that_of_the_oldest_record_wherever_it_was_copied(void **state)
{
	(void)state;
	struct journal *journal = opened();
	flush_at(journal, 5000);
	assert_int_equal(stats_of(journal).oldest_ms, 0);
	uint64_t first = add(journal, "first");
	flush_at(journal, 6000);
	uint64_t second = add(journal, "second"), third = add(journal, "third");
	release(journal, second, JOURNAL_COMMITTED);
	flush_at(journal, 5000 + JOURNAL_PINNED_MS); /* copies "first", which pins what is released */
	assert_int_equal(stats_of(journal).oldest_ms, JOURNAL_PINNED_MS);
	release(journal, first, JOURNAL_COMMITTED);
	assert_int_equal(stats_of(journal).oldest_ms, JOURNAL_PINNED_MS - 1000);
	release(journal, third, JOURNAL_COMMITTED);
	assert_int_equal(stats_of(journal).oldest_ms, 0);
	journal_close(journal);
}

static void the_age_of_what_was_there_before_begins_with_the_first_flush(void **state)
{
	(void)state;
	crash_after(add_three);
	struct journal *journal = opened();
	assert_int_equal(stats_of(journal).oldest_ms, 0);
	flush_at(journal, 100000);
	assert_int_equal(stats_of(journal).oldest_ms, 0);
	flush_at(journal, 101500);
	assert_int_equal(stats_of(journal).oldest_ms, 1500);
	journal_close(journal);
}

static void replay_and_decide(struct journal *journal, size_t expected)
{
	struct decider decider = {journal, 0};
	const struct journal_reader reader = {.replay = decide, .context = &decider};
	assert_int_equal(journal_replay(journal, &reader, NULL), JOURNAL_OK);
	assert_int_equal(decider.released, expected);
}

static void a_record_may_be_released_while_it_is_replayed(void **state)
{
	(void)state;
	crash_after(add_three);
	struct journal *journal = opened();
	replay_and_decide(journal, 2);
	assert_int_equal(stats_of(journal).records, 1);
	uint64_t four = add(journal, "four");
	flush_at(journal, JOURNAL_PINNED_MS); /* copies "two", which pinned "three" */
	release(journal, four, JOURNAL_DECLINED);
	journal_close(journal);
	assert_reopening_replays("two/1 ");
}

struct comparison {
	const unsigned char *expected;
	const size_t *lens;
	size_t count;
};

static void compare_payload(void *context, uint64_t seq, unsigned attempt, const void *payload, size_t len)
{
	struct comparison *comparison = context;
	(void)seq, (void)attempt;
	assert_int_equal(len, comparison->lens[comparison->count++]);
	assert_memory_equal(payload, comparison->expected, len);
}

static void any_payload_up_to_the_limit_comes_back_as_it_was(void **state)
{
	(void)state;
	static const size_t lens[] = {0, 1, 23, 24, 25, 63, 64, 65, 4096, JOURNAL_PAYLOAD_MAX - 1, JOURNAL_PAYLOAD_MAX};
	enum { COUNT = sizeof lens / sizeof *lens };
	unsigned char *payload = mem_new(JOURNAL_PAYLOAD_MAX + 1);
	for (size_t i = 0; i <= JOURNAL_PAYLOAD_MAX; i++)
		payload[i] = (unsigned char)(i * 31 >> 3);
	struct journal *journal = opened();
	for (size_t i = 0; i < COUNT; i++)
		add_bytes(journal, lens[i] ? payload : NULL, lens[i]);
	uint64_t seq = 5;
	assert_int_equal(journal_add(journal, payload, JOURNAL_PAYLOAD_MAX + 1, &seq, NULL), JOURNAL_REFUSED);
	assert_int_equal(seq, 5);
	journal_close(journal);
	journal = opened();
	struct comparison comparison = {payload, lens, 0};
	const struct journal_reader reader = {.replay = compare_payload, .context = &comparison};
	assert_int_equal(journal_replay(journal, &reader, NULL), JOURNAL_OK);
	assert_int_equal(comparison.count, COUNT);
	journal_close(journal);
	free(payload);
}

/* The journal's wall clock (linked with --wrap). */
static int64_t wall_offset_us;
int64_t __real_clock_wall_us(void);
int64_t __wrap_clock_wall_us(void);
int64_t __wrap_clock_wall_us(void)
{
	return __real_clock_wall_us() + wall_offset_us;
}

static void numbers_grow_although_the_clock_goes_back(void **state)
{
	(void)state;
	uint64_t last = 0;
	for (wall_offset_us = 10000000000; wall_offset_us >= 0; wall_offset_us -= 5000000000) {
		crash_after(add_three);
		struct journal *journal = opened();
		struct heard heard;
		const struct journal_reader reader = hearing(&heard);
		assert_int_equal(journal_replay(journal, &reader, NULL), JOURNAL_OK);
		buf_fini(&heard.text);
		assert_true(heard.last_seq > last);
		last = add(journal, "x");
		assert_true(last > heard.last_seq);
		journal_close(journal);
	}
	wall_offset_us = 0;
}

static uint64_t *scrubbed_seq;

static void scrub_all_and_crash(void)
{
	struct journal *journal = opened();
	add(journal, "stuck");
	*scrubbed_seq = add(journal, "x");
	release(journal, *scrubbed_seq, JOURNAL_COMMITTED);
	scrub(journal);
}

static void numbers_grow_although_what_had_them_was_scrubbed_and_the_clock_goes_back(void **state)
{
	(void)state;
	scrubbed_seq = mmap(NULL, sizeof *scrubbed_seq, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(scrubbed_seq != MAP_FAILED);
	wall_offset_us = 10000000000;
	crash_after(scrub_all_and_crash);
	wall_offset_us = 0;
	struct journal *journal = opened();
	assert_true(add(journal, "y") > *scrubbed_seq);
	journal_close(journal);
	munmap(scrubbed_seq, sizeof *scrubbed_seq);
}

static void numbers_grow_over_restarts_and_the_loss_of_the_file(void **state)
{
	(void)state;
	uint64_t last = 0;
	for (int round = 0; round < 6; round++) {
		struct journal *journal = opened();
		for (int i = 0; i < 3; i++) {
			uint64_t seq = add(journal, "x");
			assert_true(seq > last);
			last = seq;
		}
		journal_close(journal);
		if (round % 2)
			unlink(kit_path);
	}
}

/* ---- room ---- */

static size_t fill_up(struct journal *journal, uint64_t *seqs, size_t max)
{
	char payload[5000];
	memset(payload, 'p', sizeof payload);
	size_t count = 0;
	struct error err = {0};
	while (count < max && journal_add(journal, payload, sizeof payload, &seqs[count], &err) == JOURNAL_OK)
		count++;
	assert_int_equal(err.rc, JOURNAL_FULL);
	return count;
}

static void a_full_journal_says_so_and_recovers(void **state)
{
	(void)state;
	uint64_t seqs[1000];
	struct journal *journal = opened();
	size_t count = fill_up(journal, seqs, 1000);
	assert_in_range(count, 150, 210); /* most of the megabyte is for use */
	assert_int_equal(stats_of(journal).records, count);
	for (size_t i = 0; i < 10; i++)
		release(journal, seqs[i], JOURNAL_COMMITTED);
	for (size_t i = 0; i < 9; i++)
		add(journal, "again");
	for (size_t i = 10; i < count; i++)
		release(journal, seqs[i], JOURNAL_COMMITTED);
	assert_in_range(fill_up(journal, seqs, 1000), 150, 210);
	journal_close(journal);
	journal = opened();
	assert_int_equal(stats_of(journal).corrupt, 0);
	assert_true(stats_of(journal).records > 150);
	journal_close(journal);
}

static void a_full_journal_whose_oldest_is_stuck_recovers_too(void **state)
{
	(void)state;
	char *payload = mem_zero(JOURNAL_PAYLOAD_MAX);
	uint64_t seqs[1000];
	struct journal *journal = opened();
	add_bytes(journal, payload, JOURNAL_PAYLOAD_MAX);
	size_t count = fill_up(journal, seqs, 1000);
	for (size_t i = 0; i < count; i++)
		release(journal, seqs[i], JOURNAL_COMMITTED);
	for (int i = 0; i < 1000; i++)
		release(journal, add_bytes(journal, payload, 5000), JOURNAL_COMMITTED);
	assert_int_equal(stats_of(journal).records, 1);
	journal_close(journal);
	free(payload);
}

static void the_file_never_grows(void **state)
{
	(void)state;
	struct journal *journal = opened();
	char payload[3000] = {0};
	for (int i = 0; i < 3000; i++) {
		release(journal, add_bytes(journal, payload, sizeof payload), JOURNAL_COMMITTED);
		if (i % 50 == 0)
			flush_at(journal, i);
	}
	journal_close(journal);
	struct stat after;
	assert_int_equal(stat(kit_path, &after), 0);
	assert_int_equal(after.st_size, KIT_SIZE);
	assert_int_equal(after.st_mode & 0777, 0600);
}

/* `stuck_len` bytes of one chat are never decided while ten times the journal's size of others goes through. */
static void pass_by(size_t stuck_count, size_t stuck_len)
{
	struct journal *journal = opened();
	char *payload = mem_zero(JOURNAL_PAYLOAD_MAX);
	for (size_t i = 0; i < stuck_count; i++) {
		sprintf(payload, "stuck %zu", i);
		add_bytes(journal, payload, stuck_len);
	}
	uint64_t before[4] = {0};
	for (size_t sum = 0, i = 0; sum < 10 * KIT_SIZE; sum += 1500, i++) {
		uint64_t seq = add_bytes(journal, "passing by", i % 7 ? 10 : 9);
		add_bytes(journal, payload, 0); /* declined at once, below */
		release(journal, seq + 1, JOURNAL_DECLINED);
		release(journal, before[i % 4], JOURNAL_COMMITTED); /* a few are always under way */
		before[i % 4] = seq;
		memset(payload, 'p', 1300);
		release(journal, add_bytes(journal, payload, 1300), JOURNAL_COMMITTED);
		if (i % 5 == 0)
			flush_at(journal, (int64_t)i);
	}
	assert_int_equal(stats_of(journal).records, stuck_count + 4);
	free(payload);
}

static void pass_by_one(void)
{
	pass_by(1, 100);
}

static void pass_by_many(void)
{
	pass_by(600, 1000); /* 60 % of the journal */
}

static void assert_stuck_come_first(size_t stuck_count)
{
	struct journal *journal = opened();
	struct heard heard;
	const struct journal_reader reader = hearing(&heard);
	assert_int_equal(journal_replay(journal, &reader, NULL), JOURNAL_OK);
	struct buf expected = BUF_EMPTY;
	for (size_t i = 0; i < stuck_count; i++) {
		char text[32] = {0};
		sprintf(text, "stuck %zu", i);
		buf_add(&expected, text, 20);
		buf_add_text(&expected, "/1 ");
	}
	assert_true(heard.text.len > expected.len);
	assert_memory_equal(heard.text.data, expected.data, expected.len);
	assert_null(memmem(heard.text.data + expected.len, heard.text.len - expected.len, "stuck", 5));
	buf_fini(&expected);
	buf_fini(&heard.text);
	journal_close(journal);
}

static void one_stuck_command_pins_nothing(void **state)
{
	(void)state;
	assert_int_equal(crash_after(pass_by_one), 0);
	assert_stuck_come_first(1);
}

static void a_chat_that_is_stuck_with_most_of_the_journal_pins_nothing(void **state)
{
	(void)state;
	assert_int_equal(crash_after(pass_by_many), 0);
	assert_stuck_come_first(600);
}

static void stick_for_a_minute(void)
{
	struct journal *journal = opened();
	flush_at(journal, 1000);
	add(journal, "stuck");
	release(journal, add(journal, "committed"), JOURNAL_COMMITTED);
	flush_at(journal, 1000 + JOURNAL_PINNED_MS - 1);
	add(journal, "young");
	flush_at(journal, 1000 + JOURNAL_PINNED_MS);
}

static void what_was_committed_behind_a_stuck_one_is_forgotten_after_a_minute(void **state)
{
	(void)state;
	crash_after(stick_for_a_minute);
	assert_reopening_replays("stuck/1 young/1 ");
}

/* A record leaves its old place when the space in use shrinks at an add. No flush, so the file still knows of the old place only. */
static void copy_and_decline(void)
{
	struct journal *journal = opened();
	uint64_t stuck = add(journal, "stuck");
	const char payload[5000] = {0};
	uint64_t used = 0;
	while (stats_of(journal).used >= used) {
		used = stats_of(journal).used;
		release(journal, add_bytes(journal, payload, sizeof payload), JOURNAL_DECLINED);
	}
	release(journal, stuck, JOURNAL_DECLINED);
}

static void a_copied_record_that_was_refused_does_not_come_back_from_its_old_place(void **state)
{
	(void)state;
	assert_int_equal(crash_after(copy_and_decline), 0);
	struct buf file = file_read(kit_path);
	const char *first = memmem(file.data, file.len, "stuck", 5);
	assert_non_null(first);
	assert_non_null(memmem(first + 5, file.len - (size_t)(first + 5 - file.data), "stuck", 5)); /* it was copied */
	buf_fini(&file);
	assert_reopening_replays("");
}

/* ---- unusable files ---- */

static void unusable_files_are_refused_by_name_and_left_alone(void **state)
{
	(void)state;
	assert_refused(kit_directory, KIT_SIZE, "directory");
	assert_refused("/nonexistent/journal", KIT_SIZE, "No such file");
	assert_refused(kit_path, KIT_SIZE - 1, "1048575");
	assert_refused(kit_path, JOURNAL_SIZE_MAX + 1, "4294967297");
	assert_int_equal(access(kit_path, F_OK), -1); /* a wrong size makes no file */

	file_write(kit_path, "my shopping list", 16);
	assert_refused(kit_path, KIT_SIZE, "not a journal");
	struct buf file = file_read(kit_path);
	assert_string_equal(file.data, "my shopping list");
	buf_fini(&file);

	unlink(kit_path);
	assert_int_equal(mkfifo(kit_path, 0600), 0);
	assert_refused(kit_path, KIT_SIZE, "regular file");
}

static void expect_in_use(void)
{
	struct journal *journal = NULL;
	struct error err = {0};
	_exit(journal_open(kit_path, KIT_SIZE, &journal, &err) == JOURNAL_REFUSED && strstr(err.text, "in use") ? 7 : 1);
}

static void a_second_process_is_refused_until_the_first_has_gone(void **state)
{
	(void)state;
	struct journal *journal = opened();
	add(journal, "one");
	assert_int_equal(crash_after(expect_in_use), 7);
	journal_close(journal);
	assert_reopening_replays("one/1 ");
}

static void another_size_is_taken_up_when_the_journal_is_empty(void **state)
{
	(void)state;
	crash_after(commit_two_and_flush); /* "three" is left */
	struct journal *journal = opened_with(4 * KIT_SIZE);
	assert_int_equal(stats_of(journal).size, KIT_SIZE - 4096);
	uint64_t four = add(journal, "four");
	replay_and_decide(journal, 2);
	journal_close(journal);

	static const uint64_t sizes[] = {4 * KIT_SIZE, 4 * KIT_SIZE + 1, KIT_SIZE};
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		uint64_t size = sizes[i] - sizes[i] % RECORD_UNIT;
		journal = opened_with(sizes[i]);
		assert_int_equal(stats_of(journal).size, size - 4096);
		uint64_t five = add(journal, "five");
		assert_true(five > four);
		four = five;
		release(journal, five, JOURNAL_COMMITTED);
		journal_close(journal);
		struct stat after;
		stat(kit_path, &after);
		assert_in_range(after.st_size, size, size + 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_was_added_comes_back_after_a_crash, kit_remove_files),
		cmocka_unit_test_setup(what_was_refused_is_never_decided_again, kit_remove_files),
		cmocka_unit_test_setup(what_was_committed_and_flushed_does_not_come_back, kit_remove_files),
		cmocka_unit_test_setup(closing_flushes, kit_remove_files),
		cmocka_unit_test_setup(the_age_is_that_of_the_oldest_record_wherever_it_was_copied, kit_remove_files),
		cmocka_unit_test_setup(the_age_of_what_was_there_before_begins_with_the_first_flush, kit_remove_files),
		cmocka_unit_test_setup(a_record_may_be_released_while_it_is_replayed, kit_remove_files),
		cmocka_unit_test_setup(any_payload_up_to_the_limit_comes_back_as_it_was, kit_remove_files),
		cmocka_unit_test_setup(numbers_grow_although_the_clock_goes_back, kit_remove_files),
		cmocka_unit_test_setup(numbers_grow_although_what_had_them_was_scrubbed_and_the_clock_goes_back, kit_remove_files),
		cmocka_unit_test_setup(numbers_grow_over_restarts_and_the_loss_of_the_file, kit_remove_files),
		cmocka_unit_test_setup(a_full_journal_says_so_and_recovers, kit_remove_files),
		cmocka_unit_test_setup(a_full_journal_whose_oldest_is_stuck_recovers_too, kit_remove_files),
		cmocka_unit_test_setup(the_file_never_grows, kit_remove_files),
		cmocka_unit_test_setup(one_stuck_command_pins_nothing, kit_remove_files),
		cmocka_unit_test_setup(a_chat_that_is_stuck_with_most_of_the_journal_pins_nothing, kit_remove_files),
		cmocka_unit_test_setup(what_was_committed_behind_a_stuck_one_is_forgotten_after_a_minute, kit_remove_files),
		cmocka_unit_test_setup(a_copied_record_that_was_refused_does_not_come_back_from_its_old_place, kit_remove_files),
		cmocka_unit_test_setup(unusable_files_are_refused_by_name_and_left_alone, kit_remove_files),
		cmocka_unit_test_setup(a_second_process_is_refused_until_the_first_has_gone, kit_remove_files),
		cmocka_unit_test_setup(another_size_is_taken_up_when_the_journal_is_empty, kit_remove_files),
	};
	return cmocka_run_group_tests(tests, kit_make_directory, kit_remove_directory);
}
