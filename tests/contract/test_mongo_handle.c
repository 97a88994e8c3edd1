/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A handle on MongoDB: positions that others may rely on, two processes of one name, a crash before the tips were written, and what cannot be
 * opened. Needs $HC_MONGODB (scripts/ferretdb with …). */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "storage/mongo/schema.h"
#include "storage/mongo/seam.h"
#include "tests/contract/mongo_words.h"

/* ---- positions ---- */

static enum mongo_fault lose_the_log(void *context, const char *collection, bool write)
{
	bool *armed = context;
	if (!*armed || !write || strcmp(collection, "log") != 0)
		return MONGO_NO_FAULT;
	*armed = false;
	return MONGO_LOSE;
}

static void the_tail_stops_before_what_may_still_become_visible(void **state)
{
	struct world *world = *state;
	struct store_info info;
	assert_int_equal(ON_WORLD(info, &info, NULL), STORE_OK);
	struct line c = line_new("c"), d = line_new("d");
	c.writer = d.writer = info.writer;
	assert_appended(world->store, line_says(&c, "alice", "1"));
	bool armed = true;
	mongo_faults = (struct mongo_faults){.decide = lose_the_log, .context = &armed};
	struct transaction *lost = line_says(&c, "alice", "2");
	struct append append = {.chat_id = "c", .transactions = &lost, .transaction_count = 1};
	assert_int_equal(ON_WORLD(append, &append, 1, NULL), STORE_UNKNOWN);
	assert_int_equal(append.result, APPEND_UNKNOWN);
	mongo_faults = (struct mongo_faults){0};
	assert_appended(world->store, line_says(&d, "alice", "3"));
	uint64_t next = 0;
	struct page page = read_tail(world->store, info.writer, 0, 10, &next);
	assert_int_equal(page.count, 2);
	assert_true(next > page.transactions[0]->position && next < page.transactions[1]->position);
	store_page_free(&page);
	assert_int_equal(ON_WORLD(append, &append, 1, NULL), STORE_OK);
	transaction_free(lost);
	page = read_tail(world->store, info.writer, next, 10, &next);
	assert_int_equal(page.count, 2);
	assert_int_equal(next, page.transactions[1]->position + 1);
	store_page_free(&page);
}

static void a_second_process_of_the_same_name_supersedes_the_first(void **state)
{
	struct world *world = *state;
	char uri[1024];
	struct store *second = NULL;
	struct error err = {0};
	struct line line = line_new("c");
	world_mongodb_uri(world, "", uri, sizeof uri);
	assert_appended(world->store, line_says(&line, "alice", "1"));
	assert_int_equal(store_open(uri, &second, &err), STORE_OK);
	assert_appended(second, line_says(&line, "alice", "2"));
	enum append_result result = APPEND_OK;
	for (int i = 0; i < 500 && result == APPEND_OK; i++) { /* it finds out when it tells others how far it is */
		struct transaction *tx = line_says(&line, "alice", "more");
		struct append append = {.chat_id = "c", .transactions = &tx, .transaction_count = 1};
		ON_WORLD(append, &append, 1, &err);
		result = append.result;
		transaction_free(tx);
	}
	assert_int_equal(result, APPEND_NOTHING_ADDED);
	assert_non_null(strstr(err.text, "another process writes as"));
	store_ops(second)->close(second);
}

static uint64_t latest_in_the_list(struct store *store, const char *user_id)
{
	struct user_record *user = NULL;
	struct chat_window window = {.count_max = 10};
	bool more;
	assert_int_equal(ON(store, list_memberships, user_id, &window, &user, &more, NULL), STORE_OK);
	uint64_t latest = user->chats[0].latest;
	store_free(user);
	return latest;
}

/* A list looks into the log where no tip was ever written, so those of now are; from then on nothing but the log is. */
static void write_no_more_tips(struct world *world)
{
	assert_int_equal(ON_WORLD(checkpoint, NULL), STORE_OK);
	mongo_faults = (struct mongo_faults){.decide = only_the_log_is_written, .context = NULL};
}

