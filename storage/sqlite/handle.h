/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_SQLITE_HANDLE_H
#define HC_STORAGE_SQLITE_HANDLE_H
/* An open SQLite store: who has which connection when. For the files of this folder only. */

#include <pthread.h>
#include <stdatomic.h>

#include "storage/sqlite/db.h"

enum { READERS_MAX = 8 };

struct sqlite_store {
	const struct store_ops *ops;
	char *path;
	struct store_info info; /* changes by adopt only, which comes alone */

	/* Open from the first to the last, and idle. The index of the WAL lives as long as any connection, and knows only what was synced; where it is
	 * made anew, it is from what can be read of the WAL, and what a failed sync was for can be read although it is not on the disk. */
	struct db keeper;

	pthread_mutex_t write_lock; /* over writer; held through a commit, never together with another lock */
	struct db writer;           /* not open after a failed commit: the next one to write opens it again */

	pthread_mutex_t pool_lock; /* over what follows */
	pthread_cond_t pool_change;
	struct db *idle[READERS_MAX];
	unsigned idle_count, reader_count;

	atomic_int wal_pages; /* in the WAL since it last began anew; set with each commit */

	atomic_uint erasures; /* commits that erased something, since it was opened; 1 more at the start, for what an earlier process left in the WAL */

	pthread_mutex_t checkpoint_lock; /* over what follows */
	struct db checkpointer;
	unsigned erasures_done; /* as `erasures` was before the WAL was last emptied */
};

/* Takes the writing connection and begins a transaction. NULL: err says why, nothing is held. */
struct db *write_begin(struct store *store, enum store_rc *rc, struct error *err);
/* Commits, or rolls back if something failed, and gives the connection back. STORE_UNKNOWN: the commit itself failed. */
enum store_rc write_end(struct store *store, struct db *db, struct error *err);

/* To be called after the write_end of what erased something, if it said OK or UNKNOWN: the WAL may still have it, so the next checkpoint has
 * to empty it. */
void write_erased(struct store *store);

/* Takes a reading connection with a snapshot of its own; waits while all are in use. NULL as above. */
struct db *read_begin(struct store *store, enum store_rc *rc, struct error *err);
enum store_rc read_end(struct store *store, struct db *db, struct error *err);

/* ---- log.c: rows of the log ---- */

/* A chat's row; id 0: there is none. */
struct chat_row {
	int64_t id;
	uint64_t latest;
	unsigned char head[HEAD_BYTES];
	int64_t latest_at_ms;
	/* What changes seldom: log_save_group writes it. */
	bool ended, history_all, erased;
	int64_t ended_at_ms;
	int64_t pair_a, pair_b; /* users; 0: no pair */
	int64_t current_members;
	int64_t info; /* in chat_info; 0: neither name nor icon */
};

void log_find_chat(struct db *db, const char *chat_id, struct chat_row *chat);
void log_save_group(struct db *db, const struct chat_row *chat);
/* Name and icon, mem_text's; "" for none. */
void log_read_info(struct db *db, int64_t info, char **name, char **icon);
/* Sets them, and erases the old ones where they are. */
void log_set_info(struct db *db, struct chat_row *chat, const char *name, const char *icon);
int64_t log_find_user(struct db *db, const char *user_id); /* 0: not there */
int64_t log_intern_user(struct db *db, const char *user_id); /* adds it when it is not there; writing connections only */
void log_forget_users(struct db *db); /* after a rollback: what was added may be gone */

/* The transaction in the current row of a statement that selects LOG_COLUMNS. Its texts are the statement's: copy it before the next
 * step. What cannot be one is a failure. */
void log_read_row(struct db *db, sqlite3_stmt *row, const char *chat_id, struct transaction *tx);
enum { LOG_COLUMN_COUNT = 18 };

/* One transaction, NULL: there is none; drop it with transaction_free. which: a statement of chat and number, or of chat and target, that
 * selects LOG_COLUMNS. */
struct transaction *log_read_one(struct db *db, enum statement which, const char *chat_id, int64_t chat, uint64_t number);

/* Adds tx and returns its row's id, which is its position. */
int64_t log_add_row(struct db *db, const struct transaction *tx, int64_t chat, int64_t sender, int64_t writer);

/* ---- keys.c: where to look for a repeated key ---- */

