/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A record of the intake journal. Whatever is taken for one encodes to the same bytes again. */
#include <string.h>

#include "plugin/transfer/intake.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct intake intake;
	if (!intake_decode(data, size, &intake))
		return 0;
	struct buf again = BUF_EMPTY;
	intake_encode(&intake, &again);
	FUZZ_CHECK(again.len == size && memcmp(again.data, data, size) == 0);
	buf_fini(&again);
	return 0;
}
