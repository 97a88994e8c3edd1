/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The operations on people. Any thread. */
#include <string.h>

#include "storage/faulty/pass.h"

enum store_rc faulty_load_memberships(struct store *store, const char *user_id, struct user_record **record, struct error *err)
{
	PASS(FAULTY_LOAD_MEMBERSHIPS, true, below(store)->load_memberships(inner(store), user_id, record, err));
}

enum store_rc faulty_load_profiles(struct store *store, const char *const *user_ids, size_t user_count, struct profile_list **profiles,
                                   struct error *err)
{
	PASS(FAULTY_LOAD_PROFILES, true, below(store)->load_profiles(inner(store), user_ids, user_count, profiles, err));
}

enum store_rc faulty_put_profile(struct store *store, const char *user_id, const struct profile_change *change, struct error *err)
{
	PASS(FAULTY_PUT_PROFILE, false, below(store)->put_profile(inner(store), user_id, change, err));
}

enum store_rc faulty_put_last_seen(struct store *store, const struct last_seen *seen, size_t seen_count, struct error *err)
{
	PASS(FAULTY_PUT_LAST_SEEN, false, below(store)->put_last_seen(inner(store), seen, seen_count, err));
}

enum store_rc faulty_put_shared_id(struct store *store, const char *user_id, const char *shared_id, struct error *err)
{
	PASS(FAULTY_PUT_SHARED_ID, false, below(store)->put_shared_id(inner(store), user_id, shared_id, err));
}

enum store_rc faulty_find_shared_id(struct store *store, const char *shared_id, char user_id[USER_ID_MAX + 1], struct error *err)
{
	PASS(FAULTY_FIND_SHARED_ID, true, below(store)->find_shared_id(inner(store), shared_id, user_id, err));
}

enum store_rc faulty_put_icon(struct store *store, const char *hash, const void *bytes, size_t len, struct error *err)
{
	PASS(FAULTY_PUT_ICON, false, below(store)->put_icon(inner(store), hash, bytes, len, err));
}

enum store_rc faulty_load_icon(struct store *store, const char *hash, void **bytes, size_t *len, struct error *err)
{
	PASS(FAULTY_LOAD_ICON, true, below(store)->load_icon(inner(store), hash, bytes, len, err));
}

enum store_rc faulty_put_favorite(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err)
{
	PASS(FAULTY_PUT_FAVORITE, false, below(store)->put_favorite(inner(store), user_id, other_id, on, at_ms, err));
}

enum store_rc faulty_load_favorites(struct store *store, const char *user_id, const char *const **user_ids, size_t *count, struct error *err)
{
	PASS(FAULTY_LOAD_FAVORITES, true, below(store)->load_favorites(inner(store), user_id, user_ids, count, err));
}

enum store_rc faulty_put_block(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err)
{
	PASS(FAULTY_PUT_BLOCK, false, below(store)->put_block(inner(store), user_id, other_id, on, at_ms, err));
}

enum store_rc faulty_load_blocks(struct store *store, const char *user_id, struct block_list **blocks, struct error *err)
{
	PASS(FAULTY_LOAD_BLOCKS, true, below(store)->load_blocks(inner(store), user_id, blocks, err));
}

enum store_rc faulty_check_reach(struct store *store, const char *from_id, const char *const *to_ids, size_t to_count, bool both,
                                 struct error *err)
{
	PASS(FAULTY_CHECK_REACH, true, below(store)->check_reach(inner(store), from_id, to_ids, to_count, both, err));
}

enum store_rc faulty_put_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *user_id,
                                    int64_t now_ms, int64_t expires_ms, uint32_t uses, struct error *err)
{
	PASS(FAULTY_PUT_INVITATION, false, below(store)->put_invitation(inner(store), hash, user_id, now_ms, expires_ms, uses, err));
}

/* An answer that is lost leaves user_id alone. */
enum store_rc faulty_use_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *by_user_id,
                                    int64_t now_ms, char user_id[USER_ID_MAX + 1], struct error *err)
{
	struct strike strike;
	char found[USER_ID_MAX + 1];
	enum store_rc rc = faulty_before(store, FAULTY_USE_INVITATION, false, &strike, err);
	if (rc == STORE_OK)
		rc = faulty_after(&strike, false, below(store)->use_invitation(inner(store), hash, by_user_id, now_ms, found, err), err);
	if (rc == STORE_OK)
		memcpy(user_id, found, strlen(found) + 1);
	return rc;
}

enum store_rc faulty_revoke_invitation(struct store *store, const char *user_id, const unsigned char *hash, struct error *err)
{
	PASS(FAULTY_REVOKE_INVITATION, false, below(store)->revoke_invitation(inner(store), user_id, hash, err));
}

enum store_rc faulty_delete_user(struct store *store, const char *user_id, int64_t at_ms, struct error *err)
{
	PASS(FAULTY_DELETE_USER, false, below(store)->delete_user(inner(store), user_id, at_ms, err));
}

enum store_rc faulty_list_deleted(struct store *store, const char *after, size_t count_max, struct deleted_list **deleted, struct error *err)
{
	PASS(FAULTY_LIST_DELETED, true, below(store)->list_deleted(inner(store), after, count_max, deleted, err));
}

enum store_rc faulty_finish_deletion(struct store *store, const char *user_id, struct error *err)
{
	PASS(FAULTY_FINISH_DELETION, false, below(store)->finish_deletion(inner(store), user_id, err));
}
