/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Erasing texts. An erased one becomes NULL where it is: a row that gets smaller stays in its page, and secure_delete clears what it
 * leaves there; so neither it nor its neighbours leave a copy anywhere in the file (schema/sqlite says more). What the WAL still has goes
 * with the next checkpoint: write_erased. Writer threads, with the writing connection. */
#include <stdlib.h>
#include <string.h>

#include "storage/sqlite/handle.h"

/* One piece of sqlite_erase: what it looks at, what it erases at most; so that appends never wait long for it. */
enum { ERASE_LOOK = 4000, ERASE_ROWS = 250 };

/* ---- rows ---- */

static void erase_text(struct db *db, enum statement which, int64_t chat, const struct transaction *erased, const struct sealed *sealed)
{
	sqlite3_stmt *erase = db_statement(db, which);
	db_bind_int(db, erase, 1, chat);
	db_bind_number(db, erase, 2, erased->number);
	db_bind_bytes(db, erase, 3, sealed->salt, sizeof sealed->salt);
	if (which == SQL_ERASE_BODY)
		db_bind_bytes(db, erase, 4, erased->key_hash, sizeof erased->key_hash);
	db_run(db, erase);
}

/* Texts of one transaction that are to go. */
struct erasable {
	uint64_t number;
	bool body, quote;
};

static void erase_row(struct db *db, const char *chat_id, int64_t chat, const struct erasable *what)
{
	struct transaction *tx = log_read_one(db, SQL_READ_NUMBER, chat_id, chat, what->number);
	if (tx == NULL)
		return; /* a failure, which sticks */
	struct transaction *erased = transaction_erased(tx, what->body, what->quote);
	if (erased->body.erased)
		erase_text(db, SQL_ERASE_BODY, chat, erased, &erased->body);
	if (erased->quote.erased)
		erase_text(db, SQL_ERASE_QUOTE, chat, erased, &erased->quote);
	transaction_free(erased);
	transaction_free(tx);
}

/* Found first and erased then: what a statement reads should not change below it. */
struct erasables {
	struct erasable *items;
	size_t count;
};

static void erasables_add(struct erasables *list, uint64_t number, bool body, bool quote)
{
	if ((list->count & (list->count - 1)) == 0) /* full at 0 and at every power of two */
		list->items = mem_grow(list->items, (list->count ? list->count * 2 : 1) * sizeof *list->items);
	list->items[list->count++] = (struct erasable){number, body, quote};
}

static void erase_rows(struct db *db, const char *chat_id, int64_t chat, struct erasables *list)
{
	for (size_t i = 0; i < list->count; i++)
		erase_row(db, chat_id, chat, &list->items[i]);
	free(list->items);
}

/* ---- one message, deleted ---- */

static bool is_message(struct db *db, const char *chat_id, int64_t chat, uint64_t number)
{
	struct transaction *tx = log_read_one(db, SQL_READ_NUMBER, chat_id, chat, number);
	bool message = tx != NULL && tx->type == TX_MESSAGE;
	transaction_free(tx);
	return message;
}

void erase_deleted(struct db *db, const char *chat_id, int64_t chat, uint64_t target, bool quotes)
{
	struct erasables list = {0};
	if (!is_message(db, chat_id, chat, target))
		return;
	erasables_add(&list, target, true, true);
	sqlite3_stmt *changes = db_statement(db, SQL_CHANGES);
	db_bind_int(db, changes, 1, chat);
	db_bind_number(db, changes, 2, target);
	while (db_step(db, changes)) {
		bool edit = sqlite3_column_int(changes, 1) == TX_EDIT;
		if (edit || quotes)
			erasables_add(&list, (uint64_t)sqlite3_column_int64(changes, 0), edit, !edit);
	}
	erase_rows(db, chat_id, chat, &list);
}

/* ---- a sender, a chat ---- */

/* An erasure on its way through a log. */
struct passage {
	struct db *db;
	struct chat_row chat;
	int64_t sender;  /* 0: everybody's */
	uint64_t number; /* it has come so far */
	struct erasables found;
};

