/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See rechain.h. What fills a missing number is a membership transaction whose text was erased: it says nothing, clients get it as void, and who
 * folds the log knows that it cannot be asked for members any more. */
#include "storage/sqlite/rechain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/sqlite/loose.h"

#define NOBODY "hyperchatctl" /* who wrote what fills a gap */

enum { GAP_MAX = 100000 }; /* more than that is a number that was damaged, unless the chat's row says that there were so many */

struct chain {
	struct db *db;
	struct sqlite_salvage *salvage;
	int64_t chat;
	char chat_id[CHAT_ID_MAX + 1];
	uint64_t said;   /* the latest number by the chat's row; 0: that cannot be read */
	uint64_t number; /* of the last one that holds */
	unsigned char head[HEAD_BYTES];
	int64_t at_ms;
	uint64_t filled, changed; /* how many; numbers of the first: */
	uint64_t first_filled, first_changed;
	int64_t nobody, writer;
	int64_t *new_from; /* the lowest id of what was filled in, in any chat */
};

/* ---- names that are lost ---- */

static void name_lost(struct db *db, struct sqlite_salvage *salvage, const char *what, const char *sql)
{
	int64_t before = sqlite3_total_changes(db->handle);
	db_exec(db, sql);
	int64_t lost = sqlite3_total_changes(db->handle) - before;
	if (lost > 0)
		salvage_tell(salvage, "the names of %" PRId64 " %s are lost; they are called lost-<number> now", lost, what);
}

static void name_all(struct db *db, struct sqlite_salvage *salvage)
{
	name_lost(db, salvage, "users", loose_users);
	name_lost(db, salvage, "writers",
		"INSERT OR IGNORE INTO writer (id, name) SELECT DISTINCT writer, 'lost-' || writer FROM log WHERE writer NOT IN (SELECT id FROM writer)");
	name_lost(db, salvage, "chats",
		"INSERT OR IGNORE INTO chat (id, name, latest, head, latest_at, ended) "
		"SELECT DISTINCT chat, 'lost-' || chat, 0, zeroblob(16), 0, 0 FROM log WHERE chat NOT IN (SELECT id FROM chat)");
}

/* ---- one chat ---- */

static void fill(struct chain *chain)
{
	struct transaction tx = {.chat_id = chain->chat_id, .number = chain->number + 1, .type = TX_MEMBER_ADDED, .sender_id = NOBODY,
		.at_ms = chain->at_ms, .body = {.present = true, .erased = true}};
	sqlite3_stmt *find = NULL;
	char writer[WRITER_MAX + 1] = "";
	int code = sqlite3_prepare_v2(chain->db->handle, "SELECT name FROM writer WHERE id = ?1", -1, &find, NULL);
	if (code != SQLITE_OK)
		db_fail(chain->db, code, sqlite3_errmsg(chain->db->handle));
	db_bind_int(chain->db, find, 1, chain->writer);
	if (db_step(chain->db, find))
		snprintf(writer, sizeof writer, "%s", db_text(find, 0));
	sqlite3_finalize(find);
	tx.writer = writer;
	id_random(tx.body.salt, sizeof tx.body.salt);
	transaction_head(&tx, chain->head, tx.head);
	int64_t row = log_add_row(chain->db, &tx, chain->chat, chain->nobody, chain->writer);
	if (row < *chain->new_from)
		*chain->new_from = row;
	memcpy(chain->head, tx.head, HEAD_BYTES);
	chain->number++;
	if (chain->filled++ == 0)
		chain->first_filled = chain->number;
}

static void set_head(struct chain *chain, uint64_t number, const unsigned char head[HEAD_BYTES])
{
	sqlite3_stmt *set = NULL;
	int code = sqlite3_prepare_v2(chain->db->handle, "UPDATE log SET head = ?3 WHERE chat = ?1 AND number = ?2", -1, &set, NULL);
	if (code != SQLITE_OK)
		db_fail(chain->db, code, sqlite3_errmsg(chain->db->handle));
	db_bind_int(chain->db, set, 1, chain->chat);
	db_bind_number(chain->db, set, 2, number);
	db_bind_bytes(chain->db, set, 3, head, HEAD_BYTES);
	db_run(chain->db, set);
	sqlite3_finalize(set);
}

/* What it says is kept; only that it follows is made so. */
static void follow(struct chain *chain, const struct transaction *tx)
{
	transaction_head(tx, chain->head, chain->head);
	if (memcmp(chain->head, tx->head, HEAD_BYTES) != 0) {
		if (chain->changed++ == 0)
			chain->first_changed = tx->number;
		set_head(chain, tx->number, chain->head);
	}
	chain->number = tx->number;
	chain->at_ms = tx->at_ms;
}

static void remove_rows(struct chain *chain, const char *what, uint64_t number)
{
	char sql[120];
	snprintf(sql, sizeof sql, "DELETE FROM log WHERE chat = %" PRId64 " AND number %s %" PRIu64, chain->chat, what, number);
	db_exec(chain->db, sql);
}

