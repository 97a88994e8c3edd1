/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Waking the broker's loop. doorbell_ring on any thread, ringer_main on the ringer's, the rest on the broker's.
 *
 * `pending` is set by the first ring and cleared by the tick, before the tick's owner looks at what was posted: so a ring is never lost,
 * and a busy loop is rung once per round and not once per completion.
 *
 * Where the epoll is ours to use, three things were checked first: the version; an epoll instance whose listening socket carries data
 * that points to an int of 1 or 3 (the first member of what Mosquitto registers is its kind: 1 listener, 2 client, 3 WebSockets listener);
 * and, at start, that our one-shot event was taken out of it by somebody's epoll_wait within 50 ms. The event's data points to a block
 * of zeros: kind 0 is none, the loop's branches pass over it and the tick follows. */
#include "plugin/broker/doorbell.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

enum { TEST_MS = 50, GAP_FIRST_US = 50, GAP_MAX_US = 1000 };

enum way {
	WAY_STARTING, /* before the first tick */
	WAY_TESTING,  /* the one-shot event is in the broker's epoll */
	WAY_SIGNAL,
	WAY_EPOLL,
};

struct doorbell {
	struct doorbell_conf conf;
	atomic_bool pending;
	atomic_int way; /* written on the broker's thread */
	int event_fd, epoll_fd; /* once opened, event_fd stays open: a ring under way may have chosen it */
	int64_t test_until_ms; /* under lock */
	struct sigaction old_action;
	pthread_t broker, ringer;
	pthread_mutex_t lock; /* for the ringer's sleep */
	pthread_cond_t wake;
	bool stopping;
};

/* What the broker finds behind our event. Static, so that it is there whatever the order of the ends of plugin and loop. */
static struct {
	int kind;
	char rest[4096];
} nobody;

/* ---- the signal ---- */

static int bell_signal(void)
{
	return SIGRTMIN + 1; /* SIGRTMIN itself rotates 2.1's log */
}

static void handle_nothing(int signal_number)
{
	(void)signal_number;
}

static void sleep_us(long us)
{
	const struct timespec gap = {0, us * 1000};
	nanosleep(&gap, NULL);
}

/* Until the tick has come. EAGAIN from pthread_kill means that so many are queued already that one more changes nothing. */
static void ring_by_signal(struct doorbell *doorbell)
{
	for (long gap_us = GAP_FIRST_US; atomic_load(&doorbell->pending); gap_us = gap_us * 2 < GAP_MAX_US ? gap_us * 2 : GAP_MAX_US) {
		pthread_kill(doorbell->broker, bell_signal());
		sleep_us(gap_us);
	}
}

static bool must_ring(struct doorbell *doorbell)
{
	return atomic_load(&doorbell->pending) && atomic_load(&doorbell->way) != WAY_EPOLL;
}

/* With the lock held. true: the start-up test has run out of time, and the loop must be told, though it does not hear the eventfd. */
static bool test_is_over(struct doorbell *doorbell)
{
	return atomic_load(&doorbell->way) == WAY_TESTING && clock_mono_ms() >= doorbell->test_until_ms;
}

static void ringer_wait(struct doorbell *doorbell)
{
	if (atomic_load(&doorbell->way) != WAY_TESTING) {
		pthread_cond_wait(&doorbell->wake, &doorbell->lock);
		return;
	}
	const struct timespec until = {doorbell->test_until_ms / 1000, doorbell->test_until_ms % 1000 * 1000000};
	pthread_cond_timedwait(&doorbell->wake, &doorbell->lock, &until);
}

static void *ringer_main(void *arg)
{
	struct doorbell *doorbell = arg;
	pthread_mutex_lock(&doorbell->lock);
	while (!doorbell->stopping) {
		if (test_is_over(doorbell))
			atomic_store(&doorbell->pending, true);
		if (!must_ring(doorbell)) {
			ringer_wait(doorbell);
			continue;
		}
		pthread_mutex_unlock(&doorbell->lock);
		ring_by_signal(doorbell);
		pthread_mutex_lock(&doorbell->lock);
	}
	pthread_mutex_unlock(&doorbell->lock);
	return NULL;
}

static void ringer_wake(struct doorbell *doorbell)
{
	pthread_mutex_lock(&doorbell->lock);
	pthread_cond_signal(&doorbell->wake);
	pthread_mutex_unlock(&doorbell->lock);
}

/* ---- finding the broker's epoll ---- */