static bool is_quote_of(struct passage *passage, uint64_t target)
{
	sqlite3_stmt *find = db_statement(passage->db, SQL_FIND_SENDER);
	db_bind_int(passage->db, find, 1, passage->chat.id);
	db_bind_number(passage->db, find, 2, target);
	bool his = db_step(passage->db, find) && sqlite3_column_int64(find, 0) == passage->sender;
	db_reset(find);
	return his;
}

static void look_at(struct passage *passage, sqlite3_stmt *row)
{
	int type = sqlite3_column_int(row, 1);
	bool all = passage->sender == 0, has_body = sqlite3_column_int(row, 4) != 0, has_quote = sqlite3_column_int(row, 5) != 0;
	bool his = (type == TX_MESSAGE || type == TX_EDIT) && sqlite3_column_int64(row, 2) == passage->sender;
	bool body = has_body && (all || his);
	bool quote = has_quote && (all || his || is_quote_of(passage, (uint64_t)sqlite3_column_int64(row, 3)));
	passage->number = (uint64_t)sqlite3_column_int64(row, 0);
	if (body || quote)
		erasables_add(&passage->found, passage->number, body, quote);
}

/* true: the end of the log was reached. */
static bool look(struct passage *passage)
{
	size_t looked = 0;
	sqlite3_stmt *texts = db_statement(passage->db, SQL_TEXTS);
	db_bind_int(passage->db, texts, 1, passage->chat.id);
	db_bind_number(passage->db, texts, 2, passage->number);
	db_bind_int(passage->db, texts, 3, ERASE_LOOK);
	while (passage->found.count < ERASE_ROWS && db_step(passage->db, texts)) {
		look_at(passage, texts);
		looked++;
	}
	db_reset(texts);
	return passage->found.count < ERASE_ROWS && looked < ERASE_LOOK;
}

static void run_with_passage(const struct passage *passage, enum statement which)
{
	sqlite3_stmt *statement = db_statement(passage->db, which);
	db_bind_int(passage->db, statement, 1, passage->chat.id);
	db_bind_int(passage->db, statement, 2, passage->sender);
	if (which == SQL_SET_ERASURE)
		db_bind_number(passage->db, statement, 3, passage->number);
	db_run(passage->db, statement);
}

static uint64_t find_passage(const struct passage *passage)
{
	sqlite3_stmt *find = db_statement(passage->db, SQL_FIND_ERASURE);
	db_bind_int(passage->db, find, 1, passage->chat.id);
	db_bind_int(passage->db, find, 2, passage->sender);
	uint64_t number = db_step(passage->db, find) ? (uint64_t)sqlite3_column_int64(find, 0) : 0;
	db_reset(find);
	return number;
}

static void finish(struct passage *passage)
{
	run_with_passage(passage, SQL_END_ERASURE);
	if (passage->sender != 0)
		return;
	log_set_info(passage->db, &passage->chat, "", "");
	shared_end_chat_key(passage->db, passage->chat.id);
	passage->chat.erased = passage->chat.ended;
	log_save_group(passage->db, &passage->chat);
}

/* true: there is more to do. */
static bool erase_piece(struct passage *passage, const char *chat_id)
{
	passage->number = find_passage(passage);
	bool done = look(passage);
	erase_rows(passage->db, chat_id, passage->chat.id, &passage->found);
	if (done)
		finish(passage);
	else
		run_with_passage(passage, SQL_SET_ERASURE);
	return !done;
}

enum store_rc sqlite_erase(struct store *store, const char *chat_id, const char *sender_id, bool *more, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct passage passage = {.db = write_begin(store, &rc, err)};
	if (passage.db == NULL)
		return rc;
	bool goes_on = false;
	log_find_chat(passage.db, chat_id, &passage.chat);
	passage.sender = sender_id ? log_find_user(passage.db, sender_id) : 0;
	if (passage.chat.id != 0 && (sender_id == NULL || passage.sender != 0))
		goes_on = erase_piece(&passage, chat_id);
	rc = write_end(store, passage.db, err);
	if (rc == STORE_OK || rc == STORE_UNKNOWN)
		write_erased(store);
	if (rc == STORE_OK)
		*more = goes_on;
	return rc;
}
