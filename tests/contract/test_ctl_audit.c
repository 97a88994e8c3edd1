/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl beside a running broker: what it writes down of what operators do, and that it leaves an older store as it is. argv[1] is the
 * program. */
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "storage/sqlite/db.h"
#include "tests/contract/ctl_words.h"
#include "tests/contract/place.h"

static void have_store(const struct place *place)
{
	struct line line = line_new("c");
	unsigned char key[CHAT_KEY_BYTES];
	struct store *store = open_at(place->uri);
	assert_appended(store, line_adds(&line, "alice", ROLE_OWNER));
	assert_int_equal(ON(store, load_chat_key, "c", true, key, NULL), STORE_OK);
	close_store(store);
}

static void what_is_done_is_written_down_with_who_did_it(void **state)
{
	struct place *place = *state;
	char who[200];
	snprintf(who, sizeof who, "hyperchatctl as %s: revoke bob/phone, ok", getpwuid(getuid())->pw_name);
	have_store(place);
	assert_ctl(0, "audit list --store %s", place->uri);
	assert_ctl_did_not_say("hyperchatctl as");
	assert_ctl(0, "revoke --store %s --user bob --device phone", place->uri);
	assert_ctl(0, "room --store %s --id ops --owner bobby --name Ops", place->uri);
	assert_ctl(0, "chat-key --store %s --chat c", place->uri);
	assert_ctl(0, "device-keys rotate --store %s", place->uri);
	assert_ctl(0, "audit list --store %s", place->uri);
	assert_ctl_said(who);
	assert_ctl_said(": room ops {\"owner\":\"bobby\"}, ok");
	assert_ctl_said(": chat-key c, ok");
	assert_ctl_said(" {\"verb\":\"rotate\"}, ok");
	assert_true(strstr(ctl_output.data, "rotate") < strstr(ctl_output.data, "revoke"));
	assert_ctl(0, "audit list --store %s --json --user bob", place->uri);
	assert_ctl_said("\"command\":\"revoke\",\"subject\":\"bob/phone\",\"result\":\"ok\"}");
	assert_ctl_did_not_say("bobby");
}

static void what_only_looks_is_not_written_down(void **state)
{
	struct place *place = *state;
	have_store(place);
	assert_ctl(0, "device-keys list --store %s", place->uri);
	assert_ctl(0, "check --store %s", place->uri);
	assert_ctl(1, "chat-key --store %s --chat nobody", place->uri);
	assert_ctl(0, "audit list --store %s", place->uri);
	assert_string_equal(ctl_output.data ? ctl_output.data : "", "");
}

static void list_goes_back_as_far_as_is_asked_for(void **state)
{
	struct place *place = *state;
	struct store *store = open_at(place->uri);
	for (int i = 0; i < 1100; i++) {
		char subject[16];
		snprintf(subject, sizeof subject, "user%d.", i);
		struct audit_record record = {START_MS + i * INT64_C(1000), "admin", "ban", subject, "", "ok"};
		assert_int_equal(ON(store, put_audit, &record, NULL), STORE_OK);
	}
	close_store(store);
	assert_ctl(0, "audit list --store %s", place->uri);
	assert_ctl_said("admin: ban user0., ok");
	assert_ctl_said("admin: ban user1099., ok");
	assert_ctl(0, "audit list --store %s --since 2026-09-21T14:30:00Z", place->uri); /* START_MS is 14:13:20 */
	assert_ctl_said("user1000.");
	assert_ctl_did_not_say("user999.");
	assert_ctl(0, "audit list --store %s --since 2026-09-22", place->uri);
	assert_ctl_did_not_say("user");
	assert_ctl(2, "audit list --store %s --since yesterday", place->uri);
	assert_ctl_said("--since 'yesterday' is neither a date");
	assert_ctl(2, "audit --store %s", place->uri);
	assert_ctl(2, "audit list --store %s --json=yes", place->uri);
}

/* As the version before left it: audit is the newest table. */
static void have_older_store(const struct place *place)
{
	char pragma[40];
	have_store(place);
	snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", sqlite_schema_version - 1);
	with_sqlite(place->path, "DROP TABLE audit");
	with_sqlite(place->path, pragma);
}

static void an_older_store_that_a_broker_may_be_using_is_left_as_it_is(void **state)
{
	struct place *place = *state;
	static const char *const COMMANDS[] = {"check", "export --chat c", "chat-key --chat c", "mirror --writer w1 --kafka localhost:1",
		"revoke --user bob", "device-keys list", "audit list"};
	have_older_store(place);
	for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++) {
		assert_ctl(1, "%s --store %s", COMMANDS[i], place->uri);
		assert_ctl_said("run 'hyperchatctl migrate' first");
		assert_int_equal(ask_sqlite(place->path, "PRAGMA user_version"), sqlite_schema_version - 1);
	}
	assert_ctl(0, "migrate --store %s", place->uri);
	assert_ctl(0, "check --store %s", place->uri);
}

/* ---- backups ---- */

static void a_backup_of_an_older_store_is_made_and_writes_nothing_down(void **state)
{
	struct place *place = *state;
	char copy[80];
	snprintf(copy, sizeof copy, "%s/copy.db", place->dir);
	have_older_store(place);
	assert_ctl(0, "backup --store %s --to %s", place->uri, copy);
	assert_ctl_did_not_say("written down");
	assert_int_equal(ask_sqlite(place->path, "PRAGMA user_version"), sqlite_schema_version - 1);
	assert_int_equal(unlink(copy), 0);
}

static void a_backup_that_cannot_be_written_down_is_there_and_says_so(void **state)
{
	struct place *place = *state;
	char copy[80];
	sqlite3 *writer = NULL;
	snprintf(copy, sizeof copy, "%s/copy.db", place->dir);
	have_store(place);
	assert_int_equal(sqlite3_open(place->path, &writer), SQLITE_OK);
	assert_int_equal(sqlite3_exec(writer, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	int code = ctl("backup --store %s --to %s", place->uri, copy);
	assert_int_equal(sqlite3_close(writer), SQLITE_OK);
	ctl_assert(code, 1);
	assert_ctl_said("that it was done could not be written down: ");
	assert_ctl_said("database is locked");
	assert_ctl(0, "check --store sqlite:%s", copy);
	assert_int_equal(unlink(copy), 0);
	assert_ctl(0, "backup --store %s --to %s", place->uri, copy);
	assert_int_equal(unlink(copy), 0);
	assert_ctl(0, "audit list --store %s", place->uri);
	assert_ctl_said("backup {\"to\":");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest stories[] = {
		PLACE_STORY(what_is_done_is_written_down_with_who_did_it),
		PLACE_STORY(what_only_looks_is_not_written_down),
		PLACE_STORY(list_goes_back_as_far_as_is_asked_for),
		PLACE_STORY(an_older_store_that_a_broker_may_be_using_is_left_as_it_is),
		PLACE_STORY(a_backup_of_an_older_store_is_made_and_writes_nothing_down),
		PLACE_STORY(a_backup_that_cannot_be_written_down_is_there_and_says_so),
	};
	if (argc != 2)
		return 2;
	ctl_program = argv[1];
	int failed = cmocka_run_group_tests_name("what operators did", stories, NULL, NULL);
	buf_fini(&ctl_output);
	return failed;
}
