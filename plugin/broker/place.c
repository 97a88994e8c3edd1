/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Where connections stand in a chat that comes into memory because another broker has written into it. Broker thread; the read runs on a reader.
 *
 * A device that has no track of the chat has acknowledged all that it was given of it, so its cursor in the store is exact. */
#include "plugin/broker/place.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/broker/feed.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/replay.h"
#include "plugin/broker/server.h"

struct load {
	struct job job;
	struct server *server;
	uint64_t session_id, feed_id;
	char *user_id, *device, *chat_id;
	enum store_rc rc;
	struct error err;
	struct user_chat *membership;
	struct device_record *record;
	const struct device_cursor *cursor; /* the record's; NULL: it has none of the chat */
};

static void forget_results(struct load *load)
{
	store_free(load->membership);
	store_free(load->record);
	load->membership = NULL;
	load->record = NULL;
	load->cursor = NULL;
}

static void load_free(struct load *load)
{
	forget_results(load);
	free(load->user_id);
	free(load->device);
	free(load->chat_id);
	free(load);
}

static void load_run(struct job *job)
{
	struct load *load = (struct load *)job;
	struct store *store = load->server->store;
	forget_results(load);
	load->rc = store_ops(store)->load_membership(store, load->user_id, load->chat_id, &load->membership, &load->err);
	if (load->rc != STORE_OK)
		return;
	enum store_rc rc = store_ops(store)->load_device(store, load->user_id, load->device, &load->record, &load->err);
	load->rc = rc == STORE_NOT_FOUND ? STORE_OK : rc;
	for (size_t i = 0; load->record != NULL && i < load->record->cursor_count; i++)
		if (strcmp(load->record->cursors[i].chat_id, load->chat_id) == 0)
			load->cursor = &load->record->cursors[i];
}

static void forget_track(struct feed *feed, struct track *track)
{
	HASH_DEL(feed->tracks, track);
	free(track->chat_id);
	free(track);
}

static void load_done(struct job *job)
{
	struct load *load = (struct load *)job;
	struct server *server = load->server;
	struct session *session = session_by_id(server, load->session_id);
	struct feed *feed = session != NULL && session->feed != NULL && session->feed->id == load->feed_id ? session->feed : NULL;
	struct track *track = feed != NULL ? feed_find(feed, load->chat_id) : NULL;
	bool wanted = track != NULL && track->unplaced;
	bool early = wanted && !feed->loaded; /* then it is not known yet how a chat without a cursor begins */
	if ((early || (wanted && load->rc != STORE_OK && load->rc != STORE_NOT_FOUND)) && jobs_read_again(server, job, load->rc, &load->err))
		return;
	if (wanted && load->rc == STORE_OK) {
		replay_start_chat(server, session, load->membership, load->cursor, NULL);
		session_due(server, session);
	} else if (wanted) {
		forget_track(feed, track); /* he never was a member */
	}
	load_free(load);
}

static void look_up(struct server *server, const struct session *session, const char *chat_id)
{
	struct load *load = mem_zero(sizeof *load);
	load->job = (struct job){.run = load_run, .done = load_done};
	load->server = server;
	load->session_id = session->id;
	load->feed_id = session->feed->id;
	load->user_id = mem_text(session->person->user_id);
	load->device = mem_text(session->device);
	load->chat_id = mem_text(chat_id);
	load->rc = STORE_UNAVAILABLE;
	/* Behind the cursors that are on their way. */
	if (!jobs_read(server, &load->job, true) && !jobs_repeat(server, NULL, &load->job))
		load_free(load);
}

/* number 0: nothing is known to be new. */
static void place(struct server *server, struct session *session, const char *chat_id, uint64_t number, uint64_t latest)
{
	struct track *track = feed_find(session->feed, chat_id);
	if (track == NULL && session->device == NULL && number == 0)
		return;
	if (track == NULL) {
		track = feed_track(session->feed, chat_id, number > 0 ? number - 1 : 0);
		track->unplaced = session->device != NULL;
		if (track->unplaced)
			look_up(server, session, chat_id);
	}
	if (track->latest < latest)
		track->latest = latest;
	session_due(server, session);
}

/* How far the member sees it; 0: nothing of it. */
static uint64_t sees_up_to(const struct chat *chat, const struct member *member)
{
	if (member == NULL || member->interval_count == 0)
		return 0;
	return member_is_current(member) ? chat->latest : member_last_interval(member)->to;
}

static void place_person(struct server *server, const struct person *person, const struct chat *chat, const struct member *member,
	uint64_t number, struct line *hint)
{
	uint64_t latest = sees_up_to(chat, member);
	if (latest < number)
		return;
	for (struct session *session = person->sessions; latest > 0 && session != NULL; session = session->person_next) {
		if (session->feed == NULL || session->gone)
			continue;
		if (hint != NULL)
			feed_hint(server, session, hint);
		else
			place(server, session, chat->id, number, latest);
	}
}

/* Of members and people who are connected, the fewer are gone through. */
static void place_all(struct server *server, struct chat *chat, uint64_t number, struct line *hint)
{
	if (HASH_COUNT(server->persons) < chat->members.count) {
		for (struct person *person = server->persons; person != NULL; person = person->hh.next)
			place_person(server, person, chat, chat_member(chat, person->user_id), number, hint);
		return;
	}
	for (const struct member *member = NULL; (member = members_next(&chat->members, member)) != NULL;) {
		const struct person *person = person_find(server, member->user_id);
		if (person != NULL)
			place_person(server, person, chat, member, number, hint);
	}
}

void place_members(struct server *server, struct chat *chat)
{
	if (chat->current_members <= server->conf.large_group) /* else who missed something learns it from the next hint */
		place_all(server, chat, 0, NULL);
}

void place_news(struct server *server, struct chat *chat, uint64_t number)
{
	if (chat->current_members <= server->conf.large_group) {
		place_all(server, chat, number, NULL);
		return;
	}
	struct line *hint = line_new_hint(chat->id, chat->latest);
	place_all(server, chat, number, hint);
	line_drop(hint);
}
