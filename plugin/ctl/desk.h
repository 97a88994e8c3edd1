/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_DESK_H
#define HC_CTL_DESK_H
/* The commands of control_table.h as a command line: the same for `hyperchatctl broker` and for mosquitto_ctrl's module. One thread, blocks. */

#include "plugin/ctl/link.h"

/* argv: a command, its arguments and --json, in any order but for the arguments that are required, which stand in the order of the table; others
 * are `--name value`, or follow those. program: how it was called, for what is said on stderr. Returns CTL_OK, CTL_FAILED or CTL_USAGE. */
int desk_run(const struct link_conf *conf, const char *program, int argc, char **argv);

/* The commands, a line each, and below each its arguments. */
void desk_add_commands(struct buf *out, bool with_arguments);

#endif
