/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Cursors on their way into the store. Broker thread; stored by jobs on the lanes. */
#include "plugin/broker/cursor_put.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/broker/jobs.h"
#include "plugin/broker/server.h"

enum { LEFT_MAX = 500 }; /* cursors of those who left in one tick, or those of one session: an append waits for that long at the most */

struct cursor_put {
	struct job job;
	struct server *server;
	struct cursor *cursors;
	size_t count, size;
	bool regular;
	bool refused;
	enum store_rc rc;
	struct error err;
};

struct cursor_put *cursor_put_new(struct server *server, bool regular)
{
	struct cursor_put *put = mem_zero(sizeof *put);
	put->server = server;
	put->regular = regular;
	put->rc = STORE_UNAVAILABLE;
	server->cursors_busy += regular;
	return put;
}

void cursor_put_add(struct cursor_put *put, const char *user_id, const char *device, const char *chat_id, uint64_t number)
{
	if (put->count == put->size)
		put->cursors = mem_grow(put->cursors, (put->size = put->size * 2 + 16) * sizeof *put->cursors);
	put->cursors[put->count++] = (struct cursor){mem_text(user_id), mem_text(device), mem_text(chat_id), number};
}

size_t cursor_put_count(const struct cursor_put *put)
{
	return put->count;
}

static void put_run(struct job *job)
{
	struct cursor_put *put = (struct cursor_put *)job;
	put->rc = store_ops(put->server->store)->put_cursors(put->server->store, put->cursors, put->count, &put->err);
}

/* Until then, there are no others. */
static void is_no_more_regular(struct cursor_put *put)
{
	put->server->cursors_busy -= put->regular;
	put->regular = false;
}

static void put_free(struct cursor_put *put)
{
	for (size_t i = 0; i < put->count; i++) {
		free((char *)put->cursors[i].user_id);
		free((char *)put->cursors[i].device);
		free((char *)put->cursors[i].chat_id);
	}
	free(put->cursors);
	is_no_more_regular(put);
	free(put);
}

static void start_halves(struct cursor_put *put)
{
	struct cursor_put *half = cursor_put_new(put->server, false);
	size_t rest = put->count / 2;
	half->size = half->count = put->count - rest;
	half->cursors = mem_new(half->size * sizeof *half->cursors);
	memcpy(half->cursors, put->cursors + rest, half->count * sizeof *half->cursors);
	put->count = rest;
	cursor_put_start(half);
	cursor_put_start(put);
}

static void put_done(struct job *job)
{
	struct cursor_put *put = (struct cursor_put *)job;
	if (put->rc == STORE_UNAVAILABLE || put->rc == STORE_UNKNOWN) {
		jobs_stored(put->server, KEPT_CURSORS, &put->refused, put->rc, &put->err);
		if (!jobs_repeat(put->server, put->cursors[0].user_id, job))
			put_free(put);
		return;
	}
	jobs_stored(put->server, KEPT_CURSORS, &put->refused, STORE_OK, NULL); /* it answers */
	if (put->rc != STORE_OK && put->count > 1) {
		is_no_more_regular(put);
		start_halves(put);
		return;
	}
	if (put->rc != STORE_OK)
		jobs_gave_up(put->server, KEPT_CURSORS, &put->err);
	put_free(put);
}

void cursor_put_start(struct cursor_put *put)
{
	put->job = (struct job){.run = put_run, .done = put_done};
	put->rc = STORE_UNAVAILABLE;
	put->err = (struct error){0};
	const char *key = put->count > 0 ? put->cursors[0].user_id : NULL;
	if (key == NULL || (!lanes_put(put->server->lanes, key, &put->job) && !jobs_repeat(put->server, key, &put->job)))
		put_free(put);
}

/* ---- who leaves ---- */

static void start_left(struct cursor_put **left)
{
	struct cursor_put *put = *left;
	*left = NULL;
	if (put != NULL)
		cursor_put_start(put);
}

struct cursor_put *cursor_put_of_leaver(struct server *server, const char *user_id)
{
	struct cursor_put **left = &server->left[lanes_index(server->lanes, user_id)];
	if (*left != NULL && (*left)->count >= LEFT_MAX)
		start_left(left);
	if (*left == NULL)
		*left = cursor_put_new(server, false);
	return *left;
}

void cursor_put_start_left(struct server *server)
{
	for (int i = 0; i < LANES_MAX; i++)
		start_left(&server->left[i]);
}
