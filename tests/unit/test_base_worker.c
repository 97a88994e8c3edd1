/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * base/worker: order, bounds, the way back, the end. Meant to run under the thread sanitizer as well. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/worker.h"

enum { DEADLINE_S = 20 };

/* The loop of these tests: a semaphore as the bell. */
struct loop {
	sem_t bell;
	atomic_int rings;
	struct mailbox *mailbox;
	size_t done;
};

static void ring(void *context)
{
	struct loop *loop = context;
	atomic_fetch_add(&loop->rings, 1);
	sem_post(&loop->bell);
}

static void loop_init(struct loop *loop)
{
	*loop = (struct loop){0};
	sem_init(&loop->bell, 0, 0);
	loop->mailbox = mailbox_new(ring, loop);
}

static void loop_fini(struct loop *loop)
{
	mailbox_free(loop->mailbox);
	sem_destroy(&loop->bell);
}

static void wait_for(sem_t *sem)
{
	struct timespec deadline;
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += DEADLINE_S;
	if (sem_timedwait(sem, &deadline) != 0)
		fail_msg("nothing came within %d s", DEADLINE_S);
}

static void loop_until_done(struct loop *loop, size_t count)
{
	while (loop->done < count) {
		wait_for(&loop->bell);
		mailbox_run(loop->mailbox);
	}
}

/* A job that says where and when it ran. */
struct task {
	struct job job;
	struct loop *loop;
	atomic_int *clock;
	int number, ran_at, done_at;
	pthread_t ran_on;
	sem_t *started, *gate; /* NULL: does not wait */
};

static void task_run(struct job *job)
{
	struct task *task = (struct task *)job;
	if (task->started)
		sem_post(task->started);
	if (task->gate)
		sem_wait(task->gate);
	task->ran_on = pthread_self();
	task->ran_at = atomic_fetch_add(task->clock, 1);
}

static void task_done(struct job *job)
{
	struct task *task = (struct task *)job;
	task->done_at = (int)task->loop->done++;
}

static void tasks_init(struct task *tasks, size_t count, struct loop *loop, atomic_int *clock)
{
	for (size_t i = 0; i < count; i++)
		tasks[i] = (struct task){.job = {.run = task_run, .done = task_done}, .loop = loop, .clock = clock, .number = (int)i};
}

static void one_thread_keeps_the_order_there_and_back(void **state)
{
	(void)state;
	struct loop loop;
	loop_init(&loop);
	atomic_int clock = 0;
	struct task tasks[500];
	tasks_init(tasks, 500, &loop, &clock);
	struct workers *workers = workers_start(loop.mailbox, "t", 1, 500);
	for (size_t i = 0; i < 500; i++)
		assert_true(workers_add(workers, &tasks[i].job));
	loop_until_done(&loop, 500);
	for (int i = 0; i < 500; i++) {
		assert_int_equal(tasks[i].ran_at, i);
		assert_int_equal(tasks[i].done_at, i);
		assert_true(!pthread_equal(tasks[i].ran_on, pthread_self()));
	}
	workers_stop(workers);
	loop_fini(&loop);
}

static void a_full_queue_gives_the_job_back(void **state)
{
	(void)state;
	struct loop loop;
	loop_init(&loop);
	atomic_int clock = 0;
	sem_t started, gate;
	sem_init(&started, 0, 0);
	sem_init(&gate, 0, 0);
	struct task tasks[5];
	tasks_init(tasks, 5, &loop, &clock);
	tasks[0].started = &started;
	tasks[0].gate = &gate;
	struct workers *workers = workers_start(loop.mailbox, "t", 1, 3);
	assert_true(workers_add(workers, &tasks[0].job));
	wait_for(&started); /* so it does not count as waiting any more */
	for (int i = 1; i <= 3; i++)
		assert_true(workers_add(workers, &tasks[i].job));
	assert_int_equal(workers_load(workers), 4);
	assert_false(workers_add(workers, &tasks[4].job));
	sem_post(&gate);
	loop_until_done(&loop, 4);
	assert_true(workers_add(workers, &tasks[4].job)); /* room again */
	loop_until_done(&loop, 5);
	workers_stop(workers);
	sem_destroy(&started);
	sem_destroy(&gate);
	loop_fini(&loop);
}

