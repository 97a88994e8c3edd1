/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The intake journal's scrubbing: what is released leaves the file, what is not stays, wherever the process dies. Reads and writes of the
 * journal go through here (linked with --wrap): they are counted, fail, or are the process's last. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#include "journal_kit.h"

enum { STEP_BYTES = 256 * 1024, EXIT_TORN = 9 };

static struct {
	size_t reads, writes, bytes;
	size_t last;      /* this write is the process's last one; 0: none is */
	unsigned quarter; /* how many quarters of it are done */
	bool fails;       /* writes do half of their work and fail */
} io;

ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	io.writes++;
	io.bytes += len;
	bool is_last = io.last > 0 && io.writes == io.last;
	if (!io.fails && !is_last)
		return __real_pwrite(fd, bytes, len, offset);
	size_t part = is_last ? len * io.quarter / 4 : len / 2;
	if (part > 0 && __real_pwrite(fd, bytes, part, offset) != (ssize_t)part)
		abort();
	if (is_last)
		_exit(EXIT_TORN);
	errno = EIO;
	return -1;
}

ssize_t __real_pread(int fd, void *bytes, size_t len, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t len, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t len, off_t offset)
{
	io.reads++;
	return __real_pread(fd, bytes, len, offset);
}

/* The journal is not mapped here: what goes through memory cannot be counted or torn. */
void *__real_mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset)
{
	return fd < 0 ? __real_mmap(address, len, protection, flags, fd, offset) : MAP_FAILED;
}

static int begin_test(void **state)
{
	memset(&io, 0, sizeof io);
	return kit_remove_files(state);
}

static void add_and_release(struct journal *journal, size_t count, size_t len)
{
	char *payload = mem_new(len);
	memset(payload, 'x', len);
	for (size_t i = 0; i < count; i++)
		release(journal, add_bytes(journal, payload, len), JOURNAL_COMMITTED);
	free(payload);
}

/* ---- what leaves, and what stays ---- */

static void what_is_released_leaves_the_file_and_the_rest_stays(void **state)
{
	(void)state;
	struct journal *journal = opened();
	uint64_t one = add(journal, "one");
	add(journal, "two");
	uint64_t three = add(journal, "three");
	release(journal, one, JOURNAL_DECLINED);
	release(journal, three, JOURNAL_COMMITTED);
	assert_int_equal(records_in_file(), 3);
	scrub(journal);
	assert_int_equal(records_in_file(), 1);
	journal_close(journal);
	assert_reopening_replays("two/1 ");
}

static void commit_behind_a_stuck_one_and_scrub(void)
{
	struct journal *journal = opened();
	add(journal, "stuck");
	release(journal, add(journal, "one"), JOURNAL_COMMITTED);
	release(journal, add(journal, "two"), JOURNAL_COMMITTED);
	scrub(journal);
}

static void what_was_scrubbed_does_not_come_back_although_an_older_one_waits(void **state)
{
	(void)state;
	crash_after(commit_behind_a_stuck_one_and_scrub);
	assert_reopening_replays("stuck/1 ");
}

static void what_is_released_after_a_pass_leaves_with_the_next(void **state)
{
	(void)state;
	struct journal *journal = opened();
	uint64_t one = add(journal, "one");
	uint64_t two = add(journal, "two");
	add(journal, "three");
	release(journal, two, JOURNAL_COMMITTED);
	scrub(journal);
	assert_int_equal(records_in_file(), 2);
	release(journal, one, JOURNAL_COMMITTED);
	scrub(journal);
	assert_int_equal(records_in_file(), 1);
	release(journal, add(journal, "four"), JOURNAL_COMMITTED);
	scrub(journal);
	assert_int_equal(records_in_file(), 1);
	journal_close(journal);
	assert_reopening_replays("three/1 ");
}

