/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl repair: numbers, positions and ids that are lost are given out anew. Whoever stood at one, or belonged to one, is not taken for whoever gets it
 * next. argv[1] is the program. */
#include <stdio.h>

#include "tests/contract/ctl_words.h"
#include "tests/contract/full_store.h"
#include "tests/contract/room.h"

enum { MESSAGES = 60 };

static void have_store(const struct place *place)
{
	struct line group;
	full_store_make(place->uri, MESSAGES, &group);
}

/* The next one of that chat; returns its number. */
static uint64_t say_next(struct store *store, const char *chat_id, const char *writer)
{
	struct line line = line_new(chat_id);
	line.writer = writer;
	line_catch_up(&line, store);
	assert_appended(store, line_says(&line, "alice", "what comes next"));
	return line.latest;
}

/* 0: it has none. */
static uint64_t cursor_of(struct store *store, const char *user_id, const char *device, const char *chat_id)
{
	struct device_record *record = NULL;
	uint64_t number = 0;
	assert_int_equal(ON(store, load_device, user_id, device, &record, NULL), STORE_OK);
	for (size_t i = 0; i < record->cursor_count; i++)
		if (strcmp(record->cursors[i].chat_id, chat_id) == 0)
			number = record->cursors[i].number;
	store_free(record);
	return number;
}

static bool is_pushed_to(struct store *store, const char *user_id, const char *chat_id, uint64_t number)
{
	struct push_target_list *targets = NULL;
	bool is_one = false;
	assert_int_equal(ON(store, list_push_targets, chat_id, number, "", 10, &targets, NULL), STORE_OK);
	for (size_t i = 0; i < targets->count; i++)
		is_one = is_one || strcmp(targets->targets[i].user_id, user_id) == 0;
	store_free(targets);
	return is_one;
}

/* ---- numbers ---- */

static void a_device_that_had_what_is_lost_gets_what_comes_in_its_place(void **state)
{
	struct place *place = *state;
	have_store(place);
	struct store *store = open_at(place->uri);
	struct chat_record *chat = NULL;
	assert_int_equal(ON(store, load_chat, "long", &chat, NULL), STORE_OK);
	const struct cursor cursor = {"bob", "phone", "long", chat->latest};
	const struct receipt receipt = {"long", "bob", chat->latest, 30};
	assert_int_equal(ON(store, put_cursors, &cursor, 1, NULL), STORE_OK);
	assert_int_equal(ON(store, put_receipts, &receipt, 1, NULL), STORE_OK);
	store_free(chat);
	close_store(store);
	with_sqlite(place->path, "DELETE FROM log WHERE number > 50 AND chat = (SELECT id FROM chat WHERE name = 'long')");
	assert_ctl(0, "repair --store %s", place->uri);
	assert_ctl_said("chat long: numbers 51 to ");
	store = open_at(place->uri);
	assert_int_equal(say_next(store, "long", "w1"), 51);
	assert_int_equal(cursor_of(store, "bob", "phone", "long"), 50);
	assert_int_equal(cursor_of(store, "bob", "phone", "g"), 5);
	assert_true(is_pushed_to(store, "bob", "long", 51));
	close_store(store);
	assert_ctl(0, "check --store %s", place->uri);
}

/* It may have been beyond the log for long, and what came meanwhile did not get there. */
static void a_device_that_was_beyond_the_log_gets_what_its_user_has_not_received(void **state)
{
	struct place *place = *state;
	have_store(place);
	with_sqlite(place->path, "UPDATE cursor SET number = 1000000 WHERE chat = (SELECT id FROM chat WHERE name = 'long')");
	assert_ctl(0, "repair --store %s", place->uri);
	assert_ctl_said("1 places of devices were beyond their chats' logs, and are behind what their users have received now");
	struct store *store = open_at(place->uri);
	assert_int_equal(cursor_of(store, "bob", "phone", "long"), 40);
	assert_int_equal(cursor_of(store, "bob", "phone", "g"), 5);
	close_store(store);
	assert_ctl(0, "check --store %s", place->uri);
}

static void a_place_of_a_device_that_is_no_number_is_gone(void **state)
{
	struct place *place = *state;
	have_store(place);
	with_sqlite(place->path, "UPDATE cursor SET number = -39 WHERE chat = (SELECT id FROM chat WHERE name = 'long')");
	assert_ctl(1, "check --store %s", place->uri);
	assert_ctl(0, "repair --store %s", place->uri);
	assert_ctl_said("1 places of devices in chats were no numbers, and are gone");
	struct store *store = open_at(place->uri);
	assert_int_equal(cursor_of(store, "bob", "phone", "long"), 0);
	assert_int_equal(cursor_of(store, "bob", "phone", "g"), 5);
	close_store(store);
	assert_ctl(0, "check --store %s", place->uri);
}

