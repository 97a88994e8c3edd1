/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * How many transactions a second a store makes durable, empty and with many rows: in batches, one transaction for each of as many of its
 * chats, as the many chats of a busy broker come to a store lane. Only the time inside the store counts; making transactions is other
 * threads' work.
 *
 * Threads: each lane appends for chats of its own; one more moves what is committed to its final place every 100 ms, as a broker does
 * beside its lanes. */
#include <getopt.h>
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
enum { CHATS = 1000, CHATS_MAX = 1000000, STRIDE = 61813, BATCH = 128, LANES_MAX = 64, FILL_CHATS = 1000, FILL_EACH = 20, BODY_LEN = 100, PROGRESS_ROWS = 1000000 };

static const char usage[] =
	"usage: store_append [options] STORE ROWS SECONDS\n"
	"  measures for SECONDS in the store as it is (a new one, or of an earlier run) and, if it has less than ROWS, again once it has that many\n"
	"  --chats N      that are written to (1000)\n"
	"  --batch N      chats in one append (128)\n"
	"  --lanes N      that append at once (1)\n"
	"  --fill-each N  transactions of a chat in one append while it is filled (20)\n";

struct lane {
	struct bench *bench;
	struct chatlog *logs;
	size_t chat_count;
	size_t turn; /* the chat whose turn it is */
	pthread_t thread;
	int64_t end_us;
	/* of one measurement */
	uint64_t rows;
	int64_t took_us;
	struct histogram commits;
};

