/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A line of a chat list. Any thread, but for known_people_load, which blocks. */
#include "plugin/rpc/thumbnail.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "plugin/rpc/answer.h"
#include "plugin/rpc/icon.h"
#include "plugin/rpc/message.h"
#include "plugin/rpc/write.h"

/* ---- people ---- */

struct known_people {
	const struct profile **profiles; /* by ID */
	size_t count;
	struct profile_list *list;
};

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_profiles(const void *a, const void *b)
{
	return strcmp((*(const struct profile *const *)a)->user_id, (*(const struct profile *const *)b)->user_id);
}

static int compare_id(const void *user_id, const void *profile)
{
	return strcmp(user_id, (*(const struct profile *const *)profile)->user_id);
}

/* Keeps those that can be reached. Most often all can, which is one question. */
static bool keep_reachable(struct rpc_request *request, const char **user_ids, size_t *count)
{
	struct store *store = request->world->store;
	size_t kept = 0;
	enum store_rc rc = store_ops(store)->check_reach(store, request->user_id, user_ids, *count, false, &request->problem);
	if (rc != STORE_NOT_FOUND)
		return answer_store_ok(request, rc);
	for (size_t i = 0; i < *count; i++) {
		rc = store_ops(store)->check_reach(store, request->user_id, &user_ids[i], 1, false, &request->problem);
		if (rc == STORE_OK)
			user_ids[kept++] = user_ids[i];
		else if (rc != STORE_NOT_FOUND)
			return answer_store_ok(request, rc);
	}
	*count = kept;
	return true;
}

static bool load_profiles(struct rpc_request *request, const char **user_ids, size_t count, struct profile_list **list)
{
	struct store *store = request->world->store;
	size_t unique = 0;
	qsort(user_ids, count, sizeof *user_ids, compare_texts);
	for (size_t i = 0; i < count; i++)
		if (i == 0 || strcmp(user_ids[i], user_ids[i - 1]) != 0)
			user_ids[unique++] = user_ids[i];
	if (unique > 0 && !keep_reachable(request, user_ids, &unique))
		return false;
	return answer_store_ok(request, store_ops(store)->load_profiles(store, user_ids, unique, list, &request->problem));
}

bool known_people_load(struct rpc_request *request, const char *const *user_ids, size_t count, struct known_people **people)
{
	struct profile_list *list;
	const char **copies = mem_new((count + 1) * sizeof *copies);
	for (size_t i = 0; i < count; i++)
		copies[i] = user_ids[i];
	bool ok = load_profiles(request, copies, count, &list);
	free(copies);
	if (!ok)
		return false;
	*people = mem_zero(sizeof **people);
	(*people)->list = list;
	(*people)->count = list->count;
	(*people)->profiles = mem_new((list->count + 1) * sizeof *(*people)->profiles);
	for (size_t i = 0; i < list->count; i++)
		(*people)->profiles[i] = &list->profiles[i];
	qsort((*people)->profiles, list->count, sizeof *(*people)->profiles, compare_profiles);
	return true;
}

void known_people_free(struct known_people *people)
{
	if (people == NULL)
		return;
	free(people->profiles);
	store_free(people->list);
	free(people);
}

/* NULL: not one of them. */
static const struct profile *known_people_find(const struct known_people *people, const char *user_id)
{
	const struct profile **found = bsearch(user_id, people->profiles, people->count, sizeof *people->profiles, compare_id);
	return found ? *found : NULL;
}

static const char *name_of(const struct known_people *people, const char *user_id)
{
	const struct profile *profile = known_people_find(people, user_id);
	return profile != NULL && profile->name[0] != '\0' ? profile->name : user_id;
}

/* ---- the line ---- */

enum detail { DETAIL_ALL, DETAIL_NO_BODY, DETAIL_NO_MESSAGE, DETAIL_ID };

static bool add_preview(struct buf *out, const struct thumbnail *thumbnail, const struct sealed *body, size_t body_max)
{
	const struct transaction *tx = thumbnail->summary->last_message;
	size_t len = text_cut(body->text, body->len, body_max);
	write_name(out, "mostRecentMessage");
	buf_add_char(out, '{');
	write_number(out, "messageID", tx->number);
	write_text(out, "senderID", tx->sender_id);
	write_text(out, "senderName", name_of(thumbnail->people, tx->sender_id));
	write_name(out, "body");
	json_add_string(out, body->text, len);
	write_time(out, "receivedAt", tx->at_ms);
	buf_add_char(out, '}');
	return len < body->len;
}

static void add_chat(struct buf *out, const struct thumbnail *thumbnail)
{
	const struct user_chat *chat = thumbnail->chat;
	if (chat->peer_id != NULL) {
		const struct profile *peer = known_people_find(thumbnail->people, chat->peer_id);
		write_text(out, "name", name_of(thumbnail->people, chat->peer_id));
		write_text(out, "peerID", chat->peer_id);
		icon_write(out, peer != NULL ? peer->icon : "");
	} else {
		write_text(out, "name", chat->name[0] != '\0' ? chat->name : chat->chat_id);
		icon_write(out, chat->icon);
	}
	write_number(out, "unread", thumbnail->summary->unread);
	write_bool(out, "mentioned", thumbnail->summary->mentioned);
	write_bool(out, "muted", chat->muted_until_ms > thumbnail->now_ms);
	if (chat->ended)
		write_bool(out, "ended", true);
}

static void add_thumbnail(struct buf *out, const struct thumbnail *thumbnail, enum detail detail)
{
	const struct shown_message shown = {.message = thumbnail->summary->last_message, .edit = thumbnail->summary->last_edit};
	const struct sealed *body = shown.message != NULL ? message_body(&shown) : NULL;
	bool cut = detail > DETAIL_ALL;
	buf_add_char(out, '{');
	write_text(out, "chatID", thumbnail->chat->chat_id);
	if (detail < DETAIL_ID)
		add_chat(out, thumbnail);
	if (body != NULL && detail < DETAIL_NO_MESSAGE)
		cut = add_preview(out, thumbnail, body, detail == DETAIL_ALL ? RPC_PREVIEW_MAX : 0) || cut;
	if (cut)
		write_bool(out, "cut", true);
	buf_add_char(out, '}');
}

bool thumbnail_add_within(struct buf *out, const struct thumbnail *thumbnail, bool first, size_t end)
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
