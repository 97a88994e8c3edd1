/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CHAT_CORE_H
#define HC_CHAT_CORE_H
/* All chats of a broker: commands in, transactions out, with everything that blocks asked for through ports.
 *
 * The core is a deterministic state machine without I/O, threads or clock of its own. The broker implements its ports with store
 * lanes and readers; the simulator (tests/sim) with a seeded scheduler. Every request made through a port that has an answering core_…
 * function is answered by exactly one call of it, later, never from inside the port. From inside `answer` and a visit new commands and
 * visits may come; no other port calls back. Loop thread.
 *
 * Per chat: commands are decided in the order in which they came. While one waits for something to be read, those behind it wait as
 * well; other chats don't. At most one append of a chat is under way, of at most APPEND_COUNT_MAX and APPEND_TEXT_BYTES_MAX; what is decided
 * meanwhile, or does not fit, goes out with the next.
 *   APPEND_OK            applied, delivered (committed port), answered
 *                        Where another broker writes to the chat as well, the next append of it waits a moment, so that both get their turn.
 *   APPEND_CONFLICT      what came in between is read, applied and delivered; everything pending is decided again
 *   APPEND_NOTHING_ADDED, APPEND_UNKNOWN   the same transactions are appended again after a pause */

#include "plugin/chat/chat.h"
#include "storage/store.h"

struct core;

struct answer {
	const struct verdict *refused; /* NULL: done */
	const char *chat_id;
	uint64_t number; /* of the transaction that it made, 0: it needed none */
	bool repeated;   /* it had been done before */
};

struct core_ports {
	void *context;
	const char *writer;                  /* this broker's name in the log; outlives the core */
	size_t chats_max;                    /* chats kept in memory beyond those in use */

	/* → core_appended. The core keeps the transactions and the array until then. */
	void (*append)(void *context, const char *chat_id, struct transaction *const *transactions, size_t count);
	void (*load_chat)(void *context, const char *chat_id);                                     /* → core_chat_loaded */
	/* Whether from_id can reach all of them: see check_reach in store.h. Copies. → core_users_checked */
	void (*check_users)(void *context, const char *chat_id, const char *from_id, const char *const *user_ids, size_t count, bool both);
	void (*find_key)(void *context, const char *chat_id, const char *sender_id, const char *key, int64_t since_ms); /* → core_key_found */
	void (*read_message)(void *context, const char *chat_id, uint64_t number);                 /* → core_message_read */
	void (*read)(void *context, const char *chat_id, uint64_t from, uint64_t to);              /* what others wrote → core_page_read */
	void (*put_receipts)(void *context, const struct receipt *receipts, size_t count);         /* copies; repeats until stored */

	/* A transaction is durable and applied: show it. Called in the order of the numbers of a chat. */
	void (*committed)(void *context, struct chat *chat, struct transaction *tx);
	/* The command is done with; the callee frees it (and its origin). Once for each core_command. */
	void (*answer)(void *context, struct command *command, const struct answer *answer);
	bool (*may_begin)(void *context, const struct command *command, struct verdict *verdict);
	/* A replayed command is being decided, or that is over: if the process dies in between, it died of this command. NULL: nobody asks. */
	void (*in_work)(void *context, const struct command *command, bool begins);
	/* Other brokers write to the chat faster than this one gets its turn: they are to be asked for it (core_yield). NULL: nobody can be. */
	void (*starves)(void *context, const char *chat_id);
	/* Something is wrong that an operator should know. */
	void (*report)(void *context, const char *chat_id, const char *what);
};

struct core *core_new(const struct core_ports *ports); /* copies ports */
void core_free(struct core *core);                     /* frees commands unanswered: the journal still has them. No append may be under way in another thread */

/* Takes the command over. chat_id, sender_id and key are set and within their lengths. */
void core_command(struct core *core, struct command *command, int64_t now_ms);

/* Calls visit with the chat once everything that came before is decided; chat NULL: there is none, or (unavailable) the store cannot say.
 * May call at once. */
typedef void core_visit_fn(void *context, struct chat *chat, bool unavailable);
void core_visit(struct core *core, const char *chat_id, core_visit_fn *visit, void *context, int64_t now_ms);

/* The same once everything that came before is committed. What comes behind waits as well, so this is for what happens seldom. */
void core_settle(struct core *core, const char *chat_id, core_visit_fn *visit, void *context, int64_t now_ms);

/* The chat if it is in memory, else NULL; starts nothing. */
struct chat *core_peek(struct core *core, const char *chat_id);

/* Marks the chat's receipts to be stored with the next core_flush_receipts. */
void core_receipts_changed(struct core *core, struct chat *chat);
/* Sends all receipts that were not stored yet to the put_receipts port; returns how many. */
size_t core_flush_receipts(struct core *core);

/* Appends what was decided since the last call. To be called when the loop's round has brought all that it brings, so that a burst of
 * commands is one append. */
void core_flush(struct core *core);

/* Answers to the ports. now_ms is monotonic time. */
void core_appended(struct core *core, const char *chat_id, const struct append *result, int64_t now_ms);
void core_chat_loaded(struct core *core, const char *chat_id, enum store_rc rc, const struct chat_record *record, int64_t now_ms);
void core_users_checked(struct core *core, const char *chat_id, enum store_rc rc, int64_t now_ms); /* OK: all of them; NOT_FOUND: not all */
void core_key_found(struct core *core, const char *chat_id, enum store_rc rc, uint64_t number, const unsigned char key_hash[ID_BYTES],
                    int64_t now_ms);
void core_message_read(struct core *core, const char *chat_id, enum store_rc rc, const struct message_state *state, int64_t now_ms); /* copies */
void core_page_read(struct core *core, const char *chat_id, enum store_rc rc, const struct page *page, int64_t now_ms);

/* Another broker has written this, and it is in the store: the chat follows, and the members here see it (`committed`). Anything that was there
 * already is passed over; where something before it is missing, that is read as well. false: the chat is not in memory, and nothing happens. */
bool core_news(struct core *core, struct transaction *tx);

/* Another broker (writer) does not get its turn in that chat: this one appends nothing to it for half a second, longer each time that the other one
 * asks again and has not written meanwhile. It ends when the other one's transaction is seen. */
void core_yield(struct core *core, const char *chat_id, const char *writer, int64_t now_ms);

/* How far the chat was shown here: what is above that is still to come through `committed`. UINT64_MAX: it is not in memory, so it will be as
 * new as the store when it is; 0: it is being loaded, or there is none. */
uint64_t core_known(struct core *core, const char *chat_id);

/* The store has just been told that of the two of this 1:1 chat one blocked or unblocked the other, or that an account of theirs began or
 * ended: what was known of their reaching each other is asked anew. */
void core_reach_changed(struct core *core, const char *chat_id);

/* The store has just erased texts of the chat: they go from memory too, and nothing that is decided from now on quotes them. What is pending
 * already may still do so: core_settle the chat, and then erase once more. */
void core_forget_texts(struct core *core, const char *chat_id);

/* Retries what is due, and lets go of chats that nobody used for a while. Returns ms until it has something to do, -1: nothing. */
int64_t core_tick(struct core *core, int64_t now_ms);

size_t core_command_count(const struct core *core); /* not answered yet */
size_t core_chat_count(const struct core *core);    /* in memory */

#endif
