/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CHAT_CHAT_H
#define HC_CHAT_CHAT_H
/* One chat in memory: the state that its log folds to, and what was decided on top of it but is not committed.
 *
 * chat_apply is the only function that changes the committed state, wherever the transaction comes from (chat_apply_own is its inside).
 * Decisions (chat_decide) look at the committed state and the pending list together, "the tip". No I/O, no thread, no clock: time comes
 * with the command. Loop thread. */

#include "plugin/chat/command.h"
#include "plugin/chat/members.h"
#include "storage/store.h"

/* A decided command and its transactions, until the store has them. barrier: they change more than messages, so that who may do what behind
 * them is known only once they are committed. */
struct pending {
	struct command *command;
	struct command *repetitions; /* the same command again: answered with it */
	uint64_t key_hash;
	struct transaction *transactions[2]; /* the last one carries the command's key */
	size_t transaction_count;
	bool barrier;
	struct pending *next, *prev;
};

/* How far a chat's times may run ahead of the clock: a clock that was wrong once must not date a chat into the future for ever. So a
 * transaction is at most this much older than its command. */
enum { AT_AHEAD_MAX_MS = 60 * 60 * 1000 };

enum { CHAT_RECENT_MAX = 128, CHAT_RECENT_BYTES_MAX = 128 * 1024, CHAT_PENDING_MAX = 8192 };

struct recent {
	struct transaction *tx;
	uint64_t key_hash; /* chat_key_hash */
};

/* Times of membership of one member. Each costs every broker that has the chat in memory, so whoever adds and removes somebody endlessly comes to
 * an end. */
enum { MEMBER_TIMES_MAX = 100 };

struct chat {
	char *id;
	/* committed */
	uint64_t latest;
	unsigned char head[HEAD_BYTES];
	int64_t latest_at_ms;
	bool pair; /* a 1:1 chat, for ever: see store.h */
	bool history_all, ended;
	int64_t ended_at_ms;
	char *name, *icon;      /* "": none */
	struct members members; /* former ones too */
	size_t current_members;
	unsigned long membership_version; /* grows with each change of who is a member */
	/* the last transactions, without a gap up to `latest`; for repetitions and quotes */
	struct recent *recent; /* a ring: number n is at n % recent_size */
	size_t recent_size;    /* a power of two; grows up to CHAT_RECENT_MAX */
	uint64_t recent_from;  /* the lowest number in it; latest + 1: empty */
	size_t recent_bytes;
	/* decided */
	struct pending *pending; /* in the order of their numbers */
	size_t pending_count, pending_transactions, pending_barriers;
};

struct chat *chat_new(const char *id);                       /* without a log */
struct chat *chat_from_record(const struct chat_record *record);
void chat_free(struct chat *chat);                           /* pending commands must be gone */

/* The number is the next one, and the head follows: else false, and nothing changes. Takes its own reference. Follows the rules of store.h
 * for projections; what a TX_DELETE erases is erased here as well. */
bool chat_apply(struct chat *chat, struct transaction *tx);
/* The same for a transaction that was decided here on top of the latest: its head was made to follow, and is not computed once more. */
bool chat_apply_own(struct chat *chat, struct transaction *tx);

struct member *chat_member(struct chat *chat, const char *user_id); /* former ones too; NULL */
bool member_is_current(const struct member *member);                /* NULL: no */
struct transaction *chat_recent(const struct chat *chat, uint64_t number); /* NULL: not at hand; no reference is taken */
uint64_t chat_recent_hash(const struct chat *chat, uint64_t number);       /* its chat_key_hash; it is at hand */
bool member_sees(const struct chat *chat, const struct member *member, uint64_t number); /* NULL: no. A number that is still to come: if he stays */
struct member *chat_peer(struct chat *chat, const char *user_id); /* of a pair, the other one, whether a member now or not; else NULL */
uint64_t chat_key_hash(const char *sender_id, const char *key);            /* to compare quickly; in memory only. key NULL: 0 */
uint64_t chat_tip(const struct chat *chat);                         /* the latest number, pending ones included */

enum decision {
	DECISION_ACCEPTED,      /* a pending entry was added; it owns the command */
	DECISION_REFUSED,       /* *verdict says why; the caller has the command */
	DECISION_REPEATED,      /* it was done before, as *repeated (0: nothing was needed, as for a chat that is there); the caller has the command */
	DECISION_REPEATS_PENDING, /* the same is pending: it was hung there and is answered with it */
	DECISION_NEEDS_COMMIT,  /* what is pending has to be committed first: the answer hangs on it */
	DECISION_NEEDS_REACH,   /* whether chat_reach's users can be reached (then reach) */
	DECISION_NEEDS_KEY,     /* whether the store knows the key (then key_unused, or answer) */
	DECISION_NEEDS_MESSAGE, /* the message command_message (then message, found, found_at) */
};

struct decide_conf {
	const char *writer;
	/* Whether the sender may begin one more chat; fills *verdict otherwise. Asked before it is known whether the chat will be. */
	bool (*may_begin)(void *context, const struct command *command, struct verdict *verdict);
	void *context;
};

enum decision chat_decide(struct chat *chat, struct command *command, const struct decide_conf *conf, struct verdict *verdict,
                          uint64_t *repeated);

/* Whom the command has to reach. Returns how many, *user_ids: free() it, the IDs are the chat's and the command's. *both: none of them may be
 * blocked by the sender either. */
size_t chat_reach(struct chat *chat, const struct command *command, const char ***user_ids, bool *both);

/* What was found out about the two of a pair. */
void chat_forget_reach(struct chat *chat);

/* Lets go of the texts at hand, after the store has erased some. What is pending stays. */
void chat_forget_texts(struct chat *chat);

/* Takes the first pending entry out; the caller owns it: pending_free, after having taken the commands. */
struct pending *chat_pending_take(struct chat *chat);
void pending_free(struct pending *pending);

/* Moves a watermark, held to the latest number. false: not a current member, or nothing new. */
bool chat_receive(struct chat *chat, const char *user_id, uint64_t received, uint64_t read);

#endif
