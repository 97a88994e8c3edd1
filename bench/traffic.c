/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Live conversations: pairs, a group, and a fixed rate. A message occupies its sender's window until the last of its receivers has it:
 * counted on PUBACKs the broker could build up a queue, and in the end drop from it. One thread.
 *
 * Latency is taken from the moment at which a message was meant to be sent, so that a stall counts for all that it held up. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "bench/histogram.h"
#include "bench/load.h"
#include "bench/peer.h"

enum { STALL_US = 10 * 1000 * 1000, TICK_US = 1000 };

struct traffic;

/* One chat: a sender and his receivers. */
struct stream {
	struct traffic *traffic;
	struct peer *sender;
	struct peer *receivers;
	size_t receiver_count;
	uint64_t done;  /* messages that all receivers have */
	size_t waiting; /* receivers that do not have message number `done` yet */
};

struct traffic {
	const struct load_options *options;
	struct mqtt_loop loop;
	struct stream *streams;
	size_t stream_count;
	struct peer *senders;   /* one a stream */
	struct peer *receivers; /* stream by stream */
	size_t receiver_count;
	bool measuring;
	uint64_t deliveries, messages; /* while measuring: what came, and what was done */
	struct histogram latency;      /* from intended sending to each receiver, microseconds */
	struct histogram is_sent;      /* to the sender's own inbox */
	int64_t measured_us;
	int64_t cpu_us; /* what this process used of it: close to all, and it measures itself */
	int64_t progress_at_us;
};

static void stream_advance(struct stream *stream)
{
	while (stream->waiting == 0 && stream->done < stream->sender->published) {
		stream->done++;
		stream->traffic->messages += stream->traffic->measuring;
		for (size_t i = 0; i < stream->receiver_count; i++)
			stream->waiting += stream->receivers[i].next_sequence <= stream->done;
	}
}

static void receiver_heard(struct peer *receiver, uint64_t sequence, int64_t sent_at_us, int64_t now_us)
{
	struct stream *stream = receiver->context;
	struct traffic *traffic = stream->traffic;
	if (sequence >= stream->sender->published)
		die("%s: received message %" PRIu64 " before it was sent", receiver->client_id, sequence);
	if (traffic->measuring) {
		traffic->deliveries++;
		histogram_add(&traffic->latency, now_us - sent_at_us);
	}
	traffic->progress_at_us = now_us;
	if (sequence != stream->done)
		return;
	stream->waiting--;
	stream_advance(stream);
}

static void sender_heard(struct peer *sender, uint64_t sequence, int64_t sent_at_us, int64_t now_us)
{
	struct traffic *traffic = sender->context;
	(void)sequence;
	if (traffic->measuring)
		histogram_add(&traffic->is_sent, now_us - sent_at_us);
}

/* ---- setting up ---- */

static void stream_init(struct traffic *traffic, size_t index, enum scene scene, size_t receivers_each)
{
	struct stream *stream = &traffic->streams[index];
	const struct load_options *options = traffic->options;
	const struct user *user = options->users.list + index * (1 + receivers_each);
	bool chat = options->mode == LOAD_CHAT;
	*stream = (struct stream){.traffic = traffic,
		.sender = &traffic->senders[index],
		.receivers = traffic->receivers + index * receivers_each,
		.receiver_count = receivers_each,
		.waiting = receivers_each};
	char name[32];
	snprintf(name, sizeof name, "sender%zu", index);
	peer_init(stream->sender, options, name, user, scene, index);
	stream->sender->reads = options->sender_inbox;
	stream->sender->heard = sender_heard;
	stream->sender->context = traffic;
	for (size_t i = 0; i < receivers_each; i++) {
		snprintf(name, sizeof name, "receiver%zu", index * receivers_each + i);
		peer_init(&stream->receivers[i], options, name, chat ? user + 1 + i : NULL, scene, index);
		stream->receivers[i].reads = true;
		stream->receivers[i].heard = receiver_heard;
		stream->receivers[i].context = stream;
	}
}

