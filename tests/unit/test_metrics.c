/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The table of metrics and the forms it is read in. That Prometheus takes the text asks tests/e2e/test_metrics.py of a real parser. */
#include <ctype.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plugin/broker/metrics_table.h"
#include "plugin/broker/topic.h"

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);
	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void names_follow_the_conventions_of_prometheus(void **state)
{
	(void)state;
	for (size_t i = 0; i < metrics_count; i++) {
		const struct metric *metric = &metrics_table[i];
		bool counts = metric->type == METRIC_COUNTER || metric->type == METRIC_SECONDS;
		for (const char *c = metric->name; *c != '\0'; c++)
			assert_true(islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_');
		if (counts != ends_with(metric->name, "_total"))
			fail_msg("%s: counters end with _total, nothing else does", metric->name);
		if ((metric->type == METRIC_SECONDS || metric->type == METRIC_HISTOGRAM) && strstr(metric->name, "_seconds") == NULL)
			fail_msg("%s does not name its unit", metric->name);
		assert_true(!metric->rate || (counts && metric->values == NULL));
		assert_non_null(metric->help);
		assert_false(ends_with(metric->help, "."));
		assert_null(strpbrk(metric->help, "\\\n|"));
		for (size_t other = 0; other < i; other++)
			assert_string_not_equal(metrics_table[other].name, metric->name);
	}
}

/* What would be said twice, or point into another's field. */
static void every_number_stands_at_a_place_of_its_own_within_the_sample(void **state)
{
	(void)state;
	static bool taken[sizeof(struct sample)];
	memset(taken, 0, sizeof taken);
	for (size_t i = 0; i < metrics_count; i++) {
		const struct metric *metric = &metrics_table[i];
		size_t size = metric->type == METRIC_HISTOGRAM ? sizeof(struct histogram) : metric->type == METRIC_INFO ? 0 : sizeof(uint64_t);
		size *= metric->values != NULL ? metric->value_count : 1;
		assert_true(metric->offset + size <= sizeof(struct sample));
		for (size_t at = metric->offset; at < metric->offset + size; at++) {
			if (taken[at])
				fail_msg("%s stands where another one does", metric->name);
			taken[at] = true;
		}
	}
}

static void what_nothing_is_known_of_is_left_out(void **state)
{
	(void)state;
	struct sample sample;
	struct buf text = BUF_EMPTY;
	sample_init(&sample);
	metrics_text(&sample, &text);
	assert_non_null(strstr(text.data, "\nhyperchat_logins_total 0\n"));
	assert_non_null(strstr(text.data, "\nhyperchat_logins_refused_total{reason=\"expired\"} 0\n"));
	assert_null(strstr(text.data, "kafka"));
	assert_null(strstr(text.data, "nan"));
	sample.readings.mirror_lag[MIRROR_PUSH] = 3;
	sample.readings.mirror_delivered[MIRROR_PUSH] = 4;
	buf_clear(&text);
	metrics_text(&sample, &text);
	assert_non_null(strstr(text.data, "\nhyperchat_kafka_lag_transactions{mirror=\"push\"} 3\n"));
	assert_non_null(strstr(text.data, "\nhyperchat_kafka_delivered_total{mirror=\"push\"} 4\n"));
	assert_null(strstr(text.data, "mirror=\"transactions\""));
	buf_fini(&text);
}

static void the_text_has_numbers_as_they_are(void **state)
{
	(void)state;
	struct sample sample;
	struct buf text = BUF_EMPTY;
	sample_init(&sample);
	sample.host_version = "2.1.2";
	sample.counters.callbacks_us = 12000001;
	sample.counters.packet_bytes = UINT64_C(9007199254740993); /* more than a double holds */
	sample.readings.started_s = 1795831414.123;
	histogram_add(&sample.readings.append, 700);
	histogram_add(&sample.readings.append, 20000000);
	metrics_text(&sample, &text);
	static const char *const lines[] = {"hyperchat_build_info{version=\"" HC_VERSION "\",mosquitto=\"2.1.2\"} 1",
		"hyperchat_callback_seconds_total 12.000001", "hyperchat_delivered_bytes_total 9007199254740993",
		"hyperchat_start_time_seconds 1795831414.123", "hyperchat_store_append_seconds_bucket{le=\"0.0005\"} 0",
		"hyperchat_store_append_seconds_bucket{le=\"0.001\"} 1", "hyperchat_store_append_seconds_bucket{le=\"10\"} 1",
		"hyperchat_store_append_seconds_bucket{le=\"+Inf\"} 2", "hyperchat_store_append_seconds_sum 20.000700",
		"hyperchat_store_append_seconds_count 2"};
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		char line[128];
		snprintf(line, sizeof line, "\n%s\n", lines[i]);
		if (strstr(text.data, line) == NULL)
			fail_msg("no line %s", lines[i]);
	}
	buf_fini(&text);
}

struct heard {
	char topics[METRICS_TOPICS_MAX][128];
	char texts[METRICS_TOPICS_MAX][METRIC_TEXT_MAX];
	size_t count;
};

