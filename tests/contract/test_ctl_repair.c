/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl repair: every page of a store is damaged, one after the other, and what is on the others is saved. argv[1] is the program. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/contract/ctl_words.h"
#include "tests/contract/full_store.h"
#include "tests/contract/room.h"

enum { PAGE_SIZE = 4096, MESSAGES = 60 };

static void have_store(const struct place *place)
{
	struct line group;
	full_store_make(place->uri, MESSAGES, &group);
}

static void a_store_in_order_is_left_as_it_is(void **state)
{
	struct place *place = *state;
	have_store(place);
	in_shell("cp %s %s/before", place->path, place->dir);
	assert_ctl(0, "repair --store %s", place->uri);
	assert_ctl_said("all was in order, nothing was changed");
	in_shell("cmp %s %s/before", place->path, place->dir);
	in_shell("[ $(ls %s | wc -l) = 2 ]", place->dir);
	assert_ctl(0, "repair --store %s --json", place->uri);
	assert_ctl_said("{\"changed\":false,\"lost\":[],\"mended\":[],");
}

static void projections_that_are_gone_or_wrong_come_back_from_the_log(void **state)
{
	struct place *place = *state;
	have_store(place);
	in_shell("cp %s %s/before", place->path, place->dir);
	struct store_info before = info_at(place->uri);
	static const char *const DAMAGE[] = {
		"DELETE FROM member WHERE chat = (SELECT id FROM chat WHERE name = 'g')",
		"UPDATE member SET role = 0",
		"UPDATE chat SET head = zeroblob(16), latest = latest - 1, members = 99",
		"DELETE FROM membership",
		"UPDATE chat_info SET title = 'another'",
		"UPDATE member SET received = 1000000, read = 1000000",
		"UPDATE cursor SET number = 1000000",
		"UPDATE cursor SET number = -1",
		"UPDATE cursor SET number = 'no number'",
		"UPDATE cursor SET number = 2.5",
		"UPDATE place SET position = 1000000",
		"UPDATE place SET position = -1",
		"UPDATE place SET position = x'01'",
	};
	for (size_t i = 0; i < sizeof DAMAGE / sizeof *DAMAGE; i++) {
		in_shell("cp %s/before %s", place->dir, place->path);
		with_sqlite(place->path, DAMAGE[i]);
		assert_ctl(0, "repair --store %s", place->uri);
		assert_ctl_said("in order now\n");
		assert_ctl_said(".before-repair-");
		assert_ctl(0, "check --store %s", place->uri);
		assert_string_equal(info_at(place->uri).epoch, before.epoch);
		struct store *store = open_at(place->uri);
		struct chat_record *chat = NULL;
		assert_int_equal(ON(store, load_chat, "g", &chat, NULL), STORE_OK);
		assert_int_equal(chat->latest, 8);
		assert_string_equal(chat->name, "Team");
		store_free(chat);
		close_store(store);
		in_shell("rm %s/*before-repair*", place->dir);
	}
}

static void a_lost_message_is_void_and_all_others_are_there(void **state)
{
	struct place *place = *state;
	have_store(place);
	struct store_info before = info_at(place->uri);
	with_sqlite(place->path, "DELETE FROM log WHERE number IN (20, 21) AND chat = (SELECT id FROM chat WHERE name = 'long')");
	assert_ctl(1, "check --store %s", place->uri);
	assert_ctl(0, "repair --store %s", place->uri);
	assert_ctl_said("chat long: 2 numbers from 20 on are lost, and void now");
	assert_ctl_said("with a new epoch");
	assert_string_not_equal(info_at(place->uri).epoch, before.epoch);
	struct store *store = open_at(place->uri);
	uint64_t latest = assert_sound(store, "long");
	assert_true(latest > MESSAGES);
	struct transaction *lost = read_one(store, "long", 20), *kept = read_one(store, "long", 22);
	assert_true(lost->body.erased);
	assert_non_null(kept->body.text);
	transaction_free(lost);
	transaction_free(kept);
	close_store(store);
	assert_ctl(0, "check --store %s", place->uri);
	assert_ctl(0, "audit list --store %s", place->uri);
	assert_ctl_said("repair {\"lost\":true");
}

