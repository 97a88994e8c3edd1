/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Reading along a writer, by the index over writer and position. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/logdoc.h"
#include "storage/mongo/ops.h"
#include "storage/mongo/positions.h"
#include "storage/mongo/tips.h"
#include "storage/record.h"

enum { INCARNATION_SHIFT = 40 };

struct tailing {
	struct db *db;
	const char *writer;
	uint64_t position;
	uint64_t own_safe; /* of this process, before it read */
	uint64_t safe;     /* of the writer's own process; UINT64_MAX: nobody has positions of his in flight elsewhere */
	struct page_filler filler;
};

/* How far everything is decided, asked for before the log is read: what is given out afterwards is above it. */
static enum store_rc read_safe(struct tailing *tailing, struct error *err)
{
	bson_t doc;
	tailing->own_safe = positions_safe(tailing->db->mongo->positions);
	tailing->safe = UINT64_MAX;
	if (strcmp(tailing->writer, tailing->db->mongo->info.writer) == 0)
		return STORE_OK;
	enum store_rc rc = db_find_one(tailing->db, WRITERS, BCON_NEW("_id", BCON_UTF8(tailing->writer)), NULL, &doc, err);
	if (rc != STORE_OK)
		return rc == STORE_NOT_FOUND ? STORE_OK : rc;
	if (doc_has(&doc, "i"))
		tailing->safe = (uint64_t)doc_number(&doc, "safe");
	bson_destroy(&doc);
	return STORE_OK;
}

/* end: behind what there is. */
static uint64_t bounded(const struct tailing *tailing, uint64_t end)
{
	bool ours = end >> INCARNATION_SHIFT == tailing->own_safe >> INCARNATION_SHIFT;
	if (end > tailing->safe)
		end = tailing->safe + 1;
	return ours && end > tailing->own_safe ? tailing->own_safe + 1 : end;
}

static bson_t *tail_filter(const struct tailing *tailing)
{
	return BCON_NEW("w", BCON_UTF8(tailing->writer), "p", "{", "$gte", BCON_INT64((int64_t)tailing->position), "}");
}

static enum store_rc visit(struct tailing *tailing, size_t doc_max, log_doc_visit *visit_doc, void *context, struct error *err)
{
	struct db_cursor cursor;
	const bson_t *doc;
	bson_t *opts = BCON_NEW("sort", "{", "p", BCON_INT32(1), "}");
	if (doc_max > 0 && doc_max < INT32_MAX)
		BSON_APPEND_INT64(opts, "limit", (int64_t)doc_max);
	db_find(&cursor, tailing->db, LOG, tail_filter(tailing), opts);
	while (db_next(&cursor, &doc) && visit_doc(context, doc))
		;
	return db_find_end(&cursor, err);
}

/* ---- a page ---- */

/* A chat that is damaged, and how. */
struct unsettled {
	char chat_id[CHAT_ID_MAX + 1];
	struct error err;
};

struct pass {
	struct tailing *tailing;
	struct buf changed; /* IDs of chats whose projections something on the page changes, each with its NUL */
	struct unsettled *unsettled; /* those of them that are damaged */
	size_t unsettled_count;
	uint64_t damaged; /* position of what cannot be given and stands first; 0: nothing */
	enum store_rc rc;
	struct error err;
};

/* What was found before it is a page of its own; the next one begins with it. false, always. */
static bool end_before(struct pass *pass, const bson_t *doc)
{
	bool first = pass->tailing->filler.page.count == 0;
	pass->rc = first ? STORE_CORRUPT : STORE_OK;
	pass->damaged = first ? (uint64_t)doc_number(doc, "p") : 0;
	return false;
}

static void add_unsettled(struct pass *pass, const char *chat_id, const struct error *err)
{
	pass->unsettled = mem_grow(pass->unsettled, (pass->unsettled_count + 1) * sizeof *pass->unsettled);
	struct unsettled *unsettled = &pass->unsettled[pass->unsettled_count++];
	*unsettled = (struct unsettled){.err = *err};
	memcpy(unsettled->chat_id, chat_id, strnlen(chat_id, CHAT_ID_MAX));
}

static bool is_unsettled(const struct pass *pass, const char *chat_id, struct error *err)
{
	for (size_t i = 0; i < pass->unsettled_count; i++)
		if (strcmp(pass->unsettled[i].chat_id, chat_id) == 0) {
			*err = pass->unsettled[i].err;
			return true;
		}
	return false;
}

