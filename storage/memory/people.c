/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What people keep about themselves and about each other: profiles, icons, favorites, blocks. Any thread; the lock is held throughout. */
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

struct user *data_find_user(const struct memory_data *data, const char *user_id)
{
	struct user *user = named_find(&data->users, user_id);
	return user && user->exists ? user : NULL;
}

/* Takes the lock and finds who exists. NULL: he does not, and the lock is not held. */
static struct user *lock_user(struct store *store, struct memory_data **data, const char *user_id, struct error *err)
{
	*data = data_lock(store);
	struct user *user = data_find_user(*data, user_id);
	if (user == NULL)
		absent(*data, err, "user");
	return user;
}

void data_person_fini(struct person *person)
{
	free(person->name);
	free(person->icon);
	free(person->status);
	free(person->time_zone);
	free(person->shared_id);
	for (size_t i = 0; i < person->favorite_count; i++)
		free(person->favorites[i].user_id);
	free(person->favorites);
	for (size_t i = 0; i < person->block_count; i++)
		free(person->blocks[i].user_id);
	free(person->blocks);
	*person = (struct person){0};
}

/* ---- profiles ---- */

static const char *text_of(const char *text)
{
	return text ? text : "";
}

static struct profile profile_of(const struct user *user)
{
	const struct person *person = &user->person;
	return (struct profile){.user_id = user->id, .created_at_ms = user->created_at_ms, .name = text_of(person->name), .icon = text_of(person->icon),
		.status = text_of(person->status), .time_zone = text_of(person->time_zone), .shared_id = text_of(person->shared_id),
		.hides_online = person->hides_online, .hides_last_seen = person->hides_last_seen, .last_seen_ms = person->last_seen_ms};
}

enum store_rc memory_load_profiles(struct store *store, const char *const *user_ids, size_t user_count, struct profile_list **profiles,
                                   struct error *err)
{
	(void)err;
	struct profile *found = mem_new(user_count * sizeof *found);
	size_t count = 0;
	struct memory_data *data = data_lock(store);
	for (size_t i = 0; i < user_count; i++) {
		const struct user *user = data_find_user(data, user_ids[i]);
		if (user)
			found[count++] = profile_of(user);
	}
	*profiles = record_copy_profiles(&(struct profile_list){count, found});
	data_unlock(data);
	free(found);
	return STORE_OK;
}

static void change_text(char **text, const char *to)
{
	if (to == NULL)
		return;
	free(*text);
	*text = mem_text(to);
}

