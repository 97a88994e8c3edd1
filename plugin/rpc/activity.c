/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A user's chats in the order of their activity. Workers; blocks. */
#include "plugin/rpc/activity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "plugin/rpc/answer.h"

/* The store's order: later first, then by ID, so that no two are equal. */
static bool is_behind(const struct user_chat *chat, const struct chat_window *window)
{
	return chat->latest_at_ms != window->after_at_ms ? chat->latest_at_ms < window->after_at_ms : strcmp(chat->chat_id, window->after_id) > 0;
}

/* What has been loaded becomes the activity; he may not exist, and then has none. */
static bool take(struct rpc_request *request, enum store_rc rc, struct activity *activity)
{
	struct store *store = request->world->store;
	if (rc == STORE_NOT_FOUND)
		return true;
	if (!answer_store_ok(request, rc))
		return false;
	if (!answer_store_ok(request, store_ops(store)->load_blocks(store, request->user_id, &activity->blocks, &request->problem))) {
		store_free(activity->user);
		return false;
	}
	activity->count = activity->user->chat_count;
	activity->chats = mem_new((activity->count + 1) * sizeof *activity->chats);
	for (size_t i = 0; i < activity->count; i++)
		activity->chats[i] = &activity->user->chats[i];
	return true;
}

bool activity_load(struct rpc_request *request, struct activity *activity)
{
	struct store *store = request->world->store;
	*activity = (struct activity){0};
	return take(request, store_ops(store)->load_user(store, request->user_id, &activity->user, &request->problem), activity);
}

bool activity_load_page(struct rpc_request *request, const struct chat_window *window, struct activity *activity)
{
	struct store *store = request->world->store;
	*activity = (struct activity){0};
	return take(request,
		store_ops(store)->list_memberships(store, request->user_id, window, &activity->user, &activity->more, &request->problem), activity);
}

void activity_fini(struct activity *activity)
{
	free(activity->chats);
	store_free(activity->user);
	store_free(activity->blocks);
}

void activity_cursor(const struct user_chat *chat, char cursor[ACTIVITY_CURSOR_SIZE])
{
	snprintf(cursor, ACTIVITY_CURSOR_SIZE, "%" PRId64 "/%s", chat->latest_at_ms, chat->chat_id);
}

bool activity_begin(const char *cursor, struct chat_window *window)
{
	uint64_t at_ms = 0;
	if (cursor == NULL)
		return true;
	size_t digits = strcspn(cursor, "/"), len = strlen(cursor);
	if (digits + 1 >= len || len - digits - 1 > CHAT_ID_MAX || !text_to_u64(cursor, digits, INT64_MAX, &at_ms))
		return false;
	window->after_at_ms = (int64_t)at_ms;
	window->after_id = cursor + digits + 1;
	return true;
}

bool activity_seek(const struct activity *activity, const char *cursor, size_t *index)
{
	struct chat_window window = {0};
	size_t place = 0;
	if (!activity_begin(cursor, &window))
		return false;
	while (window.after_id != NULL && place < activity->count && !is_behind(activity->chats[place], &window))
		place++;
	*index = place;
	return true;
}
