/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The intake journal: a ring of records in a file, and in memory a list of those that are not released. The broker's thread only.
 *
 * Space comes back from the tail: up to the oldest unreleased record everything can be used again. So that one stuck chat does not pin
 * the space of all others, unreleased records that stand in the way are copied to the front, some with each journal_add once the ring is
 * more than half used, or when they are a minute old. Copying costs no room: the old place is free as soon as the tail has passed it.
 *
 * A place is used again only after the head in the file says so (file.tail, not the tail in memory): otherwise the search after a crash
 * would start among overwritten records. */
#include "plugin/transfer/journal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/buf.h"
#include "plugin/transfer/journal_inner.h"

enum {
	MOVE_FACTOR = 4,        /* bytes copied forward per byte added, so that up to 4/5 of the ring may be stuck */
	MOVES_PER_FLUSH = 8,
	MOVE_RESERVE = 2 * RECORD_MAX, /* kept free by journal_add, so that the oldest record can always be copied, gap included */
};

uint64_t journal_tail(const struct journal *journal)
{
	return journal->oldest ? journal->oldest->record.position : journal->head;
}

static struct entry *entry_find(const struct journal *journal, uint64_t seq)
{
	struct entry *entry = NULL;
	HASH_FIND(hh, journal->by_seq, &seq, sizeof seq, entry);
	return entry;
}

static void entry_add(struct journal *journal, const struct record *record)
{
	struct entry *entry = mem_zero(sizeof *entry);
	entry->record = *record;
	entry->added_ms = entry->since_ms = journal->now_ms;
	DL_APPEND(journal->oldest, entry);
	scrub_occupied(journal, entry);
	HASH_ADD(hh, journal->by_seq, record.seq, sizeof record->seq, entry);
	journal->entry_count++;
	journal->live += record_size(record->len);
}

static void entry_drop(struct journal *journal, struct entry *entry)
{
	journal->entry_count--;
	journal->live -= record_size(entry->record.len);
	scrub_vacated(journal, entry);
	DL_DELETE(journal->oldest, entry);
	HASH_DELETE(hh, journal->by_seq, entry);
	free(entry);
}

/* ---- opening and closing ---- */

static void journal_fini(struct journal *journal)
{
	while (journal->oldest)
		entry_drop(journal, journal->oldest);
	journal_file_close(&journal->file);
	free(journal->quarantine_path);
	free(journal->scratch);
	free(journal);
}

struct recovery {
	struct journal *journal;
	struct error *err;
	enum journal_rc rc;
};

static void recover_record(void *context, const struct record *record)
{
	struct recovery *recovery = context;
	struct journal *journal = recovery->journal;
	if (record->seq >= journal->next_seq)
		journal->next_seq = record->seq + 1;
	if (record->done || recovery->rc != JOURNAL_OK)
		return;
	struct entry *copied = entry_find(journal, record->seq);
	if (copied) { /* the crash came between copying a record and marking its old place */
		recovery->rc = journal_file_set_done(&journal->file, copied->record.position, recovery->err);
		entry_drop(journal, copied);
	}
	entry_add(journal, record);
}

static enum journal_rc recover(struct journal *journal, uint64_t size, struct error *err)
{
	struct recovery recovery = {.journal = journal, .err = err};
	enum journal_rc rc = journal_file_scan(&journal->file, recover_record, &recovery, &journal->head, &journal->corrupt, err);
	if (rc == JOURNAL_OK)
		rc = recovery.rc;
	if (rc != JOURNAL_OK || journal->oldest != NULL || journal->file.ring_size == journal_file_ring_size(size))
		return rc;
	journal->file.next_seq = journal->next_seq;
	journal->head = 0;
	return journal_file_format(&journal->file, size, err);
}

