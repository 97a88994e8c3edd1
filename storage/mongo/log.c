/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Walking along one chat's log. A document's _id tells where it begins, so the one that has a number in its midst is the last that begins
 * before. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/logdoc.h"

/* ---- documents ---- */

/* {$gte: …, $lte: …} on _id: documents that begin at those numbers. */
static bson_t *log_filter(const char *chat_id, uint64_t from, uint64_t to)
{
	struct pair_key low = number_key(chat_id, from), high = number_key(chat_id, to);
	return BCON_NEW("_id", "{", "$gte", KEY_BIN(low), "$lte", KEY_BIN(high), "}");
}

struct walk {
	struct db *db;
	const struct log_range *range;
	log_doc_visit *visit;
	void *context;
	bool stopped;
	uint64_t lowest; /* where the lowest document that came begins; UINT64_MAX: none came */
};

static enum store_rc begins_at(const bson_t *doc, uint64_t *first, struct error *err)
{
	struct log_doc log_doc;
	enum store_rc rc = log_doc_open(doc, &log_doc, err);
	*first = log_doc.first;
	return rc;
}

/* The document that begins before `from` and may reach to it. */
static enum store_rc visit_before(struct walk *walk, struct error *err)
{
	bson_t doc;
	struct log_doc log_doc;
	if (walk->range->from <= 1)
		return STORE_OK;
	enum store_rc rc = db_find_one(walk->db, LOG, log_filter(walk->range->chat_id, 1, walk->range->from - 1),
		BCON_NEW("sort", "{", "_id", BCON_INT32(-1), "}"), &doc, err);
	if (rc != STORE_OK)
		return rc == STORE_NOT_FOUND ? STORE_OK : rc;
	rc = log_doc_open(&doc, &log_doc, err);
	if (rc == STORE_OK && log_doc.last >= walk->range->from)
		walk->stopped = !walk->visit(walk->context, &doc);
	bson_destroy(&doc);
	return rc;
}

static bson_t *options(const struct log_range *range)
{
	bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(range->order == LOG_ASCENDING ? 1 : -1), "}");
	if (range->doc_max > 0 && range->doc_max < INT32_MAX)
		BSON_APPEND_INT64(opts, "limit", (int64_t)range->doc_max);
	return opts;
}

/* Ascending, the one before comes first: so it is looked for as soon as the first one is known. */
static enum store_rc visit_doc(struct walk *walk, const bson_t *doc, struct error *err)
{
	uint64_t first;
	bool is_first = walk->lowest == UINT64_MAX;
	enum store_rc rc = begins_at(doc, &first, err);
	if (rc != STORE_OK)
		return rc;
	if (is_first && walk->range->order == LOG_ASCENDING && first > walk->range->from)
		rc = visit_before(walk, err);
	walk->lowest = first < walk->lowest ? first : walk->lowest;
	if (rc == STORE_OK && !walk->stopped)
		walk->stopped = !walk->visit(walk->context, doc);
	return rc;
}

enum store_rc log_visit_docs(struct db *db, const struct log_range *range, log_doc_visit *visit, void *context, struct error *err)
{
	struct walk walk = {.db = db, .range = range, .visit = visit, .context = context, .lowest = UINT64_MAX};
	struct db_cursor cursor;
	const bson_t *doc;
	enum store_rc rc = STORE_OK;
	db_find(&cursor, db, LOG, log_filter(range->chat_id, range->from, range->to), options(range));
	while (rc == STORE_OK && !walk.stopped && db_next(&cursor, &doc))
		rc = visit_doc(&walk, doc, err);
	enum store_rc end = db_find_end(&cursor, rc == STORE_OK ? err : NULL);
	rc = rc == STORE_OK ? end : rc;
	bool before = walk.lowest == UINT64_MAX || (range->order == LOG_DESCENDING && walk.lowest > range->from);
	return rc == STORE_OK && !walk.stopped && before ? visit_before(&walk, err) : rc;
}

static void add_changes_filter(bson_t *filter)
{
	bson_t *either = BCON_NEW("$or", "[", "{", "t.y", "{", "$in", "[", BCON_INT32(TX_EDIT), BCON_INT32(TX_DELETE), "]", "}", "}",
		"{", "t.y", "{", "$exists", BCON_BOOL(false), "}", "}", "]");
	bson_concat(filter, either);
	bson_destroy(either);
}

/* The range of _id is for a sharded cluster, which asks one shard then. */
static bson_t *referring_filter(const struct log_range *range, enum log_references which)
{
	bson_t *filter = log_filter(range->chat_id, range->from, range->to);
	if (which == LOG_CHANGES)
		add_changes_filter(filter);
	return filter;
}

static enum store_rc visit_found(struct db *db, bson_t *filter, bson_t *opts, log_doc_visit *visit, void *context, struct error *err)
{
	struct db_cursor cursor;
	const bson_t *doc;
	db_find(&cursor, db, LOG, filter, opts);
	while (db_next(&cursor, &doc) && visit(context, doc))
		;
	return db_find_end(&cursor, err);
}

enum store_rc log_visit_referring_docs(struct db *db, const struct log_range *range, uint64_t target, enum log_references which,
                                       log_doc_visit *visit, void *context, struct error *err)
{
	struct pair_key key = number_key(range->chat_id, target);
	bson_t *filter = referring_filter(range, which);
	BCON_APPEND(filter, "g", KEY_BIN(key));
	return visit_found(db, filter, BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}"), visit, context, err);
}

