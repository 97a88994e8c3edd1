/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * One party of a conversation, who believes nothing. Reading a line must cost less than the broker's sending it, so that lines are not
 * parsed as JSON: their members are looked for where HyperChat writes them first, and anywhere else next. One thread. */
#include "bench/peer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { OPENING_AT_ONCE = 50, OPENING_PATIENCE_US = 30 * 1000 * 1000 };

/* ---- what is delivered ---- */

static void hear(struct peer *peer, const char *body, size_t len, int64_t now_us)
{
	int64_t sent_at_us;
	uint64_t sequence;
	if (!scene_body_read(body, len, &sent_at_us, &sequence))
		die("%s: received what nobody sent", peer->client_id);
	if (sequence != peer->next_sequence)
		die("%s: received message %" PRIu64 " instead of %" PRIu64, peer->client_id, sequence, peer->next_sequence);
	peer->next_sequence++;
	if (peer->heard != NULL)
		peer->heard(peer, sequence, sent_at_us, now_us);
}

struct line {
	const char *at, *end;
};

/* Moves behind the first `text` from here on, or else from `start` on. false: there is none. */
static bool line_find(struct line *line, const char *start, const char *text)
{
	size_t len = strlen(text);
	size_t left = (size_t)(line->end - line->at);
	const char *found = left >= len && memcmp(line->at, text, len) == 0 ? line->at : memmem(line->at, left, text, len);
	if (found == NULL)
		found = memmem(start, (size_t)(line->end - start), text, len);
	if (found == NULL)
		return false;
	line->at = found + len;
	return true;
}

static bool line_starts(const struct line *line, const char *text)
{
	size_t len = strlen(text);
	return (size_t)(line->end - line->at) >= len && memcmp(line->at, text, len) == 0;
}

static uint64_t line_number(struct line *line)
{
	uint64_t number = 0;
	while (line->at < line->end && *line->at >= '0' && *line->at <= '9')
		number = number * 10 + (uint64_t)(*line->at++ - '0');
	return number;
}

static void check_number(struct peer *peer, uint64_t number)
{
	if (number != peer->next_number)
		die("%s: received transaction %" PRIu64 " instead of %" PRIu64, peer->client_id, number, peer->next_number);
	peer->next_number++;
}

static void hear_line(struct peer *peer, const char *start, const char *end, int64_t now_us)
{
	struct line line = {start, end};
	if (line_starts(&line, "{\"type\":\"latest\"")) {
		peer->hints++;
		return;
	}
	if (!line_find(&line, start, "\"chatID\":\"") || !line_starts(&line, peer->chat_id))
		die("%s: received a line of another chat: %.*s", peer->client_id, (int)(end - start), start);
	line.at += SCENE_CHAT_ID_LEN;
	if (!line_find(&line, start, "\",\"transactionID\":") && !line_find(&line, start, "\"transactionID\":"))
		die("%s: received a line without a number: %.*s", peer->client_id, (int)(end - start), start);
	check_number(peer, line_number(&line));
	if (!line_find(&line, start, ",\"type\":\"") && !line_find(&line, start, "\"type\":\""))
		die("%s: received a line without a type: %.*s", peer->client_id, (int)(end - start), start);
	if (!line_starts(&line, "message\""))
		return;
	if (!line_find(&line, start, "\"body\":\""))
		die("%s: received a message without a body: %.*s", peer->client_id, (int)(end - start), start);
	hear(peer, line.at, (size_t)(end - line.at), now_us);
}

static void hear_lines(struct peer *peer, const char *payload, size_t len, int64_t now_us)
{
	const char *end = payload + len;
	for (const char *at = payload; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *line_end = newline != NULL ? newline : end;
		hear_line(peer, at, line_end, now_us);
		at = line_end + 1;
	}
}

static void on_delivered(struct mqtt_client *client, const char *payload, size_t len, int64_t now_us)
{
	struct peer *peer = (struct peer *)client;
	if (peer->options->mode == LOAD_CHAT)
		hear_lines(peer, payload, len, now_us);
	else
		hear(peer, payload, len, now_us);
}

/* ---- logging in ---- */

static void on_connected(struct mqtt_client *client, bool session_present)
{
	struct peer *peer = (struct peer *)client;
	peer->connected = true;
	peer->session_present = session_present;
	if (!peer->reads)
		return;
	if (session_present)
		peer->subscribed = true;
	else
		mqtt_subscribe(client, peer->options->mode == LOAD_CHAT ? "hc/me/inbox" : peer->topic);
}

static void on_subscribed(struct mqtt_client *client)
{
	((struct peer *)client)->subscribed = true;
}

static void on_acked(struct mqtt_client *client)
{
	((struct peer *)client)->acked++;
}

const struct mqtt_handler peer_handler = {
	.connected = on_connected,
	.subscribed = on_subscribed,
	.acked = on_acked,
	.delivered = on_delivered,
};

void peer_init(
	struct peer *peer, const struct load_options *options, const char *name, const struct user *user, enum scene scene, size_t chat_index)
{
	bool chat = options->mode == LOAD_CHAT;
	*peer = (struct peer){.options = options, .user = chat ? user : NULL, .clean_session = true, .next_number = 1};
	scene_chat_id(scene, chat_index, peer->chat_id);
	snprintf(peer->topic, sizeof peer->topic, chat ? "hc/chat/%s/text" : "bench/%s", peer->chat_id);
	snprintf(peer->client_id, sizeof peer->client_id, "%s%s%s", chat ? user->id : "", chat ? "/" : "", name);
}

void peer_open(struct peer *peer, struct mqtt_loop *loop)
{
	struct mqtt_login login = {.client_id = peer->client_id, .clean_session = peer->clean_session};
	if (peer->user != NULL) {
		login.username = "jwt";
		login.password = peer->user->token;
	}
	peer->connected = peer->subscribed = false;
	mqtt_open(&peer->mqtt, loop, &login);
}

bool peer_is_ready(const struct peer *peer)
{
	if (!peer->reads)
		return peer->connected;
	return peer->subscribed && (peer->options->mode == LOAD_BARE || peer->next_number > 1);
}

static const char *missing(const struct peer *peer)
{
	if (!peer->connected)
		return "no CONNACK";
	return peer->reads && !peer->subscribed ? "no SUBACK" : "nothing in the inbox";
}

static void await_ready(struct peer *peer, struct mqtt_loop *loop)
{
	int64_t deadline_us = clock_mono_us() + OPENING_PATIENCE_US;
	while (!peer_is_ready(peer)) {
		mqtt_loop_run(loop, deadline_us);
		if (clock_mono_us() >= deadline_us)
			die("%s: %s within 30 s", peer->client_id, missing(peer));
	}
}

void peers_open(struct peer *peers, size_t count, struct mqtt_loop *loop)
{
	for (size_t first = 0; first < count; first += OPENING_AT_ONCE) {
		size_t end = first + OPENING_AT_ONCE < count ? first + OPENING_AT_ONCE : count;
		for (size_t i = first; i < end; i++)
			peer_open(&peers[i], loop);
		for (size_t i = first; i < end; i++)
			await_ready(&peers[i], loop);
	}
}

void peers_close(struct peer *peers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mqtt_close(&peers[i].mqtt);
}

void peer_say(struct peer *peer, int64_t sent_at_us)
{
	char body[SCENE_BODY_MAX];
	scene_body_write(body, peer->options->size, sent_at_us, peer->published);
	mqtt_publish(&peer->mqtt, peer->topic, body, peer->options->size);
	peer->published++;
}
