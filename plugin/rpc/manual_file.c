/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Files that are made from a table. One thread; blocks. */
#include "plugin/rpc/manual_file.h"

#include <stdio.h>
#include <string.h>

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

bool manual_file(const struct manual *manual, const char *name, const struct buf *text)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", manual->root, name);
	struct buf have = BUF_EMPTY;
	bool same = read_file(path, &have) && have.len == text->len && memcmp(have.data, text->data, text->len) == 0;
	if (manual->check && !same)
		fprintf(stderr, "%s is not what %s makes of it; run %s with the project's folder\n", name, manual->source, manual->program);
	buf_fini(&have);
	return same || (!manual->check && write_file(path, text));
}

bool manual_part(const struct manual *manual, const char *name, const char *begin_mark, const char *end_mark, const struct buf *part)
{
	struct buf old = BUF_EMPTY, text = BUF_EMPTY;
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", manual->root, name);
	const char *begin = read_file(path, &old) ? strstr(old.data, begin_mark) : NULL;
	const char *end = begin ? strstr(begin, end_mark) : NULL;
	bool good = end != NULL;
	if (good) {
		buf_add(&text, old.data, (size_t)(begin - old.data) + strlen(begin_mark));
		buf_add(&text, part->data, part->len);
		buf_add_text(&text, end);
		good = manual_file(manual, name, &text);
	} else {
		fprintf(stderr, "%s cannot be read or lacks the marks of what %s makes\n", name, manual->program);
	}
	buf_fini(&old);
	buf_fini(&text);
	return good;
}
