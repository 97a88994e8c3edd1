/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a connected client that does nothing costs: the broker's resident memory with many sessions, less that with a tenth of them, so
 * that what it needs once does not count. Every one is subscribed, and in HyperChat has a chat with another. One thread. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "bench/load.h"
#include "bench/peer.h"
#include "bench/resident.h"

enum { FILES_BESIDES = 50 };

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
	long some_kb = resident_settled_kb(options->broker_pid, &loop);
	peers_open(peers + some, count - some, &loop);
	long all_kb = resident_settled_kb(options->broker_pid, &loop);
	printf("{\"sessions\": %u, \"rss_kb\": %ld, \"kb_per_session\": %.3f}\n", count, all_kb, (double)(all_kb - some_kb) / (count - some));
	peers_close(peers, count);
	free(peers);
	mqtt_loop_close(&loop);
}
