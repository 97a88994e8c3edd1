/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_CHECK_H
#define HC_CTL_CHECK_H
/* Whether a store still holds what was put into it: for hyperchatctl check and repair. One thread, blocks. */

#include "base/buf.h"
#include "plugin/ctl/ctl.h"
#include "plugin/ctl/progress.h"
#include "storage/store.h"

struct check {
	const struct ctl_command *command;
	struct store *store;
	bool silent;        /* with as_json: no object is printed at the end */
	bool as_json;       /* problems are kept for the object at the end, and not printed */
	struct buf problem_objects; /* as_json: the problems that are shown, with commas between */
	uint64_t chats, chats_done, transactions, problems;
	struct progress progress;
};

/* All of it. CTL_FAILED: problems, which were printed, or it could not go on, which was said. */
int check_store(struct check *check);
/* A chat against its log; problems are printed and counted. */
void check_chat(struct check *check, const char *chat_id);
/* Where a user's devices stand, against the chats. */
void check_devices(struct check *check, const char *user_id);
/* Calls visit with each chat, each user. false: the list itself cannot be read. */
bool check_each_chat(struct check *check, void (*visit)(struct check *check, const char *chat_id));
bool check_each_user(struct check *check, void (*visit)(struct check *check, const char *user_id));

/* Prints and counts a problem. chat_id NULL: it is the store's. */
void check_problem(struct check *check, const char *chat_id, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
