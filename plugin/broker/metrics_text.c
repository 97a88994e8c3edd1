/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The table of metrics in the forms that it is read in. Pure; any thread. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "plugin/broker/metrics_table.h"

enum { NAME_SIZE = 96, TOPIC_SIZE = 256, QUANTILES = 2 };

static const struct quantile {
	const char *name;
	double share;
} quantiles[QUANTILES] = {{"p50", 0.5}, {"p99", 0.99}};

static const void *at(const struct sample *sample, const struct metric *metric, unsigned i)
{
	const char *field = (const char *)sample + metric->offset;
	return metric->type == METRIC_GAUGE ? (const void *)((const double *)(const void *)field + i)
	                                    : (const void *)((const uint64_t *)(const void *)field + i);
}

/* How many numbers a metric has. */
static unsigned count_of(const struct metric *metric)
{
	return metric->values != NULL ? metric->value_count : 1;
}

static uint64_t count_at(const struct sample *sample, const struct metric *metric, unsigned i)
{
	return *(const uint64_t *)at(sample, metric, i);
}

static bool is_count(const struct metric *metric)
{
	return metric->type == METRIC_COUNTER || metric->type == METRIC_SECONDS;
}

static double unit_of(const struct metric *metric)
{
	return metric->type == METRIC_SECONDS ? 1e-6 : 1;
}

/* false: there is nothing to be said. */
static bool print_number(const struct sample *sample, const struct metric *metric, unsigned i, char text[METRIC_TEXT_MAX])
{
	if (metric->values != NULL && metric->values[i] == NULL)
		return false;
	if (metric->type == METRIC_GAUGE) {
		double value = *(const double *)at(sample, metric, i);
		snprintf(text, METRIC_TEXT_MAX, "%.15g", value);
		return !isnan(value);
	}
	uint64_t count = count_at(sample, metric, i);
	if (metric->type == METRIC_SECONDS)
		snprintf(text, METRIC_TEXT_MAX, "%" PRIu64 ".%06" PRIu64, count / 1000000, count % 1000000);
	else
		snprintf(text, METRIC_TEXT_MAX, "%" PRIu64, count);
	return count != METRIC_ABSENT;
}

static void forget(struct sample *sample, const struct metric *metric)
{
	void *field = (char *)sample + metric->offset;
	for (unsigned i = 0; i < count_of(metric); i++) {
		if (metric->type == METRIC_GAUGE)
			((double *)field)[i] = NAN;
		else if (is_count(metric))
			((uint64_t *)field)[i] = METRIC_ABSENT;
	}
}

void sample_init(struct sample *sample)
{
	*sample = (struct sample){.host_version = ""};
	for (size_t m = 0; m < metrics_count; m++)
		if (metrics_table[m].offset >= offsetof(struct sample, readings))
			forget(sample, &metrics_table[m]);
}

/* ---- Prometheus ---- */