/* An int of our own memory, at an address that may be anything: a bad one is an error here and not a fault. -1: unreadable. */
static int int_at(uintptr_t address)
{
	int value = -1;
	struct iovec here = {&value, sizeof value}, there = {(void *)address, sizeof value};
	return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == (ssize_t)sizeof value ? value : -1;
}

static bool is_listening(int fd)
{
	int listening = 0;
	socklen_t len = sizeof listening;
	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening;
}

struct watched {
	int fd;
	unsigned events;
	unsigned long long data;
};

/* One "tfd:" line of an epoll's fdinfo at a time. */
static bool next_watched(FILE *info, struct watched *watched)
{
	char line[256];
	while (fgets(line, sizeof line, info))
		if (sscanf(line, "tfd: %d events: %x data: %llx", &watched->fd, &watched->events, &watched->data) == 3)
			return true;
	return false;
}

static FILE *open_info(int fd)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	return fopen(path, "re");
}

static bool watches_a_listener_of_mosquitto(int epoll_fd)
{
	FILE *info = open_info(epoll_fd);
	bool found = false;
	struct watched watched;
	while (info && !found && next_watched(info, &watched)) {
		int kind = is_listening(watched.fd) ? int_at((uintptr_t)watched.data) : -1;
		found = kind == 1 || kind == 3;
	}
	if (info)
		fclose(info);
	return found;
}

static bool is_epoll(DIR *fds, const char *name)
{
	char target[32];
	ssize_t len = readlinkat(dirfd(fds), name, target, sizeof target - 1);
	if (len < 0)
		return false;
	target[len] = '\0';
	return strcmp(target, "anon_inode:[eventpoll]") == 0;
}

/* -1: none, or more than one that could be it. */
static int find_epoll(void)
{
	DIR *fds = opendir("/proc/self/fd");
	if (fds == NULL)
		return -1;
	int found = -1, count = 0;
	for (const struct dirent *entry; (entry = readdir(fds)) != NULL;) {
		if (!is_epoll(fds, entry->d_name) || !watches_a_listener_of_mosquitto(atoi(entry->d_name)))
			continue;
		found = atoi(entry->d_name);
		count++;
	}
	closedir(fds);
	return count == 1 ? found : -1;
}

static bool version_was_tried(const int version[3])
{
	if (version[0] != 2)
		return false;
	return version[1] == 1 || (version[1] == 0 && version[2] >= 11 && version[2] <= 22);
}

/* ---- the start-up test ---- */

static void set_way(struct doorbell *doorbell, enum way way)
{
	pthread_mutex_lock(&doorbell->lock); /* so that the ringer does not fall asleep between its look and this */
	atomic_store(&doorbell->way, way);
	pthread_cond_signal(&doorbell->wake);
	pthread_mutex_unlock(&doorbell->lock);
}

static void settle_on_signal(struct doorbell *doorbell, const char *why)
{
	set_way(doorbell, WAY_SIGNAL);
	if (doorbell->epoll_fd >= 0 && doorbell->event_fd >= 0)
		epoll_ctl(doorbell->epoll_fd, EPOLL_CTL_DEL, doorbell->event_fd, NULL); /* not there is as good as taken out */
	char line[160];
	snprintf(line, sizeof line, "doorbell: by signal (%s)", why);
	doorbell->conf.log(line);
}

static bool watch(struct doorbell *doorbell, int operation, uint32_t extra)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET | extra, .data.ptr = &nobody};
	return epoll_ctl(doorbell->epoll_fd, operation, doorbell->event_fd, &event) == 0;
}

static void write_event(struct doorbell *doorbell)
{
	/* EAGAIN would mean 2^64 - 1 rings that nobody read, which still wake. */
	const uint64_t one = 1;
	if (write(doorbell->event_fd, &one, sizeof one) < 0 && errno != EAGAIN)
		abort();
}

static void begin_test(struct doorbell *doorbell)
{
	if (doorbell->conf.mode == DOORBELL_SIGNAL) {
		settle_on_signal(doorbell, "as configured");
		return;
	}
	if (!version_was_tried(doorbell->conf.version)) {
		settle_on_signal(doorbell, "the epoll way was not tried on this version of Mosquitto");
		return;
	}
	doorbell->epoll_fd = find_epoll();
	doorbell->event_fd = doorbell->epoll_fd < 0 ? -1 : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (doorbell->event_fd < 0 || !watch(doorbell, EPOLL_CTL_ADD, EPOLLONESHOT)) {
		settle_on_signal(doorbell, "the broker's epoll was not found");
		return;
	}
	pthread_mutex_lock(&doorbell->lock);
	doorbell->test_until_ms = clock_mono_ms() + TEST_MS;
	pthread_mutex_unlock(&doorbell->lock);
	set_way(doorbell, WAY_TESTING);
	write_event(doorbell);
}