static void traffic_open(
	struct traffic *traffic, const struct load_options *options, enum scene scene, size_t stream_count, size_t receivers_each)
{
	traffic->options = options;
	traffic->stream_count = stream_count;
	traffic->receiver_count = stream_count * receivers_each;
	traffic->streams = mem_zero(stream_count * sizeof *traffic->streams);
	traffic->senders = mem_zero(stream_count * sizeof *traffic->senders);
	traffic->receivers = mem_zero(traffic->receiver_count * sizeof *traffic->receivers);
	for (size_t i = 0; i < stream_count; i++)
		stream_init(traffic, i, scene, receivers_each);
	mqtt_loop_open(&traffic->loop, options->port, &peer_handler);
	peers_open(traffic->receivers, traffic->receiver_count, &traffic->loop);
	peers_open(traffic->senders, stream_count, &traffic->loop);
	traffic->progress_at_us = clock_mono_us();
}

static void traffic_close(struct traffic *traffic)
{
	peers_close(traffic->senders, traffic->stream_count);
	peers_close(traffic->receivers, traffic->receiver_count);
	mqtt_loop_close(&traffic->loop);
	free(traffic->streams);
	free(traffic->senders);
	free(traffic->receivers);
	free(traffic);
}

/* ---- running ---- */

static uint64_t traffic_outstanding(const struct traffic *traffic)
{
	uint64_t outstanding = 0;
	for (size_t i = 0; i < traffic->stream_count; i++) {
		const struct stream *stream = &traffic->streams[i];
		outstanding += stream->sender->published - stream->done;
		outstanding += stream->sender->published - stream->sender->acked;
		if (traffic->options->sender_inbox)
			outstanding += stream->sender->published - stream->sender->next_sequence;
	}
	return outstanding;
}

/* Waits for what comes, until until_us at the latest, and says when nothing has come for too long. */
static void traffic_wait(struct traffic *traffic, int64_t until_us)
{
	mqtt_loop_run(&traffic->loop, until_us);
	int64_t now_us = clock_mono_us();
	uint64_t outstanding = traffic_outstanding(traffic);
	if (outstanding == 0)
		traffic->progress_at_us = now_us;
	else if (now_us - traffic->progress_at_us > STALL_US)
		die("%" PRIu64 " deliveries or acknowledgements are missing, and none has come for 10 s", outstanding);
}

/* Says all that may be said by now; returns when to come back at the latest. */
typedef int64_t traffic_say(struct traffic *traffic, int64_t now_us);

static int64_t say_window(struct traffic *traffic, int64_t now_us)
{
	uint64_t window = traffic->options->window, messages = traffic->options->messages > 0 ? traffic->options->messages : UINT64_MAX;
	for (size_t i = 0; i < traffic->stream_count; i++) {
		struct stream *stream = &traffic->streams[i];
		if (stream->sender->published - stream->done >= window)
			continue;
		while (stream->sender->published - stream->done < window && stream->sender->published < messages)
			peer_say(stream->sender, now_us);
		mqtt_flush(&stream->sender->mqtt);
	}
	return now_us + TICK_US;
}

static int64_t cpu_now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint64_t traffic_hints(const struct traffic *traffic)
{
	uint64_t hints = 0;
	for (size_t i = 0; i < traffic->receiver_count; i++)
		hints += traffic->receivers[i].hints;
	return hints;
}

static void traffic_print(const struct traffic *traffic)
{
	double seconds = (double)traffic->measured_us / 1e6;
	if (traffic->deliveries == 0)
		die("nothing was delivered in %.1f s", seconds);
	printf("{\"messages_per_s\": %.1f, \"deliveries_per_s\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, "
		   "\"hints\": %" PRIu64,
		(double)traffic->messages / seconds, (double)traffic->deliveries / seconds, histogram_quantile(&traffic->latency, 0.5),
		histogram_quantile(&traffic->latency, 0.99), histogram_quantile(&traffic->latency, 1), traffic_hints(traffic));
	if (traffic->options->sender_inbox)
		printf(", \"is_sent_p50_us\": %.1f, \"is_sent_p99_us\": %.1f", histogram_quantile(&traffic->is_sent, 0.5),
			histogram_quantile(&traffic->is_sent, 0.99));
	printf(", \"seconds\": %.2f, \"load_cpu\": %.2f}\n", seconds, (double)traffic->cpu_us / (double)traffic->measured_us);
	fflush(stdout);
}

