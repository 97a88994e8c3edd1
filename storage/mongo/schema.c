/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Collections and indexes out of the files of schema/mongo. All of it may be repeated, and done by several brokers at once; the version is
 * written last, so what was broken off is done again. */
#include "storage/mongo/schema.h"

#include <stdlib.h>
#include <string.h>

#include "storage/mongo/seam.h"

enum { CODE_NAMESPACE_EXISTS = 48 };

/* command is taken. *native: the server's code, 0: none. */
static enum store_rc run(struct db *db, bson_t *command, int *native, struct error *err)
{
	bson_t reply;
	bson_error_t error = {0};
	enum store_rc rc = STORE_OK;
	*native = 0;
	if (!mongoc_client_command_simple(db->client, db->mongo->database, command, NULL, &reply, &error)) {
		rc = db_translate(DB_READING, &error, err); /* all that can be is that it has to be done again */
		*native = error.domain == MONGOC_ERROR_SERVER ? (int)error.code : 0;
	}
	bson_destroy(&reply);
	bson_destroy(command);
	return rc;
}

static bool get_part(const bson_t *doc, const char *name, bson_t *part)
{
	bson_iter_t iter;
	uint32_t len;
	const uint8_t *bytes;
	if (!bson_iter_init_find(&iter, doc, name))
		return false;
	if (BSON_ITER_HOLDS_DOCUMENT(&iter))
		bson_iter_document(&iter, &len, &bytes);
	else if (BSON_ITER_HOLDS_ARRAY(&iter))
		bson_iter_array(&iter, &len, &bytes);
	else
		return false;
	return bson_init_static(part, bytes, len);
}

/* A server that knows no validators gets the collection without. */
static enum store_rc create(struct db *db, const char *name, const bson_t *collection, struct error *err)
{
	bson_t validator, *command = BCON_NEW("create", BCON_UTF8(name));
	bool checked = get_part(collection, "validator", &validator);
	int native;
	if (checked)
		BSON_APPEND_DOCUMENT(command, "validator", &validator);
	enum store_rc rc = run(db, command, &native, err);
	if (rc != STORE_OK && checked && native != 0 && native != CODE_NAMESPACE_EXISTS)
		rc = run(db, BCON_NEW("create", BCON_UTF8(name)), &native, err);
	return native == CODE_NAMESPACE_EXISTS ? STORE_OK : rc;
}

static enum store_rc create_indexes(struct db *db, const char *name, const bson_t *collection, struct error *err)
{
	bson_t indexes;
	int native;
	if (!get_part(collection, "indexes", &indexes) || bson_empty(&indexes))
		return STORE_OK;
	bson_t *command = BCON_NEW("createIndexes", BCON_UTF8(name));
	BSON_APPEND_ARRAY(command, "indexes", &indexes);
	return run(db, command, &native, err);
}

static enum store_rc migrate(struct db *db, const char *text, struct error *err)
{
	bson_error_t error;
	bson_t *migration = bson_new_from_json((const uint8_t *)text, -1, &error), collections, collection;
	bson_iter_t iter;
	enum store_rc rc = STORE_OK;
	if (migration == NULL || !get_part(migration, "collections", &collections) || !bson_iter_init(&iter, &collections))
		rc = error_set(err, STORE_REFUSED, 0, "this program's schema for MongoDB cannot be read");
	while (rc == STORE_OK && bson_iter_next(&iter)) {
		const char *name = bson_iter_key(&iter);
		if (!get_part(&collections, name, &collection))
			continue;
		rc = create(db, name, &collection, err);
		if (rc == STORE_OK)
			rc = create_indexes(db, name, &collection, err);
	}
	bson_destroy(migration);
	return rc;
}

/* ---- the store's own document ---- */

static enum store_rc read_store(struct db *db, struct store_info *info, struct error *err)
{
	bson_t store;
	size_t len;
	enum store_rc rc = db_find_one(db, STORE_INFO, BCON_NEW("_id", BCON_UTF8("store")), NULL, &store, err);
	if (rc != STORE_OK)
		return rc;
	const char *epoch = doc_text(&store, "epoch");
	const unsigned char *secret = doc_bytes(&store, "secret", &len);
	if (strlen(epoch) != STORE_EPOCH_LEN || secret == NULL || len != STORE_SECRET_BYTES) {
		rc = error_set(err, STORE_REFUSED, 0, "the database holds a collection \"store\" that is none of HyperChat's");
	} else {
		memcpy(info->epoch, epoch, STORE_EPOCH_LEN + 1);
		memcpy(info->secret, secret, STORE_SECRET_BYTES);
		info->schema_version = (int)doc_number(&store, "schema");
	}
	bson_destroy(&store);
	return rc;
}

static enum store_rc make_store(struct db *db, struct error *err)
{
	unsigned char id[ID_BYTES], secret[STORE_SECRET_BYTES];
	char epoch[STORE_EPOCH_LEN + 1];
	id_random(id, sizeof id);
	id_random(secret, sizeof secret);
	base64url_encode(id, sizeof id, epoch);
	enum store_rc rc = db_insert(db, STORE_INFO, BCON_NEW("_id", BCON_UTF8("store"), "epoch", BCON_UTF8(epoch), "secret",
		BCON_BIN(BSON_SUBTYPE_BINARY, secret, sizeof secret), "schema", BCON_INT32(mongo_schema_version)), err);
	return rc == STORE_TAKEN ? STORE_OK : rc; /* another one was faster */
}

static enum store_rc bring_up(struct db *db, int found, struct error *err)
{
	enum store_rc rc = STORE_OK;
	for (int version = found; rc == STORE_OK && version < mongo_schema_version; version++)
		rc = migrate(db, mongo_migrations[version], err);
	if (rc != STORE_OK)
		return rc;
	if (found == 0)
		return make_store(db, err);
	return db_update(db, STORE_INFO, BCON_NEW("_id", BCON_UTF8("store")),
		BCON_NEW("$max", "{", "schema", BCON_INT32(mongo_schema_version), "}"), DB_UPDATE, NULL, err);
}

enum store_rc schema_apply(struct db *db, unsigned flags, struct error *err)
{
	struct store_info *info = &db->mongo->info;
	enum store_rc rc = read_store(db, info, err);
	if (rc != STORE_OK && rc != STORE_NOT_FOUND)
		return rc;
	int found = rc == STORE_OK ? info->schema_version : 0;
	if (found > mongo_schema_version)
		return error_set(err, STORE_REFUSED, 0, "the database has schema %d, this program knows up to %d: it is too old", found,
			mongo_schema_version);
	if (found == 0 && (flags & STORE_EXISTING))
		return error_set(err, STORE_NOT_FOUND, 0, "there is no store in this database yet");
	if (found > 0 && found < mongo_schema_version && (flags & STORE_NO_MIGRATION))
		return error_set(err, STORE_REFUSED, 0, "the database has schema %d, this program needs %d: run hyperchatctl migrate", found,
			mongo_schema_version);
	if (found < mongo_schema_version)
		rc = bring_up(db, found, err);
	if (rc == STORE_OK && found < mongo_schema_version)
		rc = read_store(db, info, err);
	info->schema_found = found;
	return rc == STORE_UNKNOWN || rc == STORE_NOT_FOUND ? STORE_UNAVAILABLE : rc;
}
