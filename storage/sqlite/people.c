/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What people keep about themselves and about each other: profiles, favorites, blocks. Each write is one SQL transaction, so what is
 * looked at before it is decided on holds until it is done. Texts are only ever added and emptied (schema/sqlite/0004_people.sql
 * says why). Any thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/record.h"
#include "storage/sqlite/handle.h"
#include "storage/sqlite/texts.h"

int64_t people_find(struct db *db, const char *user_id)
{
	sqlite3_stmt *find = db_statement(db, SQL_FIND_PERSON);
	db_bind_text(db, find, 1, user_id);
	if (!db_step(db, find))
		return 0;
	int64_t id = sqlite3_column_int64(find, 0);
	db_reset(find);
	return id;
}

/* ---- profiles ---- */

/* Texts that stay while rows come and go. */
struct kept_texts {
	char *texts[5];
};

static void kept_texts_fini(struct kept_texts *kept)
{
	for (size_t i = 0; i < sizeof kept->texts / sizeof *kept->texts; i++)
		free(kept->texts[i]);
}

/* false: he does not exist, or a failure. Else drop the texts. */
static bool load_profile(struct db *db, const char *user_id, struct profile *profile, struct kept_texts *kept)
{
	sqlite3_stmt *load = db_statement(db, SQL_LOAD_PROFILE);
	db_bind_text(db, load, 1, user_id);
	if (!db_step(db, load))
		return false;
	for (int i = 0; i < 5; i++)
		kept->texts[i] = mem_text(db_text(load, 2 + i));
	*profile = (struct profile){.user_id = user_id, .created_at_ms = sqlite3_column_int64(load, 0), .last_seen_ms = sqlite3_column_int64(load, 1),
		.name = kept->texts[0], .icon = kept->texts[1], .status = kept->texts[2], .time_zone = kept->texts[3], .shared_id = kept->texts[4],
		.hides_online = sqlite3_column_int(load, 7), .hides_last_seen = sqlite3_column_int(load, 8)};
	db_reset(load);
	return true;
}

enum store_rc sqlite_load_profiles(struct store *store, const char *const *user_ids, size_t user_count, struct profile_list **profiles,
                                   struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct profile *found = mem_new(user_count * sizeof *found);
	struct kept_texts *kept = mem_new(user_count * sizeof *kept);
	size_t count = 0;
	for (size_t i = 0; i < user_count; i++)
		count += load_profile(db, user_ids[i], &found[count], &kept[count]);
	rc = read_end(store, db, err);
	if (rc == STORE_OK)
		*profiles = record_copy_profiles(&(struct profile_list){count, found});
	for (size_t i = 0; i < count; i++)
		kept_texts_fini(&kept[i]);
	free(kept);
	free(found);
	return rc;
}

void people_key(const struct store *store, const char *purpose, const char *text, unsigned char key[ID_BYTES])
{
	unsigned char digest[SHA256_BYTES];
	const struct store_info *info = &((const struct sqlite_store *)store)->info;
	struct bytes parts[] = {{purpose, strlen(purpose)}, {" ", 1}, {text, strlen(text)}};
	hmac_sha256(info->secret, sizeof info->secret, parts, 3, digest);
	memcpy(key, digest, ID_BYTES);
}

static void add_profile(const struct store *store, struct db *db, int64_t person, const struct profile *profile)
{
	unsigned char key[ID_BYTES];
	sqlite3_stmt *add = db_statement(db, SQL_ADD_PROFILE);
	db_bind_int(db, add, 1, person);
	db_bind_text(db, add, 2, profile->name);
	db_bind_text(db, add, 3, profile->icon);
	db_bind_text(db, add, 4, profile->status);
	db_bind_text(db, add, 5, profile->time_zone);
	db_bind_text(db, add, 6, profile->shared_id);
	db_bind_text(db, add, 7, NULL);
	if (profile->shared_id[0] != '\0') {
		people_key(store, "shared ID", profile->shared_id, key);
		db_bind_bytes(db, add, 7, key, sizeof key);
	}
	db_bind_int(db, add, 8, profile->hides_online);
	db_bind_int(db, add, 9, profile->hides_last_seen);
	db_run(db, add);
}

static const char *changed(const char *text, const char *to)
{
	return to ? to : text;
}

