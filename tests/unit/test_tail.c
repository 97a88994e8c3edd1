/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Reading along: two brokers on one store in memory, and a loop that goes round until what is expected has come. */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "plugin/transfer/tail.h"
#include "storage/faulty/faulty.h"
#include "storage/memory/memory.h"

enum { DEADLINE_MS = 20000, QUIET_MS = 700 };

struct world {
	struct store *own, *other;
	struct mailbox *mailbox;
	struct tail *tail;
	struct transaction *last; /* of the chat */
	struct buf came;          /* "chat:number " and "kind subject " */
	size_t count, failures, recoveries, returns, damaged;
};

static void ring(void *context)
{
	(void)context;
}

static void on_news(void *context, struct transaction *tx)
{
	struct world *world = context;
	buf_printf(&world->came, "%s:%llu ", tx->chat_id, (unsigned long long)tx->number);
	world->count++;
}

static void on_notice(void *context, const struct notice *notice)
{
	struct world *world = context;
	buf_printf(&world->came, "%s %s ", notice->kind, notice->subject);
	world->count++;
}

static void on_fails(void *context, const struct error *err)
{
	struct world *world = context;
	world->failures += err != NULL;
	world->recoveries += err == NULL;
}

static void on_return(void *context)
{
	((struct world *)context)->returns++;
}

static void on_damaged(void *context, const struct error *err)
{
	struct world *world = context;
	assert_string_equal(err->text, "the log is damaged");
	world->damaged++;
}

static void begin(struct world *world)
{
	*world = (struct world){0};
	buf_add_text(&world->came, "");
	assert_int_equal(store_open("memory:", &world->own, NULL), STORE_OK);
	world->other = store_memory_new_writer(world->own, "other");
	world->mailbox = mailbox_new(ring, world);
}

static void opens(struct world *world, struct store *store)
{
	struct store_info info;
	assert_int_equal(store_ops(store)->info(store, &info, NULL), STORE_OK);
	assert_int_equal(tail_open(store, info.writer, &world->tail, NULL), STORE_OK);
	assert_true(tail_start(world->tail, world->mailbox,
		&(struct tail_conf){.context = world, .news = on_news, .notice = on_notice, .fails = on_fails, .returns = on_return,
			.damaged = on_damaged}));
}

static void end(struct world *world)
{
	tail_finish(world->tail);
	mailbox_run(world->mailbox);
	tail_close(world->tail);
	mailbox_free(world->mailbox);
	transaction_free(world->last);
	buf_fini(&world->came);
	store_memory.close(world->other);
	store_ops(world->own)->close(world->own);
}

static void writes(struct world *world, struct store *store, const char *writer)
{
	static const unsigned char start[HEAD_BYTES];
	uint64_t number = world->last != NULL ? world->last->number + 1 : 1;
	struct transaction tx = {.chat_id = "chat", .number = number, .type = TX_MESSAGE, .sender_id = "alice", .at_ms = 1790000000000, .writer = writer};
	char key[24];
	snprintf(key, sizeof key, "k%llu", (unsigned long long)number);
	tx.key = key;
	sealed_set(&tx.body, "hi", 2);
	transaction_head(&tx, world->last != NULL ? world->last->head : start, tx.head);
	transaction_free(world->last);
	world->last = transaction_new(&tx);
	struct append append = {.chat_id = "chat", .transactions = &world->last, .transaction_count = 1};
	assert_int_equal(store_ops(store)->append(store, &append, 1, NULL), STORE_OK);
	assert_int_equal(append.result, APPEND_OK);
}

static void other_writes(struct world *world)
{
	writes(world, world->other, "other");
}

static void goes_round(struct world *world)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};
	tail_tick(world->tail, clock_mono_ms());
	nanosleep(&pause, NULL);
	mailbox_run(world->mailbox);
}

static void comes(struct world *world, size_t count, const char *expected)
{
	for (int64_t end_ms = clock_mono_ms() + DEADLINE_MS; world->count < count && clock_mono_ms() < end_ms;)
		goes_round(world);
	assert_string_equal(world->came.data, expected);
	buf_clear(&world->came);
	buf_add_text(&world->came, "");
	world->count = 0;
}

/* Longer than anything is let be. */
static void nothing_comes(struct world *world)
{
	for (int64_t end_ms = clock_mono_ms() + QUIET_MS; clock_mono_ms() < end_ms;)
		goes_round(world);
	assert_string_equal(world->came.data, "");
}

/* ---- the tests ---- */

static void what_another_broker_writes_comes_once_and_in_order(void **state)
{
	(void)state;
	struct world world;
	begin(&world);
	opens(&world, world.own);
	for (int i = 0; i < 3; i++)
		other_writes(&world);
	comes(&world, 3, "chat:1 chat:2 chat:3 ");
	other_writes(&world);
	comes(&world, 1, "chat:4 ");
	nothing_comes(&world);
	end(&world);
}

