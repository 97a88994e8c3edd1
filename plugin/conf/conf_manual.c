/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Prints docs/configuration.md; with --sample, conf/hyperchat-options.conf. A program of the build, not installed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/conf/conf.h"

int main(int argc, char **argv)
{
	struct buf out = BUF_EMPTY;
	if (argc > 1 && strcmp(argv[1], "--sample") == 0)
		conf_sample(&out);
	else
		conf_manual(&out);
	bool written = fwrite(out.data, 1, out.len, stdout) == out.len && fflush(stdout) == 0;
	buf_fini(&out);
	return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
