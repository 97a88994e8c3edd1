/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BASE_SMALL_HASH_H
#define HC_BASE_SMALL_HASH_H
/* uthash, where there are thousands of hashes with an element or two: an empty one has 64 bytes of buckets instead of 512. They grow as usual. */

#include <uthash.h>

#undef HASH_INITIAL_NUM_BUCKETS
#undef HASH_INITIAL_NUM_BUCKETS_LOG2
#define HASH_INITIAL_NUM_BUCKETS 4U
#define HASH_INITIAL_NUM_BUCKETS_LOG2 2U

#endif
