/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Where devices get pushes, and who is to get one. Any thread. */
#include "storage/mongo/people.h"

static enum store_rc not_yet(struct error *err)
{
	return error_set(err, STORE_UNAVAILABLE, 0, "not with MongoDB yet");
}

enum store_rc mongo_put_registration(struct store *store, const char *user_id, const char *device, const char *platform,
                                     const char *push_token, int64_t at_ms, struct error *err)
{
	(void)store, (void)user_id, (void)device, (void)platform, (void)push_token, (void)at_ms;
	return not_yet(err);
}

enum store_rc mongo_put_device_token(struct store *store, const char *user_id, const char *device, int64_t at_ms, int64_t expires_ms,
                                     struct error *err)
{
	(void)store, (void)user_id, (void)device, (void)at_ms, (void)expires_ms;
	return not_yet(err);
}

enum store_rc mongo_remove_device(struct store *store, const char *user_id, const char *device, struct error *err)
{
	(void)store, (void)user_id, (void)device;
	return not_yet(err);
}

enum store_rc mongo_list_push_targets(struct store *store, const char *chat_id, uint64_t number, const char *after, size_t count_max,
                                      struct push_target_list **targets, struct error *err)
{
	(void)store, (void)chat_id, (void)number, (void)after, (void)count_max, (void)targets;
	return not_yet(err);
}
