/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Positions, and the thread that tells others how far they are decided. Any thread. */
#include "storage/mongo/positions.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "storage/mongo/tips.h"

enum { COUNTER_BITS = 40, PUBLISH_MS = 20, FLUSH_MS = 1000 };

struct flight {
	char chat_id[CHAT_ID_MAX + 1];
	uint64_t first_number;
	uint64_t lowest, last; /* positions */
};

struct positions {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	uint64_t incarnation; /* 0: not taken yet */
	uint64_t last;        /* the last one that was given; 0: none */
	bool superseded;
	struct flight *flights;
	size_t flight_count;
	char (*writers)[WRITER_MAX + 1]; /* that are known in the database */
	size_t writer_count;
	uint64_t published; /* `safe` in the database */
	uint64_t flushed;   /* `tips` in the database */
	pthread_mutex_t begin_lock; /* held while an incarnation is taken */
	pthread_t thread;
	bool has_thread, stopping;
};

struct positions *positions_new(void)
{
	struct positions *positions = mem_zero(sizeof *positions);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&positions->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&positions->lock, NULL);
	pthread_mutex_init(&positions->begin_lock, NULL);
	return positions;
}

void positions_free(struct positions *positions)
{
	if (positions == NULL)
		return;
	pthread_cond_destroy(&positions->wake);
	pthread_mutex_destroy(&positions->lock);
	pthread_mutex_destroy(&positions->begin_lock);
	free(positions->flights);
	free(positions->writers);
	free(positions);
}

/* ---- giving ---- */

uint64_t positions_take(struct positions *positions, const char *chat_id, uint64_t first_number, size_t count)
{
	pthread_mutex_lock(&positions->lock);
	positions->flights = mem_grow(positions->flights, (positions->flight_count + 1) * sizeof *positions->flights);
	struct flight *flight = &positions->flights[positions->flight_count++];
	*flight = (struct flight){.first_number = first_number, .lowest = positions->last + 1};
	memcpy(flight->chat_id, chat_id, strnlen(chat_id, CHAT_ID_MAX));
	uint64_t last = flight->last = positions->last += count;
	pthread_mutex_unlock(&positions->lock);
	return last;
}

void positions_drop(struct positions *positions, uint64_t last)
{
	size_t kept = 0;
	pthread_mutex_lock(&positions->lock);
	for (size_t i = 0; i < positions->flight_count; i++)
		if (positions->flights[i].last != last)
			positions->flights[kept++] = positions->flights[i];
	positions->flight_count = kept;
	pthread_cond_signal(&positions->wake);
	pthread_mutex_unlock(&positions->lock);
}

void positions_end(struct positions *positions, const char *chat_id, uint64_t last_number)
{
	size_t kept = 0;
	pthread_mutex_lock(&positions->lock);
	for (size_t i = 0; i < positions->flight_count; i++) {
		const struct flight *flight = &positions->flights[i];
		if (flight->first_number > last_number || strcmp(flight->chat_id, chat_id) != 0)
			positions->flights[kept++] = *flight;
	}
	positions->flight_count = kept;
	pthread_cond_signal(&positions->wake);
	pthread_mutex_unlock(&positions->lock);
}

/* With the lock. Flights are in the order of their positions. */
static uint64_t safe_of(const struct positions *positions)
{
	return positions->flight_count > 0 ? positions->flights[0].lowest - 1 : positions->last;
}

uint64_t positions_safe(struct positions *positions)
{
	pthread_mutex_lock(&positions->lock);
	uint64_t safe = positions->incarnation != 0 ? safe_of(positions) : 0;
	pthread_mutex_unlock(&positions->lock);
	return safe;
}

/* ---- publishing ---- */

