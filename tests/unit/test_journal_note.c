/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The note that its user leaves in the intake journal. */
#include <stdio.h>

#include "journal_kit.h"

enum { NOTES_AT = 1024, NOTE_ROOM = 512 };

static void note(struct journal *journal, const char *text)
{
	struct error err;
	if (journal_set_note(journal, text, strlen(text), &err) != JOURNAL_OK)
		fail_msg("%s", err.text);
}

static void assert_noted(const struct journal *journal, const char *text)
{
	size_t len;
	const void *bytes = journal_note(journal, &len);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(bytes, text, len);
}

static void assert_reopening_finds(const char *text)
{
	struct journal *journal = opened();
	assert_noted(journal, text);
	journal_close(journal);
}

static void note_three_times(void)
{
	struct journal *journal = opened();
	assert_noted(journal, "");
	note(journal, "one");
	note(journal, "the second, which is longer");
	add(journal, "a record");
	note(journal, "three");
}

static void the_last_note_is_there_after_a_crash(void **state)
{
	(void)state;
	assert_int_equal(crash_after(note_three_times), 0);
	assert_reopening_finds("three");
	assert_reopening_replays("a record/1 ");
}

static void a_note_that_is_damaged_leaves_the_one_before(void **state)
{
	(void)state;
	assert_int_equal(crash_after(note_three_times), 0);
	struct buf file = file_read(kit_path);
	for (size_t slot = 0; slot < 2; slot++) {
		char *bytes = file.data + NOTES_AT + slot * NOTE_ROOM;
		if (memmem(bytes, NOTE_ROOM, "three", 5) != NULL)
			bytes[25] ^= 1;
	}
	file_write(kit_path, file.data, file.len);
	buf_fini(&file);
	assert_reopening_finds("the second, which is longer");
}

static void a_note_stays_when_the_journal_gets_another_size(void **state)
{
	(void)state;
	struct journal *journal = opened();
	note(journal, "kept");
	journal_close(journal);
	journal = opened_with(2 * KIT_SIZE);
	assert_noted(journal, "kept");
	journal_close(journal);
	journal = opened_with(2 * KIT_SIZE);
	assert_noted(journal, "kept");
	journal_close(journal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_last_note_is_there_after_a_crash, kit_remove_files),
		cmocka_unit_test_setup(a_note_that_is_damaged_leaves_the_one_before, kit_remove_files),
		cmocka_unit_test_setup(a_note_stays_when_the_journal_gets_another_size, kit_remove_files),
	};
	return cmocka_run_group_tests_name("the journal's note", tests, kit_make_directory, kit_remove_directory);
}
