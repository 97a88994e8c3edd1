/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Where to look for repetitions. Any thread. */
#include "storage/mongo/dedup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum {
	DIGEST_BYTES = 16,
	PRUNE_MAX = 1000,
	FIND_MAX = 1000,
	RANGE_GAP = 32, /* so many numbers that nobody wants are read rather than asked around */
};

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

enum store_rc dedup_put(struct db *db, struct dedup_key *keys, size_t count, struct error *err)
{
	struct db_bulk bulk;
	db_bulk_begin(&bulk, db, DEDUP);
	for (size_t i = 0; i < count; i++)
		db_bulk_insert(&bulk, dedup_doc(keys[i].tx));
	enum store_rc rc = db_bulk_run(&bulk, err);
	for (size_t i = 0; rc == STORE_OK && i < count; i++)
		keys[i].taken = bulk.taken[i];
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

static bool is_of_key(const struct transaction *tx, const char *sender_id, const char *key, int64_t since_ms)
{
	return tx->key != NULL && tx->at_ms >= since_ms && strcmp(tx->key, key) == 0 && strcmp(tx->sender_id, sender_id) == 0;
}

/* Transactions of one chat by their numbers. */
struct lookup {
	uint64_t *numbers; /* ascending once sorted */
	struct transaction **transactions; /* at the same place; NULL: not in the log */
	size_t count;
};

static void lookup_want(struct lookup *lookup, uint64_t number)
{
	if ((lookup->count & (lookup->count - 1)) == 0) /* full at 0 and at every power of two */
		lookup->numbers = mem_grow(lookup->numbers, (lookup->count ? lookup->count * 2 : 1) * sizeof *lookup->numbers);
	lookup->numbers[lookup->count++] = number;
}

static int by_number(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
	return a < b ? -1 : a > b;
}

static struct transaction **lookup_place(const struct lookup *lookup, uint64_t number)
{
	const uint64_t *found = lookup->count > 0 ? bsearch(&number, lookup->numbers, lookup->count, sizeof number, by_number) : NULL;
	return found ? &lookup->transactions[found - lookup->numbers] : NULL;
}

static bool take_wanted(void *context, const struct transaction *tx)
{
	struct transaction **place = lookup_place(context, tx->number);
	if (place && *place == NULL)
		*place = transaction_ref(tx);
	return true;
}

/* They nearly always lie close together, so few ranges hold them all. */
static enum store_rc lookup_load(struct db *db, const char *chat_id, struct lookup *lookup, struct error *err)
{
	enum store_rc rc = STORE_OK;
	if (lookup->count > 1)
		qsort(lookup->numbers, lookup->count, sizeof *lookup->numbers, by_number);
	lookup->transactions = mem_zero(lookup->count * sizeof *lookup->transactions + 1);
	for (size_t from = 0, to; rc == STORE_OK && from < lookup->count; from = to) {
		for (to = from + 1; to < lookup->count && lookup->numbers[to] - lookup->numbers[to - 1] <= RANGE_GAP;)
			to++;
		rc = mongo_visit_log(db, chat_id, lookup->numbers[from], lookup->numbers[to - 1], LOG_ASCENDING, take_wanted, lookup, err);
	}
	return rc;
}

static void lookup_fini(struct lookup *lookup)
{
	for (size_t i = 0; lookup->transactions && i < lookup->count; i++)
		transaction_free(lookup->transactions[i]);
	free(lookup->transactions);
	free(lookup->numbers);
}

/* The newest of the candidates that the log has under that key, before `below`; NULL: none. It belongs to the lookup. */
static const struct transaction *newest_of(const struct lookup *lookup, const struct candidates *candidates, uint64_t below,
                                           const char *sender_id, const char *key, int64_t since_ms)
{
	const struct transaction *newest = NULL;
	for (size_t i = 0; i < candidates->count; i++) {
		struct transaction **place = candidates->numbers[i] < below ? lookup_place(lookup, candidates->numbers[i]) : NULL;
		if (place && *place && is_of_key(*place, sender_id, key, since_ms) && (newest == NULL || newest->number < (*place)->number))
			newest = *place;
	}
	return newest;
}

enum store_rc dedup_find(struct db *db, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms,
                         struct transaction **found, struct error *err)
{
	struct candidates candidates = {0};
	struct lookup lookup = {0};
	unsigned char id[SHA256_BYTES];
	digest(chat_id, sender_id, key, id);
	enum store_rc rc = load_candidates(db, id, &candidates, err);
	for (size_t i = 0; rc == STORE_OK && i < candidates.count; i++)
		lookup_want(&lookup, candidates.numbers[i]);
	if (rc == STORE_OK)
		rc = lookup_load(db, chat_id, &lookup, err);
	const struct transaction *newest = rc == STORE_OK ? newest_of(&lookup, &candidates, UINT64_MAX, sender_id, key, since_ms) : NULL;
	if (newest)
		*found = transaction_ref(newest);
	else if (rc == STORE_OK)
		rc = error_set(err, STORE_NOT_FOUND, 0, "no such key");
	lookup_fini(&lookup);
	free(candidates.numbers);
	return rc;
}

/* ---- many at once ---- */

/* One that was taken, with what is there. */
struct taken {
	struct dedup_key *key;
	unsigned char id[SHA256_BYTES];
	struct candidates candidates;
	bool found, stands; /* stands: with our number among them, since an earlier try */
	UT_hash_handle hh;
};

struct verifying {
	struct taken *items;
	size_t count;
	struct taken *by_id;
};

static void verifying_init(struct verifying *verifying, struct dedup_key *keys, size_t count)
{
	verifying->items = mem_zero(count * sizeof *verifying->items + 1);
	for (size_t i = 0; i < count; i++) {
		if (!keys[i].taken)
			continue;
		struct taken *taken = &verifying->items[verifying->count++];
		taken->key = &keys[i];
		digest(keys[i].tx->chat_id, keys[i].tx->sender_id, keys[i].tx->key, taken->id);
		HASH_ADD(hh, verifying->by_id, id, DIGEST_BYTES, taken);
	}
}

static void verifying_fini(struct verifying *verifying)
{
	HASH_CLEAR(hh, verifying->by_id);
	for (size_t i = 0; i < verifying->count; i++)
		free(verifying->items[i].candidates.numbers);
	free(verifying->items);
}

static bson_t *filter_of(const struct taken *items, size_t count)
{
	bson_t *filter = bson_new(), id, in;
	BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &id);
	BSON_APPEND_ARRAY_BEGIN(&id, "$in", &in);
	for (size_t i = 0; i < count; i++) {
		char index[24];
		snprintf(index, sizeof index, "%zu", i);
		bson_append_binary(&in, index, -1, BSON_SUBTYPE_BINARY, items[i].id, DIGEST_BYTES);
	}
	bson_append_array_end(&id, &in);
	bson_append_document_end(filter, &id);
	return filter;
}

