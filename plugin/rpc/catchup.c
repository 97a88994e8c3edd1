/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Catching up transaction by transaction: getLatestTransactionID, fetchSnapshotAndTransactions. Workers; blocks. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "plugin/chat/line.h"
#include "plugin/rpc/answer.h"
#include "plugin/rpc/parted.h"
#include "plugin/rpc/quote.h"
#include "plugin/rpc/view.h"
#include "plugin/rpc/write.h"

void get_latest(struct rpc_request *request)
{
	struct reading reading;
	if (!view_open(request, args_text(request, "chatID"), &reading))
		return;
	answer_begin(request);
	write_number(&request->answer, "transactionID", view_end(&reading.view));
	answer_end(request);
	view_close(&reading);
}

/* ---- the snapshot ---- */

static void add_member(struct buf *out, const struct member_record *member, bool is_parted)
{
	write_comma(out);
	buf_add_char(out, '{');
	write_text(out, "userID", member->user_id);
	write_text(out, "role", role_name(member->role));
	if (!is_parted) {
		write_number(out, "received", member->received);
		write_number(out, "read", member->read);
	}
	buf_add_char(out, '}');
}

/* is_parted NULL: they are not named. */
static void add_members(struct buf *out, const struct chat_record *chat, const bool *is_parted)
{
	write_number(out, "memberCount", chat->current_members);
	if (is_parted == NULL)
		return;
	write_name(out, "members");
	buf_add_char(out, '[');
	for (size_t i = 0; i < chat->member_count; i++)
		if (chat->members[i].role != ROLE_NONE)
			add_member(out, &chat->members[i], is_parted[i]);
	buf_add_char(out, ']');
}

static void add_group(struct buf *out, const struct chat_record *chat)
{
	if (chat->name[0] != '\0')
		write_text(out, "name", chat->name);
	icon_write(out, chat->icon);
	write_text(out, "history", chat->history_all ? "all" : "own");
}

/* A former member learns nothing of what the chat is now. */
static void add_snapshot(struct buf *out, const struct chat_record *chat, const struct view *view, const bool *is_parted)
{
	write_name(out, "snapshot");
	buf_add_char(out, '{');
	write_text(out, "chatID", chat->chat_id);
	write_number(out, "latestTransactionID", view_end(view));
	write_text(out, "role", role_name(view->role));
	if (view_is_current(view)) {
		char head[ID_TEXT_LEN + 1];
		base64url_encode(chat->head, HEAD_BYTES, head);
		write_text(out, "head", head);
		if (!chat->pair)
			add_group(out, chat);
		if (chat->ended)
			write_bool(out, "ended", true);
		add_members(out, chat, is_parted);
	}
	buf_add_char(out, '}');
}

/* With its members, without them or not at all: what fits into half of the answer. */
static void add_fitting_snapshot(struct rpc_request *request, const struct chat_record *chat, const struct view *view, const bool *is_parted)
{
	struct buf *out = &request->answer;
	size_t start = out->len, max = answer_bound(request) / 2;
	add_snapshot(out, chat, view, is_parted);
	if (out->len <= max)
		return;
	out->len = start;
	add_snapshot(out, chat, view, NULL);
	if (out->len > max)
		out->len = start;
}

/* ---- the transactions ---- */

static void add_line(struct buf *out, const struct view *view, const struct transaction *tx)
{
	if (view_sees(view, tx))
		line_add(out, tx);
	else
		line_add_void(out, tx);
}

/* The first line of an answer comes whatever is left of it. false: not even a hint fits. */
static bool add_first_line(struct buf *out, const struct view *view, const struct transaction *tx, size_t max)
{
	size_t start = out->len;
	add_line(out, view, tx);
	if (out->len - start <= max)
		return true;
	out->len = start;
	if (view_sees(view, tx))
		return line_add_within(out, tx, max);
	line_add_latest(out, tx->chat_id, tx->number);
	return out->len - start <= max;
}

/* A further line comes whole or not at all. */
static bool add_next_line(struct buf *out, const struct view *view, const struct transaction *tx, size_t end)
{
	size_t start = out->len;
	write_comma(out);
	add_line(out, view, tx);
	if (out->len <= end)
		return true;
	out->len = start;
	return false;
}

