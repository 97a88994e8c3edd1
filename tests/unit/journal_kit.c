/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The vocabulary of the journal's tests. One thread; crash_after forks. */
#include "journal_kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

char kit_directory[] = "/tmp/hc-journal-XXXXXX", kit_path[64], kit_quarantine_path[80];

int kit_make_directory(void **state)
{
	(void)state;
	if (mkdtemp(kit_directory) == NULL)
		return -1;
	snprintf(kit_path, sizeof kit_path, "%s/journal", kit_directory);
	snprintf(kit_quarantine_path, sizeof kit_quarantine_path, "%s.quarantine", kit_path);
	return 0;
}

int kit_remove_files(void **state)
{
	(void)state;
	unlink(kit_path);
	unlink(kit_quarantine_path);
	return 0;
}

int kit_remove_directory(void **state)
{
	kit_remove_files(state);
	return rmdir(kit_directory);
}

struct journal *opened_with(uint64_t size)
{
	struct journal *journal = NULL;
	struct error err = {0};
	if (journal_open(kit_path, size, &journal, &err) != JOURNAL_OK)
		fail_msg("open: %s", err.text);
	return journal;
}

struct journal *opened(void)
{
	return opened_with(KIT_SIZE);
}

void assert_refused(const char *path, uint64_t size, const char *why)
{
	struct journal *journal = NULL;
	struct error err = {0};
	assert_int_equal(journal_open(path, size, &journal, &err), JOURNAL_REFUSED);
	assert_null(journal);
	assert_int_equal(err.rc, JOURNAL_REFUSED);
	if (strstr(err.text, why) == NULL)
		fail_msg("'%s' does not say '%s'", err.text, why);
}

uint64_t add_bytes(struct journal *journal, const void *payload, size_t len)
{
	uint64_t seq = 0;
	struct error err = {0};
	if (journal_add(journal, payload, len, &seq, &err) != JOURNAL_OK)
		fail_msg("add: %s", err.text);
	return seq;
}

uint64_t add(struct journal *journal, const char *text)
{
	return add_bytes(journal, text, strlen(text));
}

void release(struct journal *journal, uint64_t seq, enum journal_outcome outcome)
{
	assert_int_equal(journal_release(journal, seq, outcome, NULL), JOURNAL_OK);
}

void flush_at(struct journal *journal, int64_t now_ms)
{
	assert_int_equal(journal_flush(journal, now_ms, NULL), JOURNAL_OK);
}

struct journal_stats stats_of(const struct journal *journal)
{
	struct journal_stats stats;
	journal_stats(journal, &stats);
	return stats;
}

int crash_after(void (*body)(void))
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		body();
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void note(struct heard *heard, uint64_t seq, const void *payload, size_t len)
{
	assert_true(seq > heard->last_seq);
	heard->last_seq = seq;
	buf_add(&heard->text, payload, len < 20 ? len : 20);
}

static void on_replay(void *context, uint64_t seq, unsigned attempt, const void *payload, size_t len)
{
	note(context, seq, payload, len);
	buf_printf(&((struct heard *)context)->text, "/%u ", attempt);
}

static void on_quarantined(void *context, uint64_t seq, const void *payload, size_t len)
{
	note(context, seq, payload, len);
	buf_add_text(&((struct heard *)context)->text, "/quarantined ");
}

struct journal_reader hearing(struct heard *heard)
{
	*heard = (struct heard){BUF_EMPTY, 0};
	buf_add_text(&heard->text, "");
	return (struct journal_reader){on_replay, on_quarantined, heard};
}

void assert_replays(struct journal *journal, const char *expected)
{
	struct heard heard;
	const struct journal_reader reader = hearing(&heard);
	struct error err = {0};
	if (journal_replay(journal, &reader, &err) != JOURNAL_OK)
		fail_msg("replay: %s", err.text);
	assert_string_equal(heard.text.data, expected);
	buf_fini(&heard.text);
}

void assert_reopening_replays(const char *expected)
{
	struct journal *journal = opened();
	assert_replays(journal, expected);
	journal_close(journal);
}

struct buf file_read(const char *path)
{
	struct buf bytes = BUF_EMPTY;
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	char block[65536];
	for (size_t len; (len = fread(block, 1, sizeof block, file)) > 0;)
		buf_add(&bytes, block, len);
	fclose(file);
	return bytes;
}

void file_write(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, 0), (ssize_t)len);
	close(fd);
}

static bool is_zero(const char *bytes, size_t len)
{
	return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

size_t records_in_file(void)
{
	enum { HEAD_MARK = 16, RECORD_LEN = 24 }; /* where they stand in a head, and in a record */
	struct buf file = file_read(kit_path);
	size_t count = 0;
	for (size_t at = RING_OFFSET, size = RECORD_UNIT; at + RECORD_UNIT <= file.len; at += size, size = RECORD_UNIT) {
		if (is_zero(file.data + at, RECORD_UNIT))
			continue;
		uint32_t len;
		memcpy(&len, file.data + at + RECORD_LEN, sizeof len);
		if (memcmp(file.data + at, file.data + HEAD_MARK, 8) != 0 && memcmp(file.data + at, file.data + 512 + HEAD_MARK, 8) != 0)
			fail_msg("something that is no record stands at %zu", at);
		size = (RECORD_HEAD_LEN + (size_t)len + RECORD_UNIT - 1) / RECORD_UNIT * RECORD_UNIT;
		if (!is_zero(file.data + at + RECORD_HEAD_LEN + len, size - RECORD_HEAD_LEN - len))
			fail_msg("something stands behind the record at %zu", at);
		count++;
	}
	buf_fini(&file);
	return count;
}

void scrub(struct journal *journal)
{
	bool more = true;
	journal_scrub_begin(journal);
	while (more)
		assert_int_equal(journal_scrub(journal, &more, NULL), JOURNAL_OK);
}

void add_three(void)
{
	struct journal *journal = opened();
	add(journal, "one");
	add(journal, "two");
	add(journal, "three");
}
