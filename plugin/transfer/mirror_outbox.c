/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * One writer's way to Kafka: read along, hand over, move the place. The mirror's thread.
 *
 * What is on its way is a ring in the order of positions; the place is the oldest that is not delivered. Whenever something goes wrong,
 * everything behind the place is read again from the store and goes out once more: then nothing is left out, and what is there twice has the
 * same number. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "plugin/chat/line.h"
#include "plugin/transfer/mirror_inner.h"

enum {
	PAGE_COUNT = 500,
	PLACE_MS = 1000,
	IDLE_MS = 1000,
	GATHER_MS = 5,
	GATHER_FROM = 8, /* transactions in a page */
	NO_TOPIC_MS = 2000,
	DAMAGED_MS = 2000,
	SAY_AGAIN_MS = 60000,
	REFUSED_MS = 2000,
	CUT_MIN = 200, /* bytes: there is no line that is shorter */
	YIELD_MS = 200, /* what is made of transactions may take long: in between the lease is looked after */
};

static const char SCHEMA_VERSION[] = "1";

static void init(struct outbox *box, const char *writer)
{
	snprintf(box->writer, sizeof box->writer, "%s", writer);
	snprintf(box->name, sizeof box->name, "%s/%s", box->mirror->conf.kind, box->writer);
	box->bytes_max = box->bytes_usual = WINDOW_BYTES;
	box->first = box->last;
	outbox_recall(box);
}

struct outbox *outbox_new(struct mirror *mirror, unsigned index, const char *writer, bool adopted)
{
	struct outbox *box = mem_zero(sizeof *box);
	*box = (struct outbox){.mirror = mirror, .index = index, .adopted = adopted, .last = 1};
	init(box, writer);
	return box;
}

void outbox_give(struct outbox *box, const char *writer)
{
	store_page_free(&box->page);
	if (box->sent_to > box->stored) /* otherwise the place says as much */
		outbox_remember(box);
	/* Numbers go on: what still comes back of before the last rewind is known by them. */
	*box = (struct outbox){.mirror = box->mirror, .index = box->index, .adopted = true, .sent = box->sent, .last = box->last};
	init(box, writer);
}

void outbox_free(struct outbox *box)
{
	if (box == NULL)
		return;
	store_page_free(&box->page);
	free(box->sent);
	free(box);
}

/* ---- the place ---- */

/* The oldest that is not delivered, or what comes next. */
static uint64_t reached(const struct outbox *box)
{
	if (box->last != box->first)
		return outbox_slot(box, box->first)->position;
	return box->page_done < box->page.count ? box->page.transactions[box->page_done]->position : box->next;
}

/* From where somebody else would have to go on. */
static uint64_t place(const struct outbox *box)
{
	return reached(box) < box->certain ? reached(box) : box->certain;
}

void outbox_store_place(struct outbox *box, bool now)
{
	struct mirror *mirror = box->mirror;
	struct error err;
	int64_t now_ms = clock_mono_ms();
	if (!box->placed || place(box) <= box->stored || (!now && now_ms - box->stored_at_ms < PLACE_MS))
		return;
	uint64_t position = place(box);
	box->stored_at_ms = now_ms;
	if (store_ops(mirror->conf.store)->put_place(mirror->conf.store, box->name, position, &err) == STORE_OK)
		box->stored = position;
	else
		mirror_store_failed(mirror, &err);
}

/* Begins again from what is surely delivered. */
static void rewind_box(struct outbox *box)
{
	if (!box->placed)
		return;
	uint64_t from = reached(box);
	store_page_free(&box->page);
	box->page = (struct page){0};
	box->page_done = 0;
	box->also_left = false;
	box->at_end = false;
	box->first = box->last; /* what still comes back of those is passed over by its number */
	box->bytes = 0;
	box->next = from;
}

void outbox_leave_place(struct outbox *box)
{
	/* What a writer that is gone left beyond what is certain goes out once, not at each turn. */
	if (box->adopted && box->placed)
		box->sent_to = reached(box);
	rewind_box(box);
	box->placed = false;
}

/* ---- what comes back ---- */

static void forget_done(struct outbox *box)
{
	while (box->first != box->last && outbox_slot(box, box->first)->waiting == 0) {
		const struct sent *sent = outbox_slot(box, box->first);
		if (sent->position == box->cut_position)
			mirror_say(box->mirror, 3, "%s", box->cut_text);
		box->bytes -= sent->bytes;
		box->first++;
		box->mirror->counts.delivered++;
	}
	if (box->careful_until != 0 && box->first == box->last && reached(box) > box->careful_until) {
		/* If none was too large by itself, it is the batches that are, and they would be again. */
		if (!box->careful_cut)
			box->bytes_usual = box->bytes_max;
		box->bytes_max = box->bytes_usual;
		box->careful_until = 0;
	}
}

