/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Lines that the broker has not taken up yet, and who comes meanwhile. Broker thread. */
#include "plugin/broker/underway.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/broker/cursor.h"
#include "plugin/broker/feed.h"
#include "plugin/broker/server.h"

enum { HOLD_MS = 5000, LOOK_AGAIN_MS = 64 }; /* clients wait for a second or two before they come again */

static bool takes_up_at_once(const struct server *server)
{
	return server->version.major == 2 && server->version.minor == 0;
}

bool underway_has_lines(const struct server *server, const struct session *session)
{
	return !takes_up_at_once(server) && session->device != NULL && session->feed != NULL && session->feed->lines_round == server->round;
}

/* Of MQTT 5 it is not known whether the broker keeps the session: that hangs on its expiry interval. */
static bool is_exact(const struct session *session)
{
	return !session->clean && !session->mqtt5 && !session->removed && cursor_all_held(session);
}

static struct underway *find(const struct server *server, const char *client_id)
{
	struct underway *gone;
	HASH_FIND_STR(server->underway, client_id, gone);
	return gone;
}

static struct reserved *find_reserved(const struct server *server, const char *client_id)
{
	struct reserved *reserved;
	HASH_FIND_STR(server->reserved, client_id, reserved);
	return reserved;
}

/* For its owner, who comes again in a moment; else the one who goes might be quicker. */
static void reserve(struct server *server, const char *client_id)
{
	struct reserved *reserved = find_reserved(server, client_id);
	if (reserved == NULL) {
		reserved = mem_zero(sizeof *reserved);
		reserved->client_id = mem_text(client_id);
		HASH_ADD_KEYPTR(hh, server->reserved, reserved->client_id, strlen(reserved->client_id), reserved);
	}
	reserved->until_ms = server->now_ms + HOLD_MS;
}

/* Somebody without a device has taken a device's client ID. What is on its way to him is not for its owner: he goes first. */
static bool makes_room(struct server *server, struct session *earlier)
{
	if (takes_up_at_once(server) || earlier->handed_round != server->round)
		return false;
	session_kick(server, earlier);
	reserve(server, earlier->client_id);
	return true;
}

bool underway_bars(struct server *server, const struct mosquitto *client, const char *user_id)
{
	const char *client_id = mosquitto_client_id(client), *device;
	struct error err;
	enum client_kind kind = client_id_read(client_id, user_id, &device, &err);
	const struct underway *gone = find(server, client_id);
	if (kind == CLIENT_REFUSED)
		return false; /* no device of his: nothing is told of it, and nobody held up */
	if (gone != NULL && strcmp(gone->user_id, user_id) != 0)
		return true;
	if (kind == CLIENT_EPHEMERAL)
		return find_reserved(server, client_id) != NULL; /* else what comes now is due to it */
	bool clean = mosquitto_client_clean_session(client);
	if (gone != NULL && gone->lines)
		return clean || !gone->exact;
	struct session *earlier = session_by_name(server, client_id);
	if (earlier != NULL && strcmp(earlier->person->user_id, user_id) != 0)
		return makes_room(server, earlier);
	if (earlier == NULL || !underway_has_lines(server, earlier) || (!clean && is_exact(earlier)))
		return false;
	earlier->feed->held_until_ms = server->now_ms + HOLD_MS;
	earlier->feed->pause_ms = LOOK_AGAIN_MS;
	return true;
}

bool underway_bars_strangers(const struct server *server, const char *client_id)
{
	return find(server, client_id) != NULL || find_reserved(server, client_id) != NULL;
}

void underway_leaves(struct server *server, const struct session *session)
{
	struct underway *gone = find(server, session->client_id);
	if (takes_up_at_once(server))
		return;
	if (gone == NULL) {
		gone = mem_zero(sizeof *gone);
		gone->client_id = mem_text(session->client_id);
		gone->user_id = mem_text(session->person->user_id);
		HASH_ADD_KEYPTR(hh, server->underway, gone->client_id, strlen(gone->client_id), gone);
	}
	if (gone->lines || !underway_has_lines(server, session))
		return;
	gone->lines = true;
	gone->exact = is_exact(session);
}

static void free_reserved(struct server *server, int64_t now_ms)
{
	struct reserved *reserved, *next;
	HASH_ITER(hh, server->reserved, reserved, next) {
		if (reserved->until_ms > now_ms)
			continue;
		HASH_DEL(server->reserved, reserved);
		free(reserved->client_id);
		free(reserved);
	}
}

void underway_tick(struct server *server)
{
	struct underway *gone, *next;
	HASH_ITER(hh, server->underway, gone, next) {
		HASH_DEL(server->underway, gone);
		free(gone->client_id);
		free(gone->user_id);
		free(gone);
	}
	free_reserved(server, server->now_ms);
}

void underway_free_all(struct server *server)
{
	underway_tick(server);
	free_reserved(server, INT64_MAX);
}
