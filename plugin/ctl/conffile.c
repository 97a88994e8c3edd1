/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#include "plugin/ctl/conffile.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

struct reading {
	conffile_line *line;
	void *context;
};

/* Where the word ends, with a NUL put there; what follows it begins behind its blanks. */
static char *split(char *word)
{
	char *rest = word + strcspn(word, " ");
	if (*rest != '\0')
		*rest++ = '\0';
	return rest + strspn(rest, " ");
}

static bool read_file(const struct reading *reading, const char *file, bool included, struct error *err);

static int is_conf(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);
	return len > 5 && entry->d_name[0] != '.' && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int compare_names(const struct dirent **left, const struct dirent **right)
{
	return strcasecmp((*left)->d_name, (*right)->d_name);
}

static bool read_directory(const struct reading *reading, const char *directory, struct error *err)
{
	struct dirent **entries;
	bool good = true;
	int count = scandir(directory, &entries, is_conf, compare_names);
	if (count < 0)
		return error_set(err, 0, errno, "%s: %s", directory, strerror(errno));
	for (int i = 0; i < count; i++) {
		struct buf file = BUF_EMPTY;
		buf_printf(&file, "%s/%s", directory, entries[i]->d_name);
		good = good && read_file(reading, file.data, true, err);
		buf_fini(&file);
		free(entries[i]);
	}
	free(entries);
	return good;
}

static bool read_line(const struct reading *reading, char *line, bool included, struct error *err)
{
	line[strcspn(line, "\r\n")] = '\0';
	char *name = line + strspn(line, " ");
	if (*name == '#' || *name == '\0')
		return true;
	char *value = split(name);
	if (strcmp(name, "include_dir") == 0 && !included)
		return read_directory(reading, value, err);
	reading->line(reading->context, name, value);
	return true;
}

static bool read_file(const struct reading *reading, const char *file, bool included, struct error *err)
{
	FILE *in = fopen(file, "re");
	if (in == NULL)
		return error_set(err, 0, errno, "%s: %s", file, strerror(errno));
	char *line = NULL;
	size_t size = 0;
	bool good = true;
	while (good && getline(&line, &size, in) > 0)
		good = read_line(reading, line, included, err);
	if (good && ferror(in)) {
		error_set(err, 0, errno, "%s: %s", file, strerror(errno));
		good = false;
	}
	free(line);
	fclose(in);
	return good;
}

bool conffile_read(const char *file, conffile_line *line, void *context, struct error *err)
{
	return read_file(&(struct reading){line, context}, file, false, err);
}
