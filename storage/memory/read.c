/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Reading. Records are put together from pointers into the data and copied into one block before the lock is given back. Any thread. */
#include <stdlib.h>
#include <string.h>

#include "storage/memory/data.h"
#include "storage/record.h"

static enum store_rc not_found(struct memory_data *data, struct error *err, const char *what)
{
	data_unlock(data);
	return error_set(err, STORE_NOT_FOUND, 0, "no such %s", what);
}

static const struct transaction *latest_of(const struct chat *chat)
{
	return chat->log.items[chat->log.count - 1]; /* there is no chat without a transaction */
}

/* ---- chats, users ---- */

static const char *text_of(const char *text)
{
	return text ? text : "";
}

enum store_rc memory_load_chat(struct store *store, const char *chat_id, struct chat_record **record, struct error *err)
{
	struct memory_data *data = data_lock(store);
	const struct chat *chat = named_find(&data->chats, chat_id);
	if (chat == NULL)
		return not_found(data, err, "chat");
	struct member_record *members = mem_new(chat->member_count * sizeof *members);
	for (size_t i = 0; i < chat->member_count; i++) {
		const struct member *member = &chat->members[i];
		members[i] = (struct member_record){.user_id = member->user_id, .role = member->role, .received = member->received, .read = member->read,
			.interval_count = member->interval_count, .intervals = member->intervals};
	}
	struct chat_record whole = {.chat_id = chat->id, .latest = chat->log.count, .latest_at_ms = latest_of(chat)->at_ms, .pair = chat->pair,
		.history_all = chat->history_all, .ended = chat->ended, .ended_at_ms = chat->ended_at_ms, .name = text_of(chat->name),
		.icon = text_of(chat->icon), .current_members = chat->current_members, .member_count = chat->member_count, .members = members};
	memcpy(whole.head, latest_of(chat)->head, HEAD_BYTES);
	*record = record_copy_chat(&whole);
	data_unlock(data);
	free(members);
	return STORE_OK;
}

static const char *peer_of(const struct chat *chat, const struct member *member)
{
	return chat->pair ? chat->members[member == &chat->members[0] ? 1 : 0].user_id : NULL;
}

static struct user_chat membership_of(const struct chat *chat, const struct member *member)
{
	return (struct user_chat){.chat_id = chat->id, .role = member->role, .latest = chat->log.count, .latest_at_ms = latest_of(chat)->at_ms,
		.received = member->received, .read = member->read, .history_all = chat->history_all, .ended = chat->ended,
		.name = text_of(chat->name), .icon = text_of(chat->icon), .peer_id = peer_of(chat, member), .current_members = chat->current_members,
		.muted_until_ms = member->muted_until_ms, .interval_count = member->interval_count, .intervals = member->intervals};
}

static int newest_first(const void *left, const void *right)
{
	const struct user_chat *a = left, *b = right;
	if (a->latest_at_ms != b->latest_at_ms)
		return a->latest_at_ms > b->latest_at_ms ? -1 : 1;
	return strcmp(a->chat_id, b->chat_id);
}

/* Which of somebody's memberships: those of now, former ones too, also those of an account of that ID that was deleted. */
enum membership { MEMBERSHIP_CURRENT, MEMBERSHIP_KNOWN, MEMBERSHIP_FORGOTTEN };

static bool is_wanted(const struct member *member, enum membership which)
{
	return which == MEMBERSHIP_FORGOTTEN || (which == MEMBERSHIP_KNOWN ? member->interval_count > 0 : member->role != ROLE_NONE);
}

/* With the lock, which goes on being held. The caller frees the array, but not what it points to. */
static size_t find_chats(const struct memory_data *data, const char *user_id, enum membership which, struct user_chat **found)
{
	struct user_chat *chats = mem_new(data->chats.count * sizeof *chats);
	size_t count = 0;
	for (size_t i = 0; i < data->chats.count; i++) {
		const struct chat *chat = data->chats.items[i];
		const struct member *member = chat_find_member(chat, user_id);
		if (member && is_wanted(member, which))
			chats[count++] = membership_of(chat, member);
	}
	qsort(chats, count, sizeof *chats, newest_first);
	*found = chats;
	return count;
}

static struct user_record *collect_chats(const struct memory_data *data, const char *user_id, int64_t created_at_ms, enum membership which)
{
	struct user_chat *chats;
	size_t count = find_chats(data, user_id, which, &chats);
	struct user_record *record = record_copy_user(&(struct user_record){user_id, created_at_ms, count, chats});
	free(chats);
	return record;
}

