/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MONGO_PEOPLE_H
#define HC_STORAGE_MONGO_PEOPLE_H
/* People in MongoDB: the layout of their documents, and what the files that work on them share. For the files of this folder only; any
 * thread.
 *
 * No operation here changes two documents at once, so for each there is one document that decides, and what follows it is either not
 * looked at by any reader before, or void by what the first document says. docs/storage.md goes through them.
 *
 * ---- users: {_id: userID, …} ----
 *
 *   v           counts the changes: what is decided by what stands in the document is written under the v that was read
 *   account     how many accounts of that ID have ended. What other documents keep of a person has the number of his account with it,
 *               and is void when that has ended; so the end of an account is one change of one document
 *   created     when the account began; missing: he does not exist
 *   name, icon, status, zone   texts; missing: ""
 *   sharedID    missing: none; token: of its reservation
 *   claim       the token of a reservation that is about to become his
 *   hidesOnline, hidesSeen, seen
 *   favorites   [{u, account, at}], by `at`, then as they came
 *   blocks      [{u, from, to}], by u, then by time; blocked: [u], those whose last one is open
 *   gone        true: an account ended once; then deleted: when the last one did, erasing
 *   ending      the number of the account whose traces elsewhere are not all removed yet; with endingIcon, endingKey, endingToken
 *
 * ---- sharedIDs: {_id: keyed digest of the shared ID, u: userID, token} ----       a reservation: see shared.c
 * ---- icons: {_id: hash, b: bytes, n, unnamed, checked} ----                       n: how often it was put
 * ---- invitations: {_id: hash, u, account, expires, left, v, by: ["account:userID", …]} ----   expires 0: over
 * ---- devices: {_id: pair_key(userID, device), u, account, name, seen, subscriptions, maxBytes, cursors: {field of chat: number},
 *   tokenUntil, platform, pushToken, pushKey, pushOrder} ----                         the last three: see push.c
 * ---- revocations, signingKeys ----                                                see token.c
 * ---- audit ----                                                                   see audit.c */

#include "storage/mongo/db.h"
#include "storage/mongo/handle.h"

static const int64_t DEVICE_AGE_MS = (int64_t)STORE_DEVICE_DAYS * 24 * 3600 * 1000;
static const int64_t DEVICE_TOKEN_AGE_MS = (int64_t)STORE_DEVICE_TOKEN_DAYS * 24 * 3600 * 1000;
static const int64_t AUDIT_AGE_MS = (int64_t)STORE_AUDIT_DAYS * 24 * 3600 * 1000;
static const int64_t ICON_AGE_MS = (int64_t)STORE_ICON_DAYS * 24 * 3600 * 1000;

/* ---- documents by their _id ---- */

/* In the order of their _ids' bytes where these are texts; else in any. */
struct docs {
	bson_t **items;
	size_t count;
};

/* All that match. OK: docs_fini. */
enum store_rc docs_load(struct db *db, enum collection collection, bson_t *filter, bson_t *opts, struct docs *docs, struct error *err);
const bson_t *docs_find(const struct docs *docs, const char *id); /* by text _ids; NULL: not there */
void docs_fini(struct docs *docs);                                /* a zeroed one is fine */

/* {field: {$in: ids}}, to which more may be added. */
bson_t *filter_in(const char *field, const char *const *ids, size_t count);
/* Those of them who exist, or existed once: account, created and gone, and of one more field what is there (NULL: nothing). */
enum store_rc people_load(struct db *db, const char *const *user_ids, size_t count, const char *field, struct docs *docs, struct error *err);
/* Of people_load's documents. */
bool person_exists(const struct docs *people, const char *user_id);
/* Whether he stands in an array of texts of that document (blocked). The same steps whatever the answer is; NULL: no. */
bool person_has_in_list(const bson_t *person, const char *field, const char *user_id);
int64_t person_account(const struct docs *people, const char *user_id); /* 0 where there is no document */

/* ---- one person ---- */

/* What becomes of a document: members of $set and $unset. */
struct change {
	bson_t set, unset;
};

/* Looks at what is there and says what becomes of it; anything but OK is the answer. Nothing in *change: it stays. It is called anew with
 * what is there then when somebody was faster. */
