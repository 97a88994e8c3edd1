/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Answers for people. Any thread, does not block. */
#include "plugin/ctl/show.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

enum { COLUMNS_MAX = 16, COLUMN_MAX = 60, TIME_SIZE = 40 };

/* ---- one value ---- */

static bool is_time(const char *name, const json_t *value)
{
	size_t len = strlen(name);
	return json_is_integer(value) && (strcmp(name, "at") == 0 || (len > 2 && strcmp(name + len - 2, "At") == 0));
}

/* 2026-11-28T05:06:07+01:00 */
static void add_time(json_int_t at_ms, struct buf *out)
{
	char text[TIME_SIZE];
	struct tm tm;
	time_t at_s = (time_t)(at_ms / 1000);
	if (localtime_r(&at_s, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S%z", &tm) < 5) {
		buf_add_i64(out, at_ms);
		return;
	}
	size_t len = strlen(text);
	buf_add(out, text, len - 2);
	buf_add_char(out, ':');
	buf_add_text(out, text + len - 2);
}

/* A control character has one or two bytes. */
static void add_clean(const char *text, struct buf *out)
{
	size_t len = strlen(text);
	for (size_t i = 0, step; i < len; i += step) {
		step = 1;
		while (i + step < len && ((unsigned char)text[i + step] & 0xC0) == 0x80)
			step++;
		if (text_has_control(text + i, step))
			buf_add_char(out, '?');
		else
			buf_add(out, text + i, step);
	}
}

static void add_list(const json_t *list, struct buf *out);

static void add_value(const char *name, const json_t *value, struct buf *out)
{
	if (is_time(name, value))
		add_time(json_integer_value(value), out);
	else if (json_is_string(value) && json_string_length(value) > 0)
		add_clean(json_string_value(value), out);
	else if (json_is_string(value))
		buf_add_text(out, "\"\"");
	else if (json_is_integer(value))
		buf_add_i64(out, json_integer_value(value));
	else if (json_is_real(value))
		buf_printf(out, "%.15g", json_real_value(value));
	else if (json_is_boolean(value))
		buf_add_text(out, json_is_true(value) ? "yes" : "no");
	else if (json_is_array(value))
		add_list(value, out);
}

/* Of what is not objects. */
static void add_list(const json_t *list, struct buf *out)
{
	size_t i;
	const json_t *value;
	if (json_array_size(list) == 0)
		buf_add_text(out, "none");
	json_array_foreach(list, i, value) {
		buf_add_text(out, i > 0 ? ", " : "");
		add_value("", value, out);
	}
}

/* ---- tables ---- */

struct table {
	const char *names[COLUMNS_MAX];
	size_t widths[COLUMNS_MAX];
	size_t count;
};

static size_t width_of(const struct buf *text)
{
	size_t width = 0;
	for (size_t i = 0; i < text->len; i++)
		width += ((unsigned char)text->data[i] & 0xC0) != 0x80;
	return width;
}

static void widen(struct table *table, const char *name, size_t width)
{
	size_t at = 0;
	while (at < table->count && strcmp(table->names[at], name) != 0)
		at++;
	if (at == COLUMNS_MAX)
		return;
	if (at == table->count) {
		table->names[table->count++] = name;
		table->widths[at] = strlen(name);
	}
	if (width > table->widths[at])
		table->widths[at] = width < COLUMN_MAX ? width : COLUMN_MAX;
}

static void measure(const json_t *rows, struct table *table)
{
	size_t i;
	const json_t *row, *value;
	const char *name;
	struct buf cell = BUF_EMPTY;
	json_array_foreach(rows, i, row)
		json_object_foreach((json_t *)(uintptr_t)row, name, value) {
			buf_clear(&cell);
			add_value(name, value, &cell);
			widen(table, name, width_of(&cell));
		}
	buf_fini(&cell);
}

static void add_cell(const struct table *table, size_t column, const struct buf *cell, struct buf *out)
{
	buf_add_text(out, column > 0 ? "  " : "");
	buf_add(out, cell->data, cell->len);
	for (size_t width = width_of(cell); column + 1 < table->count && width < table->widths[column]; width++)
		buf_add_char(out, ' ');
}

static void add_table(const json_t *rows, struct buf *out)
{
	struct table table = {.count = 0};
	struct buf cell = BUF_EMPTY;
	size_t i;
	const json_t *row;
	measure(rows, &table);
	for (size_t column = 0; column < table.count; column++) {
		buf_clear(&cell);
		buf_add_text(&cell, table.names[column]);
		add_cell(&table, column, &cell, out);
	}
	buf_add_char(out, '\n');
	json_array_foreach(rows, i, row) {
		for (size_t column = 0; column < table.count; column++) {
			buf_clear(&cell);
			const json_t *value = json_object_get(row, table.names[column]);
			if (value != NULL)
				add_value(table.names[column], value, &cell);
			add_cell(&table, column, &cell, out);
		}
		buf_add_char(out, '\n');
	}
	buf_fini(&cell);
}

/* ---- an answer ---- */

static bool is_table(const json_t *value)
{
	return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

static void add_lines(const json_t *rows, struct buf *out)
{
	size_t i;
	const json_t *row;
	json_array_foreach(rows, i, row) {
		char *text = json_dumps(row, JSON_COMPACT);
		add_clean(text, out);
		buf_add_char(out, '\n');
		free(text);
	}
}

static void add_members(const char *before, const json_t *object, struct buf *out)
{
	const char *name;
	const json_t *value;
	json_object_foreach((json_t *)(uintptr_t)object, name, value) {
		if (is_table(value) || json_is_object(value))
			continue;
		buf_printf(out, "%s%s: ", before, name);
		add_value(name, value, out);
		buf_add_char(out, '\n');
	}
}

void show_data(const json_t *data, struct buf *out)
{
	const char *name;
	const json_t *value;
	struct buf before = BUF_EMPTY;
	add_members("", data, out);
	json_object_foreach((json_t *)(uintptr_t)data, name, value) {
		if (!json_is_object(value))
			continue;
		buf_clear(&before);
		buf_printf(&before, "%s.", name);
		add_members(before.data, value, out);
	}
	json_object_foreach((json_t *)(uintptr_t)data, name, value) {
		if (!is_table(value))
			continue;
		if (strcmp(name, "transactions") == 0) {
			add_lines(value, out);
			continue;
		}
		buf_printf(out, "%s%s:\n", out->len > 0 ? "\n" : "", name);
		add_table(value, out);
	}
	buf_fini(&before);
}
