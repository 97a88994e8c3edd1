/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * The rules of docs/roles.md and of store.h's projections once more, in the plainest form: of a log of which everything is there, with
 * nothing pending. The oracle holds what cores decide against it. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

static const struct transaction *transaction_at(const struct world *world, size_t chat, uint64_t number)
{
	return world->truths[chat].log[number - 1];
}

static void fold_member(struct model *model, const struct transaction *tx, unsigned user, enum role role)
{
	if (model->roles[user] == ROLE_NONE && tx->type == TX_MEMBER_ADDED)
		model->since[user] = tx->number;
	if (model->roles[user] != ROLE_NONE || tx->type == TX_MEMBER_ADDED)
		model->roles[user] = role;
	if (tx->type == TX_MEMBER_REMOVED && strstr(tx->body.text, "\"deleted\":true") != NULL) {
		model->since[user] = 0;
		model->forgotten[user] = tx->number;
	}
}

static void fold(const struct world *world, struct model *model, const struct transaction *tx)
{
	struct member_change *changes;
	int count = transaction_members(tx, &changes);
	expect(world, count >= 0, "%lu makes no sense", (unsigned long)tx->number);
	for (int i = 0; i < count; i++)
		fold_member(model, tx, world_find_user(world, changes[i].user_id), changes[i].role);
	if (count > 0)
		free(changes);
	if (tx->type == TX_GROUP_UPDATED && strstr(tx->body.text, "\"history\"") != NULL)
		model->history_all = strstr(tx->body.text, "\"all\"") != NULL;
	model->ended = model->ended || tx->type == TX_GROUP_DELETED;
	model->number = tx->number;
}

void model_follow(struct world *world, size_t chat, const struct transaction *tx)
{
	struct truth *truth = &world->truths[chat];
	struct model next = model_at(world, chat, tx->number - 1);
	fold(world, &next, tx);
	truth->models = mem_grow(truth->models, tx->number * sizeof *truth->models);
	truth->models[tx->number - 1] = next;
}

struct model model_at(const struct world *world, size_t chat, uint64_t number)
{
	const struct truth *truth = &world->truths[chat];
	return number > 0 ? truth->models[number - 1] : (struct model){.is_group = truth->is_group};
}

/* He is in the chat behind the transaction, or was right before it. */
static bool was_there(const struct world *world, size_t chat, unsigned user, uint64_t number)
{
	return model_at(world, chat, number).roles[user] != ROLE_NONE || model_at(world, chat, number - 1).roles[user] != ROLE_NONE;
}

bool model_sees(const struct world *world, size_t chat, uint64_t at, unsigned user, uint64_t number)
{
	struct model now = model_at(world, chat, at);
	return number > 0 && number <= at && ((now.history_all && now.roles[user] != ROLE_NONE) ||
		(number > now.forgotten[user] && was_there(world, chat, user, number)));
}

/* ---- messages ---- */

bool model_is_deleted(const struct world *world, size_t chat, uint64_t at, uint64_t message)
{
	for (uint64_t n = message + 1; n <= at; n++)
		if (transaction_at(world, chat, n)->type == TX_DELETE && transaction_at(world, chat, n)->target == message)
			return true;
	return false;
}

bool model_is_erased(const struct world *world, size_t chat, uint64_t number)
{
	for (size_t i = 0; i < world->erasure_count; i++) {
		const struct erasure *erasure = world->erasures[i];
		if (erasure->chat == chat && erasure->begun && number > 0 && number <= world->truths[chat].latest &&
			strcmp(transaction_at(world, chat, number)->sender_id, world_user(world, erasure->user)) == 0)
			return true;
	}
	return false;
}

const struct sealed *model_text(const struct world *world, size_t chat, uint64_t at, unsigned user, uint64_t message, uint64_t *revision)
{
	if (message == 0 || message > at || transaction_at(world, chat, message)->type != TX_MESSAGE || model_is_deleted(world, chat, at, message))
		return NULL;
	*revision = message;
	for (uint64_t n = message + 1; n <= at; n++)
		if (transaction_at(world, chat, n)->type == TX_EDIT && transaction_at(world, chat, n)->target == message)
			*revision = n;
	if (!model_sees(world, chat, at, user, *revision))
		*revision = message;
	return &transaction_at(world, chat, *revision)->body;
}

