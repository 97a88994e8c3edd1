/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Who shares no chat any more. Broker thread; look_run on a reader. */
#include "plugin/broker/parting.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "plugin/broker/jobs.h"
#include "plugin/broker/presence.h"
#include "plugin/broker/server.h"
#include "plugin/rpc/shared.h"

enum { AT_ONCE = 16 }; /* people whom one job looks at: other readings get their turn in between */

struct other {
	char *user_id;
	enum store_rc rc;
	bool shares;
	struct other *next; /* in the job */
	UT_hash_handle hh;  /* while he waits for one */
};

/* Somebody who left a chat. */
struct parting {
	struct job job;
	struct server *server;
	char *user_id;
	struct other *waiting; /* hashed by user ID, in their order */
	struct other *asked;   /* the job's; NULL: there is none */
	enum store_rc rc;
	struct error err;
	UT_hash_handle hh;
};

static struct parting *parting_find(struct server *server, const char *user_id)
{
	struct parting *parting;
	HASH_FIND_STR(server->partings, user_id, parting);
	return parting;
}

static void other_free(struct other *other)
{
	free(other->user_id);
	free(other);
}

static void parting_free(struct parting *parting)
{
	struct other *other, *next;
	HASH_DEL(parting->server->partings, parting);
	HASH_ITER(hh, parting->waiting, other, next) {
		HASH_DEL(parting->waiting, other);
		other_free(other);
	}
	LL_FOREACH_SAFE(parting->asked, other, next)
		other_free(other);
	free(parting->user_id);
	free(parting);
}

/* Who has no account any more shares nothing. Where the store does not answer, it is not asked about the others. */
static void look_run(struct job *job)
{
	struct parting *parting = (struct parting *)job;
	struct store *store = parting->server->store;
	struct shared shared = {0};
	struct error err;
	struct other *other;
	enum store_rc rc = shared_open(store, parting->user_id, &shared, &err);
	parting->rc = STORE_OK;
	LL_FOREACH(parting->asked, other) {
		other->shares = false;
		other->rc = rc == STORE_OK ? shared_with(store, &shared, other->user_id, &other->shares, &err) : rc;
		if (other->rc == STORE_NOT_FOUND)
			other->rc = STORE_OK;
		if (other->rc == STORE_UNAVAILABLE)
			rc = STORE_UNAVAILABLE;
		if (other->rc != STORE_OK) {
			parting->rc = other->rc;
			parting->err = err;
		}
	}
	shared_close(&shared);
}

static void add(struct parting *parting, struct other *other)
{
	struct other *same;
	HASH_FIND_STR(parting->waiting, other->user_id, same);
	if (same != NULL)
		other_free(other);
	else
		HASH_ADD_KEYPTR(hh, parting->waiting, other->user_id, strlen(other->user_id), other);
}

/* Those of whom it is not known wait behind the others. */
static void take_answers(struct parting *parting)
{
	struct other *other, *next;
	LL_FOREACH_SAFE(parting->asked, other, next) {
		if (other->rc != STORE_OK) {
			add(parting, other);
			continue;
		}
		if (!other->shares)
			presence_part(parting->server, parting->user_id, other->user_id);
		other_free(other);
	}
	parting->asked = NULL;
}

static void ask_first(struct parting *parting)
{
	for (size_t i = 0; i < AT_ONCE && parting->waiting != NULL; i++) {
		struct other *other = parting->waiting;
		HASH_DEL(parting->waiting, other);
		other->rc = STORE_UNAVAILABLE;
		LL_APPEND(parting->asked, other);
	}
}

static void look_done(struct job *job)
{
	struct parting *parting = (struct parting *)job;
	struct server *server = parting->server;
	enum store_rc rc = parting->rc;
	take_answers(parting);
	ask_first(parting);
	parting->rc = STORE_UNAVAILABLE;
	bool goes_on = parting->asked != NULL;
	if (goes_on && rc != STORE_OK)
		goes_on = jobs_read_again(server, job, rc, &parting->err);
	else if (goes_on)
		goes_on = workers_add(server->readers, job) || jobs_repeat(server, NULL, job);
	if (!goes_on)
		parting_free(parting);
}

static struct parting *parting_new(struct server *server, const char *user_id)
{
	struct parting *parting = mem_zero(sizeof *parting);
	parting->job = (struct job){.run = look_run, .done = look_done};
	parting->server = server;
	parting->user_id = mem_text(user_id);
	parting->rc = STORE_UNAVAILABLE;
	HASH_ADD_KEYPTR(hh, server->partings, parting->user_id, strlen(parting->user_id), parting);
	return parting;
}

void parting_add(struct server *server, const char *user_id, const char *other_id)
{
	struct parting *parting = parting_find(server, user_id);
	if (parting == NULL)
		parting = parting_new(server, user_id);
	struct other *other;
	HASH_FIND_STR(parting->waiting, other_id, other);
	if (other != NULL)
		return;
	other = mem_zero(sizeof *other);
	other->user_id = mem_text(other_id);
	add(parting, other);
}

void parting_start(struct server *server, const char *user_id)
{
	struct parting *parting = parting_find(server, user_id);
	if (parting == NULL || parting->asked != NULL)
		return;
	ask_first(parting);
	if (!workers_add(server->readers, &parting->job) && !jobs_repeat(server, NULL, &parting->job))
		parting_free(parting);
}
