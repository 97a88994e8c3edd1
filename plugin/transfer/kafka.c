/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The producer, on librdkafka (2.0.2 and newer). Owner's thread, unless a function says otherwise.
 *
 * Order: an idempotent producer keeps it through retries, but when Kafka refuses a batch for good, librdkafka goes on with those behind it.
 * enable.gapless.guarantee makes that a fatal error instead, so the owner can begin anew where the gap would be; and one request to a node at a
 * time sees to it that nothing behind it is on its way already.
 *
 * librdkafka's own words are taken into the log, but never where they hold a credential: a value that the operator gave as a secret is looked
 * for in each of them. */
#include "plugin/transfer/kafka.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "base/buf.h"
#include "base/clock.h"
#include "plugin/transfer/kafka_inner.h"

enum {
	RESTART_WAIT_MS = 2000,
	POLL_MAX = 20000,
	SAID_COUNT = 12,
	SAID_AGAIN_MS = 60000,
	SECRET_MIN = 4, /* what is shorter stands in many texts by chance */
	LINE_MAX = 300,
};

struct said {
	char what[16];
	int64_t at_ms;
};

struct kafka {
	struct kafka_conf conf; /* copies */
	pthread_rwlock_t lock;  /* of rk: written by a restart only */
	rd_kafka_t *rk;         /* NULL: could not be started again */
	rd_kafka_queue_t *events;
	int wake_fd;
	bool away; /* the log has said that Kafka cannot be reached */
	pthread_mutex_t said_lock;
	struct said said[SAID_COUNT]; /* what librdkafka said last, so that the log is not filled with it */
};

/* ---- what is said ---- */

static bool is_secret(const char *name)
{
	static const char *const parts[] = {"password", "secret", "key", "oauthbearer.config", "jaas"};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strstr(name, parts[i]) != NULL)
			return true;
	return false;
}

/* Any thread. */
static bool holds_secret(const struct kafka *kafka, const char *text)
{
	for (size_t i = 0; i < kafka->conf.property_count; i++) {
		const struct kafka_property *property = &kafka->conf.properties[i];
		if (is_secret(property->name) && strlen(property->value) >= SECRET_MIN && strstr(text, property->value) != NULL)
			return true;
	}
	return false;
}

/* Librdkafka's words in one line. Any thread. */
static void make_line(const struct kafka *kafka, const char *text, char line[LINE_MAX])
{
	snprintf(line, LINE_MAX, "%s", holds_secret(kafka, text) ? "(left out: it holds a credential)" : text);
	for (char *c = line; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7F)
			*c = ' ';
}

/* Whether it was not said in the last minute. Any thread. */
static bool is_news(struct kafka *kafka, const char *what)
{
	int64_t now_ms = clock_mono_ms();
	struct said *slot = &kafka->said[0];
	pthread_mutex_lock(&kafka->said_lock);
	for (size_t i = 0; i < SAID_COUNT; i++) {
		if (strncmp(kafka->said[i].what, what, sizeof slot->what - 1) == 0) {
			slot = &kafka->said[i];
			break;
		}
		if (kafka->said[i].at_ms < slot->at_ms)
			slot = &kafka->said[i];
	}
	bool same = strncmp(slot->what, what, sizeof slot->what - 1) == 0;
	bool news = !same || now_ms - slot->at_ms >= SAID_AGAIN_MS;
	if (news) {
		snprintf(slot->what, sizeof slot->what, "%s", what);
		slot->at_ms = now_ms;
	}
	pthread_mutex_unlock(&kafka->said_lock);
	return news;
}

static void say(struct kafka *kafka, int level, const char *before, const char *text)
{
	char line[LINE_MAX], whole[LINE_MAX + 80];
	make_line(kafka, text, line);
	snprintf(whole, sizeof whole, "%s%s", before, line);
	kafka->conf.log(kafka->conf.context, level, whole);
}

/* Any thread. facility is librdkafka's short name for what it is about. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	struct kafka *kafka = rd_kafka_opaque(rk);
	if (strstr(text, "enable.gapless.guarantee") != NULL)
		return; /* it warns that this is experimental: tests/unit/test_mirror_kafka.c tries it */
	if (level <= LOG_WARNING && is_news(kafka, facility))
		say(kafka, LOG_WARNING, "Kafka: ", text);
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct kafka *kafka = opaque;
	(void)rk;
	switch (code) {
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		if (!kafka->away)
			say(kafka, LOG_WARNING, "Kafka cannot be reached, trying again", "");
		kafka->away = true;
		break;
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
		kafka->away = true;
		if (is_news(kafka, "login"))
			say(kafka, LOG_ERR, "Kafka does not take the login: ", reason);
		break;
	case RD_KAFKA_RESP_ERR__FATAL: /* the owner sees it by kafka_is_broken */
		break;
	default: /* a connection that failed is in the log already */
		break;
	}
}

/* ---- delivery ---- */

