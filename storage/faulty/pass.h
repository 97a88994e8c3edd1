/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_FAULTY_PASS_H
#define HC_STORAGE_FAULTY_PASS_H
/* How an operation gets past the fault to the store below. For the files of this folder only. */

#include "storage/faulty/faulty.h"

/* What happens to one call. */
struct strike {
	bool hits;
	struct fault fault;
};

struct store *faulty_below(struct store *store);

static inline struct store *inner(struct store *store)
{
	return faulty_below(store);
}

static inline const struct store_ops *below(struct store *store)
{
	return store_ops(faulty_below(store));
}

/* STORE_OK: go on to the store below, and pass what it said on to faulty_after. */
enum store_rc faulty_before(struct store *store, enum faulty_op op, bool reads, struct strike *strike, struct error *err);
enum store_rc faulty_after(const struct strike *strike, bool reads, enum store_rc rc, struct error *err);

/* An operation in between: the call below is made unless the fault says otherwise. */
#define PASS(op, reads, call)                                                                                                                        \
	struct strike strike;                                                                                                                            \
	enum store_rc rc = faulty_before(store, op, reads, &strike, err);                                                                                \
	return rc == STORE_OK ? faulty_after(&strike, reads, call, err) : rc

/* ---- people.c; faulty.c's table lists them ---- */

enum store_rc faulty_load_memberships(struct store *store, const char *user_id, struct user_record **record, struct error *err);
enum store_rc faulty_load_profiles(struct store *store, const char *const *user_ids, size_t user_count, struct profile_list **profiles,
                                   struct error *err);
enum store_rc faulty_put_profile(struct store *store, const char *user_id, const struct profile_change *change, struct error *err);
enum store_rc faulty_put_last_seen(struct store *store, const struct last_seen *seen, size_t seen_count, struct error *err);
enum store_rc faulty_put_shared_id(struct store *store, const char *user_id, const char *shared_id, struct error *err);
enum store_rc faulty_find_shared_id(struct store *store, const char *shared_id, char user_id[USER_ID_MAX + 1], struct error *err);
enum store_rc faulty_put_icon(struct store *store, const char *hash, const void *bytes, size_t len, struct error *err);
enum store_rc faulty_load_icon(struct store *store, const char *hash, void **bytes, size_t *len, struct error *err);
enum store_rc faulty_put_favorite(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err);
enum store_rc faulty_load_favorites(struct store *store, const char *user_id, const char *const **user_ids, size_t *count, struct error *err);
enum store_rc faulty_put_block(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err);
enum store_rc faulty_load_blocks(struct store *store, const char *user_id, struct block_list **blocks, struct error *err);
enum store_rc faulty_check_reach(struct store *store, const char *from_id, const char *const *to_ids, size_t to_count, bool both,
                                 struct error *err);
enum store_rc faulty_put_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *user_id,
                                    int64_t now_ms, int64_t expires_ms, uint32_t uses, struct error *err);
enum store_rc faulty_use_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *by_user_id,
                                    int64_t now_ms, char user_id[USER_ID_MAX + 1], struct error *err);
enum store_rc faulty_revoke_invitation(struct store *store, const char *user_id, const unsigned char *hash, struct error *err);
enum store_rc faulty_delete_user(struct store *store, const char *user_id, int64_t at_ms, struct error *err);
enum store_rc faulty_list_deleted(struct store *store, const char *after, size_t count_max, struct deleted_list **deleted, struct error *err);
enum store_rc faulty_finish_deletion(struct store *store, const char *user_id, struct error *err);

/* ---- shared.c ---- */

enum store_rc faulty_list_writers(struct store *store, const char *const **writers, size_t *count, struct error *err);
enum store_rc faulty_put_place(struct store *store, const char *name, uint64_t position, struct error *err);
enum store_rc faulty_load_place(struct store *store, const char *name, uint64_t *position, struct error *err);
enum store_rc faulty_take_lease(struct store *store, const char *name, const char *holder, int64_t now_ms, int64_t until_ms,
                                struct error *err);
enum store_rc faulty_load_chat_key(struct store *store, const char *chat_id, bool make, unsigned char key[CHAT_KEY_BYTES], struct error *err);
enum store_rc faulty_put_notice(struct store *store, const char *kind, const char *subject, int64_t at_ms, struct error *err);
enum store_rc faulty_read_notices(struct store *store, uint64_t after, size_t count_max, struct notice_list **notices, uint64_t *next,
                                  struct error *err);
enum store_rc faulty_list_users(struct store *store, const char *after, size_t count_max, const char *const **user_ids, size_t *count,
                                struct error *err);
enum store_rc faulty_list_invitations(struct store *store, const char *user_id, struct invitation_list **invitations, struct error *err);
enum store_rc faulty_list_places(struct store *store, const char *const **names, size_t *count, struct error *err);
enum store_rc faulty_adopt(struct store *store, const struct store_info *info, struct error *err);
enum store_rc faulty_import_chat(struct store *store, const struct chat_record *chat, const unsigned char *key, struct error *err);

/* ---- device.c ---- */

enum store_rc faulty_list_devices(struct store *store, const char *user_id, struct device_list **devices, struct error *err);
enum store_rc faulty_put_registration(struct store *store, const char *user_id, const char *device, const char *platform,
                                      const char *push_token, int64_t at_ms, struct error *err);
enum store_rc faulty_put_device_token(struct store *store, const char *user_id, const char *device, int64_t at_ms, int64_t expires_ms,
                                      struct error *err);
enum store_rc faulty_put_devices_seen(struct store *store, const struct device_seen *seen, size_t seen_count, struct error *err);
enum store_rc faulty_remove_device(struct store *store, const char *user_id, const char *device, struct error *err);
enum store_rc faulty_list_push_targets(struct store *store, const char *chat_id, uint64_t number, const char *after, size_t count_max,
                                       struct push_target_list **targets, struct error *err);
enum store_rc faulty_put_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err);
enum store_rc faulty_lower_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err);
enum store_rc faulty_list_revocations(struct store *store, const char *after, size_t count_max, struct revocation_list **revocations,
                                      struct error *err);
enum store_rc faulty_add_signing_key(struct store *store, const struct signing_key *key, struct error *err);
enum store_rc faulty_list_signing_keys(struct store *store, struct signing_key_list **keys, struct error *err);
enum store_rc faulty_drop_signing_key(struct store *store, const char *kid, struct error *err);
enum store_rc faulty_put_audit(struct store *store, const struct audit_record *record, struct error *err);
enum store_rc faulty_list_audit(struct store *store, const struct audit_record *before, size_t count_max, struct audit_list **list,
                                struct error *err);

#endif