/* ---- positions ---- */

static uint64_t end_of(struct store *store, const char *writer)
{
	uint64_t end = 0;
	struct page page = read_tail(store, writer, UINT64_MAX, 1, &end);
	store_page_free(&page);
	return end;
}

static uint64_t place_of(struct store *store, const char *name)
{
	uint64_t position = 0;
	assert_int_equal(ON(store, load_place, name, &position, NULL), STORE_OK);
	return position;
}

static void assert_goes_on_with(struct store *store, const char *name, const char *writer, const char *chat_id, uint64_t number)
{
	struct page page = read_tail(store, writer, place_of(store, name), 1000, NULL);
	assert_true(page.count > 0);
	assert_string_equal(page.transactions[0]->chat_id, chat_id);
	assert_int_equal(page.transactions[0]->number, number);
	store_page_free(&page);
}

static void a_mirror_that_had_what_is_lost_gets_what_comes_in_its_place(void **state)
{
	struct place *place = *state;
	have_store(place);
	struct store *store = open_at(place->uri);
	uint64_t end = end_of(store, "w1");
	assert_int_equal(ON(store, put_place, "kafka/w1", end, NULL), STORE_OK);
	assert_int_equal(ON(store, put_place, "push/w1", 3, NULL), STORE_OK);
	close_store(store);
	with_sqlite(place->path, "DELETE FROM log WHERE id > 100");
	assert_ctl(0, "repair --store %s", place->uri);
	store = open_at(place->uri);
	uint64_t number = say_next(store, "long", "w1");
	assert_goes_on_with(store, "kafka/w1", "w1", "long", number);
	assert_int_equal(place_of(store, "push/w1"), 3);
	close_store(store);
}

static void a_mirror_whose_place_is_no_position_begins_anew(void **state)
{
	struct place *place = *state;
	have_store(place);
	with_sqlite(place->path, "UPDATE place SET position = -3 WHERE name = 'kafka/w1'; UPDATE place SET position = 1000000 WHERE name = 'kafka/w2'");
	assert_ctl(0, "repair --store %s", place->uri);
	assert_ctl_said("1 places of mirrors were no positions, and are at the log's beginning now");
	assert_ctl_said("1 places of mirrors were beyond the log, and are at its end now: what was written since an earlier repair may not be mirrored");
	struct store *store = open_at(place->uri);
	assert_int_equal(place_of(store, "kafka/w1"), 0);
	uint64_t end = place_of(store, "kafka/w2");
	close_store(store);
	assert_int_equal(end, ask_sqlite(place->path, "SELECT max(id) + 1 FROM log"));
}

/* What fills the gap in one chat gets the id of what was lost at the end of another. */
static void a_mirror_gets_what_fills_a_gap_as_well(void **state)
{
	struct place *place = *state;
	struct store_info info = {0};
	have_store(place);
	struct store *store = open_at(place->uri);
	char name[WRITER_MAX + 10];
	assert_int_equal(ON(store, info, &info, NULL), STORE_OK);
	snprintf(name, sizeof name, "kafka/%s", info.writer);
	assert_int_equal(ON(store, put_place, name, end_of(store, "w1"), NULL), STORE_OK);
	close_store(store);
	with_sqlite(place->path, "DELETE FROM log WHERE id = (SELECT max(id) FROM log) OR (number = 20 AND chat = (SELECT id FROM chat WHERE name = 'long'))");
	assert_ctl(0, "repair --store %s", place->uri);
	store = open_at(place->uri);
	assert_goes_on_with(store, name, info.writer, "long", 20);
	close_store(store);
}

/* ---- ids ---- */

