/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See mirror_kit.h. */
#include "tests/unit/mirror_kit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "storage/faulty/faulty.h"

enum { WAIT_MS = 60000, LOG_SIZE = 1 << 16 };

int64_t __real_clock_wall_ms(void);
int64_t __wrap_clock_wall_ms(void);

/* Librdkafka is not instrumented: only what it does through the C library is seen, without the atomics between. For builds with the thread sanitizer. */
const char *__tsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:librdkafka.so.1\n";
}

static rd_kafka_t *host;
static rd_kafka_mock_cluster_t *cluster;
static _Atomic int64_t shift_ms;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_text[LOG_SIZE];

int64_t __wrap_clock_wall_ms(void)
{
	return __real_clock_wall_ms() + atomic_load(&shift_ms);
}

void later(int64_t ms)
{
	atomic_fetch_add(&shift_ms, ms);
}

static void note(void *context, int level, const char *text)
{
	(void)context;
	(void)level;
	pthread_mutex_lock(&log_lock);
	size_t len = strlen(log_text);
	snprintf(log_text + len, sizeof log_text - len, "%s\n", text);
	pthread_mutex_unlock(&log_lock);
}

bool scene_was_told(const char *text)
{
	pthread_mutex_lock(&log_lock);
	bool told = strstr(log_text, text) != NULL;
	pthread_mutex_unlock(&log_lock);
	return told;
}

static void nothing(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	(void)rk;
	(void)level;
	(void)facility;
	(void)text;
}

static rd_kafka_t *new_client(rd_kafka_type_t type, const char *servers)
{
	char words[200];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, nothing);
	if (servers != NULL)
		assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", servers, words, sizeof words), RD_KAFKA_CONF_OK);
	if (type == RD_KAFKA_CONSUMER) {
		assert_int_equal(rd_kafka_conf_set(conf, "group.id", "reader", words, sizeof words), RD_KAFKA_CONF_OK);
		assert_int_equal(rd_kafka_conf_set(conf, "fetch.error.backoff.ms", "10", words, sizeof words), RD_KAFKA_CONF_OK);
	}
	rd_kafka_t *rk = rd_kafka_new(type, conf, words, sizeof words);
	assert_non_null(rk);
	return rk;
}

int cluster_begin(void **state)
{
	(void)state;
	host = new_client(RD_KAFKA_PRODUCER, NULL);
	cluster = rd_kafka_mock_cluster_new(host, 3);
	return cluster == NULL;
}

int cluster_end(void **state)
{
	(void)state;
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(host);
	return 0;
}

/* The mock looks at no sequence numbers: it would take a batch although it has refused the one before, and what librdkafka concludes from that
 * is right for a real Kafka only. */
static const struct kafka_property one_at_a_time = {"max.in.flight", "1"};

void scene_begin(struct scene *scene)
{
	static int topics;
	struct store *below = NULL;
	*scene = (struct scene){0};
	log_text[0] = '\0';
	assert_int_equal(store_open("memory:", &below, NULL), STORE_OK);
	scene->store = store_faulty_new(below);
	scene->cluster = cluster;
	scene->servers = rd_kafka_mock_cluster_bootstraps(scene->cluster);
	snprintf(scene->topic, sizeof scene->topic, "t%d", topics++);
	rd_kafka_mock_topic_create(scene->cluster, scene->topic, TOPIC_PARTS, 3);
	rd_kafka_mock_clear_request_errors(cluster, KAFKA_PRODUCE);
	rd_kafka_mock_clear_request_errors(cluster, KAFKA_METADATA);
	rd_kafka_mock_clear_request_errors(cluster, KAFKA_INIT_PRODUCER_ID);
	scene->conf = (struct mirror_conf){.store = scene->store, .writer = "w", .holder = "w", .epoch = "e", .servers = scene->servers, .kind = "kafka", .what = "transactions", .topic = scene->topic, .properties = &one_at_a_time,
		.property_count = 1, .log = note};
	scene->records = calloc(READ_MAX, sizeof *scene->records);
}

void scene_end(struct scene *scene)
{
	scene_stops_mirror(scene);
	store_ops(scene->store)->close(scene->store);
	for (size_t i = 0; i < READ_MAX; i++)
		free(scene->records[i].value);
	free(scene->records);
}

void scene_starts_mirror(struct scene *scene)
{
	struct error err = {0};
	scene->mirror = mirror_start(&scene->conf, &err);
	if (scene->mirror == NULL)
		fail_msg("%s", err.text);
}

void scene_stops_mirror(struct scene *scene)
{
	mirror_stop(scene->mirror);
	scene->mirror = NULL;
}

struct mirror_stats scene_stats(struct scene *scene)
{
	struct mirror_stats stats;
	mirror_stats(scene->mirror, &stats);
	return stats;
}

uint64_t scene_place(struct scene *scene, const char *name)
{
	uint64_t position = 0;
	store_ops(scene->store)->load_place(scene->store, name, &position, NULL);
	return position;
}

