/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What brokers share beside the log: places in it, leases, keys of chats, notices. And lists of what there is. Each write is one SQL
 * transaction. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "storage/record.h"
#include "storage/sqlite/handle.h"
#include "storage/sqlite/texts.h"

/* How much one call of prune does, so that appends never wait long for it. */
enum { PRUNE_NOTICES = 1000 };

/* ---- lists ---- */

enum store_rc read_names(struct store *store, struct db *db, sqlite3_stmt *list, const char *const **names, size_t *count, struct error *err)
{
	struct texts texts = {0};
	while (db_step(db, list))
		texts_add(&texts, db_text(list, 0));
	enum store_rc rc = read_end(store, db, err);
	if (rc == STORE_OK) {
		*names = record_copy_ids((const char *const *)texts.items, texts.count);
		*count = texts.count;
	}
	texts_fini(&texts);
	return rc;
}

static enum store_rc list_all(struct store *store, enum statement which, const char *const **names, size_t *count, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	return db ? read_names(store, db, db_statement(db, which), names, count, err) : rc;
}

enum store_rc sqlite_list_writers(struct store *store, const char *const **writers, size_t *count, struct error *err)
{
	return list_all(store, SQL_LIST_WRITERS, writers, count, err);
}

enum store_rc sqlite_list_places(struct store *store, const char *const **names, size_t *count, struct error *err)
{
	return list_all(store, SQL_LIST_PLACES, names, count, err);
}

enum store_rc sqlite_list_users(struct store *store, const char *after, size_t count_max, const char *const **user_ids, size_t *count,
                                struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	sqlite3_stmt *list = db_statement(db, SQL_LIST_USERS);
	db_bind_text(db, list, 1, after);
	db_bind_number(db, list, 2, count_max);
	return read_names(store, db, list, user_ids, count, err);
}

/* ---- places ---- */

enum store_rc sqlite_put_place(struct store *store, const char *name, uint64_t position, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	sqlite3_stmt *put = db_statement(db, SQL_PUT_PLACE);
	db_bind_text(db, put, 1, name);
	db_bind_number(db, put, 2, position);
	db_run(db, put);
	return write_end(store, db, err);
}

enum store_rc sqlite_load_place(struct store *store, const char *name, uint64_t *position, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	uint64_t at = 0;
	sqlite3_stmt *load = db_statement(db, SQL_LOAD_PLACE);
	db_bind_text(db, load, 1, name);
	bool found = db_step(db, load);
	if (found)
		at = (uint64_t)sqlite3_column_int64(load, 0);
	db_reset(load);
	rc = db_answer(read_end(store, db, err), found, err, "place");
	if (rc == STORE_OK)
		*position = at;
	return rc;
}

/* ---- leases ---- */

enum store_rc sqlite_take_lease(struct store *store, const char *name, const char *holder, int64_t now_ms, int64_t until_ms,
                                struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	sqlite3_stmt *take = db_statement(db, SQL_TAKE_LEASE);
	db_bind_text(db, take, 1, name);
	db_bind_text(db, take, 2, holder);
	db_bind_int(db, take, 3, now_ms);
	db_bind_int(db, take, 4, until_ms);
	db_run(db, take);
	bool taken = db->failure == 0 && sqlite3_changes(db->handle) == 0;
	rc = write_end(store, db, err);
	return rc == STORE_OK && taken ? (enum store_rc)error_set(err, STORE_TAKEN, 0, "somebody else has that lease") : rc;
}

/* ---- keys of chats ---- */

enum key_state { KEY_NONE, KEY_THERE, KEY_ENDED };

static enum key_state find_chat_key(struct db *db, int64_t chat, unsigned char key[CHAT_KEY_BYTES])
{
	sqlite3_stmt *find = db_statement(db, SQL_FIND_CHAT_KEY);
	db_bind_int(db, find, 1, chat);
	if (!db_step(db, find))
		return KEY_NONE;
	bool ended = sqlite3_column_type(find, 0) == SQLITE_NULL;
	if (!ended)
		db_read_bytes(db, find, 0, key, CHAT_KEY_BYTES);
	db_reset(find);
	return ended ? KEY_ENDED : KEY_THERE;
}

void shared_add_chat_key(struct db *db, int64_t chat, const unsigned char key[CHAT_KEY_BYTES])
{
	sqlite3_stmt *add = db_statement(db, SQL_ADD_CHAT_KEY);
	db_bind_int(db, add, 1, chat);
	db_bind_bytes(db, add, 2, key, CHAT_KEY_BYTES);
	db_run(db, add);
}

