/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a connection missed. A job reads ranges of chats and makes parcels of them, messages that only have to be handed over; the next job
 * is started while the last one's parcels go out. Jobs run on readers and know nothing of sessions but copies; all else: broker thread. */
#include "plugin/broker/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "plugin/broker/blocks.h"
#include "plugin/broker/feed.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/server.h"
#include "plugin/chat/line.h"
#include "plugin/rpc/quote.h"

enum {
	RANGES_MAX = 64,
	READ_COUNT = 2000, /* transactions of one job */
	READ_BYTES = 512 * 1024,
	PREFETCH = 12, /* parcels in hand below which the next job is started */
	AGAIN_MS = 5000, /* what is damaged is left alone for so long, */
	AGAIN_MAX_MS = 5 * 60 * 1000, /* each time twice as long, and at the most so long */
};

struct range {
	char *chat_id;
	uint64_t from, to;
	uint64_t done; /* the last number that was looked at */
	uint64_t inbox_has, text_has; /* as in the track */
	bool damaged;
};

struct read {
	struct job job;
	struct server *server;
	uint64_t session_id, generation;
	char *user_id;
	struct blocks *blocks;
	bool inbox;
	char *filters[FILTERS_MAX]; /* those that may ask for texts */
	unsigned filter_count;
	size_t inbox_max, text_around, large_group;
	struct session limits_copy; /* what session_payload_max looks at */
	struct range ranges[RANGES_MAX];
	size_t range_count;
	enum store_rc rc; /* of the last range that was looked at, unless that is damaged */
	struct error err;
	struct error damage; /* if any is */
	/* what comes out */
	struct parcel *parcels, **last;
	size_t parcel_count;
	struct buf lines;
	struct mark *marks;
	size_t mark_count;
};

static void read_free(struct read *read)
{
	for (struct parcel *parcel = read->parcels, *next; parcel != NULL; parcel = next) {
		next = parcel->next;
		parcel_free(parcel);
	}
	for (unsigned i = 0; i < read->filter_count; i++)
		free(read->filters[i]);
	for (size_t i = 0; i < read->range_count; i++)
		free(read->ranges[i].chat_id);
	for (size_t i = 0; i < read->mark_count; i++)
		free(read->marks[i].chat_id);
	free(read->marks);
	buf_fini(&read->lines);
	blocks_drop(read->blocks);
	free(read->user_id);
	free(read);
}

static struct parcel *add_parcel(struct read *read, const char *topic, char *payload, size_t len)
{
	struct parcel *parcel = mem_zero(sizeof *parcel);
	parcel->topic = mem_text(topic);
	parcel->payload = payload;
	parcel->len = len;
	*read->last = parcel;
	read->last = &parcel->next;
	read->parcel_count++;
	return parcel;
}

/* Everything marked so far is handed over with this parcel. */
static void give_marks(struct read *read, struct parcel *parcel)
{
	parcel->marks = read->marks;
	parcel->mark_count = read->mark_count;
	read->marks = NULL;
	read->mark_count = 0;
}

static void mark(struct read *read, const char *chat_id, uint64_t number)
{
	if (read->mark_count == 0 || strcmp(read->marks[read->mark_count - 1].chat_id, chat_id) != 0) {
		read->marks = mem_grow(read->marks, (read->mark_count + 1) * sizeof *read->marks);
		read->marks[read->mark_count++].chat_id = mem_text(chat_id);
	}
	read->marks[read->mark_count - 1].number = number;
}

static void close_lines(struct read *read)
{
	if (read->lines.len == 0)
		return;
	give_marks(read, add_parcel(read, "inbox", read->lines.data, read->lines.len));
	read->lines = BUF_EMPTY;
}

static void add_visible(struct buf *out, const struct transaction *tx, bool visible)
{
	if (visible)
		line_add(out, tx);
	else
		line_add_void(out, tx);
}

/* A line alone, longer than a message may be. Of what the reader may not see, a hint has the number and nothing else. */
static void add_too_long(struct read *read, const struct transaction *tx, bool visible)
{
	if (visible) {
		line_add_within(&read->lines, tx, read->inbox_max);
		return;
	}
	line_add_latest(&read->lines, tx->chat_id, tx->number);
	if (read->lines.len > read->inbox_max)
		buf_clear(&read->lines);
}

static void add_line(struct read *read, const struct transaction *tx, bool visible)
{
	size_t start = read->lines.len;
	if (start > 0)
		buf_add_char(&read->lines, '\n');
	size_t before = read->lines.len;
	add_visible(&read->lines, tx, visible);
	if (read->lines.len <= read->inbox_max)
		return;
	size_t len = read->lines.len - before;
	read->lines.len = start;
	close_lines(read);
	if (len > read->inbox_max)
		add_too_long(read, tx, visible);
	else
		add_visible(&read->lines, tx, visible);
}

