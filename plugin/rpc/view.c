/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What one reader may see of one chat. Any thread; view_open blocks, so workers only. */
#include "plugin/rpc/view.h"

#include <string.h>

#include "plugin/rpc/answer.h"

struct view view_of_membership(const char *user_id, const struct user_chat *membership, const struct block_list *blocks)
{
	return (struct view){membership->intervals, membership->interval_count, membership->latest, membership->role, membership->history_all,
		user_id, blocks};
}

struct view view_of_member(const struct chat_record *chat, const struct member_record *member, const struct block_list *blocks)
{
	return (struct view){member->intervals, member->interval_count, chat->latest, member->role, chat->history_all, member->user_id, blocks};
}

static bool sees_everything(const struct view *view)
{
	return view->history_all && view->role != ROLE_NONE;
}

bool view_covers(const struct view *view, uint64_t number)
{
	return number <= view->latest && membership_sees(view->intervals, view->interval_count, sees_everything(view), number);
}

/* Only texts are blocked: who is a member, and what is gone, concerns everybody. */
static bool is_blocked(const struct view *view, const struct transaction *tx)
{
	bool text = tx->type == TX_MESSAGE || tx->type == TX_EDIT;
	return text && view->blocks != NULL && strcmp(tx->sender_id, view->user_id) != 0 &&
		   blocks_contain(view->blocks->blocks, view->blocks->count, tx->sender_id, tx->at_ms);
}

bool view_sees(const struct view *view, const struct transaction *tx)
{
	return view_covers(view, tx->number) && !is_blocked(view, tx);
}

bool view_is_current(const struct view *view)
{
	return view->role != ROLE_NONE;
}

uint64_t view_end(const struct view *view)
{
	if (sees_everything(view))
		return view->latest;
	if (view->interval_count == 0)
		return 0;
	uint64_t to = view->intervals[view->interval_count - 1].to;
	return to == 0 || to > view->latest ? view->latest : to;
}

/* The first number above `after` that he can see; 0: none. */
static uint64_t view_next(const struct view *view, uint64_t after)
{
	if (sees_everything(view))
		return after < view->latest ? after + 1 : 0;
	for (size_t i = 0; i < view->interval_count; i++) {
		const struct interval *interval = &view->intervals[i];
		uint64_t number = interval->from > after ? interval->from : after + 1;
		if (interval->to == 0 || number <= interval->to)
			return number <= view->latest ? number : 0;
	}
	return 0;
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

bool view_open(struct rpc_request *request, const char *chat_id, struct reading *reading)
{
	struct store *store = request->world->store;
	struct user_chat *membership;
	struct block_list *blocks;
	if (!answer_store_ok(
			request, store_ops(store)->load_membership(store, request->user_id, chat_id, &membership, &request->problem)))
		return false;
	if (!answer_store_ok(request, store_ops(store)->load_blocks(store, request->user_id, &blocks, &request->problem))) {
		store_free(membership);
		return false;
	}
	*reading = (struct reading){membership, blocks, view_of_membership(request->user_id, membership, blocks)};
	return true;
}

void view_close(struct reading *reading)
{
	store_free(reading->membership);
	store_free(reading->blocks);
}
