/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * When people and devices were here last. Broker thread; stored by jobs. */
#include "plugin/broker/seen.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/server.h"

enum {
	EACH_MS = 1000,
	AT_ONCE = 256,
	AGAIN_MS = 10000, /* after the store took nothing */
	FINISH_AT_ONCE = 1024, /* at the stop, which nothing else has to share the store with */
	FINISH_MS = 2000,
};

/* The hash keeps the order in which they went. */
struct unstored {
	char *name;             /* of the hash: the user ID, or user ID, newline, device */
	char *user_id, *device; /* device NULL: the person */
	int64_t at_ms;
	int64_t storing_ms; /* what a job that is under way stores, 0: none has it */
	UT_hash_handle hh;
};

struct seen {
	struct job job;
	struct server *server;
	int64_t until_ms; /* monotonic: what is not being stored by then is not stored */
	size_t at_once;   /* in one call */
	bool again;       /* the store cannot take them now, or may have taken them */
	bool gave_up;     /* on one that the store calls wrong, for err */
	struct error err;
	struct unstored **taken; /* which stay in the hash until they are stored */
	struct last_seen *users;
	struct device_seen *devices;
	size_t count, user_count, device_count;
};

static void name_of(struct buf *name, const char *user_id, const char *device)
{
	buf_add_text(name, user_id);
	if (device != NULL)
		buf_printf(name, "\n%s", device);
}

static struct unstored *find(struct server *server, const char *user_id, const char *device)
{
	struct buf name = BUF_EMPTY;
	name_of(&name, user_id, device);
	struct unstored *unstored;
	HASH_FIND_STR(server->unstored, name.data, unstored);
	buf_fini(&name);
	return unstored;
}

static struct unstored *add(struct server *server, const char *user_id, const char *device)
{
	struct buf name = BUF_EMPTY;
	name_of(&name, user_id, device);
	struct unstored *unstored = mem_zero(sizeof *unstored);
	unstored->name = name.data;
	unstored->user_id = mem_text(user_id);
	unstored->device = mem_text(device);
	HASH_ADD_KEYPTR(hh, server->unstored, unstored->name, strlen(unstored->name), unstored);
	return unstored;
}

static void unstored_free(struct server *server, struct unstored *unstored)
{
	HASH_DEL(server->unstored, unstored);
	free(unstored->name);
	free(unstored->user_id);
	free(unstored->device);
	free(unstored);
}

static void note(struct server *server, const char *user_id, const char *device, int64_t at_ms)
{
	struct unstored *unstored = find(server, user_id, device);
	if (unstored == NULL)
		unstored = add(server, user_id, device);
	if (unstored->at_ms < at_ms)
		unstored->at_ms = at_ms;
}

void seen_note(struct server *server, const char *user_id, int64_t at_ms)
{
	note(server, user_id, NULL, at_ms);
}

void seen_note_device(struct server *server, const char *user_id, const char *device, int64_t at_ms)
{
	note(server, user_id, device, at_ms);
}

bool seen_waits(struct server *server, const char *user_id, const char *device)
{
	return find(server, user_id, device) != NULL;
}

/* ---- the job ---- */

static size_t piece(const struct seen *seen, size_t count, size_t at)
{
	return count - at < seen->at_once ? count - at : seen->at_once;
}

static enum store_rc put_people(struct seen *seen, size_t at, size_t count, struct error *err)
{
	struct store *store = seen->server->store;
	return store_ops(store)->put_last_seen(store, seen->users + at, count, err);
}

static enum store_rc put_devices(struct seen *seen, size_t at, size_t count, struct error *err)
{
	struct store *store = seen->server->store;
	return store_ops(store)->put_devices_seen(store, seen->devices + at, count, err);
}

typedef enum store_rc put_some(struct seen *seen, size_t at, size_t count, struct error *err);

/* Where the store finds one of them damaged, the others are stored without it: halves, and halves of those, until it is alone. In one job, since at the
 * stop there is no other. false: the store is to be asked again. */
