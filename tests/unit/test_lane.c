/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Lanes over a store that writes down its calls and can be held inside one, so that what waits behind it is known. Meant to run under
 * the thread sanitizer as well. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "plugin/transfer/lane.h"

enum { DEADLINE_S = 20, CALLS_MAX = 4000 };

/* ---- a store that writes down ---- */

struct recorder {
	const struct store_ops *ops;
	sem_t entered, gate; /* each call posts entered, and waits at the gate while it is shut */
	atomic_bool shut;
	pthread_mutex_t lock;
	size_t call_count;
	struct buf calls[CALLS_MAX]; /* "chat:first+count chat:first+count " */
	enum store_rc rc;
	enum append_result result;
};

static void record(struct recorder *recorder, const struct append *appends, size_t append_count)
{
	pthread_mutex_lock(&recorder->lock);
	assert_true(recorder->call_count < CALLS_MAX);
	struct buf *call = &recorder->calls[recorder->call_count++];
	for (size_t i = 0; i < append_count; i++)
		buf_printf(call, "%s:%llu+%zu ", appends[i].chat_id, (unsigned long long)appends[i].transactions[0]->number,
			appends[i].transaction_count);
	pthread_mutex_unlock(&recorder->lock);
}

static enum store_rc recorder_append(struct store *store, struct append *appends, size_t append_count, struct error *err)
{
	struct recorder *recorder = (struct recorder *)store;
	record(recorder, appends, append_count);
	sem_post(&recorder->entered);
	if (atomic_load(&recorder->shut))
		sem_wait(&recorder->gate);
	for (size_t i = 0; i < append_count; i++) {
		appends[i].result = recorder->result;
		appends[i].last_position = appends[i].transactions[0]->number * 100;
	}
	return recorder->rc == STORE_OK ? STORE_OK : (enum store_rc)error_set(err, (int)recorder->rc, 0, "the disk is on fire");
}

static const struct store_ops store_recorder = {.name = "recorder", .append = recorder_append};

/* ---- a world with a loop ---- */

struct world {
	struct recorder store;
	sem_t bell;
	atomic_int rings;
	struct mailbox *mailbox;
	struct lanes *lanes;
	struct buf done; /* "chat:first=result " in the order of the callbacks */
	size_t done_count;
	char last_error[ERROR_TEXT_SIZE];
	uint64_t last_position;
};

static void ring(void *context)
{
	struct world *world = context;
	atomic_fetch_add(&world->rings, 1);
	sem_post(&world->bell);
}

static void begin(struct world *world, unsigned lane_count)
{
	memset(world, 0, sizeof *world);
	world->store.ops = &store_recorder;
	sem_init(&world->store.entered, 0, 0);
	sem_init(&world->store.gate, 0, 0);
	pthread_mutex_init(&world->store.lock, NULL);
	sem_init(&world->bell, 0, 0);
	buf_add_text(&world->done, "");
	world->mailbox = mailbox_new(ring, world);
	world->lanes = lanes_start(world->mailbox, (struct store *)&world->store, lane_count);
	assert_non_null(world->lanes);
}

static void end(struct world *world)
{
	lanes_stop(world->lanes);
	mailbox_run(world->mailbox);
	mailbox_free(world->mailbox);
	for (size_t i = 0; i < world->store.call_count; i++)
		buf_fini(&world->store.calls[i]);
	buf_fini(&world->done);
	pthread_mutex_destroy(&world->store.lock);
	sem_destroy(&world->store.entered);
	sem_destroy(&world->store.gate);
	sem_destroy(&world->bell);
}

static void wait_for(sem_t *sem)
{
	struct timespec deadline;
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += DEADLINE_S;
	if (sem_timedwait(sem, &deadline) != 0)
		fail_msg("nothing came within %d s", DEADLINE_S);
}

static void run_until_done(struct world *world, size_t count)
{
	while (world->done_count < count) {
		wait_for(&world->bell);
		mailbox_run(world->mailbox);
	}
}

static void on_done(void *context, const struct append *result, const struct error *err)
{
	struct world *world = context;
	buf_printf(&world->done, "%s:%llu=%d ", result->chat_id, (unsigned long long)result->transactions[0]->number, (int)result->result);
	snprintf(world->last_error, sizeof world->last_error, "%s", err ? err->text : "");
	world->last_position = result->last_position;
	world->done_count++;
}

static struct transaction *make(const char *chat_id, uint64_t number)
{
	const struct transaction tx = {
		.chat_id = chat_id, .number = number, .type = TX_MESSAGE, .sender_id = "alice", .key = "k", .writer = "w"};
	return transaction_new(&tx);
}

