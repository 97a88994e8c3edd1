/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Whose turn it is to mirror a writer. The mirror's thread.
 *
 * A broker keeps the lease of its own name as long as it runs. Somebody else gets it when it has run out, and takes it for one turn at a time:
 * between two turns the owner, if it is back, has the time to take it again. Leases go by wall clocks, so for a moment two may mirror the same;
 * that makes repetitions and nothing else. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "plugin/transfer/mirror_inner.h"

enum {
	LEASE_MS = 15000,
	RENEW_MS = 5000,
	TURN_MS = 8000,      /* of somebody else's */
	PAUSE_MS = 1500,     /* between two turns */
	TAKEN_MS = 500,      /* until the owner tries again */
	OTHERS_MS = 3000,    /* between looks for others' tails */
};

/* Until that time; TAKEN: somebody else has it. */
static enum store_rc take(struct outbox *box, int64_t now_ms, int64_t until_ms)
{
	struct mirror *mirror = box->mirror;
	struct error err;
	enum store_rc rc = store_ops(mirror->conf.store)->take_lease(mirror->conf.store, box->name, mirror->conf.holder, now_ms, until_ms, &err);
	if (rc != STORE_OK && rc != STORE_TAKEN)
		mirror_store_failed(mirror, &err);
	return rc;
}

/* Whoever has the lease next moves the place. */
static void lose_turn(struct outbox *box)
{
	outbox_leave_place(box);
	box->leased = false;
}

static void begin_turn(struct outbox *box)
{
	outbox_leave_place(box); /* somebody else may have moved it */
	box->leased = true;
	box->taken_said = false;
	box->turn_ends_ms = clock_mono_ms() + TURN_MS;
}

static void say_taken(struct outbox *box)
{
	if (!box->taken_said && !box->adopted)
		mirror_say(box->mirror, 5, "somebody else brings what %s wrote to Kafka at the moment: waiting for the lease %s", box->writer, box->name);
	box->taken_said = true;
}

bool outbox_has_turn(struct outbox *box)
{
	int64_t now_ms = clock_mono_ms(), wall_ms = clock_wall_ms();
	bool lasting = !box->adopted || box->mirror->conf.finish;
	if (box->leased && wall_ms < box->leased_until_ms && (!lasting || wall_ms < box->leased_until_ms - (LEASE_MS - RENEW_MS)))
		return true;
	if (now_ms < box->again_ms)
		return box->leased && wall_ms < box->leased_until_ms;
	switch (take(box, wall_ms, wall_ms + LEASE_MS)) {
	case STORE_OK:
		box->leased_until_ms = wall_ms + LEASE_MS;
		if (!box->leased)
			begin_turn(box);
		return true;
	case STORE_TAKEN:
		say_taken(box);
		if (box->leased)
			lose_turn(box);
		box->again_ms = now_ms + (box->adopted && !box->mirror->conf.finish ? OTHERS_MS : TAKEN_MS);
		return false;
	default: /* the store is away; the lease that we have counts on */
		box->again_ms = now_ms + TAKEN_MS;
		return box->leased && wall_ms < box->leased_until_ms;
	}
}

bool outbox_keeps_turn(struct outbox *box)
{
	int64_t wall_ms = clock_wall_ms();
	if (wall_ms < box->leased_until_ms - (LEASE_MS - RENEW_MS))
		return true;
	enum store_rc rc = take(box, wall_ms, wall_ms + LEASE_MS);
	if (rc == STORE_OK)
		box->leased_until_ms = wall_ms + LEASE_MS;
	return rc == STORE_OK || (rc != STORE_TAKEN && wall_ms < box->leased_until_ms);
}

bool outbox_turn_is_over(const struct outbox *box)
{
	return box->adopted && !box->mirror->conf.finish && (outbox_is_finished(box) || clock_mono_ms() >= box->turn_ends_ms);
}

void outbox_end_turn(struct outbox *box)
{
	if (!box->leased)
		return;
	int64_t wall_ms = clock_wall_ms();
	box->again_ms = clock_mono_ms() + (outbox_is_finished(box) ? OTHERS_MS : PAUSE_MS);
	outbox_store_place(box, true);
	take(box, wall_ms, wall_ms);
	lose_turn(box);
}

/* ---- others ---- */

bool outbox_has_news(struct outbox *box)
{
	struct store *store = box->mirror->conf.store;
	struct error err;
	struct page page = {0};
	uint64_t next;
	if (!outbox_find_place(box))
		return false;
	enum store_rc rc = store_ops(store)->tail(store, box->writer, box->next, 1, &page, &next, &err);
	if (rc != STORE_OK && rc != STORE_CORRUPT)
		return false;
	bool news = page.count > 0 || rc == STORE_CORRUPT;
	store_page_free(&page);
	if (news || outbox_goes_back(box, next))
		return true;
	if (next > box->next)
		box->sent_to = box->certain = next; /* up to there is nothing of his: that is not looked through again */
	box->placed = false; /* it may be moved by somebody else */
	return false;
}

static bool is_known(const struct mirror *mirror, const char *writer)
{
	for (size_t i = 0; i < mirror->box_count; i++)
		if (strcmp(mirror->boxes[i]->writer, writer) == 0)
			return true;
	return false;
}

/* A new one, or of those whose turn it is not the one that was given the longest ago, so that each writer gets one. false: all are in use. */
static bool give_box(struct mirror *mirror, const char *writer, int64_t now_ms)
{
	struct outbox *found = NULL;
	if (mirror->box_count < OUTBOX_MAX) {
		found = mirror->boxes[mirror->box_count] = outbox_new(mirror, (unsigned)mirror->box_count, writer, true);
		mirror->box_count++;
	} else {
		for (size_t i = 1; i < OUTBOX_MAX; i++) {
			struct outbox *box = mirror->boxes[i];
			bool is_free = !box->leased && outbox_in_flight(box) == 0 && box->given_ms < now_ms;
			if (is_free && (found == NULL || box->given_ms < found->given_ms))
				found = box;
		}
		if (found != NULL)
			outbox_give(found, writer);
	}
	if (found != NULL)
		found->given_ms = now_ms;
	return found != NULL;
}

/* Those who have no outbox get one in the order of their names, from where it ended the last time. */
static void give_boxes(struct mirror *mirror, const char *const *writers, size_t count, int64_t now_ms)
{
	size_t begin = 0, without = 0;
	for (size_t i = 0; i < count; i++) {
		begin += strcmp(writers[i], mirror->looked_to) <= 0;
		without += !is_known(mirror, writers[i]);
	}
	for (size_t i = 0; i < count && without > 0; i++) {
		const char *writer = writers[(begin + i) % count];
		if (is_known(mirror, writer))
			continue;
		if (!give_box(mirror, writer, now_ms))
			return;
		snprintf(mirror->looked_to, sizeof mirror->looked_to, "%s", writer);
		without--;
	}
}

void mirror_look_for_others(struct mirror *mirror)
{
	struct error err;
	const char *const *writers;
	size_t count;
	int64_t now_ms = clock_mono_ms();
	if (!mirror->conf.adopt || now_ms < mirror->looked_at_ms + OTHERS_MS)
		return;
	mirror->looked_at_ms = now_ms;
	if (store_ops(mirror->conf.store)->list_writers(mirror->conf.store, &writers, &count, &err) != STORE_OK) {
		mirror_store_failed(mirror, &err);
		return;
	}
	give_boxes(mirror, writers, count, now_ms);
	store_free((void *)(uintptr_t)writers);
}
