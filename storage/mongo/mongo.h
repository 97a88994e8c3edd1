/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MONGO_MONGO_H
#define HC_STORAGE_MONGO_MONGO_H
/* A store in a MongoDB database, for any number of brokers at once. URI "mongodb://…" as MongoDB's own clients take it; the database is the one of
 * its path, else "hyperchat"; appName is this broker's name as a writer, else the machine's. With "mongodb+srv://name/…" the hosts are what DNS says
 * of the name, and TLS is on. docs/storage.md says what is where and why. */

#include "storage/store.h"

#define MONGO_SRV "mongodb+srv"

extern const struct store_ops store_mongo;

#endif
