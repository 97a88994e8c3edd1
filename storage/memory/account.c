/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Invitations, the end of accounts, and what is forgotten of people. Any thread; the lock is held throughout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/memory/data.h"
#include "storage/record.h"

static enum store_rc absent(struct memory_data *data, struct error *err, const char *what)
{
	data_unlock(data);
	return error_set(err, STORE_NOT_FOUND, 0, "no such %s", what);
}

/* ---- invitations ---- */

static void free_uses(struct invitation *invitation)
{
	for (size_t i = 0; i < invitation->used_count; i++)
		free(invitation->used_by[i]);
	free(invitation->used_by);
}

void data_invitation_fini(struct invitation *invitation)
{
	free_uses(invitation);
	free(invitation->user_id);
}

static struct invitation *find_invitation(const struct memory_data *data, const unsigned char *hash)
{
	for (size_t i = 0; i < data->invitation_count; i++)
		if (memcmp(data->invitations[i].hash, hash, INVITATION_HASH_BYTES) == 0)
			return &data->invitations[i];
	return NULL;
}

static void add_invitation(struct memory_data *data, const struct invitation *invitation)
{
	data->invitations = mem_grow(data->invitations, (data->invitation_count + 1) * sizeof *data->invitations);
	data->invitations[data->invitation_count++] = *invitation;
}

enum store_rc memory_put_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *user_id,
                                    int64_t now_ms, int64_t expires_ms, uint32_t uses, struct error *err)
{
	struct memory_data *data = data_lock(store);
	if (data_find_user(data, user_id) == NULL)
		return absent(data, err, "user");
	const struct invitation *there = find_invitation(data, hash);
	bool taken = there != NULL && (strcmp(there->user_id, user_id) != 0 || there->expires_ms <= now_ms);
	if (there == NULL) {
		struct invitation invitation = {.user_id = mem_text(user_id), .expires_ms = expires_ms, .uses = uses};
		memcpy(invitation.hash, hash, INVITATION_HASH_BYTES);
		add_invitation(data, &invitation);
	}
	data_unlock(data);
	return taken ? (enum store_rc)error_set(err, STORE_TAKEN, 0, "that invitation is somebody else's, or over") : STORE_OK;
}

static bool was_used_by(const struct invitation *invitation, const char *user_id)
{
	for (size_t i = 0; i < invitation->used_count; i++)
		if (strcmp(invitation->used_by[i], user_id) == 0)
			return true;
	return false;
}

/* Whether he may, and then it is noted. */
static bool use(struct invitation *invitation, const char *by_user_id)
{
	if (was_used_by(invitation, by_user_id))
		return true;
	if (invitation->used_count >= invitation->uses)
		return false;
	invitation->used_by = mem_grow(invitation->used_by, (invitation->used_count + 1) * sizeof *invitation->used_by);
	invitation->used_by[invitation->used_count++] = mem_text(by_user_id);
	return true;
}

enum store_rc memory_use_invitation(struct store *store, const unsigned char hash[INVITATION_HASH_BYTES], const char *by_user_id,
                                    int64_t now_ms, char user_id[USER_ID_MAX + 1], struct error *err)
{
	struct memory_data *data = data_lock(store);
	struct invitation *invitation = find_invitation(data, hash);
	if (invitation == NULL || invitation->expires_ms <= now_ms || data_find_user(data, by_user_id) == NULL ||
		data_blocks_now(data_find_user(data, invitation->user_id), by_user_id) || !use(invitation, by_user_id))
		return absent(data, err, "invitation");
	snprintf(user_id, USER_ID_MAX + 1, "%s", invitation->user_id);
	data_unlock(data);
	return STORE_OK;
}

/* Which invitations are over. A member that is NULL does not tell. */
struct choice {
	const char *user_id;
	const unsigned char *hash;
	int64_t expired_ms; /* INT64_MAX does not tell */
};

/* Only the hash stays, that it may not be put anew. */
static void end_invitations(struct memory_data *data, const struct choice *choice)
{
	for (size_t i = 0; i < data->invitation_count; i++) {
		struct invitation *invitation = &data->invitations[i];
		bool ends = (choice->user_id == NULL || strcmp(invitation->user_id, choice->user_id) == 0) &&
					(choice->hash == NULL || memcmp(invitation->hash, choice->hash, INVITATION_HASH_BYTES) == 0) &&
					invitation->expires_ms <= choice->expired_ms;
		if (!ends)
			continue;
		free_uses(invitation);
		invitation->used_by = NULL;
		invitation->used_count = 0;
		invitation->uses = 0;
		invitation->expires_ms = 0;
	}
}

static void drop_invitations(struct memory_data *data, const char *user_id)
{
	size_t kept = 0;
	for (size_t i = 0; i < data->invitation_count; i++) {
		struct invitation *invitation = &data->invitations[i];
		if (strcmp(invitation->user_id, user_id) == 0)
			data_invitation_fini(invitation);
		else
			data->invitations[kept++] = *invitation;
	}
	data->invitation_count = kept;
}

enum store_rc memory_revoke_invitation(struct store *store, const char *user_id, const unsigned char *hash, struct error *err)
{
	struct memory_data *data = data_lock(store);
	if (data_find_user(data, user_id) == NULL)
		return absent(data, err, "user");
	end_invitations(data, &(struct choice){.user_id = user_id, .hash = hash, .expired_ms = INT64_MAX});
	data_unlock(data);
	return STORE_OK;
}

