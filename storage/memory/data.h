/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MEMORY_DATA_H
#define HC_STORAGE_MEMORY_DATA_H
/* What the memory store holds; for the files of this folder only. All of it under memory_data.lock. */

#include <pthread.h>

#include "storage/memory/memory.h"
#include "storage/record.h"

/* Things with a name, in the order of their names' bytes. Each begins with `char *name`, which it owns. */
struct named_list {
	void **items;
	size_t count;
};

void *named_find(const struct named_list *list, const char *name);           /* NULL: not there */
void *named_find_or_add(struct named_list *list, const char *name, size_t size); /* a new one is all zero but its name */
void named_fini(struct named_list *list, void (*item_fini)(void *item));      /* frees items and names */
void named_remove(struct named_list *list, size_t place, void (*item_fini)(void *item));

/* Transactions in some order; the list holds references. */
struct tx_list {
	struct transaction **items;
	size_t count;
};

struct member {
	char *user_id;
	enum role role;
	uint64_t received, read;
	int64_t muted_until_ms;
	struct interval *intervals;
	size_t interval_count;
};

struct chat {
	char *id;
	struct tx_list log; /* number n at n - 1 */
	bool pair, history_all, ended;
	bool erased; /* after it ended, by erase */
	int64_t ended_at_ms;
	char *name, *icon; /* NULL: none */
	bool has_key, key_ended; /* ended: erased, and none is made any more */
	unsigned char key[CHAT_KEY_BYTES];
	struct member *members; /* in the order in which they first joined */
	size_t member_count, current_members;
};

struct writer {
	char *name;
	struct tx_list log; /* position p at p - 1 */
};

struct cursor_entry {
	char *chat_id;
	uint64_t number;
};

struct device {
	char *name;
	int64_t seen_at_ms;
	char *subscriptions;
	uint32_t max_bytes;
	struct named_list cursors;
	char *platform, *push_token; /* NULL: not registered */
	int64_t token_expires_ms;
};

/* What people.c keeps of a user, with the account. */
struct person {
	char *name, *icon, *status, *time_zone, *shared_id; /* NULL: none */
	bool hides_online, hides_last_seen;
	int64_t last_seen_ms;
	struct favorite *favorites; /* by at_ms, then as they came */
	size_t favorite_count;
	struct block_entry *blocks; /* by name, then by time */
	size_t block_count;
};

struct favorite {
	char *user_id;
	int64_t at_ms;
};

struct block_entry {
	char *user_id;
	int64_t from_ms, to_ms;
};

struct user {
	char *id;
	bool exists; /* put_user was called; devices may be there before */
	int64_t created_at_ms;
	struct named_list devices;
	struct person person;
	bool deleted, erasing; /* deleted: once; he may exist again */
	int64_t deleted_at_ms;
};

struct icon {
	char *hash;
	void *bytes;
	size_t len;
	int64_t unnamed_since_ms; /* when prune first saw that nobody names it; 0: not yet */
};

struct invitation {
	unsigned char hash[INVITATION_HASH_BYTES];
	char *user_id;
	int64_t expires_ms;
	uint32_t uses;
	char **used_by;
	size_t used_count;
};

struct place {
	char *name;
	uint64_t position;
};

struct lease {
	char *name;
	char *holder;
	int64_t until_ms;
};

struct told {
	uint64_t id;
	char *kind, *subject, *writer;
	int64_t at_ms;
};

struct revoked {
	char *subject;
	int64_t at_ms;
};

/* What an operator did; the texts are this one's own. */
struct audit_entry {
	unsigned char key[AUDIT_KEY_BYTES];
	struct audit_record record;
};

/* The bytes are this one's own. */
struct kept_key {
	char *kid;
	int64_t created_at_ms;
	void *bytes;
	size_t len;
};

struct memory_data {
	pthread_mutex_t lock;
	unsigned handle_count;
	struct store_info info;
	struct named_list chats, writers, users;
	int64_t keys_since_ms; /* prune has forgotten the keys before */
	struct named_list icons;
	struct invitation *invitations; /* as they came */
	size_t invitation_count;
	struct named_list places, leases;
	struct told *notices; /* as they came */
	size_t notice_count;
	uint64_t last_notice;
	struct named_list revocations, signing_keys;
	struct audit_entry *audit; /* by key */
	size_t audit_count;
};

struct memory_store {
	const struct store_ops *ops;
	struct memory_data *data;
	char writer[WRITER_MAX + 1];
};

/* Takes the lock; give it back with data_unlock. */
struct memory_data *data_lock(struct store *store);
void data_unlock(struct memory_data *data);

struct member *chat_find_member(const struct chat *chat, const char *user_id);
/* NULL: the chat has no such number. */
struct transaction *chat_find(const struct chat *chat, uint64_t number);

/* What a TX_DELETE that is in the log by now erases. */
void chat_apply_delete(struct memory_data *data, struct chat *chat, const struct transaction *tx);

