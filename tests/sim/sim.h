/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_SIM_SIM_H
#define HC_SIM_SIM_H
/* The simulator: up to three brokers' chat cores over one store, under a scheduler that is nothing but a seed.
 *
 * A run is a world. Each step the seed picks what happens next: a client issues a command, the store does something that was asked of
 * it, an answer arrives, time passes, a broker dies. What the core asks for becomes a `request`, done at one moment and answered at
 * another, so every order that threads, disks and networks could bring about has a seed. Nothing else is random and nothing is a thread,
 * so a seed that fails once fails always, in the same way.
 *
 *   world.c    what a run consists of, the steps, and the calm at its end
 *   broker.c   a broker: its ports, its journal, its death and return
 *   request.c  what is asked of the store, the faults included
 *   client.c   who wants what
 *   oracle.c   what must be true (the invariants of docs/testing.md), at every step and at the end
 *   sim.c      options, seeds, reports */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plugin/chat/core.h"
#include "storage/memory/memory.h"
#include "tests/sim/random.h"

enum {
	BROKERS_MAX = 3,
	USERS_MAX = 5,
	CHATS_MAX = USERS_MAX * (USERS_MAX - 1) / 2,
	KEY_SIZE = 24,
	BODY_SIZE = 400,
};

enum event {
	EVENT_COMMAND, /* somebody wants something new */
	EVENT_REPEAT,  /* a client retries */
	EVENT_REUSE,   /* a client uses an ID for something else */
	EVENT_DO,      /* the store does a request */
	EVENT_ANSWER,  /* an answer reaches its core */
	EVENT_ROUND, /* a broker's loop has brought all that it brings */
	EVENT_TICK,
	EVENT_IDLE, /* more than a minute passes */
	EVENT_CRASH,
	EVENT_RESTART,
	EVENT_RECONNECT,
	EVENT_FLUSH_JOURNAL,
	EVENT_VISIT,
	EVENT_RECEIPT,
	EVENT_FLUSH_RECEIPTS,
	EVENT_SIGN_UP, /* a user logs in for the first time */
	EVENT_COUNT,
};

/* What a command is about, under its ID. Repetitions share it. */
struct intent {
	enum command_type type;
	size_t chat;
	unsigned sender, peer; /* of the users */
	bool by_peer;
	bool silent; /* the client gave no ID, so it cannot repeat it */
	char key[KEY_SIZE];
	char body[BODY_SIZE];
	uint64_t replied_to;
	bool has_if_latest;
	uint64_t if_latest;
	unsigned char key_hash[ID_BYTES];
};

/* A command as one core got it. */
struct attempt {
	const struct intent *intent;
	unsigned broker, incarnation;
	uint64_t order;       /* of all attempts */
	uint64_t journal_seq; /* 0: not journaled */
	bool replayed;
	bool answered;
	uint64_t number; /* that it was answered with, 0: none */
	bool peer_existed;
	uint64_t view_before; /* how far the broker knew the chat, 0 also: it was not in memory */
	uint64_t store_before;
};

struct visit {
	struct broker *broker;
	unsigned incarnation;
	size_t chat;
	bool called;
};

enum record_state { RECORD_LIVE, RECORD_COMMITTED, RECORD_DECLINED };

/* A PUBACKed command. */
struct record {
	const struct intent *intent;
	int64_t at_ms;
	enum record_state state;
};

/* The model of plugin/transfer's journal: declined at once for good; committed ones only up to the watermark of the last flush. */
struct journal_model {
	struct record *records; /* seq - 1 */
	size_t count;
	size_t watermark; /* all before it are done and never come back */
};

/* What a broker has shown of a chat. */
struct view {
	bool known;
	uint64_t shown;      /* up to here, without a gap since it was loaded */
	uint64_t last_order; /* of the attempts answered as new */
};

struct world;

struct broker {
	struct world *world;
	unsigned index, incarnation;
	char writer[16];
	struct store *store;
	struct core *core; /* NULL: it is down */
	struct journal_model journal;
	struct view views[CHATS_MAX];
};

struct request;