void outbox_delivered(struct outbox *box, uint64_t number, bool main, enum kafka_result result, const char *reason)
{
	if (number < box->first || number >= box->last)
		return; /* of before the last rewind */
	struct sent *sent = outbox_slot(box, number);
	/* What all depends on (the topic, a permission) is waited for where there is nothing else to bring. */
	bool refused_also = !main && result != KAFKA_DELIVERED && result != KAFKA_RESTARTED && (!box->mirror->conf.also_only || result == KAFKA_TOO_LARGE);
	if (refused_also)
		box->mirror->counts.refused_also++;
	if (result == KAFKA_DELIVERED || refused_also) {
		sent->waiting--;
		forget_done(box);
		return;
	}
	/* The first reason counts: what comes back behind it does so because of it. */
	if (box->trouble != KAFKA_DELIVERED && box->trouble != KAFKA_RESTARTED)
		return;
	box->trouble = result;
	box->trouble_position = sent->position;
	box->trouble_bytes = sent->bytes;
	box->trouble_alone = box->last - box->first == 1;
	snprintf(box->trouble_text, sizeof box->trouble_text, "%s", reason);
}

void outbox_expect(struct outbox *box, uint64_t number)
{
	outbox_slot(box, number)->waiting++;
}

void outbox_settle(struct outbox *box)
{
	struct mirror *mirror = box->mirror;
	enum kafka_result trouble = box->trouble;
	box->trouble = KAFKA_DELIVERED;
	if (trouble == KAFKA_TOO_LARGE)
		outbox_settle_size(box);
	rewind_box(box);
	if (trouble == KAFKA_NO_TOPIC || trouble == KAFKA_REFUSED) {
		mirror->topic_ready = mirror->topic_said = false;
		mirror->retry_ms = clock_mono_ms() + (trouble == KAFKA_REFUSED ? REFUSED_MS : NO_TOPIC_MS);
		mirror_say(mirror, 3, "Kafka does not take %s for topic %s, trying again: %s", mirror->conf.what, mirror->conf.topic, box->trouble_text);
	}
}

/* ---- one transaction ---- */

static enum store_rc render(struct outbox *box, const struct transaction *tx, size_t max, struct error *err)
{
	struct mirror *mirror = box->mirror;
	buf_clear(&mirror->value);
	if (mirror->conf.render != NULL)
		return mirror->conf.render(mirror->conf.context, tx, max, &mirror->value, err);
	if (max == SIZE_MAX)
		line_add(&mirror->value, tx);
	else
		line_add_within(&mirror->value, tx, max);
	return STORE_OK;
}

static enum kafka_taken produce(struct outbox *box, const struct transaction *tx)
{
	struct mirror *mirror = box->mirror;
	char number[24];
	snprintf(number, sizeof number, "%llu", (unsigned long long)tx->number);
	const struct kafka_header headers[] = {
		{"type", line_type(tx)},
		{"transactionID", number},
		{"epoch", mirror->conf.epoch},
		{"writer", tx->writer},
		{"schema", SCHEMA_VERSION},
	};
	const struct kafka_record record = {
		.topic = mirror->conf.topic,
		.key = tx->chat_id,
		.key_len = strlen(tx->chat_id),
		.value = mirror->value.data,
		.value_len = mirror->value.len,
		.headers = headers,
		.header_count = sizeof headers / sizeof *headers,
		.tag = box->last << OUTBOX_BITS | box->index,
	};
	return kafka_produce(mirror->kafka, &record);
}

/* Its number stays out of the topic, and the log says so: whoever reads along waits for it in vain. */
static void leave_out(struct outbox *box, const struct transaction *tx)
{
	mirror_say(box->mirror, 3, "transaction %llu of chat %s is not on Kafka: the topic takes no record that is large enough for anything of it",
		(unsigned long long)tx->number, tx->chat_id);
}

/* To be said when it got through. */
static void note_cut(struct outbox *box, const struct transaction *tx)
{
	snprintf(box->cut_text, sizeof box->cut_text, "transaction %llu of chat %s was too large for Kafka's topic and went there cut to %zu bytes",
		(unsigned long long)tx->number, tx->chat_id, box->mirror->value.len);
}

/* len: of its own record, 0: it has none. */
static void enter(struct outbox *box, const struct transaction *tx, size_t len)
{
	const struct mirror_conf *conf = &box->mirror->conf;
	*outbox_slot(box, box->last) = (struct sent){.position = tx->position, .at_ms = tx->at_ms, .bytes = (uint32_t)len,
		.waiting = !conf->also_only + (conf->also != NULL)};
	box->bytes += len;
	box->last++;
}

