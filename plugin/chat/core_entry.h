/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CHAT_CORE_ENTRY_H
#define HC_CHAT_CORE_ENTRY_H
/* The inside of the core, shared by its files and by nobody else: an entry is a chat with what goes on around it. Loop thread.
 *
 *   core.c         commands, decisions, and the answers to all that was asked
 *   core_entry.c   entries are made, found and let go
 *   core_append.c  one append of a chat at a time, and what becomes of it
 *   core_upkeep.c  receipts, what others wrote, what the store was told besides transactions, retries, chats that nobody used for a while */

#include <uthash.h>

#include "plugin/chat/core.h"

struct item {
	struct command *command; /* NULL: a visit */
	core_visit_fn *visit;
	void *context;
	bool settles; /* a visit that waits until nothing is pending */
	struct item *next, *prev;
};

enum request { OUT_LOAD = 1, OUT_ASK = 2, OUT_CATCH_UP = 4, OUT_APPEND = 8 };

struct entry {
	char *id;
	struct chat *chat; /* NULL until it is loaded */
	struct item *waiting;
	struct command *asking; /* the waiting command that something is asked for */
	enum decision asked;
	bool ask_anew;         /* what is asked for has changed meanwhile */
	bool catching_up;      /* after a conflict */
	bool corrupt;          /* it could not be loaded, and that was reported */
	bool progress;         /* something was found in between */
	uint64_t heard_of;     /* a number that is in the store, whether it was seen here or not */
	unsigned out;          /* requests under way */
	size_t flying;         /* pending entries in the append that is under way or due again */
	struct transaction **transactions; /* theirs */
	size_t transaction_count;
	/* Taking turns with another broker that writes to the same chat. */
	size_t append_max; /* of transactions in the next append, 0: APPEND_COUNT_MAX */
	int64_t sent_at_ms, rests_until_ms, shared_until_ms, starved_at_ms;
	unsigned lost; /* races, one after the other */
	char *turn_of; /* the broker that asked for it and has not written since; NULL: none */
	uint64_t turn_from; /* what it writes from then on is above this */
	int64_t turn_at_ms, turn_ms;
	int64_t retry_at_ms, retry_pause_ms; /* retry_at_ms 0: nothing is due */
	int64_t used_at_ms;
	bool receipts_dirty, unsent; /* in the core's lists */
	struct entry *dirty_next, *dirty_prev, *unsent_next, *unsent_prev;
	UT_hash_handle hh;
};

struct core {
	struct core_ports ports;
	struct decide_conf decide;
	struct entry *entries; /* hashed by id; in the order of creation */
	struct entry *dirty;   /* with receipts that the store does not have */
	struct entry *unsent;  /* with something pending for core_flush to send off */
	size_t command_count;
	int64_t retry_at_ms; /* the earliest of the entries', 0: none */
	int64_t swept_at_ms;
	int64_t now_ms; /* of the last call that told */
};

/* ---- core_entry.c ---- */

struct entry *entry_find(struct core *core, const char *chat_id);
struct entry *entry_get(struct core *core, const char *chat_id, int64_t now_ms); /* makes it, and has the chat loaded, if there is none */
void entry_load(struct core *core, struct entry *entry);
void entry_free(struct core *core, struct entry *entry); /* its commands stay unanswered, its visits are told that the chat is unavailable */

/* Everything pending goes back to the front of the queue, in its order. */
void entry_take_back(struct entry *entry);

/* That number is in the store: entry_drain reads it once nothing is pending. */
void entry_hear_of(struct entry *entry, uint64_t number);

/* The log has grown, a text went, somebody was blocked: what was found out, or is just being asked, may not be so any more. */
void entry_forget_findings(struct entry *entry);

/* core_tick comes back to it then; the pauses get longer until it has recovered. */
void entry_retry_at(struct core *core, struct entry *entry, int64_t at_ms);
void entry_retry_later(struct core *core, struct entry *entry, int64_t now_ms);
void entry_recovered(struct entry *entry);

/* ---- core.c ---- */

/* Goes on with what waits. */
void entry_drain(struct core *core, struct entry *entry);
/* The command is done with. */
void entry_answer(struct core *core, struct command *command, const struct verdict *refused, uint64_t number, bool repeated);

/* Also what was asked and not answered, again. The chat is there: while it is loaded anew, a question waits. */
void entry_ask(struct core *core, struct entry *entry, struct command *command, enum decision what);
/* Reads what others wrote behind `latest`. Nothing may be pending. */
void entry_catch_up(struct core *core, struct entry *entry);

/* ---- core_append.c ---- */

/* What is under way, for the first time or again. */
void entry_append(struct core *core, struct entry *entry);
/* Whether anything is to be sent off, nothing is under way, and it is this broker's turn. */
bool entry_may_send(struct core *core, struct entry *entry);
/* What is pending is sent off, if nothing is under way and it is this broker's turn. */
void entry_go_on(struct core *core, struct entry *entry);
/* Another broker has written to the chat. */
void entry_is_shared(struct core *core, struct entry *entry);
/* That broker asks for its turn; and it has written. */
void entry_yield(struct core *core, struct entry *entry, const char *writer);
void entry_had_turn(struct core *core, struct entry *entry, const struct transaction *tx);

#endif
