/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_MIRROR_INNER_H
#define HC_TRANSFER_MIRROR_INNER_H
/* What the files of the mirror share: mirror.c (the thread), mirror_outbox.c (one writer's way to Kafka), mirror_lease.c (whose turn it is),
 * mirror_past.c (what is known of those without an outbox), mirror_place.c (from where it goes on), mirror_size.c (what is too large),
 * mirror_also.c (topics, and records beside the transactions).
 * Everything is the mirror's thread's, but for what is marked. */

#include <pthread.h>
#include <stdatomic.h>

#include "plugin/transfer/mirror.h"

enum {
	OUTBOX_BITS = 4,
	OUTBOX_MAX = 1 << OUTBOX_BITS, /* writers that are served at once */
	WINDOW_COUNT = 16384,          /* transactions of a writer that may be on their way; a power of 2 */
	WINDOW_BYTES = 16 << 20,
	TOPIC_KNOWN_MAX = 8,
};

/* A transaction on its way. */
struct sent {
	uint64_t position;
	int64_t at_ms;
	uint32_t bytes;
	uint32_t waiting; /* records of it that are not delivered yet, and one more while they are being made */
};

/* One writer's way to Kafka. */
struct outbox {
	struct mirror *mirror;
	unsigned index;
	bool adopted; /* the writer is not there any more: what it left is final */
	char writer[WRITER_MAX + 1];
	char name[PLACE_NAME_MAX + 1]; /* of its place and its lease */

	/* whose turn it is (mirror_lease.c) */
	int64_t given_ms;             /* monotonic: to this writer; of an adopted one */
	bool leased;
	int64_t leased_until_ms;      /* wall clock */
	int64_t turn_ends_ms;         /* monotonic; of an adopted one */
	int64_t again_ms;             /* monotonic: nothing is tried before */
	bool taken_said;

	/* what is read */
	bool placed;                  /* `next` is what the store said, or behind it */
	uint64_t next;                /* from where the tail goes on */
	uint64_t certain;             /* nothing below it can become visible any more; it only grows */
	struct page page;
	size_t page_done;             /* so many of the page are handed over */
	bool also_left;               /* the first of the rest is handed over itself, but not what else is made of it */
	bool at_end;                  /* the last look found nothing more */
	bool damage_said;             /* that it waits for what is damaged, as often as the mirror may */
	int64_t read_at_ms;           /* monotonic */
	uint64_t sent_to;             /* of an adopted one: everything below was sent in an earlier turn, or looked through in vain */
	int wait_ms;                  /* until outbox_step is worth a call again, unless something happens */

	/* what is on its way: a ring */
	struct sent *sent;
	uint64_t first, last;         /* numbers of the oldest one and of the next one; number & (WINDOW_COUNT - 1) is its slot */
	size_t bytes;
	uint64_t stored;              /* the place, as the store has it */
	int64_t stored_at_ms;

	/* what the topic does not take */
	size_t bytes_max;             /* of what is on its way at once */
	size_t bytes_usual;
	uint64_t careful_until;       /* up to this position it goes slowly; 0: no */
	bool careful_cut;             /* meanwhile, one was too large by itself */
	uint64_t alone_position;      /* that one was refused as too large although it went alone */
	uint64_t cut_position;        /* that one is cut to cut_max bytes */
	size_t cut_max;
	char cut_text[200];

	/* what became of the last ones; kafka_poll's callbacks set it, the loop deals with it */
	enum kafka_result trouble;    /* KAFKA_DELIVERED: none */
	char trouble_text[120];
	uint64_t trouble_position;
	size_t trouble_bytes;
	bool trouble_alone;           /* nothing else was on its way */
};

struct mirror {
	struct mirror_conf conf; /* texts are copies */
	struct kafka *kafka; /* in order; NULL: also_only */
	struct kafka *side;
	struct outbox *boxes[OUTBOX_MAX];
	size_t box_count;
	struct past *past; /* a hash, by writer */
	pthread_t thread;
	int wake_fd;
	atomic_bool awake, stopping, done;
	_Atomic uint64_t last_position; /* as the loop told */
	struct outbox *making;          /* whose transaction `also` works on */
	struct buf value;

	int64_t started_ms;  /* monotonic */
	int64_t side_look_ms;
	bool topic_ready, topic_said;
	char topics_known[TOPIC_KNOWN_MAX][250]; /* of the side producer, that are there */
	size_t topics_known_count;
	int64_t also_said_ms;
	int64_t retry_ms;   /* monotonic: Kafka or the store is left alone until then */
	bool store_said;
	int64_t damage_said_ms; /* monotonic; 0: never */
	int64_t looked_at_ms; /* for others' tails */
	char looked_to[WRITER_MAX + 1]; /* the last one that got an outbox */
	int64_t stop_ms, progress_ms; /* monotonic: when stopping began, when something was last delivered */
	uint64_t progress;

