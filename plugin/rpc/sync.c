/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Catching up by deltas: fetchDelta for one chat, sync for all of them. Workers; blocks. */
#include <string.h>

#include "base/json.h"
#include "plugin/rpc/activity.h"
#include "plugin/rpc/answer.h"
#include "plugin/rpc/delta.h"
#include "plugin/rpc/write.h"

enum { CHAT_ID_FROM_BYTES = 512 };

/* ---- fetchDelta ---- */

static void answer_delta(struct rpc_request *request, const struct reading *reading)
{
	struct delta delta = {
		.request = request,
		.membership = reading->membership,
		.view = reading->view,
		.has_after = args_has(request, "clientTransactionID"),
	};
	size_t bound = answer_bound(request);
	delta.range = view_range(&delta.view, delta.has_after, args_number(request, "clientTransactionID", 0),
		args_number(request, "latestTransactionID", RPC_NUMBER_MAX), request->world->page_max);
	answer_begin(request);
	if (bound >= CHAT_ID_FROM_BYTES)
		write_text(&request->answer, "chatID", reading->membership->chat_id);
	size_t taken = request->answer.len + 1 + ANSWER_END_BYTES;
	delta.max = bound > taken ? bound - taken : 0;
	enum delta_rc rc = delta_add(&delta, &request->answer);
	if (rc == DELTA_OK)
		answer_end(request);
	else if (rc == DELTA_TOO_SMALL)
		answer_refuse(request, REFUSAL_TOO_LARGE, "maxBytes: nothing fits");
}

void fetch_delta(struct rpc_request *request)
{
	struct reading reading;
	if (!view_open(request, args_text(request, "chatID"), &reading))
		return;
	answer_delta(request, &reading);
	view_close(&reading);
}

/* ---- sync ---- */

/* Whether there is anything new in the chat for this client, and where. A chat that the user has left and the client does not know is of no
 * interest. */
static bool find_news(
	const struct rpc_request *request, const struct activity *activity, const struct user_chat *chat, struct delta *delta)
{
	const json_t *last = json_object_get(json_object_get(request->args, "chats"), chat->chat_id);
	delta->membership = chat;
	delta->view = view_of_membership(request->user_id, chat, activity->blocks);
	delta->has_after = last != NULL;
	if (last == NULL && !view_is_current(&delta->view))
		return false;
	delta->range = view_range(&delta->view, last != NULL, (uint64_t)json_integer_value(last), RPC_NUMBER_MAX, request->world->page_max);
	return delta->range.from != 0;
}

/* Adds one chat to the answer. DELTA_TOO_SMALL: it has to wait for the next call. */
static enum delta_rc add_chat(struct rpc_request *request, struct delta *delta, bool first)
{
	struct buf *out = &request->answer;
	size_t start = out->len, bound = answer_bound(request);
	char cursor[ACTIVITY_CURSOR_SIZE];
	activity_cursor(delta->membership, cursor);
	size_t tail = strlen("}},\"next\":\"\"") + strlen(cursor) + ANSWER_END_BYTES;
	write_name(out, delta->membership->chat_id);
	buf_add_char(out, '{');
	delta->max = bound > out->len + tail ? bound - out->len - tail : 0;
	enum delta_rc rc = DELTA_TOO_SMALL;
	/* A crumb of a delta at the end of an answer helps nobody: the chat begins the next one. */
	if (first || delta->max >= bound / 8)
		rc = delta_add(delta, out);
	if (rc == DELTA_TOO_SMALL && first) {
		write_bool(out, "limited", true);
		rc = DELTA_OK;
	}
	if (rc == DELTA_OK)
		buf_add_char(out, '}');
	else if (rc == DELTA_TOO_SMALL)
		out->len = start;
	return rc;
}

/* Adds chats from `index` on as long as they fit. Returns the last one that was added with more behind it, NULL: that was all. */
static enum delta_rc add_chats(struct rpc_request *request, const struct activity *activity, size_t index, const struct user_chat **next)
{
	const struct user_chat *last = NULL;
	size_t count = 0;
	*next = NULL;
	for (; index < activity->count; index++) {
		struct delta delta = {.request = request};
		if (!find_news(request, activity, activity->chats[index], &delta))
			continue;
		enum delta_rc rc = count < request->world->page_max ? add_chat(request, &delta, count == 0) : DELTA_TOO_SMALL;
		if (rc == DELTA_REFUSED)
			return rc;
		if (rc == DELTA_TOO_SMALL) {
			*next = last;
			break;
		}
		last = activity->chats[index];
		count++;
	}
	return DELTA_OK;
}

static void answer_sync(struct rpc_request *request, const struct activity *activity, size_t index)
{
	const struct user_chat *next;
	answer_begin(request);
	write_name(&request->answer, "chats");
	buf_add_char(&request->answer, '{');
	if (add_chats(request, activity, index, &next) != DELTA_OK)
		return;
	buf_add_char(&request->answer, '}');
	if (next != NULL) {
		char cursor[ACTIVITY_CURSOR_SIZE];
		activity_cursor(next, cursor);
		write_text(&request->answer, "next", cursor);
	}
	answer_end(request);
}

void sync_chats(struct rpc_request *request)
{
	struct activity activity;
	size_t index;
	if (!activity_load(request, &activity))
		return;
	if (activity_seek(&activity, args_text(request, "next"), &index))
		answer_sync(request, &activity, index);
	else
		answer_refuse(request, REFUSAL_BAD_REQUEST, "next: it is not from an answer of ours");
	activity_fini(&activity);
}
