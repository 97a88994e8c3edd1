/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MONGO_POSITIONS_H
#define HC_STORAGE_MONGO_POSITIONS_H
/* The positions that this process gives: incarnation << 40 | counter. Incarnations are counted in the store's own document, one for each
 * process that writes, taken with its first append: so whoever comes later gives larger ones, under any writer's name.
 *
 * A position is in flight from when it was given until it is known what became of the append: then it is in the log or will never be. What
 * is below everything in flight is safe: nothing will become visible there any more. A thread of this module writes that into the writer's
 * document (`safe`) for other brokers, which may then pass it, and flushes the tips once a second. Any thread. */

#include "storage/mongo/handle.h"

struct positions *positions_new(void);
void positions_free(struct positions *positions); /* after positions_stop; NULL is fine */

/* Takes an incarnation and starts the thread, if that was not done yet. UNAVAILABLE also if another process has taken this writer's name since. */
enum store_rc positions_begin(struct db *db, struct error *err);
/* Ends the thread; writes what is left to write as far as that works. */
void positions_stop(struct store *store);

/* Makes a name known to list_writers. */
enum store_rc positions_know_writer(struct db *db, const char *writer, struct error *err);

/* The last one of `count` positions, which are in flight until positions_end. */
uint64_t positions_take(struct positions *positions, const char *chat_id, uint64_t first_number, size_t count);
/* Those that ended with `last` will never be in the log: nothing was sent, or the number was taken. */
void positions_drop(struct positions *positions, uint64_t last);
/* What became of an append at those numbers is known, and of all earlier tries at them. */
void positions_end(struct positions *positions, const char *chat_id, uint64_t last_number);

/* Everything up to it is decided. 0: this process has not written. Those of its incarnation only. */
uint64_t positions_safe(struct positions *positions);

/* Writes the tips, up to where they are flushed (`tips` in the writer's document, from where the next process of that name looks for what was
 * not), and `safe`. Tips are to be put before positions_end. */
enum store_rc positions_flush(struct db *db, struct error *err);

#endif
