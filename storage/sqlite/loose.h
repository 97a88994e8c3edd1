/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_SQLITE_LOOSE_H
#define HC_STORAGE_SQLITE_LOOSE_H
/* The third part of salvage.h: what leads to rows, numbers or positions that are lost, and would be taken for those that get them next. For the
 * files of this folder only. */

#include "storage/sqlite/rechain.h"

/* Gives a name to each user whose row is lost and of whom there is anything. */
extern const char *const loose_users;

/* What belonged to a chat, a device or an icon that is not there goes; a device that stands beyond its chat's latest number stands at its user's
 * `received` then, or where that is beyond as well, at the latest number; and no mirror stands beyond new_from, the lowest id that a new row of the log
 * got, or the log's end. A place that is no number goes, of a mirror it is 0. Once chats are what they will be. A failure is db's. */
void loose_tie(struct db *db, struct sqlite_salvage *salvage, int64_t new_from);

#endif
