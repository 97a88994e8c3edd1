/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MONGO_TIPS_H
#define HC_STORAGE_MONGO_TIPS_H
/* Where chats ended when this process last looked or wrote. Each is true of some moment, and a log never gets shorter: so an append that
 * follows it needs no look at the log, and one for which the log has gone on collides with what is there.
 *
 * Those that this process wrote itself stand in `chats` only after tips_flush, so that a message costs no write there: see tip_overlay.
 * Any thread; only tips_flush blocks. */

#include "storage/mongo/handle.h"

struct tip {
	uint64_t number;
	int64_t at_ms;
	unsigned char head[HEAD_BYTES];
	bool written; /* this process wrote it */
};

struct tips *tips_new(void);
void tips_free(struct tips *tips); /* NULL is fine */

bool tips_find(struct tips *tips, const char *chat_id, struct tip *tip);

enum tip_origin { TIP_READ, TIP_WRITTEN /* has to be flushed */ };
void tips_put(struct tips *tips, const char *chat_id, const struct tip *tip, enum tip_origin origin); /* the larger number stays */

/* Writes what has to be; what could not be written stays for the next time. */
enum store_rc tips_flush(struct db *db, struct tips *tips, struct error *err);

#endif
