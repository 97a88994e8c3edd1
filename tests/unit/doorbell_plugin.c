/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A plugin for stock brokers that measures the doorbell: a thread rings, each time after the last ring was served, and notes how long the
 * next tick took. Where the loop must be woken after publishing, the tick rings once more and that is timed too. The result is one line
 * in a file; then the broker is told to end. Driven by test_doorbell_broker.c. */
#include <mosquitto.h>
#include <mosquitto_broker.h>
#include <mosquitto_plugin.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "plugin/broker/doorbell.h"

enum { RINGS = 500, DEADLINE_S = 5 };

static mosquitto_plugin_id_t *plugin;
static struct doorbell *doorbell;
static struct doorbell_conf conf;
static char result_path[256];
static pthread_t visitor;
static sem_t settled, served;
static bool announced;
static _Atomic int64_t rung_at_us; /* 0: nobody waits */
static int64_t woken_again_at_us; /* broker's thread */
static int64_t latency_us[RINGS], again_us[RINGS];
static size_t served_count, again_count;

static void log_line(const char *line)
{
	mosquitto_log_printf(MOSQ_LOG_NOTICE, "%s", line);
}

static void serve(int64_t now_us)
{
	latency_us[served_count++] = now_us - atomic_exchange(&rung_at_us, 0);
	if (conf.version[1] == 0) {
		sem_post(&served);
		return;
	}
	woken_again_at_us = now_us;
	doorbell_ring_from_loop(doorbell);
}

static int on_tick(int event, void *event_data, void *userdata)
{
	(void)event, (void)event_data, (void)userdata;
	int64_t now_us = clock_mono_us();
	doorbell_tick(doorbell);
	if (!announced && strcmp(doorbell_way(doorbell), "starting") != 0) {
		announced = true;
		sem_post(&settled);
	}
	if (woken_again_at_us) {
		again_us[again_count++] = now_us - woken_again_at_us;
		woken_again_at_us = 0;
		sem_post(&served);
	} else if (atomic_load(&rung_at_us) && served_count < RINGS) {
		serve(now_us);
	}
	return MOSQ_ERR_SUCCESS;
}

static bool wait_for(sem_t *sem)
{
	struct timespec deadline;
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += DEADLINE_S;
	return sem_timedwait(sem, &deadline) == 0;
}

static int compare(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return a < b ? -1 : a > b;
}

static long at_percent(int64_t *values, size_t count, size_t percent)
{
	qsort(values, count, sizeof *values, compare);
	return count ? (long)values[count * percent / 100] : 0;
}

static void write_result(size_t count)
{
	FILE *file = fopen(result_path, "w");
	if (file == NULL)
		return; /* the driver misses it and fails */
	fprintf(file, "way=%s served=%zu p50=%ld p99=%ld again=%zu p50=%ld p99=%ld\n", doorbell_way(doorbell), count,
		at_percent(latency_us, count, 50), at_percent(latency_us, count, 99), again_count, at_percent(again_us, again_count, 50),
		at_percent(again_us, again_count, 99));
	fclose(file);
}

static void *visit(void *arg)
{
	(void)arg;
	size_t count = 0;
	bool ready = wait_for(&settled);
	unsigned seed = 1;
	for (; ready && count < RINGS; count++) {
		const struct timespec gap = {0, 500000 + rand_r(&seed) % 1500000}; /* let the loop go to sleep */
		nanosleep(&gap, NULL);
		atomic_store(&rung_at_us, clock_mono_us());
		doorbell_ring(doorbell);
		if (!wait_for(&served))
			break;
	}
	write_result(count);
	kill(getpid(), SIGTERM);
	return NULL;
}

static bool read_options(const struct mosquitto_opt *options, int count)
{
	conf.log = log_line;
	for (int i = 0; i < count; i++) {
		const char *key = options[i].key, *value = options[i].value;
		if (strcmp(key, "mode") == 0)
			conf.mode = strcmp(value, "signal") == 0 ? DOORBELL_SIGNAL : DOORBELL_AUTO;
		else if (strcmp(key, "result") == 0)
			snprintf(result_path, sizeof result_path, "%s", value);
		else if (strcmp(key, "version") != 0 || sscanf(value, "%d.%d.%d", &conf.version[0], &conf.version[1], &conf.version[2]) != 3)
			return false;
	}
	return true;
}

__attribute__((visibility("default"))) int mosquitto_plugin_version(int supported_version_count, const int *supported_versions)
{
	for (int i = 0; i < supported_version_count; i++)
		if (supported_versions[i] == 5)
			return 5;
	return -1;
}

__attribute__((visibility("default"))) int mosquitto_plugin_init(
	mosquitto_plugin_id_t *identifier, void **userdata, struct mosquitto_opt *options, int option_count)
{
	(void)userdata;
	plugin = identifier;
	if (!read_options(options, option_count))
		return MOSQ_ERR_INVAL;
	sem_init(&settled, 0, 0);
	sem_init(&served, 0, 0);
	doorbell = doorbell_new(&conf);
	if (doorbell == NULL || mosquitto_callback_register(plugin, MOSQ_EVT_TICK, on_tick, NULL, NULL) != MOSQ_ERR_SUCCESS)
		return MOSQ_ERR_UNKNOWN;
	sigset_t all, old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int problem = pthread_create(&visitor, NULL, visit, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return problem ? MOSQ_ERR_UNKNOWN : MOSQ_ERR_SUCCESS;
}

__attribute__((visibility("default"))) int mosquitto_plugin_cleanup(void *userdata, struct mosquitto_opt *options, int option_count)
{
	(void)userdata, (void)options, (void)option_count;
	pthread_join(visitor, NULL);
	mosquitto_callback_unregister(plugin, MOSQ_EVT_TICK, on_tick, NULL);
	doorbell_free(doorbell);
	sem_destroy(&settled);
	sem_destroy(&served);
	return MOSQ_ERR_SUCCESS;
}
