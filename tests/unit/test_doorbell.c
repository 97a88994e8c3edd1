/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The doorbell in loops that look like the broker's: an epoll instance with a listening socket whose data points to an int 1. The real
 * brokers are in test_doorbell_broker.c. Meant to run under the thread sanitizer as well. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "plugin/broker/doorbell.h"

enum { DEADLINE_MS = 20000 };

/* ---- a loop like the broker's ---- */

struct listener {
	int kind;
};

struct world {
	int epoll_fd, listener_fd;
	int wait_fd; /* what the loop really waits on */
	struct listener listener;
	struct doorbell *doorbell;
};

static char last_line[200];

static void keep_line(const char *line)
{
	snprintf(last_line, sizeof last_line, "%s", line);
}

static int listening_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct sockaddr_un address = {.sun_family = AF_UNIX}; /* a name of the kernel's choice */
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address.sun_family), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static int epoll_with(int fd, void *data)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
	assert_true(epoll_fd >= 0);
	assert_int_equal(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
	return epoll_fd;
}

static void begin(struct world *world, enum doorbell_mode mode, int minor, int revision, int kind)
{
	*world = (struct world){.listener = {kind}};
	last_line[0] = '\0';
	world->listener_fd = listening_socket();
	world->epoll_fd = world->wait_fd = epoll_with(world->listener_fd, &world->listener);
	const struct doorbell_conf conf = {.mode = mode, .version = {2, minor, revision}, .log = keep_line};
	world->doorbell = doorbell_new(&conf);
	assert_non_null(world->doorbell);
}

static void end(struct world *world)
{
	doorbell_free(world->doorbell);
	if (world->wait_fd != world->epoll_fd)
		close(world->wait_fd);
	close(world->epoll_fd);
	close(world->listener_fd);
}

/* One round of the loop: sleeps until somebody rings. What an event of ours points to must look like nobody. */
static void wait_and_tick(struct world *world)
{
	struct epoll_event event;
	int count = epoll_wait(world->wait_fd, &event, 1, DEADLINE_MS);
	if (count == 0)
		fail_msg("nobody rang within %d ms", DEADLINE_MS);
	if (count < 0)
		assert_int_equal(errno, EINTR);
	else
		assert_int_equal(((const struct listener *)event.data.ptr)->kind, 0);
	doorbell_tick(world->doorbell);
}

static void tick_until_settled(struct world *world)
{
	doorbell_tick(world->doorbell);
	while (strcmp(doorbell_way(world->doorbell), "starting") == 0)
		wait_and_tick(world);
}

/* ---- somebody who rings from elsewhere, and waits to be served ---- */

struct visitor {
	struct doorbell *doorbell;
	unsigned rings;
	unsigned seed;
	atomic_uint *asked;
	sem_t served;
};

static void *visit(void *arg)
{
	struct visitor *visitor = arg;
	for (unsigned i = 0; i < visitor->rings; i++) {
		const struct timespec gap = {0, rand_r(&visitor->seed) % 300000}; /* now and then the loop gets to sleep, now and then not */
		nanosleep(&gap, NULL);
		atomic_fetch_add(visitor->asked, 1);
		doorbell_ring(visitor->doorbell);
		sem_wait(&visitor->served);
	}
	return NULL;
}

enum { VISITORS = 3 };

static void assert_all_are_served(struct world *world, unsigned rings)
{
	atomic_uint asked[VISITORS];
	struct visitor visitors[VISITORS];
	pthread_t threads[VISITORS];
	for (unsigned i = 0; i < VISITORS; i++) {
		atomic_init(&asked[i], 0);
		visitors[i] = (struct visitor){.doorbell = world->doorbell, .rings = rings, .seed = i, .asked = &asked[i]};
		sem_init(&visitors[i].served, 0, 0);
		assert_int_equal(pthread_create(&threads[i], NULL, visit, &visitors[i]), 0);
	}
	for (unsigned served = 0; served < VISITORS * rings;) {
		wait_and_tick(world);
		for (unsigned i = 0; i < VISITORS; i++)
			if (atomic_exchange(&asked[i], 0) > 0) {
				sem_post(&visitors[i].served);
				served++;
			}
	}
	for (unsigned i = 0; i < VISITORS; i++) {
		pthread_join(threads[i], NULL);
		sem_destroy(&visitors[i].served);
	}
}

/* ---- the tests ---- */

static void the_brokers_epoll_is_found_and_every_ring_served(void **state)
{
	(void)state;
	static const struct {
		int minor, revision, kind;
	} cases[] = {{0, 11, 1}, {0, 22, 3}, {1, 2, 1}};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct world world;
		begin(&world, DOORBELL_AUTO, cases[i].minor, cases[i].revision, cases[i].kind);
		tick_until_settled(&world);
		assert_string_equal(doorbell_way(world.doorbell), "epoll");
		assert_string_equal(last_line, "doorbell: by epoll");
		assert_all_are_served(&world, 300);
		end(&world);
	}
}

static void assert_settles_on_signal(struct world *world, const char *why)
{
	tick_until_settled(world);
	assert_string_equal(doorbell_way(world->doorbell), "signal");
	if (strstr(last_line, why) == NULL)
		fail_msg("'%s' does not say '%s'", last_line, why);
	assert_all_are_served(world, 100);
	end(world);
}

static void the_signal_serves_every_ring_when_configured(void **state)
{
	(void)state;
	struct world world;
	begin(&world, DOORBELL_SIGNAL, 0, 11, 1);
	assert_settles_on_signal(&world, "configured");
}

static void a_version_nobody_tried_gets_the_signal(void **state)
{
	(void)state;
	static const int versions[][2] = {{0, 10}, {0, 23}, {2, 0}};
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		struct world world;
		begin(&world, DOORBELL_AUTO, versions[i][0], versions[i][1], 1);
		assert_settles_on_signal(&world, "not tried");
	}
}

