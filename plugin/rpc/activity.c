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

/* The place in the order: later first, then by ID, so that no two are equal. */
static int compare_places(int64_t a_at_ms, const char *a_id, int64_t b_at_ms, const char *b_id)
{
	if (a_at_ms != b_at_ms)
		return a_at_ms > b_at_ms ? -1 : 1;
	return strcmp(a_id, b_id);
}

static int compare(const void *a, const void *b)
{
	const struct user_chat *first = *(const struct user_chat *const *)a, *second = *(const struct user_chat *const *)b;
	return compare_places(first->latest_at_ms, first->chat_id, second->latest_at_ms, second->chat_id);
}

bool activity_load(struct rpc_request *request, struct activity *activity)
{
	struct store *store = request->world->store;
	*activity = (struct activity){0};
	enum store_rc rc = store_ops(store)->load_user(store, request->user_id, &activity->user, &request->problem);
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
	qsort(activity->chats, activity->count, sizeof *activity->chats, compare);
	return true;
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

bool activity_seek(const struct activity *activity, const char *cursor, size_t *index)
{
	uint64_t at_ms = 0;
	size_t place = 0;
	if (cursor != NULL) {
		size_t digits = strcspn(cursor, "/"), len = strlen(cursor);
		if (digits + 1 >= len || len - digits - 1 > CHAT_ID_MAX || !text_to_u64(cursor, digits, INT64_MAX, &at_ms))
			return false;
		while (place < activity->count && compare_places((int64_t)at_ms, cursor + digits + 1, activity->chats[place]->latest_at_ms,
											  activity->chats[place]->chat_id) >= 0)
			place++;
	}
	*index = place;
	return true;
}
