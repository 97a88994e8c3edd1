/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * How far a device has what. Broker thread; stored by cursor_put.c. */
#include "plugin/broker/cursor.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/broker/cursor_put.h"
#include "plugin/broker/feed.h"
#include "plugin/broker/hostconf.h"
#include "plugin/broker/server.h"
#include "plugin/broker/underway.h"

enum {
	PARKED_MAX = 10000,
	PARKED_MS = 24 * 60 * 60 * 1000,
	LOOK_MAX = 2000, /* sessions and tracks that one tick looks at */
	PUT_MAX = 500,   /* cursors of one call, or those of one session: an append waits for that long at the most */
};

/* ---- storing ---- */

/* What is older than that has passed: monotonic times, and a count of packets. */
struct passed {
	int64_t now_ms, trail_ms, arrived_ms;
	uint64_t packets;
};

/* Moves `safe` on: what has left the broker, and is older than it needs to notice that nobody is there. A peer that pings and does not read
 * is alive for ever, so the time alone does not tell; and one whose TCP takes all, and which acknowledges nothing, leaves it in the broker's queue. */
static void settle(const struct session *session, struct track *track, const struct passed *passed)
{
	if (track->mid > track->safe && track->mid_at_ms <= passed->trail_ms && track->mid_at_ms < passed->arrived_ms &&
		track->mid_packets <= passed->packets) {
		track->safe = track->mid;
		/* What came after mid has been on its way since some later moment: from now on, at the least. */
		track->mid = track->handed;
		track->mid_at_ms = passed->now_ms;
		track->mid_packets = feed_packets(session);
	}
}

/* Until it is loaded where the feed starts, a track tells only that there is something new: what is before it was not handed over. Returns how many
 * tracks there were. */
static size_t collect(struct server *server, struct session *session, struct cursor_put *put)
{
	struct feed *feed = session->feed;
	size_t count = HASH_COUNT(feed->tracks);
	if (!feed->loaded)
		return count;
	const struct passed passed = {.now_ms = server->now_ms,
		.trail_ms = server->now_ms - feed_trail_ms(session),
		.arrived_ms = feed_arrived_ms(server, feed),
		.packets = feed_acknowledged_max(feed)};
	struct track *track, *next;
	HASH_ITER(hh, feed->tracks, track, next) {
		if (track->unplaced)
			continue;
		settle(session, track, &passed);
		if (session->device != NULL && (track->safe > track->stored || !track->placed)) {
			cursor_put_add(put, session->person->user_id, session->device, track->chat_id, track->safe);
			track->stored = track->safe;
			track->placed = true;
		}
		bool complete = track->safe == track->latest && track->handed == track->latest;
		if (complete && feed_may_forget(server, track->chat_id, track->handed)) {
			HASH_DEL(feed->tracks, track);
			free(track->chat_id);
			free(track);
		}
	}
	return count;
}

void cursor_flush(struct server *server)
{
	if (server->cursors_at == NULL)
		server->cursors_at = server->by_client;
}

void cursor_tick(struct server *server)
{
	if (server->cursors_at == NULL || server->cursors_busy > 0)
		return; /* nothing to do; or the store is slow, or down */
	struct cursor_put *puts[LANES_MAX] = {NULL}; /* by lane */
	size_t count = 0;
	for (size_t looked = 0; server->cursors_at != NULL && looked < LOOK_MAX && count < PUT_MAX; looked++) {
		struct session *session = server->cursors_at;
		server->cursors_at = session->hh_client.next;
		if (session->feed == NULL || session->feed->tracks == NULL)
			continue;
		struct cursor_put **put = &puts[lanes_index(server->lanes, session->person->user_id)];
		if (*put == NULL)
			*put = cursor_put_new(server, true);
		size_t before = cursor_put_count(*put);
		looked += collect(server, session, *put);
		count += cursor_put_count(*put) - before;
	}
	for (int i = 0; i < LANES_MAX; i++)
		if (puts[i] != NULL)
			cursor_put_start(puts[i]);
	if (server->cursors_at != NULL && server->cursors_busy == 0)
		server_wake_in(server, 1);
}

