/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * One client sends as fast as it can, and others ask the broker for a sign of life: how long the PINGRESP takes, before and meanwhile. The one
 * who floods is a process of his own. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "bench/histogram.h"
#include "bench/load.h"
#include "bench/peer.h"

enum { PINGERS = 20, PAUSE_US = 20 * 1000, FLOOD_BACKLOG = 256 * 1024 };

struct pinger {
	struct mqtt_client mqtt; /* first */
	char name[160];
	bool connected, waiting;
	int64_t asked_at_us;
	struct histogram *histogram;
};

static void on_connected(struct mqtt_client *client, bool session_present)
{
	(void)session_present;
	((struct pinger *)client)->connected = true;
}

static void on_pong(struct mqtt_client *client, int64_t now_us)
{
	struct pinger *pinger = (struct pinger *)client;
	pinger->waiting = false;
	histogram_add(pinger->histogram, now_us - pinger->asked_at_us);
}

static const struct mqtt_handler pinger_handler = {.connected = on_connected, .pong = on_pong};

static void pinger_open(struct pinger *pinger, const struct load_options *options, size_t index, struct mqtt_loop *loop)
{
	bool chat = options->mode == LOAD_CHAT;
	const struct user *user = chat ? &options->users.list[2 + index] : NULL;
	snprintf(pinger->name, sizeof pinger->name, "%s%spinger%zu", chat ? user->id : "", chat ? "/" : "", index);
	mqtt_open(&pinger->mqtt, loop,
		&(struct mqtt_login){.client_id = pinger->name, .username = chat ? "jwt" : NULL, .password = chat ? user->token : NULL, .clean_session = true});
	int64_t deadline_us = clock_mono_us() + 10 * 1000 * 1000;
	while (!pinger->connected && clock_mono_us() < deadline_us)
		mqtt_loop_run(loop, deadline_us);
	if (!pinger->connected)
		die("%s: no CONNACK within 10 s", pinger->name);
}

static void ping_for(struct pinger *pingers, struct mqtt_loop *loop, double seconds, struct histogram *histogram)
{
	int64_t end_us = clock_mono_us() + (int64_t)(seconds * 1e6), next_us = 0;
	for (int64_t now_us = clock_mono_us(); now_us < end_us; now_us = clock_mono_us()) {
		for (size_t i = 0; now_us >= next_us && i < PINGERS; i++) {
			pingers[i].histogram = histogram;
			if (pingers[i].waiting)
				continue;
			pingers[i].waiting = true;
			pingers[i].asked_at_us = now_us;
			mqtt_ping(&pingers[i].mqtt);
		}
		if (now_us >= next_us)
			next_us = now_us + PAUSE_US;
		mqtt_loop_run(loop, next_us);
	}
}

/* Never returns: everything that the socket takes. */
static _Noreturn void flood(const struct load_options *options)
{
	struct mqtt_loop loop;
	struct peer peer;
	mqtt_loop_open(&loop, options->port, &peer_handler);
	peer_init(&peer, options, "flood", options->mode == LOAD_CHAT ? &options->users.list[0] : NULL, SCENE_PAIR, 0);
	peers_open(&peer, 1, &loop);
	for (;;) {
		while (peer.mqtt.out.len - peer.mqtt.out_sent < FLOOD_BACKLOG)
			peer_say(&peer, clock_mono_us());
		mqtt_flush(&peer.mqtt);
		mqtt_loop_run(&loop, clock_mono_us() + 1000);
	}
}

void load_hostile(const struct load_options *options)
{
	static struct histogram before, meanwhile;
	struct mqtt_loop loop;
	struct pinger *pingers = mem_zero(PINGERS * sizeof *pingers);
	mqtt_loop_open(&loop, options->port, &pinger_handler);
	for (size_t i = 0; i < PINGERS; i++)
		pinger_open(&pingers[i], options, i, &loop);
	ping_for(pingers, &loop, options->warmup_s + 1, &before);
	pid_t pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0)
		flood(options);
	ping_for(pingers, &loop, options->seconds_s, &meanwhile);
	int status;
	bool flooding = waitpid(pid, &status, WNOHANG) == 0;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (!flooding)
		die("the client that floods was gone before the end");
	printf("{\"idle_p99_us\": %.0f, \"p50_us\": %.0f, \"p99_us\": %.0f, \"added_p99_us\": %.0f}\n", histogram_quantile(&before, 0.99),
		histogram_quantile(&meanwhile, 0.5), histogram_quantile(&meanwhile, 0.99),
		histogram_quantile(&meanwhile, 0.99) - histogram_quantile(&before, 0.99));
	for (size_t i = 0; i < PINGERS; i++)
		mqtt_close(&pingers[i].mqtt);
	free(pingers);
	mqtt_loop_close(&loop);
}