/* g: {$in: […]} */
static void add_targets(bson_t *filter, const char *chat_id, const uint64_t *targets, size_t count)
{
	bson_t g, list;
	BSON_APPEND_DOCUMENT_BEGIN(filter, "g", &g);
	BSON_APPEND_ARRAY_BEGIN(&g, "$in", &list);
	for (size_t i = 0; i < count; i++) {
		char index[16];
		const char *name;
		size_t len = bson_uint32_to_string((uint32_t)i, &name, index, sizeof index);
		struct pair_key key = number_key(chat_id, targets[i]);
		bson_append_binary(&list, name, (int)len, BSON_SUBTYPE_BINARY, key.bytes, key.len);
	}
	bson_append_array_end(&g, &list);
	bson_append_document_end(filter, &g);
}

/* ---- transactions ---- */

struct visitor {
	uint64_t from, to;
	uint64_t target; /* 0: whatever they refer to */
	enum log_order order;
	log_visit *visit;
	void *context;
	enum store_rc rc;
	struct error err;
};

static bool is_wanted(const struct visitor *visitor, const struct transaction *tx)
{
	return tx->number >= visitor->from && tx->number <= visitor->to && (visitor->target == 0 || tx->target == visitor->target);
}

static bool visit_transactions(void *context, const bson_t *doc)
{
	struct visitor *visitor = context;
	struct transaction **transactions;
	size_t count;
	bool go_on = true;
	visitor->rc = log_doc_transactions(doc, &transactions, &count, &visitor->err);
	if (visitor->rc != STORE_OK)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct transaction *tx = transactions[visitor->order == LOG_ASCENDING ? i : count - 1 - i];
		if (go_on && is_wanted(visitor, tx))
			go_on = visitor->visit(visitor->context, tx);
	}
	for (size_t i = 0; i < count; i++)
		transaction_free(transactions[i]);
	free(transactions);
	return go_on;
}

static enum store_rc outcome(const struct visitor *visitor, enum store_rc rc, struct error *err)
{
	if (rc != STORE_OK || visitor->rc == STORE_OK)
		return rc;
	if (err)
		*err = visitor->err;
	return visitor->rc;
}

enum store_rc log_visit_range(struct db *db, const struct log_range *range, log_visit *visit, void *context, struct error *err)
{
	struct visitor visitor = {.from = range->from, .to = range->to, .order = range->order, .visit = visit, .context = context};
	return outcome(&visitor, log_visit_docs(db, range, visit_transactions, &visitor, err), err);
}

enum store_rc mongo_visit_log(struct db *db, const char *chat_id, uint64_t from, uint64_t to, enum log_order order, log_visit *visit,
                              void *context, struct error *err)
{
	const struct log_range range = {.chat_id = chat_id, .from = from, .to = to, .order = order};
	return log_visit_range(db, &range, visit, context, err);
}

enum store_rc mongo_visit_changes(struct db *db, const char *chat_id, uint64_t target, log_visit *visit, void *context, struct error *err)
{
	struct visitor visitor = {.from = target + 1, .to = UINT64_MAX, .target = target, .order = LOG_ASCENDING, .visit = visit, .context = context};
	const struct log_range range = {.chat_id = chat_id, .from = 1, .to = UINT64_MAX};
	return outcome(&visitor, log_visit_referring_docs(db, &range, target, LOG_CHANGES, visit_transactions, &visitor, err), err);
}

/* How far one has come in documents that are visited newest first. */
struct descent {
	struct visitor visitor;
	size_t docs;
	uint64_t lowest; /* where the last one begins */
};

static bool visit_lower(void *context, const bson_t *doc)
{
	struct descent *descent = context;
	descent->docs++;
	descent->visitor.rc = begins_at(doc, &descent->lowest, &descent->visitor.err);
	return descent->visitor.rc == STORE_OK && visit_transactions(&descent->visitor, doc);
}

enum store_rc log_visit_changes_of_any(struct db *db, const struct log_range *range, const uint64_t *targets, size_t count, log_visit *visit,
                                       void *context, uint64_t *rest, struct error *err)
{
	struct descent descent = {.visitor = {.from = range->from, .to = range->to, .order = LOG_DESCENDING, .visit = visit, .context = context}};
	bson_t *filter = referring_filter(range, LOG_CHANGES);
	add_targets(filter, range->chat_id, targets, count);
	enum store_rc rc = outcome(&descent.visitor, visit_found(db, filter, options(range), visit_lower, &descent, err), err);
	*rest = rc == STORE_OK && descent.docs == range->doc_max ? descent.lowest - 1 : 0;
	return rc;
}

/* ---- the tip ---- */

static bool see_tip(void *context, const struct transaction *tx)
{
	struct chat_doc *chat = context;
	chat->latest = tx->number;
	chat->latest_at_ms = tx->at_ms;
	memcpy(chat->head, tx->head, HEAD_BYTES);
	return false;
}

enum store_rc mongo_chat_latest(struct db *db, struct chat_doc *chat, struct error *err)
{
	struct chat_doc found = {0};
	const struct log_range range = {.chat_id = chat->id, .from = 1, .to = UINT64_MAX, .order = LOG_DESCENDING, .doc_max = 1};
	enum store_rc rc = log_visit_range(db, &range, see_tip, &found, err);
	if (rc != STORE_OK)
		return rc;
	if (found.latest == 0)
		return error_set(err, STORE_NOT_FOUND, 0, "no such chat");
	chat->latest = found.latest;
	chat->latest_at_ms = found.latest_at_ms;
	memcpy(chat->head, found.head, HEAD_BYTES);
	return STORE_OK;
}
