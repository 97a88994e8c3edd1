/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Transactions: one block each, counted; the chain's encoding; erasing; what membership and group transactions say. Any thread; nothing blocks.
 *
 * The header's encoding, version 2. It may never change: every head ever given out is a digest of it. A new field means a new version
 * byte, for new transactions only.
 *
 *   1 byte   version, 2
 *   then, each as 4 bytes length (big endian) and that many bytes:
 *     chat_id, number, type, sender_id, at_ms, key, key_hash, writer, target, content_type, client_time_ms, quote_revision
 *
 * Numbers are 8 bytes, big endian, two's complement; strings are their bytes without the NUL. A string that is NULL has the length
 * 0xFFFFFFFF and no bytes, so that it differs from "". key_hash is its 16 bytes, and where there is a body 16 zero bytes, since the
 * body's commitment has it. The position is not in it: the store gives it later.
 *
 * In version 1 key_hash was always here and in no commitment, so a short text can be guessed from it even after its erasure. */
#include "storage/transaction.h"

#include <assert.h>
#include <endian.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

enum { HEADER_VERSION_1 = 1, HEADER_VERSION = 2 };

static const unsigned char NOTHING[ID_BYTES];

/* ---- names ---- */

static const char *const type_names[] = {
	[TX_MESSAGE] = "message",
	[TX_EDIT] = "edit",
	[TX_DELETE] = "delete",
	[TX_MEMBER_ADDED] = "memberAdded",
	[TX_MEMBER_REMOVED] = "memberRemoved",
	[TX_ROLE_CHANGED] = "roleChanged",
	[TX_GROUP_UPDATED] = "groupUpdated",
	[TX_GROUP_DELETED] = "groupDeleted",
};

const char *transaction_type_name(int type)
{
	return type >= 0 && (size_t)type < sizeof type_names / sizeof *type_names ? type_names[type] : NULL;
}

static const char *const role_names[] = {
	[ROLE_NONE] = "none",
	[ROLE_MEMBER] = "member",
	[ROLE_ADMIN] = "admin",
	[ROLE_OWNER] = "owner",
};

const char *role_name(enum role role)
{
	return (size_t)role < sizeof role_names / sizeof *role_names ? role_names[role] : NULL;
}

bool role_from_name(const char *name, enum role *role)
{
	for (enum role i = ROLE_MEMBER; i <= ROLE_OWNER; i++) {
		if (strcmp(name, role_names[i]) == 0) {
			*role = i;
			return true;
		}
	}
	return false;
}

/* ---- the block ---- */

struct block {
	atomic_uint references;
	struct transaction tx;
	char texts[];
};

static struct block *block_of(const struct transaction *tx)
{
	return (struct block *)((char *)(uintptr_t)tx - offsetof(struct block, tx));
}