/* The request alone holds the transactions afterwards. */
static void append(struct world *world, const char *chat_id, uint64_t first, size_t count)
{
	struct transaction **transactions = mem_new(count * sizeof *transactions);
	for (size_t i = 0; i < count; i++)
		transactions[i] = make(chat_id, first + i);
	lanes_append(world->lanes, chat_id, transactions, count, on_done, world);
	for (size_t i = 0; i < count; i++)
		transaction_free(transactions[i]);
	free(transactions);
}

/* Leaves the lane's worker inside a call for the chat "held", so that everything after this waits. */
static void hold(struct world *world)
{
	atomic_store(&world->store.shut, true);
	append(world, "held", 1, 1);
	wait_for(&world->store.entered);
}

static void let_go(struct world *world)
{
	atomic_store(&world->store.shut, false);
	sem_post(&world->store.gate);
}

static void assert_call(struct world *world, size_t call, const char *expected)
{
	assert_true(call < world->store.call_count);
	assert_string_equal(world->store.calls[call].data, expected);
}

/* ---- the tests ---- */

static void an_append_goes_to_the_store_and_its_result_comes_back(void **state)
{
	(void)state;
	struct world world;
	begin(&world, 1);
	append(&world, "a", 7, 2);
	run_until_done(&world, 1);
	assert_call(&world, 0, "a:7+2 ");
	assert_string_equal(world.done.data, "a:7=0 ");
	assert_string_equal(world.last_error, "");
	assert_int_equal(world.last_position, 700);
	end(&world);
}

static void what_waits_during_a_commit_goes_into_the_next_one_together(void **state)
{
	(void)state;
	struct world world;
	begin(&world, 1);
	hold(&world);
	append(&world, "a", 1, 1);
	append(&world, "b", 5, 3);
	append(&world, "c", 9, 1);
	assert_int_equal(world.store.call_count, 1);
	let_go(&world);
	run_until_done(&world, 4);
	assert_int_equal(world.store.call_count, 2);
	assert_call(&world, 1, "a:1+1 b:5+3 c:9+1 ");
	assert_string_equal(world.done.data, "held:1=0 a:1=0 b:5=0 c:9=0 ");
	assert_true(atomic_load(&world.rings) <= 2); /* one wake-up per commit */
	end(&world);
}

static void a_chat_is_never_twice_in_one_call(void **state)
{
	(void)state;
	struct world world;
	begin(&world, 1);
	hold(&world);
	append(&world, "a", 1, 1);
	append(&world, "b", 1, 1);
	append(&world, "a", 2, 1);
	append(&world, "c", 1, 1);
	append(&world, "held", 2, 1);
	let_go(&world);
	run_until_done(&world, 6);
	assert_int_equal(world.store.call_count, 3);
	assert_call(&world, 1, "a:1+1 b:1+1 ");
	assert_call(&world, 2, "a:2+1 c:1+1 held:2+1 ");
	end(&world);
}

static void a_call_holds_no_more_than_its_limit(void **state)
{
	(void)state;
	struct world world;
	begin(&world, 1);
	hold(&world);
	append(&world, "a", 1, LANE_BATCH_MAX - 12);
	append(&world, "b", 1, 12);
	append(&world, "c", 1, 1);
	append(&world, "d", 1, LANE_BATCH_MAX + 88); /* larger than a call should be: goes alone */
	append(&world, "e", 1, 1);
	let_go(&world);
	run_until_done(&world, 6);
	char full[32], large[32];
	snprintf(full, sizeof full, "a:1+%d b:1+12 ", LANE_BATCH_MAX - 12);
	snprintf(large, sizeof large, "d:1+%d ", LANE_BATCH_MAX + 88);
	assert_call(&world, 1, full);
	assert_call(&world, 2, "c:1+1 ");
	assert_call(&world, 3, large);
	assert_call(&world, 4, "e:1+1 ");
	end(&world);
}

struct other_job {
	struct job job;
	struct world *world;
	size_t calls_before;
};

static void other_run(struct job *job)
{
	struct other_job *other = (struct other_job *)job;
	pthread_mutex_lock(&other->world->store.lock);
	other->calls_before = other->world->store.call_count;
	pthread_mutex_unlock(&other->world->store.lock);
}

static void other_done(struct job *job)
{
	struct world *world = ((struct other_job *)job)->world;
	buf_add_text(&world->done, "other ");
	world->done_count++;
}

