/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Chats, for operators to look at. Readers, but for the functions of the table, which are the broker's thread. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "plugin/broker/control_call.h"
#include "plugin/chat/line.h"

enum { COUNT = 100 };

static const char *role_word(enum role role)
{
	return role == ROLE_NONE ? "former" : role_name(role);
}

static const char *history_name(bool all)
{
	return all ? "all" : "own";
}

/* call->data has it already. */
static void tell_data(struct control_call *call)
{
	if (call->rc == STORE_NOT_FOUND)
		control_refuse(call, control_text(call, "chat") != NULL ? "chat: there is no such chat" : "user: there is no such user");
	else
		control_done(call);
}

/* ---- listChats ---- */

static json_t *user_chat_json(const struct user_chat *chat)
{
	json_t *shown = json_object();
	control_add_text(shown, "chat", chat->chat_id);
	control_add_text(shown, "kind", chat->peer_id != NULL ? "pair" : "group");
	control_add_text(shown, "name", chat->name);
	control_add_text(shown, "peer", chat->peer_id);
	control_add_text(shown, "role", role_word(chat->role));
	control_add_number(shown, "members", chat->current_members);
	control_add_number(shown, "latest", chat->latest);
	control_add_time(shown, "latestAt", chat->latest_at_ms);
	control_add_number(shown, "read", chat->read);
	if (chat->ended)
		control_add_flag(shown, "ended", true);
	return shown;
}

static void ask_chats(struct control_call *call, struct store *store)
{
	struct user_record *user = NULL;
	bool more = false;
	const struct chat_window window = {.skip = (size_t)control_number(call, "skip", 0), .count_max = (size_t)control_number(call, "count", COUNT)};
	if (window.count_max == 0) {
		call->rc = STORE_OK;
		call->data = json_pack("{s:[],s:b}", "chats", "more", 1);
		return;
	}
	call->rc = store_ops(store)->list_memberships(store, control_text(call, "user"), &window, &user, &more, &call->err);
	if (call->rc != STORE_OK)
		return;
	json_t *chats = json_array();
	for (size_t i = 0; i < user->chat_count; i++)
		json_array_append_new(chats, user_chat_json(&user->chats[i]));
	call->data = json_pack("{s:o,s:b}", "chats", chats, "more", (int)more);
	store_free(user);
}

void control_list_chats(struct control_call *call)
{
	control_ask(call, ask_chats, tell_data);
}

/* ---- getChat ---- */

static void add_owners(const struct chat_record *chat, json_t *data)
{
	json_t *owners = json_array();
	uint64_t admins = 0, former = 0;
	for (size_t i = 0; i < chat->member_count; i++) {
		const struct member_record *member = &chat->members[i];
		admins += member->role == ROLE_ADMIN;
		former += member->role == ROLE_NONE;
		if (member->role == ROLE_OWNER)
			json_array_append_new(owners, json_string(member->user_id));
	}
	control_add_number(data, "members", chat->current_members);
	control_add_number(data, "admins", admins);
	control_add_number(data, "formerMembers", former);
	json_object_set_new(data, "owners", owners);
}

static void ask_chat(struct control_call *call, struct store *store)
{
	struct chat_record *chat = NULL;
	call->rc = store_ops(store)->load_chat(store, control_text(call, "chat"), &chat, &call->err);
	if (call->rc != STORE_OK)
		return;
	json_t *data = json_object();
	control_add_text(data, "chat", chat->chat_id);
	control_add_text(data, "kind", chat->pair ? "pair" : "group");
	control_add_text(data, "name", chat->name);
	control_add_text(data, "history", history_name(chat->history_all));
	control_add_number(data, "latest", chat->latest);
	control_add_time(data, "latestAt", chat->latest_at_ms);
	control_add_time(data, "endedAt", chat->ended ? chat->ended_at_ms : 0);
	add_owners(chat, data);
	call->data = data;
	store_free(chat);
}

void control_get_chat(struct control_call *call)
{
	control_ask(call, ask_chat, tell_data);
}

/* ---- listMembers ---- */

static json_t *member_json(const struct member_record *member)
{
	json_t *shown = json_object();
	control_add_text(shown, "user", member->user_id);
	control_add_text(shown, "role", role_word(member->role));
	control_add_number(shown, "received", member->received);
	control_add_number(shown, "read", member->read);
	if (member->interval_count > 0)
		control_add_number(shown, "since", member->intervals[member->interval_count - 1].from);
	return shown;
}

static void ask_members(struct control_call *call, struct store *store)
{
	struct chat_record *chat = NULL;
	const char *after = control_text(call, "after");
	bool former = control_flag(call, "former");
	size_t max = (size_t)control_number(call, "count", COUNT), count = 0, shown = 0;
	call->rc = store_ops(store)->load_chat(store, control_text(call, "chat"), &chat, &call->err);
	if (call->rc != STORE_OK)
		return;
	const struct member_record **members = mem_new((chat->member_count + 1) * sizeof *members);
	for (size_t i = 0; i < chat->member_count; i++) {
		const struct member_record *member = &chat->members[i];
		if ((former || member->role != ROLE_NONE) && (after == NULL || strcmp(member->user_id, after) > 0))
			members[count++] = member;
	}
	json_t *list = json_array();
	for (; shown < count && shown < max; shown++)
		json_array_append_new(list, member_json(members[shown]));
	call->data = json_pack("{s:o,s:b}", "members", list, "more", shown < count);
	free(members);
	store_free(chat);
}

void control_list_members(struct control_call *call)
{
	control_ask(call, ask_members, tell_data);
}

/* ---- exportChat ---- */

/* next: what to give as `from` for the page behind this one. */
static json_t *page_json(const struct page *page, size_t *bytes)
{
	*bytes = 0;
	json_t *lines = json_array();
	struct buf line = BUF_EMPTY;
	for (size_t i = 0; i < page->count; i++) {
		buf_clear(&line);
		line_add(&line, page->transactions[i]);
		*bytes += line.len;
		json_t *json = json_read_object(line.data, line.len, NULL);
		if (json != NULL && json_array_append_new(lines, json) != 0)
			abort(); /* no memory: base/buf.h */
	}
	buf_fini(&line);
	json_t *data = json_pack("{s:o,s:I}", "transactions", lines, "latest", (json_int_t)page->latest);
	uint64_t last = page->count > 0 ? page->transactions[page->count - 1]->number : 0;
	if (last != 0 && last < page->latest)
		control_add_number(data, "next", last + 1);
	return data;
}

static void ask_export(struct control_call *call, struct store *store)
{
	struct page page = {0};
	uint64_t count = control_number(call, "count", COUNT), from = control_number(call, "from", 1);
	const struct page_limits limits = {count > 0 ? (size_t)count : 1, call->room};
	call->rc = store_ops(store)->read_page(store, control_text(call, "chat"), from > 0 ? from : 1, INT64_MAX, &limits, &page, &call->err);
	if (call->rc != STORE_OK)
		return;
	if (page.latest == 0)
		call->rc = STORE_NOT_FOUND;
	else
		call->data = page_json(&page, &call->room);
	store_page_free(&page);
}

static void tell_export(struct control_call *call)
{
	if (call->rc == STORE_OK)
		control_take_room(call, call->room);
	tell_data(call);
}

void control_export_chat(struct control_call *call)
{
	call->room = control_room(call);
	if (call->room == 0)
		control_refuse(call, "the answer is full: ask again, in a payload of its own");
	else
		control_ask(call, ask_export, tell_export);
}
