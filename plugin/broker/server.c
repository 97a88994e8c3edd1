/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Opens and closes all that the plugin holds, and goes its round at each tick. Broker thread. */
#include "plugin/broker/server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "base/clock.h"
#include "plugin/broker/account.h"
#include "plugin/broker/activity.h"
#include "plugin/broker/answer.h"
#include "plugin/broker/blocks.h"
#include "plugin/broker/cluster.h"
#include "plugin/broker/control.h"
#include "plugin/broker/cursor.h"
#include "plugin/broker/cursor_put.h"
#include "plugin/broker/device.h"
#include "plugin/broker/device_keys.h"
#include "plugin/broker/doorman.h"
#include "plugin/broker/erasure.h"
#include "plugin/broker/events.h"
#include "plugin/broker/feed.h"
#include "plugin/broker/hostconf.h"
#include "plugin/broker/intake.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/live.h"
#include "plugin/broker/login.h"
#include "plugin/broker/metrics.h"
#include "plugin/broker/mirroring.h"
#include "plugin/broker/notices.h"
#include "plugin/broker/opening.h"
#include "plugin/broker/ports.h"
#include "plugin/broker/presence.h"
#include "plugin/broker/removal.h"
#include "plugin/broker/replay.h"
#include "plugin/broker/revocations.h"
#include "plugin/broker/revoke.h"
#include "plugin/broker/seen.h"
#include "plugin/broker/signing.h"
#include "plugin/broker/signon.h"
#include "plugin/broker/underway.h"
#include "plugin/broker/upkeep.h"
#include "plugin/broker/watching.h"
#include "plugin/transfer/tail.h"

enum {
	READER_QUEUE_MAX = 20000,
	SWEEP_MS = 1000,    /* token expiry, cursors, receipts */
	PERSONS_MS = 10000,
	FINDINGS_MAX = 16,
	SETTLE_MS = 1000,
};

void server_log(int level, const char *format, ...)
{
	char text[400];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	mosquitto_log_printf(level, "hyperchat: %s", text);
}

int64_t server_read_clock(struct server *server)
{
	int64_t now_us = clock_mono_us();
	server->now_ms = now_us / 1000;
	server->wall_ms = clock_wall_ms();
	return now_us;
}

void server_wake_in(struct server *server, int64_t ms)
{
	if (server->timer != NULL) /* at the end there is no next tick */
		timer_set(server->timer, server->now_ms + ms);
}

static void ring(void *context)
{
	struct server *server = context;
	doorbell_ring(server->doorbell);
}

static void log_doorbell(const char *line)
{
	server_log(MOSQ_LOG_INFO, "%s", line);
}

/* ---- opening ---- */

static bool check_host(struct server *server, struct error *err)
{
	struct hostconf_finding findings[FINDINGS_MAX];
	const int version[3] = {server->version.major, server->version.minor, server->version.revision};
	const struct hostconf_own own = {.prefix = server->conf.prefix,
		.by_certificate = server->conf.certificates != CONF_CERTIFICATES_REFUSE,
		.refuses_plain = server->conf.unencrypted == CONF_UNENCRYPTED_REFUSE,
		.defers = server->conf.outside == CONF_OUTSIDE_DEFER};
	size_t count = hostconf_check_self(version, &own, &server->host, findings, FINDINGS_MAX);
	for (size_t i = 0; i < count; i++)
		if (!findings[i].fatal)
			server_log(MOSQ_LOG_WARNING, "%s", findings[i].text);
	for (size_t i = 0; i < count; i++)
		if (findings[i].fatal) {
			error_set(err, -1, 0, "%s", findings[i].text);
			return false;
		}
	return true;
}

static void log_issuers(enum issuers_level level, const char *line)
{
	server_log(level == ISSUERS_WARNING ? MOSQ_LOG_WARNING : MOSQ_LOG_NOTICE, "%s", line);
}

static bool open_issuers(struct server *server, struct error *err)
{
	struct issuer_list list;
	if (!signon_list(&server->conf, &list, err))
		return false;
	char *cache_dir = signon_cache_dir(&server->conf);
	const struct issuers_conf conf = {
		.mailbox = server->mailbox, .ca_file = server->conf.oidc_ca, .cache_dir = cache_dir, .log = log_issuers};
	server->issuers = issuers_open(&conf, &list, err);
	free(cache_dir);
	return server->issuers != NULL;
}

