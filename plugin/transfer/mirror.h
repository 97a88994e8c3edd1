/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_MIRROR_H
#define HC_TRANSFER_MIRROR_H
/* The mirror: what was committed goes to Kafka (docs/kafka.md), each transaction itself, or what is made of it.
 *
 * The store is the outbox. A thread reads along what a writer wrote (store_ops.tail) from a place that the store keeps, "<kind>/<writer>", hands it
 * to Kafka, and moves the place behind what Kafka has acknowledged. So each transaction gets there at least once, in the order of that writer,
 * whatever dies in between, and while Kafka is away nothing is kept in memory but a window. The thread is woken by commits; the broker's
 * thread never waits for it.
 *
 * Who mirrors a writer holds the lease of that name, so that it is done by one at a time: the broker itself, and once its lease has run out another
 * broker on the same store (`adopt`), or hyperchatctl mirror. A transaction that two of them send nevertheless, or one of them twice, is the
 * same one under the same number.
 *
 * Threads: mirror_start, mirror_committed and mirror_stop on the loop's; the mirror's own thread runs the callbacks. */

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "plugin/transfer/kafka.h"
#include "storage/store.h"

struct mirror;

struct mirror_conf {
	struct store *store;
	const char *writer; /* whose transactions */
	const char *holder; /* under this name it holds the lease: the writer's own, unless it is done for somebody else */
	const char *epoch;  /* the store's */
	const char *servers;
	const char *kind;   /* its places and leases are "<kind>/<writer>": one kind for each of the mirrors of a broker */
	const char *what;   /* it brings, for the log: "transactions" */
	const char *topic;
	bool also_only;     /* the transaction itself is no record: what `also` makes of it is, and goes to the topic in any order */
	bool from_now;      /* where there is no place yet it begins with what is written from now on, not with the first transaction ever */
	int delay_ms;       /* a transaction is not looked at before it is so old, nor, after the start, before grace_ms have passed */
	int grace_ms;
	const char *side_topic; /* somebody is going to write there through mirror_side: it is looked for as well. NULL: nobody */
	const struct kafka_property *properties;
	size_t property_count;
	bool adopt;  /* others' tails, too, when nobody has their lease */
	bool finish; /* ends by itself when it is at the end of what there is: see mirror_is_done */

	/* The value of the record, at most max bytes (SIZE_MAX: whatever it takes): what is longer is cut, and where nothing fits *value stays empty.
	 * NULL: the line that members get. Mirror's thread; may ask the store. Anything but STORE_OK is tried again later, and nothing behind it goes
	 * out before: so a failure must be a store's that is away. */
	enum store_rc (*render)(void *context, const struct transaction *tx, size_t max, struct buf *value, struct error *err);
	/* What else is made of a transaction, by mirror_also. NULL: nothing. As render. Called at least once for each. */
	enum store_rc (*also)(void *context, struct mirror *mirror, const struct transaction *tx, struct error *err);
	/* Something of what a writer wrote is damaged and passed over. NULL: nothing is, it is waited for: each transaction is to get there, and
	 * hyperchatctl repair, or a backup, may bring that one back. Mirror's thread. */
	void (*damaged)(void *context, const struct error *err);
	/* Once a round, a second apart at most. NULL: nothing. Mirror's thread; may ask the store. */
	void (*idle)(void *context, struct mirror *mirror);
	/* Any thread; may not block. Levels as syslog's. */
	kafka_log *log;
	void *context;
};

/* Checks the properties and starts the thread; Kafka need not be there. conf is copied but for what context points to. NULL: err says why. */
struct mirror *mirror_start(const struct mirror_conf *conf, struct error *err);

/* Something was committed by the writer; last_position as in struct append. Loop's thread; costs a few nanoseconds while the mirror is awake. */
void mirror_committed(struct mirror *mirror, uint64_t last_position);

/* For `finish`: everything that there was is at Kafka, and the place is stored. Any thread. */
bool mirror_is_done(struct mirror *mirror);

/* Gives what is committed a moment to get to Kafka if it answers, stores the place, gives the lease back, joins. After the last append, before the
 * store is closed. Blocks for at most a few seconds. NULL is fine. */
void mirror_stop(struct mirror *mirror);

/* Inside conf.also: one more record, for any topic. The transaction counts as mirrored when this one, too, is delivered, or refused (which is
 * counted and said). Its topic is looked for when it comes the first time, and created if Kafka lets us. KAFKA_LARGER: refused at once, be it because
 * of its topic; anything but KAFKA_TAKEN else: the mirror is stopping, or begins anew. */
enum kafka_taken mirror_also(struct mirror *mirror, const struct kafka_record *record);

/* Inside conf.also: the number of the newest transaction of the same chat and type that is due as well, of those that were read with tx; its own
 * where there is none. Each of them comes to conf.also in its turn. */
uint64_t mirror_newest_due(const struct mirror *mirror, const struct transaction *tx);

/* The producer for records beside the transactions: unordered among the topics, at most once, with the tag MIRROR_SIDE_TAG. For kafka_produce from any
 * thread, between mirror_start and mirror_stop. What Kafka does not want is counted and said. */
#define MIRROR_SIDE_TAG UINT64_MAX
struct kafka *mirror_side(struct mirror *mirror);

/* Inside conf.idle: one more record, at most once, through mirror_side. KAFKA_LARGER: it never goes, which is counted and said. */
enum kafka_taken mirror_aside(struct mirror *mirror, const struct kafka_record *record);

/* Inside conf.also and conf.idle, which are to return soon then: also with STORE_UNAVAILABLE, and what it is about is done after the next start. */
bool mirror_is_stopping(const struct mirror *mirror);

struct mirror_stats {
	uint64_t delivered;        /* transactions that are at Kafka, since the start; repetitions count */
	uint64_t cut;              /* those that were too large for the topic and went without all of their text */
	uint64_t refused_also;     /* other records that Kafka did not want */
	uint64_t restarts;         /* how often the producer had to begin anew */
	uint64_t in_flight;        /* transactions that are on their way */
	uint64_t lag;              /* committed and not at Kafka; an estimate until the first commit after a start */
	int64_t lag_ms;            /* how old the oldest of them is; 0: none */
	bool holds_lease;
	bool stuck;                /* it waits for Kafka or the store to take or give something again */
};

/* Any thread; takes a lock for a moment. */
void mirror_stats(struct mirror *mirror, struct mirror_stats *stats);

#endif
