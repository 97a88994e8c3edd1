/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Chats that two people share. Workers; blocks. */
#include "plugin/rpc/shared.h"

#include <stdlib.h>
#include <string.h>

static int compare_ids(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum store_rc shared_open(struct store *store, const char *user_id, struct shared *shared, struct error *err)
{
	struct user_record *user;
	enum store_rc rc = store_ops(store)->load_user(store, user_id, &user, err);
	if (rc != STORE_OK)
		return rc;
	*shared = (struct shared){.user = user, .chat_ids = mem_new((user->chat_count + 1) * sizeof *shared->chat_ids)};
	for (size_t i = 0; i < user->chat_count; i++)
		if (user->chats[i].role != ROLE_NONE)
			shared->chat_ids[shared->count++] = user->chats[i].chat_id;
	qsort(shared->chat_ids, shared->count, sizeof *shared->chat_ids, compare_ids);
	return STORE_OK;
}

void shared_close(struct shared *shared)
{
	free(shared->chat_ids);
	store_free(shared->user);
	*shared = (struct shared){0};
}

enum store_rc shared_with(struct store *store, const struct shared *shared, const char *other_id, bool *shares, struct error *err)
{
	struct user_record *other;
	enum store_rc rc = store_ops(store)->load_user(store, other_id, &other, err);
	if (rc == STORE_OK || rc == STORE_NOT_FOUND)
		*shares = false;
	if (rc != STORE_OK)
		return rc == STORE_NOT_FOUND ? STORE_OK : rc;
	for (size_t i = 0; i < other->chat_count && !*shares; i++)
		*shares = other->chats[i].role != ROLE_NONE && shared->count > 0 &&
				  bsearch(&other->chats[i].chat_id, shared->chat_ids, shared->count, sizeof *shared->chat_ids, compare_ids) != NULL;
	store_free(other);
	return STORE_OK;
}