static bool has_room(const struct outbox *box, size_t len)
{
	size_t count = outbox_in_flight(box);
	return count == 0 || (count < WINDOW_COUNT && box->bytes + len <= box->bytes_max);
}

static enum step make_also(struct outbox *box, const struct transaction *tx)
{
	struct mirror *mirror = box->mirror;
	struct error err;
	mirror->making = box;
	enum store_rc rc = mirror->conf.also(mirror->conf.context, mirror, tx, &err);
	mirror->making = NULL;
	box->also_left = rc != STORE_OK;
	if (rc != STORE_OK) {
		mirror_store_failed(mirror, &err);
		return STEP_TROUBLE;
	}
	outbox_slot(box, box->last - 1)->waiting--;
	forget_done(box);
	return STEP_MORE;
}

static enum step hand_over(struct outbox *box, const struct transaction *tx)
{
	struct mirror *mirror = box->mirror;
	struct error err;
	if (mirror->conf.also_only) {
		if (!has_room(box, 0))
			return STEP_WAIT;
		enter(box, tx, 0);
		return make_also(box, tx);
	}
	for (;;) {
		bool is_cut = box->cut_position == tx->position;
		if (is_cut && box->cut_max < CUT_MIN)
			return leave_out(box, tx), STEP_MORE;
		if (render(box, tx, is_cut ? box->cut_max : SIZE_MAX, &err) != STORE_OK) {
			mirror_store_failed(mirror, &err);
			return STEP_TROUBLE;
		}
		if (mirror->value.len == 0)
			return leave_out(box, tx), STEP_MORE;
		if (!has_room(box, mirror->value.len))
			return STEP_WAIT;
		switch (produce(box, tx)) {
		case KAFKA_TAKEN:
			enter(box, tx, mirror->value.len);
			if (is_cut)
				note_cut(box, tx);
			return mirror->conf.also != NULL ? make_also(box, tx) : STEP_MORE;
		case KAFKA_LARGER:
			outbox_cut(box, tx->position, mirror->value.len);
			break;
		case KAFKA_FULL:
			return STEP_WAIT;
		case KAFKA_NOT_NOW:
			if (!kafka_is_broken(mirror->kafka)) {
				mirror->topic_ready = false;
				mirror->retry_ms = clock_mono_ms() + NO_TOPIC_MS;
			}
			return STEP_TROUBLE;
		}
	}
}

/* ---- reading along ---- */

/* Once, and of all writers once a minute: an outbox that went from one to another does not know what it said. */
static void say_damaged(struct outbox *box, const struct error *err)
{
	struct mirror *mirror = box->mirror;
	int64_t now_ms = clock_mono_ms();
	if (box->damage_said || (mirror->damage_said_ms != 0 && now_ms - mirror->damage_said_ms < SAY_AGAIN_MS))
		return;
	box->damage_said = true;
	mirror->damage_said_ms = now_ms;
	mirror_say(mirror, 3, "the mirror waits for something damaged that %s wrote: %s", box->writer, err->text);
}

/* Other writers do not wait for what is damaged, in any case. */
static enum step pass_over(struct outbox *box, uint64_t next, const struct error *err)
{
	struct mirror *mirror = box->mirror;
	if (mirror->conf.damaged == NULL || next <= box->next) {
		say_damaged(box, err);
		box->again_ms = clock_mono_ms() + DAMAGED_MS;
		return STEP_TROUBLE;
	}
	if (outbox_goes_back(box, next))
		return STEP_MORE;
	mirror->conf.damaged(mirror->conf.context, err);
	box->next = box->certain = next;
	box->at_end = false;
	return STEP_MORE;
}

/* What may still be overtaken by something older is left for later, so that all goes out in order and once. Of a writer that is gone nothing
 * comes any more: all of it goes, but the place stays where it is certain. If he is back and it is certain further on than it was read, what
 * came late is behind: it is gone back to, when what was read is no longer on its way. */
