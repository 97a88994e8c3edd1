/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BASE_WORKER_H
#define HC_BASE_WORKER_H
/* From the loop to a worker and back: everything that can block runs here.
 *
 * A `struct mailbox` belongs to the loop (the broker's thread). A `struct workers` is a few named threads with one bounded queue; jobs run
 * in the order they came (with one thread: strictly one after the other) and come back to the mailbox, which calls `ring` when it
 * stops being empty. The loop then calls mailbox_run, which takes the whole list under the lock and calls each job's `done` without it.
 *
 * A job is embedded as the first member of the caller's own struct. It carries IDs and copies, never a pointer into the loop's state. */

#include <stdbool.h>
#include <stddef.h>

struct job {
	void (*run)(struct job *job);  /* worker thread; may block; may touch only what the job owns or what is made for many threads */
	void (*done)(struct job *job); /* loop thread; owns the job afterwards and frees it */
	struct job *next;              /* the queue's */
};

struct mailbox;
struct workers;

/* ring(context) is called on a worker thread, once for each time that the mailbox stops being empty. */
struct mailbox *mailbox_new(void (*ring)(void *context), void *context);

/* Runs the done of all jobs that have come back; returns how many. Loop thread. Never blocks (the lock is held for a pointer swap). */
size_t mailbox_run(struct mailbox *mailbox);

/* Puts a job that needs no worker straight into the mailbox. Any thread. */
void mailbox_post(struct mailbox *mailbox, struct job *job);

/* After the last workers_stop. Jobs that were not run through mailbox_run are a leak: run it first. */
void mailbox_free(struct mailbox *mailbox);

/* Starts thread_count threads named `name` (at most 15 characters) with all signals blocked.
 * queue_max bounds what waits. NULL when a thread cannot be started. */
struct workers *workers_start(struct mailbox *mailbox, const char *name, unsigned thread_count, size_t queue_max);

/* false: the queue is full or the workers are stopping; the job is still the caller's. Never blocks. Loop thread. */
bool workers_add(struct workers *workers, struct job *job);

/* Queued and running jobs, finished ones not counted. Any thread. */
size_t workers_load(struct workers *workers);

/* For a single thread that serves many jobs in one go (one commit for all): a job's run may take what waits behind it.
 * Returns the next queued job if accept(job, context) says so and takes it out of the queue, else NULL. The taker sees to it
 * that it comes back by mailbox_post. Worker thread, inside run. */
struct job *workers_take(struct workers *workers, bool (*accept)(const struct job *job, void *context), void *context);

/* Takes no new jobs, runs what is queued, joins the threads; workers_add says false from then on, so that mailbox_run can see to completions
 * that ask for more. Loop thread; blocks as long as the jobs do. NULL is fine. */
void workers_finish(struct workers *workers);

/* The same, unless it was done, and frees. */
void workers_stop(struct workers *workers);

#endif
