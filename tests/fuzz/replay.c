/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Runs a fuzz target over the files of a directory: what once failed, and one of each kind. With --find-bug one of them has to fail. */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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

static bool fails(const char *file)
{
	int status = 0;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		run(file);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("fork");
		exit(2);
	}
	return status != 0;
}

int main(int argc, char **argv)
{
	bool find_bug = argc == 3 && strcmp(argv[1], "--find-bug") == 0;
	const char *directory = argc == 2 + find_bug ? argv[1 + find_bug] : NULL;
	DIR *corpus = directory != NULL ? opendir(directory) : NULL;
	size_t count = 0;
	if (corpus == NULL) {
		fprintf(stderr, "usage: %s [--find-bug] DIRECTORY\n", argv[0]);
		return 2;
	}
	for (struct dirent *entry; (entry = readdir(corpus));) {
		char file[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof file, "%s/%s", directory, entry->d_name);
		count++;
		if (!find_bug) {
			run(file);
		} else if (fails(file)) {
			printf("FOUND: by %s\n", file);
			return 0;
		}
	}
	closedir(corpus);
	printf("%zu inputs\n", count);
	return count > 0 && !find_bug ? 0 : 1;
}
