/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What brokers share beside the log: places in it, leases, keys of chats, notices. And lists of what there is. Any thread; the lock is held
 * throughout. */
#include <stdlib.h>
#include <string.h>

#include "storage/memory/data.h"
#include "storage/record.h"

static enum store_rc absent(struct memory_data *data, struct error *err, const char *what)
{
	data_unlock(data);
	return error_set(err, STORE_NOT_FOUND, 0, "no such %s", what);
}

/* The names of a list, as the contract's answer; gives the lock back. */
static enum store_rc names_of(struct memory_data *data, const struct named_list *list, const char *const **names, size_t *count)
{
	const char **found = mem_new(list->count * sizeof *found);
	for (size_t i = 0; i < list->count; i++)
		found[i] = *(char *const *)list->items[i];
	*names = record_copy_ids(found, list->count);
	*count = list->count;
	data_unlock(data);
	free(found);
	return STORE_OK;
}

/* ---- lists ---- */

enum store_rc memory_list_writers(struct store *store, const char *const **writers, size_t *count, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	return names_of(data, &data->writers, writers, count);
}

enum store_rc memory_list_users(struct store *store, const char *after, size_t count_max, const char *const **user_ids, size_t *count,
                                struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	const char **ids = mem_new(data->users.count * sizeof *ids);
	size_t found = 0;
	for (size_t i = 0; i < data->users.count && found < count_max; i++) {
		const struct user *user = data->users.items[i];
		if (user->exists && strcmp(user->id, after) > 0)
			ids[found++] = user->id;
	}
	*user_ids = record_copy_ids(ids, found);
	*count = found;
	data_unlock(data);
	free(ids);
	return STORE_OK;
}

/* ---- places ---- */

enum store_rc memory_put_place(struct store *store, const char *name, uint64_t position, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	struct place *place = named_find_or_add(&data->places, name, sizeof *place);
	if (place->position < position)
		place->position = position;
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_load_place(struct store *store, const char *name, uint64_t *position, struct error *err)
{
	struct memory_data *data = data_lock(store);
	const struct place *place = named_find(&data->places, name);
	if (place == NULL)
		return absent(data, err, "place");
	*position = place->position;
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_list_places(struct store *store, const char *const **names, size_t *count, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	return names_of(data, &data->places, names, count);
}

/* ---- leases ---- */

void data_lease_fini(void *lease)
{
	free(((struct lease *)lease)->holder);
}

enum store_rc memory_take_lease(struct store *store, const char *name, const char *holder, int64_t now_ms, int64_t until_ms,
                                struct error *err)
{
	struct memory_data *data = data_lock(store);
	struct lease *lease = named_find_or_add(&data->leases, name, sizeof *lease);
	bool taken = lease->holder != NULL && lease->until_ms > now_ms && strcmp(lease->holder, holder) != 0;
	if (!taken) {
		free(lease->holder);
		lease->holder = mem_text(holder);
		lease->until_ms = until_ms;
	}
	data_unlock(data);
	return taken ? (enum store_rc)error_set(err, STORE_TAKEN, 0, "somebody else has that lease") : STORE_OK;
}

/* ---- keys of chats ---- */

enum store_rc memory_load_chat_key(struct store *store, const char *chat_id, bool make, unsigned char key[CHAT_KEY_BYTES], struct error *err)
{
	struct memory_data *data = data_lock(store);
	struct chat *chat = named_find(&data->chats, chat_id);
	if (chat == NULL || chat->key_ended || (!chat->has_key && !make))
		return absent(data, err, "key");
	if (!chat->has_key)
		id_random(chat->key, sizeof chat->key);
	chat->has_key = true;
	memcpy(key, chat->key, sizeof chat->key);
	data_unlock(data);
	return STORE_OK;
}

/* ---- notices ---- */

void data_notice_fini(struct told *notice)
{
	free(notice->kind);
	free(notice->subject);
	free(notice->writer);
}

enum store_rc memory_put_notice(struct store *store, const char *kind, const char *subject, int64_t at_ms, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	data->notices = mem_grow(data->notices, (data->notice_count + 1) * sizeof *data->notices);
	data->notices[data->notice_count++] = (struct told){.id = ++data->last_notice, .kind = mem_text(kind), .subject = mem_text(subject),
		.writer = mem_text(((struct memory_store *)store)->writer), .at_ms = at_ms};
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_read_notices(struct store *store, uint64_t after, size_t count_max, struct notice_list **notices, uint64_t *next,
                                  struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	struct notice *found = mem_new(data->notice_count * sizeof *found);
	size_t count = 0;
	for (size_t i = 0; i < data->notice_count && count < count_max; i++) {
		const struct told *told = &data->notices[i];
		if (told->id > after)
			found[count++] = (struct notice){told->id, told->kind, told->subject, told->writer, told->at_ms};
	}
	*notices = record_copy_notices(&(struct notice_list){count, found});
	*next = count > 0 ? found[count - 1].id : after == UINT64_MAX ? data->last_notice : after;
	data_unlock(data);
	free(found);
	return STORE_OK;
}

void data_prune_shared(struct memory_data *data, int64_t now_ms)
{
	size_t kept = 0;
	for (size_t i = 0; i < data->notice_count; i++) {
		int64_t at_ms = data->notices[i].at_ms;
		if (at_ms >= now_ms - NOTICE_AGE_MS && at_ms <= now_ms + NOTICE_AHEAD_MS)
			data->notices[kept++] = data->notices[i];
		else
			data_notice_fini(&data->notices[i]);
	}
	data->notice_count = kept;
	for (size_t i = data->leases.count; i > 0; i--)
		if (((const struct lease *)data->leases.items[i - 1])->until_ms < now_ms - NOTICE_AGE_MS)
			named_remove(&data->leases, i - 1, data_lease_fini);
}
