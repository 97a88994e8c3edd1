/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What must be true of what cores show and answer. The oracle keeps its own copy of what the store has (`truth`), read back after every
 * append (oracle_log.c), and holds everything against it, and against the model of it. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

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
	const struct world *world = broker->world;
	broker->views[chat].known = true;
	broker->views[chat].shown = latest;
	for (size_t i = 0; i < world->attempt_count; i++) {
		struct attempt *attempt = world->attempts[i];
		if (attempt->answered || attempt->view_known || attempt->intent->chat != chat || attempt->broker != broker->index ||
			attempt->incarnation != broker->incarnation)
			continue;
		attempt->view_known = true;
		attempt->view_before = latest;
	}
}

/* Who is shown what: by the times of membership, or everything where the group says so. */
static void check_members(struct world *world, const struct chat *chat, size_t index)
{
	uint64_t number = 1 + random_below(&world->random, chat->latest);
	for (const struct member *member = NULL; (member = members_next(&chat->members, member)) != NULL;) {
		unsigned user = world_find_user(world, member->user_id);
		expect(world, member->role == world->truths[index].models[chat->latest - 1].roles[user], "%s has another role than the log says",
			member->user_id);
		expect(world, member_sees(chat, member, number) == model_sees(world, index, chat->latest, user, number),
			"whether %s sees %lu of chat %zu at %lu is mistaken", member->user_id, (unsigned long)number, index,
			(unsigned long)chat->latest);
	}
}

/* What was deleted is not even in memory. */
static void check_at_hand(const struct world *world, const struct chat *chat, size_t index)
{
	for (uint64_t n = chat->recent_from; n <= chat->latest; n++) {
		const struct transaction *tx = chat_recent(chat, n);
		uint64_t message = tx->type == TX_MESSAGE ? n : tx->type == TX_EDIT ? tx->target : 0;
		expect(world, message == 0 || tx->body.text == NULL || !model_is_deleted(world, index, chat->latest, message),
			"the text of %lu of chat %zu was deleted and is still in memory", (unsigned long)n, index);
	}
}

