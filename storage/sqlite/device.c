/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Devices: how far each has what, where it gets pushes, until when a token of its own may count. Each write is one SQL transaction. Push
 * tokens are only ever added and emptied (schema/sqlite/0006_devices.sql). Any thread. */
#include <stdlib.h>
#include <string.h>

#include "storage/record.h"
#include "storage/sqlite/handle.h"
#include "storage/sqlite/texts.h"

/* How much one call of prune does, so that appends never wait long for it. */
enum { PRUNE_CURSORS = 2000 };

/* ---- what a session left, and how far it has what ---- */

struct cursor_rows {
	struct device_cursor *cursors;
	size_t count;
	struct texts names;
};

static void load_cursors(struct db *db, int64_t device, struct cursor_rows *rows)
{
	sqlite3_stmt *load = db_statement(db, SQL_LOAD_CURSORS);
	db_bind_int(db, load, 1, device);
	while (db_step(db, load)) {
		if ((rows->count & (rows->count - 1)) == 0)
			rows->cursors = mem_grow(rows->cursors, (rows->count ? rows->count * 2 : 1) * sizeof *rows->cursors);
		rows->cursors[rows->count++] =
			(struct device_cursor){texts_add(&rows->names, db_text(load, 0)), (uint64_t)sqlite3_column_int64(load, 1)};
	}
}

enum store_rc sqlite_load_device(struct store *store, const char *user_id, const char *name, struct device_record **record, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct device_record device = {0};
	struct cursor_rows rows = {0};
	sqlite3_stmt *load = db_statement(db, SQL_LOAD_DEVICE);
	db_bind_text(db, load, 1, user_id);
	db_bind_text(db, load, 2, name);
	if (db_step(db, load)) {
		device.seen_at_ms = sqlite3_column_int64(load, 1);
		device.subscriptions = texts_add(&rows.names, db_text(load, 2));
		device.max_bytes = (uint32_t)sqlite3_column_int64(load, 3);
		int64_t id = sqlite3_column_int64(load, 0);
		db_reset(load);
		load_cursors(db, id, &rows);
	}
	device.cursor_count = rows.count;
	device.cursors = rows.cursors;
	rc = read_end(store, db, err);
	if (device.subscriptions == NULL)
		rc = db_answer(rc, false, err, "device");
	else if (rc == STORE_OK)
		*record = record_copy_device(&device);
	texts_fini(&rows.names);
	free(rows.cursors);
	return rc;
}

enum store_rc sqlite_put_device(struct store *store, const char *user_id, const char *name, int64_t seen_at_ms, const char *subscriptions,
                                uint32_t max_bytes, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	sqlite3_stmt *put = db_statement(db, SQL_PUT_DEVICE);
	db_bind_int(db, put, 1, log_intern_user(db, user_id));
	db_bind_text(db, put, 2, name);
	db_bind_int(db, put, 3, seen_at_ms);
	db_bind_text(db, put, 4, subscriptions);
	db_bind_int(db, put, 5, max_bytes);
	db_run(db, put);
	return write_end(store, db, err);
}

enum store_rc sqlite_put_devices_seen(struct store *store, const struct device_seen *seen, size_t seen_count, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	for (size_t i = 0; i < seen_count; i++) {
		sqlite3_stmt *put = db_statement(db, SQL_PUT_DEVICE_SEEN);
		db_bind_text(db, put, 1, seen[i].user_id);
		db_bind_text(db, put, 2, seen[i].device);
		db_bind_int(db, put, 3, seen[i].at_ms);
		db_run(db, put);
	}
	return write_end(store, db, err);
}

enum store_rc sqlite_put_cursors(struct store *store, const struct cursor *cursors, size_t cursor_count, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	for (size_t i = 0; i < cursor_count; i++) {
		sqlite3_stmt *put = db_statement(db, SQL_PUT_CURSOR);
		db_bind_text(db, put, 1, cursors[i].user_id);
		db_bind_text(db, put, 2, cursors[i].device);
		db_bind_text(db, put, 3, cursors[i].chat_id);
		db_bind_number(db, put, 4, cursors[i].number);
		db_run(db, put);
	}
	return write_end(store, db, err);
}

/* ---- registrations, tokens ---- */

