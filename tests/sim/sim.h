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
 *   model.c    what a chat's log makes of it and of a command: the rules once more, written to be checked against
 *   oracle.c   what must be true (the invariants of docs/testing.md): of what cores show and answer, …
 *   oracle_log.c, oracle_end.c   … of the log, and of everything at the end
 *   script.c   a run as bytes, in place of the seed
 *   sim.c      options, seeds, reports; tests/fuzz/fuzz_chat.c: the same for scripts */

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
	PAIRS_MAX = USERS_MAX * (USERS_MAX - 1) / 2,
	GROUPS_MAX = 2,
	CHATS_MAX = PAIRS_MAX + GROUPS_MAX,
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
	EVENT_SIGN_UP,  /* a user logs in for the first time, or again after his account was deleted */
	EVENT_BLOCK,    /* somebody blocks or unblocks somebody */
	EVENT_SIGN_OFF, /* an account is deleted */
	EVENT_NEWS,     /* a broker looks at what another one wrote */
	EVENT_YIELD, /* a broker is asked to let another one write; of scripts only, since a new event changes what every seed means */
	EVENT_COUNT,
};

/* What a command is about, under its ID. Repetitions share it. */
struct intent {
	enum command_type type;
	size_t chat;
	unsigned sender, peer; /* of the users; the other one of a 1:1 chat */
	bool by_peer;
	bool users[USERS_MAX]; /* whom it names */
	enum role role;
	uint64_t target;
	bool keep_quotes;
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
	uint64_t step;   /* when it came */
	bool view_known;
	uint64_t view_before; /* how far the broker knew the chat, or how far it loaded it later */
	uint64_t store_before;
};

struct visit {
	struct broker *broker;
	unsigned incarnation;
	size_t chat;
	struct erasure *erasure; /* NULL: somebody looks */
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
	const struct command *in_work; /* that would be to blame */
	struct journal_model journal;
	struct view views[CHATS_MAX];
	uint64_t read_along[BROKERS_MAX]; /* the position of each other one to go on from */
};

struct request;

/* A chat after its first transactions. */
struct model {
	uint64_t number;
	bool is_group, ended, history_all;
	enum role roles[USERS_MAX];
	uint64_t since[USERS_MAX]; /* the number of his last memberAdded; 0: never, or his account was deleted since */
	uint64_t forgotten[USERS_MAX]; /* the number that said so last: of what was up to there he sees nothing */
};

/* A chat as the store has it. */
struct truth {
	char id[ID_TEXT_LEN + 1];
	bool is_group;
	unsigned users[2]; /* of a 1:1 chat */
	struct transaction **log; /* number - 1 */
	struct model *models;     /* behind each of them */
	uint64_t latest;
};

struct world {
	uint64_t seed;
	const uint8_t *script; /* what is left of it; NULL: the seed says what happens */
	size_t script_len;
	struct buf *written; /* gets the run as a script; NULL: nobody wants it */
	struct buf drawn;    /* in this step, for it */
	struct random random;
	bool tracing;
	bool calm; /* the end: no faults, no crashes, nothing new */

	unsigned broker_count, user_count, group_count;
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
	bool blocks[USERS_MAX][USERS_MAX]; /* the first one blocks the second */
	struct reach_time {
		bool open;
		uint64_t since; /* the step when that changed */
	} reach[USERS_MAX][USERS_MAX][2]; /* the first one reaches the second; and is reached by him */
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
	struct erasure **erasures;
	size_t erasure_count;
	uint64_t crashes;
};

/* ---- sim.c, fuzz_chat.c ---- */

