/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Erasing in the journal's quarantine file. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal_kit.h"

enum { FRAME = 4 + 8 };

static void die_of_it(void *context, uint64_t seq, unsigned attempt, const void *payload, size_t len)
{
	(void)context, (void)seq, (void)attempt, (void)len;
	if (memcmp(payload, "waits", 5) != 0)
		_exit(1);
}

static void replay_to_death(void)
{
	struct journal *journal = opened();
	const struct journal_reader reader = {.replay = die_of_it, .quarantined = NULL};
	journal_replay(journal, &reader, NULL);
}

static void ignore(void *context, uint64_t seq, const void *payload, size_t len)
{
	(void)context, (void)seq, (void)payload, (void)len;
}

/* One after the other brings the process down until it is put aside. */
static void put_aside(const char *text)
{
	struct journal *journal = opened();
	add(journal, text);
	journal_close(journal);
	for (int i = 0; i < JOURNAL_ATTEMPTS_MAX; i++)
		crash_after(replay_to_death);
	journal = opened();
	const struct journal_reader reader = {.replay = die_of_it, .quarantined = ignore};
	assert_int_equal(journal_replay(journal, &reader, NULL), JOURNAL_OK);
	assert_int_equal(stats_of(journal).quarantined, 1);
	journal_close(journal);
}

static void put_three_aside(void)
{
	put_aside("alice: first");
	put_aside("bob: second");
	put_aside("alice: third, long");
}

static bool is_alices(void *context, const void *payload, size_t len)
{
	++*(int *)context;
	return len > 6 && memcmp(payload, "alice:", 6) == 0;
}

static int erase_alices(void)
{
	int asked = 0;
	struct journal *journal = opened();
	assert_int_equal(journal_erase_quarantined(journal, is_alices, &asked, NULL), JOURNAL_OK);
	journal_close(journal);
	return asked;
}

static void what_is_erased_is_zero_and_the_rest_is_as_it_was(void **state)
{
	(void)state;
	put_three_aside();
	struct buf before = file_read(kit_quarantine_path);
	assert_int_equal(before.len, 3 * FRAME + strlen("alice: first") + strlen("bob: second") + strlen("alice: third, long"));
	assert_int_equal(erase_alices(), 3);
	size_t first = FRAME, third = before.len - strlen("alice: third, long");
	memset(before.data + first, 0, strlen("alice: first"));
	memset(before.data + third, 0, strlen("alice: third, long"));
	for (int again = 0; again < 2; again++) {
		struct buf after = file_read(kit_quarantine_path);
		assert_int_equal(after.len, before.len);
		assert_memory_equal(after.data, before.data, before.len);
		buf_fini(&after);
		erase_alices();
	}
	buf_fini(&before);
}

static void a_file_with_something_erased_takes_more(void **state)
{
	(void)state;
	put_aside("alice: first");
	erase_alices();
	put_aside("alice: again");
	put_aside("bob: second");
	assert_int_equal(erase_alices(), 3);
	struct buf file = file_read(kit_quarantine_path);
	assert_null(memmem(file.data, file.len, "alice", 5));
	assert_non_null(memmem(file.data, file.len, "bob: second", 11));
	buf_fini(&file);
}

static void without_the_file_there_is_nothing_to_do(void **state)
{
	(void)state;
	assert_int_equal(erase_alices(), 0);
	assert_int_equal(access(kit_quarantine_path, F_OK), -1);
}

static void a_damaged_file_is_told_and_what_stands_before_the_damage_is_erased(void **state)
{
	(void)state;
	put_three_aside();
	struct stat stat_before;
	assert_int_equal(stat(kit_quarantine_path, &stat_before), 0);
	assert_int_equal(truncate(kit_quarantine_path, stat_before.st_size - 5), 0);
	struct journal *journal = opened();
	struct error err = {0};
	int asked = 0;
	assert_int_equal(journal_erase_quarantined(journal, is_alices, &asked, &err), JOURNAL_FAILED);
	assert_non_null(strstr(err.text, ".quarantine"));
	assert_int_equal(asked, 2);
	journal_close(journal);
	struct buf file = file_read(kit_quarantine_path);
	assert_null(memmem(file.data, file.len, "alice: first", 12));
	buf_fini(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(what_is_erased_is_zero_and_the_rest_is_as_it_was, kit_remove_files),
		cmocka_unit_test_setup(a_file_with_something_erased_takes_more, kit_remove_files),
		cmocka_unit_test_setup(without_the_file_there_is_nothing_to_do, kit_remove_files),
		cmocka_unit_test_setup(a_damaged_file_is_told_and_what_stands_before_the_damage_is_erased, kit_remove_files),
	};
	return cmocka_run_group_tests(tests, kit_make_directory, kit_remove_directory);
}