static int64_t find_device(struct db *db, const char *user_id, const char *name)
{
	sqlite3_stmt *find = db_statement(db, SQL_FIND_DEVICE);
	db_bind_text(db, find, 1, user_id);
	db_bind_text(db, find, 2, name);
	if (!db_step(db, find))
		return 0;
	int64_t id = sqlite3_column_int64(find, 0);
	db_reset(find);
	return id;
}

static int64_t find_or_add_device(struct db *db, const char *user_id, int64_t person, const char *name, int64_t seen_at_ms)
{
	int64_t id = find_device(db, user_id, name);
	if (id != 0)
		return id;
	sqlite3_stmt *add = db_statement(db, SQL_ADD_DEVICE);
	db_bind_int(db, add, 1, person);
	db_bind_text(db, add, 2, name);
	db_bind_int(db, add, 3, seen_at_ms);
	db_run(db, add);
	return db->failure == 0 ? sqlite3_last_insert_rowid(db->handle) : 0;
}

/* Apps register at each of their starts: what is there already adds no row. */
static bool is_registered(struct db *db, int64_t device, const char *platform, const char *push_token)
{
	sqlite3_stmt *find = db_statement(db, SQL_FIND_REGISTRATION);
	db_bind_int(db, find, 1, device);
	if (!db_step(db, find))
		return push_token[0] == '\0';
	bool same = strcmp(db_text(find, 0), platform) == 0 && strcmp(db_text(find, 1), push_token) == 0;
	db_reset(find);
	return same;
}

/* Also takes the token from who had it. */
static void add_registration(const struct store *store, struct db *db, int64_t device, const char *platform, const char *push_token)
{
	unsigned char key[ID_BYTES];
	people_key(store, "push token", push_token, key);
	sqlite3_stmt *take = db_statement(db, SQL_TAKE_PUSH_TOKEN);
	db_bind_bytes(db, take, 1, key, sizeof key);
	db_run(db, take);
	sqlite3_stmt *add = db_statement(db, SQL_ADD_REGISTRATION);
	db_bind_int(db, add, 1, device);
	db_bind_bytes(db, add, 2, key, sizeof key);
	db_bind_text(db, add, 3, platform);
	db_bind_text(db, add, 4, push_token);
	db_run(db, add);
}

enum store_rc sqlite_put_registration(struct store *store, const char *user_id, const char *device, const char *platform,
                                      const char *push_token, int64_t at_ms, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	int64_t person = people_find(db, user_id);
	int64_t id = person != 0 ? find_or_add_device(db, user_id, person, device, at_ms) : 0;
	if (id != 0 && !is_registered(db, id, platform, push_token)) {
		db_run_for(db, SQL_EMPTY_REGISTRATION, id);
		if (push_token[0] != '\0')
			add_registration(store, db, id, platform, push_token);
	}
	return db_answer(write_end(store, db, err), person != 0, err, "user");
}

enum store_rc sqlite_put_device_token(struct store *store, const char *user_id, const char *device, int64_t at_ms, int64_t expires_ms,
                                      struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	int64_t person = people_find(db, user_id);
	if (person != 0) {
		int64_t id = find_or_add_device(db, user_id, person, device, at_ms);
		sqlite3_stmt *put = db_statement(db, SQL_PUT_TOKEN_END);
		db_bind_int(db, put, 1, id);
		db_bind_int(db, put, 2, expires_ms);
		db_run(db, put);
	}
	return db_answer(write_end(store, db, err), person != 0, err, "user");
}

/* ---- forgetting ---- */

/* The device, or a part of its cursors: false, call again. */
static bool drop_device(struct db *db, int64_t device)
{
	sqlite3_stmt *cursors = db_statement(db, SQL_PRUNE_CURSORS);
	db_bind_int(db, cursors, 1, device);
	db_bind_int(db, cursors, 2, PRUNE_CURSORS);
	db_run(db, cursors);
	if (db->failure != 0 || sqlite3_changes(db->handle) == PRUNE_CURSORS)
		return false; /* there may be more of them; the device goes last */
	db_run_for(db, SQL_EMPTY_REGISTRATION, device);
	db_run_for(db, SQL_DROP_DEVICE, device);
	return true;
}

