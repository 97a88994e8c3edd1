/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Reading, each operation in a snapshot of its own. Rows are collected into growing arrays and copied into the one block of the
 * contract at the end. Any thread, with a reading connection. */
#include <stdlib.h>
#include <string.h>

#include "storage/record.h"
#include "storage/sqlite/handle.h"
#include "storage/sqlite/texts.h"

/* Intervals of many owners, one after the other. Their owners point to them only when all are there. */
struct intervals {
	struct interval *items;
	size_t count;
};

static void intervals_add(struct intervals *intervals, sqlite3_stmt *row, int column)
{
	if ((intervals->count & (intervals->count - 1)) == 0)
		intervals->items = mem_grow(intervals->items, (intervals->count ? intervals->count * 2 : 1) * sizeof *intervals->items);
	intervals->items[intervals->count++] =
		(struct interval){(uint64_t)sqlite3_column_int64(row, column), (uint64_t)sqlite3_column_int64(row, column + 1)};
}

/* Adds those of the member in a row of INTERVAL_COLUMNS, which begin at `column`, and returns how many. */
static size_t intervals_add_all(struct db *db, struct intervals *intervals, sqlite3_stmt *row, int column)
{
	size_t before = intervals->count;
	if (sqlite3_column_int(row, column) > 0) {
		sqlite3_stmt *earlier = db_statement(db, SQL_LOAD_EARLIER);
		db_bind_int(db, earlier, 1, sqlite3_column_int64(row, column + 1));
		db_bind_int(db, earlier, 2, sqlite3_column_int64(row, column + 2));
		while (db_step(db, earlier))
			intervals_add(intervals, earlier, 0);
	}
	if (sqlite3_column_int64(row, column + 3) > 0)
		intervals_add(intervals, row, column + 3);
	return intervals->count - before;
}

/* ---- a chat ---- */

struct member_rows {
	struct member_record *members;
	size_t count;
	struct texts names;
	struct intervals intervals;
};

static void add_member_row(struct db *db, struct member_rows *rows, sqlite3_stmt *row)
{
	if ((rows->count & (rows->count - 1)) == 0)
		rows->members = mem_grow(rows->members, (rows->count ? rows->count * 2 : 1) * sizeof *rows->members);
	rows->members[rows->count++] = (struct member_record){
		.user_id = texts_add(&rows->names, db_text(row, 0)),
		.role = (enum role)sqlite3_column_int(row, 1),
		.received = (uint64_t)sqlite3_column_int64(row, 2),
		.read = (uint64_t)sqlite3_column_int64(row, 3),
		.interval_count = intervals_add_all(db, &rows->intervals, row, 4),
	};
}

static void load_members(struct db *db, int64_t chat, struct member_rows *rows)
{
	sqlite3_stmt *load = db_statement(db, SQL_LOAD_MEMBERS);
	db_bind_int(db, load, 1, chat);
	while (db_step(db, load))
		add_member_row(db, rows, load);
	const struct interval *next = rows->intervals.items;
	for (size_t i = 0; i < rows->count; i++) {
		rows->members[i].intervals = next;
		next += rows->members[i].interval_count;
	}
}

enum store_rc sqlite_load_chat(struct store *store, const char *chat_id, struct chat_record **record, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct chat_row chat;
	struct member_rows rows = {0};
	char *name, *icon;
	log_find_chat(db, chat_id, &chat);
	log_read_info(db, chat.info, &name, &icon);
	if (chat.id != 0)
		load_members(db, chat.id, &rows);
	rc = read_end(store, db, err);
	if (chat.id == 0) {
		rc = db_answer(rc, false, err, "chat");
	} else if (rc == STORE_OK) {
		struct chat_record whole = {.chat_id = chat_id, .latest = chat.latest, .latest_at_ms = chat.latest_at_ms, .pair = chat.pair_a != 0,
			.history_all = chat.history_all, .ended = chat.ended, .ended_at_ms = chat.ended_at_ms, .name = name, .icon = icon,
			.current_members = (size_t)chat.current_members, .member_count = rows.count, .members = rows.members};
		memcpy(whole.head, chat.head, HEAD_BYTES);
		*record = record_copy_chat(&whole);
	}
	texts_fini(&rows.names);
	free(rows.members);
	free(rows.intervals.items);
	free(name);
	free(icon);
	return rc;
}