/* The kernel disarms a one-shot event when epoll_wait has handed it out: the broker's loop has really seen it, whatever else made it
 * tick. */
static bool event_was_taken(const struct doorbell *doorbell)
{
	FILE *info = open_info(doorbell->epoll_fd);
	bool taken = false;
	struct watched watched;
	while (info && next_watched(info, &watched))
		if (watched.fd == doorbell->event_fd)
			taken = !(watched.events & EPOLLIN);
	if (info)
		fclose(info);
	return taken;
}

static void go_on_with_test(struct doorbell *doorbell)
{
	if (!event_was_taken(doorbell)) {
		if (clock_mono_ms() >= doorbell->test_until_ms)
			settle_on_signal(doorbell, "the broker did not hear the epoll way");
		return;
	}
	/* In this order: arming reports at once what was rung until then, be it by the ringer or into the event. */
	set_way(doorbell, WAY_EPOLL);
	if (watch(doorbell, EPOLL_CTL_MOD, 0))
		doorbell->conf.log("doorbell: by epoll");
	else
		settle_on_signal(doorbell, "the broker's epoll has changed");
}

/* ---- the bell ---- */

void doorbell_ring(struct doorbell *doorbell)
{
	if (atomic_exchange(&doorbell->pending, true))
		return;
	if (atomic_load(&doorbell->way) == WAY_EPOLL)
		write_event(doorbell);
	else
		ringer_wake(doorbell);
}

void doorbell_tick(struct doorbell *doorbell)
{
	atomic_store(&doorbell->pending, false);
	enum way way = (enum way)atomic_load(&doorbell->way);
	if (way == WAY_STARTING)
		begin_test(doorbell);
	else if (way == WAY_TESTING)
		go_on_with_test(doorbell);
}

void doorbell_ring_from_loop(struct doorbell *doorbell)
{
	if (doorbell->conf.version[0] > 2 || doorbell->conf.version[1] >= 1)
		doorbell_ring(doorbell);
}

const char *doorbell_way(const struct doorbell *doorbell)
{
	int way = atomic_load(&doorbell->way);
	return way == WAY_EPOLL ? "epoll" : way == WAY_SIGNAL ? "signal" : "starting";
}

static bool ringer_start(struct doorbell *doorbell)
{
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&doorbell->wake, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&doorbell->lock, NULL);
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	bool started = pthread_create(&doorbell->ringer, NULL, ringer_main, doorbell) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (started)
		pthread_setname_np(doorbell->ringer, "hc-doorbell");
	return started;
}

static void doorbell_fini(struct doorbell *doorbell)
{
	pthread_cond_destroy(&doorbell->wake);
	pthread_mutex_destroy(&doorbell->lock);
	/* Ignoring first drops signals that are still on their way: the old action may be the default one, death. */
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigaction(bell_signal(), &ignore, NULL);
	sigaction(bell_signal(), &doorbell->old_action, NULL);
	free(doorbell);
}

struct doorbell *doorbell_new(const struct doorbell_conf *conf)
{
	struct doorbell *doorbell = mem_zero(sizeof *doorbell);
	doorbell->conf = *conf;
	doorbell->event_fd = doorbell->epoll_fd = -1;
	doorbell->broker = pthread_self();
	const struct sigaction action = {.sa_handler = handle_nothing, .sa_flags = SA_RESTART}; /* epoll_wait ends with EINTR nevertheless */
	sigaction(bell_signal(), &action, &doorbell->old_action);
	if (ringer_start(doorbell))
		return doorbell;
	doorbell_fini(doorbell);
	return NULL;
}

void doorbell_free(struct doorbell *doorbell)
{
	if (doorbell == NULL)
		return;
	atomic_store(&doorbell->pending, false);
	pthread_mutex_lock(&doorbell->lock);
	doorbell->stopping = true;
	pthread_cond_signal(&doorbell->wake);
	pthread_mutex_unlock(&doorbell->lock);
	pthread_join(doorbell->ringer, NULL);
	if (doorbell->event_fd >= 0)
		close(doorbell->event_fd);
	doorbell_fini(doorbell);
}