static void add_hint(struct read *read, const char *chat_id, uint64_t number)
{
	struct buf hint = BUF_EMPTY;
	line_add_latest(&hint, chat_id, number);
	if (read->lines.len > 0 && read->lines.len + 1 + hint.len > read->inbox_max)
		close_lines(read);
	if (read->inbox && hint.len <= read->inbox_max) {
		if (read->lines.len > 0)
			buf_add_char(&read->lines, '\n');
		buf_add(&read->lines, hint.data, hint.len);
	}
	buf_fini(&hint);
}

static bool wants_text(const struct read *read, const char *topic)
{
	bool matches = false;
	for (unsigned i = 0; i < read->filter_count && !matches; i++)
		mosquitto_topic_matches_sub(read->filters[i], topic, &matches); /* pure, so allowed on a worker */
	return matches;
}

/* NULL: nobody wants it. */
static struct parcel *add_text(struct read *read, const struct transaction *tx)
{
	char topic[CHAT_ID_MAX + USER_ID_MAX + 8];
	if (read->filter_count == 0 || tx->type != TX_MESSAGE || tx->body.text == NULL)
		return NULL;
	snprintf(topic, sizeof topic, "text/%s/%s", tx->chat_id, tx->sender_id);
	if (!wants_text(read, topic))
		return NULL;
	struct buf text = BUF_EMPTY;
	buf_add(&text, "", 0);
	line_add_text(&text, tx);
	size_t max = session_payload_max(&read->limits_copy, read->text_around + strlen(topic), SIZE_MAX);
	return add_parcel(read, topic, text.data, text_cut(text.data, text.len, max));
}

static void add_transaction(struct read *read, const struct range *range, const struct transaction *tx, bool visible)
{
	if (read->inbox && tx->number > range->inbox_has)
		add_line(read, tx, visible);
	struct parcel *text = visible && tx->number > range->text_has ? add_text(read, tx) : NULL;
	mark(read, tx->chat_id, tx->number);
	if (text != NULL && !read->inbox)
		give_marks(read, text); /* else the inbox's message has them, which comes behind */
}

static void finish_range(struct read *read, struct range *range)
{
	range->done = range->to;
	mark(read, range->chat_id, range->to);
}

static void add_page(struct read *read, struct range *range, const struct page *page, const struct user_chat *membership,
	struct page_limits *limits)
{
	size_t bytes = 0;
	bool everything = membership->history_all && membership->role != ROLE_NONE;
	for (size_t i = 0; i < page->count; i++) {
		const struct transaction *tx = page->transactions[i];
		bool visible = membership_sees(membership->intervals, membership->interval_count, everything, tx->number);
		add_transaction(read, range, tx, visible && !blocks_hide(read->blocks->list, read->user_id, tx));
		bytes += tx->body.len + tx->quote.len;
		range->done = tx->number;
	}
	if (!page->more)
		finish_range(read, range);
	limits->count_max -= page->count < limits->count_max ? page->count : limits->count_max;
	limits->bytes_max -= bytes < limits->bytes_max ? bytes : limits->bytes_max;
}

static enum store_rc read_range(struct read *read, struct range *range, struct page_limits *limits, struct error *err)
{
	struct store *store = read->server->store;
	struct user_chat *membership = NULL;
	struct page page = {0};
	enum store_rc rc = store_ops(store)->load_membership(store, read->user_id, range->chat_id, &membership, err);
	bool large = rc == STORE_OK && membership->current_members > read->large_group;
	if (large)
		add_hint(read, range->chat_id, range->to);
	if (large || rc == STORE_NOT_FOUND) {
		finish_range(read, range);
		store_free(membership);
		return STORE_OK;
	}
	if (rc == STORE_OK)
		rc = store_ops(store)->read_page(store, range->chat_id, range->from, range->to, limits, &page, err);
	if (rc == STORE_OK)
		rc = quotes_hide(store, read->blocks->list, read->user_id, page.transactions, page.count, err);
	if (rc == STORE_OK)
		add_page(read, range, &page, membership, limits);
	store_page_free(&page);
	store_free(membership);
	return rc;
}

/* What is damaged keeps nothing from what comes behind it. Where the store does not answer, what was made so far stays. */
static void read_ranges(struct read *read)
{
	struct page_limits limits = {READ_COUNT, READ_BYTES};
	struct error err;
	for (size_t i = 0; i < read->range_count && limits.count_max > 0 && limits.bytes_max > 0; i++) {
		struct range *range = &read->ranges[i];
		enum store_rc rc = read_range(read, range, &limits, &err);
		range->damaged = rc == STORE_CORRUPT;
		if (range->damaged)
			read->damage = err;
		if (rc == STORE_OK || range->damaged)
			continue;
		read->rc = rc;
		read->err = err;
		return;
	}
	read->rc = STORE_OK;
}

static void read_run(struct job *job)
{
	struct read *read = (struct read *)job;
	read_ranges(read);
	close_lines(read);
	if (read->mark_count > 0)
		give_marks(read, add_parcel(read, "inbox", NULL, 0));
}

/* Nothing of that chat goes out until it can be read. The others go on. */
static void leave_alone(struct server *server, struct track *track)
{
	uint32_t wait_ms = track->again_in_ms == 0 ? AGAIN_MS : track->again_in_ms * 2;
	track->again_in_ms = wait_ms < AGAIN_MAX_MS ? wait_ms : AGAIN_MAX_MS;
	track->again_at_ms = server->now_ms + track->again_in_ms;
}

