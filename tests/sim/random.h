/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_SIM_RANDOM_H
#define HC_SIM_RANDOM_H
/* Splitmix64: the same numbers for the same seed, everywhere and for ever, so that a seed in an old report still tells the same story. */

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

static inline uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += 0x9E3779B97F4A7C15u;
	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return z ^ z >> 31;
}

/* 0 … count-1 */
static inline unsigned random_below(struct random *random, uint64_t count)
{
	return (unsigned)((random_next(random) >> 11) % count);
}

static inline bool random_chance(struct random *random, unsigned per_mille)
{
	return random_below(random, 1000) < per_mille;
}

#endif