/* Of a row that is damaged the read fails, which is no failure of the database. */
static struct transaction *read_number(struct chain *chain, uint64_t number)
{
	struct transaction *tx = log_read_one(chain->db, SQL_READ_NUMBER, chain->chat_id, chain->chat, number);
	if (chain->db->failure == SQLITE_CORRUPT || chain->db->failure == SQLITE_MISMATCH)
		db_result(chain->db, NULL);
	if (tx == NULL || transaction_makes_sense(tx))
		return tx;
	transaction_free(tx);
	return NULL;
}

static uint64_t next_number(struct chain *chain)
{
	char sql[120];
	snprintf(sql, sizeof sql, "SELECT number FROM log WHERE chat = %" PRId64 " AND number > %" PRIu64 " ORDER BY number LIMIT 1", chain->chat,
		chain->number);
	return (uint64_t)db_ask_int(chain->db, sql, 0);
}

static void walk(struct chain *chain)
{
	for (uint64_t next; chain->db->failure == 0 && (next = next_number(chain)) != 0;) {
		if (next - chain->number > GAP_MAX && next > chain->said) {
			remove_rows(chain, ">=", next);
			salvage_tell(chain->salvage, "chat %s: what stands from number %" PRIu64 " on is too far behind %" PRIu64 ", and is left out", chain->chat_id,
				next, chain->number);
			return;
		}
		struct transaction *tx = read_number(chain, next);
		if (tx == NULL) {
			remove_rows(chain, "=", next);
			salvage_tell(chain->salvage, "chat %s: what stands at number %" PRIu64 " makes no sense and is left out", chain->chat_id, next);
			continue;
		}
		while (chain->number + 1 < next && chain->db->failure == 0)
			fill(chain);
		follow(chain, tx);
		transaction_free(tx);
	}
}

static void save_chat(struct chain *chain)
{
	sqlite3_stmt *set = db_statement(chain->db, SQL_SET_CHAT);
	db_bind_int(chain->db, set, 1, chain->chat);
	db_bind_number(chain->db, set, 2, chain->number);
	db_bind_bytes(chain->db, set, 3, chain->head, sizeof chain->head);
	db_bind_int(chain->db, set, 4, chain->at_ms);
	db_run(chain->db, set);
}

static void say(struct chain *chain)
{
	struct sqlite_salvage *salvage = chain->salvage;
	if (chain->filled > 0)
		salvage_tell(salvage, "chat %s: %" PRIu64 " numbers from %" PRIu64 " on are lost, and void now", chain->chat_id, chain->filled, chain->first_filled);
	if (chain->said > chain->number)
		salvage_tell(salvage, "chat %s: numbers %" PRIu64 " to %" PRIu64 ", its last, are lost", chain->chat_id, chain->number + 1, chain->said);
	if (chain->changed > 0 && chain->filled == 0)
		salvage_tell(salvage, "chat %s: number %" PRIu64 " is not what it was: the hash chain broke there", chain->chat_id, chain->first_changed);
	salvage->changed = salvage->changed || chain->filled > 0 || chain->changed > 0 || chain->said > chain->number;
}

/* like: what is the same for all. */
static void rechain_chat(const struct chain *like, const char *chat_id)
{
	struct chat_row chat;
	struct chain chain = *like;
	snprintf(chain.chat_id, sizeof chain.chat_id, "%s", chat_id);
	log_find_chat(chain.db, chat_id, &chat);
	chain.chat = chat.id;
	chain.said = chat.latest <= INT64_MAX ? chat.latest : 0;
	walk(&chain);
	save_chat(&chain);
	say(&chain);
}

/* ---- all of them ---- */

static int64_t add_once(struct db *db, const char *add, const char *find)
{
	db_exec(db, add);
	return db_ask_int(db, find, 0);
}

void rechain(struct db *db, struct sqlite_salvage *salvage)
{
	sqlite3_stmt *chats = NULL;
	name_all(db, salvage);
	int64_t users = sqlite3_total_changes(db->handle);
	int64_t nobody = add_once(db, "INSERT OR IGNORE INTO user (name) VALUES ('" NOBODY "')", "SELECT id FROM user WHERE name = '" NOBODY "'");
	bool added_nobody = sqlite3_total_changes(db->handle) > users;
	int64_t writer = add_once(db, "INSERT OR IGNORE INTO writer (name) SELECT writer FROM store",
		"SELECT w.id FROM writer w JOIN store s ON s.writer = w.name");
	int64_t new_from = INT64_MAX;
	const struct chain like = {.db = db, .salvage = salvage, .nobody = nobody, .writer = writer, .new_from = &new_from};
	int code = sqlite3_prepare_v2(db->handle, "SELECT name FROM chat ORDER BY id", -1, &chats, NULL);
	if (code != SQLITE_OK)
		db_fail(db, code, sqlite3_errmsg(db->handle));
	while (db_step(db, chats))
		rechain_chat(&like, db_text(chats, 0));
	sqlite3_finalize(chats);
	if (added_nobody)
		db_exec(db, "DELETE FROM user WHERE name = '" NOBODY "' AND id NOT IN (SELECT sender FROM log)");
	db_exec(db, "DELETE FROM chat WHERE latest = 0");
	loose_tie(db, salvage, new_from);
}
