/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl copy: the logs. One thread, blocks.
 *
 * Whoever reads along in a writer's transactions goes on in the copy, so they are copied in the order in which each writer wrote them: all
 * writers' tails at once, each as far as a chat's next number is at hand. Where several wrote to one chat and their tails wait for each
 * other (two processes once had one name), the chat's own log gives what is missing.
 *
 * What was taken is written in windows. In one, what is of the same chat stands together; so a window ends before the transaction from which
 * somebody goes on: what was done before a place and what was not stay apart. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/json.h"
#include "plugin/ctl/copy.h"

/* A window takes so many that writing it lasts neither too short nor too long for the database's timeouts. */
enum { ROOM_FIRST = 250, ROOM_MIN = 30, ROOM_MAX = 4000, SHORT_MS = 250, LONG_MS = 1000 };
enum { TAIL_PAGE = 1000, GROUPS_MAX = 500, WINDOW_BYTES_MAX = 4 << 20 };

/* A chat that has been met. */
struct met {
	char *chat_id;
	uint64_t latest; /* in the target, or in the window */
	size_t group;    /* in the window, GROUPS_MAX: none */
	size_t sought;   /* for the translation of that place a position of it was looked for */
	uint64_t sought_number; /* which is this one's: the lowest number that was seen */
	UT_hash_handle hh;
};

/* A writer's tail, and the places in it. */
struct reader {
	char *writer;
	uint64_t position; /* the next page begins here */
	struct page page;
	size_t at;
	bool ended;
	uint64_t passed; /* position of what was taken last */
	uint64_t *places;
	size_t place_count;
};

struct log_copy {
	struct copy *copy;
	struct met *met;
	struct reader *readers;
	size_t reader_count;
	struct append groups[GROUPS_MAX];
	struct transaction **texts[GROUPS_MAX]; /* groups' transactions; references */
	size_t bytes[GROUPS_MAX];
	struct met *owners[GROUPS_MAX];
	size_t group_count, window_count, window_bytes;
	size_t room; /* transactions that a window takes */
	bool mixed;  /* something came out of the order of its writer */
	size_t translated; /* places */
};

/* ---- windows ---- */

static void empty_window(struct log_copy *log)
{
	for (size_t i = 0; i < log->group_count; i++) {
		for (size_t j = 0; j < log->groups[i].transaction_count; j++)
			transaction_free(log->texts[i][j]);
		free(log->texts[i]);
		log->owners[i]->group = GROUPS_MAX;
	}
	log->group_count = log->window_count = log->window_bytes = 0;
}

static void adapt_room(struct log_copy *log, int64_t took_ms)
{
	if (took_ms > LONG_MS && log->room / 2 >= ROOM_MIN)
		log->room /= 2;
	else if (took_ms < SHORT_MS && log->window_count >= log->room && log->room * 2 <= ROOM_MAX)
		log->room *= 2;
}

static bool write_window(struct log_copy *log)
{
	struct copy *copy = log->copy;
	if (log->group_count == 0)
		return true;
	int64_t begin_ms = clock_mono_ms();
	CALL(copy, copy->to, import_log, log->groups, log->group_count);
	adapt_room(log, clock_mono_ms() - begin_ms);
	bool done = copy->rc == STORE_OK || copy_failed(copy, "target");
	for (size_t i = 0; i < log->group_count && done; i++)
		if (log->groups[i].result != APPEND_OK)
			done = copy_refused(copy, "chat %s: the target does not take number %llu: one of the two was changed since, or the log is broken",
				log->groups[i].chat_id, (unsigned long long)log->texts[i][0]->number);
	copy->done += log->window_count;
	empty_window(log);
	progress_show(&copy->progress, copy->done, copy->transactions, "%llu of %llu transactions copied", (unsigned long long)copy->done,
		(unsigned long long)copy->transactions);
	return done;
}

static size_t size_of(const struct transaction *tx)
{
	return (size_t)tx->body.len + tx->quote.len;
}

/* Whether tx can still come into the window. */
static bool has_room(const struct log_copy *log, const struct met *met, const struct transaction *tx)
{
	if (log->window_count >= log->room || log->window_bytes + size_of(tx) > WINDOW_BYTES_MAX)
		return log->window_count == 0;
	if (met->group == GROUPS_MAX)
		return log->group_count < GROUPS_MAX;
	size_t count = log->groups[met->group].transaction_count;
	return count < APPEND_COUNT_MAX && log->bytes[met->group] + size_of(tx) <= APPEND_TEXT_BYTES_MAX &&
		strcmp(log->texts[met->group][0]->writer, tx->writer) == 0;
}

