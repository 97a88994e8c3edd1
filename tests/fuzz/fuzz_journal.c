/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A journal's file as a crash, a disk or a stranger left it: the input is written over the file of a journal that holds a few records. An input that
 * begins with '=' is the whole file; else it is pieces of {u32 offset, u8 length, bytes}. Whatever it is, what comes back fits a record, in order, and
 * the journal takes a new one and gives it back after a restart. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "plugin/transfer/journal.h"
#include "tests/fuzz/fuzz.h"

static char path[64], aside[80];
static uint64_t last;
static bool came_back;

static void on_replay(void *context, uint64_t seq, unsigned attempt, const void *payload, size_t len)
{
	(void)context;
	FUZZ_CHECK(seq > last && attempt >= 1 && attempt <= JOURNAL_ATTEMPTS_MAX && len <= JOURNAL_PAYLOAD_MAX);
	last = seq;
	came_back = came_back || (len == 4 && memcmp(payload, "mine", 4) == 0);
}

static void on_quarantined(void *context, uint64_t seq, const void *payload, size_t len)
{
	(void)context;
	(void)seq;
	FUZZ_CHECK(len <= JOURNAL_PAYLOAD_MAX && (len == 0 || payload != NULL));
}

static struct journal *open_journal(void)
{
	static const struct journal_reader reader = {.replay = on_replay, .quarantined = on_quarantined};
	struct journal *journal = NULL;
	struct error err = {0};
	if (journal_open(path, JOURNAL_SIZE_MIN, &journal, &err) != JOURNAL_OK) {
		FUZZ_CHECK(err.text[0] != '\0' && journal == NULL);
		return NULL;
	}
	last = 0;
	came_back = false;
	FUZZ_CHECK(journal_replay(journal, &reader, &err) == JOURNAL_OK);
	return journal;
}

static void fill(void)
{
	static const char large[3000] = "large";
	struct journal *journal = open_journal();
	uint64_t seq[4];
	FUZZ_CHECK(journal != NULL);
	for (int i = 0; i < 4; i++)
		FUZZ_CHECK(journal_add(journal, large, i % 2 ? sizeof large : 20, &seq[i], NULL) == JOURNAL_OK);
	FUZZ_CHECK(journal_release(journal, seq[1], JOURNAL_DECLINED, NULL) == JOURNAL_OK);
	journal_close(journal);
}

static void damage(int fd, const uint8_t *data, size_t size)
{
	while (size >= 5) {
		uint32_t at;
		memcpy(&at, data, sizeof at);
		size_t len = data[4] < size - 5 ? data[4] : size - 5;
		FUZZ_CHECK(pwrite(fd, data + 5, len, at % JOURNAL_SIZE_MIN) == (ssize_t)len);
		data += 5 + len;
		size -= 5 + len;
	}
}

static void write_over(const uint8_t *data, size_t size)
{
	bool whole = size > 0 && data[0] == '=';
	if (!whole)
		fill();
	int fd = open(path, O_RDWR | O_CREAT | (whole ? O_TRUNC : 0), 0600);
	FUZZ_CHECK(fd >= 0);
	if (whole)
		FUZZ_CHECK(write(fd, data + 1, size - 1) == (ssize_t)size - 1);
	else
		damage(fd, data, size);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t seq = 0;
	snprintf(path, sizeof path, "/dev/shm/hc-fuzz-journal-%d", (int)getpid());
	snprintf(aside, sizeof aside, "%s.quarantine", path);
	write_over(data, size);
	struct journal *journal = open_journal();
	if (journal != NULL) {
		enum journal_rc rc = journal_add(journal, "mine", 4, &seq, NULL);
		FUZZ_CHECK(rc == JOURNAL_OK || rc == JOURNAL_FULL);
		journal_close(journal);
		journal = open_journal();
		FUZZ_CHECK(journal != NULL && came_back == (rc == JOURNAL_OK));
		journal_close(journal);
	}
	unlink(path);
	unlink(aside);
	return 0;
}