static void another_job_keeps_its_place_between_appends(void **state)
{
	(void)state;
	struct world world;
	begin(&world, 1);
	struct other_job other = {.job = {.run = other_run, .done = other_done}, .world = &world};
	hold(&world);
	append(&world, "a", 1, 1);
	assert_true(lanes_put(world.lanes, "a", &other.job));
	append(&world, "b", 1, 1);
	assert_int_equal(lanes_load(world.lanes), 4);
	let_go(&world);
	run_until_done(&world, 4);
	assert_int_equal(other.calls_before, 2);
	assert_string_equal(world.done.data, "held:1=0 a:1=0 other b:1=0 ");
	end(&world);
}

/* The store's calls are what counts: that "held" is done is known from its call's end, which the gate holds up. */
static void settling_waits_for_what_is_in_any_lane(void **state)
{
	(void)state;
	struct world world;
	begin(&world, 4);
	struct other_job other = {.job = {.done = other_done}, .world = &world};
	hold(&world);
	assert_true(lanes_settle(world.lanes, &other.job));
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	nanosleep(&pause, NULL);
	mailbox_run(world.mailbox);
	assert_string_equal(world.done.data, "");
	let_go(&world);
	run_until_done(&world, 2);
	assert_string_equal(world.done.data, "held:1=0 other ");
	lanes_finish(world.lanes);
	assert_false(lanes_settle(world.lanes, &other.job));
	end(&world);
}

/* The lanes that took its passage are asked again afterwards, and nothing comes twice. */
static void settling_is_refused_while_one_lane_is_full(void **state)
{
	(void)state;
	struct world world;
	begin(&world, 4);
	struct other_job other = {.job = {.done = other_done}, .world = &world};
	struct other_job *waiting = mem_zero((LANE_QUEUE_MAX + 1) * sizeof *waiting);
	size_t count = 0;
	hold(&world);
	do
		waiting[count] = (struct other_job){.job = {.run = other_run, .done = other_done}, .world = &world};
	while (lanes_put(world.lanes, "held", &waiting[count].job) && ++count <= LANE_QUEUE_MAX);
	assert_in_range(count, LANE_QUEUE_MAX - 1, LANE_QUEUE_MAX);
	assert_false(lanes_settle(world.lanes, &other.job));
	let_go(&world);
	run_until_done(&world, 1 + count);
	assert_true(lanes_settle(world.lanes, &other.job));
	run_until_done(&world, 2 + count);
	assert_int_equal(world.done_count, 2 + count);
	free(waiting);
	end(&world);
}

static void each_result_and_the_stores_reason_come_back(void **state)
{
	(void)state;
	static const struct {
		enum store_rc rc;
		enum append_result result;
	} cases[] = {{STORE_OK, APPEND_CONFLICT}, {STORE_UNAVAILABLE, APPEND_NOTHING_ADDED}, {STORE_UNKNOWN, APPEND_UNKNOWN}};
	for (size_t i = 0; i < 3; i++) {
		struct world world;
		begin(&world, 1);
		world.store.rc = cases[i].rc;
		world.store.result = cases[i].result;
		append(&world, "a", 1, 1);
		run_until_done(&world, 1);
		char expected[20];
		snprintf(expected, sizeof expected, "a:1=%d ", (int)cases[i].result);
		assert_string_equal(world.done.data, expected);
		assert_string_equal(world.last_error, cases[i].rc == STORE_OK ? "" : "the disk is on fire");
		end(&world);
	}
}

static void what_became_of_appends_is_counted(void **state)
{
	(void)state;
	struct world world;
	begin(&world, 1);
	hold(&world);
	append(&world, "a", 1, 2);
	append(&world, "b", 5, 3);
	let_go(&world);
	run_until_done(&world, 3);
	world.store.result = APPEND_CONFLICT;
	append(&world, "a", 3, 1);
	run_until_done(&world, 4);
	world.store.rc = STORE_UNAVAILABLE;
	world.store.result = APPEND_NOTHING_ADDED;
	append(&world, "a", 3, 1);
	run_until_done(&world, 5);
	const struct lane_stats *stats = lanes_stats(world.lanes);
	assert_int_equal(histogram_count(&stats->took), 4); /* the store was called as often: two of the five went together */
	assert_int_equal(stats->results[APPEND_OK], 3);
	assert_int_equal(stats->results[APPEND_CONFLICT], 1);
	assert_int_equal(stats->results[APPEND_NOTHING_ADDED], 1);
	assert_int_equal(stats->transactions, 1 + 2 + 3);
	assert_int_equal(stats->failed[STORE_UNAVAILABLE], 1);
	assert_int_equal(stats->failed[STORE_OK], 0);
	end(&world);
}

