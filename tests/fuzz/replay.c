/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Runs a fuzz target over the files of a directory: what once failed, and one of each kind. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "tests/fuzz/fuzz.h"

static void run(const char *file)
{
	char chunk[4096];
	struct buf input = BUF_EMPTY;
	FILE *in = fopen(file, "rb");
	if (in == NULL) {
		perror(file);
		exit(1);
	}
	for (size_t got; (got = fread(chunk, 1, sizeof chunk, in)) > 0;)
		buf_add(&input, chunk, got);
	fclose(in);
	printf("%s\n", file);
	fflush(stdout);                   /* the last line names the file that ended the process */
	char *exact = mem_new(input.len); /* no NUL behind it: reading further is noticed */
	if (input.len > 0)
		memcpy(exact, input.data, input.len);
	LLVMFuzzerTestOneInput((const uint8_t *)exact, input.len);
	free(exact);
	buf_fini(&input);
}

int main(int argc, char **argv)
{
	DIR *corpus = argc == 2 ? opendir(argv[1]) : NULL;
	size_t count = 0;
	if (corpus == NULL) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	for (struct dirent *entry; (entry = readdir(corpus));) {
		char file[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof file, "%s/%s", argv[1], entry->d_name);
		run(file);
		count++;
	}
	closedir(corpus);
	printf("%zu inputs\n", count);
	return count > 0 ? 0 : 1;
}
