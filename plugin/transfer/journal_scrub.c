/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Scrubbing: what is released leaves the file. The broker's thread only, a bounded piece per call, so nothing can be added or released in
 * the midst of a piece. Between two pieces anything may happen, and one number keeps account of it: `at`. Before it the ring is clean;
 * whatever is released there afterwards moves it back to that place, and each piece moves it on towards the head, from one unreleased
 * record to the next. Where it passes over what was zero already, it only reads.
 *
 * Recovery needs nothing of what is overwritten. It searches from the file's tail, and zeros are no record: it goes on behind them. What it
 * would not find any more are the numbers of released records, so the file's head must know of those before. A write that the death of the
 * process cuts short has begun at the front: the record's head is gone before its payload is.
 *
 * A worker could do it as well, but only under a lock that journal_add would have to wait for, or with a protocol of who may write where;
 * 64 pages of zeros into the page cache are not worth that. */
#include "plugin/transfer/journal_inner.h"

enum { STEP_BYTES = 256 * 1024, STEP_RECORDS = 250 };

static uint64_t lap_ahead(const struct journal *journal, uint64_t position)
{
	return position + journal->file.ring_size;
}

void scrub_vacated(struct journal *journal, const struct entry *entry)
{
	uint64_t place = lap_ahead(journal, entry->record.position);
	if (place < journal->scrub.at) {
		journal->scrub.at = place;
		journal->scrub.next = entry->next;
	} else if (journal->scrub.next == entry) {
		journal->scrub.next = entry->next;
	}
}

void scrub_occupied(struct journal *journal, struct entry *entry)
{
	if (journal->scrub.next == NULL)
		journal->scrub.next = entry;
}

void scrub_torn(struct journal *journal, uint64_t position)
{
	if (position >= journal->scrub.at)
		return;
	journal->scrub.at = position;
	journal->scrub.next = journal->oldest;
}

void journal_scrub_begin(struct journal *journal)
{
	journal->scrub.to = lap_ahead(journal, journal->head);
}

/* Zeros up to the next unreleased record, and goes on behind that. */
static enum journal_rc scrub_gap(struct journal *journal, uint64_t *bytes_left, struct error *err)
{
	struct scrub *scrub = &journal->scrub;
	uint64_t place = scrub->next ? lap_ahead(journal, scrub->next->record.position) : UINT64_MAX;
	uint64_t gap = (place < scrub->to ? place : scrub->to) - scrub->at;
	if (gap > *bytes_left)
		gap = *bytes_left;
	enum journal_rc rc = gap > 0 ? journal_file_zero(&journal->file, scrub->at, &gap, err) : JOURNAL_OK;
	if (rc != JOURNAL_OK)
		return rc;
	scrub->at += gap;
	*bytes_left -= gap;
	if (scrub->at == place) {
		scrub->at += record_size(scrub->next->record.len);
		scrub->next = scrub->next->next;
	}
	return JOURNAL_OK;
}

enum journal_rc journal_scrub(struct journal *journal, bool *more, struct error *err)
{
	struct scrub *scrub = &journal->scrub;
	enum journal_rc rc = JOURNAL_OK;
	if (scrub->at < journal->head)
		scrub->at = journal->head; /* what stood before it was written over */
	*more = scrub->at < scrub->to;
	if (*more && (journal_tail(journal) != journal->file.tail || journal->next_seq != journal->file.next_seq))
		rc = journal_write_tail(journal, err);
	uint64_t bytes_left = STEP_BYTES;
	for (int records = 0; rc == JOURNAL_OK && scrub->at < scrub->to && bytes_left > 0 && records < STEP_RECORDS; records++)
		rc = scrub_gap(journal, &bytes_left, err);
	*more = scrub->at < scrub->to;
	return rc;
}
