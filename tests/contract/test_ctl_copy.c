/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl copy and migrate, as their user sees them, and the stores that they leave; and that none is made by looking. argv[1] is the
 * program.
 *
 * Stores are copied from SQLite to another store and back. HC_COPY_URI says which, with %s for a name of its own, for example
 * mongodb://127.0.0.1/%s; without it that one is SQLite, too. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/sqlite/db.h"
#include "tests/contract/full_store.h"
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

/* ---- stories ---- */

static void a_copy_is_the_same_store_there_and_back(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	char arguments[200];
	full_store_make(stage->from, 1200, &line);
	assert_copied(stage->from, stage->middle);
	assert_said("3 chats, 1212 transactions, 3 users");
	assert_same_store(stage->from, stage->middle);
	assert_copied(stage->middle, stage->back);
	assert_same_store(stage->from, stage->back);
	snprintf(arguments, sizeof arguments, "check --store %s", stage->back);
	assert_int_equal(run_in_shell("", arguments), 0);
	assert_said("all in order");
	struct store *back = open_at(stage->back);
	assert_same_relations(back);
	close_store(back);
}

/* In a full store: bob has used an invitation of carol's, who blocked him afterwards. */
static void block_a_guest(const char *uri)
{
	static const unsigned char hash[INVITATION_HASH_BYTES] = {7};
	char inviter[USER_ID_MAX + 1];
	struct store *store = open_at(uri);
	assert_int_equal(ON(store, put_invitation, hash, "carol", START_MS, START_MS + DAY_MS, 2, NULL), STORE_OK);
	assert_int_equal(ON(store, use_invitation, hash, "bob", START_MS, inviter, NULL), STORE_OK);
	assert_int_equal(ON(store, put_block, "carol", "bob", true, START_MS + 300, NULL), STORE_OK);
	close_store(store);
}

static void a_guest_who_was_blocked_afterwards_is_still_one_in_the_copy(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	struct invitation_list *list = NULL;
	full_store_make(stage->from, 10, &line);
	block_a_guest(stage->from);
	assert_copied(stage->from, stage->middle);
	assert_copied(stage->middle, stage->back);
	struct store *back = open_at(stage->back);
	assert_int_equal(ON(back, list_invitations, "carol", &list, NULL), STORE_OK);
	assert_int_equal(list->count, 1);
	assert_int_equal(list->invitations[0].used_count, 1);
	assert_string_equal(list->invitations[0].used_by[0], "bob");
	store_free(list);
	close_store(back);
}

static void who_reads_along_goes_on_in_the_copy_where_he_was(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	full_store_make(stage->from, 10, &line);
	assert_copied(stage->from, stage->middle);
	struct store *from = open_at(stage->from), *to = open_at(stage->middle);
	/* Of w1, 1 to 3 and 6 of the group were done; 7 and 8, the other chats' 201 and 3 were not. */
	assert_same_place(from, to, "kafka/w1", "w1", 2 + 201 + 3);
	assert_same_place(from, to, "kafka/w2", "w2", 0);
	close_store(from);
	close_store(to);
}

/* Appends one message of each of these chats in turn, as `writer`. */
static void write_in_turn(struct store *store, const char *writer, struct line **lines, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		lines[i]->writer = writer;
		assert_appended(store, line_says(lines[i], "alice", "hi"));
	}
}

/* The place is the position of the writer's transaction with that index. */
static void put_place_at(struct store *store, const char *name, const char *writer, size_t index)
{
	struct page page = read_tail(store, writer, 0, 100, NULL);
	assert_true(index < page.count);
	assert_int_equal(ON(store, put_place, name, page.transactions[index]->position, NULL), STORE_OK);
	store_page_free(&page);
}