static void many_threads_run_each_job_once_and_at_the_same_time(void **state)
{
	(void)state;
	enum { THREADS = 4, COUNT = 2000 };
	struct loop loop;
	loop_init(&loop);
	atomic_int clock = 0;
	sem_t started, gate;
	sem_init(&started, 0, 0);
	sem_init(&gate, 0, 0);
	struct task *tasks = mem_zero(COUNT * sizeof *tasks);
	tasks_init(tasks, COUNT, &loop, &clock);
	for (int i = 0; i < THREADS; i++) {
		tasks[i].started = &started;
		tasks[i].gate = &gate;
	}
	struct workers *workers = workers_start(loop.mailbox, "t", THREADS, COUNT);
	for (size_t i = 0; i < COUNT; i++)
		assert_true(workers_add(workers, &tasks[i].job));
	for (int i = 0; i < THREADS; i++)
		wait_for(&started); /* all threads are inside a job: only true if they work side by side */
	for (int i = 0; i < THREADS; i++)
		sem_post(&gate);
	loop_until_done(&loop, COUNT);
	unsigned char seen[COUNT] = {0};
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(seen[tasks[i].ran_at]++, 0);
	workers_stop(workers);
	free(tasks);
	sem_destroy(&started);
	sem_destroy(&gate);
	loop_fini(&loop);
}

static void stopping_runs_what_waits_and_takes_no_more(void **state)
{
	(void)state;
	struct loop loop;
	loop_init(&loop);
	atomic_int clock = 0;
	struct task tasks[300];
	tasks_init(tasks, 300, &loop, &clock);
	struct workers *workers = workers_start(loop.mailbox, "t", 2, 300);
	for (size_t i = 0; i < 300; i++)
		assert_true(workers_add(workers, &tasks[i].job));
	workers_stop(workers);
	assert_int_equal(atomic_load(&clock), 300);
	assert_int_equal(mailbox_run(loop.mailbox), 300);
	assert_int_equal(loop.done, 300);
	loop_fini(&loop);
}

static void the_bell_rings_once_until_the_mailbox_was_emptied(void **state)
{
	(void)state;
	struct loop loop;
	loop_init(&loop);
	atomic_int clock = 0;
	struct task tasks[4];
	tasks_init(tasks, 4, &loop, &clock);
	for (int i = 0; i < 3; i++)
		mailbox_post(loop.mailbox, &tasks[i].job);
	assert_int_equal(atomic_load(&loop.rings), 1);
	assert_int_equal(mailbox_run(loop.mailbox), 3);
	assert_int_equal(mailbox_run(loop.mailbox), 0);
	mailbox_post(loop.mailbox, &tasks[3].job);
	assert_int_equal(atomic_load(&loop.rings), 2);
	assert_int_equal(mailbox_run(loop.mailbox), 1);
	assert_int_equal(tasks[3].done_at, 3);
	loop_fini(&loop);
}

/* A done that posts again: it must come in the next run, not make this one endless. */
static void repost(struct job *job)
{
	struct task *task = (struct task *)job;
	task->loop->done++;
	mailbox_post(task->loop->mailbox, job);
}

static void what_a_done_posts_comes_in_the_next_run(void **state)
{
	(void)state;
	struct loop loop;
	loop_init(&loop);
	struct task task = {.job = {.done = repost}, .loop = &loop};
	mailbox_post(loop.mailbox, &task.job);
	assert_int_equal(mailbox_run(loop.mailbox), 1);
	assert_int_equal(mailbox_run(loop.mailbox), 1);
	task.job.done = task_done;
	assert_int_equal(mailbox_run(loop.mailbox), 1);
	assert_int_equal(mailbox_run(loop.mailbox), 0);
	assert_int_equal(loop.done, 3);
	loop_fini(&loop);
}

/* A first job that takes the even ones behind it. */
struct taker {
	struct job job;
	struct workers *workers;
	struct loop *loop;
	sem_t *started, *gate;
	int taken;
};

static bool is_even(const struct job *job, void *context)
{
	(void)context;
	return job->run == task_run && ((const struct task *)job)->number % 2 == 0;
}

static void taker_run(struct job *job)
{
	struct taker *taker = (struct taker *)job;
	sem_post(taker->started);
	sem_wait(taker->gate);
	for (struct job *next; (next = workers_take(taker->workers, is_even, NULL)) != NULL; taker->taken++)
		mailbox_post(taker->loop->mailbox, next);
}

static void taker_done(struct job *job)
{
	((struct taker *)job)->loop->done++;
}

