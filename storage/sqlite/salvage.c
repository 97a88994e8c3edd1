/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See salvage.h. The rows, table by table.
 *
 * A table whose rows have ids is read forwards; where a page cannot be read, id after id is tried until one can, so that nothing that is on a
 * sound page is given up. Where rows are found by another row's id (members by their chat), they are asked for one by one. The few others are read
 * from both ends. */
#include "storage/sqlite/salvage.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "storage/sqlite/rechain.h"
#include "storage/sqlite/schema.h"

enum { LOOK_MAX = 1000000, LOOK_BLIND = 10000, SHOW_ROWS = 10000 };

struct saving {
	struct sqlite_salvage *salvage;
	struct db from, to;
	uint64_t rows;
};

void salvage_tell(struct sqlite_salvage *salvage, const char *format, ...)
{
	char text[200];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	salvage->lost = true;
	salvage->found(salvage->context, text);
}

void salvage_mended(struct sqlite_salvage *salvage, const char *format, ...)
{
	char text[200];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	salvage->mended(salvage->context, text);
}

/* ---- a row ---- */

/* NULL: the table's own pages cannot be read. */
static sqlite3_stmt *prepare(struct db *db, const char *format, ...) __attribute__((format(printf, 2, 3)));

static sqlite3_stmt *prepare(struct db *db, const char *format, ...)
{
	char sql[200];
	sqlite3_stmt *statement = NULL;
	va_list args;
	va_start(args, format);
	vsnprintf(sql, sizeof sql, format, args);
	va_end(args);
	return sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL) == SQLITE_OK ? statement : NULL;
}

/* For all columns of a row of that table. */
static sqlite3_stmt *prepare_add(struct saving *saving, const char *table)
{
	char sql[300];
	int used = snprintf(sql, sizeof sql, "INSERT OR IGNORE INTO %s VALUES (?1", table);
	sqlite3_stmt *columns = prepare(&saving->to, "SELECT * FROM %s", table), *add = NULL;
	for (int i = 1; i < sqlite3_column_count(columns); i++)
		used += snprintf(sql + used, sizeof sql - (size_t)used, ", ?%d", i + 1);
	snprintf(sql + used, sizeof sql - (size_t)used, ")");
	sqlite3_finalize(columns);
	int code = sqlite3_prepare_v2(saving->to.handle, sql, -1, &add, NULL);
	if (code != SQLITE_OK)
		db_fail(&saving->to, code, sqlite3_errmsg(saving->to.handle));
	return add;
}

/* false: it contradicts one that is there. */
static bool put_row(struct saving *saving, sqlite3_stmt *row, sqlite3_stmt *add)
{
	for (int i = 0; i < sqlite3_column_count(row); i++)
		sqlite3_bind_value(add, i + 1, sqlite3_column_value(row, i));
	db_run(&saving->to, add);
	if (++saving->rows % SHOW_ROWS == 0)
		saving->salvage->progress(saving->salvage->context, saving->rows);
	return sqlite3_changes(saving->to.handle) > 0;
}

/* ---- tables whose rows have ids ---- */

static int64_t highest_id(struct saving *saving, const char *table)
{
	sqlite3_stmt *read = prepare(&saving->from, "SELECT id FROM %s NOT INDEXED ORDER BY id DESC LIMIT 1", table);
	int64_t id = sqlite3_step(read) == SQLITE_ROW ? sqlite3_column_int64(read, 0) : -1;
	sqlite3_finalize(read);
	return id;
}

/* The lowest id behind that one to which one comes from the highest; 0: none. Rows are not saved on the way there: they are added in their order, or
 * their texts would stand in pages that they have left. */
static int64_t lowest_from_end(struct saving *saving, const char *table, int64_t id)
{
	sqlite3_stmt *read = prepare(&saving->from, "SELECT id FROM %s NOT INDEXED WHERE id > ?1 ORDER BY id DESC", table);
	int64_t lowest = INT64_MAX;
	sqlite3_bind_int64(read, 1, id);
	while (sqlite3_step(read) == SQLITE_ROW && sqlite3_column_int64(read, 0) < lowest)
		lowest = sqlite3_column_int64(read, 0);
	sqlite3_finalize(read);
	return lowest < INT64_MAX ? lowest : 0;
}

static bool look_at(sqlite3_stmt *look, int64_t id)
{
	sqlite3_reset(look);
	sqlite3_bind_int64(look, 1, id);
	return sqlite3_step(look) == SQLITE_ROW;
}

/* Saves the first row behind that id that can be read, by trying, and returns its id; 0: none. Behind a stretch that is too long for that it is the first
 * to which one comes from the end. */
