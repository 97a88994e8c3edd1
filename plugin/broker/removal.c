/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Devices that were removed. Broker thread. */
#include "plugin/broker/removal.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/broker/answer.h"
#include "plugin/broker/cluster.h"
#include "plugin/broker/cursor.h"
#include "plugin/broker/device.h"
#include "plugin/broker/revoke.h"
#include "plugin/broker/server.h"

static struct server *server_of(const struct rpc_request *request)
{
	return ((const struct origin *)request->origin)->server;
}

static bool is_device(const struct session *session, const char *device)
{
	return session->device != NULL && strcmp(session->device, device) == 0;
}

bool removal_is_connected(const struct rpc_request *request, const char *device)
{
	const struct person *person = person_find(server_of(request), request->user_id);
	for (const struct session *session = person ? person->sessions : NULL; session != NULL; session = session->person_next)
		if (is_device(session, device) && !session->gone)
			return true;
	return false;
}

/* What the broker holds of its MQTT session stays there until it comes again; what was handed to it is not counted then. */
static void forget_parked(struct server *server, const char *user_id, const char *device)
{
	struct buf client_id = BUF_EMPTY;
	buf_add_text(&client_id, user_id);
	if (device[0] != '\0')
		buf_printf(&client_id, "/%s", device);
	cursor_forget(server, client_id.data);
	buf_fini(&client_id);
}

/* Who came by a token that was issued later is not meant: a notice may come late, and again. */
static bool is_meant(const struct session *session, const char *device, int64_t at_ms)
{
	return is_device(session, device) && session->issued_at_ms <= at_ms;
}

/* Nothing more is stored of it from now on. Whether it is connected. */
static bool mark(struct server *server, const char *user_id, const char *device, int64_t at_ms)
{
	bool connected = false;
	const struct person *person = person_find(server, user_id);
	for (struct session *session = person ? person->sessions : NULL; session != NULL; session = session->person_next)
		if (is_meant(session, device, at_ms))
			connected = session->removed = true;
	return connected;
}

void removal_begins(const struct rpc_request *request, const char *device)
{
	mark(server_of(request), request->user_id, device, request->at_ms);
}

/* ---- once more ---- */

/* What was on its way to the store when it was marked may have made it anew. */
struct again {
	struct job job;
	struct server *server;
	char *user_id, *device;
	enum store_rc rc;
};

static void again_free(struct again *again)
{
	free(again->user_id);
	free(again->device);
	free(again);
}

static void again_run(struct job *job)
{
	struct again *again = (struct again *)job;
	struct store *store = again->server->store;
	struct error err;
	again->rc = store_ops(store)->remove_device(store, again->user_id, again->device, &err);
}

static void again_done(struct job *job)
{
	struct again *again = (struct again *)job;
	bool done = again->rc == STORE_OK || again->rc == STORE_NOT_FOUND;
	if (done || !jobs_repeat(again->server, again->user_id, job))
		again_free(again);
}

static struct again *again_new(struct server *server, const char *user_id, const char *device)
{
	struct again *again = mem_zero(sizeof *again);
	again->job = (struct job){.run = again_run, .done = again_done};
	again->server = server;
	again->user_id = mem_text(user_id);
	again->device = mem_text(device);
	again->rc = STORE_UNAVAILABLE;
	return again;
}

static void remove_again(struct server *server, const char *user_id, const char *device)
{
	struct again *again = again_new(server, user_id, device);
	if (!lanes_put(server->lanes, user_id, &again->job))
		again_done(&again->job);
}

/* ---- for others that come ---- */

/* Once, never again: a repeated one might run behind what the device stores when it is back. Where it fails, the next newcomer asks for it. */
static void forgotten(struct job *job)
{
	struct again *again = (struct again *)job;
	const struct person *person = person_find(again->server, again->user_id);
	for (struct session *session = person ? person->sessions : NULL; session != NULL; session = session->person_next) {
		if (!is_device(session, again->device))
			continue;
		/* It came meanwhile, and its login may have read what is gone now. */
		if (again->rc == STORE_OK && !session->placed)
			session->device_known = false;
		device_changed(again->server, session);
	}
	again_free(again);
}

void removal_forgets(struct server *server, const char *user_id, const char *device)
{
	struct again *again = again_new(server, user_id, device);
	again->job.done = forgotten;
	if (lanes_put(server->lanes, user_id, &again->job))
		forget_parked(server, user_id, device);
	else
		again_free(again);
}

/* ---- the end ---- */

static void remove_device(struct server *server, const char *user_id, const char *device, int64_t at_ms)
{
	const struct person *person = person_find(server, user_id);
	forget_parked(server, user_id, device);
	if (!mark(server, user_id, device, at_ms))
		return;
	remove_again(server, user_id, device);
	for (struct session *session = person->sessions; session != NULL; session = session->person_next)
		if (is_meant(session, device, at_ms))
			session_cut(server, session);
}

void removal_happened(const struct rpc_request *request, const char *device, bool token_ended)
{
	struct server *server = server_of(request);
	struct buf subject = BUF_EMPTY;
	buf_printf(&subject, "%s/%s", request->user_id, device);
	if (token_ended) {
		revoke_happened(server, subject.data, request->at_ms);
		cluster_tell(server, NOTICE_REVOKED, subject.data, request->at_ms);
	}
	remove_device(server, request->user_id, device, request->at_ms);
	cluster_tell(server, NOTICE_REMOVED, subject.data, request->at_ms);
	buf_fini(&subject);
}

void removal_elsewhere(struct server *server, const char *subject, int64_t at_ms)
{
	const char *slash = strchr(subject, '/');
	if (slash == NULL)
		return;
	char *user_id = mem_copy(subject, (size_t)(slash - subject));
	remove_device(server, user_id, slash + 1, at_ms);
	free(user_id);
}
