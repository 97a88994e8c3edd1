/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_MEMORY_H
#define HC_STORAGE_MEMORY_H
/* The executable specification of a store: everything in memory, simple, obviously right. For tests, the simulator and trying out;
 * nothing survives the process. URI "memory:". One mutex; any number of threads. */

#include "storage/store.h"

extern const struct store_ops store_memory;

/* A second handle on the same data under another writer's name, as another broker would have. Close it like any store; the data goes
 * with the last handle. writer: at most WRITER_MAX bytes. */
struct store *store_memory_new_writer(struct store *store, const char *writer);

#endif
