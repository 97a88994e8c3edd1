/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What a store of an older version brings along: its chats are as they would be if they were made now, and their chains hold. */
#include <sqlite3.h>
#include <stdio.h>

#include "storage/sqlite/db.h"
#include "tests/contract/place.h"

/* A file of version 1 with its users alice, bob and carol (1 to 3) and its writer w1. */
static sqlite3 *open_version_1(const char *path)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sqlite_migrations[0], NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db,
						 "PRAGMA user_version = 1; PRAGMA application_id = 1212377185;"
						 "INSERT INTO store VALUES (1, 'e', zeroblob(32), 'w1'); INSERT INTO writer VALUES (1, 'w1', 0);"
						 "INSERT INTO user VALUES (1, 'alice', 7), (2, 'bob', NULL), (3, 'carol', NULL)",
						 NULL, NULL, NULL),
		SQLITE_OK);
	return db;
}

static void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	assert_int_equal(sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT), SQLITE_OK);
}

static void bind_bytes(sqlite3_stmt *statement, int index, const void *bytes)
{
	assert_int_equal(sqlite3_bind_blob(statement, index, bytes, ID_BYTES, SQLITE_TRANSIENT), SQLITE_OK);
}

/* As version 1 wrote a row; what the head covers is at its first encoding. */
static void insert(sqlite3 *db, int chat, struct line *line, struct transaction like, const char *body)
{
	static int position;
	sqlite3_stmt *add = NULL;
	like.first_encoding = true;
	char key[16];
	snprintf(key, sizeof key, "k%llu", (unsigned long long)line->latest);
	like.key = key;
	memset(like.key_hash, 7, sizeof like.key_hash);
	sealed_set(&like.body, body, strlen(body));
	struct transaction *tx = line_next(line, like);
	assert_int_equal(sqlite3_prepare_v2(db,
						 "INSERT INTO log (chat, number, type, sender, at, writer, position, target, client_time, quote_revision, erased, key, key_hash, "
						 "head, body_salt, body) VALUES (?1, ?2, ?3, 1, ?4, 1, ?5, 0, 0, 0, 0, ?10, ?6, ?7, ?8, ?9)",
						 -1, &add, NULL),
		SQLITE_OK);
	sqlite3_bind_int(add, 1, chat);
	sqlite3_bind_int64(add, 2, (sqlite3_int64)tx->number);
	sqlite3_bind_int(add, 3, tx->type);
	sqlite3_bind_int64(add, 4, tx->at_ms);
	sqlite3_bind_int(add, 5, ++position);
	bind_bytes(add, 6, tx->key_hash);
	bind_bytes(add, 7, tx->head);
	bind_bytes(add, 8, tx->body.salt);
	bind_text(add, 9, body);
	bind_text(add, 10, key);
	assert_int_equal(sqlite3_step(add), SQLITE_DONE);
	sqlite3_finalize(add);
	assert_int_equal(sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO chat VALUES (?1, ?2, ?3, ?4, ?5, 0)", -1, &add, NULL), SQLITE_OK);
	sqlite3_bind_int(add, 1, chat);
	bind_text(add, 2, tx->chat_id);
	sqlite3_bind_int64(add, 3, (sqlite3_int64)tx->number);
	bind_bytes(add, 4, tx->head);
	sqlite3_bind_int64(add, 5, tx->at_ms);
	assert_int_equal(sqlite3_step(add), SQLITE_DONE);
	sqlite3_finalize(add);
	char sql[100];
	snprintf(sql, sizeof sql, "UPDATE writer SET position = %d", position);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	transaction_free(tx);
}

static void fill_version_1(const char *path, struct line *line)
{
	sqlite3 *db = open_version_1(path);
	insert(db, 1, line, (struct transaction){.type = TX_MEMBER_ADDED, .sender_id = "alice"},
		"{\"members\":[{\"userID\":\"alice\",\"role\":\"member\"},{\"userID\":\"bob\",\"role\":\"member\"}]}");
	insert(db, 1, line, (struct transaction){.type = TX_MESSAGE, .sender_id = "alice"}, "hi");
	assert_int_equal(sqlite3_exec(db,
						 "INSERT INTO member VALUES (1, 1, 1, 2, 2), (1, 2, 1, 0, 0); INSERT INTO membership VALUES (1, 1, 1, 0), (1, 2, 1, 0)", NULL,
						 NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
}

static struct store *open_filled(struct place *place, struct line *line)
{
	*line = line_new("c");
	fill_version_1(place->path, line);
	return open_at(place->uri);
}

static void an_older_chat_of_two_is_a_pair_and_its_chain_holds(void **state)
{
	struct place *place = *state;
	struct line line;
	struct store *store = open_filled(place, &line);
	struct world world = {.store = store};
	assert_int_equal(assert_sound(store, "c"), 2);
	struct chat_record *chat = load_chat(&world, "c");
	assert_true(chat->pair);
	assert_int_equal(chat->current_members, 2);
	assert_false(chat->history_all);
	store_free(chat);
	struct user_chat *membership = load_membership(&world, "bob", "c");
	assert_string_equal(membership->peer_id, "alice");
	assert_int_equal(membership->read, 0);
	store_free(membership);
	close_store(store);
}

static void all_times_of_membership_are_there(void **state)
{
	struct place *place = *state;
	struct line line = line_new("c");
	fill_version_1(place->path, &line);
	with_sqlite(place->path, "INSERT INTO member VALUES (1, 3, 1, 0, 0); INSERT INTO membership VALUES (1, 3, 2, 4), (1, 3, 6, 7), (1, 3, 9, 0)");
	struct store *store = open_at(place->uri);
	struct world world = {.store = store};
	struct user_chat *membership = load_membership(&world, "carol", "c");
	assert_int_equal(membership->interval_count, 3);
	assert_interval(&membership->intervals[0], 2, 4);
	assert_interval(&membership->intervals[1], 6, 7);
	assert_interval(&membership->intervals[2], 9, 0);
	store_free(membership);
	struct chat_record *chat = load_chat(&world, "c");
	assert_int_equal(find_member(chat, "carol")->interval_count, 3);
	assert_int_equal(find_member(chat, "alice")->interval_count, 1);
	store_free(chat);
	close_store(store);
}

static void it_goes_on_and_what_is_old_can_be_erased(void **state)
{
	struct place *place = *state;
	struct line line;
	struct store *store = open_filled(place, &line);
	assert_appended(store, line_says(&line, "alice", "ho"));
	assert_appended(store, line_deletes(&line, "alice", 2));
	assert_int_equal(assert_sound(store, "c"), 4);
	struct transaction *old = read_one(store, "c", 2), *new = read_one(store, "c", 3);
	assert_true(old->first_encoding);
	assert_true(old->body.erased);
	assert_false(new->first_encoding);
	transaction_free(old);
	transaction_free(new);
	close_store(store);
}

static int64_t version_of(const struct place *place)
{
	return ask_sqlite(place->path, "PRAGMA user_version");
}

/* As a program that knew so many versions left it. */
static void fill_version(const struct place *place, int known, struct line *line)
{
	char pragma[40];
	*line = line_new("c");
	fill_version_1(place->path, line);
	for (int version = 1; version < known; version++)
		with_sqlite(place->path, sqlite_migrations[version]);
	snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", known);
	with_sqlite(place->path, pragma);
}

static void a_store_of_version_4_gets_what_brokers_share(void **state)
{
	struct place *place = *state;
	struct line line;
	struct store_info info = {0};
	unsigned char key[CHAT_KEY_BYTES];
	fill_version(place, 4, &line);
	struct store *store = open_at(place->uri);
	assert_int_equal(ON(store, info, &info, NULL), STORE_OK);
	assert_int_equal(info.schema_found, 4);
	assert_int_equal(info.schema_version, sqlite_schema_version);
	assert_int_equal(assert_sound(store, "c"), 2);
	assert_int_equal(ON(store, load_chat_key, "c", true, key, NULL), STORE_OK);
	assert_int_equal(ON(store, put_place, "kafka/w1", 1, NULL), STORE_OK);
	assert_int_equal(ON(store, put_notice, "reach", "alice", START_MS, NULL), STORE_OK);
	close_store(store);
	store = open_at(place->uri);
	assert_int_equal(ON(store, info, &info, NULL), STORE_OK);
	assert_int_equal(info.schema_found, sqlite_schema_version);
	close_store(store);
}

static void the_devices_of_version_5_are_there_and_can_be_registered(void **state)
{
	struct place *place = *state;
	struct line line;
	struct device_record *record = NULL;
	fill_version(place, 5, &line);
	with_sqlite(place->path, "INSERT INTO device (id, user, name, seen_at, subscriptions, max_bytes) VALUES "
							 "(1, 1, 'phone', 1790000000000, 'inbox 1', 7), (2, 1, 'watch', 1, '', 0); INSERT INTO cursor VALUES (1, 1, 2)");
	struct store *store = open_at(place->uri);
	struct world world = {.store = store, .other = store};
	struct store_info info = {0};
	assert_int_equal(ON(store, info, &info, NULL), STORE_OK);
	assert_int_equal(info.schema_found, 5);
	register_device(&world, "alice", "phone", "one");
	prune_world(&world, START_MS);
	struct device_list *list = list_devices(&world, "alice");
	assert_int_equal(list->count, 1);
	assert_string_equal(list->devices[0].device, "phone");
	assert_int_equal(list->devices[0].seen_at_ms, START_MS);
	assert_int_equal(list->devices[0].token_expires_ms, 0);
	assert_string_equal(list->devices[0].push_token, "one");
	store_free(list);
	assert_int_equal(ON(store, load_device, "alice", "phone", &record, NULL), STORE_OK);
	assert_int_equal(record->cursor_count, 1);
	store_free(record);
	assert_int_equal(ON(store, put_revocation, "alice", START_MS, NULL), STORE_OK);
	close_store(store);
}

static void an_older_store_is_refused_and_left_alone_where_no_migration_is_wanted(void **state)
{
	struct place *place = *state;
	struct line line;
	struct store *store = NULL;
	struct error err = {0};
	fill_version(place, 4, &line);
	assert_int_equal(store_open_with(place->uri, STORE_NO_MIGRATION, &store, &err), STORE_REFUSED);
	assert_null(store);
	assert_non_null(strstr(err.text, "has schema 4"));
	assert_non_null(strstr(err.text, "hyperchatctl migrate"));
	assert_int_equal(version_of(place), 4);
	close_store(open_at(place->uri));
	assert_int_equal(store_open_with(place->uri, STORE_NO_MIGRATION, &store, NULL), STORE_OK);
	close_store(store);
}

static void a_file_whose_tables_are_not_those_of_its_version_is_refused_and_left_alone(void **state)
{
	struct place *place = *state;
	struct line line;
	struct store *store = NULL;
	struct error err = {0};
	fill_version(place, 4, &line);
	with_sqlite(place->path, "ALTER TABLE member DROP COLUMN earlier");
	assert_int_equal(store_open_with(place->uri, 0, &store, &err), STORE_REFUSED);
	assert_non_null(strstr(err.text, "its tables are not those of its schema: no such column: earlier"));
	assert_int_equal(version_of(place), 4);
	assert_int_equal(ask_sqlite(place->path, "SELECT count(*) FROM sqlite_schema WHERE name = 'audit'"), 0);
}

static void a_new_store_is_made_also_where_no_migration_is_wanted(void **state)
{
	struct place *place = *state;
	struct store *store = NULL;
	struct store_info info = {0};
	assert_int_equal(store_open_with(place->uri, STORE_NO_MIGRATION, &store, NULL), STORE_OK);
	assert_int_equal(ON(store, info, &info, NULL), STORE_OK);
	assert_int_equal(info.schema_found, 0);
	close_store(store);
	assert_int_equal(version_of(place), sqlite_schema_version);
}

int main(void)
{
	const struct CMUnitTest stories[] = {
		PLACE_STORY(an_older_chat_of_two_is_a_pair_and_its_chain_holds),
		PLACE_STORY(all_times_of_membership_are_there),
		PLACE_STORY(it_goes_on_and_what_is_old_can_be_erased),
		PLACE_STORY(a_store_of_version_4_gets_what_brokers_share),
		PLACE_STORY(the_devices_of_version_5_are_there_and_can_be_registered),
		PLACE_STORY(an_older_store_is_refused_and_left_alone_where_no_migration_is_wanted),
		PLACE_STORY(a_file_whose_tables_are_not_those_of_its_version_is_refused_and_left_alone),
		PLACE_STORY(a_new_store_is_made_also_where_no_migration_is_wanted),
	};
	return cmocka_run_group_tests_name("older stores", stories, NULL, NULL);
}
