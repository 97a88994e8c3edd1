/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Commands become transactions: the rules of who may do what, seen from the tip of one chat. Loop thread; no I/O, no clock.
 *
 * The order of the questions matters. A repetition is answered with the first result whatever has become of the chat since, so the key is
 * looked up before anything is refused for another reason. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/json.h"
#include "base/text.h"
#include "plugin/chat/chat.h"
#include "plugin/chat/line.h"

static bool same_key(const struct transaction *tx, const struct command *command)
{
	return tx->key != NULL && strcmp(tx->key, command->key) == 0 && strcmp(tx->sender_id, command->sender_id) == 0;
}

static enum decision answer_repetition(const struct transaction *tx, const struct command *command, struct verdict *verdict,
	uint64_t *repeated)
{
	if (memcmp(tx->key_hash, command->key_hash, ID_BYTES) != 0) {
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
 * a KEY_ONCE, of which there is no index, must be looked up before. */
static bool key_may_be_stored(const struct chat *chat, const struct command *command)
{
	return !command->key_unused && chat->recent_from > 1 && (!is_once(command) || command->replayed);
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
		if (chat->recent_hashes[number % CHAT_RECENT_MAX] == hash && same_key(chat_recent(chat, number), command))
			return answer_repetition(chat_recent(chat, number), command, verdict, repeated);
	return is_once(command) && key_may_be_stored(chat, command) ? DECISION_NEEDS_KEY : DECISION_ACCEPTED;
}

/* The transaction that a reply answers, seen by its sender. NULL: *decision says what follows. */
static struct transaction *find_quoted(struct chat *chat, struct command *command, enum decision *decision, struct verdict *verdict)
{
	*decision = DECISION_REFUSED;
	uint64_t number = command->replied_to;
	struct member *sender = chat_member(chat, command->sender_id);
	if (number > chat_tip(chat) || sender == NULL || !intervals_contain(sender->intervals, sender->interval_count, number)) {
		refuse(verdict, REFUSAL_FORBIDDEN, "repliedTo: there is no such message");
		return NULL;
	}
	struct transaction *tx = command->quoted ? command->quoted : chat_recent(chat, number);
	uint64_t at = chat->latest;
	struct pending *pending;
	DL_FOREACH(chat->pending, pending)
		for (size_t i = 0; i < pending->transaction_count; i++)
			if (++at == number)
				tx = pending->transactions[i];
	if (tx == NULL) {
		*decision = DECISION_NEEDS_QUOTE;
	} else if (tx->type != TX_MESSAGE) {
		refuse(verdict, REFUSAL_BAD_REQUEST, "repliedTo: that is not a message");
		tx = NULL;
	} else if (tx->body.text == NULL) {
		refuse(verdict, REFUSAL_GONE, NULL);
		tx = NULL;
	}
	return tx;
}

/* The chat's tip as the next transaction's predecessor. */
struct tip {
	uint64_t number;
	const unsigned char *head;
	int64_t at_ms;
};

static struct tip tip_of(const struct chat *chat)
{
	if (chat->pending == NULL)
		return (struct tip){chat->latest, chat->head, chat->latest_at_ms};
	const struct pending *last = chat->pending->prev;
	const struct transaction *tx = last->transactions[last->transaction_count - 1];
	return (struct tip){tx->number, tx->head, tx->at_ms};
}

static int64_t next_at(const struct tip *tip, int64_t now_ms)
{
	return tip->at_ms > now_ms && tip->at_ms - now_ms < AT_AHEAD_MAX_MS ? tip->at_ms : now_ms;
}

static struct transaction *make(const struct chat *chat, const struct command *command, const struct tip *tip, struct transaction *draft)
{
	draft->chat_id = chat->id;
	draft->number = tip->number + 1;
	draft->sender_id = command->sender_id;
	draft->at_ms = next_at(tip, command->at_ms);
	transaction_head(draft, tip->head, draft->head);
	return transaction_new(draft);
}

static struct transaction *make_begin(const struct chat *chat, const struct command *command, const char *writer, const struct tip *tip)
{
	struct buf members = BUF_EMPTY;
	const char *user_ids[] = {command->sender_id, command->peer_id};
	buf_add_text(&members, "{\"members\":[");
	for (size_t i = 0; i < 2; i++) {
		buf_add_text(&members, i > 0 ? ",{\"userID\":" : "{\"userID\":");
		json_add_string(&members, user_ids[i], strlen(user_ids[i]));
		buf_add_text(&members, ",\"role\":\"member\"}");
	}
	buf_add_text(&members, "]}");
	struct transaction draft = {.type = TX_MEMBER_ADDED, .writer = writer};
	if (command->type == COMMAND_CREATE) {
		draft.key = command->key;
		memcpy(draft.key_hash, command->key_hash, ID_BYTES);
	}
	sealed_set(&draft.body, members.data, members.len);
	struct transaction *tx = make(chat, command, tip, &draft);
	buf_fini(&members);
	return tx;
}

static struct transaction *make_message(const struct chat *chat, const struct command *command, const char *writer, const struct tip *tip,
	const struct transaction *quoted)
{
	struct transaction draft = {
		.type = TX_MESSAGE,
		.key = command->key,
		.writer = writer,
		.target = command->replied_to,
		.content_type = command->content_type,
		.client_time_ms = command->client_time_ms,
	};
	memcpy(draft.key_hash, command->key_hash, ID_BYTES);
	sealed_set(&draft.body, command->body ? command->body : "", command->body_len); /* an empty text is a text */
	if (quoted != NULL) {
		draft.quote_revision = quoted->number;
		sealed_set(&draft.quote, quoted->body.text, text_cut(quoted->body.text, quoted->body.len, QUOTE_MAX));
	}
	return make(chat, command, tip, &draft);
}

static void accept_command(struct chat *chat, struct command *command, const char *writer, const struct transaction *quoted)
{
	struct pending *pending = mem_zero(sizeof *pending);
	struct tip tip = tip_of(chat);
	pending->command = command;
	pending->key_hash = chat_key_hash(command->sender_id, command->key);
	if (tip.number == 0)
		pending->transactions[pending->transaction_count++] = make_begin(chat, command, writer, &tip);
	if (command->type == COMMAND_SEND) {
		if (pending->transaction_count > 0)
			tip = (struct tip){1, pending->transactions[0]->head, pending->transactions[0]->at_ms};
		pending->transactions[pending->transaction_count++] = make_message(chat, command, writer, &tip, quoted);
	}
	DL_APPEND(chat->pending, pending);
	chat->pending_count++;
	chat->pending_transactions += pending->transaction_count;
}

/* Whether the sender may write here. A 1:1 chat that does not exist yet may be begun by either of its two. */
static enum decision check_sender(struct chat *chat, struct command *command, struct verdict *verdict)
{
	if (chat_tip(chat) > 0) {
		/* Whoever stands in the pending transaction that begins the chat is a member as well: it is either of the two. */
		bool member = chat->latest == 0 ? command->peer_id != NULL : member_is_current(chat_member(chat, command->sender_id));
		if (member && !chat->ended)
			return DECISION_ACCEPTED;
		refuse(verdict, REFUSAL_FORBIDDEN, NULL);
		return DECISION_REFUSED;
	}
	if (command->peer_id == NULL) {
		refuse(verdict, REFUSAL_FORBIDDEN, NULL);
		return DECISION_REFUSED;
	}
	return command->peer_exists ? DECISION_ACCEPTED : DECISION_NEEDS_PEER;
}

/* Asked once for each command, and last: whoever is asked counts it. */
static bool may_begin(struct command *command, const struct decide_conf *conf, struct verdict *verdict)
{
	if (!command->may_begin)
		command->may_begin = conf->may_begin(conf->context, command, verdict);
	return command->may_begin;
}

static enum decision check(struct chat *chat, struct command *command, struct verdict *verdict, uint64_t *repeated,
	struct transaction **quoted)
{
	enum decision decision = check_sender(chat, command, verdict);
	if (decision != DECISION_ACCEPTED)
		return decision;
	/* An answer that is not a pending entry's must not rest on one: that may still come to nothing, or be lost by a crash. */
	if (command->type == COMMAND_CREATE && chat_tip(chat) > 0) {
		*repeated = 0;
		return chat->latest > 0 ? DECISION_REPEATED : DECISION_NEEDS_COMMIT;
	}
	if (command->has_if_latest && command->if_latest != chat_tip(chat)) {
		if (chat->pending != NULL && command->if_latest >= chat->latest)
			return DECISION_NEEDS_COMMIT;
		refuse(verdict, REFUSAL_CONFLICT, NULL);
		return DECISION_REFUSED;
	}
	if (chat->pending_count >= CHAT_PENDING_MAX) {
		refuse(verdict, REFUSAL_UNAVAILABLE, NULL);
		verdict->retry_after_ms = 1000;
		return DECISION_REFUSED;
	}
	if (command->replied_to == 0)
		return DECISION_ACCEPTED;
	*quoted = find_quoted(chat, command, &decision, verdict);
	return *quoted != NULL ? DECISION_ACCEPTED : decision;
}

enum decision chat_decide(struct chat *chat, struct command *command, const struct decide_conf *conf, struct verdict *verdict,
	uint64_t *repeated)
{
	enum decision decision = find_repetition(chat, command, verdict, repeated);
	if (decision != DECISION_ACCEPTED)
		return decision;
	struct transaction *quoted = NULL;
	decision = check(chat, command, verdict, repeated, &quoted);
	if (decision == DECISION_ACCEPTED && chat_tip(chat) == 0 && !may_begin(command, conf, verdict))
		decision = DECISION_REFUSED;
	if (decision == DECISION_REFUSED && key_may_be_stored(chat, command))
		return DECISION_NEEDS_KEY;
	if (decision == DECISION_ACCEPTED)
		accept_command(chat, command, conf->writer, quoted);
	return decision;
}