static size_t text_room(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static const char *text_put(char **at, const char *text, size_t len)
{
	if (text == NULL)
		return NULL;
	char *copy = *at;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*at += len + 1;
	return copy;
}

static const char *string_put(char **at, const char *text)
{
	return text ? text_put(at, text, strlen(text)) : NULL;
}

struct transaction *transaction_new(const struct transaction *from)
{
	size_t room = text_room(from->chat_id) + text_room(from->sender_id) + text_room(from->key) + text_room(from->writer) +
		text_room(from->content_type) + (from->body.text ? (size_t)from->body.len + 1 : 0) +
		(from->quote.text ? (size_t)from->quote.len + 1 : 0);
	struct block *block = mem_new(sizeof *block + room);
	atomic_init(&block->references, 1);
	struct transaction *tx = &block->tx;
	char *at = block->texts;
	*tx = *from;
	tx->chat_id = string_put(&at, from->chat_id);
	tx->sender_id = string_put(&at, from->sender_id);
	tx->key = string_put(&at, from->key);
	tx->writer = string_put(&at, from->writer);
	tx->content_type = string_put(&at, from->content_type);
	tx->body.text = text_put(&at, from->body.text, from->body.len);
	tx->quote.text = text_put(&at, from->quote.text, from->quote.len);
	return tx;
}

struct transaction *transaction_ref(const struct transaction *tx)
{
	struct block *block = block_of(tx);
	atomic_fetch_add_explicit(&block->references, 1, memory_order_relaxed);
	return &block->tx;
}

void transaction_free(struct transaction *tx)
{
	if (tx == NULL)
		return;
	struct block *block = block_of(tx);
	/* acq_rel: whoever frees has seen everything that the others did before they let go. */
	if (atomic_fetch_sub_explicit(&block->references, 1, memory_order_acq_rel) == 1)
		free(block);
}

/* ---- the chain ---- */

void sealed_set(struct sealed *sealed, const char *text, size_t len)
{
	*sealed = (struct sealed){.text = text, .len = (uint32_t)len, .present = true};
	id_random(sealed->salt, sizeof sealed->salt);
}

/* key_hash NULL: it is not in it. */
static void commit(const struct sealed *sealed, const unsigned char *key_hash, unsigned char commitment[ID_BYTES])
{
	unsigned char digest[SHA256_BYTES];
	sha256((struct bytes[]){{sealed->salt, sizeof sealed->salt}, {key_hash, key_hash ? ID_BYTES : 0}, {sealed->text, sealed->len}}, 3, digest);
	memcpy(commitment, digest, ID_BYTES);
}

/* The commitment, from wherever it is: computed, kept, or that there is nothing. */
static void sealed_link(const struct sealed *sealed, const unsigned char *key_hash, unsigned char commitment[ID_BYTES])
{
	if (sealed->present && !sealed->erased)
		commit(sealed, key_hash, commitment);
	else
		memcpy(commitment, sealed->present ? sealed->salt : NOTHING, ID_BYTES);
}

static const unsigned char *key_hash_with_body(const struct transaction *tx)
{
	return tx->first_encoding ? NULL : tx->key_hash;
}

bool transaction_is_repeated(const struct transaction *tx, const unsigned char key_hash[ID_BYTES])
{
	return (tx->body.erased && !tx->first_encoding) || memcmp(tx->key_hash, key_hash, ID_BYTES) == 0;
}

/* Everything that a head covers fits: the limits on names are checked where they come in, and here once more. */
struct header {
	size_t len;
	unsigned char bytes[1024];
};

static void add_bytes(struct header *out, const void *bytes, size_t len)
{
	assert(len <= sizeof out->bytes - out->len);
	if (len > 0)
		memcpy(out->bytes + out->len, bytes, len);
	out->len += len;
}

static void add_length(struct header *out, uint32_t len)
{
	uint32_t big_endian = htobe32(len);
	add_bytes(out, &big_endian, sizeof big_endian);
}

static void add_string(struct header *out, const char *text)
{
	size_t len = text ? strlen(text) : 0;
	add_length(out, text ? (uint32_t)len : UINT32_MAX);
	add_bytes(out, text, len);
}

static void add_number(struct header *out, uint64_t number)
{
	uint64_t big_endian = htobe64(number);
	add_length(out, sizeof big_endian);
	add_bytes(out, &big_endian, sizeof big_endian);
}

static void add_header(struct header *out, const struct transaction *tx)
{
	const unsigned char *key_hash = tx->body.present && !tx->first_encoding ? NOTHING : tx->key_hash;
	add_bytes(out, &(unsigned char){tx->first_encoding ? HEADER_VERSION_1 : HEADER_VERSION}, 1);
	add_string(out, tx->chat_id);
	add_number(out, tx->number);
	add_number(out, (uint64_t)tx->type);
	add_string(out, tx->sender_id);
	add_number(out, (uint64_t)tx->at_ms);
	add_string(out, tx->key);
	add_length(out, ID_BYTES);
	add_bytes(out, key_hash, ID_BYTES);
	add_string(out, tx->writer);
	add_number(out, tx->target);
	add_string(out, tx->content_type);
	add_number(out, (uint64_t)tx->client_time_ms);
	add_number(out, tx->quote_revision);
}

void transaction_head(const struct transaction *tx, const unsigned char previous[HEAD_BYTES], unsigned char head[HEAD_BYTES])
{
	unsigned char body[ID_BYTES], quote[ID_BYTES], digest[SHA256_BYTES];
	struct header all;
	all.len = 0;
	sealed_link(&tx->body, key_hash_with_body(tx), body);
	sealed_link(&tx->quote, NULL, quote);
	add_bytes(&all, previous, HEAD_BYTES);
	add_header(&all, tx);
	add_bytes(&all, body, sizeof body);
	add_bytes(&all, quote, sizeof quote);
	sha256(&(struct bytes){all.bytes, all.len}, 1, digest);
	memcpy(head, digest, HEAD_BYTES);
}

uint64_t transaction_key64(const char *sender_id, const char *key)
{
	unsigned char digest[SHA256_BYTES];
	/* The NUL between them keeps ("ab", "c") apart from ("a", "bc"). */
	sha256((struct bytes[]){{sender_id, strlen(sender_id) + 1}, {key, strlen(key)}}, 2, digest);
	uint64_t number = 0;
	for (size_t i = 0; i < sizeof number; i++)
		number = number << 8 | digest[i];
	return number;
}

/* ---- erasing ---- */

static void sealed_erase(struct sealed *sealed, const unsigned char *key_hash)
{
	struct sealed erased = {.present = true, .erased = true};
	commit(sealed, key_hash, erased.salt);
	*sealed = erased;
}

struct transaction *transaction_erased(const struct transaction *tx, bool body, bool quote)
{
	struct transaction erased = *tx;
	if (body && tx->body.present && !tx->body.erased) {
		sealed_erase(&erased.body, key_hash_with_body(tx));
		if (!tx->first_encoding)
			memset(erased.key_hash, 0, sizeof erased.key_hash);
	}
	if (quote && tx->quote.present && !tx->quote.erased)
		sealed_erase(&erased.quote, NULL);
	return transaction_new(&erased);
}

/* The body as a JSON object; NULL: it is none. */
static json_t *body_object(const struct transaction *tx)
{
	return tx->body.text ? json_read_object(tx->body.text, tx->body.len, NULL) : NULL;
}

bool transaction_keeps_quotes(const struct transaction *tx)
{
	json_t *body = tx->type == TX_DELETE ? body_object(tx) : NULL;
	const char *quotes = body ? json_text(body, "quotes", NULL) : NULL;
	bool keeps = quotes != NULL && strcmp(quotes, "keep") == 0;
	json_decref(body);
	return keeps;
}

/* ---- membership ---- */

/* A change as it stands in the JSON; the user's ID is the JSON's. false: it is not what it should be. */
static bool change_read(const json_t *json, bool with_role, struct member_change *change)
{
	size_t len = 0;
	change->user_id = json_text(json, "userID", &len);
	change->role = ROLE_NONE;
	if (change->user_id == NULL || len == 0 || len > USER_ID_MAX)
		return false;
	change->deleted = !with_role && json_is_true(json_object_get(json, "deleted"));
	const char *role = with_role ? json_text(json, "role", NULL) : NULL;
	return !with_role || (role != NULL && role_from_name(role, &change->role));
}

/* Copies one after the other into one block, the IDs behind the array. */
static struct member_change *changes_pack(const struct member_change *changes, size_t count)
{
	size_t room = count * sizeof *changes;
	for (size_t i = 0; i < count; i++)
		room += text_room(changes[i].user_id);
	struct member_change *packed = mem_new(room);
	char *at = (char *)(packed + count);
	for (size_t i = 0; i < count; i++)
		packed[i] = (struct member_change){string_put(&at, changes[i].user_id), changes[i].role, changes[i].deleted};
	return packed;
}

/* A list of them, or a single one. */
static int changes_read(const json_t *json, bool with_role, struct member_change **changes)
{
	size_t count = json_is_object(json) ? 1 : json_array_size(json);
	if (count == 0 || count > INT32_MAX)
		return -1;
	struct member_change *found = mem_new(count * sizeof *found);
	size_t good = 0;
	while (good < count && change_read(json_is_object(json) ? json : json_array_get(json, good), with_role, &found[good]))
		good++;
	if (good == count)
		*changes = changes_pack(found, count);
	free(found);
	return good == count ? (int)count : -1;
}

int transaction_members(const struct transaction *tx, struct member_change **changes)
{
	bool added = tx->type == TX_MEMBER_ADDED;
	if ((!added && tx->type != TX_MEMBER_REMOVED && tx->type != TX_ROLE_CHANGED) || tx->body.erased)
		return 0;
	json_t *body = body_object(tx);
	if (body == NULL)
		return -1;
	const json_t *members = json_object_get(body, "members");
	int count = added && !json_is_array(members) ? -1 : changes_read(added ? members : body, tx->type != TX_MEMBER_REMOVED, changes);
	json_decref(body);
	return count;
}

/* ---- groups ---- */

/* A member that may be missing, but is text if it is there. */
static bool text_if_there(const json_t *object, const char *name, const char **text)
{
	*text = json_text(object, name, NULL);
	return *text != NULL || json_object_get(object, name) == NULL;
}

bool transaction_group(const struct transaction *tx, struct group_change *change)
{
	const char *name, *icon, *history;
	if (tx->type != TX_GROUP_UPDATED || tx->body.erased) {
		*change = (struct group_change){.history = -1};
		return true;
	}
	json_t *body = body_object(tx);
	bool good = body != NULL && text_if_there(body, "name", &name) && text_if_there(body, "icon", &icon) &&
		text_if_there(body, "history", &history) && (history == NULL || strcmp(history, "all") == 0 || strcmp(history, "own") == 0);
	if (good)
		*change = (struct group_change){
			.name = name ? mem_text(name) : NULL,
			.icon = icon ? mem_text(icon) : NULL,
			.history = history ? strcmp(history, "all") == 0 : -1,
		};
	json_decref(body);
	return good;
}

bool transaction_makes_sense(const struct transaction *tx)
{
	struct member_change *changes = NULL;
	struct group_change change = {0};
	bool sense = transaction_members(tx, &changes) >= 0 && transaction_group(tx, &change);
	free(changes);
	group_change_fini(&change);
	return sense;
}

void group_change_fini(struct group_change *change)
{
	free(change->name);
	free(change->icon);
	*change = (struct group_change){.history = -1};
}