void shared_end_chat_key(struct db *db, int64_t chat)
{
	sqlite3_stmt *end = db_statement(db, SQL_END_CHAT_KEY);
	db_bind_int(db, end, 1, chat);
	db_run(db, end);
}

static enum store_rc make_chat_key(struct store *store, const char *chat_id, unsigned char key[CHAT_KEY_BYTES], struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct chat_row chat;
	unsigned char found[CHAT_KEY_BYTES] = {0};
	log_find_chat(db, chat_id, &chat);
	enum key_state state = chat.id != 0 ? find_chat_key(db, chat.id, found) : KEY_ENDED;
	if (state == KEY_NONE) {
		id_random(found, sizeof found);
		shared_add_chat_key(db, chat.id, found);
	}
	rc = db_answer(write_end(store, db, err), state != KEY_ENDED, err, "key");
	if (rc == STORE_OK)
		memcpy(key, found, sizeof found);
	return rc;
}

/* Asks for the writing connection only where one has to be made. */
enum store_rc sqlite_load_chat_key(struct store *store, const char *chat_id, bool make, unsigned char key[CHAT_KEY_BYTES], struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct chat_row chat;
	unsigned char found[CHAT_KEY_BYTES] = {0};
	log_find_chat(db, chat_id, &chat);
	enum key_state state = chat.id != 0 ? find_chat_key(db, chat.id, found) : KEY_ENDED;
	rc = db_answer(read_end(store, db, err), state == KEY_THERE || (state == KEY_NONE && make), err, "key");
	if (rc != STORE_OK)
		return rc;
	if (state == KEY_NONE)
		return make_chat_key(store, chat_id, key, err);
	memcpy(key, found, sizeof found);
	return STORE_OK;
}

/* ---- notices ---- */

enum store_rc sqlite_put_notice(struct store *store, const char *kind, const char *subject, int64_t at_ms, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	sqlite3_stmt *add = db_statement(db, SQL_ADD_NOTICE);
	db_bind_text(db, add, 1, kind);
	db_bind_text(db, add, 2, subject);
	db_bind_text(db, add, 3, ((const struct sqlite_store *)store)->info.writer);
	db_bind_int(db, add, 4, at_ms);
	db_run(db, add);
	return write_end(store, db, err);
}

static uint64_t last_notice(struct db *db)
{
	sqlite3_stmt *find = db_statement(db, SQL_LAST_NOTICE);
	uint64_t last = db_step(db, find) ? (uint64_t)sqlite3_column_int64(find, 0) : 0;
	db_reset(find);
	return last;
}

enum store_rc sqlite_read_notices(struct store *store, uint64_t after, size_t count_max, struct notice_list **notices, uint64_t *next,
                                  struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct texts texts = {0};
	struct notice *found = NULL;
	size_t count = 0;
	sqlite3_stmt *read = db_statement(db, SQL_READ_NOTICES);
	db_bind_number(db, read, 1, after);
	db_bind_number(db, read, 2, count_max);
	while (db_step(db, read)) {
		if ((count & (count - 1)) == 0) /* full at 0 and at every power of two */
			found = mem_grow(found, (count ? count * 2 : 1) * sizeof *found);
		found[count++] = (struct notice){(uint64_t)sqlite3_column_int64(read, 0), texts_add(&texts, db_text(read, 2)),
			texts_add(&texts, db_text(read, 3)), texts_add(&texts, db_text(read, 4)), sqlite3_column_int64(read, 1)};
	}
	uint64_t end = after == UINT64_MAX ? last_notice(db) : after;
	rc = read_end(store, db, err);
	if (rc == STORE_OK) {
		*notices = record_copy_notices(&(struct notice_list){count, found});
		*next = count > 0 ? found[count - 1].id : end;
	}
	texts_fini(&texts);
	free(found);
	return rc;
}

bool shared_prune(struct db *db, int64_t now_ms)
{
	sqlite3_stmt *leases = db_statement(db, SQL_PRUNE_LEASES);
	db_bind_int(db, leases, 1, now_ms - NOTICE_AGE_MS);
	db_run(db, leases);
	sqlite3_stmt *notices = db_statement(db, SQL_PRUNE_NOTICES);
	db_bind_int(db, notices, 1, now_ms - NOTICE_AGE_MS);
	db_bind_int(db, notices, 2, PRUNE_NOTICES);
	db_bind_int(db, notices, 3, now_ms + NOTICE_AHEAD_MS);
	db_run(db, notices);
	return db->failure == 0 && sqlite3_changes(db->handle) == PRUNE_NOTICES;
}
