/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_LANE_H
#define HC_TRANSFER_LANE_H
/* Lanes: the loop's way of writing to the store. One worker thread each; what waits while a commit is under way goes into the next
 * one together, so that a busy store does fewer and larger commits by itself and an idle one answers at once.
 *
 * A chat always goes to the same lane (by a hash of its ID), which makes "the same chat, one call at a time" of store.h true. With one
 * lane (SQLite) everything is in order; with several (MongoDB, about 8) what concerns one chat is.
 *
 * Threads: all functions on the loop's thread, none blocks but lanes_finish and lanes_stop. Callbacks run on the loop's thread, inside mailbox_run. */

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/histogram.h"
#include "base/worker.h"
#include "storage/store.h"

enum {
	LANE_BATCH_MAX = 256,    /* transactions in one append, unless a single request is larger */
	LANE_QUEUE_MAX = 65536,  /* requests waiting in one lane; the loop has one per chat under way, so this is never reached by design */
	LANES_MAX = 16,
};

struct lanes;

/* NULL: a thread could not be started. lane_count 1…LANES_MAX. */
struct lanes *lanes_start(struct mailbox *mailbox, struct store *store, unsigned lane_count);

/* result is valid during the call; result->transactions are those of the request. err is NULL when the store returned STORE_OK. */
typedef void lane_done(void *context, const struct append *result, const struct error *err);

/* Appends transactions of one chat, all or none (see struct append). Each is kept referenced until done has returned; the array is copied.
 * At most one request of a chat should be under way: a second one is done in a later call, after the first, whatever became of that.
 * A full queue is reported like a store that is down: done gets APPEND_NOTHING_ADDED. done is called exactly once, never from in here. */
void lanes_append(struct lanes *lanes, const char *chat_id, struct transaction *const *transactions, size_t count, lane_done *done,
	void *context);

/* Any other job (receipts, cursors) in the order of its lane: what was put or appended for the same key before is done before.
 * key: a chat ID, or anything else whose jobs belong in order. false: the queue is full or stopping; the job is still the caller's. */
bool lanes_put(struct lanes *lanes, const char *key, struct job *job);

/* Calls job->done once all that was put into any lane so far is done; its run is not called. false: as lanes_put. */
bool lanes_settle(struct lanes *lanes, struct job *job);

/* Which lane that key's jobs go to, 0…LANES_MAX - 1. */
unsigned lanes_index(const struct lanes *lanes, const char *key);

/* Requests and jobs waiting or running. */
size_t lanes_load(struct lanes *lanes);

/* What became of the appends that have come back, since the start. */
struct lane_stats {
	struct histogram took;                      /* calls of store_append, each with all that waited then */
	uint64_t failed[STORE_TAKEN + 1];           /* of those calls, by enum store_rc; [STORE_OK] stays 0 */
	uint64_t results[APPEND_UNKNOWN + 1];       /* requests, by enum append_result */
	uint64_t transactions;                      /* those of requests with APPEND_OK */
};
const struct lane_stats *lanes_stats(const struct lanes *lanes);

/* Takes nothing new, does what waits, joins the threads. Then mailbox_run for the last completions; what they ask for is refused. NULL is
 * fine. */
void lanes_finish(struct lanes *lanes);

/* The same, unless it was done, and frees. */
void lanes_stop(struct lanes *lanes);

#endif
