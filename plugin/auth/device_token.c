/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Device tokens. Any thread. */
#include "plugin/auth/device_token.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static void add_set(struct buf *text, const char *keys, size_t len)
{
	buf_add_text(text, "{\"keys\":[");
	buf_add(text, keys, len);
	buf_add_text(text, "]}");
}

static void cleanse(struct buf *text)
{
	if (text->data)
		OPENSSL_cleanse(text->data, text->size);
	buf_fini(text);
}

static struct key_set *read_set(const char *keys, size_t len, enum key_use use)
{
	struct buf text = BUF_EMPTY;
	add_set(&text, keys, len);
	struct key_set *set = key_set_read("device keys", text.data, text.len, use, NULL);
	cleanse(&text);
	return set;
}

/* One that is damaged must not take the others with it. */
static bool is_ours(const struct device_key *key, enum key_use use)
{
	struct key_set *set = read_set(key->jwk, key->len, use);
	bool ours = set != NULL && set->key_count == 1 && set->keys[0].kid != NULL && strcmp(set->keys[0].kid, key->kid) == 0 &&
				set->keys[0].alg == alg_by_name(DEVICE_TOKEN_ALG);
	key_set_free(set);
	return ours;
}

struct key_set *device_keys_read(const struct device_key *keys, size_t count, enum key_use use)
{
	struct buf list = BUF_EMPTY;
	for (size_t i = 0; i < count; i++) {
		if (!is_ours(&keys[i], use))
			continue;
		if (list.len > 0)
			buf_add_char(&list, ',');
		buf_add(&list, keys[i].jwk, keys[i].len);
	}
	struct key_set *set = list.len > 0 ? read_set(list.data, list.len, use) : NULL;
	cleanse(&list);
	return set;
}

/* What is in the token may be trusted: it is asked for behind the signature. */
static enum jwt_rc read_device(const struct jwt *jwt, struct device_claims *out, struct error *err)
{
	size_t len;
	const char *device = json_text(jwt->claims, "dev", &len);
	if (device == NULL || len > AUTH_DEVICE_MAX)
		return error_set(err, JWT_BAD, 0, "dev: missing, no string, or no name of a device");
	memcpy(out->device, device, len + 1);
	return JWT_OK;
}

enum jwt_rc device_token_check(const struct jwt *jwt, const struct key_set *keys, const struct device_policy *policy, int64_t now_ms,
	struct device_claims *out, struct error *err)
{
	static const struct key_set NONE;
	const struct jwt_policy jwt_policy = {
		.issuer = DEVICE_TOKEN_ISSUER,
		.audiences = policy->audiences,
		.audience_count = policy->audience_count,
		.user_claim = "sub",
		.user_prefix = "",
		.leeway_s = policy->leeway_s,
	};
	struct device_claims claims;
	enum jwt_rc rc = jwt_check(jwt, keys ? keys : &NONE, &jwt_policy, now_ms, &claims.claims, err);
	if (rc == JWT_OK)
		rc = read_device(jwt, &claims, err);
	if (rc == JWT_OK && claims.claims.issued_at_ms == 0)
		rc = error_set(err, JWT_BAD, 0, "iat: missing"); /* none of ours is without */
	if (rc == JWT_OK)
		*out = claims;
	return rc;
}