static enum outcome outcome_of_message(const struct world *world, const struct intent *intent, const struct model *model, uint64_t message)
{
	size_t chat = intent->chat;
	if (!model_sees(world, chat, model->number, intent->sender, message) || transaction_at(world, chat, message)->type != TX_MESSAGE)
		return OUTCOME_FORBIDDEN;
	bool own = strcmp(transaction_at(world, chat, message)->sender_id, world_user(world, intent->sender)) == 0;
	bool moderates = model->is_group && model->roles[intent->sender] >= ROLE_ADMIN;
	if ((intent->type == COMMAND_EDIT && !own) || (intent->type == COMMAND_DELETE && !own && !moderates))
		return OUTCOME_FORBIDDEN;
	if (!model_is_deleted(world, chat, model->number, message))
		return OUTCOME_DONE;
	return intent->type == COMMAND_DELETE ? OUTCOME_NOTHING_NEEDED : OUTCOME_GONE;
}

/* ---- members ---- */

static unsigned named(const struct intent *intent)
{
	unsigned user = 0;
	while (!intent->users[user])
		user++;
	return user;
}

static unsigned count_role(const struct model *model, enum role at_least)
{
	unsigned count = 0;
	for (unsigned i = 0; i < USERS_MAX; i++)
		count += model->roles[i] >= at_least;
	return count;
}

static enum outcome outcome_of_add(const struct intent *intent, const struct model *model)
{
	for (unsigned i = 0; i < USERS_MAX; i++)
		if (intent->users[i] && model->roles[i] == ROLE_NONE)
			return OUTCOME_DONE;
	return OUTCOME_NOTHING_NEEDED;
}

static enum outcome outcome_of_role(const struct intent *intent, const struct model *model)
{
	enum role before = model->roles[named(intent)];
	if (before == ROLE_NONE)
		return OUTCOME_FORBIDDEN;
	if (before == intent->role)
		return OUTCOME_NOTHING_NEEDED;
	return before == ROLE_OWNER && count_role(model, ROLE_OWNER) == 1 ? OUTCOME_FORBIDDEN : OUTCOME_DONE;
}

static enum outcome outcome_in_group(const struct world *world, const struct intent *intent, const struct model *model)
{
	enum role role = model->roles[intent->sender], other = intent->type == COMMAND_REMOVE ? model->roles[named(intent)] : ROLE_NONE;
	if (role == ROLE_NONE)
		return OUTCOME_FORBIDDEN;
	switch (intent->type) {
	case COMMAND_ADD:
		return role == ROLE_MEMBER ? OUTCOME_FORBIDDEN : outcome_of_add(intent, model);
	case COMMAND_REMOVE:
		if (intent->users[intent->sender])
			return OUTCOME_DONE;
		return other != ROLE_NONE && (role == ROLE_OWNER || (role == ROLE_ADMIN && other == ROLE_MEMBER)) ? OUTCOME_DONE : OUTCOME_FORBIDDEN;
	case COMMAND_SET_ROLE:
		return role == ROLE_OWNER ? outcome_of_role(intent, model) : OUTCOME_FORBIDDEN;
	case COMMAND_UPDATE_GROUP:
		return role == ROLE_MEMBER ? OUTCOME_FORBIDDEN : OUTCOME_DONE;
	case COMMAND_END_GROUP:
		return role == ROLE_OWNER ? OUTCOME_DONE : OUTCOME_FORBIDDEN;
	case COMMAND_EDIT:
	case COMMAND_DELETE:
		return outcome_of_message(world, intent, model, intent->target);
	default:
		return intent->replied_to > 0 ? outcome_of_message(world, intent, model, intent->replied_to) : OUTCOME_DONE;
	}
}

static enum outcome outcome_in_pair(const struct world *world, const struct intent *intent, const struct model *model)
{
	const struct truth *truth = &world->truths[intent->chat];
	bool one_of_them = intent->sender == truth->users[0] || intent->sender == truth->users[1];
	bool member = model->roles[intent->sender] != ROLE_NONE;
	if (!one_of_them || (!member && !intent->by_peer))
		return OUTCOME_FORBIDDEN;
	if (intent->type == COMMAND_CREATE)
		return count_role(model, ROLE_MEMBER) == 2 ? OUTCOME_NOTHING_NEEDED : OUTCOME_DONE;
	if (intent->type == COMMAND_SEND)
		return intent->replied_to > 0 ? outcome_of_message(world, intent, model, intent->replied_to) : OUTCOME_DONE;
	return outcome_of_message(world, intent, model, intent->target);
}

