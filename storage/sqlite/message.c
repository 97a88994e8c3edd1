/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Messages as a reader has them: one with what became of it, and what a list shows of a chat; each in a snapshot of its own. Any thread,
 * with a reading connection. */
#include <stdlib.h>
#include <string.h>

#include "storage/record.h"
#include "storage/sqlite/handle.h"

/* ---- one message ---- */

static struct message_state read_state(struct db *db, const char *chat_id, int64_t chat, uint64_t number)
{
	struct message_state state = {.message = log_read_one(db, SQL_READ_NUMBER, chat_id, chat, number)};
	if (state.message == NULL || state.message->type != TX_MESSAGE) {
		message_state_free(&state);
		return state;
	}
	state.edit = log_read_one(db, SQL_EDITS, chat_id, chat, number);
	state.deletion = log_read_one(db, SQL_FIRST_DELETION, chat_id, chat, number);
	return state;
}

enum store_rc sqlite_read_message(struct store *store, const char *chat_id, uint64_t number, struct message_state *state, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct chat_row chat;
	struct message_state found = {0};
	log_find_chat(db, chat_id, &chat);
	if (chat.id != 0 && number <= chat.latest)
		found = read_state(db, chat_id, chat.id, number);
	rc = db_answer(read_end(store, db, err), found.message != NULL, err, "message");
	if (rc == STORE_OK)
		*state = found;
	else
		message_state_free(&found);
	return rc;
}

/* ---- the edits of several ---- */

struct reader {
	const struct user_chat *membership;
	const struct block *blocks;
	size_t block_count;
};

/* The newest that he sees; NULL: none. Those behind his end are not decoded: one of them may be damaged. */
static struct transaction *read_seen_edit(struct db *db, const struct reader *reader, int64_t chat, uint64_t number)
{
	struct transaction row, *edit = NULL;
	sqlite3_stmt *read = db_statement(db, SQL_EDITS_UP_TO);
	db_bind_int(db, read, 1, chat);
	db_bind_number(db, read, 2, number);
	db_bind_number(db, read, 3, membership_end(reader->membership));
	while (edit == NULL && db_step(db, read)) {
		log_read_row(db, read, reader->membership->chat_id, &row);
		if (db->failure == 0 && membership_shows_now(reader->membership, reader->blocks, reader->block_count, &row))
			edit = transaction_new(&row);
	}
	db_reset(read);
	return edit;
}

enum store_rc sqlite_read_edits(struct store *store, const struct user_chat *membership, const struct block *blocks, size_t block_count,
                                const uint64_t *numbers, size_t number_count, struct transaction **edits, struct error *err)
{
	enum store_rc rc = STORE_OK;
	const struct reader reader = {membership, blocks, block_count};
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct transaction **found = mem_zero(number_count * sizeof *found);
	struct chat_row chat;
	log_find_chat(db, membership->chat_id, &chat);
	for (size_t i = 0; chat.id != 0 && i < number_count; i++)
		found[i] = read_seen_edit(db, &reader, chat.id, numbers[i]);
	rc = read_end(store, db, err);
	for (size_t i = 0; i < number_count; i++) {
		if (rc == STORE_OK)
			edits[i] = found[i];
		else
			transaction_free(found[i]);
	}
	free(found);
	return rc;
}

/* ---- summaries ---- */

/* Somebody who looks through a chat, from its newest end. */
struct look {
	struct db *db;
	int64_t chat, user;
	const struct user_chat *membership;
	const struct block *blocks;
	size_t block_count;
	const char *mention;
	size_t looked;
	uint64_t last; /* number of the last message, 0: none yet */
	struct chat_summary summary;
};

/* Most messages in a row are of one sender, so his name is looked up once. */
struct sender_name {
	int64_t id;
	char text[USER_ID_MAX + 1];
};

static void name_sender(struct db *db, int64_t id, struct sender_name *name)
{
	if (name->id == id)
		return;
	sqlite3_stmt *find = db_statement(db, SQL_USER_NAME);
	db_bind_int(db, find, 1, id);
	const char *text = db_step(db, find) ? db_text(find, 0) : "";
	size_t len = strlen(text);
	name->id = id;
	memcpy(name->text, text, len < sizeof name->text ? len + 1 : 1);
	db_reset(find);
}

static bool is_blocked(struct look *look, sqlite3_stmt *row, struct sender_name *name)
{
	if (look->block_count == 0)
		return false;
	name_sender(look->db, sqlite3_column_int64(row, 2), name);
	return blocks_contain(look->blocks, look->block_count, name->text, sqlite3_column_int64(row, 1));
}

