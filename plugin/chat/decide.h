/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CHAT_DECIDE_H
#define HC_CHAT_DECIDE_H
/* What chat_decide is made of; nobody else's. decide.c has the order of the questions, group.c who is a member and what that lets him do,
 * message.c what became of a message, make.c the transactions. Loop thread; no I/O, no clock. */

#include "plugin/chat/chat.h"

/* ---- group.c. Nothing pending is a barrier when these are called: the members are those of the tip ---- */

bool member_may(struct chat *chat, const struct command *command); /* by who he is; what he wants with a message is check_message's */
bool is_whole(struct chat *chat);                                  /* a pair, and both are members */
bool is_last_owner(struct chat *chat, const struct member *member);
/* The member who becomes owner when the last one goes: of those with the highest role who is one for the longest time, NULL: nobody is left. */
const struct member *find_heir(struct chat *chat, const struct member *leaver);
/* Those of the command's user_ids who are no members yet, each once, without the sender. Free the array. */
size_t find_newcomers(struct chat *chat, const struct command *command, const char ***user_ids);
bool needs_nothing(struct chat *chat, const struct command *command); /* what it asks for is so already */

/* ---- message.c ---- */

/* The last text of a message: the message itself or its last edit. */
struct message_text {
	const struct transaction *message, *revision;
};

/* The message that the command replies to or is about, as of the tip. ACCEPTED: *text is filled. REPEATED: it is to be
 * deleted, and is so already. */
enum decision check_message(struct chat *chat, struct command *command, struct verdict *verdict, struct message_text *text);

/* ---- make.c ---- */

/* Adds what the command makes to the pending list, which owns it from now on. text: of the message that it replies to, else ignored. */
void accept_command(struct chat *chat, struct command *command, const char *writer, const struct message_text *text);

#endif