enum journal_rc journal_open(const char *path, uint64_t size, struct journal **journal, struct error *err)
{
	struct journal *opened = mem_zero(sizeof *opened);
	enum journal_rc rc = journal_file_open(path, size, &opened->file, err);
	if (rc != JOURNAL_OK) {
		free(opened);
		return rc;
	}
	opened->next_seq = opened->file.next_seq;
	opened->scratch = mem_new(JOURNAL_PAYLOAD_MAX);
	struct buf quarantine_path = BUF_EMPTY;
	buf_printf(&quarantine_path, "%s.quarantine", path);
	opened->quarantine_path = quarantine_path.data;
	if (recover(opened, size, err) != JOURNAL_OK) {
		journal_fini(opened);
		if (err)
			err->rc = JOURNAL_REFUSED;
		return JOURNAL_REFUSED;
	}
	*journal = opened;
	return JOURNAL_OK;
}

enum journal_rc journal_write_tail(struct journal *journal, struct error *err)
{
	return journal_file_set_tail(&journal->file, journal_tail(journal), journal->next_seq, err);
}

enum journal_rc journal_set_note(struct journal *journal, const void *bytes, size_t len, struct error *err)
{
	struct journal_file *file = &journal->file;
	assert(len <= JOURNAL_NOTE_MAX);
	memset(file->note, 0, sizeof file->note);
	memcpy(file->note, bytes, len);
	file->note_len = (uint32_t)len;
	return journal_file_write_note(file, err);
}

const void *journal_note(const struct journal *journal, size_t *len)
{
	*len = journal->file.note_len;
	return journal->file.note;
}

void journal_close(struct journal *journal)
{
	if (journal == NULL)
		return;
	/* A failure costs only that released records come once more, which journal_flush has told before. */
	(void)journal_write_tail(journal, NULL);
	journal_fini(journal);
}

/* ---- room ---- */

static bool fits(const struct journal *journal, uint64_t end, uint64_t tail, uint64_t reserve)
{
	return end - tail + reserve <= journal->file.ring_size;
}

static enum journal_rc put_record(struct journal *journal, const struct record *record, const void *payload, struct error *err)
{
	enum journal_rc rc = journal_file_put(&journal->file, record, payload, err);
	if (rc != JOURNAL_OK)
		scrub_torn(journal, record->position);
	return rc;
}

/* Finds the place for a record and sees to it that the file's tail has passed what stood there. */
static enum journal_rc claim(struct journal *journal, uint32_t len, uint64_t reserve, uint64_t *position, struct error *err)
{
	uint64_t place = journal_file_place(&journal->file, journal->head, len);
	uint64_t end = place + record_size(len);
	if (!fits(journal, end, journal_tail(journal), reserve))
		return error_set(err, JOURNAL_FULL, 0, "the journal is full: %zu commands wait", journal->entry_count);
	if (!fits(journal, end, journal->file.tail, reserve)) {
		enum journal_rc rc = journal_write_tail(journal, err);
		if (rc != JOURNAL_OK)
			return rc;
	}
	*position = place;
	return JOURNAL_OK;
}

static uint64_t dead_bytes(const struct journal *journal)
{
	return journal->head - journal_tail(journal) - journal->live;
}

/* Copies the oldest record to the front. The old place is marked, lest a crash before the next flush finds both and only one of
 * them released. */
static enum journal_rc move_oldest(struct journal *journal, struct error *err)
{
	struct entry *entry = journal->oldest;
	if (!journal_file_get(&journal->file, &entry->record, journal->scratch)) {
		/* The bytes are lost already; the command itself goes on in memory. */
		journal->corrupt++;
		entry_drop(journal, entry);
		return JOURNAL_OK;
	}
	struct record moved = entry->record;
	enum journal_rc rc = claim(journal, moved.len, 0, &moved.position, err);
	if (rc == JOURNAL_OK)
		rc = put_record(journal, &moved, journal->scratch, err);
	if (rc != JOURNAL_OK)
		return rc;
	uint64_t old = entry->record.position;
	scrub_vacated(journal, entry);
	DL_DELETE(journal->oldest, entry);
	entry->record = moved;
	entry->since_ms = journal->now_ms;
	journal->head = moved.position + record_size(moved.len);
	DL_APPEND(journal->oldest, entry);
	scrub_occupied(journal, entry);
	return journal_file_set_done(&journal->file, old, err);
}

