/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What the programs of the benchmark agree on. One thread. */
#include "bench/scene.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

_Noreturn void die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("error: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static void users_add(struct users *users, char *line, const char *path)
{
	char *space = strchr(line, ' ');
	if (space == NULL)
		die("%s, line %zu: not `user token`", path, users->count + 1);
	*space = '\0';
	users->list = mem_grow(users->list, (users->count + 1) * sizeof *users->list);
	users->list[users->count++] = (struct user){.id = mem_text(line), .token = mem_text(space + 1)};
}

void users_read(const char *path, size_t needed, struct users *users)
{
	*users = (struct users){0};
	FILE *file = fopen(path, "r");
	if (file == NULL)
		die("%s: %s", path, strerror(errno));
	char *line = NULL;
	size_t size = 0;
	while (getline(&line, &size, file) > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		users_add(users, line, path);
	}
	free(line);
	fclose(file);
	if (users->count < needed)
		die("%s has %zu users, %zu are needed", path, users->count, needed);
}

void users_fini(struct users *users)
{
	for (size_t i = 0; i < users->count; i++) {
		free(users->list[i].id);
		free(users->list[i].token);
	}
	free(users->list);
	*users = (struct users){0};
}

void scene_chat_id(enum scene scene, size_t index, char chat_id[SCENE_CHAT_ID_LEN + 1])
{
	static const char letters[] = {[SCENE_PAIR] = 'p', [SCENE_GROUP] = 'g', [SCENE_HISTORY] = 'h', [SCENE_STORE] = 's', [SCENE_CROWD] = 'c', [SCENE_LIST] = 'l'};
	snprintf(chat_id, SCENE_CHAT_ID_LEN + 1, "bench-%c-%014u", letters[scene], (unsigned)index);
}

size_t scene_crowd_member(size_t count, size_t group, size_t member)
{
	return (group + member * 97) % count; /* spread, so that no two groups have the same members */
}

/* "T" 20 digits " S" 15 digits " xxx…" */
enum { TIME_AT = 1, TIME_DIGITS = 20, SEQUENCE_AT = 23, SEQUENCE_DIGITS = 15, PADDING_AT = 38 };

void scene_body_write(char *body, size_t size, int64_t sent_at_us, uint64_t sequence)
{
	char start[64];
	snprintf(start, sizeof start, "T%020" PRId64 " S%015" PRIu64 " ", sent_at_us, sequence);
	memset(body, 'x', size);
	memcpy(body, start, PADDING_AT + 1);
}

static bool read_digits(const char *digits, size_t len, uint64_t *number)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < len; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
		sum = sum * 10 + (uint64_t)(digits[i] - '0');
	}
	*number = sum;
	return true;
}

bool scene_body_read(const char *body, size_t body_len, int64_t *sent_at_us, uint64_t *sequence)
{
	uint64_t time;
	if (body_len < SCENE_BODY_MIN || body[0] != 'T' || body[SEQUENCE_AT - 1] != 'S')
		return false;
	if (!read_digits(body + TIME_AT, TIME_DIGITS, &time) || !read_digits(body + SEQUENCE_AT, SEQUENCE_DIGITS, sequence))
		return false;
	*sent_at_us = (int64_t)time;
	return true;
}

uint64_t scene_number(const char *name, const char *text, uint64_t min, uint64_t max)
{
	uint64_t number;
	if (!text_to_u64(text, strlen(text), max, &number) || number < min)
		die("%s: %s is not a number from %" PRIu64 " to %" PRIu64, name, text, min, max);
	return number;
}