static void what_was_changed_is_named(void **state)
{
	struct place *place = *state;
	have_store(place);
	with_sqlite(place->path, "UPDATE log SET body = 'something else' WHERE number = 30 AND chat = (SELECT id FROM chat WHERE name = 'long')");
	assert_ctl(0, "repair --store %s", place->uri);
	assert_ctl_said("chat long: number 30 is not what it was: the hash chain broke there");
	assert_ctl(0, "check --store %s", place->uri);
}

static void a_repeated_command_is_recognised_after_a_repair(void **state)
{
	struct place *place = *state;
	struct line line = line_new("c");
	struct store *store = open_at(place->uri);
	assert_appended(store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(store, line_says_as(&line, "alice", "k1", "once"));
	close_store(store);
	with_sqlite(place->path, "UPDATE member SET role = 0");
	assert_ctl(0, "repair --store %s", place->uri);
	store = open_at(place->uri);
	assert_int_equal(append_one(store, line_says_as(&line, "alice", "k1", "twice")), APPEND_CONFLICT);
	close_store(store);
}

static void where_too_little_is_left_the_store_is_left_as_it_is(void **state)
{
	struct place *place = *state;
	have_store(place);
	char page[PAGE_SIZE];
	memset(page, 0xff, sizeof page);
	write_file(place->path, page, sizeof page, 0);
	in_shell("cp %s %s/before", place->path, place->dir);
	assert_ctl(1, "repair --store %s", place->uri);
	assert_ctl_said("a backup is what helps now");
	in_shell("cmp %s %s/before && [ $(ls %s | wc -l) = 2 ]", place->path, place->dir, place->dir);
	assert_ctl(1, "repair --store sqlite:%s/nothing.db", place->dir);
	assert_ctl_said("there is no such file");
}

/* Those of the schema, of who the store is, and the one that leads to all of the log are beyond help. */
static void whichever_page_is_damaged_the_others_are_saved(void **state)
{
	struct place *place = *state;
	have_store(place);
	in_shell("cp %s %s/before", place->path, place->dir);
	int64_t all = ask_sqlite(place->path, "SELECT count(*) FROM log");
	int beyond_help = 0, tried = 0;
	off_t pages = size_of(place->path) / PAGE_SIZE;
	char page[PAGE_SIZE];
	memset(page, 0xff, sizeof page);
	for (off_t i = 1; i < pages; i += 3, tried++) {
		in_shell("cp %s/before %s", place->dir, place->path);
		write_file(place->path, page, sizeof page, i * PAGE_SIZE);
		int code = ctl("repair --store %s", place->uri);
		if (code == 1) {
			assert_ctl_said("a backup is what helps now");
			beyond_help++;
			continue;
		}
		ctl_assert(code, 0);
		assert_ctl(0, "check --store %s", place->uri);
		int64_t kept = ask_sqlite(place->path, "SELECT count(*) FROM log WHERE sender <> coalesce((SELECT id FROM user WHERE name = 'hyperchatctl'), 0)");
		if (kept < all - 50)
			fail_msg("page %d: only %d of %d transactions were saved", (int)i, (int)kept, (int)all);
		in_shell("rm -f %s/*before-repair*", place->dir);
	}
	assert_true(tried > 15);
	if (beyond_help > 4)
		fail_msg("%d of %d pages are beyond help", beyond_help, tried);
}

static uint32_t number_at(const char *path, off_t at, size_t len)
{
	unsigned char bytes[4];
	uint32_t number = 0;
	int fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, bytes, len, at), len);
	close(fd);
	for (size_t i = 0; i < len; i++)
		number = number << 8 | bytes[i];
	return number;
}

enum { INTERIOR_TABLE = 5, RIGHT_MOST = 8, FIRST_CELL = 12 }; /* https://sqlite.org/fileformat.html §1.6 */