static int by_name(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int by_hash(const void *left, const void *right)
{
	return memcmp(((const struct invitation_record *)left)->hash, ((const struct invitation_record *)right)->hash, INVITATION_HASH_BYTES);
}

/* used_by is the caller's to free. */
static struct invitation_record record_of(const struct invitation *invitation)
{
	const char **used_by = mem_new(invitation->used_count * sizeof *used_by);
	struct invitation_record record = {.expires_ms = invitation->expires_ms, .uses_left = invitation->uses - (uint32_t)invitation->used_count,
		.used_by = used_by};
	memcpy(record.hash, invitation->hash, sizeof record.hash);
	for (size_t i = 0; i < invitation->used_count; i++)
		if (invitation->used_by[i][0] != '\0')
			used_by[record.used_count++] = invitation->used_by[i];
	qsort(used_by, record.used_count, sizeof *used_by, by_name);
	return record;
}

enum store_rc memory_list_invitations(struct store *store, const char *user_id, struct invitation_list **invitations, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	struct invitation_record *found = mem_new(data->invitation_count * sizeof *found);
	size_t count = 0;
	for (size_t i = 0; i < data->invitation_count; i++)
		if (strcmp(data->invitations[i].user_id, user_id) == 0)
			found[count++] = record_of(&data->invitations[i]);
	qsort(found, count, sizeof *found, by_hash);
	*invitations = record_copy_invitations(&(struct invitation_list){count, found});
	data_unlock(data);
	for (size_t i = 0; i < count; i++)
		free((void *)(uintptr_t)found[i].used_by);
	free(found);
	return STORE_OK;
}

/* What he has used: a new account of his would use it anew. */
static void forget_uses(struct memory_data *data, const char *user_id)
{
	for (size_t i = 0; i < data->invitation_count; i++) {
		struct invitation *invitation = &data->invitations[i];
		for (size_t j = 0; j < invitation->used_count; j++)
			if (strcmp(invitation->used_by[j], user_id) == 0)
				invitation->used_by[j][0] = '\0';
	}
}

/* ---- forgetting ---- */

static void drop_icon(struct memory_data *data, size_t place)
{
	named_remove(&data->icons, place, data_icon_fini);
}

void data_prune_people(struct memory_data *data, int64_t now_ms)
{
	end_invitations(data, &(struct choice){.expired_ms = now_ms});
	for (size_t i = data->icons.count; i > 0; i--) {
		struct icon *icon = data->icons.items[i - 1];
		if (data_icon_is_named(data, icon->hash))
			icon->unnamed_since_ms = 0;
		else if (icon->unnamed_since_ms == 0)
			icon->unnamed_since_ms = now_ms;
		else if (now_ms - icon->unnamed_since_ms >= ICON_AGE_MS)
			drop_icon(data, i - 1);
	}
}

/* ---- the end of an account ---- */

static void drop_person(struct memory_data *data, struct user *user)
{
	char *hash = mem_text(user->person.icon);
	data_person_fini(&user->person);
	for (size_t i = 0; hash && i < data->icons.count; i++) {
		const struct icon *icon = data->icons.items[i];
		if (strcmp(icon->hash, hash) == 0 && !data_icon_is_named(data, hash)) {
			drop_icon(data, i);
			break;
		}
	}
	free(hash);
}

static void unmute_all(struct memory_data *data, const char *user_id)
{
	for (size_t i = 0; i < data->chats.count; i++) {
		struct member *member = chat_find_member(data->chats.items[i], user_id);
		if (member)
			member->muted_until_ms = 0;
	}
}

static void end_account(struct memory_data *data, struct user *user, int64_t at_ms)
{
	drop_person(data, user);
	for (size_t i = 0; i < data->users.count; i++)
		data_remove_favorite(&((struct user *)data->users.items[i])->person, user->id);
	drop_invitations(data, user->id);
	forget_uses(data, user->id);
	data_drop_devices(user);
	unmute_all(data, user->id);
	user->deleted_at_ms = user->deleted && user->deleted_at_ms > at_ms ? user->deleted_at_ms : at_ms;
	user->deleted = user->erasing = true;
	user->exists = false;
	user->created_at_ms = 0;
}

enum store_rc memory_delete_user(struct store *store, const char *user_id, int64_t at_ms, struct error *err)
{
	struct memory_data *data = data_lock(store);
	struct user *user = named_find(&data->users, user_id);
	if (user == NULL || (!user->exists && !user->deleted))
		return absent(data, err, "user");
	bool is_repetition = user->deleted && user->deleted_at_ms >= at_ms && user->created_at_ms >= at_ms;
	if (user->exists && !is_repetition)
		end_account(data, user, at_ms);
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_list_deleted(struct store *store, const char *after, size_t count_max, struct deleted_list **deleted, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	struct deleted_user *found = mem_new(data->users.count * sizeof *found);
	size_t count = 0;
	for (size_t i = 0; i < data->users.count && count < count_max; i++) {
		const struct user *user = data->users.items[i];
		if (user->deleted && strcmp(user->id, after) > 0)
			found[count++] = (struct deleted_user){user->id, user->deleted_at_ms, user->erasing};
	}
	*deleted = record_copy_deleted(&(struct deleted_list){count, found});
	data_unlock(data);
	free(found);
	return STORE_OK;
}

enum store_rc memory_finish_deletion(struct store *store, const char *user_id, struct error *err)
{
	struct memory_data *data = data_lock(store);
	struct user *user = named_find(&data->users, user_id);
	if (user == NULL || !user->deleted)
		return absent(data, err, "user");
	user->erasing = false;
	data_unlock(data);
	return STORE_OK;
}
