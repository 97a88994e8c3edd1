/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A person's document: how it is found, decided on and written; who exists, profiles, when somebody was last seen. Any thread. */
#include "storage/mongo/people.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "storage/record.h"

enum store_rc no_such(struct error *err, const char *what)
{
	return error_set(err, STORE_NOT_FOUND, 0, "no such %s", what);
}

/* ---- documents by their _id ---- */

static int docs_by_id(const void *left, const void *right)
{
	return strcmp(doc_text(*(const bson_t *const *)left, "_id"), doc_text(*(const bson_t *const *)right, "_id"));
}

enum store_rc docs_load(struct db *db, enum collection collection, bson_t *filter, bson_t *opts, struct docs *docs, struct error *err)
{
	struct db_cursor cursor;
	struct docs found = {0};
	const bson_t *doc;
	db_find(&cursor, db, collection, filter, opts);
	while (db_next(&cursor, &doc)) {
		if ((found.count & (found.count - 1)) == 0) /* full at 0 and at every power of two */
			found.items = mem_grow(found.items, (found.count ? found.count * 2 : 1) * sizeof *found.items);
		found.items[found.count++] = bson_copy(doc);
	}
	enum store_rc rc = db_find_end(&cursor, err);
	if (rc != STORE_OK) {
		docs_fini(&found);
		return rc;
	}
	if (found.count > 1)
		qsort(found.items, found.count, sizeof *found.items, docs_by_id);
	*docs = found;
	return STORE_OK;
}

