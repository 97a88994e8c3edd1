/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Commands become transactions: the order of the questions, seen from the tip of one chat. Loop thread; no I/O, no clock.
 *
 * The order matters. A repetition is answered with the first result whatever has become of the chat since, so the key is looked up before
 * anything is refused for another reason, or found to be so already. Then whether he may at all, so that who may not learns nothing else:
 * not a member, no such chat, no such user and blocked are one refusal, after the same questions to the store.
 *
 * An answer that is not a pending entry's must not rest on one: that may still come to nothing, or be lost by a crash. And behind a pending
 * entry that changes who is a member, everything waits until it is committed (chat->pending_barriers), so that rules look at one state. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "plugin/chat/decide.h"

static bool same_key(const struct transaction *tx, const struct command *command)
{
	return tx->key != NULL && strcmp(tx->key, command->key) == 0 && strcmp(tx->sender_id, command->sender_id) == 0;
}

static enum decision answer_repetition(const struct transaction *tx, const struct command *command, struct verdict *verdict,
	uint64_t *repeated)
{
	if (!transaction_is_repeated(tx, command->key_hash)) {
		refuse(verdict, REFUSAL_ID_REUSED, NULL);
		return DECISION_REFUSED;
	}
	*repeated = tx->number;
	return DECISION_REPEATED;
}

/* A key that cannot come twice, but for a replay of the journal. */
static bool is_once(const struct command *command)
{
	return command->key[0] == KEY_ONCE;
}

/* Might the store know the key, although nothing at hand has it? Append finds a repetition by itself; but who is about to be refused, and
 * a KEY_ONCE, of which there is no index, must be looked up before. So must a replayed command, and one in doubt: an append that finds a
 * repetition adds nothing, and with many of them all would be tried again for each. */
static bool key_may_be_stored(const struct chat *chat, const struct command *command)
{
	return !command->key_unused && chat->recent_from > 1 && (!is_once(command) || command->replayed);
}

/* The same for who gets nothing made. A stranger is made to wait as if he were none: also where nothing is stored at all. */
static bool key_is_asked(struct chat *chat, const struct command *command, bool forbidden)
{
	bool stranger = chat_member(chat, command->sender_id) == NULL && !is_once(command) && !command->key_unused;
	return (forbidden && stranger) || key_may_be_stored(chat, command);
}

/* In the pending list, or in what is at hand of the log. DECISION_ACCEPTED: it is new as far as is known here. */
static enum decision find_repetition(struct chat *chat, struct command *command, struct verdict *verdict, uint64_t *repeated)
{
	if (is_once(command) && !command->replayed)
		return DECISION_ACCEPTED;
	uint64_t hash = chat_key_hash(command->sender_id, command->key);
	struct pending *pending;
	DL_FOREACH(chat->pending, pending) {
		struct transaction *tx = pending->transactions[pending->transaction_count - 1];
		if (pending->key_hash != hash || !same_key(tx, command))
			continue;
		if (memcmp(tx->key_hash, command->key_hash, ID_BYTES) != 0)
			return DECISION_NEEDS_COMMIT; /* only then is it clear which of the two has the ID */
		LL_PREPEND(pending->repetitions, command);
		return DECISION_REPEATS_PENDING;
	}
	for (uint64_t number = chat->recent_from; number <= chat->latest; number++)
		if (chat_recent_hash(chat, number) == hash && same_key(chat_recent(chat, number), command))
			return answer_repetition(chat_recent(chat, number), command, verdict, repeated);
	bool asks = (command->replayed || command->key_in_doubt) && key_may_be_stored(chat, command);
	return command->key_known || asks ? DECISION_NEEDS_KEY : DECISION_ACCEPTED;
}

/* Whether everybody can be reached whom it needs. */
static enum decision check_reach(struct chat *chat, const struct command *command, struct verdict *verdict)
{
	bool grows = command->type == COMMAND_CREATE_GROUP || command->type == COMMAND_ADD;
	bool to_peer = command->type <= COMMAND_EDIT && (chat->latest == 0 || chat->pair);
	struct member *sender = chat_member(chat, command->sender_id);
	if (!grows && (!to_peer || (sender != NULL && sender->reaches_peer)))
		return DECISION_ACCEPTED;
	const char **user_ids;
	bool both;
	size_t count = chat_reach(chat, command, &user_ids, &both);
	free(user_ids);
	if (count == 0)
		return DECISION_ACCEPTED;
	if (command->reach == REACH_UNKNOWN)
		return DECISION_NEEDS_REACH;
	if (command->reach == REACH_OPEN) {
		if (is_whole(chat))
			sender->reaches_peer = true;
		return DECISION_ACCEPTED;
	}
	refuse(verdict, REFUSAL_FORBIDDEN, NULL);
	return DECISION_REFUSED;
}

