/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * metrics_manual ROOT: brings the table of metrics in docs/operations.md below the project's root up to date. --check ROOT: says whether it is.
 * --sample: prints a file as `metrics_file` is, of a broker that has done nothing. A program of the build, not
 * installed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/broker/metrics_table.h"

static const char begin_mark[] = "<!-- metrics: made by metrics_manual from plugin/broker/metrics_table.c; a test compares -->\n";
static const char end_mark[] = "<!-- end of metrics -->\n";

static bool read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "r");
	char chunk[4096];
	size_t len;
	if (file == NULL)
		return false;
	while ((len = fread(chunk, 1, sizeof chunk, file)) > 0)
		buf_add(out, chunk, len);
	bool good = ferror(file) == 0;
	fclose(file);
	return good;
}

static bool write_file(const char *path, const struct buf *text)
{
	FILE *file = fopen(path, "w");
	bool good = file != NULL && fwrite(text->data, 1, text->len, file) == text->len;
	if (file != NULL && fclose(file) != 0)
		good = false;
	if (!good)
		perror(path);
	return good;
}

static bool settle(const char *path, const struct buf *old, const struct buf *text, bool check)
{
	bool same = old->len == text->len && memcmp(old->data, text->data, text->len) == 0;
	if (check && !same)
		fprintf(stderr, "docs/operations.md is not what plugin/broker/metrics_table.c makes of it; run metrics_manual with the project's folder\n");
	return same || (!check && write_file(path, text));
}

static bool settle_manual(const char *root, bool check)
{
	struct buf old = BUF_EMPTY, text = BUF_EMPTY;
	char path[4096];
	snprintf(path, sizeof path, "%s/docs/operations.md", root);
	const char *begin = read_file(path, &old) ? strstr(old.data, begin_mark) : NULL;
	const char *end = begin ? strstr(begin, end_mark) : NULL;
	bool good = end != NULL;
	if (good) {
		buf_add(&text, old.data, (size_t)(begin - old.data) + strlen(begin_mark));
		buf_add_char(&text, '\n');
		metrics_manual(&text);
		buf_add_char(&text, '\n');
		buf_add_text(&text, end);
		good = settle(path, &old, &text, check);
	} else {
		fprintf(stderr, "docs/operations.md cannot be read or lacks the marks of its table of metrics\n");
	}
	buf_fini(&old);
	buf_fini(&text);
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
