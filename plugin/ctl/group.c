/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A chat's log, folded to what it says of the chat. One thread, does not block. */
#include "plugin/ctl/group.h"

#include <stdlib.h>
#include <string.h>

void group_init(struct group *group)
{
	*group = (struct group){.name = mem_text(""), .icon = mem_text("")};
}

void group_fini(struct group *group)
{
	free(group->name);
	free(group->icon);
	*group = (struct group){0};
}

static bool begins_pair(const struct transaction *tx)
{
	struct member_change *changes = NULL;
	int count = transaction_members(tx, &changes);
	bool pair = count == 2 && changes[0].role == ROLE_MEMBER && changes[1].role == ROLE_MEMBER && strcmp(changes[0].user_id, changes[1].user_id) != 0;
	if (count > 0)
		free(changes);
	return pair;
}

static void take(char **text, char **from)
{
	if (*from == NULL)
		return;
	free(*text);
	*text = *from;
	*from = NULL;
}

static void fold_update(struct group *group, const struct transaction *tx)
{
	struct group_change change = {.history = -1};
	transaction_group(tx, &change);
	take(&group->name, &change.name);
	take(&group->icon, &change.icon);
	if (change.history != -1)
		group->history_all = change.history == 1;
	group->info_erased = group->info_erased || tx->body.erased;
	group_change_fini(&change);
}

void group_fold(struct group *group, const struct transaction *tx)
{
	switch (tx->type) {
	case TX_MEMBER_ADDED:
	case TX_MEMBER_REMOVED:
	case TX_ROLE_CHANGED:
		group->pair = group->pair || (tx->number == 1 && tx->type == TX_MEMBER_ADDED && begins_pair(tx));
		group->members_erased = group->members_erased || tx->body.erased;
		break;
	case TX_GROUP_UPDATED:
		fold_update(group, tx);
		break;
	case TX_GROUP_DELETED:
		group->ended_at_ms = group->ended_at_ms ? group->ended_at_ms : tx->at_ms;
		break;
	case TX_MESSAGE:
	case TX_EDIT:
	case TX_DELETE:
		break;
	}
}

const char *group_difference(const struct group *group, const struct chat_record *record)
{
	if (record->ended_at_ms != group->ended_at_ms)
		return "when it ended";
	if (!group->members_erased && record->pair != group->pair)
		return "whether it is a chat of two";
	if (group->info_erased)
		return NULL;
	if (record->history_all != group->history_all)
		return "who sees what was before him";
	if (strcmp(record->name, group->name) != 0)
		return "its name";
	return strcmp(record->icon, group->icon) != 0 ? "its icon" : NULL;
}