/* ---- a user's chats ---- */

struct chat_rows {
	struct user_chat *chats;
	size_t count;
	struct texts names;
	struct intervals intervals;
};

static const char *text_of(struct chat_rows *rows, sqlite3_stmt *row, int column, const char *missing)
{
	return sqlite3_column_type(row, column) == SQLITE_TEXT ? texts_add(&rows->names, db_text(row, column)) : missing;
}

static void add_chat_row(struct db *db, struct chat_rows *rows, sqlite3_stmt *row)
{
	if ((rows->count & (rows->count - 1)) == 0)
		rows->chats = mem_grow(rows->chats, (rows->count ? rows->count * 2 : 1) * sizeof *rows->chats);
	rows->chats[rows->count++] = (struct user_chat){
		.chat_id = texts_add(&rows->names, db_text(row, 0)),
		.role = (enum role)sqlite3_column_int(row, 1),
		.latest = (uint64_t)sqlite3_column_int64(row, 2),
		.latest_at_ms = sqlite3_column_int64(row, 3),
		.received = (uint64_t)sqlite3_column_int64(row, 4),
		.read = (uint64_t)sqlite3_column_int64(row, 5),
		.muted_until_ms = sqlite3_column_int64(row, 6),
		.history_all = sqlite3_column_int(row, 7) != 0,
		.ended = sqlite3_column_int(row, 8) != 0,
		.current_members = (size_t)sqlite3_column_int64(row, 9),
		.peer_id = text_of(rows, row, 10, NULL),
		.name = text_of(rows, row, 11, ""),
		.icon = text_of(rows, row, 12, ""),
		.interval_count = intervals_add_all(db, &rows->intervals, row, 13),
	};
}

static void load_chats(struct db *db, sqlite3_stmt *load, struct chat_rows *rows)
{
	while (db_step(db, load))
		add_chat_row(db, rows, load);
	const struct interval *next = rows->intervals.items;
	for (size_t i = 0; i < rows->count; i++) {
		rows->chats[i].intervals = next;
		next += rows->chats[i].interval_count;
	}
}

static int newest_first(const void *left, const void *right)
{
	const struct user_chat *a = left, *b = right;
	if (a->latest_at_ms != b->latest_at_ms)
		return a->latest_at_ms > b->latest_at_ms ? -1 : 1;
	return strcmp(a->chat_id, b->chat_id);
}

static void chat_rows_fini(struct chat_rows *rows)
{
	texts_fini(&rows->names);
	free(rows->chats);
	free(rows->intervals.items);
}

/* The user's row; 0: there is none, or, without `mentioned`, he does not exist. */
static int64_t load_user_row(struct db *db, const char *user_id, bool mentioned, int64_t *created_at_ms)
{
	sqlite3_stmt *load = db_statement(db, SQL_LOAD_USER);
	db_bind_text(db, load, 1, user_id);
	db_bind_int(db, load, 2, mentioned);
	if (!db_step(db, load))
		return 0;
	int64_t id = sqlite3_column_int64(load, 0);
	*created_at_ms = sqlite3_column_int64(load, 1);
	db_reset(load);
	return id;
}

/* mentioned: also one who does not exist, if he is or was a member of some chat; with the chats of accounts of that ID that were deleted. */
static enum store_rc load_user(struct store *store, const char *user_id, bool mentioned, struct user_record **record, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	int64_t created_at_ms = 0;
	struct chat_rows rows = {0};
	int64_t id = load_user_row(db, user_id, mentioned, &created_at_ms);
	if (id != 0) {
		sqlite3_stmt *load = db_statement(db, SQL_LOAD_USER_CHATS);
		db_bind_int(db, load, 1, id);
		db_bind_int(db, load, 2, mentioned);
		load_chats(db, load, &rows);
		if (rows.count > 1)
			qsort(rows.chats, rows.count, sizeof *rows.chats, newest_first);
	}
	rc = read_end(store, db, err);
	if (id == 0 || (mentioned && created_at_ms == 0 && rows.count == 0))
		rc = db_answer(rc, false, err, "user");
	else if (rc == STORE_OK)
		*record = record_copy_user(&(struct user_record){user_id, created_at_ms, rows.count, rows.chats});
	chat_rows_fini(&rows);
	return rc;
}

