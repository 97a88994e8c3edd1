/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Erasing: one message and what came of it, a sender's texts, a chat's. Any thread. */
#include "storage/mongo/erase.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/logdoc.h"
#include "storage/mongo/ops.h"
#include "storage/record.h"

enum { PIECE_TEXTS = 250, PIECE_DOCS = 1000 };

/* ---- in a document ---- */

/* Says what of tx has to go. */
typedef enum store_rc choose(void *context, const struct transaction *tx, bool *body, bool *quote, struct error *err);

struct eraser {
	struct db *db;
	choose *choose;
	void *context;
	struct db_bulk bulk;
	size_t texts, docs;
	bool full;     /* so it stopped, and there may be more */
	uint64_t next; /* everything below it was looked at */
	enum store_rc rc;
	struct error err;
};

static void remove_text(bson_t *set, bson_t *unset, size_t index, const char *text_field, const char *salt_field, const struct sealed *erased)
{
	char name[40];
	snprintf(name, sizeof name, "t.%zu.%s", index, salt_field);
	bson_append_binary(set, name, -1, BSON_SUBTYPE_BINARY, erased->salt, ID_BYTES);
	snprintf(name, sizeof name, "t.%zu.%s", index, text_field);
	bson_append_utf8(unset, name, -1, "", 0);
}

/* Adds to the update what erases these texts of the index-th transaction; returns how many there were. */
static size_t remove_texts(bson_t *set, bson_t *unset, size_t index, const struct transaction *tx, bool body, bool quote)
{
	body = body && tx->body.present && !tx->body.erased;
	quote = quote && tx->quote.present && !tx->quote.erased;
	if (!body && !quote)
		return 0;
	struct transaction *erased = transaction_erased(tx, body, quote);
	if (body) {
		char name[40];
		remove_text(set, unset, index, "b", "bs", &erased->body);
		snprintf(name, sizeof name, "t.%zu.h", index);
		bson_append_utf8(unset, name, -1, "", 0);
	}
	if (quote)
		remove_text(set, unset, index, "e", "es", &erased->quote);
	transaction_free(erased);
	return (size_t)body + quote;
}

static enum store_rc choose_all(struct eraser *eraser, struct transaction **transactions, size_t count, bson_t *set, bson_t *unset)
{
	enum store_rc rc = STORE_OK;
	for (size_t i = 0; rc == STORE_OK && i < count; i++) {
		bool body = false, quote = false;
		rc = eraser->choose(eraser->context, transactions[i], &body, &quote, &eraser->err);
		if (rc == STORE_OK)
			eraser->texts += remove_texts(set, unset, i, transactions[i], body, quote);
	}
	return rc;
}

static void add_update(struct eraser *eraser, const struct transaction *first, const bson_t *set, const bson_t *unset)
{
	struct pair_key key = number_key(first->chat_id, first->number);
	bson_t *update = bson_new();
	if (bson_empty(set))
		goto out;
	BSON_APPEND_DOCUMENT(update, "$set", set);
	BSON_APPEND_DOCUMENT(update, "$unset", unset);
	db_bulk_update(&eraser->bulk, BCON_NEW("_id", KEY_BIN(key)), update, DB_UPDATE);
	return;
out:
	bson_destroy(update);
}

static bool erase_from_doc(void *context, const bson_t *doc)
{
	struct eraser *eraser = context;
	struct transaction **transactions;
	size_t count;
	bson_t set = BSON_INITIALIZER, unset = BSON_INITIALIZER;
	eraser->rc = log_doc_transactions(doc, &transactions, &count, &eraser->err);
	if (eraser->rc != STORE_OK)
		return false;
	eraser->rc = choose_all(eraser, transactions, count, &set, &unset);
	if (eraser->rc == STORE_OK)
		add_update(eraser, transactions[0], &set, &unset);
	eraser->next = transactions[count - 1]->number + 1;
	eraser->docs++;
	for (size_t i = 0; i < count; i++)
		transaction_free(transactions[i]);
	free(transactions);
	bson_destroy(&set);
	bson_destroy(&unset);
	eraser->full = eraser->texts >= PIECE_TEXTS || eraser->docs >= PIECE_DOCS;
	return eraser->rc == STORE_OK && !eraser->full;
}

static void eraser_begin(struct eraser *eraser, struct db *db, choose *choose_texts, void *context)
{
	*eraser = (struct eraser){.db = db, .choose = choose_texts, .context = context};
	db_bulk_begin(&eraser->bulk, db, LOG);
}

/* Writes what was chosen, if going through the documents went well. */
static enum store_rc eraser_end(struct eraser *eraser, enum store_rc rc, struct error *err)
{
	if (rc == STORE_OK && eraser->rc != STORE_OK) {
		rc = eraser->rc;
		if (err)
			*err = eraser->err;
	}
	if (rc == STORE_OK)
		rc = db_bulk_run(&eraser->bulk, err);
	db_bulk_end(&eraser->bulk);
	return rc;
}

