/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_SQLITE_DB_H
#define HC_STORAGE_SQLITE_DB_H
/* One connection, its statements, and one place for what went wrong. For the files of this folder only.
 *
 * The first failure of an operation sticks: whatever is called afterwards does nothing (db_step says that there is no row), until
 * db_result takes the failure out. So no code is ever lost, and the operations read without a check a line.
 *
 * A connection is used by one thread at a time. */

#include <sqlite3.h>

#include "storage/store.h"

enum statement {
	SQL_BEGIN_READ,
	SQL_BEGIN_WRITE,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_FIND_CHAT,
	SQL_ADD_CHAT,
	SQL_SET_CHAT,
	SQL_SET_GROUP,
	SQL_READ_INFO,
	SQL_ADD_INFO,
	SQL_ERASE_INFO,
	SQL_FIND_USER,
	SQL_ADD_USER,
	SQL_PUT_USER,
	SQL_FIND_WRITER,
	SQL_ADD_WRITER,
	SQL_FIND_NUMBER,
	SQL_ADD_LOG,
	SQL_LOG_END,
	SQL_NEXT_RUN,
	SQL_LOAD_RUNS,
	SQL_READ_RUN,
	SQL_SET_FILTER,
	SQL_ADD_RUN,
	SQL_READ_KEYS,
	SQL_ADD_KEY,
	SQL_FIND_KEY,
	SQL_FIND_KEY_IN_RUNS,
	SQL_READ_KEY,
	SQL_SEARCH_KEY,
	SQL_FIND_MEMBER,
	SQL_JOIN_MEMBER,
	SQL_SET_ROLE,
	SQL_KEEP_MEMBERSHIP,
	SQL_END_MEMBERSHIP,
	SQL_FORGET_MEMBER,
	SQL_FORGET_EARLIER,
	SQL_LOAD_EARLIER,
	SQL_PUT_MUTE,
	SQL_PUT_RECEIPT,
	SQL_LOAD_MEMBERS,
	SQL_LOAD_USER,
	SQL_LOAD_USER_CHATS,
	SQL_LOAD_MEMBERSHIP,
	SQL_LIST_MEMBERSHIPS,
	SQL_READ_NUMBER,
	SQL_READ_PAGE,
	SQL_TAIL,
	SQL_EDITS,
	SQL_EDITS_UP_TO,
	SQL_FIRST_DELETION,
	SQL_LOOK,
	SQL_LATEST_TEXT,
	SQL_USER_NAME,
	SQL_LIST_CHATS,
	SQL_LIST_ENDED,
	SQL_CHANGES,
	SQL_TEXTS,
	SQL_FIND_SENDER,
	SQL_ERASE_BODY,
	SQL_ERASE_QUOTE,
	SQL_FIND_ERASURE,
	SQL_SET_ERASURE,
	SQL_END_ERASURE,
	SQL_OLD_RUN,
	SQL_PRUNE_KEYS,
	SQL_DROP_RUN,

	SQL_LOAD_DEVICE,
	SQL_LOAD_CURSORS,
	SQL_PUT_DEVICE,
	SQL_PUT_DEVICE_SEEN,
	SQL_PUT_CURSOR,
	SQL_FIND_DEVICE,
	SQL_ADD_DEVICE,
	SQL_PUT_TOKEN_END,
	SQL_FIND_REGISTRATION,
	SQL_ADD_REGISTRATION,
	SQL_EMPTY_REGISTRATION,
	SQL_TAKE_PUSH_TOKEN,
	SQL_LIST_DEVICES,
	SQL_LIST_PUSH_TARGETS,
	SQL_OLD_DEVICES,
	SQL_PRUNE_CURSORS,
	SQL_DROP_DEVICE,
	SQL_PUT_REVOCATION,
	SQL_LOWER_REVOCATION,
	SQL_LIST_REVOCATIONS,
	SQL_PRUNE_REVOCATIONS,
	SQL_PUT_AUDIT,
	SQL_LIST_AUDIT,
	SQL_PRUNE_AUDIT,
	SQL_FIND_SIGNING_KEY,
	SQL_ADD_SIGNING_KEY,
	SQL_LIST_SIGNING_KEYS,
	SQL_DROP_SIGNING_KEY,

	SQL_FIND_PERSON,
	SQL_LOAD_PROFILE,
	SQL_ADD_PROFILE,
	SQL_EMPTY_PROFILE,
	SQL_PUT_LAST_SEEN,
	SQL_FIND_SHARED,
	SQL_FIND_ICON,
	SQL_ADD_ICON,
	SQL_ADD_ICON_DATA,
	SQL_CHECK_ICON,
	SQL_LOAD_ICON,
	SQL_ICONS_DUE,
	SQL_IS_ICON_NAMED,
	SQL_DROP_ICON,
	SQL_EMPTY_ICON,
	SQL_ADD_FAVORITE,
	SQL_DROP_FAVORITE,
	SQL_LOAD_FAVORITES,
	SQL_LAST_BLOCK,
	SQL_BLOCK_TOUCHES,
	SQL_ADD_BLOCK,
	SQL_END_BLOCK,
	SQL_DROP_BLOCK,
	SQL_LOAD_BLOCKS,
	SQL_FIND_INVITATION,
	SQL_ADD_INVITATION,
	SQL_IS_USED,
	SQL_ADD_USE,
	SQL_TAKE_USE,
	SQL_DROP_USES,
	SQL_REVOKE_INVITATIONS,
	SQL_DROP_INVITATIONS,
	SQL_PRUNE_USES,
	SQL_PRUNE_INVITATIONS,
	SQL_LOAD_ACCOUNT,
	SQL_LOAD_NAMED_ICON,
	SQL_END_FAVORITES,
	SQL_END_FAVORITE_OF,
	SQL_END_BLOCKS,
	SQL_END_USES,
	SQL_END_REGISTRATIONS,
	SQL_END_CURSORS,
	SQL_END_DEVICES,
	SQL_END_MUTES,
	SQL_END_ACCOUNT,
	SQL_LIST_DELETED,
	SQL_FINISH_DELETION,

