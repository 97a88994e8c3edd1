/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Many people in many groups: everybody comes at once after a restart (storm), a normal afternoon (crowd), and what a group costs that
 * somebody writes in, where all of it are there (awake), and where nobody hears it (loaded). One thread. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "bench/guest.h"
#include "bench/histogram.h"
#include "bench/load.h"
#include "bench/resident.h"

enum { WAKE_US = 2000 };

struct crowd {
	const struct load_options *options;
	struct mqtt_loop loop;
	struct guest *guests;
	struct histogram served;  /* from each one's CONNECT until he has all that he missed, microseconds */
	struct histogram latency; /* of what was said */
	uint64_t heard, said;
	int64_t storm_us;
};

static void crowd_heard(struct guest *guest, int64_t sent_at_us, int64_t now_us)
{
	struct crowd *crowd = guest->context;
	crowd->heard++;
	histogram_add(&crowd->latency, now_us - sent_at_us);
}

static struct crowd *crowd_open(const struct load_options *options, bool listens)
{
	struct crowd *crowd = mem_zero(sizeof *crowd);
	crowd->options = options;
	crowd->guests = mem_zero(options->count * sizeof *crowd->guests);
	for (size_t i = 0; i < options->count; i++) {
		guest_init(&crowd->guests[i], &options->users.list[i], "phone", listens ? "hc/me/inbox" : NULL);
		crowd->guests[i].lines_due = listens ? (uint64_t)SCENE_CROWD_SIZE * SCENE_CROWD_TRANSACTIONS : 0;
		crowd->guests[i].context = crowd;
	}
	mqtt_loop_open(&crowd->loop, options->port, &guest_handler);
	int64_t start_us = clock_mono_us();
	guests_open(crowd->guests, options->count, &crowd->loop);
	crowd->storm_us = clock_mono_us() - start_us;
	for (size_t i = 0; i < options->count; i++)
		histogram_add(&crowd->served, crowd->guests[i].served_at_us - crowd->guests[i].opened_at_us);
	return crowd;
}

static void crowd_close(struct crowd *crowd)
{
	guests_close(crowd->guests, crowd->options->count);
	mqtt_loop_close(&crowd->loop);
	free(crowd->guests);
	free(crowd);
}

void load_storm(const struct load_options *options)
{
	struct crowd *crowd = crowd_open(options, true);
	printf("{\"sessions\": %u, \"seconds\": %.3f, \"sessions_per_s\": %.1f, \"served_p50_us\": %.0f, \"served_p99_us\": %.0f}\n", options->count,
		(double)crowd->storm_us / 1e6, options->count / ((double)crowd->storm_us / 1e6), histogram_quantile(&crowd->served, 0.5),
		histogram_quantile(&crowd->served, 0.99));
	crowd_close(crowd);
}

/* In each group its first member speaks, one group after the other. */
static void say(struct crowd *crowd, int64_t due_us)
{
	char chat_id[SCENE_CHAT_ID_LEN + 1], topic[64], body[SCENE_BODY_MAX];
	size_t group = crowd->said % crowd->options->count;
	struct guest *sender = &crowd->guests[scene_crowd_member(crowd->options->count, group, 0)];
	scene_chat_id(SCENE_CROWD, group, chat_id);
	snprintf(topic, sizeof topic, "hc/chat/%s/text", chat_id);
	scene_body_write(body, crowd->options->size, due_us, crowd->said++);
	mqtt_publish(&sender->mqtt, topic, body, crowd->options->size);
	mqtt_flush(&sender->mqtt);
}

static bool all_heard(void *context)
{
	const struct crowd *crowd = context;
	return crowd->heard >= crowd->said * SCENE_CROWD_SIZE;
}

void load_crowd(const struct load_options *options)
{
	struct crowd *crowd = crowd_open(options, true);
	for (size_t i = 0; i < options->count; i++)
		crowd->guests[i].heard = crowd_heard;
	int64_t start_us = clock_mono_us(), end_us = start_us + (int64_t)(options->seconds_s * 1e6);
	for (int64_t now_us = start_us; now_us < end_us; now_us = clock_mono_us()) {
		int64_t due_us = start_us + (int64_t)(crowd->said * 1000000 / options->rate);
		if (due_us <= now_us)
			say(crowd, due_us);
		else
			mqtt_loop_run(&crowd->loop, due_us < end_us ? due_us : end_us);
	}
	guests_wait(&crowd->loop, all_heard, crowd, "a delivery");
	printf("{\"messages\": %" PRIu64 ", \"deliveries\": %" PRIu64 ", \"p50_us\": %.0f, \"p99_us\": %.0f}\n", crowd->said, crowd->heard,
		histogram_quantile(&crowd->latency, 0.5), histogram_quantile(&crowd->latency, 0.99));
	crowd_close(crowd);
}

static bool all_acked(void *context)
{
	const struct crowd *crowd = context;
	uint64_t acks = 0;
	for (size_t i = 0; i < crowd->options->count; i++)
		acks += crowd->guests[i].acks;
	return acks == crowd->said;
}

/* One message in each group, until `count` groups have one. */
static void wake(struct crowd *crowd, uint64_t count, bool (*done)(void *context))
{
	while (crowd->said < count) {
		say(crowd, clock_mono_us());
		mqtt_loop_run(&crowd->loop, clock_mono_us() + WAKE_US);
	}
	guests_wait(&crowd->loop, done, crowd, "what was said");
}

/* What the broker holds of a group beside its people, whom the first half of the groups has brought in already. */
static void measure_groups(const struct load_options *options, bool listens)
{
	struct crowd *crowd = crowd_open(options, listens);
	for (size_t i = 0; i < options->count; i++)
		crowd->guests[i].heard = crowd_heard;
	unsigned some = options->count / 2;
	wake(crowd, some, listens ? all_heard : all_acked);
	long some_kb = resident_settled_kb(options->broker_pid, &crowd->loop);
	wake(crowd, options->count, listens ? all_heard : all_acked);
	long all_kb = resident_settled_kb(options->broker_pid, &crowd->loop);
	printf("{\"groups\": %u, \"rss_kb\": %ld, \"kb_per_group\": %.3f}\n", options->count, all_kb, (double)(all_kb - some_kb) / (options->count - some));
	crowd_close(crowd);
}

void load_awake(const struct load_options *options)
{
	measure_groups(options, true);
}

void load_loaded(const struct load_options *options)
{
	measure_groups(options, false);
}
