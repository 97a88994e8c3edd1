/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#include "bench/resident.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "bench/scene.h"

enum { SETTLED_US = 500 * 1000, PATIENCE_US = 20 * 1000 * 1000 };

static long resident_kb(unsigned pid)
{
	char path[64], line[256];
	snprintf(path, sizeof path, "/proc/%u/status", pid);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		die("%s: %s", path, strerror(errno));
	long kb = -1;
	while (kb < 0 && fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, "VmRSS:", 6) == 0)
			kb = strtol(line + 6, NULL, 10);
	fclose(file);
	if (kb < 0)
		die("%s has no VmRSS", path);
	return kb;
}

long resident_settled_kb(unsigned pid, struct mqtt_loop *loop)
{
	int64_t start_us = clock_mono_us(), same_since_us = start_us;
	long kb = resident_kb(pid);
	for (int64_t now_us = start_us; now_us - same_since_us < SETTLED_US; now_us = clock_mono_us()) {
		if (now_us - start_us > PATIENCE_US)
			die("the broker's memory does not settle within 20 s");
		mqtt_loop_run(loop, now_us + SETTLED_US / 10);
		long kb_now = resident_kb(pid);
		if (kb_now != kb)
			same_since_us = clock_mono_us();
		kb = kb_now;
	}
	return kb;
}
