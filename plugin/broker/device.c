/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What the store keeps of users and devices. Broker thread; jobs on readers and lanes.
 *
 * A device's subscriptions are kept as text, "<qos> <filter>\n" each, behind a line LISTENED if it has ever wanted its inbox: a broker that
 * restarts with persistence resumes its sessions without a SUBSCRIBE, and then this is all that tells what they listen to. */
#include "plugin/broker/device.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "plugin/broker/feed.h"
#include "plugin/broker/replay.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/room.h"
#include "plugin/broker/seen.h"
#include "plugin/broker/server.h"

#define LISTENED "*\n"
enum {
	SEEN_AGAIN_MS = 24 * 60 * 60 * 1000, /* how stale the time of the last visit may become: half of what room.c goes by */
	SEEN_LEAVING_MS = 10 * 60 * 1000,    /* and how stale it may stay when the device goes */
	SEEN_AT_ONCE = 20,                   /* stored anew in a second: those that came together do not all write together a day later */
	STORES_BURST = 5,                    /* changes of a connection that are stored at once; beyond that one a second */
};

/* ---- writes: repeated until the store has them ---- */

struct settings {
	char *subscriptions;
	uint32_t max_bytes;
	int64_t at_ms;
	bool partial; /* what the device had is not known: what this does not say stays */
};

/* Of one user or device. One is under way at a time, and what comes meanwhile replaces what waits: so an older one is never written over a
 * newer one, and a store that is down gathers no heap of them. */
struct put {
	struct job job;
	struct server *server;
	char *name;             /* of the hash: the user ID, or user ID, newline, device */
	char *user_id, *device; /* device NULL: the user alone */
	struct settings now;    /* the job's */
	struct settings next;
	bool again; /* next is to be written */
	bool refused;
	bool hopeless;      /* the store answers, and does not take it */
	struct load *loads; /* of connections that came meanwhile: they are to read what is written */
	enum store_rc rc;
	struct error err;
	UT_hash_handle hh;
};

struct load {
	struct job job;
	struct server *server;
	uint64_t session_id;
	char *user_id, *device;
	enum store_rc rc;
	struct error err;
	struct device_record *record;
	struct load *next; /* in a put's list */
};

static void load_free(struct load *load)
{
	store_free(load->record);
	free(load->user_id);
	free(load->device);
	free(load);
}

static void load_start(struct load *load)
{
	if (!jobs_read(load->server, &load->job, false) && !jobs_repeat(load->server, NULL, &load->job))
		load_free(load);
}

static void put_free(struct put *put)
{
	HASH_DEL(put->server->puts, put);
	struct load *load, *next;
	LL_FOREACH_SAFE(put->loads, load, next)
		load_free(load);
	free(put->name);
	free(put->user_id);
	free(put->device);
	free(put->now.subscriptions);
	free(put->next.subscriptions);
	free(put);
}

static bool has_listened(const char *subscriptions)
{
	return strncmp(subscriptions, LISTENED, strlen(LISTENED)) == 0;
}

/* Adds what is stored of the device. */
static enum store_rc complete(struct put *put, struct store *store, struct error *err)
{
	struct device_record *record;
	enum store_rc rc = store_ops(store)->load_device(store, put->user_id, put->device, &record, err);
	if (rc != STORE_OK)
		return rc == STORE_NOT_FOUND ? STORE_OK : rc;
	if (put->now.max_bytes == 0)
		put->now.max_bytes = record->max_bytes;
	if (has_listened(record->subscriptions) && !has_listened(put->now.subscriptions)) {
		struct buf text = BUF_EMPTY;
		buf_printf(&text, "%s%s", LISTENED, put->now.subscriptions);
		free(put->now.subscriptions);
		put->now.subscriptions = text.data;
	}
	store_free(record);
	return STORE_OK;
}

static void put_run(struct job *job)
{
	struct put *put = (struct put *)job;
	struct store *store = put->server->store;
	put->rc = put->now.partial ? complete(put, store, &put->err) : STORE_OK;
	if (put->rc != STORE_OK)
		return;
	if (put->device == NULL)
		put->rc = store_ops(store)->put_user(store, put->user_id, put->now.at_ms, &put->err);
	else
		put->rc = store_ops(store)->put_device(
			store, put->user_id, put->device, put->now.at_ms, put->now.subscriptions, put->now.max_bytes, &put->err);
}