/* A bounded step, before a record of that size is added. */
static enum journal_rc make_way(struct journal *journal, uint64_t size, struct error *err)
{
	enum journal_rc rc = JOURNAL_OK;
	for (uint64_t moved = 0; rc == JOURNAL_OK && journal->oldest && moved < MOVE_FACTOR * size;) {
		uint64_t ring = journal->file.ring_size;
		if (journal->head - journal_tail(journal) <= ring / 2 || dead_bytes(journal) <= ring / 16)
			break;
		moved += record_size(journal->oldest->record.len);
		rc = move_oldest(journal, err);
	}
	return rc;
}

/* ---- the life of a record ---- */

enum journal_rc journal_add(struct journal *journal, const void *payload, size_t len, uint64_t *seq, struct error *err)
{
	if (len > JOURNAL_PAYLOAD_MAX)
		return error_set(err, JOURNAL_REFUSED, 0, "%zu bytes are more than a journal record takes (%d)", len, JOURNAL_PAYLOAD_MAX);
	struct record record = {.seq = journal->next_seq, .len = (uint32_t)len};
	enum journal_rc rc = make_way(journal, record_size(len), err);
	if (rc == JOURNAL_OK)
		rc = claim(journal, record.len, MOVE_RESERVE, &record.position, err);
	if (rc == JOURNAL_OK)
		rc = put_record(journal, &record, payload, err);
	if (rc != JOURNAL_OK)
		return rc;
	journal->head = record.position + record_size(len);
	journal->next_seq++;
	entry_add(journal, &record);
	*seq = record.seq;
	return JOURNAL_OK;
}

enum journal_rc journal_release(struct journal *journal, uint64_t seq, enum journal_outcome outcome, struct error *err)
{
	struct entry *entry = entry_find(journal, seq);
	if (entry == NULL)
		return JOURNAL_OK;
	uint64_t position = entry->record.position;
	entry_drop(journal, entry);
	return outcome == JOURNAL_DECLINED ? journal_file_set_done(&journal->file, position, err) : JOURNAL_OK;
}

enum journal_rc journal_put_aside(struct journal *journal, uint64_t seq, struct error *err)
{
	struct entry *entry = entry_find(journal, seq);
	if (entry == NULL)
		return JOURNAL_OK;
	struct record record = entry->record;
	bool whole = journal_file_get(&journal->file, &record, journal->scratch);
	enum journal_rc rc = whole ? quarantine_add(journal, &record, journal->scratch, err) : JOURNAL_OK;
	journal->quarantined += rc == JOURNAL_OK;
	return rc == JOURNAL_OK ? journal_release(journal, seq, JOURNAL_DECLINED, err) : rc;
}

/* What was released behind an old record comes back after a crash as long as that one pins the tail. Its keys are remembered for days,
 * not for ever: a minute must do. */
static enum journal_rc move_pinned(struct journal *journal, struct error *err)
{
	enum journal_rc rc = JOURNAL_OK;
	for (int moves = 0; rc == JOURNAL_OK && moves < MOVES_PER_FLUSH && journal->oldest && dead_bytes(journal) > 0; moves++) {
		if (journal->now_ms - journal->oldest->since_ms < JOURNAL_PINNED_MS)
			break;
		rc = move_oldest(journal, err);
	}
	return rc;
}

enum journal_rc journal_flush(struct journal *journal, int64_t now_ms, struct error *err)
{
	journal->now_ms = now_ms;
	if (journal->begun_ms == 0)
		journal->begun_ms = now_ms;
	enum journal_rc rc = move_pinned(journal, err);
	if (rc == JOURNAL_OK && journal_tail(journal) != journal->file.tail)
		rc = journal_write_tail(journal, err);
	return rc;
}

