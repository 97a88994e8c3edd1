/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Invitations: one document each, with everybody who has used it, so a use is one change of it under the `v` that was read, counted exactly
 * however many come at once. Whose it is and who used it stand there with the numbers of their accounts: of accounts that have ended, the
 * invitation is as if it were not there, and the use somebody else's. Any thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/mongo/people.h"
#include "storage/record.h"

enum { PRUNE_INVITATIONS = 2000 };

#define HASH(hash) BCON_BIN(BSON_SUBTYPE_BINARY, (hash), INVITATION_HASH_BYTES)

/* "account:userID", as in `by`. The caller frees. */
static char *stamped(int64_t account, const char *user_id)
{
	struct buf buf = BUF_EMPTY;
	buf_add_i64(&buf, account);
	buf_add_char(&buf, ':');
	buf_add_text(&buf, user_id);
	return buf.data;
}

/* Whether he whose it is has still the account that it belongs to. */
static enum store_rc is_valid(struct db *db, const bson_t *invitation, bool *valid, struct error *err)
{
	struct docs people = {0};
	const char *user_id = doc_text(invitation, "u");
	enum store_rc rc = people_load(db, &user_id, 1, NULL, &people, err);
	if (rc == STORE_OK)
		*valid = person_exists(&people, user_id) && person_account(&people, user_id) == doc_number(invitation, "account");
	docs_fini(&people);
	return rc;
}

/* ---- inviting ---- */

/* What is there already. STORE_TAKEN: another one's, or over; *again: it is there no more. */
static enum store_rc look_at_other(struct db *db, const unsigned char *hash, const char *user_id, int64_t now_ms, bool *again, struct error *err)
{
	bson_t there;
	bool valid = false;
	enum store_rc rc = db_find_one(db, INVITATIONS, BCON_NEW("_id", HASH(hash)), NULL, &there, err);
	*again = rc == STORE_NOT_FOUND;
	if (rc != STORE_OK)
		return *again ? STORE_OK : rc;
	rc = is_valid(db, &there, &valid, err);
	if (rc == STORE_OK && valid && (strcmp(doc_text(&there, "u"), user_id) != 0 || doc_number(&there, "expires") <= now_ms)) {
		rc = error_set(err, STORE_TAKEN, 0, "that invitation is somebody else's, or over");
	} else if (rc == STORE_OK && !valid) {
		*again = true;
		rc = db_delete(db, INVITATIONS,
			BCON_NEW("_id", HASH(hash), "u", BCON_UTF8(doc_text(&there, "u")), "account", BCON_INT64(doc_number(&there, "account"))), NULL, err);
	}
	bson_destroy(&there);
	return rc;
}

static enum store_rc put_invitation(struct db *db, const unsigned char *hash, const char *user_id, int64_t now_ms, int64_t expires_ms,
                                    uint32_t uses, struct error *err)
{
	bool again = true;
	enum store_rc rc = STORE_OK;
	for (unsigned tries = 0; tries < TRIES_MAX && rc == STORE_OK && again; tries++) {
		struct docs people = {0};
		rc = people_load(db, &user_id, 1, NULL, &people, err);
		int64_t account = person_account(&people, user_id);
		if (rc == STORE_OK && !person_exists(&people, user_id))
			rc = no_such(err, "user");
		docs_fini(&people);
		if (rc != STORE_OK)
			return rc;
		rc = db_insert(db, INVITATIONS,
			BCON_NEW("_id", HASH(hash), "u", BCON_UTF8(user_id), "account", BCON_INT64(account), "expires", BCON_INT64(expires_ms), "left",
				BCON_INT64(uses), "v", BCON_INT64(0), "by", "[", "]"),
			err);
		again = false;
		if (rc == STORE_TAKEN)
			rc = look_at_other(db, hash, user_id, now_ms, &again, err);
	}
	return rc == STORE_OK && again ? (enum store_rc)error_set(err, STORE_UNAVAILABLE, 0, "the invitation comes and goes") : rc;
}

enum store_rc mongo_put_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *user_id,
                                   int64_t now_ms, int64_t expires_ms, uint32_t uses, struct error *err)
{
	struct db db;
	db_begin(&db, store);
	enum store_rc rc = put_invitation(&db, hash, user_id, now_ms, expires_ms, uses, err);
	db_end(&db);
	return rc;
}

/* ---- being invited ---- */

static bool was_used_by(const bson_t *invitation, const char *who)
{
	bson_iter_t fields, list;
	if (!bson_iter_init_find(&fields, invitation, "by") || !bson_iter_recurse(&fields, &list))
		return false;
	while (bson_iter_next(&list))
		if (BSON_ITER_HOLDS_UTF8(&list) && strcmp(bson_iter_utf8(&list, NULL), who) == 0)
			return true;
	return false;
}

/* Somebody at the door. */
struct guest {
	const unsigned char *hash;
	const char *user_id;
	int64_t now_ms;
};

