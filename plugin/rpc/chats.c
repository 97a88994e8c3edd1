/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Chats: createPeerToPeerChat (loop thread), ListChats (worker, blocks). */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "plugin/rpc/activity.h"
#include "plugin/rpc/answer.h"
#include "plugin/rpc/view.h"
#include "plugin/rpc/write.h"

struct command *create_peer_chat(const struct rpc_request *request, struct verdict *verdict)
{
	const char *peer_id = args_text(request, "receiverUserID");
	const struct store_info *info = &request->world->info;
	if (strcmp(peer_id, request->user_id) == 0) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "receiverUserID: somebody else's than the caller's own");
		return NULL;
	}
	char chat_id[ID_TEXT_LEN + 1];
	peer_chat_id(info->secret, sizeof info->secret, request->user_id, peer_id, chat_id);
	struct command *command = command_new(COMMAND_CREATE, request->user_id);
	command->chat_id = mem_text(chat_id);
	command->peer_id = mem_text(peer_id);
	return command;
}

void peer_chat_created(struct buf *out, const struct answer *answer)
{
	write_text(out, "chatID", answer->chat_id);
}

/* ---- ListChats ---- */

/* Everything a thumbnail is made of. */
struct thumbnail {
	const struct user_chat *chat;
	const char *name;
	struct chat_summary summary;
};

enum detail { DETAIL_ALL, DETAIL_NO_BODY, DETAIL_NO_MESSAGE, DETAIL_ID };

static bool add_preview(struct buf *out, const struct transaction *tx, size_t body_max)
{
	size_t len = text_cut(tx->body.text, tx->body.len, body_max);
	write_name(out, "mostRecentMessage");
	buf_add_char(out, '{');
	write_number(out, "messageID", tx->number);
	write_text(out, "senderName", tx->sender_id);
	write_name(out, "body");
	json_add_string(out, tx->body.text, len);
	write_time(out, "receivedAt", tx->at_ms);
	buf_add_char(out, '}');
	return len < tx->body.len;
}

static void add_thumbnail(struct buf *out, const struct thumbnail *thumbnail, enum detail detail)
{
	const struct transaction *tx = thumbnail->summary.last_message;
	bool has_message = tx != NULL && tx->body.text != NULL, cut = detail > DETAIL_ALL;
	buf_add_char(out, '{');
	write_text(out, "chatID", thumbnail->chat->chat_id);
	if (detail < DETAIL_ID) {
		write_text(out, "name", thumbnail->name);
		write_number(out, "unread", thumbnail->summary.unread);
		write_bool(out, "muted", false);
	}
	if (has_message && detail < DETAIL_NO_MESSAGE)
		cut = add_preview(out, tx, detail == DETAIL_ALL ? RPC_PREVIEW_MAX : 0) || cut;
	if (cut)
		write_bool(out, "cut", true);
	buf_add_char(out, '}');
}

/* The first of an answer comes with as much detail as fits, later ones whole or not at all. */
static bool add_within(struct buf *out, const struct thumbnail *thumbnail, bool first, size_t end)
{
	size_t start = out->len;
	for (enum detail detail = DETAIL_ALL; detail <= (first ? DETAIL_ID : DETAIL_ALL); detail++) {
		write_comma(out);
		add_thumbnail(out, thumbnail, detail);
		if (out->len <= end)
			return true;
		out->len = start;
	}
	return false;
}

/* In a 1:1 chat, which is known by its ID, the other one. */
static const char *find_peer(const struct rpc_request *request, const struct chat_record *chat)
{
	const struct store_info *info = &request->world->info;
	char chat_id[ID_TEXT_LEN + 1];
	if (chat->member_count != 2)
		return NULL;
	bool is_first = strcmp(chat->members[0].user_id, request->user_id) == 0;
	const char *peer_id = chat->members[is_first ? 1 : 0].user_id;
	peer_chat_id(info->secret, sizeof info->secret, request->user_id, peer_id, chat_id);
	return strcmp(chat_id, chat->chat_id) == 0 ? peer_id : NULL;
}