/* A hash of uthash's begins with what was added first, wherever that was copied since. */
static int64_t age_of_oldest(const struct journal *journal)
{
	if (journal->by_seq == NULL)
		return 0;
	int64_t added_ms = journal->by_seq->added_ms;
	return journal->now_ms - (added_ms > journal->begun_ms ? added_ms : journal->begun_ms);
}

void journal_stats(const struct journal *journal, struct journal_stats *stats)
{
	*stats = (struct journal_stats){.size = journal->file.ring_size,
		.used = journal->head - journal_tail(journal),
		.live = journal->live,
		.records = journal->entry_count,
		.corrupt = journal->corrupt,
		.quarantined = journal->quarantined,
		.oldest_ms = age_of_oldest(journal)};
}

/* ---- replay ---- */

static enum journal_rc count_attempts(struct journal *journal, struct entry *entry, int change, struct error *err)
{
	uint8_t attempts = (uint8_t)(entry->record.attempts + change);
	enum journal_rc rc = journal_file_set_attempts(&journal->file, entry->record.position, attempts, err);
	if (rc == JOURNAL_OK)
		entry->record.attempts = attempts;
	return rc;
}

/* The count stands in the file while the work lasts, and is taken back behind it. */
enum journal_rc journal_begin_work(struct journal *journal, uint64_t seq, struct error *err)
{
	struct entry *entry = entry_find(journal, seq);
	if (entry == NULL || entry->in_work)
		return JOURNAL_OK;
	enum journal_rc rc = count_attempts(journal, entry, 1, err);
	entry->in_work = rc == JOURNAL_OK;
	return rc;
}

enum journal_rc journal_end_work(struct journal *journal, uint64_t seq, struct error *err)
{
	struct entry *entry = entry_find(journal, seq);
	if (entry == NULL || !entry->in_work)
		return JOURNAL_OK;
	entry->in_work = false;
	return count_attempts(journal, entry, -1, err);
}

static enum journal_rc put_aside(
	struct journal *journal, const struct journal_reader *reader, const struct record *record, const void *payload, struct error *err)
{
	enum journal_rc rc = journal_put_aside(journal, record->seq, err);
	if (rc != JOURNAL_OK)
		return rc;
	reader->quarantined(reader->context, record->seq, payload, record->len);
	return rc;
}

static enum journal_rc replay_one(
	struct journal *journal, const struct journal_reader *reader, uint64_t seq, unsigned char *payload, struct error *err)
{
	struct entry *entry = entry_find(journal, seq);
	if (entry == NULL)
		return JOURNAL_OK; /* released by a callback before */
	struct record record = entry->record;
	if (!journal_file_get(&journal->file, &record, payload)) {
		journal->corrupt++;
		entry_drop(journal, entry);
		return JOURNAL_OK;
	}
	if (record.attempts >= JOURNAL_ATTEMPTS_MAX)
		return put_aside(journal, reader, &record, payload, err);
	enum journal_rc rc = journal_begin_work(journal, seq, err);
	if (rc != JOURNAL_OK)
		return rc;
	reader->replay(reader->context, seq, record.attempts + 1u, payload, record.len);
	return journal_end_work(journal, seq, err);
}

static int compare_seq(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
	return a < b ? -1 : a > b;
}

enum journal_rc journal_replay(struct journal *journal, const struct journal_reader *reader, struct error *err)
{
	/* The callbacks change the list, so the numbers are taken down first. Copied records stand out of order in it. */
	size_t count = 0;
	uint64_t *seqs = mem_new(journal->entry_count * sizeof *seqs);
	for (const struct entry *entry = journal->oldest; entry; entry = entry->next)
		seqs[count++] = entry->record.seq;
	qsort(seqs, count, sizeof *seqs, compare_seq);
	unsigned char *payload = mem_new(JOURNAL_PAYLOAD_MAX);
	enum journal_rc rc = JOURNAL_OK;
	for (size_t i = 0; i < count; i++)
		if (replay_one(journal, reader, seqs[i], payload, err) != JOURNAL_OK)
			rc = JOURNAL_FAILED;
	free(payload);
	free(seqs);
	return rc;
}
