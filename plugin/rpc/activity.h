/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_ACTIVITY_H
#define HC_RPC_ACTIVITY_H
/* A user's chats, newest activity first, and cursors into that order for lists that take several calls. A cursor is the place of the last
 * chat that was given; a chat with new activity moves to the front, and whoever is in the middle of the list then hears of it live or the
 * next time. Workers; blocks. */

#include "plugin/rpc/rpc.h"

struct activity {
	struct user_record *user; /* NULL: he has no chats */
	struct block_list *blocks; /* his; NULL: none */
	const struct user_chat **chats;
	size_t count;
};

enum { ACTIVITY_CURSOR_SIZE = 96 };

/* false: refused. */
bool activity_load(struct rpc_request *request, struct activity *activity);
void activity_fini(struct activity *activity);

void activity_cursor(const struct user_chat *chat, char cursor[ACTIVITY_CURSOR_SIZE]);
/* The index behind the cursor; cursor NULL: 0. false: it is none of ours. */
bool activity_seek(const struct activity *activity, const char *cursor, size_t *index);

#endif