static void a_full_lane_looks_like_a_store_that_is_down(void **state)
{
	(void)state;
	struct world world;
	begin(&world, 1);
	hold(&world);
	struct other_job *others = mem_zero(LANE_QUEUE_MAX * sizeof *others);
	for (size_t i = 0; i < LANE_QUEUE_MAX; i++) {
		others[i] = (struct other_job){.job = {.run = other_run, .done = other_done}, .world = &world};
		assert_true(lanes_put(world.lanes, "x", &others[i].job));
	}
	struct other_job one_more = others[0];
	assert_false(lanes_put(world.lanes, "x", &one_more.job));
	append(&world, "a", 1, 1);
	assert_int_equal(world.done_count, 0); /* not from inside lanes_append */
	run_until_done(&world, 1);
	char expected[20];
	snprintf(expected, sizeof expected, "a:1=%d ", (int)APPEND_NOTHING_ADDED);
	assert_string_equal(world.done.data, expected);
	assert_non_null(strstr(world.last_error, "wait"));
	assert_int_equal(histogram_count(&lanes_stats(world.lanes)->took), 0); /* the store was not asked */
	let_go(&world);
	run_until_done(&world, 1 + 1 + LANE_QUEUE_MAX);
	free(others);
	end(&world);
}

static void stopping_does_what_waits(void **state)
{
	(void)state;
	struct world world;
	begin(&world, 1);
	hold(&world);
	append(&world, "a", 1, 1);
	let_go(&world);
	lanes_stop(world.lanes);
	world.lanes = NULL;
	mailbox_run(world.mailbox);
	assert_string_equal(world.done.data, "held:1=0 a:1=0 ");
	end(&world);
}

/* Many chats over many lanes, each with its next request as soon as the last one is done, as the core does it. */
enum { CHATS = 40, REQUESTS = 50 };

struct chain {
	struct world *world;
	char chat_id[8];
	uint64_t next;
};

static void chain_append(struct chain *chain);

static void chain_done(void *context, const struct append *result, const struct error *err)
{
	struct chain *chain = context;
	assert_null(err);
	assert_int_equal(result->transactions[0]->number, chain->next);
	chain->world->done_count++;
	if (chain->next++ < REQUESTS)
		chain_append(chain);
}

static void chain_append(struct chain *chain)
{
	struct transaction *tx = make(chain->chat_id, chain->next);
	lanes_append(chain->world->lanes, chain->chat_id, &tx, 1, chain_done, chain);
	transaction_free(tx);
}

static void chats_keep_their_order_over_several_lanes(void **state)
{
	(void)state;
	struct world *world = mem_new(sizeof *world);
	begin(world, 4);
	struct chain chains[CHATS];
	for (size_t i = 0; i < CHATS; i++) {
		chains[i] = (struct chain){.world = world, .next = 1};
		snprintf(chains[i].chat_id, sizeof chains[i].chat_id, "c%zu", i);
		chain_append(&chains[i]);
	}
	run_until_done(world, CHATS * REQUESTS);
	unsigned long long next[CHATS] = {0};
	for (size_t call = 0; call < world->store.call_count; call++) {
		unsigned chat;
		unsigned long long number;
		int len;
		for (const char *at = world->store.calls[call].data; sscanf(at, "c%u:%llu+1 %n", &chat, &number, &len) == 2; at += len)
			assert_int_equal(number, ++next[chat]);
	}
	for (size_t i = 0; i < CHATS; i++)
		assert_int_equal(next[i], REQUESTS);
	end(world);
	free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_append_goes_to_the_store_and_its_result_comes_back),
		cmocka_unit_test(what_waits_during_a_commit_goes_into_the_next_one_together),
		cmocka_unit_test(a_chat_is_never_twice_in_one_call),
		cmocka_unit_test(a_call_holds_no_more_than_its_limit),
		cmocka_unit_test(another_job_keeps_its_place_between_appends),
		cmocka_unit_test(settling_waits_for_what_is_in_any_lane),
		cmocka_unit_test(settling_is_refused_while_one_lane_is_full),
		cmocka_unit_test(each_result_and_the_stores_reason_come_back),
		cmocka_unit_test(what_became_of_appends_is_counted),
		cmocka_unit_test(a_full_lane_looks_like_a_store_that_is_down),
		cmocka_unit_test(stopping_does_what_waits),
		cmocka_unit_test(chats_keep_their_order_over_several_lanes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