/* Adds lines as long as `max` bytes allow; returns the number of the last one, 0: not even the first fits. */
static uint64_t add_lines(struct buf *out, const struct view *view, const struct page *page, size_t max)
{
	uint64_t last = 0;
	size_t end = out->len + max;
	for (size_t i = 0; i < page->count; i++) {
		const struct transaction *tx = page->transactions[i];
		if (i == 0 ? !add_first_line(out, view, tx, max) : !add_next_line(out, view, tx, end))
			break;
		last = tx->number;
	}
	return last;
}

static void add_transactions(struct rpc_request *request, const struct view *view, const struct range *range, const struct page *page)
{
	struct buf *out = &request->answer;
	if (range->from != 0 && (!args_has(request, "clientTransactionID") || range->from != range->after + 1))
		write_number(out, "from", range->from);
	write_name(out, "transactions");
	buf_add_char(out, '[');
	size_t tail = (size_t)snprintf(NULL, 0, "],\"limited\":true,\"next\":%" PRIu64, range->to) + ANSWER_END_BYTES;
	size_t room = answer_bound(request) > out->len + tail ? answer_bound(request) - out->len - tail : 0;
	uint64_t last = add_lines(out, view, page, room);
	if (page->count > 0 && last == 0) {
		answer_refuse(request, REFUSAL_TOO_LARGE, "maxBytes: nothing fits");
		return;
	}
	buf_add_char(out, ']');
	if (range->from != 0 && last < range->to) {
		write_bool(out, "limited", true);
		write_number(out, "next", last);
	}
	answer_end(request);
}

static const struct member_record *find_member(const struct chat_record *chat, const char *user_id)
{
	for (size_t i = 0; i < chat->member_count; i++)
		if (strcmp(chat->members[i].user_id, user_id) == 0)
			return &chat->members[i];
	return NULL;
}

/* What the range has for this reader. false: refused. */
static bool read_range(struct rpc_request *request, const struct chat_record *chat, const struct view *view, const struct range *range,
	struct page *page)
{
	struct store *store = request->world->store;
	const struct page_limits limits = {.count_max = request->world->page_max, .bytes_max = answer_bound(request)};
	return range->from == 0 ||
		(answer_store_ok(request,
			 store_ops(store)->read_page(store, chat->chat_id, range->from, range->to, &limits, page, &request->problem)) &&
			answer_store_ok(
				request, quotes_hide(store, view->blocks, view->user_id, page->transactions, page->count, &request->problem)));
}

static void fetch(struct rpc_request *request, const struct chat_record *chat, const struct block_list *blocks)
{
	const struct rpc_world *world = request->world;
	const struct member_record *member = find_member(chat, request->user_id);
	struct parted parted = {0};
	if (member == NULL) {
		answer_refuse(request, REFUSAL_FORBIDDEN, NULL);
		return;
	}
	struct view view = view_of_member(chat, member, blocks);
	struct range range = view_range(&view, args_has(request, "clientTransactionID"), args_number(request, "clientTransactionID", 0),
		args_number(request, "latestTransactionID", RPC_NUMBER_MAX), world->page_max);
	struct page page = {0};
	bool named = view_is_current(&view) && chat->current_members <= RPC_NAMES_MAX;
	if (read_range(request, chat, &view, &range, &page) && (!named || parted_open(request, chat, &parted))) {
		answer_begin(request);
		add_fitting_snapshot(request, chat, &view, parted.is_parted);
		add_transactions(request, &view, &range, &page);
		parted_close(&parted);
	}
	store_page_free(&page);
}

void fetch_transactions(struct rpc_request *request)
{
	struct store *store = request->world->store;
	/* The membership first, and the whole chat only for those who have one: no chat and somebody else's take equally long. */
	struct reading reading;
	if (!view_open(request, args_text(request, "chatID"), &reading))
		return;
	struct chat_record *chat;
	if (answer_store_ok(request, store_ops(store)->load_chat(store, reading.membership->chat_id, &chat, &request->problem))) {
		fetch(request, chat, reading.blocks);
		store_free(chat);
	}
	view_close(&reading);
}
