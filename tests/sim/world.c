/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A run: what the seed, or a script, makes of it, its steps, and the calm after them in which everything has to come to its end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

enum { STEPS_MAX = 400, CALM_MS = 60 * 1000, CALM_ROUNDS_MAX = 20000 };

const unsigned short FAULT_PER_MILLE[FAULT_LEVELS] = {0, 0, 20, 100, 400};

size_t world_chat(const struct world *world, const char *chat_id)
{
	for (size_t i = 0; i < world->chat_count; i++)
		if (strcmp(world->truths[i].id, chat_id) == 0)
			return i;
	sim_fail(world, "a chat that nobody asked for: %s", chat_id);
}

const char *world_user(const struct world *world, unsigned user)
{
	return world->user_ids[user];
}

unsigned world_find_user(const struct world *world, const char *user_id)
{
	for (unsigned i = 0; i < world->user_count; i++)
		if (strcmp(world->user_ids[i], user_id) == 0)
			return i;
	sim_fail(world, "a user that nobody named: %s", user_id);
}

/* ---- who reaches whom ---- */

static bool reaches(const struct world *world, unsigned from, unsigned to, bool both)
{
	return world->user_exists[to] && !world->blocks[to][from] && !(both && world->blocks[from][to]);
}

bool world_reached(const struct world *world, unsigned from, unsigned to, bool both, uint64_t since_step)
{
	const struct reach_time *reach = &world->reach[from][to][both];
	return reach->open || reach->since >= since_step;
}

bool world_was_cut(const struct world *world, unsigned from, unsigned to, bool both, uint64_t since_step)
{
	const struct reach_time *reach = &world->reach[from][to][both];
	return !reach->open || reach->since >= since_step;
}

static void tell_reach_changed(struct world *world, unsigned a, unsigned b)
{
	for (size_t i = 0; i < world->chat_count; i++) {
		const struct truth *truth = &world->truths[i];
		if (truth->is_group || truth->users[0] != (a < b ? a : b) || truth->users[1] != (a < b ? b : a))
			continue;
		for (unsigned j = 0; j < world->broker_count; j++)
			if (world->brokers[j].core != NULL)
				core_reach_changed(world->brokers[j].core, truth->id);
	}
}

void world_reach_changed(struct world *world)
{
	for (unsigned from = 0; from < world->user_count; from++)
		for (unsigned to = 0; to < world->user_count; to++)
			for (int both = 0; both < 2; both++) {
				struct reach_time *reach = &world->reach[from][to][both];
				bool open = from != to && reaches(world, from, to, both);
				if (open == reach->open)
					continue;
				*reach = (struct reach_time){open, world->steps};
				if (both)
					tell_reach_changed(world, from, to);
			}
}

/* ---- the plan ---- */

/* Runs differ in kind and not only in order: each event is rare in one and frequent in another, many are absent. */
static void plan_weights(struct world *world)
{
	static const unsigned char levels[] = {0, 1, 2, 4, 8};
	static const struct {
		enum event event;
		unsigned char times;
	} often[] = {{EVENT_COMMAND, 8}, {EVENT_REPEAT, 3}, {EVENT_DO, 16}, {EVENT_ANSWER, 16}, {EVENT_ROUND, 16}, {EVENT_TICK, 4}};
	for (int i = 0; i < EVENT_YIELD; i++)
		world->weights[i] = levels[random_below(&world->random, sizeof levels)];
	for (size_t i = 0; i < sizeof often / sizeof *often; i++)
		world->weights[often[i].event] = (world->weights[often[i].event] + 1) * often[i].times;
	world->weights[EVENT_RESTART] = world->weights[EVENT_CRASH] * 4 + 1;
}

/* One broker that lives through the run, and accounts that come and go: only there it is sure when a text has to be gone. */
static void plan_departures(struct world *world)
{
	world->broker_count = 1;
	world->group_count = 1 + random_below(&world->random, GROUPS_MAX);
	world->write_fault = 200; /* so that what is pending stays so for a while */
	world->weights[EVENT_CRASH] = 0;
	world->weights[EVENT_SIGN_UP] = 8;
	world->weights[EVENT_SIGN_OFF] = 8;
}

