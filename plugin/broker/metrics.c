/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Collecting the metrics, and their two ways out. Broker thread, but for file_run. */
#include "plugin/broker/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "plugin/broker/account.h"
#include "plugin/broker/activity.h"
#include "plugin/broker/hostconf.h"
#include "plugin/broker/metrics_table.h"
#include "plugin/broker/publish.h"
#include "plugin/broker/server.h"

enum {
	FILE_INTERVAL_S = 10,
	STUCK_MS = 5000,
};
_Static_assert(KEPT_KINDS == (int)KEPT_COUNT, "the table names them");

struct metrics {
	struct workers *workers; /* NULL: no file */
	int interval_s;          /* of the topics; 0: none */
	int64_t next_ms, collected_ms;
	bool collected, writing, file_warned;
	double started_s;
	struct sample now, before;
	char told[METRICS_TOPICS_MAX][METRIC_TEXT_MAX]; /* what was published last; "" nothing */
	char host_version[32];
};

/* ---- collecting ---- */

/* While Kafka is away and there is room for what is on its way, the mirror itself has nothing to complain of. */
static bool nothing_moves(const struct mirror_stats *stats, int64_t delay_ms, uint64_t delivered_before)
{
	return stats->lag > 0 && stats->lag_ms >= STUCK_MS + delay_ms && stats->delivered == delivered_before;
}

/* delay_ms: for so long it leaves each alone. */
static void read_mirror(struct readings *readings, const struct readings *before, enum mirror_kind kind, struct mirror *mirror, int64_t delay_ms)
{
	struct mirror_stats stats;
	if (mirror == NULL)
		return;
	mirror_stats(mirror, &stats);
	readings->mirror_lag[kind] = (double)stats.lag;
	readings->mirror_lag_s[kind] = (double)stats.lag_ms / 1e3;
	readings->mirror_in_flight[kind] = (double)stats.in_flight;
	readings->mirror_stuck[kind] = stats.stuck || nothing_moves(&stats, delay_ms, before->mirror_delivered[kind]);
	readings->mirror_lease[kind] = stats.holds_lease;
	readings->mirror_delivered[kind] = stats.delivered;
	readings->mirror_cut[kind] = stats.cut;
	readings->mirror_refused[kind] = stats.refused_also;
	readings->mirror_restarts[kind] = stats.restarts;
}

static void read_journal(struct readings *readings, const struct journal *journal)
{
	struct journal_stats stats;
	journal_stats(journal, &stats);
	readings->journal_size = (double)stats.size;
	readings->journal_used = (double)stats.used;
	readings->journal_records = (double)stats.records;
	readings->journal_oldest_s = (double)stats.oldest_ms / 1e3;
	readings->journal_corrupt = stats.corrupt;
	readings->journal_quarantined = stats.quarantined;
}

static void read_store(struct readings *readings, const struct server *server)
{
	const struct lane_stats *stats = lanes_stats(server->lanes);
	readings->append = stats->took;
	memcpy(readings->append_failures, stats->failed, sizeof readings->append_failures);
	memcpy(readings->appends, stats->results, sizeof readings->appends);
	readings->transactions = stats->transactions;
	readings->store_failing = server->store_warned;
	for (unsigned i = 0; i < KEPT_COUNT; i++)
		readings->kept_failing[i] = server->refused[i];
	readings->lane_queue = (double)lanes_load(server->lanes);
	readings->reader_queue = (double)workers_load(server->readers);
	readings->commands_waiting = (double)core_command_count(server->core);
	readings->chats = (double)core_chat_count(server->core);
	readings->erasures = server->erasure.wanted || server->erasure.scrubbing;
	readings->closing_accounts = (double)account_closing_count(server);
	if (server->tail != NULL)
		readings->cluster_failing = server->cluster_failing;
}

