/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The memory store: handles, users, receipts, and the table of operations. One mutex over everything, so that each operation
 * is atomic by inspection. Any thread. */
#include "storage/memory/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "storage/memory/data.h"

/* ---- named lists ---- */

static const char *name_of(const void *item)
{
	return *(char *const *)item;
}

/* The first place whose name is not before `name`. */
static size_t named_place(const struct named_list *list, const char *name)
{
	size_t low = 0, high = list->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(name_of(list->items[middle]), name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *named_find(const struct named_list *list, const char *name)
{
	size_t place = named_place(list, name);
	return place < list->count && strcmp(name_of(list->items[place]), name) == 0 ? list->items[place] : NULL;
}

void *named_find_or_add(struct named_list *list, const char *name, size_t size)
{
	void *item = named_find(list, name);
	if (item)
		return item;
	size_t place = named_place(list, name);
	item = mem_zero(size);
	*(char **)item = mem_text(name);
	list->items = mem_grow(list->items, (list->count + 1) * sizeof *list->items);
	memmove(list->items + place + 1, list->items + place, (list->count - place) * sizeof *list->items);
	list->items[place] = item;
	list->count++;
	return item;
}

static void named_free(void *item, void (*item_fini)(void *item))
{
	if (item_fini)
		item_fini(item);
	free(*(char **)item);
	free(item);
}

void named_fini(struct named_list *list, void (*item_fini)(void *item))
{
	for (size_t i = 0; i < list->count; i++)
		named_free(list->items[i], item_fini);
	free(list->items);
	*list = (struct named_list){0};
}

void named_remove(struct named_list *list, size_t place, void (*item_fini)(void *item))
{
	named_free(list->items[place], item_fini);
	list->count--;
	memmove(list->items + place, list->items + place + 1, (list->count - place) * sizeof *list->items);
}

/* ---- the data's life ---- */

static void list_fini(struct tx_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		transaction_free(list->items[i]);
	free(list->items);
}

static void chat_fini(void *item)
{
	struct chat *chat = item;
	list_fini(&chat->log);
	for (size_t i = 0; i < chat->member_count; i++) {
		free(chat->members[i].user_id);
		free(chat->members[i].intervals);
	}
	free(chat->members);
	free(chat->name);
	free(chat->icon);
}

static void writer_fini(void *item)
{
	list_fini(&((struct writer *)item)->log);
}

static void user_fini(void *item)
{
	struct user *user = item;
	data_drop_devices(user);
	data_person_fini(&user->person);
}

static void random_name(char *text)
{
	unsigned char bytes[ID_BYTES];
	id_random(bytes, sizeof bytes);
	base64url_encode(bytes, sizeof bytes, text);
}

static struct memory_data *data_new(void)
{
	struct memory_data *data = mem_zero(sizeof *data);
	pthread_mutex_init(&data->lock, NULL);
	data->keys_since_ms = INT64_MIN;
	data->info.schema_version = 1;
	random_name(data->info.epoch);
	random_name(data->info.writer);
	id_random(data->info.secret, sizeof data->info.secret);
	return data;
}

static void data_free(struct memory_data *data)
{
	named_fini(&data->chats, chat_fini);
	named_fini(&data->writers, writer_fini);
	named_fini(&data->users, user_fini);
	named_fini(&data->icons, data_icon_fini);
	for (size_t i = 0; i < data->invitation_count; i++)
		data_invitation_fini(&data->invitations[i]);
	free(data->invitations);
	named_fini(&data->places, NULL);
	named_fini(&data->leases, data_lease_fini);
	for (size_t i = 0; i < data->notice_count; i++)
		data_notice_fini(&data->notices[i]);
	free(data->notices);
	for (size_t i = 0; i < data->audit_count; i++)
		data_audit_fini(&data->audit[i]);
	free(data->audit);
	named_fini(&data->revocations, NULL);
	named_fini(&data->signing_keys, data_signing_key_fini);
	pthread_mutex_destroy(&data->lock);
	free(data);
}

struct memory_data *data_lock(struct store *store)
{
	struct memory_data *data = ((struct memory_store *)store)->data;
	pthread_mutex_lock(&data->lock);
	return data;
}

void data_unlock(struct memory_data *data)
{
	pthread_mutex_unlock(&data->lock);
}

/* ---- handles ---- */

static struct store *handle_new(struct memory_data *data, const char *writer)
{
	struct memory_store *handle = mem_zero(sizeof *handle);
	size_t len = strlen(writer);
	assert(len <= WRITER_MAX);
	handle->ops = &store_memory;
	handle->data = data;
	memcpy(handle->writer, writer, len);
	data->handle_count++;
	return (struct store *)handle;
}

struct store *store_memory_new_writer(struct store *store, const char *writer)
{
	assert(store_ops(store) == &store_memory);
	struct memory_data *data = data_lock(store);
	struct store *other = handle_new(data, writer);
	data_unlock(data);
	return other;
}

static enum store_rc memory_open(const char *uri, unsigned flags, struct store **store, struct error *err)
{
	if (uri[0] != '\0')
		return error_set(err, STORE_REFUSED, 0, "the memory store is given as \"memory:\", with nothing behind the colon");
	if ((flags & STORE_EXISTING) != 0)
		return error_set(err, STORE_NOT_FOUND, 0, "a memory store begins when it is opened: there is none yet");
	struct memory_data *data = data_new();
	*store = handle_new(data, data->info.writer);
	return STORE_OK;
}

static void memory_close(struct store *store)
{
	if (store == NULL)
		return;
	struct memory_data *data = data_lock(store);
	bool last = --data->handle_count == 0;
	data_unlock(data);
	free(store);
	if (last)
		data_free(data);
}

static enum store_rc memory_info(struct store *store, struct store_info *info, struct error *err)
{
	(void)err;
	const struct memory_store *handle = (const struct memory_store *)store;
	*info = handle->data->info; /* written before there was a handle; adopt comes alone */
	memcpy(info->writer, handle->writer, sizeof info->writer);
	return STORE_OK;
}

/* ---- small writes ---- */

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static enum store_rc memory_put_user(struct store *store, const char *user_id, int64_t at_ms, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	struct user *user = named_find_or_add(&data->users, user_id, sizeof *user);
	if (!user->exists)
		user->created_at_ms = at_ms;
	user->exists = true;
	data_unlock(data);
	return STORE_OK;
}

static enum store_rc memory_put_receipts(struct store *store, const struct receipt *receipts, size_t receipt_count, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	for (size_t i = 0; i < receipt_count; i++) {
		const struct chat *chat = named_find(&data->chats, receipts[i].chat_id);
		struct member *member = chat ? chat_find_member(chat, receipts[i].user_id) : NULL;
		if (member == NULL || member->interval_count == 0)
			continue;
		member->received = larger(member->received, receipts[i].received);
		member->read = larger(member->read, receipts[i].read);
	}
	data_unlock(data);
	return STORE_OK;
}

static enum store_rc memory_put_mute(struct store *store, const char *user_id, const char *chat_id, int64_t until_ms, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	const struct chat *chat = named_find(&data->chats, chat_id);
	struct member *member = chat ? chat_find_member(chat, user_id) : NULL;
	if (member && member->interval_count > 0)
		member->muted_until_ms = until_ms;
	data_unlock(data);
	return STORE_OK;
}

static enum store_rc memory_prune(struct store *store, int64_t now_ms, bool *more, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	if (data->keys_since_ms < now_ms - KEY_AGE_MS)
		data->keys_since_ms = now_ms - KEY_AGE_MS;
	data_prune_devices(data, now_ms);
	data_prune_revocations(data, now_ms);
	data_prune_audit(data, now_ms);
	data_prune_people(data, now_ms);
	data_prune_shared(data, now_ms);
	*more = false;
	data_unlock(data);
	return STORE_OK;
}

static enum store_rc memory_verify(struct store *store, struct error *err)
{
	(void)store;
	(void)err;
	return STORE_OK; /* nothing below it that could be damaged */
}

const struct store_ops store_memory = {
	.name = "memory",
	.lanes = 1,
	.open = memory_open,
	.close = memory_close,
	.info = memory_info,
	.append = memory_append,
	.load_chat = memory_load_chat,
	.load_user = memory_load_user,
	.load_membership = memory_load_membership,
	.list_memberships = memory_list_memberships,
	.find_key = memory_find_key,
	.read_message = memory_read_message,
	.read_edits = memory_read_edits,
	.read_page = memory_read_page,
	.read_summary = memory_read_summary,
	.tail = memory_tail,
	.list_chats = memory_list_chats,
	.list_ended = memory_list_ended,
	.erase = memory_erase,
	.put_user = memory_put_user,
	.put_receipts = memory_put_receipts,
	.put_mute = memory_put_mute,
	.load_device = memory_load_device,
	.put_device = memory_put_device,
	.put_cursors = memory_put_cursors,
	.prune = memory_prune,
	.verify = memory_verify,

	.list_writers = memory_list_writers,
	.put_place = memory_put_place,
	.load_place = memory_load_place,
	.take_lease = memory_take_lease,
	.load_chat_key = memory_load_chat_key,
	.put_notice = memory_put_notice,
	.read_notices = memory_read_notices,

	.list_devices = memory_list_devices,
	.put_registration = memory_put_registration,
	.put_device_token = memory_put_device_token,
	.put_devices_seen = memory_put_devices_seen,
	.remove_device = memory_remove_device,
	.list_push_targets = memory_list_push_targets,
	.put_revocation = memory_put_revocation,
	.lower_revocation = memory_lower_revocation,
	.list_revocations = memory_list_revocations,
	.add_signing_key = memory_add_signing_key,
	.list_signing_keys = memory_list_signing_keys,
	.drop_signing_key = memory_drop_signing_key,

	.put_audit = memory_put_audit,
	.list_audit = memory_list_audit,

	.load_memberships = memory_load_memberships,
	.load_profiles = memory_load_profiles,
	.put_profile = memory_put_profile,
	.put_last_seen = memory_put_last_seen,
	.put_shared_id = memory_put_shared_id,
	.find_shared_id = memory_find_shared_id,
	.put_icon = memory_put_icon,
	.load_icon = memory_load_icon,
	.put_favorite = memory_put_favorite,
	.load_favorites = memory_load_favorites,
	.put_block = memory_put_block,
	.load_blocks = memory_load_blocks,
	.check_reach = memory_check_reach,
	.put_invitation = memory_put_invitation,
	.use_invitation = memory_use_invitation,
	.revoke_invitation = memory_revoke_invitation,
	.delete_user = memory_delete_user,
	.list_deleted = memory_list_deleted,
	.finish_deletion = memory_finish_deletion,

	.list_users = memory_list_users,
	.list_invitations = memory_list_invitations,
	.list_places = memory_list_places,
	.adopt = memory_adopt,
	.import_log = memory_import_log,
	.import_chat = memory_import_chat,
};
