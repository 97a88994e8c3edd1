/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Shared IDs: one person has one, and no two have the same. Two documents take part, and neither is ever believed alone:
 *
 *   the person's      sharedID, token: what he has; claim: the token of a reservation that he is about to have
 *   the reservation   {_id: keyed digest of the shared ID, u, token}: whose it is; unique, so it decides who gets it
 *
 * A shared ID is somebody's while his document says so. He comes to have it by (1) a claim with a new token in his document, (2) the
 * reservation with that token, (3) the shared ID in his document, if the claim is still there. So a reservation is alive only while its
 * person's document has either that shared ID or that claim, and one that is dead stays dead: tokens are never used again. Whoever finds a
 * dead one takes it over, by the token that he has seen. One that is only claimed is given half a second; then the claim is cancelled,
 * after which its owner's third step finds it gone and he begins anew. A process that dies between the steps leaves a dead reservation (a
 * digest and a user ID) or a claim that the next one cancels; giving a shared ID up is one change of the person's document.
 *
 * Any thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "storage/mongo/people.h"

enum { CLAIM_MS = 500 };

void shared_key(struct db *db, const char *shared_id, unsigned char key[ID_BYTES])
{
	unsigned char digest[SHA256_BYTES];
	const struct store_info *info = &db->mongo->info;
	struct bytes parts[] = {{"shared ID ", 10}, {shared_id, strlen(shared_id)}};
	hmac_sha256(info->secret, sizeof info->secret, parts, 2, digest);
	memcpy(key, digest, ID_BYTES);
}

#define DIGEST(key) BCON_BIN(BSON_SUBTYPE_BINARY, (key), ID_BYTES)

static int64_t new_token(void)
{
	uint64_t token;
	id_random(&token, sizeof token);
	return (int64_t)(token >> 2) + 1;
}

/* Somebody who wants one. */
struct want {
	const char *user_id, *shared_id;
	unsigned char key[ID_BYTES];
	int64_t token;
	bool has_it; /* he has that one already, or has it now */
	char *old;   /* what he had before, NULL: nothing, or it is not changed yet */
	int64_t old_token;
};

/* ---- the person's document ---- */

static enum store_rc claim(void *context, const bson_t *person, struct change *change, struct error *err)
{
	struct want *want = context;
	if (!doc_has(person, "created"))
		return no_such(err, "user");
	want->has_it = strcmp(doc_text(person, "sharedID"), want->shared_id) == 0;
	if (!want->has_it)
		BSON_APPEND_INT64(&change->set, "claim", want->token);
	return STORE_OK;
}

static enum store_rc cancel(void *context, const bson_t *person, struct change *change, struct error *err)
{
	(void)err;
	const int64_t *token = context;
	if (doc_number(person, "claim") == *token)
		BSON_APPEND_INT32(&change->unset, "claim", 1);
	return STORE_OK;
}

static void remember_old(struct want *want, const bson_t *person)
{
	free(want->old);
	want->old = doc_has(person, "sharedID") ? mem_text(doc_text(person, "sharedID")) : NULL;
	want->old_token = doc_number(person, "token");
}

static enum store_rc keep(void *context, const bson_t *person, struct change *change, struct error *err)
{
	(void)err;
	struct want *want = context;
	want->has_it = doc_number(person, "claim") == want->token;
	if (!want->has_it)
		return STORE_OK;
	remember_old(want, person);
	BSON_APPEND_UTF8(&change->set, "sharedID", want->shared_id);
	BSON_APPEND_INT64(&change->set, "token", want->token);
	BSON_APPEND_INT32(&change->unset, "claim", 1);
	return STORE_OK;
}

static enum store_rc give_up(void *context, const bson_t *person, struct change *change, struct error *err)
{
	struct want *want = context;
	if (!doc_has(person, "created"))
		return no_such(err, "user");
	remember_old(want, person);
	static const char *const fields[] = {"sharedID", "token", "claim"};
	for (size_t i = 0; i < 3; i++)
		if (doc_has(person, fields[i]))
			BSON_APPEND_INT32(&change->unset, fields[i], 1);
	return STORE_OK;
}

/* ---- the reservation ---- */

static enum store_rc drop_old(struct db *db, const struct want *want, struct error *err)
{
	unsigned char key[ID_BYTES];
	if (want->old == NULL)
		return STORE_OK;
	shared_key(db, want->old, key);
	return db_delete(db, SHARED_IDS, BCON_NEW("_id", DIGEST(key), "token", BCON_INT64(want->old_token)), NULL, err);
}

enum standing { STANDS_DEAD, STANDS_CLAIMED, STANDS_HELD };

static enum store_rc look_at_holder(struct db *db, const struct want *want, const bson_t *reservation, enum standing *standing,
                                    struct error *err)
{
	bson_t holder;
	enum store_rc rc = db_find_one(db, USERS, BCON_NEW("_id", BCON_UTF8(doc_text(reservation, "u"))), NULL, &holder, err);
	*standing = STANDS_DEAD;
	if (rc == STORE_NOT_FOUND)
		return STORE_OK;
	if (rc != STORE_OK)
		return rc;
	if (strcmp(doc_text(&holder, "sharedID"), want->shared_id) == 0)
		*standing = STANDS_HELD;
	else if (doc_number(&holder, "claim") == doc_number(reservation, "token"))
		*standing = STANDS_CLAIMED;
	bson_destroy(&holder);
	return STORE_OK;
}

