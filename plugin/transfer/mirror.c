/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The mirror's thread: round by round it takes what Kafka reported, deals with what went wrong, lets each outbox go on, and sleeps until a
 * commit, a report or a timer wakes it. mirror_start, _committed and _stop are the loop's thread's.
 *
 * There are two producers: one for the transactions, whose order a refused record must not break, and one for everything else, where a refused
 * record must not stop the rest. A mirror that brings no transactions has the second alone. */
#include "plugin/transfer/mirror.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "plugin/transfer/mirror_inner.h"

enum {
	WAIT_MS = 1000,
	TROUBLE_MS = 200,
	RESTART_MS = 500,   /* between two beginnings of the producer */
	STOP_MS = 3000,     /* what is committed has to get to Kafka */
	STOP_STILL_MS = 700, /* … while something moves */
};

/* ---- what is said ---- */

void mirror_say(struct mirror *mirror, int level, const char *format, ...)
{
	char text[400];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	mirror->conf.log(mirror->conf.context, level, text);
}

void mirror_store_failed(struct mirror *mirror, const struct error *err)
{
	mirror->retry_ms = clock_mono_ms() + TROUBLE_MS;
	if (!mirror->store_said && !atomic_load(&mirror->stopping))
		mirror_say(mirror, 4, "the mirror cannot go on, trying again: %s", err->text);
	mirror->store_said = true;
}

void mirror_store_works(struct mirror *mirror)
{
	if (mirror->store_said)
		mirror_say(mirror, 5, "the mirror goes on");
	mirror->store_said = false;
}

/* ---- Kafka ---- */

static void came_back(struct mirror *mirror, uint64_t tag, bool main, enum kafka_result result, const char *reason)
{
	unsigned index = tag & (OUTBOX_MAX - 1);
	if (index < mirror->box_count)
		outbox_delivered(mirror->boxes[index], tag >> OUTBOX_BITS, main, result, reason);
}

static void transaction_came_back(void *context, uint64_t tag, enum kafka_result result, const char *reason)
{
	came_back(context, tag, true, result, reason);
}

static void other_came_back(void *context, uint64_t tag, enum kafka_result result, const char *reason)
{
	struct mirror *mirror = context;
	if (result == KAFKA_TOO_LARGE || (!mirror->conf.also_only && result != KAFKA_DELIVERED && result != KAFKA_RESTARTED))
		mirror_say_refused(mirror, "see docs/kafka.md", reason);
	if (tag == MIRROR_SIDE_TAG && result != KAFKA_DELIVERED)
		mirror->counts.refused_also++;
	if (result == KAFKA_NO_TOPIC)
		mirror->topics_known_count = 0;
	came_back(mirror, tag, false, result, reason);
}

static void producer_says(void *context, int level, const char *text)
{
	const struct mirror *mirror = context;
	mirror->conf.log(mirror->conf.context, level, text);
}

/* Of two, one says nothing: both see the same Kafka. */
static void producer_is_silent(void *context, int level, const char *text)
{
	(void)context;
	(void)level;
	(void)text;
}

static struct kafka *open_producer(struct mirror *mirror, bool main, struct error *err)
{
	const struct kafka_conf conf = {
		.servers = mirror->conf.servers,
		.properties = mirror->conf.properties,
		.property_count = mirror->conf.property_count,
		.ordered = main,
		.delivered = main ? transaction_came_back : other_came_back,
		.log = main || mirror->conf.also_only ? producer_says : producer_is_silent,
		.context = mirror,
	};
	struct kafka *kafka = kafka_open(&conf, err);
	if (kafka != NULL)
		kafka_wake_by(kafka, mirror->wake_fd);
	return kafka;
}

void mirror_sleep(struct mirror *mirror, int timeout_ms)
{
	struct pollfd wake = {.fd = mirror->wake_fd, .events = POLLIN};
	uint64_t count;
	if (poll(&wake, 1, timeout_ms) > 0 && read(mirror->wake_fd, &count, sizeof count) < 0 && errno != EAGAIN)
		mirror_say(mirror, 3, "the mirror's eventfd: %s", error_words(errno));
}

/* ---- a round ---- */

/* Anything that is not delivered makes a gap, which the producer of the transactions does not go beyond: it begins anew, and each outbox
 * with it, from its place. */
static void deal_with_trouble(struct mirror *mirror)
{
	bool side = kafka_is_broken(mirror->side), any = side || kafka_is_broken(mirror_producer(mirror)), wanted = false;
	for (size_t i = 0; i < mirror->box_count; i++) {
		any = any || mirror->boxes[i]->trouble != KAFKA_DELIVERED;
		wanted = wanted || mirror->boxes[i]->trouble == KAFKA_TOO_LARGE;
	}
	if (!any || clock_mono_ms() < mirror->retry_ms)
		return;
	mirror->counts.restarts++;
	if (mirror->kafka != NULL)
		kafka_restart(mirror->kafka);
	if (side || mirror->kafka == NULL)
		kafka_restart(mirror->side);
	if (!wanted)
		mirror->retry_ms = clock_mono_ms() + RESTART_MS;
	for (size_t i = 0; i < mirror->box_count; i++)
		outbox_settle(mirror->boxes[i]);
}

