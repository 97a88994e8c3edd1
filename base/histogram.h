/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BASE_HISTOGRAM_H
#define HC_BASE_HISTOGRAM_H
/* How long something took, many times: counted in classes from half a millisecond to ten seconds. Plain memory: whoever owns it sees to threads. */

#include <stdint.h>

enum { HISTOGRAM_BOUNDS = 14 };

extern const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS]; /* ascending; each is the last value of its class */

struct histogram {
	uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* the last one: beyond all bounds */
	uint64_t sum_us;
};

void histogram_add(struct histogram *histogram, int64_t us);
uint64_t histogram_count(const struct histogram *histogram);

/* What came to `now` since it was `before`. */
struct histogram histogram_since(const struct histogram *now, const struct histogram *before);

/* About the value, in seconds, that a share of all (0 to 1) does not exceed: as Prometheus' histogram_quantile has it. 0 where nothing was counted. */
double histogram_quantile(const struct histogram *histogram, double share);

#endif