static void what_is_released_in_the_midst_of_a_pass_is_not_forgotten(void **state)
{
	(void)state;
	struct journal *journal = opened();
	uint64_t early = add(journal, "early");
	add_and_release(journal, 60, 10000);
	uint64_t late = add(journal, "late");
	bool more = false;
	journal_scrub_begin(journal);
	assert_int_equal(journal_scrub(journal, &more, NULL), JOURNAL_OK);
	assert_true(more);
	release(journal, early, JOURNAL_COMMITTED); /* the pass was there already */
	release(journal, late, JOURNAL_COMMITTED);
	scrub(journal);
	assert_int_equal(records_in_file(), 0);
	journal_close(journal);
}

static void a_record_that_was_copied_leaves_its_old_place(void **state)
{
	(void)state;
	struct journal *journal = opened();
	uint64_t stuck = add(journal, "stuck");
	release(journal, add(journal, "one"), JOURNAL_COMMITTED);
	scrub(journal);
	flush_at(journal, JOURNAL_PINNED_MS);
	assert_int_equal(records_in_file(), 2); /* it was copied */
	scrub(journal);
	assert_int_equal(records_in_file(), 1);
	release(journal, stuck, JOURNAL_COMMITTED);
	scrub(journal);
	assert_int_equal(records_in_file(), 0);
	journal_close(journal);
}

static void nothing_of_earlier_laps_is_left_in_gaps_or_behind_records(void **state)
{
	(void)state;
	struct journal *journal = opened();
	for (size_t len = 1000; len < 60000; len += 999)
		add_and_release(journal, 3, len);
	for (int i = 0; i < 20; i++)
		add(journal, "stays");
	scrub(journal);
	assert_int_equal(records_in_file(), 20);
	for (size_t len = 60000; len > 1000; len -= 999) {
		add_and_release(journal, 1, len);
		scrub(journal);
		assert_int_equal(records_in_file(), 20);
	}
	journal_close(journal);
}

static void a_restart_does_not_know_what_is_clean_and_scrubs_all(void **state)
{
	(void)state;
	struct journal *journal = opened();
	add_and_release(journal, 20, 10000);
	add(journal, "stays");
	add_and_release(journal, 20, 10000);
	journal_close(journal);
	journal = opened();
	assert_int_equal(records_in_file(), 41);
	uint64_t behind = add(journal, "behind");
	scrub(journal);
	assert_int_equal(records_in_file(), 22 /* those behind the one that waits: nothing in the file says that they are released */);
	release(journal, behind, JOURNAL_DECLINED);
	journal_close(journal);
}

/* ---- what it costs ---- */

static void a_pass_where_nothing_was_written_reads_and_writes_nothing(void **state)
{
	(void)state;
	struct journal *journal = opened();
	add(journal, "stays");
	add_and_release(journal, 10, 1000);
	scrub(journal);
	size_t reads = io.reads, writes = io.writes;
	scrub(journal);
	assert_int_equal(io.reads, reads);
	assert_int_equal(io.writes, writes);
	release(journal, add(journal, "one"), JOURNAL_COMMITTED);
	reads = io.reads, writes = io.writes;
	scrub(journal);
	assert_int_equal(io.reads, reads + 1);
	assert_int_equal(io.writes, writes + 2); /* the head, for the number, and the zeros */
	journal_close(journal);
}

static void a_step_is_bounded_in_bytes(void **state)
{
	(void)state;
	struct journal *journal = opened();
	add_and_release(journal, 90, 10000);
	bool more = true;
	unsigned steps = 0;
	for (journal_scrub_begin(journal); more; steps++) {
		size_t bytes = io.bytes;
		assert_int_equal(journal_scrub(journal, &more, NULL), JOURNAL_OK);
		assert_in_range(io.bytes - bytes, 0, STEP_BYTES + 100);
	}
	assert_in_range(steps, 4, 5);
	assert_int_equal(records_in_file(), 0);
	journal_close(journal);
}