static void put_last_chat(struct store *store)
{
	unsigned char key[CHAT_KEY_BYTES];
	struct line line = line_new("last");
	assert_appended(store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(store, line_updates_group(&line, "{\"name\":\"Nobody's business\",\"icon\":\"\",\"history\":\"all\"}"));
	assert_appended(store, line_says(&line, "alice", "the end"));
	static const struct cursor cursor = {"bob", "phone", "last", 3};
	assert_int_equal(ON(store, put_cursors, &cursor, 1, NULL), STORE_OK);
	assert_int_equal(ON(store, load_chat_key, "last", true, key, NULL), STORE_OK);
}

static void a_new_chat_has_nothing_of_one_of_which_nothing_is_left(void **state)
{
	struct place *place = *state;
	unsigned char key[CHAT_KEY_BYTES];
	have_store(place);
	struct store *store = open_at(place->uri);
	put_last_chat(store);
	close_store(store);
	with_sqlite(place->path, "INSERT INTO erasure SELECT id, 0, 2 FROM chat WHERE name = 'last';"
							 "DELETE FROM log WHERE chat = (SELECT id FROM chat WHERE name = 'last')");
	int64_t id = ask_sqlite(place->path, "SELECT id FROM chat WHERE name = 'last'");
	assert_ctl(0, "repair --store %s", place->uri);
	assert_ctl_said("chat last: numbers 1 to 3, its last, are lost");
	store = open_at(place->uri);
	struct line line = line_new("next");
	assert_appended(store, line_adds(&line, "alice", ROLE_OWNER));
	assert_int_equal(cursor_of(store, "bob", "phone", "next"), 0);
	assert_int_equal(ON(store, load_chat_key, "next", false, key, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON(store, load_chat_key, "next", true, key, NULL), STORE_OK);
	close_store(store);
	assert_int_equal(ask_sqlite(place->path, "SELECT id FROM chat WHERE name = 'next'"), id);
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM erasure WHERE chat = (SELECT id FROM chat WHERE name = 'next')"), 0);
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM chat_info WHERE title LIKE 'Nobody%'"), 0);
	assert_ctl(0, "check --store %s", place->uri);
}

static void another_device_gets_no_pushes_of_one_that_is_lost(void **state)
{
	struct place *place = *state;
	struct device_list *devices = NULL;
	have_store(place);
	with_sqlite(place->path, "DELETE FROM device");
	assert_ctl(0, "repair --store %s", place->uri);
	assert_ctl_said("belonged to chats, devices or icons that are not there");
	struct store *store = open_at(place->uri);
	assert_int_equal(ON(store, put_device, "alice", "laptop", START_MS, "", 0, NULL), STORE_OK);
	assert_int_equal(ON(store, list_devices, "alice", &devices, NULL), STORE_OK);
	assert_int_equal(devices->count, 1);
	assert_string_equal(devices->devices[0].push_token, "");
	store_free(devices);
	close_store(store);
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM registration WHERE push_token <> ''"), 0);
}

/* Bob blocks him. */
static void another_person_is_not_taken_for_one_who_is_lost(void **state)
{
	struct place *place = *state;
	struct block_list *blocks = NULL;
	have_store(place);
	assert_int_equal(ask_sqlite(place->path, "SELECT id = (SELECT max(id) FROM user) FROM user WHERE name = 'stranger'"), 1);
	with_sqlite(place->path, "DELETE FROM user WHERE name = 'stranger'");
	assert_ctl(0, "repair --store %s", place->uri);
	assert_ctl_said("the names of 1 users are lost");
	struct store *store = open_at(place->uri);
	assert_int_equal(ON(store, put_user, "eve", START_MS, NULL), STORE_OK);
	assert_int_equal(ON(store, load_blocks, "bob", &blocks, NULL), STORE_OK);
	assert_int_equal(blocks->count, 3);
	for (size_t i = 0; i < blocks->count; i++)
		assert_string_not_equal(blocks->blocks[i].user_id, "eve");
	store_free(blocks);
	close_store(store);
}

static void another_icon_can_be_stored_where_one_is_lost(void **state)
{
	struct place *place = *state;
	void *bytes = NULL;
	size_t len = 0;
	have_store(place);
	with_sqlite(place->path, "DELETE FROM icon_data");
	assert_ctl(0, "repair --store %s", place->uri);
	struct store *store = open_at(place->uri);
	assert_int_equal(ON(store, put_icon, "another", "GIF!", 4, NULL), STORE_OK);
	assert_int_equal(ON(store, load_icon, "iconhash", &bytes, &len, NULL), STORE_NOT_FOUND);
	assert_int_equal(ON(store, load_icon, "another", &bytes, &len, NULL), STORE_OK);
	assert_int_equal(len, 4);
	store_free(bytes);
	close_store(store);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest stories[] = {
		ROOM_STORY(a_device_that_had_what_is_lost_gets_what_comes_in_its_place),
		ROOM_STORY(a_device_that_was_beyond_the_log_gets_what_its_user_has_not_received),
		ROOM_STORY(a_place_of_a_device_that_is_no_number_is_gone),
		ROOM_STORY(a_mirror_whose_place_is_no_position_begins_anew),
		ROOM_STORY(a_mirror_that_had_what_is_lost_gets_what_comes_in_its_place),
		ROOM_STORY(a_mirror_gets_what_fills_a_gap_as_well),
		ROOM_STORY(a_new_chat_has_nothing_of_one_of_which_nothing_is_left),
		ROOM_STORY(another_device_gets_no_pushes_of_one_that_is_lost),
		ROOM_STORY(another_person_is_not_taken_for_one_who_is_lost),
		ROOM_STORY(another_icon_can_be_stored_where_one_is_lost),
	};
	if (argc != 2)
		return 2;
	ctl_program = argv[1];
	int failed = cmocka_run_group_tests_name("what repairs leave", stories, NULL, NULL);
	buf_fini(&ctl_output);
	return failed;
}
