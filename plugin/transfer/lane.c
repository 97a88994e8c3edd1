/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Lanes. append_run is on the lane's worker, all else on the loop's thread. The first request of a batch takes those behind it out of
 * the queue, calls the store once for all, and comes back to the mailbox alone with the others on its list: one completion, one lock
 * and one ring of the doorbell per commit. */
#include "plugin/transfer/lane.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"

struct lane {
	struct workers *workers;
	struct store *store;
};

/* The loop's. Requests that come back after lanes_stop still count. */
struct counting {
	size_t references;
	struct lane_stats stats;
};

struct lanes {
	struct mailbox *mailbox;
	unsigned count;
	struct counting *counting;
	struct lane lanes[LANES_MAX];
};

struct request {
	struct job job;
	struct lane *lane;
	struct counting *counting;
	struct request *also; /* taken into the same append, behind this one */
	uint64_t chat_hash;
	struct append append;
	int64_t took_us; /* the batch's first: the call of the store; -1: there was none */
	enum store_rc rc;
	bool has_error;
	struct error err;
	lane_done *done;
	void *context;
	struct transaction *transactions[];
};

/* FNV-1a */
static uint64_t hash_of(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

static struct lane *lane_for(struct lanes *lanes, uint64_t hash)
{
	return &lanes->lanes[hash % lanes->count];
}

/* ---- on the worker ---- */

static void append_run(struct job *job);

struct batch {
	size_t count, transaction_count;
	struct request *last;
	uint64_t chat_hashes[LANE_BATCH_MAX];
	struct append appends[LANE_BATCH_MAX];
};

/* Called with the queue locked: a look, no work. Equal hashes count as the same chat; that ends the batch early and harms nothing. */
static bool batch_accepts(const struct job *job, void *context)
{
	const struct batch *batch = context;
	if (job->run != append_run || batch->count == LANE_BATCH_MAX)
		return false;
	const struct request *request = (const struct request *)job;
	if (batch->transaction_count + request->append.transaction_count > LANE_BATCH_MAX)
		return false;
	for (size_t i = 0; i < batch->count; i++)
		if (batch->chat_hashes[i] == request->chat_hash)
			return false;
	return true;
}

static void batch_add(struct batch *batch, struct request *request)
{
	if (batch->last)
		batch->last->also = request;
	batch->last = request;
	batch->chat_hashes[batch->count] = request->chat_hash;
	batch->appends[batch->count] = request->append;
	batch->transaction_count += request->append.transaction_count;
	batch->count++;
}

static void append_run(struct job *job)
{
	struct request *first = (struct request *)job;
	struct lane *lane = first->lane;
	struct batch *batch = mem_new(sizeof *batch);
	batch->count = batch->transaction_count = 0;
	batch->last = NULL;
	batch_add(batch, first);
	for (struct job *next; (next = workers_take(lane->workers, batch_accepts, batch)) != NULL;)
		batch_add(batch, (struct request *)next);

	struct error err = {0};
	int64_t start_us = clock_mono_us();
	enum store_rc rc = store_ops(lane->store)->append(lane->store, batch->appends, batch->count, &err);
	struct append *append = batch->appends;
	first->took_us = clock_mono_us() - start_us;
	first->rc = rc;
	for (struct request *request = first; request; request = request->also, append++) {
		request->append = *append;
		request->has_error = rc != STORE_OK;
		request->err = err;
	}
	free(batch);
}

/* ---- on the loop's thread ---- */

static void counting_drop(struct counting *counting)
{
	if (--counting->references == 0)
		free(counting);
}

static void request_free(struct request *request)
{
	counting_drop(request->counting);
	for (size_t i = 0; i < request->append.transaction_count; i++)
		transaction_free(request->transactions[i]);
	free(request);
}

static void count_batch(const struct request *first)
{
	struct lane_stats *stats = &first->counting->stats;
	if (first->took_us >= 0) {
		histogram_add(&stats->took, first->took_us);
		stats->failed[first->rc] += first->rc != STORE_OK;
	}
	for (const struct request *request = first; request; request = request->also) {
		stats->results[request->append.result]++;
		if (request->append.result == APPEND_OK)
			stats->transactions += request->append.transaction_count;
	}
}

static void append_done(struct job *job)
{
	count_batch((struct request *)job);
	for (struct request *request = (struct request *)job, *also; request; request = also) {
		also = request->also;
		request->done(request->context, &request->append, request->has_error ? &request->err : NULL);
		request_free(request);
	}
}

static struct request *request_new(const char *chat_id, struct transaction *const *transactions, size_t count)
{
	struct request *request = mem_zero(sizeof *request + count * sizeof *transactions);
	for (size_t i = 0; i < count; i++)
		request->transactions[i] = transaction_ref(transactions[i]);
	request->job = (struct job){.run = append_run, .done = append_done};
	request->took_us = -1;
	request->chat_hash = hash_of(chat_id);
	request->append = (struct append){.chat_id = request->transactions[0]->chat_id,
		.transactions = request->transactions,
		.transaction_count = count,
		.result = APPEND_NOTHING_ADDED};
	return request;
}

void lanes_append(struct lanes *lanes, const char *chat_id, struct transaction *const *transactions, size_t count, lane_done *done,
	void *context)
{
	assert(count > 0 && strcmp(chat_id, transactions[0]->chat_id) == 0);
	struct request *request = request_new(chat_id, transactions, count);
	request->done = done;
	request->context = context;
	request->lane = lane_for(lanes, request->chat_hash);
	request->counting = lanes->counting;
	request->counting->references++;
	if (workers_add(request->lane->workers, &request->job))
		return;
	request->has_error = true;
	error_set(&request->err, STORE_UNAVAILABLE, 0, "too many writes wait for the store");
	mailbox_post(lanes->mailbox, &request->job);
}

bool lanes_put(struct lanes *lanes, const char *key, struct job *job)
{
	return workers_add(lane_for(lanes, hash_of(key))->workers, job);
}

unsigned lanes_index(const struct lanes *lanes, const char *key)
{
	return (unsigned)(hash_of(key) % lanes->count);
}

/* Goes through one lane each. */
struct passage {
	struct job job;
	struct settling *settling;
};

struct settling {
	size_t left;
	struct job *then; /* NULL: nobody waits */
	struct passage passages[LANES_MAX];
};

static void passage_run(struct job *job)
{
	(void)job;
}

static void passage_done(struct job *job)
{
	struct settling *settling = ((struct passage *)job)->settling;
	if (--settling->left > 0)
		return;
	struct job *then = settling->then;
	free(settling);
	if (then != NULL)
		then->done(then);
}

bool lanes_settle(struct lanes *lanes, struct job *job)
{
	struct settling *settling = mem_zero(sizeof *settling);
	settling->then = job;
	for (unsigned i = 0; i < lanes->count; i++) {
		settling->passages[i] = (struct passage){{.run = passage_run, .done = passage_done}, settling};
		settling->left += workers_add(lanes->lanes[i].workers, &settling->passages[i].job);
	}
	if (settling->left == lanes->count)
		return true;
	/* They stop, or one is full: what is in that would not be waited for. The others' passages come back to nobody. */
	settling->then = NULL;
	if (settling->left == 0)
		free(settling);
	return false;
}

size_t lanes_load(struct lanes *lanes)
{
	size_t load = 0;
	for (unsigned i = 0; i < lanes->count; i++)
		load += workers_load(lanes->lanes[i].workers);
	return load;
}

const struct lane_stats *lanes_stats(const struct lanes *lanes)
{
	return &lanes->counting->stats;
}

struct lanes *lanes_start(struct mailbox *mailbox, struct store *store, unsigned lane_count)
{
	assert(lane_count >= 1 && lane_count <= LANES_MAX);
	struct lanes *lanes = mem_zero(sizeof *lanes);
	lanes->mailbox = mailbox;
	lanes->count = lane_count;
	lanes->counting = mem_zero(sizeof *lanes->counting);
	lanes->counting->references = 1;
	for (unsigned i = 0; i < lane_count; i++) {
		char name[20];
		snprintf(name, sizeof name, "hc-lane-%u", i % 100);
		lanes->lanes[i].store = store;
		lanes->lanes[i].workers = workers_start(mailbox, name, 1, LANE_QUEUE_MAX);
		if (lanes->lanes[i].workers == NULL) {
			lanes_stop(lanes);
			return NULL;
		}
	}
	return lanes;
}

void lanes_finish(struct lanes *lanes)
{
	for (unsigned i = 0; lanes != NULL && i < lanes->count; i++)
		workers_finish(lanes->lanes[i].workers);
}

void lanes_stop(struct lanes *lanes)
{
	if (lanes == NULL)
		return;
	for (unsigned i = 0; i < lanes->count; i++)
		workers_stop(lanes->lanes[i].workers);
	counting_drop(lanes->counting);
	free(lanes);
}
