/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl copy and migrate, as their user sees them, and the stores that they leave. argv[1] is the program.
 *
 * Stores are copied from SQLite to another store and back. HC_COPY_URI says which, with %s for a name of its own, for example
 * mongodb://127.0.0.1/%s; without it that one is SQLite, too. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/sqlite/db.h"
#include "tests/contract/place.h"

static const char *program;
static struct buf output; /* of the last run, both streams */

/* ---- the stage ---- */

struct stage {
	char dir[40];
	char from[80], middle[200], back[80]; /* URIs */
};

static int stage_setup(void **state)
{
	static int number;
	struct stage *stage = mem_zero(sizeof *stage);
	const char *other = getenv("HC_COPY_URI");
	snprintf(stage->dir, sizeof stage->dir, "/tmp/hc-copy-XXXXXX");
	assert_non_null(mkdtemp(stage->dir));
	snprintf(stage->from, sizeof stage->from, "sqlite:%s/from.db", stage->dir);
	snprintf(stage->back, sizeof stage->back, "sqlite:%s/back.db", stage->dir);
	const char *mark = other ? strstr(other, "%s") : NULL;
	if (mark != NULL)
		snprintf(stage->middle, sizeof stage->middle, "%.*shc_copy_%d_%d%s", (int)(mark - other), other, (int)getpid(), number++, mark + 2);
	else
		snprintf(stage->middle, sizeof stage->middle, "sqlite:%s/middle.db", stage->dir);
	*state = stage;
	return 0;
}

static int stage_teardown(void **state)
{
	struct stage *stage = *state;
	char command[64];
	snprintf(command, sizeof command, "rm -rf %s", stage->dir);
	free(stage);
	return system(command);
}

#define STAGE_STORY(function) cmocka_unit_test_setup_teardown(function, stage_setup, stage_teardown)

