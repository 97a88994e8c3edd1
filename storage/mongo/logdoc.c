/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Transactions as documents, and back. Any thread; nothing blocks. */
#include "storage/mongo/logdoc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_BYTES = 8 };

bool transaction_changes_projections(const struct transaction *tx)
{
	return tx->type != TX_MESSAGE && tx->type != TX_EDIT;
}

/* ---- writing ---- */

/* The writers of an append in the order in which they come; nearly always one. */
struct writers {
	const char **names;
	size_t count;
};

static size_t writer_place(struct writers *writers, const char *name)
{
	for (size_t i = 0; i < writers->count; i++)
		if (strcmp(writers->names[i], name) == 0)
			return i;
	writers->names[writers->count] = name;
	return writers->count++;
}

static void add_bytes(bson_t *doc, const char *name, const void *bytes, size_t len)
{
	bson_append_binary(doc, name, -1, BSON_SUBTYPE_BINARY, bytes, (uint32_t)len);
}

static void add_number(bson_t *doc, const char *name, int64_t number)
{
	if (number != 0)
		bson_append_int64(doc, name, -1, number);
}

static void add_sealed(bson_t *doc, const char *text_name, const char *salt_name, const struct sealed *sealed)
{
	if (!sealed->present)
		return;
	if (!sealed->erased)
		bson_append_utf8(doc, text_name, -1, sealed->text, (int)sealed->len);
	add_bytes(doc, salt_name, sealed->salt, ID_BYTES);
}

static void add_transaction(bson_t *doc, const struct transaction *tx, size_t writer)
{
	static const unsigned char nothing[ID_BYTES];
	BSON_APPEND_INT32(doc, "y", (int32_t)tx->type);
	BSON_APPEND_UTF8(doc, "s", tx->sender_id);
	BSON_APPEND_INT64(doc, "a", tx->at_ms);
	if (tx->key)
		BSON_APPEND_UTF8(doc, "k", tx->key);
	if (memcmp(tx->key_hash, nothing, ID_BYTES) != 0)
		add_bytes(doc, "h", tx->key_hash, ID_BYTES);
	add_number(doc, "r", (int64_t)tx->target);
	if (tx->content_type)
		BSON_APPEND_UTF8(doc, "c", tx->content_type);
	add_number(doc, "l", tx->client_time_ms);
	add_number(doc, "q", (int64_t)tx->quote_revision);
	add_sealed(doc, "b", "bs", &tx->body);
	add_sealed(doc, "e", "es", &tx->quote);
	add_bytes(doc, "x", tx->head, HEAD_BYTES);
	if (tx->first_encoding)
		BSON_APPEND_BOOL(doc, "v", true);
	add_number(doc, "w", (int64_t)writer);
}

static const char *index_key(size_t index, char text[24])
{
	snprintf(text, 24, "%zu", index);
	return text;
}

static void add_writers(bson_t *doc, const struct writers *writers)
{
	if (writers->count == 1) {
		BSON_APPEND_UTF8(doc, "w", writers->names[0]);
		return;
	}
	bson_t array;
	BSON_APPEND_ARRAY_BEGIN(doc, "w", &array);
	for (size_t i = 0; i < writers->count; i++) {
		char key[24];
		bson_append_utf8(&array, index_key(i, key), -1, writers->names[i], -1);
	}
	bson_append_array_end(doc, &array);
}

static void add_targets(bson_t *doc, struct transaction *const *transactions, size_t count)
{
	bson_t array = BSON_INITIALIZER;
	size_t found = 0;
	for (size_t i = 0; i < count; i++) {
		if (transactions[i]->target == 0)
			continue;
		char key[24];
		struct pair_key target = number_key(transactions[i]->chat_id, transactions[i]->target);
		bson_append_binary(&array, index_key(found++, key), -1, BSON_SUBTYPE_BINARY, target.bytes, target.len);
	}
	if (found > 0)
		BSON_APPEND_ARRAY(doc, "g", &array);
	bson_destroy(&array);
}

bson_t *log_doc_new(struct transaction *const *transactions, size_t count, uint64_t position)
{
	const struct transaction *first = transactions[0];
	struct pair_key id = number_key(first->chat_id, first->number);
	struct writers writers = {.names = mem_new(count * sizeof *writers.names)};
	bool changes = false;
	bson_t *doc = bson_new(), array = BSON_INITIALIZER;
	for (size_t i = 0; i < count; i++) {
		char key[24];
		bson_t item;
		bson_append_document_begin(&array, index_key(i, key), -1, &item);
		add_transaction(&item, transactions[i], writer_place(&writers, transactions[i]->writer));
		bson_append_document_end(&array, &item);
		changes = changes || transaction_changes_projections(transactions[i]);
	}
	bson_append_binary(doc, "_id", -1, BSON_SUBTYPE_BINARY, id.bytes, id.len);
	BSON_APPEND_INT64(doc, "n", (int64_t)(first->number + count - 1));
	BSON_APPEND_INT64(doc, "p", (int64_t)position);
	add_writers(doc, &writers);
	if (changes)
		BSON_APPEND_BOOL(doc, "s", true);
	add_targets(doc, transactions, count);
	BSON_APPEND_ARRAY(doc, "t", &array);
	bson_destroy(&array);
	free(writers.names);
	return doc;
}

/* ---- reading ---- */

static uint64_t read_big_endian(const unsigned char bytes[NUMBER_BYTES])
{
	uint64_t number = 0;
	for (size_t i = 0; i < NUMBER_BYTES; i++)
		number = number << 8 | bytes[i];
	return number;
}