static struct transaction *make(const char *writer, const char *chat_id, uint64_t number, const unsigned char *previous)
{
	char text[60], key[40];
	struct transaction tx = {.chat_id = chat_id, .number = number, .type = TX_MESSAGE, .sender_id = "alice", .at_ms = clock_wall_ms(), .key = key,
		.writer = writer};
	snprintf(key, sizeof key, "k%llu", (unsigned long long)number);
	snprintf(text, sizeof text, "%s %llu, by %s", chat_id, (unsigned long long)number, writer);
	sealed_set(&tx.body, text, strlen(text));
	transaction_head(&tx, previous, tx.head);
	return transaction_new(&tx);
}

void scene_writes(struct scene *scene, const char *writer, const char *chat_id, int count)
{
	struct chat_record *record = NULL;
	unsigned char head[HEAD_BYTES] = {0};
	uint64_t latest = 0;
	if (store_ops(scene->store)->load_chat(scene->store, chat_id, &record, NULL) == STORE_OK) {
		latest = record->latest;
		memcpy(head, record->head, HEAD_BYTES);
		store_free(record);
	}
	for (int i = 0; i < count; i++) {
		struct transaction *tx = make(writer, chat_id, ++latest, head);
		struct append append = {.chat_id = chat_id, .transactions = &tx, .transaction_count = 1};
		assert_int_equal(store_ops(scene->store)->append(scene->store, &append, 1, NULL), STORE_OK);
		assert_int_equal(append.result, APPEND_OK);
		memcpy(head, tx->head, HEAD_BYTES);
		transaction_free(tx);
		if (scene->mirror != NULL && strcmp(writer, scene->conf.writer) == 0)
			mirror_committed(scene->mirror, append.last_position);
	}
}

void scene_waits(struct scene *scene, bool (*check)(struct scene *scene), const char *what)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	for (int64_t end_ms = clock_mono_ms() + WAIT_MS; !check(scene); nanosleep(&pause, NULL))
		if (clock_mono_ms() > end_ms)
			fail_msg("waited in vain for %s; the log:\n%s", what, log_text);
}

/* ---- the reader ---- */

static void take(struct scene *scene, const rd_kafka_message_t *message)
{
	struct read_record *record = &scene->records[scene->record_count++];
	rd_kafka_headers_t *headers;
	const void *value;
	size_t len;
	assert_true(scene->record_count < READ_MAX);
	snprintf(record->chat_id, sizeof record->chat_id, "%.*s", (int)message->key_len, (const char *)message->key);
	free(record->value); /* of an earlier reading */
	record->value = strndup(message->payload, message->len);
	if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return; /* of no transaction */
	assert_int_equal(rd_kafka_header_get_last(headers, "transactionID", &value, &len), RD_KAFKA_RESP_ERR_NO_ERROR);
	record->number = strtoull(value, NULL, 10);
	assert_int_equal(rd_kafka_header_get_last(headers, "type", &value, &len), RD_KAFKA_RESP_ERR_NO_ERROR);
	snprintf(record->type, sizeof record->type, "%.*s", (int)len, (const char *)value);
}

static size_t count_different(const struct scene *scene)
{
	size_t different = 0;
	for (size_t i = 0; i < scene->record_count; i++) {
		bool again = false;
		for (size_t j = 0; j < i && !again; j++)
			again = scene->records[i].number != 0 && scene->records[j].number == scene->records[i].number &&
			        strcmp(scene->records[j].chat_id, scene->records[i].chat_id) == 0;
		different += !again;
	}
	return different;
}

void scene_reads(struct scene *scene, const char *topic, size_t count, int quiet_ms)
{
	rd_kafka_t *rk = new_client(RD_KAFKA_CONSUMER, scene->servers);
	rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(TOPIC_PARTS);
	for (int part = 0; part < TOPIC_PARTS; part++)
		rd_kafka_topic_partition_list_add(parts, topic, part)->offset = RD_KAFKA_OFFSET_BEGINNING;
	assert_int_equal(rd_kafka_assign(rk, parts), RD_KAFKA_RESP_ERR_NO_ERROR);
	rd_kafka_topic_partition_list_destroy(parts);
	scene->record_count = 0;
	size_t different = 0;
	int64_t end_ms = clock_mono_ms() + WAIT_MS;
	while (clock_mono_ms() < end_ms) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 20);
		if (message == NULL || message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
			different = count_different(scene);
			if (different >= count && end_ms > clock_mono_ms() + quiet_ms)
				end_ms = clock_mono_ms() + quiet_ms;
		} else {
			take(scene, message);
		}
		if (message != NULL)
			rd_kafka_message_destroy(message);
	}
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	if (count_different(scene) < count)
		fail_msg("the topic has %zu of %zu; the log:\n%s", different, count, log_text);
}

size_t scene_is_whole(const struct scene *scene, const char *chat_id, uint64_t latest)
{
	uint64_t reached = 0;
	size_t repetitions = 0;
	for (size_t i = 0; i < scene->record_count; i++) {
		const struct read_record *record = &scene->records[i];
		char part[80];
		if (strcmp(record->chat_id, chat_id) != 0)
			continue;
		if (record->number > reached + 1)
			fail_msg("%s: number %llu comes behind %llu", chat_id, (unsigned long long)record->number, (unsigned long long)reached);
		repetitions += record->number <= reached;
		reached = record->number > reached ? record->number : reached;
		snprintf(part, sizeof part, "\"body\":\"%s %llu, by", chat_id, (unsigned long long)record->number);
		assert_non_null(strstr(record->value, part));
	}
	assert_int_equal(reached, latest);
	return repetitions;
}
