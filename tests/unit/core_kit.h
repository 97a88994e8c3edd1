/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_UNIT_CORE_KIT_H
#define HC_UNIT_CORE_KIT_H
/* The core between its ports, one story at a time. The simulator (tests/sim) tells thousands in any order; here stand those that it cannot
 * tell, because its store is sound, and those that say how something happens and not only that it does.
 *
 * Ports write down what they are called for. happened() ends the loop's round, compares that with what a story expects, and begins a new
 * page. */

#include "chat_kit.h"

#include "plugin/chat/core.h"

struct scene {
	struct core *core;
	struct buf happened;
	struct transaction *const *sent; /* the last append's */
	size_t sent_count;
	struct chat *shown;   /* as of the last committed */
	struct command *next; /* issued from inside the next answer */
	bool pair;            /* the chat that is loaded is one of which it is asked who reaches whom */
	int64_t now_ms;
	int64_t retry_after_ms; /* of the last refusal */
};

void note(struct scene *scene, const char *format, ...) __attribute__((format(printf, 2, 3)));
void happened(struct scene *scene, const char *expected);

struct scene *scene_new(size_t chats_max);
void scene_free(struct scene *scene);
struct scene *scene_with_chat(uint64_t latest); /* the chat of alice and bob is in memory, with that latest number; without questions about reach */
struct scene *pair_scene(void);                 /* the 1:1 chat of alice and bob; alice has reached bob, latest is 3 */
struct scene *group_scene(void);                /* olga owns a group, bob is a member; latest is 1 */

/* What the store has: the log that leads there is the same each time. */
struct chat *stored_chat(uint64_t latest); /* of alice and bob */
struct chat *stored_group(void);           /* olga's */

/* ---- what comes to the core ---- */

void issue(struct scene *scene, struct command *command);
void say(struct scene *scene, const char *user, const char *key);
void visit(struct scene *scene);
void on_visit(void *context, struct chat *chat, bool unavailable);
void time_passes(struct scene *scene, int64_t ms);

/* ---- answers of the store ---- */

void loads(struct scene *scene, uint64_t latest); /* stored_chat */
void loads_record(struct scene *scene, const struct chat *chat);
void load_fails(struct scene *scene);
void load_finds_a_contradiction(struct scene *scene);
/* What was decided is on its way since the end of its round, and now the answer is there. */
void appended(struct scene *scene, enum append_result result);
void append_finds_key(struct scene *scene, size_t index, uint64_t number);
void key_is(struct scene *scene, const struct command *same, uint64_t number);   /* number 0: unused. same NULL: another command has it */
void message_is(struct scene *scene, const struct message_state *state);         /* NULL: there is no such message */
void log_arrives(struct scene *scene, const struct chat *stored, uint64_t from, bool more); /* from…latest, after a conflict */

#endif