static void a_job_takes_what_waits_behind_it_up_to_the_first_it_does_not_accept(void **state)
{
	(void)state;
	struct loop loop;
	loop_init(&loop);
	atomic_int clock = 0;
	sem_t started, gate;
	sem_init(&started, 0, 0);
	sem_init(&gate, 0, 0);
	struct workers *workers = workers_start(loop.mailbox, "t", 1, 10);
	struct taker taker = {.job = {.run = taker_run, .done = taker_done}, .workers = workers, .loop = &loop, .started = &started,
		.gate = &gate};
	struct task tasks[4];
	tasks_init(tasks, 4, &loop, &clock);
	tasks[1].number = 4;
	tasks[2].number = 5; /* odd: stays, and so does what is behind it */
	tasks[3].number = 6;
	assert_true(workers_add(workers, &taker.job));
	wait_for(&started);
	for (int i = 0; i < 4; i++)
		assert_true(workers_add(workers, &tasks[i].job));
	sem_post(&gate);
	loop_until_done(&loop, 5);
	assert_int_equal(taker.taken, 2);
	assert_int_equal(atomic_load(&clock), 2); /* the other two ran by themselves, */
	assert_int_equal(tasks[2].ran_at, 0);     /* in their order */
	assert_int_equal(tasks[3].ran_at, 1);
	workers_stop(workers);
	sem_destroy(&started);
	sem_destroy(&gate);
	loop_fini(&loop);
}

struct mask_probe {
	struct job job;
	sigset_t mask;
	char name[16];
};

static void mask_run(struct job *job)
{
	struct mask_probe *probe = (struct mask_probe *)job;
	pthread_sigmask(SIG_BLOCK, NULL, &probe->mask);
	pthread_getname_np(pthread_self(), probe->name, sizeof probe->name);
}

static void mask_done(struct job *job)
{
	(void)job;
}

static void workers_have_a_name_and_block_the_hosts_signals(void **state)
{
	(void)state;
	struct loop loop;
	loop_init(&loop);
	struct mask_probe probe = {.job = {.run = mask_run, .done = mask_done}};
	struct workers *workers = workers_start(loop.mailbox, "hc-reader", 1, 1);
	assert_true(workers_add(workers, &probe.job));
	workers_stop(workers);
	assert_int_equal(mailbox_run(loop.mailbox), 1);
	static const int signals[] = {SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGCHLD, SIGPIPE};
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		assert_true(sigismember(&probe.mask, signals[i]) == 1);
	assert_string_equal(probe.name, "hc-reader");
	sigset_t own;
	pthread_sigmask(SIG_BLOCK, NULL, &own);
	assert_int_equal(sigismember(&own, SIGHUP), 0); /* and the loop's mask is as it was */
	loop_fini(&loop);
}

/* A job whose completion asks for another one. */
struct asking {
	struct job job;
	struct workers *workers;
	struct job *next;
	bool refused;
};

static void do_nothing(struct job *job)
{
	(void)job;
}

static void asking_done(struct job *job)
{
	struct asking *asking = (struct asking *)job;
	asking->refused = !workers_add(asking->workers, asking->next);
}

static void a_completion_that_asks_for_more_at_the_end_is_refused(void **state)
{
	(void)state;
	struct loop loop;
	loop_init(&loop);
	atomic_int clock = 0;
	struct task next;
	tasks_init(&next, 1, &loop, &clock);
	struct workers *workers = workers_start(loop.mailbox, "t", 2, 4);
	struct asking asking = {.job = {.run = do_nothing, .done = asking_done}, .workers = workers, .next = &next.job};
	assert_true(workers_add(workers, &asking.job));
	workers_finish(workers);
	assert_int_equal(mailbox_run(loop.mailbox), 1);
	assert_true(asking.refused);
	assert_int_equal(atomic_load(&clock), 0);
	workers_stop(workers);
	loop_fini(&loop);
}

static void stopping_nothing_is_fine(void **state)
{
	(void)state;
	workers_finish(NULL);
	workers_stop(NULL);
	mailbox_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_thread_keeps_the_order_there_and_back),
		cmocka_unit_test(a_full_queue_gives_the_job_back),
		cmocka_unit_test(many_threads_run_each_job_once_and_at_the_same_time),
		cmocka_unit_test(stopping_runs_what_waits_and_takes_no_more),
		cmocka_unit_test(the_bell_rings_once_until_the_mailbox_was_emptied),
		cmocka_unit_test(what_a_done_posts_comes_in_the_next_run),
		cmocka_unit_test(a_job_takes_what_waits_behind_it_up_to_the_first_it_does_not_accept),
		cmocka_unit_test(workers_have_a_name_and_block_the_hosts_signals),
		cmocka_unit_test(a_completion_that_asks_for_more_at_the_end_is_refused),
		cmocka_unit_test(stopping_nothing_is_fine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
