/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Durations in classes. Any thread, one at a time for each histogram. */
#include "base/histogram.h"

const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS] = {500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000,
	5000000, 10000000};

void histogram_add(struct histogram *histogram, int64_t us)
{
	unsigned class = 0;
	while (class < HISTOGRAM_BOUNDS && us > histogram_bounds_us[class])
		class++;
	histogram->counts[class]++;
	histogram->sum_us += us > 0 ? (uint64_t)us : 0;
}

uint64_t histogram_count(const struct histogram *histogram)
{
	uint64_t count = 0;
	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
		count += histogram->counts[i];
	return count;
}

struct histogram histogram_since(const struct histogram *now, const struct histogram *before)
{
	struct histogram since = {.sum_us = now->sum_us - before->sum_us};
	for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
		since.counts[i] = now->counts[i] - before->counts[i];
	return since;
}

double histogram_quantile(const struct histogram *histogram, double share)
{
	double rank = share * (double)histogram_count(histogram), below = 0;
	for (unsigned i = 0; i < HISTOGRAM_BOUNDS; i++) {
		double in_class = (double)histogram->counts[i], low_us = i > 0 ? (double)histogram_bounds_us[i - 1] : 0;
		if (in_class > 0 && below + in_class >= rank)
			return (low_us + ((double)histogram_bounds_us[i] - low_us) * (rank - below) / in_class) / 1e6;
		below += in_class;
	}
	return histogram->counts[HISTOGRAM_BOUNDS] > 0 ? (double)histogram_bounds_us[HISTOGRAM_BOUNDS - 1] / 1e6 : 0;
}