/* Writes `safe` now. */
static enum store_rc publish(struct db *db, struct error *err)
{
	struct positions *positions = db->mongo->positions;
	pthread_mutex_lock(&positions->lock);
	uint64_t safe = safe_of(positions), incarnation = positions->incarnation;
	bool news = incarnation != 0 && safe > positions->published;
	pthread_mutex_unlock(&positions->lock);
	if (!news)
		return STORE_OK;
	size_t matched;
	enum store_rc rc = db_update(db, WRITERS, BCON_NEW("_id", BCON_UTF8(db->mongo->info.writer), "i", BCON_INT64((int64_t)incarnation)),
		BCON_NEW("$max", "{", "safe", BCON_INT64((int64_t)safe), "}"), DB_UPDATE, &matched, err);
	if (rc != STORE_OK)
		return rc;
	pthread_mutex_lock(&positions->lock);
	positions->superseded = positions->superseded || matched == 0;
	positions->published = safe;
	pthread_mutex_unlock(&positions->lock);
	return STORE_OK;
}

enum store_rc positions_flush(struct db *db, struct error *err)
{
	struct positions *positions = db->mongo->positions;
	pthread_mutex_lock(&positions->lock);
	uint64_t safe = safe_of(positions);
	bool news = positions->incarnation != 0 && safe > positions->flushed;
	pthread_mutex_unlock(&positions->lock);
	enum store_rc rc = tips_flush(db, db->mongo->tips, err);
	if (rc != STORE_OK || !news)
		return rc;
	rc = db_update(db, WRITERS, BCON_NEW("_id", BCON_UTF8(db->mongo->info.writer)),
		BCON_NEW("$max", "{", "tips", BCON_INT64((int64_t)safe), "}"), DB_UPDATE, NULL, err);
	if (rc != STORE_OK)
		return rc;
	pthread_mutex_lock(&positions->lock);
	positions->flushed = safe;
	pthread_mutex_unlock(&positions->lock);
	return publish(db, err);
}

static void wait_until(struct positions *positions, int64_t ms)
{
	struct timespec until = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
	pthread_cond_timedwait(&positions->wake, &positions->lock, &until);
}

/* What goes wrong here is tried again, and said by those who write: this thread has nobody to tell. */
static void *publish_on_and_on(void *arg)
{
	struct store *store = arg;
	struct positions *positions = mongo_of(store)->positions;
	int64_t flush_ms = clock_mono_ms() + FLUSH_MS;
	pthread_mutex_lock(&positions->lock);
	while (!positions->stopping) {
		if (safe_of(positions) == positions->published)
			wait_until(positions, flush_ms);
		int64_t publish_ms = clock_mono_ms() + PUBLISH_MS;
		while (!positions->stopping && clock_mono_ms() < publish_ms)
			wait_until(positions, publish_ms);
		if (positions->stopping)
			break;
		pthread_mutex_unlock(&positions->lock);
		struct db db;
		db_begin(&db, store);
		publish(&db, NULL);
		if (clock_mono_ms() >= flush_ms) {
			positions_flush(&db, NULL);
			flush_ms = clock_mono_ms() + FLUSH_MS;
		}
		db_end(&db);
		pthread_mutex_lock(&positions->lock);
	}
	pthread_mutex_unlock(&positions->lock);
	return NULL;
}

/* With all signals blocked, as every worker. */
static bool start_thread(struct mongo *mongo)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool started = pthread_create(&mongo->positions->thread, NULL, publish_on_and_on, mongo) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started)
		pthread_setname_np(mongo->positions->thread, "hc-positions");
	return started;
}

void positions_stop(struct store *store)
{
	struct positions *positions = mongo_of(store)->positions;
	pthread_mutex_lock(&positions->lock);
	positions->stopping = true;
	pthread_cond_signal(&positions->wake);
	pthread_mutex_unlock(&positions->lock);
	if (!positions->has_thread)
		return;
	pthread_join(positions->thread, NULL);
	struct db db;
	db_begin(&db, store);
	positions_flush(&db, NULL);
	db_end(&db);
}

/* ---- beginning ---- */

