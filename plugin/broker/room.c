/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Room for new devices. Broker thread; reading is a job.
 *
 * Each name that a user thinks of is a device to the store, and one token lets him log in as ten a second: so what keeps those that may be connected
 * to another broker has an end, too. Those that can be woken or have a device token are bounded where they are made (plugin/rpc/devices.c). */
#include "plugin/broker/room.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/broker/jobs.h"
#include "plugin/broker/removal.h"
#include "plugin/broker/seen.h"
#include "plugin/broker/server.h"

enum {
	AT_ONCE = 16,                             /* forgotten for one that comes: so many as were there before there was a bound go little by little */
	MAY_BE_HERE_MS = 2 * 24 * 60 * 60 * 1000, /* whoever is connected, at whichever broker, was seen within half of that: device.c */
	CROWDED = 2,                              /* times devices_max: of more than that, only who is connected here is safe */
};

struct room {
	struct job job;
	struct server *server;
	char *user_id, *device;
	int64_t now_ms;
	enum store_rc rc;
	struct error err;
	struct device_list *devices;
	const struct device_info **loose; /* those that may have to go: the longest away first */
	size_t loose_count;
	bool listed; /* the one that comes */
};

static void room_free(struct room *room)
{
	store_free(room->devices);
	free(room->loose);
	free(room->user_id);
	free(room->device);
	free(room);
}

/* ---- on the reader: a list may be long ---- */

static int longest_away_first(const void *left, const void *right)
{
	const struct device_info *a = *(const struct device_info *const *)left, *b = *(const struct device_info *const *)right;
	int order = (a->seen_at_ms > b->seen_at_ms) - (a->seen_at_ms < b->seen_at_ms);
	return order != 0 ? order : strcmp(a->device, b->device);
}

static void sort(struct room *room)
{
	room->loose = mem_new(room->devices->count * sizeof *room->loose);
	for (size_t i = 0; i < room->devices->count; i++) {
		const struct device_info *info = &room->devices->devices[i];
		bool comes = strcmp(info->device, room->device) == 0;
		room->listed |= comes;
		if (!comes && info->push_token[0] == '\0' && info->token_expires_ms <= room->now_ms)
			room->loose[room->loose_count++] = info;
	}
	if (room->loose_count > 1)
		qsort(room->loose, room->loose_count, sizeof *room->loose, longest_away_first);
}

static void room_run(struct job *job)
{
	struct room *room = (struct room *)job;
	struct store *store = room->server->store;
	room->rc = store_ops(store)->list_devices(store, room->user_id, &room->devices, &room->err);
	if (room->rc == STORE_OK)
		sort(room);
}

/* ---- who goes ---- */

static bool is_connected(const struct person *person, const char *device)
{
	for (const struct session *session = person != NULL ? person->sessions : NULL; session != NULL; session = session->person_next)
		if (session->device != NULL && strcmp(session->device, device) == 0)
			return true;
	return false;
}

static bool may_be_here(const struct room *room, const struct device_info *info)
{
	return info->seen_at_ms > room->now_ms - MAY_BE_HERE_MS || seen_waits(room->server, room->user_id, info->device);
}

static void make(struct room *room)
{
	const struct person *person = person_find(room->server, room->user_id);
	size_t max = room->server->conf.devices_max, gone = 0;
	size_t count = room->devices->count + (room->listed ? 0 : 1), loose = room->loose_count + 1;
	for (size_t i = 0; i < room->loose_count && gone < AT_ONCE && count - gone > max; i++) {
		bool crowded = loose - gone > CROWDED * max;
		if ((!crowded && may_be_here(room, room->loose[i])) || is_connected(person, room->loose[i]->device))
			continue;
		removal_forgets(room->server, room->user_id, room->loose[i]->device);
		gone++;
	}
}

static void room_done(struct job *job)
{
	struct room *room = (struct room *)job;
	if (room->rc != STORE_OK && jobs_read_again(room->server, job, room->rc, &room->err))
		return;
	if (room->rc == STORE_OK)
		make(room);
	room_free(room);
}

void room_make(struct server *server, const char *user_id, const char *device)
{
	struct room *room = mem_zero(sizeof *room);
	room->job = (struct job){.run = room_run, .done = room_done};
	room->server = server;
	room->user_id = mem_text(user_id);
	room->device = mem_text(device);
	room->now_ms = server->wall_ms;
	room->rc = STORE_UNAVAILABLE;
	if (!jobs_read(server, &room->job, true) && !jobs_repeat(server, NULL, &room->job))
		room_free(room);
}