static void tips_that_a_crash_left_unwritten_are_there_after_the_next_start(void **state)
{
	struct world *world = *state;
	struct store_info info;
	struct line line = line_new("c");
	char uri[1024];
	world_mongodb_uri(world, "", uri, sizeof uri);
	assert_int_equal(ON_WORLD(info, &info, NULL), STORE_OK);
	line.writer = info.writer;
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS, NULL), STORE_OK);
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	write_no_more_tips(world);
	for (int i = 0; i < 5; i++)
		assert_appended(world->store, line_says(&line, "alice", "hi"));
	store_ops(world->store)->close(world->store);
	mongo_faults = (struct mongo_faults){0};
	assert_int_equal(store_open(uri, &world->store, NULL), STORE_OK);
	assert_int_equal(latest_in_the_list(world->other, "alice"), 6);
}

static void tips_of_a_broker_that_never_comes_back_are_written_by_the_upkeep_of_another_one(void **state)
{
	struct world *world = *state;
	struct store_info info;
	struct line line = line_new("c");
	assert_int_equal(ON_WORLD(info, &info, NULL), STORE_OK);
	line.writer = info.writer;
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS, NULL), STORE_OK);
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	write_no_more_tips(world);
	for (int i = 0; i < 5; i++)
		assert_appended(world->store, line_says(&line, "alice", "hi"));
	store_ops(world->store)->close(world->store);
	mongo_faults = (struct mongo_faults){0};
	world->store = NULL;
	for (int i = 0; i < 2; i++) {
		bool more;
		assert_int_equal(ON(world->other, prune, START_MS, &more, NULL), STORE_OK);
		assert_int_equal(latest_in_the_list(world->other, "alice"), 6);
	}
	store_ops(world->other)->close(world->other);
}

static void a_document_that_is_damaged_keeps_nobody_from_opening_after_a_crash(void **state)
{
	struct world *world = *state;
	struct store_info info;
	struct line c = line_new("c"), d = line_new("d");
	char uri[1024];
	struct error err = {0};
	world_mongodb_uri(world, "", uri, sizeof uri);
	assert_int_equal(ON_WORLD(info, &info, NULL), STORE_OK);
	c.writer = d.writer = info.writer;
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS, NULL), STORE_OK);
	assert_appended(world->store, line_says(&c, "bob", "1"));
	assert_appended(world->store, line_adds(&d, "alice", ROLE_OWNER));
	write_no_more_tips(world);
	assert_appended(world->store, line_says(&c, "bob", "2"));
	assert_appended(world->store, line_says(&d, "alice", "hi"));
	store_ops(world->store)->close(world->store);
	world->store = NULL;
	mongo_faults = (struct mongo_faults){0};
	run_on_database(world, "{\"update\": \"log\", \"updates\": [{\"q\": {\"n\": 2, \"t.s\": \"bob\"}, \"u\": {\"$set\": {\"t\": \"nothing\"}}}]}");
	if (store_open(uri, &world->store, &err) != STORE_OK)
		fail_msg("%s", err.text);
	assert_int_equal(latest_in_the_list(world->other, "alice"), 2);
}

static enum mongo_fault refuse_writes(void *context, const char *collection, bool write)
{
	(void)context;
	(void)collection;
	return write ? MONGO_FAIL : MONGO_NO_FAULT;
}

