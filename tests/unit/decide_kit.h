/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_UNIT_DECIDE_KIT_H
#define HC_UNIT_DECIDE_KIT_H
/* Words for tests about decisions: a chat, and what chat_decide says to commands. */

#include "chat_kit.h"

struct scene {
	struct chat *chat;
	struct decide_conf conf;
	struct verdict verdict;
	uint64_t repeated;
	bool may_begin;
	unsigned begin_asked;
};

struct scene *scene_new(struct chat *chat); /* takes the chat */
void scene_free(struct scene *scene);

enum decision decide(struct scene *scene, struct command *command);
void accepts(struct scene *scene, struct command *command);
/* These free the command. Whether the store is asked for the key first is another question, and taken for answered. */
void refuses(struct scene *scene, struct command *command, enum refusal code);
void repeats(struct scene *scene, struct command *command, uint64_t number);
void needs(struct scene *scene, struct command *command, enum decision what);

struct command *reaching(struct command *command);    /* everybody whom it needs can be reached */
struct command *unreachable(struct command *command); /* not everybody */

struct pending *last_pending(const struct chat *chat);
const struct transaction *last_transaction(const struct chat *chat);
void commit_pending(struct chat *chat);
void drop_pending(struct chat *chat); /* with its commands: it came to nothing */

/* Accepted and committed. */
void does(struct scene *scene, struct command *command);

#endif