static void plan(struct world *world)
{
	struct random *random = &world->random;
	world->broker_count = 1 + random_below(random, BROKERS_MAX);
	world->user_count = 2 + random_below(random, USERS_MAX - 1);
	world->group_count = random_below(random, GROUPS_MAX + 1);
	world->step_count = 40 + random_below(random, STEPS_MAX);
	world->chats_max = random_below(random, 3);
	world->write_fault = FAULT_PER_MILLE[random_below(random, FAULT_LEVELS)];
	world->read_fault = FAULT_PER_MILLE[random_below(random, FAULT_LEVELS)];
	world->begin_refused = random_chance(random, 300) ? 300 : 0;
	world->nested = random_chance(random, 300) ? 200 : 0;
	if (world->script != NULL)
		return;
	plan_weights(world);
	if (random_chance(random, 200))
		plan_departures(world);
	/* Some read along eagerly, some late, some not before the calm. */
	world->weights[EVENT_NEWS] = world->broker_count > 1 ? (unsigned)"\0\1\10\40"[random_below(random, 4)] : 0;
}

static void make_store(struct world *world)
{
	struct store_info info;
	store_memory.open("", 0, &world->store, NULL);
	store_memory.info(world->store, &info, NULL);
	for (unsigned a = 0; a < world->user_count; a++)
		for (unsigned b = a + 1; b < world->user_count; b++) {
			struct truth *truth = &world->truths[world->chat_count++];
			truth->users[0] = a;
			truth->users[1] = b;
			peer_chat_id(info.secret, sizeof info.secret, world_user(world, a), world_user(world, b), truth->id);
		}
	for (unsigned i = 0; i < world->group_count; i++) {
		struct truth *truth = &world->truths[world->chat_count++];
		truth->is_group = true;
		snprintf(truth->id, sizeof truth->id, "group-%u", i);
	}
}

static void make_users(struct world *world)
{
	for (unsigned i = 0; i < world->user_count; i++) {
		snprintf(world->user_ids[i], sizeof world->user_ids[i], "user%u", i);
		world->home[i] = random_below(&world->random, world->broker_count);
	}
}

static void sign_up(struct world *world, unsigned user)
{
	trace(world, "%s signs up", world_user(world, user));
	store_memory.put_user(world->store, world_user(world, user), world->wall_ms, NULL);
	world->user_exists[user] = true;
	world_reach_changed(world);
}

static void make_brokers(struct world *world)
{
	for (unsigned i = 0; i < world->broker_count; i++) {
		struct broker *broker = &world->brokers[i];
		broker->world = world;
		broker->index = i;
		snprintf(broker->writer, sizeof broker->writer, "w%u", i);
		broker->store = store_memory_new_writer(world->store, broker->writer);
		broker_start(broker);
	}
}

static void world_init(struct world *world)
{
	world->random.state = world->seed;
	if (world->script != NULL)
		script_begin(world);
	world->mono_ms = 1000000;
	world->wall_ms = 1790000000000;
	plan(world);
	trace(world, "%u brokers, %u users, %u steps; faults per mille: %u of writes, %u of reads", world->broker_count, world->user_count,
		world->step_count, world->write_fault, world->read_fault);
	script_write_plan(world);
	make_users(world);
	make_store(world);
	for (unsigned i = 0; i < world->user_count; i++)
		if (i < 2 || random_chance(&world->random, 700))
			sign_up(world, i);
	script_write_plan_end(world);
	make_brokers(world);
}

