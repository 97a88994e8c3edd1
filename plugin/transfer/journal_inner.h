/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_JOURNAL_INNER_H
#define HC_TRANSFER_JOURNAL_INNER_H
/* What a journal is made of; private to journal*.c. The broker's thread only. */

#define uthash_fatal(message) abort()
#include <stdlib.h>
#include <uthash.h>

#include "plugin/transfer/journal.h"
#include "plugin/transfer/journal_file.h"

struct entry {
	struct record record;
	int64_t added_ms; /* 0: before the first flush */
	int64_t since_ms; /* when it got its place */
	bool in_work;
	struct entry *prev, *next;
	UT_hash_handle hh;
};

/* Places are counted a lap ahead here (position + ring_size), so that none is negative in the first lap: the ring reaches from
 * `head` (what was written longest ago) to head + ring_size (what was written last). All zero: nothing is known to be clean. */
struct scrub {
	uint64_t at;        /* before it, there are only unreleased records and zeros */
	uint64_t to;        /* at >= to: done */
	struct entry *next; /* the first unreleased record at or behind `at` */
};

struct journal {
	struct journal_file file;
	char *quarantine_path;
	struct entry *oldest; /* list by position */
	struct entry *by_seq;
	size_t entry_count;
	uint64_t head; /* the position of what is written next */
	uint64_t next_seq;
	uint64_t live;
	uint64_t corrupt, quarantined;
	struct scrub scrub;
	int64_t now_ms, begun_ms; /* of the last flush, and of the first */
	unsigned char *scratch; /* JOURNAL_PAYLOAD_MAX: a payload on its way to another place */
};

/* Everything below it is done: the oldest unreleased record, or the head. */
uint64_t journal_tail(const struct journal *journal);
enum journal_rc journal_write_tail(struct journal *journal, struct error *err);

/* ---- scrubbing is told: ---- */

/* The entry's place holds what is to be overwritten. The entry is still in the list. */
void scrub_vacated(struct journal *journal, const struct entry *entry);
/* The entry came to the list's end. */
void scrub_occupied(struct journal *journal, struct entry *entry);
/* A write at that position, behind the head, failed and may have left something there. */
void scrub_torn(struct journal *journal, uint64_t position);

/* ---- the quarantine file: little-endian u32 length, u64 seq, payload ---- */

/* Appends a record, synced, all or nothing. */
enum journal_rc quarantine_add(struct journal *journal, const struct record *record, const void *payload, struct error *err);

#endif
