/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * A growing run of bytes, and the allocations that abort. Any thread. */
#include "base/buf.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *mem_grow(void *mem, size_t size)
{
	void *grown = realloc(mem, size ? size : 1);
	if (grown == NULL)
		abort();
	return grown;
}

void *mem_new(size_t size)
{
	return mem_grow(NULL, size);
}

void *mem_zero(size_t size)
{
	void *mem = calloc(1, size ? size : 1);
	if (mem == NULL)
		abort();
	return mem;
}

void *mem_copy(const void *bytes, size_t len)
{
	char *copy = mem_new(len + 1);
	if (len > 0)
		memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

char *mem_text(const char *text)
{
	return text ? mem_copy(text, strlen(text)) : NULL;
}

void buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = BUF_EMPTY;
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

void buf_reserve(struct buf *buf, size_t more)
{
	if (buf->size - buf->len > more)
		return;
	size_t size = buf->size ? buf->size : 64;
	while (size - buf->len <= more)
		size *= 2;
	buf->data = mem_grow(buf->data, size);
	buf->size = size;
}

void buf_add(struct buf *buf, const void *bytes, size_t len)
{
	buf_reserve(buf, len);
	if (len > 0)
		memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void buf_add_char(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

void buf_add_text(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_add_u64(struct buf *buf, uint64_t number)
{
	char digits[20];
	size_t at = sizeof digits;
	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	buf_add(buf, digits + at, sizeof digits - at);
}

void buf_add_i64(struct buf *buf, int64_t number)
{
	if (number < 0)
		buf_add_char(buf, '-');
	buf_add_u64(buf, number < 0 ? -(uint64_t)number : (uint64_t)number);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		abort(); /* only a wrong format string of our own */
	buf_reserve(buf, (size_t)len);
	vsnprintf(buf->data + buf->len, (size_t)len + 1, format, again);
	va_end(again);
	buf->len += (size_t)len;
}
