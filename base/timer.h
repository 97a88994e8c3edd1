/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BASE_TIMER_H
#define HC_BASE_TIMER_H
/* One thread that calls back at a time: for a loop that sleeps longer than somebody can wait. */

#include <stdint.h>

struct timer;

/* fire(context) is called on the timer's thread, once for each time that was set. NULL: the thread could not be started. */
struct timer *timer_start(void (*fire)(void *context), void *context);

/* Fires at at_ms (monotonic) at the latest; an earlier time that is set already stays. Any thread, never blocks for long. */
void timer_set(struct timer *timer, int64_t at_ms);

/* Joins the thread without firing. NULL is fine. */
void timer_stop(struct timer *timer);

#endif
