/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Room for new devices. Broker thread; reading is a job. */
#include "plugin/broker/room.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/broker/jobs.h"
#include "plugin/broker/removal.h"
#include "plugin/broker/server.h"

enum {
	AT_ONCE = 16,                             /* forgotten for one that comes: so many as were there before there was a bound go little by little */
	MAY_BE_HERE_MS = 2 * 24 * 60 * 60 * 1000, /* whoever is connected, at whichever broker, was seen within half of that: device.c */
};

struct room {
	struct job job;
	struct server *server;
	char *user_id, *device;
	enum store_rc rc;
	struct error err;
	struct device_list *devices;
};

static void room_free(struct room *room)
{
	store_free(room->devices);
	free(room->user_id);
	free(room->device);
	free(room);
}

static void room_run(struct job *job)
{
	struct room *room = (struct room *)job;
	struct store *store = room->server->store;
	room->rc = store_ops(store)->list_devices(store, room->user_id, &room->devices, &room->err);
}

static bool is_connected(const struct person *person, const char *device)
{
	for (const struct session *session = person != NULL ? person->sessions : NULL; session != NULL; session = session->person_next)
		if (session->device != NULL && strcmp(session->device, device) == 0)
			return true;
	return false;
}

/* The longest away, behind the one that was found last. NULL: none. */
static const struct device_info *next_oldest(const struct room *room, const struct device_info *last)
{
	const struct person *person = person_find(room->server, room->user_id);
	const struct device_info *oldest = NULL;
	for (size_t i = 0; i < room->devices->count; i++) {
		const struct device_info *info = &room->devices->devices[i];
		bool behind = last == NULL || info->seen_at_ms > last->seen_at_ms || (info->seen_at_ms == last->seen_at_ms && info > last);
		bool stays = info->push_token[0] != '\0' || info->token_expires_ms > room->server->wall_ms ||
		             info->seen_at_ms > room->server->wall_ms - MAY_BE_HERE_MS ||
		             strcmp(info->device, room->device) == 0 || is_connected(person, info->device);
		if (behind && !stays && (oldest == NULL || info->seen_at_ms < oldest->seen_at_ms))
			oldest = info;
	}
	return oldest;
}

static bool is_listed(const struct room *room)
{
	for (size_t i = 0; i < room->devices->count; i++)
		if (strcmp(room->devices->devices[i].device, room->device) == 0)
			return true;
	return false;
}

static void room_done(struct job *job)
{
	struct room *room = (struct room *)job;
	if (room->rc != STORE_OK) {
		if (!jobs_read_again(room->server, job, room->rc, &room->err))
			room_free(room);
		return;
	}
	size_t count = room->devices->count + (is_listed(room) ? 0 : 1);
	const struct device_info *info = NULL;
	for (int i = 0; i < AT_ONCE && count > room->server->conf.devices_max && (info = next_oldest(room, info)) != NULL; i++, count--)
		removal_forgets(room->server, room->user_id, info->device);
	room_free(room);
}

void room_make(struct server *server, const char *user_id, const char *device)
{
	struct room *room = mem_zero(sizeof *room);
	room->job = (struct job){.run = room_run, .done = room_done};
	room->server = server;
	room->user_id = mem_text(user_id);
	room->device = mem_text(device);
	room->rc = STORE_UNAVAILABLE;
	if (!jobs_read(server, &room->job, true) && !jobs_repeat(server, NULL, &room->job))
		room_free(room);
}
