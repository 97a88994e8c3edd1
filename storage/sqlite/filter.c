/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * All bits of a hash lie in one block, a cache line, so that a look costs one. */
#include "storage/sqlite/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

enum { BLOCK_BYTES = 64, BLOCK_BITS_LOG = 9, BYTES_EACH = 2, PROBES = 5 };

void filter_init(struct filter *filter, size_t hash_count)
{
	filter->size = BLOCK_BYTES;
	while (filter->size / BYTES_EACH < hash_count)
		filter->size *= 2;
	filter->bytes = mem_zero(filter->size);
}

bool filter_load(struct filter *filter, const void *bytes, size_t size)
{
	*filter = (struct filter){0};
	if (size == 0)
		return true;
	if (size < BLOCK_BYTES || (size & (size - 1)) != 0)
		return false;
	filter->size = size;
	filter->bytes = memcpy(mem_new(size), bytes, size);
	return true;
}

void filter_fini(struct filter *filter)
{
	free(filter->bytes);
	*filter = (struct filter){0};
}

/* The low bits of the hash choose in the block, those above them choose the block. */
static unsigned char *block_of(const struct filter *filter, uint64_t hash)
{
	return filter->bytes + BLOCK_BYTES * ((hash >> PROBES * BLOCK_BITS_LOG) & (filter->size / BLOCK_BYTES - 1));
}

void filter_add(struct filter *filter, uint64_t hash)
{
	unsigned char *block = block_of(filter, hash);
	for (int i = 0; i < PROBES; i++, hash >>= BLOCK_BITS_LOG)
		block[hash >> 3 & (BLOCK_BYTES - 1)] |= (unsigned char)(1 << (hash & 7));
}

bool filter_has(const struct filter *filter, uint64_t hash)
{
	if (filter->bytes == NULL)
		return false;
	const unsigned char *block = block_of(filter, hash);
	for (int i = 0; i < PROBES; i++, hash >>= BLOCK_BITS_LOG)
		if ((block[hash >> 3 & (BLOCK_BYTES - 1)] >> (hash & 7) & 1) == 0)
			return false;
	return true;
}
