/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * metrics_manual ROOT: brings the table of metrics in docs/operations.md below the project's root up to date. --check ROOT: says whether it is.
 * --sample: prints a file as `metrics_file` is, of a broker that has done nothing. A program of the build, not
 * installed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/metrics_table.h"
#include "plugin/rpc/manual_file.h"

static const char begin_mark[] = "<!-- metrics: made by metrics_manual from plugin/broker/metrics_table.c; a test compares -->\n";
static const char end_mark[] = "<!-- end of metrics -->\n";

static bool settle_manual(const char *root, bool check)
{
	struct manual manual = {.root = root, .source = "plugin/broker/metrics_table.c", .program = "metrics_manual", .check = check};
	struct buf part = BUF_EMPTY;
	buf_add_char(&part, '\n');
	metrics_manual(&part);
	buf_add_char(&part, '\n');
	bool good = manual_part(&manual, "docs/operations.md", begin_mark, end_mark, &part);
	buf_fini(&part);
	return good;
}

static bool print_sample(void)
{
	struct sample sample;
	struct buf text = BUF_EMPTY;
	sample_init(&sample);
	metrics_text(&sample, &text);
	bool printed = fwrite(text.data, 1, text.len, stdout) == text.len;
	buf_fini(&text);
	return printed;
}

int main(int argc, char **argv)
{
	bool good = false;
	if (argc == 2 && strcmp(argv[1], "--sample") == 0)
		good = print_sample();
	else if (argc == 3 && strcmp(argv[1], "--check") == 0)
		good = settle_manual(argv[2], true);
	else if (argc == 2 && argv[1][0] != '-')
		good = settle_manual(argv[1], false);
	else
		fprintf(stderr, "usage: metrics_manual [--check] ROOT | --sample\n");
	return good && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