static enum step read_on(struct outbox *box)
{
	struct mirror *mirror = box->mirror;
	struct error err;
	uint64_t next = box->next;
	store_page_free(&box->page);
	box->page = (struct page){0};
	box->page_done = 0;
	if (outbox_in_flight(box) > 0 && outbox_slot(box, box->last - 1)->position >= box->next)
		return STEP_WAIT;
	enum store_rc rc = store_ops(mirror->conf.store)->tail(mirror->conf.store, box->writer, box->next, PAGE_COUNT, &box->page, &next, &err);
	if (rc == STORE_CORRUPT)
		return pass_over(box, next, &err);
	if (rc != STORE_OK && rc != STORE_NOT_FOUND) {
		mirror_store_failed(mirror, &err);
		return STEP_TROUBLE;
	}
	box->damage_said = false;
	mirror_store_works(mirror);
	size_t found = box->page.count;
	box->read_at_ms = clock_mono_ms();
	while (!box->adopted && box->page.count > 0 && box->page.transactions[box->page.count - 1]->position >= next)
		transaction_free(box->page.transactions[--box->page.count]);
	if (outbox_goes_back(box, next)) {
		store_page_free(&box->page);
		box->page = (struct page){0};
		return STEP_MORE;
	}
	if (box->next <= box->certain && next > box->certain)
		box->certain = next;
	if (next > box->next)
		box->next = next;
	if (box->adopted && box->page.count > 0 && box->page.transactions[box->page.count - 1]->position >= box->next)
		box->next = box->page.transactions[box->page.count - 1]->position + 1;
	box->at_end = found == 0;
	return box->page.count > 0 ? STEP_MORE : STEP_WAIT;
}

/* A clock that was set back makes none of them young for ever. */
int64_t outbox_rests_ms(const struct outbox *box, const struct transaction *tx)
{
	const struct mirror *mirror = box->mirror;
	int64_t age_ms = clock_wall_ms() - tx->at_ms, up_ms = clock_mono_ms() - mirror->started_ms;
	int64_t rest_ms = age_ms >= 0 && age_ms < mirror->conf.delay_ms ? mirror->conf.delay_ms - age_ms : 0;
	return up_ms + rest_ms < mirror->conf.grace_ms ? mirror->conf.grace_ms - up_ms : rest_ms;
}

static enum step hand_over_page(struct outbox *box)
{
	enum step step = STEP_MORE;
	int64_t until_ms = box->mirror->conf.also != NULL ? clock_mono_ms() + YIELD_MS : INT64_MAX;
	if (box->also_left) {
		step = make_also(box, box->page.transactions[box->page_done]);
		box->page_done += step == STEP_MORE;
	}
	while (step == STEP_MORE && box->page_done < box->page.count) {
		const struct transaction *tx = box->page.transactions[box->page_done];
		int64_t rest_ms = outbox_rests_ms(box, tx);
		if (rest_ms > 0) {
			box->wait_ms = rest_ms < IDLE_MS ? (int)rest_ms : IDLE_MS;
			return STEP_WAIT;
		}
		step = hand_over(box, tx);
		box->page_done += step == STEP_MORE;
		if (until_ms != INT64_MAX && clock_mono_ms() >= until_ms)
			break;
	}
	return step;
}

/* Under load, reading is put off for a moment: fewer, larger pages and batches. */
static bool gathers(const struct outbox *box)
{
	return box->page.count >= GATHER_FROM && box->page.count < PAGE_COUNT && clock_mono_ms() - box->read_at_ms < GATHER_MS;
}

enum step outbox_step(struct outbox *box)
{
	if (box->sent == NULL)
		box->sent = mem_new(WINDOW_COUNT * sizeof *box->sent);
	box->wait_ms = IDLE_MS;
	enum step step = STEP_MORE;
	if (box->page_done == box->page.count) {
		box->wait_ms = GATHER_MS;
		if (gathers(box))
			return STEP_WAIT;
		step = read_on(box);
		if (box->at_end)
			box->wait_ms = IDLE_MS;
	}
	if (step == STEP_TROUBLE || !mirror_has_topic(box->mirror)) /* read first: so it is known how old the oldest is */
		return STEP_TROUBLE;
	if (step == STEP_WAIT)
		return STEP_WAIT;
	return hand_over_page(box);
}

bool outbox_is_finished(const struct outbox *box)
{
	return box->placed && box->at_end && box->first == box->last && box->page_done == box->page.count;
}

uint64_t outbox_lag(const struct outbox *box, uint64_t last_position, int64_t *oldest_ms)
{
	enum { INCARNATION_BITS = 40 }; /* a position's upper part, where the store counts a writer's starts */
	size_t left = box->page.count - box->page_done;
	uint64_t known = outbox_in_flight(box) + left;
	if (box->first != box->last)
		*oldest_ms = outbox_slot(box, box->first)->at_ms;
	else if (left > 0)
		*oldest_ms = box->page.transactions[box->page_done]->at_ms;
	if (!box->placed || last_position == 0 || last_position < reached(box))
		return known;
	uint64_t ahead = last_position - reached(box) + 1;
	if (last_position >> INCARNATION_BITS != reached(box) >> INCARNATION_BITS)
		ahead = last_position & ((UINT64_C(1) << INCARNATION_BITS) - 1);
	return ahead > known ? ahead : known;
}
