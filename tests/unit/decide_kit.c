/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A chat and what chat_decide says to commands, for tests. */
#include "decide_kit.h"

#include <utlist.h>

static bool may_begin(void *context, const struct command *command, struct verdict *verdict)
{
	struct scene *scene = context;
	(void)command;
	scene->begin_asked++;
	if (!scene->may_begin)
		refuse(verdict, REFUSAL_RATE_LIMITED, NULL);
	return scene->may_begin;
}

struct scene *scene_new(struct chat *chat)
{
	struct scene *scene = mem_zero(sizeof *scene);
	scene->chat = chat;
	scene->conf = (struct decide_conf){"w", may_begin, scene};
	scene->may_begin = true;
	return scene;
}

void drop_pending(struct chat *chat)
{
	struct pending *pending;
	while ((pending = chat_pending_take(chat)) != NULL) {
		struct command *repetition, *next;
		LL_FOREACH_SAFE(pending->repetitions, repetition, next)
			command_free(repetition);
		command_free(pending->command);
		pending_free(pending);
	}
}

void scene_free(struct scene *scene)
{
	drop_pending(scene->chat);
	chat_free(scene->chat);
	free(scene);
}

enum decision decide(struct scene *scene, struct command *command)
{
	return chat_decide(scene->chat, command, &scene->conf, &scene->verdict, &scene->repeated);
}

void accepts(struct scene *scene, struct command *command)
{
	assert_int_equal(decide(scene, command), DECISION_ACCEPTED);
}

static enum decision decide_unused(struct scene *scene, struct command *command)
{
	command->key_unused = true;
	return decide(scene, command);
}

void refuses(struct scene *scene, struct command *command, enum refusal code)
{
	assert_int_equal(decide_unused(scene, command), DECISION_REFUSED);
	assert_int_equal(scene->verdict.code, code);
	command_free(command);
}

void repeats(struct scene *scene, struct command *command, uint64_t number)
{
	assert_int_equal(decide_unused(scene, command), DECISION_REPEATED);
	assert_int_equal(scene->repeated, number);
	command_free(command);
}

void needs(struct scene *scene, struct command *command, enum decision what)
{
	assert_int_equal(decide(scene, command), what);
	command_free(command);
}

struct pending *last_pending(const struct chat *chat)
{
	return chat->pending->prev;
}

const struct transaction *last_transaction(const struct chat *chat)
{
	const struct pending *pending = last_pending(chat);
	return pending->transactions[pending->transaction_count - 1];
}

void commit_pending(struct chat *chat)
{
	struct pending *pending;
	while ((pending = chat_pending_take(chat)) != NULL) {
		for (size_t i = 0; i < pending->transaction_count; i++)
			assert_true(chat_apply(chat, pending->transactions[i]));
		command_free(pending->command);
		pending_free(pending);
	}
}


void does(struct scene *scene, struct command *command)
{
	accepts(scene, command);
	commit_pending(scene->chat);
}

struct command *reaching(struct command *command)
{
	command->reach = REACH_OPEN;
	return command;
}

struct command *unreachable(struct command *command)
{
	command->reach = REACH_CLOSED;
	return command;
}
