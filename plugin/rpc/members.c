/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * getMembers: who is in a chat, in pages. Worker; blocks. */
#include <stdlib.h>
#include <string.h>

#include "plugin/rpc/answer.h"
#include "plugin/rpc/view.h"
#include "plugin/rpc/write.h"

struct roster {
	const struct member_record **members; /* current ones, by ID */
	size_t count;
};

static struct roster roster_of(const struct chat_record *chat)
{
	struct roster roster = {mem_new((chat->member_count + 1) * sizeof(struct member_record *)), 0};
	for (size_t i = 0; i < chat->member_count; i++)
		if (chat->members[i].role != ROLE_NONE)
			roster.members[roster.count++] = &chat->members[i];
	return roster;
}

static size_t first_behind(const struct roster *roster, const char *cursor)
{
	size_t i = 0;
	while (cursor != NULL && i < roster->count && strcmp(roster->members[i]->user_id, cursor) <= 0)
		i++;
	return i;
}

static bool add_member(struct buf *out, const struct member_record *member, size_t end)
{
	size_t start = out->len;
	write_comma(out);
	buf_add_char(out, '{');
	write_text(out, "userID", member->user_id);
	write_text(out, "role", role_name(member->role));
	buf_add_char(out, '}');
	if (out->len <= end)
		return true;
	out->len = start;
	return false;
}

/* The cursor is the last one's ID, in which each byte may be escaped. */
static size_t tail_len(const struct member_record *member)
{
	struct buf escaped = BUF_EMPTY;
	write_text(&escaped, "next", member->user_id);
	size_t len = strlen("],\"limited\":true,") + escaped.len + ANSWER_END_BYTES;
	buf_fini(&escaped);
	return len;
}

static void answer_roster(struct rpc_request *request, const struct roster *roster)
{
	struct buf *out = &request->answer;
	size_t page_size = args_number(request, "pageSize", request->world->page_max), bound = answer_bound(request), count = 0;
	size_t first = first_behind(roster, args_text(request, "cursor"));
	answer_begin(request);
	write_number(out, "count", roster->count);
	write_name(out, "members");
	buf_add_char(out, '[');
	for (; count < page_size && first + count < roster->count; count++) {
		size_t tail = tail_len(roster->members[first + count]);
		if (!add_member(out, roster->members[first + count], bound > tail ? bound - tail : 0))
			break;
	}
	bool more = first + count < roster->count;
	if (more && count == 0) {
		answer_refuse(request, REFUSAL_TOO_LARGE, "maxBytes: nothing fits");
		return;
	}
	buf_add_char(out, ']');
	if (more && count < page_size)
		write_bool(out, "limited", true);
	if (more)
		write_text(out, "next", roster->members[first + count - 1]->user_id);
	answer_end(request);
}

void get_members(struct rpc_request *request)
{
	struct store *store = request->world->store;
	struct reading reading;
	struct chat_record *chat;
	/* The membership first, and the whole chat only for those who have one: no chat and somebody else's take equally long. */
	if (!view_open(request, args_text(request, "groupID"), &reading))
		return;
	if (!view_is_current(&reading.view)) {
		answer_refuse(request, REFUSAL_FORBIDDEN, NULL);
	} else if (answer_store_ok(request, store_ops(store)->load_chat(store, reading.membership->chat_id, &chat, &request->problem))) {
		struct roster roster = roster_of(chat);
		answer_roster(request, &roster);
		free(roster.members);
		store_free(chat);
	}
	view_close(&reading);
}
