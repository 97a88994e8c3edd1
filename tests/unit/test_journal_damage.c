/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The intake journal under damage: torn and flipped bytes, lost heads, writes that fail, commands that kill the broker. One bad record
 * hides no other. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal_kit.h"

static size_t record_offset(const struct buf *file, const char *payload)
{
	const char *found = memmem(file->data, file->len, payload, strlen(payload));
	assert_non_null(found);
	return (size_t)(found - file->data) - RECORD_HEAD_LEN;
}

/* ---- damage ---- */

static void commit_two_of_three(void)
{
	struct journal *journal = opened();
	uint64_t one = add(journal, "one");
	uint64_t two = add(journal, "two");
	add(journal, "three");
	release(journal, one, JOURNAL_COMMITTED);
	release(journal, two, JOURNAL_COMMITTED);
	flush_at(journal, 1);
}

static void a_torn_record_hides_no_other_wherever_it_is_torn(void **state)
{
	(void)state;
	crash_after(add_three);
	struct buf whole = file_read(kit_path);
	size_t at = record_offset(&whole, "two"), len = RECORD_HEAD_LEN + 3;
	for (size_t torn_at = 0; torn_at < len; torn_at++) {
		struct buf torn = BUF_EMPTY;
		buf_add(&torn, whole.data, whole.len);
		memset(torn.data + at + torn_at, 0, len - torn_at); /* what was there before the first lap */
		if (memcmp(torn.data + at, whole.data + at, len) == 0)
			fail_msg("nothing torn at %zu", torn_at);
		file_write(kit_path, torn.data, torn.len);
		assert_reopening_replays("one/1 three/1 ");
		buf_fini(&torn);
	}
	file_write(kit_path, whole.data, whole.len);
	assert_reopening_replays("one/1 two/1 three/1 ");
	buf_fini(&whole);
}

static void a_flipped_byte_hides_no_other_record(void **state)
{
	(void)state;
	crash_after(add_three);
	struct buf whole = file_read(kit_path);
	size_t at = record_offset(&whole, "two");
	for (size_t i = 0; i < RECORD_HEAD_LEN + 3; i++) {
		bool outside_crc = i >= 32 && i < RECORD_HEAD_LEN; /* state, attempts and padding */
		whole.data[at + i] ^= 0x01;
		file_write(kit_path, whole.data, whole.len);
		struct journal *journal = opened();
		assert_replays(journal, i == 33 ? "one/1 two/2 three/1 " : outside_crc ? "one/1 two/1 three/1 " : "one/1 three/1 ");
		bool recognised = i >= 16; /* with its mark and position intact it is known to have been a record */
		assert_int_equal(stats_of(journal).corrupt, recognised && !outside_crc);
		journal_close(journal);
		whole.data[at + i] ^= 0x01;
	}
	buf_fini(&whole);
}

/* A record of this very journal format, made elsewhere, at the position where the search passes through a damaged record's payload. */
static void what_a_client_writes_is_never_taken_for_a_record(void **state)
{
	(void)state;
	char filler[88];
	memset(filler, 'f', sizeof filler);
	struct journal *journal = opened();
	add_bytes(journal, filler, 88);
	add(journal, "i am a forged record, ok"); /* at position 128 */
	journal_close(journal);
	struct buf elsewhere = file_read(kit_path);
	size_t forged = record_offset(&elsewhere, "i am a forged record, ok");
	unlink(kit_path);

	char payload[24 + RECORD_UNIT];
	memset(payload, 'p', 24);
	memcpy(payload + 24, elsewhere.data + forged, RECORD_UNIT);
	journal = opened();
	add(journal, "exactly twenty-four here"); /* position 0 */
	add_bytes(journal, payload, sizeof payload); /* position 64: the forgery at 64 + 40 + 24 */
	add(journal, "behind");
	journal_close(journal);
	struct buf file = file_read(kit_path);
	size_t at = record_offset(&file, "pppppppppppppppppppppppp");
	file.data[at + 28] ^= 0x55; /* its CRC */
	file_write(kit_path, file.data, file.len);
	assert_reopening_replays("exactly twenty-four /1 behind/1 ");
	buf_fini(&file);
	buf_fini(&elsewhere);
}

static void one_damaged_head_is_enough_and_two_are_refused(void **state)
{
	(void)state;
	crash_after(commit_two_of_three);
	struct buf whole = file_read(kit_path);
	char zeros[512] = {0};
	for (int slot = 0; slot < 2; slot++) {
		file_write(kit_path, whole.data, whole.len);
		int fd = open(kit_path, O_WRONLY);
		assert_int_equal(pwrite(fd, zeros, sizeof zeros, slot * 512), sizeof zeros);
		close(fd);
		struct journal *journal = opened();
		assert_true(stats_of(journal).records == 1 || stats_of(journal).records == 3); /* the older head knows of no release */
		journal_close(journal);
	}
	whole.data[8] ^= 1;
	whole.data[512 + 8] ^= 1;
	file_write(kit_path, whole.data, whole.len);
	assert_refused(kit_path, KIT_SIZE, "not a journal");
	buf_fini(&whole);
}

