/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Where a connection begins: how far its device has what of each of its user's chats. Broker thread; load_run on a reader. */
#include "plugin/broker/replay.h"

#include <stdlib.h>
#include <string.h>

#include "plugin/broker/cursor.h"
#include "plugin/broker/feed.h"
#include "plugin/broker/jobs.h"
#include "plugin/broker/ports.h"
#include "plugin/broker/server.h"

struct load {
	struct job job;
	struct server *server;
	uint64_t session_id, generation;
	char *user_id, *device;
	enum store_rc rc;
	struct error err;
	struct user_record *user;
	struct device_record *record;
	const struct device_cursor **cursors; /* of the user's chats, in their order; NULL: that one has none */
};

/* What an attempt brought that got only so far, or is done with. */
static void load_forget(struct load *load)
{
	store_free(load->user);
	store_free(load->record);
	free(load->cursors);
	load->user = NULL;
	load->record = NULL;
	load->cursors = NULL;
}

static void load_free(struct load *load)
{
	load_forget(load);
	free(load->user_id);
	free(load->device);
	free(load);
}

static int compare_cursors(const void *a, const void *b)
{
	const struct device_cursor *const *one = a, *const *other = b;
	return strcmp((*one)->chat_id, (*other)->chat_id);
}

/* There may be thousands of both, former chats among them: that is a worker's to do. */
static void find_cursors(struct load *load)
{
	size_t chat_count = load->user != NULL ? load->user->chat_count : 0, count = load->record != NULL ? load->record->cursor_count : 0;
	const struct device_cursor **sorted = mem_new((count + 1) * sizeof *sorted);
	for (size_t i = 0; i < count; i++)
		sorted[i] = &load->record->cursors[i];
	qsort(sorted, count, sizeof *sorted, compare_cursors);
	load->cursors = mem_zero((chat_count + 1) * sizeof *load->cursors);
	for (size_t i = 0; i < chat_count && count > 0; i++) {
		const struct device_cursor wanted = {.chat_id = load->user->chats[i].chat_id}, *key = &wanted;
		const struct device_cursor **found = bsearch(&key, sorted, count, sizeof *sorted, compare_cursors);
		load->cursors[i] = found != NULL ? *found : NULL;
	}
	free(sorted);
}

static void load_run(struct job *job)
{
	struct load *load = (struct load *)job;
	struct store *store = load->server->store;
	load_forget(load);
	load->rc = store_ops(store)->load_user(store, load->user_id, &load->user, &load->err);
	if (load->rc == STORE_OK || load->rc == STORE_NOT_FOUND) {
		enum store_rc rc = store_ops(store)->load_device(store, load->user_id, load->device, &load->record, &load->err);
		load->rc = rc == STORE_NOT_FOUND ? STORE_OK : rc;
	}
	if (load->rc == STORE_OK)
		find_cursors(load);
}

/* Without a cursor, a new device begins with what no device of the user has received; a known one was away when the chat began. */
static uint64_t start_of(const struct user_chat *chat, const struct device_cursor *cursor, bool known)
{
	uint64_t before = chat->intervals[0].from - 1;
	uint64_t at = cursor != NULL ? cursor->number : known ? 0 : chat->received;
	return at < before ? before : at;
}

/* A list may be a moment behind where other brokers write; what was shown here since is not. */
static uint64_t latest_of(const struct server *server, const struct user_chat *chat)
{
	uint64_t known = core_known(server->core, chat->chat_id);
	if (chat->role == ROLE_NONE)
		return chat->intervals[chat->interval_count - 1].to;
	return known != UINT64_MAX && known > chat->latest ? known : chat->latest;
}