static void open_group(struct log_copy *log, struct met *met)
{
	size_t group = met->group = log->group_count++;
	log->texts[group] = mem_new(APPEND_COUNT_MAX * sizeof *log->texts[group]);
	log->groups[group] = (struct append){.chat_id = met->chat_id, .transactions = log->texts[group]};
	log->bytes[group] = 0;
	log->owners[group] = met;
}

static bool add(struct log_copy *log, struct met *met, const struct transaction *tx)
{
	if (!has_room(log, met, tx) && !write_window(log))
		return false;
	if (met->group == GROUPS_MAX)
		open_group(log, met);
	log->texts[met->group][log->groups[met->group].transaction_count++] = transaction_ref(tx);
	log->bytes[met->group] += size_of(tx);
	log->window_bytes += size_of(tx);
	log->window_count++;
	met->latest = tx->number;
	return true;
}

/* ---- chats ---- */

/* NULL: the target cannot be asked how far it is. */
static struct met *meet(struct log_copy *log, const char *chat_id)
{
	struct met *met;
	struct copy *copy = log->copy;
	struct page page = {0};
	HASH_FIND_STR(log->met, chat_id, met);
	if (met != NULL)
		return met;
	if (copy->resumed)
		CALL(copy, copy->to, read_page, chat_id, 1, 0, (&(struct page_limits){.count_max = 1}), &page);
	if (copy->resumed && copy->rc != STORE_OK) {
		copy_failed(copy, "target");
		return NULL;
	}
	met = mem_zero(sizeof *met);
	*met = (struct met){.chat_id = mem_text(chat_id), .latest = page.latest, .group = GROUPS_MAX};
	copy->done += page.latest;
	HASH_ADD_KEYPTR(hh, log->met, met->chat_id, strlen(met->chat_id), met);
	store_page_free(&page);
	return met;
}

/* What the chat's own log has below `to`. */
static bool fill_gap(struct log_copy *log, struct met *met, uint64_t to)
{
	struct copy *copy = log->copy;
	bool done = true;
	log->mixed = log->mixed || met->latest + 1 < to;
	while (done && met->latest + 1 < to) {
		struct page page = {0};
		uint64_t before = met->latest;
		struct page_limits limits = {.count_max = TAIL_PAGE, .bytes_max = WINDOW_BYTES_MAX};
		CALL(copy, copy->from, read_page, met->chat_id, before + 1, to - 1, &limits, &page);
		if (copy->rc != STORE_OK)
			return copy_failed(copy, "source");
		for (size_t i = 0; i < page.count && done; i++)
			done = add(log, met, page.transactions[i]);
		store_page_free(&page);
		if (done && met->latest == before)
			done = copy_refused(copy, "chat %s: number %llu is missing in the source; 'hyperchatctl check' tells more", met->chat_id,
				(unsigned long long)before + 1);
	}
	return done;
}

/* ---- readers ---- */

/* The next page, if the one at hand is used up. Nobody writes, so the last position tells where to go on. */
static bool turn_page(struct log_copy *log, struct reader *reader)
{
	struct copy *copy = log->copy;
	uint64_t next;
	if (reader->ended || reader->at < reader->page.count)
		return true;
	store_page_free(&reader->page);
	reader->at = 0;
	CALL(copy, copy->from, tail, reader->writer, reader->position, TAIL_PAGE, &reader->page, &next);
	if (copy->rc != STORE_OK)
		return copy_failed(copy, "source");
	reader->ended = reader->page.count == 0;
	if (!reader->ended)
		reader->position = reader->page.transactions[reader->page.count - 1]->position + 1;
	return true;
}

/* Whether somebody goes on from this one: his place is behind what was taken last. */
static bool passes_place(const struct reader *reader, const struct transaction *tx)
{
	for (size_t i = 0; i < reader->place_count; i++)
		if (reader->passed < reader->places[i] && reader->places[i] <= tx->position)
			return true;
	return false;
}

enum taken { TAKEN, NOT_YET, FAILED };

