/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl as its user sees it: what it prints, its exit code, the files it makes. argv[1] is the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "storage/store.h"
#include "tests/unit/verify_token.h"

static const char *program;
static char directory[] = "/tmp/hc-ctl-XXXXXX";
static struct buf output; /* of the last run, both streams */

/* Runs `hyperchatctl <arguments>` with %s in it as the test's directory; returns the exit code. */
static int run(const char *arguments, ...) __attribute__((format(printf, 1, 2)));

static int run(const char *arguments, ...)
{
	char text[512], command[1024], chunk[4096];
	va_list args;
	va_start(args, arguments);
	vsnprintf(text, sizeof text, arguments, args);
	va_end(args);
	snprintf(command, sizeof command, "%s %s 2>&1", program, text);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	buf_clear(&output);
	for (size_t got; (got = fread(chunk, 1, sizeof chunk, pipe)) > 0;)
		buf_add(&output, chunk, got);
	int status = pclose(pipe);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void assert_said(const char *text)
{
	if (output.data == NULL || strstr(output.data, text) == NULL)
		fail_msg("\"%s\" is not in: %s", text, output.data);
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	char command[64];
	snprintf(command, sizeof command, "rm -rf %s", directory);
	buf_fini(&output);
	return system(command);
}

/* ---- usage ---- */

static void help_and_version_succeed(void **state)
{
	(void)state;
	assert_int_equal(run("--help"), 0);
	assert_said("Usage: hyperchatctl COMMAND");
	assert_int_equal(run("--version"), 0);
	assert_string_equal(output.data, "hyperchatctl " HC_VERSION "\n");
	static const char *const names[] = {"token", "keys", "check", "export", "room", "copy", "migrate", "revoke", "ban", "unban", "device-keys",
		"audit", "backup", "restore", "new-epoch", "repair"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char usage[64];
		snprintf(usage, sizeof usage, "Usage: hyperchatctl %s ", names[i]);
		assert_int_equal(run("%s --help", names[i]), 0);
		assert_said(usage);
	}
	assert_int_equal(run("help"), 0);
	assert_said("Usage: hyperchatctl COMMAND");
}

static void wrong_usage_is_2_and_says_what(void **state)
{
	(void)state;
	assert_int_equal(run("%s", ""), 2);
	assert_int_equal(run("frobnicate"), 2);
	assert_said("there is no command 'frobnicate'");
	assert_int_equal(run("keys"), 2);
	assert_said("--out is missing");
	assert_int_equal(run("keys --out a --out b"), 2);
	assert_said("--out is given twice");
	assert_int_equal(run("keys --frob 1"), 2);
	assert_said("'--frob' is not known");
	assert_int_equal(run("keys --out x y"), 2);
	assert_said("'y' is no option");
	assert_int_equal(run("keys --out %s/x --alg none", directory), 2);
	assert_said("--alg 'none' is not known");
	assert_int_equal(run("token --keys x --issuer i --audience a --user u --ttl 1h"), 2);
	assert_said("--ttl is a number");
	assert_int_equal(run("token --keys x --issuer i --audience a --user ''"), 2);
	assert_int_equal(run("revoke --store memory: --user a/b"), 2);
	assert_said("is no user ID");
	assert_int_equal(run("revoke --store memory: --user a --device b/c"), 2);
	assert_said("names no device");
	assert_int_equal(run("ban --store memory: --user a/b"), 2);
	assert_said("is no user ID");
	assert_int_equal(run("unban --store memory:"), 2);
	assert_said("--user is missing");
	assert_int_equal(run("device-keys --store memory:"), 2);
	assert_said("list, drop or rotate has to come first");
	assert_int_equal(run("device-keys drop --store memory:"), 2);
	assert_said("--kid is missing");
	assert_int_equal(run("device-keys list --store memory: --kid x"), 2);
	assert_said("--kid is for drop alone");
}

static void output_that_cannot_be_written_is_a_failure(void **state)
{
	(void)state;
	assert_int_equal(run("--help > /dev/full"), 1);
}

/* ---- keys and token ---- */

static void a_key_set_is_its_owners_and_never_overwritten(void **state)
{
	(void)state;
	char file[64];
	struct stat status;
	snprintf(file, sizeof file, "%s/keys.json", directory);
	assert_int_equal(run("keys --out %s", file), 0);
	assert_int_equal(stat(file, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(run("keys --out %s", file), 1);
	assert_said("there is such a file");
	assert_int_equal(run("keys --out %s/no/such/keys.json", directory), 1);
	assert_said("No such file or directory");
}

static enum jwt_rc verify(const char *file, const char *token, struct jwt_claims *claims)
{
	static const char *const AUDIENCES[] = {"chat"};
	const struct jwt_policy policy = {
		.issuer = "here", .audiences = AUDIENCES, .audience_count = 1, .user_claim = "sub", .user_prefix = "", .leeway_s = 0};
	struct error err;
	struct key_set *set = key_set_load(file, KEY_VERIFY, &err);
	if (set == NULL)
		fail_msg("%s", err.text);
	assert_non_null(set->keys[0].kid);
	enum jwt_rc rc = verify_token(set, &policy, token, strcspn(token, "\n"), clock_wall_ms(), claims, &err);
	if (rc != JWT_OK)
		print_message("%s\n", err.text);
	key_set_free(set);
	return rc;
}

static void the_plugin_takes_its_tokens(void **state)
{
	(void)state;
	static const char *const names[] = {"HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char file[64];
		struct jwt_claims claims;
		snprintf(file, sizeof file, "%s/%s.json", directory, names[i]);
		assert_int_equal(run("keys --out %s --alg %s", file, names[i]), 0);
		assert_int_equal(run("token --keys %s --issuer here --audience chat --user alice/1 --ttl 60", file), 0);
		assert_int_equal(verify(file, output.data, &claims), JWT_OK);
		assert_string_equal(claims.user_id, "alice%2F1");
		int64_t left_ms = claims.expires_at_ms - clock_wall_ms();
		assert_true(left_ms > 50000 && left_ms <= 60000);
	}
}

static void a_token_can_be_made_dead(void **state)
{
	(void)state;
	char file[64];
	struct jwt_claims claims;
	snprintf(file, sizeof file, "%s/dead.json", directory);
	assert_int_equal(run("keys --out %s --alg HS256", file), 0);
	assert_int_equal(run("token --keys %s --issuer here --audience chat --user alice --ttl 0", file), 0);
	assert_int_equal(verify(file, output.data, &claims), JWT_EXPIRED);
}

static void what_libjwt_cannot_sign_is_said(void **state)
{
	(void)state;
	static const char *const names[] = {"PS256", "EdDSA"};
	for (size_t i = 0; i < 2; i++) {
		char file[64];
		snprintf(file, sizeof file, "%s/%s.json", directory, names[i]);
		assert_int_equal(run("keys --out %s --alg %s", file, names[i]), 0);
		assert_int_equal(run("token --keys %s --issuer i --audience a --user u", file), 1);
		assert_said("which libjwt cannot sign with");
	}
	assert_int_equal(run("token --keys /nowhere --issuer i --audience a --user u"), 1);
	assert_said("/nowhere: No such file");
}

/* ---- a store to look at ---- */

static char store_file[64];

static struct transaction *transaction(
	const char *chat_id, uint64_t number, enum transaction_type type, const char *body, unsigned char head[HEAD_BYTES])
{
	struct transaction tx = {
		.chat_id = chat_id, .number = number, .type = type, .sender_id = "alice", .at_ms = 1790000000000 + (int64_t)number, .writer = "w"};
	sealed_set(&tx.body, body, strlen(body));
	transaction_head(&tx, head, tx.head);
	memcpy(head, tx.head, HEAD_BYTES);
	return transaction_new(&tx);
}

static void append_one(struct store *store, struct transaction *tx)
{
	struct append append = {.chat_id = tx->chat_id, .transactions = &tx, .transaction_count = 1};
	assert_int_equal(store_ops(store)->append(store, &append, 1, NULL), STORE_OK);
	assert_int_equal(append.result, APPEND_OK);
	transaction_free(tx);
}

static struct transaction *deletion(const char *chat_id, uint64_t number, uint64_t target, unsigned char head[HEAD_BYTES])
{
	struct transaction tx = {.chat_id = chat_id, .number = number, .type = TX_DELETE, .sender_id = "alice", .at_ms = 1790000000000 + (int64_t)number,
		.writer = "w", .target = target};
	transaction_head(&tx, head, tx.head);
	memcpy(head, tx.head, HEAD_BYTES);
	return transaction_new(&tx);
}

/* 1 a pair, 2 and 3 messages; 4 is still to come. */
static void append_pair(struct store *store, const char *chat_id, unsigned char head[HEAD_BYTES])
{
	append_one(store, transaction(chat_id, 1, TX_MEMBER_ADDED,
						  "{\"members\":[{\"userID\":\"alice\",\"role\":\"member\"},{\"userID\":\"bob\",\"role\":\"member\"}]}", head));
	append_one(store, transaction(chat_id, 2, TX_MESSAGE, "secret", head));
	append_one(store, transaction(chat_id, 3, TX_MESSAGE, "hi", head));
}

/* A group with a name that has ended; not erased yet. */
static void append_ended(struct store *store, const char *chat_id)
{
	unsigned char head[HEAD_BYTES] = {0};
	append_one(store, transaction(chat_id, 1, TX_MEMBER_ADDED, "{\"members\":[{\"userID\":\"alice\",\"role\":\"owner\"}]}", head));
	append_one(store, transaction(chat_id, 2, TX_GROUP_UPDATED, "{\"name\":\"We\",\"icon\":\"i\",\"history\":\"all\"}", head));
	append_one(store, transaction(chat_id, 3, TX_GROUP_DELETED, "", head));
}

static void append_chat(struct store *store, const char *chat_id, size_t messages)
{
	unsigned char head[HEAD_BYTES] = {0};
	struct transaction *transactions[64];
	assert_true(messages < 64);
	transactions[0] = transaction(chat_id, 1, TX_MEMBER_ADDED,
		"{\"members\":[{\"userID\":\"alice\",\"role\":\"owner\"},{\"userID\":\"bob\",\"role\":\"member\"}]}", head);
	for (size_t i = 1; i <= messages; i++)
		transactions[i] = transaction(chat_id, i + 1, TX_MESSAGE, "hi \"you\"", head);
	struct append append = {.chat_id = chat_id, .transactions = transactions, .transaction_count = messages + 1};
	assert_int_equal(store_ops(store)->append(store, &append, 1, NULL), STORE_OK);
	assert_int_equal(append.result, APPEND_OK);
	for (size_t i = 0; i <= messages; i++)
		transaction_free(transactions[i]);
}

/* A store with two chats of 11 and 4 transactions. */
static int make_store(void **state)
{
	(void)state;
	char uri[80];
	struct store *store;
	struct error err;
	static int number;
	snprintf(store_file, sizeof store_file, "%s/store-%d.db", directory, number++);
	snprintf(uri, sizeof uri, "sqlite:%s", store_file);
	if (store_open(uri, &store, &err) != STORE_OK)
		fail_msg("%s", err.text);
	append_chat(store, "first", 10);
	append_chat(store, "second", 3);
	store_ops(store)->close(store);
	return 0;
}

static struct store *open_store(void)
{
	struct store *store;
	struct error err;
	char uri[80];
	snprintf(uri, sizeof uri, "sqlite:%s", store_file);
	if (store_open(uri, &store, &err) != STORE_OK)
		fail_msg("%s", err.text);
	return store;
}

/* The same with a pair of 4, of which 4 deletes 2, and an ended group of 3 transactions. */
static int make_store_of_all_kinds(void **state)
{
	unsigned char head[HEAD_BYTES] = {0};
	make_store(state);
	struct store *store = open_store();
	append_pair(store, "third", head);
	append_one(store, deletion("third", 4, 2, head));
	append_ended(store, "fourth");
	store_ops(store)->close(store);
	return 0;
}

static void erase_chat(const char *chat_id)
{
	bool more = true;
	struct store *store = open_store();
	while (more)
		assert_int_equal(store_ops(store)->erase(store, chat_id, NULL, &more, NULL), STORE_OK);
	store_ops(store)->close(store);
}

/* What a broken disk, a wrong hand or a bug might do. */
static void damage(const char *sql)
{
	sqlite3 *db;
	char *problem = NULL;
	assert_int_equal(sqlite3_open(store_file, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &problem) != SQLITE_OK)
		fail_msg("%s: %s", sql, problem);
	assert_true(sqlite3_changes(db) > 0);
	sqlite3_close(db);
}

static void a_sound_store_is_in_order(void **state)
{
	(void)state;
	assert_int_equal(run("check --store sqlite:%s", store_file), 0);
	assert_string_equal(output.data, "2 chats, 15 transactions: all in order\n");
}

static void a_store_with_erased_texts_is_in_order(void **state)
{
	(void)state;
	assert_int_equal(run("check --store sqlite:%s", store_file), 0);
	assert_string_equal(output.data, "4 chats, 22 transactions: all in order\n");
	erase_chat("fourth");
	erase_chat("first");
	assert_int_equal(run("check --store sqlite:%s", store_file), 0);
	assert_string_equal(output.data, "4 chats, 22 transactions: all in order\n");
}

static void assert_found(const char *sql, const char *saying)
{
	void *none = NULL;
	make_store_of_all_kinds(&none);
	damage(sql);
	if (run("check --store sqlite:%s", store_file) != 1)
		fail_msg("%s was not noticed: %s", sql, output.data);
	assert_said(saying);
	assert_said("problems\n");
}

static void every_kind_of_damage_is_found_and_named(void **state)
{
	(void)state;
	assert_found("UPDATE log SET body = 'ho' WHERE number = 5 AND chat = 1", "chat first: the hash chain breaks at number 5");
	assert_found("UPDATE log SET at = at + 1 WHERE number = 4 AND chat = 2", "chat second: the hash chain breaks at number 4");
	assert_found("DELETE FROM log WHERE number = 3 AND chat = 1", "chat first: number 3 is missing, 4 stands there");
	assert_found("DELETE FROM log WHERE number = 11", "chat first: the log ends at number 10, the chat says 11");
	assert_found("UPDATE chat SET head = zeroblob(16) WHERE id = 2", "chat second: the head that the store keeps is not the log's");
	assert_found("UPDATE chat SET latest_at = 1 WHERE id = 2", "the time of the latest transaction is not the log's");
	assert_found("UPDATE chat SET ended = 1 WHERE id = 1", "the store has it as ended, the log does not");
	assert_found("UPDATE member SET role = 3 WHERE role = 1", "the store has bob as owner, the log as member");
	assert_found("UPDATE member SET to_number = 7", "the times of membership of alice are not the log's");
	assert_found("UPDATE member SET received = 99 WHERE chat = 1", "the watermarks of alice are beyond the log");
	assert_found("DELETE FROM member WHERE role = 1 AND chat = 1", "the store has 1 present and former members, the log 2");
	assert_found("UPDATE chat SET members = 7 WHERE id = 1", "chat first: the store says that it has 7 members, there are 2");
	assert_found("UPDATE chat SET pair_a = 0 WHERE id = 3", "chat third: the store and the log differ in whether it is a chat of two");
	assert_found("UPDATE chat SET ended_at = 1 WHERE id = 4", "chat fourth: the store and the log differ in when it ended");
	assert_found("UPDATE chat SET history_all = 0 WHERE id = 4", "differ in who sees what was before him");
	assert_found("UPDATE chat_info SET title = 'They'", "chat fourth: the store and the log differ in its name");
	assert_found("UPDATE chat_info SET icon = NULL", "differ in its icon");
	assert_found("UPDATE log SET body = 'secret' WHERE chat = 3 AND number = 2", "chat third: the hash chain breaks at number 2");
}

/* As after an erasure that did not happen: the text is there, and the chain holds. */
static void a_deleted_message_that_kept_its_text_is_found(void **state)
{
	(void)state;
	unsigned char head[HEAD_BYTES] = {0};
	struct store *store = open_store();
	append_pair(store, "third", head);
	store_ops(store)->close(store);
	damage("CREATE TABLE kept (body, salt, hash); INSERT INTO kept SELECT body, body_salt, key_hash FROM log WHERE chat = 3 AND number = 2");
	store = open_store();
	append_one(store, deletion("third", 4, 2, head));
	store_ops(store)->close(store);
	assert_int_equal(run("check --store sqlite:%s", store_file), 0);
	damage("UPDATE log SET (body, body_salt, key_hash) = (SELECT body, salt, hash FROM kept) WHERE chat = 3 AND number = 2");
	assert_int_equal(run("check --store sqlite:%s", store_file), 1);
	assert_said("chat third: message 2 was deleted and still has its text");
}

static void a_check_changes_nothing(void **state)
{
	(void)state;
	damage("UPDATE log SET body = 'ho' WHERE number = 5 AND chat = 1");
	assert_int_equal(run("check --store sqlite:%s", store_file), 1);
	assert_int_equal(run("check --store sqlite:%s", store_file), 1);
	assert_said("breaks at number 5");
}

static void a_mistyped_store_is_not_made(void **state)
{
	(void)state;
	assert_int_equal(run("check --store sqlite:%s/typo.db", directory), 1);
	assert_said("typo.db: No such file or directory");
	char file[64];
	snprintf(file, sizeof file, "%s/typo.db", directory);
	assert_int_equal(access(file, F_OK), -1);
	assert_int_equal(run("check --store nosuch:x"), 1);
	assert_said("no store backend");
}

/* ---- export ---- */

static void an_export_is_json_lines_in_order(void **state)
{
	(void)state;
	assert_int_equal(run("export --store sqlite:%s --chat first", store_file), 0);
	uint64_t number = 0;
	for (char *line = output.data, *end; *line; line = end + 1) {
		end = strchr(line, '\n');
		assert_non_null(end);
		json_t *json = json_read_object(line, (size_t)(end - line), NULL);
		assert_non_null(json);
		assert_int_equal(json_integer_value(json_object_get(json, "transactionID")), ++number);
		assert_string_equal(json_text(json, "type", NULL), number == 1 ? "memberAdded" : "message");
		assert_true(number == 1 || strcmp(json_text(json, "body", NULL), "hi \"you\"") == 0);
		json_decref(json);
	}
	assert_int_equal(number, 11);
}

static void an_export_shows_what_was_erased_as_void(void **state)
{
	(void)state;
	assert_int_equal(run("export --store sqlite:%s --chat third", store_file), 0);
	assert_said("\"transactionID\":2,\"type\":\"void\"");
	assert_said("\"body\":\"hi\"");
	assert_said("\"type\":\"delete\"");
	assert_null(strstr(output.data, "secret"));
}

static void an_export_of_nothing_fails(void **state)
{
	(void)state;
	assert_int_equal(run("export --store sqlite:%s --chat third", store_file), 1);
	assert_said("there is no chat 'third'");
	assert_int_equal(run("export --store sqlite:%s --chat first > /dev/full", store_file), 1);
}

/* ---- room ---- */

static void a_room_is_a_group_that_is_in_order(void **state)
{
	(void)state;
	assert_int_equal(
		run("room --store sqlite:%s --id ops-alerts --owner alice --name 'Alerts \"of\" ops' --history all", store_file), 0);
	assert_int_equal(run("check --store sqlite:%s", store_file), 0);
	assert_int_equal(run("export --store sqlite:%s --chat ops-alerts", store_file), 0);
	assert_said("\"transactionID\":1,\"type\":\"memberAdded\",\"senderID\":\"alice\"");
	assert_said("\"members\":[{\"userID\":\"alice\",\"role\":\"owner\"}]");
	assert_said("\"transactionID\":2,\"type\":\"groupUpdated\"");
	assert_said("\"name\":\"Alerts \\\"of\\\" ops\",\"history\":\"all\"");
}

static void a_room_is_made_once(void **state)
{
	(void)state;
	assert_int_equal(run("room --store sqlite:%s --id lobby --owner alice --name Lobby", store_file), 0);
	assert_int_equal(run("room --store sqlite:%s --id lobby --owner eve --name Mine", store_file), 1);
	assert_said("there is a chat 'lobby' already");
	assert_int_equal(run("export --store sqlite:%s --chat lobby", store_file), 0);
	assert_said("alice");
	assert_null(strstr(output.data, "eve"));
}

static void a_room_that_no_topic_could_name_is_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {"--id a/b --owner alice --name A", "--id '' --owner alice --name A", "--id '#' --owner alice --name A",
		"--id a --owner 'al/ice' --name A", "--id a --owner alice --name ''", "--id a --owner alice --name A --history some"};
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(run("room --store sqlite:%s %s", store_file, wrong[i]), 2);
	assert_int_equal(run("check --store sqlite:%s", store_file), 0);
	assert_string_equal(output.data, "2 chats, 15 transactions: all in order\n");
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(help_and_version_succeed),
		cmocka_unit_test(wrong_usage_is_2_and_says_what),
		cmocka_unit_test(output_that_cannot_be_written_is_a_failure),
		cmocka_unit_test(a_key_set_is_its_owners_and_never_overwritten),
		cmocka_unit_test(the_plugin_takes_its_tokens),
		cmocka_unit_test(a_token_can_be_made_dead),
		cmocka_unit_test(what_libjwt_cannot_sign_is_said),
		cmocka_unit_test_setup(a_sound_store_is_in_order, make_store),
		cmocka_unit_test_setup(a_store_with_erased_texts_is_in_order, make_store_of_all_kinds),
		cmocka_unit_test(every_kind_of_damage_is_found_and_named),
		cmocka_unit_test_setup(a_deleted_message_that_kept_its_text_is_found, make_store),
		cmocka_unit_test_setup(a_check_changes_nothing, make_store),
		cmocka_unit_test(a_mistyped_store_is_not_made),
		cmocka_unit_test_setup(an_export_is_json_lines_in_order, make_store),
		cmocka_unit_test_setup(an_export_shows_what_was_erased_as_void, make_store_of_all_kinds),
		cmocka_unit_test_setup(an_export_of_nothing_fails, make_store),
		cmocka_unit_test_setup(a_room_is_a_group_that_is_in_order, make_store),
		cmocka_unit_test_setup(a_room_is_made_once, make_store),
		cmocka_unit_test_setup(a_room_that_no_topic_could_name_is_refused, make_store),
	};
	if (argc != 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests_name("hyperchatctl", tests, make_directory, remove_directory);
}
