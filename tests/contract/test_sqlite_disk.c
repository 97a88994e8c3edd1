/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A SQLite store on a disk that fails (disk.h): one and the same conversation with call N of a kind failing, and with the power lost in
 * call N, for N = 1, 2, … until none is left. Whatever fails, the conversation comes out whole when it is tried again as store.h says; and
 * whatever a power loss leaves, the store opens, is sound, has everything that was acknowledged, and nothing else but what was under way.
 *
 * HC_FULL=1: more seeds. HC_SEED=n: the first of them. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/contract/disk.h"
#include "tests/contract/place.h"

enum {
	CHATS = 3,
	TRIES_MAX = 30,
	SEEDS = 2,
	SEEDS_FULL = 40,
	STEP = 5, /* of what happens while a store is made, which is much and always the same, one call in so many */
};

static const char *const chat_ids[CHATS] = {"c0", "c1", "c2"};

/* What the conversation may rely on, and what it had begun. */
struct promise {
	struct line kept[CHATS], begun[CHATS];
	uint64_t deleted; /* number of the message in c0 that is gone, with its text */
};

struct talk {
	struct place *place;
	char lost_dir[48], lost_uri[80]; /* what a power loss left */
	char next_dir[48], next_uri[80]; /* what the next process finds */
	struct buf made; /* what the file is when a conversation begins */
	struct store *store;
	struct promise promise, at_loss;
	bool looks; /* at what a power loss would leave, after each append since something failed */
	uint64_t seed;
	unsigned failures;
};

static uint64_t first_seed(void)
{
	const char *seed = getenv("HC_SEED");
	return seed ? strtoull(seed, NULL, 10) : 1;
}

static bool full(void)
{
	return getenv("HC_FULL") != NULL;
}

/* ---- what a power loss left ---- */

/* The texts are the key's: so whoever has another text has another transaction. */
static void key_of(const struct line *line, char key[40])
{
	snprintf(key, 40, "%s-%llu", line->chat_id, (unsigned long long)line->latest + 1);
}

/* Where the chat is, if it is there. */
static struct line line_of(struct store *store, const char *chat_id)
{
	struct line line = line_new(chat_id);
	struct chat_record *chat = NULL;
	enum store_rc rc = ON(store, load_chat, chat_id, &chat, NULL);
	assert_true(rc == STORE_OK || rc == STORE_NOT_FOUND);
	if (rc == STORE_OK)
		line_catch_up(&line, store);
	store_free(chat);
	return line;
}

static void assert_key_is_taken(struct store *store, const struct line *kept)
{
	struct line next = line_of(store, kept->chat_id);
	struct bundle bundle = {0};
	bundle_add(&bundle, line_says_as(&next, "alice", "first", "again"));
	assert_int_equal(bundle_append(store, &bundle), APPEND_CONFLICT);
	assert_int_equal(bundle.append.duplicate_number, 1);
	bundle_fini(&bundle);
}

static void assert_gone(struct store *store, const struct promise *promise)
{
	if (promise->deleted == 0)
		return;
	struct transaction *tx = read_one(store, "c0", promise->deleted);
	assert_null(tx->body.text);
	transaction_free(tx);
}

/* Whether the chat is where the begun append would have brought it; else it is where the last acknowledged one did. */
static bool went_on(struct store *store, const struct line *kept, const struct line *begun)
{
	struct line line = line_of(store, kept->chat_id);
	bool on = line.latest != kept->latest;
	if (line.latest > 0)
		assert_int_equal(assert_sound(store, kept->chat_id), line.latest);
	assert_int_equal(line.latest, on ? begun->latest : kept->latest);
	assert_memory_equal(line.head, on ? begun->head : kept->head, HEAD_BYTES);
	return on;
}

