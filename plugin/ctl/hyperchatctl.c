/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * hyperchatctl: the table of subcommands, and what they share. One thread, may block. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "plugin/ctl/ctl.h"

static const struct ctl_command *const COMMANDS[] = {
	&ctl_broker, &ctl_token, &ctl_keys, &ctl_doctor, &ctl_check, &ctl_export, &ctl_room, &ctl_copy, &ctl_migrate, &ctl_mirror, &ctl_chat_key,
	&ctl_revoke, &ctl_ban, &ctl_unban, &ctl_device_keys, &ctl_audit, &ctl_backup, &ctl_restore, &ctl_new_epoch, &ctl_repair};

enum { COMMAND_COUNT = sizeof COMMANDS / sizeof *COMMANDS, OPTIONS_MAX = 16, HELP = 'h' };

__attribute__((format(printf, 2, 0))) static void say(const struct ctl_command *command, const char *format, va_list args)
{
	fprintf(stderr, "hyperchatctl %s: ", command->name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

int ctl_failed(const struct ctl_command *command, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say(command, format, args);
	va_end(args);
	return CTL_FAILED;
}

int ctl_misused(const struct ctl_command *command, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say(command, format, args);
	va_end(args);
	fprintf(stderr, "Try 'hyperchatctl %s --help'.\n", command->name);
	return CTL_USAGE;
}

int ctl_options(const struct ctl_command *command, const struct ctl_option *options, int argc, char **argv)
{
	struct option table[OPTIONS_MAX + 2] = {{"help", no_argument, NULL, HELP}};
	bool given[OPTIONS_MAX] = {false};
	size_t count = 0;
	for (; options[count].name; count++)
		table[count + 1] = (struct option){options[count].name, options[count].kind == CTL_FLAG ? no_argument : required_argument, NULL, 0};
	int index = 0, got;
	optind = 1;
	opterr = 0; /* its own words would begin with argv[0] */
	while ((got = getopt_long(argc, argv, "h", table, &index)) != -1) {
		if (got == HELP) {
			fputs(command->usage, stdout);
			return CTL_OK;
		}
		if (got != 0)
			return ctl_misused(command, "'%s' is not known or lacks its value", argv[optind - 1]);
		if (given[index - 1])
			return ctl_misused(command, "--%s is given twice", table[index].name);
		given[index - 1] = true;
		*options[index - 1].value = optarg != NULL ? optarg : "";
	}
	if (optind < argc)
		return ctl_misused(command, "'%s' is no option", argv[optind]);
	for (size_t i = 0; i < count; i++)
		if (options[i].kind == CTL_REQUIRED && !given[i])
			return ctl_misused(command, "--%s is missing", options[i].name);
	return -1;
}

static void overview(FILE *out)
{
	fputs("Usage: hyperchatctl COMMAND [OPTION…]\n\n", out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-11s %s\n", COMMANDS[i]->name, COMMANDS[i]->summary);
	fputs("\n"
		  "'hyperchatctl COMMAND --help' tells the options of one; --version the version.\n"
		  "Exit codes: 0 done, 1 it failed (said on stderr), 2 wrong usage.\n",
		out);
}

/* What was printed may still sit in a buffer on its way to a full disk or a closed pipe. */
static int flushed(int rc)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return rc;
	perror("hyperchatctl: standard output");
	return rc == CTL_OK ? CTL_FAILED : rc;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	json_guard_memory();
	if (strcmp(name, "--broker") == 0)
		name = ctl_broker.name;
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		overview(stdout);
		return flushed(CTL_OK);
	}
	if (strcmp(name, "--version") == 0) {
		puts("hyperchatctl " HC_VERSION);
		return flushed(CTL_OK);
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(COMMANDS[i]->name, name) == 0)
			return flushed(COMMANDS[i]->run(COMMANDS[i], argc - 1, argv + 1));
	if (name[0])
		fprintf(stderr, "hyperchatctl: there is no command '%s'\n\n", name);
	overview(stderr);
	return CTL_USAGE;
}
