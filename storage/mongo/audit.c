/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What operators did. Any thread.
 *
 * ---- audit: {_id: key, at, who, command, subject, details, result} ----     key: record_audit_key's, so _id has the order */
#include <stdlib.h>

#include "storage/mongo/people.h"
#include "storage/record.h"

#define AUDIT_KEY(key) BCON_BIN(BSON_SUBTYPE_BINARY, (key), AUDIT_KEY_BYTES)

enum store_rc mongo_put_audit(struct store *store, const struct audit_record *record, struct error *err)
{
	struct db db;
	unsigned char key[AUDIT_KEY_BYTES];
	record_audit_key(record, key);
	db_begin(&db, store);
	enum store_rc rc = db_insert(&db, AUDIT, BCON_NEW("_id", AUDIT_KEY(key), "at", BCON_INT64(record->at_ms), "who", BCON_UTF8(record->who),
		"command", BCON_UTF8(record->command), "subject", BCON_UTF8(record->subject), "details", BCON_UTF8(record->details), "result",
		BCON_UTF8(record->result)), err);
	db_end(&db);
	return rc == STORE_TAKEN ? STORE_OK : rc; /* it is the same one */
}

/* Views into the document. */
static struct audit_record record_of(const bson_t *doc)
{
	return (struct audit_record){doc_number(doc, "at"), doc_text(doc, "who"), doc_text(doc, "command"), doc_text(doc, "subject"),
		doc_text(doc, "details"), doc_text(doc, "result")};
}

static struct audit_list *list_of(bson_t *const *docs, size_t count)
{
	struct audit_record *records = mem_new(count * sizeof *records);
	for (size_t i = 0; i < count; i++)
		records[i] = record_of(docs[i]);
	struct audit_list *list = record_copy_audit(&(struct audit_list){count, records});
	free(records);
	return list;
}

static bson_t *behind(const struct audit_record *before)
{
	unsigned char key[AUDIT_KEY_BYTES];
	if (before == NULL)
		return bson_new();
	record_audit_key(before, key);
	return BCON_NEW("_id", "{", "$lt", AUDIT_KEY(key), "}");
}

enum store_rc mongo_list_audit(struct store *store, const struct audit_record *before, size_t count_max, struct audit_list **list,
                               struct error *err)
{
	struct db db;
	struct db_cursor cursor;
	const bson_t *doc;
	bson_t **docs = NULL;
	size_t count = 0;
	bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(-1), "}", "limit", BCON_INT64(count_max < INT32_MAX ? (int64_t)count_max : INT32_MAX));
	db_begin(&db, store);
	db_find(&cursor, &db, AUDIT, behind(before), opts);
	while (db_next(&cursor, &doc)) {
		if ((count & (count - 1)) == 0) /* full at 0 and at every power of two */
			docs = mem_grow(docs, (count ? count * 2 : 1) * sizeof *docs);
		docs[count++] = bson_copy(doc);
	}
	enum store_rc rc = db_find_end(&cursor, err);
	db_end(&db);
	if (rc == STORE_OK)
		*list = list_of(docs, count);
	for (size_t i = 0; i < count; i++)
		bson_destroy(docs[i]);
	free(docs);
	return rc;
}

enum store_rc audit_records_prune(struct db *db, int64_t now_ms, bool *more, struct error *err)
{
	unsigned char key[AUDIT_KEY_BYTES];
	record_audit_key_since(now_ms - AUDIT_AGE_MS, key);
	enum store_rc rc = db_delete_all(db, AUDIT, BCON_NEW("_id", "{", "$lt", AUDIT_KEY(key), "}"), err);
	if (rc == STORE_OK)
		*more = false;
	return rc;
}