/* NULL also for one that the reader does not see. */
static struct transaction *read_shown_edit(const struct look *look, uint64_t number)
{
	struct transaction *edit = log_read_one(look->db, SQL_EDITS, look->membership->chat_id, look->chat, number);
	if (edit == NULL || membership_shows(look->membership, look->blocks, look->block_count, edit))
		return edit;
	transaction_free(edit);
	return NULL;
}

static bool mentions_before_block(const struct look *look, uint64_t number)
{
	struct transaction *tx = read_shown_edit(look, number);
	if (tx == NULL)
		tx = log_read_one(look->db, SQL_READ_NUMBER, look->membership->chat_id, look->chat, number);
	bool found = tx != NULL && tx->body.text != NULL && text_mentions(tx->body.text, look->mention);
	transaction_free(tx);
	return found;
}

/* What is unread was written since he is a member, and so were its edits; but some may be of the time of a block. */
static bool mentions(const struct look *look, uint64_t number)
{
	if (look->block_count > 0)
		return mentions_before_block(look, number);
	sqlite3_stmt *read = db_statement(look->db, SQL_LATEST_TEXT);
	db_bind_int(look->db, read, 1, look->chat);
	db_bind_number(look->db, read, 2, number);
	bool found = db_step(look->db, read) && text_mentions(db_text(read, 0), look->mention);
	db_reset(read);
	return found;
}

static void count_message(struct look *look, sqlite3_stmt *row, uint64_t number)
{
	struct chat_summary *summary = &look->summary;
	if (look->last == 0)
		look->last = number;
	if (number <= look->membership->read || sqlite3_column_int64(row, 2) == look->user || summary->unread == SUMMARY_UNREAD_MAX)
		return;
	summary->unread++;
	if (look->mention && !summary->mentioned && summary->unread <= SUMMARY_MENTION_MAX)
		summary->mentioned = mentions(look, number);
}

/* Nothing that comes further down can change the summary. */
static bool has_seen_enough(const struct look *look, uint64_t number)
{
	return look->looked == SUMMARY_LOOK_MAX ||
		(look->last != 0 && (number <= look->membership->read || look->summary.unread == SUMMARY_UNREAD_MAX));
}

/* Both ends included, from the upper one down. false: there is no need to look further. */
static bool look_through(struct look *look, uint64_t from, uint64_t to)
{
	struct sender_name name = {0};
	bool enough = false;
	sqlite3_stmt *rows = db_statement(look->db, SQL_LOOK);
	db_bind_int(look->db, rows, 1, look->chat);
	db_bind_number(look->db, rows, 2, from);
	db_bind_number(look->db, rows, 3, to);
	while (!enough && db_step(look->db, rows)) {
		uint64_t number = (uint64_t)sqlite3_column_int64(rows, 0);
		if (sqlite3_column_int(rows, 3) != 0 && !is_blocked(look, rows, &name))
			count_message(look, rows, number);
		look->looked++;
		enough = has_seen_enough(look, number);
	}
	db_reset(rows);
	return !enough && look->db->failure == 0;
}

static uint64_t end_of(const struct interval *interval)
{
	return interval->to ? interval->to : INT64_MAX;
}

static void summarise(struct look *look)
{
	const struct user_chat *membership = look->membership;
	size_t i = membership->interval_count;
	if (membership->history_all && membership->role != ROLE_NONE)
		look_through(look, 1, INT64_MAX);
	else
		while (i > 0 && look_through(look, membership->intervals[i - 1].from, end_of(&membership->intervals[i - 1])))
			i--;
	if (look->last == 0)
		return;
	look->summary.last_message = log_read_one(look->db, SQL_READ_NUMBER, membership->chat_id, look->chat, look->last);
	look->summary.last_edit = read_shown_edit(look, look->last);
}

enum store_rc sqlite_read_summary(struct store *store, const char *user_id, const struct user_chat *membership, const struct block *blocks,
                                  size_t block_count, const char *mention, struct chat_summary *summary, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct look look = {.membership = membership, .blocks = blocks, .block_count = block_count, .mention = mention};
	look.db = read_begin(store, &rc, err);
	if (look.db == NULL)
		return rc;
	struct chat_row chat;
	log_find_chat(look.db, membership->chat_id, &chat);
	if (chat.id != 0) {
		look.chat = chat.id;
		look.user = log_find_user(look.db, user_id);
		summarise(&look);
	}
	rc = db_answer(read_end(store, look.db, err), chat.id != 0, err, "chat");
	if (rc == STORE_OK)
		*summary = look.summary;
	else
		chat_summary_fini(&look.summary);
	return rc;
}
