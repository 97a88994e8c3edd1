/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BENCH_HISTOGRAM_H
#define HC_BENCH_HISTOGRAM_H
/* Counts durations in buckets that are at most 1/128 wide, so that millions of them cost nothing while the load runs. One thread. */

#include <stdint.h>

enum { HISTOGRAM_STEPS = 128, HISTOGRAM_BUCKETS = 58 * HISTOGRAM_STEPS };

struct histogram {
	uint64_t counts[HISTOGRAM_BUCKETS];
	uint64_t total;
};

/* Negative values count as 0. */
void histogram_add(struct histogram *histogram, int64_t value);

/* The value that the given share (0 to 1) of all values do not exceed, up to the bucket's width; 0 where there are none. */
double histogram_quantile(const struct histogram *histogram, double share);

#endif
