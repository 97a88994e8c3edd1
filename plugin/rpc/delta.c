/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Folding a page of a log. Workers; blocks.
 *
 * A page is read, folded, and written in the order of its numbers until the bytes are used up; what was folded may come from behind that
 * point. Then the next delta says it again, as an update of a message that has it already, or of one that was left out because it is
 * deleted: an update does no harm twice, and one about an unknown message is passed over.
 *
 * A part that ends before the view does is asked for by who has what is behind it (an older page), and was told of edits that stand there
 * when he did not know their messages: so what they come to is said here. What was deleted since is erased on the page already. */
#include "plugin/rpc/delta.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "plugin/chat/line.h"
#include "plugin/rpc/answer.h"
#include "plugin/rpc/later.h"
#include "plugin/rpc/message.h"
#include "plugin/rpc/parted.h"
#include "plugin/rpc/quote.h"
#include "plugin/rpc/write.h"

/* ---- the fold ---- */

struct part {
	struct page page;
	const struct view *view;
	struct later later; /* empty where nothing can have come behind it */
};

enum item { ITEM_NONE, ITEM_MESSAGE, ITEM_UPDATE };

static bool changes_message(const struct transaction *tx, uint64_t target)
{
	return (tx->type == TX_EDIT || tx->type == TX_DELETE) && tx->target == target;
}

/* The last visible change of the message `target` on the page behind index `after`; a delete beats every edit. NULL: none. */
static const struct transaction *last_change(const struct part *part, size_t after, uint64_t target)
{
	const struct transaction *last = NULL;
	for (size_t i = after + 1; i < part->page.count; i++) {
		const struct transaction *tx = part->page.transactions[i];
		if (!changes_message(tx, target) || !view_sees(part->view, tx))
			continue;
		last = tx;
		if (tx->type == TX_DELETE)
			break;
	}
	return last;
}

/* Whether the message is one of the page's, so that its changes are folded into it. */
static bool is_new_message(const struct part *part, uint64_t target)
{
	const struct page *page = &part->page;
	uint64_t first = page->transactions[0]->number;
	return target >= first && target - first < page->count && page->transactions[target - first]->type == TX_MESSAGE &&
		   view_sees(part->view, page->transactions[target - first]);
}

/* *edit: its last one. One without a text: the message was deleted after the page was read. */
static enum item fold_message(const struct part *part, size_t index, const struct transaction **edit)
{
	const struct transaction *tx = part->page.transactions[index], *later = later_edit(&part->later, tx->number);
	*edit = last_change(part, index, tx->number);
	if (tx->body.text == NULL || (*edit != NULL && (*edit)->type == TX_DELETE))
		return ITEM_NONE;
	if (later != NULL)
		*edit = later;
	return later != NULL && later->body.text == NULL ? ITEM_NONE : ITEM_MESSAGE;
}

/* *edit: the one that has come in its place. */
static enum item fold_edit(const struct part *part, size_t index, const struct transaction **edit)
{
	const struct transaction *tx = part->page.transactions[index], *later = later_edit(&part->later, tx->target);
	if (tx->body.text == NULL || last_change(part, index, tx->target) != NULL || is_new_message(part, tx->target))
		return ITEM_NONE;
	*edit = later != NULL ? later : tx;
	return (*edit)->body.text != NULL ? ITEM_UPDATE : ITEM_NONE;
}

/* What becomes of the transaction at `index`; *edit: of a message, its last edit; of an edit, what is told of it. */
static enum item fold(const struct part *part, size_t index, const struct transaction **edit)
{
	const struct transaction *tx = part->page.transactions[index];
	*edit = NULL;
	if (!view_sees(part->view, tx))
		return ITEM_NONE;
	if (tx->type == TX_MESSAGE)
		return fold_message(part, index, edit);
	if (tx->type == TX_EDIT)
		return fold_edit(part, index, edit);
	return tx->type == TX_DELETE && is_new_message(part, tx->target) ? ITEM_NONE : ITEM_UPDATE;
}

/* ---- writing, within what is left ---- */

struct sheet {
	const struct delta *delta;
	struct buf messages, updates, item;
	size_t room;
	bool empty;
};