/* *who: as he stands in `by`. NOT_FOUND: one of the two does not exist, or not with that account, or who invited blocks him now. */
static enum store_rc check_both(struct db *db, const struct guest *guest, const bson_t *invitation, char **who, struct error *err)
{
	struct docs people = {0};
	const char *inviter = doc_text(invitation, "u");
	enum store_rc rc = people_load(db, (const char *const[]){guest->user_id, inviter}, 2, "blocked", &people, err);
	if (rc == STORE_OK && (!person_exists(&people, guest->user_id) || !person_exists(&people, inviter) ||
							  person_has_in_list(docs_find(&people, inviter), "blocked", guest->user_id) ||
							  person_account(&people, inviter) != doc_number(invitation, "account")))
		rc = no_such(err, "invitation");
	if (rc == STORE_OK)
		*who = stamped(person_account(&people, guest->user_id), guest->user_id);
	docs_fini(&people);
	return rc;
}

/* *done false: somebody else was faster. */
static enum store_rc take_use(struct db *db, const bson_t *invitation, const struct guest *guest, const char *who, bool *done,
                              struct error *err)
{
	size_t matched = 0;
	*done = was_used_by(invitation, who);
	if (*done)
		return STORE_OK;
	if (doc_number(invitation, "left") <= 0)
		return no_such(err, "invitation");
	enum store_rc rc = db_update(db, INVITATIONS, BCON_NEW("_id", HASH(guest->hash), "v", BCON_INT64(doc_number(invitation, "v"))),
		BCON_NEW("$push", "{", "by", BCON_UTF8(who), "}", "$inc", "{", "left", BCON_INT64(-1), "v", BCON_INT64(1), "}"), DB_UPDATE, &matched, err);
	*done = matched > 0;
	return rc;
}

static enum store_rc use_once(struct db *db, const struct guest *guest, char inviter[USER_ID_MAX + 1], bool *done, struct error *err)
{
	bson_t invitation;
	char *who = NULL;
	enum store_rc rc = db_find_one(db, INVITATIONS, BCON_NEW("_id", HASH(guest->hash)), NULL, &invitation, err);
	if (rc == STORE_NOT_FOUND)
		return no_such(err, "invitation");
	if (rc != STORE_OK)
		return rc;
	rc = doc_number(&invitation, "expires") > guest->now_ms ? check_both(db, guest, &invitation, &who, err) : no_such(err, "invitation");
	if (rc == STORE_OK)
		rc = take_use(db, &invitation, guest, who, done, err);
	if (rc == STORE_OK && *done)
		snprintf(inviter, USER_ID_MAX + 1, "%s", doc_text(&invitation, "u"));
	free(who);
	bson_destroy(&invitation);
	return rc;
}

enum store_rc mongo_use_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *by_user_id,
                                   int64_t now_ms, char user_id[USER_ID_MAX + 1], struct error *err)
{
	struct db db;
	bool done = false;
	struct guest guest = {hash, by_user_id, now_ms};
	enum store_rc rc = STORE_OK;
	db_begin(&db, store);
	for (unsigned tries = 0; tries < TRIES_MAX && rc == STORE_OK && !done; tries++) {
		rc = use_once(&db, &guest, user_id, &done, err);
		if (rc == STORE_OK && !done)
			pause_before_try(tries);
	}
	db_end(&db);
	return rc == STORE_OK && !done ? (enum store_rc)error_set(err, STORE_UNAVAILABLE, 0, "too many use the invitation at once") : rc;
}

/* ---- ending ---- */

/* Only the hash stays, that it may not be put anew. */
static bson_t *ended(void)
{
	return BCON_NEW("$set", "{", "expires", BCON_INT64(0), "left", BCON_INT64(0), "by", "[", "]", "}", "$inc", "{", "v", BCON_INT64(1), "}");
}

enum store_rc mongo_revoke_invitation(struct store *store, const char *user_id, const unsigned char *hash, struct error *err)
{
	struct db db;
	struct docs people = {0};
	db_begin(&db, store);
	enum store_rc rc = people_load(&db, &user_id, 1, NULL, &people, err);
	if (rc == STORE_OK && !person_exists(&people, user_id))
		rc = no_such(err, "user");
	bson_t *filter = BCON_NEW("u", BCON_UTF8(user_id), "expires", "{", "$gt", BCON_INT64(0), "}");
	if (hash)
		BSON_APPEND_BINARY(filter, "_id", BSON_SUBTYPE_BINARY, hash, INVITATION_HASH_BYTES);
	if (rc == STORE_OK)
		rc = db_update_all(&db, INVITATIONS, filter, ended(), err);
	else
		bson_destroy(filter);
	db_end(&db);
	docs_fini(&people);
	return rc;
}