/* What the tail has from the place on: "a2 c1 ", in the order of chats and numbers. */
static void assert_left(struct store *store, const char *name, const char *writer, const char *expected)
{
	uint64_t place = 0;
	char left[100] = "";
	assert_int_equal(ON(store, load_place, name, &place, NULL), STORE_OK);
	struct page page = read_tail(store, writer, place, 100, NULL);
	for (const char *chat = "abc"; *chat != '\0'; chat++)
		for (size_t i = 0; i < page.count; i++)
			if (page.transactions[i]->chat_id[0] == *chat)
				snprintf(left + strlen(left), sizeof left - strlen(left), "%c%d ", *chat, (int)page.transactions[i]->number);
	store_page_free(&page);
	assert_string_equal(left, expected);
}

static void what_was_not_delivered_is_behind_the_place_in_the_copy(void **state)
{
	const struct stage *stage = *state;
	struct line a = line_new("a"), b = line_new("b"), c = line_new("c");
	struct store *store = open_at(stage->from);
	write_in_turn(store, "w1", (struct line *[]){&a, &b, &a, &c}, 4);
	put_place_at(store, "kafka/w1", "w1", 2);
	put_place_at(store, "push/w1", "w1", 2);
	close_store(store);
	assert_copied(stage->from, stage->middle);
	store = open_at(stage->middle);
	assert_left(store, "kafka/w1", "w1", "a2 c1 ");
	assert_left(store, "push/w1", "w1", "a2 c1 ");
	close_store(store);
}

static void each_of_two_places_is_where_it_was_in_the_copy(void **state)
{
	const struct stage *stage = *state;
	struct line a = line_new("a"), b = line_new("b"), c = line_new("c");
	struct store *store = open_at(stage->from);
	write_in_turn(store, "w1", (struct line *[]){&a, &b, &a, &c, &b, &a, &c}, 7);
	put_place_at(store, "kafka/w1", "w1", 2);
	put_place_at(store, "push/w1", "w1", 5);
	close_store(store);
	assert_copied(stage->from, stage->middle);
	store = open_at(stage->middle);
	assert_left(store, "kafka/w1", "w1", "a2 a3 b2 c1 c2 ");
	assert_left(store, "push/w1", "w1", "a3 c2 ");
	close_store(store);
}

static void the_last_one_alone_is_behind_the_place_in_the_copy_and_said_to_be(void **state)
{
	const struct stage *stage = *state;
	struct line a = line_new("a"), b = line_new("b");
	struct store *store = open_at(stage->from);
	write_in_turn(store, "w2", (struct line *[]){&a, &b, &a}, 3);
	put_place_at(store, "kafka/w2", "w2", 2);
	write_in_turn(store, "w1", (struct line *[]){&b, &b}, 2);
	close_store(store);
	assert_copied(stage->from, stage->middle);
	assert_said("of what 'w2' wrote not all was mirrored");
	store = open_at(stage->middle);
	assert_left(store, "kafka/w2", "w2", "a2 ");
	close_store(store);
}

/* In the copy each chat's stand together, so the last one of the source is not the last one there. */
static void where_all_was_delivered_nothing_is_behind_the_place_in_the_copy(void **state)
{
	const struct stage *stage = *state;
	struct line a = line_new("a"), b = line_new("b");
	struct store *store = open_at(stage->from);
	write_in_turn(store, "w1", (struct line *[]){&a, &b, &a}, 3);
	struct page page = read_tail(store, "w1", 0, 100, NULL);
	assert_int_equal(ON(store, put_place, "kafka/w1", page.transactions[2]->position + 1, NULL), STORE_OK);
	store_page_free(&page);
	close_store(store);
	assert_copied(stage->from, stage->middle);
	store = open_at(stage->middle);
	assert_left(store, "kafka/w1", "w1", "");
	write_in_turn(store, "w1", (struct line *[]){&b, &a}, 2);
	assert_left(store, "kafka/w1", "w1", "a3 b2 ");
	close_store(store);
}

