/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl copy: what stands beside the logs, chats and people. One thread, blocks.
 *
 * People are copied in two rounds, since what one has of another one needs both to exist. A time in the past is given to operations that
 * were made for the present: each of them takes the time from its caller. */
#include <string.h>

#include "plugin/ctl/copy.h"

static bool source_failed(struct copy *copy)
{
	return copy_failed(copy, "source");
}

/* Whether the last CALL to the target worked; says so if not. */
static bool written(struct copy *copy)
{
	return copy->rc == STORE_OK || copy_failed(copy, "target");
}

static void show(struct copy *copy, uint64_t total, const char *what)
{
	progress_show(&copy->progress, copy->done, total, "%llu of %llu %s copied", (unsigned long long)copy->done, (unsigned long long)total, what);
}

/* An icon that is a hash, not a URL. */
static bool copy_icon(struct copy *copy, const char *icon)
{
	void *bytes;
	size_t len;
	if (icon[0] == '\0' || strchr(icon, ':') != NULL)
		return true;
	CALL(copy, copy->from, load_icon, icon, &bytes, &len);
	if (copy->rc == STORE_NOT_FOUND)
		return true; /* named, and never stored */
	if (copy->rc != STORE_OK)
		return source_failed(copy);
	CALL(copy, copy->to, put_icon, icon, bytes, len);
	store_free(bytes);
	return written(copy);
}

/* ---- chats ---- */

static bool import_chat(struct copy *copy, const struct chat_record *chat)
{
	unsigned char key[CHAT_KEY_BYTES];
	CALL(copy, copy->from, load_chat_key, chat->chat_id, false, key);
	if (copy->rc != STORE_OK && copy->rc != STORE_NOT_FOUND)
		return source_failed(copy);
	bool has_key = copy->rc == STORE_OK;
	CALL(copy, copy->to, import_chat, chat, has_key ? key : NULL);
	return written(copy);
}

static bool copy_chat(struct copy *copy, const char *chat_id)
{
	struct chat_record *chat;
	CALL(copy, copy->from, load_chat, chat_id, &chat);
	if (copy->rc != STORE_OK)
		return source_failed(copy);
	bool done = import_chat(copy, chat) && copy_icon(copy, chat->icon);
	store_free(chat);
	copy->done++;
	show(copy, copy->chats, "chats");
	return done;
}

bool copy_chats(struct copy *copy)
{
	copy->done = 0;
	return copy_each_chat(copy, copy->from, copy_chat);
}

/* ---- deleted accounts ---- */

/* He has to exist for a moment. */
static bool copy_deleted(struct copy *copy, const struct deleted_user *user)
{
	CALL(copy, copy->to, put_user, user->user_id, 0);
	if (written(copy))
		CALL(copy, copy->to, delete_user, user->user_id, user->deleted_at_ms);
	if (copy->rc == STORE_OK && !user->erasing)
		CALL(copy, copy->to, finish_deletion, user->user_id);
	return written(copy);
}

static bool copy_all_deleted(struct copy *copy)
{
	enum { PAGE = 1000 };
	char after[USER_ID_MAX + 1] = "";
	size_t count = PAGE;
	while (count == PAGE) {
		struct deleted_list *list;
		CALL(copy, copy->from, list_deleted, after, PAGE, &list);
		if (copy->rc != STORE_OK)
			return source_failed(copy);
		count = list->count;
		bool done = true;
		for (size_t i = 0; i < count && done; i++)
			done = copy_deleted(copy, &list->users[i]);
		if (count > 0)
			memcpy(after, list->users[count - 1].user_id, strlen(list->users[count - 1].user_id) + 1);
		store_free(list);
		if (!done)
			return false;
	}
	return true;
}

/* ---- who exists ---- */

/* Each write is synced, so what nobody has said about himself is not written. */
static bool says_something(const struct profile *profile)
{
	return profile->name[0] != '\0' || profile->icon[0] != '\0' || profile->status[0] != '\0' || profile->time_zone[0] != '\0' ||
		profile->hides_online || profile->hides_last_seen;
}

static bool put_account(struct copy *copy, const struct profile *profile)
{
	const struct profile_change change = {.name = profile->name, .icon = profile->icon, .status = profile->status, .time_zone = profile->time_zone,
		.hides_online = profile->hides_online, .hides_last_seen = profile->hides_last_seen};
	const struct last_seen seen = {profile->user_id, profile->last_seen_ms};
	CALL(copy, copy->to, put_user, profile->user_id, profile->created_at_ms);
	if (copy->rc == STORE_OK && says_something(profile))
		CALL(copy, copy->to, put_profile, profile->user_id, &change);
	if (copy->rc == STORE_OK && profile->shared_id[0] != '\0')
		CALL(copy, copy->to, put_shared_id, profile->user_id, profile->shared_id);
	if (copy->rc == STORE_OK && profile->last_seen_ms > 0)
		CALL(copy, copy->to, put_last_seen, &seen, 1);
	return written(copy) && copy_icon(copy, profile->icon);
}

static bool copy_account(struct copy *copy, const char *user_id)
{
	struct profile_list *list;
	CALL(copy, copy->from, load_profiles, &user_id, 1, &list);
	if (copy->rc != STORE_OK)
		return source_failed(copy);
	bool done = list->count == 0 || put_account(copy, &list->profiles[0]);
	store_free(list);
	copy->done++;
	show(copy, copy->users, "users");
	return done;
}

/* ---- what they have of each other ---- */