static void start_loads(struct put *put)
{
	struct load *load, *next;
	LL_FOREACH_SAFE(put->loads, load, next)
		load_start(load);
	put->loads = NULL;
}

static void put_done(struct job *job)
{
	struct put *put = (struct put *)job;
	bool stored = put->rc == STORE_OK;
	jobs_stored(put->server, KEPT_DEVICES, &put->refused, put->rc, &put->err);
	put->hopeless = !stored && put->rc != STORE_UNAVAILABLE;
	if (put->hopeless || (stored && !put->again))
		start_loads(put);
	if (stored && !put->again) {
		put_free(put);
		return;
	}
	if (put->again) {
		free(put->now.subscriptions);
		put->now = put->next;
		put->next = (struct settings){0};
		put->again = false;
	}
	if (!(stored && lanes_put(put->server->lanes, put->user_id, job)) && !jobs_repeat(put->server, put->user_id, job))
		put_free(put);
}

static void add_name(struct buf *name, const char *user_id, const char *device)
{
	buf_add_text(name, user_id);
	if (device != NULL)
		buf_printf(name, "\n%s", device);
}

static struct put *put_new(struct server *server, const char *user_id, const char *device)
{
	struct put *put = mem_zero(sizeof *put);
	struct buf name = BUF_EMPTY;
	add_name(&name, user_id, device);
	put->job = (struct job){.run = put_run, .done = put_done};
	put->server = server;
	put->name = name.data;
	put->user_id = mem_text(user_id);
	put->device = device ? mem_text(device) : NULL;
	put->rc = STORE_UNAVAILABLE;
	HASH_ADD_KEYPTR(hh, server->puts, put->name, strlen(put->name), put);
	return put;
}

static struct put *find_put(struct server *server, const char *user_id, const char *device)
{
	struct buf name = BUF_EMPTY;
	add_name(&name, user_id, device);
	struct put *put;
	HASH_FIND_STR(server->puts, name.data, put);
	buf_fini(&name);
	return put;
}

/* Takes settings->subscriptions over. */
static void put(struct server *server, const char *user_id, const char *device, const struct settings *settings)
{
	struct put *put = find_put(server, user_id, device);
	if (put != NULL) {
		free(put->next.subscriptions);
		put->next = *settings;
		put->again = true;
	} else {
		put = put_new(server, user_id, device);
		put->now = *settings;
		if (!lanes_put(server->lanes, user_id, &put->job) && !jobs_repeat(server, user_id, &put->job))
			put_free(put);
	}
}

void device_put_user(struct server *server, const char *user_id)
{
	put(server, user_id, NULL, &(struct settings){.at_ms = server->wall_ms});
}

bool device_puts_user(struct server *server, const char *user_id)
{
	return find_put(server, user_id, NULL) != NULL;
}

void device_changed(struct server *server, struct session *session)
{
	if (session->device == NULL || session->removed)
		return;
	session->device_dirty = true;
	session_due(server, session);
}

static void store(struct server *server, struct session *session)
{
	session->device_dirty = false;
	session->seen_at_ms = server->wall_ms;
	struct buf text = BUF_EMPTY;
	buf_add(&text, "", 0);
	if (session->device_known || session->feed != NULL)
		buf_add_text(&text, LISTENED);
	for (unsigned i = 0; i < session->filter_count; i++)
		buf_printf(&text, "%d %s\n", session->filters[i].qos, session->filters[i].text);
	put(server, session->person->user_id, session->device,
		&(struct settings){.subscriptions = text.data,
			.max_bytes = session->bytes_max,
			.at_ms = server->wall_ms,
			.partial = session->device_loading});
}

void device_store(struct server *server, struct session *session)
{
	if (!session->device_dirty || session->device_loading || session->removed)
		return; /* what it had is not known yet: load_done comes back to this */
	if (rate_take(&session->stores, 1, STORES_BURST, 1, server->now_ms) == 0)
		store(server, session);
}

/* Whether what the store says of its last visit is older than that. */
static bool seen_is_stale(const struct server *server, const struct session *session, int64_t age_ms)
{
	return session->seen_at_ms != 0 && !session->device_loading && !session->removed && server->wall_ms - session->seen_at_ms > age_ms;
}