static void who_wrote_nothing_before_the_copy_has_all_behind_his_place(void **state)
{
	const struct stage *stage = *state;
	struct line a = line_new("a");
	struct store *store = open_at(stage->from);
	write_in_turn(store, "w1", (struct line *[]){&a}, 1);
	assert_int_equal(ON(store, put_place, "kafka/w3", 12345, NULL), STORE_OK); /* the end of a log with gaps, say */
	close_store(store);
	assert_copied(stage->from, stage->middle);
	store = open_at(stage->middle);
	write_in_turn(store, "w3", (struct line *[]){&a}, 1);
	assert_left(store, "kafka/w3", "w3", "a2 ");
	close_store(store);
}

static void a_copy_goes_on_as_the_store_would_have(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	full_store_make(stage->from, 10, &line);
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
	full_store_make(stage->from, 3000, &line);
	block_a_guest(stage->from);
	snprintf(arguments, sizeof arguments, "copy --from %s --to %s", stage->from, stage->back);
	for (int kib = 130; rc != 0; kib += 6) {
		assert_true(kib < 4000);
		snprintf(limit, sizeof limit, "ulimit -f %d;", kib * 2); /* in half KiB */
		rc = run_in_shell(limit, arguments);
		interrupted += rc != 0;
	}
	assert_true(interrupted >= 3);
	assert_said("going on with a copy that was interrupted");
	assert_same_store(stage->from, stage->back);
}

static void what_is_not_complete_has_not_the_epoch_of_the_source(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	struct store_info from_info, to_info;
	char arguments[400];
	full_store_make(stage->from, 3000, &line);
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
	full_store_make(stage->from, 10, &line);
	assert_copied(stage->from, stage->middle);
	assert_int_equal(copy(stage->from, stage->middle), 0);
	assert_said("the target is a complete copy already");
	struct store *store = open_at(stage->from);
	assert_appended(store, line_says(&line, "alice", "later"));
	close_store(store);
	assert_int_equal(copy(stage->from, stage->middle), 1);
	assert_said("chat g differs in its head");
}

/* Copies, changes the source, and compares. */
#define assert_noticed(stage, what, op, ...)                                                                                                         \
	do {                                                                                                                                             \
		struct store *noticed_store = open_at((stage)->from);                                                                                        \
		assert_int_equal(ON(noticed_store, op, __VA_ARGS__, NULL), STORE_OK);                                                                        \
		close_store(noticed_store);                                                                                                                  \
		assert_int_equal(copy((stage)->from, (stage)->middle), 1);                                                                                   \
		assert_said(what);                                                                                                                           \
	} while (0)

static void a_registration_a_key_or_a_revocation_that_came_in_between_is_noticed(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	full_store_make(stage->from, 10, &line);
	assert_copied(stage->from, stage->middle);
	assert_noticed(stage, "user bob differs in his devices", put_registration, "bob", "lamp", "fcm", "another", START_MS);
	assert_noticed(stage, "the keys that sign tokens of devices differ", drop_signing_key, "key1");
	assert_noticed(stage, "the revoked tokens differ", put_revocation, "bob", START_MS + 9);
}

static void assert_written_down(const char *uri, const char *text)
{
	char arguments[300];
	snprintf(arguments, sizeof arguments, "audit list --json --store %s", uri);
	assert_int_equal(run_in_shell("", arguments), 0);
	assert_said(text);
}

static void that_it_was_copied_is_written_down_in_both(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	char to[300];
	full_store_make(stage->from, 10, &line);
	assert_copied(stage->from, stage->middle);
	snprintf(to, sizeof to, "\"command\":\"copy\",\"subject\":\"\",\"details\":{\"to\":\"%s\"},\"result\":\"begun\"", stage->middle);
	assert_written_down(stage->from, to);
	assert_written_down(stage->middle, to);
}

