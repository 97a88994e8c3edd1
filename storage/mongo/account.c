/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The end of accounts. It is one change of one document: `account` is counted up, `created` and all texts go. From then on nobody finds him,
 * and what other documents keep of him is void by the number of the account. Removing that goes on afterwards, and may be broken off:
 * `ending` in his document says that it is not done, and whoever repeats the deletion, finishes the erasure of what he wrote, or lets him
 * come back, does it first. Every step names the account that it is about, so one that comes late does nothing to the next account. Any
 * thread. */
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/people.h"
#include "storage/record.h"

/* ---- what is elsewhere ---- */

static bson_t *up_to(const char *user_id, const char *field, int64_t account)
{
	bson_t *filter = BCON_NEW("u", BCON_UTF8(user_id));
	BCON_APPEND(filter, field, "{", "$lte", BCON_INT64(account), "}");
	return filter;
}

static enum store_rc drop_reservation(struct db *db, const bson_t *person, struct error *err)
{
	size_t len;
	const unsigned char *key = doc_bytes(person, "endingKey", &len);
	if (key == NULL)
		return STORE_OK;
	return db_delete(db, SHARED_IDS,
		BCON_NEW("_id", BCON_BIN(BSON_SUBTYPE_BINARY, key, (uint32_t)len), "token", BCON_INT64(doc_number(person, "endingToken"))), NULL, err);
}

static enum store_rc drop_rest(struct db *db, const char *user_id, const bson_t *person, int64_t account, struct error *err)
{
	enum store_rc rc = drop_reservation(db, person, err);
	if (rc == STORE_OK)
		rc = favorites_forget(db, user_id, account, err);
	if (rc == STORE_OK)
		rc = db_delete_all(db, INVITATIONS, up_to(user_id, "account", account), err);
	if (rc == STORE_OK)
		rc = db_delete_all(db, DEVICES, up_to(user_id, "account", account), err);
	if (rc == STORE_OK)
		rc = db_update_all(db, MEMBERS, up_to(user_id, "mutedBy", account),
			BCON_NEW("$set", "{", "muted", BCON_INT64(0), "}", "$unset", "{", "mutedBy", BCON_INT32(1), "}"), err);
	if (rc == STORE_OK && doc_has(person, "endingIcon"))
		rc = icon_drop_unnamed(db, doc_text(person, "endingIcon"), err);
	return rc;
}

enum store_rc ending_finish(struct db *db, const char *user_id, const bson_t *person, struct error *err)
{
	if (!doc_has(person, "ending"))
		return STORE_OK;
	int64_t account = doc_number(person, "ending");
	enum store_rc rc = drop_rest(db, user_id, person, account, err);
	if (rc != STORE_OK)
		return rc;
	return db_update(db, USERS, BCON_NEW("_id", BCON_UTF8(user_id), "ending", BCON_INT64(account)),
		BCON_NEW("$unset", "{", "ending", BCON_INT32(1), "endingIcon", BCON_INT32(1), "endingKey", BCON_INT32(1), "endingToken", BCON_INT32(1), "}"),
		DB_UPDATE, NULL, err);
}

/* As it stands now. */
static enum store_rc finish_what_is_left(struct db *db, const char *user_id, struct error *err)
{
	bson_t person;
	enum store_rc rc = db_find_one(db, USERS, BCON_NEW("_id", BCON_UTF8(user_id)), NULL, &person, err);
	if (rc == STORE_NOT_FOUND)
		return no_such(err, "user");
	if (rc != STORE_OK)
		return rc;
	rc = ending_finish(db, user_id, &person, err);
	bson_destroy(&person);
	return rc;
}

/* ---- deleting ---- */

struct deletion {
	struct db *db;
	int64_t at_ms;
};

static bool is_repetition(const bson_t *person, int64_t at_ms)
{
	return doc_has(person, "gone") && doc_number(person, "deleted") >= at_ms && doc_number(person, "created") >= at_ms;
}

static void remember_ending(struct db *db, const bson_t *person, bson_t *set)
{
	unsigned char key[ID_BYTES];
	BSON_APPEND_INT64(set, "ending", doc_number(person, "account"));
	if (doc_has(person, "icon"))
		BSON_APPEND_UTF8(set, "endingIcon", doc_text(person, "icon"));
	if (!doc_has(person, "sharedID"))
		return;
	shared_key(db, doc_text(person, "sharedID"), key);
	BSON_APPEND_BINARY(set, "endingKey", BSON_SUBTYPE_BINARY, key, sizeof key);
	BSON_APPEND_INT64(set, "endingToken", doc_number(person, "token"));
}

