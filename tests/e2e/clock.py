# SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
"""The broker's wall clock, which a story sets."""
import subprocess

import broker as brokers
import pytest

CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *now)
{
	static int (*real)(clockid_t, struct timespec *);
	if (!real)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	int rc = real(clock, now);
	if (clock == CLOCK_REALTIME) {
		long seconds = 0;
		FILE *file = fopen(getenv("CLOCK_OFFSET"), "r");
		if (file) {
			if (fscanf(file, "%ld", &seconds) != 1)
				seconds = 0;
			fclose(file);
		}
		now->tv_sec += seconds;
	}
	return rc;
}
"""


@pytest.fixture
def clock(idle_broker, monkeypatch):
    """Sets the broker's wall clock to so many seconds from now."""
    if idle_broker.version == "2.0.21":
        pytest.skip("Mosquitto 2.0.21 measures keepalives by the clock that can be set, and cuts everybody off by itself")
    if brokers.sanitizer():
        pytest.skip("the clock is set by a preloaded library, which a sanitizer's must come before")
    source, library, offset = (idle_broker.directory / name for name in ("clock.c", "clock.so", "offset"))
    source.write_text(CLOCK)
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    offset.write_text("0")
    monkeypatch.setenv("CLOCK_OFFSET", str(offset))
    monkeypatch.setenv("LD_PRELOAD" if idle_broker.version == "system" else "HC_PRELOAD", str(library))
    return lambda seconds: offset.write_text(str(seconds))
