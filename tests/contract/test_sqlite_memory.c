/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A SQLite store when memory is short: allocation N of SQLite's fails, alone or with all that come after it, for N = 1, 2, … until none is left to
 * fail. A reading that fails so is none: never an answer that is shorter than it should be, nor NOT_FOUND. A write that fails so has
 * happened or has not, as its code says, and can be repeated with the same handle; the file is sound then, and opens again. SQLite's small
 * allocations, which it has a reserve for, are counted like the others.
 *
 * Where there are thousands, as in opening a connection, one N in so many: 89, 23 with HC_FULL=1, $HC_STEP. */
#include <stdio.h>
#include <sqlite3.h>
#include <unistd.h>

#include "storage/sqlite/file.h"
#include "tests/contract/disk.h"
#include "tests/contract/full_store.h"
#include "tests/contract/place.h"
#include "tests/contract/readings.h"
#include "tests/contract/writings.h"

enum { COLD_STEP = 89, COLD_STEP_FULL = 23, MESSAGES = 10 };

static const unsigned counts[] = {1, UINT32_MAX}; /* how many fail */

static unsigned cold_step(void)
{
	const char *step = getenv("HC_STEP");
	return step != NULL ? (unsigned)strtoul(step, NULL, 10) : getenv("HC_FULL") != NULL ? COLD_STEP_FULL : COLD_STEP;
}

static void fail_from(unsigned first, unsigned count)
{
	disk_arm(&(struct disk_plan){.call = DISK_MEMORY, .first = first, .count = count});
}

/* Whether one did; none does any more. */
static bool failed(void)
{
	bool failed = disk_failed();
	disk_arm(NULL);
	return failed;
}

static void assert_told(enum store_rc rc, const struct error *err, const char *what, unsigned number)
{
	if (rc != STORE_UNAVAILABLE && rc != STORE_UNKNOWN)
		fail_msg("%s: code %d when allocation %u fails: %s", what, rc, number, err->text);
	assert_int_equal(err->rc, rc);
	assert_true(err->text[0] != '\0');
}

static int scene_setup(void **state)
{
	void *place;
	if (place_setup(&place) != 0)
		return -1;
	struct scene *scene = mem_zero(sizeof *scene);
	scene->place = place;
	full_store_make(scene->place->uri, MESSAGES, &scene->group);
	*state = scene;
	return 0;
}

static int scene_teardown(void **state)
{
	struct scene *scene = *state;
	void *place = scene->place;
	free(scene);
	return place_teardown(&place);
}

#define SCENE_STORY(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

