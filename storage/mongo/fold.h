/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MONGO_FOLD_H
#define HC_STORAGE_MONGO_FOLD_H
/* How projections (chats, members, erased texts) follow the log without a transaction over several documents. Any thread.
 *
 * Three things hold at any moment, whoever stops wherever:
 *   1. `a` is not above the log's latest number.
 *   2. What changes projections and is in the log has a number <= `u`: it is announced (u raised) before it is inserted.
 *   3. Everything in the log up to `a` is in the projections.
 * So a reader who finds a >= u has exact projections, and so has one who finds nothing in the log above `a`. Else he folds what is there
 * himself (settles the chat), as the writer would have.
 *
 * Where a writer can stop, or lose an answer:
 *   before the announcement      nothing happened.
 *   after it, before the insert  a < u until the log has grown beyond u. Every reader looks above `a` and finds nothing, or messages only,
 *                                over which he lifts `a`. The announcement is not taken back: its insert may still be on its way.
 *   after the insert             in the log, so it happened. The next one who asks (the writer, when he repeats; a reader) folds it.
 *   amidst the fold              each member's document is changed by a compare-and-set on `at`, the number up to which it is folded, so
 *                                none gets a change twice or an older one later. Erasing may be repeated. `a` comes last, with the chat's
 *                                own fields in one update, compare-and-set on the old `a`.
 * Two who fold at once help each other; whose compare-and-set fails looks again.
 *
 * Who has inserted knows what is above the `a` that he announced on, since there is no number in between: he folds it without reading it again.
 * All compare-and-sets are the same; where one fails, he settles the chat like everybody else. */

#include "storage/mongo/handle.h"

/* What an announcement saw, for the fold after its insert: a zeroed one is nothing. */
struct announced {
	struct chat_doc chat; /* as it is since */
	bool known;
	bool fresh; /* of fold_place_members */
};
void announced_fini(struct announced *announced); /* zeroes it, too */

/* Before an append that changes projections is inserted: transactions of one chat that follow its latest number. */
enum store_rc fold_announce(struct db *db, struct transaction *const *transactions, size_t count, struct announced *announced,
                            struct error *err);

/* After it was: OK says that the projections have it. What was not announced like that (known: false) is settled. */
enum store_rc fold_inserted(struct db *db, struct transaction *const *transactions, size_t count, struct announced *announced,
                            struct error *err);

/* Before the first append of a chat whatever it is: the chat's document, without which nobody looks into the log. */
enum store_rc fold_make_chat(struct db *db, const char *chat_id, struct error *err);

#endif