static void a_step_is_bounded_in_records(void **state)
{
	(void)state;
	struct journal *journal = opened();
	uint64_t seqs[5000];
	for (size_t i = 0; i < 5000; i++)
		seqs[i] = add(journal, "small");
	for (size_t i = 0; i < 5000; i += 2)
		release(journal, seqs[i], JOURNAL_COMMITTED);
	bool more = true;
	unsigned steps = 0;
	for (journal_scrub_begin(journal); more; steps++) {
		size_t writes = io.writes;
		assert_int_equal(journal_scrub(journal, &more, NULL), JOURNAL_OK);
		assert_in_range(io.writes - writes, 0, 251);
	}
	assert_in_range(steps, 10, 15);
	assert_int_equal(records_in_file(), 2500);
	journal_close(journal);
}

/* ---- writes that fail ---- */

static void a_record_that_could_not_be_written_leaves_nothing_behind(void **state)
{
	(void)state;
	struct journal *journal = opened();
	char payload[5000];
	uint64_t seq = 0;
	memset(payload, 'x', sizeof payload);
	add(journal, "stays");
	scrub(journal);
	io.fails = true;
	assert_int_equal(journal_add(journal, payload, sizeof payload, &seq, NULL), JOURNAL_FAILED);
	io.fails = false;
	release(journal, add(journal, "shorter"), JOURNAL_COMMITTED);
	scrub(journal);
	assert_int_equal(records_in_file(), 1);
	journal_close(journal);
}

static void a_pass_that_fails_goes_on_when_it_works_again(void **state)
{
	(void)state;
	struct journal *journal = opened();
	struct error err = {0};
	bool more = false;
	add(journal, "stays");
	add_and_release(journal, 3, 1000);
	flush_at(journal, 1);
	journal_scrub_begin(journal);
	io.fails = true;
	assert_int_equal(journal_scrub(journal, &more, &err), JOURNAL_FAILED);
	assert_true(more);
	assert_true(err.text[0] != '\0');
	io.fails = false;
	while (more)
		assert_int_equal(journal_scrub(journal, &more, NULL), JOURNAL_OK);
	assert_int_equal(records_in_file(), 1);
	journal_close(journal);
}

/* ---- the process dies at each write, each in three ways ---- */

enum fate { NONE, UNDER_WAY /* either way */, LIVE, RELEASED, ERASED };
enum { RECORDS_MAX = 200 };

static struct {
	size_t count;
	enum fate fates[RECORDS_MAX];
	uint64_t seqs[RECORDS_MAX];
} *known;

static size_t payload_of(size_t index, unsigned char *payload)
{
	size_t len = 4 + index * 7919 % 26000;
	for (size_t i = 4; i < len; i++)
		payload[i] = (unsigned char)(index * 31 + i);
	memcpy(payload, &(uint32_t){(uint32_t)index}, 4);
	return len;
}

static void add_known(struct journal *journal, size_t count)
{
	unsigned char payload[30000];
	for (size_t i = 0; i < count; i++) {
		size_t index = known->count++, len = payload_of(index, payload);
		known->fates[index] = UNDER_WAY;
		known->seqs[index] = add_bytes(journal, payload, len);
		known->fates[index] = LIVE;
	}
}

static void release_known(struct journal *journal, size_t from, size_t each)
{
	for (size_t i = from; i < known->count; i += each) {
		if (known->fates[i] != LIVE)
			continue;
		known->fates[i] = UNDER_WAY;
		release(journal, known->seqs[i], i % 3 == 0 ? JOURNAL_DECLINED : JOURNAL_COMMITTED);
		known->fates[i] = i % 3 == 0 ? ERASED : RELEASED;
	}
}

static void scrub_known(struct journal *journal)
{
	scrub(journal);
	for (size_t i = 0; i < known->count; i++)
		if (known->fates[i] == RELEASED)
			known->fates[i] = ERASED;
}

