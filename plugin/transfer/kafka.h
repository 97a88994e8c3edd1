/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_KAFKA_H
#define HC_TRANSFER_KAFKA_H
/* A producer for Kafka, on librdkafka: the only place that knows it.
 *
 * What is handed over is sent until Kafka has it, however long it is away: idempotent, acknowledged by all replicas in sync, never given up by
 * time. A record comes back as not delivered only if Kafka does not want it (enum kafka_result), or because the producer had to begin anew.
 * Nothing is kept beyond the queue in memory (a few ten megabytes at most): who needs more has a place in the store to begin from again.
 *
 * Threads: one, the owner, calls kafka_poll, kafka_restart, kafka_topic and kafka_close; kafka_produce may come from any thread. Callbacks come on
 * the owner's thread inside kafka_poll, but for `log`. librdkafka has threads of its own (one, and one for each Kafka node). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* A setting of librdkafka's, as its CONFIGURATION.md names it ("sasl.mechanism"). */
struct kafka_property {
	const char *name, *value;
};

enum kafka_result {
	KAFKA_DELIVERED, /* all replicas in sync have it */
	KAFKA_TOO_LARGE, /* the topic does not take it, or the batch that it was in */
	KAFKA_NO_TOPIC,  /* there is no such topic */
	KAFKA_REFUSED,   /* Kafka does not want it: no permission, not valid */
	KAFKA_RESTARTED, /* unknown whether Kafka has it: the producer has to begin anew, or did */
};

/* What is worth a line in the log. Levels are syslog's (3 error, 4 warning, 5 notice, 6 info). The texts hold no credentials. */
typedef void kafka_log(void *context, int level, const char *text);

struct kafka_conf {
	const char *servers;                      /* host:port, … */
	const struct kafka_property *properties;  /* what the operator sets beside; credentials are among them */
	size_t property_count;
	/* In the order in which they were handed over, or not at all: when one is refused, those behind it come back as KAFKA_RESTARTED and the
	 * producer has to be restarted. Otherwise what is refused is left out and the rest goes on. */
	bool ordered;
	/* Records that were handed over with a tag, once each. reason: why not, for people; NULL: delivered. */
	void (*delivered)(void *context, uint64_t tag, enum kafka_result result, const char *reason);
	kafka_log *log; /* any thread, also librdkafka's; never blocks */
	void *context;  /* of both */
};

struct kafka;

/* Starts librdkafka's threads; does not wait for a connection. conf is copied. NULL: librdkafka does not take a property; err names it and never
 * shows a value. */
struct kafka *kafka_open(const struct kafka_conf *conf, struct error *err);

/* Whether librdkafka knows each property and takes its value, without starting anything. Whether they go together is seen by kafka_open. Any
 * thread. */
bool kafka_check(const struct kafka_conf *conf, struct error *err);

/* What is not delivered by now is dropped without a report. NULL is fine. Owner. */
void kafka_close(struct kafka *kafka);

struct kafka_header {
	const char *name, *value;
};

enum { KAFKA_HEADERS_MAX = 8 };

struct kafka_record {
	const char *topic;
	const void *key;
	size_t key_len;
	const void *value;
	size_t value_len;
	const struct kafka_header *headers;
	size_t header_count; /* at most KAFKA_HEADERS_MAX */
	uint64_t tag;        /* for `delivered`; 0: no report is wanted */
};

enum kafka_taken {
	KAFKA_TAKEN,
	KAFKA_FULL,         /* the queue is full: wait, or drop it */
	KAFKA_LARGER,       /* larger than librdkafka's message.max.bytes: it never leaves the house */
	KAFKA_NOT_NOW,      /* there is no such topic, or the producer has to be restarted (kafka_is_broken) */
};

/* Copies the record into the queue. Any thread; does not block. */
enum kafka_taken kafka_produce(struct kafka *kafka, const struct kafka_record *record);

/* Runs the callbacks that are due. Owner; does not block. */
void kafka_poll(struct kafka *kafka);

/* fd (an eventfd) is written to whenever kafka_poll has something to do. Once, after opening; survives restarts. Owner. */
void kafka_wake_by(struct kafka *kafka, int fd);

/* Whether something happened after which this producer sends nothing more. Any thread. */
bool kafka_is_broken(struct kafka *kafka);

/* Begins anew with an empty queue: what was handed over comes back as KAFKA_RESTARTED first. Owner; may block for a moment. */
void kafka_restart(struct kafka *kafka);

/* Whether the topic is there. If Kafka says that it is not, it is created with Kafka's own defaults for partitions and replicas, if Kafka
 * lets us. Blocks for at most two seconds. Owner.
 *
 * KAFKA_DELIVERED  it is there; *partitions says in how many parts
 * KAFKA_NO_TOPIC   it is not, and Kafka does not let us create it: err says why
 * KAFKA_REFUSED    we may not use it: err says why
 * KAFKA_RESTARTED  not known yet, ask again: Kafka does not answer, or it has just been created (*created) */
enum kafka_result kafka_topic(struct kafka *kafka, const char *topic, int *partitions, bool *created, struct error *err);

/* The same, and creates nothing. */
enum kafka_result kafka_find_topic(struct kafka *kafka, const char *topic, int *partitions, struct error *err);

#endif
