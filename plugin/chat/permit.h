/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CHAT_PERMIT_H
#define HC_CHAT_PERMIT_H
/* Who may do what, as one table (docs/roles.md shows it, and a test compares the two). Pure; any thread. */

#include <stdbool.h>

#include "storage/transaction.h"

enum action {
	ACTION_WRITE,
	ACTION_EDIT, /* what he wrote himself; nobody edits what others wrote */
	ACTION_DELETE_OWN,
	ACTION_DELETE_OTHERS,
	ACTION_ADD,
	ACTION_REMOVE, /* somebody else */
	ACTION_LEAVE,
	ACTION_SET_ROLE,
	ACTION_UPDATE_GROUP,
	ACTION_END_GROUP,
	ACTION_CLOSE_ACCOUNT,
	ACTION_COUNT,
};

/* In a group. other: whom it is done to, for REMOVE and SET_ROLE; ROLE_NONE for the rest. Who is no member may nothing, and to who is no
 * member nothing is done. */
bool permit(enum action action, enum role actor, enum role other);

/* In a 1:1 chat, for either of the two. */
bool permit_pair(enum action action);

#endif