static enum step serve(struct outbox *box)
{
	struct mirror *mirror = box->mirror;
	int64_t now_ms = clock_mono_ms();
	box->wait_ms = WAIT_MS;
	if (now_ms < mirror->retry_ms || now_ms < box->again_ms)
		return STEP_TROUBLE;
	if (box->adopted && !box->leased && !mirror->conf.finish && !outbox_has_news(box)) {
		box->again_ms = now_ms + WAIT_MS;
		return STEP_WAIT;
	}
	if (!outbox_has_turn(box))
		return STEP_TROUBLE;
	if (outbox_turn_is_over(box) || (box->adopted && atomic_load(&mirror->stopping))) {
		if (outbox_in_flight(box) == 0)
			outbox_end_turn(box);
		return STEP_WAIT;
	}
	if (!outbox_find_place(box))
		return STEP_TROUBLE;
	enum step step = outbox_step(box);
	outbox_store_place(box, false);
	return step;
}

static void publish_stats(struct mirror *mirror, bool stuck)
{
	struct mirror_stats *counts = &mirror->counts;
	int64_t oldest_ms = 0, now_ms = clock_wall_ms();
	counts->in_flight = counts->lag = 0;
	for (size_t i = 0; i < mirror->box_count; i++) {
		const struct outbox *box = mirror->boxes[i];
		int64_t at_ms = 0;
		counts->in_flight += outbox_in_flight(box);
		counts->lag += outbox_lag(box, i == 0 ? atomic_load(&mirror->last_position) : 0, &at_ms);
		if (at_ms != 0 && (oldest_ms == 0 || at_ms < oldest_ms))
			oldest_ms = at_ms;
	}
	counts->lag_ms = oldest_ms == 0 || oldest_ms > now_ms ? 0 : now_ms - oldest_ms;
	counts->holds_lease = mirror->boxes[0]->leased;
	counts->stuck = stuck;
	pthread_mutex_lock(&mirror->stats_lock);
	mirror->stats = *counts;
	pthread_mutex_unlock(&mirror->stats_lock);
}

/* Returns how long it may sleep, in ms. */
static int go_round(struct mirror *mirror)
{
	int wait_ms = WAIT_MS;
	bool stuck = false;
	if (mirror->kafka != NULL)
		kafka_poll(mirror->kafka);
	kafka_poll(mirror->side);
	deal_with_trouble(mirror);
	mirror_look_for_side_topic(mirror);
	mirror_look_for_others(mirror);
	for (size_t i = 0; i < mirror->box_count; i++) {
		enum step step = serve(mirror->boxes[i]);
		int box_ms = step == STEP_MORE ? 0 : step == STEP_TROUBLE ? TROUBLE_MS : mirror->boxes[i]->wait_ms;
		stuck = stuck || (step == STEP_TROUBLE && i == 0);
		wait_ms = box_ms < wait_ms ? box_ms : wait_ms;
	}
	if (mirror->conf.idle != NULL && !atomic_load(&mirror->stopping))
		mirror->conf.idle(mirror->conf.context, mirror);
	publish_stats(mirror, stuck);
	return wait_ms;
}

/* ---- the thread ---- */

static bool all_is_done(const struct mirror *mirror)
{
	for (size_t i = 0; i < mirror->box_count; i++) {
		const struct outbox *box = mirror->boxes[i];
		bool left_to_others = box->adopted && !mirror->conf.finish && outbox_in_flight(box) == 0;
		if (!left_to_others && !outbox_is_finished(box))
			return false;
	}
	return true;
}

/* What is too young to be looked at is not waited for: the next start does. */
static bool has_sent_all(const struct mirror *mirror)
{
	for (size_t i = 0; i < mirror->box_count; i++)
		if (outbox_in_flight(mirror->boxes[i]) > 0)
			return false;
	return mirror->conf.delay_ms > 0 || all_is_done(mirror);
}

/* When the broker stops: all is delivered, or Kafka does not take it at the moment and the next start goes on. */
static bool may_stop(struct mirror *mirror)
{
	int64_t now_ms = clock_mono_ms();
	if (mirror->stop_ms == 0) {
		mirror->stop_ms = mirror->progress_ms = now_ms;
		mirror->boxes[0]->at_end = false; /* what was committed last is looked for once more */
		mirror->progress = mirror->counts.delivered;
		return false;
	}
	if (mirror->counts.delivered != mirror->progress) {
		mirror->progress = mirror->counts.delivered;
		mirror->progress_ms = now_ms;
	}
	return has_sent_all(mirror) || now_ms - mirror->stop_ms > STOP_MS || now_ms - mirror->progress_ms > STOP_STILL_MS;
}

static bool is_at_its_end(struct mirror *mirror)
{
	if (atomic_load(&mirror->stopping))
		return may_stop(mirror);
	return mirror->conf.finish && all_is_done(mirror);
}

