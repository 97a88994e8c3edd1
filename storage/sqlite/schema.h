/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_SQLITE_SCHEMA_H
#define HC_STORAGE_SQLITE_SCHEMA_H
/* Making, recognising and migrating the file. For the files of this folder only. */

#include "storage/sqlite/db.h"

extern const int64_t sqlite_application_id; /* of a file that is ours */

/* Opens `path` for writing; makes it when it is not there (with STORE_EXISTING: NOT_FOUND), brings an older one up to date (or refuses it, with
 * STORE_NO_MIGRATION), refuses what is not ours or newer. On STORE_OK db is open and *info filled. A file that is refused is not changed. */
enum store_rc schema_open(struct db *db, const char *path, unsigned flags, struct store_info *info, struct error *err);

#endif
