/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_METRICS_TABLE_H
#define HC_BROKER_METRICS_TABLE_H
/* The metrics: one table, from which come the topics below $SYS/broker/hyperchat, the Prometheus file and the table in docs/operations.md.
 *
 * To add a metric
 *   that is counted:  a field in struct counters (counters.h), ++ where it happens, a line in metrics_table.c.
 *   that is read:     a field in struct readings below, its reading in metrics.c, a line in metrics_table.c.
 * then `metrics_manual ROOT` (a program of the build), which brings docs/operations.md up to date. A reading that there is nothing to be said of at the
 * moment is left as it is: NAN for gauges, METRIC_ABSENT for counters; its topic and line are left out then.
 *
 * Pure; any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/histogram.h"
#include "plugin/broker/counters.h"

#define METRIC_ABSENT UINT64_MAX
#define METRICS_TOPIC "$SYS/broker/hyperchat"

enum mirror_kind { MIRROR_TRANSACTIONS, MIRROR_PUSH, MIRROR_COUNT };
enum { APPEND_RESULT_COUNT = APPEND_UNKNOWN + 1, KEPT_KINDS = 6 };

/* What is asked of others when the metrics are collected. Gauges are double, counters uint64_t. */
struct readings {
	double started_s, collected_s; /* wall clock */
	double sessions, users;
	double commands_waiting, chats;
	double closing_accounts, erasures;

	double store_open, store_failing, kept_failing[KEPT_KINDS];
	double lane_queue, reader_queue;
	struct histogram append;
	uint64_t append_failures[STORE_RC_COUNT], appends[APPEND_RESULT_COUNT], transactions;

	double journal_size, journal_used, journal_records, journal_oldest_s;
	uint64_t journal_corrupt, journal_quarantined;

	double mirror_lag[MIRROR_COUNT], mirror_lag_s[MIRROR_COUNT], mirror_in_flight[MIRROR_COUNT], mirror_stuck[MIRROR_COUNT],
		mirror_lease[MIRROR_COUNT];
	uint64_t mirror_delivered[MIRROR_COUNT], mirror_cut[MIRROR_COUNT], mirror_refused[MIRROR_COUNT], mirror_restarts[MIRROR_COUNT];
	uint64_t pushes, pushes_left_out, activity_dropped;

	double cluster_failing;
	double issuers, issuers_failing, issuer_keys, issuer_keys_age_s;
	uint64_t issuer_fetches, issuer_fetch_failures;

	double longest_callback_s, interval_callback_s;
};

struct sample {
	struct counters counters;
	struct readings readings;
	const char *host_version; /* Mosquitto's */
};

enum metric_type {
	METRIC_COUNTER,    /* uint64_t */
	METRIC_SECONDS,    /* a counter: uint64_t of microseconds, shown as seconds */
	METRIC_GAUGE,      /* double */
	METRIC_HISTOGRAM,  /* struct histogram */
	METRIC_INFO,       /* nothing: the version */
};

struct metric {
	const char *name;   /* without hyperchat_ */
	enum metric_type type;
	bool rate;          /* a counter that has a topic …_per_second as well */
	size_t offset;      /* in struct sample; with values: of an array */
	const char *label;  /* NULL: one number */
	const char *const *values; /* the array's, in its order; NULL: this one of it is not shown */
	unsigned value_count;
	const char *help;   /* one line, a sentence without its full stop */
};

extern const struct metric metrics_table[];
extern const size_t metrics_count;

/* Zero counters, and nothing is known of the readings. */
void sample_init(struct sample *sample);

/* In the text format of Prometheus (version 0.0.4). */
void metrics_text(const struct sample *sample, struct buf *out);

/* Calls each for every topic that there is something to be said on. before: the sample of `interval_s` ago, for rates and for percentiles; NULL: none.
 * index: the topic's, always the same, below METRICS_TOPICS_MAX. */
enum { METRICS_TOPICS_MAX = 256, METRIC_TEXT_MAX = 40 };
typedef void metrics_each(void *context, size_t index, const char *topic, const char *text);
void metrics_topics(const struct sample *now, const struct sample *before, double interval_s, metrics_each *each, void *context);

/* The table for docs/operations.md. */
void metrics_manual(struct buf *out);

#endif