static void assert_file_is_sound(const struct scene *scene)
{
	assert_int_equal(ask_sqlite(scene->place->path, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

static void reopen(struct scene *scene)
{
	close_store(scene->store);
	scene->store = open_at(scene->place->uri);
}

/* ---- reading ---- */

/* Returns how many allocations there were to fail. */
static unsigned read_with_each_failing(struct scene *scene, const struct reading *reading, enum store_rc code, const struct buf *answer, unsigned count,
                                       bool cold)
{
	unsigned step = cold ? cold_step() : 1;
	for (unsigned number = 1;; number += step) {
		struct buf now = BUF_EMPTY;
		struct error err = {0};
		if (cold)
			reopen(scene);
		else
			assert_int_equal(reading->read(scene->store, &now, &err), code);
		buf_clear(&now);
		buf_add_text(&now, "");
		fail_from(number, count);
		enum store_rc rc = reading->read(scene->store, &now, &err);
		bool was_hit = failed();
		if (!was_hit || rc == code) {
			assert_int_equal(rc, code);
			assert_string_equal(now.data, answer->data);
		} else {
			assert_told(rc, &err, reading->what, number);
			assert_int_equal(now.len, 0);
		}
		buf_fini(&now);
		if (!was_hit)
			return number - 1;
	}
}

static void read_everything(struct scene *scene, bool cold)
{
	scene->store = open_at(scene->place->uri);
	for (size_t i = 0; i < reading_count; i++) {
		struct buf answer = BUF_EMPTY;
		struct error err = {0};
		buf_add_text(&answer, "");
		enum store_rc code = readings[i].read(scene->store, &answer, &err);
		assert_true(code == STORE_OK || code == STORE_NOT_FOUND);
		unsigned most = 0;
		for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
			unsigned number = read_with_each_failing(scene, &readings[i], code, &answer, counts[j], cold);
			most = number > most ? number : most;
		}
		print_message("%s: %u allocations\n", readings[i].what, most);
		buf_fini(&answer);
	}
	close_store(scene->store);
}

static void a_reading_without_memory_is_no_answer(void **state)
{
	read_everything(*state, false);
}

static void nor_is_one_for_which_a_connection_is_opened(void **state)
{
	read_everything(*state, true);
}

/* ---- writing ---- */

static void prepare(struct scene *scene, const struct writing *writing)
{
	snprintf(scene->name, sizeof scene->name, "turn-%u", ++scene->turn);
	writing->prepare(scene);
}

static void assert_done(struct scene *scene, const struct writing *writing)
{
	struct error err = {0};
	enum store_rc rc = writing->write(scene, &err);
	if (rc != STORE_OK)
		fail_msg("%s: code %d, and nothing failed: %s", writing->what, rc, err.text);
	assert_int_equal(writing->value(scene), scene->expected);
}

/* One write, with allocations failing. false: there were none left to fail. */
static bool write_with_failing(struct scene *scene, const struct writing *writing, unsigned number, unsigned count)
{
	struct error err = {0};
	prepare(scene, writing);
	int64_t before = writing->value(scene);
	fail_from(number, count);
	enum store_rc rc = writing->write(scene, &err);
	bool was_hit = failed();
	int64_t after = writing->value(scene);
	if (rc != STORE_OK)
		assert_told(rc, &err, writing->what, number);
	if (after != scene->expected && (rc == STORE_OK || after != before))
		fail_msg("%s: code %d when allocation %u fails, and what is there is neither before nor after", writing->what, rc, number);
	if (rc == STORE_UNAVAILABLE && !writing->in_pieces)
		assert_int_equal(after, before);
	assert_file_is_sound(scene);
	assert_done(scene, writing);
	return was_hit;
}

static unsigned write_with_each_failing(struct scene *scene, const struct writing *writing, unsigned count, bool cold)
{
	unsigned step = cold ? cold_step() : 1;
	for (unsigned number = 1;; number += step) {
		scene->store = open_at(scene->place->uri);
		if (!cold) {
			prepare(scene, writing);
			assert_done(scene, writing);
		}
		bool was_hit = write_with_failing(scene, writing, number, count);
		reopen(scene);
		assert_int_equal(writing->value(scene), scene->expected);
		close_store(scene->store);
		if (!was_hit)
			return number - 1;
	}
}

static void assert_all_is_there(struct scene *scene)
{
	static const char *const chats[] = {"g", "long", "over"};
	scene->store = open_at(scene->place->uri);
	assert_int_equal(ON(scene->store, verify, NULL), STORE_OK);
	for (size_t i = 0; i < sizeof chats / sizeof *chats; i++)
		assert_sound(scene->store, chats[i]);
	close_store(scene->store);
}

static void write_everything(struct scene *scene, bool cold)
{
	for (size_t i = 0; i < writing_count; i++) {
		unsigned most = 0;
		for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
			unsigned number = write_with_each_failing(scene, &writings[i], counts[j], cold);
			most = number > most ? number : most;
		}
		print_message("%s: %u allocations\n", writings[i].what, most);
		assert_all_is_there(scene);
	}
	transaction_free(scene->tx);
	scene->tx = NULL;
}

static void a_write_without_memory_is_done_or_not_as_its_code_says(void **state)
{
	write_everything(*state, false);
}

static void so_is_one_for_which_a_connection_is_opened(void **state)
{
	write_everything(*state, true);
}

/* ---- opening ---- */

/* made: the store is there already. */
static void open_with_each_failing(struct scene *scene, bool made)
{
	for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
		bool was_hit = true;
		for (unsigned number = 1; was_hit; number += cold_step()) {
			struct error err = {0};
			struct store *store = NULL;
			if (!made)
				unlink(scene->place->path);
			fail_from(number, counts[j]);
			enum store_rc rc = store_open(scene->place->uri, &store, &err);
			was_hit = failed();
			if (rc == STORE_OK)
				close_store(store);
			else
				assert_told(rc, &err, "opening", number);
			if (!was_hit)
				assert_int_equal(rc, STORE_OK);
			close_store(open_at(scene->place->uri));
			assert_file_is_sound(scene);
		}
	}
}

