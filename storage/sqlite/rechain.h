/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_SQLITE_RECHAIN_H
#define HC_STORAGE_SQLITE_RECHAIN_H
/* The second part of salvage.h. For the files of this folder only. */

#include "storage/sqlite/handle.h"
#include "storage/sqlite/salvage.h"

/* Makes the log of each chat hold together, and the chats' latest numbers and heads what it says. A failure is db's. */
void rechain(struct db *db, struct sqlite_salvage *salvage);

#endif