/* forced: with what comes before it in its chat. */
static enum taken take(struct log_copy *log, struct reader *reader, bool forced)
{
	const struct transaction *tx = reader->page.transactions[reader->at];
	struct met *met = meet(log, tx->chat_id);
	if (met == NULL)
		return FAILED;
	if (tx->number > met->latest + 1 && !forced)
		return NOT_YET;
	if (passes_place(reader, tx) && !write_window(log))
		return FAILED;
	if (tx->number > met->latest + 1 && !fill_gap(log, met, tx->number))
		return FAILED;
	if (tx->number > met->latest && !add(log, met, tx))
		return FAILED;
	reader->passed = tx->position;
	reader->at++;
	return TAKEN;
}

/* One reader as far as it goes. */
static enum taken read_on(struct log_copy *log, struct reader *reader, bool *moved)
{
	while (!reader->ended) {
		enum taken taken = reader->at < reader->page.count ? take(log, reader, false) : turn_page(log, reader) ? TAKEN : FAILED;
		if (taken != TAKEN)
			return taken;
		*moved = true;
	}
	return TAKEN;
}

/* All of them by turns; where each waits for another one, one is forced. */
static bool merge(struct log_copy *log)
{
	struct reader *waiting;
	do {
		bool moved = false;
		waiting = NULL;
		for (size_t i = 0; i < log->reader_count; i++) {
			enum taken taken = read_on(log, &log->readers[i], &moved);
			if (taken == FAILED)
				return false;
			if (taken == NOT_YET)
				waiting = &log->readers[i];
		}
		if (waiting != NULL && !moved && take(log, waiting, true) == FAILED)
			return false;
	} while (waiting != NULL);
	return write_window(log);
}

/* ---- places ---- */

/* The writer in whose tail a place is: what stands behind the last slash of its name. NULL: nobody's. */
static const char *writer_of(const char *name)
{
	const char *slash = strrchr(name, '/');
	return slash != NULL ? slash + 1 : NULL;
}

static bool position_in_target(struct copy *copy, const char *chat_id, uint64_t number, uint64_t *position)
{
	struct page page = {0};
	CALL(copy, copy->to, read_page, chat_id, number, number, (&(struct page_limits){.count_max = 1}), &page);
	if (copy->rc != STORE_OK || page.count != 1)
		return copy->rc == STORE_OK ? copy_refused(copy, "chat %s: number %llu did not arrive", chat_id, (unsigned long long)number)
									: copy_failed(copy, "target");
	*position = page.transactions[0]->position;
	store_page_free(&page);
	return true;
}

/* The lowest position that any of these has in the target. Of a chat the lowest number has it, which may come behind higher ones. */
static bool find_lowest(struct log_copy *log, const struct page *page, uint64_t *lowest)
{
	for (size_t i = 0; i < page->count; i++) {
		const struct transaction *tx = page->transactions[i];
		uint64_t position = 0;
		struct met *met = meet(log, tx->chat_id);
		if (met == NULL)
			return false;
		if (met->sought == log->translated && met->sought_number <= tx->number)
			continue;
		met->sought = log->translated;
		met->sought_number = tx->number;
		if (!position_in_target(log->copy, tx->chat_id, tx->number, &position))
			return false;
		if (position < *lowest)
			*lowest = position;
	}
	return true;
}

/* The lowest position in the target of what the writer wrote from `place` on; UINT64_MAX: nothing. It is in the first window behind the place,
 * unless chats' logs had to help out, or what was interrupted may have done so. */
static bool find_first(struct log_copy *log, const char *writer, uint64_t place, uint64_t *first)
{
	struct copy *copy = log->copy;
	bool done = true, more = true;
	*first = UINT64_MAX;
	log->translated++;
	for (size_t seen = 0; done && more;) {
		struct page page = {0};
		uint64_t next;
		CALL(copy, copy->from, tail, writer, place, TAIL_PAGE, &page, &next);
		if (copy->rc != STORE_OK)
			return copy_failed(copy, "source");
		done = find_lowest(log, &page, first);
		seen += page.count;
		more = page.count > 0 && (seen < ROOM_MAX || log->mixed || copy->resumed);
		if (more)
			place = page.transactions[page.count - 1]->position + 1;
		store_page_free(&page);
	}
	return done;
}

