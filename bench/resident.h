/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BENCH_RESIDENT_H
#define HC_BENCH_RESIDENT_H
/* A process' memory, as the benchmarks count it. One thread. */

#include "bench/mqtt.h"

/* What is resident of it, in KB, once that has not changed for half a second, in which the loop runs on. Dies after 20 s. */
long resident_settled_kb(unsigned pid, struct mqtt_loop *loop);

#endif
