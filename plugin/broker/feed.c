/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a connection is due, live. Broker thread.
 *
 * Pacing. The broker drops silently what exceeds its queue for a connected client, and a plugin does not see PUBACKs. So at most
 * WINDOW_PACKETS packets (fewer than the broker's own in-flight window) or WINDOW_BYTES go out before the socket was seen drained: all of it
 * acknowledged by the peer's TCP. What was handed over in this round is not on the socket yet, so that tells nothing before the next one.
 * A client whose TCP takes everything, but which acknowledges nothing, is held as well: a PUBACK has at least PUBACK_BYTES, so it cannot have
 * acknowledged more packets than what it has sent has room for. (TLS and WebSocket frames are longer, so there the bound is loose.)
 * Meanwhile lines are collected into one larger message; what exceeds that is read from the store later. */
#include "plugin/broker/feed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "plugin/broker/blocks.h"
#include "plugin/broker/client.h"
#include "plugin/broker/cursor.h"
#include "plugin/broker/publish.h"
#include "plugin/broker/replay.h"
#include "plugin/broker/server.h"
#include "plugin/chat/line.h"

enum {
	WINDOW_PACKETS = 16,
	WINDOW_BYTES = 1024 * 1024,
	LIVE_RESERVE = 32,   /* packets of hc/me/live beside a full window: busy for a moment is not stuck */
	EVENTS_MAX = 10000,  /* packets of events since the socket was seen drained; at most half of the broker's queue */
	PUBACK_BYTES = 4,
	UNACKNOWLEDGED_MAX = 100, /* packets: a tenth of the smallest queue that the broker has by default, since it may hold as many from before */
	WINDOW_MS = 20,      /* where the socket is not known, a window may be used again after this time */
	RECHECK_MS = 1,
	RECHECK_MAX_MS = 64,
	LINES_KEEP = 64,     /* room for lines that an idle feed keeps */
	TRAIL_UNKNOWN_MS = 10 * 60 * 1000, /* without a keepalive a dead peer is noticed by TCP alone */
};

int64_t feed_trail_ms(const struct session *session)
{
	return session->keepalive_s > 0 ? session->keepalive_s * 1500 : TRAIL_UNKNOWN_MS;
}

void feed_begin(struct server *server, struct session *session)
{
	if (session->feed != NULL)
		return;
	session->feed = mem_zero(sizeof *session->feed);
	session->feed->id = session->feed->generation = ++server->last_session_id;
	session->feed->socket = session->socket;
	if (session->device == NULL)
		session->feed->loaded = true; /* nothing missed: it begins now */
	else if (!session->device_loading)
		replay_load(server, session);
	/* else: device.c comes back to it when it knows the device */
}

bool feed_knows(const struct session *session)
{
	return session->feed->loaded && blocks_are_known(session->person);
}

static void drop_lines(struct feed *feed)
{
	for (size_t i = 0; i < feed->line_count; i++)
		line_drop(feed->lines[i]);
	feed->line_count = feed->line_bytes = 0;
}

static void drop_parcels(struct feed *feed)
{
	for (struct parcel *parcel = feed->parcels, *next; parcel != NULL; parcel = next) {
		next = parcel->next;
		parcel_free(parcel);
	}
	feed->parcels = NULL;
	feed->parcel_count = 0;
}

/* What is not out yet is taken back: it will be read from the store. */
static void take_back(struct server *server, struct feed *feed)
{
	/* Lines were counted as handed when they were gathered. */
	for (size_t i = feed->line_count; i-- > 0;) {
		const struct line *line = feed->lines[i];
		struct track *track = feed_track(feed, line->chat_id, line->number);
		track->handed = line->number - 1;
	}
	drop_lines(feed);
	drop_parcels(feed);
	for (struct track *track = feed->tracks; track != NULL; track = track->hh.next) {
		track->queued = track->handed;
		track->reading = false;
		if (track->mid > track->handed)
			track->mid = track->handed;
		if (track->safe > track->handed)
			track->safe = track->handed;
	}
	if (feed->loaded) {
		feed->generation = ++server->last_session_id; /* what is being read is passed over */
		feed->reading = false;
	}
}

void feed_bound_changed(struct server *server, struct session *session)
{
	if (session->feed == NULL || session->inbox_qos < 0)
		return;
	take_back(server, session->feed);
	session_due(server, session);
}

/* new: the stream was not asked for before. */
static uint64_t has(uint64_t before, uint64_t handed, bool new)
{
	return new ? 0 : before > handed ? before : handed;
}

void feed_widened(struct server *server, struct session *session, bool inbox, bool text)
{
	struct feed *feed = session->feed;
	if (!feed->loaded)
		return; /* nothing is out */
	take_back(server, feed);
	for (struct track *track = feed->tracks; track != NULL; track = track->hh.next) {
		if (track->unplaced)
			continue;
		track->inbox_has = has(track->inbox_has, track->handed, inbox);
		track->text_has = has(track->text_has, track->handed, text);
		if (session->device != NULL) /* else it begins now */
			track->handed = track->queued = track->mid = track->safe;
	}
	session_due(server, session);
}

void feed_end(struct session *session)
{
	struct feed *feed = session->feed;
	if (feed == NULL)
		return;
	drop_lines(feed);
	free(feed->lines);
	drop_parcels(feed);
	struct track *track, *next;
	HASH_ITER(hh, feed->tracks, track, next) {
		HASH_DEL(feed->tracks, track);
		free(track->chat_id);
		free(track);
	}
	free(feed);
	session->feed = NULL;
}

bool feed_may_forget(struct server *server, const char *chat_id, uint64_t handed)
{
	return core_known(server->core, chat_id) >= handed;
}

uint64_t feed_packets(const struct session *session)
{
	const struct feed *feed = session->feed;
	return feed->sent_qos1 + (feed->line_count > 0 && publish_qos(session, session->inbox_qos) > 0);
}

static void track_handed(struct server *server, const struct session *session, struct track *track, uint64_t number)
{
	if (number <= track->handed)
		return;
	if (track->mid <= track->safe) {
		track->mid = number;
		track->mid_at_ms = server->now_ms;
		track->mid_packets = feed_packets(session);
	}
	track->handed = number;
	if (track->queued < number)
		track->queued = number;
	if (track->latest < number)
		track->latest = number;
}

/* ---- pacing ---- */

uint64_t feed_acknowledged_max(const struct feed *feed)
{
	int64_t received = feed->sent_qos1 > 0 ? client_received(feed->socket) : -1;
	if (received < 0 || feed->received_at_start < 0)
		return UINT64_MAX;
	return (uint64_t)(received - feed->received_at_start) / PUBACK_BYTES;
}

static bool withholds_acknowledgements(const struct feed *feed)
{
	return feed->sent_qos1 > UNACKNOWLEDGED_MAX && feed->sent_qos1 - UNACKNOWLEDGED_MAX > feed_acknowledged_max(feed);
}

static bool is_drained(struct server *server, struct feed *feed)
{
	if (feed->sent_round == server->round || server->now_ms < feed->check_at_ms)
		return false;
	int backlog = client_backlog(feed->socket);
	if (backlog == 0)
		feed->arrived_at_ms = feed->last_sent_at_ms;
	if ((backlog == 0 || (backlog < 0 && server->now_ms - feed->sent_at_ms >= WINDOW_MS)) && !withholds_acknowledgements(feed)) {
		feed->pause_ms = 0;
		return true;
	}
	feed->pause_ms = feed->pause_ms == 0 ? RECHECK_MS : feed->pause_ms < RECHECK_MAX_MS ? feed->pause_ms * 2 : RECHECK_MAX_MS;
	feed->check_at_ms = server->now_ms + feed->pause_ms;
	return false;
}

static void begin_window(struct feed *feed)
{
	feed->sent_packets = feed->sent_bytes = feed->live_packets = feed->event_packets = 0;
}

static bool may_send(struct server *server, struct feed *feed)
{
	if (server->now_ms < feed->held_until_ms)
		return false;
	if (feed->sent_packets < WINDOW_PACKETS && feed->sent_bytes < WINDOW_BYTES)
		return true;
	if (!is_drained(server, feed))
		return false;
	begin_window(feed);
	return true;
}

int64_t feed_arrived_ms(const struct server *server, struct feed *feed)
{
	if (feed->socket < 0)
		return server->now_ms; /* not known: time alone has to do */
	if (feed->sent_round == server->round || client_backlog(feed->socket) != 0)
		return feed->arrived_at_ms;
	feed->arrived_at_ms = feed->last_sent_at_ms;
	return feed->line_count == 0 ? server->now_ms : feed->arrived_at_ms;
}

/* It has a place in the broker's queue until it is acknowledged. */
static void sent_qos1(struct feed *feed)
{
	if (feed->sent_qos1++ == 0)
		feed->received_at_start = client_received(feed->socket);
}

static void sent(struct server *server, const struct session *session, size_t len, int qos)
{
	struct feed *feed = session->feed;
	if (publish_qos(session, qos) > 0)
		sent_qos1(feed);
	if (feed->sent_packets == 0)
		feed->sent_at_ms = server->now_ms;
	if (feed->line_count == 0) /* lines that wait were counted as handed: what goes out before them does not say that they have arrived */
		feed->last_sent_at_ms = server->now_ms;
	feed->sent_round = server->round;
	feed->sent_packets++;
	feed->sent_bytes += len;
}

static void sent_transactions(struct server *server, struct session *session, size_t len, int qos)
{
	sent(server, session, len, qos);
	session->sent_qos0 |= publish_qos(session, qos) == 0;
	session->feed->lines_round = server->round;
}

/* ---- live ---- */

static void send_lines(struct server *server, struct session *session)
{
	struct feed *feed = session->feed;
	char *payload = publish_alloc(feed->line_bytes - 1); /* no newline behind the last one */
	char *at = payload;
	for (size_t i = 0; i < feed->line_count; i++) {
		if (i > 0)
			*at++ = '\n';
		memcpy(at, feed->lines[i]->text, feed->lines[i]->len);
		at += feed->lines[i]->len;
		line_drop(feed->lines[i]);
	}
	size_t len = (size_t)(at - payload);
	server->counters.lines += feed->line_count;
	feed->line_count = feed->line_bytes = 0;
	publish_owned(server, session, "inbox", payload, len, session->inbox_qos);
	sent_transactions(server, session, len, session->inbox_qos);
	if (feed->line_size > LINES_KEEP) {
		free(feed->lines);
		feed->lines = NULL;
		feed->line_size = 0;
	}
}

static size_t inbox_max(const struct server *server, const struct session *session)
{
	return session_payload_max(session, strlen(server->conf.prefix) + sizeof "/me/inbox", server->conf.inbox_bytes_max);
}

static void keep_line(struct feed *feed, struct line *line)
{
	if (feed->line_count == feed->line_size) {
		feed->line_size = feed->line_size ? feed->line_size * 2 : 4;
		feed->lines = mem_grow(feed->lines, feed->line_size * sizeof *feed->lines);
	}
	line->references++;
	feed->lines[feed->line_count++] = line;
	feed->line_bytes += line->len + 1;
}

/* Puts the line into the next inbox message. false: that is full and may not go out yet. */
static bool add_line(struct server *server, struct session *session, const struct transaction *tx, struct line *line)
{
	struct feed *feed = session->feed;
	size_t max = inbox_max(server, session);
	if (line->len <= max) {
		if (feed->line_bytes + line->len > max) {
			if (!may_send(server, feed))
				return false;
			send_lines(server, session);
		}
		keep_line(feed, line);
		return true;
	}
	struct buf cut = BUF_EMPTY;
	if (feed->line_count > 0 && !may_send(server, feed))
		return false;
	if (feed->line_count > 0)
		send_lines(server, session);
	if (line_add_within(&cut, tx, max)) {
		struct line *own = line_new(tx->chat_id, tx->number, cut.data, cut.len);
		keep_line(feed, own);
		line_drop(own);
	}
	buf_fini(&cut);
	return true;
}

static size_t text_max(const struct server *server, const struct session *session, const char *topic)
{
	return session_payload_max(session, strlen(server->conf.prefix) + 4 + strlen(topic), SIZE_MAX);
}

/* The body alone, if a filter asks for it. */
static void send_text(struct server *server, struct session *session, const struct transaction *tx)
{
	char topic[CHAT_ID_MAX + USER_ID_MAX + 8];
	if (tx->type != TX_MESSAGE || tx->body.text == NULL)
		return;
	snprintf(topic, sizeof topic, "text/%s/%s", tx->chat_id, tx->sender_id);
	int qos = session_qos(session, topic);
	if (qos < 0)
		return;
	struct buf text = BUF_EMPTY;
	buf_add(&text, "", 0);
	line_add_text(&text, tx);
	size_t len = text_cut(text.data, text.len, text_max(server, session, topic));
	publish_copy(server, session, topic, text.data, len, qos);
	sent_transactions(server, session, len, qos);
	buf_fini(&text);
}

bool feed_allows_live(struct server *server, struct session *session, size_t len)
{
	if (session->feed == NULL)
		return true;
	struct feed *feed = session->feed;
	if (may_send(server, feed)) {
		sent(server, session, len, session->live_qos);
		return true;
	}
	if (feed->live_packets++ >= LIVE_RESERVE)
		return false;
	if (publish_qos(session, session->live_qos) > 0)
		sent_qos1(feed);
	return true;
}

static uint32_t events_max(const struct server *server)
{
	int queue_max = server->host.queue_max;
	return queue_max > 0 && queue_max / 2 < EVENTS_MAX ? (uint32_t)queue_max / 2 : EVENTS_MAX;
}

bool feed_allows_events(struct server *server, struct session *session, int qos)
{
	struct feed *feed = session->feed;
	if (feed == NULL)
		return true;
	if (feed->event_packets >= events_max(server)) {
		if (!is_drained(server, feed))
			return false;
		begin_window(feed);
	}
	if (publish_qos(session, qos) > 0)
		sent_qos1(feed);
	feed->event_packets++;
	return true;
}

void feed_goes_beside(struct server *server, struct session *session, size_t len, int qos)
{
	if (session->feed != NULL)
		sent(server, session, len, qos);
}

/* There is something of that number. The track, if it is to go out now; NULL: it is there already, or replay.c brings it. */
static struct track *track_of_news(struct server *server, struct session *session, const char *chat_id, uint64_t number)
{
	struct track *track = feed_track(session->feed, chat_id, number - 1);
	if (number <= track->handed)
		return NULL;
	if (number > track->latest)
		track->latest = number;
	session_due(server, session);
	return feed_knows(session) && !track->unplaced && !track->reading && track->queued == track->handed ? track : NULL;
}

void feed_commit(struct server *server, struct session *session, const struct transaction *tx, struct line *line)
{
	struct track *track = track_of_news(server, session, tx->chat_id, tx->number);
	if (track == NULL || track->handed != tx->number - 1)
		return;
	if (session->text && !may_send(server, session->feed))
		return;
	if (session->inbox_qos >= 0 && !add_line(server, session, tx, line))
		return;
	if (session->text)
		send_text(server, session, tx);
	track_handed(server, session, track, tx->number);
}

void feed_commit_void(struct server *server, struct session *session, const struct transaction *tx, struct line *line)
{
	struct track *track = track_of_news(server, session, tx->chat_id, tx->number);
	if (track == NULL || track->handed != tx->number - 1)
		return;
	bool fits = line->len <= inbox_max(server, session); /* else replay.c makes a hint of it */
	if (session->inbox_qos >= 0 && !(fits && add_line(server, session, tx, line)))
		return;
	track_handed(server, session, track, tx->number);
}

void feed_commit_later(struct server *server, struct session *session, const struct transaction *tx)
{
	track_of_news(server, session, tx->chat_id, tx->number);
}

/* The place of a hint about the same chat that is not out yet; NULL: none. */
static struct line **waiting_hint(const struct feed *feed, const char *chat_id)
{
	for (size_t i = 0; i < feed->line_count; i++)
		if (feed->lines[i]->hint && strcmp(feed->lines[i]->chat_id, chat_id) == 0)
			return &feed->lines[i];
	return NULL;
}

/* false: it has to wait; replay.c says it later. */
static bool add_hint(struct server *server, struct session *session, struct line *line)
{
	struct feed *feed = session->feed;
	size_t max = inbox_max(server, session);
	struct line **waiting = waiting_hint(feed, line->chat_id);
	bool grows_too_long = waiting != NULL && feed->line_bytes - 1 + line->len - (*waiting)->len > max; /* by a digit */
	if (waiting != NULL && !grows_too_long) {
		feed->line_bytes += line->len - (*waiting)->len;
		line_drop(*waiting);
		*waiting = line;
		line->references++;
		return true;
	}
	if (line->len > max)
		return true; /* not even a hint fits */
	if (feed->line_bytes + line->len > max) {
		if (!may_send(server, feed))
			return false;
		send_lines(server, session);
	}
	keep_line(feed, line);
	return true;
}

void feed_hint(struct server *server, struct session *session, struct line *line)
{
	struct track *track = track_of_news(server, session, line->chat_id, line->number);
	if (track == NULL || (session->inbox_qos >= 0 && !add_hint(server, session, line)))
		return;
	track_handed(server, session, track, line->number);
}

/* ---- the end of a tick ---- */

static void send_parcel(struct server *server, struct session *session)
{
	struct feed *feed = session->feed;
	struct parcel *parcel = feed->parcels;
	feed->parcels = parcel->next;
	feed->parcel_count--;
	int qos = session_qos(session, parcel->topic);
	if (qos >= 0 && parcel->len > 0) {
		bool is_text = strncmp(parcel->topic, "text/", 5) == 0;
		size_t len = is_text ? text_cut(parcel->payload, parcel->len, text_max(server, session, parcel->topic)) : parcel->len;
		publish_copy(server, session, parcel->topic, parcel->payload, len, qos);
		sent_transactions(server, session, len, qos);
	}
	for (size_t i = 0; i < parcel->mark_count; i++) {
		struct track *track = feed_find(feed, parcel->marks[i].chat_id);
		if (track != NULL)
			track_handed(server, session, track, parcel->marks[i].number);
	}
	parcel_free(parcel);
}

void feed_flush(struct server *server, struct session *session)
{
	struct feed *feed = session->feed;
	if (feed == NULL || session->gone)
		return;
	if (session->inbox_qos < 0)
		drop_lines(feed);
	if (feed->line_count > 0 && may_send(server, feed))
		send_lines(server, session);
	/* What was read from the store comes behind the lines that wait, also if the socket drained a moment ago. */
	while (feed->line_count == 0 && feed->parcels != NULL && may_send(server, feed))
		send_parcel(server, session);
	replay_next(server, session);
	if (feed->line_count > 0 || feed->parcels != NULL) {
		session_due(server, session);
		server_wake_in(server, feed->pause_ms > 0 ? feed->pause_ms : RECHECK_MS);
	}
}
