/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_UNIT_MIRROR_KIT_H
#define HC_TESTS_UNIT_MIRROR_KIT_H
/* A mirror between a store in memory and librdkafka's mock cluster, and somebody who reads the topic. Programs link with
 * -Wl,--wrap=clock_wall_ms: later() moves the clock of the leases. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "plugin/transfer/mirror.h"

enum { KAFKA_PRODUCE = 0, KAFKA_METADATA = 3, KAFKA_INIT_PRODUCER_ID = 22, READ_MAX = 20000, TOPIC_PARTS = 2 };

struct read_record {
	char chat_id[24];
	uint64_t number;
	char type[24];
	char *value;
};

struct scene {
	struct store *store; /* faulty: over memory: */
	rd_kafka_mock_cluster_t *cluster; /* one for all scenes of a program: ending one takes a second */
	const char *servers;
	char topic[16];      /* of its own */
	struct mirror *mirror;
	struct mirror_conf conf;
	/* what was read */
	struct read_record *records;
	size_t record_count;
};

/* For cmocka_run_group_tests. */
int cluster_begin(void **state);
int cluster_end(void **state);

void scene_begin(struct scene *scene);
void scene_end(struct scene *scene);

/* count messages in chat, by writer, as they come behind what is there. The mirror is told. */
void scene_writes(struct scene *scene, const char *writer, const char *chat_id, int count);

void scene_starts_mirror(struct scene *scene);
void scene_stops_mirror(struct scene *scene);

/* Reads the topic from its beginning until it has so many different transactions, and goes on for quiet_ms. */
void scene_reads(struct scene *scene, const char *topic, size_t count, int quiet_ms);
/* What was read of chat is 1…latest in order of first appearance, and whatever is repeated is the same. Returns the repetitions. */
size_t scene_is_whole(const struct scene *scene, const char *chat_id, uint64_t latest);

/* Until check(scene), or the test fails. */
void scene_waits(struct scene *scene, bool (*check)(struct scene *scene), const char *what);
struct mirror_stats scene_stats(struct scene *scene);
uint64_t scene_place(struct scene *scene, const char *name);
void later(int64_t ms);
/* Whether that was logged. */
bool scene_was_told(const char *text);

#endif
