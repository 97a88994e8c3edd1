/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_BLOCKS_H
#define HC_BROKER_BLOCKS_H
/* Whom the people who are connected block. Loaded when a person appears, kept up to date by what he changes. Until they are known, nothing
 * is shown to him: his feeds wait as if they did not know where to begin. Broker thread.
 *
 * Two rules. What somebody wrote while the reader blocked him is void for the reader, for ever (blocks_hide). What is worth something only now,
 * typing, receipts, presence, passes neither way between two of whom one blocks the other (blocks_part). */

#include <stdbool.h>

#include "storage/store.h"

struct chat;
struct person;
struct server;

/* The blocks of one person; never changed, so that a job may have them as they were. */
struct blocks {
	unsigned references; /* broker thread only */
	struct block_list *list;
};

/* Asks the store for a new person's blocks. */
void blocks_load(struct server *server, struct person *person);

/* They are these now; takes the list over. */
void blocks_set(struct server *server, struct person *person, struct block_list *list);

/* The user has changed them at another broker: they are read anew, and what hangs on them is as blocks_set and core_reach_changed would have it. */
void blocks_changed_elsewhere(struct server *server, const char *user_id);
/* Here: what is being read of him because of that may be older. */
void blocks_changed_here(struct server *server, const char *user_id);

struct blocks *blocks_ref(const struct person *person); /* known */
void blocks_drop(struct blocks *blocks);                /* NULL is fine */

bool blocks_are_known(const struct person *person);

/* Whether this is void for the reader. Any thread, for a list that one holds a reference to. */
bool blocks_hide(const struct block_list *list, const char *reader_id, const struct transaction *tx);

/* Whether somebody on the list is a member of the chat, or was. */
bool blocks_concern(const struct block_list *list, struct chat *chat);

/* Whether nothing that is not stored may pass between the two. One who is not connected, or whose blocks are not known, blocks everybody. */
bool blocks_part(struct server *server, const char *user_a, const char *user_b);

#endif
