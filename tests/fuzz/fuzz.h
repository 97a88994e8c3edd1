/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_TESTS_FUZZ_FUZZ_H
#define HC_TESTS_FUZZ_FUZZ_H
/* A fuzz target is one file with this one function: libFuzzer calls it with inputs of its own (preset fuzz), replay.c with the files
 * kept under corpus/<target>/ (every build, ctest). A property that does not hold ends the process. */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert, in every kind of build. */
#define FUZZ_CHECK(condition)                                                                                                              \
	do {                                                                                                                                   \
		if (!(condition))                                                                                                                  \
			abort();                                                                                                                       \
	} while (0)

#endif