/* Says what is wrong, how to see it again, and ends the process (or, where a bug is expected, reports the find). */
_Noreturn void sim_fail(const struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(const struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define trace(world, ...)             ((world)->tracing ? sim_trace(world, __VA_ARGS__) : (void)0)
#define expect(world, condition, ...) ((condition) ? (void)0 : sim_fail(world, __VA_ARGS__))

/* Adds a copy of the item to a list of pointers. */
void *list_add(void *list_pointer, size_t *count, const void *item, size_t size);

/* ---- world.c ---- */

enum { FAULT_LEVELS = 5 };
extern const unsigned short FAULT_PER_MILLE[FAULT_LEVELS]; /* per mille, rising */

void world_run(struct world *world); /* from world->seed or ->script to the last check */
size_t world_chat(const struct world *world, const char *chat_id);
const char *world_user(const struct world *world, unsigned user);
unsigned world_find_user(const struct world *world, const char *user_id);
/* Whether it was so at some time since that step. */
bool world_reached(const struct world *world, unsigned from, unsigned to, bool both, uint64_t since_step);
bool world_was_cut(const struct world *world, unsigned from, unsigned to, bool both, uint64_t since_step);
void world_reach_changed(struct world *world); /* brokers are told of the 1:1 chats whose two are concerned */

/* ---- script.c ---- */

enum { SCRIPT_PLAN_LEN = 20, SCRIPT_DRAWS_MAX = 63 };

void script_begin(struct world *world); /* chance draws from the plan's part, until … */
bool script_next(struct world *world, enum event *event); /* … from this step's. false: it is over */
size_t script_step_len(const uint8_t *rest, size_t len); /* of the step whose event is right before `rest`, without that */

/* With world->written: */
void script_write_plan(struct world *world);
void script_write_plan_end(struct world *world);
void script_write_step(struct world *world, enum event event);

/* ---- broker.c ---- */

struct command *make_command(const struct world *world, const struct intent *intent, int64_t at_ms);
void broker_start(struct broker *broker); /* replays the journal */
void broker_crash(struct broker *broker);
void broker_fini(struct broker *broker);
void broker_issue(struct broker *broker, const struct intent *intent, bool journaled);
void broker_visit(struct broker *broker, size_t chat);
void broker_erase(struct broker *broker, struct erasure *erasure);
void broker_erased(struct broker *broker, struct erasure *erasure); /* the store has done it */
bool broker_knows(const struct broker *broker, size_t chat); /* it has the chat in memory */
void broker_flush_journal(struct broker *broker);
void broker_round(struct broker *broker);
void broker_tick(struct broker *broker);
void broker_read_along(struct broker *broker, unsigned other);
bool broker_has_read(const struct broker *broker); /* all that the others wrote */
void broker_hears(struct broker *broker, unsigned other, const struct page *page, uint64_t next);

/* ---- request.c ---- */

enum request_type { REQUEST_APPEND, REQUEST_LOAD, REQUEST_REACH, REQUEST_KEY, REQUEST_MESSAGE, REQUEST_READ, REQUEST_RECEIPTS, REQUEST_ERASE, REQUEST_TAIL };

struct request {
	enum request_type type;
	struct broker *broker;
	unsigned incarnation;
	size_t chat;
	bool done;     /* and waits to be answered */
	bool answered; /* before it was done */

	struct transaction **transactions;
	unsigned users[USERS_MAX]; /* to be reached by user_id */
	size_t count;              /* of transactions or users */
	bool both;
	int64_t since_ms;
	char user_id[16], key[KEY_SIZE];
	uint64_t from, to;
	unsigned other; /* whose tail */
	struct receipt *receipts;
	struct erasure *erasure;

	enum store_rc rc;
	struct append result;
	struct chat_record *chat_record;
	uint64_t number;
	unsigned char key_hash[ID_BYTES];
	struct page page;
	struct message_state message;
};

/* What somebody wrote in a chat goes, after his account was deleted. */
struct erasure {
	size_t chat;
	unsigned user;
	uint64_t left_at;  /* the number of his last transaction there, or a later one */
	bool begun, again; /* for the second time, when what was pending then is committed */
	bool finished;
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
void client_sign_off(struct world *world);

/* ---- model.c ---- */

/* What is to become of a command. */
enum outcome { OUTCOME_DONE, OUTCOME_NOTHING_NEEDED, OUTCOME_FORBIDDEN, OUTCOME_GONE, OUTCOME_ID_REUSED };

void model_follow(struct world *world, size_t chat, const struct transaction *tx); /* the next one of the log */
struct model model_at(const struct world *world, size_t chat, uint64_t number);
bool model_sees(const struct world *world, size_t chat, uint64_t at, unsigned user, uint64_t number);
/* The latest text of a message as of a number, or its first one where the user does not see the latest; NULL: none, or it was deleted. *revision:
 * where it stands. */
const struct sealed *model_text(const struct world *world, size_t chat, uint64_t at, unsigned user, uint64_t message, uint64_t *revision);
enum outcome model_outcome(const struct world *world, const struct intent *intent, uint64_t at); /* without reach and conditions */
/* What a command that is done there makes: the types of its transactions, and the chat after them. */
size_t model_does(const struct world *world, const struct intent *intent, uint64_t at, enum transaction_type types[2], struct model *after);
bool model_is_erased(const struct world *world, size_t chat, uint64_t number); /* or may be: with the account of whoever wrote it */
bool model_is_deleted(const struct world *world, size_t chat, uint64_t at, uint64_t message);

/* ---- oracle_log.c ---- */

bool same_text(const char *a, const char *b);                                     /* NULL is the same as NULL */
uint64_t number_of(const struct world *world, const struct intent *intent);       /* of the transaction that its key made, 0: none */
void oracle_look(struct world *world, size_t chat);                               /* at what the store has now */

/* ---- oracle.c ---- */

void oracle_appends(const struct request *request);
void oracle_chat_loaded(struct broker *broker, size_t chat, uint64_t latest);
void oracle_committed(struct broker *broker, const struct chat *chat, const struct transaction *tx);
void oracle_answered(struct broker *broker, struct attempt *attempt, const struct answer *answer);
void oracle_visited(struct visit *visit, const struct chat *chat, bool unavailable);

/* ---- oracle_end.c ---- */

void oracle_end(struct world *world);

#endif