static enum decision check_if_latest(const struct chat *chat, const struct command *command, struct verdict *verdict)
{
	if (!command->has_if_latest || command->if_latest == chat_tip(chat))
		return DECISION_ACCEPTED;
	if (chat->pending != NULL && command->if_latest >= chat->latest)
		return DECISION_NEEDS_COMMIT;
	refuse(verdict, REFUSAL_CONFLICT, NULL);
	return DECISION_REFUSED;
}

/* Asked before it is known whether the other one can be reached: so that guessing costs the same whether he is there or not, and who has
 * nothing left learns nothing. Asked once for each command, and behind its conditions: whoever is asked counts it. */
static enum decision check_beginning(const struct chat *chat, struct command *command, const struct decide_conf *conf,
	struct verdict *verdict)
{
	if (chat->latest > 0 || command->type == COMMAND_CLOSE_ACCOUNT || command->may_begin)
		return DECISION_ACCEPTED;
	enum decision decision = check_if_latest(chat, command, verdict);
	if (decision != DECISION_ACCEPTED)
		return decision;
	command->may_begin = conf->may_begin(conf->context, command, verdict);
	return command->may_begin ? DECISION_ACCEPTED : DECISION_REFUSED;
}

static enum decision check_sender(struct chat *chat, struct command *command, const struct decide_conf *conf, struct verdict *verdict)
{
	if (command->type == COMMAND_CREATE_GROUP && chat->latest > 0) {
		refuse(verdict, REFUSAL_ID_REUSED, NULL); /* the ID of a group follows from the key, and the key is not this one's */
		return DECISION_REFUSED;
	}
	if (!member_may(chat, command)) {
		refuse(verdict, REFUSAL_FORBIDDEN, NULL);
		return DECISION_REFUSED;
	}
	enum decision decision = check_beginning(chat, command, conf, verdict);
	if (decision == DECISION_ACCEPTED)
		decision = check_reach(chat, command, verdict);
	if (decision != DECISION_ACCEPTED)
		return decision;
	return needs_nothing(chat, command) ? DECISION_REPEATED : DECISION_ACCEPTED;
}

/* There is always an owner until the group ends. */
static bool leaves_no_owner(struct chat *chat, const struct command *command)
{
	return command->type == COMMAND_SET_ROLE && command->role != ROLE_OWNER &&
	       is_last_owner(chat, chat_member(chat, command->user_ids[0]));
}

static bool comes_too_often(struct chat *chat, const struct command *command)
{
	const struct member *member;
	for (size_t i = 0; command->type == COMMAND_ADD && i < command->user_count; i++)
		if ((member = chat_member(chat, command->user_ids[i])) != NULL && !member_is_current(member) &&
			member->interval_count >= MEMBER_TIMES_MAX)
			return true;
	return false;
}

static enum decision check(struct chat *chat, struct command *command, const struct decide_conf *conf, struct verdict *verdict,
	struct message_text *text)
{
	if (chat->pending_barriers > 0)
		return DECISION_NEEDS_COMMIT;
	enum decision decision = check_sender(chat, command, conf, verdict);
	if (decision == DECISION_ACCEPTED)
		decision = check_if_latest(chat, command, verdict);
	if (decision != DECISION_ACCEPTED)
		return decision;
	if (chat->pending_count >= CHAT_PENDING_MAX) {
		refuse(verdict, REFUSAL_UNAVAILABLE, NULL);
		verdict->retry_after_ms = 1000;
		return DECISION_REFUSED;
	}
	if (comes_too_often(chat, command)) {
		refuse(verdict, REFUSAL_FORBIDDEN, NULL);
		return DECISION_REFUSED;
	}
	if (leaves_no_owner(chat, command)) {
		refuse(verdict, REFUSAL_FORBIDDEN, "role: a group has an owner; give it another one first");
		return DECISION_REFUSED;
	}
	return command_message(command) == 0 ? DECISION_ACCEPTED : check_message(chat, command, verdict, text);
}

enum decision chat_decide(struct chat *chat, struct command *command, const struct decide_conf *conf, struct verdict *verdict,
	uint64_t *repeated)
{
	enum decision decision = find_repetition(chat, command, verdict, repeated);
	if (decision != DECISION_ACCEPTED)
		return decision;
	struct message_text text = {0};
	decision = check(chat, command, conf, verdict, &text);
	if (decision == DECISION_ACCEPTED)
		accept_command(chat, command, conf->writer, &text);
	else if (decision != DECISION_REFUSED && decision != DECISION_REPEATED)
		return decision;
	else if (key_is_asked(chat, command, decision == DECISION_REFUSED && verdict->code == REFUSAL_FORBIDDEN))
		return DECISION_NEEDS_KEY;
	*repeated = 0;
	return decision;
}
