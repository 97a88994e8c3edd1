/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_CONTROL_AUDIT_H
#define HC_BROKER_CONTROL_AUDIT_H
/* What operators did by the running broker is written down: a line in the log, and a record in the store. Broker thread. */

#include "plugin/broker/control_table.h"

struct server;

/* why NULL: it was done. The record is tried again until the store has it. */
void audit_add(struct server *server, const char *who, const struct control_command *command, const json_t *arguments, const char *why);

#endif