/* A transaction that a key made. */
struct key_owner {
	uint64_t number; /* 0: none */
	unsigned char key_hash[ID_BYTES];
};

/* Around what an append does to the log; in between, each new row is added or passed. keys_end writes a piece of what is to be written. */
void keys_begin(struct db *db);
void keys_add(struct db *db, int64_t chat, uint64_t hash, int64_t at_ms, int64_t row);
void keys_pass(struct db *db, int64_t row); /* one without a key, or with a KEY_ONCE */
void keys_end(struct db *db);
void keys_rewind(struct db *db); /* after a rollback */

/* Makes the runs of a log that was filled without them, of the keys that are not older than since_ms. In a transaction, before anything else here;
 * db has no keys in memory afterwards. */
void keys_make_runs(struct db *db, int64_t since_ms);

/* The newest transaction of (chat, sender, key) that is at most 7 days older than at_ms; after keys_begin. hash: transaction_key64 of
 * the two. */
struct key_owner keys_find(struct db *db, int64_t chat, const char *sender_id, const char *key, uint64_t hash, int64_t at_ms);
/* The newest that is not older than since_ms, for any connection and any key: slower. */
struct key_owner keys_search(struct db *db, int64_t chat, const char *sender_id, const char *key, int64_t since_ms);

/* A piece of forgetting runs whose newest key is 7 days old. true: there may be more. */
bool keys_prune(struct db *db, int64_t now_ms, int rows_max);

/* ---- shared.c ---- */

/* The chat's key goes for good. */
void shared_end_chat_key(struct db *db, int64_t chat);
void shared_add_chat_key(struct db *db, int64_t chat, const unsigned char key[CHAT_KEY_BYTES]);
/* A part of prune; true: there is more. */
bool shared_prune(struct db *db, int64_t now_ms);
/* Hands over what the statement has, a name a row, and gives the connection back. */
enum store_rc read_names(struct store *store, struct db *db, sqlite3_stmt *list, const char *const **names, size_t *count, struct error *err);

/* ---- apply.c: what a transaction changes in the projections ---- */

void apply_transaction(struct db *db, struct chat_row *chat, const struct transaction *tx);

/* ---- erase.c ---- */

/* What the TX_DELETE of a message erases; nothing if it is none. */
void erase_deleted(struct db *db, const char *chat_id, int64_t chat, uint64_t target, bool quotes);

static const int64_t KEY_AGE_MS = (int64_t)STORE_KEY_DAYS * 24 * 3600 * 1000;
static const int64_t DEVICE_AGE_MS = (int64_t)STORE_DEVICE_DAYS * 24 * 3600 * 1000;
static const int64_t DEVICE_TOKEN_AGE_MS = (int64_t)STORE_DEVICE_TOKEN_DAYS * 24 * 3600 * 1000;
static const int64_t ICON_AGE_MS = (int64_t)STORE_ICON_DAYS * 24 * 3600 * 1000;
static const int64_t AUDIT_AGE_MS = (int64_t)STORE_AUDIT_DAYS * 24 * 3600 * 1000;
static const int64_t NOTICE_AGE_MS = (int64_t)STORE_NOTICE_MINUTES * 60 * 1000;
static const int64_t NOTICE_AHEAD_MS = (int64_t)STORE_NOTICE_AHEAD_HOURS * 60 * 60 * 1000;

/* Operations; sqlite.c's table lists them. */
enum store_rc sqlite_append(struct store *store, struct append *appends, size_t append_count, struct error *err);
enum store_rc sqlite_load_chat(struct store *store, const char *chat_id, struct chat_record **record, struct error *err);
enum store_rc sqlite_load_user(struct store *store, const char *user_id, struct user_record **record, struct error *err);
enum store_rc sqlite_load_membership(struct store *store, const char *user_id, const char *chat_id, struct user_chat **membership,
                                     struct error *err);
enum store_rc sqlite_list_memberships(struct store *store, const char *user_id, const struct chat_window *window, struct user_record **record,
                                      bool *more, struct error *err);
enum store_rc sqlite_find_key(struct store *store, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms,
                              uint64_t *number, unsigned char key_hash[ID_BYTES], struct error *err);