/* The transaction that (sender, key) made at since_ms or later, the newest; NULL: none. */
const struct transaction *chat_find_key(const struct memory_data *data, const struct chat *chat, const char *sender_id, const char *key,
                                        int64_t since_ms);

void data_drop_devices(struct user *user);
void data_prune_devices(struct memory_data *data, int64_t now_ms);
void data_prune_revocations(struct memory_data *data, int64_t now_ms);
void data_signing_key_fini(void *key);
struct user *data_find_user(const struct memory_data *data, const char *user_id); /* NULL: does not exist */
bool data_blocks_now(const struct user *user, const char *other_id); /* user NULL: blocks nobody */
void data_person_fini(struct person *person); /* leaves it as a new one */
void data_icon_fini(void *icon);
bool data_icon_is_named(const struct memory_data *data, const char *hash);
void data_remove_favorite(struct person *person, const char *user_id);
void data_invitation_fini(struct invitation *invitation);
void data_prune_people(struct memory_data *data, int64_t now_ms);
void data_lease_fini(void *lease);
void data_notice_fini(struct told *notice);
void data_audit_fini(struct audit_entry *entry);
void data_prune_audit(struct memory_data *data, int64_t now_ms);
void data_prune_shared(struct memory_data *data, int64_t now_ms);

static const int64_t KEY_AGE_MS = (int64_t)STORE_KEY_DAYS * 24 * 3600 * 1000;
static const int64_t DEVICE_AGE_MS = (int64_t)STORE_DEVICE_DAYS * 24 * 3600 * 1000;
static const int64_t DEVICE_TOKEN_AGE_MS = (int64_t)STORE_DEVICE_TOKEN_DAYS * 24 * 3600 * 1000;
static const int64_t ICON_AGE_MS = (int64_t)STORE_ICON_DAYS * 24 * 3600 * 1000;
static const int64_t AUDIT_AGE_MS = (int64_t)STORE_AUDIT_DAYS * 24 * 3600 * 1000;
static const int64_t NOTICE_AGE_MS = (int64_t)STORE_NOTICE_MINUTES * 60 * 1000;
static const int64_t NOTICE_AHEAD_MS = (int64_t)STORE_NOTICE_AHEAD_HOURS * 60 * 60 * 1000;

/* Operations; memory.c's table lists them. */
enum store_rc memory_append(struct store *store, struct append *appends, size_t append_count, struct error *err);
enum store_rc memory_load_chat(struct store *store, const char *chat_id, struct chat_record **record, struct error *err);
enum store_rc memory_load_user(struct store *store, const char *user_id, struct user_record **record, struct error *err);
enum store_rc memory_load_membership(struct store *store, const char *user_id, const char *chat_id, struct user_chat **membership,
                                     struct error *err);
enum store_rc memory_list_memberships(struct store *store, const char *user_id, const struct chat_window *window, struct user_record **record,
                                      bool *more, struct error *err);
enum store_rc memory_find_key(struct store *store, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms,
                              uint64_t *number, unsigned char key_hash[ID_BYTES], struct error *err);
enum store_rc memory_read_message(struct store *store, const char *chat_id, uint64_t number, struct message_state *state, struct error *err);
enum store_rc memory_read_edits(struct store *store, const struct user_chat *membership, const struct block *blocks, size_t block_count,
                                const uint64_t *numbers, size_t number_count, struct transaction **edits, struct error *err);
enum store_rc memory_read_page(struct store *store, const char *chat_id, uint64_t from, uint64_t to, const struct page_limits *limits,
                               struct page *page, struct error *err);
enum store_rc memory_read_summary(struct store *store, const char *user_id, const struct user_chat *membership, const struct block *blocks,
                                  size_t block_count, const char *mention, struct chat_summary *summary, struct error *err);
enum store_rc memory_tail(struct store *store, const char *writer, uint64_t position, size_t count_max, struct page *page, uint64_t *next,
                          struct error *err);
enum store_rc memory_list_chats(struct store *store, const char *after, size_t count_max, const char *const **chat_ids, size_t *count,
                                struct error *err);
enum store_rc memory_list_ended(struct store *store, int64_t ended_before_ms, size_t count_max, const char *const **chat_ids, size_t *count,
                                struct error *err);
enum store_rc memory_erase(struct store *store, const char *chat_id, const char *sender_id, bool *more, struct error *err);

enum store_rc memory_load_device(struct store *store, const char *user_id, const char *name, struct device_record **record, struct error *err);
enum store_rc memory_put_device(struct store *store, const char *user_id, const char *name, int64_t seen_at_ms, const char *subscriptions,
                                uint32_t max_bytes, struct error *err);
enum store_rc memory_put_cursors(struct store *store, const struct cursor *cursors, size_t cursor_count, struct error *err);
enum store_rc memory_list_devices(struct store *store, const char *user_id, struct device_list **devices, struct error *err);
enum store_rc memory_put_registration(struct store *store, const char *user_id, const char *device, const char *platform,
                                      const char *push_token, int64_t at_ms, struct error *err);