enum store_rc sqlite_load_user(struct store *store, const char *user_id, struct user_record **record, struct error *err)
{
	return load_user(store, user_id, false, record, err);
}

enum store_rc sqlite_load_memberships(struct store *store, const char *user_id, struct user_record **record, struct error *err)
{
	return load_user(store, user_id, true, record, err);
}

static void load_window(struct db *db, int64_t user, const struct chat_window *window, struct chat_rows *rows)
{
	sqlite3_stmt *list = db_statement(db, SQL_LIST_MEMBERSHIPS);
	db_bind_int(db, list, 1, user);
	db_bind_int(db, list, 2, window->after_id ? window->after_at_ms : INT64_MAX);
	db_bind_text(db, list, 3, window->after_id ? window->after_id : "");
	db_bind_number(db, list, 4, window->count_max + 1); /* one more, to see whether there is more */
	db_bind_number(db, list, 5, window->skip);
	load_chats(db, list, rows);
	if (rows->count > 1)
		qsort(rows->chats, rows->count, sizeof *rows->chats, newest_first);
}

enum store_rc sqlite_list_memberships(struct store *store, const char *user_id, const struct chat_window *window, struct user_record **record,
                                      bool *more, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	int64_t created_at_ms = 0;
	struct chat_rows rows = {0};
	int64_t id = load_user_row(db, user_id, false, &created_at_ms);
	if (id != 0)
		load_window(db, id, window, &rows);
	rc = read_end(store, db, err);
	if (id == 0) {
		rc = db_answer(rc, false, err, "user");
	} else if (rc == STORE_OK) {
		*more = rows.count > window->count_max;
		*record = record_copy_user(&(struct user_record){user_id, created_at_ms, *more ? window->count_max : rows.count, rows.chats});
	}
	chat_rows_fini(&rows);
	return rc;
}

enum store_rc sqlite_load_membership(struct store *store, const char *user_id, const char *chat_id, struct user_chat **membership,
                                     struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct chat_rows rows = {0};
	sqlite3_stmt *load = db_statement(db, SQL_LOAD_MEMBERSHIP);
	db_bind_text(db, load, 1, chat_id);
	db_bind_text(db, load, 2, user_id);
	load_chats(db, load, &rows);
	rc = read_end(store, db, err);
	if (rows.count == 0)
		rc = db_answer(rc, false, err, "membership");
	else if (rc == STORE_OK)
		*membership = record_copy_membership(&rows.chats[0]);
	chat_rows_fini(&rows);
	return rc;
}

enum store_rc sqlite_list_chats(struct store *store, const char *after, size_t count_max, const char *const **chat_ids, size_t *count,
                                struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	sqlite3_stmt *chats = db_statement(db, SQL_LIST_CHATS);
	db_bind_text(db, chats, 1, after);
	db_bind_number(db, chats, 2, count_max);
	return read_names(store, db, chats, chat_ids, count, err);
}

enum store_rc sqlite_list_ended(struct store *store, int64_t ended_before_ms, size_t count_max, const char *const **chat_ids, size_t *count,
                                struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	sqlite3_stmt *chats = db_statement(db, SQL_LIST_ENDED);
	db_bind_int(db, chats, 1, ended_before_ms);
	db_bind_number(db, chats, 2, count_max);
	return read_names(store, db, chats, chat_ids, count, err);
}

/* ---- transactions ---- */

