/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Clients: they write to each other by user and by chat, answer, compare and append, retry what they sent, and misuse IDs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

static struct broker *broker_of(struct world *world, unsigned user)
{
	struct broker *broker = &world->brokers[world->home[user]];
	return broker->core != NULL ? broker : NULL;
}

static void set_hash(struct intent *intent)
{
	struct command command = {
		.type = intent->type,
		.body = intent->body,
		.body_len = (uint32_t)strlen(intent->body),
		.replied_to = intent->replied_to,
	};
	command_hash(&command);
	memcpy(intent->key_hash, command.key_hash, ID_BYTES);
}

/* A number near the end of what somebody could have seen of the chat. */
static uint64_t some_number(struct world *world, const struct intent *intent)
{
	const struct broker *broker = broker_of(world, intent->sender);
	uint64_t seen = random_chance(&world->random, 700) ? broker->views[intent->chat].shown : world->truths[intent->chat].latest;
	uint64_t off = random_chance(&world->random, 700) ? 0 : random_below(&world->random, 4);
	return off > seen ? 0 : random_chance(&world->random, 800) ? seen - off : seen + off;
}

static void choose_body(struct world *world, struct intent *intent)
{
	int len = snprintf(intent->body, sizeof intent->body, "message %lu", (unsigned long)world->keys_made);
	if (random_chance(&world->random, 100))
		snprintf(intent->body + len, sizeof intent->body - (size_t)len, "%0*d", 300, 0); /* longer than a quote */
}

static void choose_conditions(struct world *world, struct intent *intent)
{
	intent->has_if_latest = random_chance(&world->random, 250);
	intent->if_latest = intent->has_if_latest ? some_number(world, intent) : 0;
}

static void choose_key(struct world *world, struct intent *intent)
{
	intent->silent = random_chance(&world->random, 200);
	snprintf(intent->key, sizeof intent->key, "%sc%lu", intent->silent ? (char[]){KEY_ONCE, 0} : "", (unsigned long)++world->keys_made);
}

static void choose_chat(struct world *world, struct intent *intent)
{
	const struct truth *truth = &world->truths[intent->chat = random_below(&world->random, world->chat_count)];
	unsigned side = random_below(&world->random, 2);
	intent->sender = truth->users[side];
	intent->peer = truth->users[!side];
	intent->by_peer = intent->type == COMMAND_CREATE || random_chance(&world->random, truth->latest > 0 ? 500 : 900);
	if (!intent->by_peer && random_chance(&world->random, 50)) /* an outsider, or by chance not */
		intent->sender = random_below(&world->random, world->user_count);
}

static struct intent *keep(struct world *world, struct intent *intent)
{
	set_hash(intent);
	return list_add(&world->intents, &world->intent_count, intent, sizeof *intent);
}

static void issue(struct world *world, struct broker *broker, const struct intent *intent)
{
	broker_issue(broker, intent, random_chance(&world->random, 900));
}

void client_command(struct world *world)
{
	struct intent intent = {.type = random_chance(&world->random, 100) ? COMMAND_CREATE : COMMAND_SEND};
	choose_chat(world, &intent);
	struct broker *broker = broker_of(world, intent.sender);
	if (broker == NULL || !world->user_exists[intent.sender])
		return; /* whoever never logged in sends nothing */
	choose_key(world, &intent);
	if (intent.type == COMMAND_SEND) {
		choose_body(world, &intent);
		choose_conditions(world, &intent);
		intent.replied_to = random_chance(&world->random, 200) ? some_number(world, &intent) : 0;
	}
	issue(world, broker, keep(world, &intent));
}

/* An earlier one of a client that can send now; NULL: chance found none. */
static const struct intent *earlier(struct world *world)
{
	if (world->intent_count == 0)
		return NULL;
	/* Mostly a late one: retries follow soon. */
	size_t back = random_below(&world->random, random_chance(&world->random, 800) ? 5 : world->intent_count);
	if (back >= world->intent_count)
		return NULL;
	const struct intent *intent = world->intents[world->intent_count - 1 - back];
	return intent->silent || broker_of(world, intent->sender) == NULL ? NULL : intent;
}

void client_repeat(struct world *world)
{
	const struct intent *intent = earlier(world);
	if (intent == NULL)
		return;
	struct intent again = *intent;
	if (intent->type == COMMAND_SEND && random_chance(&world->random, 100)) {
		choose_conditions(world, &again); /* no part of the content */
		intent = keep(world, &again);
	}
	issue(world, broker_of(world, intent->sender), intent);
}

void client_reuse(struct world *world)
{
	const struct intent *intent = earlier(world);
	if (intent == NULL || intent->type != COMMAND_SEND)
		return;
	struct intent other = *intent;
	snprintf(other.body, sizeof other.body, "other %zu", world->intent_count);
	choose_conditions(world, &other);
	issue(world, broker_of(world, intent->sender), keep(world, &other));
}

void client_receipt(struct world *world)
{
	size_t chat_index = random_below(&world->random, world->chat_count);
	unsigned user = world->truths[chat_index].users[random_below(&world->random, 2)];
	struct broker *broker = broker_of(world, user);
	struct chat *chat = broker != NULL ? core_peek(broker->core, world->truths[chat_index].id) : NULL;
	uint64_t received = random_below(&world->random, world->truths[chat_index].latest + 3);
	uint64_t read = random_below(&world->random, world->truths[chat_index].latest + 3);
	if (chat == NULL || !chat_receive(chat, world_user(world, user), received, read))
		return;
	trace(world, "broker %u: %s has received %lu and read %lu of chat %zu", broker->index, world_user(world, user), (unsigned long)received,
		(unsigned long)read, chat_index);
	core_receipts_changed(broker->core, chat);
}
