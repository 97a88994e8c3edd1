/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What hyperchatctl check says about stores that do not hold what was put into them, and the refusals of its neighbours. argv[1] is the program. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/contract/ctl_words.h"
#include "tests/contract/full_store.h"
#include "tests/contract/place.h"

enum { PAGE_SIZE = 4096, MESSAGES = 60 };

static void have_store(const struct place *place)
{
	struct line group;
	full_store_make(place->uri, MESSAGES, &group);
}

static void each_thing_that_the_log_does_not_say_is_named(void **state)
{
	struct place *place = *state;
	static const struct {
		const char *damage, *words;
	} CASES[] = {
		{"SELECT 1", "all in order"},
		{"UPDATE member SET role = 1 WHERE chat = (SELECT id FROM chat WHERE name = 'g') AND role = 3", "the store has alice as member, the log as owner"},
		{"UPDATE chat SET members = 99 WHERE name = 'g'", "chat g: the store says that it has 99 members, there are 3"},
		{"UPDATE member SET read = 0 WHERE chat = (SELECT id FROM chat WHERE name = 'g')", "chat g: the read mark of bob is before he joined"},
		{"UPDATE log SET body = 'another' WHERE number = 5 AND chat = (SELECT id FROM chat WHERE name = 'g')", "chat g: the hash chain breaks at number 5"},
		{"DELETE FROM log WHERE number = 5 AND chat = (SELECT id FROM chat WHERE name = 'g')", "chat g: number 5 is missing, 6 stands there"},
		{"UPDATE chat SET latest = 9 WHERE name = 'g'", "chat g: the log ends at number 8, the chat says 9"},
		{"UPDATE chat SET latest_at = 1 WHERE name = 'g'", "chat g: the time of the latest transaction is not the log's"},
		{"UPDATE cursor SET number = 9 WHERE chat = (SELECT id FROM chat WHERE name = 'g')", "chat g: device phone of bob stands at number 9, beyond the log"},
	};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		unlink(place->path);
		have_store(place);
		with_sqlite(place->path, CASES[i].damage);
		assert_ctl(i == 0 ? 0 : 1, "check --store %s", place->uri);
		assert_ctl_said(CASES[i].words);
	}
}

static void problems_are_objects_for_whoever_asks_for_json(void **state)
{
	struct place *place = *state;
	have_store(place);
	with_sqlite(place->path, "UPDATE chat SET members = 99 WHERE name = 'g'");
	assert_ctl(1, "check --store %s --json", place->uri);
	assert_ctl_said("\"problems\":1,\"shown\":[{\"chatID\":\"g\",\"problem\":\"the store says that it has 99 members, there are 3\"}]}");
	assert_ctl_did_not_say("chat g:");
}

static void of_many_problems_the_first_are_shown_and_all_counted(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	for (int i = 0; i < 30; i++) {
		char chat_id[16];
		snprintf(chat_id, sizeof chat_id, "chat%02d", i);
		struct line line = line_new(chat_id);
		assert_appended(store, line_adds(&line, "alice", ROLE_OWNER));
	}
	close_store(store);
	with_sqlite(place->path, "UPDATE chat SET members = 99");
	assert_ctl(1, "check --store %s", place->uri);
	assert_ctl_said("chat chat19:");
	assert_ctl_did_not_say("chat chat20:");
	assert_ctl_said("and 10 more\n");
	assert_ctl_said("30 chats, 30 transactions: 30 problems\n");
	assert_ctl(1, "check --store %s --json", place->uri);
	assert_ctl_said("\"problems\":30,");
	assert_ctl_did_not_say("chat20");
}

/* The last pages are the log's; what else is read goes by others. */
static void a_damaged_file_is_a_problem_of_the_store(void **state)
{
	struct place *place = *state;
	char junk[PAGE_SIZE];
	have_store(place);
	memset(junk, 0xA5, sizeof junk);
	int64_t page = ask_sqlite(place->path, "SELECT rootpage FROM sqlite_schema WHERE name = 'device'");
	write_file(place->path, junk, sizeof junk, (off_t)(page - 1) * PAGE_SIZE);
	assert_ctl(1, "check --store %s", place->uri);
	assert_ctl_said("store: integrity check: ");
	assert_ctl_said(" problems\n");
	assert_ctl(1, "check --store %s --json", place->uri);
	assert_ctl_said("\"shown\":[{\"problem\":\"integrity check: ");
}

