/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See hostconf_kit.h. */
#include "tests/unit/hostconf_kit.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

int scene_open(void **state)
{
	struct scene *scene = mem_zero(sizeof *scene);
	scene->own.prefix = "hc";
	snprintf(scene->dir, sizeof scene->dir, "/tmp/hc-hostconf-XXXXXX");
	*state = scene;
	return mkdtemp(scene->dir) == NULL;
}

static void remove_files(const char *dir)
{
	DIR *listing = opendir(dir);
	for (struct dirent *entry; listing && (entry = readdir(listing)) != NULL;) {
		char path[400];
		snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && unlink(path) != 0)
			remove_files(path);
	}
	if (listing)
		closedir(listing);
	rmdir(dir);
}

int scene_close(void **state)
{
	struct scene *scene = *state;
	remove_files(scene->dir);
	free(scene);
	return 0;
}

const char *path_of(const struct scene *scene, const char *name)
{
	static char path[128];
	snprintf(path, sizeof path, "%s/%s", scene->dir, name);
	return path;
}

void write_bytes(const struct scene *scene, const char *name, const void *bytes, size_t len)
{
	FILE *file = fopen(path_of(scene, name), "we");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

void write_file(const struct scene *scene, const char *name, const char *text)
{
	struct buf bytes = BUF_EMPTY;
	for (; *text; text++)
		if (*text == '@')
			buf_add_text(&bytes, scene->dir);
		else
			buf_add_char(&bytes, *text);
	write_bytes(scene, name, bytes.data ? bytes.data : "", bytes.len);
	buf_fini(&bytes);
}

void check_command(struct scene *scene, const int version[3], const char *command_line, size_t len)
{
	memset(scene->findings, 'x', sizeof scene->findings);
	scene->count = hostconf_check(command_line, len, version, &scene->own, scene->findings, HOSTCONF_FINDING_MAX);
	for (size_t i = 0; i < scene->count; i++)
		assert_non_null(memchr(scene->findings[i].text, '\0', sizeof scene->findings[i].text - 1));
}

void check_written(struct scene *scene, const int version[3])
{
	struct buf command_line = BUF_EMPTY;
	buf_printf(&command_line, "mosquitto%c-c%c%s/main.conf%c", 0, 0, scene->dir, 0);
	check_command(scene, version, command_line.data, command_line.len);
	buf_fini(&command_line);
}

void check(struct scene *scene, const int version[3], const char *text)
{
	write_file(scene, "main.conf", text);
	check_written(scene, version);
}

void expect_nothing(const struct scene *scene)
{
	if (scene->count > 0)
		fail_msg("said: %s", scene->findings[0].text);
}

void expect_only(const struct scene *scene, bool fatal, const char *part)
{
	assert_int_equal(scene->count, 1);
	assert_int_equal(scene->findings[0].fatal, fatal);
	if (strstr(scene->findings[0].text, part) == NULL)
		fail_msg("\"%s\" is not in: %s", part, scene->findings[0].text);
}
