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
printf '.SH JSON\nWith\n.B \\-\\-json\na command prints objects, one a line, instead of words; the members are named with the command. '
printf 'The answer of\n.B broker\nis one object on several lines. Times are milliseconds since 1970 (UTC).\n'
printf 'What goes wrong is said in words on stderr all the same. How far long work is, is shown only where stderr is a terminal.\n'
printf '.B export\nand\n.B chat\\-key\nprint JSON without it.\n'
printf '.SH EXIT STATUS\n.TP 4\n.B 0\nDone; with\n.BR check ,\n.BR doctor :\nnothing is wrong.\n'
printf '.TP 4\n.B 1\nIt failed, stderr says why; or\n.BR check ,\n.B doctor\nfound something wrong, which is on stdout.\n'
printf '.TP 4\n.B 2\nWrong usage: nothing was done.\n'
printf '.SH SEE ALSO\n.BR mosquitto.conf (5),\n.BR mosquitto (8)\n'