static enum store_rc take_incarnation(struct db *db, uint64_t *incarnation, struct error *err)
{
	bson_t store;
	const char *writer = db->mongo->info.writer;
	enum store_rc rc = db_change_one(db, STORE_INFO, BCON_NEW("_id", BCON_UTF8("store")),
		BCON_NEW("$inc", "{", "incarnation", BCON_INT64(1), "}"), DB_UPDATE, &store, err);
	if (rc == STORE_NOT_FOUND)
		return error_set(err, STORE_UNAVAILABLE, 0, "the store's own document is gone from the database");
	if (rc != STORE_OK)
		return error_set(err, STORE_UNAVAILABLE, 0, "no position can be had: the database is away"); /* one that was taken all the same is a gap */
	*incarnation = (uint64_t)doc_number(&store, "incarnation");
	bson_destroy(&store);
	rc = db_update(db, WRITERS, BCON_NEW("_id", BCON_UTF8(writer)), BCON_NEW("$max", "{", "i", BCON_INT64((int64_t)*incarnation), "}"),
		DB_UPSERT, NULL, err);
	return rc == STORE_OK ? STORE_OK : STORE_UNAVAILABLE;
}

static enum store_rc begin(struct db *db, struct error *err)
{
	struct positions *positions = db->mongo->positions;
	uint64_t incarnation = 0;
	enum store_rc rc = take_incarnation(db, &incarnation, err);
	if (rc != STORE_OK)
		return rc;
	pthread_mutex_lock(&positions->lock);
	positions->incarnation = incarnation;
	positions->last = positions->published = positions->flushed = incarnation << COUNTER_BITS;
	pthread_mutex_unlock(&positions->lock);
	positions->has_thread = start_thread(db->mongo);
	return positions->has_thread ? STORE_OK : (enum store_rc)error_set(err, STORE_UNAVAILABLE, 0, "a thread could not be started");
}

enum store_rc positions_begin(struct db *db, struct error *err)
{
	struct positions *positions = db->mongo->positions;
	enum store_rc rc = STORE_OK;
	pthread_mutex_lock(&positions->begin_lock);
	if (!positions->has_thread)
		rc = begin(db, err);
	pthread_mutex_unlock(&positions->begin_lock);
	pthread_mutex_lock(&positions->lock);
	bool superseded = positions->superseded;
	pthread_mutex_unlock(&positions->lock);
	if (superseded)
		return error_set(err, STORE_UNAVAILABLE, 0, "another process writes as \"%s\" now: each broker needs a writer's name of its own",
			db->mongo->info.writer);
	return rc;
}

/* With the lock. */
static bool is_known(const struct positions *positions, const char *writer)
{
	for (size_t i = 0; i < positions->writer_count; i++)
		if (strcmp(positions->writers[i], writer) == 0)
			return true;
	return false;
}

enum store_rc positions_know_writer(struct db *db, const char *writer, struct error *err)
{
	struct positions *positions = db->mongo->positions;
	pthread_mutex_lock(&positions->lock);
	bool known = is_known(positions, writer);
	pthread_mutex_unlock(&positions->lock);
	if (known)
		return STORE_OK;
	enum store_rc rc = db_update(db, WRITERS, BCON_NEW("_id", BCON_UTF8(writer)), BCON_NEW("$set", "{", "wrote", BCON_BOOL(true), "}"), DB_UPSERT,
		NULL, err);
	if (rc != STORE_OK)
		return rc == STORE_TAKEN ? STORE_UNAVAILABLE : rc; /* two made it at once: next time it is there */
	pthread_mutex_lock(&positions->lock);
	if (!is_known(positions, writer)) {
		positions->writers = mem_grow(positions->writers, (positions->writer_count + 1) * sizeof *positions->writers);
		char *name = memset(positions->writers[positions->writer_count++], 0, WRITER_MAX + 1);
		memcpy(name, writer, strnlen(writer, WRITER_MAX));
	}
	pthread_mutex_unlock(&positions->lock);
	return STORE_OK;
}
