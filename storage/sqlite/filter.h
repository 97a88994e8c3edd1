/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_SQLITE_FILTER_H
#define HC_STORAGE_SQLITE_FILTER_H
/* A Bloom filter of 64-bit hashes: says of one that was added always, and of another about once in a thousand times, that it is there. Its
 * bytes are what a file keeps: they never mean anything else. No thread of its own. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct filter {
	unsigned char *bytes; /* NULL: it has nothing */
	size_t size;
};

void filter_init(struct filter *filter, size_t hash_count); /* empty, with room for that many */
bool filter_load(struct filter *filter, const void *bytes, size_t size); /* copies; false: these are no filter's bytes. size 0: has nothing */
void filter_fini(struct filter *filter);
void filter_add(struct filter *filter, uint64_t hash);
bool filter_has(const struct filter *filter, uint64_t hash);

#endif