static void a_cut_file_gives_what_is_left(void **state)
{
	(void)state;
	crash_after(add_three);
	struct buf whole = file_read(kit_path);
	size_t at = record_offset(&whole, "three");
	assert_int_equal(truncate(kit_path, (off_t)at + 10), 0);
	assert_reopening_replays("one/1 two/1 ");
	struct stat after;
	stat(kit_path, &after);
	assert_int_equal(after.st_size, KIT_SIZE); /* and is preallocated again */
	buf_fini(&whole);
}

static void a_file_whose_making_was_interrupted_is_made_anew(void **state)
{
	(void)state;
	char zeros[10000] = {0};
	file_write(kit_path, zeros, sizeof zeros);
	struct journal *journal = opened();
	add(journal, "one");
	journal_close(journal);
	assert_reopening_replays("one/1 ");
}

/* ---- failing writes: only a file that is not mapped has them ---- */

static bool mapping_fails;

void *__real_mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset);

void *__wrap_mmap(void *address, size_t len, int protection, int flags, int fd, off_t offset)
{
	return mapping_fails ? MAP_FAILED : __real_mmap(address, len, protection, flags, fd, offset);
}

static struct journal *opened_without_mapping(void)
{
	mapping_fails = true;
	struct journal *journal = opened();
	mapping_fails = false;
	return journal;
}