/* Not by a write of its own: thousands that are cut off at once would stand in front of all messages. */
static void is_seen(struct server *server, struct session *session)
{
	session->seen_at_ms = server->wall_ms;
	seen_note_device(server, session->person->user_id, session->device, server->wall_ms);
}

void device_leave(struct server *server, struct session *session)
{
	/* Of a session that goes on, what it had subscribed before would be lost; it is stored already. */
	bool known = !session->device_loading || (session->kept_known && !session->kept);
	/* Who is back on another connection is seen there. */
	bool left = session_by_name(server, session->client_id) == session;
	if (session->device_dirty && known && !session->removed)
		store(server, session);
	else if (left && seen_is_stale(server, session, SEEN_LEAVING_MS))
		is_seen(server, session);
}

void device_flush(struct server *server)
{
	int again = 0;
	for (struct session *session = server->by_client; session != NULL; session = session->hh_client.next) {
		if (!session->device_dirty && again < SEEN_AT_ONCE && seen_is_stale(server, session, SEEN_AGAIN_MS)) {
			device_changed(server, session); /* the whole of it: another broker may have removed it to make room */
			again++;
		} else if (session->device_dirty) {
			session_due(server, session);
		}
	}
}

/* ---- the read at login ---- */

static void load_run(struct job *job)
{
	struct load *load = (struct load *)job;
	struct store *store = load->server->store;
	load->rc = store_ops(store)->load_device(store, load->user_id, load->device, &load->record, &load->err);
}

static void resume(struct server *server, struct session *session, const char *subscriptions)
{
	while (*subscriptions != '\0') {
		size_t len = strcspn(subscriptions, "\n");
		char *filter = mem_copy(subscriptions, len);
		if (len > 2 && !session_has_decided(session, filter + 2))
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
	bool listened = has_listened(record->subscriptions);
	const char *subscriptions = record->subscriptions + (listened ? strlen(LISTENED) : 0);
	session->device_known = listened || record->cursor_count > 0;
	session->seen_at_ms = record->seen_at_ms;
	bool forget = !kept && subscriptions[0] != '\0';
	if (forget || seen_is_stale(server, session, SEEN_AGAIN_MS))
		session->device_dirty = true;
	bool dirty = session->device_dirty;
	if (kept)
		resume(server, session, subscriptions);
	session->device_dirty = dirty; /* what was resumed is stored already */
}

/* What an earlier connection of the device has changed may be on its way to the store; this waits until it is there. */
static bool load_waits(struct load *load)
{
	struct put *put = find_put(load->server, load->user_id, load->device);
	if (put == NULL || put->hopeless)
		return false;
	LL_APPEND(put->loads, load);
	return true;
}

/* From now on, also if it never subscribes anything. */
static void becomes_known(struct server *server, struct session *session)
{
	session->device_dirty = true;
	room_make(server, session->person->user_id, session->device);
}

static void load_done(struct job *job)
{
	struct load *load = (struct load *)job;
	struct session *session = session_by_id(load->server, load->session_id);
	if (session != NULL && load_waits(load)) {
		store_free(load->record); /* from before */
		load->record = NULL;
		return;
	}
	if (session != NULL && load->rc != STORE_OK && load->rc != STORE_NOT_FOUND && jobs_read_again(load->server, job, load->rc, &load->err))
		return;
	if (session != NULL) {
		session->device_loading = false;
		if (load->rc == STORE_OK)
			loaded(load->server, session, load->record);
		else if (load->rc == STORE_NOT_FOUND)
			becomes_known(load->server, session);
		if (session->feed != NULL && !session->feed->loading)
			replay_load(load->server, session); /* it had to wait for this */
		session_forget_decided(session);
		if (session->device_dirty)
			session_due(load->server, session);
	}
	load_free(load);
}

void device_load(struct server *server, struct session *session)
{
	struct load *load = mem_zero(sizeof *load);
	load->job = (struct job){.run = load_run, .done = load_done};
	load->server = server;
	load->session_id = session->id;
	load->user_id = mem_text(session->person->user_id);
	load->device = mem_text(session->device);
	load->rc = STORE_UNAVAILABLE;
	session->device_loading = true;
	if (!load_waits(load))
		load_start(load);
}