enum store_rc sqlite_read_message(struct store *store, const char *chat_id, uint64_t number, struct message_state *state, struct error *err);
enum store_rc sqlite_read_edits(struct store *store, const struct user_chat *membership, const struct block *blocks, size_t block_count,
                                const uint64_t *numbers, size_t number_count, struct transaction **edits, struct error *err);
enum store_rc sqlite_read_page(struct store *store, const char *chat_id, uint64_t from, uint64_t to, const struct page_limits *limits,
                               struct page *page, struct error *err);
enum store_rc sqlite_read_summary(struct store *store, const char *user_id, const struct user_chat *membership, const struct block *blocks,
                                  size_t block_count, const char *mention, struct chat_summary *summary, struct error *err);
enum store_rc sqlite_tail(struct store *store, const char *writer, uint64_t position, size_t count_max, struct page *page, uint64_t *next,
                          struct error *err);
enum store_rc sqlite_list_chats(struct store *store, const char *after, size_t count_max, const char *const **chat_ids, size_t *count,
                                struct error *err);
enum store_rc sqlite_list_ended(struct store *store, int64_t ended_before_ms, size_t count_max, const char *const **chat_ids, size_t *count,
                                struct error *err);
enum store_rc sqlite_erase(struct store *store, const char *chat_id, const char *sender_id, bool *more, struct error *err);
enum store_rc sqlite_put_mute(struct store *store, const char *user_id, const char *chat_id, int64_t until_ms, struct error *err);
enum store_rc sqlite_put_user(struct store *store, const char *user_id, int64_t at_ms, struct error *err);
enum store_rc sqlite_put_receipts(struct store *store, const struct receipt *receipts, size_t receipt_count, struct error *err);
enum store_rc sqlite_prune(struct store *store, int64_t now_ms, bool *more, struct error *err);

/* ---- device.c, token.c ---- */

/* A part of prune; true: there is more. */
bool device_prune(struct db *db, int64_t now_ms);
bool token_prune(struct db *db, int64_t now_ms);
bool audit_prune(struct db *db, int64_t now_ms);

enum store_rc sqlite_load_device(struct store *store, const char *user_id, const char *name, struct device_record **record, struct error *err);
enum store_rc sqlite_put_device(struct store *store, const char *user_id, const char *name, int64_t seen_at_ms, const char *subscriptions,
                                uint32_t max_bytes, struct error *err);
enum store_rc sqlite_put_cursors(struct store *store, const struct cursor *cursors, size_t cursor_count, struct error *err);
enum store_rc sqlite_list_devices(struct store *store, const char *user_id, struct device_list **devices, struct error *err);
enum store_rc sqlite_put_registration(struct store *store, const char *user_id, const char *device, const char *platform,
                                      const char *push_token, int64_t at_ms, struct error *err);
enum store_rc sqlite_put_device_token(struct store *store, const char *user_id, const char *device, int64_t at_ms, int64_t expires_ms,
                                      struct error *err);
enum store_rc sqlite_put_devices_seen(struct store *store, const struct device_seen *seen, size_t seen_count, struct error *err);
enum store_rc sqlite_remove_device(struct store *store, const char *user_id, const char *device, struct error *err);
enum store_rc sqlite_list_push_targets(struct store *store, const char *chat_id, uint64_t number, const char *after, size_t count_max,
                                       struct push_target_list **targets, struct error *err);
enum store_rc sqlite_put_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err);
enum store_rc sqlite_lower_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err);
enum store_rc sqlite_list_revocations(struct store *store, const char *after, size_t count_max, struct revocation_list **revocations,
                                      struct error *err);
enum store_rc sqlite_add_signing_key(struct store *store, const struct signing_key *key, struct error *err);
enum store_rc sqlite_list_signing_keys(struct store *store, struct signing_key_list **keys, struct error *err);
enum store_rc sqlite_drop_signing_key(struct store *store, const char *kid, struct error *err);
enum store_rc sqlite_put_audit(struct store *store, const struct audit_record *record, struct error *err);
enum store_rc sqlite_list_audit(struct store *store, const struct audit_record *before, size_t count_max, struct audit_list **list,
                                struct error *err);

/* ---- people.c, account.c ---- */