static const char *prometheus_type(const struct metric *metric)
{
	static const char *const types[] = {[METRIC_COUNTER] = "counter", [METRIC_SECONDS] = "counter", [METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram", [METRIC_INFO] = "gauge"};
	return types[metric->type];
}

static const struct histogram *histogram_of(const struct sample *sample, const struct metric *metric)
{
	return (const struct histogram *)(const void *)((const char *)sample + metric->offset);
}

static void add_histogram(struct buf *out, const char *name, const struct histogram *histogram)
{
	uint64_t count = 0;
	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
		count += histogram->counts[i];
		buf_printf(out, "hyperchat_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, (double)histogram_bounds_us[i] / 1e6, count);
	}
	count += histogram->counts[HISTOGRAM_BOUNDS];
	buf_printf(out, "hyperchat_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, count);
	buf_printf(out, "hyperchat_%s_sum %" PRIu64 ".%06" PRIu64 "\n", name, histogram->sum_us / 1000000, histogram->sum_us % 1000000);
	buf_printf(out, "hyperchat_%s_count %" PRIu64 "\n", name, count);
}

static void add_numbers(struct buf *out, const struct metric *metric, const struct sample *sample)
{
	char text[METRIC_TEXT_MAX];
	for (unsigned i = 0; i < count_of(metric); i++) {
		if (!print_number(sample, metric, i, text))
			continue;
		buf_printf(out, "hyperchat_%s", metric->name);
		if (metric->values != NULL)
			buf_printf(out, "{%s=\"%s\"}", metric->label, metric->values[i]);
		buf_printf(out, " %s\n", text);
	}
}

static void add_metric(struct buf *out, const struct metric *metric, const struct sample *sample)
{
	if (metric->type == METRIC_INFO)
		buf_printf(out, "hyperchat_%s{version=\"%s\",mosquitto=\"%s\"} 1\n", metric->name, HC_VERSION, sample->host_version);
	else if (metric->type == METRIC_HISTOGRAM)
		add_histogram(out, metric->name, histogram_of(sample, metric));
	else
		add_numbers(out, metric, sample);
}

void metrics_text(const struct sample *sample, struct buf *out)
{
	struct buf numbers = BUF_EMPTY;
	for (size_t m = 0; m < metrics_count; m++) {
		const struct metric *metric = &metrics_table[m];
		buf_clear(&numbers);
		add_metric(&numbers, metric, sample);
		if (numbers.len == 0)
			continue;
		buf_printf(out, "# HELP hyperchat_%s %s.\n# TYPE hyperchat_%s %s\n", metric->name, metric->help, metric->name,
			prometheus_type(metric));
		buf_add(out, numbers.data, numbers.len);
	}
	buf_fini(&numbers);
}

/* ---- topics ---- */

struct telling {
	const struct sample *now, *before;
	double interval_s;
	metrics_each *each;
	void *context;
	size_t index;
};

/* Every topic has its index, also while nothing is said on it. text NULL: nothing. */
static void tell(struct telling *telling, const char *name, const char *last_level, const char *text)
{
	char topic[TOPIC_SIZE];
	size_t index = telling->index++;
	if (text == NULL)
		return;
	snprintf(topic, sizeof topic, METRICS_TOPIC "/%s%s%s", name, last_level != NULL ? "/" : "", last_level != NULL ? last_level : "");
	telling->each(telling->context, index, topic, text);
}

static void tell_rate(struct telling *telling, const struct metric *metric)
{
	char name[NAME_SIZE], text[METRIC_TEXT_MAX];
	snprintf(name, sizeof name, "%.*s_per_second", (int)(strlen(metric->name) - strlen("_total")), metric->name);
	uint64_t now = count_at(telling->now, metric, 0), before = telling->before != NULL ? count_at(telling->before, metric, 0) : METRIC_ABSENT;
	bool known = now != METRIC_ABSENT && before != METRIC_ABSENT && telling->interval_s > 0;
	if (known)
		snprintf(text, sizeof text, "%.3f", (double)(now - before) * unit_of(metric) / telling->interval_s);
	tell(telling, name, NULL, known ? text : NULL);
}

static void tell_histogram(struct telling *telling, const struct metric *metric)
{
	char text[METRIC_TEXT_MAX];
	static const struct histogram NONE;
	const struct histogram *now = histogram_of(telling->now, metric);
	struct histogram since = histogram_since(now, telling->before != NULL ? histogram_of(telling->before, metric) : &NONE);
	for (unsigned i = 0; i < QUANTILES; i++) {
		snprintf(text, sizeof text, "%.6f", histogram_quantile(&since, quantiles[i].share));
		tell(telling, metric->name, quantiles[i].name, text);
	}
	snprintf(text, sizeof text, "%" PRIu64, histogram_count(now));
	tell(telling, metric->name, "count", text);
}

static void tell_numbers(struct telling *telling, const struct metric *metric)
{
	char text[METRIC_TEXT_MAX];
	for (unsigned i = 0; i < count_of(metric); i++)
		tell(telling, metric->name, metric->values != NULL ? metric->values[i] : NULL,
			print_number(telling->now, metric, i, text) ? text : NULL);
	if (metric->rate)
		tell_rate(telling, metric);
}

void metrics_topics(const struct sample *now, const struct sample *before, double interval_s, metrics_each *each, void *context)
{
	struct telling telling = {now, before, interval_s, each, context, 0};
	for (size_t m = 0; m < metrics_count; m++) {
		const struct metric *metric = &metrics_table[m];
		if (metric->type == METRIC_INFO)
			tell(&telling, "version", NULL, HC_VERSION);
		else if (metric->type == METRIC_HISTOGRAM)
			tell_histogram(&telling, metric);
		else
			tell_numbers(&telling, metric);
	}
}

/* ---- docs ---- */

static void add_labels(struct buf *out, const struct metric *metric)
{
	bool first = true;
	if (metric->values == NULL)
		return;
	buf_printf(out, "{%s=", metric->label);
	for (unsigned i = 0; i < metric->value_count; i++) {
		if (metric->values[i] == NULL)
			continue;
		buf_printf(out, "%s%s", first ? "" : "\\|", metric->values[i]);
		first = false;
	}
	buf_add_char(out, '}');
}

void metrics_manual(struct buf *out)
{
	buf_add_text(out, "| metric | kind | what it says |\n|---|---|---|\n");
	for (size_t m = 0; m < metrics_count; m++) {
		const struct metric *metric = &metrics_table[m];
		buf_printf(out, "| `hyperchat_%s", metric->name);
		add_labels(out, metric);
		buf_printf(out, "` | %s%s | %s. |\n", prometheus_type(metric), metric->rate ? ", rate" : "", metric->help);
	}
}