/* shared_id NULL: stays as it was. */
static void change_profile(const struct store *store, struct db *db, const char *user_id, int64_t person, const struct profile_change *change,
                           const char *shared_id)
{
	struct profile profile;
	struct kept_texts kept;
	if (!load_profile(db, user_id, &profile, &kept))
		return;
	profile.name = changed(profile.name, change->name);
	profile.icon = changed(profile.icon, change->icon);
	profile.status = changed(profile.status, change->status);
	profile.time_zone = changed(profile.time_zone, change->time_zone);
	profile.shared_id = changed(profile.shared_id, shared_id);
	if (change->hides_online >= 0)
		profile.hides_online = change->hides_online;
	if (change->hides_last_seen >= 0)
		profile.hides_last_seen = change->hides_last_seen;
	sqlite3_stmt *empty = db_statement(db, SQL_EMPTY_PROFILE);
	db_bind_int(db, empty, 1, person);
	db_run(db, empty);
	add_profile(store, db, person, &profile);
	kept_texts_fini(&kept);
}

enum store_rc sqlite_put_profile(struct store *store, const char *user_id, const struct profile_change *change, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	int64_t person = people_find(db, user_id);
	if (person != 0)
		change_profile(store, db, user_id, person, change, NULL);
	return db_answer(write_end(store, db, err), person != 0, err, "user");
}

enum store_rc sqlite_put_last_seen(struct store *store, const struct last_seen *seen, size_t seen_count, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	for (size_t i = 0; i < seen_count; i++) {
		int64_t person = people_find(db, seen[i].user_id);
		sqlite3_stmt *put = db_statement(db, SQL_PUT_LAST_SEEN);
		db_bind_int(db, put, 1, person);
		db_bind_int(db, put, 2, seen[i].at_ms);
		db_run(db, put);
	}
	return write_end(store, db, err);
}

/* ---- shared IDs ---- */

/* The owner's row, and his name while the statement stands where it is. NULL: nobody. */
static sqlite3_stmt *find_shared(const struct store *store, struct db *db, const char *shared_id)
{
	if (shared_id[0] == '\0')
		return NULL;
	unsigned char key[ID_BYTES];
	people_key(store, "shared ID", shared_id, key);
	sqlite3_stmt *find = db_statement(db, SQL_FIND_SHARED);
	db_bind_bytes(db, find, 1, key, sizeof key);
	return db_step(db, find) ? find : NULL;
}

enum store_rc sqlite_put_shared_id(struct store *store, const char *user_id, const char *shared_id, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	int64_t person = people_find(db, user_id), owner = 0;
	sqlite3_stmt *found = find_shared(store, db, shared_id);
	if (found) {
		owner = sqlite3_column_int64(found, 1);
		db_reset(found);
	}
	bool taken = owner != 0 && owner != person;
	if (person != 0 && !taken)
		change_profile(store, db, user_id, person, &(struct profile_change){.hides_online = -1, .hides_last_seen = -1}, shared_id);
	rc = db_answer(write_end(store, db, err), person != 0, err, "user");
	return rc == STORE_OK && taken ? (enum store_rc)error_set(err, STORE_TAKEN, 0, "somebody else has that shared ID") : rc;
}

enum store_rc sqlite_find_shared_id(struct store *store, const char *shared_id, char user_id[USER_ID_MAX + 1], struct error *err)
{
	enum store_rc rc = STORE_OK;
	char owner[USER_ID_MAX + 1] = "";
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	sqlite3_stmt *found = find_shared(store, db, shared_id);
	if (found) {
		snprintf(owner, sizeof owner, "%s", db_text(found, 0));
		db_reset(found);
	}
	rc = db_answer(read_end(store, db, err), found != NULL, err, "shared ID");
	if (rc == STORE_OK)
		memcpy(user_id, owner, strlen(owner) + 1);
	return rc;
}

/* ---- favorites ---- */

enum store_rc sqlite_put_favorite(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	int64_t person = people_find(db, user_id), other = people_find(db, other_id);
	if (person != 0 && other != 0) {
		sqlite3_stmt *put = db_statement(db, on ? SQL_ADD_FAVORITE : SQL_DROP_FAVORITE);
		db_bind_int(db, put, 1, person);
		db_bind_int(db, put, 2, other);
		if (on)
			db_bind_int(db, put, 3, at_ms);
		db_run(db, put);
	}
	return db_answer(write_end(store, db, err), person != 0 && (other != 0 || !on), err, "user");
}

enum store_rc sqlite_load_favorites(struct store *store, const char *user_id, const char *const **user_ids, size_t *count, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	int64_t person = people_find(db, user_id);
	sqlite3_stmt *load = db_statement(db, SQL_LOAD_FAVORITES);
	db_bind_int(db, load, 1, person);
	return read_names(store, db, load, user_ids, count, err);
}