void replay_start_chat(struct server *server, struct session *session, const struct user_chat *chat, const struct device_cursor *cursor,
	const struct parked *parked)
{
	struct feed *feed = session->feed;
	if (chat->interval_count == 0)
		return;
	uint64_t at = start_of(chat, cursor, session->device_known);
	const struct parked_track *before = parked_find(parked, chat->chat_id);
	uint64_t handed = before != NULL && before->handed > at ? before->handed : at;
	uint64_t last = latest_of(server, chat);
	struct track *track = feed_find(feed, chat->chat_id);
	if (track == NULL && cursor != NULL && at >= last && feed_may_forget(server, chat->chat_id, at))
		return;
	track = feed_track(feed, chat->chat_id, handed);
	track->handed = track->queued = handed; /* nothing was, since it was not known from where */
	track->unplaced = false;
	/* What the broker is sending again is in its memory only: until that has arrived, the cursor stays before it. */
	track->safe = parked != NULL && parked->arrived ? handed : at;
	track->mid = handed;
	track->mid_at_ms = server->now_ms;
	track->placed = cursor != NULL;
	track->stored = cursor != NULL ? cursor->number : 0;
	if (track->latest < last)
		track->latest = last;
	if (track->latest < handed)
		track->latest = handed; /* the device had it from another broker */
}

/* All of the user's chats. How many of them he is in now. */
static size_t start_chats(struct server *server, struct session *session, const struct load *load, const struct parked *parked)
{
	size_t current = 0;
	for (size_t i = 0; load->user != NULL && i < load->user->chat_count; i++) {
		const struct user_chat *chat = &load->user->chats[i];
		replay_start_chat(server, session, chat, load->cursors[i], parked);
		current += chat->role != ROLE_NONE;
	}
	return current;
}

/* Where each chat begins is known. */
static void loaded(struct server *server, struct session *session, const struct load *load)
{
	if (load->record == NULL && !session->placed)
		session->device_known = false; /* it was forgotten just after its login had read of it */
	if (load->record != NULL && session->bytes_max == 0)
		session->bytes_max = load->record->max_bytes; /* the login's own read may be behind this one */
	struct parked *parked = cursor_unpark(server, session);
	session->person->budgets.chats = start_chats(server, session, load, parked);
	parked_free(parked);
	session->feed->loaded = true;
	session->device_known = session->placed = true; /* it is here: what it has no cursor for from now on begins now */
	session_due(server, session);
}

static void load_done(struct job *job)
{
	struct load *load = (struct load *)job;
	struct server *server = load->server;
	struct session *session = session_by_id(server, load->session_id);
	struct feed *feed = session ? session->feed : NULL;
	/* It unsubscribed and came again meanwhile: what was stored when it left has to be read as well. */
	bool earlier = feed != NULL && feed->loading && feed->generation != load->generation;
	if (feed != NULL && !feed->loading)
		feed = NULL;
	if (earlier) {
		load->generation = feed->generation;
		if (jobs_read(server, job, true))
			return;
	}
	if (feed != NULL && (earlier || load->rc != STORE_OK) && jobs_read_again(server, job, load->rc, &load->err))
		return;
	if (session != NULL)
		session->replay_loading = false;
	if (feed != NULL && load->rc == STORE_OK)
		loaded(server, session, load);
	load_free(load);
}

void replay_load(struct server *server, struct session *session)
{
	session->feed->loading = true;
	if (session->replay_loading)
		return; /* an earlier feed's comes back to this one: one at a time, whatever is subscribed and unsubscribed */
	session->replay_loading = true;
	struct load *load = mem_zero(sizeof *load);
	load->job = (struct job){.run = load_run, .done = load_done};
	load->server = server;
	load->session_id = session->id;
	load->generation = session->feed->generation;
	load->user_id = mem_text(session->person->user_id);
	load->device = mem_text(session->device);
	load->rc = STORE_UNAVAILABLE;
	/* Receipts and cursors of a moment ago count. */
	ports_flush_receipts(server);
	if (!jobs_read(server, &load->job, true) && !jobs_repeat(server, NULL, &load->job))
		load_free(load);
}
