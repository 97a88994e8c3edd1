/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_JOURNAL_KIT_H
#define HC_TESTS_JOURNAL_KIT_H
/* The vocabulary of the journal's tests. Each function fails the running test when what it does does not work. A crash is a process that
 * ends without closing anything. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "plugin/transfer/journal.h"

#define KIT_SIZE JOURNAL_SIZE_MIN

enum { RECORD_HEAD_LEN = 40, RECORD_UNIT = 64, RING_OFFSET = 4096 };

/* One directory and one journal in it for the whole program. */
extern char kit_directory[], kit_path[], kit_quarantine_path[];
int kit_make_directory(void **state);
int kit_remove_directory(void **state);
int kit_remove_files(void **state); /* a test's setup */

struct journal *opened(void);
struct journal *opened_with(uint64_t size);
void assert_refused(const char *path, uint64_t size, const char *why);

uint64_t add(struct journal *journal, const char *text);
uint64_t add_bytes(struct journal *journal, const void *payload, size_t len);
void release(struct journal *journal, uint64_t seq, enum journal_outcome outcome);
void flush_at(struct journal *journal, int64_t now_ms);
struct journal_stats stats_of(const struct journal *journal);

/* Runs body in a process that then crashes; returns its exit code (0 if body returned). */
int crash_after(void (*body)(void));
void add_three(void); /* a body: "one", "two", "three" */

/* A reader that writes down what it is given, as "text/attempt " or "text/quarantined ", checks the order of the numbers, and releases
 * nothing. Free heard.text. */
struct heard {
	struct buf text;
	uint64_t last_seq;
};
struct journal_reader hearing(struct heard *heard);
void assert_replays(struct journal *journal, const char *expected);
void assert_reopening_replays(const char *expected);

/* How many records stand in the file, done or not. Fails when anything else but zeros does, also in what fills a record up. */
size_t records_in_file(void);
void scrub(struct journal *journal); /* a whole pass */

struct buf file_read(const char *path);
void file_write(const char *path, const void *bytes, size_t len);

#endif