static bool put(struct sheet *sheet, struct buf *list)
{
	size_t need = sheet->item.len + (list->len > 0);
	if (need > sheet->room)
		return false;
	if (list->len > 0)
		buf_add_char(list, ',');
	buf_add(list, sheet->item.data, sheet->item.len);
	sheet->room -= need;
	sheet->empty = false;
	return true;
}

static void stub_update(struct buf *out, const struct transaction *tx)
{
	bool about_message = tx->type == TX_EDIT || tx->type == TX_DELETE;
	buf_add_char(out, '{');
	write_text(out, "type", transaction_type_name(tx->type));
	write_number(out, about_message ? "messageID" : "transactionID", about_message ? tx->target : tx->number);
	write_bool(out, "cut", true);
	buf_add_char(out, '}');
}

/* The first item of a delta comes whatever is left of it, later ones whole or not at all. */
static bool put_message(struct sheet *sheet, const struct transaction *tx, const struct transaction *edit)
{
	buf_clear(&sheet->item);
	const struct shown_message shown = {.message = tx, .edit = edit};
	return message_add_within(&sheet->item, &shown, sheet->empty ? sheet->room : SIZE_MAX) && put(sheet, &sheet->messages);
}

static bool put_update(struct sheet *sheet, const struct transaction *tx)
{
	buf_clear(&sheet->item);
	line_add(&sheet->item, tx);
	if (put(sheet, &sheet->updates))
		return true;
	if (!sheet->empty)
		return false;
	buf_clear(&sheet->item);
	if (!line_add_within(&sheet->item, tx, sheet->room))
		stub_update(&sheet->item, tx);
	return put(sheet, &sheet->updates);
}

/* Returns the last number that is taken in. */
static uint64_t put_part(struct sheet *sheet, const struct part *part)
{
	uint64_t taken = sheet->delta->range.from - 1;
	for (size_t i = 0; i < part->page.count; i++) {
		const struct transaction *tx = part->page.transactions[i], *edit;
		enum item item = fold(part, i, &edit);
		if (item == ITEM_MESSAGE && !put_message(sheet, tx, edit))
			break;
		if (item == ITEM_UPDATE && !put_update(sheet, edit != NULL ? edit : tx))
			break;
		taken = tx->number;
	}
	return taken;
}

/* ---- receipts ---- */

static bool put_receipt(struct sheet *sheet, const char *user_id, uint64_t received, uint64_t read)
{
	if (received == 0 && read == 0)
		return true;
	buf_clear(&sheet->item);
	buf_add_char(&sheet->item, '{');
	write_text(&sheet->item, "type", "receipt");
	write_text(&sheet->item, "userID", user_id);
	write_number(&sheet->item, "received", received);
	write_number(&sheet->item, "read", read);
	buf_add_char(&sheet->item, '}');
	return put(sheet, &sheet->updates);
}

static bool put_others(struct sheet *sheet, const struct chat_record *chat, const bool *is_parted)
{
	bool fit = true;
	for (size_t i = 0; i < chat->member_count && fit; i++) {
		const struct member_record *member = &chat->members[i];
		if (member->role != ROLE_NONE && strcmp(member->user_id, sheet->delta->request->user_id) != 0 && !is_parted[i])
			fit = put_receipt(sheet, member->user_id, member->received, member->read);
	}
	return fit;
}

/* The caller's own, for his other devices, then those of the others. false: refused. *fit: whether there was room for all. */
static bool put_receipts(struct sheet *sheet, bool *fit)
{
	const struct delta *delta = sheet->delta;
	struct store *store = delta->request->world->store;
	struct chat_record *chat;
	*fit = put_receipt(sheet, delta->request->user_id, delta->membership->received, delta->membership->read);
	if (!*fit || !view_is_current(&delta->view))
		return true;
	if (!answer_store_ok(delta->request, store_ops(store)->load_chat(store, delta->membership->chat_id, &chat, &delta->request->problem)))
		return false;
	struct parted parted = {0};
	bool named = chat->current_members <= RPC_NAMES_MAX, ok = !named || parted_open(delta->request, chat, &parted);
	if (ok && named)
		*fit = put_others(sheet, chat, parted.is_parted);
	parted_close(&parted);
	store_free(chat);
	return ok;
}

