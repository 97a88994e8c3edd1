/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * One thread that calls back at a time. The lock is not held while calling out. */
#include "base/timer.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"

struct timer {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	int64_t at_ms; /* 0: not set */
	bool stopping;
	void (*fire)(void *context);
	void *context;
};

static void wait_until(struct timer *timer, int64_t at_ms)
{
	struct timespec at = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000};
	if (at_ms == 0)
		pthread_cond_wait(&timer->changed, &timer->lock);
	else
		pthread_cond_timedwait(&timer->changed, &timer->lock, &at);
}

static void *timer_main(void *arg)
{
	struct timer *timer = arg;
	pthread_mutex_lock(&timer->lock);
	while (!timer->stopping) {
		if (timer->at_ms == 0 || clock_mono_ms() < timer->at_ms) {
			wait_until(timer, timer->at_ms);
			continue;
		}
		timer->at_ms = 0;
		pthread_mutex_unlock(&timer->lock);
		timer->fire(timer->context);
		pthread_mutex_lock(&timer->lock);
	}
	pthread_mutex_unlock(&timer->lock);
	return NULL;
}

struct timer *timer_start(void (*fire)(void *context), void *context)
{
	struct timer *timer = mem_zero(sizeof *timer);
	timer->fire = fire;
	timer->context = context;
	pthread_mutex_init(&timer->lock, NULL);
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&timer->changed, &attr);
	pthread_condattr_destroy(&attr);
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = pthread_create(&timer->thread, NULL, timer_main, timer);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc == 0) {
		pthread_setname_np(timer->thread, "hc-timer");
		return timer;
	}
	pthread_cond_destroy(&timer->changed);
	pthread_mutex_destroy(&timer->lock);
	free(timer);
	return NULL;
}

void timer_set(struct timer *timer, int64_t at_ms)
{
	pthread_mutex_lock(&timer->lock);
	if (timer->at_ms == 0 || at_ms < timer->at_ms) {
		timer->at_ms = at_ms;
		pthread_cond_signal(&timer->changed);
	}
	pthread_mutex_unlock(&timer->lock);
}

void timer_stop(struct timer *timer)
{
	if (timer == NULL)
		return;
	pthread_mutex_lock(&timer->lock);
	timer->stopping = true;
	pthread_cond_signal(&timer->changed);
	pthread_mutex_unlock(&timer->lock);
	pthread_join(timer->thread, NULL);
	pthread_cond_destroy(&timer->changed);
	pthread_mutex_destroy(&timer->lock);
	free(timer);
}
