/* SPDX-License-Identifier: EPL-2.0 OR BSD-3-Clause
 *
 * What the topic does not take because of its size. The mirror's thread.
 *
 * It came in a batch with others, so it is not known which one it was. Then less is sent at once, until one alone is refused: that one is cut, so
 * that its number is there and nobody waits for it. */
#include "plugin/transfer/mirror_inner.h"

void outbox_cut(struct outbox *box, uint64_t position, size_t len)
{
	if (box->cut_position != position)
		box->mirror->counts.cut++;
	box->cut_position = position;
	box->cut_max = len / 2;
	box->careful_cut = true;
}

void outbox_settle_size(struct outbox *box)
{
	struct mirror *mirror = box->mirror;
	uint64_t last_position = outbox_slot(box, box->last - 1)->position;
	bool began = box->careful_until == 0;
	box->careful_cut = box->careful_cut && !began;
	if (last_position > box->careful_until)
		box->careful_until = last_position;
	/* What went alone goes alone once more: what is to be cut, or even left out, has to have been refused twice. */
	bool again = box->trouble_alone && box->alone_position == box->trouble_position;
	box->alone_position = box->trouble_alone ? box->trouble_position : 0;
	if (again) {
		outbox_cut(box, box->trouble_position, box->trouble_bytes);
		return;
	}
	box->bytes_max = (box->bytes < box->bytes_max ? box->bytes : box->bytes_max) / 8 + 1;
	if (began)
		mirror_say(mirror, 4, "Kafka's topic %s does not take something that is too large for it (its max.message.bytes): looking for what it is. If "
			"it is the batches, set kafka_batch_size", mirror->conf.topic);
}
