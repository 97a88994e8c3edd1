/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_SIM_RANDOM_H
#define HC_SIM_RANDOM_H
/* Splitmix64: the same numbers for the same seed, everywhere and for ever, so that a seed in an old report still tells the same story. Of a run
 * that is played from a script (script.c) the script's bytes are drawn before them. */

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct random {
	uint64_t state;
	const uint8_t *bytes; /* to be drawn first */
	size_t left;
	struct buf *drawn; /* gets bytes that draw the same once more; NULL: none wanted */
};

enum { RANDOM_NEVER = 255 }; /* as a byte, is no chance that anything here has */

static inline uint64_t random_next(struct random *random)
{
	uint64_t z = random->state += 0x9E3779B97F4A7C15u;
	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return z ^ z >> 31;
}

/* As many bytes as a number below count can need, or what is left of them. */
static inline unsigned random_take(struct random *random, uint64_t count)
{
	uint64_t number = 0;
	for (uint64_t rest = count - 1; rest > 0 && random->left > 0; rest >>= 8, random->left--)
		number = number << 8 | *random->bytes++;
	return (unsigned)(number % count);
}

static inline void random_write(struct buf *drawn, uint64_t number, uint64_t count)
{
	unsigned bytes = 0;
	for (uint64_t rest = count - 1; rest > 0; rest >>= 8)
		bytes++;
	while (bytes-- > 0)
		buf_add_char(drawn, (char)(number >> 8 * bytes));
}

/* 0 … count-1 */
static inline unsigned random_below(struct random *random, uint64_t count)
{
	if (random->left > 0)
		return random_take(random, count);
	unsigned number = (unsigned)((random_next(random) >> 11) % count);
	if (random->drawn != NULL)
		random_write(random->drawn, number, count);
	return number;
}

static inline bool random_chance(struct random *random, unsigned per_mille)
{
	if (random->left > 0)
		return random_take(random, 256) * 1000 / 256 < per_mille;
	bool so = (random_next(random) >> 11) % 1000 < per_mille;
	if (random->drawn != NULL)
		buf_add_char(random->drawn, (char)(so ? 0 : RANDOM_NEVER));
	return so;
}

#endif
