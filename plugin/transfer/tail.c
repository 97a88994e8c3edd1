/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Reading along. A round is one job: it owns what it read, and the places of all writers while it runs, so nothing is locked. tail_open and
 * round_run are on a worker, all else on the loop's thread. */
#include "plugin/transfer/tail.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

enum {
	WRITERS_MS = 1000, /* between two looks for new ones */
	PAUSE_MIN_MS = 20,
	PAUSE_MAX_MS = 500,
	PAUSE_SHARE = 100, /* one who has written nothing for so long is let be for a hundredth of it */
	FAILED_MS = 500,
	SLOW_MS = 1000, /* after a failure that took so long, the others have to wait for the next round, and this one for all of them */
	NOTICES_MS = 50,
	NOTICES_IDLE_MS = 500,
	PAGE = 500,
	NOTICES = 200,
};

struct place {
	char *writer;
	uint64_t next; /* the position to go on from */
	int64_t wrote_ms, due_ms;
	struct page page; /* of this round */
	bool fails, damaged; /* damaged: something was passed over in this round */
	struct error err;
};

struct tail {
	struct job job;
	struct workers *workers;
	struct tail_conf conf;
	struct store *store;
	char *own;
	/* the round's, while it is under way */
	struct place *places;
	size_t place_count;
	size_t turn; /* of the place that is the first one */
	uint64_t notices_next;
	int64_t writers_due_ms, notices_due_ms;
	struct notice_list *notices;
	bool writers_fail, notices_fail;
	struct error err; /* of these two */
	/* the loop's */
	bool under_way, failing, away; /* away: writers_fail or notices_fail */
	int64_t due_ms;
	uint64_t *told; /* notices behind notices_next: while a number before them is waited for they come again in each round */
	size_t told_count;
};

/* ---- on a worker ---- */

static struct place *place_find(struct tail *tail, const char *writer)
{
	for (size_t i = 0; i < tail->place_count; i++)
		if (strcmp(tail->places[i].writer, writer) == 0)
			return &tail->places[i];
	return NULL;
}

static void place_add(struct tail *tail, const char *writer, uint64_t next, int64_t now_ms)
{
	tail->places = mem_grow(tail->places, (tail->place_count + 1) * sizeof *tail->places);
	tail->places[tail->place_count++] = (struct place){.writer = mem_text(writer), .next = next, .wrote_ms = now_ms};
}

/* A position behind every other tells where a writer's end is. */
static enum store_rc find_end(struct store *store, const char *writer, uint64_t *next, struct error *err)
{
	struct page page = {0};
	enum store_rc rc = store_ops(store)->tail(store, writer, UINT64_MAX, 1, &page, next, err);
	store_page_free(&page);
	return rc;
}

/* at_end: who is found is known from now on; else from his first transaction: he has not written before the last look. */
static enum store_rc find_writers(struct tail *tail, bool at_end, int64_t now_ms, struct error *err)
{
	const char *const *writers;
	size_t count;
	enum store_rc rc = store_ops(tail->store)->list_writers(tail->store, &writers, &count, err);
	if (rc != STORE_OK)
		return rc;
	for (size_t i = 0; i < count && rc == STORE_OK; i++) {
		uint64_t next = 0;
		if (strcmp(writers[i], tail->own) == 0 || place_find(tail, writers[i]) != NULL)
			continue;
		if (at_end)
			rc = find_end(tail->store, writers[i], &next, err);
		if (rc == STORE_OK)
			place_add(tail, writers[i], next, now_ms);
	}
	store_free((void *)writers);
	return rc;
}

static enum store_rc read_notices(struct tail *tail, struct error *err)
{
	uint64_t next;
	store_free(tail->notices);
	tail->notices = NULL;
	enum store_rc rc = store_ops(tail->store)->read_notices(tail->store, tail->notices_next, NOTICES, &tail->notices, &next, err);
	if (rc == STORE_OK)
		tail->notices_next = next;
	return rc;
}

/* What was told before is known to the store, and so to who begins now. */
static enum store_rc skip_notices(struct tail *tail, struct error *err)
{
	tail->notices_next = UINT64_MAX;
	return read_notices(tail, err);
}

static int64_t pause_of(const struct place *place, int64_t now_ms)
{
	int64_t pause = (now_ms - place->wrote_ms) / PAUSE_SHARE;
	return pause < PAUSE_MIN_MS ? PAUSE_MIN_MS : pause > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause;
}

static enum store_rc read_place(struct tail *tail, struct place *place, int64_t now_ms)
{
	uint64_t next = place->next;
	enum store_rc rc = store_ops(tail->store)->tail(tail->store, place->writer, place->next, PAGE, &place->page, &next, &place->err);
	place->damaged = rc == STORE_CORRUPT && next > place->next;
	if (rc != STORE_OK && !place->damaged)
		return rc;
	bool full = place->damaged || (place->page.count == PAGE && next > place->next);
	if (next > place->next)
		place->wrote_ms = now_ms;
	place->next = next;
	place->due_ms = full ? now_ms : now_ms + pause_of(place, now_ms);
	return STORE_OK;
}

/* One that fails keeps the others from nothing, unless each of them would take as long as it did. */
static void read_places(struct tail *tail, int64_t now_ms)
{
	bool slow = false;
	size_t begin = tail->turn;
	for (size_t i = 0; i < tail->place_count && !slow; i++) {
		size_t at = (begin + i) % tail->place_count;
		struct place *place = &tail->places[at];
		int64_t begin_ms = clock_mono_ms();
		if (place->due_ms > now_ms)
			continue;
		place->fails = read_place(tail, place, now_ms) != STORE_OK;
		if (!place->fails)
			continue;
		place->due_ms = clock_mono_ms() + FAILED_MS;
		slow = clock_mono_ms() - begin_ms >= SLOW_MS;
		tail->turn = slow ? at + 1 : tail->turn;
	}
}