/* What was measured begins here. */
static void traffic_measure(struct traffic *traffic, int64_t now_us)
{
	traffic->measuring = true;
	traffic->measured_us = -now_us;
	traffic->cpu_us = -cpu_now_us();
	traffic->deliveries = traffic->messages = 0;
	memset(&traffic->latency, 0, sizeof traffic->latency);
	memset(&traffic->is_sent, 0, sizeof traffic->is_sent);
}

static void traffic_measured(struct traffic *traffic, int64_t now_us)
{
	traffic->measured_us += now_us;
	traffic->cpu_us += cpu_now_us();
}

/* Whether all was said that --messages asks for. */
static bool traffic_is_said(const struct traffic *traffic)
{
	for (size_t i = 0; i < traffic->stream_count; i++)
		if (traffic->streams[i].sender->published < traffic->options->messages)
			return false;
	return traffic->options->messages > 0;
}

static void traffic_run(struct traffic *traffic, traffic_say *say)
{
	bool by_time = traffic->options->messages == 0;
	int64_t now_us = clock_mono_us(), every_us = (int64_t)(traffic->options->every_s * 1e6);
	int64_t turn_us = by_time ? now_us + (int64_t)(traffic->options->warmup_s * 1e6) : now_us;
	int64_t end_us = by_time ? turn_us + (int64_t)(traffic->options->seconds_s * 1e6) : INT64_MAX;
	for (; now_us < end_us && !traffic_is_said(traffic); now_us = clock_mono_us()) {
		if (now_us >= turn_us) {
			if (traffic->measuring) {
				traffic_measured(traffic, now_us);
				traffic_print(traffic);
			}
			traffic_measure(traffic, now_us);
			turn_us = every_us > 0 ? turn_us + every_us : INT64_MAX;
		}
		int64_t next_us = say(traffic, now_us);
		traffic_wait(traffic, next_us < end_us ? next_us : end_us);
	}
	traffic_measured(traffic, now_us);
	traffic->measuring = false;
	while (traffic_outstanding(traffic) > 0)
		traffic_wait(traffic, clock_mono_us() + TICK_US);
}

void load_pairs(const struct load_options *options)
{
	struct traffic *traffic = mem_zero(sizeof *traffic);
	traffic_open(traffic, options, SCENE_PAIR, options->pairs, 1);
	traffic_run(traffic, say_window);
	traffic_print(traffic);
	traffic_close(traffic);
}

void load_group(const struct load_options *options)
{
	struct traffic *traffic = mem_zero(sizeof *traffic);
	traffic_open(traffic, options, SCENE_GROUP, 1, options->receivers);
	traffic_run(traffic, say_window);
	traffic_print(traffic);
	traffic_close(traffic);
}

/* ---- a fixed rate ---- */

struct paced {
	struct traffic traffic; /* first */
	int64_t start_us;
	uint64_t said;
};

static int64_t say_paced(struct traffic *traffic, int64_t now_us)
{
	struct paced *paced = (struct paced *)traffic;
	for (;;) {
		int64_t due_us = paced->start_us + (int64_t)(paced->said * 1000000 / traffic->options->rate);
		if (due_us > now_us)
			return due_us;
		struct peer *sender = traffic->streams[paced->said % traffic->stream_count].sender;
		peer_say(sender, due_us);
		mqtt_flush(&sender->mqtt);
		paced->said++;
	}
}

void load_rate(const struct load_options *options)
{
	struct paced *paced = mem_zero(sizeof *paced);
	traffic_open(&paced->traffic, options, SCENE_PAIR, options->pairs, 1);
	paced->start_us = clock_mono_us();
	traffic_run(&paced->traffic, say_paced);
	traffic_print(&paced->traffic);
	traffic_close(&paced->traffic);
}
