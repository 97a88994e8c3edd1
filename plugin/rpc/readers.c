/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Who has read a message: getReaders. Workers; blocks. */
#include <string.h>

#include "base/json.h"
#include "plugin/rpc/answer.h"
#include "plugin/rpc/parted.h"
#include "plugin/rpc/view.h"
#include "plugin/rpc/write.h"

static bool is_reader(const struct chat_record *chat, const struct member_record *member, uint64_t number)
{
	return member->role != ROLE_NONE && member->read >= number &&
		membership_sees(member->intervals, member->interval_count, chat->history_all, number);
}

/* Adds userIDs, and returns how many there are. */
static size_t add_readers(struct buf *out, const struct chat_record *chat, const bool *is_parted, const char *caller, uint64_t number)
{
	size_t count = 0;
	write_name(out, "userIDs");
	buf_add_char(out, '[');
	for (size_t i = 0; i < chat->member_count; i++) {
		const struct member_record *member = &chat->members[i];
		if (!is_reader(chat, member, number) || strcmp(member->user_id, caller) == 0 || (is_parted != NULL && is_parted[i]))
			continue;
		write_comma(out);
		json_add_string(out, member->user_id, strlen(member->user_id));
		count++;
	}
	buf_add_char(out, ']');
	return count;
}

static void answer_readers(struct rpc_request *request, const struct chat_record *chat, const bool *is_parted, uint64_t number)
{
	struct buf readers = BUF_EMPTY;
	size_t count = add_readers(&readers, chat, is_parted, request->user_id, number);
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

/* In larger groups, where nobody is named, all count: the number tells of nobody in particular. */
static void name_readers(struct rpc_request *request, const struct chat_record *chat, uint64_t number)
{
	struct parted parted = {0};
	if (chat->current_members <= RPC_NAMES_MAX && !parted_open(request, chat, &parted))
		return;
	answer_readers(request, chat, parted.is_parted, number);
	parted_close(&parted);
}

void get_readers(struct rpc_request *request)
{
	struct store *store = request->world->store;
	uint64_t number = args_number(request, "messageID", 0);
	struct reading reading;
	struct chat_record *chat;
	if (!view_open(request, args_text(request, "chatID"), &reading))
		return;
	if (!view_is_current(&reading.view) || !view_covers(&reading.view, number))
		answer_refuse(request, REFUSAL_FORBIDDEN, NULL);
	else if (answer_store_ok(request, store_ops(store)->load_chat(store, reading.membership->chat_id, &chat, &request->problem))) {
		name_readers(request, chat, number);
		store_free(chat);
	}
	view_close(&reading);
}
