/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * plugin/chat, played. The input is a script (tests/sim/script.c): how many brokers, users and groups there are, and then step by step who wants
 * what, what the store does and answers, who dies and comes back, what time it is. The simulator's world plays it, and its oracle says what must
 * be true. A script that fails is told step by step with HC_TRACE=1 in the environment; script_mutator.c knows what a step is. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "tests/sim/sim.h"

static struct world world;

/* Salts, secrets and epochs are the script's as well, and take none of its bytes. */
void __wrap_id_random(void *bytes, size_t len);

void __wrap_id_random(void *bytes, size_t len)
{
	unsigned char *at = bytes;
	for (size_t i = 0; i < len; i++)
		at[i] = (unsigned char)random_next(&world.random);
}

void sim_fail(const struct world *where, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "FAILED: step %lu: ", (unsigned long)where->steps);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

void sim_trace(const struct world *where, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%6lu %8ld  ", (unsigned long)where->steps, (long)(where->mono_ms - 1000000));
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t nothing;
	world = (struct world){.script = size > 0 ? data : &nothing, .script_len = size, .tracing = getenv("HC_TRACE") != NULL};
	world_run(&world);
	return 0;
}
