/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * rpc_manual [--check] ROOT: writes the files of schema/rpc, schema/asyncapi.json and the reference in docs/protocol.md below the
 * project's root, or says which of them are not what the table makes of them. A program of the build, not installed. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plugin/rpc/rpc.h"

static const char begin_mark[] = "<!-- operations: made by rpc_manual from plugin/rpc/table.c; a test compares -->\n";
static const char end_mark[] = "<!-- end of operations -->\n";

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

/* Compares or writes one file. */
static bool settle(const char *root, const char *name, const struct buf *text, bool check)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", root, name);
	if (!check)
		return write_file(path, text);
	struct buf have = BUF_EMPTY;
	bool same = read_file(path, &have) && have.len == text->len && memcmp(have.data, text->data, text->len) == 0;
	if (!same)
		fprintf(stderr, "%s is not what plugin/rpc/table.c makes of it; run rpc_manual with the project's folder\n", name);
	buf_fini(&have);
	return same;
}

static bool settle_schemas(const char *root, bool check)
{
	bool good = true;
	struct buf text = BUF_EMPTY;
	const char *operation;
	for (size_t i = 0; (operation = rpc_print_schema(i, &text)) != NULL; i++) {
		char name[256];
		snprintf(name, sizeof name, "schema/rpc/%s.json", operation);
		good = settle(root, name, &text, check) && good;
		buf_clear(&text);
	}
	rpc_print_asyncapi(&text);
	good = settle(root, "schema/asyncapi.json", &text, check) && good;
	buf_fini(&text);
	return good;
}

/* A schema whose operation is gone would still look like one. */
static bool check_no_others(const char *root)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/schema/rpc", root);
	DIR *folder = opendir(path);
	size_t found = 0, expected = 0;
	struct buf text = BUF_EMPTY;
	const struct dirent *entry;
	while (folder != NULL && (entry = readdir(folder)) != NULL)
		found += entry->d_name[0] != '.';
	while (rpc_print_schema(expected, &text) != NULL)
		expected++;
	buf_fini(&text);
	if (folder != NULL)
		closedir(folder);
	if (found != expected)
		fprintf(stderr, "schema/rpc has %zu files for %zu operations\n", found, expected);
	return found == expected;
}

static bool settle_reference(const char *root, bool check)
{
	struct buf old = BUF_EMPTY, text = BUF_EMPTY;
	char path[4096];
	snprintf(path, sizeof path, "%s/docs/protocol.md", root);
	const char *begin = read_file(path, &old) ? strstr(old.data, begin_mark) : NULL;
	const char *end = begin ? strstr(begin, end_mark) : NULL;
	bool good = end != NULL;
	if (good) {
		buf_add(&text, old.data, (size_t)(begin - old.data) + strlen(begin_mark));
		buf_add_char(&text, '\n');
		rpc_print_reference(&text);
		buf_add_text(&text, end);
		good = settle(root, "docs/protocol.md", &text, check);
	} else {
		fprintf(stderr, "docs/protocol.md cannot be read or lacks the marks of its reference\n");
	}
	buf_fini(&old);
	buf_fini(&text);
	return good;
}

int main(int argc, char **argv)
{
	bool check = argc == 3 && strcmp(argv[1], "--check") == 0;
	if (argc != 2 && !check) {
		fprintf(stderr, "usage: rpc_manual [--check] ROOT\n");
		return EXIT_FAILURE;
	}
	const char *root = argv[argc - 1];
	if (!check) {
		char folder[4096];
		snprintf(folder, sizeof folder, "%s/schema/rpc", root);
		mkdir(folder, 0777); /* if it cannot be made, writing into it fails with the reason */
	}
	bool schemas = settle_schemas(root, check), reference = settle_reference(root, check);
	return schemas && reference && (!check || check_no_others(root)) ? EXIT_SUCCESS : EXIT_FAILURE;
}
