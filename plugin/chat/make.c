/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The transactions that an accepted command makes: up to two, the last one with its key. Loop thread; no I/O, no clock. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/json.h"
#include "base/text.h"
#include "plugin/chat/decide.h"

/* ---- the place in the chain ---- */

/* The chat's tip as the next transaction's predecessor. */
struct tip {
	uint64_t number;
	const unsigned char *head;
	int64_t at_ms;
};

static struct tip tip_behind(const struct transaction *tx)
{
	return (struct tip){tx->number, tx->head, tx->at_ms};
}

static struct tip tip_of(const struct chat *chat)
{
	if (chat->pending == NULL)
		return (struct tip){chat->latest, chat->head, chat->latest_at_ms};
	const struct pending *last = chat->pending->prev;
	return tip_behind(last->transactions[last->transaction_count - 1]);
}

static int64_t next_at(const struct tip *tip, int64_t now_ms)
{
	return tip->at_ms > now_ms && tip->at_ms - now_ms < AT_AHEAD_MAX_MS ? tip->at_ms : now_ms;
}

static struct transaction *make(const struct chat *chat, const struct command *command, const struct tip *tip, struct transaction *draft)
{
	draft->chat_id = chat->id;
	draft->number = tip->number + 1;
	draft->sender_id = command->sender_id;
	draft->at_ms = next_at(tip, command->at_ms);
	transaction_head(draft, tip->head, draft->head);
	return transaction_new(draft);
}

/* ---- what is planned ---- */

struct plan {
	struct transaction drafts[2]; /* without a place in the chain */
	struct buf bodies[2];         /* of those that are written here */
	size_t count;
};

static struct transaction *plan_add(struct plan *plan, enum transaction_type type)
{
	struct transaction *draft = &plan->drafts[plan->count++];
	draft->type = type;
	return draft;
}

static struct buf *plan_body(struct plan *plan)
{
	return &plan->bodies[plan->count - 1];
}

static void plan_seal(struct plan *plan)
{
	const struct buf *body = plan_body(plan);
	sealed_set(&plan->drafts[plan->count - 1].body, body->data, body->len);
}

static void add_user(struct buf *out, const char *user_id)
{
	buf_add_text(out, "\"userID\":");
	json_add_string(out, user_id, strlen(user_id));
}

static void add_role(struct buf *out, enum role role)
{
	buf_add_text(out, ",\"role\":\"");
	buf_add_text(out, role_name(role));
	buf_add_char(out, '"');
}

static void add_member(struct buf *out, const char *user_id, enum role role)
{
	buf_add_text(out, out->len > 0 ? ",{" : "{\"members\":[{");
	add_user(out, user_id);
	add_role(out, role);
	buf_add_char(out, '}');
}

static void plan_members(struct plan *plan, const char *owner_id, const char *const *user_ids, size_t count)
{
	plan_add(plan, TX_MEMBER_ADDED);
	struct buf *body = plan_body(plan);
	if (owner_id != NULL)
		add_member(body, owner_id, ROLE_OWNER);
	for (size_t i = 0; i < count; i++)
		add_member(body, user_ids[i], ROLE_MEMBER);
	buf_add_text(body, "]}");
	plan_seal(plan);
}

static void plan_removal(struct plan *plan, const char *user_id, bool deleted)
{
	plan_add(plan, TX_MEMBER_REMOVED);
	buf_add_char(plan_body(plan), '{');
	add_user(plan_body(plan), user_id);
	buf_add_text(plan_body(plan), deleted ? ",\"deleted\":true}" : "}");
	plan_seal(plan);
}

static void plan_role(struct plan *plan, const char *user_id, enum role role)
{
	plan_add(plan, TX_ROLE_CHANGED);
	buf_add_char(plan_body(plan), '{');
	add_user(plan_body(plan), user_id);
	add_role(plan_body(plan), role);
	buf_add_char(plan_body(plan), '}');
	plan_seal(plan);
}

/* The last owner hands the group on; with the last member it ends. */
static void plan_leave(struct plan *plan, struct chat *chat, const struct member *member, bool deleted)
{
	const struct member *heir = is_last_owner(chat, member) ? find_heir(chat, member) : NULL;
	if (heir != NULL)
		plan_role(plan, heir->user_id, ROLE_OWNER);
	plan_removal(plan, member->user_id, deleted);
	if (member_is_current(member) && chat->current_members == 1 && !chat->pair && !chat->ended)
		plan_add(plan, TX_GROUP_DELETED);
}

static void plan_group(struct plan *plan, const struct command *command)
{
	sealed_set(&plan_add(plan, TX_GROUP_UPDATED)->body, command->body, command->body_len);
}

