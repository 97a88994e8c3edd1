/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What must be true of a log: it is a chain, and each command in it was asked for by somebody who might, and made what it should. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

uint64_t number_of(const struct world *world, const struct intent *intent)
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

/* The texts that a batch brings may have been erased by a later transaction of the same batch. */
static bool same_or_erased(const struct sealed *a, const struct sealed *b, size_t max)
{
	size_t a_len = a->len < max ? a->len : max, b_len = b->len < max ? b->len : max;
	return a->erased || b->erased || (a_len == b_len && memcmp(a->text, b->text, a_len) == 0);
}

static void look_at_quote(const struct world *world, size_t chat, const struct transaction *tx)
{
	if (tx->type != TX_MESSAGE || tx->target == 0) {
		expect(world, !tx->quote.present, "%lu quotes without a reply", (unsigned long)tx->number);
		return;
	}
	uint64_t revision = 0;
	const struct sealed *text = model_text(world, chat, tx->number - 1, world_find_user(world, tx->sender_id), tx->target, &revision);
	expect(world, text != NULL, "%lu replies to %lu, which is no message, or was deleted", (unsigned long)tx->number,
		(unsigned long)tx->target);
	expect(world, tx->quote_revision == revision && same_or_erased(&tx->quote, text, QUOTE_MAX), "%lu quotes another text than %lu",
		(unsigned long)tx->number, (unsigned long)revision);
}

static bool says_what_was_asked(const struct intent *intent, const struct transaction *tx)
{
	struct sealed body = {.text = intent->body, .len = (uint32_t)strlen(intent->body)};
	switch (tx->type) {
	case TX_MESSAGE:
		return intent->replied_to == tx->target && same_or_erased(&body, &tx->body, SIZE_MAX);
	case TX_EDIT:
		return intent->target == tx->target && same_or_erased(&body, &tx->body, SIZE_MAX);
	case TX_DELETE:
		return intent->target == tx->target && transaction_keeps_quotes(tx) == intent->keep_quotes;
	case TX_GROUP_UPDATED:
		return same_or_erased(&body, &tx->body, SIZE_MAX);
	case TX_MEMBER_REMOVED:
		return (strstr(tx->body.text, "\"deleted\":true") != NULL) == (intent->type == COMMAND_CLOSE_ACCOUNT);
	default:
		return true;
	}
}

/* Whether the command may have made the transactions from `first` to `last` of the log. */
static bool may_have_made(const struct world *world, const struct intent *intent, uint64_t first, uint64_t last)
{
	const struct truth *truth = &world->truths[intent->chat];
	enum transaction_type types[2];
	struct model after;
	if (model_outcome(world, intent, first - 1) != OUTCOME_DONE || (intent->has_if_latest && intent->if_latest != first - 1) ||
		model_does(world, intent, first - 1, types, &after) != last - first + 1)
		return false;
	for (uint64_t n = first; n <= last; n++)
		if (truth->log[n - 1]->type != types[n - first] || !says_what_was_asked(intent, truth->log[n - 1]))
			return false;
	return after.ended == truth->models[last - 1].ended && memcmp(after.roles, truth->models[last - 1].roles, sizeof after.roles) == 0;
}

static void look_at_cause(const struct world *world, size_t chat, uint64_t first, uint64_t last)
{
	const struct truth *truth = &world->truths[chat];
	const struct transaction *tx = truth->log[last - 1];
	for (uint64_t n = 1; n < last; n++)
		expect(world, !same_text(truth->log[n - 1]->key, tx->key) || !same_text(truth->log[n - 1]->sender_id, tx->sender_id),
			"the key of %lu made %lu as well", (unsigned long)n, (unsigned long)last);
	for (size_t i = 0; i < world->attempt_count; i++) {
		const struct attempt *attempt = world->attempts[i];
		const struct intent *intent = attempt->intent;
		if (intent->chat == chat && same_text(intent->key, tx->key) && same_text(world_user(world, intent->sender), tx->sender_id) &&
			same_text(world->brokers[attempt->broker].writer, tx->writer) && transaction_is_repeated(tx, intent->key_hash) &&
			may_have_made(world, intent, first, last))
			return;
	}
	sim_fail(world, "nobody asked for %lu in chat %zu as it was, or he might not", (unsigned long)last, chat);
}

static void look_at_owners(const struct world *world, size_t chat)
{
	const struct model model = model_at(world, chat, world->truths[chat].latest);
	bool owned = !model.is_group || model.ended || model.number == 0;
	for (unsigned i = 0; i < world->user_count; i++)
		owned = owned || model.roles[i] == ROLE_OWNER;
	expect(world, owned, "the group %zu has no owner any more", chat);
}

void oracle_look(struct world *world, size_t chat)
{
	struct truth *truth = &world->truths[chat];
	struct page page = {0};
	struct page_limits limits = {SIZE_MAX, SIZE_MAX};
	uint64_t first = truth->latest + 1; /* of the transactions of a command */
	store_memory.read_page(world->store, truth->id, truth->latest + 1, UINT64_MAX, &limits, &page, NULL);
	for (size_t i = 0; i < page.count; i++) {
		const struct transaction *tx = page.transactions[i];
		look_at_chain(world, truth, tx);
		look_at_quote(world, chat, tx);
		truth->log = mem_grow(truth->log, (truth->latest + 1) * sizeof *truth->log);
		truth->log[truth->latest++] = transaction_ref(tx);
		model_follow(world, chat, tx);
		if (tx->key == NULL)
			continue;
		look_at_cause(world, chat, first, tx->number);
		first = tx->number + 1;
	}
	expect(world, first == truth->latest + 1, "%lu has no key", (unsigned long)truth->latest);
	look_at_owners(world, chat);
	store_page_free(&page);
}
