/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Tokens are revoked while people are connected by them. Broker thread. */
#include "plugin/broker/revoke.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/broker/account.h"
#include "plugin/broker/revocations.h"
#include "plugin/broker/server.h"

static bool is_hit(const struct server *server, const struct session *session)
{
	const char *why, *device = session->for_device ? session->device : NULL;
	return revocations_refuse(server->revocations, session->person->user_id, device, session->issued_at_ms, &why);
}

void revoke_happened(struct server *server, const char *subject, int64_t at_ms)
{
	char user_id[USER_ID_MAX + 1];
	size_t len = strcspn(subject, "/");
	if (len > USER_ID_MAX)
		return; /* nobody is called so */
	memcpy(user_id, subject, len);
	user_id[len] = '\0';
	revocations_add(server->revocations, subject, at_ms);
	const struct person *person = person_find(server, user_id);
	for (struct session *session = person ? person->sessions : NULL; session != NULL; session = session->person_next)
		if (is_hit(server, session))
			session_cut(server, session);
}

void revoke_taken_back(struct server *server, const char *subject, int64_t at_ms)
{
	revocations_lower(server->revocations, subject, at_ms);
}

/* ---- once more from the store ---- */

enum { READ_AGAIN_MS = 60 * 60 * 1000, FAILED_MS = 1000 };

struct reading {
	struct job job;
	struct server *server;
	uint64_t changes; /* of the table, when it began */
	/* results */
	enum store_rc rc;
	struct error err;
	struct revocations *found;
	struct account_page *deleted;
};

static void reading_run(struct job *job)
{
	struct reading *reading = (struct reading *)job;
	reading->rc = revocations_load(reading->server->store, &reading->found, &reading->err);
	if (reading->rc == STORE_OK)
		reading->rc = account_read(reading->server->store, &reading->deleted, &reading->err);
}

/* What the store has takes the table's place, so that what was taken back is gone here as well. If the table has changed meanwhile, it may be the newer
 * one: nothing is taken back then, until the next time, which is soon. */
static void take_found(struct server *server, struct reading *reading)
{
	if (revocations_changes(server->revocations) == reading->changes) {
		revocations_free(server->revocations);
		server->revocations = reading->found;
		reading->found = NULL;
	} else {
		revocations_merge(server->revocations, reading->found);
		server->revocations_due_ms = server->now_ms + FAILED_MS;
	}
	for (struct session *session = server->by_client; session != NULL; session = session->hh_client.next)
		if (is_hit(server, session))
			session_cut(server, session);
}

static void reading_done(struct job *job)
{
	struct reading *reading = (struct reading *)job;
	struct server *server = reading->server;
	server->revocations_reading = false;
	server->revocations_due_ms = server->now_ms + (reading->rc == STORE_OK ? READ_AGAIN_MS : FAILED_MS);
	if (reading->rc != STORE_OK && !server->revocations_failing)
		server_log(MOSQ_LOG_WARNING, "revocations cannot be read again, trying again: %s", reading->err.text);
	if (reading->rc == STORE_OK && server->revocations_failing)
		server_log(MOSQ_LOG_NOTICE, "revocations were read again");
	server->revocations_failing = reading->rc != STORE_OK;
	if (reading->rc == STORE_OK)
		take_found(server, reading);
	account_learn(server, reading->deleted);
	account_pages_free(reading->deleted);
	revocations_free(reading->found);
	free(reading);
}

void revoke_begin(struct server *server)
{
	server->revocations_due_ms = server->now_ms + READ_AGAIN_MS;
}

void revoke_read_again(struct server *server)
{
	server->revocations_due_ms = server->now_ms;
}

void revoke_tick(struct server *server)
{
	if (server->revocations_reading || server->revocations_due_ms > server->now_ms)
		return;
	struct reading *reading = mem_zero(sizeof *reading);
	reading->job = (struct job){.run = reading_run, .done = reading_done};
	reading->server = server;
	reading->changes = revocations_changes(server->revocations);
	reading->rc = STORE_UNAVAILABLE;
	server->revocations_reading = workers_add(server->readers, &reading->job);
	if (!server->revocations_reading)
		free(reading);
}
