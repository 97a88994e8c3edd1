/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Who may do what. Pure; any thread. */
#include "plugin/chat/permit.h"

#define NO  ROLE_NONE
#define YES ROLE_OWNER

/* An entry is the highest role of the other one with whom an actor of that role may do it; where there is no other one, any entry but NO
 * lets him. */
static const struct {
	bool has_other;
	enum role member, admin, owner;
	bool pair;
} table[ACTION_COUNT] = {
	[ACTION_WRITE] = {false, YES, YES, YES, true},
	[ACTION_EDIT] = {false, YES, YES, YES, true},
	[ACTION_DELETE_OWN] = {false, YES, YES, YES, true},
	[ACTION_DELETE_OTHERS] = {false, NO, YES, YES, false},
	[ACTION_ADD] = {false, NO, YES, YES, false},
	[ACTION_REMOVE] = {true, NO, ROLE_MEMBER, ROLE_OWNER, false},
	[ACTION_LEAVE] = {false, YES, YES, YES, false},
	[ACTION_SET_ROLE] = {true, NO, NO, ROLE_OWNER, false},
	[ACTION_UPDATE_GROUP] = {false, NO, YES, YES, false},
	[ACTION_END_GROUP] = {false, NO, NO, YES, false},
	[ACTION_CLOSE_ACCOUNT] = {false, YES, YES, YES, true},
};

bool permit(enum action action, enum role actor, enum role other)
{
	enum role up_to = actor == ROLE_OWNER    ? table[action].owner
	                  : actor == ROLE_ADMIN  ? table[action].admin
	                  : actor == ROLE_MEMBER ? table[action].member
	                                         : ROLE_NONE;
	if (!table[action].has_other)
		return up_to != ROLE_NONE;
	return other != ROLE_NONE && other <= up_to;
}

bool permit_pair(enum action action)
{
	return table[action].pair;
}
