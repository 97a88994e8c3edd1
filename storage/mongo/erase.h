/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MONGO_ERASE_H
#define HC_STORAGE_MONGO_ERASE_H
/* Erasing texts where they stand. A text and the hash of its command are removed from the transaction, the commitment takes the salt's place. It
 * comes to the same however often, and by how many at once, it is done. Any thread. */

#include "storage/mongo/handle.h"

/* What a TX_DELETE that is in the log erases. */
enum store_rc mongo_erase_deleted(struct db *db, const struct transaction *deletion, struct error *err);

#endif
