/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_SQLITE_RECHAIN_H
#define HC_STORAGE_SQLITE_RECHAIN_H
/* The second part of salvage.h, and what both say by. For the files of this folder only. */

#include "storage/sqlite/handle.h"
#include "storage/sqlite/salvage.h"

/* Makes the log of each chat hold together, and the chats' latest numbers and heads what it says; a chat of which nothing is left goes, with what belonged
 * to it. A failure is db's. */
void rechain(struct db *db, struct sqlite_salvage *salvage);

/* Something is lost, or had to be changed. */
void salvage_tell(struct sqlite_salvage *salvage, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Something led to what is not there, and does not any more. */
void salvage_mended(struct sqlite_salvage *salvage, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