/* The page that leads to all others of the log has its first one for its last one, too. */
static void rows_that_lead_in_a_circle_are_saved_once(void **state)
{
	struct place *place = *state;
	have_store(place);
	off_t page = (ask_sqlite(place->path, "SELECT rootpage FROM sqlite_schema WHERE name = 'log'") - 1) * PAGE_SIZE;
	assert_int_equal(number_at(place->path, page, 1), INTERIOR_TABLE);
	uint32_t first = number_at(place->path, page + (off_t)number_at(place->path, page + FIRST_CELL, 2), 4);
	const char circle[] = {(char)(first >> 24), (char)(first >> 16), (char)(first >> 8), (char)first};
	write_file(place->path, circle, sizeof circle, page + RIGHT_MOST);
	ctl_assert(ctl_after("timeout 60", "repair --store %s", place->uri), 0);
	assert_ctl_said("log: what is behind row");
	assert_ctl(0, "check --store %s", place->uri);
}

/* ---- how much is looked for ---- */

#define LONG "chat = (SELECT id FROM chat WHERE name = 'long')"

static void what_is_behind_a_long_gap_is_saved_where_the_chat_says_that_it_was_there(void **state)
{
	struct place *place = *state;
	have_store(place);
	with_sqlite(place->path, "UPDATE log SET number = number + 150000 WHERE number > 30 AND " LONG "; UPDATE chat SET latest = latest + 150000 WHERE name = 'long'");
	assert_ctl(0, "repair --store %s", place->uri);
	assert_ctl_said("chat long: 150000 numbers from 31 on are lost, and void now\n");
	struct store *store = open_at(place->uri);
	struct transaction *kept = read_one(store, "long", 150031);
	assert_non_null(kept->body.text);
	transaction_free(kept);
	close_store(store);
}

static void a_number_that_is_damaged_makes_no_gap(void **state)
{
	struct place *place = *state;
	have_store(place);
	with_sqlite(place->path, "UPDATE log SET number = 5000000 WHERE number = 30 AND " LONG);
	assert_ctl(0, "repair --store %s", place->uri);
	assert_ctl_said("what stands from number 5000000 on is too far behind 201, and is left out");
	assert_ctl_said("chat long: 1 numbers from 30 on are lost, and void now");
	struct store *store = open_at(place->uri);
	assert_int_equal(assert_sound(store, "long"), 201);
	close_store(store);
}

/* The first rows of the log are on its first page, which cannot be read; the others' ids are far behind. */
static void what_is_behind_a_long_stretch_that_cannot_be_read_is_saved(void **state)
{
	struct place *place = *state;
	have_store(place);
	int64_t all = ask_sqlite(place->path, "SELECT count(*) FROM log");
	with_sqlite(place->path, "UPDATE log SET id = id + 2000000 WHERE id > 5");
	off_t root = (ask_sqlite(place->path, "SELECT rootpage FROM sqlite_schema WHERE name = 'log'") - 1) * PAGE_SIZE;
	assert_int_equal(number_at(place->path, root, 1), INTERIOR_TABLE);
	uint32_t first = number_at(place->path, root + (off_t)number_at(place->path, root + FIRST_CELL, 2), 4);
	char junk[PAGE_SIZE];
	memset(junk, 0xff, sizeof junk);
	write_file(place->path, junk, sizeof junk, (off_t)(first - 1) * PAGE_SIZE);
	assert_ctl(0, "repair --store %s", place->uri);
	assert_ctl_said("log: rows behind 1000000 are looked for from the end only");
	assert_ctl(0, "check --store %s", place->uri);
	int64_t kept = ask_sqlite(place->path, "SELECT count(*) FROM log WHERE sender <> coalesce((SELECT id FROM user WHERE name = 'hyperchatctl'), 0)");
	assert_true(kept > all - 50);
}

/* ---- the file takes the store's place ---- */