static int corrupt(struct error *err, const struct log_doc *log_doc)
{
	return error_set(err, STORE_CORRUPT, 0, "the log of chat %s is damaged at number %llu", log_doc->chat_id, (unsigned long long)log_doc->next);
}

enum store_rc log_doc_open(const bson_t *doc, struct log_doc *log_doc, struct error *err)
{
	size_t len;
	bson_iter_t iter;
	const unsigned char *id = doc_bytes(doc, "_id", &len);
	*log_doc = (struct log_doc){.doc = doc};
	if (id == NULL || len < NUMBER_BYTES + 2 || len > NUMBER_BYTES + 1 + CHAT_ID_MAX)
		return error_set(err, STORE_CORRUPT, 0, "the log has a document whose _id is none of ours");
	memcpy(log_doc->chat_id, id, len - NUMBER_BYTES - 1);
	log_doc->first = log_doc->next = read_big_endian(id + len - NUMBER_BYTES);
	log_doc->last = (uint64_t)doc_number(doc, "n");
	log_doc->position = (uint64_t)doc_number(doc, "p");
	log_doc->changes = doc_number(doc, "s") != 0;
	if (log_doc->first == 0 || log_doc->last < log_doc->first || log_doc->last - log_doc->first >= APPEND_COUNT_MAX ||
		!bson_iter_init_find(&iter, doc, "t") || !BSON_ITER_HOLDS_ARRAY(&iter) || !bson_iter_recurse(&iter, &log_doc->t))
		return corrupt(err, log_doc);
	return STORE_OK;
}

static const char *nth_writer(const bson_t *doc, int64_t place)
{
	bson_iter_t iter, item;
	if (!bson_iter_init_find(&iter, doc, "w"))
		return "";
	if (BSON_ITER_HOLDS_UTF8(&iter))
		return bson_iter_utf8(&iter, NULL);
	if (!BSON_ITER_HOLDS_ARRAY(&iter) || !bson_iter_recurse(&iter, &item))
		return "";
	while (bson_iter_next(&item))
		if (place-- == 0 && BSON_ITER_HOLDS_UTF8(&item))
			return bson_iter_utf8(&item, NULL);
	return "";
}

static const char *text_or_null(const bson_t *doc, const char *name)
{
	return doc_has(doc, name) ? doc_text(doc, name) : NULL;
}

static bool read_fixed(const bson_t *doc, const char *name, unsigned char bytes[ID_BYTES])
{
	size_t len;
	const unsigned char *found = doc_bytes(doc, name, &len);
	if (found == NULL || len != ID_BYTES)
		return false;
	memcpy(bytes, found, ID_BYTES);
	return true;
}

static void read_sealed(const bson_t *doc, const char *text_name, const char *salt_name, struct sealed *sealed)
{
	bson_iter_t iter;
	sealed->present = read_fixed(doc, salt_name, sealed->salt);
	if (!sealed->present)
		return;
	sealed->erased = true;
	if (bson_iter_init_find(&iter, doc, text_name) && BSON_ITER_HOLDS_UTF8(&iter)) {
		sealed->erased = false;
		sealed->text = bson_iter_utf8(&iter, &sealed->len);
	}
}

static bool read_transaction(const struct log_doc *log_doc, const bson_t *item, struct transaction *tx)
{
	*tx = (struct transaction){
		.chat_id = log_doc->chat_id,
		.number = log_doc->next,
		.type = (enum transaction_type)doc_number(item, "y"),
		.sender_id = doc_text(item, "s"),
		.at_ms = doc_number(item, "a"),
		.key = text_or_null(item, "k"),
		.writer = nth_writer(log_doc->doc, doc_number(item, "w")),
		.position = log_doc->position - (log_doc->last - log_doc->next),
		.target = (uint64_t)doc_number(item, "r"),
		.content_type = text_or_null(item, "c"),
		.client_time_ms = doc_number(item, "l"),
		.quote_revision = (uint64_t)doc_number(item, "q"),
		.first_encoding = doc_number(item, "v") != 0,
	};
	read_fixed(item, "h", tx->key_hash);
	read_sealed(item, "b", "bs", &tx->body);
	read_sealed(item, "e", "es", &tx->quote);
	return read_fixed(item, "x", tx->head) && transaction_type_name((int)tx->type) != NULL;
}

/* The next transaction; its texts live as long as the document. false: that was the last, or the document is damaged: then `next` is not last + 1. */
static bool log_doc_next(struct log_doc *log_doc, struct transaction *tx)
{
	uint32_t len;
	const uint8_t *bytes;
	bson_t item;
	if (log_doc->next > log_doc->last || !bson_iter_next(&log_doc->t) || !BSON_ITER_HOLDS_DOCUMENT(&log_doc->t))
		return false;
	bson_iter_document(&log_doc->t, &len, &bytes);
	if (!bson_init_static(&item, bytes, len) || !read_transaction(log_doc, &item, tx))
		return false;
	log_doc->next++;
	return true;
}

enum store_rc log_doc_transactions(const bson_t *doc, struct transaction ***transactions, size_t *count, struct error *err)
{
	struct log_doc log_doc;
	enum store_rc rc = log_doc_open(doc, &log_doc, err);
	if (rc != STORE_OK)
		return rc;
	struct transaction tx, **found = mem_new((size_t)(log_doc.last - log_doc.first + 1) * sizeof *found);
	size_t n = 0;
	while (log_doc_next(&log_doc, &tx))
		found[n++] = transaction_new(&tx);
	if (log_doc.next != log_doc.last + 1) {
		while (n > 0)
			transaction_free(found[--n]);
		free(found);
		return corrupt(err, &log_doc);
	}
	*transactions = found;
	*count = n;
	return STORE_OK;
}
