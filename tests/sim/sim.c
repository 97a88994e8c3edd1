/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * sim [--seed N] [--runs N] [--seconds S] [--trace] [--find-bug] [--scripts DIRECTORY]
 *
 * Runs worlds from seed N, N+1, … until the number of runs or the time is over; without --seed the first one is random, and printed. The
 * first broken promise ends it with exit code 1 and says which seed shows it. --trace tells each event. With --find-bug a broken
 * promise is what is looked for: exit code 0 once one is found, 1 if there was none. With --scripts each run is written down there as a script
 * for fuzz_chat, under its seed. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "tests/sim/sim.h"

enum { WATCHDOG_S = 60 };

struct options {
	uint64_t seed, runs, seconds;
	bool tracing, find_bug;
	const char *scripts;
};

static struct options options;
static struct world world;
static uint64_t runs_done;

/* ---- the one source of chance: salts, secrets and epochs come from the seed as well ---- */

void __wrap_id_random(void *bytes, size_t len);
void __real_id_random(void *bytes, size_t len);

void __wrap_id_random(void *bytes, size_t len)
{
	unsigned char *at = bytes;
	for (size_t i = 0; i < len; i++)
		at[i] = (unsigned char)random_next(&world.random);
}

/* ---- reports ---- */

static void say_where(int fd)
{
	dprintf(fd, "run %lu, seed %lu, step %lu\nto see it: %s --seed %lu --runs 1 --trace\n", (unsigned long)runs_done + 1,
		(unsigned long)world.seed, (unsigned long)world.steps, program_invocation_short_name, (unsigned long)world.seed);
}

/* _exit: what the run has allocated is no leak that anybody wants to hear about. */
static _Noreturn void end(int exit_code)
{
	fflush(stdout);
	_exit(exit_code);
}

void sim_fail(const struct world *where, const char *format, ...)
{
	(void)where;
	fflush(stdout);
	va_list args;
	va_start(args, format);
	fputs(options.find_bug ? "FOUND: " : "FAILED: ", stdout);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	say_where(STDOUT_FILENO);
	end(options.find_bug ? 0 : 1);
}

void sim_trace(const struct world *where, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	printf("%6lu %8ld  ", (unsigned long)where->steps, (long)(where->mono_ms - 1000000));
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

/* The core's own assertions, and runs that never end. */
static void on_signal(int signal)
{
	dprintf(
		STDOUT_FILENO, "%s: %s\n", options.find_bug ? "FOUND" : "FAILED", signal == SIGALRM ? "a run does not end" : "an assertion failed");
	say_where(STDOUT_FILENO);
	_exit(options.find_bug ? 0 : 1);
}

/* ---- options ---- */

static int usage(const char *what)
{
	fprintf(stderr, "%s\nusage: sim [--seed N] [--runs N] [--seconds S] [--trace] [--find-bug] [--scripts DIRECTORY]\n", what);
	return 2;
}

static bool read_number(const char *text, uint64_t *number)
{
	return text_to_u64(text, strlen(text), UINT64_MAX, number);
}

static bool read_options(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		uint64_t *number = strcmp(argv[i], "--seed") == 0      ? &options.seed
						   : strcmp(argv[i], "--runs") == 0    ? &options.runs
						   : strcmp(argv[i], "--seconds") == 0 ? &options.seconds
															   : NULL;
		if (strcmp(argv[i], "--trace") == 0)
			options.tracing = true;
		else if (strcmp(argv[i], "--find-bug") == 0)
			options.find_bug = true;
		else if (strcmp(argv[i], "--scripts") == 0 && i + 1 < argc)
			options.scripts = argv[++i];
		else if (number == NULL || i + 1 == argc || !read_number(argv[i + 1], number))
			return false;
		else
			i++;
	}
	return true;
}

static void keep_script(const struct buf *script, uint64_t seed)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/seed_%lu", options.scripts, (unsigned long)seed);
	FILE *out = fopen(path, "wb");
	bool written = out != NULL && fwrite(script->data, 1, script->len, out) == script->len;
	if (out == NULL || fclose(out) != 0 || !written) {
		perror(path);
		exit(2);
	}
}

static void run(uint64_t seed)
{
	struct buf script = BUF_EMPTY;
	alarm(WATCHDOG_S);
	world = (struct world){.seed = seed, .tracing = options.tracing, .written = options.scripts != NULL ? &script : NULL};
	world_run(&world);
	if (options.scripts != NULL)
		keep_script(&script, seed);
	buf_fini(&script);
	runs_done++;
}

int main(int argc, char **argv)
{
	__real_id_random(&options.seed, sizeof options.seed);
	options.seed >>= 24; /* short enough to be typed */
	if (!read_options(argc, argv))
		return usage("wrong options");
	if (options.runs == 0 && options.seconds == 0)
		options.runs = 1000;
	printf("seed %lu\n", (unsigned long)options.seed);
	fflush(stdout);
	signal(SIGABRT, on_signal);
	signal(SIGALRM, on_signal);
	int64_t start_ms = clock_mono_ms(), spent_ms = 0;
	uint64_t steps = 0;
	while ((options.runs == 0 || runs_done < options.runs) && (options.seconds == 0 || spent_ms < (int64_t)options.seconds * 1000)) {
		run(options.seed + runs_done);
		steps += world.steps;
		spent_ms = clock_mono_ms() - start_ms;
	}
	printf("%lu runs, %lu steps in %ld ms: %s\n", (unsigned long)runs_done, (unsigned long)steps, (long)spent_ms,
		options.find_bug ? "no bug was found" : "all promises kept");
	return options.find_bug ? 1 : 0;
}
