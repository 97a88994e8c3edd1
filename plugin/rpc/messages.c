/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Messages: sendMessage, replyMessage, editMessage, deleteMessage, getMessage. The commands on the loop's thread, getMessage on a worker. */
#include <string.h>

#include "base/json.h"
#include "plugin/chat/line.h"
#include "plugin/rpc/answer.h"
#include "plugin/rpc/message.h"
#include "plugin/rpc/quote.h"
#include "plugin/rpc/view.h"
#include "plugin/rpc/write.h"

/* ---- writing ---- */

static void set_body(const struct rpc_request *request, struct command *command)
{
	size_t len = 0;
	const char *body = json_text(request->args, "messageBody", &len);
	command->body = mem_copy(body, len);
	command->body_len = (uint32_t)len;
}

struct command *send_message(struct rpc_request *request, struct verdict *verdict)
{
	(void)verdict;
	struct command *command = command_new(COMMAND_SEND, request->user_id);
	set_body(request, command);
	command->chat_id = mem_text(args_text(request, "chatID"));
	command->content_type = mem_text(args_text(request, "contentType"));
	command->client_time_ms = (int64_t)args_number(request, "clientTime", 0);
	command->has_if_latest = args_has(request, "ifLatest");
	command->if_latest = args_number(request, "ifLatest", 0);
	return command;
}

struct command *reply_message(struct rpc_request *request, struct verdict *verdict)
{
	struct command *command = send_message(request, verdict);
	command->replied_to = args_number(request, "messageID", 0);
	return command;
}

static void write_message_done(struct buf *out, const struct answer *answer, uint64_t message_id)
{
	write_text(out, "chatID", answer->chat_id);
	write_number(out, "messageID", message_id);
	if (answer->number != 0)
		write_number(out, "transactionID", answer->number);
}

void message_sent(struct rpc_request *request, const struct answer *answer)
{
	write_message_done(&request->answer, answer, answer->number);
}

/* ---- changing ---- */

struct command *edit_message(struct rpc_request *request, struct verdict *verdict)
{
	(void)verdict;
	struct command *command = command_new(COMMAND_EDIT, request->user_id);
	set_body(request, command);
	command->chat_id = mem_text(args_text(request, "chatID"));
	command->target = args_number(request, "messageID", 0);
	return command;
}

struct command *delete_message(struct rpc_request *request, struct verdict *verdict)
{
	(void)verdict;
	const char *quotes = args_text(request, "quotes");
	struct command *command = command_new(COMMAND_DELETE, request->user_id);
	command->chat_id = mem_text(args_text(request, "chatID"));
	command->target = args_number(request, "messageID", 0);
	command->keep_quotes = quotes != NULL ? strcmp(quotes, "keep") == 0 : request->world->keep_quotes;
	return command;
}

void message_changed(struct rpc_request *request, const struct answer *answer)
{
	write_message_done(&request->answer, answer, args_number(request, "messageID", 0));
}

/* ---- reading one ---- */

static void answer_message(struct rpc_request *request, const struct shown_message *shown)
{
	struct buf *out = &request->answer;
	answer_begin(request);
	write_name(out, "message");
	size_t bound = answer_bound(request), taken = out->len + ANSWER_END_BYTES;
	if (taken < bound && message_add_within(out, shown, bound - taken))
		answer_end(request);
	else
		answer_refuse(request, REFUSAL_TOO_LARGE, "maxBytes: nothing fits");
}

/* The last edit of the message that the reader sees; NULL: none. A reference. */
static struct transaction *find_edit(struct rpc_request *request, const struct reading *reading, uint64_t target)
{
	struct store *store = request->world->store;
	struct transaction *edit = NULL;
	answer_store_ok(request, store_ops(store)->read_edits(store, reading->membership, reading->blocks->blocks, reading->blocks->count, &target, 1,
								 &edit, &request->problem));
	return edit;
}

/* As far as this reader may see it. A former member does not see edits that came behind his time; but what was erased is gone for him, too. */
static void answer_state(struct rpc_request *request, const struct reading *reading, const struct message_state *state)
{
	const struct view *view = &reading->view;
	struct shown_message shown = {.message = state->message};
	struct transaction *earlier = NULL;
	if (state->edit != NULL && view_sees(view, state->edit))
		shown.edit = state->edit;
	else if (state->edit != NULL && state->message->body.text != NULL)
		shown.edit = earlier = find_edit(request, reading, state->message->number);
	if (state->deletion != NULL && view_sees(view, state->deletion))
		shown.deletion = state->deletion;
	if (request->refused.code == REFUSAL_NONE)
		answer_message(request, &shown);
	transaction_free(earlier);
}

void get_message(struct rpc_request *request)
{
	struct store *store = request->world->store;
	uint64_t number = args_number(request, "messageID", 0);
	struct reading reading;
	if (!view_open(request, args_text(request, "chatID"), &reading))
		return;
	struct message_state state = {0};
	if (!view_covers(&reading.view, number))
		answer_refuse(request, REFUSAL_FORBIDDEN, NULL);
	else if (answer_store_ok(
				 request, store_ops(store)->read_message(store, reading.membership->chat_id, number, &state, &request->problem)) &&
			 answer_store_ok(request, quotes_hide(store, reading.blocks, request->user_id, &state.message, 1, &request->problem))) {
		if (view_sees(&reading.view, state.message))
			answer_state(request, &reading, &state);
		else
			answer_refuse(request, REFUSAL_FORBIDDEN, NULL);
	}
	message_state_free(&state);
	view_close(&reading);
}
