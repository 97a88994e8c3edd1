/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_DOORBELL_H
#define HC_BROKER_DOORBELL_H
/* Wakes the broker's loop from another thread, so that the next TICK comes within microseconds.
 *
 * The loop sleeps in epoll_wait for up to 100 ms (2.1 without WebSockets: up to a day), and Mosquitto offers no way to end that. There
 * are two of ours:
 *   epoll   an eventfd of ours in the broker's own epoll instance. Leans on the host's internals, so it is used only on versions on which
 *           it was tried (2.0.11 to 2.0.22, 2.1.x), and only after the broker was seen to take an event from it.
 *   signal  SIGRTMIN+1 to the broker's thread, which ends epoll_wait with EINTR; repeated until the tick comes, because a signal that
 *           arrives just before epoll_wait ends nothing. For all other versions, and until the epoll was found to work.
 *
 * One doorbell in a process. new, tick, ring_from_loop and free on the broker's thread; ring on any. Nothing blocks but free (a join). */

#include <stdbool.h>

enum doorbell_mode {
	DOORBELL_AUTO,   /* epoll where it works, else signal */
	DOORBELL_SIGNAL,
};

struct doorbell_conf {
	enum doorbell_mode mode;
	int version[3]; /* of the broker: major, minor, revision */
	void (*log)(const char *line); /* what it settled on, and why: once or twice in a life. Broker's thread */
};

struct doorbell;

/* Installs the handler for SIGRTMIN+1 and starts the ringer thread. NULL: a thread cannot be started. */
struct doorbell *doorbell_new(const struct doorbell_conf *conf);

/* A tick will come. A ring while one is on its way is free. */
void doorbell_ring(struct doorbell *doorbell);

/* First thing in every TICK, before what was posted is looked at: a ring that comes later brings another tick. Makes the start-up test. */
void doorbell_tick(struct doorbell *doorbell);

/* Last thing in a TICK that published. On 2.1 the loop takes up what plugins published only after its next wait, so it must be woken
 * once more; on 2.0 it does so before, and nothing happens here. */
void doorbell_ring_from_loop(struct doorbell *doorbell);

/* "epoll", "signal", or "starting" until the start-up test is over. */
const char *doorbell_way(const struct doorbell *doorbell);

/* Joins the ringer and puts the old signal handler back. No ring may be under way or follow. NULL is fine. */
void doorbell_free(struct doorbell *doorbell);

#endif