static void who_opens_it_beside_a_broker_of_his_name_writes_nothing(void **state)
{
	struct world *world = *state;
	struct store *beside = NULL;
	struct store_info info;
	struct line line = line_new("c");
	char uri[1024];
	world_mongodb_uri(world, "", uri, sizeof uri);
	assert_int_equal(ON_WORLD(info, &info, NULL), STORE_OK);
	line.writer = info.writer;
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	mongo_faults = (struct mongo_faults){.decide = only_the_log_is_written, .context = NULL};
	assert_appended(world->store, line_says(&line, "alice", "hi")); /* with a tip that is to be written */
	mongo_faults = (struct mongo_faults){.decide = refuse_writes, .context = NULL};
	enum store_rc rc = store_open_with(uri, STORE_BESIDE | STORE_NO_MIGRATION | STORE_EXISTING, &beside, NULL);
	mongo_faults = (struct mongo_faults){0};
	assert_int_equal(rc, STORE_OK);
	store_ops(beside)->close(beside);
}

static enum mongo_fault lose_an_answer_of_the_log(void *context, const char *collection, bool write)
{
	bool *armed = context;
	if (!*armed || !write || strcmp(collection, "log") != 0)
		return MONGO_NO_FAULT;
	*armed = false;
	return MONGO_DO_AND_LOSE;
}

static void what_was_appended_and_not_answered_is_in_the_lists_once_it_is_found(void **state)
{
	struct world *world = *state;
	struct line line = line_new("c");
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	bool armed = true;
	assert_int_equal(ON_WORLD(put_user, "alice", START_MS, NULL), STORE_OK);
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	struct transaction *tx = line_says(&line, "alice", "hi");
	struct append append = {.chat_id = "c", .transactions = &tx, .transaction_count = 1};
	mongo_faults = (struct mongo_faults){.decide = lose_an_answer_of_the_log, .context = &armed};
	assert_int_equal(ON_WORLD(append, &append, 1, NULL), STORE_UNKNOWN);
	mongo_faults = (struct mongo_faults){0};
	assert_int_equal(ON_WORLD(append, &append, 1, NULL), STORE_OK);
	transaction_free(tx);
	assert_int_equal(latest_in_the_list(world->store, "alice"), 2);
	const int64_t end_ms = clock_mono_ms() + 20000;
	while (latest_in_the_list(world->other, "alice") != 2 && clock_mono_ms() < end_ms)
		nanosleep(&pause, NULL);
	assert_int_equal(latest_in_the_list(world->other, "alice"), 2);
}

/* ---- what a failure means ---- */

/* During an election the driver's second try is refused, and the first one may be in. Else its position would be given free, and who reads along
 * would pass it before it can be seen. */
static void a_write_that_finds_no_primary_may_be_in_all_the_same(void **state)
{
	(void)state;
	static const struct {
		enum db_kind kind;
		uint32_t code;
		enum store_rc rc;
	} cases[] = {
		{DB_WRITING, 10107, STORE_UNKNOWN},
		{DB_WRITING, 13435, STORE_UNKNOWN},
		{DB_WRITING, 11602, STORE_UNKNOWN},
		{DB_READING, 10107, STORE_UNAVAILABLE},
		{DB_WRITING, 13, STORE_UNAVAILABLE},
		{DB_WRITING, 11000, STORE_TAKEN},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const bson_error_t error = {.domain = MONGOC_ERROR_SERVER, .code = cases[i].code};
		struct error err;
		assert_int_equal(db_translate(cases[i].kind, &error, &err), cases[i].rc);
	}
}

/* ---- opening ---- */