	SQL_LIST_WRITERS,
	SQL_PUT_PLACE,
	SQL_LOAD_PLACE,
	SQL_LIST_PLACES,
	SQL_TAKE_LEASE,
	SQL_PRUNE_LEASES,
	SQL_FIND_CHAT_KEY,
	SQL_ADD_CHAT_KEY,
	SQL_END_CHAT_KEY,
	SQL_ADD_NOTICE,
	SQL_READ_NOTICES,
	SQL_LAST_NOTICE,
	SQL_PRUNE_NOTICES,

	SQL_LIST_USERS,
	SQL_LIST_INVITATIONS,
	SQL_LIST_USES,
	SQL_ADOPT,
	SQL_DROP_MEMBERS,
	SQL_DROP_MEMBERSHIPS,
	SQL_IMPORT_MEMBER,
	SQL_IMPORT_MEMBERSHIP,

	STATEMENT_COUNT
};

extern const char *const sqlite_statements[STATEMENT_COUNT]; /* sql.c */
extern const char *const sqlite_migrations[];                /* made from schema/sqlite */
extern const int sqlite_schema_version;                      /* how many there are */

struct db {
	sqlite3 *handle; /* NULL: not open */
	sqlite3_stmt *statements[STATEMENT_COUNT]; /* prepared at first use, kept */
	struct user_cache *users; /* log.c's; of a writing connection; goes with the connection or a rollback */
	struct key_cache *keys;   /* keys.c's; likewise */
	int failure;     /* SQLite's extended code, 0: none */
	char text[ERROR_TEXT_SIZE];
};

enum db_use {
	DB_COMMIT, /* writes, and most often little: through walfile.h */
	DB_WRITE,
	DB_READ,
};

/* Opens an existing file. Not open afterwards when it fails. */
enum store_rc db_open(struct db *db, const char *path, enum db_use use, struct error *err);
void db_close(struct db *db); /* a zeroed one is fine */
/* The same for a file that is not ours to change: what a process that ended badly left in its WAL stays there. */
void db_leave(struct db *db);

/* A statement, reset and ready to be bound; NULL after a failure, which the functions below take. */
sqlite3_stmt *db_statement(struct db *db, enum statement which);
void db_bind_int(struct db *db, sqlite3_stmt *statement, int index, int64_t value);
void db_bind_number(struct db *db, sqlite3_stmt *statement, int index, uint64_t value); /* held to what SQLite can count to */
void db_bind_text(struct db *db, sqlite3_stmt *statement, int index, const char *text); /* NULL too; not copied, as all below */
void db_bind_bytes(struct db *db, sqlite3_stmt *statement, int index, const void *bytes, size_t len);

/* true: there is a row to read. false: no more, or a failure; the statement is reset. */
bool db_step(struct db *db, sqlite3_stmt *statement);
/* Ends a statement that may have more rows. */
void db_reset(sqlite3_stmt *statement);
/* For statements without rows. */
void db_run(struct db *db, sqlite3_stmt *statement);
void db_run_simple(struct db *db, enum statement which);
void db_run_for(struct db *db, enum statement which, int64_t id); /* its one parameter */
/* SQL of our own without parameters or rows that anyone wants. */
void db_exec(struct db *db, const char *sql);
/* The first column of the first row of it; `missing` when there is none. */
int64_t db_ask_int(struct db *db, const char *sql, int64_t missing);

/* SQLite's integrity check. false: it found something, or a failure. What could not be read now is a failure, and nothing against the file. */
bool db_is_sound(struct db *db, char *finding, size_t size);

/* The text of a column, "" for NULL; until the next step. */
const char *db_text(sqlite3_stmt *statement, int column);
/* Exactly `len` bytes, or a failure. */
void db_read_bytes(struct db *db, sqlite3_stmt *statement, int column, void *bytes, size_t len);

void keys_free(struct key_cache *keys); /* NULL is fine */

void db_fail(struct db *db, int code, const char *text);
/* Whether the failure says that what is stored is damaged. */
bool db_is_corrupt(const struct db *db);
/* Takes the failure out: translated, with its text in err. STORE_OK when there was none. */
enum store_rc db_result(struct db *db, struct error *err);
/* What an operation says that looked for something: rc, or NOT_FOUND where that is OK and nothing was found. */
enum store_rc db_answer(enum store_rc rc, bool found, struct error *err, const char *what);

#endif
