/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * How libFuzzer changes scripts (tests/sim/script.c): by steps. New ones are put in, also the few that make a command come to its end; some
 * are taken out, copied and moved, get another event, or have what is drawn in them changed; two scripts are put together at a step. */
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/sim/sim.h"

enum { NEW_DRAWS_MAX = 24 };

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(
	const uint8_t *one, size_t one_len, const uint8_t *other, size_t other_len, uint8_t *out, size_t out_max, unsigned seed);

/* ---- steps ---- */

static size_t step_end(const uint8_t *data, size_t size, size_t at)
{
	return at + 1 + script_step_len(data + at + 1, size - at - 1);
}

/* Where some step begins, or the end. */
static size_t some_step(const uint8_t *data, size_t size, struct random *random)
{
	size_t count = 1, at = SCRIPT_PLAN_LEN;
	for (; at < size; at = step_end(data, size, at))
		count++;
	size_t skip = random_below(random, count);
	for (at = SCRIPT_PLAN_LEN; skip > 0; skip--)
		at = step_end(data, size, at);
	return at;
}

/* The end of up to `count` steps. */
static size_t some_steps(const uint8_t *data, size_t size, size_t at, size_t count)
{
	while (count-- > 0 && at < size)
		at = step_end(data, size, at);
	return at;
}

static size_t put_in(uint8_t *data, size_t size, size_t size_max, size_t at, const uint8_t *bytes, size_t len)
{
	if (size + len > size_max)
		return size;
	memmove(data + at + len, data + at, size - at);
	memcpy(data + at, bytes, len);
	return size + len;
}

static void add_step(struct buf *steps, enum event event, struct random *random)
{
	unsigned draws = random_below(random, NEW_DRAWS_MAX + 1);
	buf_add_char(steps, (char)event);
	buf_add_char(steps, (char)draws);
	while (draws-- > 0)
		buf_add_char(steps, (char)random_next(random));
}

/* ---- changes ---- */

static size_t new_step(uint8_t *data, size_t size, size_t size_max, struct random *random)
{
	struct buf step = BUF_EMPTY;
	add_step(&step, (enum event)random_below(random, EVENT_COUNT), random);
	size = put_in(data, size, size_max, some_step(data, size, random), (const uint8_t *)step.data, step.len);
	buf_fini(&step);
	return size;
}

/* A command, and what lets the store and the core get on. */
static size_t new_course(uint8_t *data, size_t size, size_t size_max, struct random *random)
{
	static const enum event course[] = {EVENT_COMMAND, EVENT_DO, EVENT_ANSWER, EVENT_DO, EVENT_ANSWER, EVENT_ROUND, EVENT_DO, EVENT_ANSWER};
	struct buf steps = BUF_EMPTY;
	size_t first = random_below(random, 4);
	for (size_t i = first; i < sizeof course / sizeof *course; i++)
		add_step(&steps, course[i], random);
	size = put_in(data, size, size_max, some_step(data, size, random), (const uint8_t *)steps.data, steps.len);
	buf_fini(&steps);
	return size;
}

static size_t take_out(uint8_t *data, size_t size, size_t size_max, struct random *random)
{
	(void)size_max;
	size_t at = some_step(data, size, random), end = some_steps(data, size, at, 1 + random_below(random, 8));
	memmove(data + at, data + end, size - end);
	return size - (end - at);
}

static size_t copy(uint8_t *data, size_t size, size_t size_max, struct random *random)
{
	size_t at = some_step(data, size, random), end = some_steps(data, size, at, 1 + random_below(random, 8));
	uint8_t *steps = mem_copy(data + at, end - at);
	size = put_in(data, size, size_max, some_step(data, size, random), steps, end - at);
	free(steps);
	return size;
}

static size_t move(uint8_t *data, size_t size, size_t size_max, struct random *random)
{
	size_t at = some_step(data, size, random), end = some_steps(data, size, at, 1 + random_below(random, 4));
	uint8_t *steps = mem_copy(data + at, end - at);
	memmove(data + at, data + end, size - end);
	size -= end - at;
	size = put_in(data, size, size_max, some_step(data, size, random), steps, end - at);
	free(steps);
	return size;
}

static size_t other_event(uint8_t *data, size_t size, size_t size_max, struct random *random)
{
	(void)size_max;
	size_t at = some_step(data, size, random);
	if (at < size)
		data[at] = (uint8_t)random_below(random, EVENT_COUNT);
	return size;
}

static size_t other_draw(uint8_t *data, size_t size, size_t size_max, struct random *random)
{
	(void)size_max;
	size_t at = some_step(data, size, random), end = at < size ? step_end(data, size, at) : at;
	if (end > at + 2)
		data[at + 2 + random_below(random, end - at - 2)] = (uint8_t)random_next(random);
	return size;
}

/* As libFuzzer would: with what it has seen compared, too. */
static size_t other_draws(uint8_t *data, size_t size, size_t size_max, struct random *random)
{
	(void)size_max;
	size_t at = some_step(data, size, random), end = at < size ? step_end(data, size, at) : at;
	if (end > at + 2) {
		size_t len = LLVMFuzzerMutate(data + at + 2, end - at - 2, end - at - 2);
		memset(data + at + 2 + len, 0, end - at - 2 - len);
	}
	return size;
}

static size_t other_plan(uint8_t *data, size_t size, size_t size_max, struct random *random)
{
	(void)size_max;
	data[random_below(random, SCRIPT_PLAN_LEN)] = (uint8_t)random_next(random);
	return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed)
{
	static size_t (*const changes[])(uint8_t *data, size_t size, size_t size_max, struct random *random) = {
		new_step, new_step, new_course, new_course, take_out, copy, move, other_event, other_draw, other_draw, other_draws, other_plan};
	struct random random = {.state = seed};
	if (size_max < SCRIPT_PLAN_LEN)
		return LLVMFuzzerMutate(data, size, size_max);
	for (; size < SCRIPT_PLAN_LEN; size++)
		data[size] = (uint8_t)random_next(&random);
	for (unsigned left = 1 + random_below(&random, 4); left > 0; left--)
		size = changes[random_below(&random, sizeof changes / sizeof *changes)](data, size, size_max, &random);
	return size;
}

size_t LLVMFuzzerCustomCrossOver(
	const uint8_t *one, size_t one_len, const uint8_t *other, size_t other_len, uint8_t *out, size_t out_max, unsigned seed)
{
	struct random random = {.state = seed};
	if (one_len < SCRIPT_PLAN_LEN || other_len < SCRIPT_PLAN_LEN)
		return 0;
	size_t begin = some_step(one, one_len, &random), rest = some_step(other, other_len, &random);
	size_t len = begin + other_len - rest;
	if (len > out_max)
		return 0;
	memcpy(out, one, begin);
	memcpy(out + begin, other + rest, other_len - rest);
	return len;
}