static enum store_rc end_account(void *context, const bson_t *person, struct change *change, struct error *err)
{
	static const char *const fields[] = {"created", "name", "icon", "status", "zone", "sharedID", "token", "claim", "hidesOnline", "hidesSeen", "seen",
		"favorites", "blocks", "blocked"};
	const struct deletion *deletion = context;
	if (!doc_has(person, "created") && !doc_has(person, "gone"))
		return no_such(err, "user");
	if (!doc_has(person, "created") || is_repetition(person, deletion->at_ms))
		return STORE_OK;
	int64_t before_ms = doc_number(person, "deleted");
	bool later = !doc_has(person, "gone") || deletion->at_ms > before_ms;
	BSON_APPEND_INT64(&change->set, "account", doc_number(person, "account") + 1);
	BSON_APPEND_BOOL(&change->set, "gone", true);
	BSON_APPEND_INT64(&change->set, "deleted", later ? deletion->at_ms : before_ms);
	BSON_APPEND_BOOL(&change->set, "erasing", true);
	remember_ending(deletion->db, person, &change->set);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		BSON_APPEND_INT32(&change->unset, fields[i], 1); /* not only those that were seen: put_last_seen leaves v alone */
	return STORE_OK;
}

enum store_rc mongo_delete_user(struct store *store, const char *user_id, int64_t at_ms, struct error *err)
{
	struct db db;
	struct deletion deletion = {&db, at_ms};
	db_begin(&db, store);
	enum store_rc rc = person_decide(&db, user_id, end_account, &deletion, err);
	if (rc == STORE_OK)
		rc = finish_what_is_left(&db, user_id, err);
	db_end(&db);
	return rc;
}

enum store_rc mongo_finish_deletion(struct store *store, const char *user_id, struct error *err)
{
	struct db db;
	size_t matched = 0;
	db_begin(&db, store);
	enum store_rc rc = finish_what_is_left(&db, user_id, err);
	if (rc == STORE_OK)
		rc = db_update(&db, USERS, BCON_NEW("_id", BCON_UTF8(user_id), "gone", BCON_BOOL(true)),
			BCON_NEW("$set", "{", "erasing", BCON_BOOL(false), "}"), DB_UPDATE, &matched, err);
	db_end(&db);
	return rc == STORE_OK && matched == 0 ? no_such(err, "user") : rc;
}

/* ---- lists ---- */

/* Of those after `after` that match more, in order. */
static enum store_rc list_people(struct store *store, bson_t *filter, const char *after, size_t count_max, struct docs *people,
                                 struct error *err)
{
	struct db db;
	BCON_APPEND(filter, "_id", "{", "$gt", BCON_UTF8(after), "}");
	bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(1), "}", "limit", BCON_INT64(count_max < INT32_MAX ? (int64_t)count_max : INT32_MAX),
		"projection", "{", "deleted", BCON_INT32(1), "erasing", BCON_INT32(1), "}");
	db_begin(&db, store);
	enum store_rc rc = docs_load(&db, USERS, filter, opts, people, err);
	db_end(&db);
	return rc;
}

enum store_rc mongo_list_deleted(struct store *store, const char *after, size_t count_max, struct deleted_list **deleted, struct error *err)
{
	struct docs people = {0};
	enum store_rc rc = list_people(store, BCON_NEW("gone", BCON_BOOL(true)), after, count_max, &people, err);
	if (rc != STORE_OK)
		return rc;
	struct deleted_user *found = mem_new(people.count * sizeof *found);
	for (size_t i = 0; i < people.count; i++)
		found[i] = (struct deleted_user){doc_text(people.items[i], "_id"), doc_number(people.items[i], "deleted"),
			doc_number(people.items[i], "erasing") != 0};
	*deleted = record_copy_deleted(&(struct deleted_list){people.count, found});
	free(found);
	docs_fini(&people);
	return STORE_OK;
}

enum store_rc mongo_list_users(struct store *store, const char *after, size_t count_max, const char *const **user_ids, size_t *count,
                               struct error *err)
{
	struct docs people = {0};
	enum store_rc rc = list_people(store, BCON_NEW("created", "{", "$exists", BCON_BOOL(true), "}"), after, count_max, &people, err);
	if (rc != STORE_OK)
		return rc;
	const char **ids = mem_new(people.count * sizeof *ids);
	for (size_t i = 0; i < people.count; i++)
		ids[i] = doc_text(people.items[i], "_id");
	*user_ids = record_copy_ids(ids, people.count);
	*count = people.count;
	free(ids);
	docs_fini(&people);
	return STORE_OK;
}

/* ---- forgetting ---- */

enum store_rc mongo_prune_people(struct db *db, int64_t now_ms, bool *more, struct error *err)
{
	typedef enum store_rc prune(struct db *, int64_t, bool *, struct error *);
	static prune *const parts[] = {devices_prune, invitations_prune, icons_prune, revocations_prune, audit_records_prune};
	bool any = false;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		bool more_of_it = false;
		enum store_rc rc = parts[i](db, now_ms, &more_of_it, err);
		if (rc != STORE_OK)
			return rc;
		any = any || more_of_it;
	}
	*more = any;
	return STORE_OK;
}
