/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * How many transactions a second a store makes durable, empty and with many rows: batches of 128, one for each of 128 of many chats, as
 * the many chats of a busy broker come to its store lane. Only the time inside the store counts; making transactions is other threads'
 * work.
 *
 * Threads: main appends; one more moves what is committed to its final place every 100 ms, as a broker does beside its lane. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "bench/chatlog.h"
#include "bench/histogram.h"

/* STRIDE, a prime: chats take turns in an order that is not that of their rows. */
enum { CHATS = 1000, CHATS_MAX = 1000000, STRIDE = 61813, BATCH = 128, FILL_CHATS = 1000, FILL_EACH = 20, BODY_LEN = 100, PROGRESS_ROWS = 1000000 };

struct bench {
	struct store *store;
	struct store_info info;
	struct chatlog *logs;
	size_t chat_count;
	size_t turn; /* the chat whose turn it is */
	uint64_t rows;
	pthread_t thread;
	atomic_bool stopping;
};

/* ---- checkpoints ---- */

static void *checkpoint_main(void *context)
{
	struct bench *bench = context;
	const struct timespec pause = {.tv_nsec = 100 * 1000 * 1000};
	while (!atomic_load(&bench->stopping)) {
		struct error err = {0};
		if (store_ops(bench->store)->checkpoint(bench->store, &err) != STORE_OK)
			die("checkpoint: %s", err.text);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static void checkpoints_start(struct bench *bench)
{
	if (store_ops(bench->store)->checkpoint == NULL)
		return;
	if (pthread_create(&bench->thread, NULL, checkpoint_main, bench) != 0)
		die("no thread");
}

static void checkpoints_stop(struct bench *bench)
{
	if (store_ops(bench->store)->checkpoint == NULL)
		return;
	atomic_store(&bench->stopping, true);
	pthread_join(bench->thread, NULL);
}

/* ---- appending ---- */

static void users_of(size_t chat, char ids[2][32])
{
	snprintf(ids[0], sizeof ids[0], "bench-user-%05zu", 2 * chat);
	snprintf(ids[1], sizeof ids[1], "bench-user-%05zu", 2 * chat + 1);
}

/* One append of `each` transactions to each of the next chat_count chats. */
static int64_t append_turn(struct bench *bench, size_t chat_count, size_t each)
{
	const struct chatlog **logs = mem_new(chat_count * sizeof *logs);
	struct transaction **transactions = mem_new(chat_count * each * sizeof *transactions);
	for (size_t i = 0; i < chat_count; i++) {
		size_t chat = bench->turn;
		bench->turn = (bench->turn + STRIDE) % bench->chat_count;
		logs[i] = &bench->logs[chat];
		char ids[2][32];
		users_of(chat, ids);
		for (size_t j = 0; j < each; j++)
			transactions[i * each + j] = bench->logs[chat].latest == 0
											 ? chatlog_members(&bench->logs[chat], (const char *const[]){ids[0], ids[1]}, 2, false)
											 : chatlog_message(&bench->logs[chat], ids[0], BODY_LEN);
	}
	int64_t took_us = chatlog_append_us(bench->store, logs, chat_count, transactions, each);
	free(transactions);
	free(logs);
	bench->rows += chat_count * each;
	return took_us;
}

static void fill(struct bench *bench, uint64_t rows)
{
	uint64_t said = bench->rows;
	while (bench->rows < rows) {
		append_turn(bench, bench->chat_count < FILL_CHATS ? bench->chat_count : FILL_CHATS, FILL_EACH);
		if (bench->rows - said >= PROGRESS_ROWS) {
			fprintf(stderr, "%" PRIu64 " rows\n", bench->rows);
			said = bench->rows;
		}
	}
}

static void measure(struct bench *bench, double seconds)
{
	struct histogram *commits = mem_zero(sizeof *commits);
	uint64_t rows_before = bench->rows;
	int64_t took_us = 0, end_us = clock_mono_us() + (int64_t)(seconds * 1e6);
	while (clock_mono_us() < end_us) {
		int64_t commit_us = append_turn(bench, BATCH, 1);
		took_us += commit_us;
		histogram_add(commits, commit_us);
	}
	uint64_t rows = bench->rows - rows_before;
	printf("{\"rows\": %" PRIu64 ", \"appends_per_s\": %.1f, \"batch\": %d, \"batch_p50_us\": %.1f, \"batch_p99_us\": %.1f}\n", rows_before,
		(double)rows * 1e6 / (double)took_us, BATCH, histogram_quantile(commits, 0.5), histogram_quantile(commits, 0.99));
	fflush(stdout);
	free(commits);
}

int main(int argc, char **argv)
{
	if (argc != 4 && argc != 5) {
		fputs("usage: store_append STORE ROWS SECONDS [CHATS]\n"
			  "  measures for SECONDS in the store as it is (a new one, or of an earlier run) and, if it has less than ROWS, again once it has that many\n",
			stderr);
		return 2;
	}
	uint64_t rows = scene_number("ROWS", argv[2], 0, 1000000000);
	uint64_t seconds = scene_number("SECONDS", argv[3], 1, 3600);
	struct bench *bench = mem_zero(sizeof *bench);
	bench->chat_count = argc == 5 ? scene_number("CHATS", argv[4], BATCH, CHATS_MAX) : CHATS;
	bench->logs = mem_new(bench->chat_count * sizeof *bench->logs);
	bench->store = chatlog_store_open(argv[1], &bench->info);
	for (size_t i = 0; i < bench->chat_count; i++) {
		chatlog_init(&bench->logs[i], &bench->info, SCENE_STORE, i);
		chatlog_catch_up(&bench->logs[i], bench->store);
		bench->rows += bench->logs[i].latest;
	}
	checkpoints_start(bench);
	append_turn(bench, bench->chat_count, 1); /* the members: making chats is not what is measured */
	measure(bench, (double)seconds);
	if (rows > bench->rows) {
		fill(bench, rows);
		measure(bench, (double)seconds);
	}
	checkpoints_stop(bench);
	store_ops(bench->store)->close(bench->store);
	free(bench->logs);
	free(bench);
	return 0;
}