enum store_rc memory_put_device_token(struct store *store, const char *user_id, const char *device, int64_t at_ms, int64_t expires_ms,
                                      struct error *err);
enum store_rc memory_put_devices_seen(struct store *store, const struct device_seen *seen, size_t seen_count, struct error *err);
enum store_rc memory_remove_device(struct store *store, const char *user_id, const char *device, struct error *err);
enum store_rc memory_list_push_targets(struct store *store, const char *chat_id, uint64_t number, const char *after, size_t count_max,
                                       struct push_target_list **targets, struct error *err);
enum store_rc memory_put_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err);
enum store_rc memory_lower_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err);
enum store_rc memory_list_revocations(struct store *store, const char *after, size_t count_max, struct revocation_list **revocations,
                                      struct error *err);
enum store_rc memory_add_signing_key(struct store *store, const struct signing_key *key, struct error *err);
enum store_rc memory_list_signing_keys(struct store *store, struct signing_key_list **keys, struct error *err);
enum store_rc memory_drop_signing_key(struct store *store, const char *kid, struct error *err);

enum store_rc memory_put_audit(struct store *store, const struct audit_record *record, struct error *err);
enum store_rc memory_list_audit(struct store *store, const struct audit_record *before, size_t count_max, struct audit_list **list,
                                struct error *err);

enum store_rc memory_load_memberships(struct store *store, const char *user_id, struct user_record **record, struct error *err);
enum store_rc memory_load_profiles(struct store *store, const char *const *user_ids, size_t user_count, struct profile_list **profiles,
                                   struct error *err);
enum store_rc memory_put_profile(struct store *store, const char *user_id, const struct profile_change *change, struct error *err);
enum store_rc memory_put_last_seen(struct store *store, const struct last_seen *seen, size_t seen_count, struct error *err);
enum store_rc memory_put_shared_id(struct store *store, const char *user_id, const char *shared_id, struct error *err);
enum store_rc memory_find_shared_id(struct store *store, const char *shared_id, char user_id[USER_ID_MAX + 1], struct error *err);
enum store_rc memory_put_icon(struct store *store, const char *hash, const void *bytes, size_t len, struct error *err);
enum store_rc memory_load_icon(struct store *store, const char *hash, void **bytes, size_t *len, struct error *err);
enum store_rc memory_put_favorite(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err);
enum store_rc memory_load_favorites(struct store *store, const char *user_id, const char *const **user_ids, size_t *count, struct error *err);
enum store_rc memory_put_block(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err);
enum store_rc memory_load_blocks(struct store *store, const char *user_id, struct block_list **blocks, struct error *err);
enum store_rc memory_check_reach(struct store *store, const char *from_id, const char *const *to_ids, size_t to_count, bool both,
                                 struct error *err);
enum store_rc memory_put_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *user_id,
                                    int64_t now_ms, int64_t expires_ms, uint32_t uses, struct error *err);
enum store_rc memory_use_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *by_user_id,
                                    int64_t now_ms, char user_id[USER_ID_MAX + 1], struct error *err);
enum store_rc memory_revoke_invitation(struct store *store, const char *user_id, const unsigned char *hash, struct error *err);
enum store_rc memory_delete_user(struct store *store, const char *user_id, int64_t at_ms, struct error *err);
enum store_rc memory_list_deleted(struct store *store, const char *after, size_t count_max, struct deleted_list **deleted, struct error *err);
enum store_rc memory_finish_deletion(struct store *store, const char *user_id, struct error *err);
enum store_rc memory_list_invitations(struct store *store, const char *user_id, struct invitation_list **invitations, struct error *err);

enum store_rc memory_list_writers(struct store *store, const char *const **writers, size_t *count, struct error *err);
enum store_rc memory_put_place(struct store *store, const char *name, uint64_t position, struct error *err);
enum store_rc memory_load_place(struct store *store, const char *name, uint64_t *position, struct error *err);
enum store_rc memory_list_places(struct store *store, const char *const **names, size_t *count, struct error *err);
enum store_rc memory_take_lease(struct store *store, const char *name, const char *holder, int64_t now_ms, int64_t until_ms,
                                struct error *err);
enum store_rc memory_load_chat_key(struct store *store, const char *chat_id, bool make, unsigned char key[CHAT_KEY_BYTES], struct error *err);
enum store_rc memory_put_notice(struct store *store, const char *kind, const char *subject, int64_t at_ms, struct error *err);
enum store_rc memory_read_notices(struct store *store, uint64_t after, size_t count_max, struct notice_list **notices, uint64_t *next,
                                  struct error *err);
enum store_rc memory_list_users(struct store *store, const char *after, size_t count_max, const char *const **user_ids, size_t *count,
                                struct error *err);
enum store_rc memory_adopt(struct store *store, const struct store_info *info, struct error *err);
enum store_rc memory_import_log(struct store *store, struct append *appends, size_t append_count, struct error *err);
enum store_rc memory_import_chat(struct store *store, const struct chat_record *record, const unsigned char *key, struct error *err);

#endif
