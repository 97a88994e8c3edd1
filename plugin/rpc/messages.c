/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Messages: sendMessage, replyMessage, getMessage, getReaders. The commands and getReaders on the loop's thread, getMessage on a worker. */
#include <string.h>

#include "base/json.h"
#include "plugin/chat/line.h"
#include "plugin/rpc/answer.h"
#include "plugin/rpc/message.h"
#include "plugin/rpc/view.h"
#include "plugin/rpc/write.h"

/* ---- writing ---- */

struct command *send_message(const struct rpc_request *request, struct verdict *verdict)
{
	(void)verdict;
	struct command *command = command_new(COMMAND_SEND, request->user_id);
	size_t body_len = 0;
	const char *body = json_text(request->args, "messageBody", &body_len);
	command->chat_id = mem_text(args_text(request, "chatID"));
	command->body = mem_copy(body, body_len);
	command->body_len = (uint32_t)body_len;
	command->content_type = mem_text(args_text(request, "contentType"));
	command->client_time_ms = (int64_t)args_number(request, "clientTime", 0);
	command->has_if_latest = args_has(request, "ifLatest");
	command->if_latest = args_number(request, "ifLatest", 0);
	return command;
}

struct command *reply_message(const struct rpc_request *request, struct verdict *verdict)
{
	struct command *command = send_message(request, verdict);
	command->replied_to = args_number(request, "messageID", 0);
	return command;
}

void message_sent(struct buf *out, const struct answer *answer)
{
	write_text(out, "chatID", answer->chat_id);
	write_number(out, "messageID", answer->number);
	write_number(out, "transactionID", answer->number);
}

/* ---- reading one ---- */

static void answer_message(struct rpc_request *request, const struct transaction *tx)
{
	struct buf *out = &request->answer;
	answer_begin(request);
	write_name(out, "message");
	size_t bound = answer_bound(request), taken = out->len + ANSWER_END_BYTES;
	if (taken < bound && message_add_within(out, tx, NULL, bound - taken))
		answer_end(request);
	else
		answer_refuse(request, REFUSAL_TOO_LARGE, "maxBytes: nothing fits");
}

/* Edits are no operation yet, so a message is its one transaction. */
void get_message(struct rpc_request *request)
{
	struct store *store = request->world->store;
	uint64_t number = args_number(request, "messageID", 0);
	struct user_chat *membership;
	if (!view_load(request, &membership))
		return;
	struct view view = view_of_membership(membership);
	struct page page = {0};
	struct page_limits limits = {.count_max = 1, .bytes_max = 1};
	if (!view_sees(&view, number)) {
		answer_refuse(request, REFUSAL_FORBIDDEN, NULL);
	} else if (answer_store_ok(
				   request, store_ops(store)->read_page(store, membership->chat_id, number, number, &limits, &page, &request->problem))) {
		if (page.count == 1 && page.transactions[0]->type == TX_MESSAGE)
			answer_message(request, page.transactions[0]);
		else
			answer_refuse(request, REFUSAL_FORBIDDEN, NULL);
		store_page_free(&page);
	}
	store_free(membership);
}

/* ---- who has read it ---- */

static bool sees_now(const struct chat *chat, const struct member *member, uint64_t number)
{
	return member_is_current(member) && member_sees(chat, member, number);
}

/* Adds userIDs, and returns how many there are. */
static size_t add_readers(struct buf *out, const struct chat *chat, const char *caller, uint64_t number)
{
	size_t count = 0;
	write_name(out, "userIDs");
	buf_add_char(out, '[');
	for (const struct member *member = chat->members; member != NULL; member = member->hh.next) {
		if (!sees_now(chat, member, number) || member->read < number || strcmp(member->user_id, caller) == 0)
			continue;
		write_comma(out);
		json_add_string(out, member->user_id, strlen(member->user_id));
		count++;
	}
	buf_add_char(out, ']');
	return count;
}

static void answer_readers(struct rpc_request *request, const struct chat *chat, uint64_t number)
{
	struct buf readers = BUF_EMPTY;
	size_t count = add_readers(&readers, chat, request->user_id, number);
	answer_begin(request);
	write_number(&request->answer, "count", count);
	bool fits = request->answer.len + 1 + readers.len + ANSWER_END_BYTES <= answer_bound(request);
	if (chat->current_members <= RPC_NAMES_MAX && fits) {
		write_comma(&request->answer);
		buf_add(&request->answer, readers.data, readers.len);
	}
	answer_end(request);
	buf_fini(&readers);
}

static void visit_readers(void *context, struct chat *chat, bool unavailable)
{
	struct rpc_request *request = context;
	uint64_t number = args_number(request, "messageID", 0);
	struct member *caller = chat ? chat_member(chat, request->user_id) : NULL;
	if (unavailable)
		answer_refuse(request, REFUSAL_UNAVAILABLE, NULL);
	else if (!sees_now(chat, caller, number) || number > chat->latest)
		answer_refuse(request, REFUSAL_FORBIDDEN, NULL);
	else
		answer_readers(request, chat, number);
	local_finish(request);
}

void get_readers(struct rpc_request *request, int64_t now_ms)
{
	core_visit(request->world->core, args_text(request, "chatID"), visit_readers, request, now_ms);
}