static void a_store_that_could_not_be_opened_for_want_of_memory_opens_the_next_time(void **state)
{
	struct scene *scene = *state;
	open_with_each_failing(scene, true);
	assert_all_is_there(scene);
}

static void one_that_could_not_be_made_is_made_the_next_time(void **state)
{
	open_with_each_failing(*state, false);
}

/* ---- copying ---- */

static void pass_over(void *context, uint64_t pages_done, uint64_t pages)
{
	(void)context, (void)pages_done, (void)pages;
}

static enum store_rc back_up(const struct scene *scene, const char *to, struct sqlite_file_info *info, struct error *err)
{
	static const struct sqlite_file_watch watch = {.progress = pass_over};
	unlink(to);
	write_file(to, "", 0, 0);
	enum store_rc rc = sqlite_file_copy(scene->place->path, to, &watch, err);
	if (rc == STORE_OK)
		rc = sqlite_file_check(to, err);
	return rc == STORE_OK ? sqlite_file_info(to, info, err) : rc;
}

/* Also in that it is one file, and needs no other one beside it. */
static void assert_is_the_store(const struct scene *scene, const char *to, const struct sqlite_file_info *info)
{
	struct sqlite_file_info own = {0};
	assert_int_equal(sqlite_file_info(scene->place->path, &own, NULL), STORE_OK);
	assert_string_equal(info->epoch, own.epoch);
	assert_int_equal(info->schema, own.schema);
	assert_int_equal(info->chats, own.chats);
	assert_int_equal(info->transactions, own.transactions);
	assert_int_equal(ask_sqlite(to, "SELECT journal_mode = 'delete' FROM pragma_journal_mode"), 1);
}

static void a_backup_without_memory_is_whole_or_none(void **state)
{
	struct scene *scene = *state;
	char to[80];
	snprintf(to, sizeof to, "%s-backup", scene->place->dir);
	for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
		bool was_hit = true;
		for (unsigned number = 1; was_hit; number += cold_step()) {
			struct sqlite_file_info info = {0};
			struct error err = {0};
			fail_from(number, counts[j]);
			enum store_rc rc = back_up(scene, to, &info, &err);
			was_hit = failed();
			if (rc == STORE_OK)
				assert_is_the_store(scene, to, &info);
			else
				assert_told(rc, &err, "a backup", number);
			assert_true(was_hit || rc == STORE_OK);
		}
	}
	unlink(to);
	assert_all_is_there(scene);
}

int main(void)
{
	const struct CMUnitTest stories[] = {
		SCENE_STORY(a_reading_without_memory_is_no_answer),
		SCENE_STORY(nor_is_one_for_which_a_connection_is_opened),
		SCENE_STORY(a_write_without_memory_is_done_or_not_as_its_code_says),
		SCENE_STORY(so_is_one_for_which_a_connection_is_opened),
		SCENE_STORY(a_store_that_could_not_be_opened_for_want_of_memory_opens_the_next_time),
		SCENE_STORY(one_that_could_not_be_made_is_made_the_next_time),
		SCENE_STORY(a_backup_without_memory_is_whole_or_none),
	};
	if (sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) != SQLITE_OK) /* no reserve */
		return 1;
	disk_count_memory();
	return cmocka_run_group_tests_name("sqlite without memory", stories, NULL, NULL);
}
