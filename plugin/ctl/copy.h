/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_COPY_H
#define HC_CTL_COPY_H
/* hyperchatctl copy, in its parts. One thread, blocks.
 *
 * Everything that is done to the target may be repeated, so an interrupted copy goes on by being run again. */

#include "plugin/ctl/ctl.h"
#include "plugin/ctl/progress.h"
#include "storage/store.h"

struct copy {
	const struct ctl_command *command;
	struct store *from, *to;
	const char *to_uri;
	bool as_json; /* an object at the end, and nothing else */
	struct buf notes; /* as_json: names of writers of whom not all was mirrored, as JSON strings with commas between */
	bool resumed; /* the target may have some of it */
	struct store_info identity; /* what the target becomes at the end */
	uint64_t chats, transactions, users; /* there are in the source */
	uint64_t done; /* of the part that is under way */
	struct log_copy *log; /* copy_log.c's */
	struct progress progress;
	/* of the last CALL */
	enum store_rc rc;
	struct error err;
	unsigned tries;
};

/* Calls an operation, again and again while the store is away for a moment. copy->rc and copy->err tell. */
#define CALL(copy, store, op, ...)                                                                                                                   \
	do                                                                                                                                               \
		(copy)->rc = store_ops(store)->op((store), __VA_ARGS__, &(copy)->err);                                                                       \
	while (copy_waits(copy))

/* What both stores answer to one question. Two pointers, so that the comparison reads as one. */
#define ASK_BOTH(copy, op, a, b, ...)                                                                                                                \
	CALL(copy, (copy)->from, op, __VA_ARGS__, a);                                                                                                    \
	if ((copy)->rc == STORE_OK)                                                                                                                      \
	CALL(copy, (copy)->to, op, __VA_ARGS__, b)

bool copy_waits(struct copy *copy);
/* Says what the last CALL said. false, always. */
bool copy_failed(struct copy *copy, const char *what);
/* Says why the copy cannot be. false, always. */
bool copy_refused(struct copy *copy, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Each chat, each user of a store in the order of IDs, until one is false. */
bool copy_each_chat(struct copy *copy, struct store *store, bool (*visit)(struct copy *copy, const char *chat_id));
bool copy_each_user(struct copy *copy, struct store *store, bool (*visit)(struct copy *copy, const char *user_id));

/* The parts, in their order; false: it was said why not. */
bool copy_logs(struct copy *copy);
bool copy_chats(struct copy *copy);  /* projections, keys */
bool copy_places(struct copy *copy); /* of those who read along: once the chats can be read */
bool copy_people(struct copy *copy);
bool copy_tokens(struct copy *copy); /* revocations, signing keys */
bool copy_note(struct copy *copy);   /* first of all: that it was begun, in the source, from where it comes along */
bool copy_audit(struct copy *copy);  /* what operators did */
bool copy_verify(struct copy *copy);
bool copy_verify_tokens(struct copy *copy); /* parts of it */
bool copy_verify_audit(struct copy *copy);

/* What copy_logs has at hand for copy_places; whether it worked or not. */
void copy_logs_end(struct copy *copy);

#endif
