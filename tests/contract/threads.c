/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Many threads: two brokers racing for one chat, lanes side by side, readers meanwhile. Threads only note what went wrong; the
 * assertions are made on the test's own. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "tests/contract/contract.h"

enum { RACERS = 2, RACE_MESSAGES = 60, LANES = 3, LANE_BATCHES = 40, DEADLINE_MS = 60000 };

struct thread {
	pthread_t id;
	struct store *store;
	char name[16];
	char failure[100]; /* "": all is well */
	atomic_bool *stop;
};

static void start(struct thread *thread, void *(*main)(void *thread))
{
	assert_int_equal(pthread_create(&thread->id, NULL, main, thread), 0);
}

static void join(struct thread *thread)
{
	pthread_join(thread->id, NULL);
	assert_string_equal(thread->failure, "");
}

/* ---- a race ---- */

static bool see_where_it_is(struct store *store, struct line *line)
{
	struct chat_record *chat = NULL;
	enum store_rc rc = ON(store, load_chat, line->chat_id, &chat, NULL);
	if (rc == STORE_NOT_FOUND)
		return true;
	if (rc != STORE_OK)
		return false;
	line->latest = chat->latest;
	memcpy(line->head, chat->head, HEAD_BYTES);
	store_free(chat);
	return true;
}

/* Appends whatever is there by then; false: not now. */
static bool race_for_one(struct thread *thread, const char *key)
{
	struct line line = line_new("c");
	line.writer = thread->name;
	if (!see_where_it_is(thread->store, &line))
		return false;
	struct transaction *tx = line_says_as(&line, thread->name, key, "mine");
	struct append append = {.chat_id = "c", .transactions = &tx, .transaction_count = 1};
	enum store_rc rc;
	do {
		rc = ON(thread->store, append, &append, 1, NULL);
	} while (rc == STORE_UNKNOWN);
	transaction_free(tx);
	return rc == STORE_OK && append.result == APPEND_OK;
}

static void *race(void *arg)
{
	struct thread *thread = arg;
	int64_t deadline = clock_mono_ms() + DEADLINE_MS;
	for (int i = 0; i < RACE_MESSAGES; i++) {
		char key[16];
		snprintf(key, sizeof key, "%d", i);
		while (!race_for_one(thread, key)) {
			if (clock_mono_ms() > deadline) {
				snprintf(thread->failure, sizeof thread->failure, "message %d did not get in", i);
				return NULL;
			}
		}
	}
	return NULL;
}

static void two_brokers_racing_for_a_chat_leave_no_gap_and_nothing_twice(void **state)
{
	struct world *world = *state;
	struct thread racers[RACERS] = {{.store = world->store, .name = "left"}, {.store = world->other, .name = "right"}};
	for (size_t i = 0; i < RACERS; i++)
		start(&racers[i], race);
	for (size_t i = 0; i < RACERS; i++)
		join(&racers[i]);
	assert_int_equal(assert_sound(world->store, "c"), RACERS * RACE_MESSAGES);
	for (size_t i = 0; i < RACERS; i++) {
		struct page page = read_tail(world->store, racers[i].name, 0, 1000, NULL);
		assert_int_equal(page.count, RACE_MESSAGES);
		store_page_free(&page);
	}
}

/* ---- lanes and readers ---- */

static void *run_lane(void *arg)
{
	struct thread *lane = arg;
	char ids[2][24];
	struct line lines[2];
	for (int i = 0; i < 2; i++) {
		snprintf(ids[i], sizeof ids[i], "%s-%d", lane->name, i);
		lines[i] = line_new(ids[i]);
	}
	for (int i = 0; i < LANE_BATCHES && lane->failure[0] == '\0'; i++) {
		struct transaction *txs[2] = {line_says(&lines[0], "alice", "hi"), line_says(&lines[1], "bob", "ho")};
		struct append batch[2] = {{.chat_id = ids[0], .transactions = &txs[0], .transaction_count = 1},
			{.chat_id = ids[1], .transactions = &txs[1], .transaction_count = 1}};
		if (ON(lane->store, append, batch, 2, NULL) != STORE_OK || batch[0].result != APPEND_OK || batch[1].result != APPEND_OK)
			snprintf(lane->failure, sizeof lane->failure, "batch %d did not get in", i);
		transaction_free(txs[0]);
		transaction_free(txs[1]);
	}
	return NULL;
}

