/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The intake journal against a model. A child process adds, releases and flushes at random and writes down in shared memory what the
 * journal promised; it ends without closing, or is killed at a random operation; the next child opens the file, replays, and compares.
 *
 * Promised: what is live comes back, byte for byte, in the order of the numbers, however often the process died while it waited; what was
 * refused never comes back; what was committed may, until a flush found everything released or it was scrubbed. Behind a pass of scrubbing
 * that nothing interrupts, only live records stand in the file. Passes go on between all other operations.
 *
 * HC_SEED=n repeats a run. */
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal_kit.h"

enum {
	EXIT_ROUNDS = 60,
	KILL_ROUNDS = 60,
	RECORDS_MAX = 200000,
	LIVE_MAX = 4096,
	STUCK_EVERY = 17, /* one record in so many is released only when everything is */
};

enum fate { LIVE, COMMITTED, DECLINED, GONE };

struct promise {
	uint64_t seq;
	uint32_t len, content;
	enum fate fate;
	unsigned seen; /* in the replay of this round */
};

struct model {
	uint64_t random;
	unsigned round;
	atomic_ulong operations; /* of this round, for the killer */
	size_t count;
	struct promise promises[RECORDS_MAX];
	size_t live_count;
	size_t live[LIVE_MAX]; /* indices */

	/* What was under way when the process ended: it may have happened or not. */
	struct promise adding; /* len and content; fate LIVE: under way */
	bool is_adding;
	size_t releasing; /* index + 1 */
	enum fate releasing_to;

	/* A pass of scrubbing: what was committed when it began is gone when it is done. */
	bool scrubbing;
	size_t committed_count;
	size_t committed[RECORDS_MAX]; /* indices */

	size_t laps_bytes, came_back_committed, full, scrubbed;
	char complaint[200];
};

static struct model *model;

static uint64_t rnd(uint64_t below)
{
	model->random ^= model->random << 13;
	model->random ^= model->random >> 7;
	model->random ^= model->random << 17;
	return (model->random >> 11) % below;
}

static void check(bool ok, const char *what, uint64_t seq)
{
	if (ok)
		return;
	snprintf(model->complaint, sizeof model->complaint, "round %u, record %llu: %s", model->round, (unsigned long long)seq, what);
	_exit(1);
}

static void fill(unsigned char *payload, const struct promise *promise)
{
	uint32_t word = promise->content;
	for (size_t i = 0; i < promise->len; i++) {
		word = word * 1664525 + 1013904223;
		payload[i] = (unsigned char)(word >> 24);
	}
}