static void take_over(struct server *server, struct feed *feed, struct read *read)
{
	for (size_t i = 0; i < read->range_count; i++) {
		const struct range *range = &read->ranges[i];
		struct track *track = feed_find(feed, range->chat_id);
		if (track != NULL)
			track->reading = false;
		if (track == NULL || (range->done <= track->queued && !range->damaged))
			continue;
		if (range->damaged) {
			leave_alone(server, track);
		} else {
			track->queued = range->done;
			track->again_in_ms = 0;
		}
		/* To the end of the line: one chat with a long past must not keep the others waiting. */
		HASH_DEL(feed->tracks, track);
		HASH_ADD_KEYPTR(hh, feed->tracks, track->chat_id, strlen(track->chat_id), track);
	}
	if (read->parcels == NULL)
		return;
	struct parcel **tail = &feed->parcels;
	while (*tail != NULL)
		tail = &(*tail)->next;
	*tail = read->parcels;
	feed->parcel_count += read->parcel_count;
	read->parcels = NULL;
}

static bool is_any_damaged(const struct read *read)
{
	for (size_t i = 0; i < read->range_count; i++)
		if (read->ranges[i].damaged)
			return true;
	return false;
}

static void read_done(struct job *job)
{
	struct read *read = (struct read *)job;
	struct server *server = read->server;
	struct session *session = session_by_id(server, read->session_id);
	struct feed *feed = session ? session->feed : NULL;
	if (feed != NULL && feed->generation == read->generation) {
		if (read->rc != STORE_OK && read->parcels == NULL && jobs_read_again(server, job, read->rc, &read->err))
			return;
		if (is_any_damaged(read))
			jobs_read_failed(server, STORE_CORRUPT, &read->damage);
		take_over(server, feed, read);
		feed->reading = false;
		session_due(server, session);
	}
	read_free(read);
}

static struct read *read_new(struct server *server, const struct session *session)
{
	struct read *read = mem_zero(sizeof *read);
	read->job = (struct job){.run = read_run, .done = read_done};
	read->server = server;
	read->session_id = session->id;
	read->generation = session->feed->generation;
	read->user_id = mem_text(session->person->user_id);
	read->blocks = blocks_ref(session->person);
	read->inbox = session->inbox_qos >= 0;
	read->large_group = server->conf.large_group;
	read->limits_copy = (struct session){.packet_max = session->packet_max, .bytes_max = session->bytes_max};
	read->text_around = strlen(server->conf.prefix) + 4;
	read->inbox_max = session_payload_max(session, read->text_around + sizeof "inbox", server->conf.inbox_bytes_max);
	for (unsigned i = 0; session->text && i < session->filter_count; i++)
		read->filters[read->filter_count++] = mem_text(session->filters[i].text);
	read->last = &read->parcels;
	return read;
}

/* replay_flush comes back to it. */
static void come_back(struct server *server, struct feed *feed, int64_t at_ms)
{
	if (feed->again_at_ms == 0 || at_ms < feed->again_at_ms)
		feed->again_at_ms = at_ms;
	if (server->replay_again_ms == 0 || at_ms < server->replay_again_ms)
		server->replay_again_ms = at_ms;
}

void replay_next(struct server *server, struct session *session)
{
	struct feed *feed = session->feed;
	if (!feed_knows(session) || feed->reading || feed->parcel_count >= PREFETCH)
		return;
	struct read *read = NULL;
	struct track *track, *next;
	feed->again_at_ms = 0;
	HASH_ITER(hh, feed->tracks, track, next) {
		if (track->unplaced || track->queued >= track->latest)
			continue;
		if (track->again_at_ms > server->now_ms) {
			come_back(server, feed, track->again_at_ms);
			continue;
		}
		if (read == NULL)
			read = read_new(server, session);
		read->ranges[read->range_count++] = (struct range){.chat_id = mem_text(track->chat_id),
			.from = track->queued + 1,
			.to = track->latest,
			.done = track->queued,
			.inbox_has = track->inbox_has,
			.text_has = track->text_has};
		/* The list that told of it, another writer's or one's own, may have been ahead of what was shown here. */
		track->reading = true;
		if (read->range_count == RANGES_MAX)
			break;
	}
	if (read == NULL)
		return;
	feed->reading = true;
	if (!workers_add(server->readers, &read->job) && !jobs_repeat(server, NULL, &read->job))
		read_free(read);
}

void replay_flush(struct server *server)
{
	if (server->replay_again_ms == 0 || server->now_ms < server->replay_again_ms)
		return;
	server->replay_again_ms = 0;
	for (struct session *session = server->by_client; session != NULL; session = session->hh_client.next) {
		struct feed *feed = session->feed;
		if (feed == NULL || feed->again_at_ms == 0)
			continue;
		if (feed->again_at_ms <= server->now_ms)
			session_due(server, session);
		else
			come_back(server, feed, feed->again_at_ms);
	}
}