enum store_rc sqlite_remove_device(struct store *store, const char *user_id, const char *device, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	int64_t id = find_device(db, user_id, device);
	while (id != 0 && !drop_device(db, id) && db->failure == 0)
		;
	rc = write_end(store, db, err);
	if (id != 0 && (rc == STORE_OK || rc == STORE_UNKNOWN))
		write_erased(store); /* its push token */
	return db_answer(rc, id != 0, err, "device");
}

bool device_prune(struct db *db, int64_t now_ms)
{
	sqlite3_stmt *old = db_statement(db, SQL_OLD_DEVICES);
	db_bind_int(db, old, 1, now_ms);
	if (!db_step(db, old))
		return false;
	int64_t device = sqlite3_column_int64(old, 0);
	db_reset(old);
	drop_device(db, device);
	return true;
}

/* ---- lists ---- */

/* Devices while the rows of others come. */
struct device_rows {
	struct texts texts;
	struct device_info *infos;
	size_t count;
};

static void device_rows_fini(struct device_rows *rows)
{
	texts_fini(&rows->texts);
	free(rows->infos);
}

static void load_devices(struct db *db, int64_t user, struct device_rows *rows)
{
	sqlite3_stmt *list = db_statement(db, SQL_LIST_DEVICES);
	db_bind_int(db, list, 1, user);
	for (; db_step(db, list); rows->count++) {
		if ((rows->count & (rows->count - 1)) == 0) /* full at 0 and at every power of two */
			rows->infos = mem_grow(rows->infos, (rows->count ? rows->count * 2 : 1) * sizeof *rows->infos);
		rows->infos[rows->count] = (struct device_info){.device = texts_add(&rows->texts, db_text(list, 0)),
			.seen_at_ms = sqlite3_column_int64(list, 1), .platform = texts_add(&rows->texts, db_text(list, 2)),
			.push_token = texts_add(&rows->texts, db_text(list, 3)), .token_expires_ms = sqlite3_column_int64(list, 4)};
	}
}

enum store_rc sqlite_list_devices(struct store *store, const char *user_id, struct device_list **devices, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct device_rows rows = {0};
	load_devices(db, log_find_user(db, user_id), &rows);
	rc = read_end(store, db, err);
	if (rc == STORE_OK)
		*devices = record_copy_devices(&(struct device_list){rows.count, rows.infos});
	device_rows_fini(&rows);
	return rc;
}

/* Members while more rows come. */
struct target_rows {
	struct texts names;
	struct push_target *targets;
	struct device_rows *devices; /* of each */
	size_t count;
};

static void target_rows_add(struct db *db, struct target_rows *rows, sqlite3_stmt *row)
{
	size_t count = rows->count++;
	if ((count & (count - 1)) == 0) { /* full at 0 and at every power of two */
		rows->targets = mem_grow(rows->targets, (count ? count * 2 : 1) * sizeof *rows->targets);
		rows->devices = mem_grow(rows->devices, (count ? count * 2 : 1) * sizeof *rows->devices);
	}
	rows->devices[count] = (struct device_rows){0};
	load_devices(db, sqlite3_column_int64(row, 0), &rows->devices[count]);
	rows->targets[count] = (struct push_target){.user_id = texts_add(&rows->names, db_text(row, 1)), .muted_until_ms = sqlite3_column_int64(row, 2),
		.device_count = rows->devices[count].count, .devices = rows->devices[count].infos};
}

enum store_rc sqlite_list_push_targets(struct store *store, const char *chat_id, uint64_t number, const char *after, size_t count_max,
                                       struct push_target_list **targets, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct target_rows rows = {0};
	int64_t after_id = after[0] != '\0' ? log_find_user(db, after) : 0;
	sqlite3_stmt *list = db_statement(db, SQL_LIST_PUSH_TARGETS);
	db_bind_text(db, list, 1, chat_id);
	db_bind_number(db, list, 2, number);
	db_bind_int(db, list, 3, after[0] != '\0' && after_id == 0 ? INT64_MAX : after_id);
	db_bind_number(db, list, 4, count_max);
	while (db_step(db, list))
		target_rows_add(db, &rows, list);
	rc = read_end(store, db, err);
	if (rc == STORE_OK)
		*targets = record_copy_push_targets(&(struct push_target_list){rows.count, rows.targets});
	for (size_t i = 0; i < rows.count; i++)
		device_rows_fini(&rows.devices[i]);
	texts_fini(&rows.names);
	free(rows.devices);
	free(rows.targets);
	return rc;
}
