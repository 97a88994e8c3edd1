/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What makes tokens count or not: the keys that sign those of devices, and revocations. Any thread; the lock is held throughout. */
#include <stdlib.h>
#include <string.h>

#include "storage/memory/data.h"
#include "storage/record.h"

/* ---- revocations ---- */

enum store_rc memory_put_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	struct revoked *revoked = named_find_or_add(&data->revocations, subject, sizeof *revoked);
	if (revoked->at_ms < at_ms)
		revoked->at_ms = at_ms;
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_lower_revocation(struct store *store, const char *subject, int64_t at_ms, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	struct revoked *revoked = named_find(&data->revocations, subject);
	if (revoked != NULL && revoked->at_ms > at_ms)
		revoked->at_ms = at_ms;
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_list_revocations(struct store *store, const char *after, size_t count_max, struct revocation_list **revocations,
                                      struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	struct revocation *found = mem_new(data->revocations.count * sizeof *found);
	size_t count = 0;
	for (size_t i = 0; i < data->revocations.count && count < count_max; i++) {
		const struct revoked *revoked = data->revocations.items[i];
		if (strcmp(revoked->subject, after) > 0)
			found[count++] = (struct revocation){revoked->subject, revoked->at_ms};
	}
	*revocations = record_copy_revocations(&(struct revocation_list){count, found});
	data_unlock(data);
	free(found);
	return STORE_OK;
}

void data_prune_revocations(struct memory_data *data, int64_t now_ms)
{
	for (size_t i = data->revocations.count; i > 0; i--) {
		const struct revoked *revoked = data->revocations.items[i - 1];
		if (strchr(revoked->subject, '/') != NULL && revoked->at_ms < now_ms - DEVICE_TOKEN_AGE_MS)
			named_remove(&data->revocations, i - 1, NULL);
	}
}

/* ---- signing keys ---- */

void data_signing_key_fini(void *key)
{
	free(((struct kept_key *)key)->bytes);
}

enum store_rc memory_add_signing_key(struct store *store, const struct signing_key *key, struct error *err)
{
	struct memory_data *data = data_lock(store);
	struct kept_key *kept = named_find(&data->signing_keys, key->kid);
	bool taken = kept != NULL && (kept->len != key->len || memcmp(kept->bytes, key->bytes, key->len) != 0);
	if (kept == NULL) {
		kept = named_find_or_add(&data->signing_keys, key->kid, sizeof *kept);
		kept->created_at_ms = key->created_at_ms;
		kept->bytes = mem_copy(key->bytes, key->len);
		kept->len = key->len;
	}
	data_unlock(data);
	return taken ? (enum store_rc)error_set(err, STORE_TAKEN, 0, "another key has that name") : STORE_OK;
}

static int newest_first(const void *left, const void *right)
{
	const struct signing_key *a = left, *b = right;
	if (a->created_at_ms != b->created_at_ms)
		return a->created_at_ms > b->created_at_ms ? -1 : 1;
	return strcmp(a->kid, b->kid);
}

enum store_rc memory_list_signing_keys(struct store *store, struct signing_key_list **keys, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	size_t count = data->signing_keys.count;
	struct signing_key *found = mem_new(count * sizeof *found);
	for (size_t i = 0; i < count; i++) {
		const struct kept_key *kept = data->signing_keys.items[i];
		found[i] = (struct signing_key){kept->kid, kept->created_at_ms, kept->bytes, kept->len};
	}
	qsort(found, count, sizeof *found, newest_first);
	*keys = record_copy_signing_keys(&(struct signing_key_list){count, found});
	data_unlock(data);
	free(found);
	return STORE_OK;
}

enum store_rc memory_drop_signing_key(struct store *store, const char *kid, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	for (size_t i = data->signing_keys.count; i > 0; i--)
		if (strcmp(((const struct kept_key *)data->signing_keys.items[i - 1])->kid, kid) == 0)
			named_remove(&data->signing_keys, i - 1, data_signing_key_fini);
	data_unlock(data);
	return STORE_OK;
}