enum store_rc memory_put_profile(struct store *store, const char *user_id, const struct profile_change *change, struct error *err)
{
	struct memory_data *data;
	struct user *user = lock_user(store, &data, user_id, err);
	if (user == NULL)
		return STORE_NOT_FOUND;
	change_text(&user->person.name, change->name);
	change_text(&user->person.icon, change->icon);
	change_text(&user->person.status, change->status);
	change_text(&user->person.time_zone, change->time_zone);
	if (change->hides_online >= 0)
		user->person.hides_online = change->hides_online;
	if (change->hides_last_seen >= 0)
		user->person.hides_last_seen = change->hides_last_seen;
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_put_last_seen(struct store *store, const struct last_seen *seen, size_t seen_count, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	for (size_t i = 0; i < seen_count; i++) {
		struct user *user = data_find_user(data, seen[i].user_id);
		if (user != NULL && user->person.last_seen_ms < seen[i].at_ms)
			user->person.last_seen_ms = seen[i].at_ms;
	}
	data_unlock(data);
	return STORE_OK;
}

static struct user *find_by_shared_id(const struct memory_data *data, const char *shared_id)
{
	for (size_t i = 0; i < data->users.count && shared_id[0] != '\0'; i++) {
		struct user *user = data->users.items[i];
		if (strcmp(text_of(user->person.shared_id), shared_id) == 0)
			return user;
	}
	return NULL;
}

enum store_rc memory_put_shared_id(struct store *store, const char *user_id, const char *shared_id, struct error *err)
{
	struct memory_data *data;
	struct user *user = lock_user(store, &data, user_id, err);
	if (user == NULL)
		return STORE_NOT_FOUND;
	const struct user *owner = find_by_shared_id(data, shared_id);
	bool taken = owner != NULL && owner != user;
	if (!taken)
		change_text(&user->person.shared_id, shared_id);
	data_unlock(data);
	return taken ? (enum store_rc)error_set(err, STORE_TAKEN, 0, "somebody else has that shared ID") : STORE_OK;
}

enum store_rc memory_find_shared_id(struct store *store, const char *shared_id, char user_id[USER_ID_MAX + 1], struct error *err)
{
	struct memory_data *data = data_lock(store);
	const struct user *user = find_by_shared_id(data, shared_id);
	if (user == NULL)
		return absent(data, err, "shared ID");
	snprintf(user_id, USER_ID_MAX + 1, "%s", user->id);
	data_unlock(data);
	return STORE_OK;
}

/* ---- icons ---- */

void data_icon_fini(void *item)
{
	free(((struct icon *)item)->bytes);
}

enum store_rc memory_put_icon(struct store *store, const char *hash, const void *bytes, size_t len, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	struct icon *icon = named_find_or_add(&data->icons, hash, sizeof *icon);
	if (icon->bytes == NULL) {
		icon->bytes = mem_copy(bytes, len);
		icon->len = len;
	}
	icon->unnamed_since_ms = 0;
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_load_icon(struct store *store, const char *hash, void **bytes, size_t *len, struct error *err)
{
	struct memory_data *data = data_lock(store);
	const struct icon *icon = named_find(&data->icons, hash);
	if (icon == NULL)
		return absent(data, err, "icon");
	*bytes = mem_copy(icon->bytes, icon->len);
	*len = icon->len;
	data_unlock(data);
	return STORE_OK;
}

bool data_icon_is_named(const struct memory_data *data, const char *hash)
{
	for (size_t i = 0; i < data->users.count; i++)
		if (strcmp(text_of(((const struct user *)data->users.items[i])->person.icon), hash) == 0)
			return true;
	for (size_t i = 0; i < data->chats.count; i++)
		if (strcmp(text_of(((const struct chat *)data->chats.items[i])->icon), hash) == 0)
			return true;
	return false;
}

/* ---- favorites ---- */

static size_t favorite_place(const struct person *person, const char *user_id)
{
	size_t place = 0;
	while (place < person->favorite_count && strcmp(person->favorites[place].user_id, user_id) != 0)
		place++;
	return place;
}

static void favorite_add(struct person *person, const char *user_id, int64_t at_ms)
{
	size_t place = person->favorite_count;
	while (place > 0 && person->favorites[place - 1].at_ms > at_ms)
		place--;
	person->favorites = mem_grow(person->favorites, (person->favorite_count + 1) * sizeof *person->favorites);
	memmove(person->favorites + place + 1, person->favorites + place, (person->favorite_count - place) * sizeof *person->favorites);
	person->favorites[place] = (struct favorite){mem_text(user_id), at_ms};
	person->favorite_count++;
}

void data_remove_favorite(struct person *person, const char *user_id)
{
	size_t place = favorite_place(person, user_id);
	if (place == person->favorite_count)
		return;
	free(person->favorites[place].user_id);
	person->favorite_count--;
	memmove(person->favorites + place, person->favorites + place + 1, (person->favorite_count - place) * sizeof *person->favorites);
}

enum store_rc memory_put_favorite(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err)
{
	struct memory_data *data;
	struct user *user = lock_user(store, &data, user_id, err);
	if (user == NULL)
		return STORE_NOT_FOUND;
	if (on && data_find_user(data, other_id) == NULL)
		return absent(data, err, "user");
	if (!on)
		data_remove_favorite(&user->person, other_id);
	else if (favorite_place(&user->person, other_id) == user->person.favorite_count)
		favorite_add(&user->person, other_id, at_ms);
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_load_favorites(struct store *store, const char *user_id, const char *const **user_ids, size_t *count, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	const struct user *user = data_find_user(data, user_id);
	size_t found = user ? user->person.favorite_count : 0;
	const char **ids = mem_new(found * sizeof *ids);
	for (size_t i = 0; i < found; i++)
		ids[i] = user->person.favorites[i].user_id;
	*user_ids = record_copy_ids(ids, found);
	*count = found;
	data_unlock(data);
	free(ids);
	return STORE_OK;
}

/* ---- blocks ---- */

/* Where the first interval of someone after user_id stands: his own last one, if there is any, is right before. */
static size_t block_end(const struct person *person, const char *user_id)
{
	size_t end = 0;
	while (end < person->block_count && strcmp(person->blocks[end].user_id, user_id) <= 0)
		end++;
	return end;
}

static struct block_entry *block_last(const struct person *person, const char *user_id)
{
	size_t end = block_end(person, user_id);
	return end > 0 && strcmp(person->blocks[end - 1].user_id, user_id) == 0 ? &person->blocks[end - 1] : NULL;
}

/* Whether an interval begins (or ends) exactly then. */
static bool block_touches(const struct person *person, const char *user_id, bool begins, int64_t at_ms)
{
	for (size_t i = 0; i < person->block_count; i++) {
		const struct block_entry *block = &person->blocks[i];
		if ((begins ? block->from_ms : block->to_ms) == at_ms && strcmp(block->user_id, user_id) == 0)
			return true;
	}
	return false;
}

static void block_begin(struct person *person, const char *user_id, int64_t at_ms)
{
	size_t end = block_end(person, user_id);
	const struct block_entry *last = block_last(person, user_id);
	int64_t from_ms = last && last->to_ms > at_ms ? last->to_ms : at_ms;
	person->blocks = mem_grow(person->blocks, (person->block_count + 1) * sizeof *person->blocks);
	memmove(person->blocks + end + 1, person->blocks + end, (person->block_count - end) * sizeof *person->blocks);
	person->blocks[end] = (struct block_entry){mem_text(user_id), from_ms, 0};
	person->block_count++;
}

static void block_finish(struct person *person, struct block_entry *open, int64_t at_ms)
{
	if (at_ms > open->from_ms) {
		open->to_ms = at_ms;
		return;
	}
	free(open->user_id);
	person->block_count--;
	memmove(open, open + 1, (size_t)(person->blocks + person->block_count - open) * sizeof *open);
}

enum store_rc memory_put_block(struct store *store, const char *user_id, const char *other_id, bool on, int64_t at_ms, struct error *err)
{
	struct memory_data *data;
	struct user *user = lock_user(store, &data, user_id, err);
	if (user == NULL)
		return STORE_NOT_FOUND;
	struct block_entry *last = block_last(&user->person, other_id);
	bool is_open = last != NULL && last->to_ms == 0;
	if (is_open != on && !block_touches(&user->person, other_id, on, at_ms)) {
		if (on)
			block_begin(&user->person, other_id, at_ms);
		else
			block_finish(&user->person, last, at_ms);
	}
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_load_blocks(struct store *store, const char *user_id, struct block_list **blocks, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	const struct user *user = data_find_user(data, user_id);
	size_t count = user ? user->person.block_count : 0;
	struct block *found = mem_new(count * sizeof *found);
	for (size_t i = 0; i < count; i++) {
		const struct block_entry *block = &user->person.blocks[i];
		found[i] = (struct block){block->user_id, block->from_ms, block->to_ms};
	}
	*blocks = record_copy_blocks(&(struct block_list){count, found});
	data_unlock(data);
	free(found);
	return STORE_OK;
}

bool data_blocks_now(const struct user *user, const char *other_id)
{
	const struct block_entry *last = user ? block_last(&user->person, other_id) : NULL;
	return last != NULL && last->to_ms == 0;
}

enum store_rc memory_check_reach(struct store *store, const char *from_id, const char *const *to_ids, size_t to_count, bool both,
                                 struct error *err)
{
	struct memory_data *data = data_lock(store);
	const struct user *from = data_find_user(data, from_id);
	bool reached = true;
	for (size_t i = 0; i < to_count; i++) {
		const struct user *to = data_find_user(data, to_ids[i]);
		bool blocked = data_blocks_now(to, from_id), blocks = data_blocks_now(from, to_ids[i]);
		reached = reached & (to != NULL) & !blocked & !(both & blocks);
	}
	if (!reached)
		return absent(data, err, "user");
	data_unlock(data);
	return STORE_OK;
}
