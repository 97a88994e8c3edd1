/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What must be true. The oracle keeps its own copy of what the store has (`truth`), read back after every append, and holds against it
 * everything that cores show and answer. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_hash(const unsigned char *a, const unsigned char *b)
{
	return memcmp(a, b, ID_BYTES) == 0;
}

static bool same_id(const struct intent *a, const struct intent *b)
{
	return a->chat == b->chat && a->sender == b->sender && strcmp(a->key, b->key) == 0;
}

/* ---- the log ---- */

/* The number of the transaction that the intent's key made, 0: none. */
static uint64_t number_of(const struct world *world, const struct intent *intent)
{
	const struct truth *truth = &world->truths[intent->chat];
	for (uint64_t n = 0; n < truth->latest; n++)
		if (same_text(truth->log[n]->key, intent->key) && same_text(truth->log[n]->sender_id, world_user(world, intent->sender)))
			return n + 1;
	return 0;
}

static void look_at_chain(const struct world *world, const struct truth *truth, const struct transaction *tx)
{
	static const unsigned char start[HEAD_BYTES];
	unsigned char head[HEAD_BYTES];
	const struct transaction *previous = truth->latest > 0 ? truth->log[truth->latest - 1] : NULL;
	expect(world, tx->number == truth->latest + 1, "number %lu follows %lu in the store", (unsigned long)tx->number,
		(unsigned long)truth->latest);
	transaction_head(tx, previous ? previous->head : start, head);
	expect(world, memcmp(head, tx->head, HEAD_BYTES) == 0, "the head of %lu does not follow", (unsigned long)tx->number);
	expect(world, previous == NULL || tx->at_ms >= previous->at_ms || previous->at_ms - tx->at_ms >= 60 * 60 * 1000,
		"%lu is dated before the one before it", (unsigned long)tx->number);
}

static void look_at_quote(const struct world *world, const struct truth *truth, const struct transaction *tx)
{
	if (tx->target == 0) {
		expect(world, !tx->quote.present, "%lu quotes without a reply", (unsigned long)tx->number);
		return;
	}
	expect(world, tx->target <= truth->latest, "%lu replies to %lu", (unsigned long)tx->number, (unsigned long)tx->target);
	const struct transaction *target = truth->log[tx->target - 1];
	size_t len = target->body.len < QUOTE_MAX ? target->body.len : QUOTE_MAX;
	expect(world, target->type == TX_MESSAGE && tx->quote_revision == tx->target, "%lu replies to what is no message",
		(unsigned long)tx->number);
	expect(world, tx->quote.len == len && memcmp(tx->quote.text, target->body.text, len) == 0, "%lu quotes another text",
		(unsigned long)tx->number);
}

/* Whether the attempt may have made the transaction, whose command began at number `first`. */
static bool may_have_made(const struct world *world, const struct attempt *attempt, const struct transaction *tx, uint64_t first)
{
	const struct intent *intent = attempt->intent;
	if (!same_text(world->brokers[attempt->broker].writer, tx->writer) || !same_text(intent->key, tx->key) ||
		!same_text(world->truths[intent->chat].id, tx->chat_id) || !same_text(world_user(world, intent->sender), tx->sender_id) ||
		!same_hash(intent->key_hash, tx->key_hash))
		return false;
	if (intent->has_if_latest && intent->if_latest != first - 1)
		return false;
	return tx->type == TX_MEMBER_ADDED ? intent->type == COMMAND_CREATE
									   : tx->type == TX_MESSAGE && intent->type == COMMAND_SEND && same_text(intent->body, tx->body.text) &&
											 intent->replied_to == tx->target;
}

static void look_at_cause(const struct world *world, const struct truth *truth, const struct transaction *tx)
{
	if (tx->key == NULL) {
		expect(world, tx->number == 1 && tx->type == TX_MEMBER_ADDED, "%lu has no key", (unsigned long)tx->number);
		return;
	}
	for (uint64_t n = 0; n < truth->latest; n++)
		expect(world, !same_text(truth->log[n]->key, tx->key) || !same_text(truth->log[n]->sender_id, tx->sender_id),
			"the key of %lu made %lu as well", (unsigned long)(n + 1), (unsigned long)tx->number);
	bool began = tx->number == 2 && truth->log[0]->key == NULL;
	for (size_t i = 0; i < world->attempt_count; i++)
		if (may_have_made(world, world->attempts[i], tx, began ? 1 : tx->number))
			return;
	sim_fail(world, "nobody asked for %lu in the chat as it was", (unsigned long)tx->number);
}

