/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Devices, what makes their tokens count or not, and what operators did. Any thread. */
#include "storage/faulty/pass.h"

enum store_rc faulty_list_devices(struct store *store, const char *user_id, struct device_list **devices, struct error *err)
{
	PASS(FAULTY_LIST_DEVICES, true, below(store)->list_devices(inner(store), user_id, devices, err));
}

enum store_rc faulty_put_registration(struct store *store, const char *user_id, const char *device, const char *platform,
                                      const char *push_token, int64_t at_ms, struct error *err)
{
	PASS(FAULTY_PUT_REGISTRATION, false, below(store)->put_registration(inner(store), user_id, device, platform, push_token, at_ms, err));
}

enum store_rc faulty_put_device_token(struct store *store, const char *user_id, const char *device, int64_t at_ms, int64_t expires_ms,
                                      struct error *err)
{
	PASS(FAULTY_PUT_DEVICE_TOKEN, false, below(store)->put_device_token(inner(store), user_id, device, at_ms, expires_ms, err));
}

enum store_rc faulty_put_devices_seen(struct store *store, const struct device_seen *seen, size_t seen_count, struct error *err)
{
	PASS(FAULTY_PUT_DEVICES_SEEN, false, below(store)->put_devices_seen(inner(store), seen, seen_count, err));
}

enum store_rc faulty_remove_device(struct store *store, const char *user_id, const char *device, struct error *err)
{
	PASS(FAULTY_REMOVE_DEVICE, false, below(store)->remove_device(inner(store), user_id, device, err));
}

enum store_rc faulty_list_push_targets(struct store *store, const char *chat_id, uint64_t number, const char *after, size_t count_max,
                                       struct push_target_list **targets, struct error *err)
{
	PASS(FAULTY_LIST_PUSH_TARGETS, true, below(store)->list_push_targets(inner(store), chat_id, number, after, count_max, targets, err));
}

enum store_rc faulty_put_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err)
{
	PASS(FAULTY_PUT_REVOCATION, false, below(store)->put_revocation(inner(store), subject, at_ms, err));
}

enum store_rc faulty_lower_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err)
{
	PASS(FAULTY_LOWER_REVOCATION, false, below(store)->lower_revocation(inner(store), subject, at_ms, err));
}

enum store_rc faulty_list_revocations(struct store *store, const char *after, size_t count_max, struct revocation_list **revocations,
                                      struct error *err)
{
	PASS(FAULTY_LIST_REVOCATIONS, true, below(store)->list_revocations(inner(store), after, count_max, revocations, err));
}

enum store_rc faulty_add_signing_key(struct store *store, const struct signing_key *key, struct error *err)
{
	PASS(FAULTY_ADD_SIGNING_KEY, false, below(store)->add_signing_key(inner(store), key, err));
}

enum store_rc faulty_list_signing_keys(struct store *store, struct signing_key_list **keys, struct error *err)
{
	PASS(FAULTY_LIST_SIGNING_KEYS, true, below(store)->list_signing_keys(inner(store), keys, err));
}

enum store_rc faulty_drop_signing_key(struct store *store, const char *kid, struct error *err)
{
	PASS(FAULTY_DROP_SIGNING_KEY, false, below(store)->drop_signing_key(inner(store), kid, err));
}

enum store_rc faulty_put_audit(struct store *store, const struct audit_record *record, struct error *err)
{
	PASS(FAULTY_PUT_AUDIT, false, below(store)->put_audit(inner(store), record, err));
}

enum store_rc faulty_list_audit(struct store *store, const struct audit_record *before, size_t count_max, struct audit_list **list,
                                struct error *err)
{
	PASS(FAULTY_LIST_AUDIT, true, below(store)->list_audit(inner(store), before, count_max, list, err));
}
