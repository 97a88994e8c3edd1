/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * One of very many clients. One thread. */
#include "bench/guest.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum { OPENING_MAX = 80, PATIENCE_US = 30 * 1000 * 1000 }; /* Mosquitto listens with a queue of 100 */

static void check_served(struct guest *guest, int64_t now_us)
{
	bool ready = guest->connected && (guest->filter == NULL || guest->subscribed) && guest->lines >= guest->lines_due;
	if (ready && guest->served_at_us == 0)
		guest->served_at_us = now_us;
}

static void on_connected(struct mqtt_client *client, bool session_present)
{
	struct guest *guest = (struct guest *)client;
	(void)session_present;
	guest->connected = true;
	if (guest->filter != NULL)
		mqtt_subscribe(client, guest->filter);
	check_served(guest, clock_mono_us());
}

static void on_subscribed(struct mqtt_client *client)
{
	struct guest *guest = (struct guest *)client;
	guest->subscribed = true;
	check_served(guest, clock_mono_us());
}

static void on_acked(struct mqtt_client *client)
{
	((struct guest *)client)->acks++;
}

static void hear_line(struct guest *guest, const char *line, size_t len, int64_t now_us)
{
	static const char member[] = "\"body\":\"";
	int64_t sent_at_us;
	uint64_t sequence;
	guest->lines++;
	const char *body = guest->heard != NULL ? memmem(line, len, member, sizeof member - 1) : NULL;
	if (body == NULL)
		return;
	body += sizeof member - 1;
	if (scene_body_read(body, (size_t)(line + len - body), &sent_at_us, &sequence))
		guest->heard(guest, sent_at_us, now_us);
}

static void on_delivered(struct mqtt_client *client, const char *payload, size_t len, int64_t now_us)
{
	struct guest *guest = (struct guest *)client;
	guest->packets++;
	for (const char *at = payload, *end = payload + len; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t line_len = newline != NULL ? (size_t)(newline - at) : (size_t)(end - at);
		hear_line(guest, at, line_len, now_us);
		at += line_len + 1;
	}
	check_served(guest, now_us);
}

const struct mqtt_handler guest_handler = {
	.connected = on_connected,
	.subscribed = on_subscribed,
	.acked = on_acked,
	.delivered = on_delivered,
};

void guest_init(struct guest *guest, const struct user *user, const char *device, const char *filter)
{
	*guest = (struct guest){.user = user, .filter = filter, .clean_session = true};
	snprintf(guest->client_id, sizeof guest->client_id, "%s/%s", user->id, device);
}

void guest_open(struct guest *guest, struct mqtt_loop *loop)
{
	const struct mqtt_login login = {
		.client_id = guest->client_id, .username = "jwt", .password = guest->user->token, .clean_session = guest->clean_session};
	guest->opened_at_us = clock_mono_us();
	mqtt_open(&guest->mqtt, loop, &login);
}

void guests_wait(struct mqtt_loop *loop, bool (*done)(void *context), void *context, const char *what)
{
	int64_t deadline_us = clock_mono_us() + PATIENCE_US;
	while (!done(context)) {
		mqtt_loop_run(loop, deadline_us);
		if (clock_mono_us() >= deadline_us)
			die("%s: not within 30 s", what);
	}
}

struct opening {
	struct guest *guests;
	size_t opened, connected, served; /* of each, the first so many */
};

static bool has_room(void *context)
{
	struct opening *opening = context;
	while (opening->connected < opening->opened && opening->guests[opening->connected].connected)
		opening->connected++;
	return opening->opened - opening->connected < OPENING_MAX;
}

static bool all_served(void *context)
{
	struct opening *opening = context;
	while (opening->served < opening->opened && opening->guests[opening->served].served_at_us != 0)
		opening->served++;
	return opening->served == opening->opened;
}

void guests_open(struct guest *guests, size_t count, struct mqtt_loop *loop)
{
	struct opening opening = {.guests = guests};
	while (opening.opened < count) {
		guests_wait(loop, has_room, &opening, "a CONNACK");
		guest_open(&guests[opening.opened++], loop);
	}
	for (size_t served = SIZE_MAX; !all_served(&opening) && opening.served != served;) {
		/* As long as one more is served within the patience, it goes on. */
		served = opening.served;
		int64_t deadline_us = clock_mono_us() + PATIENCE_US;
		while (!all_served(&opening) && opening.served == served && clock_mono_us() < deadline_us)
			mqtt_loop_run(loop, deadline_us);
	}
	if (opening.served < count)
		die("%s: has %llu lines of %llu, and nobody is served any more", guests[opening.served].client_id,
			(unsigned long long)guests[opening.served].lines, (unsigned long long)guests[opening.served].lines_due);
}

void guests_close(struct guest *guests, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mqtt_close(&guests[i].mqtt);
}
