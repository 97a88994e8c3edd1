/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_UNIT_REPLAY_KIT_H
#define HC_UNIT_REPLAY_KIT_H
/* Words for tests about what a device missed: bob's phone, his chats, a store that has them or cannot read them, and a broker that hands over what
 * replay.c and replay_start.c bring. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugin/broker/server.h"

enum { CHATS_MAX = 20000, FEW = 8, LATEST = 5, RECEIVED = 3 };

extern struct server server;
extern struct person bob;
extern struct session phone;

/* What the store has. */
extern struct user_chat chats[CHATS_MAX];
extern struct device_cursor cursors[CHATS_MAX];
extern size_t cursor_count;
extern bool device_is_there;
extern enum store_rc answers[CHATS_MAX]; /* to who reads the chat */

extern unsigned tries[CHATS_MAX]; /* of reading it */
extern unsigned said_damaged;
extern struct job *queue, *later; /* the reader's; what the store did not answer */

/* A phone that its login has found to be known, with FEW chats. For cmocka. */
int a_phone(void **state);
int it_goes(void **state);

/* So many chats, which end at LATEST; bob's devices have received up to RECEIVED, and the phone has a cursor at the start of each, those of the last
 * chats first. */
void are_there(size_t count);
size_t number_of(const char *chat_id); /* as in the arrays */

void job_runs(void);
void phone_subscribes(void); /* and it is looked up where it begins */
void phone_is_there(void);   /* the same, but for the looking up */
void phone_catches_up(void);
void pass(int64_t seconds);
void comes(size_t chat); /* one more transaction */
uint64_t has(size_t chat); /* how far the phone was handed it */

#endif
