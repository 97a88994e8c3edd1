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

static void set_hash(const struct world *world, struct intent *intent)
{
	struct command *command = make_command(world, intent, 0);
	memcpy(intent->key_hash, command->key_hash, ID_BYTES);
	command_free(command);
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

/* The last message of somebody whose texts are going just now, or went, 0: none. */
static uint64_t going_message(const struct world *world, size_t chat)
{
	const struct truth *truth = &world->truths[chat];
	for (size_t i = 0; i < world->erasure_count; i++) {
		const struct erasure *erasure = world->erasures[i];
		for (uint64_t n = truth->latest; n > 0 && erasure->chat == chat; n--)
			if (truth->log[n - 1]->type == TX_MESSAGE && same_text(truth->log[n - 1]->sender_id, world_user(world, erasure->user)))
				return n;
	}
	return 0;
}

/* The two of a 1:1 chat, or anybody in a group. */
static void choose_chat(struct world *world, struct intent *intent)
{
	const struct truth *truth = &world->truths[intent->chat = random_below(&world->random, world->chat_count)];
	if (world->group_count > 0 && random_chance(&world->random, 500))
		truth = &world->truths[intent->chat = world->chat_count - 1 - random_below(&world->random, world->group_count)];
	unsigned side = random_below(&world->random, 2);
	intent->sender = truth->is_group ? random_below(&world->random, world->user_count) : truth->users[side];
	intent->peer = truth->users[!side];
	if (!truth->is_group && random_chance(&world->random, 20)) /* an outsider, or by chance not */
		intent->sender = random_below(&world->random, world->user_count);
}

static bool is_outside(const struct world *world, const struct intent *intent)
{
	const struct truth *truth = &world->truths[intent->chat];
	bool as_chosen = intent->peer == truth->users[0] ? intent->sender == truth->users[1] : intent->sender == truth->users[0];
	return !truth->is_group && !as_chosen;
}

/* Of a list in which each comes as often as it is wanted. */
static enum command_type choose_type(struct world *world, const struct truth *truth)
{
	static const enum command_type in_pair[] = {COMMAND_SEND, COMMAND_SEND, COMMAND_SEND, COMMAND_SEND, COMMAND_SEND, COMMAND_SEND,
		COMMAND_CREATE, COMMAND_EDIT, COMMAND_EDIT, COMMAND_DELETE};
	static const enum command_type in_group[] = {COMMAND_SEND, COMMAND_SEND, COMMAND_SEND, COMMAND_SEND, COMMAND_SEND, COMMAND_SEND,
		COMMAND_EDIT, COMMAND_EDIT, COMMAND_DELETE, COMMAND_ADD, COMMAND_ADD, COMMAND_ADD, COMMAND_REMOVE, COMMAND_REMOVE, COMMAND_REMOVE,
		COMMAND_SET_ROLE, COMMAND_SET_ROLE, COMMAND_UPDATE_GROUP};
	if (!truth->is_group)
		return in_pair[random_below(&world->random, sizeof in_pair / sizeof *in_pair)];
	if (random_chance(&world->random, truth->latest == 0 ? 800 : 10))
		return COMMAND_CREATE_GROUP;
	if (random_chance(&world->random, 10))
		return random_chance(&world->random, 500) ? COMMAND_END_GROUP : COMMAND_CLOSE_ACCOUNT;
	return in_group[random_below(&world->random, sizeof in_group / sizeof *in_group)];
}

static void choose_users(struct world *world, struct intent *intent)
{
	bool many = intent->type == COMMAND_ADD || intent->type == COMMAND_CREATE_GROUP;
	bool self = intent->type == COMMAND_REMOVE && random_chance(&world->random, 400);
	for (unsigned i = many ? 1 + random_below(&world->random, 3) : 1; i > 0; i--)
		intent->users[self ? intent->sender : random_below(&world->random, world->user_count)] = true;
}

static void choose_details(struct world *world, struct intent *intent)
{
	static const char *const updates[] = {"{\"name\":\"n\"}", "{\"history\":\"all\"}", "{\"history\":\"own\"}"};
	switch (intent->type) {
	case COMMAND_SEND:
		choose_body(world, intent);
		intent->by_peer = !world->truths[intent->chat].is_group && !is_outside(world, intent) &&
			random_chance(&world->random, world->truths[intent->chat].latest > 0 ? 500 : 900);
		intent->replied_to = random_chance(&world->random, 250) ? some_number(world, intent) : 0;
		if (random_chance(&world->random, 700) && going_message(world, intent->chat) > 0)
			intent->replied_to = going_message(world, intent->chat);
		break;
	case COMMAND_CREATE:
		intent->by_peer = true;
		break;
	case COMMAND_EDIT:
		choose_body(world, intent);
		intent->target = some_number(world, intent);
		break;
	case COMMAND_DELETE:
		intent->target = some_number(world, intent);
		intent->keep_quotes = random_chance(&world->random, 300);
		break;
	case COMMAND_SET_ROLE:
		intent->role = (enum role)(ROLE_MEMBER + random_below(&world->random, 3));
		break;
	case COMMAND_CREATE_GROUP:
	case COMMAND_UPDATE_GROUP:
		snprintf(intent->body, sizeof intent->body, "%s", updates[random_below(&world->random, 3)]);
		break;
	default:
		break;
	}
}

static struct intent *keep(struct world *world, struct intent *intent)
{
	set_hash(world, intent);
	return list_add(&world->intents, &world->intent_count, intent, sizeof *intent);
}

static void issue(struct world *world, struct broker *broker, const struct intent *intent)
{
	broker_issue(broker, intent, random_chance(&world->random, 900));
}

void client_command(struct world *world)
{
	struct intent intent = {0};
	choose_chat(world, &intent);
	struct broker *broker = broker_of(world, intent.sender);
	if (broker == NULL || !world->user_exists[intent.sender])
		return; /* whoever never logged in sends nothing */
	intent.type = is_outside(world, &intent) ? COMMAND_SEND : choose_type(world, &world->truths[intent.chat]);
	choose_key(world, &intent);
	if (intent.type == COMMAND_ADD || intent.type == COMMAND_REMOVE || intent.type == COMMAND_SET_ROLE || intent.type == COMMAND_CREATE_GROUP)
		choose_users(world, &intent);
	choose_details(world, &intent);
	if ((intent.type == COMMAND_EDIT || intent.type == COMMAND_DELETE) && intent.target == 0)
		return; /* there is nothing to be about */
	choose_conditions(world, &intent);
	issue(world, broker, keep(world, &intent));
}

/* The account ends, and with it his membership of every chat. */
void client_sign_off(struct world *world)
{
	unsigned user = random_below(&world->random, world->user_count);
	struct broker *broker = broker_of(world, user);
	if (broker == NULL || !world->user_exists[user] || random_chance(&world->random, 500))
		return;
	trace(world, "%s deletes his account", world_user(world, user));
	world->user_exists[user] = false;
	world_reach_changed(world);
	for (size_t i = 0; i < world->chat_count; i++) {
		struct intent intent = {.type = COMMAND_CLOSE_ACCOUNT, .chat = i, .sender = user};
		choose_key(world, &intent);
		issue(world, broker, keep(world, &intent));
	}
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
	unsigned user = random_below(&world->random, world->user_count);
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
