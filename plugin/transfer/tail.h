/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TRANSFER_TAIL_H
#define HC_TRANSFER_TAIL_H
/* Reads along: what the other brokers on the same store write, and what they tell (notices). One thread that goes to the store in rounds; what it
 * finds comes to the loop.
 *
 * A writer who has just written is looked at again 20 ms later, one who is quiet ever more rarely, up to twice a second; who is new is found
 * within a second. A writer who cannot be read keeps neither the others nor the notices, and what is damaged is passed over: it is told of once.
 * Everything else comes at least once, in the order of its writer; it may come again, so whoever takes it goes by the numbers. A notice comes again
 * only rarely, not while one with a lower number is waited for.
 *
 * Threads: all on the loop but tail_open, which blocks, and may be called on any. Callbacks run on the loop, inside mailbox_run. */

#include <stdint.h>

#include "base/error.h"
#include "base/worker.h"
#include "storage/store.h"

struct tail;

struct tail_conf {
	void *context;
	void (*news)(void *context, struct transaction *tx);            /* take a reference to keep it */
	void (*notice)(void *context, const struct notice *notice);     /* another writer's */
	void (*fails)(void *context, const struct error *err);          /* something cannot be read; NULL: all can be again. Once for each change */
	void (*returns)(void *context);                                 /* for a while notices, or writers, could not be asked for, and can be again */
	void (*damaged)(void *context, const struct error *err);        /* that transaction, or several, does not come: it is damaged */
};

/* Notes where everybody is at the moment: what comes later is news. own: this broker's name, which is left out. Not OK: err, nothing is open. */
enum store_rc tail_open(struct store *store, const char *own, struct tail **tail, struct error *err);

/* false: the thread could not be started; the tail is still the caller's. conf is copied. */
bool tail_start(struct tail *tail, struct mailbox *mailbox, const struct tail_conf *conf);

/* Begins the next round if it is due. Returns ms until that; -1: one is under way. Each tick. */
int64_t tail_tick(struct tail *tail, int64_t now_ms);

/* Ends the round under way and joins the thread. Then mailbox_run. NULL is fine. */
void tail_finish(struct tail *tail);

/* The same, unless it was done, and frees. */
void tail_close(struct tail *tail);

#endif
