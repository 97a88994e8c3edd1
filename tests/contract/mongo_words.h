/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_MONGO_WORDS_H
#define HC_TESTS_MONGO_WORDS_H
/* Vocabulary for what only MongoDB can have: the memory store as the judge, and a look behind the store. */

#include "storage/mongo/db.h"
#include "storage/mongo/fault.h"
#include "tests/contract/contract.h"

/* Compares what `store` says of that chat with what the memory store makes of its log up to chat->latest. failure: "" if they agree. Any
 * thread. */
void compare_with_memory(struct store *store, const struct chat_record *chat, char *failure, size_t size);
/* The same now, with all texts; also where there is no such chat. */
void assert_as_in_memory(struct store *store, const char *chat_id);

/* The URI of world->store, with more options before the others ("name=value&", or ""). */
void world_mongodb_uri(const struct world *world, const char *options, char *uri, size_t size);
/* A command as JSON, without the store. */
void run_on_database(const struct world *world, const char *json);
/* How many there are, read by the other broker's handle. Takes the filter. */
size_t count_documents(struct world *world, enum collection collection, bson_t *filter);

/* A decision for mongo_faults: a process that is about to die, of which only appends still go through. */
enum mongo_fault only_the_log_is_written(void *context, const char *collection, bool write);

#endif
