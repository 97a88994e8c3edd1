/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Icons, invitations, the end of accounts, and what is forgotten of people. Each write is one SQL transaction. Any thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/record.h"
#include "storage/sqlite/handle.h"
#include "storage/sqlite/texts.h"

/* How much one call of prune does, so that appends never wait long for it. */
enum { PRUNE_ROWS = 2000, PRUNE_ICONS = 200 };

/* ---- icons ---- */

/* 0: there is none. */
static int64_t find_icon(struct db *db, const char *hash, bool *unnamed)
{
	sqlite3_stmt *find = db_statement(db, SQL_FIND_ICON);
	db_bind_text(db, find, 1, hash);
	if (!db_step(db, find))
		return 0;
	int64_t id = sqlite3_column_int64(find, 0);
	*unnamed = sqlite3_column_int(find, 1) != 0;
	db_reset(find);
	return id;
}

static void add_icon(struct db *db, const char *hash, const void *bytes, size_t len)
{
	sqlite3_stmt *data = db_statement(db, SQL_ADD_ICON_DATA);
	db_bind_bytes(db, data, 1, bytes, len);
	db_run(db, data);
	sqlite3_stmt *add = db_statement(db, SQL_ADD_ICON);
	db_bind_int(db, add, 1, sqlite3_last_insert_rowid(db->handle));
	db_bind_text(db, add, 2, hash);
	db_run(db, add);
}

/* checked_at_ms 0: that stays. */
static void mark_icon(struct db *db, int64_t icon, int64_t checked_at_ms, bool unnamed)
{
	sqlite3_stmt *mark = db_statement(db, SQL_CHECK_ICON);
	db_bind_int(db, mark, 1, icon);
	if (checked_at_ms == 0)
		db_bind_text(db, mark, 2, NULL);
	else
		db_bind_int(db, mark, 2, checked_at_ms);
	db_bind_int(db, mark, 3, unnamed);
	db_run(db, mark);
}

enum store_rc sqlite_put_icon(struct store *store, const char *hash, const void *bytes, size_t len, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	bool unnamed = false;
	int64_t icon = find_icon(db, hash, &unnamed);
	if (icon == 0)
		add_icon(db, hash, bytes, len);
	else if (unnamed)
		mark_icon(db, icon, 0, false);
	return write_end(store, db, err);
}

enum store_rc sqlite_load_icon(struct store *store, const char *hash, void **bytes, size_t *len, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	void *copy = NULL;
	size_t copy_len = 0;
	sqlite3_stmt *load = db_statement(db, SQL_LOAD_ICON);
	db_bind_text(db, load, 1, hash);
	if (db_step(db, load)) {
		copy_len = (size_t)sqlite3_column_bytes(load, 0);
		copy = mem_copy(copy_len > 0 ? sqlite3_column_blob(load, 0) : "", copy_len);
		db_reset(load);
	}
	rc = db_answer(read_end(store, db, err), copy != NULL, err, "icon");
	if (rc != STORE_OK) {
		free(copy);
		return rc;
	}
	*bytes = copy;
	*len = copy_len;
	return STORE_OK;
}

static bool is_icon_named(struct db *db, const char *hash)
{
	sqlite3_stmt *find = db_statement(db, SQL_IS_ICON_NAMED);
	db_bind_text(db, find, 1, hash);
	if (!db_step(db, find))
		return true; /* a failure, that is */
	bool named = sqlite3_column_int(find, 0) != 0;
	db_reset(find);
	return named;
}

static void drop_icon(struct db *db, int64_t icon)
{
	db_run_for(db, SQL_EMPTY_ICON, icon);
	db_run_for(db, SQL_DROP_ICON, icon);
}

/* ---- invitations ---- */

struct invitation_row {
	int64_t id; /* 0: there is none */
	int64_t uses, expires_ms;
	char user_id[USER_ID_MAX + 1];
};

