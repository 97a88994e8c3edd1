/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause */
#ifndef HC_STORAGE_SQLITE_TEXTS_H
#define HC_STORAGE_SQLITE_TEXTS_H
/* Texts that stay where they are while more rows come. For the files of this folder only. */

#include <stdlib.h>

#include "base/buf.h"

struct texts {
	char **items;
	size_t count;
};

static inline const char *texts_add(struct texts *texts, const char *text)
{
	if ((texts->count & (texts->count - 1)) == 0) /* full at 0 and at every power of two */
		texts->items = mem_grow(texts->items, (texts->count ? texts->count * 2 : 1) * sizeof *texts->items);
	texts->items[texts->count] = mem_text(text);
	return texts->items[texts->count++];
}

static inline void texts_fini(struct texts *texts)
{
	for (size_t i = 0; i < texts->count; i++)
		free(texts->items[i]);
	free(texts->items);
}

#endif