/* A chat as the store has it. */
struct truth {
	char id[ID_TEXT_LEN + 1];
	unsigned users[2];
	struct transaction **log; /* number - 1 */
	uint64_t latest;
};

struct world {
	uint64_t seed;
	struct random random;
	bool tracing;
	bool calm; /* the end: no faults, no crashes, nothing new */

	unsigned broker_count, user_count;
	size_t chat_count, chats_max;
	unsigned step_count;
	unsigned weights[EVENT_COUNT];
	unsigned write_fault, read_fault; /* per mille */
	unsigned begin_refused;           /* per mille */
	unsigned nested;                  /* per mille: a command is issued from inside an answer */

	int64_t mono_ms, wall_ms;
	uint64_t steps, attempts_made, keys_made;
	struct store *store;
	struct broker brokers[BROKERS_MAX];
	char user_ids[USERS_MAX][16];
	bool user_exists[USERS_MAX];
	unsigned home[USERS_MAX]; /* the broker that a user is connected to */
	struct truth truths[CHATS_MAX];

	struct request **requests;
	size_t request_count;
	struct intent **intents;
	size_t intent_count;
	struct attempt **attempts;
	size_t attempt_count;
	struct visit **visits;
	size_t visit_count;
};

/* ---- sim.c ---- */

/* Says what is wrong, how to see it again, and ends the process (or, where a bug is expected, reports the find). */
_Noreturn void sim_fail(const struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(const struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define trace(world, ...)             ((world)->tracing ? sim_trace(world, __VA_ARGS__) : (void)0)
#define expect(world, condition, ...) ((condition) ? (void)0 : sim_fail(world, __VA_ARGS__))

/* Adds a copy of the item to a list of pointers. */
void *list_add(void *list_pointer, size_t *count, const void *item, size_t size);

/* ---- world.c ---- */

void world_run(struct world *world); /* from world->seed to the last check */
size_t world_chat(const struct world *world, const char *chat_id);
const char *world_user(const struct world *world, unsigned user);

/* ---- broker.c ---- */

void broker_start(struct broker *broker); /* replays the journal */
void broker_crash(struct broker *broker);
void broker_fini(struct broker *broker);
void broker_issue(struct broker *broker, const struct intent *intent, bool journaled);
void broker_visit(struct broker *broker, size_t chat);
bool broker_knows(const struct broker *broker, size_t chat); /* it has the chat in memory */
void broker_flush_journal(struct broker *broker);
void broker_round(struct broker *broker);
void broker_tick(struct broker *broker);

/* ---- request.c ---- */

enum request_type { REQUEST_APPEND, REQUEST_LOAD, REQUEST_USER, REQUEST_KEY, REQUEST_READ, REQUEST_RECEIPTS };

struct request {
	enum request_type type;
	struct broker *broker;
	unsigned incarnation;
	size_t chat;
	bool done;     /* and waits to be answered */
	bool answered; /* before it was done */

	struct transaction **transactions;
	size_t count;
	int64_t since_ms;
	char user_id[16], key[KEY_SIZE];
	enum core_read what;
	uint64_t from, to;
	struct receipt *receipts;

	enum store_rc rc;
	struct append result;
	struct chat_record *chat_record;
	uint64_t number;
	unsigned char key_hash[ID_BYTES];
	struct page page;
};

struct request *request_new(struct broker *broker, enum request_type type, const char *chat_id);
bool request_do_any(struct world *world); /* false: there is none */
bool request_answer_any(struct world *world);
void request_free_all(struct world *world);

/* ---- client.c ---- */

void client_command(struct world *world);
void client_repeat(struct world *world);
void client_reuse(struct world *world);
void client_receipt(struct world *world);

/* ---- oracle.c ---- */

void oracle_look(struct world *world, size_t chat); /* at what the store has now */
void oracle_appends(const struct request *request);
void oracle_chat_loaded(struct broker *broker, size_t chat, uint64_t latest);
void oracle_committed(struct broker *broker, const struct chat *chat, const struct transaction *tx);
void oracle_answered(struct broker *broker, struct attempt *attempt, const struct answer *answer);
void oracle_visited(struct visit *visit, const struct chat *chat, bool unavailable);
void oracle_end(struct world *world);

#endif