static struct invitation_row find_invitation(struct db *db, const unsigned char *hash)
{
	struct invitation_row row = {0};
	sqlite3_stmt *find = db_statement(db, SQL_FIND_INVITATION);
	db_bind_bytes(db, find, 1, hash, INVITATION_HASH_BYTES);
	if (!db_step(db, find))
		return row;
	row.id = sqlite3_column_int64(find, 0);
	row.uses = sqlite3_column_int64(find, 1);
	row.expires_ms = sqlite3_column_int64(find, 2);
	snprintf(row.user_id, sizeof row.user_id, "%s", db_text(find, 3));
	db_reset(find);
	return row;
}

enum store_rc sqlite_put_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *user_id,
                                    int64_t now_ms, int64_t expires_ms, uint32_t uses, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	int64_t person = people_find(db, user_id);
	struct invitation_row there = find_invitation(db, hash);
	bool taken = there.id != 0 && (strcmp(there.user_id, user_id) != 0 || there.expires_ms <= now_ms);
	if (person != 0 && there.id == 0) {
		sqlite3_stmt *add = db_statement(db, SQL_ADD_INVITATION);
		db_bind_bytes(db, add, 1, hash, INVITATION_HASH_BYTES);
		db_bind_int(db, add, 2, person);
		db_bind_int(db, add, 3, expires_ms);
		db_bind_int(db, add, 4, uses);
		db_run(db, add);
	}
	rc = db_answer(write_end(store, db, err), person != 0, err, "user");
	return rc == STORE_OK && taken ? (enum store_rc)error_set(err, STORE_TAKEN, 0, "that invitation is somebody else's, or over") : rc;
}

static bool was_used_by(struct db *db, int64_t invitation, int64_t person)
{
	sqlite3_stmt *find = db_statement(db, SQL_IS_USED);
	db_bind_int(db, find, 1, invitation);
	db_bind_int(db, find, 2, person);
	if (!db_step(db, find))
		return false;
	db_reset(find);
	return true;
}

/* Whether he may, and then it is noted. */
static bool use(struct db *db, const struct invitation_row *invitation, int64_t person)
{
	if (was_used_by(db, invitation->id, person))
		return true;
	if (invitation->uses <= 0)
		return false;
	sqlite3_stmt *add = db_statement(db, SQL_ADD_USE);
	db_bind_int(db, add, 1, invitation->id);
	db_bind_int(db, add, 2, person);
	db_run(db, add);
	db_run_for(db, SQL_TAKE_USE, invitation->id);
	return true;
}

enum store_rc sqlite_use_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *by_user_id,
                                    int64_t now_ms, char user_id[USER_ID_MAX + 1], struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	int64_t person = people_find(db, by_user_id);
	struct invitation_row invitation = find_invitation(db, hash);
	bool blocked = people_block(db, people_find(db, invitation.user_id), person);
	bool valid = invitation.id != 0 && invitation.expires_ms > now_ms && person != 0 && !blocked;
	bool used = valid && use(db, &invitation, person);
	rc = db_answer(write_end(store, db, err), used, err, "invitation");
	if (rc == STORE_OK)
		memcpy(user_id, invitation.user_id, strlen(invitation.user_id) + 1);
	return rc;
}

/* hash NULL: all that he made. */
static void end_invitations(struct db *db, enum statement which, int64_t person, const unsigned char *hash)
{
	sqlite3_stmt *end = db_statement(db, which);
	db_bind_int(db, end, 1, person);
	if (hash)
		db_bind_bytes(db, end, 2, hash, INVITATION_HASH_BYTES);
	else
		db_bind_text(db, end, 2, NULL);
	db_run(db, end);
}

enum store_rc sqlite_revoke_invitation(struct store *store, const char *user_id, const unsigned char *hash, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	int64_t person = people_find(db, user_id);
	end_invitations(db, SQL_DROP_USES, person, hash);
	end_invitations(db, SQL_REVOKE_INVITATIONS, person, hash);
	return db_answer(write_end(store, db, err), person != 0, err, "user");
}

/* An invitation and who used it, while the rows of others come. */
struct listed {
	struct texts used_by;
	int64_t id;
};

static void list_uses(struct db *db, struct invitation_record *record, struct listed *listed)
{
	sqlite3_stmt *list = db_statement(db, SQL_LIST_USES);
	db_bind_int(db, list, 1, listed->id);
	while (db_step(db, list))
		texts_add(&listed->used_by, db_text(list, 0));
	record->used_count = listed->used_by.count;
	record->used_by = (const char *const *)listed->used_by.items;
}