enum listing { LISTING_ADDED, LISTING_FULL, LISTING_REFUSED };

static enum listing add_loaded(struct rpc_request *request, struct thumbnail *thumbnail, const struct chat_record *chat, bool first)
{
	struct store *store = request->world->store;
	char cursor[ACTIVITY_CURSOR_SIZE];
	activity_cursor(thumbnail->chat, cursor);
	size_t tail = strlen("],\"limited\":true,\"next\":\"\"") + strlen(cursor) + ANSWER_END_BYTES, bound = answer_bound(request);
	const char *peer_id = find_peer(request, chat);
	thumbnail->name = peer_id ? peer_id : thumbnail->chat->chat_id;
	if (!answer_store_ok(
			request,
			store_ops(store)->read_summary(
				store, request->user_id, thumbnail->chat, NULL, 0, NULL, &thumbnail->summary, &request->problem)))
		return LISTING_REFUSED;
	bool fits = add_within(&request->answer, thumbnail, first, bound > tail ? bound - tail : 0);
	chat_summary_fini(&thumbnail->summary);
	if (!fits && first) {
		answer_refuse(request, REFUSAL_TOO_LARGE, "maxBytes: nothing fits");
		return LISTING_REFUSED;
	}
	return fits ? LISTING_ADDED : LISTING_FULL;
}

static enum listing add_chat(struct rpc_request *request, const struct user_chat *chat, bool first)
{
	struct store *store = request->world->store;
	struct thumbnail thumbnail = {.chat = chat};
	struct chat_record *record;
	if (!answer_store_ok(request, store_ops(store)->load_chat(store, chat->chat_id, &record, &request->problem)))
		return LISTING_REFUSED;
	enum listing listing = add_loaded(request, &thumbnail, record, first);
	store_free(record);
	return listing;
}

static void answer_page(struct rpc_request *request, const struct activity *activity, size_t index, size_t page_size)
{
	struct buf *out = &request->answer;
	enum listing listing = LISTING_ADDED;
	size_t count = 0;
	answer_begin(request);
	write_name(out, "chats");
	buf_add_char(out, '[');
	while (index < activity->count && count < page_size) {
		listing = add_chat(request, activity->chats[index], count == 0);
		if (listing == LISTING_REFUSED)
			return;
		if (listing == LISTING_FULL)
			break;
		index++;
		count++;
	}
	buf_add_char(out, ']');
	if (listing == LISTING_FULL)
		write_bool(out, "limited", true);
	if (count > 0 && index < activity->count) {
		char cursor[ACTIVITY_CURSOR_SIZE];
		activity_cursor(activity->chats[index - 1], cursor);
		write_text(out, "next", cursor);
	}
	answer_end(request);
}

/* Those that he is a member of now. */
static void keep_current(struct activity *activity)
{
	size_t kept = 0;
	for (size_t i = 0; i < activity->count; i++)
		if (activity->chats[i]->role != ROLE_NONE)
			activity->chats[kept++] = activity->chats[i];
	activity->count = kept;
}

static void list(struct rpc_request *request, const struct activity *activity)
{
	size_t page_size = args_number(request, "pageSize", request->world->page_max), index;
	if (!activity_seek(activity, args_text(request, "cursor"), &index))
		answer_refuse(request, REFUSAL_BAD_REQUEST, "cursor: it is not from an answer of ours");
	else if (args_has(request, "cursor") && args_has(request, "pageIdx"))
		answer_refuse(request, REFUSAL_BAD_REQUEST, "pageIdx: not together with cursor");
	else
		answer_page(request, activity, index + args_number(request, "pageIdx", 0) * page_size, page_size);
}

void list_chats(struct rpc_request *request)
{
	struct activity activity;
	if (!activity_load(request, &activity))
		return;
	keep_current(&activity);
	list(request, &activity);
	activity_fini(&activity);
}
