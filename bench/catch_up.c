/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Catch-up: a reader connects, and the clock stops when he has all that he missed. In HyperChat `prepare` has written that into the
 * store; a bare broker must have queued it in memory for a session of his, which is arranged first. One thread. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/load.h"
#include "bench/peer.h"

enum { STALL_US = 10 * 1000 * 1000, QUEUEING_WINDOW = 100 };

struct catch_up {
	struct mqtt_loop loop;
	struct peer reader;
	int64_t first_at_us, last_at_us;
};

static void reader_heard(struct peer *reader, uint64_t sequence, int64_t sent_at_us, int64_t now_us)
{
	struct catch_up *catch_up = reader->context;
	(void)sent_at_us;
	if (sequence == 0)
		catch_up->first_at_us = now_us;
	catch_up->last_at_us = now_us;
}

static void wait_for(struct mqtt_loop *loop, int64_t *deadline_us, const char *what)
{
	if (mqtt_loop_run(loop, *deadline_us))
		*deadline_us = clock_mono_us() + STALL_US;
	else if (clock_mono_us() >= *deadline_us)
		die("%s: nothing has come for 10 s", what);
}

/* The reader leaves a session behind, and somebody writes what it will miss. */
static void queue_messages(struct catch_up *catch_up, const struct load_options *options)
{
	peers_open(&catch_up->reader, 1, &catch_up->loop);
	peers_close(&catch_up->reader, 1);
	struct peer writer;
	peer_init(&writer, options, "writer", NULL, SCENE_HISTORY, 0);
	peers_open(&writer, 1, &catch_up->loop);
	int64_t deadline_us = clock_mono_us() + STALL_US;
	while (writer.acked < options->count) {
		while (writer.published < options->count && writer.published - writer.acked < QUEUEING_WINDOW)
			peer_say(&writer, clock_mono_us());
		mqtt_flush(&writer.mqtt);
		wait_for(&catch_up->loop, &deadline_us, "queueing for the reader");
	}
	peers_close(&writer, 1);
}

void load_catch_up(const struct load_options *options)
{
	struct catch_up catch_up = {0};
	struct peer *reader = &catch_up.reader;
	mqtt_loop_open(&catch_up.loop, options->port, &peer_handler);
	char name[32]; /* of its own, so that no session of an earlier run is met */
	snprintf(name, sizeof name, "reader%ld", (long)getpid());
	peer_init(reader, options, name, options->mode == LOAD_CHAT ? &options->users.list[1] : NULL, SCENE_HISTORY, 0);
	reader->reads = true;
	reader->clean_session = options->mode == LOAD_CHAT;
	reader->heard = reader_heard;
	reader->context = &catch_up;
	if (options->mode == LOAD_BARE)
		queue_messages(&catch_up, options);

	int64_t start_us = clock_mono_us();
	int64_t deadline_us = start_us + STALL_US;
	peer_open(reader, &catch_up.loop);
	while (reader->next_sequence < options->count)
		wait_for(&catch_up.loop, &deadline_us, "catching up");
	if (reader->next_sequence > options->count)
		die("received %" PRIu64 " messages of %u", reader->next_sequence, options->count);
	double all_ms = (double)(catch_up.last_at_us - start_us) / 1e3;
	printf("{\"messages\": %u, \"ms\": %.2f, \"first_ms\": %.2f, \"messages_per_s\": %.1f, \"hints\": %" PRIu64 "}\n", options->count,
		all_ms, (double)(catch_up.first_at_us - start_us) / 1e3, options->count / all_ms * 1e3, reader->hints);
	peers_close(reader, 1);
	mqtt_loop_close(&catch_up.loop);
}
