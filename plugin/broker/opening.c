/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Opening the store. open_run is on a worker, or where the store is a file on the broker's thread while nothing else runs; all else is broker
 * thread.
 *
 * Where everybody's end is in the log (tail_open) is found out before anything is read from the store, so that whatever is loaded later misses
 * nothing. */
#include "plugin/broker/opening.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "plugin/broker/account.h"
#include "plugin/broker/notices.h"
#include "plugin/broker/revocations.h"
#include "plugin/broker/server.h"
#include "plugin/broker/signing.h"
#include "plugin/broker/witness.h"
#include "plugin/transfer/tail.h"
#include "storage/uri.h"

enum {
	PATIENCE_MS = 3000, /* of the broker's start */
	AGAIN_MIN_MS = 500,
	AGAIN_MAX_MS = 5000,
};

struct opening {
	struct job job;
	struct server *server;
	struct workers *workers; /* NULL: a file */
	char *uri;
	unsigned flags;
	bool under_way, starting; /* starting: opening_begin waits */
	int64_t again_ms, pause_ms;
	struct witness witness; /* what the store must have */
	char told[sizeof(((struct error *)NULL)->text)]; /* what the log has said last */
	/* results */
	enum store_rc rc;
	struct error err;
	struct opened opened;
};

/* ---- the name ---- */

/* By which a shared store is to know this broker. */
static char *named_uri(const struct server *server)
{
	char host[WRITER_MAX + 1] = "";
	gethostname(host, sizeof host);
	host[sizeof host - 1] = '\0';
	return uri_named(server->conf.store, server->conf.writer[0] != '\0' ? server->conf.writer : host);
}

/* ---- on a worker ---- */

static enum store_rc open_all(const struct opening *opening, struct opened *opened, struct error *err)
{
	enum store_rc rc = store_open_with(opening->uri, opening->flags, &opened->store, err);
	if (rc == STORE_OK)
		rc = store_ops(opened->store)->info(opened->store, &opened->info, err);
	if (rc == STORE_OK)
		rc = witness_check(&opening->witness, opened->store, &opened->info, err);
	if (rc == STORE_OK)
		rc = store_ops(opened->store)->shared ? tail_open(opened->store, opened->info.writer, &opened->tail, err)
											   : notices_end(opened->store, &opened->notices, err);
	if (rc == STORE_OK)
		rc = account_read(opened->store, &opened->deleted, err);
	if (rc == STORE_OK)
		rc = revocations_load(opened->store, &opened->revocations, err);
	if (rc == STORE_OK)
		rc = signing_keys_load(opened->store, &opened->device_keys, err);
	return rc;
}

static void forget_results(struct opening *opening)
{
	struct opened *opened = &opening->opened;
	account_pages_free(opened->deleted);
	revocations_free(opened->revocations);
	key_set_free(opened->device_keys);
	tail_close(opened->tail);
	if (opened->store != NULL)
		store_ops(opened->store)->close(opened->store);
	*opened = (struct opened){0};
}

static void open_run(struct job *job)
{
	struct opening *opening = (struct opening *)job;
	opening->rc = open_all(opening, &opening->opened, &opening->err);
	if (opening->rc != STORE_OK)
		forget_results(opening);
}

/* ---- on the broker's thread ---- */

static bool begin(struct opening *opening, struct error *err)
{
	bool begun = server_begin(opening->server, &opening->opened, err);
	if (begun)
		witness_compare(opening->server, &opening->witness);
	forget_results(opening);
	return begun;
}

static void warn(struct opening *opening, const char *why)
{
	if (strcmp(opening->told, why) == 0)
		return;
	snprintf(opening->told, sizeof opening->told, "%s", why);
	server_log(MOSQ_LOG_ERR, "the store is not open, so all logins are refused; trying again: %s", why);
}

