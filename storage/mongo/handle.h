/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MONGO_HANDLE_H
#define HC_STORAGE_MONGO_HANDLE_H
/* What an open MongoDB store keeps, and what its files give each other: chats and members as they are stored, and the fold that makes them
 * exact. docs/storage.md has the layout and the promises. For the files of this folder only; any thread. */

#include <pthread.h>

#include "storage/mongo/db.h"

struct tips;
struct positions;

struct mongo {
	const struct store_ops *ops;
	mongoc_client_pool_t *pool;
	char database[64];
	struct store_info info;
	struct tips *tips;           /* tips.h */
	struct positions *positions; /* positions.h */
	pthread_mutex_t gap_lock;    /* notices: a number that is not there (yet), and since when by clock_mono_ms */
	uint64_t gap;
	int64_t gap_since_ms;
};

static inline struct mongo *mongo_of(struct store *store)
{
	return (struct mongo *)store;
}

/* ---- chats: {_id: chatID, a, u, …} ----
 *
 *   a, u        everything of the log up to `a` is in the projections (this document, members, erased texts); whoever is going to append
 *               what changes them has set `u` to at least its number before. So a >= u: the projections are exact
 *   latest, latestAt, head   the tip, as last flushed: for lists; may lag (tip_overlay). latest 0 or missing: perhaps no transaction yet
 *   name, icon, history (bool), endedAt (missing: not ended), pair ([a, b], missing: none), members (current ones), erased (bool)
 *   key, keyGone  what encrypts what leaves the house */
struct chat_doc {
	char id[CHAT_ID_MAX + 1];
	uint64_t applied, announced; /* a, u */
	uint64_t latest;
	int64_t latest_at_ms;
	unsigned char head[HEAD_BYTES];
	bool history_all, ended, erased;
	int64_t ended_at_ms;
	char *name, *icon;    /* never NULL */
	bool new_name, new_icon; /* to be written: a fold leaves alone what it did not change, since an erasure may remove them meanwhile */
	char *pair[2];        /* NULL: no pair */
	size_t current_members;
};
void chat_doc_read(const bson_t *doc, struct chat_doc *chat);
void chat_doc_fini(struct chat_doc *chat); /* a zeroed one is fine */
static inline bool chat_doc_is_clean(const struct chat_doc *chat)
{
	return chat->applied >= chat->announced;
}

/* Puts in the tip that this process knows, if it is newer than the one that was flushed. Lists: after chat_doc_read. */
void tip_overlay(struct mongo *mongo, struct chat_doc *chat);

/* Reads the chat, and if its projections are not exact, makes them so (whoever's append it was). With `chat`, members and texts that are read
 * *afterwards* are as of now or later. NOT_FOUND: no such document. *chat (may be NULL) is initialised on OK: chat_doc_fini. Of a chat whose
 * `latest` comes out as 0 look into the log: mongo_chat_latest. */
enum store_rc mongo_settle_chat(struct db *db, const char *chat_id, struct chat_doc *chat, struct error *err);

/* The tip, exact, from the log. NOT_FOUND: the chat has no transaction, so it does not exist. Sets latest, latest_at_ms, head. */
enum store_rc mongo_chat_latest(struct db *db, struct chat_doc *chat, struct error *err);

/* ---- members: {_id: pair_key(userID, chatID), u, c, …} ----
 *
 *   u, c        user and chat; filters name u beside _id, so that a sharded cluster asks one shard
 *   at          the number up to which it is folded; 0: announced only, he never joined: as if it were not there
 *   role        enum role
 *   i           times of membership: [from, to, from, to, …], to = 0: still. Empty: his account was deleted, or at = 0
 *   received, read, muted */
struct member_doc {
	char user_id[USER_ID_MAX + 1];
	char chat_id[CHAT_ID_MAX + 1];
	uint64_t at;
	enum role role;
	uint64_t received, read;
	int64_t muted_until_ms;
	size_t interval_count;
	struct interval *intervals;
};
void member_doc_read(const bson_t *doc, struct member_doc *member);
void member_doc_fini(struct member_doc *member); /* a zeroed one is fine */

/* ---- the log, for who reads one chat ---- */

/* Calls visit for the transactions from…to, ascending or descending, until it says false. They are the visitor's to ref, and are freed after the
 * call. Texts are as of now or later if the chat was settled before. */
typedef bool log_visit(void *context, const struct transaction *tx);
enum log_order { LOG_ASCENDING, LOG_DESCENDING };
enum store_rc mongo_visit_log(struct db *db, const char *chat_id, uint64_t from, uint64_t to, enum log_order order, log_visit *visit,
                              void *context, struct error *err);

/* Calls visit for what changes the message `target`, edits and deletions, ascending; and for replies that were appended together with one. */
enum store_rc mongo_visit_changes(struct db *db, const char *chat_id, uint64_t target, log_visit *visit, void *context, struct error *err);

#endif
