/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What brokers share beside the log, and what a copy of a store needs. Any thread. */
#include <string.h>

#include "storage/faulty/pass.h"

enum store_rc faulty_list_writers(struct store *store, const char *const **writers, size_t *count, struct error *err)
{
	PASS(FAULTY_LIST_WRITERS, true, below(store)->list_writers(inner(store), writers, count, err));
}

enum store_rc faulty_put_place(struct store *store, const char *name, uint64_t position, struct error *err)
{
	PASS(FAULTY_PUT_PLACE, false, below(store)->put_place(inner(store), name, position, err));
}

enum store_rc faulty_load_place(struct store *store, const char *name, uint64_t *position, struct error *err)
{
	PASS(FAULTY_LOAD_PLACE, true, below(store)->load_place(inner(store), name, position, err));
}

enum store_rc faulty_list_places(struct store *store, const char *const **names, size_t *count, struct error *err)
{
	PASS(FAULTY_LIST_PLACES, true, below(store)->list_places(inner(store), names, count, err));
}

enum store_rc faulty_take_lease(struct store *store, const char *name, const char *holder, int64_t now_ms, int64_t until_ms,
                                struct error *err)
{
	PASS(FAULTY_TAKE_LEASE, false, below(store)->take_lease(inner(store), name, holder, now_ms, until_ms, err));
}

/* It writes where it makes one, and an answer that is lost leaves the key alone. */
enum store_rc faulty_load_chat_key(struct store *store, const char *chat_id, bool make, unsigned char key[CHAT_KEY_BYTES], struct error *err)
{
	struct strike strike;
	unsigned char found[CHAT_KEY_BYTES];
	enum store_rc rc = faulty_before(store, FAULTY_LOAD_CHAT_KEY, !make, &strike, err);
	if (rc == STORE_OK)
		rc = faulty_after(&strike, !make, below(store)->load_chat_key(inner(store), chat_id, make, found, err), err);
	if (rc == STORE_OK)
		memcpy(key, found, sizeof found);
	return rc;
}

enum store_rc faulty_put_notice(struct store *store, const char *kind, const char *subject, int64_t at_ms, struct error *err)
{
	PASS(FAULTY_PUT_NOTICE, false, below(store)->put_notice(inner(store), kind, subject, at_ms, err));
}

enum store_rc faulty_read_notices(struct store *store, uint64_t after, size_t count_max, struct notice_list **notices, uint64_t *next,
                                  struct error *err)
{
	PASS(FAULTY_READ_NOTICES, true, below(store)->read_notices(inner(store), after, count_max, notices, next, err));
}

enum store_rc faulty_list_users(struct store *store, const char *after, size_t count_max, const char *const **user_ids, size_t *count,
                                struct error *err)
{
	PASS(FAULTY_LIST_USERS, true, below(store)->list_users(inner(store), after, count_max, user_ids, count, err));
}

enum store_rc faulty_list_invitations(struct store *store, const char *user_id, struct invitation_list **invitations, struct error *err)
{
	PASS(FAULTY_LIST_INVITATIONS, true, below(store)->list_invitations(inner(store), user_id, invitations, err));
}

enum store_rc faulty_adopt(struct store *store, const struct store_info *info, struct error *err)
{
	PASS(FAULTY_ADOPT, false, below(store)->adopt(inner(store), info, err));
}

enum store_rc faulty_import_chat(struct store *store, const struct chat_record *chat, const unsigned char *key, struct error *err)
{
	PASS(FAULTY_IMPORT_CHAT, false, below(store)->import_chat(inner(store), chat, key, err));
}