void cursor_received(struct session *session, const char *chat_id, uint64_t number)
{
	struct track *track = session->feed ? feed_find(session->feed, chat_id) : NULL;
	if (track == NULL)
		return;
	if (number > track->handed)
		number = track->handed;
	if (number > track->safe)
		track->safe = number;
}

/* ---- devices that went away ---- */

static void track_free_all(struct parked *parked)
{
	struct parked_track *track, *next;
	HASH_ITER(hh, parked->tracks, track, next) {
		HASH_DEL(parked->tracks, track);
		free(track->chat_id);
		free(track);
	}
}

void parked_free(struct parked *parked)
{
	if (parked == NULL)
		return;
	track_free_all(parked);
	free(parked->client_id);
	free(parked->user_id);
	free(parked);
}

const struct parked_track *parked_find(const struct parked *parked, const char *chat_id)
{
	struct parked_track *track = NULL;
	if (parked != NULL)
		HASH_FIND_STR(parked->tracks, chat_id, track);
	return track;
}

/* The line's transaction did not leave; what came before it did. */
static void lower(struct parked *parked, const struct line *line)
{
	struct parked_track *track;
	HASH_FIND_STR(parked->tracks, line->chat_id, track);
	if (track != NULL && track->handed >= line->number)
		track->handed = line->number - 1;
}

static struct parked *find(struct server *server, const char *client_id)
{
	struct parked *parked;
	HASH_FIND_STR(server->parked, client_id, parked);
	return parked;
}

static void make_room(struct server *server)
{
	/* The hash keeps the order of insertion: the first is the oldest. */
	struct parked *oldest;
	while ((oldest = server->parked) != NULL &&
	       (HASH_COUNT(server->parked) >= PARKED_MAX || server->now_ms - oldest->at_ms > PARKED_MS)) {
		HASH_DEL(server->parked, oldest);
		parked_free(oldest);
	}
}

/* With QoS 0 anywhere, what the broker does not hold may be lost. */
static bool all_qos1(const struct session *session)
{
	for (unsigned i = 0; i < session->filter_count; i++)
		if (session->filters[i].qos == 0 && filter_reaches_text(&session->filters[i]))
			return false;
	return session->inbox_qos != 0 && !session->sent_qos0 && session->quota_lost == 0;
}

/* For a second subscription: the broker holds of the first one what is further on. */
static bool has_gone_back(const struct feed *feed)
{
	for (const struct track *track = feed->tracks; track != NULL; track = track->hh.next)
		if (!track->unplaced && (track->inbox_has > track->handed || track->text_has > track->handed))
			return true;
	return false;
}

bool cursor_all_held(const struct session *session)
{
	return session->device != NULL && session->feed != NULL && session->feed->loaded && all_qos1(session) && !has_gone_back(session->feed);
}

static void park_track(struct parked *parked, const char *chat_id, uint64_t handed)
{
	struct parked_track *track = mem_zero(sizeof *track);
	track->chat_id = mem_text(chat_id);
	track->handed = handed;
	HASH_ADD_KEYPTR(hh, parked->tracks, track->chat_id, strlen(track->chat_id), track);
}

/* It ended before it was known where it begins, on an MQTT session that goes on: the broker still holds what it held for the one before. Where another
 * connection takes it over, its subscriptions are with that one already, which finds out itself whether there are any. */
static bool goes_on(struct server *server, struct session *session, const struct parked *parked)
{
	bool began = session->feed != NULL && session->feed->loaded;
	if (session->device == NULL || session->clean || session->removed || began || !all_qos1(session) ||
	    session->unsubscribed_count > 0 || strcmp(parked->user_id, session->person->user_id) != 0)
		return false;
	bool taken_over = !session->kept_known && session_by_name(server, session->client_id) != session;
	return taken_over || session_is_kept(session);
}

