/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * rpc_manual [--check] ROOT: writes the files of schema/rpc, schema/asyncapi.json and the reference in docs/protocol.md below the
 * project's root, or says which of them are not what the table makes of them. A program of the build, not installed. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "plugin/rpc/manual_file.h"
#include "plugin/rpc/rpc.h"

static const char begin_mark[] = "<!-- operations: made by rpc_manual from plugin/rpc/table.c; a test compares -->\n";
static const char end_mark[] = "<!-- end of operations -->\n";

static bool settle_schemas(const struct manual *manual)
{
	bool good = true;
	struct buf text = BUF_EMPTY;
	const char *operation;
	for (size_t i = 0; (operation = rpc_print_schema(i, &text)) != NULL; i++) {
		char name[256];
		snprintf(name, sizeof name, "schema/rpc/%s.json", operation);
		good = manual_file(manual, name, &text) && good;
		buf_clear(&text);
	}
	rpc_print_asyncapi(&text);
	good = manual_file(manual, "schema/asyncapi.json", &text) && good;
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

static bool settle_reference(const struct manual *manual)
{
	struct buf part = BUF_EMPTY;
	buf_add_char(&part, '\n');
	rpc_print_reference(&part);
	bool good = manual_part(manual, "docs/protocol.md", begin_mark, end_mark, &part);
	buf_fini(&part);
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
	struct manual manual = {.root = root, .source = "plugin/rpc/table.c", .program = "rpc_manual", .check = check};
	bool schemas = settle_schemas(&manual), reference = settle_reference(&manual);
	return schemas && reference && (!check || check_no_others(root)) ? EXIT_SUCCESS : EXIT_FAILURE;
}
