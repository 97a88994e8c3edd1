/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Devices: how far each has what, where it gets pushes, until when a token of its own may count. Any thread; the lock is held throughout. */
#include <stdlib.h>
#include <string.h>

#include "storage/memory/data.h"
#include "storage/record.h"

static enum store_rc absent(struct memory_data *data, struct error *err, const char *what)
{
	data_unlock(data);
	return error_set(err, STORE_NOT_FOUND, 0, "no such %s", what);
}

static void device_fini(void *item)
{
	struct device *device = item;
	free(device->subscriptions);
	free(device->platform);
	free(device->push_token);
	named_fini(&device->cursors, NULL);
}

void data_drop_devices(struct user *user)
{
	named_fini(&user->devices, device_fini);
}

static struct device *find_or_add(struct user *user, const char *name, int64_t seen_at_ms)
{
	struct device *device = named_find_or_add(&user->devices, name, sizeof *device);
	if (device->subscriptions == NULL) { /* a new one */
		device->subscriptions = mem_text("");
		device->seen_at_ms = seen_at_ms;
	}
	return device;
}

/* ---- what a session left, and how far it has what ---- */

enum store_rc memory_load_device(struct store *store, const char *user_id, const char *name, struct device_record **record, struct error *err)
{
	struct memory_data *data = data_lock(store);
	const struct user *user = named_find(&data->users, user_id);
	const struct device *device = user ? named_find(&user->devices, name) : NULL;
	if (device == NULL)
		return absent(data, err, "device");
	struct device_cursor *cursors = mem_new(device->cursors.count * sizeof *cursors);
	for (size_t i = 0; i < device->cursors.count; i++) {
		const struct cursor_entry *entry = device->cursors.items[i];
		cursors[i] = (struct device_cursor){entry->chat_id, entry->number};
	}
	*record = record_copy_device(
		&(struct device_record){device->seen_at_ms, device->subscriptions, device->max_bytes, device->cursors.count, cursors});
	data_unlock(data);
	free(cursors);
	return STORE_OK;
}

