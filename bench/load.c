/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Loads a broker with one scenario, checks everything that comes back, and prints one line of JSON. The same scenarios run on a bare
 * broker and on HyperChat, so that two lines can be compared. bench/run calls it. One thread.
 *
 * The stream of one scenario fits one process: the broker's thread is what is measured, and needs more for a packet than we do. */
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/load.h"

static const char usage[] =
	"usage: load SCENARIO --port PORT [OPTIONS]\n"
	"  pairs     --pairs N --window N      N senders, each to one receiver\n"
	"  group     --receivers N --window N  one sender, N receivers\n"
	"  rate      --pairs N --rate N        N messages/s in all\n"
	"  catch-up  --count N                 N messages were missed\n"
	"  idle      --count N --pid PID       N sessions of the broker with this process ID\n"
	"  hostile                             one floods, 20 ping\n"
	"HyperChat only:\n"
	"  intruders --count N                 at least N logins with a spoilt token, 20 ping\n"
	"  storm     --count N                 N users of 50 groups each come at once\n"
	"  crowd     --count N --rate N        N groups of 50, N messages/s in all\n"
	"  awake     --count N --pid PID       N groups of 50, one message in each\n"
	"  loaded    --count N --pid PID       the same, and nobody reads\n"
	"  list                                somebody asks for his many chats\n"
	"  receipts  --receivers N --pid PID   a group whose N members read one message\n"
	"options: --users FILE (HyperChat: `user token` lines, and the store was filled by `prepare`; without it the broker is bare)\n"
	"         --size BYTES (100)  --warmup SECONDS (1)  --seconds SECONDS (5)  --every SECONDS (pairs, group, rate: a line each so often)\n"
	"         --messages N (pairs, group: of each sender, without warm-up; then it ends)  --sender-inbox\n";

struct scenario {
	const char *name;
	void (*run)(const struct load_options *options);
	size_t (*users)(const struct load_options *options); /* how many it needs */
};

static size_t users_of_pairs(const struct load_options *options)
{
	return 2 * (size_t)options->pairs;
}

static size_t users_of_group(const struct load_options *options)
{
	return 1 + (size_t)options->receivers;
}

static size_t users_of_catch_up(const struct load_options *options)
{
	(void)options;
	return 2;
}

static size_t users_of_idle(const struct load_options *options)
{
	return options->count;
}

static size_t users_of_list(const struct load_options *options)
{
	(void)options;
	return 1;
}

static size_t users_of_hostile(const struct load_options *options)
{
	(void)options;
	return 22;
}

static const struct scenario scenarios[] = {
	{"pairs", load_pairs, users_of_pairs},
	{"group", load_group, users_of_group},
	{"rate", load_rate, users_of_pairs},
	{"catch-up", load_catch_up, users_of_catch_up},
	{"idle", load_idle, users_of_idle},
	{"storm", load_storm, users_of_idle},
	{"crowd", load_crowd, users_of_idle},
	{"awake", load_awake, users_of_idle},
	{"loaded", load_loaded, users_of_idle},
	{"list", load_list, users_of_list},
	{"receipts", load_receipts, users_of_group},
	{"hostile", load_hostile, users_of_hostile},
	{"intruders", load_intruders, users_of_hostile},
};

static _Noreturn void die_of_usage(void)
{
	fputs(usage, stderr);
	exit(2);
}

static const struct scenario *scenario_find(const char *name)
{
	for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	die_of_usage();
}

/* The options that are whole numbers: fields of type unsigned. */
static const struct number_option {
	const char *name;
	size_t offset;
	unsigned min, max;
} number_options[] = {
	{"port", offsetof(struct load_options, port), 1, 65535},
	{"pairs", offsetof(struct load_options, pairs), 1, 5000},
	{"receivers", offsetof(struct load_options, receivers), 1, 5000},
	{"window", offsetof(struct load_options, window), 1, 10000},
	{"rate", offsetof(struct load_options, rate), 1, 1000000},
	{"count", offsetof(struct load_options, count), 1, 10000000},
	{"messages", offsetof(struct load_options, messages), 1, 10000000},
	{"size", offsetof(struct load_options, size), SCENE_BODY_MIN, SCENE_BODY_MAX},
	{"pid", offsetof(struct load_options, broker_pid), 1, 1 << 30},
};

enum { NUMBER_OPTIONS = sizeof number_options / sizeof number_options[0] };
enum other_option { USERS = NUMBER_OPTIONS, WARMUP, SECONDS, EVERY, SENDER_INBOX, OPTIONS };

static double seconds_number(const char *name, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);
	if (end == text || *end != '\0' || !isfinite(seconds) || seconds < 0 || seconds > 3600)
		die("%s: %s is not a number of seconds", name, text);
	return seconds;
}

static void set_option(struct load_options *options, int code, const char *text, const char **users_path)
{
	if (code < NUMBER_OPTIONS) {
		const struct number_option *option = &number_options[code];
		unsigned *field = (unsigned *)((char *)options + option->offset);
		*field = (unsigned)scene_number(option->name, text, option->min, option->max);
		return;
	}
	switch ((enum other_option)code) {
	case USERS:
		*users_path = text;
		break;
	case WARMUP:
		options->warmup_s = seconds_number("warmup", text);
		break;
	case SECONDS:
		options->seconds_s = seconds_number("seconds", text);
		break;
	case EVERY:
		options->every_s = seconds_number("every", text);
		break;
	case SENDER_INBOX:
		options->sender_inbox = true;
		break;
	case OPTIONS:
		break;
	}
}

/* Returns the scenario's name, the one argument that is no option. */
static const char *read_options(struct load_options *options, int argc, char **argv, const char **users_path)
{
	struct option table[OPTIONS + 1] = {
		[USERS] = {"users", required_argument, NULL, USERS},
		[WARMUP] = {"warmup", required_argument, NULL, WARMUP},
		[SECONDS] = {"seconds", required_argument, NULL, SECONDS},
		[EVERY] = {"every", required_argument, NULL, EVERY},
		[SENDER_INBOX] = {"sender-inbox", no_argument, NULL, SENDER_INBOX},
	};
	for (int i = 0; i < NUMBER_OPTIONS; i++)
		table[i] = (struct option){number_options[i].name, required_argument, NULL, i};
	int code;
	while ((code = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (code == '?')
			die_of_usage();
		set_option(options, code, optarg, users_path);
	}
	if (optind != argc - 1)
		die_of_usage();
	return argv[optind];
}

static void check_options(const struct scenario *scenario, const struct load_options *options)
{
	bool measures_memory = scenario->run == load_idle || scenario->run == load_awake || scenario->run == load_loaded;
	if (options->port == 0 || (measures_memory && options->broker_pid == 0))
		die_of_usage();
	if (options->sender_inbox && options->mode == LOAD_BARE)
		die("--sender-inbox is for HyperChat: give --users");
}

int main(int argc, char **argv)
{
	struct load_options options = {
		.pairs = 10, .receivers = 50, .window = 8, .rate = 200, .count = 1000, .size = 100, .warmup_s = 1, .seconds_s = 5};
	const char *users_path = NULL;
	const struct scenario *scenario = scenario_find(read_options(&options, argc, argv, &users_path));
	if (users_path != NULL) {
		options.mode = LOAD_CHAT;
		users_read(users_path, scenario->users(&options), &options.users);
	}
	check_options(scenario, &options);
	scenario->run(&options);
	users_fini(&options.users);
	return 0;
}
