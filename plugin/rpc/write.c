/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * Members of JSON objects. Any thread. Names are ours and need no escapes. */
#include "plugin/rpc/write.h"

#include <string.h>

#include "base/json.h"

void write_comma(struct buf *out)
{
	char last = out->len > 0 ? out->data[out->len - 1] : '{';
	if (last != '{' && last != '[')
		buf_add_char(out, ',');
}

void write_name(struct buf *out, const char *name)
{
	write_comma(out);
	buf_add_char(out, '"');
	buf_add_text(out, name);
	buf_add(out, "\":", 2);
}

void write_text(struct buf *out, const char *name, const char *text)
{
	write_name(out, name);
	json_add_string(out, text, strlen(text));
}

void write_number(struct buf *out, const char *name, uint64_t number)
{
	write_name(out, name);
	buf_add_u64(out, number);
}

void write_time(struct buf *out, const char *name, int64_t at_ms)
{
	write_name(out, name);
	buf_add_i64(out, at_ms);
}

void write_bool(struct buf *out, const char *name, bool value)
{
	write_name(out, name);
	buf_add_text(out, value ? "true" : "false");
}
