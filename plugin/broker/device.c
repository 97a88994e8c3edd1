/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What the store keeps of users and devices. Broker thread; jobs on readers and lanes.
 *
 * A device's subscriptions are kept as text, "<qos> <filter>\n" each, behind a line LISTENED if it has ever wanted its inbox: a broker that restarts with persistence resumes its sessions without
 * a SUBSCRIBE, and then this is all that tells what they listen to. */
#include "plugin/broker/device.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/broker/feed.h"
#include "plugin/broker/replay.h"
#include "plugin/broker/server.h"

#define LISTENED "*\n"
enum { SEEN_AGAIN_MS = 24 * 60 * 60 * 1000 }; /* how stale the time of the last visit may become */

/* ---- writes: repeated until the store has them; all are idempotent ---- */

struct put {
	struct job job;
	struct server *server;
	char *user_id, *device, *subscriptions; /* device NULL: the user alone */
	uint32_t max_bytes;
	int64_t at_ms;
	enum store_rc rc;
};

static void put_free(struct put *put)
{
	free(put->user_id);
	free(put->device);
	free(put->subscriptions);
	free(put);
}

static void put_run(struct job *job)
{
	struct put *put = (struct put *)job;
	struct store *store = put->server->store;
	struct error err;
	if (put->device == NULL)
		put->rc = store_ops(store)->put_user(store, put->user_id, put->at_ms, &err);
	else
		put->rc = store_ops(store)->put_device(store, put->user_id, put->device, put->at_ms, put->subscriptions, put->max_bytes, &err);
}

static void put_done(struct job *job)
{
	struct put *put = (struct put *)job;
	if (put->rc != STORE_OK && server_repeat(put->server, put->user_id, job))
		return;
	put_free(put);
}

static void put(struct server *server, struct put *put)
{
	put->job = (struct job){.run = put_run, .done = put_done};
	put->server = server;
	put->at_ms = server->wall_ms;
	if (!lanes_put(server->lanes, put->user_id, &put->job))
		put_free(put);
}

void device_put_user(struct server *server, const char *user_id)
{
	struct put *user = mem_zero(sizeof *user);
	user->user_id = mem_text(user_id);
	put(server, user);
}

void device_changed(struct server *server, struct session *session)
{
	if (session->device == NULL)
		return;
	session->device_dirty = true;
	session_due(server, session);
}

void device_store(struct server *server, struct session *session)
{
	if (!session->device_dirty || session->device_loading)
		return; /* what it had is not known yet: load_done comes back to this */
	session->device_dirty = false;
	struct buf text = BUF_EMPTY;
	buf_add(&text, "", 0);
	if (session->device_known || session->feed != NULL)
		buf_add_text(&text, LISTENED);
	for (unsigned i = 0; i < session->filter_count; i++)
		buf_printf(&text, "%d %s\n", session->filters[i].qos, session->filters[i].text);
	struct put *device = mem_zero(sizeof *device);
	device->user_id = mem_text(session->person->user_id);
	device->device = mem_text(session->device);
	device->subscriptions = text.data;
	device->max_bytes = session->bytes_max;
	put(server, device);
}

/* ---- the read at login ---- */

struct load {
	struct job job;
	struct server *server;
	uint64_t session_id;
	char *user_id, *device;
	enum store_rc rc;
	struct device_record *record;
};

static void load_run(struct job *job)
{
	struct load *load = (struct load *)job;
	struct store *store = load->server->store;
	struct error err;
	load->rc = store_ops(store)->load_device(store, load->user_id, load->device, &load->record, &err);
}

static void resume(struct server *server, struct session *session, const char *subscriptions)
{
	while (*subscriptions != '\0') {
		size_t len = strcspn(subscriptions, "\n");
		char *filter = mem_copy(subscriptions, len);
		if (len > 2)
			session_subscribe(server, session, filter + 2, filter[0] - '0');
		free(filter);
		subscriptions += len + (subscriptions[len] == '\n');
	}
}

static void loaded(struct server *server, struct session *session, const struct device_record *record)
{
	if (session->bytes_max == 0)
		session->bytes_max = record->max_bytes;
	bool kept = session_is_kept(session);
	bool listened = strncmp(record->subscriptions, LISTENED, strlen(LISTENED)) == 0;
	const char *subscriptions = record->subscriptions + (listened ? strlen(LISTENED) : 0);
	session->device_known = listened || record->cursor_count > 0;
	bool forget = !kept && subscriptions[0] != '\0';
	if (forget || server->wall_ms - record->seen_at_ms > SEEN_AGAIN_MS)
		session->device_dirty = true;
	bool dirty = session->device_dirty;
	if (kept)
		resume(server, session, subscriptions);
	session->device_dirty = dirty; /* what was resumed is stored already */
}

static void load_done(struct job *job)
{
	struct load *load = (struct load *)job;
	struct session *session = session_by_id(load->server, load->session_id);
	if (session != NULL && load->rc != STORE_OK && load->rc != STORE_NOT_FOUND && server_repeat(load->server, NULL, job))
		return;
	if (session != NULL) {
		session->device_loading = false;
		if (load->rc == STORE_OK)
			loaded(load->server, session, load->record);
		if (session->feed != NULL && !session->feed->loading)
			replay_load(load->server, session); /* it had to wait for this */
		if (session->device_dirty)
			session_due(load->server, session);
	}
	store_free(load->record);
	free(load->user_id);
	free(load->device);
	free(load);
}

void device_load(struct server *server, struct session *session)
{
	struct load *load = mem_zero(sizeof *load);
	load->job = (struct job){.run = load_run, .done = load_done};
	load->server = server;
	load->session_id = session->id;
	load->user_id = mem_text(session->person->user_id);
	load->device = mem_text(session->device);
	session->device_loading = true;
	if (!workers_add(server->readers, &load->job))
		server_repeat(server, NULL, &load->job);
}
