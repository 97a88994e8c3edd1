#!/bin/sh
# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
# ctl_manual.sh HYPERCHATCTL: its man page, made of what it says about itself.
set -eu
ctl=$1

# Text as it is: a line must not begin with a dot or an apostrophe, and roff means something else by backslashes and dashes.
plain() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^\\([.']\\)/\\\\\\&\\1/"; }

printf '.TH HYPERCHATCTL 1 "" "%s" "HyperChat"\n' "$("$ctl" --version | plain)"
printf '.SH NAME\nhyperchatctl \\- look after the chat that Mosquitto serves\n'
printf '.SH SYNOPSIS\n.B hyperchatctl\n.I COMMAND\n.RI [ OPTION ...]\n'
printf '.SH DESCRIPTION\nWhat an operator of a Mosquitto with the HyperChat plugin does beside the broker: tokens and keys, looking into a store,\n'
printf 'copying and migrating it, bringing what is left to Kafka.\n.nf\n'
"$ctl" --help | sed -n '/^  [a-z]/p' | plain
printf '.fi\n.SH COMMANDS\n'
"$ctl" --help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p' | while read -r name; do
    printf '.SS %s\n.nf\n' "$(echo "$name" | plain)"
    "$ctl" "$name" --help | plain
    printf '.fi\n'
done
printf '.SH EXIT STATUS\n0: done. 1: it failed, stderr says why. 2: wrong usage.\n'
printf '.SH SEE ALSO\n.BR mosquitto.conf (5),\n.BR mosquitto (8)\n'