enum store_rc sqlite_find_key(struct store *store, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms,
                              uint64_t *number, unsigned char key_hash[ID_BYTES], struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct chat_row chat;
	struct key_owner owner = {0};
	log_find_chat(db, chat_id, &chat);
	if (chat.id != 0)
		owner = keys_search(db, chat.id, sender_id, key, key[0] == KEY_ONCE ? since_ms : chat.latest_at_ms - KEY_AGE_MS);
	rc = read_end(store, db, err);
	if (owner.number == 0)
		return db_answer(rc, false, err, "key");
	if (rc == STORE_OK) {
		*number = owner.number;
		memcpy(key_hash, owner.key_hash, ID_BYTES);
	}
	return rc;
}

/* Rows into the page as far as its limits go. chat_id NULL: it stands behind the log's columns. Returns the position of the row that is damaged;
 * 0: none is, or nobody knows which. */
static uint64_t fill_page(struct db *db, sqlite3_stmt *rows, const char *chat_id, struct page_filler *filler)
{
	uint64_t damaged = 0;
	while (db_step(db, rows)) {
		struct transaction tx;
		log_read_row(db, rows, chat_id ? chat_id : db_text(rows, LOG_COLUMN_COUNT), &tx);
		if (db->failure != 0)
			damaged = tx.position;
		if (db->failure != 0 || !page_has_room(filler, &tx))
			break;
		page_add(filler, transaction_new(&tx));
	}
	db_reset(rows);
	return damaged;
}

/* Hands the page over, or drops it. */
static enum store_rc finish_page(struct store *store, struct db *db, struct page_filler *filler, struct page *page, struct error *err)
{
	enum store_rc rc = read_end(store, db, err);
	if (rc == STORE_OK)
		*page = filler->page;
	else
		store_page_free(&filler->page);
	return rc;
}

enum store_rc sqlite_read_page(struct store *store, const char *chat_id, uint64_t from, uint64_t to, const struct page_limits *limits,
                               struct page *page, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct chat_row chat;
	log_find_chat(db, chat_id, &chat);
	struct page_filler filler = {.page.latest = chat.latest, .limits = limits};
	if (chat.id != 0 && from <= to) {
		sqlite3_stmt *read = db_statement(db, SQL_READ_PAGE);
		db_bind_int(db, read, 1, chat.id);
		db_bind_number(db, read, 2, from);
		db_bind_number(db, read, 3, to);
		fill_page(db, read, chat_id, &filler);
	}
	return finish_page(store, db, &filler, page, err);
}

static uint64_t log_end(struct db *db)
{
	sqlite3_stmt *last = db_statement(db, SQL_LOG_END);
	uint64_t end = db_step(db, last) ? (uint64_t)sqlite3_column_int64(last, 0) : 0;
	db_reset(last);
	return end;
}

enum store_rc sqlite_tail(struct store *store, const char *writer, uint64_t position, size_t count_max, struct page *page, uint64_t *next,
                          struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (rc == STORE_CORRUPT)
		*next = position;
	if (db == NULL)
		return rc;
	struct page_filler filler = {.limits = &(struct page_limits){.count_max = count_max, .bytes_max = SIZE_MAX}};
	uint64_t end = position > 0 ? log_end(db) + 1 : 0, damaged = 0;
	sqlite3_stmt *find = db_statement(db, SQL_FIND_WRITER);
	db_bind_text(db, find, 1, writer);
	if (db_step(db, find)) {
		int64_t id = sqlite3_column_int64(find, 0);
		db_reset(find);
		sqlite3_stmt *tail = db_statement(db, SQL_TAIL);
		db_bind_int(db, tail, 1, id);
		db_bind_number(db, tail, 2, position);
		damaged = fill_page(db, tail, NULL, &filler);
	}
	if (filler.page.count > 0 && db_is_corrupt(db))
		db->failure = 0; /* the next page begins there */
	rc = finish_page(store, db, &filler, page, err);
	if (rc == STORE_CORRUPT)
		*next = damaged >= position && damaged > 0 ? damaged + 1 : position;
	if (rc == STORE_OK) /* one at a time writes, so nothing older comes later; what others wrote up to the end need not be looked through again */
		*next = page->count > 0 ? page->transactions[page->count - 1]->position + 1 : end;
	return rc;
}
