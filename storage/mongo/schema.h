/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MONGO_SCHEMA_H
#define HC_STORAGE_MONGO_SCHEMA_H
/* The schema: schema/mongo/NNNN_*.json, each adding to what was before: collections with their indexes, validators and the shard key that
 * docs/storage.md tells an operator to use. */

#include "storage/mongo/handle.h"

extern const char *const mongo_migrations[]; /* one for each version, as they stand in schema/mongo */
extern const int mongo_schema_version;

/* Brings the database to this program's version and fills mongo->info but for the writer. REFUSED: it is newer; or older, and flags say
 * STORE_NO_MIGRATION. A store is made where there is none; NOT_FOUND: not so with STORE_EXISTING. */
enum store_rc schema_apply(struct db *db, unsigned flags, struct error *err);

#endif