typedef enum store_rc person_decision(void *context, const bson_t *person, struct change *change, struct error *err);

/* Decides on the whole document of somebody and writes it, so that nothing came in between. NOT_FOUND: there is no document (then `decide`
 * was not asked). */
enum store_rc person_decide(struct db *db, const char *user_id, person_decision *decide, void *context, struct error *err);

/* Before one tries anew: short, of random length, longer after many tries. */
void pause_before_try(unsigned tries);
enum { TRIES_MAX = 200 };

/* NOT_FOUND with the same words from everywhere. */
enum store_rc no_such(struct error *err, const char *what);

/* ---- between the files ---- */

/* Removes what is elsewhere of an account that ended, if that is not done yet: `person` is his document. Any number may do it at once. */
enum store_rc ending_finish(struct db *db, const char *user_id, const bson_t *person, struct error *err);

void shared_key(struct db *db, const char *shared_id, unsigned char key[ID_BYTES]);
/* The icon goes unless somebody names it. */
enum store_rc icon_drop_unnamed(struct db *db, const char *hash, struct error *err);
/* Him as a favorite of others, as far as accounts up to that one are meant. */
enum store_rc favorites_forget(struct db *db, const char *user_id, int64_t account, struct error *err);

/* A change of a device, which is made when there is none. */
struct device_change {
	const char *user_id, *device;
	int64_t seen_at_ms;   /* of a new one; where `fields` does not say it */
	bool needs_account;   /* else a device may be there before its user */
	const char *operator; /* "$set", … */
	const bson_t *fields;
};
/* OK, too, of somebody whose account was deleted: passed over, unless it needs_account. Then NOT_FOUND. */
enum store_rc device_change(struct db *db, const struct device_change *change, struct error *err);

/* Where in a device's document the cursor of that chat is. */
enum { CHAT_FIELD_MAX = 1 + (CHAT_ID_MAX * 4 + 2) / 3, CURSOR_FIELD_MAX = 8 + CHAT_FIELD_MAX };
void cursor_field(const char *chat_id, char field[CURSOR_FIELD_MAX + 1]);
uint64_t device_cursor_of(const bson_t *device, const char *field);

/* Of a document of devices, whose texts it borrows. */
struct device_info device_info_of(const bson_t *doc);
enum store_rc devices_prune(struct db *db, int64_t now_ms, bool *more, struct error *err);
enum store_rc revocations_prune(struct db *db, int64_t now_ms, bool *more, struct error *err);
enum store_rc audit_records_prune(struct db *db, int64_t now_ms, bool *more, struct error *err);
enum store_rc icons_prune(struct db *db, int64_t now_ms, bool *more, struct error *err);
enum store_rc invitations_prune(struct db *db, int64_t now_ms, bool *more, struct error *err);
/* All of them, a bounded piece of each. */
enum store_rc mongo_prune_people(struct db *db, int64_t now_ms, bool *more, struct error *err);

/* ---- operations; mongo.c's table lists them ---- */

enum store_rc mongo_put_user(struct store *store, const char *user_id, int64_t at_ms, struct error *err);
enum store_rc mongo_load_user(struct store *store, const char *user_id, struct user_record **record, struct error *err);
enum store_rc mongo_load_memberships(struct store *store, const char *user_id, struct user_record **record, struct error *err);
enum store_rc mongo_load_membership(struct store *store, const char *user_id, const char *chat_id, struct user_chat **membership,
                                    struct error *err);
enum store_rc mongo_list_memberships(struct store *store, const char *user_id, const struct chat_window *window, struct user_record **record,
                                     bool *more, struct error *err);
enum store_rc mongo_read_summary(struct store *store, const char *user_id, const struct user_chat *membership, const struct block *blocks,
                                 size_t block_count, const char *mention, struct chat_summary *summary, struct error *err);
enum store_rc mongo_put_receipts(struct store *store, const struct receipt *receipts, size_t receipt_count, struct error *err);
enum store_rc mongo_put_mute(struct store *store, const char *user_id, const char *chat_id, int64_t until_ms, struct error *err);

enum store_rc mongo_load_device(struct store *store, const char *user_id, const char *device, struct device_record **record, struct error *err);
enum store_rc mongo_put_device(struct store *store, const char *user_id, const char *device, int64_t seen_at_ms, const char *subscriptions,
                               uint32_t max_bytes, struct error *err);