static void read_issuers(struct readings *readings, const struct server *server)
{
	struct issuers_stats stats;
	issuers_stats(server->issuers, &stats);
	readings->issuers = (double)stats.issuers;
	readings->issuers_failing = (double)stats.failing;
	readings->issuer_keys = (double)stats.keys;
	if (stats.oldest_ms != INT64_MAX)
		readings->issuer_keys_age_s = (double)(server->now_ms - stats.oldest_ms) / 1e3;
	readings->issuer_fetches = stats.fetches;
	readings->issuer_fetch_failures = stats.fetch_failures;
}

static void collect(struct server *server, struct sample *sample)
{
	struct readings *readings = &sample->readings;
	sample_init(sample);
	sample->host_version = server->metrics->host_version;
	sample->counters = server->counters;
	readings->started_s = server->metrics->started_s;
	readings->collected_s = (double)server->wall_ms / 1e3;
	readings->sessions = HASH_CNT(hh_client, server->by_client);
	readings->users = (double)server->users;
	readings->longest_callback_s = (double)server->counters.longest_callback_us / 1e6;
	readings->interval_callback_s = (double)server->counters.interval_callback_us / 1e6;
	readings->store_open = server->core != NULL;
	read_journal(readings, server->journal);
	read_issuers(readings, server);
	if (server->core != NULL)
		read_store(readings, server);
	const struct readings *before = &server->metrics->before.readings;
	read_mirror(readings, before, MIRROR_TRANSACTIONS, server->mirror, 0);
	read_mirror(readings, before, MIRROR_PUSH, server->pushes, (int64_t)server->conf.push_delay_s * 1000);
	if (server->push != NULL)
		readings->pushes = push_count(server->push), readings->pushes_left_out = push_left_out(server->push);
	if (server->activity != NULL)
		readings->activity_dropped = activity_dropped(server);
}

/* ---- topics ---- */

static void tell(void *context, size_t index, const char *topic, const char *text)
{
	struct server *server = context;
	char *told = server->metrics->told[index];
	if (strcmp(told, text) == 0)
		return;
	snprintf(told, METRIC_TEXT_MAX, "%s", text);
	publish_status(server, topic, text);
}

/* ---- the file ---- */

struct file_job {
	struct job job;
	struct server *server;
	char *path;
	struct buf text;
	int error;
};

static int write_whole(int fd, const struct buf *text)
{
	for (size_t done = 0; done < text->len;) {
		ssize_t len = write(fd, text->data + done, text->len - done);
		if (len < 0 && errno != EINTR)
			return errno;
		done += len > 0 ? (size_t)len : 0;
	}
	return 0;
}