static void world_fini(struct world *world)
{
	for (unsigned i = 0; i < world->broker_count; i++)
		broker_fini(&world->brokers[i]);
	request_free_all(world);
	for (size_t i = 0; i < world->chat_count; i++) {
		for (uint64_t n = 0; n < world->truths[i].latest; n++)
			transaction_free(world->truths[i].log[n]);
		free(world->truths[i].log);
		free(world->truths[i].models);
	}
	for (size_t i = 0; i < world->intent_count; i++)
		free(world->intents[i]);
	for (size_t i = 0; i < world->attempt_count; i++)
		free(world->attempts[i]);
	for (size_t i = 0; i < world->visit_count; i++)
		free(world->visits[i]);
	free(world->intents);
	free(world->attempts);
	free(world->visits);
	for (size_t i = 0; i < world->erasure_count; i++)
		free(world->erasures[i]);
	free(world->erasures);
	buf_fini(&world->drawn);
	store_memory.close(world->store);
}

/* ---- the steps ---- */

static void time_passes(struct world *world, unsigned ms)
{
	world->mono_ms += ms;
	world->wall_ms += ms;
	/* The wall clock may jump, at most rarely and by less than what counts as mad. */
	if (!world->calm && random_chance(&world->random, 50))
		world->wall_ms += (int64_t)random_below(&world->random, 2000) - 1000;
}

static struct broker *any_broker(struct world *world)
{
	return &world->brokers[random_below(&world->random, world->broker_count)];
}

static void tick_all(struct world *world)
{
	for (unsigned i = 0; i < world->broker_count; i++)
		broker_tick(&world->brokers[i]);
}

static void flush_receipts(struct broker *broker)
{
	if (broker->core != NULL)
		core_flush_receipts(broker->core);
}

static void on_do(struct world *world)
{
	request_do_any(world);
}

static void on_answer(struct world *world)
{
	request_answer_any(world);
}

static void on_round(struct world *world)
{
	broker_round(any_broker(world));
}

static void on_tick(struct world *world)
{
	time_passes(world, random_below(&world->random, 400));
	tick_all(world);
}

static void on_idle(struct world *world)
{
	time_passes(world, 61 * 1000);
	tick_all(world);
}

static void on_crash(struct world *world)
{
	broker_crash(any_broker(world));
}

static void on_restart(struct world *world)
{
	broker_start(any_broker(world));
}

static void on_reconnect(struct world *world)
{
	unsigned user = random_below(&world->random, world->user_count);
	world->home[user] = random_below(&world->random, world->broker_count);
	trace(world, "%s connects to broker %u", world_user(world, user), world->home[user]);
}

static void on_flush_journal(struct world *world)
{
	broker_flush_journal(any_broker(world));
}

static void on_visit(struct world *world)
{
	broker_visit(any_broker(world), random_below(&world->random, world->chat_count));
}

static void on_flush_receipts(struct world *world)
{
	flush_receipts(any_broker(world));
}

static void on_sign_up(struct world *world)
{
	unsigned user = random_below(&world->random, world->user_count);
	if (!world->user_exists[user])
		sign_up(world, user);
}

static void on_block(struct world *world)
{
	unsigned who = random_below(&world->random, world->user_count), whom = random_below(&world->random, world->user_count);
	if (who == whom)
		return;
	world->blocks[who][whom] = !world->blocks[who][whom];
	trace(world, "%s %s %s", world_user(world, who), world->blocks[who][whom] ? "blocks" : "unblocks", world_user(world, whom));
	world_reach_changed(world);
}

static void on_news(struct world *world)
{
	struct broker *broker = any_broker(world);
	broker_read_along(broker, random_below(&world->random, world->broker_count));
}

static void on_yield(struct world *world)
{
	struct broker *broker = any_broker(world);
	const struct broker *other = any_broker(world);
	size_t chat = random_below(&world->random, world->chat_count);
	if (broker == other || broker->core == NULL)
		return;
	trace(world, "broker %u: is to let broker %u write to chat %zu", broker->index, other->index, chat);
	core_yield(broker->core, world->truths[chat].id, other->writer, world->mono_ms);
}

