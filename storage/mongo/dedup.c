/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Where to look for repetitions. Any thread. */
#include "storage/mongo/dedup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGEST_BYTES = 16, PRUNE_MAX = 1000 };

static const int64_t KEY_AGE_MS = (int64_t)STORE_KEY_DAYS * 24 * 3600 * 1000;

bool dedup_is_indexed(const struct transaction *tx)
{
	return tx->key != NULL && tx->key[0] != KEY_ONCE;
}

static void digest(const char *chat_id, const char *sender_id, const char *key, unsigned char bytes[SHA256_BYTES])
{
	const struct bytes parts[] = {{chat_id, strlen(chat_id) + 1}, {sender_id, strlen(sender_id) + 1}, {key, strlen(key)}};
	sha256(parts, sizeof parts / sizeof *parts, bytes);
}

#define DIGEST_BIN(bytes) BCON_BIN(BSON_SUBTYPE_BINARY, bytes, DIGEST_BYTES)

static bson_t *dedup_doc(const struct transaction *tx)
{
	unsigned char id[SHA256_BYTES];
	digest(tx->chat_id, tx->sender_id, tx->key, id);
	return BCON_NEW("_id", DIGEST_BIN(id), "n", "[", BCON_INT64((int64_t)tx->number), "]", "at", BCON_INT64(tx->at_ms));
}

enum store_rc dedup_put(struct db *db, struct transaction *const *transactions, size_t count, bool *taken, struct error *err)
{
	struct db_bulk bulk;
	db_bulk_begin(&bulk, db, DEDUP);
	for (size_t i = 0; i < count; i++)
		db_bulk_insert(&bulk, dedup_doc(transactions[i]));
	enum store_rc rc = db_bulk_run(&bulk, err);
	if (rc == STORE_OK && count > 0)
		memcpy(taken, bulk.taken, count * sizeof *taken);
	db_bulk_end(&bulk);
	return rc;
}

/* ---- looking ---- */

struct candidates {
	uint64_t *numbers;
	size_t count;
};

static void read_numbers(const bson_t *doc, struct candidates *candidates)
{
	bson_iter_t iter, item;
	if (!bson_iter_init_find(&iter, doc, "n") || !BSON_ITER_HOLDS_ARRAY(&iter) || !bson_iter_recurse(&iter, &item))
		return;
	while (bson_iter_next(&item)) {
		candidates->numbers = mem_grow(candidates->numbers, (candidates->count + 1) * sizeof *candidates->numbers);
		candidates->numbers[candidates->count++] = (uint64_t)bson_iter_as_int64(&item);
	}
}

static enum store_rc load_candidates(struct db *db, const unsigned char *id, struct candidates *candidates, struct error *err)
{
	bson_t doc;
	enum store_rc rc = db_find_one(db, DEDUP, BCON_NEW("_id", DIGEST_BIN(id)), NULL, &doc, err);
	if (rc != STORE_OK)
		return rc == STORE_NOT_FOUND ? STORE_OK : rc;
	read_numbers(&doc, candidates);
	bson_destroy(&doc);
	return STORE_OK;
}

static bool take_it(void *context, const struct transaction *tx)
{
	*(struct transaction **)context = transaction_ref(tx);
	return false;
}

/* The newest of them that the log has under that key; NULL: none. */
static enum store_rc look_up(struct db *db, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms,
                             const struct candidates *candidates, struct transaction **found, struct error *err)
{
	enum store_rc rc = STORE_OK;
	*found = NULL;
	for (size_t i = 0; rc == STORE_OK && i < candidates->count; i++) {
		struct transaction *tx = NULL;
		uint64_t number = candidates->numbers[i];
		rc = mongo_visit_log(db, chat_id, number, number, LOG_ASCENDING, take_it, &tx, err);
		if (tx != NULL && tx->key != NULL && strcmp(tx->key, key) == 0 && strcmp(tx->sender_id, sender_id) == 0 && tx->at_ms >= since_ms &&
			(*found == NULL || (*found)->number < tx->number)) {
			transaction_free(*found);
			*found = transaction_ref(tx);
		}
		transaction_free(tx);
	}
	if (rc != STORE_OK) {
		transaction_free(*found);
		*found = NULL;
	}
	return rc;
}

static enum store_rc find(struct db *db, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms,
                          struct transaction **found, struct error *err)
{
	struct candidates candidates = {0};
	unsigned char id[SHA256_BYTES];
	digest(chat_id, sender_id, key, id);
	enum store_rc rc = load_candidates(db, id, &candidates, err);
	if (rc == STORE_OK)
		rc = look_up(db, chat_id, sender_id, key, since_ms, &candidates, found, err);
	free(candidates.numbers);
	return rc;
}

enum store_rc dedup_find(struct db *db, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms,
                         struct transaction **found, struct error *err)
{
	enum store_rc rc = find(db, chat_id, sender_id, key, since_ms, found, err);
	if (rc == STORE_OK && *found == NULL)
		return error_set(err, STORE_NOT_FOUND, 0, "no such key");
	return rc;
}

/* Instead of what was pruned meanwhile comes a new document. */
static enum store_rc add_number(struct db *db, const struct transaction *tx, struct error *err)
{
	unsigned char id[SHA256_BYTES];
	size_t matched;
	digest(tx->chat_id, tx->sender_id, tx->key, id);
	enum store_rc rc = db_update(db, DEDUP, BCON_NEW("_id", DIGEST_BIN(id)), BCON_NEW("$addToSet", "{", "n", BCON_INT64((int64_t)tx->number), "}",
		"$max", "{", "at", BCON_INT64(tx->at_ms), "}"), DB_UPDATE, &matched, err);
	if (rc == STORE_OK && matched == 0)
		rc = db_insert(db, DEDUP, dedup_doc(tx), err);
	return rc == STORE_TAKEN ? STORE_UNAVAILABLE : rc; /* put and pruned and put: begin anew */
}

/* What is found at tx's own number is no repetition: it is tx itself, or has its number, which the insert will see. */
enum store_rc dedup_verify(struct db *db, const struct transaction *tx, uint64_t *number, struct error *err)
{
	struct transaction *found = NULL;
	enum store_rc rc = find(db, tx->chat_id, tx->sender_id, tx->key, tx->at_ms - KEY_AGE_MS, &found, err);
	if (rc != STORE_OK)
		return rc;
	*number = found && found->number != tx->number ? found->number : 0;
	if (*number == 0)
		rc = add_number(db, tx, err);
	transaction_free(found);
	return rc;
}

/* ---- forgetting ---- */

enum store_rc dedup_prune(struct db *db, int64_t before_ms, bool *more, struct error *err)
{
	struct db_cursor cursor;
	struct db_bulk bulk;
	const bson_t *doc;
	db_bulk_begin(&bulk, db, DEDUP);
	db_find(&cursor, db, DEDUP, BCON_NEW("at", "{", "$lt", BCON_INT64(before_ms), "}"),
		BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}", "limit", BCON_INT64(PRUNE_MAX)));
	while (db_next(&cursor, &doc)) {
		size_t len;
		const unsigned char *id = doc_bytes(doc, "_id", &len);
		if (len == DIGEST_BYTES)
			db_bulk_delete(&bulk, BCON_NEW("_id", DIGEST_BIN(id), "at", "{", "$lt", BCON_INT64(before_ms), "}"));
	}
	*more = bulk.count == PRUNE_MAX;
	enum store_rc rc = db_find_end(&cursor, err);
	if (rc == STORE_OK)
		rc = db_bulk_run(&bulk, err);
	db_bulk_end(&bulk);
	return rc;
}
