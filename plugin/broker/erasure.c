/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Erasure outside the store. Broker thread: a pass over the journal goes a piece a tick, with the loop in between. The quarantine file is
 * there only after something has brought the broker down three times, so it is gone through at once.
 *
 * A record in quarantine has killed the broker, perhaps while it was parsed. So no more of it is looked at here than intake_decode does, and
 * the topic as a string. */
#include "plugin/broker/erasure.h"

#include <string.h>

#include "plugin/broker/server.h"
#include "plugin/transfer/intake.h"

enum {
	SCRUB_MS = 1000,       /* between two passes */
	SCRUB_IDLE_MS = 60000, /* the same where nothing was erased */
	QUARANTINE_LOOK_MS = 3600000,
};
#define QUARANTINE_KEPT_MS (INT64_C(30) * 24 * 3600 * 1000)

static void told(struct server *server, bool ok, const struct error *err)
{
	if (!ok && !server->erasure.failing)
		server_log(MOSQ_LOG_ERR, "erased texts may still be in the journal's files, trying again: %s", err->text);
	if (ok && server->erasure.failing)
		server_log(MOSQ_LOG_NOTICE, "what was released is erased from the journal's files again");
	server->erasure.failing = !ok;
}

void erasure_happened(struct server *server)
{
	server->erasure.wanted = true;
	server->appended = true;
}

/* ---- quarantine ---- */

struct suspect {
	struct server *server;
	struct chat *chat;
	const char *user_id;
};

static void erase_quarantined(struct server *server, bool (*erase)(void *, const void *, size_t), struct suspect *suspect)
{
	struct error err;
	if (journal_erase_quarantined(server->journal, erase, suspect, &err) != JOURNAL_OK)
		server_log(MOSQ_LOG_ERR, "erased texts may still be in quarantine: %s", err.text);
}

static bool is_from_user(void *context, const void *payload, size_t len)
{
	const struct suspect *suspect = context;
	struct intake intake;
	return intake_decode(payload, len, &intake) && strcmp(intake.sender_id, suspect->user_id) == 0;
}

static bool may_be_to_chat(void *context, const void *payload, size_t len)
{
	const struct suspect *suspect = context;
	struct intake intake;
	if (!intake_decode(payload, len, &intake) || chat_member(suspect->chat, intake.sender_id) == NULL)
		return false;
	char to_chats[40], to_this[40 + CHAT_ID_MAX];
	int prefix_len = snprintf(to_chats, sizeof to_chats, "%s/chat/", suspect->server->conf.prefix);
	int len_this = snprintf(to_this, sizeof to_this, "%s%s/", to_chats, suspect->chat->id);
	return strncmp(intake.topic, to_chats, (size_t)prefix_len) != 0 || strncmp(intake.topic, to_this, (size_t)len_this) == 0;
}

static bool is_old(void *context, const void *payload, size_t len)
{
	const struct suspect *suspect = context;
	struct intake intake;
	return intake_decode(payload, len, &intake) && intake.at_ms < suspect->server->wall_ms - QUARANTINE_KEPT_MS;
}

void erasure_in_chat(struct server *server, struct chat *chat)
{
	struct suspect suspect = {.server = server, .chat = chat};
	erasure_happened(server);
	erase_quarantined(server, may_be_to_chat, &suspect);
}

void erasure_of_user(struct server *server, const char *user_id)
{
	struct suspect suspect = {.server = server, .user_id = user_id};
	erasure_happened(server);
	erase_quarantined(server, is_from_user, &suspect);
}

static void look_for_old(struct server *server)
{
	struct suspect suspect = {.server = server};
	if (server->erasure.looked_at_ms != 0 && server->now_ms - server->erasure.looked_at_ms < QUARANTINE_LOOK_MS)
		return;
	server->erasure.looked_at_ms = server->now_ms;
	erase_quarantined(server, is_old, &suspect);
}

/* ---- the journal ---- */

static bool is_due(const struct server *server)
{
	int64_t since_ms = server->now_ms - server->erasure.scrubbed_at_ms;
	return since_ms >= (server->erasure.wanted ? SCRUB_MS : SCRUB_IDLE_MS);
}

static void begin(struct server *server)
{
	server->erasure.wanted = false;
	server->erasure.scrubbing = true;
	server->erasure.scrubbed_at_ms = server->now_ms;
	journal_scrub_begin(server->journal);
}

void erasure_tick(struct server *server)
{
	struct erasure *erasure = &server->erasure;
	struct error err;
	look_for_old(server);
	if (!erasure->scrubbing && is_due(server))
		begin(server);
	if (!erasure->scrubbing)
		return; /* the rounds that are made once a second wake the loop for the next one */
	bool ok = journal_scrub(server->journal, &erasure->scrubbing, &err) == JOURNAL_OK;
	told(server, ok, &err);
	if (erasure->scrubbing && ok)
		server_wake_in(server, 1);
}

void erasure_finish(struct server *server)
{
	struct error err;
	if (server->journal == NULL)
		return;
	begin(server);
	while (server->erasure.scrubbing)
		if (journal_scrub(server->journal, &server->erasure.scrubbing, &err) != JOURNAL_OK) {
			told(server, false, &err);
			return;
		}
}
