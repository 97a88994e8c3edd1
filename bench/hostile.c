/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * One client sends as fast as it can, or many come with tokens that are not valid, and others ask the broker for a sign of life: how long the PINGRESP takes, before and meanwhile. The one
 * who floods is a process of his own. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
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

/* ---- those without a valid token ---- */

enum { INTRUDERS = 64 };

/* Somebody's token whose signature is not the key's: the dearest kind of wrong, since everything else has to be checked first. */
static char *spoilt(const char *token)
{
	char *copy = mem_text(token);
	char *signature = strrchr(copy, '.') + 5;
	*signature = *signature == 'A' ? 'B' : 'A';
	return copy;
}

static void add_text(struct buf *packet, const char *text)
{
	size_t len = strlen(text);
	buf_add_char(packet, (char)(len >> 8));
	buf_add_char(packet, (char)len);
	buf_add(packet, text, len);
}

static struct buf connect_packet(const char *token)
{
	struct buf rest = BUF_EMPTY, packet = BUF_EMPTY;
	buf_add(&rest, "\0\4MQTT\4\xC2\0\x3C", 10);
	add_text(&rest, "intruder");
	add_text(&rest, "");
	add_text(&rest, token);
	buf_add_char(&packet, 0x10);
	for (size_t len = rest.len; len > 0; len >>= 7)
		buf_add_char(&packet, (char)((len & 127) | (len > 127 ? 128 : 0)));
	buf_add(&packet, rest.data, rest.len);
	buf_fini(&rest);
	return packet;
}

static int intrude(unsigned port, const struct buf *packet)
{
	const struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
		send(fd, packet->data, packet->len, MSG_NOSIGNAL) != (ssize_t)packet->len)
		die("an intruder cannot connect: %s", strerror(errno));
	return fd;
}

/* Never returns: sixty-four at a time, each refused before the next ones come. */
static _Noreturn void flood_logins(const struct load_options *options, atomic_ulong *count)
{
	char *token = spoilt(options->users.list[0].token);
	const struct buf packet = connect_packet(token);
	for (;;) {
		int fds[INTRUDERS];
		char answer[64];
		for (size_t i = 0; i < INTRUDERS; i++)
			fds[i] = intrude(options->port, &packet);
		for (size_t i = 0; i < INTRUDERS; i++) {
			ssize_t len = recv(fds[i], answer, sizeof answer, 0);
			if (len >= 4 && answer[3] == 0)
				die("an intruder was let in");
			close(fds[i]);
			atomic_fetch_add(count, 1);
		}
	}
}

/* ---- the scenarios ---- */

struct pingers {
	struct mqtt_loop loop;
	struct pinger list[PINGERS];
};

static struct pingers *pingers_open(const struct load_options *options)
{
	struct pingers *pingers = mem_zero(sizeof *pingers);
	mqtt_loop_open(&pingers->loop, options->port, &pinger_handler);
	for (size_t i = 0; i < PINGERS; i++)
		pinger_open(&pingers->list[i], options, i, &pingers->loop);
	return pingers;
}

static void pingers_close(struct pingers *pingers)
{
	for (size_t i = 0; i < PINGERS; i++)
		mqtt_close(&pingers->list[i].mqtt);
	mqtt_loop_close(&pingers->loop);
	free(pingers);
}

static pid_t fork_or_die(void)
{
	pid_t pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	return pid;
}

static void end_flood(pid_t pid)
{
	int status;
	bool flooding = waitpid(pid, &status, WNOHANG) == 0;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (!flooding)
		die("the client that floods was gone before the end");
}

static void print_pings(const struct histogram *before, const struct histogram *meanwhile)
{
	printf("\"idle_p99_us\": %.0f, \"p50_us\": %.0f, \"p99_us\": %.0f, \"added_p99_us\": %.0f}\n", histogram_quantile(before, 0.99),
		histogram_quantile(meanwhile, 0.5), histogram_quantile(meanwhile, 0.99),
		histogram_quantile(meanwhile, 0.99) - histogram_quantile(before, 0.99));
}

void load_hostile(const struct load_options *options)
{
	static struct histogram before, meanwhile;
	struct pingers *pingers = pingers_open(options);
	ping_for(pingers->list, &pingers->loop, options->warmup_s + 1, &before);
	pid_t pid = fork_or_die();
	if (pid == 0)
		flood(options);
	ping_for(pingers->list, &pingers->loop, options->seconds_s, &meanwhile);
	end_flood(pid);
	putchar('{');
	print_pings(&before, &meanwhile);
	pingers_close(pingers);
}

void load_intruders(const struct load_options *options)
{
	static struct histogram before, meanwhile;
	atomic_ulong *count = mmap(NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (count == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	struct pingers *pingers = pingers_open(options);
	ping_for(pingers->list, &pingers->loop, options->warmup_s + 1, &before);
	int64_t start_us = clock_mono_us();
	pid_t pid = fork_or_die();
	if (pid == 0)
		flood_logins(options, count);
	/* To the end of the time and of ten thousand, whichever comes later. */
	do
		ping_for(pingers->list, &pingers->loop, options->seconds_s, &meanwhile);
	while (atomic_load(count) < options->count && clock_mono_us() - start_us < 60 * 1000 * 1000);
	double seconds = (double)(clock_mono_us() - start_us) / 1e6;
	end_flood(pid);
	printf("{\"refused\": %lu, \"refused_per_s\": %.0f, ", atomic_load(count), (double)atomic_load(count) / seconds);
	print_pings(&before, &meanwhile);
	pingers_close(pingers);
	munmap(count, sizeof *count);
}
