/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_CONTRACT_H
#define HC_TESTS_CONTRACT_H
/* The vocabulary of the contract suite: a world is one fresh store of the backend under test, a line is what one writer believes
 * about one chat. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "storage/faulty/faulty.h"
#include "storage/store.h"

#define START_MS INT64_C(1790000000000)
#define DAY_MS   INT64_C(86400000)

/* ---- worlds ---- */

struct world {
	struct store *store;
	struct store *other; /* another broker on the same data */
	char dir[64];        /* of the file, for backends that have one; of mongodb: the database's name */
	struct store *keeper; /* for backends whose data goes with the last handle */
};

/* argv[1] of the program: "memory", "sqlite", "mongodb", or one of them behind "faulty:". false: unknown. */
bool world_choose(const char *backend);
bool world_has_what_it_needs(void); /* mongodb: $HC_MONGODB names a server */
bool world_is_faulty(void);
/* How large what is called large should be: less where the server goes through everything for each command ($HC_MONGODB_SCANS). */
size_t world_size(size_t full);
struct world *world_new(void);
void world_free(struct world *world);
void world_reopen(struct world *world); /* closes both handles and opens them again */
/* A world in which no store was made yet: both handles are NULL. */
struct world *world_new_empty(void);
/* Opens the backend's store in it, by flags of store.h. */
enum store_rc world_try(const struct world *world, unsigned flags, struct store **store, struct error *err);
bool world_can_be_found(void); /* memory: what is opened is always a new one */
int world_setup(void **state);
int world_teardown(void **state);

#define STORY(function) cmocka_unit_test_setup_teardown(function, world_setup, world_teardown)

/* Calls an operation of a store. */
#define ON(store, op, ...) (store_ops(store)->op((store), __VA_ARGS__))
#define ON_WORLD(op, ...)  ON(world->store, op, __VA_ARGS__)

/* Repeats what is idempotent until it is answered. */
#define INSIST(call)                                                                                                                                 \
	do {                                                                                                                                             \
		enum store_rc insist_rc = STORE_UNAVAILABLE;                                                                                                 \
		for (int insist_try = 0; insist_try < 20 && (insist_rc == STORE_UNAVAILABLE || insist_rc == STORE_UNKNOWN); insist_try++)                    \
			insist_rc = (call);                                                                                                                      \
		assert_int_equal(insist_rc, STORE_OK);                                                                                                       \
	} while (0)

/* ---- lines ---- */

struct line {
	const char *chat_id;
	const char *writer;
	uint64_t latest;
	unsigned char head[HEAD_BYTES];
	int64_t at_ms; /* of the next transaction; goes on by a second each */
};

struct line line_new(const char *chat_id);
/* The next transaction: number, time, writer and head filled in. The caller drops it. */
struct transaction *line_next(struct line *line, struct transaction like);
struct transaction *line_says(struct line *line, const char *sender_id, const char *text);
struct transaction *line_says_as(struct line *line, const char *sender_id, const char *key, const char *text);
struct transaction *line_replies(struct line *line, const char *sender_id, uint64_t target, const char *text, const char *quote);
struct transaction *line_edits(struct line *line, const char *sender_id, uint64_t target, const char *text);
struct transaction *line_deletes(struct line *line, const char *sender_id, uint64_t target);
struct transaction *line_deletes_keeping_quotes(struct line *line, const char *sender_id, uint64_t target);
struct transaction *line_updates_group(struct line *line, const char *body);
struct transaction *line_ends_group(struct line *line);
struct transaction *line_adds_all(struct line *line, const char *body);
struct transaction *line_adds_pair(struct line *line, const char *user_a, const char *user_b);
struct transaction *line_adds(struct line *line, const char *user_id, enum role role);
struct transaction *line_removes(struct line *line, const char *user_id);
struct transaction *line_sets_role(struct line *line, const char *user_id, enum role role);
/* Learns from the store where the chat is. */
void line_catch_up(struct line *line, struct store *store);

/* ---- appending ---- */

/* Appends one transaction, which is dropped, and says what became of it. */
enum append_result append_one(struct store *store, struct transaction *tx);
#define assert_appended(store, tx) assert_int_equal(append_one(store, tx), APPEND_OK)

/* One chat's append, filled for up to a few transactions. */
struct bundle {
	struct append append;
	struct transaction *transactions[8];
};
void bundle_add(struct bundle *bundle, struct transaction *tx); /* takes the reference */
void bundle_fini(struct bundle *bundle);
/* Appends it alone. */
enum append_result bundle_append(struct store *store, struct bundle *bundle);

/* ---- looking ---- */

/* The records; store_free. */
struct chat_record *load_chat(struct world *world, const char *chat_id);
struct user_chat *load_membership(struct world *world, const char *user_id, const char *chat_id);
/* Everything of a chat; drop it with store_page_free. */
struct page read_all(struct store *store, const char *chat_id);
/* What a writer wrote, from a position on; next NULL: not asked for. */
struct page read_tail(struct store *store, const char *writer, uint64_t position, size_t count_max, uint64_t *next);
/* Of three transactions of his, the second of which is damaged, whoever reads along gets the others, and is told of that one. */
void assert_second_is_passed_over(struct store *store, const char *writer);
/* A group "c" in which alice's message 3 was edited at 4, for bob, and at 6, which is damaged, when he was there no more. */
void line_makes_edits(struct line *line, struct store *store);
void assert_edit_of_former_member(struct store *store);
struct transaction *read_one(struct store *store, const char *chat_id, uint64_t number);
/* Asserts numbers without a gap, heads that follow, no key twice, a chat record that agrees. Returns the latest number. */
uint64_t assert_sound(struct store *store, const char *chat_id);
/* A member of a record; NULL: not in it. */
const struct member_record *find_member(const struct chat_record *chat, const char *user_id);
void assert_interval(const struct interval *interval, uint64_t from, uint64_t to);

/* ---- people ---- */

/* All of them log in for the first time. */
#define EXIST(...) exist(world, sizeof(const char *[]){__VA_ARGS__} / sizeof(const char *), (const char *const[]){__VA_ARGS__})
void exist(struct world *world, size_t count, const char *const *user_ids);
void prune_world(struct world *world, int64_t now_ms);
void invite(struct world *world, const unsigned char *hash, const char *user_id, int64_t expires_ms, uint32_t uses);
/* platform "apns" for every token but "". */
void register_device(struct world *world, const char *user_id, const char *device, const char *push_token);
struct device_list *list_devices(struct world *world, const char *user_id); /* store_free */
/* inviter NULL: it must not work. */
void assert_use(struct world *world, const unsigned char *hash, const char *by_user_id, int64_t now_ms, const char *inviter);

/* ---- the groups; each returns how many failed ---- */

int run_append_stories(void);
int run_read_stories(void);
int run_member_stories(void);
int run_list_stories(void);
int run_group_stories(void);
int run_summary_stories(void);
int run_edit_stories(void);
int run_erasure_stories(void);
int run_state_stories(void);
int run_people_stories(void);
int run_account_stories(void);
int run_invitation_stories(void);
int run_shared_stories(void);
int run_device_stories(void);
int run_push_stories(void);
int run_token_stories(void);
int run_audit_stories(void);
int run_import_stories(void);
int run_thread_stories(void);
int run_fault_stories(void);

#endif