static void what_operators_did_since_then_comes_along(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	full_store_make(stage->from, 10, &line);
	assert_copied(stage->from, stage->middle);
	struct store *from = open_at(stage->from), *middle = open_at(stage->middle);
	assert_int_equal(ON(from, put_audit, (&(struct audit_record){START_MS, "root", "ban", "bob", "", "ok"}), NULL), STORE_OK);
	assert_int_equal(ON(middle, put_audit, (&(struct audit_record){START_MS + 1, "root", "export", "g", "", "ok"}), NULL), STORE_OK);
	close_store(from);
	close_store(middle);
	assert_int_equal(copy(stage->from, stage->middle), 0);
	assert_said("the target is a complete copy already");
	assert_written_down(stage->middle, "\"command\":\"ban\"");
}

/* Its head is the same as before. */
static void a_text_that_was_erased_in_between_is_noticed(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	bool more = true;
	full_store_make(stage->from, 10, &line);
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
	full_store_make(stage->from, 10, &line);
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
	full_store_make(stage->from, 3000, &line);
	snprintf(arguments, sizeof arguments, "copy --from %s --to %s", stage->from, stage->back);
	assert_int_not_equal(run_in_shell("ulimit -f 500;", arguments), 0);
	close_store(open_at(stage->middle));
	assert_int_equal(copy(stage->middle, stage->back), 1);
	assert_said("another store's copy");
}