static int64_t save_next(struct saving *saving, const char *table, sqlite3_stmt *add, int64_t id)
{
	int64_t highest = highest_id(saving, table), found = 0;
	int64_t end = highest < 0 ? id + LOOK_BLIND : highest - id > LOOK_MAX ? id + LOOK_MAX : highest;
	sqlite3_stmt *look = prepare(&saving->from, "SELECT * FROM %s NOT INDEXED WHERE id = ?1", table);
	while (found == 0 && ++id <= end)
		found = look_at(look, id) ? id : 0;
	if (found == 0 && highest > end) {
		found = lowest_from_end(saving, table, end);
		salvage_tell(saving->salvage, "%s: rows behind %lld are looked for from the end only", table, (long long)end);
		found = found != 0 && look_at(look, found) ? found : 0;
	}
	if (found != 0)
		put_row(saving, look, add);
	sqlite3_finalize(look);
	return found;
}

/* As far as it goes; false: it ended at a page that cannot be read. *last: the id of the last row that was saved. */
static bool save_from(struct saving *saving, const char *table, sqlite3_stmt *add, int64_t *last)
{
	sqlite3_stmt *read = prepare(&saving->from, "SELECT * FROM %s NOT INDEXED WHERE id > ?1 ORDER BY id", table);
	int code = SQLITE_ROW;
	sqlite3_bind_int64(read, 1, *last);
	while (read != NULL && (code = sqlite3_step(read)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(read, 0);
		if (id <= *last) {
			sqlite3_finalize(read); /* the tree leads back to where it was */
			return false;
		}
		*last = id;
		if (!put_row(saving, read, add))
			salvage_tell(saving->salvage, "%s: row %lld contradicts another one and is left out", table, (long long)*last);
	}
	sqlite3_finalize(read);
	return code == SQLITE_DONE;
}

static void save_rows(struct saving *saving, const char *table)
{
	sqlite3_stmt *add = prepare_add(saving, table);
	int64_t last = 0;
	while (saving->to.failure == 0 && !save_from(saving, table, add, &last)) {
		int64_t next = save_next(saving, table, add, last);
		if (next == 0) {
			salvage_tell(saving->salvage, "%s: what is behind row %lld cannot be read", table, (long long)last);
			break;
		}
		if (next > last + 1)
			salvage_tell(saving->salvage, "%s: rows %lld to %lld cannot be read, as far as there were any", table, (long long)last + 1, (long long)next - 1);
		last = next;
	}
	sqlite3_finalize(add);
}

/* The index has them, too. */
static void save_names(struct saving *saving, const char *table, const char *add_sql)
{
	sqlite3_stmt *add = prepare(&saving->to, "%s", add_sql);
	sqlite3_stmt *read = prepare(&saving->from, "SELECT id, name FROM %s INDEXED BY sqlite_autoindex_%s_1 ORDER BY name", table, table);
	while (add != NULL && read != NULL && saving->to.failure == 0 && sqlite3_step(read) == SQLITE_ROW)
		put_row(saving, read, add);
	sqlite3_finalize(read);
	sqlite3_finalize(add);
}

/* ---- tables whose rows belong to another row ---- */

static void save_parts_of(struct saving *saving, const char *table, const char *column, const char *parent)
{
	sqlite3_stmt *add = prepare_add(saving, table), *parents = prepare(&saving->to, "SELECT id FROM %s ORDER BY id", parent);
	sqlite3_stmt *read = prepare(&saving->from, "SELECT * FROM %s WHERE %s = ?1", table, column);
	bool whole = read != NULL;
	while (read != NULL && sqlite3_step(parents) == SQLITE_ROW) {
		int code;
		sqlite3_reset(read);
		sqlite3_bind_int64(read, 1, sqlite3_column_int64(parents, 0));
		while ((code = sqlite3_step(read)) == SQLITE_ROW)
			put_row(saving, read, add);
		whole = whole && code == SQLITE_DONE;
	}
	if (!whole)
		salvage_tell(saving->salvage, "%s: not all rows can be read", table);
	sqlite3_finalize(read);
	sqlite3_finalize(parents);
	sqlite3_finalize(add);
}

/* ---- the others ---- */

/* false: it ended at a page that cannot be read. read is taken. */
static bool save_in_order(struct saving *saving, sqlite3_stmt *read, sqlite3_stmt *add)
{
	int code = SQLITE_ERROR;
	while (read != NULL && (code = sqlite3_step(read)) == SQLITE_ROW)
		put_row(saving, read, add);
	sqlite3_finalize(read);
	return code == SQLITE_DONE;
}

static void save_from_both_ends(struct saving *saving, const char *table, const char *key)
{
	sqlite3_stmt *add = prepare_add(saving, table);
	if (!save_in_order(saving, prepare(&saving->from, "SELECT * FROM %s ORDER BY %s", table, key), add)) {
		save_in_order(saving, prepare(&saving->from, "SELECT * FROM %s ORDER BY %s DESC", table, key), add);
		salvage_tell(saving->salvage, "%s: not all rows can be read", table);
	}
	sqlite3_finalize(add);
}

static void save_tables(struct saving *saving)
{
	static const char *const WITH_IDS[] = {"user", "writer", "chat", "chat_info", "log", "device", "profile", "icon_data", "icon", "favorite",
		"invitation", "chat_key", "registration", "signing_key"};
	static const struct {
		const char *table, *column, *parent;
	} PARTS[] = {{"member", "chat", "chat"}, {"membership", "chat", "chat"}, {"erasure", "chat", "chat"}, {"cursor", "device", "device"},
		{"block", "user", "user"}, {"invitation_use", "invitation", "invitation"}};
	for (size_t i = 0; i < sizeof WITH_IDS / sizeof *WITH_IDS; i++)
		save_rows(saving, WITH_IDS[i]);
	save_names(saving, "user", "INSERT OR IGNORE INTO user (id, name) VALUES (?1, ?2)");
	save_names(saving, "writer", "INSERT OR IGNORE INTO writer (id, name) VALUES (?1, ?2)");
	save_names(saving, "chat", "INSERT OR IGNORE INTO chat (id, name, latest, head, latest_at, ended) VALUES (?1, ?2, 0, zeroblob(16), 0, 0)");
	for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++)
		save_parts_of(saving, PARTS[i].table, PARTS[i].column, PARTS[i].parent);
	save_from_both_ends(saving, "place", "name");
	save_from_both_ends(saving, "revocation", "subject");
	save_from_both_ends(saving, "audit", "key");
}

