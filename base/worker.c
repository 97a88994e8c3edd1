/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Worker threads and the way back to the loop. One lock each for queue and mailbox; neither is held while calling out, nor both at
 * once. */
#include "base/worker.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

struct list {
	struct job *first;
	struct job **last;
};

static void list_init(struct list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void list_add(struct list *list, struct job *job)
{
	job->next = NULL;
	*list->last = job;
	list->last = &job->next;
}

static struct job *list_take(struct list *list)
{
	struct job *job = list->first;
	list->first = job->next;
	if (list->first == NULL)
		list->last = &list->first;
	return job;
}

struct mailbox {
	pthread_mutex_t lock;
	struct list jobs;
	void (*ring)(void *context);
	void *context;
};

struct mailbox *mailbox_new(void (*ring)(void *context), void *context)
{
	struct mailbox *mailbox = mem_zero(sizeof *mailbox);
	pthread_mutex_init(&mailbox->lock, NULL);
	list_init(&mailbox->jobs);
	mailbox->ring = ring;
	mailbox->context = context;
	return mailbox;
}

void mailbox_post(struct mailbox *mailbox, struct job *job)
{
	pthread_mutex_lock(&mailbox->lock);
	bool was_empty = mailbox->jobs.first == NULL;
	list_add(&mailbox->jobs, job);
	pthread_mutex_unlock(&mailbox->lock);
	if (was_empty)
		mailbox->ring(mailbox->context);
}

size_t mailbox_run(struct mailbox *mailbox)
{
	pthread_mutex_lock(&mailbox->lock);
	struct job *job = mailbox->jobs.first;
	list_init(&mailbox->jobs);
	pthread_mutex_unlock(&mailbox->lock);
	size_t count = 0;
	for (struct job *next; job != NULL; job = next, count++) {
		next = job->next;
		job->done(job);
	}
	return count;
}

void mailbox_free(struct mailbox *mailbox)
{
	if (mailbox == NULL)
		return;
	assert(mailbox->jobs.first == NULL);
	pthread_mutex_destroy(&mailbox->lock);
	free(mailbox);
}

struct workers {
	struct mailbox *mailbox;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct list jobs;
	size_t queued, running, queue_max;
	bool stopping;
	unsigned thread_count;
	pthread_t threads[];
};

static void *workers_main(void *arg)
{
	struct workers *workers = arg;
	pthread_mutex_lock(&workers->lock);
	for (;;) {
		while (workers->queued == 0 && !workers->stopping)
			pthread_cond_wait(&workers->work, &workers->lock);
		if (workers->queued == 0)
			break;
		struct job *job = list_take(&workers->jobs);
		workers->queued--;
		workers->running++;
		pthread_mutex_unlock(&workers->lock);
		job->run(job);
		mailbox_post(workers->mailbox, job);
		pthread_mutex_lock(&workers->lock);
		workers->running--;
	}
	pthread_mutex_unlock(&workers->lock);
	return NULL;
}

struct workers *workers_start(struct mailbox *mailbox, const char *name, unsigned thread_count, size_t queue_max)
{
	struct workers *workers = mem_zero(sizeof *workers + thread_count * sizeof workers->threads[0]);
	workers->mailbox = mailbox;
	workers->queue_max = queue_max;
	pthread_mutex_init(&workers->lock, NULL);
	pthread_cond_init(&workers->work, NULL);
	list_init(&workers->jobs);
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (workers->thread_count < thread_count) {
		pthread_t *thread = &workers->threads[workers->thread_count];
		if (pthread_create(thread, NULL, workers_main, workers) != 0)
			break;
		pthread_setname_np(*thread, name);
		workers->thread_count++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (workers->thread_count < thread_count) {
		workers_stop(workers);
		return NULL;
	}
	return workers;
}

bool workers_add(struct workers *workers, struct job *job)
{
	pthread_mutex_lock(&workers->lock);
	bool room = !workers->stopping && workers->queued < workers->queue_max;
	if (room) {
		list_add(&workers->jobs, job);
		workers->queued++;
		pthread_cond_signal(&workers->work);
	}
	pthread_mutex_unlock(&workers->lock);
	return room;
}

size_t workers_load(struct workers *workers)
{
	pthread_mutex_lock(&workers->lock);
	size_t load = workers->queued + workers->running;
	pthread_mutex_unlock(&workers->lock);
	return load;
}

struct job *workers_take(struct workers *workers, bool (*accept)(const struct job *job, void *context), void *context)
{
	struct job *job = NULL;
	pthread_mutex_lock(&workers->lock);
	if (workers->queued > 0 && accept(workers->jobs.first, context)) {
		job = list_take(&workers->jobs);
		workers->queued--;
	}
	pthread_mutex_unlock(&workers->lock);
	return job;
}

void workers_finish(struct workers *workers)
{
	if (workers == NULL)
		return;
	pthread_mutex_lock(&workers->lock);
	workers->stopping = true;
	pthread_cond_broadcast(&workers->work);
	pthread_mutex_unlock(&workers->lock);
	for (unsigned i = 0; i < workers->thread_count; i++)
		pthread_join(workers->threads[i], NULL);
	workers->thread_count = 0;
}

void workers_stop(struct workers *workers)
{
	if (workers == NULL)
		return;
	workers_finish(workers);
	pthread_cond_destroy(&workers->work);
	pthread_mutex_destroy(&workers->lock);
	free(workers);
}
