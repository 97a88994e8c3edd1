/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Values without texts, or with encrypted ones. A key is kept for a second: asking for it costs a round trip to the store, and one that was erased
 * must not live on here. */
#include "plugin/transfer/bodies.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "plugin/chat/line.h"
#include "plugin/transfer/jwe.h"

enum { SLOTS = 256, KEY_MS = 1000 };

struct slot {
	char chat_id[CHAT_ID_MAX + 1];
	int64_t until_ms; /* monotonic */
	unsigned char key[CHAT_KEY_BYTES];
};

struct bodies {
	struct store *store;
	enum bodies_mode mode;
	struct jwe *jwe; /* NULL: not encrypted */
	struct buf body, quote;
	struct slot slots[SLOTS];
};

bool bodies_mode_from_name(const char *name, enum bodies_mode *mode)
{
	static const char *const names[] = {[BODIES_FULL] = "full", [BODIES_NONE] = "none", [BODIES_ENCRYPTED] = "encrypted"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0) {
			*mode = (enum bodies_mode)i;
			return true;
		}
	return false;
}

struct bodies *bodies_new(struct store *store, enum bodies_mode mode, struct error *err)
{
	struct jwe *jwe = mode == BODIES_ENCRYPTED ? jwe_new(err) : NULL;
	if (mode == BODIES_ENCRYPTED && jwe == NULL)
		return NULL;
	struct bodies *bodies = mem_zero(sizeof *bodies);
	bodies->store = store;
	bodies->mode = mode;
	bodies->jwe = jwe;
	return bodies;
}

void bodies_free(struct bodies *bodies)
{
	if (bodies == NULL)
		return;
	jwe_free(bodies->jwe);
	buf_fini(&bodies->body);
	buf_fini(&bodies->quote);
	OPENSSL_cleanse(bodies->slots, sizeof bodies->slots);
	free(bodies);
}

/* ---- keys ---- */

static struct slot *slot_of(struct bodies *bodies, const char *chat_id)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	for (const char *c = chat_id; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * 16777619u;
	return &bodies->slots[hash % SLOTS];
}

/* NOT_FOUND: it was erased. */
static enum store_rc find_key(struct bodies *bodies, const char *chat_id, const unsigned char **key, struct error *err)
{
	struct slot *slot = slot_of(bodies, chat_id);
	int64_t now_ms = clock_mono_ms();
	*key = slot->key;
	if (now_ms < slot->until_ms && strcmp(slot->chat_id, chat_id) == 0)
		return STORE_OK;
	OPENSSL_cleanse(slot, sizeof *slot);
	enum store_rc rc = store_ops(bodies->store)->load_chat_key(bodies->store, chat_id, true, slot->key, err);
	if (rc != STORE_OK)
		return rc;
	strcpy(slot->chat_id, chat_id);
	slot->until_ms = now_ms + KEY_MS;
	return STORE_OK;
}

/* ---- values ---- */

static void make_empty(struct buf *value, size_t len)
{
	value->len = len;
	if (value->data != NULL)
		value->data[len] = '\0';
}

/* The line without any text, or what takes its place where that is too long. */
static void add_bare(struct buf *value, const struct transaction *tx, bool cut, size_t max)
{
	size_t start = value->len;
	const struct line_texts none = {.cut = cut};
	line_add_with(value, tx, &none);
	if (value->len - start > max) {
		make_empty(value, start);
		line_add_latest(value, tx->chat_id, tx->number);
	}
	if (value->len - start > max)
		make_empty(value, start);
}

static bool encrypt(struct bodies *bodies, struct buf *out, const unsigned char *key, const struct transaction *tx, const char *text, size_t len,
	struct error *err)
{
	buf_clear(out);
	return jwe_add(bodies->jwe, out, key, tx->chat_id, text, len, err);
}

static enum store_rc add_whole(struct bodies *bodies, const unsigned char *key, const struct transaction *tx, struct buf *value, struct error *err)
{
	struct line_texts texts = {.encrypted = true};
	if (!encrypt(bodies, &bodies->body, key, tx, tx->body.text, tx->body.len, err))
		return STORE_UNAVAILABLE;
	if (tx->quote.text != NULL && !encrypt(bodies, &bodies->quote, key, tx, tx->quote.text, tx->quote.len, err))
		return STORE_UNAVAILABLE;
	texts.body = bodies->body.data;
	texts.body_len = bodies->body.len;
	texts.quote = tx->quote.text != NULL ? bodies->quote.data : NULL;
	texts.quote_len = bodies->quote.len;
	line_add_with(value, tx, &texts);
	return STORE_OK;
}

/* As much of the body as there is room for; a JWE of a part of it, since a part of a JWE is nothing. */
static enum store_rc add_cut(struct bodies *bodies, const unsigned char *key, const struct transaction *tx, size_t max, struct buf *value, struct error *err)
{
	size_t start = value->len;
	add_bare(value, tx, true, max);
	size_t used = value->len - start + jwe_len(tx->chat_id, 0) + strlen(",\"body\":\"\",\"encrypted\":true");
	size_t len = used < max ? text_cut(tx->body.text, tx->body.len, (max - used) / 4 * 3) : 0;
	if (len == 0)
		return STORE_OK;
	if (!encrypt(bodies, &bodies->body, key, tx, tx->body.text, len, err))
		return STORE_UNAVAILABLE;
	const struct line_texts texts = {.body = bodies->body.data, .body_len = bodies->body.len, .cut = true, .encrypted = true};
	make_empty(value, start);
	line_add_with(value, tx, &texts);
	return STORE_OK;
}

static enum store_rc add_encrypted(struct bodies *bodies, const struct transaction *tx, size_t max, struct buf *value, struct error *err)
{
	size_t start = value->len;
	const unsigned char *key;
	enum store_rc rc = find_key(bodies, tx->chat_id, &key, err);
	if (rc == STORE_NOT_FOUND) {
		add_bare(value, tx, false, max);
		return STORE_OK;
	}
	if (rc == STORE_OK)
		rc = add_whole(bodies, key, tx, value, err);
	if (rc != STORE_OK || value->len - start <= max)
		return rc;
	make_empty(value, start);
	return add_cut(bodies, key, tx, max, value, err);
}

enum store_rc bodies_render(struct bodies *bodies, const struct transaction *tx, size_t max, struct buf *value, struct error *err)
{
	bool has_text = (tx->type == TX_MESSAGE || tx->type == TX_EDIT) && tx->body.text != NULL;
	if (has_text && bodies->mode == BODIES_ENCRYPTED)
		return add_encrypted(bodies, tx, max, value, err);
	if (has_text && bodies->mode == BODIES_NONE)
		add_bare(value, tx, false, max);
	else if (max == SIZE_MAX)
		line_add(value, tx);
	else
		line_add_within(value, tx, max);
	return STORE_OK;
}