/* -1: none. */
static signed char lower_qos(signed char a, signed char b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void park(struct server *server, struct session *session)
{
	struct parked *parked = find(server, session->client_id);
	if (server->ending)
		return;
	if (parked != NULL && goes_on(server, session, parked)) {
		parked->events_qos = lower_qos(parked->events_qos, session->events_qos);
		return;
	}
	if (parked != NULL) {
		HASH_DEL(server->parked, parked);
		parked_free(parked);
	}
	if (session->clean || session->removed || session->device == NULL) /* of others nothing is gone on with, and anybody may be as many as he likes */
		return;
	make_room(server);
	parked = mem_zero(sizeof *parked);
	parked->client_id = mem_text(session->client_id);
	parked->user_id = mem_text(session->person->user_id);
	parked->at_ms = server->now_ms;
	parked->session_id = session->id;
	parked->events_qos = session->events_qos;
	parked->exact = cursor_all_held(session);
	parked->underway = underway_has_lines(server, session);
	for (struct track *track = parked->exact ? session->feed->tracks : NULL; track != NULL; track = track->hh.next)
		if (!track->unplaced) /* of the others nothing was handed over */
			park_track(parked, track->chat_id, track->handed);
	/* Lines that were waiting for the window were counted as handed, but never left. */
	for (size_t i = 0; parked->exact && i < session->feed->line_count; i++)
		lower(parked, session->feed->lines[i]);
	HASH_ADD_KEYPTR(hh, server->parked, parked->client_id, strlen(parked->client_id), parked);
}

void cursor_leave(struct server *server, struct session *session)
{
	if (server->cursors_at == session)
		server->cursors_at = session->hh_client.next;
	park(server, session);
	if (session->feed != NULL)
		collect(server, session, cursor_put_of_leaver(server, session->person->user_id));
}

/* The broker has asked for all that it held when this session began. What was handed over since says nothing. */
static bool nothing_was_held(const struct server *server, const struct parked *parked, const struct session *session)
{
	return !session->resent && parked->session_id != session->id && !parked->underway && hostconf_asks_always(&server->host);
}

struct parked *cursor_unpark(struct server *server, struct session *session)
{
	struct parked *parked = find(server, session->client_id);
	bool goes_on = parked != NULL && session->kept && strcmp(parked->user_id, session->person->user_id) == 0;
	if (session->kept) /* what is subscribed stays so; where it is not known, as if that were with QoS 0, of which no PUBACK comes */
		session->events_qos = goes_on ? lower_qos(session->events_qos, parked->events_qos) : 0;
	if (parked == NULL)
		return NULL;
	HASH_DEL(server->parked, parked);
	parked->arrived = nothing_was_held(server, parked, session);
	if (goes_on && parked->exact)
		return parked;
	parked_free(parked);
	return NULL;
}

void cursor_forget(struct server *server, const char *client_id)
{
	struct parked *parked = client_id != NULL ? find(server, client_id) : NULL;
	if (parked == NULL)
		return;
	HASH_DEL(server->parked, parked);
	parked_free(parked);
}

void cursor_free_all(struct server *server)
{
	struct parked *parked, *next;
	HASH_ITER(hh, server->parked, parked, next) {
		HASH_DEL(server->parked, parked);
		parked_free(parked);
	}
}

bool cursor_resend(struct server *server, struct session *session, const char *topic)
{
	struct parked *parked = find(server, session->client_id);
	bool stream = strcmp(topic, "inbox") == 0 || strncmp(topic, "text/", 5) == 0;
	bool allowed = parked != NULL && strcmp(parked->user_id, session->person->user_id) == 0 && (parked->exact || !stream);
	session->resent |= stream;
	if (!allowed)
		session->quota_lost++;
	return allowed;
}