static void limit_file_size(rlim_t bytes)
{
	struct rlimit limit;
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_failed_write_is_told_and_leaves_no_trace(void **state)
{
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	struct journal *journal = opened_without_mapping();
	uint64_t one = add(journal, "one");
	uint64_t seq = 99;
	struct error err = {0};
	limit_file_size(4096 + RECORD_UNIT + 20); /* fails, or tears, whatever goes behind the first record */
	assert_int_equal(journal_add(journal, "two", 3, &seq, &err), JOURNAL_FAILED);
	assert_int_equal(seq, 99);
	assert_int_equal(err.native, EFBIG);
	assert_int_equal(stats_of(journal).records, 1);
	limit_file_size(0);
	assert_int_equal(journal_release(journal, one, JOURNAL_DECLINED, NULL), JOURNAL_FAILED);
	assert_int_equal(journal_flush(journal, 1, NULL), JOURNAL_FAILED);
	limit_file_size(RLIM_INFINITY);
	add(journal, "three");
	flush_at(journal, 2); /* makes up for the failed release */
	journal_close(journal);
	assert_reopening_replays("three/1 ");
}

static void a_replay_whose_attempt_cannot_be_counted_is_not_begun(void **state)
{
	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	crash_after(add_three);
	struct journal *journal = opened_without_mapping();
	struct heard heard;
	const struct journal_reader reader = hearing(&heard);
	limit_file_size(4096);
	assert_int_equal(journal_replay(journal, &reader, NULL), JOURNAL_FAILED);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(heard.text.len, 0);
	buf_fini(&heard.text);
	assert_replays(journal, "one/1 two/1 three/1 ");
	journal_close(journal);
}

/* ---- poison ---- */

static void die_of_two(void *context, uint64_t seq, unsigned attempt, const void *payload, size_t len)
{
	(void)seq, (void)context;
	if (len == 3 && memcmp(payload, "two", 3) == 0)
		_exit(10 + (int)attempt);
}

static void replay_to_death(void)
{
	struct journal *journal = opened();
	const struct journal_reader reader = {.replay = die_of_two};
	journal_replay(journal, &reader, NULL);
}

static void add_two_three(void)
{
	struct journal *journal = opened();
	add(journal, "two");
	add(journal, "three");
}

static void note_seq(void *context, uint64_t seq, unsigned attempt, const void *payload, size_t len)
{
	(void)attempt;
	if (len == 3 && memcmp(payload, "two", 3) == 0)
		*(uint64_t *)context = seq;
}

static uint64_t replay_and_find_two(struct journal *journal)
{
	uint64_t two = 0;
	const struct journal_reader reader = {.replay = note_seq, .context = &two};
	journal_replay(journal, &reader, NULL);
	return two;
}

/* The record waits for something after its replay, is worked on, and so is the process's end. */
static void die_in_the_midst_of_two(void)
{
	struct journal *journal = opened();
	uint64_t two = replay_and_find_two(journal);
	journal_begin_work(journal, two, NULL);
	journal_end_work(journal, two, NULL);
	journal_begin_work(journal, two, NULL);
	journal_begin_work(journal, two, NULL); /* within another: counts once */
}

static void die_after_work_on_two(void)
{
	struct journal *journal = opened();
	uint64_t two = replay_and_find_two(journal);
	journal_begin_work(journal, two, NULL);
	journal_end_work(journal, two, NULL);
}

static void what_only_waits_is_not_to_blame_however_often_the_process_dies(void **state)
{
	(void)state;
	crash_after(add_two_three);
	for (int crash = 0; crash < 3 * JOURNAL_ATTEMPTS_MAX; crash++)
		crash_after(die_after_work_on_two);
	assert_reopening_replays("two/1 three/1 ");
}

static void work_after_the_replay_counts_as_well(void **state)
{
	(void)state;
	crash_after(add_two_three);
	crash_after(die_in_the_midst_of_two);
	assert_reopening_replays("two/2 three/1 ");
	for (int crash = 1; crash < JOURNAL_ATTEMPTS_MAX; crash++)
		crash_after(die_in_the_midst_of_two);
	assert_reopening_replays("two/quarantined three/1 ");
}

static void poison_is_put_aside_after_three_crashes(void **state)
{
	(void)state;
	crash_after(add_two_three);
	for (int attempt = 1; attempt <= JOURNAL_ATTEMPTS_MAX; attempt++)
		assert_int_equal(crash_after(replay_to_death), 10 + attempt);
	assert_reopening_replays("two/quarantined three/1 ");
	assert_reopening_replays("three/1 ");
	struct buf aside = file_read(kit_quarantine_path);
	assert_int_equal(aside.len, 4 + 8 + 3);
	assert_memory_equal(aside.data, "\3\0\0\0", 4);
	assert_memory_equal(aside.data + 12, "two", 3);
	struct stat mode;
	stat(kit_quarantine_path, &mode);
	assert_int_equal(mode.st_mode & 0777, 0600);
	buf_fini(&aside);
}

static void what_can_never_be_done_is_put_aside_by_hand_and_does_not_come_back(void **state)
{
	(void)state;
	struct journal *journal = opened();
	struct error err;
	add(journal, "one");
	uint64_t seq = add(journal, "two");
	add(journal, "three");
	assert_int_equal(mkdir(kit_quarantine_path, 0700), 0);
	assert_int_equal(journal_put_aside(journal, seq, &err), JOURNAL_FAILED);
	assert_int_equal(stats_of(journal).records, 3);
	assert_int_equal(rmdir(kit_quarantine_path), 0);
	assert_int_equal(journal_put_aside(journal, seq, &err), JOURNAL_OK);
	assert_int_equal(journal_put_aside(journal, seq, &err), JOURNAL_OK); /* it is not there any more */
	assert_int_equal(stats_of(journal).records, 2);
	journal_close(journal);
	assert_reopening_replays("one/1 three/1 ");
	struct buf aside = file_read(kit_quarantine_path);
	assert_int_equal(aside.len, 4 + 8 + 3);
	assert_memory_equal(aside.data + 12, "two", 3);
	buf_fini(&aside);
}

static void poison_that_cannot_be_put_aside_stays_and_stops_nobody(void **state)
{
	(void)state;
	crash_after(add_two_three);
	for (int attempt = 1; attempt <= JOURNAL_ATTEMPTS_MAX; attempt++)
		assert_int_equal(crash_after(replay_to_death), 10 + attempt);
	assert_int_equal(mkdir(kit_quarantine_path, 0700), 0);
	struct journal *journal = opened();
	struct heard heard;
	const struct journal_reader reader = hearing(&heard);
	struct error err = {0};
	assert_int_equal(journal_replay(journal, &reader, &err), JOURNAL_FAILED);
	assert_non_null(strstr(err.text, ".quarantine"));
	assert_string_equal(heard.text.data, "three/1 ");
	assert_int_equal(stats_of(journal).records, 2);
	buf_fini(&heard.text);
	journal_close(journal);
	assert_int_equal(rmdir(kit_quarantine_path), 0);
	assert_reopening_replays("two/quarantined three/1 ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_torn_record_hides_no_other_wherever_it_is_torn, kit_remove_files),
		cmocka_unit_test_setup(a_flipped_byte_hides_no_other_record, kit_remove_files),
		cmocka_unit_test_setup(what_a_client_writes_is_never_taken_for_a_record, kit_remove_files),
		cmocka_unit_test_setup(one_damaged_head_is_enough_and_two_are_refused, kit_remove_files),
		cmocka_unit_test_setup(a_cut_file_gives_what_is_left, kit_remove_files),
		cmocka_unit_test_setup(a_file_whose_making_was_interrupted_is_made_anew, kit_remove_files),
		cmocka_unit_test_setup(a_failed_write_is_told_and_leaves_no_trace, kit_remove_files),
		cmocka_unit_test_setup(a_replay_whose_attempt_cannot_be_counted_is_not_begun, kit_remove_files),
		cmocka_unit_test_setup(poison_is_put_aside_after_three_crashes, kit_remove_files),
		cmocka_unit_test_setup(what_only_waits_is_not_to_blame_however_often_the_process_dies, kit_remove_files),
		cmocka_unit_test_setup(work_after_the_replay_counts_as_well, kit_remove_files),
		cmocka_unit_test_setup(what_can_never_be_done_is_put_aside_by_hand_and_does_not_come_back, kit_remove_files),
		cmocka_unit_test_setup(poison_that_cannot_be_put_aside_stays_and_stops_nobody, kit_remove_files),
	};
	return cmocka_run_group_tests(tests, kit_make_directory, kit_remove_directory);
}
