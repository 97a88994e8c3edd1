/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hc/me/live. Broker thread. */
#include "plugin/broker/live.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/json.h"
#include "plugin/broker/blocks.h"
#include "plugin/broker/feed.h"
#include "plugin/broker/publish.h"
#include "plugin/broker/server.h"

enum {
	GATHER_MS = 50,         /* receipts of one member within this time are announced once */
	ANNOUNCE_MEMBERS = 32,  /* in larger chats only the user's own devices hear of a receipt; the others ask */
};

struct receipt_due {
	struct receipt_due *prev, *next;
	char *chat_id, *user_id;
};

static void tell_session(struct server *server, struct session *session, const struct buf *payload)
{
	bool fits = payload->len <= session_payload_max(session, strlen(server->conf.prefix) + sizeof "/me/live" - 1, SIZE_MAX);
	if (fits && session->live_qos >= 0 && !session->gone && feed_allows_live(server, session, payload->len))
		publish_copy(server, session, "live", payload->data, payload->len, session->live_qos);
}

static void tell(struct server *server, const struct person *person, const struct buf *payload)
{
	for (struct session *session = person->sessions; session != NULL; session = session->person_next)
		tell_session(server, session, payload);
}

static void start(struct buf *payload, const char *type, const char *chat_id, const char *name, const char *user_id)
{
	buf_printf(payload, "{\"type\":\"%s\",\"chatID\":", type);
	json_add_string(payload, chat_id, strlen(chat_id));
	buf_printf(payload, ",\"%s\":", name);
	json_add_string(payload, user_id, strlen(user_id));
}

void live_typing(struct server *server, struct chat *chat, const char *user_id, bool typing)
{
	struct buf payload = BUF_EMPTY;
	if (chat->current_members > server->conf.large_group)
		return;
	start(&payload, "typing", chat->id, "senderID", user_id);
	buf_add_text(&payload, typing ? ",\"typing\":true}" : ",\"typing\":false}");
	for (struct member *member = NULL; (member = members_next(&chat->members, member)) != NULL;) {
		struct person *person = member_is_current(member) && strcmp(member->user_id, user_id) != 0 ? person_find(server, member->user_id) : NULL;
		if (person != NULL && !blocks_part(server, user_id, member->user_id))
			tell(server, person, &payload);
	}
	buf_fini(&payload);
}

void live_receipt(struct server *server, const struct chat *chat, struct member *member)
{
	if (member->announce)
		return;
	member->announce = true;
	struct receipt_due *due = mem_zero(sizeof *due);
	due->chat_id = mem_text(chat->id);
	due->user_id = mem_text(member->user_id);
	if (server->receipts_due == NULL) {
		server->receipts_due_at_ms = server->now_ms + GATHER_MS;
		server_wake_in(server, GATHER_MS);
	}
	DL_APPEND(server->receipts_due, due);
}

static size_t announce_to(struct server *server, const char *user_id, const struct buf *payload)
{
	const struct person *person = person_find(server, user_id);
	if (person != NULL)
		tell(server, person, payload);
	return person != NULL;
}

/* Returns how many people were told. */
static size_t announce(struct server *server, struct chat *chat, const struct member *who)
{
	struct buf payload = BUF_EMPTY;
	start(&payload, "receipt", chat->id, "userID", who->user_id);
	buf_add_text(&payload, ",\"received\":");
	buf_add_u64(&payload, who->received);
	buf_add_text(&payload, ",\"read\":");
	buf_add_u64(&payload, who->read);
	buf_add_char(&payload, '}');
	size_t told = announce_to(server, who->user_id, &payload);
	struct member *member = NULL;
	while (chat->current_members <= ANNOUNCE_MEMBERS && (member = members_next(&chat->members, member)) != NULL)
		if (member != who && member_is_current(member) && !blocks_part(server, who->user_id, member->user_id))
			told += announce_to(server, member->user_id, &payload);
	buf_fini(&payload);
	return told;
}

static struct receipt_due *take_due(struct server *server)
{
	struct receipt_due *due = server->receipts_due;
	DL_DELETE(server->receipts_due, due);
	return due;
}

static void due_free(struct receipt_due *due)
{
	free(due->chat_id);
	free(due->user_id);
	free(due);
}

void live_flush(struct server *server)
{
	if (server->receipts_due == NULL || server->now_ms < server->receipts_due_at_ms)
		return;
	size_t told = 0;
	while (server->receipts_due != NULL && told < server->conf.deliveries_per_tick) {
		struct receipt_due *due = take_due(server);
		struct chat *chat = core_peek(server->core, due->chat_id);
		struct member *who = chat ? chat_member(chat, due->user_id) : NULL;
		if (who != NULL)
			who->announce = false;
		told += 1 + (member_is_current(who) ? announce(server, chat, who) : 0);
		due_free(due);
	}
	if (server->receipts_due != NULL)
		server_wake_in(server, 1); /* the others at the next tick */
}

void live_presence(struct server *server, struct session *session, const char *user_id, bool online, int64_t last_seen_ms)
{
	struct buf payload = BUF_EMPTY;
	buf_add_text(&payload, "{\"type\":\"presence\",\"userID\":");
	json_add_string(&payload, user_id, strlen(user_id));
	buf_printf(&payload, ",\"online\":%s", online ? "true" : "false");
	if (last_seen_ms > 0)
		buf_printf(&payload, ",\"lastSeen\":%lld", (long long)last_seen_ms);
	buf_add_char(&payload, '}');
	tell_session(server, session, &payload);
	buf_fini(&payload);
}

void live_token(struct server *server, struct session *session, bool expired)
{
	if (session->live_qos < 0)
		return;
	struct buf payload = BUF_EMPTY;
	buf_printf(&payload, "{\"type\":\"%s\",\"at\":", expired ? "tokenExpired" : "tokenExpires");
	buf_add_i64(&payload, server->wall_ms + (session->expires_at_ms - server->now_ms));
	buf_add_char(&payload, '}');
	publish_copy(server, session, "live", payload.data, payload.len, session->live_qos);
	buf_fini(&payload);
}

void live_free_all(struct server *server)
{
	while (server->receipts_due != NULL)
		due_free(take_due(server));
}