enum store_rc memory_load_user(struct store *store, const char *user_id, struct user_record **record, struct error *err)
{
	struct memory_data *data = data_lock(store);
	const struct user *user = named_find(&data->users, user_id);
	if (user == NULL || !user->exists)
		return not_found(data, err, "user");
	*record = collect_chats(data, user_id, user->created_at_ms, MEMBERSHIP_KNOWN);
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_load_memberships(struct store *store, const char *user_id, struct user_record **record, struct error *err)
{
	struct memory_data *data = data_lock(store);
	const struct user *user = named_find(&data->users, user_id);
	bool exists = user != NULL && user->exists;
	struct user_record *found = collect_chats(data, user_id, exists ? user->created_at_ms : 0, MEMBERSHIP_FORGOTTEN);
	if (!exists && found->chat_count == 0) {
		store_free(found);
		return not_found(data, err, "user");
	}
	*record = found;
	data_unlock(data);
	return STORE_OK;
}

/* The index of the first one on the page. */
static size_t window_start(const struct chat_window *window, const struct user_chat *chats, size_t count)
{
	size_t start = 0;
	struct user_chat after = {.latest_at_ms = window->after_at_ms, .chat_id = window->after_id};
	while (window->after_id && start < count && newest_first(&chats[start], &after) <= 0)
		start++;
	return window->skip < count - start ? start + window->skip : count;
}

enum store_rc memory_list_memberships(struct store *store, const char *user_id, const struct chat_window *window, struct user_record **record,
                                      bool *more, struct error *err)
{
	struct memory_data *data = data_lock(store);
	const struct user *user = named_find(&data->users, user_id);
	if (user == NULL || !user->exists)
		return not_found(data, err, "user");
	struct user_chat *chats;
	size_t count = find_chats(data, user_id, MEMBERSHIP_CURRENT, &chats), start = window_start(window, chats, count), left = count - start;
	*more = left > window->count_max;
	*record = record_copy_user(&(struct user_record){user_id, user->created_at_ms, *more ? window->count_max : left, chats + start});
	data_unlock(data);
	free(chats);
	return STORE_OK;
}

enum store_rc memory_load_membership(struct store *store, const char *user_id, const char *chat_id, struct user_chat **membership,
                                     struct error *err)
{
	struct memory_data *data = data_lock(store);
	const struct chat *chat = named_find(&data->chats, chat_id);
	const struct member *member = chat ? chat_find_member(chat, user_id) : NULL;
	if (member == NULL || member->interval_count == 0)
		return not_found(data, err, "membership");
	struct user_chat found = membership_of(chat, member);
	*membership = record_copy_membership(&found);
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_list_chats(struct store *store, const char *after, size_t count_max, const char *const **chat_ids, size_t *count,
                                struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	const char **ids = mem_new(data->chats.count * sizeof *ids);
	size_t found = 0;
	for (size_t i = 0; i < data->chats.count && found < count_max; i++) {
		const struct chat *chat = data->chats.items[i];
		if (strcmp(chat->id, after) > 0)
			ids[found++] = chat->id;
	}
	*chat_ids = record_copy_ids(ids, found);
	*count = found;
	data_unlock(data);
	free(ids);
	return STORE_OK;
}

/* ---- transactions ---- */

enum store_rc memory_find_key(struct store *store, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms,
                              uint64_t *number, unsigned char key_hash[ID_BYTES], struct error *err)
{
	struct memory_data *data = data_lock(store);
	const struct chat *chat = named_find(&data->chats, chat_id);
	int64_t oldest_ms = chat == NULL ? 0 : key[0] == KEY_ONCE ? since_ms : latest_of(chat)->at_ms - KEY_AGE_MS;
	const struct transaction *tx = chat ? chat_find_key(data, chat, sender_id, key, oldest_ms) : NULL;
	if (tx == NULL)
		return not_found(data, err, "key");
	*number = tx->number;
	memcpy(key_hash, tx->key_hash, ID_BYTES);
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_read_page(struct store *store, const char *chat_id, uint64_t from, uint64_t to, const struct page_limits *limits,
                               struct page *page, struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	const struct chat *chat = named_find(&data->chats, chat_id);
	struct page_filler filler = {.page.latest = chat ? chat->log.count : 0, .limits = limits};
	for (uint64_t number = from > 0 ? from : 1; chat && number <= to && number <= chat->log.count; number++) {
		struct transaction *tx = chat->log.items[number - 1];
		if (!page_has_room(&filler, tx))
			break;
		page_add(&filler, transaction_ref(tx));
	}
	*page = filler.page;
	data_unlock(data);
	return STORE_OK;
}

enum store_rc memory_tail(struct store *store, const char *writer, uint64_t position, size_t count_max, struct page *page, uint64_t *next,
                          struct error *err)
{
	(void)err;
	struct memory_data *data = data_lock(store);
	const struct writer *found = named_find(&data->writers, writer);
	struct page_filler filler = {.limits = &(struct page_limits){.count_max = count_max, .bytes_max = SIZE_MAX}};
	for (uint64_t i = position > 0 ? position : 1; found && i <= found->log.count; i++) {
		struct transaction *tx = found->log.items[i - 1];
		if (!page_has_room(&filler, tx))
			break;
		page_add(&filler, transaction_ref(tx));
	}
	*page = filler.page;
	uint64_t end = found ? found->log.count + 1 : 1;
	*next = page->count > 0 ? page->transactions[page->count - 1]->position + 1 : position < end ? position : end;
	data_unlock(data);
	return STORE_OK;
}
