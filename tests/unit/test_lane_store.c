/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Lanes over a real store that goes wrong at its N-th append, N = 1, 2, … until it never does: whoever repeats what is not known to be
 * in, ends with every chat complete, in order, nothing twice. */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "plugin/transfer/lane.h"
#include "storage/faulty/faulty.h"

enum { CHATS = 5, MESSAGES = 8, LANES = 3, DEADLINE_S = 20 };

struct world {
	struct store *store;
	struct mailbox *mailbox;
	struct lanes *lanes;
	sem_t bell;
	size_t complete;
};

/* A chat whose owner writes the next message when the last one is in, and the same one again when it may not be. */
struct talk {
	struct world *world;
	char chat_id[8];
	struct transaction *current;
};

static void ring(void *context)
{
	sem_post(&((struct world *)context)->bell);
}

static void begin(struct world *world)
{
	struct store *below = NULL;
	*world = (struct world){0};
	assert_int_equal(store_open("memory:", &below, NULL), STORE_OK);
	world->store = store_faulty_new(below);
	sem_init(&world->bell, 0, 0);
	world->mailbox = mailbox_new(ring, world);
	world->lanes = lanes_start(world->mailbox, world->store, LANES);
	assert_non_null(world->lanes);
}

static void end(struct world *world)
{
	lanes_stop(world->lanes);
	mailbox_run(world->mailbox);
	mailbox_free(world->mailbox);
	sem_destroy(&world->bell);
	store_ops(world->store)->close(world->store);
}

static void write_next(struct talk *talk, const struct transaction *previous)
{
	static const unsigned char start[HEAD_BYTES];
	char key[16];
	struct transaction tx = {.chat_id = talk->chat_id, .number = previous ? previous->number + 1 : 1, .type = TX_MESSAGE,
		.sender_id = "alice", .at_ms = 1790000000000, .key = key, .writer = "w"};
	snprintf(key, sizeof key, "k%llu", (unsigned long long)tx.number);
	sealed_set(&tx.body, "hi", 2);
	transaction_head(&tx, previous ? previous->head : start, tx.head);
	talk->current = transaction_new(&tx);
}

static void on_done(void *context, const struct append *result, const struct error *err);

static void send_current(struct talk *talk)
{
	lanes_append(talk->world->lanes, talk->chat_id, &talk->current, 1, on_done, talk);
}

static void on_done(void *context, const struct append *result, const struct error *err)
{
	struct talk *talk = context;
	(void)err;
	assert_ptr_equal(result->transactions[0], talk->current);
	if (result->result == APPEND_NOTHING_ADDED || result->result == APPEND_UNKNOWN) {
		send_current(talk);
		return;
	}
	assert_int_equal(result->result, APPEND_OK);
	struct transaction *previous = talk->current;
	if (previous->number == MESSAGES) {
		talk->world->complete++;
		talk->current = NULL;
	} else {
		write_next(talk, previous);
		send_current(talk);
	}
	transaction_free(previous);
}

static void run_until_complete(struct world *world)
{
	struct timespec deadline;
	clock_gettime(CLOCK_REALTIME, &deadline);
	deadline.tv_sec += DEADLINE_S;
	while (world->complete < CHATS) {
		if (sem_timedwait(&world->bell, &deadline) != 0)
			fail_msg("only %zu of %d chats are complete", world->complete, CHATS);
		mailbox_run(world->mailbox);
	}
}

static void assert_chat_is_whole(struct world *world, const char *chat_id)
{
	struct page page = {0};
	const struct page_limits limits = {.count_max = 100, .bytes_max = 100000};
	assert_int_equal(store_ops(world->store)->read_page(world->store, chat_id, 1, 100, &limits, &page, NULL), STORE_OK);
	assert_int_equal(page.count, MESSAGES);
	for (size_t i = 0; i < page.count; i++)
		assert_int_equal(page.transactions[i]->number, i + 1);
	store_page_free(&page);
}

/* true: the fault has struck. */
static bool talk_with_fault_at(uint64_t call, enum faulty_action action)
{
	struct world world;
	struct talk talks[CHATS];
	begin(&world);
	store_faulty_arm(world.store, &(struct fault){.op = FAULTY_APPEND, .call = call, .action = action});
	for (size_t i = 0; i < CHATS; i++) {
		talks[i] = (struct talk){.world = &world};
		snprintf(talks[i].chat_id, sizeof talks[i].chat_id, "chat%zu", i);
		write_next(&talks[i], NULL);
		send_current(&talks[i]);
	}
	run_until_complete(&world);
	bool struck = store_faulty_has_struck(world.store);
	store_faulty_disarm(world.store);
	for (size_t i = 0; i < CHATS; i++)
		assert_chat_is_whole(&world, talks[i].chat_id);
	end(&world);
	return struck;
}

static void every_chat_gets_complete_whichever_append_fails(void **state)
{
	(void)state;
	static const enum faulty_action actions[] = {FAULTY_FAIL, FAULTY_LOSE_REQUEST, FAULTY_LOSE_ANSWER};
	for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
		uint64_t call = 1;
		while (talk_with_fault_at(call, actions[i]))
			call++;
		assert_true(call > MESSAGES); /* it did strike, at each of them */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_chat_gets_complete_whichever_append_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