/* The setDevice operation: the connection's and its device's largest payload. */
static void set_device(const struct rpc_request *request, uint32_t max_bytes)
{
	const struct origin *origin = request->origin;
	struct session *session = session_by_id(origin->server, origin->session_id);
	if (session == NULL)
		return;
	session->bytes_max = max_bytes;
	device_changed(origin->server, session);
	feed_bound_changed(origin->server, session);
}

/* The renewToken operation. */
static bool renew_token(const struct rpc_request *request, const char *token, int64_t *expires_ms, struct verdict *verdict)
{
	const struct origin *origin = request->origin;
	struct session *session = session_by_id(origin->server, origin->session_id);
	return session != NULL && login_renew(origin->server, session, token, expires_ms, verdict);
}

static void account_is_deleted(const struct rpc_request *request)
{
	account_deleted(((const struct origin *)request->origin)->server, request->user_id, request->at_ms);
}

/* Whom somebody blocks has changed. The chat with that one asks anew who can reach whom. */
static void blocks_changed(const struct rpc_request *request, const char *other_id, struct block_list *blocks)
{
	struct server *server = ((const struct origin *)request->origin)->server;
	struct person *person = person_find(server, request->user_id);
	char chat_id[ID_TEXT_LEN + 1];
	peer_chat_id(server->world.info.secret, STORE_SECRET_BYTES, request->user_id, other_id, chat_id);
	core_reach_changed(server->core, chat_id);
	presence_part(server, request->user_id, other_id);
	cluster_tell(server, NOTICE_REACH, request->user_id, server->wall_ms);
	blocks_changed_here(server, request->user_id);
	if (person != NULL)
		blocks_set(server, person, blocks);
	else
		store_free(blocks);
}

static void set_world(struct server *server)
{
	server->world.set_device = set_device;
	server->world.blocks_changed = blocks_changed;
	server->world.account_deleted = account_is_deleted;
	server->world.renew_token = renew_token;
	server->world.device_is_connected = removal_is_connected;
	server->world.device_leaves = removal_begins;
	server->world.device_removed = removal_happened;
	server->world.signing_keys = signing_keys_ready;
	server->world.device_token = device_keys_sign;
	server->world.watch_begins = asking_begin;
	server->world.watch = presence_watch;
	server->world.is_online = presence_is_online;
	server->world.presence_set = presence_shows;
	server->world.store = server->store;
	server->world.prefix = server->conf.prefix;
	server->world.writer = server->world.info.writer;
	server->world.body_max = (uint32_t)server->conf.body_bytes_max;
	server->world.keep_quotes = server->conf.quotes == CONF_QUOTES_KEEP;
	server->world.page_max = (uint32_t)server->conf.page_max;
	server->world.answer_bytes_max = (uint32_t)server->conf.inbox_bytes_max;
	server->world.invitation_url = server->conf.invitation_url;
}

static bool start_threads(struct server *server, struct error *err)
{
	struct doorbell_conf conf = {
		.mode = server->conf.doorbell == CONF_DOORBELL_SIGNAL ? DOORBELL_SIGNAL : DOORBELL_AUTO,
		.version = {server->version.major, server->version.minor, server->version.revision},
		.log = log_doorbell,
	};
	server->mailbox = mailbox_new(ring, server);
	server->doorbell = doorbell_new(&conf);
	if (server->doorbell != NULL)
		server->timer = timer_start(ring, server);
	if (server->timer == NULL)
		error_set(err, -1, 0, "a thread could not be started");
	return server->timer != NULL;
}

static bool start_workers(struct server *server, struct tail *tail, struct error *err)
{
	server->lanes = lanes_start(server->mailbox, server->store, store_ops(server->store)->lanes);
	if (server->lanes != NULL)
		server->readers = workers_start(server->mailbox, "hc-reader", (unsigned)server->conf.readers, READER_QUEUE_MAX);
	if (server->readers != NULL)
		server->upkeep = workers_start(server->mailbox, "hc-upkeep", 1, 4);
	bool ok = cluster_start(server, tail) && server->upkeep != NULL;
	if (!ok)
		error_set(err, -1, 0, "a thread could not be started");
	return ok;
}

static void replay_record(void *context, uint64_t seq, unsigned attempt, const void *payload, size_t len)
{
	(void)attempt;
	intake_replay(context, seq, payload, len);
}

static void replay_quarantined(void *context, uint64_t seq, const void *payload, size_t len)
{
	(void)context;
	(void)payload;
	server_log(MOSQ_LOG_ERR, "journal: record %llu (%zu bytes) brought the broker down each time it was taken up; it is in the quarantine file now",
		(unsigned long long)seq, len);
}