static void what_cannot_be_opened_says_why_in_a_line_without_the_password(void **state)
{
	(void)state;
	static const struct {
		const char *uri;
		enum store_rc rc;
	} cases[] = {
		{"mongodb:", STORE_REFUSED},
		{"mongodb:/tmp/file", STORE_REFUSED},
		{"mongodb://alice:hunter2@", STORE_REFUSED},
		{"mongodb://alice:hunter2@127.0.0.1:port/", STORE_REFUSED},
		{"mongodb://alice:hunter2@127.0.0.1:1/", STORE_UNAVAILABLE},
		{"mongodb://alice:hunter2@127.0.0.1:1/?tls=true&tlsCAFile=/nowhere", STORE_REFUSED},
		{"mongodb://alice:hunter2@no.such.host.invalid/", STORE_UNAVAILABLE},
		{"mongodb+srv:", STORE_REFUSED},
		{"mongodb+srv://alice:hunter2@", STORE_REFUSED},
		{"mongodb+srv://alice:hunter2@one.example.invalid,two.example.invalid/", STORE_REFUSED},
		{"mongodb+srv://alice:hunter2@no.such.host.invalid:27017/", STORE_REFUSED},
		{"mongodb+srv://alice:hunter2@no.such.host.invalid/", STORE_UNAVAILABLE},
		{"mongodb+srv://alice:hunter2@no.such.host.invalid/?tlsCAFile=/nowhere", STORE_REFUSED},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct store *store = NULL;
		struct error err = {0};
		enum store_rc rc = store_open(cases[i].uri, &store, &err);
		if (rc != cases[i].rc)
			fail_msg("%s: %d, %s", cases[i].uri, (int)rc, err.text);
		assert_null(store);
		assert_int_not_equal(strlen(err.text), 0);
		assert_null(strstr(err.text, "hunter2"));
		assert_null(strchr(err.text, '\n'));
	}
}

static void wrong_credentials_and_tls_where_there_is_none_are_told_apart(void **state)
{
	struct world *world = *state;
	char uri[1024];
	struct store *store = NULL;
	struct error err = {0};
	world_mongodb_uri(world, "tls=true&", uri, sizeof uri);
	assert_int_equal(store_open(uri, &store, &err), STORE_UNAVAILABLE);
	assert_non_null(strstr(err.text, "TLS"));
	const char *server = strstr(getenv("HC_MONGODB"), "//");
	snprintf(uri, sizeof uri, "mongodb://alice:hunter2@%s", server + 2);
	assert_int_equal(store_open(uri, &store, &err), STORE_REFUSED);
	assert_non_null(strstr(err.text, "credentials"));
	assert_null(strstr(err.text, "hunter2"));
}

static size_t count_collections(const struct world *world)
{
	bson_error_t error;
	size_t count = 0;
	mongoc_client_t *client = mongoc_client_new(getenv("HC_MONGODB"));
	mongoc_database_t *database = mongoc_client_get_database(client, world->dir);
	char **names = mongoc_database_get_collection_names_with_opts(database, NULL, &error);
	if (names == NULL)
		fail_msg("%s", error.message);
	while (names[count] != NULL)
		count++;
	bson_strfreev(names);
	mongoc_database_destroy(database);
	mongoc_client_destroy(client);
	return count;
}

static void an_empty_database_stays_so_for_who_opens_only_what_is_there(void **state)
{
	struct world *world = *state;
	char uri[1024];
	struct store *store = NULL;
	struct error err = {0};
	world_mongodb_uri(world, "", uri, sizeof uri);
	assert_int_not_equal(count_collections(world), 0);
	run_on_database(world, "{\"dropDatabase\": 1}");
	assert_int_equal(store_open_with(uri, STORE_EXISTING, &store, &err), STORE_NOT_FOUND);
	assert_non_null(strstr(err.text, "there is no store in this database yet"));
	assert_null(store);
	assert_int_equal(count_collections(world), 0);
}

static void a_newer_schema_is_refused(void **state)
{
	struct world *world = *state;
	char uri[1024];
	struct store *store = NULL;
	struct error err = {0};
	world_mongodb_uri(world, "", uri, sizeof uri);
	run_on_database(world, "{\"update\": \"store\", \"updates\": [{\"q\": {\"_id\": \"store\"}, \"u\": {\"$set\": {\"schema\": 99}}}]}");
	assert_int_equal(store_open(uri, &store, &err), STORE_REFUSED);
	assert_non_null(strstr(err.text, "99"));
	assert_null(store);
}

