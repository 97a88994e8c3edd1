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
	bool more; /* of a page: there are others behind it */
};

enum { ACTIVITY_CURSOR_SIZE = 96 };

/* All, former ones too. false: refused. */
bool activity_load(struct rpc_request *request, struct activity *activity);
/* Those that he is a member of now, a page of them. false: refused. */
bool activity_load_page(struct rpc_request *request, const struct chat_window *window, struct activity *activity);
void activity_fini(struct activity *activity);

void activity_cursor(const struct user_chat *chat, char cursor[ACTIVITY_CURSOR_SIZE]);
/* The index behind the cursor; cursor NULL: 0. false: it is none of ours. */
bool activity_seek(const struct activity *activity, const char *cursor, size_t *index);
/* The window begins behind the cursor, in whose text its chat ID stays; cursor NULL: from the start. false: it is none of ours. */
bool activity_begin(const char *cursor, struct chat_window *window);

#endif