static void what_was_there_at_the_start_and_what_is_written_here_does_not_come(void **state)
{
	(void)state;
	struct world world;
	struct store_info info;
	begin(&world);
	store_ops(world.own)->info(world.own, &info, NULL);
	other_writes(&world);
	opens(&world, world.own);
	writes(&world, world.own, info.writer);
	other_writes(&world);
	comes(&world, 1, "chat:3 ");
	nothing_comes(&world);
	end(&world);
}

static void more_than_a_page_comes_whole(void **state)
{
	(void)state;
	enum { MANY = 1200 };
	struct world world;
	begin(&world);
	opens(&world, world.own);
	struct buf expected = BUF_EMPTY;
	for (int i = 1; i <= MANY; i++) {
		other_writes(&world);
		buf_printf(&expected, "chat:%d ", i);
	}
	comes(&world, MANY, expected.data);
	buf_fini(&expected);
	end(&world);
}

static void notices_of_others_come_and_own_ones_do_not(void **state)
{
	(void)state;
	struct world world;
	begin(&world);
	store_memory.put_notice(world.other, "before", "x", 1, NULL);
	opens(&world, world.own);
	store_memory.put_notice(world.own, "own", "x", 1, NULL);
	store_memory.put_notice(world.other, "reach", "alice", 1, NULL);
	store_memory.put_notice(world.other, "texts", "chat", 2, NULL);
	comes(&world, 2, "reach alice texts chat ");
	nothing_comes(&world);
	end(&world);
}

/* Call by call, whichever fails: nothing is missing, and it is said once that something was wrong. */
static void a_store_that_fails_for_a_while_loses_nothing(void **state)
{
	(void)state;
	enum { CALLS = 6 }; /* of one round and the next: writers, tails, notices */
	for (uint64_t call = 1; call <= CALLS; call++) {
		struct world world;
		begin(&world);
		struct store *faulty = store_faulty_new(world.own);
		world.own = faulty;
		opens(&world, faulty);
		store_faulty_arm(faulty, &(struct fault){.op = FAULTY_ANY, .call = call, .action = FAULTY_FAIL});
		other_writes(&world);
		comes(&world, 1, "chat:1 ");
		while (!store_faulty_has_struck(faulty))
			goes_round(&world);
		other_writes(&world);
		comes(&world, 1, "chat:2 ");
		store_memory.put_notice(world.other, "texts", "chat", 2, NULL);
		comes(&world, 1, "texts chat ");
		assert_int_equal(world.failures, 1);
		assert_int_equal(world.recoveries, 1);
		end(&world);
	}
}

static struct store_ops ours, below;

/* ---- a notice's number is missing ---- */

static uint64_t missing; /* that one, until it is 0; the store waits for it */
static size_t notice_reads;

static enum store_rc read_up_to_missing(struct store *store, uint64_t after, size_t count_max, struct notice_list **notices, uint64_t *next,
	struct error *err)
{
	enum store_rc rc = below.read_notices(store, after, count_max, notices, next, err);
	assert_true(++notice_reads < 100);
	if (rc == STORE_OK && after < missing && *next >= missing)
		*next = missing - 1;
	return rc;
}

/* The first one's, which is nobody's news here. */
static void begin_with_a_missing_notice(struct world *world)
{
	begin(world);
	ours = below = *store_ops(world->own);
	ours.read_notices = read_up_to_missing;
	*(const struct store_ops **)world->own = &ours;
	missing = 1;
	notice_reads = 0;
}

static void end_with_a_missing_notice(struct world *world)
{
	tail_finish(world->tail);
	*(const struct store_ops **)world->own = &below;
	end(world);
}

static void what_stands_behind_a_missing_notice_comes_once(void **state)
{
	(void)state;
	struct world world;
	begin_with_a_missing_notice(&world);
	opens(&world, world.own);
	store_memory.put_notice(world.own, "late", "x", 1, NULL);
	store_memory.put_notice(world.other, "reach", "alice", 1, NULL);
	comes(&world, 1, "reach alice ");
	nothing_comes(&world);
	store_memory.put_notice(world.other, "reach", "bob", 1, NULL);
	comes(&world, 1, "reach bob ");
	nothing_comes(&world);
	missing = 0;
	nothing_comes(&world);
	store_memory.put_notice(world.other, "reach", "carol", 1, NULL);
	comes(&world, 1, "reach carol ");
	end_with_a_missing_notice(&world);
}

static void who_begins_while_a_notice_is_missing_does_so_at_once_behind_all_there_are(void **state)
{
	(void)state;
	enum { MORE_THAN_ARE_READ_AT_ONCE = 250 };
	struct world world;
	begin_with_a_missing_notice(&world);
	store_memory.put_notice(world.own, "late", "x", 1, NULL);
	for (int i = 0; i < MORE_THAN_ARE_READ_AT_ONCE; i++)
		store_memory.put_notice(world.other, "reach", "alice", 1, NULL);
	opens(&world, world.own);
	nothing_comes(&world);
	store_memory.put_notice(world.other, "reach", "bob", 1, NULL);
	comes(&world, 1, "reach bob ");
	end_with_a_missing_notice(&world);
}