static bool open_journal(struct server *server, struct error *err)
{
	return journal_open(server->conf.journal, server->conf.journal_bytes, &server->journal, err) == JOURNAL_OK;
}

static void replay_journal(struct server *server)
{
	struct journal_stats stats;
	struct error err;
	const struct journal_reader reader = {.replay = replay_record, .quarantined = replay_quarantined, .context = server};
	journal_stats(server->journal, &stats);
	if (stats.records > 0)
		server_log(MOSQ_LOG_NOTICE, "journal: deciding %zu commands from before the restart", stats.records);
	if (journal_replay(server->journal, &reader, &err) != JOURNAL_OK)
		server_log(MOSQ_LOG_ERR, "journal: %s", err.text);
}

bool server_begin(struct server *server, struct opened *opened, struct error *err)
{
	struct tail *tail = opened->tail;
	server->store = opened->store;
	server->world.info = opened->info;
	opened->store = NULL;
	opened->tail = NULL;
	if (!start_workers(server, tail, err))
		return false;
	if (!mirroring_open(server, err)) /* before there is a core: without one nobody logs in */
		return false;
	const struct core_ports ports = ports_for_core(server);
	server->core = core_new(&ports);
	set_world(server);
	account_begin(server, opened->deleted);
	server->revocations = opened->revocations;
	opened->revocations = NULL;
	device_keys_begin(server, opened->device_keys);
	revoke_begin(server);
	opened->device_keys = NULL;
	if (tail == NULL)
		notices_begin(server, opened->notices);
	replay_journal(server);
	erasure_happened(server); /* what was erased before a crash may not have got out of the files */
	return true;
}

bool server_open(struct server *server, const struct conf_pair *options, size_t option_count, struct error *err)
{
	server_read_clock(server);
	server->here = here_new();
	bool ok = conf_init(&server->conf, options, option_count, err) && mirroring_check(&server->conf, err) && check_host(server, err);
	if (ok)
		ok = start_threads(server, err) && doorman_open(server, err) && open_issuers(server, err) && open_journal(server, err) &&
		     metrics_open(server, err) && opening_begin(server, err);
	if (!ok)
		server_close(server);
	return ok;
}

/* ---- closing ---- */

static void end_sessions(struct server *server)
{
	server->ending = true;
	while (server->by_client != NULL)
		session_end(server, server->by_client);
	cursor_put_start_left(server);
}

/* A change of a device may wait behind an older one, or for a store that refused it a moment ago. Both get their turn while the lanes still
 * take something; a store that is down is not waited for. */
static void settle_puts(struct server *server)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};
	for (int64_t end_ms = clock_mono_ms() + SETTLE_MS; server->puts != NULL && clock_mono_ms() < end_ms; nanosleep(&pause, NULL)) {
		server_read_clock(server);
		jobs_repeat_at_once(server);
		mailbox_run(server->mailbox);
	}
}

/* A completion may have asked for more, which is refused by now and comes back at once. */
static void empty_mailbox(struct server *server)
{
	while (server->mailbox != NULL && mailbox_run(server->mailbox) > 0)
		;
}

/* Refuse, drain, join; then nothing can come back any more. */
static void stop_threads(struct server *server)
{
	if (server->core != NULL)
		core_flush_receipts(server->core);
	settle_puts(server);
	server->closing = true;
	timer_stop(server->timer);
	server->timer = NULL;
	opening_finish(server);
	tail_finish(server->tail);
	lanes_finish(server->lanes);
	workers_finish(server->readers);
	workers_finish(server->upkeep);
	mirroring_close(server);
	issuers_finish(server->issuers);
	metrics_finish(server);
	empty_mailbox(server);
	jobs_drop(server);
	empty_mailbox(server);
	opening_stop(server);
	tail_close(server->tail);
	lanes_stop(server->lanes);
	workers_stop(server->readers);
	workers_stop(server->upkeep);
}

void server_close(struct server *server)
{
	server_read_clock(server);
	mirroring_close_pushes(server);
	if (server->readers != NULL && server->lanes != NULL) {
		end_sessions(server);
		presence_finish(server);
	}
	stop_threads(server);
	core_free(server->core);
	erasure_finish(server);
	journal_close(server->journal);
	if (server->store != NULL)
		store_ops(server->store)->close(server->store);
	mailbox_free(server->mailbox);
	doorbell_free(server->doorbell);
	issuers_free(server->issuers);
	metrics_free(server->metrics);
	doorman_close(server);
	session_free_persons(server);
	events_free_all(server);
	cursor_free_all(server);
	underway_free_all(server);
	live_free_all(server);
	presence_free_all(server);
	seen_free_all(server);
	here_free(server->here);
	account_free_all(server);
	revocations_free(server->revocations);
	device_keys_free(server);
	notices_free(server);
	origin_free_all(server);
	control_free_all(server);
	buf_fini(&server->scratch);
	conf_fini(&server->conf);
	*server = (struct server){.version = server->version};
}