/* A page is a snapshot: it ends where it says that the chat ends, and its heads follow. */
static void check_page(struct thread *reader, const char *chat_id)
{
	struct page page = {0};
	struct page_limits limits = {.count_max = 10000, .bytes_max = SIZE_MAX};
	unsigned char head[HEAD_BYTES] = {0};
	if (ON(reader->store, read_page, chat_id, 1, UINT64_MAX, &limits, &page, NULL) != STORE_OK || page.count != page.latest)
		snprintf(reader->failure, sizeof reader->failure, "%s has %zu of %ju", chat_id, page.count, (uintmax_t)page.latest);
	for (size_t i = 0; i < page.count; i++) {
		transaction_head(page.transactions[i], head, head);
		if (page.transactions[i]->number != i + 1 || memcmp(head, page.transactions[i]->head, HEAD_BYTES) != 0)
			snprintf(reader->failure, sizeof reader->failure, "%s is wrong at %zu", chat_id, i + 1);
	}
	store_page_free(&page);
}

static void *run_reader(void *arg)
{
	struct thread *reader = arg;
	while (!atomic_load(reader->stop) && reader->failure[0] == '\0') {
		for (int i = 0; i < LANES; i++) {
			char chat_id[24];
			snprintf(chat_id, sizeof chat_id, "lane%d-0", i);
			check_page(reader, chat_id);
		}
	}
	return NULL;
}

static void *run_checkpoints(void *arg)
{
	struct thread *keeper = arg;
	struct error err = {0};
	while (!atomic_load(keeper->stop) && keeper->failure[0] == '\0')
		if (store_ops(keeper->store)->checkpoint && ON(keeper->store, checkpoint, &err) != STORE_OK)
			snprintf(keeper->failure, sizeof keeper->failure, "checkpoint: %.60s", err.text);
	return NULL;
}

static void lanes_readers_and_checkpoints_work_side_by_side(void **state)
{
	struct world *world = *state;
	struct thread lanes[LANES] = {{.store = world->store, .name = "lane0"}, {.store = world->store, .name = "lane1"}, {.store = world->store, .name = "lane2"}};
	atomic_bool stop = false;
	struct thread others[3] = {{.store = world->store, .stop = &stop}, {.store = world->other, .stop = &stop}, {.store = world->store, .stop = &stop}};
	for (size_t i = 0; i < LANES; i++)
		start(&lanes[i], run_lane);
	start(&others[0], run_reader);
	start(&others[1], run_reader);
	start(&others[2], run_checkpoints);
	for (size_t i = 0; i < LANES; i++)
		join(&lanes[i]);
	atomic_store(&stop, true);
	for (size_t i = 0; i < 3; i++)
		join(&others[i]);
	for (size_t i = 0; i < LANES; i++) {
		char chat_id[24];
		snprintf(chat_id, sizeof chat_id, "lane%zu-1", i);
		assert_int_equal(assert_sound(world->store, chat_id), LANE_BATCHES);
	}
	struct page page = read_tail(world->store, "w1", 0, 10000, NULL);
	assert_int_equal(page.count, LANES * 2 * LANE_BATCHES);
	for (size_t i = 1; i < page.count; i++)
		assert_true(page.transactions[i]->position > page.transactions[i - 1]->position);
	store_page_free(&page);
}

int run_thread_stories(void)
{
	const struct CMUnitTest stories[] = {
		STORY(two_brokers_racing_for_a_chat_leave_no_gap_and_nothing_twice),
		STORY(lanes_readers_and_checkpoints_work_side_by_side),
	};
	return cmocka_run_group_tests_name("threads", stories, NULL, NULL);
}
