/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MONGO_SEAM_H
#define HC_STORAGE_MONGO_SEAM_H
/* What the files that call libmongoc (db.c, bulk.c, open.c) share. */

#include "storage/mongo/fault.h"
#include "storage/mongo/handle.h"

enum db_kind { DB_READING, DB_WRITING };

/* The one place where the driver's and the server's codes become ours. */
enum store_rc db_translate(enum db_kind kind, const bson_error_t *error, struct error *err);

/* Whether err, as db_translate filled it, says that the server does not know who we are or does not let us. */
bool db_is_about_credentials(const struct error *err);

/* What a test wants to happen to the next command; what its caller is told of MONGO_FAIL, MONGO_LOSE and MONGO_DO_AND_LOSE. */
enum mongo_fault db_fault(enum collection collection, bool write);
enum store_rc db_fault_says(enum mongo_fault fault, struct error *err);

#endif
