/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Members of a chat whose marks a caller does not see. Workers; blocks. */
#include "plugin/rpc/parted.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/rpc/answer.h"

static bool is_other(const struct rpc_request *request, const struct member_record *member)
{
	return member->role != ROLE_NONE && strcmp(member->user_id, request->user_id) != 0;
}

static bool all_reached(struct rpc_request *request, const struct chat_record *chat, enum store_rc *rc)
{
	struct store *store = request->world->store;
	const char **user_ids = mem_new((chat->member_count + 1) * sizeof *user_ids);
	size_t count = 0;
	for (size_t i = 0; i < chat->member_count; i++)
		if (is_other(request, &chat->members[i]))
			user_ids[count++] = chat->members[i].user_id;
	*rc = count == 0 ? STORE_OK : store_ops(store)->check_reach(store, request->user_id, user_ids, count, true, &request->problem);
	free(user_ids);
	return *rc == STORE_OK;
}

/* Most often nobody blocks anybody, which is one question. */
bool parted_open(struct rpc_request *request, const struct chat_record *chat, struct parted *parted)
{
	struct store *store = request->world->store;
	enum store_rc rc;
	bool *is_parted = mem_zero((chat->member_count + 1) * sizeof *is_parted);
	*parted = (struct parted){is_parted};
	if (all_reached(request, chat, &rc))
		return true;
	for (size_t i = 0; i < chat->member_count && rc == STORE_NOT_FOUND; i++) {
		const struct member_record *member = &chat->members[i];
		if (!is_other(request, member))
			continue;
		rc = store_ops(store)->check_reach(store, request->user_id, &member->user_id, 1, true, &request->problem);
		is_parted[i] = rc == STORE_NOT_FOUND;
		if (rc == STORE_OK)
			rc = STORE_NOT_FOUND; /* goes on */
	}
	if (rc == STORE_NOT_FOUND)
		return true;
	answer_store_ok(request, rc);
	parted_close(parted);
	return false;
}

void parted_close(struct parted *parted)
{
	free(parted->is_parted);
	parted->is_parted = NULL;
}
