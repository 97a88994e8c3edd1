/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_CLUSTER_H
#define HC_BROKER_CLUSTER_H
/* The other brokers on the same store: what they write is shown here, and what they tell is taken in as if it had happened here. Nothing of it
 * exists where the store is this broker's alone. Broker thread. */

#include <stdbool.h>
#include <stdint.h>

struct notice;
struct server;
struct tail;

/* What one broker, or hyperchatctl, tells the others beside the log. Kinds are compared as texts; who does not know one passes over it. */
#define NOTICE_REACH   "reach"   /* a user: whom he blocks has changed */
#define NOTICE_TEXTS   "texts"   /* a chat: texts of it were erased beside its log */
#define NOTICE_DELETED "deleted" /* a user: his account was deleted, then */
#define NOTICE_TURN    "turn"    /* a chat: who told it cannot append to it, because the others always come first */
#define NOTICE_ERASED  "erased"  /* a user: what he wrote before that time is erased */
#define NOTICE_REVOKED "revoked" /* as in struct revocation, then: the store has it */
#define NOTICE_BANNED  "banned"  /* a user, who is banned as the store has it; told then */
#define NOTICE_LOWERED "lowered" /* the same, if it was later than then: a ban was taken back */
#define NOTICE_REMOVED "removed" /* a user, '/', a device: it was removed */
#define NOTICE_SHOWS   "shows"   /* a user: what he shows of when he is connected has changed */
#define NOTICE_KEYS    "keys"    /* any: the keys of device tokens have changed */

/* Versions before NOTICE_BANNED tell of a ban by NOTICE_REVOKED with the ban's time, and know nothing else. So that one is put before it, of a time
 * so long ahead: meanwhile they read all revocations again. The ban's time itself would keep the notice for ever. */
#define NOTICE_BAN_MS INT64_C(7200000)

/* Begins to read along; takes the tail over also where it fails. tail NULL: the store is not shared, nothing begins. false: no thread. */
bool cluster_start(struct server *server, struct tail *tail);

/* Takes in what somebody else told. */
void cluster_notice(struct server *server, const struct notice *notice);

/* Each tick. */
void cluster_tick(struct server *server);

/* Tells the others; nothing where there can be none. Repeated until the store has it. The store has what it is about already. */
void cluster_tell(struct server *server, const char *kind, const char *subject, int64_t at_ms);

#endif
