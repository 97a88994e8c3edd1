/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Token buckets. Pure. */
#include "plugin/broker/rate.h"

bool rate_is_full(const struct rate *rate, double per_second, double burst, int64_t now_ms)
{
	return rate->at_ms == 0 || rate->left + (double)(now_ms - rate->at_ms) / 1000.0 * per_second >= burst;
}

static void refill(struct rate *rate, double per_second, double burst, int64_t now_ms)
{
	if (rate->at_ms == 0) {
		rate->left = burst;
	} else if (now_ms > rate->at_ms) {
		rate->left += (double)(now_ms - rate->at_ms) / 1000.0 * per_second;
		if (rate->left > burst)
			rate->left = burst;
	}
	rate->at_ms = now_ms;
}

int64_t rate_take(struct rate *rate, double per_second, double burst, double cost, int64_t now_ms)
{
	refill(rate, per_second, burst, now_ms);
	if (rate->left < 1.0)
		return (int64_t)((1.0 - rate->left) / per_second * 1000.0) + 1;
	rate->left -= cost;
	return 0;
}

void rate_charge(struct rate *rate, double per_second, double burst, double cost, int64_t now_ms)
{
	refill(rate, per_second, burst, now_ms);
	rate->left -= cost;
}