/* Whoever reads it finds the old one or the new one, whole. The node exporter passes over names that do not end with .prom. */
static int replace_file(const char *path, const struct buf *text)
{
	struct buf temporary = BUF_EMPTY;
	buf_printf(&temporary, "%s.new", path);
	int fd = open(temporary.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	int error = fd < 0 ? errno : write_whole(fd, text);
	if (fd >= 0 && error == 0 && fchmod(fd, 0644) != 0) /* whatever the broker's umask is */
		error = errno;
	if (fd >= 0 && close(fd) != 0 && error == 0)
		error = errno;
	if (error == 0 && rename(temporary.data, path) != 0)
		error = errno;
	if (fd >= 0 && error != 0)
		unlink(temporary.data);
	buf_fini(&temporary);
	return error;
}

/* The metrics' worker. */
static void file_run(struct job *job)
{
	struct file_job *file = (struct file_job *)job;
	file->error = replace_file(file->path, &file->text);
}

static void file_done(struct job *job)
{
	struct file_job *file = (struct file_job *)job;
	struct server *server = file->server;
	struct metrics *metrics = server->metrics;
	metrics->writing = false;
	server->counters.metrics_file_failures += file->error != 0;
	if (file->error != 0 && !metrics->file_warned)
		server_log(MOSQ_LOG_ERR, "metrics_file %s cannot be written, trying again: %s", file->path, error_words(file->error));
	if (file->error == 0 && metrics->file_warned)
		server_log(MOSQ_LOG_NOTICE, "metrics_file %s is written again", file->path);
	metrics->file_warned = file->error != 0;
	buf_fini(&file->text);
	free(file->path);
	free(file);
}

/* While a disk hangs, the file grows old. */
static void write_file(struct server *server)
{
	struct metrics *metrics = server->metrics;
	if (metrics->workers == NULL || metrics->writing)
		return;
	struct file_job *file = mem_zero(sizeof *file);
	file->job = (struct job){.run = file_run, .done = file_done};
	file->server = server;
	file->path = mem_text(server->conf.metrics_file);
	metrics_text(&metrics->now, &file->text);
	metrics->writing = workers_add(metrics->workers, &file->job);
	if (!metrics->writing) {
		buf_fini(&file->text);
		free(file->path);
		free(file);
	}
}

/* ---- life ---- */

static int64_t pause_ms(const struct metrics *metrics)
{
	return (metrics->interval_s > 0 ? metrics->interval_s : FILE_INTERVAL_S) * INT64_C(1000);
}

bool metrics_open(struct server *server, struct error *err)
{
	struct metrics *metrics = mem_zero(sizeof *metrics);
	server->metrics = metrics;
	metrics->started_s = (double)server->wall_ms / 1e3;
	snprintf(metrics->host_version, sizeof metrics->host_version, "%d.%d.%d", server->version.major, server->version.minor,
		server->version.revision);
	metrics_reload(server);
	if (server->conf.metrics_file[0] == '\0')
		return true;
	metrics->workers = workers_start(server->mailbox, "hc-metrics", 1, 1);
	if (metrics->workers == NULL)
		error_set(err, -1, 0, "a thread could not be started");
	return metrics->workers != NULL;
}

void metrics_reload(struct server *server)
{
	const int version[3] = {server->version.major, server->version.minor, server->version.revision};
	struct metrics *metrics = server->metrics;
	metrics->interval_s = hostconf_sys_interval(version);
	metrics->next_ms = server->now_ms;
}

void metrics_tick(struct server *server)
{
	struct metrics *metrics = server->metrics;
	if (server->now_ms < metrics->next_ms || (metrics->interval_s == 0 && metrics->workers == NULL))
		return;
	metrics->before = metrics->now;
	collect(server, &metrics->now);
	server->counters.interval_callback_us = 0;
	if (metrics->interval_s > 0)
		metrics_topics(&metrics->now, metrics->collected ? &metrics->before : NULL, (double)(server->now_ms - metrics->collected_ms) / 1e3,
			tell, server);
	write_file(server);
	metrics->collected = true;
	metrics->collected_ms = server->now_ms;
	metrics->next_ms = server->now_ms + pause_ms(metrics);
	server_wake_in(server, pause_ms(metrics));
}

void metrics_now(struct server *server, metrics_each *each, void *context)
{
	const struct metrics *metrics = server->metrics;
	struct sample now;
	bool rates = metrics->collected && server->now_ms > metrics->collected_ms;
	collect(server, &now);
	metrics_topics(&now, rates ? &metrics->now : NULL, (double)(server->now_ms - metrics->collected_ms) / 1e3, each, context);
}

int64_t metrics_started_ms(const struct server *server)
{
	return (int64_t)(server->metrics->started_s * 1e3);
}

void metrics_finish(struct server *server)
{
	struct metrics *metrics = server->metrics;
	if (metrics == NULL || metrics->workers == NULL)
		return;
	workers_finish(metrics->workers);
	if (unlink(server->conf.metrics_file) != 0 && errno != ENOENT)
		server_log(MOSQ_LOG_WARNING, "metrics_file %s could not be removed: %s", server->conf.metrics_file, error_words(errno));
}

void metrics_free(struct metrics *metrics)
{
	if (metrics == NULL)
		return;
	workers_stop(metrics->workers);
	free(metrics);
}
