/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * See object.h. */
#include "plugin/ctl/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

static void add_name(struct buf *object, const char *name)
{
	buf_printf(object, "%c\"%s\":", object->len == 0 ? '{' : ',', name);
}

void object_add_text(struct buf *object, const char *name, const char *text)
{
	size_t len = strlen(text);
	char *shown = mem_copy(text, len);
	for (size_t i = 0; !text_is_utf8(text, len) && i < len; i++)
		if ((unsigned char)shown[i] >= 0x80)
			shown[i] = '?';
	add_name(object, name);
	json_add_string(object, shown, len);
	free(shown);
}

void object_add_u64(struct buf *object, const char *name, uint64_t number)
{
	add_name(object, name);
	buf_add_u64(object, number);
}

void object_add_i64(struct buf *object, const char *name, int64_t number)
{
	add_name(object, name);
	buf_add_i64(object, number);
}

void object_add_bool(struct buf *object, const char *name, bool value)
{
	object_add_json(object, name, value ? "true" : "false");
}

void object_add_json(struct buf *object, const char *name, const char *value)
{
	add_name(object, name);
	buf_add_text(object, value);
}

void object_add_list(struct buf *object, const char *name, const char *elements)
{
	add_name(object, name);
	buf_add_char(object, '[');
	buf_add_text(object, elements != NULL ? elements : "");
	buf_add_char(object, ']');
}

void object_end(struct buf *object)
{
	buf_add_text(object, object->len == 0 ? "{}" : "}");
}

void object_print(struct buf *object)
{
	object_end(object);
	puts(object->data);
	buf_fini(object);
}