void oracle_committed(struct broker *broker, const struct chat *chat, const struct transaction *tx)
{
	struct world *world = broker->world;
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
	check_members(world, chat, index);
	check_at_hand(world, chat, index);
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

static bool same_hash(const unsigned char *a, const unsigned char *b)
{
	return memcmp(a, b, ID_BYTES) == 0;
}

static bool same_id(const struct intent *a, const struct intent *b)
{
	return a->chat == b->chat && a->sender == b->sender && strcmp(a->key, b->key) == 0;
}

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

/* Whether the model says that, at some state of the chat that the broker can have seen since the command came. */
static bool was_so(const struct world *world, const struct attempt *attempt, enum outcome outcome)
{
	for (uint64_t at = attempt->view_known ? attempt->view_before : 0; at <= world->truths[attempt->intent->chat].latest; at++)
		if (model_outcome(world, attempt->intent, at) == outcome)
			return true;
	return false;
}

/* ---- reach ---- */

static bool needs_peer(const struct world *world, const struct intent *intent)
{
	return !world->truths[intent->chat].is_group &&
		   (intent->type == COMMAND_SEND || intent->type == COMMAND_CREATE || intent->type == COMMAND_EDIT);
}

static bool needs_newcomers(const struct intent *intent)
{
	return intent->type == COMMAND_ADD || intent->type == COMMAND_CREATE_GROUP;
}

/* Somebody whom it needs could not be reached at some time since it came. */
static bool was_cut(const struct world *world, const struct attempt *attempt)
{
	const struct intent *intent = attempt->intent;
	const unsigned *two = world->truths[intent->chat].users;
	if (needs_peer(world, intent))
		return world_was_cut(world, intent->sender, intent->sender == two[0] ? two[1] : two[0], true, attempt->step);
	for (unsigned i = 0; i < world->user_count && needs_newcomers(intent); i++)
		if (intent->users[i] && i != intent->sender && world_was_cut(world, intent->sender, i, false, attempt->step))
			return true;
	return false;
}

/* It was done, so everybody whom it needs could be reached at some time since it came. */
static void check_reached(const struct world *world, const struct attempt *attempt, uint64_t number)
{
	const struct intent *intent = attempt->intent;
	const struct truth *truth = &world->truths[intent->chat];
	unsigned long order = (unsigned long)attempt->order;
	if (needs_peer(world, intent)) {
		unsigned peer = intent->sender == truth->users[0] ? truth->users[1] : truth->users[0];
		expect(world, world_reached(world, intent->sender, peer, true, attempt->step), "command %lu went to somebody out of reach", order);
	}
	if (!needs_newcomers(intent))
		return;
	const struct model after = model_at(world, intent->chat, number);
	uint64_t joined = intent->type == COMMAND_ADD ? number : number - 1; /* the group's name comes behind */
	for (unsigned i = 0; i < world->user_count; i++)
		if (intent->users[i] && i != intent->sender && after.since[i] == joined)
			expect(world, world_reached(world, intent->sender, i, false, attempt->step), "command %lu added somebody out of reach", order);
}

/* ---- done ---- */

/* Or looks so: what the command was is erased with its text. */
static bool is_its_own(const struct world *world, const struct intent *intent, uint64_t number)
{
	const struct transaction *tx = world->truths[intent->chat].log[number - 1];
	uint64_t message = tx->type == TX_MESSAGE ? number : tx->type == TX_EDIT ? tx->target : 0;
	return transaction_is_repeated(tx, intent->key_hash) || model_is_erased(world, intent->chat, number) ||
		   (message != 0 && model_is_deleted(world, intent->chat, world->truths[intent->chat].latest, message));
}

/* What a message is, the store says, which may be ahead of what the broker has shown: by then its sender may be no member any more, and it is forbidden. */
static bool is_gone_by_now(const struct world *world, const struct intent *intent)
{
	uint64_t message = intent->target + intent->replied_to; /* one of them is 0 */
	return model_is_erased(world, intent->chat, message) ||
	       (message > 0 && model_is_deleted(world, intent->chat, world->truths[intent->chat].latest, message));
}

static bool needed_nothing(const struct world *world, const struct attempt *attempt)
{
	return was_so(world, attempt, OUTCOME_NOTHING_NEEDED) ||
		   (attempt->intent->type == COMMAND_DELETE && was_so(world, attempt, OUTCOME_DONE) && is_gone_by_now(world, attempt->intent));
}

static void check_done(struct broker *broker, const struct attempt *attempt, const struct answer *answer)
{
	const struct world *world = broker->world;
	const struct intent *intent = attempt->intent;
	unsigned long order = (unsigned long)attempt->order, number = (unsigned long)answer->number;
	if (answer->number == 0) {
		uint64_t made = number_of(world, intent);
		expect(world, answer->repeated && needed_nothing(world, attempt), "command %lu is done as number 0", order);
		expect(world, made == 0 || made > broker->views[intent->chat].shown, "command %lu is told that nothing is needed, and made %lu",
			order, (unsigned long)made);
		return;
	}
	expect(
		world, number_of(world, intent) == answer->number, "command %lu is answered with number %lu, which is not its own", order, number);
	expect(world, is_its_own(world, intent, answer->number), "command %lu is taken for another, %lu", order,
		number);
	if (answer->repeated) {
		expect(world, count_attempts(world, intent, true) > 1, "command %lu is new and called a repetition", order);
		return;
	}
	expect(world, broker->views[intent->chat].shown >= answer->number, "command %lu is answered before %lu is shown", order, number);
	check_order(broker, attempt);
	check_reached(world, attempt, answer->number);
}

/* ---- refused ---- */

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
		return was_so(world, attempt, OUTCOME_FORBIDDEN) || was_cut(world, attempt);
	case REFUSAL_GONE:
		return intent->type != COMMAND_DELETE && (was_so(world, attempt, OUTCOME_GONE) || is_gone_by_now(world, intent));
	case REFUSAL_CONFLICT:
		return was_overtaken(broker, attempt);
	case REFUSAL_ID_REUSED:
		return id_was_used(world, intent) || was_so(world, attempt, OUTCOME_ID_REUSED);
	case REFUSAL_RATE_LIMITED:
		return world->begin_refused > 0 && !attempt->replayed && broker->views[intent->chat].shown == 0;
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