/* ---- the whole ---- */

static bool says_from(const struct delta *delta)
{
	return delta->range.from != 0 && (!delta->has_after || delta->range.from != delta->range.after + 1);
}

/* Bytes of everything but the items. */
static size_t frame_len(const struct delta *delta)
{
	uint64_t to = delta->range.to;
	int len = snprintf(
		NULL, 0, "\"latestTransactionID\":%" PRIu64 ",\"newMessages\":[],\"updates\":[],\"limited\":true,\"next\":%" PRIu64, to, to);
	if (says_from(delta))
		len += snprintf(NULL, 0, ",\"from\":%" PRIu64, delta->range.from);
	return (size_t)len;
}

static void write_list(struct buf *out, const char *name, const struct buf *list)
{
	write_name(out, name);
	buf_add_char(out, '[');
	buf_add(out, list->data, list->len);
	buf_add_char(out, ']');
}

/* next 0: nothing is left. */
static void write_delta(const struct sheet *sheet, struct buf *out, uint64_t next, bool cut)
{
	const struct delta *delta = sheet->delta;
	write_number(out, "latestTransactionID", delta->range.to);
	if (says_from(delta))
		write_number(out, "from", delta->range.from);
	write_list(out, "newMessages", &sheet->messages);
	write_list(out, "updates", &sheet->updates);
	if (next != 0) {
		write_bool(out, "limited", true);
		write_number(out, "next", next);
	} else if (cut) {
		write_bool(out, "cut", true);
	}
}

/* Receipts that find no room come with one more call, which has nothing else to carry. */
static enum delta_rc write_with_receipts(struct sheet *sheet, struct buf *out)
{
	bool fit;
	if (!put_receipts(sheet, &fit))
		return DELTA_REFUSED;
	bool again = !fit && sheet->delta->range.from != 0;
	write_delta(sheet, out, again ? sheet->delta->range.to : 0, !fit);
	return DELTA_OK;
}

static enum delta_rc write_sheet(struct sheet *sheet, const struct part *part, struct buf *out)
{
	uint64_t from = sheet->delta->range.from, taken = from != 0 ? put_part(sheet, part) : 0;
	if (from == 0 || taken == sheet->delta->range.to)
		return write_with_receipts(sheet, out);
	if (taken < from)
		return DELTA_TOO_SMALL;
	write_delta(sheet, out, taken, false);
	return DELTA_OK;
}

/* All that is asked of the store about the log. false: refused, with nothing to close. */
static bool read_part(const struct delta *delta, struct part *part)
{
	struct rpc_request *request = delta->request;
	struct store *store = request->world->store;
	const struct range *range = &delta->range;
	const struct page_limits limits = {.count_max = request->world->page_max, .bytes_max = delta->max};
	struct page *page = &part->page;
	if (range->from == 0)
		return true;
	if (!answer_store_ok(request, store_ops(store)->read_page(store, delta->membership->chat_id, range->from, range->to, &limits, page,
									  &request->problem)))
		return false;
	if (answer_store_ok(request,
			quotes_hide(store, delta->view.blocks, delta->view.user_id, page->transactions, page->count, &request->problem)) &&
		(range->to == view_end(&delta->view) || later_open(request, delta->membership, &delta->view, page, &part->later)))
		return true;
	store_page_free(page);
	return false;
}

enum delta_rc delta_add(const struct delta *delta, struct buf *out)
{
	size_t frame = frame_len(delta);
	if (frame > delta->max)
		return DELTA_TOO_SMALL;
	struct part part = {.view = &delta->view};
	if (!read_part(delta, &part))
		return DELTA_REFUSED;
	struct sheet sheet = {.delta = delta, .room = delta->max - frame, .empty = true};
	enum delta_rc rc = write_sheet(&sheet, &part, out);
	later_close(&part.later);
	store_page_free(&part.page);
	buf_fini(&sheet.messages);
	buf_fini(&sheet.updates);
	buf_fini(&sheet.item);
	return rc;
}