enum store_rc mongo_put_cursors(struct store *store, const struct cursor *cursors, size_t cursor_count, struct error *err);
enum store_rc mongo_list_devices(struct store *store, const char *user_id, struct device_list **devices, struct error *err);
enum store_rc mongo_put_registration(struct store *store, const char *user_id, const char *device, const char *platform,
                                     const char *push_token, int64_t at_ms, struct error *err);
enum store_rc mongo_put_device_token(struct store *store, const char *user_id, const char *device, int64_t at_ms, int64_t expires_ms,
                                     struct error *err);
enum store_rc mongo_put_devices_seen(struct store *store, const struct device_seen *seen, size_t seen_count, struct error *err);
enum store_rc mongo_remove_device(struct store *store, const char *user_id, const char *device, struct error *err);
enum store_rc mongo_list_push_targets(struct store *store, const char *chat_id, uint64_t number, const char *after, size_t count_max,
                                      struct push_target_list **targets, struct error *err);
enum store_rc mongo_put_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err);
enum store_rc mongo_lower_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err);
enum store_rc mongo_list_revocations(struct store *store, const char *after, size_t count_max, struct revocation_list **revocations,
                                     struct error *err);
enum store_rc mongo_add_signing_key(struct store *store, const struct signing_key *key, struct error *err);
enum store_rc mongo_list_signing_keys(struct store *store, struct signing_key_list **keys, struct error *err);
enum store_rc mongo_drop_signing_key(struct store *store, const char *kid, struct error *err);
enum store_rc mongo_put_audit(struct store *store, const struct audit_record *record, struct error *err);
enum store_rc mongo_list_audit(struct store *store, const struct audit_record *before, size_t count_max, struct audit_list **list,
                               struct error *err);

enum store_rc mongo_load_profiles(struct store *store, const char *const *user_ids, size_t user_count, struct profile_list **profiles,
                                  struct error *err);
enum store_rc mongo_put_profile(struct store *store, const char *user_id, const struct profile_change *change, struct error *err);
enum store_rc mongo_put_last_seen(struct store *store, const struct last_seen *seen, size_t seen_count, struct error *err);
enum store_rc mongo_put_shared_id(struct store *store, const char *user_id, const char *shared_id, struct error *err);
enum store_rc mongo_find_shared_id(struct store *store, const char *shared_id, char user_id[USER_ID_MAX + 1], struct error *err);
enum store_rc mongo_put_icon(struct store *store, const char *hash, const void *bytes, size_t len, struct error *err);
enum store_rc mongo_load_icon(struct store *store, const char *hash, void **bytes, size_t *len, struct error *err);
enum store_rc mongo_put_favorite(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err);
enum store_rc mongo_load_favorites(struct store *store, const char *user_id, const char *const **user_ids, size_t *count, struct error *err);
enum store_rc mongo_put_block(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err);
enum store_rc mongo_load_blocks(struct store *store, const char *user_id, struct block_list **blocks, struct error *err);
enum store_rc mongo_check_reach(struct store *store, const char *from_id, const char *const *to_ids, size_t to_count, bool both,
                                struct error *err);
enum store_rc mongo_put_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *user_id,
                                   int64_t now_ms, int64_t expires_ms, uint32_t uses, struct error *err);
enum store_rc mongo_use_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *by_user_id,
                                   int64_t now_ms, char user_id[USER_ID_MAX + 1], struct error *err);
enum store_rc mongo_revoke_invitation(struct store *store, const char *user_id, const unsigned char *hash, struct error *err);
enum store_rc mongo_delete_user(struct store *store, const char *user_id, int64_t at_ms, struct error *err);
enum store_rc mongo_list_deleted(struct store *store, const char *after, size_t count_max, struct deleted_list **deleted, struct error *err);
enum store_rc mongo_finish_deletion(struct store *store, const char *user_id, struct error *err);
enum store_rc mongo_list_users(struct store *store, const char *after, size_t count_max, const char *const **user_ids, size_t *count,
                               struct error *err);
enum store_rc mongo_list_invitations(struct store *store, const char *user_id, struct invitation_list **invitations, struct error *err);

#endif
