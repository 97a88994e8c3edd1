/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Icons. `n` says how often one was put, and only what was seen with that n before it was looked who names it is ever removed: who names it
 * first and puts it then has raised n, so either he is seen or the removal finds another n. Any thread. */
#include <string.h>

#include "storage/mongo/people.h"

/* How many icons one call of prune looks at. */
enum { PRUNE_ICONS = 200 };

enum store_rc mongo_put_icon(struct store *store, const char *hash, const void *bytes, size_t len, struct error *err)
{
	struct db db;
	size_t matched = 0;
	enum store_rc rc = STORE_TAKEN;
	db_begin(&db, store);
	for (unsigned tries = 0; tries < TRIES_MAX && rc == STORE_TAKEN; tries++) {
		rc = db_update(&db, ICONS, BCON_NEW("_id", BCON_UTF8(hash)),
			BCON_NEW("$inc", "{", "n", BCON_INT64(1), "}", "$set", "{", "unnamed", BCON_BOOL(false), "}"), DB_UPDATE, &matched, err);
		if (rc == STORE_OK && matched == 0)
			rc = db_insert(&db, ICONS,
				BCON_NEW("_id", BCON_UTF8(hash), "b", BCON_BIN(BSON_SUBTYPE_BINARY, (const uint8_t *)bytes, (uint32_t)len), "n", BCON_INT64(0),
					"unnamed", BCON_BOOL(false), "checked", BCON_INT64(0)),
				err);
	}
	db_end(&db);
	return rc == STORE_TAKEN ? (enum store_rc)error_set(err, STORE_UNAVAILABLE, 0, "the icon comes and goes") : rc;
}

enum store_rc mongo_load_icon(struct store *store, const char *hash, void **bytes, size_t *len, struct error *err)
{
	struct db db;
	bson_t icon;
	db_begin(&db, store);
	enum store_rc rc = db_find_one(&db, ICONS, BCON_NEW("_id", BCON_UTF8(hash)), NULL, &icon, err);
	db_end(&db);
	if (rc == STORE_NOT_FOUND)
		return no_such(err, "icon");
	if (rc != STORE_OK)
		return rc;
	size_t found;
	const unsigned char *data = doc_bytes(&icon, "b", &found);
	*bytes = mem_copy(found > 0 ? data : (const unsigned char *)"", found);
	*len = found;
	bson_destroy(&icon);
	return STORE_OK;
}

static enum store_rc is_in(struct db *db, enum collection collection, const char *hash, bool *named, struct error *err)
{
	bson_t found;
	enum store_rc rc = db_find_one(db, collection, BCON_NEW("icon", BCON_UTF8(hash)), BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}"),
		&found, err);
	if (rc == STORE_OK)
		bson_destroy(&found);
	*named = *named || rc == STORE_OK;
	return rc == STORE_NOT_FOUND ? STORE_OK : rc;
}

static enum store_rc is_named(struct db *db, const char *hash, bool *named, struct error *err)
{
	*named = false;
	enum store_rc rc = is_in(db, USERS, hash, named, err);
	return rc == STORE_OK && !*named ? is_in(db, CHATS, hash, named, err) : rc;
}

/* As it was seen: nobody has put it since. */
static bson_t *as_seen(const bson_t *icon)
{
	return BCON_NEW("_id", BCON_UTF8(doc_text(icon, "_id")), "n", BCON_INT64(doc_number(icon, "n")));
}

static bson_t *without_bytes(void)
{
	return BCON_NEW("projection", "{", "b", BCON_INT32(0), "}");
}

enum store_rc icon_drop_unnamed(struct db *db, const char *hash, struct error *err)
{
	bson_t icon;
	bool named;
	enum store_rc rc = db_find_one(db, ICONS, BCON_NEW("_id", BCON_UTF8(hash)), without_bytes(), &icon, err);
	if (rc != STORE_OK)
		return rc == STORE_NOT_FOUND ? STORE_OK : rc;
	rc = is_named(db, hash, &named, err);
	if (rc == STORE_OK && !named)
		rc = db_delete(db, ICONS, as_seen(&icon), NULL, err);
	bson_destroy(&icon);
	return rc;
}

/* One that nobody names, and nobody did the time before, goes. */
static enum store_rc check_icon(struct db *db, const bson_t *icon, int64_t now_ms, struct error *err)
{
	bool named;
	enum store_rc rc = is_named(db, doc_text(icon, "_id"), &named, err);
	if (rc != STORE_OK)
		return rc;
	if (!named && doc_number(icon, "unnamed") != 0)
		return db_delete(db, ICONS, as_seen(icon), NULL, err);
	return db_update(db, ICONS, as_seen(icon), BCON_NEW("$set", "{", "checked", BCON_INT64(now_ms), "unnamed", BCON_BOOL(!named), "}"),
		DB_UPDATE, NULL, err);
}

enum store_rc icons_prune(struct db *db, int64_t now_ms, bool *more, struct error *err)
{
	struct docs due = {0};
	bson_t *opts = without_bytes();
	BSON_APPEND_INT64(opts, "limit", PRUNE_ICONS);
	enum store_rc rc = docs_load(db, ICONS, BCON_NEW("checked", "{", "$lte", BCON_INT64(now_ms - ICON_AGE_MS), "}"), opts, &due, err);
	for (size_t i = 0; rc == STORE_OK && i < due.count; i++)
		rc = check_icon(db, due.items[i], now_ms, err);
	if (rc == STORE_OK)
		*more = due.count == PRUNE_ICONS;
	docs_fini(&due);
	return rc;
}
