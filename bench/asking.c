/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A chat list of somebody with very many chats: ListChats, one request after the other. One thread. */
#include <stdio.h>

#include "base/clock.h"
#include "bench/guest.h"
#include "bench/histogram.h"
#include "bench/load.h"

enum { REQUESTS = 500, PATIENCE_US = 10 * 1000 * 1000 };

void load_list(const struct load_options *options)
{
	static struct histogram latency;
	static const char arguments[] = "{\"pageSize\":20}";
	struct mqtt_loop loop;
	struct guest guest;
	mqtt_loop_open(&loop, options->port, &guest_handler);
	guest_init(&guest, &options->users.list[0], "asking", "hc/me/reply/#");
	guests_open(&guest, 1, &loop);
	for (unsigned i = 0; i < REQUESTS; i++) {
		char topic[64];
		snprintf(topic, sizeof topic, "hc/rpc/ListChats/%u", i);
		int64_t start_us = clock_mono_us();
		uint64_t before = guest.packets;
		mqtt_publish(&guest.mqtt, topic, arguments, sizeof arguments - 1);
		mqtt_flush(&guest.mqtt);
		while (guest.packets == before)
			if (!mqtt_loop_run(&loop, start_us + PATIENCE_US))
				die("ListChats: no answer within 10 s");
		histogram_add(&latency, clock_mono_us() - start_us);
	}
	printf("{\"requests\": %d, \"p50_us\": %.0f, \"p99_us\": %.0f}\n", REQUESTS, histogram_quantile(&latency, 0.5), histogram_quantile(&latency, 0.99));
	guests_close(&guest, 1);
	mqtt_loop_close(&loop);
}
