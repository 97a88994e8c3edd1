/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_JOURNAL_FILE_H
#define HC_TRANSFER_JOURNAL_FILE_H
/* The journal's file format; private to journal*.c.
 *
 *   0     head, slot 0      two slots, written in turn, each with a CRC: a torn one leaves the other
 *   512   head, slot 1
 *   4096  the ring          records, each at a multiple of 64 bytes, none across the ring's end
 *
 * A *position* counts the bytes of all records and gaps ever written; the record at position p lies at p % ring_size. Positions only grow,
 * so that a record of an earlier lap is never taken for one of this lap. Everything below the head's `tail` is done.
 *
 * Each record begins with the file's `mark`, 64 random bits that nobody outside knows: after a damaged record the search for the next one
 * goes through the bytes of a payload, and a client must not be able to put a record in there.
 *
 * Numbers are in the machine's byte order: the file does not travel, and the magic number tells if it did. */

#include <stdbool.h>
#include <stdint.h>

#include "plugin/transfer/journal.h"

enum {
	RECORD_ALIGN = 64,
	RECORD_HEAD = 40,
	RECORD_MAX = 65600, /* RECORD_HEAD + JOURNAL_PAYLOAD_MAX, aligned */
};

struct record {
	uint64_t position, seq;
	uint32_t len; /* of the payload */
	uint8_t attempts;
	bool done;
};

struct journal_file {
	int fd;
	unsigned char *map; /* the whole file; NULL: it is written by pwrite */
	size_t map_size;
	uint64_t mark, ring_size;
	uint64_t generation; /* of the head written last */
	uint64_t tail;       /* as it stands in the file */
	uint64_t next_seq;   /* as it stands in the file, or later */
	uint64_t note_generation;
	uint32_t note_len;   /* 0: there is none */
	unsigned char note[JOURNAL_NOTE_MAX];
	unsigned char *buffer; /* RECORD_MAX */
};

/* Opens, locks, and reads the head; a file that is new or empty is formatted. Fills all of *file on JOURNAL_OK. */
enum journal_rc journal_file_open(const char *path, uint64_t size, struct journal_file *file, struct error *err);
void journal_file_close(struct journal_file *file);

/* What a file of that size has for records. */
uint64_t journal_file_ring_size(uint64_t size);

/* Makes the file empty, of that size, with a new mark; seq goes on. */
enum journal_rc journal_file_format(struct journal_file *file, uint64_t size, struct error *err);

/* Calls found for each intact record from file->tail on, in order of position. *head: the end of the last one. */
enum journal_rc journal_file_scan(struct journal_file *file, void (*found)(void *context, const struct record *record), void *context,
	uint64_t *head, uint64_t *corrupt, struct error *err);

/* What a record takes, and where one goes that is to be written at head: there, or at the ring's start if it would cross the end. */
uint64_t record_size(size_t len);
uint64_t journal_file_place(const struct journal_file *file, uint64_t head, size_t len);

/* One copy or one pwrite each. */
enum journal_rc journal_file_put(struct journal_file *file, const struct record *record, const void *payload, struct error *err);
enum journal_rc journal_file_set_done(struct journal_file *file, uint64_t position, struct error *err);
enum journal_rc journal_file_set_attempts(struct journal_file *file, uint64_t position, uint8_t attempts, struct error *err);
enum journal_rc journal_file_set_tail(struct journal_file *file, uint64_t tail, uint64_t next_seq, struct error *err);

/* Of file->note. */
enum journal_rc journal_file_write_note(struct journal_file *file, struct error *err);

/* Makes bytes of the ring zero: at most *len from that position on, and at least one record's worth or up to the ring's end; *len: how many. */
enum journal_rc journal_file_zero(struct journal_file *file, uint64_t position, uint64_t *len, struct error *err);

/* Reads a payload of record->len bytes. false: it cannot be read or is damaged. */
bool journal_file_get(struct journal_file *file, const struct record *record, void *payload);

#endif