/* Only their order matters. */
static bool copy_favorites(struct copy *copy, const char *user_id)
{
	const char *const *ids;
	size_t count;
	bool done = true;
	CALL(copy, copy->from, load_favorites, user_id, &ids, &count);
	if (copy->rc != STORE_OK)
		return source_failed(copy);
	for (size_t i = 0; i < count && done; i++) {
		CALL(copy, copy->to, put_favorite, user_id, ids[i], true, (int64_t)i + 1);
		done = written(copy);
	}
	store_free((void *)(uintptr_t)ids);
	return done;
}

static bool copy_blocks(struct copy *copy, const char *user_id)
{
	struct block_list *list;
	bool done = true;
	CALL(copy, copy->from, load_blocks, user_id, &list);
	if (copy->rc != STORE_OK)
		return source_failed(copy);
	for (size_t i = 0; i < list->count && done; i++) {
		const struct block *block = &list->blocks[i];
		CALL(copy, copy->to, put_block, user_id, block->user_id, true, block->from_ms);
		if (copy->rc == STORE_OK && block->to_ms != 0)
			CALL(copy, copy->to, put_block, user_id, block->user_id, false, block->to_ms);
		done = written(copy);
	}
	store_free(list);
	return done;
}

/* Made with all its uses, then used by those who had; one who used it and has no account any more is one use less. One without any is copied
 * as well: its hash keeps a link that is over from being made anew. */
static bool put_invitation(struct copy *copy, const char *user_id, const struct invitation_record *invitation)
{
	char inviter[USER_ID_MAX + 1];
	uint32_t uses = invitation->uses_left + (uint32_t)invitation->used_count;
	CALL(copy, copy->to, put_invitation, invitation->hash, user_id, INT64_MIN, invitation->expires_ms, uses);
	for (size_t i = 0; i < invitation->used_count && copy->rc == STORE_OK; i++) {
		CALL(copy, copy->to, use_invitation, invitation->hash, invitation->used_by[i], INT64_MIN, inviter);
		if (copy->rc == STORE_NOT_FOUND)
			copy->rc = STORE_OK; /* blocked by now, in a copy that goes on, which has him; the comparison says if not */
	}
	return written(copy);
}

static bool copy_invitations(struct copy *copy, const char *user_id)
{
	struct invitation_list *list;
	bool done = true;
	CALL(copy, copy->from, list_invitations, user_id, &list);
	if (copy->rc != STORE_OK)
		return source_failed(copy);
	for (size_t i = 0; i < list->count && done; i++)
		done = put_invitation(copy, user_id, &list->invitations[i]);
	store_free(list);
	return done;
}

static bool put_cursors(struct copy *copy, const char *user_id, const char *device, const struct device_record *record)
{
	enum { PIECE = 200 };
	struct cursor cursors[PIECE];
	bool done = true;
	for (size_t begin = 0; begin < record->cursor_count && done; begin += PIECE) {
		size_t count = 0;
		for (; count < PIECE && begin + count < record->cursor_count; count++)
			cursors[count] = (struct cursor){user_id, device, record->cursors[begin + count].chat_id, record->cursors[begin + count].number};
		CALL(copy, copy->to, put_cursors, cursors, count);
		done = written(copy);
	}
	return done;
}

/* Where it gets pushes, until when its own token counts. */
static bool put_registration(struct copy *copy, const char *user_id, const struct device_info *info)
{
	if (info->push_token[0] != '\0')
		CALL(copy, copy->to, put_registration, user_id, info->device, info->platform, info->push_token, info->seen_at_ms);
	if (copy->rc == STORE_OK && info->token_expires_ms > 0)
		CALL(copy, copy->to, put_device_token, user_id, info->device, info->seen_at_ms, info->token_expires_ms);
	return written(copy);
}

static bool copy_device(struct copy *copy, const char *user_id, const struct device_info *info)
{
	struct device_record *record;
	CALL(copy, copy->from, load_device, user_id, info->device, &record);
	if (copy->rc != STORE_OK)
		return source_failed(copy);
	CALL(copy, copy->to, put_device, user_id, info->device, record->seen_at_ms, record->subscriptions, record->max_bytes);
	bool done = written(copy) && put_cursors(copy, user_id, info->device, record);
	store_free(record);
	return done && put_registration(copy, user_id, info);
}

static bool copy_devices(struct copy *copy, const char *user_id)
{
	struct device_list *list;
	bool done = true;
	CALL(copy, copy->from, list_devices, user_id, &list);
	if (copy->rc != STORE_OK)
		return source_failed(copy);
	for (size_t i = 0; i < list->count && done; i++)
		done = copy_device(copy, user_id, &list->devices[i]);
	store_free(list);
	return done;
}

static bool copy_mutes(struct copy *copy, const char *user_id)
{
	struct user_record *user;
	bool done = true;
	CALL(copy, copy->from, load_user, user_id, &user);
	if (copy->rc != STORE_OK)
		return source_failed(copy);
	for (size_t i = 0; i < user->chat_count && done; i++) {
		if (user->chats[i].muted_until_ms == 0)
			continue;
		CALL(copy, copy->to, put_mute, user_id, user->chats[i].chat_id, user->chats[i].muted_until_ms);
		done = written(copy);
	}
	store_free(user);
	return done;
}

/* Invitations before blocks: whom he blocked may have used one of his before. */
static bool copy_belongings(struct copy *copy, const char *user_id)
{
	bool done = copy_favorites(copy, user_id) && copy_invitations(copy, user_id) && copy_blocks(copy, user_id) && copy_devices(copy, user_id) &&
		copy_mutes(copy, user_id);
	copy->done++;
	show(copy, copy->users, "users' lists and devices");
	return done;
}

bool copy_people(struct copy *copy)
{
	if (!copy_all_deleted(copy))
		return false;
	copy->done = 0;
	if (!copy_each_user(copy, copy->from, copy_account))
		return false;
	copy->done = 0;
	return copy_each_user(copy, copy->from, copy_belongings);
}
