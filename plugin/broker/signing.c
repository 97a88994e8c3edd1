/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The keys of device tokens as the store has them. Any thread; blocks. */
#include "plugin/broker/signing.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/auth/key_make.h"

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)

struct key_set *signing_keys_read(const struct signing_key_list *list, size_t count, enum key_use use)
{
	struct device_key *keys = mem_new((count + 1) * sizeof *keys);
	for (size_t i = 0; i < count; i++)
		keys[i] = (struct device_key){.kid = list->keys[i].kid, .jwk = list->keys[i].bytes, .len = list->keys[i].len};
	struct key_set *set = device_keys_read(keys, count, use);
	free(keys);
	return set;
}

enum store_rc signing_keys_load(struct store *store, struct key_set **keys, struct error *err)
{
	struct signing_key_list *list;
	enum store_rc rc = store_ops(store)->list_signing_keys(store, &list, err);
	if (rc != STORE_OK)
		return rc;
	*keys = signing_keys_read(list, list->count, KEY_VERIFY);
	store_free(list);
	return STORE_OK;
}

enum store_rc signing_key_add(struct store *store, int64_t now_ms, char kid[KID_MAX + 1], struct error *err)
{
	struct buf jwk = BUF_EMPTY;
	char made[KEY_KID_LEN + 1];
	enum store_rc rc = STORE_UNAVAILABLE;
	if (key_make(alg_by_name(DEVICE_TOKEN_ALG), made, &jwk, err)) {
		const struct signing_key key = {.kid = made, .created_at_ms = now_ms, .bytes = jwk.data, .len = jwk.len};
		rc = store_ops(store)->add_signing_key(store, &key, err);
		memcpy(kid, made, sizeof made);
	}
	if (jwk.data)
		OPENSSL_cleanse(jwk.data, jwk.size);
	buf_fini(&jwk);
	return rc;
}

static bool can_sign(const struct signing_key_list *list, int64_t now_ms)
{
	if (list->count == 0 || now_ms - list->keys[0].created_at_ms >= SIGNING_KEY_DAYS * DAY_MS)
		return false;
	struct key_set *set = signing_keys_read(list, 1, KEY_SIGN);
	bool can = set != NULL;
	key_set_free(set);
	return can;
}

/* Only where somebody is served, who has a token that counts by the same clock: a clock that is years ahead must drop nothing. */
static enum store_rc drop_old(struct store *store, const struct signing_key_list *list, int64_t now_ms, struct error *err)
{
	enum store_rc rc = STORE_OK;
	for (size_t i = 0; i < list->count && rc == STORE_OK; i++)
		if (now_ms - list->keys[i].created_at_ms > (SIGNING_KEY_DAYS + STORE_DEVICE_TOKEN_DAYS + 1) * DAY_MS)
			rc = store_ops(store)->drop_signing_key(store, list->keys[i].kid, err);
	return rc;
}

enum store_rc signing_keys_ready(struct store *store, int64_t now_ms, struct signing_key_list **ready, struct error *err)
{
	char kid[KID_MAX + 1];
	struct signing_key_list *list;
	enum store_rc rc = store_ops(store)->list_signing_keys(store, &list, err);
	if (rc != STORE_OK)
		return rc;
	if (can_sign(list, now_ms)) {
		*ready = list;
		return STORE_OK;
	}
	rc = drop_old(store, list, now_ms, err);
	store_free(list);
	if (rc == STORE_OK)
		rc = signing_key_add(store, now_ms, kid, err);
	return rc == STORE_OK ? store_ops(store)->list_signing_keys(store, ready, err) : rc;
}
