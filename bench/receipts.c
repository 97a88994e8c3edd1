/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Everybody in a large group reads the same message: what their receipts cost, in packets to them and in bytes that the broker writes. Both
 * are to grow with the members, not with their square. One thread. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "bench/guest.h"
#include "bench/load.h"

enum { SETTLE_US = 5 * 1000 * 1000 }; /* receipts are stored about once a second */

static uint64_t written_bytes(unsigned pid)
{
	char path[64], line[256];
	uint64_t bytes = 0;
	snprintf(path, sizeof path, "/proc/%u/io", pid);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		die("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, "write_bytes:", 12) == 0)
			bytes = strtoull(line + 12, NULL, 10);
	fclose(file);
	return bytes;
}

static uint64_t packets_of(const struct guest *guests, size_t count)
{
	uint64_t packets = 0;
	for (size_t i = 0; i < count; i++)
		packets += guests[i].packets;
	return packets;
}

static void read_for(struct mqtt_loop *loop, int64_t us)
{
	int64_t end_us = clock_mono_us() + us;
	while (clock_mono_us() < end_us)
		mqtt_loop_run(loop, end_us);
}

void load_receipts(const struct load_options *options)
{
	size_t count = 1 + (size_t)options->receivers;
	char chat_id[SCENE_CHAT_ID_LEN + 1], send[64], read[64];
	scene_chat_id(SCENE_GROUP, 0, chat_id);
	snprintf(send, sizeof send, "hc/chat/%s/text", chat_id);
	snprintf(read, sizeof read, "hc/chat/%s/read/2", chat_id);
	struct mqtt_loop loop;
	mqtt_loop_open(&loop, options->port, &guest_handler);
	struct guest *guests = mem_zero(count * sizeof *guests);
	for (size_t i = 0; i < count; i++) {
		guest_init(&guests[i], &options->users.list[i], "phone", "hc/me/#");
		guests[i].lines_due = 1;
	}
	guests_open(guests, count, &loop);
	mqtt_publish(&guests[0].mqtt, send, "hello", 5);
	mqtt_flush(&guests[0].mqtt);
	read_for(&loop, SETTLE_US);
	uint64_t packets = packets_of(guests, count), bytes = written_bytes(options->broker_pid);
	for (size_t i = 0; i < count; i++) {
		mqtt_publish(&guests[i].mqtt, read, "", 0);
		mqtt_flush(&guests[i].mqtt);
	}
	read_for(&loop, SETTLE_US);
	packets = packets_of(guests, count) - packets;
	bytes = written_bytes(options->broker_pid) - bytes;
	printf("{\"members\": %zu, \"packets\": %" PRIu64 ", \"packets_per_member\": %.2f, \"kb_per_member\": %.2f}\n", count, packets,
		(double)packets / (double)count, (double)bytes / 1024 / (double)count);
	guests_close(guests, count);
	free(guests);
	mqtt_loop_close(&loop);
}
