/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What became of a message: its last text, or that it was deleted, as of the tip. Loop thread; no I/O, no clock.
 *
 * What is at hand of the log has no gap, so of a message in it everything is there. Of an older one the store tells, and what is at hand
 * goes on from where the store was asked. */
#include <string.h>

#include "plugin/chat/decide.h"
#include "plugin/chat/permit.h"

struct fate {
	const struct transaction *message, *edit, *deletion;
	bool open; /* it rests on what is pending, which may still come to nothing */
};

static void learn(struct fate *fate, const struct transaction *tx, uint64_t message)
{
	if (tx->number == message && tx->type == TX_MESSAGE)
		fate->message = tx;
	else if (tx->target == message && tx->type == TX_EDIT)
		fate->edit = tx;
	else if (tx->target == message && tx->type == TX_DELETE && fate->deletion == NULL)
		fate->deletion = tx;
}

/* false: the store has to be asked. */
static bool learn_from_store(const struct chat *chat, const struct command *command, struct fate *fate)
{
	if (command->message == MESSAGE_UNKNOWN)
		return false;
	if (command->message == MESSAGE_MISSING)
		return true; /* a number that is no message will never be one */
	if (chat->recent_from > command->found_at + 1)
		return false; /* something may have happened in between that is not at hand any more */
	fate->message = command->found.message;
	fate->edit = command->found.edit;
	fate->deletion = command->found.deletion;
	return true;
}

static bool find_fate(const struct chat *chat, const struct command *command, struct fate *fate)
{
	uint64_t message = command_message(command);
	if (message < chat->recent_from && !learn_from_store(chat, command, fate))
		return false;
	for (uint64_t number = chat->recent_from; number <= chat->latest; number++)
		learn(fate, chat_recent(chat, number), message);
	bool deleted = fate->deletion != NULL;
	for (const struct pending *pending = chat->pending; pending != NULL; pending = pending->next)
		for (size_t i = 0; i < pending->transaction_count; i++)
			learn(fate, pending->transactions[i], message);
	fate->open = message > chat->latest || (!deleted && fate->deletion != NULL);
	return true;
}

static bool may_touch(const struct chat *chat, const struct member *sender, const struct command *command, const struct transaction *message)
{
	bool own = strcmp(message->sender_id, sender->user_id) == 0;
	if (command->type == COMMAND_EDIT)
		return own;
	if (command->type != COMMAND_DELETE || own)
		return true;
	return chat->pair ? permit_pair(ACTION_DELETE_OTHERS) : permit(ACTION_DELETE_OTHERS, sender->role, ROLE_NONE);
}

enum decision check_message(struct chat *chat, struct command *command, struct verdict *verdict, struct message_text *text)
{
	struct fate fate = {0};
	uint64_t number = command_message(command);
	const struct member *sender = chat_member(chat, command->sender_id);
	if (number > chat_tip(chat) || !member_sees(chat, sender, number)) {
		refuse(verdict, REFUSAL_FORBIDDEN, NULL);
		return DECISION_REFUSED;
	}
	if (!find_fate(chat, command, &fate))
		return DECISION_NEEDS_MESSAGE;
	/* An edit from a time when he was no member is not his to read: then the first text counts, which he sees. */
	bool sees_edit = fate.edit != NULL && member_sees(chat, sender, fate.edit->number);
	*text = (struct message_text){fate.message, sees_edit ? fate.edit : fate.message};
	bool may = fate.message != NULL && may_touch(chat, sender, command, fate.message);
	if (may && fate.deletion == NULL && text->revision->body.text != NULL)
		return DECISION_ACCEPTED;
	if (fate.open)
		return DECISION_NEEDS_COMMIT;
	if (may && command->type == COMMAND_DELETE)
		return DECISION_REPEATED; /* whoever did it: it is as he wants it */
	refuse(verdict, may ? REFUSAL_GONE : REFUSAL_FORBIDDEN, NULL);
	return DECISION_REFUSED;
}