static void free_transactions(struct transaction **transactions, size_t count)
{
	for (size_t i = 0; i < count; i++)
		transaction_free(transactions[i]);
	free(transactions);
}

static bool add_doc(void *context, const bson_t *doc)
{
	struct pass *pass = context;
	struct tailing *tailing = pass->tailing;
	struct transaction **transactions;
	size_t count;
	bool room = true;
	pass->rc = log_doc_transactions(doc, &transactions, &count, &pass->err);
	if (pass->rc == STORE_CORRUPT)
		return end_before(pass, doc);
	if (pass->rc != STORE_OK)
		return false;
	if (doc_number(doc, "s") && is_unsettled(pass, transactions[0]->chat_id, &pass->err)) {
		free_transactions(transactions, count);
		return end_before(pass, doc);
	}
	if (doc_number(doc, "s"))
		buf_add(&pass->changed, transactions[0]->chat_id, strlen(transactions[0]->chat_id) + 1);
	for (size_t i = 0; i < count; i++) {
		bool wanted = transactions[i]->position >= tailing->position && strcmp(transactions[i]->writer, tailing->writer) == 0;
		room = room && (!wanted || page_has_room(&tailing->filler, transactions[i]));
		if (room && wanted)
			page_add(&tailing->filler, transaction_ref(transactions[i]));
	}
	free_transactions(transactions, count);
	return room;
}

static enum store_rc fill(struct pass *pass, size_t count_max, struct error *err)
{
	enum store_rc rc = visit(pass->tailing, count_max < SIZE_MAX ? count_max + 1 : 0, add_doc, pass, err);
	if (rc == STORE_OK && pass->rc != STORE_OK) {
		rc = pass->rc;
		if (err)
			*err = pass->err;
	}
	return rc;
}

/* A chat that is damaged keeps the others from nothing. */
static enum store_rc settle_all(struct pass *pass, struct error *err)
{
	const char *last = "";
	for (size_t at = 0; at < pass->changed.len; at += strlen(last) + 1) {
		struct error failure;
		const char *chat_id = pass->changed.data + at;
		enum store_rc rc = strcmp(last, chat_id) != 0 ? mongo_settle_chat(pass->tailing->db, chat_id, NULL, &failure) : STORE_OK;
		last = chat_id;
		if (rc == STORE_CORRUPT) {
			add_unsettled(pass, chat_id, &failure);
		} else if (rc != STORE_OK && rc != STORE_NOT_FOUND) {
			if (err)
				*err = failure;
			return rc;
		}
	}
	return STORE_OK;
}

/* A writer that stopped between its insert and its fold left texts that a deletion on this page erases: so those chats are settled, and the page
 * is read again. */
static enum store_rc read_tail_page(struct tailing *tailing, size_t count_max, uint64_t *damaged, struct error *err)
{
	struct pass pass = {.tailing = tailing};
	enum store_rc rc = fill(&pass, count_max, err);
	if (rc == STORE_OK && pass.changed.len > 0) {
		rc = settle_all(&pass, err);
		store_page_free(&tailing->filler.page);
		tailing->filler.bytes = 0;
		if (rc == STORE_OK)
			rc = fill(&pass, count_max, err);
	}
	buf_fini(&pass.changed);
	free(pass.unsettled);
	*damaged = pass.damaged;
	return rc;
}

static enum store_rc find_end(struct tailing *tailing, uint64_t *end, struct error *err)
{
	bson_t doc;
	enum store_rc rc = db_find_one(tailing->db, LOG, BCON_NEW("w", BCON_UTF8(tailing->writer)),
		BCON_NEW("sort", "{", "p", BCON_INT32(-1), "}", "projection", "{", "p", BCON_INT32(1), "}"), &doc, err);
	*end = 0;
	if (rc != STORE_OK)
		return rc == STORE_NOT_FOUND ? STORE_OK : rc;
	*end = (uint64_t)doc_number(&doc, "p") + 1;
	bson_destroy(&doc);
	return STORE_OK;
}

/* last: the position of what the page ends with, 0: of nothing. */
static uint64_t next_of(const struct tailing *tailing, uint64_t last)
{
	uint64_t next = last > 0 ? bounded(tailing, last + 1) : 0;
	return next > tailing->position ? next : tailing->position;
}