void oracle_look(struct world *world, size_t chat)
{
	struct truth *truth = &world->truths[chat];
	struct page page = {0};
	struct page_limits limits = {SIZE_MAX, SIZE_MAX};
	store_memory.read_page(world->store, truth->id, truth->latest + 1, UINT64_MAX, &limits, &page, NULL);
	for (size_t i = 0; i < page.count; i++) {
		const struct transaction *tx = page.transactions[i];
		look_at_chain(world, truth, tx);
		look_at_quote(world, truth, tx);
		look_at_cause(world, truth, tx);
		truth->log = mem_grow(truth->log, (truth->latest + 1) * sizeof *truth->log);
		truth->log[truth->latest++] = transaction_ref(tx);
	}
	store_page_free(&page);
}

/* ---- what a core does ---- */

void oracle_appends(const struct request *request)
{
	const struct world *world = request->broker->world;
	for (size_t i = 0; i < world->request_count; i++) {
		const struct request *other = world->requests[i];
		expect(world,
			other == request || other->type != REQUEST_APPEND || other->answered || other->broker != request->broker ||
				other->incarnation != request->incarnation || other->chat != request->chat,
			"two appends to chat %zu are under way", request->chat);
	}
}

void oracle_chat_loaded(struct broker *broker, size_t chat, uint64_t latest)
{
	broker->views[chat].known = true;
	broker->views[chat].shown = latest;
}

void oracle_committed(struct broker *broker, const struct chat *chat, const struct transaction *tx)
{
	const struct world *world = broker->world;
	size_t index = world_chat(world, chat->id);
	const struct truth *truth = &world->truths[index];
	struct view *view = &broker->views[index];
	unsigned long number = (unsigned long)tx->number;
	expect(world, view->known, "broker %u shows %lu of a chat that it did not load", broker->index, number);
	expect(world, tx->number <= truth->latest && memcmp(tx->head, truth->log[tx->number - 1]->head, HEAD_BYTES) == 0,
		"broker %u shows a %lu of chat %zu that is not in the store", broker->index, number, index);
	expect(world, tx->number == view->shown + 1, "broker %u shows %lu of chat %zu after %lu", broker->index, number, index,
		(unsigned long)view->shown);
	expect(world, chat->latest == tx->number && memcmp(chat->head, tx->head, HEAD_BYTES) == 0, "%lu is shown before it is applied", number);
	view->shown = tx->number;
}

void oracle_visited(struct visit *visit, const struct chat *chat, bool unavailable)
{
	const struct world *world = visit->broker->world;
	const struct view *view = &visit->broker->views[visit->chat];
	const struct truth *truth = &world->truths[visit->chat];
	expect(world, !visit->called, "a visit of chat %zu is called twice", visit->chat);
	visit->called = true;
	if (unavailable)
		return;
	expect(world, (chat == NULL ? 0 : chat->latest) == view->shown && view->known, "a visitor sees a chat %zu that was not shown",
		visit->chat);
	expect(world, chat == NULL || memcmp(chat->head, truth->log[chat->latest - 1]->head, HEAD_BYTES) == 0, "a visitor sees another log");
}

/* ---- answers ---- */

static size_t count_attempts(const struct world *world, const struct intent *intent, bool replays_too)
{
	size_t count = 0;
	for (size_t i = 0; i < world->attempt_count; i++)
		count += (replays_too || !world->attempts[i]->replayed) && same_id(world->attempts[i]->intent, intent);
	return count;
}

/* Commands are decided in the order in which they came; one that came twice has no one place in it. */
static void check_order(struct broker *broker, const struct attempt *attempt)
{
	struct view *view = &broker->views[attempt->intent->chat];
	if (count_attempts(broker->world, attempt->intent, false) > 1)
		return;
	expect(broker->world, attempt->order > view->last_order, "command %lu was decided after command %lu", (unsigned long)attempt->order,
		(unsigned long)view->last_order);
	view->last_order = attempt->order;
}

static void check_done(struct broker *broker, const struct attempt *attempt, const struct answer *answer)
{
	const struct world *world = broker->world;
	const struct intent *intent = attempt->intent;
	const struct truth *truth = &world->truths[intent->chat];
	unsigned long order = (unsigned long)attempt->order, number = (unsigned long)answer->number;
	if (answer->number == 0) {
		expect(world, intent->type == COMMAND_CREATE && answer->repeated, "command %lu is done as number 0", order);
		expect(world, truth->latest > 0, "command %lu is told that its chat is there, and the store has none", order);
		return;
	}
	expect(
		world, number_of(world, intent) == answer->number, "command %lu is answered with number %lu, which is not its own", order, number);
	expect(world, same_hash(truth->log[answer->number - 1]->key_hash, intent->key_hash), "command %lu is taken for another, %lu", order,
		number);
	if (answer->repeated) {
		expect(world, count_attempts(world, intent, true) > 1, "command %lu is new and called a repetition", order);
		return;
	}
	expect(world, broker->views[intent->chat].shown >= answer->number, "command %lu is answered before %lu is shown", order, number);
	check_order(broker, attempt);
}