/* ---- one message, deleted ---- */

struct deletion {
	const struct transaction *tx;
	bool quotes;     /* those of others, too */
	bool is_message; /* its target is one */
};

static enum store_rc choose_target(void *context, const struct transaction *tx, bool *body, bool *quote, struct error *err)
{
	struct deletion *deletion = context;
	(void)err;
	if (tx->number != deletion->tx->target || tx->type != TX_MESSAGE)
		return STORE_OK;
	deletion->is_message = true;
	*body = *quote = true;
	return STORE_OK;
}

static enum store_rc choose_referring(void *context, const struct transaction *tx, bool *body, bool *quote, struct error *err)
{
	const struct deletion *deletion = context;
	(void)err;
	if (tx->target != deletion->tx->target || tx->number <= tx->target || tx->number >= deletion->tx->number)
		return STORE_OK;
	*body = tx->type == TX_EDIT;
	*quote = tx->type == TX_MESSAGE && deletion->quotes;
	return STORE_OK;
}

/* As many pieces as it takes, each from where the one before stopped: a document may begin before the target that has both. */
static enum store_rc erase_referring(struct db *db, struct deletion *deletion, struct error *err)
{
	struct log_range range = {.chat_id = deletion->tx->chat_id, .from = 1, .to = deletion->tx->number};
	enum store_rc rc;
	struct eraser eraser;
	do {
		eraser_begin(&eraser, db, choose_referring, deletion);
		rc = log_visit_referring_docs(db, &range, deletion->tx->target, LOG_REFERENCES, erase_from_doc, &eraser, err);
		rc = eraser_end(&eraser, rc, err);
		range.from = eraser.next;
	} while (rc == STORE_OK && eraser.full);
	return rc;
}

enum store_rc mongo_erase_deleted(struct db *db, const struct transaction *tx, struct error *err)
{
	struct deletion deletion = {.tx = tx, .quotes = !transaction_keeps_quotes(tx)};
	struct eraser eraser;
	if (tx->target == 0 || tx->target >= tx->number)
		return STORE_OK;
	const struct log_range range = {.chat_id = tx->chat_id, .from = tx->target, .to = tx->target};
	eraser_begin(&eraser, db, choose_target, &deletion);
	enum store_rc rc = eraser_end(&eraser, log_visit_docs(db, &range, erase_from_doc, &eraser, err), err);
	return rc == STORE_OK && deletion.is_message ? erase_referring(db, &deletion, err) : rc;
}

/* ---- a sender, a chat ---- */

struct search {
	struct db *db;
	const char *chat_id, *sender_id; /* NULL: all texts of the chat */
	uint64_t to;
	/* Of the numbers that this piece has come by: whether he wrote them. */
	uint64_t seen_from; /* 0: none yet */
	struct buf seen;
};

static bool is_his(const struct search *search, const struct transaction *tx)
{
	return strcmp(tx->sender_id, search->sender_id) == 0;
}

struct sender_found {
	const struct search *search;
	bool his;
};

static bool see_sender(void *context, const struct transaction *tx)
{
	struct sender_found *found = context;
	found->his = is_his(found->search, tx);
	return false;
}

/* Most of what is quoted is not far away; the rest is looked up. */
static enum store_rc wrote(const struct search *search, uint64_t number, bool *his, struct error *err)
{
	struct sender_found found = {.search = search};
	if (number >= search->seen_from && number - search->seen_from < search->seen.len) {
		*his = search->seen.data[number - search->seen_from];
		return STORE_OK;
	}
	enum store_rc rc = mongo_visit_log(search->db, search->chat_id, number, number, LOG_ASCENDING, see_sender, &found, err);
	*his = found.his;
	return rc;
}

static void remember_sender(struct search *search, const struct transaction *tx)
{
	if (search->seen_from == 0)
		search->seen_from = tx->number;
	buf_add_char(&search->seen, is_his(search, tx));
}

static enum store_rc choose_found(void *context, const struct transaction *tx, bool *body, bool *quote, struct error *err)
{
	struct search *search = context;
	if (tx->number > search->to)
		return STORE_OK;
	if (search->sender_id == NULL) {
		*body = *quote = true;
		return STORE_OK;
	}
	remember_sender(search, tx);
	*body = *quote = (tx->type == TX_MESSAGE || tx->type == TX_EDIT) && is_his(search, tx);
	if (*quote || tx->type != TX_MESSAGE || tx->target == 0 || tx->target >= tx->number || !tx->quote.present || tx->quote.erased)
		return STORE_OK;
	return wrote(search, tx->target, quote, err);
}