static void an_epoll_that_is_not_mosquittos_gets_the_signal(void **state)
{
	(void)state;
	struct world world;
	begin(&world, DOORBELL_AUTO, 0, 11, 7); /* its listener is of no known kind */
	assert_settles_on_signal(&world, "not found");

	begin(&world, DOORBELL_AUTO, 0, 11, 1);
	struct epoll_event wild = {.events = EPOLLIN, .data.ptr = (void *)16}; /* must not be followed blindly */
	assert_int_equal(epoll_ctl(world.epoll_fd, EPOLL_CTL_MOD, world.listener_fd, &wild), 0);
	assert_settles_on_signal(&world, "not found");
}

static void two_epolls_that_look_alike_get_the_signal(void **state)
{
	(void)state;
	struct world world;
	begin(&world, DOORBELL_AUTO, 0, 11, 1);
	int other_fd = epoll_with(world.listener_fd, &world.listener);
	assert_settles_on_signal(&world, "not found");
	close(other_fd);
}

/* The loop ticks, but by another epoll: the start-up test must see through that, and end though the loop would sleep for long. */
static void a_loop_that_does_not_hear_the_eventfd_gets_the_signal(void **state)
{
	(void)state;
	struct world world;
	begin(&world, DOORBELL_AUTO, 1, 0, 1);
	world.wait_fd = epoll_create1(EPOLL_CLOEXEC);
	for (int i = 0; i < 5; i++)
		doorbell_tick(world.doorbell);
	assert_string_equal(doorbell_way(world.doorbell), "starting");
	assert_settles_on_signal(&world, "did not hear");
}

static void a_ring_before_the_first_tick_is_served(void **state)
{
	(void)state;
	struct world world;
	begin(&world, DOORBELL_AUTO, 0, 11, 1);
	doorbell_ring(world.doorbell);
	wait_and_tick(&world);
	tick_until_settled(&world);
	end(&world);
}

static void rings_during_the_start_up_test_are_served(void **state)
{
	(void)state;
	for (int round = 0; round < 20; round++) {
		struct world world;
		begin(&world, DOORBELL_AUTO, 1, 0, 1);
		assert_all_are_served(&world, 5);
		end(&world);
	}
}

static bool would_sleep(const struct world *world)
{
	struct epoll_event event;
	return epoll_wait(world->wait_fd, &event, 1, 0) == 0;
}

static void settle_and_go_to_sleep(struct world *world)
{
	tick_until_settled(world);
	while (!would_sleep(world))
		doorbell_tick(world->doorbell);
}

static void the_loop_is_woken_after_publishing_only_where_it_needs_it(void **state)
{
	(void)state;
	struct world world;
	begin(&world, DOORBELL_AUTO, 1, 2, 1);
	settle_and_go_to_sleep(&world);
	doorbell_ring_from_loop(world.doorbell);
	wait_and_tick(&world);
	end(&world);

	begin(&world, DOORBELL_AUTO, 0, 21, 1);
	settle_and_go_to_sleep(&world);
	doorbell_ring_from_loop(world.doorbell);
	assert_true(would_sleep(&world));
	end(&world);
}

static void rings_before_a_tick_are_one(void **state)
{
	(void)state;
	struct world world;
	begin(&world, DOORBELL_AUTO, 0, 21, 1);
	settle_and_go_to_sleep(&world);
	for (int i = 0; i < 1000; i++)
		doorbell_ring(world.doorbell);
	wait_and_tick(&world);
	assert_true(would_sleep(&world));
	end(&world);
}

/* In a process of its own, since the failure would be its death by signal. A signal is still on its way when the bell is freed. */
static void ring_and_free(void)
{
	const struct doorbell_conf conf = {.mode = DOORBELL_SIGNAL, .version = {2, 0, 11}, .log = keep_line};
	struct doorbell *doorbell = doorbell_new(&conf);
	if (doorbell == NULL)
		_exit(2);
	sigset_t bell, pending;
	sigemptyset(&bell);
	sigaddset(&bell, SIGRTMIN + 1);
	pthread_sigmask(SIG_BLOCK, &bell, NULL);
	doorbell_ring(doorbell);
	do
		sigpending(&pending);
	while (!sigismember(&pending, SIGRTMIN + 1));
	doorbell_free(doorbell);
	pthread_sigmask(SIG_UNBLOCK, &bell, NULL);
	struct sigaction now;
	sigaction(SIGRTMIN + 1, NULL, &now);
	_exit(now.sa_handler == SIG_DFL ? 0 : 3);
}

static void freeing_while_it_rings_harms_nobody(void **state)
{
	(void)state;
	doorbell_free(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(DEADLINE_MS / 1000);
		ring_and_free();
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_brokers_epoll_is_found_and_every_ring_served),
		cmocka_unit_test(the_signal_serves_every_ring_when_configured),
		cmocka_unit_test(a_version_nobody_tried_gets_the_signal),
		cmocka_unit_test(an_epoll_that_is_not_mosquittos_gets_the_signal),
		cmocka_unit_test(two_epolls_that_look_alike_get_the_signal),
		cmocka_unit_test(a_loop_that_does_not_hear_the_eventfd_gets_the_signal),
		cmocka_unit_test(a_ring_before_the_first_tick_is_served),
		cmocka_unit_test(rings_during_the_start_up_test_are_served),
		cmocka_unit_test(the_loop_is_woken_after_publishing_only_where_it_needs_it),
		cmocka_unit_test(rings_before_a_tick_are_one),
		cmocka_unit_test(freeing_while_it_rings_harms_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