/* A database as a program that knew version 1 left it. */
static void go_back_to_version_1(const struct world *world)
{
	run_on_database(world, "{\"dropIndexes\": \"devices\", \"index\": \"pushKey\"}");
	run_on_database(world, "{\"dropIndexes\": \"members\", \"index\": \"chatUser\"}");
	run_on_database(world, "{\"drop\": \"revocations\"}");
	run_on_database(world, "{\"drop\": \"signingKeys\"}");
	run_on_database(world, "{\"drop\": \"audit\"}");
	run_on_database(world, "{\"update\": \"store\", \"updates\": [{\"q\": {\"_id\": \"store\"}, \"u\": {\"$set\": {\"schema\": 1}}}]}");
}

static void an_older_schema_is_brought_up_to_date_where_that_is_wanted(void **state)
{
	struct world *world = *state;
	char uri[1024];
	struct store *store = NULL;
	struct error err = {0};
	struct store_info info = {0};
	struct line line = line_new("c");
	EXIST("alice");
	assert_appended(world->store, line_adds(&line, "alice", ROLE_OWNER));
	assert_int_equal(ON_WORLD(put_device, "alice", "phone", START_MS, "inbox 1", 7, NULL), STORE_OK);
	world_mongodb_uri(world, "", uri, sizeof uri);
	go_back_to_version_1(world);
	assert_int_equal(store_open_with(uri, STORE_NO_MIGRATION, &store, &err), STORE_REFUSED);
	assert_null(store);
	assert_non_null(strstr(err.text, "run hyperchatctl migrate"));
	world_reopen(world);
	assert_int_equal(ON_WORLD(info, &info, NULL), STORE_OK);
	assert_int_equal(info.schema_found, 1);
	assert_int_equal(info.schema_version, mongo_schema_version);
	go_back_to_version_1(world); /* it fails where an index or a collection is not there */
	world_reopen(world);
	struct device_list *list = list_devices(world, "alice");
	assert_int_equal(list->count, 1);
	store_free(list);
	register_device(world, "alice", "phone", "one");
	assert_int_equal(ON_WORLD(put_revocation, "alice/phone", START_MS, NULL), STORE_OK);
	assert_int_equal(assert_sound(world->store, "c"), 1);
	world_reopen(world);
	assert_int_equal(ON_WORLD(info, &info, NULL), STORE_OK);
	assert_int_equal(info.schema_found, mongo_schema_version);
}

int main(void)
{
	const struct CMUnitTest stories[] = {
		STORY(the_tail_stops_before_what_may_still_become_visible),
		STORY(a_second_process_of_the_same_name_supersedes_the_first),
		STORY(tips_that_a_crash_left_unwritten_are_there_after_the_next_start),
		STORY(who_opens_it_beside_a_broker_of_his_name_writes_nothing),
		STORY(tips_of_a_broker_that_never_comes_back_are_written_by_the_upkeep_of_another_one),
		STORY(a_document_that_is_damaged_keeps_nobody_from_opening_after_a_crash),
		STORY(what_was_appended_and_not_answered_is_in_the_lists_once_it_is_found),
		cmocka_unit_test(a_write_that_finds_no_primary_may_be_in_all_the_same),
		cmocka_unit_test(what_cannot_be_opened_says_why_in_a_line_without_the_password),
		STORY(wrong_credentials_and_tls_where_there_is_none_are_told_apart),
		STORY(an_empty_database_stays_so_for_who_opens_only_what_is_there),
		STORY(a_newer_schema_is_refused),
		STORY(an_older_schema_is_brought_up_to_date_where_that_is_wanted),
	};
	if (!world_choose("mongodb") || !world_has_what_it_needs()) {
		fprintf(stderr, "HC_MONGODB must name a server (scripts/ferretdb with … starts one)\n");
		return 2;
	}
	cmocka_set_test_filter(getenv("HC_STORY"));
	return cmocka_run_group_tests_name("mongo handle", stories, NULL, NULL);
}
