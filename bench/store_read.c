/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * How long readers wait for a store that `store_append` has filled: a page of a chat from a number on (catch-up), a chat with its members
 * (loading), the first page of a list. Chats and numbers are taken at random. One thread; blocks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "bench/chatlog.h"
#include "bench/histogram.h"

enum { CHATS = 1000, PAGE = 50 };

static const char usage[] = "usage: store_read STORE SECONDS\n"
							"  of a store that store_append has filled with 1000 chats; SECONDS for each kind of reading\n";

struct reading {
	struct store *store;
	uint64_t latest[CHATS];
};

static void check(enum store_rc rc, const char *what, const struct error *err)
{
	if (rc != STORE_OK)
		die("%s: %s", what, err->text);
}

static void read_page(struct reading *reading, size_t chat)
{
	char chat_id[SCENE_CHAT_ID_LEN + 1];
	struct error err = {0};
	struct page page = {0};
	const struct page_limits limits = {.count_max = PAGE, .bytes_max = 1 << 20};
	uint64_t from = 1 + (uint64_t)random() % reading->latest[chat];
	scene_chat_id(SCENE_STORE, chat, chat_id);
	check(store_ops(reading->store)->read_page(reading->store, chat_id, from, UINT64_MAX, &limits, &page, &err), "page", &err);
	if (page.count == 0 || page.transactions[0]->number != from)
		die("a page of %s does not begin at %" PRIu64, chat_id, from);
	store_page_free(&page);
}

static void load_chat(struct reading *reading, size_t chat)
{
	char chat_id[SCENE_CHAT_ID_LEN + 1];
	struct error err = {0};
	struct chat_record *record = NULL;
	scene_chat_id(SCENE_STORE, chat, chat_id);
	check(store_ops(reading->store)->load_chat(reading->store, chat_id, &record, &err), "chat", &err);
	if (record->latest != reading->latest[chat] || record->member_count != 2)
		die("%s is not what it was", chat_id);
	store_free(record);
}

static void measure(struct reading *reading, const char *what, void (*once)(struct reading *reading, size_t chat), double seconds)
{
	struct histogram *times = mem_zero(sizeof *times);
	int64_t start_us = clock_mono_us(), now_us = start_us, end_us = start_us + (int64_t)(seconds * 1e6);
	while (now_us < end_us) {
		once(reading, (size_t)random() % CHATS);
		int64_t after_us = clock_mono_us();
		histogram_add(times, after_us - now_us);
		now_us = after_us;
	}
	printf("{\"what\": \"%s\", \"count\": %" PRIu64 ", \"p50_us\": %.1f, \"p99_us\": %.1f}\n", what, times->total, histogram_quantile(times, 0.5),
		histogram_quantile(times, 0.99));
	fflush(stdout);
	free(times);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fputs(usage, stderr);
		return 2;
	}
	uint64_t seconds = scene_number("SECONDS", argv[2], 1, 3600);
	struct reading *reading = mem_zero(sizeof *reading);
	struct store_info info;
	reading->store = chatlog_store_open(argv[1], &info);
	for (size_t i = 0; i < CHATS; i++) {
		struct chatlog log;
		chatlog_init(&log, &info, SCENE_STORE, i);
		chatlog_catch_up(&log, reading->store);
		reading->latest[i] = log.latest;
		if (log.latest == 0)
			die("store_append has not written all of its chats");
	}
	measure(reading, "page of 50", read_page, (double)seconds);
	measure(reading, "chat", load_chat, (double)seconds);
	store_ops(reading->store)->close(reading->store);
	free(reading);
	return 0;
}
