/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_JOURNAL_H
#define HC_TRANSFER_JOURNAL_H
/* The intake journal: what was PUBACKed and is not decided yet survives `kill -9` of the broker.
 *
 * One preallocated file (it may live in /dev/shm), a ring of records. Adding is a copy into the mapped file, or one pwrite, without a
 * sync: the kernel has it, so the death of the process loses nothing; the death of the machine may. The file never grows, and nobody may
 * cut it off while it is open. A payload is opaque here (see intake.h).
 *
 * Life of a record: journal_add → the command is decided → journal_release. What was not released comes back through journal_replay after
 * a restart, oldest first, and may come back although it was released as JOURNAL_COMMITTED shortly before the crash: its key tells.
 * What was released stands in the file until it is written over by other records, or scrubbed.
 *
 * Threads: the broker's only. No call but open and replay does more than a few reads and writes of the page cache. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Sorted by what the caller does next. */
enum journal_rc {
	JOURNAL_OK = 0,
	JOURNAL_FULL,    /* no room until older records are released: refuse the command */
	JOURNAL_FAILED,  /* the file could not be written: the command counts as not journaled; the next call may work */
	JOURNAL_REFUSED, /* will never work: from open an unusable file or size, from add a payload above the limit */
};

enum {
	JOURNAL_PAYLOAD_MAX = 65536,
	JOURNAL_ATTEMPTS_MAX = 3,   /* deaths of the process in the midst of a record, before it is put aside */
	JOURNAL_PINNED_MS = 60000,  /* a record that is older and keeps space from being used again is copied forward */
};
#define JOURNAL_SIZE_MIN ((uint64_t)1 << 20)
#define JOURNAL_SIZE_MAX ((uint64_t)1 << 32)

struct journal;

/* Opens or makes the file (mode 0600), locks it against other processes and finds what was not released.
 *
 * size      of the whole file, JOURNAL_SIZE_MIN to JOURNAL_SIZE_MAX. An existing file with another size keeps its size as long as it
 *           holds records; the first open that finds none gives it the new one.
 * REFUSED   err names the reason: a directory, not a journal, in use by another process, no room on the disk. A file that is not a
 *           journal is left as it is. */
enum journal_rc journal_open(const char *path, uint64_t size, struct journal **journal, struct error *err);

/* Flushes and closes; unreleased records stay for the next open. NULL is fine. */
void journal_close(struct journal *journal);

/* Adds a record. *seq grows for ever, over restarts and even when the file was lost (it starts from the wall clock in microseconds).
 * OK: a crash of the process cannot lose it. Any other code: nothing was added. */
enum journal_rc journal_add(struct journal *journal, const void *payload, size_t len, uint64_t *seq, struct error *err);

enum journal_outcome {
	JOURNAL_COMMITTED, /* in the store under its key, so that a replay would be recognised: remembered in memory until journal_flush */
	JOURNAL_DECLINED,  /* refused: must not be decided again after a crash, so it is written at once */
};

/* The record is done. An unknown seq is passed over (OK). FAILED: a crash before the next successful flush may bring the record back. */
enum journal_rc journal_release(struct journal *journal, uint64_t seq, enum journal_outcome outcome, struct error *err);

/* It can never be done: it now stands in "<path>.quarantine" (see journal_reader) and is released as JOURNAL_DECLINED. An unknown seq is passed over
 * (OK). FAILED: it stands in the journal as before, or in both. Syncs, so it blocks for a moment. */
enum journal_rc journal_put_aside(struct journal *journal, uint64_t seq, struct error *err);

/* Once per tick: writes down how far everything is released, if that moved. now_ms: monotonic clock. */
enum journal_rc journal_flush(struct journal *journal, int64_t now_ms, struct error *err);

/* Between the two the process works on this record. If it dies there, that counts against the record. If it dies at another time, it does
 * not: what merely waited then, for the store or for its turn, is not to blame, however often the process is killed. An unknown seq is
 * passed over (OK). FAILED: it could not be counted. */
enum journal_rc journal_begin_work(struct journal *journal, uint64_t seq, struct error *err);
enum journal_rc journal_end_work(struct journal *journal, uint64_t seq, struct error *err);

struct journal_reader {
	/* attempt: 1, and one more for each death in the midst of this record; this call is between begin_work and end_work. payload is valid
	 * during the call only. May call journal_release. */
	void (*replay)(void *context, uint64_t seq, unsigned attempt, const void *payload, size_t len);

	/* The process died JOURNAL_ATTEMPTS_MAX times in the midst of the record: it now stands in "<path>.quarantine" (synced;
	 * little-endian u32 length, u64 seq, payload) and is released. */
	void (*quarantined)(void *context, uint64_t seq, const void *payload, size_t len);
	void *context;
};

/* Hands over all unreleased records, in the order of their seq. Once after open, before the first add. Blocks (quarantine syncs).
 * FAILED: something could not be written; err says what. Records that this concerned were not handed over and stay; the others were. */
enum journal_rc journal_replay(struct journal *journal, const struct journal_reader *reader, struct error *err);

/* What is released by now shall leave the file. No I/O; journal_scrub does it. */
void journal_scrub_begin(struct journal *journal);

/* Writes zeros over a bounded piece of it (256 KB, or 250 gaps) and whatever else was released there. Where nothing was written since the last time,
 * nothing is read or written. *more: call again. A crash in the midst of it loses nothing; begin again after each open, because how far
 * it was is not kept.
 *
 * *more false   no record that was released when journal_scrub_begin was called last is in the file, whole or in part, nor comes back.
 * FAILED        the file could not be read or written; *more is true, and the next call goes on from there. */
enum journal_rc journal_scrub(struct journal *journal, bool *more, struct error *err);

/* Writes zeros over the payload of each record in the quarantine file that `erase` returns true for. The record itself stays: the operator
 * sees that there was one, how long, and its seq. Idempotent; a crash leaves each payload whole, or begun to be erased. Does nothing at
 * once while there is no such file, else reads all of it; not synced.
 *
 * FAILED: not all of the file could be read or written. What was erased is. */
enum journal_rc journal_erase_quarantined(
	struct journal *journal, bool (*erase)(void *context, const void *payload, size_t len), void *context, struct error *err);

/* A few bytes of the caller's beside the records, which stay until the next ones, whatever becomes of records. Written at once, like a record. A
 * file of before there were any has none: *len 0. */
enum { JOURNAL_NOTE_MAX = 256 };
enum journal_rc journal_set_note(struct journal *journal, const void *bytes, size_t len, struct error *err);
const void *journal_note(const struct journal *journal, size_t *len); /* the journal's, until the next one is set */

struct journal_stats {
	uint64_t size;    /* bytes for records */
	uint64_t used;    /* of them not available now */
	uint64_t live;    /* of them unreleased records */
	size_t records;   /* unreleased ones */
	uint64_t corrupt; /* damaged records that were passed over since open */
	uint64_t quarantined; /* put aside since open */
	int64_t oldest_ms;    /* how long the oldest unreleased record has been here; of one that was found at open: since then */
};
void journal_stats(const struct journal *journal, struct journal_stats *stats);

#endif
