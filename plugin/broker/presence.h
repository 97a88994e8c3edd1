/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_PRESENCE_H
#define HC_BROKER_PRESENCE_H
/* Who is there, for those who watch: a connection watches up to 200 people until it watches others or goes. Whom it may watch was looked up
 * when it asked (plugin/rpc/presence.c), and what changed meanwhile counts (watching.h); a block ends it at once.
 *
 * A person is there while he has a connection, counted by sessions and never by wills. That he came is told at once, that he went when he has
 * been away for 10 s: a phone that changes its network is not gone. Broker thread. */

#include <stdbool.h>
#include <stdint.h>

struct chat;
struct person;
struct profile;
struct profile_list;
struct rpc_request;
struct server;
struct session;

/* For rpc_world. */
bool presence_watch(const struct rpc_request *request, struct profile_list *profiles);
bool presence_is_online(const struct rpc_request *request, const char *user_id);
void presence_shows(const struct rpc_request *request, const struct profile *profile);

/* That is what he shows now. */
void presence_takes(struct server *server, const struct profile *profile);
bool presence_is_watched(struct server *server, const char *user_id);

/* A connection came; is about to go, and is not among the person's sessions any more. */
void presence_came(struct server *server, const struct person *person);
void presence_went(struct server *server, struct session *session);

/* One of them blocks the other: neither watches the other any more. */
void presence_part(struct server *server, const char *user_a, const char *user_b);

/* He is no member of that chat any more: those of it who watched him, or whom he watched, may share no other chat with him. */
void presence_left(struct server *server, struct chat *chat, const char *user_id);

/* Tells who has been away long enough. Each tick. */
void presence_tick(struct server *server);

/* At the stop, while the lanes take something: stores when those who are not told to be gone were seen, with all others. */
void presence_finish(struct server *server);
void presence_free_all(struct server *server);

#endif
