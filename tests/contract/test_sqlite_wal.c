/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * How a commit gets into the write-ahead log (storage/sqlite/walfile.h): in few calls, and where nothing of others' is. */
#include "tests/contract/disk.h"
#include "tests/contract/place.h"

enum { COMMITS = 300, STEPS_MAX = COMMITS / 4, MANY = 1000 };

/* A store on a watched disk with a chat in it. */
struct talk {
	struct place *place;
	struct store *store;
	struct line line;
};

static struct talk talk_new(struct place *place)
{
	disk_watch(place->dir);
	struct talk talk = {.place = place, .store = open_at(place->uri), .line = line_new("c0")};
	assert_appended(talk.store, line_says(&talk.line, "alice", "hi"));
	return talk;
}

static void say(struct talk *talk)
{
	disk_arm(NULL);
	assert_appended(talk->store, line_says(&talk->line, "bob", "hello"));
}

static void talk_free(struct talk *talk)
{
	struct error err = {0};
	assert_int_equal(ON(talk->store, verify, &err), STORE_OK);
	assert_int_equal(assert_sound(talk->store, "c0"), talk->line.latest);
	close_store(talk->store);
	disk_unwatch();
}

/* Until it is just being made longer. */
static void say_until_it_grows(struct talk *talk)
{
	off_t size = size_of(talk->place->wal);
	while (size_of(talk->place->wal) == size)
		say(talk);
}

static void a_commit_reaches_the_disk_by_one_write_and_one_sync(void **state)
{
	struct talk talk = talk_new(*state);
	say_until_it_grows(&talk);
	say(&talk);
	assert_int_equal(disk_calls(DISK_WRITE), 1);
	assert_int_equal(disk_calls(DISK_SYNC), 1);
	talk_free(&talk);
}

/* Each time it gets longer the file system has something to note, and the sync waits for that. */
static void the_log_grows_in_steps_and_not_with_each_commit(void **state)
{
	struct talk talk = talk_new(*state);
	off_t size = size_of(talk.place->wal);
	int steps = 0;
	for (int i = 0; i < COMMITS; i++) {
		say(&talk);
		off_t now = size_of(talk.place->wal);
		steps += now != size;
		size = now;
	}
	assert_in_range(steps, 1, STEPS_MAX);
	talk_free(&talk);
}

static void where_there_is_no_room_to_grow_ahead_commits_go_on(void **state)
{
	struct talk talk = talk_new(*state);
	say_until_it_grows(&talk);
	off_t size = size_of(talk.place->wal);
	bool failed = false;
	for (int i = 0; i < COMMITS; i++) {
		disk_arm(&(struct disk_plan){.call = DISK_WRITE, .fault = DISK_FULL, .first = 2, .count = 100});
		assert_appended(talk.store, line_says(&talk.line, "bob", "hello"));
		failed = failed || disk_failed();
	}
	assert_true(failed);
	assert_true(size_of(talk.place->wal) > size);
	disk_arm(NULL);
	talk_free(&talk);
}

/* Another program with the same file does not write as we do: its log ends where its last frame does. */
static void what_another_program_wrote_behind_it_stays(void **state)
{
	struct talk talk = talk_new(*state);
	say_until_it_grows(&talk);
	off_t size = size_of(talk.place->wal);
	with_sqlite(talk.place->path, "BEGIN; CREATE TABLE guest (x); "
				      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO guest SELECT randomblob(3000) FROM n; COMMIT");
	assert_true(size_of(talk.place->wal) > size + MANY * 3000);
	say_until_it_grows(&talk);
	assert_int_equal(ask_sqlite(talk.place->path, "SELECT count(*) FROM guest WHERE length(x) = 3000"), MANY);
	talk_free(&talk);
}

/* After it was cut it has no length that we could know of from before. */
static void a_log_that_was_cut_grows_in_steps_again(void **state)
{
	struct talk talk = talk_new(*state);
	for (int i = 0; i < COMMITS; i++)
		say(&talk);
	with_sqlite(talk.place->path, "PRAGMA wal_checkpoint(TRUNCATE)");
	assert_int_equal(size_of(talk.place->wal), 0);
	say(&talk);
	assert_true(size_of(talk.place->wal) > 0x10000);
	say_until_it_grows(&talk);
	say(&talk);
	assert_int_equal(disk_calls(DISK_WRITE), 1);
	talk_free(&talk);
}

int main(void)
{
	const struct CMUnitTest stories[] = {
		PLACE_STORY(a_commit_reaches_the_disk_by_one_write_and_one_sync),
		PLACE_STORY(the_log_grows_in_steps_and_not_with_each_commit),
		PLACE_STORY(where_there_is_no_room_to_grow_ahead_commits_go_on),
		PLACE_STORY(what_another_program_wrote_behind_it_stays),
		PLACE_STORY(a_log_that_was_cut_grows_in_steps_again),
	};
	return cmocka_run_group_tests_name("sqlite's write-ahead log", stories, NULL, NULL);
}