enum store_rc invitations_prune(struct db *db, int64_t now_ms, bool *more, struct error *err)
{
	struct docs expired = {0};
	struct db_bulk bulk;
	enum store_rc rc = docs_load(db, INVITATIONS, BCON_NEW("expires", "{", "$gt", BCON_INT64(0), "$lte", BCON_INT64(now_ms), "}"),
		BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}", "limit", BCON_INT64(PRUNE_INVITATIONS)), &expired, err);
	if (rc != STORE_OK)
		return rc;
	db_bulk_begin(&bulk, db, INVITATIONS);
	for (size_t i = 0; i < expired.count; i++) {
		size_t len;
		const unsigned char *hash = doc_bytes(expired.items[i], "_id", &len);
		db_bulk_update(&bulk, BCON_NEW("_id", BCON_BIN(BSON_SUBTYPE_BINARY, hash, (uint32_t)len), "expires", "{", "$lte", BCON_INT64(now_ms), "}"),
			ended(), DB_UPDATE);
	}
	rc = db_bulk_run(&bulk, err);
	db_bulk_end(&bulk);
	if (rc == STORE_OK)
		*more = expired.count == PRUNE_INVITATIONS;
	docs_fini(&expired);
	return rc;
}

/* ---- for a copy ---- */

/* The user's ID behind the account's number, in the document. */
static const char *id_in_stamp(const char *stamp)
{
	const char *colon = strchr(stamp, ':');
	return colon ? colon + 1 : stamp;
}

static int ids_in_order(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Who used it and is still the same; pointers into the document. */
static enum store_rc load_guests(struct db *db, const bson_t *invitation, struct invitation_record *record, struct error *err)
{
	bson_iter_t fields, list;
	const char **ids = NULL, **stamps = NULL;
	size_t count = 0;
	struct docs people = {0};
	if (bson_iter_init_find(&fields, invitation, "by") && bson_iter_recurse(&fields, &list))
		while (bson_iter_next(&list)) {
			if (!BSON_ITER_HOLDS_UTF8(&list))
				continue;
			ids = mem_grow(ids, (count + 1) * sizeof *ids);
			stamps = mem_grow(stamps, (count + 1) * sizeof *stamps);
			stamps[count] = bson_iter_utf8(&list, NULL);
			ids[count] = id_in_stamp(stamps[count]);
			count++;
		}
	enum store_rc rc = count > 0 ? people_load(db, ids, count, NULL, &people, err) : STORE_OK;
	size_t kept = 0;
	for (size_t i = 0; rc == STORE_OK && i < count; i++)
		if (person_exists(&people, ids[i]) && person_account(&people, ids[i]) == strtoll(stamps[i], NULL, 10))
			ids[kept++] = ids[i];
	if (kept > 1)
		qsort(ids, kept, sizeof *ids, ids_in_order);
	record->used_by = ids;
	record->used_count = kept;
	free(stamps);
	docs_fini(&people);
	return rc;
}

static enum store_rc read_invitation(struct db *db, const bson_t *doc, struct invitation_record *record, struct error *err)
{
	size_t len;
	const unsigned char *hash = doc_bytes(doc, "_id", &len);
	*record = (struct invitation_record){.expires_ms = doc_number(doc, "expires"), .uses_left = (uint32_t)doc_number(doc, "left")};
	if (len != INVITATION_HASH_BYTES)
		return error_set(err, STORE_CORRUPT, 0, "an invitation has a key of %zu bytes", len);
	memcpy(record->hash, hash, INVITATION_HASH_BYTES);
	return load_guests(db, doc, record, err);
}

static int hashes_in_order(const void *left, const void *right)
{
	return memcmp(((const struct invitation_record *)left)->hash, ((const struct invitation_record *)right)->hash, INVITATION_HASH_BYTES);
}

static enum store_rc list_invitations(struct db *db, const char *user_id, int64_t account, struct invitation_list **invitations,
                                      struct error *err)
{
	struct docs docs = {0};
	enum store_rc rc = docs_load(db, INVITATIONS, BCON_NEW("u", BCON_UTF8(user_id), "account", BCON_INT64(account)), NULL, &docs, err);
	struct invitation_record *found = mem_zero(docs.count * sizeof *found + 1);
	for (size_t i = 0; rc == STORE_OK && i < docs.count; i++)
		rc = read_invitation(db, docs.items[i], &found[i], err);
	if (rc == STORE_OK) {
		if (docs.count > 1)
			qsort(found, docs.count, sizeof *found, hashes_in_order);
		*invitations = record_copy_invitations(&(struct invitation_list){docs.count, found});
	}
	for (size_t i = 0; i < docs.count; i++)
		free((void *)(uintptr_t)found[i].used_by);
	free(found);
	docs_fini(&docs);
	return rc;
}

enum store_rc mongo_list_invitations(struct store *store, const char *user_id, struct invitation_list **invitations, struct error *err)
{
	struct db db;
	struct docs people = {0};
	db_begin(&db, store);
	enum store_rc rc = people_load(&db, &user_id, 1, NULL, &people, err);
	if (rc == STORE_OK)
		rc = list_invitations(&db, user_id, person_account(&people, user_id), invitations, err);
	db_end(&db);
	docs_fini(&people);
	return rc;
}
