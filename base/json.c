/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * JSON at the borders. Any thread. */
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* ---- memory ---- */

static _Thread_local bool needs_memory;
static json_malloc_t unguarded_malloc;

static void *guarded_malloc(size_t size)
{
	void *mem = unguarded_malloc(size);
	if (mem == NULL && size > 0 && needs_memory)
		abort();
	return mem;
}

void json_guard_memory(void)
{
	json_malloc_t now;
	json_free_t free_with;
	json_get_alloc_funcs(&now, &free_with);
	if (now == guarded_malloc)
		return;
	unguarded_malloc = now;
	json_set_alloc_funcs(guarded_malloc, free_with);
}

void json_unguard_memory(void)
{
	json_malloc_t now;
	json_free_t free_with;
	json_get_alloc_funcs(&now, &free_with);
	if (now == guarded_malloc)
		json_set_alloc_funcs(unguarded_malloc, free_with);
}

void json_needs_memory(bool needs)
{
	needs_memory = needs;
}

/* ---- reading ---- */

/* Jansson allows 2,048 levels; a look ahead keeps the recursion of reading and freeing small whatever a client sends. */
static bool too_deep(const char *text, size_t len)
{
	int depth = 0;
	bool quoted = false;
	for (size_t i = 0; i < len; i++) {
		if (quoted) {
			if (text[i] == '\\')
				i++;
			else if (text[i] == '"')
				quoted = false;
			continue;
		}
		if (text[i] == '"')
			quoted = true;
		else if (text[i] == '{' || text[i] == '[')
			depth++;
		else if (text[i] == '}' || text[i] == ']')
			depth--;
		if (depth > JSON_DEPTH_MAX)
			return true;
	}
	return false;
}

json_t *json_read_object(const char *text, size_t len, struct error *err)
{
	if (too_deep(text, len)) {
		error_set(err, -1, 0, "nested deeper than %d levels", JSON_DEPTH_MAX);
		return NULL;
	}
	const char *nul = len > 0 ? memchr(text, '\0', len) : NULL;
	if (nul != NULL) { /* jansson passes over one behind a number or a word */
		error_set(err, -1, 0, "U+0000 is not allowed (at byte %zu)", (size_t)(nul - text) + 1);
		return NULL;
	}
	json_error_t problem;
	json_needs_memory(true);
	json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES, &problem);
	json_needs_memory(false);
	if (json == NULL) {
		const char *why = json_error_code(&problem) == json_error_duplicate_key ? "a key stands twice"
		                  : json_error_code(&problem) == json_error_invalid_utf8 ? "invalid UTF-8"
		                  : json_error_code(&problem) == json_error_null_character ||
		                              json_error_code(&problem) == json_error_null_byte_in_key
		                      ? "U+0000 is not allowed"
		                      : "not valid JSON";
		error_set(err, -1, (int)json_error_code(&problem), "%s (at byte %d)", why, problem.position);
		return NULL;
	}
	if (!json_is_object(json)) {
		json_decref(json);
		error_set(err, -1, 0, "a JSON object is expected");
		return NULL;
	}
	return json;
}

/* ---- writing ---- */

/* How a character at text[i] must be escaped: its code point and its length in bytes; 0: as it is. Beyond what JSON asks for, the line
 * separators that many languages split at (U+0085, U+2028, U+2029) and the other control characters never appear raw, so that one line
 * of ours is one line everywhere. */
static size_t must_escape(const unsigned char *text, size_t left, unsigned *code)
{
	if (text[0] >= 0x20 && text[0] < 0x7F && text[0] != '"' && text[0] != '\\')
		return 0; /* nearly all of nearly every text */
	if (text[0] <= 0x7F) {
		*code = text[0];
		return 1;
	}
	if (text[0] == 0xC2 && left >= 2 && text[1] < 0xA0) {
		*code = text[1];
		return 2;
	}
	if (text[0] == 0xE2 && left >= 3 && text[1] == 0x80 && (text[2] == 0xA8 || text[2] == 0xA9)) {
		*code = text[2] == 0xA8 ? 0x2028 : 0x2029;
		return 3;
	}
	return 0;
}

static void add_escape(struct buf *buf, unsigned code)
{
	static const char SHORT[] = {['"'] = '"', ['\\'] = '\\', ['\n'] = 'n', ['\t'] = 't', ['\r'] = 'r'};
	if (code < sizeof SHORT && SHORT[code] != '\0') {
		buf_add_char(buf, '\\');
		buf_add_char(buf, SHORT[code]);
	} else {
		buf_printf(buf, "\\u%04x", code);
	}
}

void json_add_string(struct buf *buf, const char *text, size_t len)
{
	buf_reserve(buf, len + 2);
	buf_add_char(buf, '"');
	size_t plain = 0; /* start of what needs no escape and was not added yet */
	for (size_t i = text_plain_blocks(text, len); i < len;) {
		unsigned code;
		size_t step = must_escape((const unsigned char *)text + i, len - i, &code);
		if (step == 0) {
			i++;
			continue;
		}
		buf_add(buf, text + plain, i - plain);
		add_escape(buf, code);
		i += step;
		plain = i;
	}
	buf_add(buf, text + plain, len - plain);
	buf_add_char(buf, '"');
}

const char *json_text(const json_t *object, const char *name, size_t *len)
{
	const json_t *value = json_object_get(object, name);
	if (!json_is_string(value))
		return NULL;
	if (len)
		*len = json_string_length(value);
	return json_string_value(value);
}
