/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_WATCHING_H
#define HC_BROKER_WATCHING_H
/* What changes while a reader looks up whom somebody may watch. Until the answer is there nothing is watched yet, so there is nothing that a block
 * could end: it is noted here, and what was read is read again. Broker thread. */

#include <stdbool.h>
#include <stdint.h>

struct chat;
struct profile_list;
struct rpc_request;
struct server;

/* A call of watchPresence, from before its reading until it is answered: its origin's. */
struct asking;

/* The call is going to be read, for the first time or again. For rpc_world. */
void asking_begin(const struct rpc_request *request);
void asking_free(struct asking *asking);

/* What was read is there. false: something of it has changed meanwhile, it has to be read again. true: that can be relied on; somebody of whom
 * something changes again and again is taken out of the profiles. */
bool asking_ends(struct asking *asking, struct profile_list *profiles);

/* Calls of the same connection may come back in another order. *newest: 0, or what was put there by one that is in force; false: that one was
 * asked later. */
bool asking_is_newest(const struct asking *asking, uint64_t *newest);

/* What he shows of himself has changed; whether one may watch the other; he has left that chat. The store has it. */
void asking_user_changed(struct server *server, const char *user_id);
void asking_pair_changed(struct server *server, const char *watcher_id, const char *user_id);
void asking_chat_left(struct server *server, struct chat *chat, const char *user_id);

/* At another broker somebody has changed what he shows of when he is connected: it is read, if anybody may want to know. */
void showing_changed_elsewhere(struct server *server, const char *user_id);
/* Here: what is being read of him may be older than that. */
void showing_changed(struct server *server, const char *user_id);

#endif