/* The two of a 1:1 chat that begins, or who of them left it when his account ended and came back. */
static void plan_pair(struct plan *plan, struct chat *chat, const struct command *command)
{
	const struct member *peer = chat_peer(chat, command->sender_id);
	const char *both[] = {command->sender_id, peer != NULL ? peer->user_id : command->peer_id}, *missing[2];
	size_t count = 0;
	for (size_t i = 0; i < 2; i++)
		if (!member_is_current(chat_member(chat, both[i])))
			missing[count++] = both[i];
	plan_members(plan, NULL, missing, count);
}

/* An empty text is a text. */
static void set_body(struct transaction *draft, const struct command *command)
{
	draft->client_time_ms = command->client_time_ms;
	sealed_set(&draft->body, command->body ? command->body : "", command->body_len);
}

static void plan_message(struct plan *plan, const struct command *command, const struct message_text *text)
{
	struct transaction *draft = plan_add(plan, TX_MESSAGE);
	draft->target = command->replied_to;
	draft->content_type = command->content_type;
	set_body(draft, command);
	if (command->replied_to == 0)
		return;
	const struct transaction *quoted = text->revision;
	draft->quote_revision = quoted->number;
	sealed_set(&draft->quote, quoted->body.text, text_cut(quoted->body.text, quoted->body.len, QUOTE_MAX));
}

static void plan_edit(struct plan *plan, const struct command *command)
{
	struct transaction *draft = plan_add(plan, TX_EDIT);
	draft->target = command->target;
	set_body(draft, command);
}

static void plan_delete(struct plan *plan, const struct command *command)
{
	static const char keep[] = "{\"quotes\":\"keep\"}";
	struct transaction *draft = plan_add(plan, TX_DELETE);
	draft->target = command->target;
	if (command->keep_quotes)
		sealed_set(&draft->body, keep, sizeof keep - 1);
}

static void plan_newcomers(struct plan *plan, struct chat *chat, const struct command *command)
{
	const char **user_ids;
	size_t count = find_newcomers(chat, command, &user_ids);
	plan_members(plan, command->type == COMMAND_CREATE_GROUP ? command->sender_id : NULL, user_ids, count);
	free(user_ids);
}

static void plan_command(struct plan *plan, struct chat *chat, const struct command *command, const struct message_text *text)
{
	bool by_peer = command->type == COMMAND_SEND || command->type == COMMAND_CREATE;
	if (by_peer && (chat->latest == 0 || (chat->pair && !is_whole(chat))))
		plan_pair(plan, chat, command);
	switch (command->type) {
	case COMMAND_SEND:
		plan_message(plan, command, text);
		break;
	case COMMAND_CREATE:
		break;
	case COMMAND_EDIT:
		plan_edit(plan, command);
		break;
	case COMMAND_DELETE:
		plan_delete(plan, command);
		break;
	case COMMAND_CREATE_GROUP:
		plan_newcomers(plan, chat, command);
		plan_group(plan, command);
		break;
	case COMMAND_ADD:
		plan_newcomers(plan, chat, command);
		break;
	case COMMAND_REMOVE:
		plan_leave(plan, chat, chat_member(chat, command->user_ids[0]), false);
		break;
	case COMMAND_SET_ROLE:
		plan_role(plan, command->user_ids[0], command->role);
		break;
	case COMMAND_UPDATE_GROUP:
		plan_group(plan, command);
		break;
	case COMMAND_END_GROUP:
		plan_add(plan, TX_GROUP_DELETED);
		break;
	case COMMAND_CLOSE_ACCOUNT:
		plan_leave(plan, chat, chat_member(chat, command->sender_id), true);
		break;
	}
}

/* ---- accepting ---- */

static void make_planned(struct pending *pending, struct plan *plan, const struct chat *chat, const char *writer)
{
	const struct command *command = pending->command;
	struct tip tip = tip_of(chat);
	for (size_t i = 0; i < plan->count; i++) {
		struct transaction *draft = &plan->drafts[i];
		draft->writer = writer;
		if (i + 1 == plan->count) {
			draft->key = command->key;
			memcpy(draft->key_hash, command->key_hash, ID_BYTES);
		}
		struct transaction *tx = make(chat, command, &tip, draft);
		pending->transactions[pending->transaction_count++] = tx;
		pending->barrier = pending->barrier || tx->type > TX_DELETE;
		tip = tip_behind(tx);
		buf_fini(&plan->bodies[i]);
	}
}

void accept_command(struct chat *chat, struct command *command, const char *writer, const struct message_text *text)
{
	struct plan plan = {0};
	struct pending *pending = mem_zero(sizeof *pending);
	pending->command = command;
	pending->key_hash = chat_key_hash(command->sender_id, command->key);
	plan_command(&plan, chat, command, text);
	make_planned(pending, &plan, chat, writer);
	DL_APPEND(chat->pending, pending);
	chat->pending_count++;
	chat->pending_transactions += pending->transaction_count;
	chat->pending_barriers += pending->barrier;
}