enum store_rc mongo_tail(struct store *store, const char *writer, uint64_t position, size_t count_max, struct page *page, uint64_t *next,
                         struct error *err)
{
	struct db db;
	const struct page_limits limits = {.count_max = count_max, .bytes_max = SIZE_MAX};
	struct tailing tailing = {.db = &db, .writer = writer, .position = position, .filler.limits = &limits};
	uint64_t end = 0, damaged = 0;
	db_begin(&db, store);
	enum store_rc rc = read_safe(&tailing, err);
	if (rc == STORE_OK && position > INT64_MAX)
		rc = find_end(&tailing, &end, err);
	else if (rc == STORE_OK)
		rc = read_tail_page(&tailing, count_max, &damaged, err);
	db_end(&db);
	if (rc == STORE_CORRUPT)
		*next = next_of(&tailing, damaged);
	if (rc != STORE_OK) {
		store_page_free(&tailing.filler.page);
		return rc;
	}
	const struct page *found = &tailing.filler.page;
	*next = position > INT64_MAX ? bounded(&tailing, end) : next_of(&tailing, found->count > 0 ? found->transactions[found->count - 1]->position : 0);
	*page = *found;
	return STORE_OK;
}

/* ---- after a crash ---- */

struct repair {
	struct tips *tips;
	uint64_t last;
};

/* What is damaged is for those to find who read that chat. */
static bool take_tip(void *context, const bson_t *doc)
{
	struct repair *repair = context;
	struct transaction **transactions;
	size_t count;
	if (log_doc_transactions(doc, &transactions, &count, NULL) != STORE_OK)
		return true;
	const struct transaction *last = transactions[count - 1];
	struct tip tip = {.number = last->number, .at_ms = last->at_ms};
	memcpy(tip.head, last->head, HEAD_BYTES);
	tips_put(repair->tips, last->chat_id, &tip, TIP_WRITTEN);
	repair->last = last->position;
	free_transactions(transactions, count);
	return true;
}

/* tips: where they go, and are flushed from. safe: what is above it is not decided yet. */
static enum store_rc repair_tips(struct db *db, const bson_t *writer, struct tips *tips, uint64_t safe, struct error *err)
{
	uint64_t flushed = (uint64_t)doc_number(writer, "tips");
	struct tailing tailing = {.db = db, .writer = doc_text(writer, "_id"), .position = flushed + 1};
	struct repair repair = {.tips = tips};
	enum store_rc rc = visit(&tailing, 0, take_tip, &repair, err);
	if (rc == STORE_OK)
		rc = tips_flush(db, tips, err);
	uint64_t decided = repair.last < safe ? repair.last : safe;
	if (rc != STORE_OK || decided <= flushed)
		return rc;
	return db_update(db, WRITERS, BCON_NEW("_id", BCON_UTF8(tailing.writer)), BCON_NEW("$max", "{", "tips", BCON_INT64((int64_t)decided), "}"),
		DB_UPDATE, NULL, err);
}

enum store_rc tail_repair_tips(struct db *db, struct error *err)
{
	bson_t doc;
	enum store_rc rc = db_find_one(db, WRITERS, BCON_NEW("_id", BCON_UTF8(db->mongo->info.writer)), NULL, &doc, err);
	if (rc != STORE_OK)
		return rc == STORE_NOT_FOUND ? STORE_OK : rc;
	if (doc_has(&doc, "i"))
		rc = repair_tips(db, &doc, db->mongo->tips, UINT64_MAX, err);
	bson_destroy(&doc);
	return rc;
}

static enum store_rc repair_other(struct db *db, const bson_t *writer, struct error *err)
{
	struct tips *tips = tips_new();
	enum store_rc rc = repair_tips(db, writer, tips, (uint64_t)doc_number(writer, "safe"), err);
	tips_free(tips);
	return rc;
}

enum store_rc tail_repair_other_tips(struct db *db, struct error *err)
{
	struct db_cursor cursor;
	const bson_t *doc;
	enum store_rc rc = STORE_OK;
	db_find(&cursor, db, WRITERS, BCON_NEW("_id", "{", "$ne", BCON_UTF8(db->mongo->info.writer), "}", "i", "{", "$exists", BCON_BOOL(true), "}"),
		NULL);
	while (rc == STORE_OK && db_next(&cursor, &doc))
		rc = repair_other(db, doc, err);
	enum store_rc end = db_find_end(&cursor, rc == STORE_OK ? err : NULL);
	return rc == STORE_OK ? end : rc;
}
