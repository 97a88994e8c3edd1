/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Who is a member, what that lets him do, and what follows from who goes. Loop thread; no I/O, no clock.
 *
 * Nothing here looks at what is pending: chat_decide lets nobody in while a change of members is on its way to the store. */
#include <stdlib.h>
#include <string.h>

#include "plugin/chat/decide.h"
#include "plugin/chat/permit.h"

bool is_whole(struct chat *chat)
{
	return chat->pair && chat->current_members == 2;
}

bool is_last_owner(struct chat *chat, const struct member *member)
{
	if (chat->pair || chat->ended || member->role != ROLE_OWNER)
		return false;
	for (const struct member *other = NULL; (other = members_next(&chat->members, other)) != NULL;)
		if (other != member && other->role == ROLE_OWNER)
			return false;
	return true;
}

static uint64_t member_since(const struct member *member)
{
	return member_last_interval(member)->from;
}

/* By what every broker reads from the log, so that all find the same one. */
static bool is_elder(const struct member *a, const struct member *b)
{
	if (a->role != b->role)
		return a->role > b->role;
	if (member_since(a) != member_since(b))
		return member_since(a) < member_since(b);
	return strcmp(a->user_id, b->user_id) < 0;
}

const struct member *find_heir(struct chat *chat, const struct member *leaver)
{
	const struct member *heir = NULL;
	for (const struct member *member = NULL; (member = members_next(&chat->members, member)) != NULL;)
		if (member != leaver && member_is_current(member) && (heir == NULL || is_elder(member, heir)))
			heir = member;
	return heir;
}

static bool contains(const char *const *user_ids, size_t count, const char *user_id)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(user_ids[i], user_id) == 0)
			return true;
	return false;
}

size_t find_newcomers(struct chat *chat, const struct command *command, const char ***user_ids)
{
	size_t count = 0;
	const char **found = mem_new((command->user_count + 1) * sizeof *found);
	for (size_t i = 0; i < command->user_count; i++) {
		const char *user_id = command->user_ids[i];
		if (strcmp(user_id, command->sender_id) != 0 && !member_is_current(chat_member(chat, user_id)) &&
		    !contains(found, count, user_id))
			found[count++] = user_id;
	}
	*user_ids = found;
	return count;
}

size_t chat_reach(struct chat *chat, const struct command *command, const char ***user_ids, bool *both)
{
	bool grows = command->type == COMMAND_ADD || command->type == COMMAND_CREATE_GROUP;
	*both = !grows;
	if (grows)
		return find_newcomers(chat, command, user_ids);
	const struct member *peer = chat_peer(chat, command->sender_id);
	*user_ids = mem_new(sizeof **user_ids);
	**user_ids = chat->latest == 0 ? command->peer_id : peer != NULL ? peer->user_id : NULL;
	return **user_ids != NULL;
}

/* ---- may he ---- */

static enum action action_of(const struct command *command)
{
	switch (command->type) {
	case COMMAND_EDIT:
		return ACTION_EDIT;
	case COMMAND_DELETE:
		return ACTION_DELETE_OWN;
	case COMMAND_ADD:
		return ACTION_ADD;
	case COMMAND_REMOVE:
		return strcmp(command->user_ids[0], command->sender_id) == 0 ? ACTION_LEAVE : ACTION_REMOVE;
	case COMMAND_SET_ROLE:
		return ACTION_SET_ROLE;
	case COMMAND_UPDATE_GROUP:
		return ACTION_UPDATE_GROUP;
	case COMMAND_END_GROUP:
		return ACTION_END_GROUP;
	default:
		return ACTION_WRITE;
	}
}

static enum role role_of(const struct member *member)
{
	return member != NULL ? member->role : ROLE_NONE;
}

/* Either of the two of a 1:1 chat, by naming the other one: also who left it, when his account ended. */
static bool names_peer(struct chat *chat, const struct command *command)
{
	const struct member *peer = chat_peer(chat, command->sender_id);
	return command->peer_id != NULL && peer != NULL && strcmp(peer->user_id, command->peer_id) == 0 &&
	       chat_member(chat, command->sender_id) != NULL;
}

static bool may_begin_here(const struct command *command)
{
	bool by_peer = command->type == COMMAND_SEND || command->type == COMMAND_CREATE;
	return command->type == COMMAND_CREATE_GROUP || (by_peer && command->peer_id != NULL);
}

bool member_may(struct chat *chat, const struct command *command)
{
	if (command->type == COMMAND_CLOSE_ACCOUNT)
		return true;
	if (chat->latest == 0)
		return may_begin_here(command);
	const struct member *sender = chat_member(chat, command->sender_id);
	enum action action = action_of(command);
	if (chat->ended)
		return false;
	if (chat->pair)
		return permit_pair(action) && (member_is_current(sender) || (action == ACTION_WRITE && names_peer(chat, command)));
	bool has_other = action == ACTION_REMOVE || action == ACTION_SET_ROLE;
	return permit(action, role_of(sender), has_other ? role_of(chat_member(chat, command->user_ids[0])) : ROLE_NONE);
}

/* Whether the log says so still: after his account was deleted it does not. */
static bool was_here(const struct member *member)
{
	return member != NULL && member->interval_count > 0;
}

bool needs_nothing(struct chat *chat, const struct command *command)
{
	switch (command->type) {
	case COMMAND_CREATE:
		return chat->latest > 0 && (!chat->pair || is_whole(chat));
	case COMMAND_ADD: {
		const char **user_ids;
		size_t count = find_newcomers(chat, command, &user_ids);
		free(user_ids);
		return count == 0;
	}
	case COMMAND_SET_ROLE:
		return chat_member(chat, command->user_ids[0])->role == command->role;
	case COMMAND_CLOSE_ACCOUNT:
		return !was_here(chat_member(chat, command->sender_id));
	default:
		return false;
	}
}