enum outcome model_outcome(const struct world *world, const struct intent *intent, uint64_t at)
{
	struct model model = model_at(world, intent->chat, at);
	if (intent->type == COMMAND_CLOSE_ACCOUNT)
		return model.since[intent->sender] > 0 ? OUTCOME_DONE : OUTCOME_NOTHING_NEEDED;
	if (intent->type == COMMAND_CREATE_GROUP)
		return at > 0 ? OUTCOME_ID_REUSED : OUTCOME_DONE;
	if (model.ended || (at == 0 && model.is_group))
		return OUTCOME_FORBIDDEN;
	return model.is_group ? outcome_in_group(world, intent, &model) : outcome_in_pair(world, intent, &model);
}

/* ---- what it does ---- */

/* The member with the highest role, of those the one who is it for the longest time, of those the first by name; USERS_MAX: nobody. */
static unsigned find_eldest(const struct world *world, const struct model *model)
{
	unsigned eldest = USERS_MAX;
	for (unsigned i = 0; i < world->user_count; i++) {
		if (model->roles[i] == ROLE_NONE)
			continue;
		if (eldest == USERS_MAX || model->roles[i] > model->roles[eldest] ||
			(model->roles[i] == model->roles[eldest] &&
				(model->since[i] < model->since[eldest] ||
					(model->since[i] == model->since[eldest] && strcmp(world_user(world, i), world_user(world, eldest)) < 0))))
			eldest = i;
	}
	return eldest;
}

static size_t leave(const struct world *world, struct model *model, unsigned user, enum transaction_type types[2])
{
	size_t count = 0;
	bool lost = model->is_group && !model->ended && model->roles[user] == ROLE_OWNER && count_role(model, ROLE_OWNER) == 1;
	bool was_member = model->roles[user] != ROLE_NONE;
	model->roles[user] = ROLE_NONE;
	unsigned eldest = find_eldest(world, model);
	if (lost && eldest != USERS_MAX) {
		model->roles[eldest] = ROLE_OWNER;
		types[count++] = TX_ROLE_CHANGED;
	}
	types[count++] = TX_MEMBER_REMOVED;
	if (was_member && model->is_group && !model->ended && eldest == USERS_MAX) {
		model->ended = true;
		types[count++] = TX_GROUP_DELETED;
	}
	return count;
}

static size_t join(const struct intent *intent, struct model *model, enum transaction_type types[2])
{
	for (unsigned i = 0; i < USERS_MAX; i++)
		if (intent->users[i] && model->roles[i] == ROLE_NONE)
			model->roles[i] = ROLE_MEMBER;
	types[0] = TX_MEMBER_ADDED;
	return 1;
}

static size_t make_whole(const struct truth *truth, struct model *model, enum transaction_type types[2])
{
	if (model->is_group || count_role(model, ROLE_MEMBER) == 2)
		return 0;
	model->roles[truth->users[0]] = model->roles[truth->users[1]] = ROLE_MEMBER;
	types[0] = TX_MEMBER_ADDED;
	return 1;
}

size_t model_does(const struct world *world, const struct intent *intent, uint64_t at, enum transaction_type types[2], struct model *after)
{
	size_t count = 0;
	*after = model_at(world, intent->chat, at);
	switch (intent->type) {
	case COMMAND_SEND:
		count = make_whole(&world->truths[intent->chat], after, types);
		types[count] = TX_MESSAGE;
		return count + 1;
	case COMMAND_CREATE:
		return make_whole(&world->truths[intent->chat], after, types);
	case COMMAND_EDIT:
		types[0] = TX_EDIT;
		return 1;
	case COMMAND_DELETE:
		types[0] = TX_DELETE;
		return 1;
	case COMMAND_CREATE_GROUP:
		after->roles[intent->sender] = ROLE_OWNER;
		join(intent, after, types);
		types[1] = TX_GROUP_UPDATED;
		return 2;
	case COMMAND_ADD:
		return join(intent, after, types);
	case COMMAND_REMOVE:
		return leave(world, after, named(intent), types);
	case COMMAND_SET_ROLE:
		after->roles[named(intent)] = intent->role;
		types[0] = TX_ROLE_CHANGED;
		return 1;
	case COMMAND_UPDATE_GROUP:
		types[0] = TX_GROUP_UPDATED;
		return 1;
	case COMMAND_END_GROUP:
		after->ended = true;
		types[0] = TX_GROUP_DELETED;
		return 1;
	case COMMAND_CLOSE_ACCOUNT:
		return leave(world, after, intent->sender, types);
	}
	return 0;
}