enum store_rc sqlite_list_invitations(struct store *store, const char *user_id, struct invitation_list **invitations, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct invitation_record *found = NULL;
	struct listed *listed = NULL;
	size_t count = 0;
	int64_t person = people_find(db, user_id);
	sqlite3_stmt *list = db_statement(db, SQL_LIST_INVITATIONS);
	db_bind_int(db, list, 1, person);
	for (; db_step(db, list); count++) {
		if ((count & (count - 1)) == 0) { /* full at 0 and at every power of two */
			found = mem_grow(found, (count ? count * 2 : 1) * sizeof *found);
			listed = mem_grow(listed, (count ? count * 2 : 1) * sizeof *listed);
		}
		found[count] = (struct invitation_record){.expires_ms = sqlite3_column_int64(list, 2), .uses_left = (uint32_t)sqlite3_column_int64(list, 3)};
		listed[count] = (struct listed){.id = sqlite3_column_int64(list, 0)};
		db_read_bytes(db, list, 1, found[count].hash, sizeof found[count].hash);
		list_uses(db, &found[count], &listed[count]);
	}
	rc = read_end(store, db, err);
	if (rc == STORE_OK)
		*invitations = record_copy_invitations(&(struct invitation_list){count, found});
	for (size_t i = 0; i < count; i++)
		texts_fini(&listed[i].used_by);
	free(listed);
	free(found);
	return rc;
}

/* ---- forgetting ---- */

struct due_icon {
	int64_t id;
	bool unnamed;
	char *hash;
};

static size_t list_due_icons(struct db *db, int64_t now_ms, struct due_icon due[PRUNE_ICONS])
{
	size_t count = 0;
	sqlite3_stmt *list = db_statement(db, SQL_ICONS_DUE);
	db_bind_int(db, list, 1, now_ms - ICON_AGE_MS);
	db_bind_int(db, list, 2, PRUNE_ICONS);
	while (db_step(db, list))
		due[count++] = (struct due_icon){sqlite3_column_int64(list, 0), sqlite3_column_int(list, 2) != 0, mem_text(db_text(list, 1))};
	return count;
}

/* Each icon is looked at once a day; one that nobody names then, and named the time before, goes. */
static bool prune_icons(struct db *db, int64_t now_ms)
{
	struct due_icon due[PRUNE_ICONS];
	size_t count = list_due_icons(db, now_ms, due);
	for (size_t i = 0; i < count; i++) {
		bool named = is_icon_named(db, due[i].hash);
		if (!named && due[i].unnamed)
			drop_icon(db, due[i].id);
		else
			mark_icon(db, due[i].id, now_ms, !named);
		free(due[i].hash);
	}
	return count == PRUNE_ICONS;
}

/* Whether there were as many as one call takes. */
static bool prune_expired(struct db *db, enum statement which, int64_t now_ms)
{
	sqlite3_stmt *prune = db_statement(db, which);
	db_bind_int(db, prune, 1, now_ms);
	db_bind_int(db, prune, 2, PRUNE_ROWS);
	db_run(db, prune);
	return db->failure == 0 && sqlite3_changes(db->handle) == PRUNE_ROWS;
}

bool people_prune(struct db *db, int64_t now_ms)
{
	bool more_icons = prune_icons(db, now_ms);
	bool more_expired = prune_expired(db, SQL_PRUNE_USES, now_ms); /* all of them before the first of their invitations */
	if (!more_expired)
		more_expired = prune_expired(db, SQL_PRUNE_INVITATIONS, now_ms);
	return more_icons || more_expired;
}

/* ---- the end of an account ---- */