/* *matched 0: not now. OK also where the reservation is alive and not to be waited for: then TAKEN. */
static enum store_rc take_over(struct db *db, struct want *want, const bson_t *reservation, bool waited, size_t *matched,
                               struct error *err)
{
	enum standing standing;
	const char *holder = doc_text(reservation, "u");
	int64_t token = doc_number(reservation, "token");
	enum store_rc rc = look_at_holder(db, want, reservation, &standing, err);
	want->has_it = standing == STANDS_HELD && strcmp(holder, want->user_id) == 0; /* by another call of his */
	*matched = token == want->token || want->has_it;
	if (rc != STORE_OK || *matched)
		return rc;
	if (standing == STANDS_HELD)
		return error_set(err, STORE_TAKEN, 0, "somebody else has that shared ID");
	if (standing == STANDS_CLAIMED && !waited)
		return STORE_OK;
	if (standing == STANDS_CLAIMED) {
		rc = person_decide(db, holder, cancel, &token, err);
		return rc == STORE_NOT_FOUND ? STORE_OK : rc; /* and then it is looked at again */
	}
	return db_update(db, SHARED_IDS, BCON_NEW("_id", DIGEST(want->key), "token", BCON_INT64(token)),
		BCON_NEW("$set", "{", "u", BCON_UTF8(want->user_id), "token", BCON_INT64(want->token), "}"), DB_UPDATE, matched, err);
}

/* OK: it has our token, or has_it. TAKEN: somebody has that shared ID. */
static enum store_rc reserve(struct db *db, struct want *want, struct error *err)
{
	int64_t started_ms = clock_mono_ms();
	for (unsigned tries = 0; tries < TRIES_MAX; tries++) {
		bson_t found;
		size_t matched = 0;
		enum store_rc rc = db_insert(db, SHARED_IDS,
			BCON_NEW("_id", DIGEST(want->key), "u", BCON_UTF8(want->user_id), "token", BCON_INT64(want->token)), err);
		if (rc != STORE_TAKEN)
			return rc;
		rc = db_find_one(db, SHARED_IDS, BCON_NEW("_id", DIGEST(want->key)), NULL, &found, err);
		if (rc == STORE_NOT_FOUND)
			continue; /* it was given up just now */
		if (rc != STORE_OK)
			return rc;
		rc = take_over(db, want, &found, clock_mono_ms() - started_ms > CLAIM_MS, &matched, err);
		bson_destroy(&found);
		if (rc != STORE_OK || matched > 0)
			return rc;
		pause_before_try(tries);
	}
	return error_set(err, STORE_UNAVAILABLE, 0, "too many want the same shared ID at once");
}

/* ---- operations ---- */

/* The three steps once; OK without has_it: to be tried anew. */
static enum store_rc try_to_get(struct db *db, struct want *want, struct error *err)
{
	want->token = new_token();
	enum store_rc rc = person_decide(db, want->user_id, claim, want, err);
	if (rc != STORE_OK || want->has_it)
		return rc;
	rc = reserve(db, want, err);
	if (rc == STORE_OK && !want->has_it)
		rc = person_decide(db, want->user_id, keep, want, err);
	return rc;
}

static enum store_rc get_shared(struct db *db, struct want *want, struct error *err)
{
	enum store_rc rc = STORE_OK;
	shared_key(db, want->shared_id, want->key);
	for (unsigned tries = 0; tries < TRIES_MAX && rc == STORE_OK && !want->has_it; tries++) {
		rc = try_to_get(db, want, err);
		if (rc == STORE_OK && !want->has_it)
			pause_before_try(tries);
	}
	if (rc == STORE_OK && !want->has_it)
		rc = error_set(err, STORE_UNAVAILABLE, 0, "too many want the same shared ID at once");
	return rc;
}

enum store_rc mongo_put_shared_id(struct store *store, const char *user_id, const char *shared_id, struct error *err)
{
	struct db db;
	struct want want = {.user_id = user_id, .shared_id = shared_id};
	db_begin(&db, store);
	enum store_rc rc = shared_id[0] != '\0' ? get_shared(&db, &want, err) : person_decide(&db, user_id, give_up, &want, err);
	if (rc == STORE_OK)
		rc = drop_old(&db, &want, err);
	db_end(&db);
	free(want.old);
	return rc;
}

static enum store_rc find_shared(struct db *db, const char *shared_id, char user_id[USER_ID_MAX + 1], struct error *err)
{
	bson_t reservation;
	unsigned char key[ID_BYTES];
	struct want want = {.shared_id = shared_id};
	enum standing standing;
	shared_key(db, shared_id, key);
	enum store_rc rc = db_find_one(db, SHARED_IDS, BCON_NEW("_id", DIGEST(key)), NULL, &reservation, err);
	if (rc == STORE_NOT_FOUND)
		return no_such(err, "shared ID");
	if (rc != STORE_OK)
		return rc;
	rc = look_at_holder(db, &want, &reservation, &standing, err);
	if (rc == STORE_OK && standing == STANDS_HELD)
		snprintf(user_id, USER_ID_MAX + 1, "%s", doc_text(&reservation, "u"));
	bson_destroy(&reservation);
	return rc == STORE_OK && standing != STANDS_HELD ? no_such(err, "shared ID") : rc;
}

enum store_rc mongo_find_shared_id(struct store *store, const char *shared_id, char user_id[USER_ID_MAX + 1], struct error *err)
{
	struct db db;
	if (shared_id[0] == '\0')
		return no_such(err, "shared ID");
	db_begin(&db, store);
	enum store_rc rc = find_shared(&db, shared_id, user_id, err);
	db_end(&db);
	return rc;
}
