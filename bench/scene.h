/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BENCH_SCENE_H
#define HC_BENCH_SCENE_H
/* What the programs of the benchmark agree on, so that `prepare` can fill a store for a `load` that starts later: who is in which chat,
 * and what a body looks like. They are tools: what cannot go on ends the program with one line. One thread.
 *
 *   pairs    pair i is the chat scene_chat_id(SCENE_PAIR, i) between users 2i (writes) and 2i + 1 (reads)
 *   group    the chat scene_chat_id(SCENE_GROUP, 0): user 0 owns it and writes, users 1…N read
 *   crowd    group i is the chat scene_chat_id(SCENE_CROWD, i) of SCENE_CROWD_SIZE of as many users as there are groups, so that each
 *            user is in SCENE_CROWD_SIZE groups; its log has SCENE_CROWD_TRANSACTIONS: the members, and a message of member 0
 *   list     the chats scene_chat_id(SCENE_LIST, i) of user 0 with user i + 1, with one message each
 *   history  the chat scene_chat_id(SCENE_HISTORY, 0): user 0 has written, user 1 has read nothing yet */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Says what is wrong on stderr and exits with 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

struct user {
	char *id;
	char *token; /* the password */
};

struct users {
	struct user *list;
	size_t count;
};

/* Reads a file of `user token` lines, and dies if there are fewer than `needed`. users_fini frees them. */
void users_read(const char *path, size_t needed, struct users *users);
void users_fini(struct users *users);

enum scene { SCENE_PAIR, SCENE_GROUP, SCENE_HISTORY, SCENE_STORE, SCENE_CROWD, SCENE_LIST };

enum { SCENE_CROWD_SIZE = 50, SCENE_CROWD_TRANSACTIONS = 2 };

/* The user who is member number `member` of a group, where there are `count` groups and as many users. */
size_t scene_crowd_member(size_t count, size_t group, size_t member);

/* As long as the IDs that HyperChat makes itself, since they are part of every topic and line. */
enum { SCENE_CHAT_ID_LEN = 22 };
void scene_chat_id(enum scene scene, size_t index, char chat_id[SCENE_CHAT_ID_LEN + 1]);

/* A body says when it was to be sent and which one of its sender's it is (0, 1, 2, …), and is filled up with x. */
enum { SCENE_BODY_MIN = 40, SCENE_BODY_MAX = 16384 };
void scene_body_write(char *body, size_t size, int64_t sent_at_us, uint64_t sequence);

/* false: this is not such a body. Reads no further than body_len. */
bool scene_body_read(const char *body, size_t body_len, int64_t *sent_at_us, uint64_t *sequence);

/* A whole option or argument as a number; dies with its name when it is none or out of range. */
uint64_t scene_number(const char *name, const char *text, uint64_t min, uint64_t max);

#endif