/* ---- blocks ---- */

/* Somebody against somebody, and the last interval; from_ms and to_ms mean nothing where there is none. */
struct pair {
	int64_t user, other;
	bool has_last;
	int64_t from_ms, to_ms;
};

static void find_last_block(struct db *db, struct pair *pair)
{
	sqlite3_stmt *last = db_statement(db, SQL_LAST_BLOCK);
	db_bind_int(db, last, 1, pair->user);
	db_bind_int(db, last, 2, pair->other);
	pair->has_last = db_step(db, last);
	if (!pair->has_last)
		return;
	pair->from_ms = sqlite3_column_int64(last, 0);
	pair->to_ms = sqlite3_column_int64(last, 1);
	db_reset(last);
}

bool people_block(struct db *db, int64_t user, int64_t other)
{
	struct pair pair = {.user = user, .other = other};
	find_last_block(db, &pair);
	return pair.has_last && pair.to_ms == 0;
}

/* Whether an interval begins (or ends) exactly then. */
static bool block_touches(struct db *db, const struct pair *pair, bool begins, int64_t at_ms)
{
	sqlite3_stmt *find = db_statement(db, SQL_BLOCK_TOUCHES);
	db_bind_int(db, find, 1, pair->user);
	db_bind_int(db, find, 2, pair->other);
	db_bind_int(db, find, 3, begins);
	db_bind_int(db, find, 4, at_ms);
	if (!db_step(db, find))
		return false;
	db_reset(find);
	return true;
}

static void change_block(struct db *db, enum statement which, const struct pair *pair, int64_t at_ms)
{
	sqlite3_stmt *change = db_statement(db, which);
	db_bind_int(db, change, 1, pair->user);
	db_bind_int(db, change, 2, pair->other);
	if (which != SQL_DROP_BLOCK)
		db_bind_int(db, change, 3, at_ms);
	db_run(db, change);
}

static void set_block(struct db *db, struct pair *pair, bool on, int64_t at_ms)
{
	find_last_block(db, pair);
	bool is_open = pair->has_last && pair->to_ms == 0;
	if (is_open == on || block_touches(db, pair, on, at_ms))
		return;
	if (on)
		change_block(db, SQL_ADD_BLOCK, pair, pair->has_last && pair->to_ms > at_ms ? pair->to_ms : at_ms);
	else
		change_block(db, at_ms > pair->from_ms ? SQL_END_BLOCK : SQL_DROP_BLOCK, pair, at_ms);
}

enum store_rc sqlite_put_block(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct pair pair = {.user = people_find(db, user_id)};
	if (pair.user != 0) {
		pair.other = on ? log_intern_user(db, other_id) : log_find_user(db, other_id);
		set_block(db, &pair, on, at_ms);
	}
	return db_answer(write_end(store, db, err), pair.user != 0, err, "user");
}

enum store_rc sqlite_load_blocks(struct store *store, const char *user_id, struct block_list **blocks, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct texts names = {0};
	struct block *found = NULL;
	size_t count = 0;
	sqlite3_stmt *load = db_statement(db, SQL_LOAD_BLOCKS);
	db_bind_text(db, load, 1, user_id);
	while (db_step(db, load)) {
		if ((count & (count - 1)) == 0) /* full at 0 and at every power of two */
			found = mem_grow(found, (count ? count * 2 : 1) * sizeof *found);
		found[count++] = (struct block){texts_add(&names, db_text(load, 0)), sqlite3_column_int64(load, 1), sqlite3_column_int64(load, 2)};
	}
	rc = read_end(store, db, err);
	if (rc == STORE_OK)
		*blocks = record_copy_blocks(&(struct block_list){count, found});
	texts_fini(&names);
	free(found);
	return rc;
}

/* The same look-ups for everybody, whatever the first ones found: those who do not exist have the row 0. */
enum store_rc sqlite_check_reach(struct store *store, const char *from_id, const char *const *to_ids, size_t to_count, bool both,
                                 struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	int64_t from = log_find_user(db, from_id);
	bool reached = true;
	for (size_t i = 0; i < to_count; i++) {
		int64_t to = people_find(db, to_ids[i]);
		bool blocked = people_block(db, to, from), blocks = people_block(db, from, to);
		reached = reached & (to != 0) & !blocked & !(both & blocks);
	}
	return db_answer(read_end(store, db, err), reached, err, "user");
}