/* ---- all of it ---- */

/* The migrations, with the source's identity. */
static void make_target(struct saving *saving)
{
	char pragma[80];
	struct db *to = &saving->to;
	for (int version = 0; version < sqlite_schema_version; version++)
		db_exec(to, sqlite_migrations[version]);
	snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d; PRAGMA application_id = %lld", sqlite_schema_version, (long long)sqlite_application_id);
	db_exec(to, pragma);
	sqlite3_stmt *add = to->failure == 0 ? prepare_add(saving, "store") : NULL;
	if (add != NULL)
		save_in_order(saving, prepare(&saving->from, "SELECT * FROM store"), add);
	sqlite3_finalize(add);
	if (db_ask_int(to, "SELECT count(*) FROM store WHERE length(epoch) > 0 AND length(secret) = 32", 0) != 1)
		db_fail(to, SQLITE_CORRUPT, "who this store is cannot be read");
}

static enum store_rc recognise(struct saving *saving, const char *path, struct error *err)
{
	bool ours = db_ask_int(&saving->from, "PRAGMA application_id", 0) == sqlite_application_id;
	int64_t version = db_ask_int(&saving->from, "PRAGMA user_version", 0);
	enum store_rc rc = db_result(&saving->from, err);
	if (rc != STORE_OK)
		return rc;
	if (!ours || version == 0)
		return error_set(err, STORE_REFUSED, 0, "%s: is no store of HyperChat's", path);
	if (version != sqlite_schema_version)
		return error_set(err, STORE_REFUSED, 0, "%s: has schema %lld, this version repairs %d: run 'hyperchatctl migrate' first", path,
			(long long)version, sqlite_schema_version);
	return STORE_OK;
}

/* From when on keys count: by the newest row, should the clock be wrong. */
static int64_t keys_since(struct db *db)
{
	int64_t now_ms = clock_wall_ms(), newest_ms = db_ask_int(db, "SELECT at FROM log ORDER BY id DESC LIMIT 1", now_ms);
	return (newest_ms < now_ms ? newest_ms : now_ms) - KEY_AGE_MS;
}

static enum store_rc save(struct saving *saving, struct error *err)
{
	struct db *to = &saving->to;
	db_exec(to, "BEGIN");
	make_target(saving);
	if (to->failure == 0)
		save_tables(saving);
	if (to->failure == 0 && saving->salvage->lost && db_ask_int(to, "SELECT count(*) FROM log", 0) == 0)
		db_fail(to, SQLITE_CORRUPT, "no transaction can be read");
	if (to->failure == 0)
		rechain(to, saving->salvage);
	if (to->failure == 0)
		keys_make_runs(to, keys_since(to));
	db_exec(to, "COMMIT");
	return db_result(to, err);
}

enum store_rc sqlite_salvage(const char *from, const char *to, struct sqlite_salvage *salvage, struct error *err)
{
	struct saving saving = {.salvage = salvage};
	enum store_rc rc = db_open(&saving.from, from, DB_READ, err);
	if (rc == STORE_OK)
		rc = recognise(&saving, from, err);
	if (rc == STORE_OK)
		rc = db_open(&saving.to, to, DB_WRITE, err);
	if (rc == STORE_OK)
		rc = save(&saving, err);
	db_close(&saving.to);
	db_close(&saving.from);
	return rc;
}
