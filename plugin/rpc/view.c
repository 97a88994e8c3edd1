/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What one reader may see of one chat. Any thread; view_load blocks, so workers only. */
#include "plugin/rpc/view.h"

#include "plugin/chat/line.h"
#include "plugin/rpc/answer.h"

struct view view_of_membership(const struct user_chat *membership)
{
	return (struct view){membership->intervals, membership->interval_count, membership->latest, membership->role};
}

struct view view_of_member(const struct chat_record *chat, const struct member_record *member)
{
	return (struct view){member->intervals, member->interval_count, chat->latest, member->role};
}

bool view_sees(const struct view *view, uint64_t number)
{
	return number <= view->latest && intervals_contain(view->intervals, view->interval_count, number);
}

bool view_is_current(const struct view *view)
{
	return view->role != ROLE_NONE;
}

uint64_t view_end(const struct view *view)
{
	if (view->interval_count == 0)
		return 0;
	uint64_t to = view->intervals[view->interval_count - 1].to;
	return to == 0 || to > view->latest ? view->latest : to;
}

uint64_t view_next(const struct view *view, uint64_t after)
{
	for (size_t i = 0; i < view->interval_count; i++) {
		const struct interval *interval = &view->intervals[i];
		uint64_t number = interval->from > after ? interval->from : after + 1;
		if (interval->to == 0 || number <= interval->to)
			return number <= view->latest ? number : 0;
	}
	return 0;
}

size_t chat_member_count(const struct chat_record *chat)
{
	size_t count = 0;
	for (size_t i = 0; i < chat->member_count; i++)
		count += chat->members[i].role != ROLE_NONE;
	return count;
}

struct range view_range(const struct view *view, bool has_after, uint64_t after, uint64_t to, uint32_t page_max)
{
	uint64_t end = view_end(view);
	struct range range = {.to = to < end ? to : end};
	range.after = has_after ? after : range.to > page_max ? range.to - page_max : 0;
	range.from = view_next(view, range.after);
	if (range.from > range.to)
		range.from = 0;
	return range;
}

bool view_load(struct rpc_request *request, struct user_chat **membership)
{
	struct store *store = request->world->store;
	return answer_store_ok(
		request, store_ops(store)->load_membership(store, request->user_id, args_text(request, "chatID"), membership, &request->problem));
}