static void try_later(struct opening *opening)
{
	struct server *server = opening->server;
	opening->pause_ms = opening->pause_ms * 2 > AGAIN_MAX_MS ? AGAIN_MAX_MS : opening->pause_ms < AGAIN_MIN_MS ? AGAIN_MIN_MS : opening->pause_ms * 2;
	opening->again_ms = server->now_ms + opening->pause_ms;
	server_wake_in(server, opening->pause_ms);
}

static void open_done(struct job *job)
{
	struct opening *opening = (struct opening *)job;
	struct server *server = opening->server;
	struct error err;
	opening->under_way = false;
	if (opening->starting)
		return;
	if (server->closing) {
		forget_results(opening);
		return;
	}
	if (opening->rc != STORE_OK) {
		warn(opening, opening->err.text);
		try_later(opening);
		return;
	}
	if (!begin(opening, &err)) {
		server_log(MOSQ_LOG_ERR, "%s; the broker has to be started again", err.text);
		return;
	}
	server_log(MOSQ_LOG_NOTICE, "the store is open, epoch %s", server->world.info.epoch);
}

static void start(struct opening *opening)
{
	opening->under_way = workers_add(opening->workers, &opening->job);
}

void opening_tick(struct server *server)
{
	struct opening *opening = server->opening;
	if (opening->under_way || server->store != NULL)
		return;
	if (opening->again_ms <= server->now_ms)
		start(opening);
	else
		server_wake_in(server, opening->again_ms - server->now_ms);
}

/* A file: now or never. */
static bool open_file(struct opening *opening, struct error *err)
{
	open_run(&opening->job);
	if (opening->rc == STORE_OK)
		return begin(opening, err);
	*err = opening->err;
	return false;
}

static void wait_a_while(struct opening *opening)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};
	opening->starting = true;
	for (int64_t end_ms = clock_mono_ms() + PATIENCE_MS; opening->under_way && clock_mono_ms() < end_ms; nanosleep(&pause, NULL))
		mailbox_run(opening->server->mailbox);
	opening->starting = false;
}

static bool open_shared(struct opening *opening, struct error *err)
{
	opening->workers = workers_start(opening->server->mailbox, "hc-open", 1, 1);
	if (opening->workers == NULL) {
		error_set(err, -1, 0, "a thread could not be started");
		return false;
	}
	start(opening);
	wait_a_while(opening);
	if (!opening->under_way && opening->rc == STORE_OK)
		return begin(opening, err);
	if (!opening->under_way && opening->rc != STORE_UNAVAILABLE) {
		*err = opening->err;
		return false;
	}
	warn(opening, opening->under_way ? "it has not answered yet" : opening->err.text);
	try_later(opening);
	return true;
}

bool opening_begin(struct server *server, struct error *err)
{
	struct opening *opening = mem_zero(sizeof *opening);
	bool shared = store_is_shared(server->conf.store);
	server->opening = opening;
	opening->job = (struct job){.run = open_run, .done = open_done};
	opening->server = server;
	opening->flags = server->conf.migrate == CONF_MIGRATE_MANUAL ? STORE_NO_MIGRATION : 0;
	witness_load(server->journal, &opening->witness);
	opening->uri = shared ? named_uri(server) : mem_text(server->conf.store);
	return shared ? open_shared(opening, err) : open_file(opening, err);
}

void opening_log_places(const struct server *server)
{
	struct buf store = BUF_EMPTY;
	uri_add_shown(&store, server->conf.store);
	server_log(MOSQ_LOG_INFO, "the store is %s, the journal %s", store.data, server->conf.journal);
	buf_fini(&store);
}

void opening_finish(struct server *server)
{
	if (server->opening != NULL)
		workers_finish(server->opening->workers);
}

void opening_stop(struct server *server)
{
	struct opening *opening = server->opening;
	if (opening == NULL)
		return;
	workers_stop(opening->workers);
	forget_results(opening);
	free(opening->uri);
	free(opening);
	server->opening = NULL;
}