/* ---- a writer who cannot be read ---- */

static enum store_rc trouble;
static uint64_t damaged_position; /* 0: nothing of a's can be read, and it is not known why */

static enum store_rc tail_of_all_but_a(struct store *store, const char *writer, uint64_t position, size_t count_max, struct page *page,
	uint64_t *next, struct error *err)
{
	if (strcmp(writer, "a") != 0 || (damaged_position > 0 && position > damaged_position))
		return below.tail(store, writer, position, count_max, page, next, err);
	*next = damaged_position > 0 ? damaged_position + 1 : position;
	return error_set(err, trouble, 0, "the log is damaged");
}

static _Atomic int refusals_left, refused;

static enum store_rc read_notices_unless_refused(struct store *store, uint64_t after, size_t count_max, struct notice_list **notices, uint64_t *next,
	struct error *err)
{
	if (refusals_left == 0)
		return below.read_notices(store, after, count_max, notices, next, err);
	refusals_left--;
	refused++;
	return error_set(err, STORE_UNAVAILABLE, 0, "the store is away");
}

/* Of writer a, whose name stands before the other's. */
static void begin_with_trouble(struct world *world, enum store_rc rc, uint64_t position)
{
	begin(world);
	trouble = rc;
	damaged_position = position;
	ours = below = *store_ops(world->own);
	ours.tail = tail_of_all_but_a;
	ours.read_notices = read_notices_unless_refused;
	opens(world, world->own);
	*(const struct store_ops **)world->own = &ours;
}

static void end_with_trouble(struct world *world)
{
	tail_finish(world->tail);
	*(const struct store_ops **)world->own = &below;
	end(world);
}

static void a_writer_who_cannot_be_read_holds_up_neither_the_others_nor_the_notices(void **state)
{
	(void)state;
	static const enum store_rc troubles[] = {STORE_CORRUPT, STORE_UNAVAILABLE, STORE_REFUSED};
	for (size_t i = 0; i < sizeof troubles / sizeof *troubles; i++) {
		struct world world;
		begin_with_trouble(&world, troubles[i], 0);
		struct store *a = store_memory_new_writer(world.other, "a");
		writes(&world, a, "a");
		other_writes(&world);
		store_memory.put_notice(world.other, "ban", "mallory", 1, NULL);
		comes(&world, 2, "chat:2 ban mallory ");
		other_writes(&world);
		comes(&world, 1, "chat:3 ");
		nothing_comes(&world);
		assert_int_equal(world.failures, 1);
		assert_int_equal(world.recoveries, 0);
		store_memory.close(a);
		end_with_trouble(&world);
	}
}

static void that_the_store_is_back_is_told_also_while_a_writer_cannot_be_read(void **state)
{
	(void)state;
	struct world world;
	begin_with_trouble(&world, STORE_CORRUPT, 0);
	struct store *a = store_memory_new_writer(world.other, "a");
	writes(&world, a, "a");
	while (world.failures == 0)
		goes_round(&world);
	assert_int_equal(world.returns, 0);
	refusals_left = 2;
	for (int64_t end_ms = clock_mono_ms() + DEADLINE_MS; world.returns == 0 && clock_mono_ms() < end_ms;)
		goes_round(&world);
	assert_int_equal(world.returns, 1);
	assert_int_equal(refused, 2);
	nothing_comes(&world);
	assert_int_equal(world.returns, 1);
	assert_int_equal(world.recoveries, 0);
	store_memory.close(a);
	end_with_trouble(&world);
}

static void what_is_damaged_is_passed_over_and_told_of(void **state)
{
	(void)state;
	struct world world;
	begin_with_trouble(&world, STORE_CORRUPT, 1);
	struct store *a = store_memory_new_writer(world.other, "a");
	writes(&world, a, "a");
	writes(&world, a, "a");
	comes(&world, 1, "chat:2 ");
	nothing_comes(&world);
	assert_int_equal(world.damaged, 1);
	assert_int_equal(world.failures, 0);
	store_memory.close(a);
	end_with_trouble(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_another_broker_writes_comes_once_and_in_order),
		cmocka_unit_test(what_was_there_at_the_start_and_what_is_written_here_does_not_come),
		cmocka_unit_test(more_than_a_page_comes_whole),
		cmocka_unit_test(notices_of_others_come_and_own_ones_do_not),
		cmocka_unit_test(a_store_that_fails_for_a_while_loses_nothing),
		cmocka_unit_test(what_stands_behind_a_missing_notice_comes_once),
		cmocka_unit_test(who_begins_while_a_notice_is_missing_does_so_at_once_behind_all_there_are),
		cmocka_unit_test(a_writer_who_cannot_be_read_holds_up_neither_the_others_nor_the_notices),
		cmocka_unit_test(that_the_store_is_back_is_told_also_while_a_writer_cannot_be_read),
		cmocka_unit_test(what_is_damaged_is_passed_over_and_told_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