static void the_copys_broker_has_the_name_of_the_one_that_wrote_and_not_of_an_operators_tool(void **state)
{
	const struct stage *stage = *state;
	struct line a = line_new("a"), b = line_new("b");
	struct store_info info;
	struct store *store = open_at(stage->from);
	write_in_turn(store, "w1", (struct line *[]){&a}, 1);
	write_in_turn(store, "hyperchatctl", (struct line *[]){&b}, 1);
	close_store(store);
	assert_copied(stage->from, stage->middle);
	assert_copied(stage->middle, stage->back);
	store = open_at(stage->back);
	assert_int_equal(ON(store, info, &info, NULL), STORE_OK);
	assert_string_equal(info.writer, "w1");
	close_store(store);
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

/* Two processes had one name, so the second number has the first position. */
static void what_was_not_delivered_is_behind_the_place_also_where_a_tail_is_not_in_the_order_of_a_chat(void **state)
{
	const struct stage *stage = *state;
	struct line a = line_new("a"), b = line_new("b");
	char path[64];
	struct store *store = open_at(stage->from);
	write_in_turn(store, "w1", (struct line *[]){&a, &b, &a, &a}, 4);
	close_store(store);
	snprintf(path, sizeof path, "%s/from.db", stage->dir);
	with_sqlite(path, "UPDATE log SET id = 9 WHERE id = 3; UPDATE log SET id = 3 WHERE id = 4; UPDATE log SET id = 4 WHERE id = 9");
	store = open_at(stage->from);
	put_place_at(store, "kafka/w1", "w1", 2);
	close_store(store);
	assert_copied(stage->from, stage->middle);
	store = open_at(stage->middle);
	assert_left(store, "kafka/w1", "w1", "a2 a3 ");
	close_store(store);
}

static void a_source_that_is_broken_is_not_copied(void **state)
{
	const struct stage *stage = *state;
	struct line line;
	char path[64];
	full_store_make(stage->from, 10, &line);
	snprintf(path, sizeof path, "%s/from.db", stage->dir);
	with_sqlite(path, "UPDATE log SET body = 'forged' WHERE number = 8 AND body IS NOT NULL");
	assert_int_equal(copy(stage->from, stage->middle), 1);
	assert_said("does not take");
}

/* A database that is there, and empty: nothing tells a mistyped name before it is opened. */
static void what_was_no_store_is_no_source_and_becomes_none(void **state)
{
	const struct stage *stage = *state;
	char path[64];
	snprintf(path, sizeof path, "%s/from.db", stage->dir);
	write_file(path, "", 0, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(copy(stage->from, stage->back), 1);
		assert_said("there is no store");
	}
	assert_int_equal(size_of(path), 0);
	snprintf(path, sizeof path, "%s/back.db", stage->dir);
	assert_int_equal(access(path, F_OK), -1);
}

static void where_there_is_no_store_yet_none_is_made_by_looking(void **state)
{
	const struct stage *stage = *state;
	static const char *const COMMANDS[] = {"check", "audit list", "export --chat c", "migrate", "new-epoch", "device-keys list"};
	char arguments[400], conf[64], text[400], file[64];
	snprintf(conf, sizeof conf, "%s/mosquitto.conf", stage->dir);
	snprintf(text, sizeof text, "plugin /usr/lib/mosquitto_hyperchat.so\nplugin_opt_keys /nowhere\nplugin_opt_issuer i\nplugin_opt_audience a\n"
		"plugin_opt_store %s\nplugin_opt_journal %s/journal\n", stage->middle, stage->dir);
	write_file(conf, text, strlen(text), 0);
	for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
		snprintf(arguments, sizeof arguments, "%s --store '%s'", COMMANDS[i], stage->middle);
		assert_int_equal(run_in_shell("", arguments), 1);
		assert_said(strncmp(stage->middle, "sqlite:", 7) == 0 ? "No such file or directory" : "there is no store in this database yet");
	}
	snprintf(arguments, sizeof arguments, "doctor --conf %s", conf);
	for (int i = 0; i < 2; i++) {
		run_in_shell("", arguments); /* of the rest of this configuration it may say what it likes */
		assert_said("\nstore\n  note: there is none yet: the broker makes it when it starts\n");
	}
	snprintf(file, sizeof file, "%s/middle.db", stage->dir);
	assert_int_equal(access(file, F_OK), -1);
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
		STAGE_STORY(a_guest_who_was_blocked_afterwards_is_still_one_in_the_copy),
		STAGE_STORY(who_reads_along_goes_on_in_the_copy_where_he_was),
		STAGE_STORY(what_was_not_delivered_is_behind_the_place_in_the_copy),
		STAGE_STORY(each_of_two_places_is_where_it_was_in_the_copy),
		STAGE_STORY(the_last_one_alone_is_behind_the_place_in_the_copy_and_said_to_be),
		STAGE_STORY(where_all_was_delivered_nothing_is_behind_the_place_in_the_copy),
		STAGE_STORY(who_wrote_nothing_before_the_copy_has_all_behind_his_place),
		STAGE_STORY(a_copy_goes_on_as_the_store_would_have),
		STAGE_STORY(an_interrupted_copy_goes_on_when_it_is_run_again),
		STAGE_STORY(what_is_not_complete_has_not_the_epoch_of_the_source),
		STAGE_STORY(a_complete_copy_is_compared_once_more),
		STAGE_STORY(a_registration_a_key_or_a_revocation_that_came_in_between_is_noticed),
		STAGE_STORY(that_it_was_copied_is_written_down_in_both),
		STAGE_STORY(what_operators_did_since_then_comes_along),
		STAGE_STORY(a_text_that_was_erased_in_between_is_noticed),
		STAGE_STORY(a_target_with_something_else_is_left_as_it_is),
		STAGE_STORY(another_stores_copy_is_left_as_it_is),
		STAGE_STORY(the_copys_broker_has_the_name_of_the_one_that_wrote_and_not_of_an_operators_tool),
		STAGE_STORY(tails_that_wait_for_each_other_are_copied),
		STAGE_STORY(what_was_not_delivered_is_behind_the_place_also_where_a_tail_is_not_in_the_order_of_a_chat),
		STAGE_STORY(a_source_that_is_broken_is_not_copied),
		STAGE_STORY(what_was_no_store_is_no_source_and_becomes_none),
		STAGE_STORY(where_there_is_no_store_yet_none_is_made_by_looking),
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