static void what_operators_did_is_asked_for_by_how_long_ago(void **state)
{
	struct place *place = *state;
	static const struct {
		const char *who;
		int64_t minutes;
	} DID[] = {{"an_hour", 60}, {"ten_hours", 600}, {"three_days", 3 * 24 * 60}};
	struct store *store = open_at(place->uri);
	for (size_t i = 0; i < 3; i++) {
		struct audit_record record = {clock_wall_ms() - DID[i].minutes * 60000, DID[i].who, "ban", "bob", "", "ok"};
		assert_int_equal(ON(store, put_audit, &record, NULL), STORE_OK);
	}
	close_store(store);
	static const struct {
		const char *since;
		size_t seen;
	} CASES[] = {{"30m", 0}, {"1800s", 0}, {"90m", 1}, {"2h", 1}, {"2d", 2}, {"100h", 3}};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		assert_ctl(0, "audit list --store %s --since %s", place->uri, CASES[i].since);
		for (size_t j = 0; j < 3; j++)
			(j < CASES[i].seen ? assert_ctl_said : assert_ctl_did_not_say)(DID[j].who);
	}
	assert_ctl(2, "audit list --store %s --since 2w", place->uri);
	assert_ctl_said("--since '2w' is neither a date");
}

/* Nobody connects to it for that. */
static void what_is_for_files_is_refused_for_a_server(void **state)
{
	struct place *place = *state;
	assert_ctl(1, "backup --store mongodb://127.0.0.1:1/hc --to %s/backup", place->dir);
	assert_ctl_said("is backed up by mongodump");
	assert_ctl(1, "repair --store mongodb://127.0.0.1:1/hc");
	assert_ctl_said("looks after its own files");
	assert_int_equal(access(place->path, F_OK), -1);
}

/* Kafka is not there, and is not asked for what would not be understood. */
static void a_file_of_kafkas_properties_is_read_with_care(void **state)
{
	struct place *place = *state;
	static const struct {
		const char *text, *words;
	} CASES[] = {
		{"# ours\n\nclient.id=us\nan.empty.word", "line 4 is no <property>=<value>"},
		{" client.id = us \n\tno.such.property\t=\tfour\n", "has no property no.such.property"},
		{"queue.buffering.max.ms = soon\n", "queue.buffering.max.ms"},
	};
	char file[80];
	snprintf(file, sizeof file, "%s-properties", place->dir);
	have_store(place);
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		write_file(file, CASES[i].text, strlen(CASES[i].text), 0);
		assert_ctl(1, "mirror --store %s --writer w1 --kafka 127.0.0.1:1 --properties %s", place->uri, file);
		assert_ctl_said(CASES[i].words);
		unlink(file);
	}
	assert_ctl(1, "mirror --store %s --writer w1 --kafka 127.0.0.1:1 --properties %s", place->uri, file);
	assert_ctl_said("No such file or directory");
	assert_ctl(1, "mirror --store %s --writer w1 --kafka 127.0.0.1:1 --properties %s", place->uri, place->dir);
	assert_ctl_said("Is a directory");
	assert_ctl(2, "mirror --store %s --writer w1 --kafka 127.0.0.1:1 --body half", place->uri);
	assert_ctl_said("--body 'half' is none of full, none, encrypted");
	assert_ctl(1, "mirror --store %s --writer nobody --kafka 127.0.0.1:1", place->uri);
	assert_ctl_said("nobody");
}

static void a_backup_is_made_of_our_own_stores_only(void **state)
{
	struct place *place = *state;
	char backup[80], part[88];
	snprintf(backup, sizeof backup, "%s/backup", place->dir);
	snprintf(part, sizeof part, "%s.part", backup);
	static const struct {
		const char *change, *words;
	} CASES[] = {
		{"PRAGMA user_version = 99", "has schema 99, made by a newer version"},
		{"PRAGMA application_id = 7", "is no store"},
	};
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		unlink(place->path);
		have_store(place);
		with_sqlite(place->path, CASES[i].change);
		assert_ctl(1, "backup --store %s --to %s", place->uri, backup);
		assert_ctl_said(CASES[i].words);
		assert_int_equal(access(backup, F_OK), -1);
		assert_int_equal(access(part, F_OK), -1);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest stories[] = {
		PLACE_STORY(each_thing_that_the_log_does_not_say_is_named),
		PLACE_STORY(problems_are_objects_for_whoever_asks_for_json),
		PLACE_STORY(of_many_problems_the_first_are_shown_and_all_counted),
		PLACE_STORY(a_damaged_file_is_a_problem_of_the_store),
		PLACE_STORY(what_operators_did_is_asked_for_by_how_long_ago),
		PLACE_STORY(what_is_for_files_is_refused_for_a_server),
		PLACE_STORY(a_file_of_kafkas_properties_is_read_with_care),
		PLACE_STORY(a_backup_is_made_of_our_own_stores_only),
	};
	if (argc != 2)
		return 2;
	ctl_program = argv[1];
	int failed = cmocka_run_group_tests_name("hyperchatctl check", stories, NULL, NULL);
	buf_fini(&ctl_output);
	return failed;
}
