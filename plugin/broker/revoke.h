/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_REVOKE_H
#define HC_BROKER_REVOKE_H
/* Tokens are revoked while people are connected by them: by an operator (hyperchatctl revoke), or with a device that its user removes. The store
 * has it first. Broker thread. */

#include <stdint.h>

struct server;

/* It counts here from now on, and whoever is connected by such a token is cut off. subject as in struct revocation. */
void revoke_happened(struct server *server, const char *subject, int64_t at_ms);

/* A later revocation is of at_ms from now on: a ban was taken back. */
void revoke_taken_back(struct server *server, const char *subject, int64_t at_ms);

/* All of them, and who deleted his account, are read from the store once an hour, in case a notice was missed: those are not kept for long. Once the
 * store is open; at each tick; and now, because something may have been missed, or somebody asks for it (SIGHUP). */
void revoke_begin(struct server *server);
void revoke_tick(struct server *server);
void revoke_read_again(struct server *server);

#endif