enum store_rc memory_put_device(struct store *store, const char *user_id, const char *name, int64_t seen_at_ms, const char *subscriptions,
                                uint32_t max_bytes, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	struct user *user = named_find_or_add(&data->users, user_id, sizeof *user);
	if (user->exists || !user->deleted) {
		struct device *device = find_or_add(user, name, seen_at_ms);
		device->seen_at_ms = seen_at_ms;
		free(device->subscriptions);
		device->subscriptions = mem_text(subscriptions);
		device->max_bytes = max_bytes;
	}
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_put_devices_seen(struct store *store, const struct device_seen *seen, size_t seen_count, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	for (size_t i = 0; i < seen_count; i++) {
		struct user *user = named_find(&data->users, seen[i].user_id);
		struct device *device = user ? named_find(&user->devices, seen[i].device) : NULL;
		if (device != NULL && device->seen_at_ms < seen[i].at_ms)
			device->seen_at_ms = seen[i].at_ms;
	}
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_put_cursors(struct store *store, const struct cursor *cursors, size_t cursor_count, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	for (size_t i = 0; i < cursor_count; i++) {
		struct user *user = named_find(&data->users, cursors[i].user_id);
		struct device *device = user ? named_find(&user->devices, cursors[i].device) : NULL;
		if (device == NULL || named_find(&data->chats, cursors[i].chat_id) == NULL)
			continue;
		struct cursor_entry *entry = named_find_or_add(&device->cursors, cursors[i].chat_id, sizeof *entry);
		if (entry->number < cursors[i].number)
			entry->number = cursors[i].number;
	}
	data_unlock(data);
	return STORE_OK;
}

/* ---- registrations, tokens ---- */

/* push_token "": none. */
static void set_registration(struct device *device, const char *platform, const char *push_token)
{
	bool has_token = push_token[0] != '\0';
	free(device->platform);
	free(device->push_token);
	device->platform = has_token ? mem_text(platform) : NULL;
	device->push_token = has_token ? mem_text(push_token) : NULL;
}

static void take_from_others(struct memory_data *data, const struct device *owner, const char *push_token)
{
	for (size_t i = 0; i < data->users.count; i++) {
		const struct named_list *devices = &((const struct user *)data->users.items[i])->devices;
		for (size_t j = 0; j < devices->count; j++) {
			struct device *device = devices->items[j];
			if (device != owner && device->push_token && strcmp(device->push_token, push_token) == 0)
				set_registration(device, "", "");
		}
	}
}

enum store_rc memory_put_registration(struct store *store, const char *user_id, const char *device, const char *platform,
                                      const char *push_token, int64_t at_ms, struct error *err)
{
	struct memory_data *data = data_lock(store);
	struct user *user = data_find_user(data, user_id);
	if (user == NULL)
		return absent(data, err, "user");
	struct device *owner = find_or_add(user, device, at_ms);
	if (push_token[0] != '\0')
		take_from_others(data, owner, push_token);
	set_registration(owner, platform, push_token);
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_put_device_token(struct store *store, const char *user_id, const char *device, int64_t at_ms, int64_t expires_ms,
                                      struct error *err)
{
	struct memory_data *data = data_lock(store);
	struct user *user = data_find_user(data, user_id);
	if (user == NULL)
		return absent(data, err, "user");
	struct device *owner = find_or_add(user, device, at_ms);
	if (owner->token_expires_ms < expires_ms)
		owner->token_expires_ms = expires_ms;
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_remove_device(struct store *store, const char *user_id, const char *device, struct error *err)
{
	struct memory_data *data = data_lock(store);
	struct user *user = named_find(&data->users, user_id);
	const struct device *found = user ? named_find(&user->devices, device) : NULL;
	if (found == NULL)
		return absent(data, err, "device");
	size_t place = 0;
	while (user->devices.items[place] != found)
		place++;
	named_remove(&user->devices, place, device_fini);
	data_unlock(data);
	return STORE_OK;
}

void data_prune_devices(struct memory_data *data, int64_t now_ms)
{
	for (size_t i = 0; i < data->users.count; i++) {
		struct named_list *devices = &((struct user *)data->users.items[i])->devices;
		for (size_t j = devices->count; j > 0; j--) {
			const struct device *device = devices->items[j - 1];
			if (device->seen_at_ms < now_ms - DEVICE_AGE_MS && device->token_expires_ms < now_ms)
				named_remove(devices, j - 1, device_fini);
		}
	}
}

/* ---- lists ---- */

static const char *text_of(const char *text)
{
	return text ? text : "";
}

/* free() it. */
static struct device_info *infos_of(const struct user *user, size_t *count)
{
	*count = user ? user->devices.count : 0;
	struct device_info *infos = mem_new(*count * sizeof *infos);
	for (size_t i = 0; i < *count; i++) {
		const struct device *device = user->devices.items[i];
		infos[i] = (struct device_info){.device = device->name, .seen_at_ms = device->seen_at_ms, .platform = text_of(device->platform),
			.push_token = text_of(device->push_token), .token_expires_ms = device->token_expires_ms};
	}
	return infos;
}

enum store_rc memory_list_devices(struct store *store, const char *user_id, struct device_list **devices, struct error *err)
{
	(void)err;
	size_t count;
	struct memory_data *data = data_lock(store);
	struct device_info *infos = infos_of(named_find(&data->users, user_id), &count);
	*devices = record_copy_devices(&(struct device_list){count, infos});
	data_unlock(data);
	free(infos);
	return STORE_OK;
}

static bool has_it(const struct user *user, const char *chat_id, uint64_t number)
{
	for (size_t i = 0; user && i < user->devices.count; i++) {
		const struct cursor_entry *entry = named_find(&((const struct device *)user->devices.items[i])->cursors, chat_id);
		if (entry && entry->number >= number)
			return true;
	}
	return false;
}

static bool is_target(const struct memory_data *data, const struct chat *chat, const struct member *member, uint64_t number)
{
	return member->role != ROLE_NONE && member->received < number && member->read < number &&
		!has_it(named_find(&data->users, member->user_id), chat->id, number);
}

static int by_user(const void *left, const void *right)
{
	return strcmp(((const struct push_target *)left)->user_id, ((const struct push_target *)right)->user_id);
}

/* Sorted, all behind `after`; free() it. The devices are not filled in yet. */
static struct push_target *find_targets(const struct memory_data *data, const struct chat *chat, uint64_t number, const char *after,
                                        size_t *count)
{
	struct push_target *targets = mem_new((chat ? chat->member_count : 0) * sizeof *targets);
	*count = 0;
	for (size_t i = 0; chat && !chat->ended && i < chat->member_count; i++) {
		const struct member *member = &chat->members[i];
		if (is_target(data, chat, member, number) && strcmp(member->user_id, after) > 0)
			targets[(*count)++] = (struct push_target){.user_id = member->user_id, .muted_until_ms = member->muted_until_ms};
	}
	qsort(targets, *count, sizeof *targets, by_user);
	return targets;
}

enum store_rc memory_list_push_targets(struct store *store, const char *chat_id, uint64_t number, const char *after, size_t count_max,
                                       struct push_target_list **targets, struct error *err)
{
	(void)err;
	size_t count;
	struct memory_data *data = data_lock(store);
	struct push_target *found = find_targets(data, named_find(&data->chats, chat_id), number, after, &count);
	if (count > count_max)
		count = count_max;
	for (size_t i = 0; i < count; i++)
		found[i].devices = infos_of(named_find(&data->users, found[i].user_id), &found[i].device_count);
	*targets = record_copy_push_targets(&(struct push_target_list){count, found});
	data_unlock(data);
	for (size_t i = 0; i < count; i++)
		free((void *)(uintptr_t)found[i].devices);
	free(found);
	return STORE_OK;
}