/* ---- each tick ---- */

static void flush_due(struct server *server)
{
	struct session *due = server->due, *session, *next;
	server->due = NULL;
	DL_FOREACH_SAFE2(due, session, next, due_next)
	{
		if (server->handed_over >= server->conf.deliveries_per_tick)
			break;
		DL_DELETE2(due, session, due_prev, due_next);
		session->due = false;
		device_store(server, session);
		feed_flush(server, session);
	}
	if (due == NULL)
		return;
	/* The broker has enough for one round. Who had to wait comes first in the next. */
	DL_CONCAT2(due, server->due, due_prev, due_next);
	server->due = due;
	server_wake_in(server, 0);
}

static void sweep(struct server *server)
{
	if (server->now_ms - server->swept_at_ms < SWEEP_MS)
		return;
	server->swept_at_ms = server->now_ms;
	issuers_tick(server->issuers, server->now_ms);
	device_keys_tick(server);
	revoke_tick(server);
	notices_tick(server);
	session_expire(server);
	device_flush(server);
	replay_flush(server);
	cursor_flush(server);
	ports_flush_receipts(server);
	activity_flush(server);
	if (server->now_ms - server->persons_at_ms >= PERSONS_MS) {
		server->persons_at_ms = server->now_ms;
		session_sweep_persons(server);
	}
	server_wake_in(server, SWEEP_MS);
}

void server_sweep_next(struct server *server)
{
	server->swept_at_ms = server->now_ms - SWEEP_MS;
	server_wake_in(server, 1);
}

void server_tick(struct server *server)
{
	struct error err;
	server->reloading = false;
	server->leaving = NULL;
	server->round++;
	server->handed_over = 0;
	underway_tick(server);
	doorbell_tick(server->doorbell);
	mailbox_run(server->mailbox);
	metrics_tick(server);
	doorman_tick(server);
	if (server->core == NULL) {
		opening_tick(server);
		issuers_tick(server->issuers, server->now_ms); /* so that keys are there when the store is */
		return;
	}
	cursor_put_start_left(server);
	cluster_tick(server);
	jobs_repeat_due(server);
	control_tick(server);
	core_flush(server->core);
	int64_t wait_ms = core_tick(server->core, server->now_ms);
	if (wait_ms >= 0)
		server_wake_in(server, wait_ms > 0 ? wait_ms : 1);
	sweep(server);
	cursor_tick(server);
	upkeep_tick(server);
	presence_tick(server);
	seen_tick(server);
	live_flush(server);
	flush_due(server);
	if (journal_flush(server->journal, server->now_ms, &err) != JOURNAL_OK)
		server_log(MOSQ_LOG_ERR, "journal: %s", err.text);
	if (server->published)
		doorbell_ring_from_loop(server->doorbell);
	server->published = false;
}

void server_reload(struct server *server)
{
	struct error err;
	struct conf fresh;
	struct buf changes = BUF_EMPTY;
	struct issuer_list list;
	server->reloading = true;
	metrics_reload(server);
	revoke_read_again(server);
	if (!signon_list(&server->conf, &list, &err) || !issuers_replace(server->issuers, &list, &err))
		server_log(MOSQ_LOG_ERR, "the old issuers and keys stay in force: %s", err.text);
	if (!conf_reload(&server->conf, &fresh, &changes, &err)) {
		server_log(MOSQ_LOG_ERR, "the old limits stay in force: %s", err.text);
		return;
	}
	for (char *line = changes.data ? strtok(changes.data, "\n") : NULL; line != NULL; line = strtok(NULL, "\n"))
		server_log(MOSQ_LOG_NOTICE, "%s", line);
	/* Workers read these two, which SIGHUP does not change. */
	char *prefix = fresh.prefix, *invitation_url = fresh.invitation_url;
	fresh.prefix = server->conf.prefix;
	fresh.invitation_url = server->conf.invitation_url;
	server->conf.prefix = prefix;
	server->conf.invitation_url = invitation_url;
	conf_fini(&server->conf);
	server->conf = fresh;
	doorman_limits_changed(server);
	set_world(server);
	buf_fini(&changes);
}