/* More than a lap, with a record that waits all the time. */
static void live_and_die(void)
{
	struct journal *journal = opened();
	add_known(journal, 30);
	release_known(journal, 1, 2);
	scrub_known(journal);
	add_known(journal, 20);
	release_known(journal, 4, 5);
	flush_at(journal, JOURNAL_PINNED_MS); /* copies what pins the tail */
	scrub_known(journal);
	release_known(journal, 1, 1);
	scrub_known(journal);
	add_known(journal, 40);
	release_known(journal, 2, 2);
	flush_at(journal, JOURNAL_PINNED_MS * 3);
	scrub_known(journal);
}

struct comparison {
	bool seen[RECORDS_MAX];
	size_t count;
};

static void compare(void *context, uint64_t seq, unsigned attempt, const void *payload, size_t len)
{
	struct comparison *comparison = context;
	unsigned char expected[30000];
	uint32_t index;
	(void)seq, (void)attempt;
	memcpy(&index, payload, sizeof index);
	assert_true(index < known->count);
	assert_int_equal(len, payload_of(index, expected));
	assert_memory_equal(payload, expected, len);
	if (known->fates[index] == ERASED)
		fail_msg("record %u was scrubbed and came back", index);
	assert_false(comparison->seen[index]);
	comparison->seen[index] = true;
	comparison->count++;
}

static void assert_the_journal_keeps_its_promises(void)
{
	struct comparison comparison = {.count = 0};
	const struct journal_reader reader = {.replay = compare, .context = &comparison};
	struct journal *journal = opened();
	assert_int_equal(journal_replay(journal, &reader, NULL), JOURNAL_OK);
	for (size_t i = 0; i < known->count; i++)
		if (known->fates[i] == LIVE && !comparison.seen[i])
			fail_msg("record %zu was lost", i);
	scrub(journal);
	assert_int_equal(records_in_file(), comparison.count);
	journal_close(journal);
}

static void a_process_that_dies_at_any_write_loses_nothing_and_brings_nothing_back(void **state)
{
	bool died = true;
	size_t deaths = 0;
	for (size_t last = 2; died; last++) /* the first makes the file */
		for (unsigned quarter = 0; quarter <= 4; quarter += 2) {
			kit_remove_files(state);
			memset(known, 0, sizeof *known);
			io.writes = 0;
			io.last = last;
			io.quarter = quarter;
			died = crash_after(live_and_die) == EXIT_TORN;
			io.last = 0;
			assert_the_journal_keeps_its_promises();
			deaths += died;
		}
	print_message("died %zu times\n", deaths);
	assert_true(deaths > 300);
}

int main(void)
{
	known = mmap(NULL, sizeof *known, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (known == MAP_FAILED)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_released_leaves_the_file_and_the_rest_stays, begin_test),
		cmocka_unit_test_setup(what_was_scrubbed_does_not_come_back_although_an_older_one_waits, begin_test),
		cmocka_unit_test_setup(what_is_released_after_a_pass_leaves_with_the_next, begin_test),
		cmocka_unit_test_setup(what_is_released_in_the_midst_of_a_pass_is_not_forgotten, begin_test),
		cmocka_unit_test_setup(a_record_that_was_copied_leaves_its_old_place, begin_test),
		cmocka_unit_test_setup(nothing_of_earlier_laps_is_left_in_gaps_or_behind_records, begin_test),
		cmocka_unit_test_setup(a_restart_does_not_know_what_is_clean_and_scrubs_all, begin_test),
		cmocka_unit_test_setup(a_pass_where_nothing_was_written_reads_and_writes_nothing, begin_test),
		cmocka_unit_test_setup(a_step_is_bounded_in_bytes, begin_test),
		cmocka_unit_test_setup(a_step_is_bounded_in_records, begin_test),
		cmocka_unit_test_setup(a_record_that_could_not_be_written_leaves_nothing_behind, begin_test),
		cmocka_unit_test_setup(a_pass_that_fails_goes_on_when_it_works_again, begin_test),
		cmocka_unit_test_setup(a_process_that_dies_at_any_write_loses_nothing_and_brings_nothing_back, begin_test),
	};
	return cmocka_run_group_tests(tests, kit_make_directory, kit_remove_directory);
}
