/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Durations in buckets: exact below 128, above that 128 steps to each doubling. One thread. */
#include "bench/histogram.h"

enum { STEP_BITS = 7 };

static unsigned bucket_of(uint64_t value)
{
	if (value < HISTOGRAM_STEPS)
		return (unsigned)value;
	unsigned shift = 63u - (unsigned)__builtin_clzll(value) - STEP_BITS;
	return (shift + 1) * HISTOGRAM_STEPS + (unsigned)(value >> shift) - HISTOGRAM_STEPS;
}

static double bucket_middle(unsigned bucket)
{
	if (bucket < HISTOGRAM_STEPS)
		return bucket;
	unsigned shift = bucket / HISTOGRAM_STEPS - 1;
	uint64_t width = 1ull << shift;
	return (double)(HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS) * (double)width + (double)(width - 1) / 2;
}

void histogram_add(struct histogram *histogram, int64_t value)
{
	histogram->counts[bucket_of(value < 0 ? 0 : (uint64_t)value)]++;
	histogram->total++;
}

double histogram_quantile(const struct histogram *histogram, double share)
{
	if (histogram->total == 0)
		return 0;
	uint64_t rank = (uint64_t)(share * (double)(histogram->total - 1)) + 1;
	unsigned bucket = 0;
	for (uint64_t seen = histogram->counts[0]; seen < rank; seen += histogram->counts[bucket])
		bucket++;
	return bucket_middle(bucket);
}