/* The icon goes with the profile, unless somebody else names it. */
static void end_profile(struct db *db, int64_t person)
{
	char *hash = NULL;
	bool unnamed;
	sqlite3_stmt *load = db_statement(db, SQL_LOAD_NAMED_ICON);
	db_bind_int(db, load, 1, person);
	if (db_step(db, load)) {
		hash = mem_text(db_text(load, 0));
		db_reset(load);
	}
	db_run_for(db, SQL_EMPTY_PROFILE, person);
	int64_t icon = hash ? find_icon(db, hash, &unnamed) : 0;
	if (icon != 0 && !is_icon_named(db, hash))
		drop_icon(db, icon);
	free(hash);
}

static void end_account(struct db *db, int64_t person, int64_t at_ms)
{
	static const enum statement ends[] = {SQL_END_FAVORITES, SQL_END_FAVORITE_OF, SQL_END_BLOCKS, SQL_END_USES, SQL_END_REGISTRATIONS,
		SQL_END_CURSORS, SQL_END_DEVICES, SQL_END_MUTES};
	end_profile(db, person);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		db_run_for(db, ends[i], person);
	end_invitations(db, SQL_DROP_USES, person, NULL);
	db_run_for(db, SQL_DROP_INVITATIONS, person);
	sqlite3_stmt *end = db_statement(db, SQL_END_ACCOUNT);
	db_bind_int(db, end, 1, person);
	db_bind_int(db, end, 2, at_ms);
	db_run(db, end);
}

struct account_row {
	int64_t id; /* 0: there never was an account */
	bool exists, deleted;
	int64_t created_at_ms, deleted_at_ms;
};

static struct account_row find_account(struct db *db, const char *user_id)
{
	struct account_row row = {0};
	sqlite3_stmt *load = db_statement(db, SQL_LOAD_ACCOUNT);
	db_bind_text(db, load, 1, user_id);
	if (!db_step(db, load))
		return row;
	row.id = sqlite3_column_int64(load, 0);
	row.exists = sqlite3_column_type(load, 1) != SQLITE_NULL;
	row.created_at_ms = sqlite3_column_int64(load, 1);
	row.deleted = sqlite3_column_type(load, 2) != SQLITE_NULL;
	row.deleted_at_ms = sqlite3_column_int64(load, 2);
	db_reset(load);
	return row;
}

enum store_rc sqlite_delete_user(struct store *store, const char *user_id, int64_t at_ms, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct account_row account = find_account(db, user_id);
	bool is_repetition = account.deleted && account.deleted_at_ms >= at_ms && account.created_at_ms >= at_ms;
	if (account.exists && !is_repetition)
		end_account(db, account.id, at_ms);
	rc = write_end(store, db, err);
	if (rc == STORE_OK || rc == STORE_UNKNOWN)
		write_erased(store);
	return db_answer(rc, account.id != 0, err, "user");
}

enum store_rc sqlite_list_deleted(struct store *store, const char *after, size_t count_max, struct deleted_list **deleted, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = read_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	struct texts names = {0};
	struct deleted_user *found = NULL;
	size_t count = 0;
	sqlite3_stmt *list = db_statement(db, SQL_LIST_DELETED);
	db_bind_text(db, list, 1, after);
	db_bind_number(db, list, 2, count_max);
	while (db_step(db, list)) {
		if ((count & (count - 1)) == 0) /* full at 0 and at every power of two */
			found = mem_grow(found, (count ? count * 2 : 1) * sizeof *found);
		found[count++] = (struct deleted_user){texts_add(&names, db_text(list, 0)), sqlite3_column_int64(list, 1), sqlite3_column_int(list, 2) != 0};
	}
	rc = read_end(store, db, err);
	if (rc == STORE_OK)
		*deleted = record_copy_deleted(&(struct deleted_list){count, found});
	texts_fini(&names);
	free(found);
	return rc;
}

enum store_rc sqlite_finish_deletion(struct store *store, const char *user_id, struct error *err)
{
	enum store_rc rc = STORE_OK;
	struct db *db = write_begin(store, &rc, err);
	if (db == NULL)
		return rc;
	sqlite3_stmt *finish = db_statement(db, SQL_FINISH_DELETION);
	db_bind_text(db, finish, 1, user_id);
	db_run(db, finish);
	bool found = db->failure == 0 && sqlite3_changes(db->handle) > 0;
	return db_answer(write_end(store, db, err), found, err, "user");
}
