/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_NOTICES_H
#define HC_BROKER_NOTICES_H
/* What hyperchatctl tells a broker whose store is its own: notices, as brokers on a shared store tell each other, read once a second by a reader.
 * Where there is a tail, that reads them. Broker thread. */

#include <stdint.h>

#include "storage/store.h"

struct server;

/* Where they end: what is told behind that is news. Any thread; blocks. Not OK: err. */
enum store_rc notices_end(struct store *store, uint64_t *next, struct error *err);

void notices_begin(struct server *server, uint64_t next);
void notices_free(struct server *server);

/* Looks for new ones. Once a second. */
void notices_tick(struct server *server);

#endif
