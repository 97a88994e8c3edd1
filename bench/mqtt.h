/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BENCH_MQTT_H
#define HC_BENCH_MQTT_H
/* Just enough of an MQTT 3.1.1 client to load a broker: CONNECT, SUBSCRIBE and PUBLISH at QoS 1, many clients on one thread and one
 * epoll. It must cost less than the broker. Whatever the protocol or the
 * network does wrong ends the program. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct mqtt_client;

struct mqtt_handler {
	/* None of these may close a client. */
	void (*connected)(struct mqtt_client *client, bool session_present);
	void (*subscribed)(struct mqtt_client *client);
	void (*acked)(struct mqtt_client *client); /* a PUBACK of what it published */
	void (*delivered)(struct mqtt_client *client, const char *payload, size_t len, int64_t now_us);
	void (*pong)(struct mqtt_client *client, int64_t now_us); /* for those who call mqtt_ping */
};

struct mqtt_loop {
	int epoll_fd;
	unsigned port; /* on 127.0.0.1 */
	const struct mqtt_handler *handler;
	struct buf in; /* what is being read, of one client at a time: idle ones hold no buffer */
};

/* Belongs to the caller, who embeds it; between mqtt_open and mqtt_close it may not move. */
struct mqtt_client {
	struct mqtt_loop *loop;
	const char *name; /* its client ID, the caller's; for messages */
	int fd;
	uint16_t packet_id;
	bool wants_write; /* EPOLLOUT is asked for */
	struct buf rest;  /* the start of a packet whose end has not come yet */
	struct buf out;
	size_t out_sent;
};

struct mqtt_login {
	const char *client_id;
	const char *username; /* NULL: neither username nor password */
	const char *password;
	bool clean_session;
};

void mqtt_loop_open(struct mqtt_loop *loop, unsigned port, const struct mqtt_handler *handler);
void mqtt_loop_close(struct mqtt_loop *loop);

/* Handles what has come in, waiting for it until until_us (monotonic; the past: not at all). false: nothing had come by then. */
bool mqtt_loop_run(struct mqtt_loop *loop, int64_t until_us);

/* Connects, blocking for the TCP handshake only, and sends CONNECT. */
void mqtt_open(struct mqtt_client *client, struct mqtt_loop *loop, const struct mqtt_login *login);
/* Sends DISCONNECT and closes. */
void mqtt_close(struct mqtt_client *client);

void mqtt_subscribe(struct mqtt_client *client, const char *filter);
void mqtt_ping(struct mqtt_client *client);

/* Buffers a PUBLISH; mqtt_flush sends what is buffered, the rest as soon as the socket takes it. */
void mqtt_publish(struct mqtt_client *client, const char *topic, const char *payload, size_t len);
void mqtt_flush(struct mqtt_client *client);

#endif
