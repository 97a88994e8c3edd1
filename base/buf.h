/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_BASE_BUF_H
#define HC_BASE_BUF_H
/* A growing run of bytes, always followed by a NUL that is not counted. Any thread, one at a time.
 * Running out of memory aborts the process: a broker that cannot allocate a few bytes cannot keep a promise either. */

#include <stddef.h>
#include <stdint.h>

struct buf {
	char *data; /* NULL until something was added */
	size_t len;
	size_t size;
};

#define BUF_EMPTY ((struct buf){0})

void buf_fini(struct buf *buf);                 /* frees the bytes; buf may be used again */
void buf_clear(struct buf *buf);                /* len = 0, keeps the memory */
void buf_reserve(struct buf *buf, size_t more); /* room for `more` bytes and the NUL */
void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_add_char(struct buf *buf, char c);
void buf_add_text(struct buf *buf, const char *text);
void buf_add_u64(struct buf *buf, uint64_t number); /* decimal */
void buf_add_i64(struct buf *buf, int64_t number);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* malloc, calloc, realloc and strdup that abort instead of returning NULL. */
void *mem_new(size_t size);
void *mem_zero(size_t size);
void *mem_grow(void *mem, size_t size);
void *mem_copy(const void *bytes, size_t len);      /* len bytes and a NUL */
char *mem_text(const char *text);                   /* NULL stays NULL */

#endif
