/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a connected client that does nothing costs: the broker's resident memory with many sessions, less that with a tenth of them, so
 * that what it needs once does not count. Every one is subscribed, and in HyperChat has a chat with another. One thread. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/clock.h"
#include "bench/load.h"
#include "bench/peer.h"

enum { SETTLED_US = 500 * 1000, PATIENCE_US = 20 * 1000 * 1000, FILES_BESIDES = 50 };

static long resident_kb(unsigned pid)
{
	char path[64], line[256];
	snprintf(path, sizeof path, "/proc/%u/status", pid);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		die("%s: %s", path, strerror(errno));
	long kb = -1;
	while (kb < 0 && fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, "VmRSS:", 6) == 0)
			kb = strtol(line + 6, NULL, 10);
	fclose(file);
	if (kb < 0)
		die("%s has no VmRSS", path);
	return kb;
}

/* What is resident once it has not changed for half a second. */
static long settled_kb(struct mqtt_loop *loop, unsigned pid)
{
	int64_t start_us = clock_mono_us(), same_since_us = start_us;
	long kb = resident_kb(pid);
	for (int64_t now_us = start_us; now_us - same_since_us < SETTLED_US; now_us = clock_mono_us()) {
		if (now_us - start_us > PATIENCE_US)
			die("the broker's memory does not settle within 20 s");
		mqtt_loop_run(loop, now_us + SETTLED_US / 10);
		long kb_now = resident_kb(pid);
		if (kb_now != kb)
			same_since_us = clock_mono_us();
		kb = kb_now;
	}
	return kb;
}

static void allow_files(unsigned count)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	if (limit.rlim_max < count + FILES_BESIDES || setrlimit(RLIMIT_NOFILE, &limit) != 0)
		die("%u sessions need more open files than the system allows", count);
}

void load_idle(const struct load_options *options)
{
	unsigned count = options->count, some = count / 10;
	allow_files(count);
	struct mqtt_loop loop;
	mqtt_loop_open(&loop, options->port, &peer_handler);
	struct peer *peers = mem_zero(count * sizeof *peers);
	for (unsigned i = 0; i < count; i++) {
		char name[32];
		snprintf(name, sizeof name, "idle%u", i);
		peer_init(&peers[i], options, name, options->mode == LOAD_CHAT ? &options->users.list[i] : NULL, SCENE_PAIR, i / 2);
		peers[i].reads = true;
	}
	peers_open(peers, some, &loop);
	long some_kb = settled_kb(&loop, options->broker_pid);
	peers_open(peers + some, count - some, &loop);
	long all_kb = settled_kb(&loop, options->broker_pid);
	printf("{\"sessions\": %u, \"rss_kb\": %ld, \"kb_per_session\": %.3f}\n", count, all_kb, (double)(all_kb - some_kb) / (count - some));
	peers_close(peers, count);
	free(peers);
	mqtt_loop_close(&loop);
}