static bool put_piece(struct seen *seen, put_some *put, size_t at, size_t count)
{
	struct error err = {0}; /* the log has heard of a store that takes nothing from those whose messages it does not take */
	enum store_rc rc = put(seen, at, count, &err);
	if (rc == STORE_OK)
		return true;
	if (rc == STORE_UNAVAILABLE || rc == STORE_UNKNOWN)
		return false;
	if (count > 1)
		return put_piece(seen, put, at, count / 2) && put_piece(seen, put, at + count / 2, count - count / 2);
	seen->gave_up = true;
	seen->err = err;
	return true;
}

/* The first call is made in any case. */
static bool put_all(struct seen *seen, put_some *put, size_t count)
{
	for (size_t at = 0; at < count && (at == 0 || clock_mono_ms() < seen->until_ms); at += seen->at_once)
		if (!put_piece(seen, put, at, piece(seen, count, at)))
			return false;
	return true;
}

static void seen_run(struct job *job)
{
	struct seen *seen = (struct seen *)job;
	seen->again = !put_all(seen, put_people, seen->user_count) || !put_all(seen, put_devices, seen->device_count);
}

/* Behind the others, so that whatever cannot be stored keeps nobody from it. */
static void waits_on(struct server *server, struct unstored *unstored)
{
	unstored->storing_ms = 0;
	HASH_DEL(server->unstored, unstored);
	HASH_ADD_KEYPTR(hh, server->unstored, unstored->name, strlen(unstored->name), unstored);
}

/* What is to be tried again waits on, and who has gone once more since. */
static void seen_done(struct job *job)
{
	struct seen *seen = (struct seen *)job;
	struct server *server = seen->server;
	server->seen_busy = false;
	if (seen->again)
		server->seen_next_ms = server->now_ms + AGAIN_MS;
	if (seen->gave_up)
		jobs_gave_up(server, KEPT_DEVICES, &seen->err);
	for (size_t i = 0; i < seen->count; i++) {
		struct unstored *unstored = seen->taken[i];
		if (!seen->again && unstored->at_ms == unstored->storing_ms)
			unstored_free(server, unstored);
		else
			waits_on(server, unstored);
	}
	free(seen->taken);
	free(seen->users);
	free(seen->devices);
	free(seen);
}

static void take(struct seen *seen, struct unstored *unstored)
{
	seen->taken[seen->count++] = unstored;
	unstored->storing_ms = unstored->at_ms;
	if (unstored->device == NULL)
		seen->users[seen->user_count++] = (struct last_seen){unstored->user_id, unstored->at_ms};
	else
		seen->devices[seen->device_count++] = (struct device_seen){unstored->user_id, unstored->device, unstored->at_ms};
}

static void store(struct server *server, size_t count_max, size_t at_once, int64_t until_ms)
{
	size_t waiting = HASH_COUNT(server->unstored), count = waiting < count_max ? waiting : count_max;
	struct seen *seen = mem_zero(sizeof *seen);
	seen->job = (struct job){.run = seen_run, .done = seen_done};
	seen->server = server;
	seen->until_ms = until_ms;
	seen->at_once = at_once;
	seen->taken = mem_new(count * sizeof *seen->taken);
	seen->users = mem_new(count * sizeof *seen->users);
	seen->devices = mem_new(count * sizeof *seen->devices);
	for (struct unstored *unstored = server->unstored; unstored != NULL && seen->count < count; unstored = unstored->hh.next)
		if (unstored->storing_ms == 0)
			take(seen, unstored);
	server->seen_busy = true;
	if (lanes_put(server->lanes, "", &seen->job))
		return;
	seen->again = true;
	seen_done(&seen->job);
}

void seen_tick(struct server *server)
{
	if (server->unstored == NULL || server->seen_busy || server->now_ms < server->seen_next_ms)
		return;
	server->seen_next_ms = server->now_ms + EACH_MS;
	store(server, AT_ONCE, AT_ONCE, INT64_MAX);
	if (server->unstored != NULL)
		server_wake_in(server, EACH_MS);
}

void seen_finish(struct server *server)
{
	store(server, SIZE_MAX, FINISH_AT_ONCE, clock_mono_ms() + FINISH_MS);
}

void seen_free_all(struct server *server)
{
	while (server->unstored != NULL)
		unstored_free(server, server->unstored);
}