/* Whether what the broker knew when the command came lets its sender write, and answer what he answers. */
static bool allowed_before(const struct world *world, const struct attempt *attempt)
{
	const struct intent *intent = attempt->intent;
	const struct truth *truth = &world->truths[intent->chat];
	bool insider = intent->sender == truth->users[0] || intent->sender == truth->users[1];
	if (attempt->view_before == 0)
		return intent->by_peer && attempt->peer_existed && intent->replied_to == 0;
	return insider && intent->replied_to <= attempt->view_before;
}

static bool id_was_used(const struct world *world, const struct intent *intent)
{
	for (size_t i = 0; i < world->attempt_count; i++)
		if (same_id(world->attempts[i]->intent, intent) && !same_hash(world->attempts[i]->intent->key_hash, intent->key_hash))
			return true;
	return false;
}

/* Something else came first, or came already as far as this broker can know. */
static bool was_overtaken(const struct broker *broker, const struct attempt *attempt)
{
	const struct intent *intent = attempt->intent;
	uint64_t latest = broker->world->truths[intent->chat].latest, shown = broker->views[intent->chat].shown;
	return intent->has_if_latest &&
		   (attempt->store_before != intent->if_latest || latest != intent->if_latest || shown < intent->if_latest);
}

static bool is_just(const struct broker *broker, const struct attempt *attempt, enum refusal code)
{
	const struct world *world = broker->world;
	const struct intent *intent = attempt->intent;
	switch (code) {
	case REFUSAL_FORBIDDEN:
		return !allowed_before(world, attempt);
	case REFUSAL_CONFLICT:
		return was_overtaken(broker, attempt);
	case REFUSAL_ID_REUSED:
		return id_was_used(world, intent);
	case REFUSAL_BAD_REQUEST:
		return intent->replied_to == 1; /* the chat's beginning is no message */
	case REFUSAL_RATE_LIMITED:
		return world->begin_refused > 0 && !attempt->replayed && intent->by_peer && broker->views[intent->chat].shown == 0;
	case REFUSAL_UNAVAILABLE:
		return CHAT_PENDING_MAX < 1000;
	default:
		return false;
	}
}

static void check_refused(struct broker *broker, const struct attempt *attempt, const struct verdict *verdict)
{
	const struct world *world = broker->world;
	const struct intent *intent = attempt->intent;
	uint64_t number = number_of(world, intent);
	bool taken = number > 0 && same_hash(world->truths[intent->chat].log[number - 1]->key_hash, intent->key_hash);
	expect(world, is_just(broker, attempt, verdict->code), "command %lu is refused without reason: %s", (unsigned long)attempt->order,
		refusal_name(verdict->code));
	expect(world, !taken || number > broker->views[intent->chat].shown || verdict->code == REFUSAL_UNAVAILABLE,
		"command %lu is refused (%s) and was done, as %lu", (unsigned long)attempt->order, refusal_name(verdict->code),
		(unsigned long)number);
}

void oracle_answered(struct broker *broker, struct attempt *attempt, const struct answer *answer)
{
	const struct world *world = broker->world;
	expect(world, broker->core != NULL && attempt->incarnation == broker->incarnation, "a dead broker answers");
	expect(world, !attempt->answered, "command %lu is answered twice", (unsigned long)attempt->order);
	expect(world, same_text(answer->chat_id, world->truths[attempt->intent->chat].id), "the answer names another chat");
	attempt->answered = true;
	attempt->number = answer->number;
	if (answer->refused != NULL)
		check_refused(broker, attempt, answer->refused);
	else
		check_done(broker, attempt, answer);
}

/* ---- the end ---- */

static void check_all_answered(const struct world *world)
{
	for (size_t i = 0; i < world->attempt_count; i++) {
		const struct attempt *attempt = world->attempts[i];
		expect(world, attempt->answered || attempt->incarnation != world->brokers[attempt->broker].incarnation,
			"command %lu was never answered", (unsigned long)attempt->order);
		expect(world,
			attempt->incarnation != world->brokers[attempt->broker].incarnation ||
				attempt->number <= world->brokers[attempt->broker].views[attempt->intent->chat].shown,
			"command %lu was answered with %lu, which its broker never showed", (unsigned long)attempt->order,
			(unsigned long)attempt->number);
	}
	for (size_t i = 0; i < world->visit_count; i++)
		expect(world, world->visits[i]->called, "a visit of chat %zu was never called", world->visits[i]->chat);
}

