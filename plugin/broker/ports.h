/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_PORTS_H
#define HC_BROKER_PORTS_H
/* The core's ports: its requests become jobs for store lanes and readers, their results come back to it. Broker thread. */

#include <stdbool.h>

#include "plugin/chat/core.h"
#include "plugin/rpc/rpc.h"

struct server;

/* Everything the core needs, for core_new. */
struct core_ports ports_for_core(struct server *server);

/* Those of them that ask the store (ports_read.c). */
void ports_add_reads(struct core_ports *ports);

/* Gives the command its key, if its client gave none, its hash, and a new group its ID. journal_seq and at_ms are set. */
void ports_finish_command(struct server *server, struct command *command);

/* Stores the receipts that are still in memory; while the store takes none, they wait and gather. */
void ports_flush_receipts(struct server *server);

/* Runs a RPC_READ request on a reader; behind the receipts that are still in memory, if its answer depends on them. */
void ports_read_request(struct server *server, struct rpc_request *request);

#endif
