/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_OPENING_H
#define HC_BROKER_OPENING_H
/* The store is opened. A file is opened at once, or the broker does not start. A shared store may be away, or slow to answer: it is opened on a
 * thread of its own, again and again, and until then everybody is turned away who logs in. Broker thread. */

#include <stdbool.h>

#include "plugin/auth/keys.h"
#include "storage/store.h"

struct server;

/* A store that was opened, and what has to be known of it before anything else happens with it. */
struct opened {
	struct store *store;
	struct store_info info;
	struct tail *tail;       /* NULL: not shared, and then */
	uint64_t notices;        /* what is told behind that is news */
	struct account_page *deleted;
	struct revocations *revocations;
	struct key_set *device_keys; /* NULL: none */
};

/* false: err; the broker is not to start. True, and the store may not be open yet: what says so within a moment that waiting does not help is
 * told here, what comes later goes to the log. */
bool opening_begin(struct server *server, struct error *err);

/* Tries again when it is time. Each tick until the store is open. */
void opening_tick(struct server *server);

/* Says in the log where store and journal are, without what is secret. */
void opening_log_places(const struct server *server);

/* Joins the thread; then mailbox_run. */
void opening_finish(struct server *server);
/* The same, unless it was done, and frees. */
void opening_stop(struct server *server);

#endif