struct bench {
	struct store *store;
	struct store_info info;
	struct chatlog *logs;
	size_t chat_count, batch, lane_count, fill_each;
	struct lane *lanes;
	atomic_uint_fast64_t rows;
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

static struct transaction *next_of(struct lane *lane, size_t chat)
{
	struct chatlog *log = &lane->logs[chat];
	char ids[2][32];
	users_of((size_t)(log - lane->bench->logs), ids);
	return log->latest == 0 ? chatlog_members(log, (const char *const[]){ids[0], ids[1]}, 2, false) : chatlog_message(log, ids[0], BODY_LEN);
}

/* One append of `each` transactions to each of the next chat_count chats. */
static int64_t append_turn(struct lane *lane, size_t chat_count, size_t each)
{
	const struct chatlog **logs = mem_new(chat_count * sizeof *logs);
	struct transaction **transactions = mem_new(chat_count * each * sizeof *transactions);
	for (size_t i = 0; i < chat_count; i++) {
		size_t chat = lane->turn;
		lane->turn = (lane->turn + STRIDE) % lane->chat_count;
		logs[i] = &lane->logs[chat];
		for (size_t j = 0; j < each; j++)
			transactions[i * each + j] = next_of(lane, chat);
	}
	int64_t took_us = chatlog_append_us(lane->bench->store, logs, chat_count, transactions, each);
	free(transactions);
	free(logs);
	atomic_fetch_add(&lane->bench->rows, chat_count * each);
	return took_us;
}

static void fill(struct bench *bench, uint64_t rows)
{
	uint64_t said = bench->rows;
	for (size_t turn = 0; bench->rows < rows; turn++) {
		struct lane *lane = &bench->lanes[turn % bench->lane_count];
		append_turn(lane, lane->chat_count < FILL_CHATS ? lane->chat_count : FILL_CHATS, bench->fill_each);
		if (bench->rows - said >= PROGRESS_ROWS) {
			fprintf(stderr, "%" PRIuFAST64 " rows\n", bench->rows);
			said = bench->rows;
		}
	}
}

static void *lane_main(void *context)
{
	struct lane *lane = context;
	while (clock_mono_us() < lane->end_us) {
		int64_t commit_us = append_turn(lane, lane->bench->batch, 1);
		lane->took_us += commit_us;
		lane->rows += lane->bench->batch;
		histogram_add(&lane->commits, commit_us);
	}
	return NULL;
}

static void measure(struct bench *bench, double seconds)
{
	uint64_t rows_before = bench->rows;
	int64_t end_us = clock_mono_us() + (int64_t)(seconds * 1e6);
	double per_s = 0;
	struct histogram *commits = mem_zero(sizeof *commits);
	for (size_t i = 0; i < bench->lane_count; i++) {
		struct lane *lane = &bench->lanes[i];
		lane->rows = 0, lane->took_us = 0, lane->end_us = end_us;
		memset(&lane->commits, 0, sizeof lane->commits);
		if (pthread_create(&lane->thread, NULL, lane_main, lane) != 0)
			die("no thread");
	}
	for (size_t i = 0; i < bench->lane_count; i++) {
		struct lane *lane = &bench->lanes[i];
		pthread_join(lane->thread, NULL);
		per_s += (double)lane->rows * 1e6 / (double)lane->took_us;
		for (size_t j = 0; j < HISTOGRAM_BUCKETS; j++)
			commits->counts[j] += lane->commits.counts[j];
		commits->total += lane->commits.total;
	}
	printf("{\"rows\": %" PRIu64 ", \"appends_per_s\": %.1f, \"batch\": %zu, \"lanes\": %zu, \"batch_p50_us\": %.1f, \"batch_p99_us\": %.1f}\n", rows_before,
		per_s, bench->batch, bench->lane_count, histogram_quantile(commits, 0.5), histogram_quantile(commits, 0.99));
	fflush(stdout);
	free(commits);
}

/* ---- the whole ---- */

/* Every chat goes on where the store has it. Each lane has as many of them. */
static void open_chats(struct bench *bench, const char *uri)
{
	bench->logs = mem_new(bench->chat_count * sizeof *bench->logs);
	bench->lanes = mem_zero(bench->lane_count * sizeof *bench->lanes);
	bench->store = chatlog_store_open(uri, &bench->info);
	for (size_t i = 0; i < bench->chat_count; i++) {
		chatlog_init(&bench->logs[i], &bench->info, SCENE_STORE, i);
		chatlog_catch_up(&bench->logs[i], bench->store);
		bench->rows += bench->logs[i].latest;
	}
	size_t each = bench->chat_count / bench->lane_count;
	for (size_t i = 0; i < bench->lane_count; i++)
		bench->lanes[i] = (struct lane){.bench = bench, .logs = bench->logs + i * each, .chat_count = each};
}

static void parse(struct bench *bench, int argc, char **argv)
{
	static const struct option options[] = {{"chats", required_argument, NULL, 'c'}, {"batch", required_argument, NULL, 'b'},
		{"lanes", required_argument, NULL, 'l'}, {"fill-each", required_argument, NULL, 'f'}, {0}};
	*bench = (struct bench){.chat_count = CHATS, .batch = BATCH, .lane_count = 1, .fill_each = FILL_EACH};
	int option;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c': bench->chat_count = scene_number("--chats", optarg, 1, CHATS_MAX); break;
		case 'b': bench->batch = scene_number("--batch", optarg, 1, CHATS_MAX); break;
		case 'l': bench->lane_count = scene_number("--lanes", optarg, 1, LANES_MAX); break;
		case 'f': bench->fill_each = scene_number("--fill-each", optarg, 1, APPEND_COUNT_MAX); break;
		default: optind = argc;
		}
	}
	if (argc - optind != 3) {
		fputs(usage, stderr);
		exit(2);
	}
	if (bench->batch * bench->lane_count > bench->chat_count)
		die("a chat appears at most once in a batch: --chats must be at least --batch times --lanes");
}

int main(int argc, char **argv)
{
	struct bench *bench = mem_new(sizeof *bench);
	parse(bench, argc, argv);
	uint64_t rows = scene_number("ROWS", argv[optind + 1], 0, 1000000000);
	uint64_t seconds = scene_number("SECONDS", argv[optind + 2], 1, 3600);
	open_chats(bench, argv[optind]);
	checkpoints_start(bench);
	for (size_t i = 0; i < bench->lane_count; i++)
		append_turn(&bench->lanes[i], bench->lanes[i].chat_count, 1); /* the members: making chats is not what is measured */
	measure(bench, (double)seconds);
	if (rows > bench->rows) {
		fill(bench, rows);
		measure(bench, (double)seconds);
	}
	checkpoints_stop(bench);
	store_ops(bench->store)->close(bench->store);
	free(bench->lanes);
	free(bench->logs);
	free(bench);
	return 0;
}
