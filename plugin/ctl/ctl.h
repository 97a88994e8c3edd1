/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_CTL_H
#define HC_CTL_CTL_H
/* hyperchatctl: one file per topic, each with its entries in the table of subcommands (hyperchatctl.c). One thread, may block. */

#include <getopt.h>

/* Exit codes, of the program and of every subcommand. */
enum { CTL_OK = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

struct ctl_command {
	const char *name;
	const char *summary; /* one line for the overview */
	const char *usage;   /* the whole text of `hyperchatctl <name> --help`, ends with a newline */
	int (*run)(const struct ctl_command *command, int argc, char **argv); /* argv[0] is the subcommand's name */
};

extern const struct ctl_command ctl_broker, ctl_token, ctl_keys, ctl_doctor, ctl_check, ctl_export, ctl_room, ctl_copy, ctl_migrate, ctl_mirror, ctl_chat_key,
	ctl_revoke, ctl_ban, ctl_unban, ctl_device_keys, ctl_audit, ctl_backup, ctl_restore, ctl_new_epoch, ctl_repair;

/* Prints "hyperchatctl <name>: …" to stderr and returns CTL_FAILED or CTL_USAGE, so that `return ctl_failed(…)` reads well. */
int ctl_failed(const struct ctl_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
int ctl_misused(const struct ctl_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One option. */
struct ctl_option {
	const char *name;   /* without the dashes */
	const char **value; /* gets argv's text, CTL_FLAG: ""; stays as it was when the option is not given */
	int kind;
};
enum { CTL_OPTIONAL = 0, CTL_REQUIRED = 1, CTL_FLAG = 2 /* takes no value */ };

/* Reads `--name VALUE` and `--flag` options up to a NULL name, and --help. -1: go on. Otherwise the exit code: help was printed, or it said what is
 * wrong. Arguments beside options, and an option given twice, are refused. */
int ctl_options(const struct ctl_command *command, const struct ctl_option *options, int argc, char **argv);

#endif
