/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What must be true at the end, when everything has come to rest: nothing is lost, nothing is left, and all that is stored agrees. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

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

static bool is_gone(const struct world *world, const struct intent *intent)
{
	return model_is_erased(world, intent->chat, intent->target) ||
		   model_is_deleted(world, intent->chat, world->truths[intent->chat].latest, intent->target);
}

static bool may_need_nothing(const struct world *world, const struct intent *intent)
{
	if (intent->type == COMMAND_DELETE)
		return is_gone(world, intent);
	return intent->type == COMMAND_CREATE || intent->type == COMMAND_ADD || intent->type == COMMAND_SET_ROLE ||
		   intent->type == COMMAND_CLOSE_ACCOUNT;
}

/* Every PUBACKed command is in the store, or was refused. */
static void check_journal(const struct world *world, const struct broker *broker)
{
	for (size_t i = 0; i < broker->journal.count; i++) {
		const struct record *record = &broker->journal.records[i];
		expect(world, record->state != RECORD_LIVE, "record %zu of broker %u is still in the journal", i + 1, broker->index);
		expect(world, record->state == RECORD_DECLINED || may_need_nothing(world, record->intent) || number_of(world, record->intent) > 0,
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
		uint64_t next = 0;
		store_memory.tail(world->store, broker->writer, position + 1, 1 + random_below(&world->random, 7), &page, &next, NULL);
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
			(stored->interval_count == 0 || memcmp(member_intervals(member), stored->intervals, stored->interval_count * sizeof *stored->intervals) == 0),
		"the store has another membership of %s than the log", stored->user_id);
	expect(world, stored->received >= member->received && stored->read >= member->read, "%s is to read what was before he came",
		stored->user_id);
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
		expect(world, record->member_count == folded->members.count && record->current_members == folded->current_members,
			"the store has other members than the log");
		expect(world,
			record->pair == folded->pair && record->history_all == folded->history_all && record->ended == folded->ended &&
				record->ended_at_ms == folded->ended_at_ms && strcmp(record->name, folded->name) == 0,
			"the store has another chat than the log");
		for (size_t i = 0; i < record->member_count; i++)
			check_member(world, &record->members[i], folded);
	}
	store_free(record);
	chat_free(folded);
}

/* One broker, and nothing of it that came to the store when it was dead. */
static bool is_surely_finished(const struct world *world, const struct erasure *erasure)
{
	return erasure->finished && world->broker_count == 1 && world->crashes == 0;
}

/* What he wrote before he left is in no message and no quote. */
static void check_account(const struct world *world, const struct erasure *erasure, const struct page *page)
{
	for (size_t i = 0; i < page->count; i++) {
		const struct transaction *tx = page->transactions[i], *quoted = tx->quote_revision > 0 ? page->transactions[tx->quote_revision - 1] : NULL;
		bool his = strcmp(tx->sender_id, world_user(world, erasure->user)) == 0 && tx->number <= erasure->left_at && tx->type <= TX_EDIT;
		bool quotes_him = quoted != NULL && strcmp(quoted->sender_id, world_user(world, erasure->user)) == 0 && quoted->number <= erasure->left_at;
		expect(world, !his || tx->body.text == NULL, "%lu of chat %zu was erased and is there", (unsigned long)tx->number, erasure->chat);
		expect(world, !quotes_him || tx->quote.text == NULL, "%lu of chat %zu quotes what was erased", (unsigned long)tx->number,
			erasure->chat);
	}
}

/* What was deleted is erased in the store, and what was not is there. */
static void check_erasure(const struct world *world, size_t chat)
{
	const struct truth *truth = &world->truths[chat];
	struct page page = {0};
	struct page_limits limits = {SIZE_MAX, SIZE_MAX};
	store_memory.read_page(world->store, truth->id, 1, UINT64_MAX, &limits, &page, NULL);
	for (size_t i = 0; i < page.count; i++) {
		const struct transaction *tx = page.transactions[i];
		uint64_t message = tx->type == TX_MESSAGE ? tx->number : tx->type == TX_EDIT ? tx->target : 0;
		expect(world,
			message == 0 || tx->body.erased == model_is_deleted(world, chat, truth->latest, message) ||
				(tx->body.erased && model_is_erased(world, chat, tx->number)),
			"the text of %lu of chat %zu is%s erased in the store", (unsigned long)tx->number, chat, tx->body.erased ? "" : " not");
	}
	for (size_t i = 0; i < world->erasure_count; i++)
		if (world->erasures[i]->chat == chat && is_surely_finished(world, world->erasures[i]))
			check_account(world, world->erasures[i], &page);
	store_page_free(&page);
}

/* Whether his account was deleted behind what the broker knows of the chat. */
static bool is_forgotten(const struct world *world, const struct truth *truth, const struct chat *chat, const char *user_id)
{
	return model_at(world, (size_t)(truth - world->truths), truth->latest).forgotten[world_find_user(world, user_id)] > chat->latest;
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
		expect(world,
			member == NULL || is_forgotten(world, truth, chat, stored->user_id) ||
				(stored->received >= member->received && stored->read >= member->read),
			"a receipt of %s was lost", stored->user_id);
	}
	store_free(record);
}

/* Whoever is connected there has seen all that other brokers wrote. What it wrote itself and does not know of is an append that outlived a
 * crash; whose command was not in the journal. */
static void check_shown(const struct world *world, const struct broker *broker, size_t chat)
{
	const struct truth *truth = &world->truths[chat];
	for (uint64_t n = core_known(broker->core, truth->id); n < truth->latest; n++)
		expect(world, same_text(truth->log[n]->writer, broker->writer), "broker %u never showed %lu of chat %zu", broker->index,
			(unsigned long)(n + 1), chat);
}

void oracle_end(struct world *world)
{
	check_all_answered(world);
	for (size_t i = 0; i < world->chat_count; i++) {
		check_projection(world, &world->truths[i]);
		check_erasure(world, i);
	}
	for (unsigned i = 0; i < world->broker_count; i++) {
		check_journal(world, &world->brokers[i]);
		check_tail(world, &world->brokers[i]);
		for (size_t j = 0; j < world->chat_count; j++) {
			check_receipts(world, &world->brokers[i], &world->truths[j]);
			check_shown(world, &world->brokers[i], j);
		}
	}
}