/* Every PUBACKed command is in the store, or was refused. */
static void check_journal(const struct world *world, const struct broker *broker)
{
	for (size_t i = 0; i < broker->journal.count; i++) {
		const struct record *record = &broker->journal.records[i];
		expect(world, record->state != RECORD_LIVE, "record %zu of broker %u is still in the journal", i + 1, broker->index);
		expect(world, record->state == RECORD_DECLINED || record->intent->type == COMMAND_CREATE || number_of(world, record->intent) > 0,
			"record %zu of broker %u is lost", i + 1, broker->index);
	}
}

static size_t count_written(const struct world *world, const char *writer)
{
	size_t count = 0;
	for (size_t i = 0; i < world->chat_count; i++)
		for (uint64_t n = 0; n < world->truths[i].latest; n++)
			count += same_text(world->truths[i].log[n]->writer, writer);
	return count;
}

/* What a mirror reads: everything that the writer wrote, once, in the order of positions, each chat in the order of its numbers. */
static void check_tail(struct world *world, const struct broker *broker)
{
	uint64_t position = 0, last[CHATS_MAX] = {0};
	size_t count = 0, got;
	do {
		struct page page = {0};
		store_memory.tail(world->store, broker->writer, position + 1, 1 + random_below(&world->random, 7), &page, NULL);
		for (size_t i = 0; i < page.count; i++) {
			const struct transaction *tx = page.transactions[i];
			size_t chat = world_chat(world, tx->chat_id);
			expect(world, tx->position > position && same_text(tx->writer, broker->writer), "the tail of %s goes from %lu to %lu",
				broker->writer, (unsigned long)position, (unsigned long)tx->position);
			expect(world, tx->number > last[chat], "the tail of %s goes back in chat %zu", broker->writer, chat);
			position = tx->position;
			last[chat] = tx->number;
			count++;
		}
		got = page.count;
		store_page_free(&page);
	} while (got > 0);
	expect(world, count == count_written(world, broker->writer), "the tail of %s has %zu of %zu", broker->writer, count,
		count_written(world, broker->writer));
}

static void check_member(const struct world *world, const struct member_record *stored, struct chat *folded)
{
	const struct member *member = chat_member(folded, stored->user_id);
	expect(world,
		member != NULL && member->role == stored->role && member->interval_count == stored->interval_count &&
			memcmp(member->intervals, stored->intervals, stored->interval_count * sizeof *stored->intervals) == 0,
		"the store has another membership of %s than the log", stored->user_id);
	expect(world, stored->received >= stored->read && stored->received <= folded->latest, "%s has received %lu and read %lu of %lu",
		stored->user_id, (unsigned long)stored->received, (unsigned long)stored->read, (unsigned long)folded->latest);
}

/* A chat loaded from the store is the fold of its log. */
static void check_projection(const struct world *world, const struct truth *truth)
{
	struct chat *folded = chat_new(truth->id);
	for (uint64_t n = 0; n < truth->latest; n++)
		expect(world, chat_apply(folded, truth->log[n]), "%lu cannot be applied", (unsigned long)(n + 1));
	struct chat_record *record = NULL;
	enum store_rc rc = store_memory.load_chat(world->store, truth->id, &record, NULL);
	expect(world, rc == (truth->latest > 0 ? STORE_OK : STORE_NOT_FOUND), "loading a chat: %d", (int)rc);
	if (rc == STORE_OK) {
		expect(
			world, record->latest == folded->latest && memcmp(record->head, folded->head, HEAD_BYTES) == 0, "the record is not the log's");
		expect(world, record->member_count == HASH_COUNT(folded->members), "the store has other members than the log");
		for (size_t i = 0; i < record->member_count; i++)
			check_member(world, &record->members[i], folded);
	}
	store_free(record);
	chat_free(folded);
}

/* All receipts were flushed, so that the store has at least what a broker has in memory. */
static void check_receipts(const struct world *world, const struct broker *broker, const struct truth *truth)
{
	struct chat *chat = core_peek(broker->core, truth->id);
	struct chat_record *record = NULL;
	if (chat == NULL || store_memory.load_chat(world->store, truth->id, &record, NULL) != STORE_OK)
		return;
	for (size_t i = 0; i < record->member_count; i++) {
		const struct member_record *stored = &record->members[i];
		const struct member *member = chat_member(chat, stored->user_id);
		expect(world, member == NULL || (stored->received >= member->received && stored->read >= member->read), "a receipt of %s was lost",
			stored->user_id);
	}
	store_free(record);
}

void oracle_end(struct world *world)
{
	check_all_answered(world);
	for (size_t i = 0; i < world->chat_count; i++)
		check_projection(world, &world->truths[i]);
	for (unsigned i = 0; i < world->broker_count; i++) {
		check_journal(world, &world->brokers[i]);
		check_tail(world, &world->brokers[i]);
		for (size_t j = 0; j < world->chat_count; j++)
			check_receipts(world, &world->brokers[i], &world->truths[j]);
	}
}
