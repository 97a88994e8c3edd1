/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BROKER_RATE_H
#define HC_BROKER_RATE_H
/* Token buckets. Pure; the caller brings the time. */

#include <stdbool.h>
#include <stdint.h>

struct rate {
	double left;       /* may be below 0: what was taken on credit */
	int64_t at_ms;     /* when left was right; 0: a full bucket */
};

/* Takes `cost` if the bucket is not empty (it may go below 0: a large command is taken once it starts). 0: taken; else ms to wait. */
int64_t rate_take(struct rate *rate, double per_second, double burst, double cost, int64_t now_ms);

/* Takes `cost` of what was let in before it was known what it would be, whatever is left: of several at once, the first may have used that up. */
void rate_charge(struct rate *rate, double per_second, double burst, double cost, int64_t now_ms);

/* It is as if nothing had ever been taken. */
bool rate_is_full(const struct rate *rate, double per_second, double burst, int64_t now_ms);

#endif