/* Runs a command line with hyperchatctl in place of "ctl"; returns the exit code, 128 and the signal if it was ended by one. */
static int run_in_shell(const char *before, const char *arguments)
{
	char command[1024], chunk[4096];
	snprintf(command, sizeof command, "{ %s %s %s; } 2>&1", before, program, arguments);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	buf_clear(&output);
	for (size_t got; (got = fread(chunk, 1, sizeof chunk, pipe)) > 0;)
		buf_add(&output, chunk, got);
	buf_add(&output, "", 0);
	int status = pclose(pipe);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int copy(const char *from, const char *to)
{
	char arguments[400];
	snprintf(arguments, sizeof arguments, "copy --from '%s' --to '%s'", from, to);
	return run_in_shell("", arguments);
}

static void assert_said(const char *text)
{
	if (output.data == NULL || strstr(output.data, text) == NULL)
		fail_msg("\"%s\" is not in: %s", text, output.data);
}

static void assert_copied(const char *from, const char *to)
{
	if (copy(from, to) != 0)
		fail_msg("not copied: %s", output.data);
	assert_said("copied and compared");
}

/* ---- a store with everything ---- */

static const unsigned char invitation[INVITATION_HASH_BYTES] = {1, 2, 3};

static void put_people(struct store *store)
{
	struct world world_of = {.store = store}, *world = &world_of;
	char inviter[USER_ID_MAX + 1];
	EXIST("alice", "bob", "carol", "dave");
	const struct profile_change change = {.name = "Alice", .icon = "iconhash", .status = "here", .time_zone = "UTC", .hides_online = 1, .hides_last_seen = 0};
	assert_int_equal(ON(store, put_profile, "alice", &change, NULL), STORE_OK);
	assert_int_equal(ON(store, put_icon, "iconhash", "PNG", 3, NULL), STORE_OK);
	assert_int_equal(ON(store, put_shared_id, "alice", "al", NULL), STORE_OK);
	assert_int_equal(ON(store, put_last_seen, "bob", START_MS + 77, NULL), STORE_OK);
	assert_int_equal(ON(store, put_favorite, "alice", "carol", true, START_MS + 5, NULL), STORE_OK);
	assert_int_equal(ON(store, put_favorite, "alice", "bob", true, START_MS + 6, NULL), STORE_OK);
	assert_int_equal(ON(store, put_block, "bob", "alice", true, START_MS + 10, NULL), STORE_OK);
	assert_int_equal(ON(store, put_block, "bob", "alice", false, START_MS + 20, NULL), STORE_OK);
	assert_int_equal(ON(store, put_block, "bob", "alice", true, START_MS + 20, NULL), STORE_OK);
	assert_int_equal(ON(store, put_block, "bob", "stranger", true, START_MS, NULL), STORE_OK);
	assert_int_equal(ON(store, put_invitation, invitation, "alice", START_MS + DAY_MS, 3, NULL), STORE_OK);
	assert_int_equal(ON(store, use_invitation, invitation, "bob", START_MS, inviter, NULL), STORE_OK);
	assert_int_equal(ON(store, use_invitation, invitation, "dave", START_MS, inviter, NULL), STORE_OK);
	assert_int_equal(ON(store, delete_user, "dave", START_MS + 100, NULL), STORE_OK);
	assert_int_equal(ON(store, finish_deletion, "dave", NULL), STORE_OK);
	assert_int_equal(ON(store, delete_user, "carol", START_MS + 100, NULL), STORE_OK);
	assert_int_equal(ON(store, put_user, "carol", START_MS + 200, NULL), STORE_OK);
}

static void put_group(struct store *store, struct line *line)
{
	assert_appended(store, line_adds_all(line, "{\"members\":[{\"userID\":\"alice\",\"role\":\"owner\"},{\"userID\":\"bob\",\"role\":\"admin\"},"
											   "{\"userID\":\"dave\",\"role\":\"member\"}]}"));
	assert_appended(store, line_updates_group(line, "{\"name\":\"Team\",\"icon\":\"iconhash\",\"history\":\"all\"}"));
	assert_appended(store, line_says_as(line, "alice", "a1", "hi"));
	line->writer = "w2";
	assert_appended(store, line_replies(line, "bob", 3, "ho", "hi"));
	assert_appended(store, line_edits(line, "alice", 3, "hello"));
	line->writer = "w1";
	assert_appended(store, line_removes(line, "bob"));
	assert_appended(store, line_deletes(line, "alice", 3));
	assert_appended(store, line_adds(line, "bob", ROLE_MEMBER));
}

/* A chat of so many messages that windows and pages have an end in it. */
static void put_long_chat(struct store *store, struct line *line, size_t messages)
{
	assert_appended(store, line_adds_pair(line, "alice", "bob"));
	while (line->latest < messages) {
		struct transaction *transactions[200];
		struct append append = {.chat_id = line->chat_id, .transactions = transactions};
		for (; append.transaction_count < 200; append.transaction_count++)
			transactions[append.transaction_count] = line_says(line, "alice", "a message of some length, as there are many");
		assert_int_equal(ON(store, append, &append, 1, NULL), STORE_OK);
		assert_int_equal(append.result, APPEND_OK);
		for (size_t i = 0; i < append.transaction_count; i++)
			transaction_free(transactions[i]);
	}
}

static void put_erased_group(struct store *store)
{
	struct line line = line_new("over");
	bool more = true;
	assert_appended(store, line_adds(&line, "alice", ROLE_OWNER));
	assert_appended(store, line_says(&line, "alice", "gone"));
	assert_appended(store, line_ends_group(&line));
	while (more)
		assert_int_equal(ON(store, erase, "over", NULL, &more, NULL), STORE_OK);
}

static void put_state(struct store *store)
{
	unsigned char key[CHAT_KEY_BYTES];
	struct page page = read_tail(store, "w1", 0, 4, NULL);
	uint64_t place = page.transactions[3]->position;
	store_page_free(&page);
	assert_int_equal(ON(store, put_place, "kafka/w1", place, NULL), STORE_OK);
	page = read_tail(store, "w2", 0, 1000, NULL);
	place = page.transactions[page.count - 1]->position;
	store_page_free(&page);
	assert_int_equal(ON(store, put_place, "kafka/w2", place, NULL), STORE_OK);
	assert_int_equal(ON(store, put_place, "kafka/nobody", 12345, NULL), STORE_OK);
	assert_int_equal(ON(store, load_chat_key, "g", true, key, NULL), STORE_OK);
	static const struct receipt receipts[] = {{"g", "alice", 8, 7}, {"long", "bob", 40, 30}};
	assert_int_equal(ON(store, put_receipts, receipts, 2, NULL), STORE_OK);
	assert_int_equal(ON(store, put_device, "bob", "phone", START_MS + 1, "inbox 1", 4096, NULL), STORE_OK);
	static const struct cursor cursors[] = {{"bob", "phone", "g", 5}, {"bob", "phone", "long", 39}};
	assert_int_equal(ON(store, put_cursors, cursors, 2, NULL), STORE_OK);
	assert_int_equal(ON(store, put_mute, "bob", "long", START_MS + DAY_MS, NULL), STORE_OK);
}

/* Fills the source; *group is left at its end. */
static void fill(const struct stage *stage, size_t messages, struct line *group)
{
	struct store *store = open_at(stage->from);
	struct line line = line_new("long");
	*group = line_new("g");
	put_people(store);
	put_group(store, group);
	put_long_chat(store, &line, messages);
	put_erased_group(store);
	put_state(store);
	close_store(store);
}

/* ---- comparing ---- */

static void assert_same_tail(struct store *a, struct store *b, const char *writer)
{
	struct page left = read_tail(a, writer, 0, 100000, NULL), right = read_tail(b, writer, 0, 100000, NULL);
	assert_int_equal(left.count, right.count);
	for (size_t i = 0; i < left.count; i++)
		assert_int_equal(left.transactions[i]->writer[1], right.transactions[i]->writer[1]);
	/* Each chat in its order; chats may change places, but nothing passes a place. */
	for (size_t i = 0; i < 4 && writer[1] == '1'; i++)
		assert_memory_equal(left.transactions[i]->head, right.transactions[i]->head, HEAD_BYTES);
	store_page_free(&left);
	store_page_free(&right);
}

/* What comes behind a place is the same in both; and nothing, where nothing does. */
static void assert_same_place(struct store *a, struct store *b, const char *name, const char *writer, size_t count)
{
	struct store *both[] = {a, b};
	for (size_t i = 0; i < 2; i++) {
		uint64_t place = 0;
		assert_int_equal(ON(both[i], load_place, name, &place, NULL), STORE_OK);
		struct page page = read_tail(both[i], writer, place + 1, 100000, NULL);
		assert_int_equal(page.count, count);
		if (count > 0) {
			assert_string_equal(page.transactions[0]->chat_id, "g");
			assert_int_equal(page.transactions[0]->number, 7);
		}
		store_page_free(&page);
	}
}

static void assert_same_identity(struct store *a, struct store *b)
{
	struct store_info left = {0}, right = {0};
	unsigned char key[CHAT_KEY_BYTES], other[CHAT_KEY_BYTES];
	assert_int_equal(ON(a, info, &left, NULL), STORE_OK);
	assert_int_equal(ON(b, info, &right, NULL), STORE_OK);
	assert_string_equal(left.epoch, right.epoch);
	assert_memory_equal(left.secret, right.secret, STORE_SECRET_BYTES);
	assert_int_equal(ON(a, load_chat_key, "g", false, key, NULL), STORE_OK);
	assert_int_equal(ON(b, load_chat_key, "g", false, other, NULL), STORE_OK);
	assert_memory_equal(key, other, sizeof key);
}

static void assert_same_person(struct store *store)
{
	struct profile_list *profiles = NULL;
	char user_id[USER_ID_MAX + 1];
	void *icon = NULL;
	size_t len = 0;
	assert_int_equal(ON(store, load_profiles, (&(const char *const){"alice"}), 1, &profiles, NULL), STORE_OK);
	assert_int_equal(profiles->profiles[0].created_at_ms, START_MS);
	assert_string_equal(profiles->profiles[0].status, "here");
	assert_true(profiles->profiles[0].hides_online);
	store_free(profiles);
	assert_int_equal(ON(store, find_shared_id, "al", user_id, NULL), STORE_OK);
	assert_string_equal(user_id, "alice");
	assert_int_equal(ON(store, load_icon, "iconhash", &icon, &len, NULL), STORE_OK);
	assert_int_equal(len, 3);
	store_free(icon);
}

static void assert_same_relations(struct store *store)
{
	struct block_list *blocks = NULL;
	const char *const *favorites = NULL;
	size_t count = 0;
	char inviter[USER_ID_MAX + 1];
	assert_int_equal(ON(store, load_blocks, "bob", &blocks, NULL), STORE_OK);
	assert_int_equal(blocks->count, 3);
	assert_int_equal(blocks->blocks[0].to_ms, START_MS + 20);
	assert_int_equal(blocks->blocks[1].from_ms, START_MS + 20);
	assert_int_equal(blocks->blocks[1].to_ms, 0);
	store_free(blocks);
	assert_int_equal(ON(store, load_favorites, "alice", &favorites, &count, NULL), STORE_OK);
	assert_int_equal(count, 1); /* carol's account was deleted, and she in others' favorites with it */
	assert_string_equal(favorites[0], "bob");
	store_free((void *)(uintptr_t)favorites);
	assert_int_equal(ON(store, use_invitation, invitation, "bob", START_MS, inviter, NULL), STORE_OK);
	assert_int_equal(ON(store, use_invitation, invitation, "carol", START_MS, inviter, NULL), STORE_OK);
	assert_int_equal(ON(store, use_invitation, invitation, "alice", START_MS, inviter, NULL), STORE_NOT_FOUND);
}

static void assert_same_state(struct store *store)
{
	struct user_chat *membership = NULL;
	struct device_record *device = NULL;
	struct deleted_list *deleted = NULL;
	assert_int_equal(ON(store, load_membership, "bob", "long", &membership, NULL), STORE_OK);
	assert_int_equal(membership->muted_until_ms, START_MS + DAY_MS);
	assert_int_equal(membership->read, 30);
	assert_string_equal(membership->peer_id, "alice");
	store_free(membership);
	assert_int_equal(ON(store, load_device, "bob", "phone", &device, NULL), STORE_OK);
	assert_int_equal(device->cursor_count, 2);
	assert_int_equal(device->cursors[1].number, 39);
	assert_int_equal(device->max_bytes, 4096);
	store_free(device);
	assert_int_equal(ON(store, list_deleted, "", 10, &deleted, NULL), STORE_OK);
	assert_int_equal(deleted->count, 2);
	assert_true(deleted->users[0].erasing); /* carol */
	assert_false(deleted->users[1].erasing);
	assert_int_equal(deleted->users[1].deleted_at_ms, START_MS + 100);
	store_free(deleted);
}

static void assert_same(const char *from_uri, const char *to_uri)
{
	struct store *from = open_at(from_uri), *to = open_at(to_uri);
	struct message_state message = {0};
	assert_same_identity(from, to);
	assert_same_tail(from, to, "w1");
	assert_same_tail(from, to, "w2");
	assert_same_place(from, to, "kafka/w2", "w2", 0);
	assert_same_person(to);
	assert_same_state(to);
	assert_int_equal(assert_sound(to, "g"), 8);
	assert_int_equal(assert_sound(to, "over"), 3);
	assert_int_equal(ON(to, read_message, "g", 3, &message, NULL), STORE_OK);
	assert_true(message.message->body.erased);
	message_state_free(&message);
	close_store(from);
	close_store(to);
}

/* ---- stories ---- */

static void a_copy_is_the_same_store_there_and_back(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	char arguments[200];
	fill(stage, 3000, &line);
	assert_copied(stage->from, stage->middle);
	assert_said("3 chats, 3012 transactions, 3 users");
	assert_same(stage->from, stage->middle);
	assert_copied(stage->middle, stage->back);
	assert_same(stage->from, stage->back);
	snprintf(arguments, sizeof arguments, "check --store %s", stage->back);
	assert_int_equal(run_in_shell("", arguments), 0);
	assert_said("all in order");
	struct store *back = open_at(stage->back);
	assert_same_relations(back);
	close_store(back);
}

static void who_reads_along_goes_on_in_the_copy_where_he_was(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	uint64_t place = 0;
	fill(stage, 10, &line);
	assert_copied(stage->from, stage->middle);
	struct store *from = open_at(stage->from), *to = open_at(stage->middle);
	/* Of w1, 1 to 3 and 6 of the group were done; 7 and 8, the other chats' 201 and 3 were not. */
	assert_same_place(from, to, "kafka/w1", "w1", 2 + 201 + 3);
	assert_same_place(from, to, "kafka/w2", "w2", 0);
	assert_int_equal(ON(to, load_place, "kafka/nobody", &place, NULL), STORE_OK);
	assert_int_equal(place, 12345);
	close_store(from);
	close_store(to);
}

static void a_copy_goes_on_as_the_store_would_have(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	fill(stage, 10, &line);
	assert_copied(stage->from, stage->middle);
	struct store *store = open_at(stage->middle);
	struct line fork = line;
	assert_int_equal(append_one(store, line_says_as(&fork, "alice", "a1", "again")), APPEND_CONFLICT);
	assert_appended(store, line_removes(&line, "bob"));
	assert_appended(store, line_says_as(&line, "alice", "a2", "on we go"));
	assert_int_equal(assert_sound(store, "g"), 10);
	close_store(store);
}

/* Ended at any place by the limit of a file's size, as by a crash. */
static void an_interrupted_copy_goes_on_when_it_is_run_again(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	char arguments[400], limit[64];
	int interrupted = 0, rc = 1;
	fill(stage, 3000, &line);
	snprintf(arguments, sizeof arguments, "copy --from %s --to %s", stage->from, stage->back);
	for (int kib = 130; rc != 0; kib += 6) {
		assert_true(kib < 4000);
		snprintf(limit, sizeof limit, "ulimit -f %d;", kib * 2); /* in half KiB */
		rc = run_in_shell(limit, arguments);
		interrupted += rc != 0;
	}
	assert_true(interrupted >= 3);
	assert_said("going on with a copy that was interrupted");
	assert_same(stage->from, stage->back);
}

static void what_is_not_complete_has_not_the_epoch_of_the_source(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	struct store_info from_info, to_info;
	char arguments[400];
	fill(stage, 3000, &line);
	snprintf(arguments, sizeof arguments, "copy --from %s --to %s", stage->from, stage->back);
	assert_int_not_equal(run_in_shell("ulimit -f 500;", arguments), 0);
	struct store *from = open_at(stage->from), *to = open_at(stage->back);
	assert_int_equal(ON(from, info, &from_info, NULL), STORE_OK);
	assert_int_equal(ON(to, info, &to_info, NULL), STORE_OK);
	assert_string_not_equal(from_info.epoch, to_info.epoch);
	close_store(from);
	close_store(to);
}

static void a_complete_copy_is_compared_once_more(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	fill(stage, 10, &line);
	assert_copied(stage->from, stage->middle);
	assert_int_equal(copy(stage->from, stage->middle), 0);
	assert_said("the target is a complete copy already");
	struct store *store = open_at(stage->from);
	assert_appended(store, line_says(&line, "alice", "later"));
	close_store(store);
	assert_int_equal(copy(stage->from, stage->middle), 1);
	assert_said("chat g differs in its head");
}

/* Its head is the same as before. */
static void a_text_that_was_erased_in_between_is_noticed(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	bool more = true;
	fill(stage, 10, &line);
	assert_copied(stage->from, stage->middle);
	struct store *store = open_at(stage->from);
	while (more)
		assert_int_equal(ON(store, erase, "g", "bob", &more, NULL), STORE_OK);
	close_store(store);
	assert_int_equal(copy(stage->from, stage->middle), 1);
	assert_said("chat g differs in what its log says");
}

static void a_target_with_something_else_is_left_as_it_is(void **state)
{
	const struct stage *stage = *state;
	struct line line, other = line_new("other");
	struct store_info before, after;
	fill(stage, 10, &line);
	struct store *store = open_at(stage->middle);
	assert_appended(store, line_says(&other, "zoe", "mine"));
	assert_int_equal(ON(store, info, &before, NULL), STORE_OK);
	close_store(store);
	assert_int_equal(copy(stage->from, stage->middle), 1);
	assert_said("holds something else already");
	store = open_at(stage->middle);
	assert_int_equal(ON(store, info, &after, NULL), STORE_OK);
	assert_string_equal(before.epoch, after.epoch);
	assert_int_equal(assert_sound(store, "other"), 1);
	close_store(store);
}

static void another_stores_copy_is_left_as_it_is(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	char arguments[400];
	fill(stage, 3000, &line);
	snprintf(arguments, sizeof arguments, "copy --from %s --to %s", stage->from, stage->back);
	assert_int_not_equal(run_in_shell("ulimit -f 500;", arguments), 0);
	close_store(open_at(stage->middle));
	assert_int_equal(copy(stage->middle, stage->back), 1);
	assert_said("another store's copy");
}

/* Two writers, each of whom wrote before what he must have read, as far as positions tell. */
static void tails_that_wait_for_each_other_are_copied(void **state)
{
	const struct stage *stage = *state;
	struct line x = line_new("x"), y = line_new("y");
	char path[64];
	struct store *store = open_at(stage->from);
	x.writer = "w2";
	assert_appended(store, line_says(&x, "alice", "1"));
	x.writer = y.writer = "w1";
	assert_appended(store, line_says(&x, "alice", "2"));
	assert_appended(store, line_says(&y, "alice", "1"));
	y.writer = "w2";
	assert_appended(store, line_says(&y, "alice", "2"));
	close_store(store);
	snprintf(path, sizeof path, "%s/from.db", stage->dir);
	with_sqlite(path, "UPDATE log SET id = 9 WHERE id = 4; UPDATE log SET id = 4 WHERE id = 1; UPDATE log SET id = 1 WHERE id = 9");
	assert_copied(stage->from, stage->middle);
	store = open_at(stage->middle);
	assert_int_equal(assert_sound(store, "x"), 2);
	assert_int_equal(assert_sound(store, "y"), 2);
	close_store(store);
}

static void a_source_that_is_broken_is_not_copied(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	char path[64];
	fill(stage, 10, &line);
	snprintf(path, sizeof path, "%s/from.db", stage->dir);
	with_sqlite(path, "UPDATE log SET body = 'forged' WHERE number = 8 AND body IS NOT NULL");
	assert_int_equal(copy(stage->from, stage->middle), 1);
	assert_said("does not take");
}

static void what_cannot_be_copied_is_said(void **state)
{
	const struct stage *stage = *state;
	char path[64];
	assert_int_equal(copy(stage->from, stage->back), 1);
	assert_said("No such file or directory");
	snprintf(path, sizeof path, "%s/back.db", stage->dir);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(copy(stage->from, stage->from), 2);
	assert_said("are the same store");
	assert_int_equal(run_in_shell("", "copy --from x"), 2);
	assert_said("--to is missing");
}

/* ---- migrate ---- */

static int migrate(const struct stage *stage)
{
	char arguments[200];
	snprintf(arguments, sizeof arguments, "migrate --store %s", stage->from);
	return run_in_shell("", arguments);
}

static void migrate_says_from_which_schema_to_which(void **state)
{
	const struct stage *stage = *state;
	char path[64], said[64];
	snprintf(path, sizeof path, "%s/from.db", stage->dir);
	for (int version = 0; version < 4; version++)
		with_sqlite(path, sqlite_migrations[version]);
	with_sqlite(path, "PRAGMA user_version = 4; PRAGMA application_id = 1212377185; INSERT INTO store VALUES (1, 'e', zeroblob(32), 'w1')");
	assert_int_equal(migrate(stage), 0);
	snprintf(said, sizeof said, "schema %d, migrated from 4\n", sqlite_schema_version);
	assert_string_equal(output.data, said);
	assert_int_equal(migrate(stage), 0);
	snprintf(said, sizeof said, "schema %d: nothing to do\n", sqlite_schema_version);
	assert_string_equal(output.data, said);
}

static void migrate_leaves_a_newer_store_as_it_is(void **state)
{
	const struct stage *stage = *state;
	char path[64];
	close_store(open_at(stage->from));
	snprintf(path, sizeof path, "%s/from.db", stage->dir);
	with_sqlite(path, "PRAGMA user_version = 99");
	assert_int_equal(migrate(stage), 1);
	assert_said("has schema 99, made by a newer version");
	assert_int_equal(ask_sqlite(path, "PRAGMA user_version"), 99);
}

static void migrate_makes_no_store(void **state)
{
	const struct stage *stage = *state;
	assert_int_equal(migrate(stage), 1);
	assert_said("No such file or directory");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest stories[] = {
		STAGE_STORY(a_copy_is_the_same_store_there_and_back),
		STAGE_STORY(who_reads_along_goes_on_in_the_copy_where_he_was),
		STAGE_STORY(a_copy_goes_on_as_the_store_would_have),
		STAGE_STORY(an_interrupted_copy_goes_on_when_it_is_run_again),
		STAGE_STORY(what_is_not_complete_has_not_the_epoch_of_the_source),
		STAGE_STORY(a_complete_copy_is_compared_once_more),
		STAGE_STORY(a_text_that_was_erased_in_between_is_noticed),
		STAGE_STORY(a_target_with_something_else_is_left_as_it_is),
		STAGE_STORY(another_stores_copy_is_left_as_it_is),
		STAGE_STORY(tails_that_wait_for_each_other_are_copied),
		STAGE_STORY(a_source_that_is_broken_is_not_copied),
		STAGE_STORY(what_cannot_be_copied_is_said),
		STAGE_STORY(migrate_says_from_which_schema_to_which),
		STAGE_STORY(migrate_leaves_a_newer_store_as_it_is),
		STAGE_STORY(migrate_makes_no_store),
	};
	if (argc != 2)
		return 2;
	program = argv[1];
	int failed = cmocka_run_group_tests_name("copying stores", stories, NULL, NULL);
	buf_fini(&output);
	return failed;
}
