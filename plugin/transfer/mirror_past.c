/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * How far others' tails went out, of those who have no outbox at the moment. The mirror's thread.
 *
 * The place says what is certain. What went out beyond it, an outbox knows; there are fewer of them than there may be writers, so one is given
 * from one writer to the next, and what it knew stands here until he gets one again. */
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "plugin/transfer/mirror_inner.h"

struct past {
	uint64_t sent_to;
	UT_hash_handle hh;
	char writer[WRITER_MAX + 1];
};

void mirror_remember(struct mirror *mirror, const char *writer, uint64_t sent_to)
{
	struct past *past = mem_zero(sizeof *past);
	past->sent_to = sent_to;
	memcpy(past->writer, writer, strnlen(writer, WRITER_MAX));
	HASH_ADD_STR(mirror->past, writer, past);
}

uint64_t mirror_recall(struct mirror *mirror, const char *writer)
{
	struct past *past;
	HASH_FIND_STR(mirror->past, writer, past);
	if (past == NULL)
		return 0;
	uint64_t sent_to = past->sent_to;
	HASH_DEL(mirror->past, past);
	free(past);
	return sent_to;
}

void mirror_forget(struct mirror *mirror)
{
	struct past *past, *other;
	HASH_ITER (hh, mirror->past, past, other) {
		HASH_DEL(mirror->past, past);
		free(past);
	}
}