/* Files may become one page smaller than the new one has to be: it cannot take all of its log. */
static void a_file_that_is_not_whole_without_its_log_takes_no_place(void **state)
{
	struct place *place = *state;
	char before[80];
	have_store(place);
	struct store *store = open_at(place->uri);
	struct line line = line_new("many");
	assert_appended(store, line_adds(&line, "alice", ROLE_OWNER));
	for (int i = 0; i < 400; i++) {
		char user_id[16];
		snprintf(user_id, sizeof user_id, "user%d", i);
		assert_appended(store, line_adds(&line, user_id, ROLE_MEMBER));
	}
	close_store(store);
	with_sqlite(place->path, "DELETE FROM member; VACUUM");
	in_shell("cp %s %s/before", place->path, place->dir);
	assert_ctl(0, "repair --store %s", place->uri);
	off_t size = size_of(place->path);
	in_shell("cd %s; rm *before-repair*; cp before %s", place->dir, place->path);
	snprintf(before, sizeof before, "trap '' XFSZ; ulimit -f %ld;", (long)(size - PAGE_SIZE) / 512);
	ctl_assert(ctl_after(before, "repair --store %s", place->uri), 1);
	assert_ctl_said(".repairing: sqlite: ");
	in_shell("cmp %s %s/before && [ $(ls %s | wc -l) = 2 ]", place->path, place->dir, place->dir);
}

/* It is stopped at some moment of its work, which may be one before that or behind it: so it is tried again. */
static void nobody_opens_a_store_while_it_is_repaired(void **state)
{
	struct place *place = *state;
	have_store(place);
	with_sqlite(place->path, "UPDATE member SET role = 0");
	in_shell("cp %s %s/before", place->path, place->dir);
	in_shell("cd %s; for try in $(seq 50); do rm -f *before-repair*; cp before %s; %s repair --store %s >/dev/null & pid=$!; "
	         "until [ -e %s.repairing ] || ! kill -0 $pid; do :; done; kill -STOP $pid; "
	         "%s export --store %s --chat g >said 2>&1; kill -CONT $pid; wait $pid; "
	         "grep -q \"'hyperchatctl repair' is at work on it\" said && exit; done; cat said; exit 1",
		place->dir, place->path, ctl_program, place->uri, place->path, ctl_program, place->uri);
	assert_ctl(0, "check --store %s", place->uri);
}

static void one_repair_at_a_time_is_made_and_none_of_an_open_store(void **state)
{
	struct place *place = *state;
	char part[80];
	struct store *store = NULL;
	have_store(place);
	snprintf(part, sizeof part, "%s.repairing", place->path);
	int fd = open(part, O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_ctl(1, "repair --store %s", place->uri);
	assert_ctl_said("another process is making it");
	assert_int_equal(store_open(place->uri, &store, NULL), STORE_REFUSED);
	close(fd);
	store = open_at(place->uri);
	assert_ctl(1, "repair --store %s", place->uri);
	assert_ctl_said("has it open");
	close_store(store);
	assert_int_equal(size_of(part), -1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest stories[] = {
		ROOM_STORY(a_store_in_order_is_left_as_it_is),
		ROOM_STORY(projections_that_are_gone_or_wrong_come_back_from_the_log),
		ROOM_STORY(a_lost_message_is_void_and_all_others_are_there),
		ROOM_STORY(what_was_changed_is_named),
		ROOM_STORY(a_repeated_command_is_recognised_after_a_repair),
		ROOM_STORY(where_too_little_is_left_the_store_is_left_as_it_is),
		ROOM_STORY(whichever_page_is_damaged_the_others_are_saved),
		ROOM_STORY(rows_that_lead_in_a_circle_are_saved_once),
		ROOM_STORY(what_is_behind_a_long_gap_is_saved_where_the_chat_says_that_it_was_there),
		ROOM_STORY(a_number_that_is_damaged_makes_no_gap),
		ROOM_STORY(what_is_behind_a_long_stretch_that_cannot_be_read_is_saved),
		ROOM_STORY(a_file_that_is_not_whole_without_its_log_takes_no_place),
		ROOM_STORY(nobody_opens_a_store_while_it_is_repaired),
		ROOM_STORY(one_repair_at_a_time_is_made_and_none_of_an_open_store),
	};
	if (argc != 2)
		return 2;
	ctl_program = argv[1];
	int failed = cmocka_run_group_tests_name("repairing stores", stories, NULL, NULL);
	buf_fini(&ctl_output);
	return failed;
}