/* The pause under load: commits do not end it. */
static void pause_for(int ms)
{
	const struct timespec pause = {.tv_nsec = ms * 1000000L};
	nanosleep(&pause, NULL);
}

static void *mirror_main(void *arg)
{
	struct mirror *mirror = arg;
	enum { PAUSE_MS = 5 };
	while (!is_at_its_end(mirror)) {
		int wait_ms = go_round(mirror);
		if (wait_ms > 0 && wait_ms <= PAUSE_MS)
			pause_for(wait_ms);
		else if (wait_ms > 0)
			mirror_sleep(mirror, atomic_load(&mirror->stopping) && wait_ms > TROUBLE_MS / 4 ? TROUBLE_MS / 4 : wait_ms);
		atomic_store(&mirror->awake, false);
	}
	bool whole = all_is_done(mirror);
	for (size_t i = 0; i < mirror->box_count; i++)
		outbox_end_turn(mirror->boxes[i]);
	publish_stats(mirror, false);
	atomic_store(&mirror->done, whole);
	return NULL;
}

/* ---- the loop's side ---- */

static void wake(struct mirror *mirror)
{
	static const uint64_t one = 1;
	ssize_t written = write(mirror->wake_fd, &one, sizeof one);
	(void)written; /* the counter is full: it is awake */
}

void mirror_committed(struct mirror *mirror, uint64_t last_position)
{
	atomic_store(&mirror->last_position, last_position);
	if (!atomic_exchange(&mirror->awake, true))
		wake(mirror);
}

bool mirror_is_done(struct mirror *mirror)
{
	return atomic_load(&mirror->done);
}

bool mirror_is_stopping(const struct mirror *mirror)
{
	return atomic_load(&mirror->stopping);
}

void mirror_stats(struct mirror *mirror, struct mirror_stats *stats)
{
	pthread_mutex_lock(&mirror->stats_lock);
	*stats = mirror->stats;
	pthread_mutex_unlock(&mirror->stats_lock);
}

static void copy_conf(struct mirror_conf *to, const struct mirror_conf *from)
{
	*to = *from;
	to->writer = mem_text(from->writer);
	to->holder = mem_text(from->holder);
	to->epoch = mem_text(from->epoch);
	to->servers = mem_text(from->servers);
	to->kind = mem_text(from->kind);
	to->what = mem_text(from->what);
	to->topic = mem_text(from->topic);
	to->side_topic = mem_text(from->side_topic);
	to->properties = NULL; /* the producers have copies of their own */
	to->property_count = 0;
}

static void mirror_free(struct mirror *mirror)
{
	kafka_close(mirror->kafka);
	kafka_close(mirror->side);
	for (size_t i = 0; i < mirror->box_count; i++)
		outbox_free(mirror->boxes[i]);
	mirror_forget(mirror);
	if (mirror->wake_fd >= 0)
		close(mirror->wake_fd);
	pthread_mutex_destroy(&mirror->stats_lock);
	free((char *)(uintptr_t)mirror->conf.writer);
	free((char *)(uintptr_t)mirror->conf.holder);
	free((char *)(uintptr_t)mirror->conf.epoch);
	free((char *)(uintptr_t)mirror->conf.servers);
	free((char *)(uintptr_t)mirror->conf.kind);
	free((char *)(uintptr_t)mirror->conf.what);
	free((char *)(uintptr_t)mirror->conf.topic);
	free((char *)(uintptr_t)mirror->conf.side_topic);
	buf_fini(&mirror->value);
	free(mirror);
}

static bool start_thread(struct mirror *mirror, struct error *err)
{
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = pthread_create(&mirror->thread, NULL, mirror_main, mirror);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		return error_set(err, 0, rc, "the mirror's thread could not be started: %s", error_words(rc));
	pthread_setname_np(mirror->thread, "hc-mirror");
	return true;
}

struct mirror *mirror_start(const struct mirror_conf *conf, struct error *err)
{
	struct mirror *mirror = mem_zero(sizeof *mirror);
	copy_conf(&mirror->conf, conf);
	mirror->started_ms = clock_mono_ms();
	pthread_mutex_init(&mirror->stats_lock, NULL);
	mirror->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	mirror->boxes[mirror->box_count++] = outbox_new(mirror, 0, conf->writer, conf->finish);
	bool good = mirror->wake_fd >= 0;
	if (!good)
		error_set(err, -1, errno, "eventfd: %s", error_words(errno));
	mirror->conf.properties = conf->properties;
	mirror->conf.property_count = conf->property_count;
	good = good && (conf->also_only || (mirror->kafka = open_producer(mirror, true, err)) != NULL);
	good = good && (mirror->side = open_producer(mirror, false, err)) != NULL;
	mirror->conf.properties = NULL;
	mirror->conf.property_count = 0;
	if (good && start_thread(mirror, err))
		return mirror;
	mirror_free(mirror);
	return NULL;
}

void mirror_stop(struct mirror *mirror)
{
	if (mirror == NULL)
		return;
	atomic_store(&mirror->stopping, true);
	wake(mirror);
	pthread_join(mirror->thread, NULL);
	mirror_free(mirror);
}
