/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_RPC_THUMBNAIL_H
#define HC_RPC_THUMBNAIL_H
/* A line of a chat list, and the people whose names stand in it. */

#include "plugin/rpc/rpc.h"

/* Those of some users whom the caller may know of: who exists and has not blocked him. Everybody else is shown by his ID alone. */
struct known_people;
/* Workers; blocks. An ID may be there more than once. false: refused. */
bool known_people_load(struct rpc_request *request, const char *const *user_ids, size_t count, struct known_people **people);
void known_people_free(struct known_people *people); /* NULL is fine */

struct thumbnail {
	const struct user_chat *chat;
	const struct chat_summary *summary;
	const struct known_people *people;
	int64_t now_ms;
};

/* Adds it where it fits before the length `end`. The first of an answer comes with as much detail as fits, later ones whole or not at all.
 * false: not added. */
bool thumbnail_add_within(struct buf *out, const struct thumbnail *thumbnail, bool first, size_t end);

#endif