int64_t people_find(struct db *db, const char *user_id); /* 0: does not exist */
/* In place of a text, for an index; purpose: what kind of text it is. */
void people_key(const struct store *store, const char *purpose, const char *text, unsigned char key[ID_BYTES]);
bool people_block(struct db *db, int64_t user, int64_t other); /* now; the same steps for the row 0, which nobody has */
/* A part of prune; true: there is more. */
bool people_prune(struct db *db, int64_t now_ms);

enum store_rc sqlite_load_memberships(struct store *store, const char *user_id, struct user_record **record, struct error *err);
enum store_rc sqlite_load_profiles(struct store *store, const char *const *user_ids, size_t user_count, struct profile_list **profiles,
                                   struct error *err);
enum store_rc sqlite_put_profile(struct store *store, const char *user_id, const struct profile_change *change, struct error *err);
enum store_rc sqlite_put_last_seen(struct store *store, const struct last_seen *seen, size_t seen_count, struct error *err);
enum store_rc sqlite_put_shared_id(struct store *store, const char *user_id, const char *shared_id, struct error *err);
enum store_rc sqlite_find_shared_id(struct store *store, const char *shared_id, char user_id[USER_ID_MAX + 1], struct error *err);
enum store_rc sqlite_put_icon(struct store *store, const char *hash, const void *bytes, size_t len, struct error *err);
enum store_rc sqlite_load_icon(struct store *store, const char *hash, void **bytes, size_t *len, struct error *err);
enum store_rc sqlite_put_favorite(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err);
enum store_rc sqlite_load_favorites(struct store *store, const char *user_id, const char *const **user_ids, size_t *count, struct error *err);
enum store_rc sqlite_put_block(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err);
enum store_rc sqlite_load_blocks(struct store *store, const char *user_id, struct block_list **blocks, struct error *err);
enum store_rc sqlite_check_reach(struct store *store, const char *from_id, const char *const *to_ids, size_t to_count, bool both,
                                 struct error *err);
enum store_rc sqlite_put_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *user_id,
                                    int64_t now_ms, int64_t expires_ms, uint32_t uses, struct error *err);
enum store_rc sqlite_use_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *by_user_id,
                                    int64_t now_ms, char user_id[USER_ID_MAX + 1], struct error *err);
enum store_rc sqlite_revoke_invitation(struct store *store, const char *user_id, const unsigned char *hash, struct error *err);
enum store_rc sqlite_delete_user(struct store *store, const char *user_id, int64_t at_ms, struct error *err);
enum store_rc sqlite_list_deleted(struct store *store, const char *after, size_t count_max, struct deleted_list **deleted, struct error *err);
enum store_rc sqlite_finish_deletion(struct store *store, const char *user_id, struct error *err);
enum store_rc sqlite_list_invitations(struct store *store, const char *user_id, struct invitation_list **invitations, struct error *err);

/* ---- shared.c, import.c ---- */

enum store_rc sqlite_list_writers(struct store *store, const char *const **writers, size_t *count, struct error *err);
enum store_rc sqlite_put_place(struct store *store, const char *name, uint64_t position, struct error *err);
enum store_rc sqlite_load_place(struct store *store, const char *name, uint64_t *position, struct error *err);
enum store_rc sqlite_list_places(struct store *store, const char *const **names, size_t *count, struct error *err);
enum store_rc sqlite_take_lease(struct store *store, const char *name, const char *holder, int64_t now_ms, int64_t until_ms,
                                struct error *err);
enum store_rc sqlite_load_chat_key(struct store *store, const char *chat_id, bool make, unsigned char key[CHAT_KEY_BYTES], struct error *err);
enum store_rc sqlite_put_notice(struct store *store, const char *kind, const char *subject, int64_t at_ms, struct error *err);
enum store_rc sqlite_read_notices(struct store *store, uint64_t after, size_t count_max, struct notice_list **notices, uint64_t *next,
                                  struct error *err);
enum store_rc sqlite_list_users(struct store *store, const char *after, size_t count_max, const char *const **user_ids, size_t *count,
                                struct error *err);
enum store_rc sqlite_adopt(struct store *store, const struct store_info *info, struct error *err);
enum store_rc sqlite_import_log(struct store *store, struct append *appends, size_t append_count, struct error *err);
enum store_rc sqlite_import_chat(struct store *store, const struct chat_record *record, const unsigned char *key, struct error *err);

#endif
