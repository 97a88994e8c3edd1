/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * An MQTT 3.1.1 client for load. One thread; blocks in mqtt_loop_run and in the TCP handshake only. */
#include "bench/mqtt.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/scene.h"

enum { READ_SIZE = 65536, EVENTS_MAX = 256, KEEPALIVE_S = 600 };

enum packet { CONNECT = 1, CONNACK = 2, PUBLISH = 3, PUBACK = 4, SUBSCRIBE = 8, SUBACK = 9, PINGREQ = 12, PINGRESP = 13, DISCONNECT = 14 };

void mqtt_loop_open(struct mqtt_loop *loop, unsigned port, const struct mqtt_handler *handler)
{
	*loop = (struct mqtt_loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC), .port = port, .handler = handler};
	if (loop->epoll_fd < 0)
		die("epoll: %s", strerror(errno));
	prctl(PR_SET_TIMERSLACK, 1000ul); /* nanoseconds: wake when a message is due, not 50 µs later */
}

void mqtt_loop_close(struct mqtt_loop *loop)
{
	close(loop->epoll_fd);
	buf_fini(&loop->in);
}

/* ---- writing ---- */

static void add_u16(struct buf *out, size_t number)
{
	const char bytes[] = {(char)(number >> 8), (char)number};
	buf_add(out, bytes, sizeof bytes);
}

static void add_string(struct buf *out, const char *text)
{
	size_t len = strlen(text);
	add_u16(out, len);
	buf_add(out, text, len);
}

static void add_header(struct buf *out, enum packet packet, unsigned flags, size_t remaining)
{
	buf_add_char(out, (char)(packet << 4 | flags));
	do {
		unsigned seven = remaining & 127;
		remaining >>= 7;
		buf_add_char(out, (char)(remaining > 0 ? seven | 128 : seven));
	} while (remaining > 0);
}

static uint16_t next_packet_id(struct mqtt_client *client)
{
	if (++client->packet_id == 0)
		client->packet_id = 1;
	return client->packet_id;
}

static void set_wants_write(struct mqtt_client *client, bool wants)
{
	if (client->wants_write == wants)
		return;
	struct epoll_event event = {.events = EPOLLIN | (wants ? (unsigned)EPOLLOUT : 0u), .data.ptr = client};
	if (epoll_ctl(client->loop->epoll_fd, EPOLL_CTL_MOD, client->fd, &event) != 0)
		die("epoll: %s", strerror(errno));
	client->wants_write = wants;
}

void mqtt_flush(struct mqtt_client *client)
{
	struct buf *out = &client->out;
	while (client->out_sent < out->len) {
		ssize_t sent = send(client->fd, out->data + client->out_sent, out->len - client->out_sent, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN) {
			set_wants_write(client, true);
			return;
		}
		if (sent < 0)
			die("%s: send: %s", client->name, strerror(errno));
		client->out_sent += (size_t)sent;
	}
	buf_clear(out);
	client->out_sent = 0;
	set_wants_write(client, false);
}

void mqtt_publish(struct mqtt_client *client, const char *topic, const char *payload, size_t len)
{
	size_t topic_len = strlen(topic);
	add_header(&client->out, PUBLISH, 1 << 1, 2 + topic_len + 2 + len);
	add_u16(&client->out, topic_len);
	buf_add(&client->out, topic, topic_len);
	add_u16(&client->out, next_packet_id(client));
	buf_add(&client->out, payload, len);
}

void mqtt_subscribe(struct mqtt_client *client, const char *filter)
{
	add_header(&client->out, SUBSCRIBE, 2, 2 + 2 + strlen(filter) + 1);
	add_u16(&client->out, next_packet_id(client));
	add_string(&client->out, filter);
	buf_add_char(&client->out, 1);
	mqtt_flush(client);
}

void mqtt_ping(struct mqtt_client *client)
{
	add_header(&client->out, PINGREQ, 0, 0);
	mqtt_flush(client);
}

static void add_connect(struct mqtt_client *client, const struct mqtt_login *login)
{
	struct buf *out = &client->out;
	bool named = login->username != NULL;
	size_t credentials = named ? 2 + strlen(login->username) + 2 + strlen(login->password) : 0;
	add_header(out, CONNECT, 0, 10 + 2 + strlen(login->client_id) + credentials);
	add_string(out, "MQTT");
	buf_add_char(out, 4); /* 3.1.1 */
	buf_add_char(out, (char)((login->clean_session ? 0x02 : 0) | (named ? 0xC0 : 0)));
	add_u16(out, KEEPALIVE_S);
	add_string(out, login->client_id);
	if (named) {
		add_string(out, login->username);
		add_string(out, login->password);
	}
}

/* ---- opening and closing ---- */

static int connect_tcp(unsigned port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
		die("connect to port %u: %s", port, strerror(errno));
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		die("fcntl: %s", strerror(errno));
	return fd;
}

