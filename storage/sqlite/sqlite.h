/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_SQLITE_H
#define HC_STORAGE_SQLITE_H
/* A store in one SQLite file. URI "sqlite:<path>"; the directory must exist, the file is made with mode 0600. Beside it stand
 * <path>-wal and <path>-shm while it is open; they belong to it and are never to be removed by hand.
 *
 * One connection writes, under a mutex; readers take one of a few connections and never wait for the writer. Call checkpoint every
 * second or so, and always after some thousand appends: nothing else empties the WAL. Several processes may have the file open. */

#include "storage/store.h"

extern const struct store_ops store_sqlite;

#endif
