/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * How far a device has what. Broker thread; stored by jobs on the lanes. */
#include "plugin/broker/cursor.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "plugin/broker/feed.h"
#include "plugin/broker/server.h"

enum {
	PARKED_MAX = 10000,
	PARKED_MS = 24 * 60 * 60 * 1000,
};

/* ---- storing ---- */

struct put {
	struct job job;
	struct server *server;
	struct cursor *cursors;
	size_t count, size;
	enum store_rc rc;
};

static void put_run(struct job *job)
{
	struct put *put = (struct put *)job;
	struct error err;
	put->rc = store_ops(put->server->store)->put_cursors(put->server->store, put->cursors, put->count, &err);
}

static void put_free(struct put *put)
{
	for (size_t i = 0; i < put->count; i++) {
		free((char *)put->cursors[i].user_id);
		free((char *)put->cursors[i].device);
		free((char *)put->cursors[i].chat_id);
	}
	free(put->cursors);
	free(put);
}

static void put_done(struct job *job)
{
	struct put *put = (struct put *)job;
	if (put->rc == STORE_OK || !server_repeat(put->server, "", job))
		put_free(put);
}

static void put_start(struct server *server, struct put *put)
{
	put->job = (struct job){.run = put_run, .done = put_done};
	put->server = server;
	if (put->count == 0 || (!lanes_put(server->lanes, "", &put->job) && !server_repeat(server, "", &put->job)))
		put_free(put);
}

/* Moves `safe` on with the time that has passed. */
static void settle(struct track *track, int64_t now_ms, int64_t trail_ms)
{
	if (track->mid > track->safe && now_ms - track->mid_at_ms >= trail_ms) {
		track->safe = track->mid;
		/* What came after mid has been on its way since some later moment: from now on, at the least. */
		track->mid = track->handed;
		track->mid_at_ms = now_ms;
	}
}

static void collect(struct server *server, struct session *session, struct put *put)
{
	struct feed *feed = session->feed;
	struct track *track, *next;
	HASH_ITER(hh, feed->tracks, track, next) {
		settle(track, server->now_ms, feed_trail_ms(session));
		if (session->device != NULL && track->safe > track->stored) {
			if (put->count == put->size)
				put->cursors = mem_grow(put->cursors, (put->size = put->size * 2 + 16) * sizeof *put->cursors);
			put->cursors[put->count++] = (struct cursor){
				mem_text(session->person->user_id), mem_text(session->device), mem_text(track->chat_id), track->safe};
			track->stored = track->safe;
		}
		if (feed->loaded && track->safe == track->latest && track->handed == track->latest) {
			HASH_DEL(feed->tracks, track);
			free(track->chat_id);
			free(track);
		}
	}
}

void cursor_flush(struct server *server)
{
	struct put *put = mem_zero(sizeof *put);
	for (struct session *session = server->by_client; session != NULL; session = session->hh_client.next)
		if (session->feed != NULL && session->feed->tracks != NULL)
			collect(server, session, put);
	put_start(server, put);
}

void cursor_received(struct server *server, struct session *session, const char *chat_id, uint64_t number)
{
	struct track *track = session->feed ? feed_find(session->feed, chat_id) : NULL;
	(void)server;
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

static void park(struct server *server, struct session *session)
{
	struct parked *parked = find(server, session->client_id);
	if (parked != NULL) {
		HASH_DEL(server->parked, parked);
		parked_free(parked);
	}
	/* Only where the broker keeps what was not acknowledged, and can say later which message that was. */
	if (session->device == NULL || session->clean || session->inbox_qos != 1 || session->text || !session->feed->loaded ||
	    session->feed->tracks == NULL)
		return;
	make_room(server);
	parked = mem_zero(sizeof *parked);
	parked->client_id = mem_text(session->client_id);
	parked->user_id = mem_text(session->person->user_id);
	parked->at_ms = server->now_ms;
	for (struct track *track = session->feed->tracks; track != NULL; track = track->hh.next) {
		struct parked_track *copy = mem_zero(sizeof *copy);
		copy->chat_id = mem_text(track->chat_id);
		copy->acknowledged = track->handed;
		HASH_ADD_KEYPTR(hh, parked->tracks, copy->chat_id, strlen(copy->chat_id), copy);
	}
	/* Lines that were waiting for the window were counted as handed, but never left. */
	for (size_t i = 0; i < session->feed->line_count; i++)
		cursor_lower(parked, session->feed->lines[i]->text, session->feed->lines[i]->len);
	HASH_ADD_KEYPTR(hh, server->parked, parked->client_id, strlen(parked->client_id), parked);
}

void cursor_leave(struct server *server, struct session *session)
{
	struct put *put = mem_zero(sizeof *put);
	park(server, session);
	collect(server, session, put);
	put_start(server, put);
}

struct parked *cursor_unpark(struct server *server, const struct session *session)
{
	struct parked *parked = find(server, session->client_id);
	if (parked == NULL)
		return NULL;
	HASH_DEL(server->parked, parked);
	if (!session->clean && strcmp(parked->user_id, session->person->user_id) == 0)
		return parked;
	parked_free(parked);
	return NULL;
}

void cursor_free_all(struct server *server)
{
	struct parked *parked, *next;
	HASH_ITER(hh, server->parked, parked, next) {
		HASH_DEL(server->parked, parked);
		parked_free(parked);
	}
}

/* A line that we made: {"chatID":"…","transactionID":17,… or a latest hint, which begins with its type. */
static bool read_line(const char *line, size_t len, char chat_id[CHAT_ID_MAX * 6 + 1], uint64_t *number)
{
	static const char ID[] = "\"chatID\":\"", NUMBER[] = "\",\"transactionID\":";
	const char *id = memmem(line, len, ID, sizeof ID - 1);
	if (id == NULL)
		return false;
	id += sizeof ID - 1;
	const char *end = memmem(id, len - (size_t)(id - line), NUMBER, sizeof NUMBER - 1);
	if (end == NULL || end - id > CHAT_ID_MAX)
		return false;
	memcpy(chat_id, id, (size_t)(end - id));
	chat_id[end - id] = '\0';
	const char *digits = end + sizeof NUMBER - 1;
	size_t digit_count = 0;
	while (digits + digit_count < line + len && digits[digit_count] >= '0' && digits[digit_count] <= '9')
		digit_count++;
	return text_to_u64(digits, digit_count, UINT64_MAX, number);
}

void cursor_lower(struct parked *parked, const char *line, size_t len)
{
	char chat_id[CHAT_ID_MAX * 6 + 1];
	uint64_t number;
	struct parked_track *track;
	if (!read_line(line, len, chat_id, &number)) {
		track_free_all(parked); /* cannot be told: what is stored counts */
		return;
	}
	HASH_FIND_STR(parked->tracks, chat_id, track);
	if (track != NULL && track->acknowledged >= number)
		track->acknowledged = number - 1;
}

void cursor_unacknowledged(struct server *server, const struct session *session, const char *payload, size_t len)
{
	struct parked *parked = find(server, session->client_id);
	if (parked == NULL || strcmp(parked->user_id, session->person->user_id) != 0)
		return;
	while (len > 0) {
		const char *newline = memchr(payload, '\n', len);
		size_t line_len = newline ? (size_t)(newline - payload) : len;
		cursor_lower(parked, payload, line_len);
		if (newline == NULL)
			break;
		payload = newline + 1;
		len -= line_len + 1;
	}
}