static void (*const handlers[EVENT_COUNT])(struct world *world) = {
	[EVENT_COMMAND] = client_command,
	[EVENT_REPEAT] = client_repeat,
	[EVENT_REUSE] = client_reuse,
	[EVENT_DO] = on_do,
	[EVENT_ANSWER] = on_answer,
	[EVENT_ROUND] = on_round,
	[EVENT_TICK] = on_tick,
	[EVENT_IDLE] = on_idle,
	[EVENT_CRASH] = on_crash,
	[EVENT_RESTART] = on_restart,
	[EVENT_RECONNECT] = on_reconnect,
	[EVENT_FLUSH_JOURNAL] = on_flush_journal,
	[EVENT_VISIT] = on_visit,
	[EVENT_RECEIPT] = client_receipt,
	[EVENT_FLUSH_RECEIPTS] = on_flush_receipts,
	[EVENT_SIGN_UP] = on_sign_up,
	[EVENT_BLOCK] = on_block,
	[EVENT_SIGN_OFF] = client_sign_off,
	[EVENT_NEWS] = on_news,
	[EVENT_YIELD] = on_yield,
};

static enum event pick_event(struct world *world)
{
	unsigned sum = 0;
	for (int i = 0; i < EVENT_COUNT; i++)
		sum += world->weights[i];
	unsigned at = random_below(&world->random, sum);
	int event = 0;
	while (at >= world->weights[event])
		at -= world->weights[event++];
	return (enum event)event;
}

static void step(struct world *world, enum event event)
{
	handlers[event](world);
	world->steps++;
}

static void play_seed(struct world *world)
{
	for (unsigned i = 0; i < world->step_count; i++) {
		enum event event = pick_event(world);
		world->random.drawn = world->written != NULL ? &world->drawn : NULL;
		step(world, event);
		world->random.drawn = NULL;
		script_write_step(world, event);
	}
}

static void play_script(struct world *world)
{
	enum event event;
	while (script_next(world, &event))
		step(world, event);
}

/* ---- the calm ---- */

static size_t unanswered(const struct world *world)
{
	size_t count = 0;
	for (unsigned i = 0; i < world->broker_count; i++)
		count += core_command_count(world->brokers[i].core);
	return count;
}

static bool something_is_left(struct world *world)
{
	bool left = world->request_count > 0 || unanswered(world) > 0;
	for (unsigned i = 0; i < world->broker_count && !left; i++)
		left = core_tick(world->brokers[i].core, world->mono_ms) >= 0 || !broker_has_read(&world->brokers[i]);
	return left;
}

static void read_along(struct world *world)
{
	for (unsigned i = 0; i < world->broker_count; i++)
		for (unsigned j = 0; j < world->broker_count && !broker_has_read(&world->brokers[i]); j++)
			broker_read_along(&world->brokers[i], j);
}

/* Everything works, nobody wants anything new: within a minute of the world's time all must be done. */
static void calm_down(struct world *world)
{
	trace(world, "calm");
	world->calm = true;
	for (unsigned i = 0; i < world->broker_count; i++)
		broker_start(&world->brokers[i]);
	int64_t until_ms = world->mono_ms + CALM_MS;
	unsigned rounds = 0;
	while (something_is_left(world)) {
		expect(world, world->mono_ms < until_ms, "%zu commands are still not answered after a calm minute", unanswered(world));
		expect(world, ++rounds < CALM_ROUNDS_MAX, "%zu commands are still not answered after %u calm steps", unanswered(world), rounds);
		bool chance = random_chance(&world->random, 500);
		bool moved = chance ? request_do_any(world) || request_answer_any(world) : request_answer_any(world) || request_do_any(world);
		for (unsigned i = 0; i < world->broker_count && !moved; i++) {
			broker_round(&world->brokers[i]);
			moved = world->request_count > 0;
		}
		if (!moved) {
			time_passes(world, 100);
			tick_all(world);
			read_along(world);
		}
		world->steps++;
	}
	for (unsigned i = 0; i < world->broker_count; i++)
		flush_receipts(&world->brokers[i]);
	while (request_do_any(world) || request_answer_any(world))
		;
}

void world_run(struct world *world)
{
	world_init(world);
	if (world->script != NULL)
		play_script(world);
	else
		play_seed(world);
	calm_down(world);
	oracle_end(world);
	world_fini(world);
}