static void hear(void *context, size_t index, const char *topic, const char *text)
{
	struct heard *heard = context;
	assert_true(index < METRICS_TOPICS_MAX);
	assert_string_equal(heard->topics[index], "");
	snprintf(heard->topics[index], sizeof heard->topics[index], "%s", topic);
	snprintf(heard->texts[index], sizeof heard->texts[index], "%s", text);
	heard->count++;
}

static const char *said(const struct heard *heard, const char *name)
{
	char topic[128];
	snprintf(topic, sizeof topic, METRICS_TOPIC "/%s", name);
	for (size_t i = 0; i < METRICS_TOPICS_MAX; i++)
		if (strcmp(heard->topics[i], topic) == 0)
			return heard->texts[i];
	return "";
}

static void topics_are_named_like_metrics_and_keep_their_index(void **state)
{
	(void)state;
	static struct heard first, second;
	struct sample before, now;
	sample_init(&before);
	sample_init(&now);
	first = second = (struct heard){0};
	metrics_topics(&before, NULL, 0, hear, &first);
	now.counters.logins = 30;
	now.counters.callbacks_us = 5000000;
	now.counters.logins_refused[LOGIN_NO_KEY] = 7;
	now.readings.transactions = 5;
	now.readings.sessions = 2;
	for (int i = 0; i < 100; i++)
		histogram_add(&now.readings.append, i < 98 ? 400 : 90000);
	metrics_topics(&now, &before, 10, hear, &second);
	assert_string_equal(said(&first, "version"), HC_VERSION);
	assert_string_equal(said(&first, "logins_per_second"), "");
	assert_string_equal(said(&first, "sessions"), "");
	assert_string_equal(said(&second, "sessions"), "2");
	assert_string_equal(said(&second, "logins_total"), "30");
	assert_string_equal(said(&second, "logins_per_second"), "3.000");
	assert_string_equal(said(&second, "callback_seconds_per_second"), "0.500");
	assert_string_equal(said(&second, "logins_refused_total/no_key"), "7");
	assert_string_equal(said(&second, "transactions_per_second"), ""); /* it was not known before */
	assert_string_equal(said(&second, "store_append_seconds/count"), "100");
	assert_true(atof(said(&second, "store_append_seconds/p50")) < 0.0005);
	assert_true(atof(said(&second, "store_append_seconds/p99")) > 0.05);
	assert_true(first.count > 40 && second.count > first.count);
	for (size_t i = 0; i < METRICS_TOPICS_MAX; i++)
		if (first.topics[i][0] != '\0')
			assert_string_equal(first.topics[i], second.topics[i]);
}

static void quantiles_lie_where_the_values_are(void **state)
{
	(void)state;
	struct histogram histogram = {0}, more;
	assert_true(histogram_quantile(&histogram, 0.99) == 0);
	for (int i = 0; i < 100; i++)
		histogram_add(&histogram, 2000);
	assert_true(histogram_quantile(&histogram, 0.5) > 0.001 && histogram_quantile(&histogram, 0.5) <= 0.0025);
	more = histogram;
	histogram_add(&more, 60000000);
	assert_true(histogram_quantile(&more, 1) == 10);
	struct histogram since = histogram_since(&more, &histogram);
	assert_int_equal(histogram_count(&since), 1);
	assert_int_equal(since.sum_us, 60000000);
	histogram_add(&more, -5); /* never, but no reason to fall over */
	assert_int_equal(more.counts[0], 1);
}

static void filters_that_cover_metrics_are_known(void **state)
{
	(void)state;
	static const char *const cover[] = {METRICS_TOPIC, METRICS_TOPIC "/#", METRICS_TOPIC "/sessions", METRICS_TOPIC "/+/+", "$SYS/#", "$SYS/broker/#",
		"$SYS/+/hyperchat/#", "$SYS/broker/+/sessions", "$SYS/+/+/+", "$SYS/broker/+", "$share/g/$SYS/#", "$share/g/" METRICS_TOPIC "/sessions"};
	static const char *const others[] = {"#", "+/#", "+/broker/hyperchat/#", "$SYS", "$SYS/broker", "$SYS/broker/uptime", "$SYS/broker/clients/#",
		"$SYS/broker/hyperchatter/#", "$SYS/broker/hyper/#", "$SYS/+/uptime", "$SYS/+", "hc/me/#", "", "$share/g/#", "$share/g/$SYS/broker/uptime"};
	for (size_t i = 0; i < sizeof cover / sizeof *cover; i++)
		if (!filter_covers_metrics(cover[i]))
			fail_msg("%s covers them", cover[i]);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (filter_covers_metrics(others[i]))
			fail_msg("%s does not cover them", others[i]);
	assert_true(topic_is_metrics(METRICS_TOPIC "/sessions"));
	assert_false(topic_is_metrics(METRICS_TOPIC "s/x"));
	assert_false(topic_is_metrics("$SYS/broker/uptime"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_follow_the_conventions_of_prometheus),
		cmocka_unit_test(every_number_stands_at_a_place_of_its_own_within_the_sample),
		cmocka_unit_test(what_nothing_is_known_of_is_left_out),
		cmocka_unit_test(the_text_has_numbers_as_they_are),
		cmocka_unit_test(topics_are_named_like_metrics_and_keep_their_index),
		cmocka_unit_test(quantiles_lie_where_the_values_are),
		cmocka_unit_test(filters_that_cover_metrics_are_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