void mqtt_open(struct mqtt_client *client, struct mqtt_loop *loop, const struct mqtt_login *login)
{
	*client = (struct mqtt_client){.loop = loop, .name = login->client_id, .fd = connect_tcp(loop->port)};
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) != 0)
		die("epoll: %s", strerror(errno));
	add_connect(client, login);
	mqtt_flush(client);
}

void mqtt_close(struct mqtt_client *client)
{
	add_header(&client->out, DISCONNECT, 0, 0);
	mqtt_flush(client);
	close(client->fd);
	buf_fini(&client->rest);
	buf_fini(&client->out);
}

/* ---- reading ---- */

static void on_publish(struct mqtt_client *client, unsigned flags, const char *packet, size_t len, int64_t now_us)
{
	size_t topic_len = len < 2 ? 0 : (size_t)(unsigned char)packet[0] << 8 | (unsigned char)packet[1];
	size_t payload_at = 2 + topic_len;
	bool wants_ack = (flags >> 1 & 3) == 1;
	if (wants_ack && payload_at + 2 <= len) {
		add_header(&client->out, PUBACK, 0, 2);
		buf_add(&client->out, packet + payload_at, 2);
		payload_at += 2;
	}
	if (payload_at > len)
		die("%s: a PUBLISH that is shorter than it says", client->name);
	client->loop->handler->delivered(client, packet + payload_at, len - payload_at, now_us);
}

static void on_packet(struct mqtt_client *client, unsigned char type, const char *packet, size_t len, int64_t now_us)
{
	const struct mqtt_handler *handler = client->loop->handler;
	switch (type >> 4) {
	case PUBLISH:
		on_publish(client, type & 15, packet, len, now_us);
		return;
	case PUBACK:
		handler->acked(client);
		return;
	case CONNACK:
		if (len != 2 || packet[1] != 0)
			die("%s: CONNECT was refused with code %d", client->name, len == 2 ? packet[1] : -1);
		handler->connected(client, packet[0] & 1);
		return;
	case SUBACK:
		if (len != 3 || (unsigned char)packet[2] > 2)
			die("%s: SUBSCRIBE was refused", client->name);
		handler->subscribed(client);
		return;
	case PINGRESP:
		handler->pong(client, now_us);
		return;
	default:
		die("%s: an unexpected packet of type %d", client->name, type >> 4);
	}
}

/* Returns the length of the whole packet at the start of `bytes`, 0 when not all of it is there; *header_len gets its header's. */
static size_t packet_len(const char *bytes, size_t len, size_t *header_len)
{
	size_t remaining = 0;
	for (size_t i = 1; i < len && i <= 4; i++) {
		remaining |= (size_t)(bytes[i] & 127) << (7 * (i - 1));
		if ((bytes[i] & 128) == 0) {
			*header_len = i + 1;
			return len - i - 1 >= remaining ? i + 1 + remaining : 0;
		}
	}
	return 0;
}

/* Handles the whole packets in `in`; returns how many bytes they were. */
static size_t read_packets(struct mqtt_client *client, const struct buf *in)
{
	int64_t now_us = clock_mono_us();
	size_t at = 0, header_len, len;
	while ((len = packet_len(in->data + at, in->len - at, &header_len)) > 0) {
		const char *packet = in->data + at;
		on_packet(client, (unsigned char)packet[0], packet + header_len, len - header_len, now_us);
		at += len;
	}
	return at;
}

static void client_read(struct mqtt_client *client)
{
	struct buf *in = &client->loop->in;
	ssize_t got;
	do {
		buf_clear(in);
		buf_add(in, client->rest.data, client->rest.len);
		buf_reserve(in, READ_SIZE);
		got = recv(client->fd, in->data + in->len, READ_SIZE, 0);
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0)
			die("%s: the broker closed the connection%s%s", client->name, got < 0 ? ": " : "", got < 0 ? strerror(errno) : "");
		in->len += (size_t)got;
		size_t used = read_packets(client, in);
		buf_clear(&client->rest);
		buf_add(&client->rest, in->data + used, in->len - used);
	} while (got == READ_SIZE);
}

bool mqtt_loop_run(struct mqtt_loop *loop, int64_t until_us)
{
	int64_t wait_us = until_us - clock_mono_us();
	if (wait_us < 0)
		wait_us = 0;
	struct timespec timeout = {.tv_sec = wait_us / 1000000, .tv_nsec = wait_us % 1000000 * 1000};
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_pwait2(loop->epoll_fd, events, EVENTS_MAX, &timeout, NULL);
	if (count < 0 && errno != EINTR)
		die("epoll: %s", strerror(errno));
	for (int i = 0; i < count; i++) {
		struct mqtt_client *client = events[i].data.ptr;
		if (events[i].events & ~(unsigned)EPOLLOUT)
			client_read(client);
		mqtt_flush(client);
	}
	return count > 0;
}