const bson_t *docs_find(const struct docs *docs, const char *id)
{
	size_t low = 0, high = docs->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(doc_text(docs->items[middle], "_id"), id);
		if (order == 0)
			return docs->items[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void docs_fini(struct docs *docs)
{
	for (size_t i = 0; i < docs->count; i++)
		bson_destroy(docs->items[i]);
	free(docs->items);
	*docs = (struct docs){0};
}

bson_t *filter_in(const char *field, const char *const *ids, size_t count)
{
	bson_t *filter = bson_new();
	bson_t in, list;
	BSON_APPEND_DOCUMENT_BEGIN(filter, field, &in);
	BSON_APPEND_ARRAY_BEGIN(&in, "$in", &list);
	for (size_t i = 0; i < count; i++) {
		char index[16];
		const char *key;
		size_t len = bson_uint32_to_string((uint32_t)i, &key, index, sizeof index);
		bson_append_utf8(&list, key, (int)len, ids[i], -1);
	}
	bson_append_array_end(&in, &list);
	bson_append_document_end(filter, &in);
	return filter;
}

enum store_rc people_load(struct db *db, const char *const *user_ids, size_t count, const char *field, struct docs *docs, struct error *err)
{
	bson_t *projection = BCON_NEW("account", BCON_INT32(1), "created", BCON_INT32(1), "gone", BCON_INT32(1));
	if (field)
		BSON_APPEND_INT32(projection, field, 1);
	bson_t *opts = bson_new();
	BSON_APPEND_DOCUMENT(opts, "projection", projection);
	bson_destroy(projection);
	return docs_load(db, USERS, filter_in("_id", user_ids, count), opts, docs, err);
}

bool person_exists(const struct docs *people, const char *user_id)
{
	const bson_t *person = docs_find(people, user_id);
	return person != NULL && doc_has(person, "created");
}

int64_t person_account(const struct docs *people, const char *user_id)
{
	const bson_t *person = docs_find(people, user_id);
	return person ? doc_number(person, "account") : 0;
}

/* ---- one person ---- */

void pause_before_try(unsigned tries)
{
	unsigned char dice;
	id_random(&dice, sizeof dice);
	unsigned ms = 1 + (dice & (tries < 8 ? 1 : tries < 32 ? 7 : 31));
	nanosleep(&(struct timespec){.tv_nsec = (long)ms * 1000000}, NULL);
}

static bson_t *update_of(const struct change *change)
{
	bson_t *update = BCON_NEW("$inc", "{", "v", BCON_INT64(1), "}");
	if (!bson_empty(&change->set))
		BSON_APPEND_DOCUMENT(update, "$set", &change->set);
	if (!bson_empty(&change->unset))
		BSON_APPEND_DOCUMENT(update, "$unset", &change->unset);
	return update;
}

/* Once. *matched 0: somebody was faster. */
static enum store_rc decide_once(struct db *db, const bson_t *person, person_decision *decide, void *context, size_t *matched, struct error *err)
{
	struct change change;
	bson_init(&change.set);
	bson_init(&change.unset);
	enum store_rc rc = decide(context, person, &change, err);
	*matched = 1;
	if (rc == STORE_OK && !(bson_empty(&change.set) && bson_empty(&change.unset)))
		rc = db_update(db, USERS, BCON_NEW("_id", BCON_UTF8(doc_text(person, "_id")), "v", BCON_INT64(doc_number(person, "v"))),
			update_of(&change), DB_UPDATE, matched, err);
	bson_destroy(&change.set);
	bson_destroy(&change.unset);
	return rc;
}

enum store_rc person_decide(struct db *db, const char *user_id, person_decision *decide, void *context, struct error *err)
{
	for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
		bson_t person;
		size_t matched = 0;
		enum store_rc rc = db_find_one(db, USERS, BCON_NEW("_id", BCON_UTF8(user_id)), NULL, &person, err);
		if (rc == STORE_NOT_FOUND)
			return no_such(err, "user");
		if (rc != STORE_OK)
			return rc;
		rc = decide_once(db, &person, decide, context, &matched, err);
		bson_destroy(&person);
		if (rc != STORE_OK || matched > 0)
			return rc;
		pause_before_try(tries);
	}
	return error_set(err, STORE_UNAVAILABLE, 0, "too many change the same user at once");
}

/* ---- who exists ---- */

static enum store_rc begin_account(void *context, const bson_t *person, struct change *change, struct error *err)
{
	(void)err;
	const int64_t *at_ms = context;
	if (!doc_has(person, "created") && !doc_has(person, "ending"))
		BSON_APPEND_INT64(&change->set, "created", *at_ms);
	return STORE_OK;
}

/* One who was here before. What the last account left elsewhere goes first, so that this one finds nothing of it. */
static enum store_rc come_back(struct db *db, const char *user_id, int64_t at_ms, struct error *err)
{
	bson_t person;
	enum store_rc rc = db_find_one(db, USERS, BCON_NEW("_id", BCON_UTF8(user_id)), NULL, &person, err);
	if (rc != STORE_OK)
		return rc;
	rc = ending_finish(db, user_id, &person, err);
	bson_destroy(&person);
	return rc == STORE_OK ? person_decide(db, user_id, begin_account, &at_ms, err) : rc;
}

static enum store_rc put_user(struct db *db, const char *user_id, int64_t at_ms, struct error *err)
{
	for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
		struct docs people = {0};
		enum store_rc rc = people_load(db, &user_id, 1, NULL, &people, err);
		if (rc != STORE_OK)
			return rc;
		bool is_new = people.count == 0, exists = person_exists(&people, user_id);
		docs_fini(&people);
		if (exists)
			return STORE_OK;
		if (!is_new)
			rc = come_back(db, user_id, at_ms, err); /* and then see whether he is there: one who goes meanwhile is not */
		else
			rc = db_insert(db, USERS,
				BCON_NEW("_id", BCON_UTF8(user_id), "v", BCON_INT64(0), "account", BCON_INT64(0), "created", BCON_INT64(at_ms)), err);
		if (rc != STORE_OK && rc != STORE_TAKEN)
			return rc;
		if (is_new && rc == STORE_OK)
			return STORE_OK;
	}
	return error_set(err, STORE_UNAVAILABLE, 0, "the account comes and goes");
}

enum store_rc mongo_put_user(struct store *store, const char *user_id, int64_t at_ms, struct error *err)
{
	struct db db;
	db_begin(&db, store);
	enum store_rc rc = put_user(&db, user_id, at_ms, err);
	db_end(&db);
	return rc;
}

/* ---- profiles ---- */

