/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_RPC_SCENE_H
#define HC_TESTS_RPC_SCENE_H
/* A memory store with chats in it, and somebody who calls operations. Each answer is compared with the table and with its bound. */

#include "plugin/rpc/table.h"

struct scene {
	struct store *store; /* faulty over memory; nothing is armed */
	struct rpc_world world;
};

void scene_open(struct scene *scene);
void scene_close(struct scene *scene);

/* A scene of its own for each test. */
int scene_setup(void **state);
int scene_teardown(void **state);

/* Each appends one transaction and returns its number. */
uint64_t scene_adds(struct scene *scene, const char *chat_id, const char *user_id); /* a member; the chat begins with the first one */
uint64_t scene_removes(struct scene *scene, const char *chat_id, const char *user_id);
uint64_t scene_says(struct scene *scene, const char *chat_id, const char *user_id, const char *body);
uint64_t scene_replies(struct scene *scene, const char *chat_id, const char *user_id, uint64_t to, const char *quote, const char *body);
uint64_t scene_edits(struct scene *scene, const char *chat_id, const char *user_id, uint64_t message_id, const char *body);
uint64_t scene_deletes(struct scene *scene, const char *chat_id, const char *user_id, uint64_t message_id);

uint64_t scene_changes_role(struct scene *scene, const char *chat_id, const char *user_id, const char *role);
uint64_t scene_updates(struct scene *scene, const char *chat_id, const char *user_id, const char *body); /* of a groupUpdated, ' for " */
uint64_t scene_ends(struct scene *scene, const char *chat_id, const char *user_id);

/* A group that begins with its owner (1) and its name (2). */
void scene_group(struct scene *scene, const char *chat_id, const char *owner, const char *name);

/* The 1:1 chat of two users, both logged in, begun with its memberAdded. The ID is valid until the next call. */
const char *scene_pair(struct scene *scene, const char *user_a, const char *user_b);
void scene_receipts(struct scene *scene, const char *chat_id, const char *user_id, uint64_t received, uint64_t read);

/* A chat "room" of alice, bob and carol (1, 2, 3) with "one" (4, alice), "two" (5, bob). */
void scene_room(struct scene *scene);
char *long_text(char c, size_t len); /* the caller frees */

int64_t scene_now(void); /* when the next transaction will be made */
void scene_names(struct scene *scene, const char *user_id, const char *name, const char *icon); /* his profile; he logs in */
void scene_blocks(struct scene *scene, const char *user_id, const char *other_id, bool on);

/* The whole payload that the user gets from an operation that reads or writes: {"result":…} or {"error":…}. printf-like arguments,
 * ' for ". The caller frees. */
json_t *scene_asks(struct scene *scene, const char *user_id, const char *operation, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A request that is read from such arguments, or NULL and the test fails. The caller frees. */
struct rpc_request *scene_request(struct scene *scene, const char *user_id, const char *operation, const char *id, const char *args);

/* The same for a request that was made by scene_request; frees it. */
json_t *scene_runs(struct rpc_request *request);

/* The answer of a finished request as JSON, after comparing it with the table; frees the request. */
json_t *scene_answer(struct rpc_request *request);

/* The answer is an error with that code; frees it. */
void assert_refusal(json_t *answer, const char *code);

/* How many operations there are. */
size_t scene_operation_count(void);

/* Reads a value behind a path such as "result.chats.0.name"; fails if there is none. */
const json_t *at(const json_t *json, const char *path);
bool has(const json_t *json, const char *path);
const char *text_at(const json_t *json, const char *path);
json_int_t number_at(const json_t *json, const char *path);
size_t count_at(const json_t *json, const char *path);

#endif
