/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl doctor: what the plugin writes to. One thread, blocks. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/path.h"
#include "plugin/auth/printable.h"
#include "plugin/ctl/examine.h"
#include "plugin/ctl/source.h"
#include "plugin/transfer/kafka.h"

enum {
	WRITES = 100,
	WRITE_BYTES = 4096,
	SLOW_US = 20000,
	ROOM_MIN_MB = 1024,
	ASKING_MS = 5000,
};

#define SQLITE "sqlite:"

/* ---- disk ---- */

static int compare_times(const void *left, const void *right)
{
	int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
	return (a > b) - (a < b);
}

/* Microseconds, sorted. false: errno says why. */
static bool time_writes(const char *directory, int64_t times[WRITES])
{
	static const char BLOCK[WRITE_BYTES];
	struct buf file = BUF_EMPTY;
	buf_printf(&file, "%s/hyperchat-doctor.XXXXXX", directory);
	int fd = mkostemp(file.data, O_CLOEXEC), saved = errno;
	if (fd >= 0)
		unlink(file.data);
	buf_fini(&file);
	bool good = fd >= 0;
	for (int i = 0; good && i < WRITES; i++) {
		int64_t began_us = clock_mono_us();
		good = write(fd, BLOCK, sizeof BLOCK) == (ssize_t)sizeof BLOCK && fdatasync(fd) == 0;
		saved = errno;
		times[i] = clock_mono_us() - began_us;
	}
	if (fd >= 0)
		close(fd);
	errno = saved;
	if (good)
		qsort(times, WRITES, sizeof *times, compare_times);
	return good;
}

static void examine_directory(struct examination *exam, const char *what, const char *file)
{
	int64_t times[WRITES];
	struct statvfs room;
	char shown[PRINTABLE_SIZE], *directory = path_directory(file);
	printable(shown, directory);
	if (!time_writes(directory, times)) {
		exam_wrong(exam, "%s: nothing can be written in %s: %s", what, shown, strerror(errno));
	} else {
		int64_t middle = times[WRITES / 2], late = times[WRITES * 99 / 100];
		if (late > SLOW_US)
			exam_note(exam, "%s: 4 KB are safe in %s after %" PRId64 " µs (p99 %" PRId64 " µs), and messages wait for that: a quicker disk helps", what,
				shown, middle, late);
		else
			exam_fine(exam, "%s: 4 KB are safe in %s after %" PRId64 " µs (p99 %" PRId64 " µs)", what, shown, middle, late);
	}
	if (statvfs(directory, &room) == 0) {
		uint64_t left_mb = (uint64_t)room.f_bavail * room.f_frsize >> 20;
		if (left_mb < ROOM_MIN_MB)
			exam_note(exam, "%s: only %" PRIu64 " MB are left in %s", what, left_mb, shown);
	}
	free(directory);
}

void examine_disk(struct examination *exam)
{
	const struct conf *conf = exam->conf;
	exam_part(exam, "disk");
	if (strncmp(conf->store, SQLITE, strlen(SQLITE)) == 0)
		examine_directory(exam, "store", conf->store + strlen(SQLITE));
	examine_directory(exam, "journal", conf->journal);
}

/* ---- store ---- */

void examine_store(struct examination *exam)
{
	const char *uri = exam->conf->store;
	struct store *store;
	struct store_info info;
	struct error err;
	exam_part(exam, "store");
	if (strncmp(uri, "memory:", strlen("memory:")) == 0) {
		exam_note(exam, "memory: forgets everything when the broker ends");
		return;
	}
	enum store_rc rc = source_try(uri, STORE_NO_MIGRATION | STORE_BESIDE | STORE_EXISTING, &store, &err);
	if (rc == STORE_NOT_FOUND) {
		exam_note(exam, "there is none yet: the broker makes it when it starts");
		return;
	}
	if (rc != STORE_OK) {
		exam_wrong(exam, "%s", err.text);
		return;
	}
	if (store_ops(store)->info(store, &info, &err) != STORE_OK)
		exam_wrong(exam, "%s", err.text);
	else
		exam_fine(exam, "it opens, schema %d, epoch %s", info.schema_version, info.epoch);
	source_close(store);
}

/* ---- Kafka ---- */

static void keep_quiet(void *context, int level, const char *text)
{
	(void)context;
	(void)level;
	(void)text;
}

static void ask(struct examination *exam, struct kafka *kafka)
{
	struct error err;
	int partitions = 0;
	enum kafka_result result = KAFKA_RESTARTED;
	for (int64_t end_ms = clock_mono_ms() + ASKING_MS; result == KAFKA_RESTARTED && clock_mono_ms() < end_ms;) {
		kafka_poll(kafka);
		result = kafka_find_topic(kafka, exam->conf->kafka_topic, &partitions, &err);
	}
	if (result == KAFKA_DELIVERED)
		exam_fine(exam, "it answers, topic %s has %d partitions", exam->conf->kafka_topic, partitions);
	else if (result == KAFKA_NO_TOPIC)
		exam_note(exam, "topic %s is not there: the broker makes it if Kafka lets it", exam->conf->kafka_topic);
	else
		exam_wrong(exam, "%s", err.text);
}

void examine_kafka(struct examination *exam)
{
	const struct conf *conf = exam->conf;
	struct error err;
	if (conf->kafka[0] == '\0')
		return;
	exam_part(exam, "Kafka");
	struct kafka_property *properties = mem_zero((conf->kafka_property_count + 1) * sizeof *properties);
	for (size_t i = 0; i < conf->kafka_property_count; i++)
		properties[i] = (struct kafka_property){conf->kafka_properties[i].name, conf->kafka_properties[i].value};
	const struct kafka_conf wanted = {
		.servers = conf->kafka, .properties = properties, .property_count = conf->kafka_property_count, .log = keep_quiet};
	struct kafka *kafka = kafka_open(&wanted, &err);
	if (kafka != NULL)
		ask(exam, kafka);
	else
		exam_wrong(exam, "plugin_opt_kafka_*: %s", err.text);
	kafka_close(kafka);
	free(properties);
}