/* Where in the target that writer goes on, who has written nothing from the place on. */
static bool find_end(struct copy *copy, const char *writer, uint64_t *end)
{
	struct page page = {0};
	CALL(copy, copy->to, tail, writer, UINT64_MAX, 1, &page, end);
	store_page_free(&page);
	return copy->rc == STORE_OK || copy_failed(copy, "target");
}

static void note_left(struct copy *copy, const char *writer)
{
	if (copy->as_json) {
		if (copy->notes.len > 0)
			buf_add_char(&copy->notes, ',');
		json_add_string(&copy->notes, writer, strlen(writer));
		return;
	}
	progress_wipe(&copy->progress);
	printf("note: of what '%s' wrote not all was mirrored before; the mirror of a broker of that name will go on with it\n", writer);
}

/* The same place in the target's tail. */
static bool translate(struct log_copy *log, const char *writer, uint64_t *place)
{
	uint64_t first;
	if (!find_first(log, writer, *place, &first))
		return false;
	if (first == UINT64_MAX)
		return find_end(log->copy, writer, place);
	*place = first;
	if (strcmp(writer, log->copy->identity.writer) != 0)
		note_left(log->copy, writer);
	return true;
}

static bool copy_place(struct log_copy *log, const char *name)
{
	struct copy *copy = log->copy;
	const char *writer = writer_of(name);
	uint64_t place;
	CALL(copy, copy->from, load_place, name, &place);
	if (copy->rc != STORE_OK)
		return copy_failed(copy, "source");
	if (writer != NULL && !translate(log, writer, &place))
		return false;
	CALL(copy, copy->to, put_place, name, place);
	return copy->rc == STORE_OK || copy_failed(copy, "target");
}

static bool each_place(struct log_copy *log, bool (*visit)(struct log_copy *log, const char *name))
{
	struct copy *copy = log->copy;
	const char *const *names;
	size_t count;
	bool done = true;
	CALL(copy, copy->from, list_places, &names, &count);
	if (copy->rc != STORE_OK)
		return copy_failed(copy, "source");
	for (size_t i = 0; i < count && done; i++)
		done = visit(log, names[i]);
	store_free((void *)(uintptr_t)names);
	return done;
}

static bool note_place(struct log_copy *log, const char *name)
{
	struct copy *copy = log->copy;
	const char *writer = writer_of(name);
	struct reader *reader = NULL;
	uint64_t place;
	for (size_t i = 0; writer != NULL && i < log->reader_count; i++)
		if (strcmp(log->readers[i].writer, writer) == 0)
			reader = &log->readers[i];
	if (reader == NULL)
		return true;
	CALL(copy, copy->from, load_place, name, &place);
	if (copy->rc != STORE_OK)
		return copy_failed(copy, "source");
	reader->places = mem_grow(reader->places, (reader->place_count + 1) * sizeof *reader->places);
	reader->places[reader->place_count++] = place;
	return true;
}

/* ---- all of it ---- */

static bool open_readers(struct log_copy *log)
{
	struct copy *copy = log->copy;
	const char *const *writers;
	CALL(copy, copy->from, list_writers, &writers, &log->reader_count);
	if (copy->rc != STORE_OK)
		return copy_failed(copy, "source");
	log->readers = mem_zero(log->reader_count * sizeof *log->readers);
	for (size_t i = 0; i < log->reader_count; i++)
		log->readers[i].writer = mem_text(writers[i]);
	store_free((void *)(uintptr_t)writers);
	return true;
}

bool copy_logs(struct copy *copy)
{
	struct log_copy *log = copy->log = mem_zero(sizeof *log);
	log->copy = copy;
	log->room = ROOM_FIRST;
	copy->done = 0;
	return open_readers(log) && each_place(log, note_place) && merge(log);
}

bool copy_places(struct copy *copy)
{
	return each_place(copy->log, copy_place);
}

void copy_logs_end(struct copy *copy)
{
	struct log_copy *log = copy->log;
	struct met *met, *next;
	if (log == NULL)
		return;
	empty_window(log);
	HASH_ITER(hh, log->met, met, next) {
		HASH_DEL(log->met, met);
		free(met->chat_id);
		free(met);
	}
	for (size_t i = 0; i < log->reader_count; i++) {
		store_page_free(&log->readers[i].page);
		free(log->readers[i].places);
		free(log->readers[i].writer);
	}
	free(log->readers);
	free(log);
	copy->log = NULL;
}
