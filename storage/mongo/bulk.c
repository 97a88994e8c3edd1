/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Several writes in one command, and what became of each. Any thread, with a client of its own. */
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/seam.h"

void db_bulk_begin(struct db_bulk *bulk, struct db *db, enum collection collection)
{
	*bulk = (struct db_bulk){.db = db, .which = collection};
	bulk->collection = mongoc_client_get_collection(db->client, db->mongo->database, collection_name(collection));
	bson_t *opts = BCON_NEW("ordered", BCON_BOOL(false));
	bulk->operation = mongoc_collection_create_bulk_operation_with_opts(bulk->collection, opts);
	bson_destroy(opts);
}

/* What the driver itself finds wrong with a document makes the run fail. */
static void added(struct db_bulk *bulk, bool well, const bson_error_t *error)
{
	bulk->count++;
	if (!well && bulk->wrong.domain == 0)
		bulk->wrong = *error;
}

void db_bulk_insert(struct db_bulk *bulk, bson_t *doc)
{
	bson_error_t error = {0};
	added(bulk, mongoc_bulk_operation_insert_with_opts(bulk->operation, doc, NULL, &error), &error);
	bson_destroy(doc);
}

void db_bulk_update(struct db_bulk *bulk, bson_t *filter, bson_t *update, enum db_upsert upsert)
{
	bson_error_t error = {0};
	bson_t *opts = upsert == DB_UPSERT ? BCON_NEW("upsert", BCON_BOOL(true)) : NULL;
	added(bulk, mongoc_bulk_operation_update_one_with_opts(bulk->operation, filter, update, opts, &error), &error);
	bson_destroy(opts);
	bson_destroy(filter);
	bson_destroy(update);
}

void db_bulk_delete(struct db_bulk *bulk, bson_t *filter)
{
	bson_error_t error = {0};
	added(bulk, mongoc_bulk_operation_remove_one_with_opts(bulk->operation, filter, NULL, &error), &error);
	bson_destroy(filter);
}

static bool open_array(const bson_t *reply, const char *name, bson_iter_t *array)
{
	bson_iter_t iter;
	return bson_iter_init_find(&iter, reply, name) && BSON_ITER_HOLDS_ARRAY(&iter) && bson_iter_recurse(&iter, array);
}

/* One entry of writeErrors. */
static enum store_rc read_error(struct db_bulk *bulk, const bson_iter_t *entry, struct error *err)
{
	bson_iter_t field;
	int64_t index = -1;
	bson_error_t error = {.domain = MONGOC_ERROR_SERVER};
	if (bson_iter_recurse(entry, &field))
		while (bson_iter_next(&field)) {
			if (strcmp(bson_iter_key(&field), "index") == 0)
				index = bson_iter_as_int64(&field);
			else if (strcmp(bson_iter_key(&field), "code") == 0)
				error.code = (uint32_t)bson_iter_as_int64(&field);
		}
	if (index < 0 || (size_t)index >= bulk->count)
		return error_set(err, STORE_UNKNOWN, 0, "MongoDB: an answer that nobody understands");
	struct error ignored;
	if (db_translate(DB_WRITING, &error, &ignored) != STORE_TAKEN)
		return db_translate(DB_WRITING, &error, err);
	bulk->taken[index] = true;
	bulk->taken_count++;
	return STORE_OK;
}

/* The worst that there is: what was refused, and what nobody knows. */
static enum store_rc read_reply(struct db_bulk *bulk, const bson_t *reply, const bson_error_t *error, struct error *err)
{
	bson_iter_t array;
	enum store_rc worst = STORE_OK;
	size_t errors = 0;
	if (open_array(reply, "writeErrors", &array))
		for (; bson_iter_next(&array); errors++) {
			enum store_rc rc = read_error(bulk, &array, worst == STORE_UNKNOWN ? NULL : err);
			worst = worst == STORE_UNKNOWN || rc == STORE_OK ? worst : rc;
		}
	if (open_array(reply, "writeConcernErrors", &array) && bson_iter_next(&array))
		return error_set(err, STORE_UNKNOWN, (int)error->code, "the MongoDB server could not make a write durable");
	return errors > 0 ? worst : db_translate(DB_WRITING, error, err);
}

static enum store_rc execute(struct db_bulk *bulk, enum mongo_fault fault, struct error *err)
{
	bson_t reply;
	bson_error_t error = {0};
	bool done = mongoc_bulk_operation_execute(bulk->operation, &reply, &error) != 0;
	enum store_rc rc = done ? STORE_OK : read_reply(bulk, &reply, &error, err);
	bulk->matched = (size_t)(doc_number(&reply, "nMatched") + doc_number(&reply, "nUpserted"));
	bson_destroy(&reply);
	return fault == MONGO_DO_AND_LOSE ? db_fault_says(fault, err) : rc;
}

enum store_rc db_bulk_run(struct db_bulk *bulk, struct error *err)
{
	if (bulk->count == 0)
		return STORE_OK;
	bulk->taken = mem_zero(bulk->count * sizeof *bulk->taken);
	if (bulk->wrong.domain != 0)
		return db_translate(DB_WRITING, &bulk->wrong, err);
	enum mongo_fault fault = db_fault(bulk->which, true);
	return fault == MONGO_FAIL || fault == MONGO_LOSE ? db_fault_says(fault, err) : execute(bulk, fault, err);
}

void db_bulk_end(struct db_bulk *bulk)
{
	mongoc_bulk_operation_destroy(bulk->operation);
	mongoc_collection_destroy(bulk->collection);
	free(bulk->taken);
}
