/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_CTL_WHEN_H
#define HC_CTL_WHEN_H
/* Times as operators read and write them, in UTC. Any thread, does not block. */

#include <stdbool.h>
#include <stdint.h>

enum { WHEN_SIZE = 40 };

/* "2026-11-28 04:05:06 UTC" */
void when_print(int64_t at_ms, char text[WHEN_SIZE]);

/* "2026-11-28", "2026-11-28T04:05:06Z" (a blank for the T, and no Z, are fine), or so long before now_ms: "90s", "30m", "12h", "7d". false: none. */
bool when_read(const char *text, int64_t now_ms, int64_t *at_ms);

#endif
