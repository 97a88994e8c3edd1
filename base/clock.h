/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BASE_CLOCK_H
#define HC_BASE_CLOCK_H
/* The two clocks. Names end in the unit. Any thread, never blocks. */

#include <stdint.h>

int64_t clock_wall_ms(void); /* since 1970, UTC; may jump */
int64_t clock_wall_us(void);
int64_t clock_mono_ms(void); /* since some start; never jumps */
int64_t clock_mono_us(void);

#endif