static void assert_kept(const char *uri, const struct promise *promise)
{
	struct store *store = open_at(uri);
	struct error err = {0};
	if (ON(store, verify, &err) != STORE_OK)
		fail_msg("%s", err.text);
	bool on = went_on(store, &promise->kept[0], &promise->begun[0]);
	for (int i = 1; i < CHATS; i++)
		if (promise->begun[i].latest != promise->kept[i].latest)
			assert_int_equal(went_on(store, &promise->kept[i], &promise->begun[i]), on); /* one append: all or nothing */
		else
			went_on(store, &promise->kept[i], &promise->begun[i]);
	for (int i = 0; i < CHATS; i++)
		if (promise->kept[i].latest > 0)
			assert_key_is_taken(store, &promise->kept[i]);
	assert_gone(store, promise);
	struct line line = line_of(store, "c0");
	assert_appended(store, line_says(&line, "alice", "it goes on"));
	close_store(store);
}

static void clear_dir(const char *dir)
{
	static const char *const names[] = {"chat.db", "chat.db-wal", "chat.db-shm"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[80];
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
}

static void look_after_a_loss(struct talk *talk)
{
	if (!talk->looks || !disk_failed() || ++talk->failures > 2)
		return;
	clear_dir(talk->lost_dir);
	disk_lose_power(talk->lost_dir, talk->seed++);
	assert_kept(talk->lost_uri, &talk->promise);
}

/* ---- the conversation ---- */

/* Nothing but these may come of a disk that fails. */
static bool is_done(enum store_rc rc, int *tries, const struct error *err)
{
	if (rc == STORE_OK)
		return true;
	if ((rc != STORE_UNAVAILABLE && rc != STORE_UNKNOWN) || ++*tries == TRIES_MAX)
		fail_msg("code %d after %d tries: %s", rc, *tries, err->text);
	return false;
}

#define UNTIL_DONE(call)                                                    \
	do {                                                                    \
		struct error err = {0};                                             \
		for (int tries = 0; !is_done((call), &tries, &err);)                \
			;                                                               \
	} while (0)

static void append_until_done(struct talk *talk, struct append *appends, size_t count)
{
	struct error err = {0};
	for (int tries = 0; !is_done(ON(talk->store, append, appends, count, &err), &tries, &err);)
		look_after_a_loss(talk);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(appends[i].result, APPEND_OK);
	memcpy(talk->promise.kept, talk->promise.begun, sizeof talk->promise.kept);
	look_after_a_loss(talk);
}

/* Each chat gets one, all in one append. */
static void say(struct talk *talk, const char *text)
{
	struct transaction *txs[CHATS];
	struct append appends[CHATS];
	for (int i = 0; i < CHATS; i++) {
		char key[40];
		struct line *line = &talk->promise.begun[i];
		key_of(line, key);
		txs[i] = line_says_as(line, "alice", line->latest == 0 ? "first" : key, text);
		appends[i] = (struct append){.chat_id = chat_ids[i], .transactions = &txs[i], .transaction_count = 1};
	}
	append_until_done(talk, appends, CHATS);
	for (int i = 0; i < CHATS; i++)
		transaction_free(txs[i]);
}

static void delete_message(struct talk *talk, uint64_t number)
{
	struct transaction *tx = line_deletes(&talk->promise.begun[0], "alice", number);
	struct append append = {.chat_id = "c0", .transactions = &tx, .transaction_count = 1};
	append_until_done(talk, &append, 1);
	talk->promise.deleted = number;
	transaction_free(tx);
}

/* Texts and all: the chain tells if one is missing. */
static void read_all_of(struct talk *talk, const struct line *kept)
{
	struct page page = {0};
	struct page_limits limits = {.count_max = 100, .bytes_max = SIZE_MAX};
	unsigned char head[HEAD_BYTES] = {0};
	UNTIL_DONE(ON(talk->store, read_page, kept->chat_id, 1, UINT64_MAX, &limits, &page, &err));
	assert_int_equal(page.count, kept->latest);
	for (size_t i = 0; i < page.count; i++) {
		transaction_head(page.transactions[i], head, head);
		assert_memory_equal(page.transactions[i]->head, head, HEAD_BYTES);
	}
	store_page_free(&page);
}

static void look(struct talk *talk)
{
	for (int i = 0; i < CHATS; i++) {
		struct chat_record *chat = NULL;
		UNTIL_DONE(ON(talk->store, load_chat, chat_ids[i], &chat, &err));
		assert_int_equal(chat->latest, talk->promise.kept[i].latest);
		assert_memory_equal(chat->head, talk->promise.kept[i].head, HEAD_BYTES);
		store_free(chat);
		read_all_of(talk, &talk->promise.kept[i]);
	}
}

static void converse(struct talk *talk)
{
	static char large[20000];
	memset(large, 'x', sizeof large - 1);
	UNTIL_DONE(store_open(talk->place->uri, &talk->store, &err));
	say(talk, "hi");
	UNTIL_DONE(ON(talk->store, put_user, "alice", START_MS, &err));
	say(talk, large);
	look(talk);
	delete_message(talk, 2);
	UNTIL_DONE(ON(talk->store, checkpoint, &err));
	say(talk, "ho");
	look(talk);
	close_store(talk->store);
	UNTIL_DONE(store_open(talk->place->uri, &talk->store, &err));
	say(talk, "hey");
	UNTIL_DONE(ON(talk->store, checkpoint, &err));
	look(talk);
	close_store(talk->store);
	talk->store = NULL;
}

static void remove_files(struct place *place)
{
	unlink(place->path);
	unlink(place->wal);
	unlink(place->shm);
}

static void begin(struct talk *talk, uint64_t seed)
{
	remove_files(talk->place);
	clear_dir(talk->lost_dir);
	clear_dir(talk->next_dir);
	if (talk->made.len > 0)
		write_file(talk->place->path, talk->made.data, talk->made.len, 0);
	disk_watch(talk->place->dir);
	talk->promise = (struct promise){0};
	for (int i = 0; i < CHATS; i++)
		talk->promise.kept[i] = talk->promise.begun[i] = line_new(chat_ids[i]);
	talk->seed = seed;
	talk->failures = 0;
}

static struct talk talk_new(struct place *place)
{
	struct talk talk = {.place = place};
	snprintf(talk.lost_dir, sizeof talk.lost_dir, "%s-lost", place->dir);
	snprintf(talk.lost_uri, sizeof talk.lost_uri, "sqlite:%s/chat.db", talk.lost_dir);
	snprintf(talk.next_dir, sizeof talk.next_dir, "%s-next", place->dir);
	snprintf(talk.next_uri, sizeof talk.next_uri, "sqlite:%s/chat.db", talk.next_dir);
	assert_int_equal(mkdir(talk.lost_dir, 0700), 0);
	assert_int_equal(mkdir(talk.next_dir, 0700), 0);
	return talk;
}

/* Conversations begin with a store that was made before. */
static struct talk talk_new_with_store(struct place *place)
{
	struct talk talk = talk_new(place);
	remove_files(place);
	close_store(open_at(place->uri));
	off_t size = size_of(place->path);
	buf_reserve(&talk.made, (size_t)size);
	talk.made.len = (size_t)size;
	FILE *file = fopen(place->path, "r");
	assert_non_null(file);
	assert_int_equal(fread(talk.made.data, 1, talk.made.len, file), talk.made.len);
	fclose(file);
	return talk;
}

static void talk_free(struct talk *talk)
{
	disk_unwatch();
	clear_dir(talk->lost_dir);
	buf_fini(&talk->made);
	clear_dir(talk->next_dir);
	assert_int_equal(rmdir(talk->lost_dir), 0);
	assert_int_equal(rmdir(talk->next_dir), 0);
}

/* ---- the stories ---- */

/* Returns how many calls of that kind there were to fail. */
static unsigned converse_with_each_failing(struct talk *talk, struct disk_plan plan, unsigned step)
{
	for (plan.first = 1;; plan.first += step) {
		begin(talk, first_seed() + plan.first);
		talk->looks = plan.call != DISK_READ && plan.call != DISK_OPEN && plan.call != DISK_MEMORY;
		disk_arm(&plan);
		converse(talk);
		if (!disk_failed())
			return plan.first - 1;
		disk_arm(NULL);
		assert_kept(talk->place->uri, &talk->promise);
	}
}

static void assert_survives(struct place *place, enum disk_call call, enum disk_fault fault, unsigned count)
{
	struct talk talk = talk_new_with_store(place);
	unsigned calls = converse_with_each_failing(&talk, (struct disk_plan){.call = call, .fault = fault, .count = count}, 1);
	print_message("%u calls, each failing for %u calls\n", calls, count);
	assert_true(calls > 0);
	talk_free(&talk);
}

static void a_write_that_fails_costs_nothing_acknowledged(void **state)
{
	assert_survives(*state, DISK_WRITE, DISK_EIO, 1);
}

static void a_disk_that_is_full_for_a_while_costs_nothing_acknowledged(void **state)
{
	assert_survives(*state, DISK_WRITE, DISK_FULL, 3);
}

static void half_a_write_costs_nothing_acknowledged(void **state)
{
	assert_survives(*state, DISK_WRITE, DISK_SHORT, 1);
}

/* Its pages are taken for clean afterwards, so a store that only synced again would acknowledge what never reaches the disk. */
static void a_sync_that_fails_is_believed_and_what_it_was_for_written_again(void **state)
{
	for (unsigned count = 1; count <= 4; count++)
		assert_survives(*state, DISK_SYNC, DISK_EIO, count);
}

/* The sync of an append fails, the process dies, and `failing` more fail when the next one opens the store. */
static void append_across_a_death(struct talk *talk, unsigned failing)
{
	begin(talk, first_seed());
	UNTIL_DONE(store_open(talk->place->uri, &talk->store, &err));
	say(talk, "hi");
	disk_arm(&(struct disk_plan){.call = DISK_SYNC, .first = 1, .count = 1});
	struct transaction *tx = line_says(&talk->promise.begun[0], "alice", "ho");
	struct append append = {.chat_id = "c0", .transactions = &tx, .transaction_count = 1};
	assert_int_equal(ON(talk->store, append, &append, 1, NULL), STORE_UNKNOWN);
	struct store *dead = talk->store;
	disk_die(talk->next_dir);
	disk_arm(&(struct disk_plan){.call = DISK_SYNC, .first = 1, .count = failing});
	UNTIL_DONE(store_open(talk->next_uri, &talk->store, &err));
	append_until_done(talk, &append, 1);
	disk_lose_power(talk->lost_dir, talk->seed);
	disk_arm(NULL);
	close_store(talk->store);
	close_store(dead);
	transaction_free(tx);
	assert_kept(talk->lost_uri, &talk->promise);
}

static void nor_is_it_believed_by_the_next_process(void **state)
{
	struct talk talk = talk_new_with_store(*state);
	for (unsigned failing = 0; failing < 8; failing++)
		append_across_a_death(&talk, failing);
	talk_free(&talk);
}

static void a_write_that_fails_while_the_store_is_made_leaves_one_that_can_be_made(void **state)
{
	struct talk talk = talk_new(*state);
	struct disk_plan plan = {.call = DISK_WRITE, .fault = DISK_SHORT, .count = 1};
	assert_true(converse_with_each_failing(&talk, plan, full() ? 1 : STEP) > 0);
	talk_free(&talk);
}

static void a_truncation_that_fails_costs_nothing_acknowledged(void **state)
{
	assert_survives(*state, DISK_TRUNCATE, DISK_EIO, 1);
}

static void a_file_that_cannot_be_opened_costs_nothing_acknowledged(void **state)
{
	assert_survives(*state, DISK_OPEN, DISK_EIO, 2);
}

static void a_file_that_cannot_be_removed_costs_nothing_acknowledged(void **state)
{
	assert_survives(*state, DISK_DELETE, DISK_EIO, 1);
}

static void a_read_that_fails_is_no_answer(void **state)
{
	assert_survives(*state, DISK_READ, DISK_EIO, 1);
}

/* A read that ran out of memory must not look like one that found nothing. */
static void an_allocation_that_fails_is_no_answer_either(void **state)
{
	struct talk talk = talk_new_with_store(*state);
	unsigned step = full() ? 1 : 149;
	for (unsigned count = 1; count <= 4; count += 3) {
		unsigned calls = converse_with_each_failing(&talk, (struct disk_plan){.call = DISK_MEMORY, .count = count}, step);
		print_message("%u allocations, one in %u of them failing for %u\n", calls, step, count);
		assert_true(calls > 0);
	}
	talk_free(&talk);
}

static void remember_what_was_promised(void *context)
{
	struct talk *talk = context;
	talk->at_loss = talk->promise;
	talk->failures = 1;
}

/* false: the conversation has fewer changes than that. */
static bool survives_loss_at(struct talk *talk, unsigned number, uint64_t seed)
{
	begin(talk, 0);
	disk_lose_power_at(number, talk->lost_dir, seed, remember_what_was_promised, talk);
	converse(talk);
	if (talk->failures == 0)
		return false;
	assert_kept(talk->lost_uri, &talk->at_loss);
	return true;
}

static void lose_power_at_each_change(struct talk *talk, unsigned seeds, unsigned step)
{
	uint64_t seed = first_seed();
	unsigned number = 1 - step;
	for (bool left = true; left;) {
		number += step;
		for (unsigned i = 0; i < seeds && left; i++)
			left = survives_loss_at(talk, number, seed + i);
	}
	print_message("%u changes, seeds %llu to %llu\n", number - 1, (unsigned long long)seed, (unsigned long long)seed + seeds - 1);
	assert_true(number > 20);
}

static void whatever_a_power_loss_leaves_has_all_that_was_acknowledged(void **state)
{
	struct talk talk = talk_new_with_store(*state);
	lose_power_at_each_change(&talk, full() ? SEEDS_FULL : SEEDS, 1);
	talk_free(&talk);
}

static void so_it_is_while_the_store_is_being_made(void **state)
{
	struct talk talk = talk_new(*state);
	lose_power_at_each_change(&talk, full() ? SEEDS : 1, full() ? 1 : STEP);
	talk_free(&talk);
}

int main(void)
{
	const struct CMUnitTest stories[] = {
		PLACE_STORY(a_write_that_fails_costs_nothing_acknowledged),
		PLACE_STORY(a_disk_that_is_full_for_a_while_costs_nothing_acknowledged),
		PLACE_STORY(half_a_write_costs_nothing_acknowledged),
		PLACE_STORY(a_write_that_fails_while_the_store_is_made_leaves_one_that_can_be_made),
		PLACE_STORY(a_sync_that_fails_is_believed_and_what_it_was_for_written_again),
		PLACE_STORY(nor_is_it_believed_by_the_next_process),
		PLACE_STORY(a_truncation_that_fails_costs_nothing_acknowledged),
		PLACE_STORY(a_file_that_cannot_be_opened_costs_nothing_acknowledged),
		PLACE_STORY(a_file_that_cannot_be_removed_costs_nothing_acknowledged),
		PLACE_STORY(a_read_that_fails_is_no_answer),
		PLACE_STORY(an_allocation_that_fails_is_no_answer_either),
		PLACE_STORY(whatever_a_power_loss_leaves_has_all_that_was_acknowledged),
		PLACE_STORY(so_it_is_while_the_store_is_being_made),
	};
	disk_count_memory();
	return cmocka_run_group_tests_name("sqlite on a failing disk", stories, NULL, NULL);
}
