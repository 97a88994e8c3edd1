/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * When people were here last. Broker thread; stored by jobs. */
#include "plugin/broker/seen.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plugin/broker/server.h"

enum {
	EACH_MS = 1000,
	AT_ONCE = 256,
	AGAIN_MS = 10000, /* after the store took nothing */
	FINISH_MS = 2000, /* at the stop, which nothing else has to share the store with */
};

/* The hash keeps the order in which they went. */
struct unstored {
	char *user_id;
	int64_t at_ms;
	UT_hash_handle hh;
};

struct seen {
	struct job job;
	struct server *server;
	int64_t until_ms; /* monotonic: what is not stored by then is not stored */
	enum store_rc rc;
	size_t count;
	struct last_seen users[]; /* owned */
};

void seen_note(struct server *server, const char *user_id, int64_t at_ms)
{
	struct unstored *unstored;
	HASH_FIND_STR(server->unstored, user_id, unstored);
	if (unstored == NULL) {
		unstored = mem_zero(sizeof *unstored);
		unstored->user_id = mem_text(user_id);
		HASH_ADD_KEYPTR(hh, server->unstored, unstored->user_id, strlen(unstored->user_id), unstored);
	}
	if (unstored->at_ms < at_ms)
		unstored->at_ms = at_ms;
}

static void seen_run(struct job *job)
{
	struct seen *seen = (struct seen *)job;
	struct store *store = seen->server->store;
	struct error err; /* the log has heard of a store that takes nothing from those whose messages it does not take */
	for (size_t at = 0; seen->rc == STORE_OK && at < seen->count && clock_mono_ms() < seen->until_ms; at += AT_ONCE) {
		size_t count = seen->count - at < AT_ONCE ? seen->count - at : AT_ONCE;
		seen->rc = store_ops(store)->put_last_seen(store, seen->users + at, count, &err);
	}
}

/* What the store cannot take now, or may have taken, waits on, unless its user has gone once more since; what it calls wrong is not worth a second try. */
static void seen_done(struct job *job)
{
	struct seen *seen = (struct seen *)job;
	struct server *server = seen->server;
	bool again = (seen->rc == STORE_UNAVAILABLE || seen->rc == STORE_UNKNOWN) && !server->closing;
	server->seen_busy = false;
	if (again)
		server->seen_next_ms = server->now_ms + AGAIN_MS;
	for (size_t i = 0; i < seen->count; i++) {
		if (again)
			seen_note(server, seen->users[i].user_id, seen->users[i].at_ms);
		free((char *)seen->users[i].user_id);
	}
	free(seen);
}

static void store(struct server *server, size_t count_max, int64_t until_ms)
{
	size_t waiting = HASH_COUNT(server->unstored), count = waiting < count_max ? waiting : count_max;
	struct seen *seen = mem_zero(sizeof *seen + count * sizeof seen->users[0]);
	seen->job = (struct job){.run = seen_run, .done = seen_done};
	seen->server = server;
	seen->until_ms = until_ms;
	while (seen->count < count) {
		struct unstored *unstored = server->unstored;
		HASH_DEL(server->unstored, unstored);
		seen->users[seen->count++] = (struct last_seen){unstored->user_id, unstored->at_ms};
		free(unstored);
	}
	server->seen_busy = true;
	seen->rc = STORE_OK;
	if (lanes_put(server->lanes, "", &seen->job))
		return;
	seen->rc = STORE_UNAVAILABLE;
	seen_done(&seen->job);
}

void seen_tick(struct server *server)
{
	if (server->unstored == NULL || server->seen_busy || server->now_ms < server->seen_next_ms)
		return;
	server->seen_next_ms = server->now_ms + EACH_MS;
	store(server, AT_ONCE, INT64_MAX);
	if (server->unstored != NULL)
		server_wake_in(server, EACH_MS);
}

void seen_finish(struct server *server)
{
	store(server, SIZE_MAX, clock_mono_ms() + FINISH_MS);
}

void seen_free_all(struct server *server)
{
	struct unstored *unstored, *next;
	HASH_ITER(hh, server->unstored, unstored, next) {
		HASH_DEL(server->unstored, unstored);
		free(unstored->user_id);
		free(unstored);
	}
}