static struct profile profile_of(const bson_t *person)
{
	return (struct profile){.user_id = doc_text(person, "_id"), .created_at_ms = doc_number(person, "created"), .name = doc_text(person, "name"),
		.icon = doc_text(person, "icon"), .status = doc_text(person, "status"), .time_zone = doc_text(person, "zone"),
		.shared_id = doc_text(person, "sharedID"), .hides_online = doc_number(person, "hidesOnline") != 0,
		.hides_last_seen = doc_number(person, "hidesSeen") != 0, .last_seen_ms = doc_number(person, "seen")};
}

static struct profile_list *profiles_of(const char *const *user_ids, size_t user_count, const struct docs *people)
{
	struct profile *found = mem_new(user_count * sizeof *found);
	size_t count = 0;
	for (size_t i = 0; i < user_count; i++)
		if (person_exists(people, user_ids[i]))
			found[count++] = profile_of(docs_find(people, user_ids[i]));
	struct profile_list *list = record_copy_profiles(&(struct profile_list){count, found});
	free(found);
	return list;
}

enum store_rc mongo_load_profiles(struct store *store, const char *const *user_ids, size_t user_count, struct profile_list **profiles,
                                  struct error *err)
{
	struct db db;
	struct docs people = {0};
	bson_t *opts = BCON_NEW("projection", "{", "favorites", BCON_INT32(0), "blocks", BCON_INT32(0), "blocked", BCON_INT32(0), "}");
	db_begin(&db, store);
	enum store_rc rc = docs_load(&db, USERS, filter_in("_id", user_ids, user_count), opts, &people, err);
	db_end(&db);
	if (rc == STORE_OK)
		*profiles = profiles_of(user_ids, user_count, &people);
	docs_fini(&people);
	return rc;
}

static void change_text(struct change *change, const char *field, const char *to)
{
	if (to != NULL && to[0] != '\0')
		BSON_APPEND_UTF8(&change->set, field, to);
	else if (to != NULL)
		BSON_APPEND_INT32(&change->unset, field, 1);
}

static bson_t *existing(const char *user_id)
{
	return BCON_NEW("_id", BCON_UTF8(user_id), "created", "{", "$exists", BCON_BOOL(true), "}");
}

/* Of one who exists; the change is one update, whatever else stands in the document. OK or NOT_FOUND. */
static enum store_rc update_existing(struct db *db, const char *user_id, bson_t *update, struct error *err)
{
	size_t matched = 0;
	enum store_rc rc = db_update(db, USERS, existing(user_id), update, DB_UPDATE, &matched, err);
	return rc == STORE_OK && matched == 0 ? no_such(err, "user") : rc;
}

enum store_rc mongo_put_profile(struct store *store, const char *user_id, const struct profile_change *change, struct error *err)
{
	struct db db;
	struct change fields;
	bson_init(&fields.set);
	bson_init(&fields.unset);
	change_text(&fields, "name", change->name);
	change_text(&fields, "icon", change->icon);
	change_text(&fields, "status", change->status);
	change_text(&fields, "zone", change->time_zone);
	if (change->hides_online >= 0)
		BSON_APPEND_BOOL(&fields.set, "hidesOnline", change->hides_online != 0);
	if (change->hides_last_seen >= 0)
		BSON_APPEND_BOOL(&fields.set, "hidesSeen", change->hides_last_seen != 0);
	db_begin(&db, store);
	enum store_rc rc = update_existing(&db, user_id, update_of(&fields), err);
	db_end(&db);
	bson_destroy(&fields.set);
	bson_destroy(&fields.unset);
	return rc;
}

enum store_rc mongo_put_last_seen(struct store *store, const struct last_seen *seen, size_t seen_count, struct error *err)
{
	struct db db;
	struct db_bulk bulk;
	db_begin(&db, store);
	db_bulk_begin(&bulk, &db, USERS);
	for (size_t i = 0; i < seen_count; i++)
		db_bulk_update(&bulk, existing(seen[i].user_id), BCON_NEW("$max", "{", "seen", BCON_INT64(seen[i].at_ms), "}"), DB_UPDATE);
	enum store_rc rc = db_bulk_run(&bulk, err);
	db_bulk_end(&bulk);
	db_end(&db);
	return rc;
}