static void take_doc(struct verifying *verifying, const bson_t *doc)
{
	size_t len;
	const unsigned char *id = doc_bytes(doc, "_id", &len);
	struct taken *taken = NULL;
	if (len == DIGEST_BYTES)
		HASH_FIND(hh, verifying->by_id, id, DIGEST_BYTES, taken);
	if (taken == NULL || taken->found)
		return;
	taken->found = true;
	read_numbers(doc, &taken->candidates);
	for (size_t i = 0; i < taken->candidates.count; i++)
		taken->stands = taken->stands || taken->candidates.numbers[i] == taken->key->tx->number;
	taken->stands = taken->stands && doc_number(doc, "at") >= taken->key->tx->at_ms;
}

static enum store_rc load_docs(struct db *db, struct verifying *verifying, struct error *err)
{
	enum store_rc rc = STORE_OK;
	for (size_t done = 0; rc == STORE_OK && done < verifying->count; done += FIND_MAX) {
		size_t left = verifying->count - done;
		struct db_cursor cursor;
		const bson_t *doc;
		db_find(&cursor, db, DEDUP, filter_of(verifying->items + done, left < FIND_MAX ? left : FIND_MAX), NULL);
		while (db_next(&cursor, &doc))
			take_doc(verifying, doc);
		rc = db_find_end(&cursor, err);
	}
	return rc;
}

