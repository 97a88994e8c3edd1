/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Who sees what: the rules that all readers share, and what a reader is given, freed. Apart from the backends, so that a program can have
 * the one without the others. Any thread; nothing blocks. */
#include <string.h>

#include "storage/store.h"

bool intervals_contain(const struct interval *intervals, size_t count, uint64_t number)
{
	for (size_t i = 0; i < count; i++)
		if (number >= intervals[i].from && (intervals[i].to == 0 || number <= intervals[i].to))
			return true;
	return false;
}

bool membership_sees(const struct interval *intervals, size_t interval_count, bool history_all_and_current, uint64_t number)
{
	return history_all_and_current || intervals_contain(intervals, interval_count, number);
}

bool blocks_contain(const struct block *blocks, size_t count, const char *sender_id, int64_t at_ms)
{
	for (size_t i = 0; i < count; i++)
		if (at_ms >= blocks[i].from_ms && (blocks[i].to_ms == 0 || at_ms < blocks[i].to_ms) && strcmp(blocks[i].user_id, sender_id) == 0)
			return true;
	return false;
}

bool membership_shows(const struct user_chat *membership, const struct block *blocks, size_t block_count, const struct transaction *edit)
{
	bool everything = membership->history_all && membership->role != ROLE_NONE;
	return membership_sees(membership->intervals, membership->interval_count, everything, edit->number) &&
		!blocks_contain(blocks, block_count, edit->sender_id, edit->at_ms);
}

bool membership_shows_now(const struct user_chat *membership, const struct block *blocks, size_t block_count, const struct transaction *edit)
{
	return edit->number <= membership->latest && membership_shows(membership, blocks, block_count, edit);
}

uint64_t membership_end(const struct user_chat *membership)
{
	if (membership->history_all && membership->role != ROLE_NONE)
		return membership->latest;
	if (membership->interval_count == 0)
		return 0;
	uint64_t to = membership->intervals[membership->interval_count - 1].to;
	return to == 0 || to > membership->latest ? membership->latest : to;
}

void chat_summary_fini(struct chat_summary *summary)
{
	transaction_free(summary->last_message);
	transaction_free(summary->last_edit);
	*summary = (struct chat_summary){0};
}

void message_state_free(struct message_state *state)
{
	transaction_free(state->message);
	transaction_free(state->edit);
	transaction_free(state->deletion);
	*state = (struct message_state){0};
}