static struct promise *promise_of(uint64_t seq)
{
	size_t low = 0, high = model->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (model->promises[middle].seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low < model->count && model->promises[low].seq == seq ? &model->promises[low] : NULL;
}

static void promise_add(const struct promise *promise)
{
	check(model->count < RECORDS_MAX && model->live_count < LIVE_MAX, "the model is too small", promise->seq);
	check(model->count == 0 || model->promises[model->count - 1].seq < promise->seq, "numbers must grow", promise->seq);
	model->promises[model->count] = *promise;
	model->count++;
	model->live[model->live_count++] = model->count - 1;
}

/* ---- comparing ---- */

struct comparison {
	struct journal *journal;
	uint64_t last_seq;
};

static struct promise *compare(struct comparison *comparison, uint64_t seq, const void *payload, size_t len)
{
	check(seq > comparison->last_seq, "out of order", seq);
	comparison->last_seq = seq;
	struct promise *promise = promise_of(seq);
	if (promise == NULL) {
		check(model->is_adding, "was never added", seq);
		model->is_adding = false;
		model->adding.seq = seq;
		promise_add(&model->adding);
		promise = promise_of(seq);
	}
	check(promise->fate != GONE && promise->fate != DECLINED, "was done with", seq);
	unsigned char expected[JOURNAL_PAYLOAD_MAX];
	fill(expected, promise);
	check(len == promise->len && memcmp(payload, expected, len) == 0, "has another payload", seq);
	promise->seen = model->round;
	return promise;
}

static void on_replay(void *context, uint64_t seq, unsigned attempt, const void *payload, size_t len)
{
	struct comparison *comparison = context;
	struct promise *promise = compare(comparison, seq, payload, len);
	check(attempt == 1, "is blamed, though nothing died of it", seq);
	if (promise->fate != COMMITTED)
		return;
	model->came_back_committed++; /* the chat recognises it by its key, and now it may be forgotten */
	promise->fate = DECLINED;
	check(journal_release(comparison->journal, seq, JOURNAL_DECLINED, NULL) == JOURNAL_OK, "cannot be released", seq);
}

static void on_quarantined(void *context, uint64_t seq, const void *payload, size_t len)
{
	compare(context, seq, payload, len);
	check(false, "was put aside, though nothing died of it", seq);
}

/* Made anew from the promises: a kill may have come while the list was changed. */
static void list_live(void)
{
	model->live_count = 0;
	for (size_t i = 0; i < model->count; i++)
		if (model->promises[i].fate == LIVE)
			model->live[model->live_count++] = i;
}

static void replay_and_compare(struct journal *journal)
{
	struct comparison comparison = {.journal = journal};
	const struct journal_reader reader = {on_replay, on_quarantined, &comparison};
	if (journal_replay(journal, &reader, NULL) != JOURNAL_OK)
		check(false, "replay failed", 0);
	if (model->releasing) {
		struct promise *promise = &model->promises[model->releasing - 1];
		if (promise->seen != model->round)
			promise->fate = model->releasing_to;
	}
	model->releasing = 0;
	model->is_adding = false;
	list_live();
	for (size_t i = 0; i < model->live_count; i++) {
		const struct promise *promise = &model->promises[model->live[i]];
		check(promise->seen == model->round, "was lost", promise->seq);
	}
}

/* ---- acting ---- */

static void release_at(struct journal *journal, size_t at, enum fate fate)
{
	size_t index = model->live[at];
	model->releasing_to = fate;
	model->releasing = index + 1;
	enum journal_rc rc =
		journal_release(journal, model->promises[index].seq, fate == DECLINED ? JOURNAL_DECLINED : JOURNAL_COMMITTED, NULL);
	check(rc == JOURNAL_OK, "cannot be released", model->promises[index].seq);
	model->promises[index].fate = fate;
	model->releasing = 0;
	model->live[at] = model->live[--model->live_count];
}

static void release_some(struct journal *journal)
{
	if (model->live_count == 0)
		return;
	size_t at = rnd(model->live_count);
	if (model->live[at] % STUCK_EVERY != 0)
		release_at(journal, at, rnd(3) ? COMMITTED : DECLINED);
}

static void release_all(struct journal *journal)
{
	while (model->live_count > 0)
		release_at(journal, model->live_count - 1, COMMITTED);
}

static void add_one(struct journal *journal)
{
	uint32_t largest = rnd(8) ? 2000 : rnd(4) ? 20000 : JOURNAL_PAYLOAD_MAX;
	model->adding = (struct promise){.len = (uint32_t)rnd(largest + 1), .content = (uint32_t)rnd(UINT32_MAX), .fate = LIVE};
	unsigned char payload[JOURNAL_PAYLOAD_MAX];
	fill(payload, &model->adding);
	model->is_adding = true;
	enum journal_rc rc = journal_add(journal, payload, model->adding.len, &model->adding.seq, NULL);
	check(rc == JOURNAL_OK || rc == JOURNAL_FULL, "cannot be added", 0);
	if (rc == JOURNAL_OK) {
		promise_add(&model->adding);
		model->is_adding = false; /* only now: a kill before finds a record that the list may not have */
		model->laps_bytes += model->adding.len;
		return;
	}
	model->is_adding = false;
	model->full++;
	if (model->full % 4 == 0)
		release_all(journal);
	for (int i = 0; i < 20; i++)
		release_some(journal);
}

static void flush(struct journal *journal, int64_t *now_ms)
{
	*now_ms += (int64_t)rnd(30000);
	check(journal_flush(journal, *now_ms, NULL) == JOURNAL_OK, "cannot be flushed", 0);
	if (model->live_count > 0)
		return;
	for (size_t i = model->count; i-- > 0 && model->promises[i].fate != GONE;)
		if (model->promises[i].fate == COMMITTED)
			model->promises[i].fate = GONE;
}

static void begin_scrub(struct journal *journal)
{
	model->committed_count = 0;
	for (size_t i = 0; i < model->count; i++)
		if (model->promises[i].fate == COMMITTED)
			model->committed[model->committed_count++] = i;
	journal_scrub_begin(journal);
	model->scrubbing = true;
}

static void scrub_step(struct journal *journal)
{
	bool more = true;
	check(journal_scrub(journal, &more, NULL) == JOURNAL_OK, "cannot be scrubbed", 0);
	if (more)
		return;
	model->scrubbing = false;
	for (size_t i = 0; i < model->committed_count; i++)
		model->promises[model->committed[i]].fate = GONE;
	model->scrubbed++;
}

static void scrub_at_once(struct journal *journal)
{
	begin_scrub(journal);
	while (model->scrubbing)
		scrub_step(journal);
	size_t left = records_in_file();
	check(left == model->live_count, "more or less is left than is live", left);
}

static void act(unsigned long operation_count)
{
	struct journal *journal = NULL;
	struct error err = {0};
	journal_open(kit_path, KIT_SIZE, &journal, &err);
	check(journal != NULL, err.text, 0);
	replay_and_compare(journal);
	int64_t now_ms = 0;
	bool store_down = model->round % 5 == 0;
	model->scrubbing = false;
	while (atomic_fetch_add(&model->operations, 1) < operation_count) {
		if (model->scrubbing && rnd(3) == 0)
			scrub_step(journal);
		else if (rnd(30) == 0)
			begin_scrub(journal);
		else if (rnd(200) == 0)
			scrub_at_once(journal);
		uint64_t dice = rnd(100);
		if (dice < 47)
			add_one(journal);
		else if (store_down)
			continue;
		else if (dice < 92)
			release_some(journal);
		else if (dice < 99 || rnd(3))
			flush(journal, &now_ms);
		else
			release_all(journal);
	}
	_exit(0);
}

/* ---- the tests ---- */

static pid_t begin_round(unsigned long operation_count)
{
	model->round++;
	rnd(2); /* a killed child may have been in the middle of it */
	atomic_store(&model->operations, 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		act(operation_count);
	return pid;
}

static int end_round(pid_t pid)
{
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		fail_msg("%s", model->complaint);
	return status;
}

static void a_process_that_just_ends_loses_nothing(void **state)
{
	(void)state;
	for (unsigned round = 0; round < EXIT_ROUNDS; round++)
		assert_true(WIFEXITED(end_round(begin_round(rnd(800)))));
}

static void a_process_that_is_killed_anywhere_loses_nothing(void **state)
{
	(void)state;
	for (unsigned round = 0; round < KILL_ROUNDS; round++) {
		pid_t pid = begin_round(1000000);
		unsigned long last = 1 + rnd(800);
		/* Not during the replay, which blames a record for the moment: that is in test_journal_damage.c. */
		while (atomic_load(&model->operations) < last && waitpid(pid, NULL, WNOHANG) == 0)
			sched_yield();
		kill(pid, SIGKILL);
		if (model->complaint[0])
			fail_msg("%s", model->complaint);
		assert_true(WIFSIGNALED(end_round(pid)));
	}
}

static void the_random_runs_covered_what_they_are_for(void **state)
{
	(void)state;
	print_message("%zu records, %zu laps, %zu times full, %zu came back although committed, %zu passes of scrubbing\n", model->count,
		model->laps_bytes / KIT_SIZE, model->full, model->came_back_committed, model->scrubbed);
	assert_true(model->scrubbed > 100);
	assert_true(model->laps_bytes / KIT_SIZE >= 20);
	assert_true(model->full > 0);
	assert_true(model->came_back_committed > 0);
}

int main(void)
{
	model = mmap(NULL, sizeof *model, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (model == MAP_FAILED)
		return 1;
	const char *seed = getenv("HC_SEED");
	model->random = seed ? strtoull(seed, NULL, 10) : (uint64_t)getpid() * UINT64_C(2654435761) + 1;
	printf("HC_SEED=%llu\n", (unsigned long long)model->random);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_that_just_ends_loses_nothing),
		cmocka_unit_test(a_process_that_is_killed_anywhere_loses_nothing),
		cmocka_unit_test(the_random_runs_covered_what_they_are_for),
	};
	return cmocka_run_group_tests(tests, kit_make_directory, kit_remove_directory);
}
