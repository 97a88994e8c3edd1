/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The intake journal when memory is short. All of its allocations are our own, so each that fails ends the process (base/buf.h): allocation N in a
 * child's conversation with the journal, for N = 1, 2, … until none is left to fail. What the child was promised is written down in shared memory; the
 * next process finds all of it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal_kit.h"

enum { RECORDS_MAX = 600, SMALL = 40, SMALL_LEN = 100, LARGE = 90, LARGE_LEN = 20000, SPARED = 7 };

enum fate { LIVE, COMMITTED, DECLINED, ASIDE };

struct promise {
	uint64_t seq;
	enum fate fate;
	bool settling; /* to that fate: it may have come to it or not */
};

static struct ledger {
	size_t count;
	struct promise promises[RECORDS_MAX];
	char note, next_note; /* the one that is there, and the one that is being set */
	/* Of a replay. */
	bool adding; /* one more than is promised may be there */
	size_t replayed;
	bool came[RECORDS_MAX];
} *ledger;

/* ---- memory that is short ---- */

static unsigned allocations, failing; /* 0: none fails */

static bool fails(void)
{
	return ++allocations == failing;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fails() ? NULL : __real_realloc(old, size);
}

/* ---- the child's conversation ---- */

/* What a record says is its place in the ledger, so that each is another. */
static void say(struct journal *journal, size_t len)
{
	static unsigned char payload[LARGE_LEN];
	size_t place = ledger->count;
	memset(payload, (int)(place % 251), len);
	memcpy(payload, &place, sizeof place);
	ledger->adding = true;
	ledger->promises[place].seq = add_bytes(journal, payload, len);
	ledger->count++;
	ledger->adding = false;
}

static void settle(struct journal *journal, size_t place, enum fate fate)
{
	struct promise *promise = &ledger->promises[place];
	promise->fate = fate;
	promise->settling = true;
	if (fate == ASIDE)
		assert_int_equal(journal_put_aside(journal, promise->seq, NULL), JOURNAL_OK);
	else
		release(journal, promise->seq, fate == COMMITTED ? JOURNAL_COMMITTED : JOURNAL_DECLINED);
	promise->settling = false;
}

static void set_note(struct journal *journal, char note)
{
	ledger->next_note = note;
	assert_int_equal(journal_set_note(journal, &note, 1, NULL), JOURNAL_OK);
	ledger->note = note;
}

static void on_replay(void *context, uint64_t seq, unsigned attempt, const void *payload, size_t len)
{
	(void)context, (void)attempt, (void)payload, (void)len;
	for (size_t i = 0; i < ledger->count; i++)
		if (ledger->promises[i].seq == seq && i % 5 == 4)
			settle(context, i, DECLINED);
}

static void on_quarantined(void *context, uint64_t seq, const void *payload, size_t len)
{
	(void)context, (void)seq, (void)payload, (void)len;
	fail();
}

/* Old records in the way, so that they are copied to the front; some released, some put aside; a scrub; and a start with what is left. */
static void converse(void)
{
	struct journal *journal = opened();
	set_note(journal, 'a');
	for (size_t i = 0; i < SMALL; i++)
		say(journal, SMALL_LEN);
	for (size_t i = 0; i < SMALL; i++)
		if (i % 5 != 4 && i % 5 != 3)
			settle(journal, i, i % 5 == 0 ? COMMITTED : i % 5 == 1 ? DECLINED : ASIDE);
	flush_at(journal, 1);
	for (size_t i = 0; i < LARGE; i++) {
		say(journal, LARGE_LEN);
		settle(journal, ledger->count - 1, COMMITTED);
		flush_at(journal, 2);
	}
	scrub(journal);
	set_note(journal, 'b');
	journal_close(journal);
	journal = opened();
	const struct journal_reader reader = {on_replay, on_quarantined, journal};
	assert_int_equal(journal_replay(journal, &reader, NULL), JOURNAL_OK);
	flush_at(journal, JOURNAL_PINNED_MS * 2);
	say(journal, SMALL_LEN);
}

/* ---- afterwards ---- */

static void on_found(void *context, uint64_t seq, unsigned attempt, const void *payload, size_t len)
{
	size_t place = SIZE_MAX;
	(void)context;
	assert_true(len >= sizeof place);
	memcpy(&place, payload, sizeof place);
	assert_true(place < ledger->count || (place == ledger->count && ledger->adding));
	assert_true(attempt <= 2); /* it may have been in work */
	assert_false(ledger->came[place]);
	for (size_t i = sizeof place; i < len; i++)
		assert_int_equal(((const unsigned char *)payload)[i], place % 251);
	if (place < ledger->count)
		assert_int_equal(seq, ledger->promises[place].seq);
	ledger->came[place] = true;
	ledger->replayed++;
}

static void assert_put_aside(void)
{
	enum { FRAME = 12 };
	size_t aside = 0;
	for (size_t i = 0; i < ledger->count; i++)
		aside += ledger->promises[i].fate == ASIDE && !ledger->promises[i].settling;
	if (aside == 0)
		return;
	struct buf file = file_read(kit_quarantine_path);
	assert_true(file.len >= aside * (FRAME + SMALL_LEN));
	buf_fini(&file);
}

static void assert_promises_are_kept(void)
{
	struct journal *journal = opened();
	const struct journal_reader reader = {on_found, on_quarantined, NULL};
	size_t len = 0;
	const char *note = journal_note(journal, &len);
	assert_true(len == 1 ? *note == ledger->note || *note == ledger->next_note : ledger->note == 0);
	assert_int_equal(journal_replay(journal, &reader, NULL), JOURNAL_OK);
	assert_int_equal(stats_of(journal).corrupt, 0);
	for (size_t i = 0; i < ledger->count; i++) {
		const struct promise *promise = &ledger->promises[i];
		if (promise->fate == LIVE)
			assert_true(ledger->came[i]);
		else if (promise->fate != COMMITTED && !promise->settling)
			assert_false(ledger->came[i]);
	}
	assert_put_aside();
	uint64_t seq = add(journal, "it goes on");
	assert_true(ledger->count == 0 || seq > ledger->promises[ledger->count - 1].seq);
	journal_close(journal);
}

static bool child_is_spared(unsigned number)
{
	fflush(stdout);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		signal(SIGABRT, SIG_DFL); /* cmocka's handler would call it a failure */
		allocations = 0;
		failing = number;
		converse();
		failing = 0; /* whoever allocates in ending is not what this is about */
		_exit(allocations < number ? SPARED : 0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGABRT : WEXITSTATUS(status) == SPARED);
	return !WIFSIGNALED(status);
}

static void whatever_allocation_fails_all_that_was_promised_is_found_by_the_next_process(void **state)
{
	unsigned number = 0;
	for (bool spared = false; !spared;) {
		kit_remove_files(state);
		memset(ledger, 0, sizeof *ledger);
		spared = child_is_spared(++number);
		assert_promises_are_kept();
	}
	print_message("%u allocations, %zu records\n", number - 1, ledger->count);
	assert_int_equal(ledger->count, SMALL + LARGE + 1);
	assert_true(number > ledger->count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(whatever_allocation_fails_all_that_was_promised_is_found_by_the_next_process, kit_remove_files),
	};
	ledger = mmap(NULL, sizeof *ledger, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (ledger == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests_name("journal without memory", tests, kit_make_directory, kit_remove_directory);
}