enum kafka_result kafka_result_of(rd_kafka_resp_err_t code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		return KAFKA_DELIVERED;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
		return KAFKA_TOO_LARGE;
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
		return KAFKA_NO_TOPIC;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
	case RD_KAFKA_RESP_ERR_INVALID_MSG:
	case RD_KAFKA_RESP_ERR_INVALID_RECORD:
	case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
	case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
		return KAFKA_REFUSED;
	default:
		return KAFKA_RESTARTED;
	}
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
	struct kafka *kafka = opaque;
	(void)rk;
	enum kafka_result result = kafka_result_of(message->err);
	if (result == KAFKA_DELIVERED && kafka->away) {
		kafka->away = false;
		say(kafka, LOG_NOTICE, "Kafka is reached again", "");
	}
	if (message->_private != NULL)
		kafka->conf.delivered(kafka->conf.context, (uint64_t)(uintptr_t)message->_private, result,
			result == KAFKA_DELIVERED ? NULL : rd_kafka_err2str(message->err));
}

/* ---- settings ---- */

/* What the promise of the mirror rests on. */
static bool is_ours(const char *name)
{
	static const char *const names[] = {"bootstrap.servers", "metadata.broker.list", "enable.idempotence", "acks", "request.required.acks",
		"enable.gapless.guarantee", "message.timeout.ms", "delivery.timeout.ms", "transactional.id"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* Its own words would show the value. */
static bool set_property(rd_kafka_conf_t *conf, const char *name, const char *value, struct error *err)
{
	char words[LINE_MAX];
	switch (rd_kafka_conf_set(conf, name, value, words, sizeof words)) {
	case RD_KAFKA_CONF_OK:
		return true;
	case RD_KAFKA_CONF_UNKNOWN:
		error_set(err, -1, 0, "librdkafka %s has no property %.60s", rd_kafka_version_str(), name);
		return false;
	default:
		error_set(err, -1, 0, "librdkafka %s does not take this value of %.60s", rd_kafka_version_str(), name);
		return false;
	}
}

static bool set_all(rd_kafka_conf_t *conf, const struct kafka_conf *from, struct error *err)
{
	const struct kafka_property before[] = {
		{"client.id", "hyperchat"},
		{"linger.ms", "10"}, /* each batch costs librdkafka and Kafka the same, whatever is in it */
		/* Kafka takes a second batch of a producer that it has not seen yet, although it has refused the first one. */
		{"max.in.flight", from->ordered ? "1" : "5"},
		{"batch.size", "262144"},
		{"partitioner", "murmur2_random"}, /* the same partition as Kafka's own producers choose for this key */
		{"reconnect.backoff.ms", "50"},
		{"reconnect.backoff.max.ms", "1000"},
		{"queue.buffering.max.kbytes", "65536"},
		{"queue.buffering.max.messages", "100000"},
		{"socket.keepalive.enable", "true"},
		{"log.connection.close", "false"},
	};
	const struct kafka_property behind[] = {
		{"bootstrap.servers", from->servers},
		{"enable.idempotence", "true"},
		{"acks", "all"},
		{"message.timeout.ms", "0"}, /* never given up */
		{"enable.gapless.guarantee", from->ordered ? "true" : "false"},
	};
	bool good = true;
	for (size_t i = 0; good && i < sizeof before / sizeof *before; i++)
		good = set_property(conf, before[i].name, before[i].value, err);
	for (size_t i = 0; good && i < from->property_count; i++) {
		good = !is_ours(from->properties[i].name);
		if (good)
			good = set_property(conf, from->properties[i].name, from->properties[i].value, err);
		else
			error_set(err, -1, 0, "%.60s is HyperChat's to set", from->properties[i].name);
	}
	for (size_t i = 0; good && i < sizeof behind / sizeof *behind; i++)
		good = set_property(conf, behind[i].name, behind[i].value, err);
	return good;
}

bool kafka_check(const struct kafka_conf *conf, struct error *err)
{
	rd_kafka_conf_t *scratch = rd_kafka_conf_new();
	bool good = set_all(scratch, conf, err);
	rd_kafka_conf_destroy(scratch);
	return good;
}

static rd_kafka_t *start(struct kafka *kafka, struct error *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	if (!set_all(conf, &kafka->conf, err)) {
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	rd_kafka_conf_set_opaque(conf, kafka);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_log_cb(conf, on_log);
	rd_kafka_conf_set_error_cb(conf, on_error);
	char words[LINE_MAX] = "", line[LINE_MAX];
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, words, sizeof words);
	if (rk == NULL) {
		rd_kafka_conf_destroy(conf);
		make_line(kafka, words, line);
		error_set(err, -1, 0, "librdkafka %s: %s", rd_kafka_version_str(), line);
	}
	return rk;
}

rd_kafka_t *kafka_handle(struct kafka *kafka)
{
	return kafka->rk;
}

/* ---- life ---- */

static void copy_conf(struct kafka_conf *to, const struct kafka_conf *from)
{
	*to = *from;
	to->servers = mem_text(from->servers);
	struct kafka_property *properties = mem_zero((from->property_count + 1) * sizeof *properties);
	for (size_t i = 0; i < from->property_count; i++)
		properties[i] = (struct kafka_property){mem_text(from->properties[i].name), mem_text(from->properties[i].value)};
	to->properties = properties;
}

static void free_conf(struct kafka_conf *conf)
{
	for (size_t i = 0; i < conf->property_count; i++) {
		free((char *)(uintptr_t)conf->properties[i].name);
		free((char *)(uintptr_t)conf->properties[i].value);
	}
	free((void *)(uintptr_t)conf->properties);
	free((char *)(uintptr_t)conf->servers);
}

static void enable_wake(struct kafka *kafka)
{
	static const uint64_t one = 1;
	if (kafka->rk == NULL)
		return;
	kafka->events = rd_kafka_queue_get_main(kafka->rk);
	if (kafka->wake_fd >= 0)
		rd_kafka_queue_io_event_enable(kafka->events, kafka->wake_fd, &one, sizeof one);
}

static void destroy(rd_kafka_t *rk, rd_kafka_queue_t *events)
{
	if (rk == NULL)
		return;
	rd_kafka_queue_io_event_enable(events, -1, NULL, 0);
	rd_kafka_queue_destroy(events);
	rd_kafka_destroy(rk);
}

struct kafka *kafka_open(const struct kafka_conf *conf, struct error *err)
{
	struct kafka *kafka = mem_zero(sizeof *kafka);
	copy_conf(&kafka->conf, conf);
	kafka->wake_fd = -1;
	pthread_rwlock_init(&kafka->lock, NULL);
	pthread_mutex_init(&kafka->said_lock, NULL);
	kafka->rk = start(kafka, err);
	if (kafka->rk == NULL) {
		kafka_close(kafka);
		return NULL;
	}
	enable_wake(kafka);
	return kafka;
}

void kafka_close(struct kafka *kafka)
{
	if (kafka == NULL)
		return;
	destroy(kafka->rk, kafka->events);
	pthread_rwlock_destroy(&kafka->lock);
	pthread_mutex_destroy(&kafka->said_lock);
	free_conf(&kafka->conf);
	free(kafka);
}

void kafka_wake_by(struct kafka *kafka, int fd)
{
	static const uint64_t one = 1;
	kafka->wake_fd = fd;
	if (kafka->rk != NULL)
		rd_kafka_queue_io_event_enable(kafka->events, fd, &one, sizeof one);
}

void kafka_poll(struct kafka *kafka)
{
	for (int i = 0; i < POLL_MAX && kafka->rk != NULL && rd_kafka_poll(kafka->rk, 0) > 0; i++)
		;
}

bool kafka_is_broken(struct kafka *kafka)
{
	pthread_rwlock_rdlock(&kafka->lock);
	bool broken = kafka->rk == NULL || rd_kafka_fatal_error(kafka->rk, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR;
	pthread_rwlock_unlock(&kafka->lock);
	return broken;
}

void kafka_restart(struct kafka *kafka)
{
	struct error err;
	rd_kafka_t *old = kafka->rk;
	rd_kafka_queue_t *old_events = kafka->events;
	if (old != NULL) {
		rd_kafka_purge(old, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		for (int64_t end_ms = clock_mono_ms() + RESTART_WAIT_MS; rd_kafka_outq_len(old) > 0 && clock_mono_ms() < end_ms;)
			rd_kafka_poll(old, 10);
	}
	rd_kafka_t *fresh = start(kafka, &err);
	pthread_rwlock_wrlock(&kafka->lock);
	kafka->rk = fresh;
	pthread_rwlock_unlock(&kafka->lock);
	if (fresh == NULL)
		say(kafka, LOG_ERR, "the producer for Kafka could not begin anew: ", err.text);
	enable_wake(kafka);
	destroy(old, old_events);
}

/* ---- records ---- */

static enum kafka_taken taken_of(rd_kafka_resp_err_t code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		return KAFKA_TAKEN;
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
		return KAFKA_FULL;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
		return KAFKA_LARGER;
	default:
		return KAFKA_NOT_NOW;
	}
}

enum kafka_taken kafka_produce(struct kafka *kafka, const struct kafka_record *record)
{
	rd_kafka_vu_t units[5 + KAFKA_HEADERS_MAX] = {
		{.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = record->topic},
		{.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
		{.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)record->key, record->key_len}},
		{.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)record->value, record->value_len}},
		{.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = (void *)(uintptr_t)record->tag},
	};
	size_t count = 5;
	for (size_t i = 0; i < record->header_count; i++, count++) {
		const struct kafka_header *header = &record->headers[i];
		units[count].vtype = RD_KAFKA_VTYPE_HEADER;
		units[count].u.header.name = header->name;
		units[count].u.header.val = header->value;
		units[count].u.header.size = (ssize_t)strlen(header->value);
	}
	pthread_rwlock_rdlock(&kafka->lock);
	rd_kafka_error_t *error = kafka->rk != NULL ? rd_kafka_produceva(kafka->rk, units, count) : NULL;
	enum kafka_taken taken = kafka->rk == NULL ? KAFKA_NOT_NOW : taken_of(rd_kafka_error_code(error));
	pthread_rwlock_unlock(&kafka->lock);
	rd_kafka_error_destroy(error);
	return taken;
}
