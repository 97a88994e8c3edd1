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
	uint64_t sent_to, certain; /* as in the outbox */
	UT_hash_handle hh;
	char writer[WRITER_MAX + 1];
};

void outbox_remember(const struct outbox *box)
{
	struct past *past = mem_zero(sizeof *past);
	past->sent_to = box->sent_to;
	past->certain = box->certain;
	memcpy(past->writer, box->writer, sizeof past->writer);
	HASH_ADD_STR(box->mirror->past, writer, past);
}

void outbox_recall(struct outbox *box)
{
	struct past *past;
	HASH_FIND_STR(box->mirror->past, box->writer, past);
	if (past == NULL)
		return;
	box->sent_to = past->sent_to;
	box->certain = past->certain;
	HASH_DEL(box->mirror->past, past);
	free(past);
}

void mirror_forget(struct mirror *mirror)
{
	struct past *past, *other;
	HASH_ITER (hh, mirror->past, past, other) {
		HASH_DEL(mirror->past, past);
		free(past);
	}
}