/* Those of one chat, from..to. */
static enum store_rc decide_chat(struct db *db, struct taken *items, size_t count, struct error *err)
{
	struct lookup lookup = {0};
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; !items[i].key->blindly && j < items[i].candidates.count; j++)
			if (items[i].candidates.numbers[j] < items[i].key->tx->number)
				lookup_want(&lookup, items[i].candidates.numbers[j]);
	enum store_rc rc = lookup_load(db, items[0].key->tx->chat_id, &lookup, err);
	for (size_t i = 0; rc == STORE_OK && i < count; i++) {
		const struct transaction *tx = items[i].key->tx;
		const struct transaction *newest = newest_of(&lookup, &items[i].candidates, tx->number, tx->sender_id, tx->key, tx->at_ms - KEY_AGE_MS);
		items[i].key->number = newest ? newest->number : 0;
	}
	lookup_fini(&lookup);
	return rc;
}

static enum store_rc decide_all(struct db *db, struct verifying *verifying, struct error *err)
{
	enum store_rc rc = STORE_OK;
	for (size_t from = 0, to; rc == STORE_OK && from < verifying->count; from = to) {
		const char *chat_id = verifying->items[from].key->tx->chat_id;
		for (to = from + 1; to < verifying->count && strcmp(verifying->items[to].key->tx->chat_id, chat_id) == 0;)
			to++;
		rc = decide_chat(db, verifying->items + from, to - from, err);
	}
	return rc;
}

static void append_number(bson_t *array, size_t *count, uint64_t number)
{
	char index[24];
	snprintf(index, sizeof index, "%zu", (*count)++);
	bson_append_int64(array, index, -1, (int64_t)number);
}

/* Compare-and-set on the numbers that were seen, so that none gets lost which somebody adds meanwhile. Stale are those below ours; an
 * import has not looked, and keeps them. */
static void put_number(struct db_bulk *bulk, const struct taken *taken)
{
	const struct transaction *tx = taken->key->tx;
	bson_t *filter = BCON_NEW("_id", DIGEST_BIN(taken->id)), *update = bson_new(), old, set, new;
	size_t old_count = 0, new_count = 0;
	BSON_APPEND_ARRAY_BEGIN(filter, "n", &old);
	BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &set);
	BSON_APPEND_ARRAY_BEGIN(&set, "n", &new);
	for (size_t i = 0; i < taken->candidates.count; i++) {
		uint64_t number = taken->candidates.numbers[i];
		append_number(&old, &old_count, number);
		if (number > tx->number || (taken->key->blindly && number < tx->number))
			append_number(&new, &new_count, number);
	}
	append_number(&new, &new_count, tx->number);
	bson_append_array_end(&set, &new);
	bson_append_document_end(update, &set);
	bson_append_array_end(filter, &old);
	bson_t max;
	BSON_APPEND_DOCUMENT_BEGIN(update, "$max", &max);
	BSON_APPEND_INT64(&max, "at", tx->at_ms);
	bson_append_document_end(update, &max);
	db_bulk_update(bulk, filter, update, DB_UPDATE);
}

/* Which of them were found changed cannot be told: then all of those are done again, which costs nothing but time. A number that stands there
 * already goes only when the log has something else at it. */
static enum store_rc put_numbers(struct db *db, struct verifying *verifying, struct error *err)
{
	struct db_bulk bulk;
	db_bulk_begin(&bulk, db, DEDUP);
	for (size_t i = 0; i < verifying->count; i++)
		if (verifying->items[i].found && !verifying->items[i].stands && verifying->items[i].key->number == 0)
			put_number(&bulk, &verifying->items[i]);
	size_t count = bulk.count;
	enum store_rc rc = db_bulk_run(&bulk, err);
	bool again = rc == STORE_OK && bulk.matched != count;
	for (size_t i = 0; i < verifying->count; i++) {
		const struct taken *taken = &verifying->items[i];
		taken->key->again = taken->key->number == 0 && !taken->stands && (again || !taken->found); /* not found: pruned since */
	}
	db_bulk_end(&bulk);
	return rc;
}

enum store_rc dedup_verify(struct db *db, struct dedup_key *keys, size_t count, struct error *err)
{
	struct verifying verifying = {0};
	verifying_init(&verifying, keys, count);
	enum store_rc rc = load_docs(db, &verifying, err);
	if (rc == STORE_OK)
		rc = decide_all(db, &verifying, err);
	if (rc == STORE_OK)
		rc = put_numbers(db, &verifying, err);
	verifying_fini(&verifying);
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