static bson_t *erasure_filter(const struct search *search)
{
	struct pair_key key = pair_key(search->chat_id, search->sender_id ? search->sender_id : "");
	return BCON_NEW("_id", KEY_BIN(key));
}

/* Up to where the log has to be looked at: what is there now, and folded, so that no change of members loses its text before it counted. */
static enum store_rc begin_erasure(struct search *search, uint64_t *next, struct error *err)
{
	struct chat_doc tip = {0};
	memcpy(tip.id, search->chat_id, strnlen(search->chat_id, CHAT_ID_MAX));
	enum store_rc rc = mongo_chat_latest(search->db, &tip, err);
	if (rc == STORE_OK)
		rc = mongo_settle_chat(search->db, search->chat_id, NULL, err);
	if (rc != STORE_OK)
		return rc;
	search->to = tip.latest;
	*next = 1;
	return STORE_OK;
}

static enum store_rc find_erasure(struct search *search, uint64_t *next, struct error *err)
{
	bson_t doc;
	enum store_rc rc = db_find_one(search->db, ERASURES, erasure_filter(search), NULL, &doc, err);
	if (rc == STORE_NOT_FOUND)
		return begin_erasure(search, next, err);
	if (rc != STORE_OK)
		return rc;
	search->to = (uint64_t)doc_number(&doc, "to");
	*next = (uint64_t)doc_number(&doc, "n");
	bson_destroy(&doc);
	return STORE_OK;
}

static enum store_rc save_erasure(struct search *search, uint64_t next, struct error *err)
{
	return db_update(search->db, ERASURES, erasure_filter(search), BCON_NEW("$max", "{", "n", BCON_INT64((int64_t)next), "to",
		BCON_INT64((int64_t)search->to), "}"), DB_UPSERT, NULL, err);
}

/* What stands beside the log: name, icon, and the key of what left the house. */
static enum store_rc forget_group(struct search *search, struct error *err)
{
	enum store_rc rc = db_update(search->db, CHATS, BCON_NEW("_id", BCON_UTF8(search->chat_id)),
		BCON_NEW("$set", "{", "keyGone", BCON_BOOL(true), "}", "$unset", "{", "name", BCON_UTF8(""), "icon", BCON_UTF8(""), "key",
			BCON_UTF8(""), "}"), DB_UPDATE, NULL, err);
	if (rc != STORE_OK)
		return rc;
	return db_update(search->db, CHATS, BCON_NEW("_id", BCON_UTF8(search->chat_id), "endedAt", "{", "$exists", BCON_BOOL(true), "}"),
		BCON_NEW("$set", "{", "erased", BCON_BOOL(true), "}"), DB_UPDATE, NULL, err);
}

static enum store_rc end_erasure(struct search *search, struct error *err)
{
	enum store_rc rc = search->sender_id == NULL ? forget_group(search, err) : STORE_OK;
	return rc == STORE_OK ? db_delete(search->db, ERASURES, erasure_filter(search), NULL, err) : rc;
}

static enum store_rc erase_piece(struct search *search, bool *more, struct error *err)
{
	uint64_t next;
	enum store_rc rc = find_erasure(search, &next, err);
	if (rc != STORE_OK)
		return rc;
	struct eraser eraser;
	eraser_begin(&eraser, search->db, choose_found, search);
	eraser.next = next;
	const struct log_range range = {.chat_id = search->chat_id, .from = next, .to = search->to};
	rc = eraser_end(&eraser, log_visit_docs(search->db, &range, erase_from_doc, &eraser, err), err);
	if (rc != STORE_OK)
		return rc;
	*more = eraser.next <= search->to && eraser.docs > 0;
	return *more ? save_erasure(search, eraser.next, err) : end_erasure(search, err);
}

enum store_rc mongo_erase(struct store *store, const char *chat_id, const char *sender_id, bool *more, struct error *err)
{
	struct db db;
	bool left = false;
	db_begin(&db, store);
	struct search search = {.db = &db, .chat_id = chat_id, .sender_id = sender_id};
	enum store_rc rc = erase_piece(&search, &left, err);
	db_end(&db);
	buf_fini(&search.seen);
	if (rc == STORE_NOT_FOUND)
		rc = STORE_OK; /* no such chat: nothing to do */
	if (rc == STORE_OK)
		*more = left;
	return rc;
}

enum store_rc mongo_list_ended(struct store *store, int64_t ended_before_ms, size_t count_max, const char *const **chat_ids, size_t *count,
                               struct error *err)
{
	return list_ids(store, CHATS, BCON_NEW("endedAt", "{", "$lt", BCON_INT64(ended_before_ms), "}", "erased", "{", "$ne", BCON_BOOL(true), "}"),
		BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}"), count_max, chat_ids, count, err);
}