static void round_run(struct job *job)
{
	struct tail *tail = (struct tail *)job;
	int64_t now_ms = clock_mono_ms();
	if (tail->writers_due_ms <= now_ms) {
		tail->writers_fail = find_writers(tail, false, now_ms, &tail->err) != STORE_OK;
		tail->writers_due_ms = now_ms + (tail->writers_fail ? FAILED_MS : WRITERS_MS);
	}
	read_places(tail, now_ms);
	/* Behind the transactions: what was read with a text that a notice says is gone is taken in before that notice, or has it no more. */
	if (tail->notices_due_ms <= now_ms) {
		uint64_t before = tail->notices_next;
		tail->notices_fail = read_notices(tail, &tail->err) != STORE_OK;
		tail->notices_due_ms = now_ms + (tail->notices_next > before ? NOTICES_MS : NOTICES_IDLE_MS);
	}
}

/* ---- on the loop's thread ---- */

static bool was_told(const struct tail *tail, uint64_t id)
{
	for (size_t i = 0; i < tail->told_count; i++)
		if (tail->told[i] == id)
			return true;
	return false;
}

static void remember_told(struct tail *tail, uint64_t id)
{
	tail->told = mem_grow(tail->told, (tail->told_count + 1) * sizeof *tail->told);
	tail->told[tail->told_count++] = id;
}

static void forget_told(struct tail *tail)
{
	size_t kept = 0;
	for (size_t i = 0; i < tail->told_count; i++)
		if (tail->told[i] > tail->notices_next)
			tail->told[kept++] = tail->told[i];
	tail->told_count = kept;
}

static void tell_notices(struct tail *tail)
{
	for (size_t i = 0; tail->notices != NULL && i < tail->notices->count; i++) {
		const struct notice *notice = &tail->notices->notices[i];
		if (strcmp(notice->writer, tail->own) == 0 || was_told(tail, notice->id))
			continue;
		remember_told(tail, notice->id);
		tail->conf.notice(tail->conf.context, notice);
	}
	forget_told(tail);
	store_free(tail->notices);
	tail->notices = NULL;
}

static void tell(struct tail *tail)
{
	for (size_t i = 0; i < tail->place_count; i++) {
		struct page *page = &tail->places[i].page;
		for (size_t j = 0; j < page->count; j++)
			tail->conf.news(tail->conf.context, page->transactions[j]);
		store_page_free(page);
		if (tail->places[i].damaged)
			tail->conf.damaged(tail->conf.context, &tail->places[i].err);
		tail->places[i].damaged = false;
	}
	tell_notices(tail);
}

static int64_t next_due(const struct tail *tail)
{
	int64_t due_ms = tail->notices_due_ms < tail->writers_due_ms ? tail->notices_due_ms : tail->writers_due_ms;
	for (size_t i = 0; i < tail->place_count; i++)
		if (tail->places[i].due_ms < due_ms)
			due_ms = tail->places[i].due_ms;
	return due_ms;
}

static bool is_away(const struct tail *tail)
{
	return tail->writers_fail || tail->notices_fail;
}

/* NULL: nothing fails. */
static const struct error *failure_of(const struct tail *tail)
{
	for (size_t i = 0; i < tail->place_count; i++)
		if (tail->places[i].fails)
			return &tail->places[i].err;
	return is_away(tail) ? &tail->err : NULL;
}

static void round_done(struct job *job)
{
	struct tail *tail = (struct tail *)job;
	const struct error *failure = failure_of(tail);
	tell(tail);
	tail->under_way = false;
	tail->due_ms = next_due(tail);
	if ((failure != NULL) != tail->failing)
		tail->conf.fails(tail->conf.context, failure);
	tail->failing = failure != NULL;
	if (tail->away && !is_away(tail))
		tail->conf.returns(tail->conf.context);
	tail->away = is_away(tail);
}

int64_t tail_tick(struct tail *tail, int64_t now_ms)
{
	if (!tail->under_way && tail->due_ms <= now_ms)
		tail->under_way = workers_add(tail->workers, &tail->job);
	return tail->under_way ? -1 : tail->due_ms > now_ms ? tail->due_ms - now_ms : PAUSE_MIN_MS;
}

enum store_rc tail_open(struct store *store, const char *own, struct tail **out, struct error *err)
{
	struct tail *tail = mem_zero(sizeof *tail);
	tail->job = (struct job){.run = round_run, .done = round_done};
	tail->store = store;
	tail->own = mem_text(own);
	enum store_rc rc = find_writers(tail, true, clock_mono_ms(), err);
	if (rc == STORE_OK)
		rc = skip_notices(tail, err);
	if (rc == STORE_OK)
		*out = tail;
	else
		tail_close(tail);
	return rc;
}

bool tail_start(struct tail *tail, struct mailbox *mailbox, const struct tail_conf *conf)
{
	tail->conf = *conf;
	tail->workers = workers_start(mailbox, "hc-tail", 1, 1);
	return tail->workers != NULL;
}

void tail_finish(struct tail *tail)
{
	if (tail != NULL)
		workers_finish(tail->workers);
}

void tail_close(struct tail *tail)
{
	if (tail == NULL)
		return;
	workers_stop(tail->workers);
	for (size_t i = 0; i < tail->place_count; i++) {
		store_page_free(&tail->places[i].page);
		free(tail->places[i].writer);
	}
	free(tail->places);
	store_free(tail->notices);
	free(tail->told);
	free(tail->own);
	free(tail);
}
