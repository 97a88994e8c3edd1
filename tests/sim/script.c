/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Runs as bytes, for fuzzing: the plan, and then steps. A step is its event, how many bytes follow, and those, which are what chance draws in it.
 * What is drawn beyond them comes from a seed of its own, which they and the step's place make; so steps can be taken out, copied and moved, and
 * those behind them mean about what they did. Every run of bytes is a script. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

enum { STEPS_MAX = 400 };

static uint64_t hash(uint64_t seed, const uint8_t *bytes, size_t len)
{
	struct random random = {.state = seed};
	for (size_t i = 0; i < len; i++)
		random.state = random_next(&random) ^ bytes[i];
	return random_next(&random);
}

static void draw_from(struct world *world, size_t len, uint64_t seed)
{
	world->random = (struct random){.state = hash(seed, world->script, len), .bytes = world->script, .left = len};
	world->script += len;
	world->script_len -= len;
}

void script_begin(struct world *world)
{
	draw_from(world, world->script_len < SCRIPT_PLAN_LEN ? world->script_len : SCRIPT_PLAN_LEN, 0);
	world->seed = world->random.state;
}

bool script_next(struct world *world, enum event *event)
{
	world->random.left = 0;
	if (world->script_len == 0 || world->steps == STEPS_MAX)
		return false;
	*event = (enum event)(*world->script++ % EVENT_COUNT);
	world->script_len--;
	size_t len = script_step_len(world->script, world->script_len);
	size_t head = len > 0;
	world->script += head;
	world->script_len -= head;
	draw_from(world, len - head, world->seed + world->steps);
	return true;
}

size_t script_step_len(const uint8_t *rest, size_t len)
{
	size_t whole = len > 0 ? 1 + (size_t)(*rest % (SCRIPT_DRAWS_MAX + 1)) : 0;
	return whole < len ? whole : len;
}

/* ---- writing one ---- */

static unsigned fault_level(unsigned per_mille)
{
	unsigned level = FAULT_LEVELS - 1;
	while (FAULT_PER_MILLE[level] > per_mille)
		level--;
	return level;
}

/* What plan() in world.c draws from it. */
void script_write_plan(struct world *world)
{
	if (world->written == NULL)
		return;
	const uint8_t plan[] = {(uint8_t)(world->broker_count - 1), (uint8_t)(world->user_count - 2), (uint8_t)world->group_count, 0, 0,
		(uint8_t)world->chats_max, (uint8_t)fault_level(world->write_fault), (uint8_t)fault_level(world->read_fault),
		world->begin_refused > 0 ? 0 : RANDOM_NEVER, world->nested > 0 ? 0 : RANDOM_NEVER};
	buf_add(world->written, plan, sizeof plan);
	world->random.drawn = world->written; /* where the users are, and who is there */
}

void script_write_plan_end(struct world *world)
{
	world->random.drawn = NULL;
	while (world->written != NULL && world->written->len < SCRIPT_PLAN_LEN)
		buf_add_char(world->written, 0);
}

void script_write_step(struct world *world, enum event event)
{
	if (world->written == NULL)
		return;
	size_t len = world->drawn.len < SCRIPT_DRAWS_MAX ? world->drawn.len : SCRIPT_DRAWS_MAX;
	buf_add_char(world->written, (char)event);
	buf_add_char(world->written, (char)len);
	buf_add(world->written, world->drawn.data, len);
	buf_clear(&world->drawn);
}