	pthread_mutex_t stats_lock;
	struct mirror_stats stats; /* any thread, under the lock */
	struct mirror_stats counts; /* the same, the mirror's thread's own */
};

enum step {
	STEP_MORE,    /* there is more to be done at once */
	STEP_WAIT,    /* for deliveries, for the turn, for something new */
	STEP_TROUBLE, /* the store or Kafka: later */
};

/* ---- mirror_outbox.c ---- */

struct outbox *outbox_new(struct mirror *mirror, unsigned index, const char *writer, bool adopted);
void outbox_free(struct outbox *box);
/* Nothing of it is on its way: from now on it is that writer's, adopted. */
void outbox_give(struct outbox *box, const char *writer);
/* Reads on and hands over, as much as the window takes. */
enum step outbox_step(struct outbox *box);
/* Forgets it, because somebody else may move it. */
void outbox_leave_place(struct outbox *box);
/* Everything that there was when it looked last is delivered. */
bool outbox_is_finished(const struct outbox *box);
/* How many transactions are not delivered, as far as it is known. *oldest_ms: the time of the oldest of them, if one was read. */
uint64_t outbox_lag(const struct outbox *box, uint64_t last_position, int64_t *oldest_ms);
/* Stores the place, if it has moved. `now`: also when it was stored a moment ago. */
void outbox_store_place(struct outbox *box, bool now);
/* One record of the transaction `number` came back. main: it is the transaction itself. */
void outbox_delivered(struct outbox *box, uint64_t number, bool main, enum kafka_result result, const char *reason);
/* One more record of it is on its way. */
void outbox_expect(struct outbox *box, uint64_t number);
/* Deals with what came back as not delivered, after the producer has begun anew. */
void outbox_settle(struct outbox *box);
/* How long this transaction is still too young; 0: it is due. */
int64_t outbox_rests_ms(const struct outbox *box, const struct transaction *tx);
static inline size_t outbox_in_flight(const struct outbox *box)
{
	return (size_t)(box->last - box->first);
}

static inline struct sent *outbox_slot(const struct outbox *box, uint64_t number)
{
	return &box->sent[number & (WINDOW_COUNT - 1)];
}

/* ---- mirror_past.c ---- */

/* It goes to another writer: how far it sent is kept for when this one gets an outbox again. Nothing of him is there yet. */
void outbox_remember(const struct outbox *box);
/* Takes that out, if there is something. */
void outbox_recall(struct outbox *box);
/* All of them. */
void mirror_forget(struct mirror *mirror);

/* ---- mirror_place.c ---- */

/* Finds out from where to go on, unless it is known. false: the store does not say. */
bool outbox_find_place(struct outbox *box);
/* The store was asked from box->next on and answered `next`. Whether what lies between what was certain and there was sent when it was not
 * decided, and is now: then box->next is where that begins. */
bool outbox_goes_back(struct outbox *box, uint64_t next);

/* ---- mirror_size.c ---- */

/* That one goes with half of what it had. */
void outbox_cut(struct outbox *box, uint64_t position, size_t len);
/* Something that is on its way is too large: less at once, or, if it went alone, it is cut. */
void outbox_settle_size(struct outbox *box);

/* ---- mirror_lease.c ---- */

/* Whether there is something behind the place, be it damaged. */
bool outbox_has_news(struct outbox *box);
/* Whether it is this outbox's turn; takes, keeps and gives back the lease. */
bool outbox_has_turn(struct outbox *box);
/* In the midst of one transaction that takes long: the lease is kept. false: it is somebody else's; outbox_has_turn deals with that. */
bool outbox_keeps_turn(struct outbox *box);
bool outbox_turn_is_over(const struct outbox *box);
/* Stores the place and gives the lease back. */
void outbox_end_turn(struct outbox *box);
/* Looks for writers whose tails nobody mirrors. */
void mirror_look_for_others(struct mirror *mirror);

/* ---- mirror_also.c ---- */

/* Whether the topic is there; asks Kafka until it is. */
bool mirror_has_topic(struct mirror *mirror);
/* That of conf.side_topic, so that it is there for those who write to it. */
void mirror_look_for_side_topic(struct mirror *mirror);
/* Once a minute at most. */
void mirror_say_refused(struct mirror *mirror, const char *what, const char *reason);

/* ---- mirror.c ---- */

void mirror_say(struct mirror *mirror, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));
void mirror_store_failed(struct mirror *mirror, const struct error *err);
void mirror_store_works(struct mirror *mirror);
/* What the topic's records go by. */
static inline struct kafka *mirror_producer(const struct mirror *mirror)
{
	return mirror->kafka != NULL ? mirror->kafka : mirror->side;
}
/* Until it is woken, at most so long. */
void mirror_sleep(struct mirror *mirror, int timeout_ms);

#endif
