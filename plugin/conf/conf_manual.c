/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Prints docs/configuration.md. A program of the build, not installed. */
#include <stdio.h>
#include <stdlib.h>

#include "plugin/conf/conf.h"

int main(void)
{
	struct buf out = BUF_EMPTY;
	conf_manual(&out);
	bool written = fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
	buf_fini(&out);
	return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
