/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BENCH_GUEST_H
#define HC_BENCH_GUEST_H
/* One of very many clients of HyperChat: it logs in, subscribes to one filter, and counts lines. (peer.h checks every line; a crowd of
 * thousands has to cost less than that.) Failures end the program. One thread. */

#include <stdbool.h>
#include <stdint.h>

#include "bench/load.h"
#include "bench/mqtt.h"

struct guest;

/* A message that was sent by scene_body_write has come. */
typedef void guest_heard(struct guest *guest, int64_t sent_at_us, int64_t now_us);

struct guest {
	struct mqtt_client mqtt; /* first, so that one is the other */
	const struct user *user;
	const char *filter; /* NULL: none */
	bool clean_session;
	char client_id[160];
	bool connected, subscribed;
	uint64_t lines, packets; /* delivered */
	uint64_t acks;           /* of what it published */
	uint64_t lines_due;      /* served once so many lines have come */
	int64_t opened_at_us, served_at_us; /* 0: not yet */
	guest_heard *heard;
	void *context;
};

extern const struct mqtt_handler guest_handler;

void guest_init(struct guest *guest, const struct user *user, const char *device, const char *filter);
void guest_open(struct guest *guest, struct mqtt_loop *loop);

/* Opens all of them as fast as the broker's listen queue allows, and waits until each is served; dies where nothing happens for 30 s. */
void guests_open(struct guest *guests, size_t count, struct mqtt_loop *loop);
void guests_close(struct guest *guests, size_t count);

/* Waits until the condition holds; dies with `what` if that takes 30 s. */
void guests_wait(struct mqtt_loop *loop, bool (*done)(void *context), void *context, const char *what);

#endif
