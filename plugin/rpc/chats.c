/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Chats: createPeerToPeerChat (loop thread), ListChats and mute (workers, block). */
#include <stdlib.h>
#include <string.h>

#include "plugin/rpc/activity.h"
#include "plugin/rpc/answer.h"
#include "plugin/rpc/thumbnail.h"
#include "plugin/rpc/write.h"

struct command *create_peer_chat(struct rpc_request *request, struct verdict *verdict)
{
	const char *peer_id = args_text(request, "receiverUserID");
	const struct store_info *info = &request->world->info;
	if (strcmp(peer_id, request->user_id) == 0) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "receiverUserID: it must be somebody else's than the caller's own");
		return NULL;
	}
	char chat_id[ID_TEXT_LEN + 1];
	peer_chat_id(info->secret, sizeof info->secret, request->user_id, peer_id, chat_id);
	struct command *command = command_new(COMMAND_CREATE, request->user_id);
	command->chat_id = mem_text(chat_id);
	command->peer_id = mem_text(peer_id);
	return command;
}

void peer_chat_created(struct rpc_request *request, const struct answer *answer)
{
	write_text(&request->answer, "chatID", answer->chat_id);
}

void mute_chat(struct rpc_request *request)
{
	struct store *store = request->world->store;
	const char *chat_id = args_text(request, "chatID");
	uint64_t until_ms = args_number(request, "until", 0);
	struct user_chat *membership;
	if (!answer_store_ok(request, store_ops(store)->load_membership(store, request->user_id, chat_id, &membership, &request->problem)))
		return;
	bool current = membership->role != ROLE_NONE;
	store_free(membership);
	if (!current) {
		answer_refuse(request, REFUSAL_FORBIDDEN, NULL);
	} else if (answer_store_ok(request,
				   store_ops(store)->put_mute(store, request->user_id, chat_id, (int64_t)until_ms, &request->problem))) {
		answer_begin(request);
		write_text(&request->answer, "chatID", chat_id);
		write_number(&request->answer, "until", until_ms);
		answer_end(request);
	}
}

/* ---- ListChats ---- */

/* The thumbnails of a page, and what they are made of. */
struct listing {
	struct rpc_request *request;
	const struct activity *activity; /* the page */
	struct chat_summary *summaries;
	struct known_people *people;
};

/* What others see of who looks, and mention him by: his name, or, without one, his ID. */
static bool load_name(struct rpc_request *request, char **name)
{
	struct store *store = request->world->store;
	const char *user_id = request->user_id;
	struct profile_list *profiles;
	if (!answer_store_ok(request, store_ops(store)->load_profiles(store, &user_id, 1, &profiles, &request->problem)))
		return false;
	bool named = profiles->count == 1 && profiles->profiles[0].name[0] != '\0';
	*name = mem_text(named ? profiles->profiles[0].name : user_id);
	store_free(profiles);
	return true;
}

static bool load_summaries(struct listing *listing)
{
	struct rpc_request *request = listing->request;
	struct store *store = request->world->store;
	const struct block_list *blocks = listing->activity->blocks;
	char *name = NULL;
	bool ok = listing->activity->count == 0 || load_name(request, &name);
	if (!ok || listing->activity->count == 0)
		return ok;
	listing->summaries = mem_zero(listing->activity->count * sizeof *listing->summaries);
	for (size_t i = 0; ok && i < listing->activity->count; i++)
		ok = answer_store_ok(request,
			store_ops(store)->read_summary(store, request->user_id, listing->activity->chats[i], blocks ? blocks->blocks : NULL,
				blocks ? blocks->count : 0, name, &listing->summaries[i], &request->problem));
	free(name);
	return ok;
}

/* Those whose names are shown. */
static bool load_people(struct listing *listing)
{
	const char **user_ids = mem_new((2 * listing->activity->count + 1) * sizeof *user_ids);
	size_t count = 0;
	for (size_t i = 0; i < listing->activity->count; i++) {
		const char *peer_id = listing->activity->chats[i]->peer_id;
		const struct transaction *tx = listing->summaries[i].last_message;
		if (peer_id != NULL)
			user_ids[count++] = peer_id;
		if (tx != NULL && (peer_id == NULL || strcmp(tx->sender_id, peer_id) != 0))
			user_ids[count++] = tx->sender_id;
	}
	bool ok = known_people_load(listing->request, user_ids, count, &listing->people);
	free(user_ids);
	return ok;
}

static void listing_fini(struct listing *listing)
{
	for (size_t i = 0; listing->summaries != NULL && i < listing->activity->count; i++)
		chat_summary_fini(&listing->summaries[i]);
	free(listing->summaries);
	known_people_free(listing->people);
}

/* Adds those that fit; returns how many. */
static size_t add_thumbnails(const struct listing *listing)
{
	struct rpc_request *request = listing->request;
	size_t bound = answer_bound(request), i = 0;
	for (; i < listing->activity->count; i++) {
		struct thumbnail thumbnail = {.chat = listing->activity->chats[i], .summary = &listing->summaries[i],
			.people = listing->people, .now_ms = request->at_ms};
		char cursor[ACTIVITY_CURSOR_SIZE];
		activity_cursor(thumbnail.chat, cursor);
		size_t tail = strlen("],\"limited\":true,\"next\":\"\"") + strlen(cursor) + ANSWER_END_BYTES;
		if (!thumbnail_add_within(&request->answer, &thumbnail, i == 0, bound > tail ? bound - tail : 0))
			break;
	}
	return i;
}

static void answer_listing(const struct listing *listing)
{
	struct rpc_request *request = listing->request;
	struct buf *out = &request->answer;
	answer_begin(request);
	write_name(out, "chats");
	buf_add_char(out, '[');
	size_t count = add_thumbnails(listing);
	if (count == 0 && listing->activity->count > 0) {
		answer_refuse(request, REFUSAL_TOO_LARGE, "maxBytes: nothing fits");
		return;
	}
	buf_add_char(out, ']');
	if (count < listing->activity->count)
		write_bool(out, "limited", true);
	if (count > 0 && (count < listing->activity->count || listing->activity->more)) {
		char cursor[ACTIVITY_CURSOR_SIZE];
		activity_cursor(listing->activity->chats[count - 1], cursor);
		write_text(out, "next", cursor);
	}
	answer_end(request);
}

static void list(struct rpc_request *request, const struct activity *activity)
{
	struct listing listing = {.request = request, .activity = activity};
	if (load_summaries(&listing) && load_people(&listing))
		answer_listing(&listing);
	listing_fini(&listing);
}

void list_chats(struct rpc_request *request)
{
	struct activity activity;
	struct chat_window window = {.count_max = args_number(request, "pageSize", request->world->page_max)};
	window.skip = args_number(request, "pageIdx", 0) * window.count_max;
	if (!activity_begin(args_text(request, "cursor"), &window)) {
		answer_refuse(request, REFUSAL_BAD_REQUEST, "cursor: it is not from an answer of ours");
	} else if (args_has(request, "cursor") && args_has(request, "pageIdx")) {
		answer_refuse(request, REFUSAL_BAD_REQUEST, "pageIdx: not together with cursor");
	} else if (activity_load_page(request, &window, &activity)) {
		list(request, &activity);
		activity_fini(&activity);
	}
}
